"""Which worker keys live inside enclaves that this chain trusts.

## Overview

A worker's key is bound to its enclave by a quote, verified here at the chain's time: under Intel's root, or under the
root of the simulated hardware where genesis allowed it. The collateral that a quote is judged by is on file in parts,
which anybody may file, since each is signed; everything under the simulated root is marked `simulated` wherever it
shows. Which verified quotes are good enough is a matter of policy.

An attestation holds until its collateral or a certificate of its machine expires, its measurement or its runtime leaves
the list, or its key, its machine or an authority it rests on is revoked. Nothing sweeps: `fault` says what is wrong
with a key, and is asked whenever a worker is drawn and whenever it commits, so that all of these count from the same
block on.

## Usage

```python
record = attestation.attest(info, quote)       # raises the error that says why not
error = attestation.fault(worker)              # an error class, or None
```

## Out of scope

Stake, liveness and who is drawn (`pallets.workers`); the formats of quotes and collateral (`pallets.attestation.dcap`,
`pallets.attestation.collateral_parts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from pallets.attestation.attest import RecentBlock, attest, fault, recent_block
from pallets.attestation.attest_gpu import attest_gpu
from pallets.attestation.collateral import file_bundle, file_pck_crl, file_qe_identity, file_root_crl, file_tcb_info
from pallets.attestation.collateral_parts import (
    CollateralJson,
    CrlDer,
    Document,
    IssuerChain,
    RevocationList,
    SignedDocument,
)
from pallets.attestation.dcap import Fmspc
from pallets.attestation.errors import AttestationErrors
from pallets.attestation.events import AttestationEvents, Text
from pallets.attestation.trust import Policy, default_policy
from pallets.frame import (
    H256,
    Bound,
    Bytes32,
    Bytes64,
    Const,
    CountedMap,
    DispatchClass,
    Error,
    Map,
    Moment,
    Pallet,
    Root,
    Signed,
    Value,
    Weight,
    call,
    struct,
)
from pallets.frame.validity import Custom
from pallets.primitives.attestation_record import (
    Measurement,
    PckCa,
    Tee,
    TrustRoot,
    WorkerAttestation,
)
from pallets.primitives.gpu import GpuEvidence
from pallets.primitives.hashing import Identity
from pallets.primitives.quote import DcapError
from pallets.primitives.worker import WorkerInfo, WorkerKey
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

MAX_ROOT = 4096
VERIFICATION_REF_TIME = 3_000_000_000
"""Verifying one quote, SGX or TDX: 1.3 to 1.9 ms of processor time for one that holds, 2.5 ms for one that is looked at
again to find out why it doesn't, 4.5 ms by revocation lists as long as they may be; a quarter of a millisecond if it
is remembered (dcap-qvl 0.7.0, cryptography 50)."""
GPU_REF_TIME = 1_400_000_000
"""Verifying one certificate of a GPU, or the signature of its report: all are on P-384."""
OPERATIONAL = DispatchClass.Operational
REVOKED_BYTES = 20
"""The least that an entry of a revocation list takes."""
OWN_ERRORS = 128
"""Custom codes of refused transactions start here for this pallet's errors, whatever pallet refused."""

RootCertificate = Annotated[bytes, Bound(MAX_ROOT)]


def part_weight(size: int) -> Weight:
    """Checking and filing one part of collateral of so many bytes: half a millisecond, and two for the largest."""
    return Weight(1_000_000_000 + 20_000 * size, 140_000)


def crl_weight(size: int) -> Weight:
    """Writing what is on a list of so many bytes, and taking it away again one day."""
    return Weight(2 * 100_000_000 * (size // REVOKED_BYTES), 0)


def bundle_weight(size: int) -> Weight:
    """Filing all parts out of a JSON of so many bytes, which has the lists in hex."""
    return part_weight(size) + part_weight(0) + part_weight(0) + part_weight(0) + crl_weight(size // 2)


@struct
class AllowedMeasurement:
    """What people call the enclaves of a measurement."""

    name: Text
    version: Text


class Attestation(AttestationEvents, AttestationErrors, Pallet):
    """Which worker keys live inside enclaves that this chain trusts."""

    system: System
    timestamp: Timestamp
    max_quote_age: Const[Moment]
    """How old, in milliseconds, the block may be that a quote names."""
    on_gpu: Callable[[bytes], None] | None = None
    """Told which worker has just shown a GPU."""

    simulated_allowed = Value[bool](default=False)
    """Whether quotes under the root of simulated hardware count; genesis alone decides."""
    simulated_root = Value[RootCertificate | None]()
    """The certificate (DER) of the root of simulated hardware."""
    simulated_gpu_root = Value[RootCertificate | None]()
    """The certificate (DER) of the root of simulated GPUs."""
    policy = Value[Policy](default=default_policy)
    """Which verified quotes are good enough."""
    tcb_info = CountedMap[tuple[TrustRoot, Tee, Fmspc], SignedDocument]()
    """What rates the machines of a model."""
    qe_identity = Map[tuple[TrustRoot, Tee], SignedDocument]()
    """Which enclave signs quotes of a kind."""
    root_crl = Map[TrustRoot, RevocationList]()
    """Which authorities a root has revoked."""
    pck_crl = Map[tuple[TrustRoot, PckCa], RevocationList]()
    """Which machines an authority has revoked."""
    revoked_machines = Map[H256, None](hasher=Identity)
    """The machines on the lists of `pck_crl`, each under the name that attestations have for it."""
    revoked_authorities = Map[H256, None](hasher=Identity)
    """The authorities on the lists of `root_crl`, likewise."""
    measurements = Map[Measurement, AllowedMeasurement]()
    """The measurements of enclaves that may serve, with name and version for people."""
    runtimes = Map[H256, None](hasher=Identity)
    """The runtime ids that may serve."""
    attested = Map[WorkerKey, WorkerAttestation]()
    """What is known of the enclave around a worker key."""
    gpu_holder = Map[Bytes32, WorkerKey](hasher=Identity)
    """Which worker has which GPU."""
    recent = Map[H256, RecentBlock](hasher=Identity)
    """The blocks whose hashes `System.BlockHash` keeps, by hash, with their time; genesis has none of its own."""

    def genesis(
        self,
        simulated_allowed: bool = False,
        simulated_root: RootCertificate | None = None,
        simulated_gpu_root: RootCertificate | None = None,
        collateral: list[tuple[Tee, CollateralJson]] | None = None,
        measurements: list[tuple[Measurement, Text, Text]] | None = None,
        runtimes: list[H256] | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.simulated_allowed = simulated_allowed
        self.simulated_root, self.simulated_gpu_root = simulated_root, simulated_gpu_root
        self.policy = policy or default_policy()
        for tee, json in collateral or []:
            self.set_collateral(None, tee, json)
        for measurement, name, version in measurements or []:
            self.allow_measurement(None, measurement, name, version)
        for runtime_id in runtimes or []:
            self.allow_runtime(None, runtime_id)

    def on_initialize(self, number: int) -> Weight:
        # Before the block's own timestamp is set, `now` is that of its parent.
        self.recent[self.system.parent_hash] = RecentBlock(number - 1, self.timestamp.now)
        return Weight(self.system.db_weight.read * 3 + self.system.db_weight.write * 2)  # `on_finalize` too

    def on_finalize(self, number: int) -> None:
        oldest = number - 1 - self.system.block_hash_count
        if oldest >= 0:
            del self.recent[self.system.block_hash[oldest]]  # `System` forgets it right after

    # Calls. Root is governance: whoever holds Sudo's key, until the chain has a DAO.

    @call(0, weight=lambda tee, collateral: bundle_weight(len(collateral)), dispatch_class=OPERATIONAL)
    def set_collateral(self, root: Root, tee: Tee, collateral: CollateralJson) -> None:
        """File all parts of a machine model's collateral in one JSON, each as by its own call."""
        with self._named():
            file_bundle(self, tee, collateral)

    @call(1, weight=Weight(30_000_000, 1_500), dispatch_class=OPERATIONAL)
    def set_policy(self, root: Root, policy: Policy) -> None:
        """Decide which verified quotes are good enough from now on."""
        self.policy = policy
        self.deposit(self.PolicySet())

    @call(2, weight=Weight(30_000_000, 3_600), dispatch_class=OPERATIONAL)
    def allow_measurement(self, root: Root, measurement: Measurement, name: Text, version: Text) -> None:
        """Let workers of this measurement serve; `name` and `version` are for people, and may be changed so."""
        if len(measurement) not in (32, 68):
            raise self.BadMeasurement
        self.measurements[measurement] = AllowedMeasurement(name, version)
        self.deposit(self.MeasurementAllowed(measurement, name, version))

    @call(3, weight=Weight(30_000_000, 3_600), dispatch_class=OPERATIONAL)
    def disallow_measurement(self, root: Root, measurement: Measurement) -> None:
        """Let workers of this measurement serve no more; at once, be they attested or not."""
        if measurement not in self.measurements:
            raise self.UnknownMeasurement
        del self.measurements[measurement]
        self.deposit(self.MeasurementDisallowed(measurement))

    @call(4, weight=Weight(30_000_000, 3_600), dispatch_class=OPERATIONAL)
    def revoke(self, root: Root, worker: WorkerKey) -> None:
        """Revoke a worker key, at once and for good."""
        record = self.attested.get(worker)
        if record is None:
            raise self.NotAttested
        record.revoked = True
        self.attested[worker] = record
        self.deposit(self.Revoked(worker))

    @call(5, weight=Weight(30_000_000, 3_600), dispatch_class=OPERATIONAL)
    def allow_runtime(self, root: Root, runtime_id: H256) -> None:
        """Let workers that run this serve."""
        self.runtimes[runtime_id] = None
        self.deposit(self.RuntimeAllowed(runtime_id))

    @call(6, weight=Weight(30_000_000, 3_600), dispatch_class=OPERATIONAL)
    def disallow_runtime(self, root: Root, runtime_id: H256) -> None:
        """Let workers that run this serve no more; at once, be they attested or not."""
        if runtime_id not in self.runtimes:
            raise self.UnknownRuntime
        del self.runtimes[runtime_id]
        self.deposit(self.RuntimeDisallowed(runtime_id))

    # Calls of anybody: what is filed is signed under a root, whoever brings it

    @call(7, weight=lambda tcb_info, signature, issuer_chain: part_weight(len(tcb_info)))
    def set_tcb_info(self, who: Signed, tcb_info: Document, signature: Bytes64, issuer_chain: IssuerChain) -> None:
        """File what rates the machines of a model: JSON as it was signed, signature r ‖ s, signer and root in PEM."""
        with self._named():
            file_tcb_info(self, tcb_info, signature, issuer_chain)

    @call(8, weight=lambda identity, signature, issuer_chain: part_weight(len(identity)))
    def set_qe_identity(self, who: Signed, identity: Document, signature: Bytes64, issuer_chain: IssuerChain) -> None:
        """File the identity of the enclave that signs quotes of a kind, in the same form."""
        with self._named():
            file_qe_identity(self, identity, signature, issuer_chain)

    @call(9, weight=lambda crl: part_weight(len(crl)) + crl_weight(len(crl)))
    def set_root_crl(self, who: Signed, crl: CrlDer) -> None:
        """File a root's list of revoked authorities (DER)."""
        with self._named():
            file_root_crl(self, crl)

    @call(10, weight=lambda crl, issuer_chain: part_weight(len(crl)) + crl_weight(len(crl)))
    def set_pck_crl(self, who: Signed, crl: CrlDer, issuer_chain: IssuerChain) -> None:
        """File an authority's list of revoked machines (DER), with its certificate and its root's in PEM."""
        with self._named():
            file_pck_crl(self, crl, issuer_chain)

    @call(11, weight=lambda worker, evidence: Weight(GPU_REF_TIME * max(len(evidence.chain), 1), 12_000))
    def attest_gpu(self, who: Signed, worker: WorkerKey, evidence: GpuEvidence) -> None:
        """Show the evidence of a GPU whose hash the worker's info has; until its next attestation the worker has it.

        The report's nonce is `blake2_256("fathom/gpu" ‖ genesis ‖ worker ‖ block)`, of a block as old as a quote's.
        """
        attest_gpu(self, worker, evidence)

    # What other pallets may ask

    def attest(self, info: WorkerInfo, quote: bytes) -> WorkerAttestation:
        """Binds a worker key to the enclave that a quote speaks of, and records it; raises what is wrong."""
        with self._named():
            return attest(self, info, quote)

    def fault(self, worker: bytes) -> type[Error] | None:
        """Why a worker key is not to be trusted now; `None` where it is."""
        return fault(self, worker)

    def recent_block(self, block: bytes) -> RecentBlock | None:
        """Number and time of a recent block by its hash; genesis counts as block 1's."""
        return recent_block(self, block)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """An error of formats, certificates or collateral becomes this pallet's of the same name."""
        try:
            yield
        except DcapError as error:
            raise getattr(self, type(error).__name__)(str(error)) from None


def refusal(error: Error) -> Custom:
    """What a refused bare transaction answers: the index of its pallet's error, or 128 + that of `Attestation`'s."""
    code = type(error).index + (OWN_ERRORS if type(error) in Attestation.errors else 0)
    return Custom(code, type(error).__name__)
