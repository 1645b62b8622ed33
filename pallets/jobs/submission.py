"""How a job begins, whoever submits it: on which terms it is taken, and what is held for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.jobs.calendar import enqueue
from pallets.jobs.callback import check_callback
from pallets.jobs.queue import is_narrow
from pallets.jobs.sealed import input_hash
from pallets.primitives.job import Input, Mode, SealedInput
from pallets.primitives.job_record import Job, JobState
from pallets.state_counts import count_change

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

MAX_REPLICAS = 9


def submit_job(
    jobs: Jobs,
    who: bytes,
    agent: int,
    input: Input,
    mode: Mode,
    replicas: int,
    max_fee: int,
    deadline: int,
    callback: bytes | None,
) -> int:
    """Holds the fee and lets the job wait for its workers; answers its number, raises why it isn't taken."""
    named = input_hash(jobs, input)
    if not (replicas % 2 and replicas <= MAX_REPLICAS):
        raise jobs.BadReplicas
    if callback is not None:
        check_callback(jobs, callback)
    if deadline < jobs.min_deadline:
        raise jobs.DeadlineTooShort
    if deadline > jobs.max_deadline:
        raise jobs.DeadlineTooLong
    terms = jobs.payees.terms(agent)
    gas_limit = min(jobs.max_gas, terms.gas_for(max_fee, replicas))
    if not gas_limit:
        raise jobs.FeeTooLow
    narrow_allowed = jobs.narrow_allowed or terms.narrow
    if not narrow_allowed and is_narrow(jobs.workers.operators_besides(who, terms.class_id), replicas):
        raise jobs.TooFewOperators
    jobs.currency.hold(jobs.HoldReason.Fee, who, max_fee, keep_alive=True)
    jobs.workers.hold_class(terms.class_id)
    now, id = jobs.timestamp.now, jobs.next_job
    jobs.next_job = id + 1
    jobs.input[id] = input
    if isinstance(input, SealedInput) and input.boxes:
        jobs.newest_sealed = id
    if callback is not None:
        jobs.callback[id] = callback
    job = Job(
        agent=agent,
        submitter=who,
        code=terms.code,
        input=named,
        mode=mode,
        replicas=replicas,
        max_fee=max_fee,
        price=terms.price,
        gas_limit=gas_limit,
        shares=terms.shares,
        treasury=terms.treasury,
        submitted_at=now,
        deadline=deadline,
        narrow_allowed=narrow_allowed,
        state=JobState.Queued,
        attempt=1,
        due=now + deadline,
        ends=now + deadline,
        class_id=terms.class_id,
        sealed=isinstance(input, SealedInput),
    )
    count_change(jobs.in_state, None, job.state)
    enqueue(jobs, id, job, seats=replicas)
    jobs.deposit(jobs.Submitted(id, agent, who))
    return id
