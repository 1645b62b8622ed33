"""A chain that only attests: real blocks and quotes of simulated hardware, nothing that a worker does besides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, TypeVar

from nacl.signing import SigningKey

from offchain.simulated_tee import (
    DEV_EXPIRES,
    DEV_ISSUED,
    Platform,
    SgxMeasurements,
    TdxMeasurements,
    collateral,
    dev_root,
    mint_quote,
)
from offchain.simulated_tee import Tee as TeeName
from pallets.attestation.pallet import Attestation
from pallets.aura import Aura
from pallets.frame import Error, Event
from pallets.frame.executive import Executive
from pallets.frame.genesis import build_genesis
from pallets.frame.origin import ROOT, signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime
from pallets.frame.testing import noop
from pallets.frame.weights import REF_TIME_PER_SECOND, DbWeight, block_length, block_weights
from pallets.primitives.attestation_record import Tee, WorkerAttestation
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import AURA_ENGINE, SLOT, Header, PreRuntime
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.primitives.types import Moment
from pallets.primitives.worker import VERSION, WorkerInfo, runtime_id
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

SLOT_DURATION = 100
START = 1_772_323_200_000
"""2026-03-01 in milliseconds: block 1."""
GENUINE_MS = 1_750_413_600_000
"""2025-06-20: the collateral of both genuine samples counts."""
ALICE, OPERATOR, AUTHORITY = b"\xa1" * 32, b"\xd0" * 32, b"\xaa" * 32
RUNTIME_ID = runtime_id("engine", "1.0", b"wasm", b"prelude", b"config")
SGX, TDX = SgxMeasurements.of_runtime(RUNTIME_ID), TdxMeasurements.of_runtime(RUNTIME_ID)

E = TypeVar("E", bound=Event)


class AttestationRuntime(Runtime):
    """`Attestation` and what it stands on."""

    version = RuntimeVersion("attest", "attest", 1, 1, 1, [], 1, 1)

    def compose(self) -> None:
        self.system = System(
            index=0,
            block_weights=block_weights(2 * REF_TIME_PER_SECOND, (1 << 64) - 1),
            block_length=block_length(1 << 22),
            block_hash_count=64,
            db_weight=DbWeight(25_000_000, 100_000_000),
            version=self.version,
            ss58_prefix=42,
        )
        self.aura = Aura(index=3, system=self.system, slot_duration=SLOT_DURATION)
        self.timestamp = Timestamp(index=2, minimum_period=SLOT_DURATION // 2, on_set=self.aura)
        self.attestation = Attestation(index=21, system=self.system, timestamp=self.timestamp, max_quote_age=600_000)


def dev_collateral(tee: TeeName, issued: int = DEV_ISSUED, expires: int = DEV_EXPIRES, **terms: Any) -> bytes:
    """Collateral of the simulated hardware."""
    return collateral(tee, issued=issued, expires=expires, **terms)


COLLATERAL = [(Tee.Sgx, dev_collateral("sgx")), (Tee.Tdx, dev_collateral("tdx"))]
"""What genesis files, unless told otherwise."""


class Enclave:
    """A worker off the chain: its key, its machine, and what it says of itself."""

    def __init__(
        self, chain: AttestationChain, name: str, measurements: SgxMeasurements | TdxMeasurements, platform: Platform
    ) -> None:
        self.chain, self.measurements, self.platform = chain, measurements, platform
        self.key = SigningKey(sha256(name.encode()).digest()).verify_key.encode()
        self.info = WorkerInfo(
            VERSION, self.key, sha256(self.key).digest(), OPERATOR, chain.genesis_hash, RUNTIME_ID, b"", []
        )

    def report_data(self, block: bytes | None = None, info: WorkerInfo | None = None) -> bytes:
        """What it has quoted, over the last block unless told otherwise."""
        return (info or self.info).report_data(self.chain.head if block is None else block)

    def quote(self, block: bytes | None = None, info: WorkerInfo | None = None, **minted: Any) -> bytes:
        """Its quote over that."""
        measurements = minted.pop("measurements", self.measurements)
        return mint_quote(self.report_data(block, info), measurements, minted.pop("platform", self.platform), **minted)

    def attest(self, quote: bytes | None = None, info: WorkerInfo | None = None) -> WorkerAttestation:
        """Shows a quote to the chain; raises what that raises."""
        with self.chain.rt.transactional():
            return self.chain.attestation.attest(info or self.info, self.quote() if quote is None else quote)

    def refused(self, error: type[Error], quote: bytes | None = None, info: WorkerInfo | None = None) -> None:
        """Shows a quote that is refused by this name, and changes nothing."""
        with noop(self.chain.rt, error):
            self.attest(quote, info)

    def fault(self) -> type[Error] | None:
        """What the chain holds against its key."""
        return self.chain.attestation.fault(self.key)


class AttestationChain:
    """The chain, a block always open with its time set; `genesis` replaces values of the pallet's."""

    def __init__(self, start: int = START, **genesis: Any) -> None:
        values: dict[str, Any] = {
            "simulated_allowed": True,
            "simulated_root": dev_root(),
            "collateral": COLLATERAL,
            "measurements": [(SGX.measurement, b"dev sgx", b"1"), (TDX.measurement, b"dev tdx", b"1")],
            "runtimes": [RUNTIME_ID],
            **genesis,
        }
        pairs = build_genesis(AttestationRuntime, {"aura": {"authorities": [AUTHORITY]}, "attestation": values})
        self.rt = AttestationRuntime(Overlay(DictBackend(pairs)))
        self.rt.integrity_test()
        self.attestation = self.rt.attestation
        self.executive = Executive(self.rt)
        self.genesis_hash = self.head = blake2_256(b"a genesis block")
        self._open(start)

    def next_block(self, after: int = SLOT_DURATION) -> None:
        """Closes the open block, and opens the next so many milliseconds later."""
        self.head = self.executive.finalize_block().hash
        self._open(self.rt.timestamp.now + after)

    def _open(self, now: int) -> None:
        digest = [PreRuntime(AURA_ENGINE, SLOT.encode(now // SLOT_DURATION))]
        self.executive.initialize_block(
            Header(self.head, self.rt.system.number + 1, bytes(32), bytes(32), list(digest))
        )
        for extrinsic in self.executive.create_inherents({b"timstap0": codec_of(Moment).encode(now)}):
            assert self.executive.apply_extrinsic(extrinsic) is None

    @contextmanager
    def at(self, now: int) -> Iterator[None]:
        """As if it were another time, in milliseconds."""
        before, self.rt.timestamp.now = self.rt.timestamp.now, now
        yield
        self.rt.timestamp.now = before

    def call(self, name: str, /, who: bytes = ALICE, **arguments: Any) -> None:
        """Dispatches a signed call of the pallet; raises what it raises."""
        self.rt.dispatch(self.rt.call("Attestation", name, **arguments), signed(who))

    def sudo(self, name: str, /, **arguments: Any) -> None:
        """Dispatches one as root."""
        self.rt.dispatch(self.rt.call("Attestation", name, **arguments), ROOT)

    def events(self, kind: type[E]) -> list[E]:
        """The open block's events of one kind."""
        return [event for event in self.rt.events if isinstance(event, kind)]

    def enclave(
        self,
        name: str = "w",
        measurements: SgxMeasurements | TdxMeasurements = SGX,
        platform: Platform | None = None,
    ) -> Enclave:
        """One that the chain doesn't know yet."""
        return Enclave(self, name, measurements, platform or Platform(ppid=sha256(name.encode()).digest()[:16]))
