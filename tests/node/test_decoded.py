"""What a runtime remembers of an extrinsic serves wherever it holds, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node import executor
from node.executor import DecodedExtrinsics, Executor, NativeRuntime
from pallets.frame import U32, Pallet, Signed, Value, call
from pallets.frame.executive import Executive
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call
from pallets.frame.validity import BadProof, Stale, TransactionSource
from pallets.primitives.extrinsic import Era, MultiSignature, verify_signature
from pallets.primitives.header import Header
from pallets.primitives.scale import DecodeError
from tests.pallets.small_runtime import ALICE, ALICE_KEY, BOB, BOB_KEY, UNIT, SmallChain, SmallRuntime

EXTERNAL = TransactionSource.External


class Asked:
    """A runtime behind the door, whose verifications are counted."""

    def __init__(self, runtime: type[SmallRuntime] = SmallRuntime) -> None:
        self.payloads: list[bytes] = []
        self.runtime = NativeRuntime(runtime, self.verify, lambda code: None)

    def verify(self, signature: MultiSignature, payload: bytes, signer: bytes) -> bool:
        self.payloads.append(payload)
        return verify_signature(signature, payload, signer)

    def validate(self, fork: Fork, extrinsic: bytes) -> Any:
        return self.runtime.validator(fork.backend, fork.best).validate(EXTERNAL, extrinsic)

    def include(self, fork: Fork, extrinsic: bytes) -> Any:
        return self.runtime.build(
            fork.backend, Header(fork.best.hash, fork.best.number + 1, bytes(32), bytes(32))
        ).apply(extrinsic)


class Fork:
    """The state after block 1 of a chain, which `salt` makes another one than its sisters."""

    def __init__(self, salt: int) -> None:
        self.chain = SmallChain(alice=10 * UNIT, bob=UNIT)
        self.chain.rt.balances.mint_into(b"\x09" * 32, UNIT + salt)
        header = self.chain.executive.finalize_block()
        header.state_root = bytes([salt]) * 32
        self.best = header
        changes = {key: value for key, value in self.chain.rt.state.changes.items() if value is not None}
        self.backend = DictBackend({**self.chain.genesis, **changes})

    def signed(
        self,
        era: Era,
        nonce: int = 0,
        of: Callable[[SmallRuntime], Call] | None = None,
        runtime: type[SmallRuntime] = SmallRuntime,
    ) -> bytes:
        """A call for the next block, a transfer unless another is given, signed over this fork's hashes."""
        chain = SmallChain()
        chain.rt = runtime(Overlay(self.backend))
        chain.executive = Executive(chain.rt)
        chain.executive.system.initialize(self.best.number + 1, self.best.hash, [])
        made = of(chain.rt) if of else chain.rt.call("Balances", "transfer_keep_alive", dest=BOB, value=UNIT)
        return chain.signed(ALICE_KEY, made, nonce=nonce, era=era)


BORN_IN_BLOCK_1 = Era(4, 1)
IMMORTAL = Era()


def test_a_signature_is_verified_once_from_the_pool_to_the_block() -> None:
    fork, asked = Fork(1), Asked()
    extrinsic = fork.signed(BORN_IN_BLOCK_1)
    for _ in range(3):
        asked.validate(fork, extrinsic)
    assert asked.include(fork, extrinsic) is None
    assert len(asked.payloads) == 1
    asked.runtime.decoded.forget([extrinsic])
    asked.validate(fork, extrinsic)
    assert len(asked.payloads) == 2


def test_what_is_proven_on_one_fork_is_not_on_another() -> None:
    """The birth block of the era is another one there; an immortal transaction is good on both."""
    one, other, asked = Fork(1), Fork(2), Asked()
    assert one.best.hash != other.best.hash
    mortal, immortal = one.signed(BORN_IN_BLOCK_1), one.signed(IMMORTAL)
    asked.validate(one, mortal)
    asked.validate(one, immortal)
    with pytest.raises(BadProof):
        asked.include(other, mortal)
    with pytest.raises(BadProof):
        asked.validate(other, mortal)
    assert asked.include(one, mortal) is None
    assert asked.include(other, immortal) is None


def test_what_is_proven_to_one_runtime_is_not_to_the_next() -> None:
    class Upgraded(SmallRuntime):
        version = replace(SmallRuntime.version, spec_version=8)

    fork, old, new = Fork(1), Asked(), Asked(Upgraded)
    extrinsic = fork.signed(IMMORTAL)
    old.validate(fork, extrinsic)
    with pytest.raises(BadProof):
        new.validate(fork, extrinsic)
    with pytest.raises(BadProof):
        new.include(fork, extrinsic)


def test_a_claim_is_what_has_to_be_verified() -> None:
    fork, asked = Fork(1), Asked()
    extrinsic = fork.signed(BORN_IN_BLOCK_1)
    validator = asked.runtime.validator(fork.backend, fork.best)
    claim = validator.claim(extrinsic)
    assert claim is not None
    assert claim.signer == ALICE
    assert verify_signature(claim.signature, claim.payload, claim.signer)
    assert not verify_signature(claim.signature, claim.payload, BOB_KEY.public)
    assert fork.best.hash in claim.payload
    claim.prove()
    assert validator.claim(extrinsic) is None
    asked.validate(fork, extrinsic)
    assert asked.include(fork, extrinsic) is None
    assert asked.payloads == []


class Shuffler(Pallet):
    """A pallet whose call changes its own argument."""

    kept = Value[list[U32]](default=list)
    """What the call was given, and one more."""

    @call(0)
    def keep(self, who: Signed, numbers: list[U32]) -> None:
        """Adds to the list that it was given."""
        numbers.append(len(numbers))
        self.kept = numbers


class ShufflingRuntime(SmallRuntime):
    def compose(self) -> None:
        super().compose()
        self.shuffler = Shuffler(index=40)


def test_each_dispatch_has_arguments_of_its_own() -> None:
    """A block that was built and never became part of the chain leaves nothing in the next one."""
    fork, asked = Fork(1), Asked(ShufflingRuntime)
    extrinsic = fork.signed(IMMORTAL, of=lambda rt: rt.call("Shuffler", "keep", numbers=[7]), runtime=ShufflingRuntime)
    asked.validate(fork, extrinsic)
    kept = []
    for _ in range(3):
        builder: Any = asked.runtime.build(fork.backend, Header(fork.best.hash, 2, bytes(32), bytes(32)))
        assert builder.apply(extrinsic) is None
        kept.append(builder._runtime.shuffler.kept)
    assert kept == [[7, 1]] * 3
    assert len(asked.payloads) == 1


def test_what_was_refused_is_forgotten() -> None:
    fork, asked = Fork(1), Asked()
    decoded, good = asked.runtime.decoded, fork.signed(IMMORTAL)
    forged = bytearray(good)
    forged[-1] ^= 1
    with pytest.raises(BadProof):
        asked.validate(fork, bytes(forged))
    assert decoded._found.get(bytes(forged)) is None
    asked.validate(fork, good)
    assert decoded._found.get(good) is not None
    used = Fork(1)
    assert used.chain.executive.system is not None
    state = SmallRuntime(Overlay(used.backend))
    account = state.system.account[ALICE]
    account.nonce = 1
    state.system.account[ALICE] = account
    used.backend.pairs.update({key: value for key, value in state.state.changes.items() if value is not None})
    with pytest.raises(Stale):
        asked.validate(used, good)
    assert decoded._found.get(good) is None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    fork = Fork(1)
    executive = Executive(SmallRuntime(Overlay(fork.backend)))
    extrinsics = [fork.signed(IMMORTAL, nonce) for nonce in range(6)]
    decoded = DecodedExtrinsics()
    monkeypatch.setattr(executor, "MAX_DECODED", 3)
    for extrinsic in extrinsics[:5]:
        assert decoded.of(executive, extrinsic) is decoded.of(executive, extrinsic)
    assert [decoded._found.get(extrinsic) is not None for extrinsic in extrinsics] == [
        False,
        False,
        True,
        True,
        True,
        False,
    ]
    monkeypatch.setattr(executor, "MAX_DECODED_BYTES", len(extrinsics[0]))
    decoded.of(executive, extrinsics[5])
    assert [decoded._found.get(extrinsic) is not None for extrinsic in extrinsics] == [False] * 5 + [True]
    decoded.forget(extrinsics)
    decoded.of(executive, extrinsics[0])
    assert decoded._found.get(extrinsics[0]) is not None
    with pytest.raises(DecodeError):
        decoded.of(executive, b"garbage")
    assert decoded._found.get(b"garbage") is None


def test_every_runtime_forgets() -> None:
    fork = Fork(1)
    door = Executor({1: SmallRuntime, 2: SmallRuntime})
    extrinsic = fork.signed(IMMORTAL)
    runtimes = list(door._known.values())
    for runtime in runtimes:
        runtime.validator(fork.backend, fork.best).claim(extrinsic)
    assert all(runtime.decoded._found.get(extrinsic) for runtime in runtimes)
    door.forget([extrinsic])
    assert not any(runtime.decoded._found.get(extrinsic) for runtime in runtimes)
