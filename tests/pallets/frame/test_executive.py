"""Whole transactions and blocks: what is included and what it leaves, what is refused and why, and without a trace."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from pallets.balances.pallet import Balances
from pallets.frame import DispatchInfo, NoneOrigin, Pallet, Token, ValidTransaction, Weight, call
from pallets.frame.events import BadOrigin, Error
from pallets.frame.executive import FAILED_BARE, Executive, InvalidBlock
from pallets.frame.extensions import MetadataHashMode
from pallets.frame.origin import signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call
from pallets.frame.validity import (
    AncientBirthBlock,
    BadMandatory,
    BadProof,
    BadSigner,
    CannotLookup,
    Custom,
    ExhaustsResources,
    Future,
    MandatoryValidation,
    NoUnsignedValidator,
    Payment,
    Stale,
    TransactionSource,
    TransactionValidityError,
)
from pallets.primitives.extrinsic import Era, Sr25519, bare_extrinsic, signed_extrinsic
from pallets.primitives.keys import dev_keypair
from pallets.primitives.scale import DecodeError, OtherAddress, compact
from pallets.primitives.types import U32
from pallets.runtime import DevRuntime
from pallets.system.pallet import System
from pallets.transaction_payment import TransactionPayment
from tests.pallets.dev_chain import DevChain
from tests.pallets.small_runtime import ALICE, ALICE_KEY, BOB, BOB_KEY, CHARLIE, DEPOSIT, UNIT, SmallChain, SmallRuntime

CHARLIE_KEY = dev_keypair("Charlie")  # its account has nothing; `CHARLIE` is another
BASE = Weight(124_414_000)
EXTERNAL = TransactionSource.External


class Bell(Pallet):
    """Rings: once a block by its author, and by anybody who knows an even number."""

    class Cracked(Error):
        """It was struck too hard."""

    def admit(self, number: int) -> ValidTransaction:
        """Even numbers, each once."""
        if number % 2:
            raise Custom(42)
        return ValidTransaction(number, [], [number.to_bytes(4, "little")], 5, True)

    @call(0, inherent=True)
    def toll(self, none: NoneOrigin, strength: U32) -> None:
        """By the author."""
        if strength > 10:
            raise self.Cracked

    @call(1, weight=Weight(1_000_000), validate=admit)
    def ring(self, none: NoneOrigin, number: U32) -> None:
        """By anybody."""
        if number > 10:
            raise self.Cracked


class BellRuntime(SmallRuntime):
    """The small runtime with a bell."""

    def compose(self) -> None:
        super().compose()
        self.bell = Bell(index=30)


class BellChain(SmallChain):
    """A chain of it."""

    runtime: ClassVar[type[SmallRuntime]] = BellRuntime


@pytest.fixture
def chain() -> BellChain:
    return BellChain(alice=10 * UNIT, bob=UNIT)


def transfer(chain: SmallChain, value: int = UNIT, dest: bytes = BOB) -> Call:
    return chain.rt.call("Balances", "transfer_keep_alive", dest=dest, value=value)


def bare(chain: SmallChain, name: str, argument: int) -> bytes:
    """A call of the bell, unsigned."""
    made = {"toll": {"strength": argument}, "ring": {"number": argument}}[name]
    return bare_extrinsic(chain.rt.encode_call(chain.rt.call("Bell", name, **made)))


def refused(chain: SmallChain, data: bytes, *, by_pool: bool = True) -> TransactionValidityError:
    """Why a block doesn't take this; the attempt leaves nothing, and the pool gives the same reason if it is asked."""
    before, events = dict(chain.rt.state.changes), list(chain.rt.events)
    with pytest.raises(TransactionValidityError) as by_block:
        chain.executive.apply_extrinsic(data)
    assert chain.rt.state.changes == before
    assert chain.rt.events == events
    if by_pool:
        with pytest.raises(type(by_block.value)):
            chain.executive.validate_transaction(EXTERNAL, data)
    assert chain.rt.state.changes == before
    return by_block.value


# What is included


def test_a_transfer_from_its_bytes_to_the_events(chain: BellChain) -> None:
    data = chain.signed(ALICE_KEY, transfer(chain, dest=CHARLIE), tip=3)
    info = DispatchInfo(Weight(163_159_000, 3_593))
    fee = chain.rt.transaction_payment.compute_fee(len(data), info, 3)
    assert chain.executive.apply_extrinsic(data) is None
    assert chain.rt.events == [
        Balances.Withdraw(ALICE, fee),
        System.NewAccount(CHARLIE),
        Balances.Endowed(CHARLIE, UNIT),
        Balances.Transfer(ALICE, CHARLIE, UNIT),
        TransactionPayment.TransactionFeePaid(ALICE, fee, 3),
        System.ExtrinsicSuccess(info),
    ]
    assert chain.rt.balances.free(ALICE) == 9 * UNIT - fee
    assert chain.rt.balances.free(CHARLIE) == UNIT
    assert chain.rt.balances.total_issuance == 11 * UNIT - fee
    assert chain.nonce(ALICE) == 1
    assert chain.rt.system.block_weight.normal == BASE + info.weight
    assert chain.rt.system.all_extrinsics_len == len(data)


def test_a_failing_call_costs_its_fee_and_its_nonce_and_does_nothing_else(chain: BellChain) -> None:
    data = chain.signed(BOB_KEY, transfer(chain, 2 * UNIT, dest=ALICE))
    assert chain.executive.apply_extrinsic(data) == Token("FundsUnavailable")
    assert chain.rt.balances.free(ALICE) == 10 * UNIT
    assert chain.nonce(BOB) == 1
    assert isinstance(chain.rt.events[-1], System.ExtrinsicFailed)


def test_a_wrong_origin_is_a_failing_call(chain: BellChain) -> None:
    data = chain.signed(BOB_KEY, chain.rt.call("System", "set_storage", items=[(b"k", b"v")]))
    assert isinstance(chain.executive.apply_extrinsic(data), BadOrigin)
    assert chain.rt.state.get(b"k") is None


def test_nonces_count_up(chain: BellChain) -> None:
    for nonce in range(3):
        chain.executive.apply_extrinsic(chain.signed(ALICE_KEY, transfer(chain, 1), nonce=nonce))
    assert chain.nonce(ALICE) == 3


def test_weight_that_was_not_used_is_the_blocks_again(chain: BellChain) -> None:
    chain.executive.apply_extrinsic(chain.signed(ALICE_KEY, chain.rt.call("Escrow", "frugal", used=7)))
    assert chain.rt.system.block_weight.normal == BASE + Weight(7, 0)


# What is refused


def test_a_used_nonce_is_stale_and_one_ahead_is_for_later(chain: BellChain) -> None:
    first = chain.signed(ALICE_KEY, transfer(chain))
    chain.executive.apply_extrinsic(first)
    assert isinstance(refused(chain, first), Stale)
    ahead = chain.signed(ALICE_KEY, transfer(chain), nonce=3)
    assert isinstance(refused(chain, ahead, by_pool=False), Future)
    assert chain.executive.validate_transaction(EXTERNAL, ahead).requires == [ALICE + b"\2\0\0\0"]


@pytest.mark.parametrize("at", [-1, -20, 40, 60, 102])  # value, destination, signature twice, nonce
def test_a_changed_byte_breaks_the_proof(chain: BellChain, at: int) -> None:
    data = bytearray(chain.signed(ALICE_KEY, transfer(chain), nonce=0))
    data[at] ^= 4
    assert isinstance(refused(chain, bytes(data)), BadProof)


def test_somebody_elses_signature_is_no_proof(chain: BellChain) -> None:
    data = bytearray(chain.signed(BOB_KEY, transfer(chain)))
    data[4:36] = ALICE
    assert isinstance(refused(chain, bytes(data)), BadProof)


@pytest.mark.parametrize("implicit", ["spec version", "transaction version", "genesis"])
def test_a_signature_for_another_chain_or_version_is_no_proof(chain: BellChain, implicit: str) -> None:
    here = [(7).to_bytes(4, "little"), (3).to_bytes(4, "little"), chain.rt.system.block_hash[0]]
    there = list(here)
    place = ["spec version", "transaction version", "genesis"].index(implicit)
    there[place] = bytes(len(here[place]))
    tail = chain.rt.system.block_hash[0] + b"\0"  # the birth block of an immortal one, and no metadata hash
    other = chain.signed(ALICE_KEY, transfer(chain), implicit=b"".join(there) + tail)
    assert isinstance(refused(chain, other), BadProof)
    same = chain.signed(ALICE_KEY, transfer(chain), implicit=b"".join(here) + tail)
    assert chain.executive.apply_extrinsic(same) is None


def test_who_has_nothing_pays_nothing(chain: BellChain) -> None:
    assert isinstance(refused(chain, chain.signed(CHARLIE_KEY, transfer(chain))), Payment)


def test_who_has_too_little_for_the_fee(chain: BellChain) -> None:
    chain.rt.balances.force_set_balance(None, BOB, DEPOSIT + 1)
    assert isinstance(refused(chain, chain.signed(BOB_KEY, transfer(chain, 1, dest=ALICE))), Payment)


def test_an_address_that_is_no_account(chain: BellChain) -> None:
    data = chain.rt.encode_call(transfer(chain))
    extra = chain.executive.extensions.extra_codec.encode(
        (None, None, None, None, Era(), 0, None, 0, MetadataHashMode.Disabled)
    )
    signer = OtherAddress(b"\4" + bytes(20))  # Address20
    assert isinstance(refused(chain, signed_extrinsic(signer, Sr25519(bytes(64)), extra, data)), CannotLookup)


def test_the_zero_account_signs_nothing() -> None:
    chain = BellChain(alice=10 * UNIT)
    data = bytearray(chain.signed(ALICE_KEY, transfer(chain)))
    data[4:36] = bytes(32)
    assert isinstance(refused(chain, bytes(data)), BadProof)
    chain.rt.verify = lambda *_: True
    assert isinstance(refused(chain, bytes(data)), BadSigner)


def test_a_mortal_transaction_dies(chain: BellChain) -> None:
    data = chain.signed(ALICE_KEY, transfer(chain), era=Era(4, 0))  # born with block 0, seen in block 1
    assert chain.executive.validate_transaction(EXTERNAL, data).longevity == 3
    chain.next_block()
    chain.next_block()
    assert chain.executive.validate_transaction(EXTERNAL, data).longevity == 1
    chain.next_block()
    assert isinstance(refused(chain, data), AncientBirthBlock)  # in block 4 it says to be born there
    chain.next_block()
    assert isinstance(refused(chain, data), BadProof)  # and later, with a block whose hash it doesn't have


def test_a_birth_block_nobody_remembers(chain: BellChain) -> None:
    for _ in range(20):
        chain.next_block()
    data = chain.signed(ALICE_KEY, transfer(chain), era=Era(64, 2), implicit=bytes(73))
    assert isinstance(refused(chain, data), AncientBirthBlock)


def test_nobody_vouches_for_the_metadata(chain: BellChain) -> None:
    data = chain.signed(ALICE_KEY, transfer(chain), mode=MetadataHashMode.Enabled, implicit=bytes(105))
    assert isinstance(refused(chain, data), CannotLookup)


@pytest.mark.parametrize("over", [Weight(1), Weight(0, 1)])
def test_a_call_heavier_than_any_block_could_hold(chain: BellChain, over: Weight) -> None:
    largest = chain.rt.system.block_weights.per_class.normal.max_extrinsic
    assert largest is not None
    remark = chain.rt.call("System", "remark", remark=b"")
    for weight in (largest, largest + over):
        call = chain.rt.call("Sudo", "sudo_unchecked_weight", call=remark, weight=weight)
        data = chain.signed(ALICE_KEY, call)
        if weight == largest:
            chain.executive.validate_transaction(EXTERNAL, data)
        else:
            assert isinstance(refused(chain, data), ExhaustsResources)


def test_a_transaction_longer_than_any_block_could_hold(chain: BellChain) -> None:
    chain.rt.balances.force_set_balance(None, ALICE, 1_000 * UNIT)
    longest = chain.rt.system.block_length.max.normal
    spare = len(chain.signed(ALICE_KEY, chain.rt.call("System", "remark", remark=bytes(1 << 16)))) - (1 << 16)
    for size in (longest, longest + 1):
        data = chain.signed(ALICE_KEY, chain.rt.call("System", "remark", remark=bytes(size - spare)))
        assert len(data) == size
        if size == longest:
            chain.executive.validate_transaction(EXTERNAL, data)
        else:
            assert isinstance(refused(chain, data), ExhaustsResources)


def fill(chain: BellChain, call: Call) -> int:
    """Applies this call until the block refuses it; answers how often it went in."""
    for count in range(1_000):
        data = chain.signed(ALICE_KEY, call)
        try:
            chain.executive.apply_extrinsic(data)
        except ExhaustsResources:
            refused(chain, data, by_pool=False)  # a later block has room for it
            chain.executive.validate_transaction(EXTERNAL, data)
            return count
    raise AssertionError("the block has no end")


def test_a_block_is_full_by_weight(chain: BellChain) -> None:
    deal = chain.rt.call("Escrow", "hold", amount=1)
    declared = deal.dispatch_info().weight + BASE
    normal = chain.rt.system.block_weights.per_class.normal.max_total
    assert normal is not None
    assert fill(chain, deal) == normal.ref_time // declared.ref_time
    operational = chain.rt.call("Sudo", "sudo", call=chain.rt.call("System", "kill_storage", keys=[]))
    chain.executive.apply_extrinsic(chain.signed(ALICE_KEY, operational))  # has room of its own


def test_a_block_is_full_by_length(chain: BellChain) -> None:
    chain.rt.balances.force_set_balance(None, ALICE, 1_000 * UNIT)
    size = len(chain.signed(ALICE_KEY, chain.rt.call("System", "remark", remark=bytes(100_000))))
    count = fill(chain, chain.rt.call("System", "remark", remark=bytes(100_000)))
    assert count == chain.rt.system.block_length.max.normal // size


@pytest.mark.parametrize("data", ["00", "0404", "0484", "0c050000", "10040500", "08046363", "0804", "100408000c"])
def test_bytes_that_are_no_extrinsic(chain: BellChain, data: str) -> None:
    before = dict(chain.rt.state.changes)
    with pytest.raises(DecodeError):
        chain.executive.apply_extrinsic(bytes.fromhex(data))
    assert chain.rt.state.changes == before


def test_a_call_with_bytes_behind_it_is_none(chain: BellChain) -> None:
    data = chain.rt.encode_call(transfer(chain)) + b"\0"
    with pytest.raises(DecodeError, match="1 bytes follow"):
        chain.executive.apply_extrinsic(bare_extrinsic(data))


# Bare ones


def test_a_bare_transfer_is_nobodys(chain: BellChain) -> None:
    assert isinstance(refused(chain, bare_extrinsic(chain.rt.encode_call(transfer(chain)))), NoUnsignedValidator)


def test_a_bare_call_is_admitted_by_its_pallet(chain: BellChain) -> None:
    data = bare(chain, "ring", 4)
    assert chain.executive.validate_transaction(EXTERNAL, data) == ValidTransaction(4, [], [b"\4\0\0\0"], 5, True)
    assert chain.executive.apply_extrinsic(data) is None
    assert chain.rt.events == [System.ExtrinsicSuccess(DispatchInfo(Weight(1_000_000)))]
    refusal = refused(chain, bare(chain, "ring", 5))
    assert isinstance(refusal, Custom)
    assert refusal.encode() == bytes((0, 7, 42))


def test_an_admitted_bare_call_that_fails_is_not_included(chain: BellChain) -> None:
    before = chain.rt.system.extrinsic_count
    refusal = refused(chain, bare(chain, "ring", 12), by_pool=False)
    assert isinstance(refusal, Custom)
    assert refusal.code == FAILED_BARE
    assert chain.rt.system.extrinsic_count == before


def test_an_inherent_comes_from_the_author_and_must_succeed(chain: BellChain) -> None:
    assert chain.executive.apply_extrinsic(bare(chain, "toll", 3)) is None
    assert isinstance(refused(chain, bare(chain, "toll", 11), by_pool=False), BadMandatory)
    with pytest.raises(MandatoryValidation):
        chain.executive.validate_transaction(EXTERNAL, bare(chain, "toll", 3))


def test_nobody_signs_an_inherent(chain: BellChain) -> None:
    toll = chain.rt.call("Bell", "toll", strength=3)
    data = chain.signed(ALICE_KEY, toll)
    assert isinstance(refused(chain, data, by_pool=False), BadMandatory)
    with pytest.raises(MandatoryValidation):
        chain.executive.validate_transaction(EXTERNAL, data)
    wrapped = chain.signed(ALICE_KEY, chain.rt.call("Sudo", "sudo", call=toll))
    assert isinstance(refused(chain, wrapped, by_pool=False), BadMandatory)


# The pool's view


def test_what_the_pool_learns(chain: BellChain) -> None:
    data = chain.signed(ALICE_KEY, transfer(chain), nonce=2, tip=9)
    found = chain.executive.validate_transaction(EXTERNAL, data)
    info = DispatchInfo(Weight(163_159_000, 3_593))
    assert found == ValidTransaction(
        priority=chain.rt.transaction_payment.priority(len(data), info, 9, 0),
        requires=[ALICE + b"\1\0\0\0"],
        provides=[ALICE + b"\2\0\0\0"],
        longevity=(1 << 64) - 1 - chain.rt.system.number,
        propagate=True,
    )


# Whole blocks


def test_somebody_else_executes_the_block_to_the_same_state(chain: BellChain) -> None:
    extrinsics = [
        bare(chain, "toll", 3),
        chain.signed(ALICE_KEY, transfer(chain)),
        chain.signed(BOB_KEY, transfer(chain, 9 * UNIT, dest=ALICE)),
    ]
    for data in extrinsics:
        chain.executive.apply_extrinsic(data)
    header = chain.executive.finalize_block()
    other = Executive(BellRuntime(Overlay(DictBackend(chain.genesis))))
    assert other.execute_block(header, extrinsics) == header
    assert other.runtime.state.changes == chain.rt.state.changes
    late = Executive(BellRuntime(Overlay(DictBackend(chain.genesis))))
    with pytest.raises(InvalidBlock, match="extrinsic 1"):
        late.execute_block(header, [extrinsics[1], extrinsics[0]])


def test_what_is_decoded_for_free_is_bounded() -> None:
    chain = DevChain()
    executive = Executive(DevRuntime(Overlay(DictBackend(chain.state))))
    set_storage, batch = (b"\x00\x04", b"\0\0"), (b"\x08\x00", b"\0\0\0")  # of empty pairs, of remarks
    for head, element in (set_storage, batch):
        call = head + compact(1 << 20) + element * (1 << 20)
        with pytest.raises(DecodeError, match="more list elements"):
            executive.check(bare_extrinsic(call))


def test_a_batch_asks_each_call_its_weight_once() -> None:
    runtime = DevRuntime(Overlay(DictBackend()))
    asked = 0

    def weigh(remark: bytes) -> Weight:
        nonlocal asked
        asked += 1
        return Weight(1)

    remark = runtime.call("System", "remark", remark=b"")
    counted = Call(replace(remark.spec, mark=replace(remark.spec.mark, weight=weigh)), remark.arguments)
    nested = counted
    for _ in range(10):
        nested = runtime.call("Utility", "batch", calls=[nested])
    nested.dispatch_info()
    runtime.dispatch(nested, signed(bytes(range(32))))
    assert asked == 1
