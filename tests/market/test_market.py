"""A little of what `make market` does at length, and that its checks find what they are there to find."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.primitives.job_record import Job
from pallets.randomness.pallet import Randomness
from tests.market.campaign import Market, Terms, market
from tests.market.crowd import Role, Way
from tests.pallets.job_chain import STAKE

SMALL = Terms(150)


def sigma(figures: dict[str, Any]) -> float:
    return float(figures["lying_majority_in_first_round"]["sigma"])


@pytest.mark.parametrize("replicas", [3, 5])
def test_no_lie_is_settled_but_by_a_lying_majority(replicas: int) -> None:
    opened = Market(SMALL._replace(replicas=replicas))
    opened.run(lambda line: None)
    figures = opened.report()
    assert figures["faults"] == [] and sum(figures["ended"].values()) == SMALL.jobs
    assert min(figures["ended"][how] for how in ("right", "wrong", "expired")) > 10
    assert figures["gains"]["copier"] == 0 < figures["gains"]["honest"]
    copied = {way for way, answer in opened.crowd.tried if answer == "commit_hash taken"}
    assert copied == {Way.Hash}
    assert {role for role, _ in opened.findings.deferred} == set(Role)


def test_as_it_is_the_liars_are_driven_out() -> None:
    figures = market(Terms(400, even=False, operators=30))
    assert figures["faults"] == []
    assert figures["gains"]["liar"] < -3 * STAKE < 0 < figures["gains"]["honest"]
    assert figures["gains"]["copier"] < -3 * STAKE  # for hashes that they couldn't reveal


def test_an_author_and_a_submitter_steer_in_vain() -> None:
    figures = market(SMALL._replace(steered=True))
    assert figures["faults"] == [] and figures["skipped_turns"]


# That the checks can say no


def test_a_lower_threshold_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "threshold", property(lambda job: len(job.voters) // 2))
    faults = market(SMALL)["faults"]
    assert any("a wrong output of 1 liars among 3 seats" in fault for fault in faults), faults


def test_a_tally_without_the_absent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    present = property(lambda job: sum(not seat.is_vacant for seat in job.voters) // 2 + 1)
    monkeypatch.setattr(Job, "threshold", present)
    faults = market(SMALL)["faults"]
    assert any("a wrong output of 1 liars among 3 seats" in fault for fault in faults), faults


def test_a_draw_that_favours_liars_is_found() -> None:
    opened = Market(SMALL)
    workers = opened.chain.rt.workers
    for worker, role in opened.crowd.role.items():
        record = workers.worker[worker]
        record.speed = 1_000 if role is Role.Liar else 250
        workers.worker[worker] = record
    opened.run(lambda line: None)
    assert sigma(opened.report()) > 3


def test_draws_by_a_mix_that_an_author_can_choose_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Randomness, "shared", False)
    assert sigma(market(Terms(240, steered=True, batch=1))) > 3
