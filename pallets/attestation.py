"""Which worker keys live inside enclaves that this chain trusts.

## Overview

A worker's key is bound to its enclave by a quote, verified here at the chain's time: under Intel's root, or under the
root of the simulated hardware where genesis allowed it. The root is that of the collateral which governance has filed
for the kind of enclave and the machine's model; everything under the simulated root is marked `simulated` wherever it
shows.

An attestation holds until its collateral expires, its measurement or its runtime leaves the list, or its key is
revoked. Nothing sweeps: `fault` says what is wrong with a key, and is asked whenever a worker is drawn and whenever it
commits.

## Usage

```python
record = attestation.attest(info, quote)       # raises the error that says why not
error = attestation.fault(worker)              # an error class, or None
```

## Out of scope

Stake, liveness and who is drawn (`pallets.workers`); the formats of quotes and collateral (`pallets.dcap`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pallets.dcap import (
    CarriesChain,
    CollateralJson,
    Edition,
    Fmspc,
    InvalidCollateral,
    InvalidQuote,
    model_of,
    read_collateral,
    verify_quote,
)
from pallets.frame import (
    H256,
    U8,
    BlockNumber,
    Bound,
    Const,
    DispatchClass,
    Error,
    Event,
    Map,
    Moment,
    Pallet,
    Root,
    Value,
    Weight,
    call,
    struct,
)
from pallets.frame.validity import Custom
from pallets.primitives.attestation_record import Measurement, TcbStatus, Tee, WorkerAttestation
from pallets.primitives.hashing import Identity
from pallets.primitives.worker import MAX_FEATURES, VERSION, WorkerInfo, WorkerKey
from pallets.system import System
from pallets.timestamp import Timestamp
from pallets.trust import Policy, confidence, default_policy

MAX_NAME = 64
MAX_ROOT = 4096
VERIFICATION_REF_TIME = 1_400_000_000
"""Verifying one quote, SGX or TDX, as measured with dcap-qvl 0.7.0."""
OWN_ERRORS = 128
"""Custom codes of refused transactions start here for this pallet's errors, whatever pallet refused."""

Name = Annotated[bytes, Bound(MAX_NAME)]
RootCertificate = Annotated[bytes, Bound(MAX_ROOT)]


@struct
class Collateral:
    """Collateral as it was filed."""

    json: CollateralJson
    simulated: bool
    expires: Moment
    edition: Edition


@struct
class RecentBlock:
    """A block that a quote or a heartbeat may name."""

    number: BlockNumber
    moment: Moment


class Attestation(Pallet):
    """Which worker keys live inside enclaves that this chain trusts."""

    system: System
    timestamp: Timestamp
    max_quote_age: Const[Moment]
    """How old, in milliseconds, the block may be that a quote names."""

    class Attested(Event):
        """A worker key was bound to an enclave."""

        worker: WorkerKey
        measurement: Measurement
        status: TcbStatus
        confidence: U8
        simulated: bool
        expires: Moment

    class Revoked(Event):
        """A worker key was revoked for good."""

        worker: WorkerKey

    class CollateralSet(Event):
        """Collateral was filed for a kind of enclave and a machine model."""

        tee: Tee
        fmspc: Fmspc
        simulated: bool
        expires: Moment

    class PolicySet(Event):
        """The policy was changed; attestations made under the last one stand."""

    class MeasurementAllowed(Event):
        """Workers of this measurement may serve."""

        measurement: Measurement
        name: Name

    class MeasurementDisallowed(Event):
        """Workers of this measurement may serve no more."""

        measurement: Measurement

    class RuntimeAllowed(Event):
        """Workers that run this may serve."""

        runtime_id: H256

    class RuntimeDisallowed(Event):
        """Workers that run this may serve no more."""

        runtime_id: H256

    class BadCollateral(Error):
        """The collateral is not that of one machine model and this kind of enclave, or is garbled."""

    class CollateralCarriesChain(Error):
        """The collateral has a `pck_certificate_chain`, which would take the place of the quote's own: leave it out."""

    class CollateralGoesBack(Error):
        """An issue date, evaluation number or revocation list number is lower than that of the collateral on file."""

    class SimulatedNotAllowed(Error):
        """The collateral is under the root of simulated hardware, which this chain's genesis doesn't allow."""

    class UnknownMeasurement(Error):
        """The measurement is not on the list."""

    class BadMeasurement(Error):
        """A measurement has 68 bytes (SGX) or 32 (TDX)."""

    class NotAttested(Error):
        """The worker key has never been attested."""

    class KeyRevoked(Error):
        """The worker key was revoked: the worker needs a new one."""

    class AttestationExpired(Error):
        """The attestation's collateral has expired: attest again."""

    class MeasurementNotAllowed(Error):
        """The enclave's measurement is not on the list, or no more."""

    class RuntimeNotAllowed(Error):
        """The worker's runtime id is not on the list, or no more."""

    class UnknownInfoVersion(Error):
        """The worker info has another version than 1."""

    class WrongGenesis(Error):
        """The worker info names another chain's genesis."""

    class UnsortedFeatures(Error):
        """The worker info's features are not ascending, or one is there twice."""

    class TooManyFeatures(Error):
        """The worker info has more than 64 features."""

    class GpuEvidenceUnsupported(Error):
        """The worker info claims evidence about a GPU, which this runtime can't check."""

    class QuoteRefused(Error):
        """Not a quote, or it doesn't verify under the root of its collateral at this time."""

    class NoCollateral(Error):
        """No collateral is on file for this kind of enclave and machine model."""

    class CollateralExpired(Error):
        """The collateral on file has expired; governance has to file a newer one."""

    class InfoNotBound(Error):
        """The first half of the report data is not the hash of the worker info: the quote is another key's."""

    class StaleQuote(Error):
        """The second half of the report data is not the hash of a recent block of this chain."""

    class QuoteReused(Error):
        """The worker was attested by a quote over this block, or a later one: quote again over a newer block."""

    class StatusNotAllowed(Error):
        """The policy doesn't accept the status of the machine's security versions."""

    class AdvisoryNotAllowed(Error):
        """The policy refuses an advisory that the machine is subject to."""

    class EvaluationTooOld(Error):
        """The collateral's evaluation number is below the policy's minimum."""

    class UnknownRuntime(Error):
        """The runtime id is not on the list."""

    simulated_allowed = Value[bool](default=False)
    """Whether quotes under the root of simulated hardware count; genesis alone decides."""
    simulated_root = Value[RootCertificate | None]()
    """The certificate (DER) of the root of simulated hardware."""
    policy = Value[Policy](default=default_policy)
    """Which verified quotes are good enough."""
    collateral = Map[tuple[Tee, Fmspc], Collateral]()
    """What rates the machines of a model, by kind of enclave."""
    measurements = Map[Measurement, Name]()
    """The measurements of enclaves that may serve, with a name for people."""
    runtimes = Map[H256, None](hasher=Identity)
    """The runtime ids that may serve."""
    attested = Map[WorkerKey, WorkerAttestation]()
    """What is known of the enclave around a worker key."""
    recent = Map[H256, RecentBlock](hasher=Identity)
    """The blocks whose hashes `System.BlockHash` keeps, by hash, with their time; genesis has none of its own."""

    def genesis(
        self,
        simulated_allowed: bool = False,
        simulated_root: RootCertificate | None = None,
        collateral: list[tuple[Tee, CollateralJson]] | None = None,
        measurements: list[tuple[Measurement, Name]] | None = None,
        runtimes: list[H256] | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.simulated_allowed = simulated_allowed
        self.simulated_root = simulated_root
        self.policy = policy or default_policy()
        for tee, json in collateral or []:
            self.set_collateral(None, tee, json)
        for measurement, name in measurements or []:
            self.allow_measurement(None, measurement, name)
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

    # Calls, all of governance

    @call(0, weight=Weight(400_000_000, 66_000), dispatch_class=DispatchClass.Operational)
    def set_collateral(self, root: Root, tee: Tee, collateral: CollateralJson) -> None:
        """File the collateral of a machine model. Nothing in it is verified before a quote comes."""
        try:
            facts = read_collateral(tee, collateral)
        except CarriesChain:
            raise self.CollateralCarriesChain from None
        except InvalidCollateral as error:
            raise self.BadCollateral(str(error)) from None
        simulated = facts.root == self.simulated_root
        if simulated and not self.simulated_allowed:
            raise self.SimulatedNotAllowed
        held = self.collateral.get((tee, facts.fmspc))
        if held is not None and facts.edition.behind(held.edition):
            raise self.CollateralGoesBack
        expires = facts.expires * 1000
        self.collateral[tee, facts.fmspc] = Collateral(collateral, simulated, expires, facts.edition)
        self.deposit(self.CollateralSet(tee, facts.fmspc, simulated, expires))

    @call(1, weight=Weight(30_000_000, 1_500), dispatch_class=DispatchClass.Operational)
    def set_policy(self, root: Root, policy: Policy) -> None:
        """Decide which verified quotes are good enough from now on."""
        self.policy = policy
        self.deposit(self.PolicySet())

    @call(2, weight=Weight(30_000_000, 3_600), dispatch_class=DispatchClass.Operational)
    def allow_measurement(self, root: Root, measurement: Measurement, name: Name) -> None:
        """Let workers of this measurement serve; `name` is for people, and may be changed so."""
        if len(measurement) not in (32, 68):
            raise self.BadMeasurement
        self.measurements[measurement] = name
        self.deposit(self.MeasurementAllowed(measurement, name))

    @call(3, weight=Weight(30_000_000, 3_600), dispatch_class=DispatchClass.Operational)
    def disallow_measurement(self, root: Root, measurement: Measurement) -> None:
        """Let workers of this measurement serve no more; at once, be they attested or not."""
        if measurement not in self.measurements:
            raise self.UnknownMeasurement
        del self.measurements[measurement]
        self.deposit(self.MeasurementDisallowed(measurement))

    @call(4, weight=Weight(30_000_000, 3_600), dispatch_class=DispatchClass.Operational)
    def revoke(self, root: Root, worker: WorkerKey) -> None:
        """Revoke a worker key, at once and for good."""
        record = self.attested.get(worker)
        if record is None:
            raise self.NotAttested
        record.revoked = True
        self.attested[worker] = record
        self.deposit(self.Revoked(worker))

    @call(5, weight=Weight(30_000_000, 3_600), dispatch_class=DispatchClass.Operational)
    def allow_runtime(self, root: Root, runtime_id: H256) -> None:
        """Let workers that run this serve."""
        self.runtimes[runtime_id] = None
        self.deposit(self.RuntimeAllowed(runtime_id))

    @call(6, weight=Weight(30_000_000, 3_600), dispatch_class=DispatchClass.Operational)
    def disallow_runtime(self, root: Root, runtime_id: H256) -> None:
        """Let workers that run this serve no more; at once, be they attested or not."""
        if runtime_id not in self.runtimes:
            raise self.UnknownRuntime
        del self.runtimes[runtime_id]
        self.deposit(self.RuntimeDisallowed(runtime_id))

    # What other pallets may ask

    def attest(self, info: WorkerInfo, quote: bytes) -> WorkerAttestation:
        """Binds a worker key to the enclave that a quote speaks of, and records it; raises what is wrong."""
        self._check_info(info)
        try:
            tee, fmspc = model_of(quote)
            collateral = self.collateral.get((tee, fmspc))
            if collateral is None:
                raise self.NoCollateral(f"{tee.name}, FMSPC {fmspc.hex()}")
            now = self.timestamp.now
            if collateral.expires <= now:
                raise self.CollateralExpired
            root = self.simulated_root if collateral.simulated else None
            claims = verify_quote(quote, collateral.json, root, now // 1000)
        except InvalidQuote as error:
            raise self.QuoteRefused(str(error)) from None
        block = self._check_binding(info, claims.report_data, now)
        if claims.measurement not in self.measurements:
            raise self.MeasurementNotAllowed(claims.measurement.hex())
        policy = self.policy
        if not policy.accepts(claims.status, claims.rated * 1000, now):
            raise self.StatusNotAllowed(claims.status.name)
        if (advisory := policy.refuses(claims.advisories)) is not None:
            raise self.AdvisoryNotAllowed(advisory)
        if claims.evaluation < policy.minimum_evaluation:
            raise self.EvaluationTooOld(str(claims.evaluation))
        record = WorkerAttestation(
            tee=tee,
            measurement=claims.measurement,
            status=claims.status,
            confidence=confidence(claims.status, claims.advisories),
            simulated=collateral.simulated,
            runtime_id=info.runtime_id,
            attested_at=now,
            expires=claims.expires * 1000,
            block=block.number,
        )
        self.attested[info.worker_key] = record
        found = (record.measurement, record.status, record.confidence, record.simulated, record.expires)
        self.deposit(self.Attested(info.worker_key, *found))
        return record

    def fault(self, worker: bytes) -> type[Error] | None:
        """Why a worker key is not to be trusted now; `None` where it is."""
        record = self.attested.get(worker)
        if record is None:
            return self.NotAttested
        if record.revoked:
            return self.KeyRevoked
        if record.expires <= self.timestamp.now:
            return self.AttestationExpired
        if record.measurement not in self.measurements:
            return self.MeasurementNotAllowed
        if record.runtime_id not in self.runtimes:
            return self.RuntimeNotAllowed
        return None

    def recent_block(self, block: bytes) -> RecentBlock | None:
        """Number and time of a recent block by its hash; genesis counts as block 1's."""
        system = self.system
        if block == system.block_hash[0]:
            first = self._known(system.block_hash[1]) if system.number > 1 else RecentBlock(1, self.timestamp.now)
            return first and RecentBlock(0, first.moment)
        return self._known(block)

    # Inside

    def _known(self, block: bytes) -> RecentBlock | None:
        found = self.recent.get(block)
        if found is None and block == self.system.parent_hash:
            # The pool asks as if the next block were open, but runs no hooks.
            return RecentBlock(self.system.number - 1, self.timestamp.now)
        return found

    def _check_info(self, info: WorkerInfo) -> None:
        if info.version != VERSION:
            raise self.UnknownInfoVersion
        if info.genesis != self.system.block_hash[0]:
            raise self.WrongGenesis
        if len(info.features) > MAX_FEATURES:
            raise self.TooManyFeatures
        if any(first >= second for first, second in pairwise(info.features)):
            raise self.UnsortedFeatures
        if info.gpu_evidence is not None:
            raise self.GpuEvidenceUnsupported
        if info.runtime_id not in self.runtimes:
            raise self.RuntimeNotAllowed
        known = self.attested.get(info.worker_key)
        if known is not None and known.revoked:
            raise self.KeyRevoked

    def _check_binding(self, info: WorkerInfo, report_data: bytes, now: int) -> RecentBlock:
        if report_data[:32] != info.hash:
            raise self.InfoNotBound
        block = self.recent_block(report_data[32:])
        if block is None or now - block.moment > self.max_quote_age:
            raise self.StaleQuote
        known = self.attested.get(info.worker_key)
        if known is not None and block.number <= known.block:
            raise self.QuoteReused
        return block


def refusal(error: Error) -> Custom:
    """What a refused bare transaction answers: the index of its pallet's error, or 128 + that of `Attestation`'s."""
    code = type(error).index + (OWN_ERRORS if type(error) in Attestation.errors else 0)
    return Custom(code, type(error).__name__)
