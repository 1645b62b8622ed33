"""Policies, and Phala's levels of confidence."""

from __future__ import annotations

import pytest

from pallets.attestation.trust import FOREVER, Policy, confidence, default_policy
from pallets.primitives.attestation_record import TcbStatus

HARMLESS = ["INTEL-SA-00334", "INTEL-SA-00219", "INTEL-SA-00381", "INTEL-SA-00389"]


@pytest.mark.parametrize(
    ("status", "advisories", "level"),
    [
        (TcbStatus.UpToDate, [], 1),
        (TcbStatus.SWHardeningNeeded, ["INTEL-SA-00615"], 2),
        (TcbStatus.ConfigurationNeeded, HARMLESS, 3),
        (TcbStatus.ConfigurationNeeded, [*HARMLESS, "INTEL-SA-00615"], 4),
        (TcbStatus.ConfigurationAndSWHardeningNeeded, ["INTEL-SA-00219"], 3),
        (TcbStatus.ConfigurationAndSWHardeningNeeded, ["INTEL-SA-00289", "INTEL-SA-00615"], 4),
        (TcbStatus.OutOfDate, [], 5),
        (TcbStatus.OutOfDateConfigurationNeeded, [], 5),
        (TcbStatus.TDRelaunchAdvised, [], 5),
        (TcbStatus.TDRelaunchAdvisedConfigurationNeeded, [], 5),
    ],
)
def test_confidence(status: TcbStatus, advisories: list[str], level: int) -> None:
    assert confidence(status, advisories) == level


def test_default_policy_takes_all_but_out_of_date() -> None:
    policy = default_policy()
    accepted = [status.name for status in TcbStatus if policy.accepts_until(status, 0) > 1]
    assert accepted == ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded"]


def test_grace_runs_from_the_date_of_the_level_and_for_out_of_date_only() -> None:
    policy = Policy([TcbStatus.UpToDate], [], 1000, 0)
    assert policy.accepts_until(TcbStatus.UpToDate, 5000) == FOREVER
    assert policy.accepts_until(TcbStatus.OutOfDate, 5000) == 6001  # its last millisecond included
    assert policy.accepts_until(TcbStatus.OutOfDateConfigurationNeeded, 5000) == 6001
    assert policy.accepts_until(TcbStatus.TDRelaunchAdvised, 5000) == 6001
    assert policy.accepts_until(TcbStatus.SWHardeningNeeded, 5000) == 0


def test_refused_advisories() -> None:
    policy = Policy([], ["INTEL-SA-00615", "INTEL-SA-00001"], 0, 0)
    assert policy.refuses(["INTEL-SA-00289", "INTEL-SA-00615"]) == "INTEL-SA-00615"
    assert policy.refuses(["INTEL-SA-00289"]) is None
