"""What a chain makes of a verified quote: whether the machine is good enough, and how far to trust it.

The trusted computing base (TCB) of a machine is its processor's and firmware's security versions. Collateral gives them
a status and the advisories they are subject to; a policy says which will do. Levels of confidence are Phala's.
"""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.attestation_record import TcbStatus
from pallets.primitives.types import U32, Bound, Moment, struct

Advisory = Annotated[str, Bound(32)]
"""An advisory's name, like `INTEL-SA-00615`."""

FOREVER = (1 << 64) - 1
HARMLESS_WHEN_CONFIGURED = ("INTEL-SA-00334", "INTEL-SA-00219", "INTEL-SA-00381", "INTEL-SA-00389")


OUT_OF_DATE = (
    TcbStatus.OutOfDate,
    TcbStatus.OutOfDateConfigurationNeeded,
    TcbStatus.TDRelaunchAdvised,
    TcbStatus.TDRelaunchAdvisedConfigurationNeeded,
)
"""What runs on, or was launched by, versions that newer ones have taken the place of."""


@struct(path="pallet_attestation::Policy")
class Policy:
    """Which machines are good enough."""

    statuses: list[TcbStatus]
    """Accepted without condition."""
    refused_advisories: list[Advisory]
    """Advisories that no machine may be subject to."""
    grace: Moment
    """How long an out-of-date machine is accepted whatever `statuses` says, from the date of its security level on."""
    minimum_evaluation: U32
    """The least evaluation number of the collateral."""

    def accepts_until(self, status: TcbStatus, rated: int) -> int:
        """Until when a status will do, the end not included; `rated` is the date of the level, in milliseconds."""
        if status in self.statuses:
            return FOREVER
        return rated + self.grace + 1 if status in OUT_OF_DATE else 0

    def refuses(self, advisories: list[str]) -> str | None:
        """The first advisory that rules a machine out."""
        return next((advisory for advisory in advisories if advisory in self.refused_advisories), None)


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
