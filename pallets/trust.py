"""What a chain makes of a verified quote: whether the machine is good enough, how far to trust it, what to remember.

The trusted computing base (TCB) of a machine is its processor's and firmware's security versions. Collateral gives them
a status and the advisories they are subject to; a policy says which will do. Levels of confidence are Phala's.
"""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.types import H256, U8, U32, BlockNumber, Bound, Moment, UnitEnum, struct

MAX_MEASUREMENT = 68

Measurement = Annotated[bytes, Bound(MAX_MEASUREMENT)]
"""What an enclave measures, as `pallets.dcap` puts it together: 68 bytes of SGX, 32 of TDX."""
Advisory = Annotated[str, Bound(32)]
"""An advisory's name, like `INTEL-SA-00615`."""

HARMLESS_WHEN_CONFIGURED = ("INTEL-SA-00334", "INTEL-SA-00219", "INTEL-SA-00381", "INTEL-SA-00389")


class Tee(UnitEnum):
    """A kind of enclave that DCAP quotes."""

    __type_path__ = "pallet_attestation::Tee"

    Sgx = 0
    Tdx = 1


class TcbStatus(UnitEnum):
    """How a machine's security versions are rated; the names are Intel's. A quote of a revoked one doesn't verify."""

    __type_path__ = "pallet_attestation::TcbStatus"

    UpToDate = 0
    SWHardeningNeeded = 1
    ConfigurationNeeded = 2
    ConfigurationAndSWHardeningNeeded = 3
    OutOfDate = 4
    OutOfDateConfigurationNeeded = 5


OUT_OF_DATE = (TcbStatus.OutOfDate, TcbStatus.OutOfDateConfigurationNeeded)


@struct(path="pallet_attestation::Policy")
class Policy:
    """Which machines are good enough."""

    statuses: list[TcbStatus]
    """Accepted without condition."""
    refused_advisories: list[Advisory]
    """Advisories that no machine may be subject to."""
    grace: Moment
    """How long an out-of-date machine is accepted whatever `statuses` says, from the date of its security level."""
    minimum_evaluation: U32
    """The least evaluation number of the collateral."""

    def accepts(self, status: TcbStatus, rated: int, now: int) -> bool:
        """Whether a status will do; `rated` is the date of the machine's level, `now` the time, in milliseconds."""
        return status in self.statuses or (status in OUT_OF_DATE and now <= rated + self.grace)

    def refuses(self, advisories: list[str]) -> str | None:
        """The first advisory that rules a machine out."""
        return next((advisory for advisory in advisories if advisory in self.refused_advisories), None)


@struct(path="pallet_attestation::WorkerAttestation")
class WorkerAttestation:
    """What the chain knows of the enclave around a worker key."""

    tee: Tee
    measurement: Measurement
    status: TcbStatus
    confidence: U8
    """1 (best) to 5, as in Phala."""
    simulated: bool
    runtime_id: H256
    attested_at: Moment
    expires: Moment
    block: BlockNumber
    """The block that the quote names; only a quote over a later one counts again."""
    revoked: bool = False


def default_policy() -> Policy:
    """Every machine that isn't out of date."""
    return Policy([status for status in TcbStatus if status not in OUT_OF_DATE], [], 0, 0)


def confidence(status: TcbStatus, advisories: list[str]) -> int:
    """How far to trust a machine that a policy accepted: 1 (best) to 5."""
    if status is TcbStatus.UpToDate:
        return 1
    if status is TcbStatus.SWHardeningNeeded:
        return 2
    if status in OUT_OF_DATE:
        return 5
    return 3 if all(advisory in HARMLESS_WHEN_CONFIGURED for advisory in advisories) else 4
