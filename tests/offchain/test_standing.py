"""What a worker decides to do, from what the chain says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.next_step import RENEWAL, RENEWAL_PAUSE, Plan, Step, is_older, next_step
from pallets.primitives.attestation_record import TcbStatus, Tee, WorkerAttestation
from pallets.primitives.worker import WorkerInfo
from pallets.primitives.worker_record import Worker, WorkerState

DAY = 86_400_000
WINDOW = 90_000
INFO = WorkerInfo(1, bytes(32), bytes(32), bytes(32), bytes(32), bytes(32))


def record(
    state: WorkerState = WorkerState.Idle, *, last: int = 0, due: int = WINDOW, challenged: bool = False
) -> Worker:
    return Worker(INFO, 1, state, 1, True, 0, last, 5, due, challenged=challenged)


def attestation(*, at: int = 0, expires: int = 365 * DAY) -> WorkerAttestation:
    return WorkerAttestation(Tee.Sgx, bytes(68), TcbStatus.UpToDate, 1, True, bytes(32), at, expires, 5)


@given(st.lists(st.sampled_from(["given", "kept", "missed", "beat", "slashed", "speed_at"]), max_size=20), st.data())
def test_a_record_of_an_earlier_moment_is_known(life: list[str], data: st.DataObject) -> None:
    """Whatever a worker has lived through, going on never looks like going back, and going back is always seen."""
    moments = [record()]
    for step in life:
        last = moments[-1]
        if step == "given":
            moments.append(replace(last, load=last.load + 1))
        elif step == "beat":
            moments.append(
                replace(last, last_heartbeat=last.last_heartbeat + 1, heartbeat_block=last.heartbeat_block + 1)
            )
        elif step in ("slashed", "speed_at"):
            moments.append(replace(last, **{step: getattr(last, step) + 1}))
        elif last.load:
            moments.append(replace(last, load=last.load - 1, **{step: getattr(last, step) + 1}))
    early, late = sorted(data.draw(st.tuples(*[st.integers(0, len(moments) - 1)] * 2)))
    assert not is_older(moments[late], moments[early])
    assert is_older(moments[early], moments[late]) is (moments[early] != moments[late])
    assert is_older(None, moments[late])


def test_who_is_unknown_or_has_left_registers() -> None:
    assert next_step(None, None, 0) == Plan(Step.REGISTER)
    assert next_step(record(WorkerState.Left), attestation(), 0) == Plan(Step.REGISTER)


def test_who_leaves_waits_for_the_stake() -> None:
    assert next_step(record(WorkerState.CoolingDown, due=DAY), attestation(), 0) == Plan(Step.WAIT, DAY)


@pytest.mark.parametrize("state", [WorkerState.Registered, WorkerState.Unresponsive])
def test_who_is_not_drawn_beats_at_once(state: WorkerState) -> None:
    assert next_step(record(state), attestation(), 0) == Plan(Step.BEAT)


@pytest.mark.parametrize("state", [WorkerState.Idle, WorkerState.Working])
def test_who_serves_beats_when_challenged_or_when_the_challenge_is_overdue(state: WorkerState) -> None:
    assert next_step(record(state, challenged=True), attestation(), 0) == Plan(Step.BEAT)
    served = record(state, last=1_000, due=5_000)
    assert next_step(served, attestation(), 8_999) == Plan(Step.WAIT, 9_000)
    assert next_step(served, attestation(), 9_000) == Plan(Step.BEAT)


def test_an_attestation_is_renewed_an_hour_before_it_ends() -> None:
    last = 300 * DAY
    served = record(last=last, due=last + WINDOW)
    ending = attestation(expires=last + RENEWAL)
    assert next_step(served, ending, last - 1).step is Step.WAIT
    assert next_step(served, ending, last) == Plan(Step.ATTEST)


def test_a_short_attestation_is_renewed_in_its_last_tenth_and_not_over_and_over() -> None:
    assert next_step(record(last=17 * 60_000, due=19 * 60_000), attestation(expires=20 * 60_000), 18 * 60_000) == Plan(
        Step.ATTEST
    )
    fresh = attestation(at=DAY, expires=DAY + 60_000)  # collateral about to expire: quoting again doesn't help
    beaten = record(last=DAY, due=DAY + 10 * WINDOW)
    assert next_step(beaten, fresh, DAY + 59_000).step is Step.WAIT
    assert next_step(record(last=DAY + RENEWAL_PAUSE, due=DAY + 2 * RENEWAL_PAUSE), fresh, DAY + RENEWAL_PAUSE) == Plan(
        Step.ATTEST
    )


@given(
    state=st.sampled_from(WorkerState),
    last=st.integers(0, 1 << 43),
    window=st.integers(3, DAY),
    now=st.integers(0, 1 << 43),
    life=st.integers(0, 4000 * DAY),
    challenged=st.booleans(),
)
def test_a_plan_to_wait_ends_and_no_challenge_waits(
    state: WorkerState, last: int, window: int, now: int, life: int, challenged: bool
) -> None:
    worker = record(state, last=last, due=last + window, challenged=challenged)
    attested = attestation(at=last, expires=last + life)
    plan = next_step(worker, attested, now)
    if plan.step is Step.WAIT and state is not WorkerState.CoolingDown:
        assert now < plan.until <= last + 2 * window and not challenged
        assert next_step(worker, attested, plan.until).step in (Step.BEAT, Step.ATTEST)
