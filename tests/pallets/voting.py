"""Votes in tests: a crew of workers, each of an operator of its own, and what its seats say together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pallets.jobs.end import POT
from pallets.jobs.pallet import Jobs
from pallets.primitives.job_record import JobState, Seat
from pallets.slashing.pallet import Slashing
from tests.pallets.job_chain import DEPOSIT, STAKE, UNIT, JobChain, TestWorker

BANK = b"\xbb" * 32
PAY = 3 * 1_000
"""What a seat is paid for the gas that outputs here cost unless told otherwise."""

Crew = dict[bytes, TestWorker]


@pytest.fixture
def balanced_chain() -> Iterator[JobChain]:
    """A chain with an agent; no money is lost on it."""
    chain = JobChain()
    chain.agent()
    yield chain
    check_books(chain)


@pytest.fixture
def crew_of_16(chain: JobChain) -> Crew:
    """Sixteen voters on a test's `chain`."""
    return crew(chain, 16)


def crew(chain: JobChain, count: int) -> Crew:
    """So many registered workers, each of an operator of its own, by their keys."""
    chain.sudo("Balances", "force_set_balance", who=BANK, new_free=100_000 * UNIT)
    found = []
    for i in range(count):
        operator = bytes((1, i)) * 16
        chain.call(BANK, "Balances", "transfer_allow_death", dest=operator, value=2 * STAKE)
        found.append(chain.worker(f"voter {i}", operator).register())
    return {worker.key: worker for worker in found}


def voted(chain: JobChain, team: Crew, replicas: int = 3, **terms: Any) -> tuple[int, list[TestWorker]]:
    """A job of several replicas that was just given to workers, and these."""
    job = chain.submit(replicas=replicas, **terms)
    chain.blocks(2)
    return job, seated(chain, team, job)


def seated(chain: JobChain, team: Crew, job: int, round: int = 0) -> list[TestWorker]:
    """The workers of one round's seats."""
    return [team[seat.worker] for seat in chain.job(job).voters if seat.round == round]


def seat(chain: JobChain, job: int, worker: TestWorker) -> Seat:
    """A worker's seat."""
    found = chain.job(job).seat_of(worker.key)
    assert found is not None
    return found


def commit_all(chain: JobChain, job: int, workers: Sequence[TestWorker], contents: Sequence[bytes]) -> None:
    """Each commits to its output."""
    for worker, content in zip(workers, contents, strict=True):
        chain.send(worker.commit_hash(job, content))


def reveal_all(chain: JobChain, job: int, workers: Sequence[TestWorker], contents: Sequence[bytes]) -> None:
    """Each reveals its output."""
    for worker, content in zip(workers, contents, strict=True):
        chain.send(worker.reveal(job, content))


def vote(chain: JobChain, job: int, workers: Sequence[TestWorker], contents: Sequence[bytes]) -> None:
    """Each commits and reveals."""
    commit_all(chain, job, workers, contents)
    reveal_all(chain, job, workers, contents)


def charges(chain: JobChain) -> list[tuple[bytes, str, int]]:
    """Whom the open block's slashes are of, why, and how much they ask for."""
    return [(event.worker, event.reason.name, event.amount) for event in chain.events(Slashing.Deferred)]


def check_books(chain: JobChain) -> None:
    """No money is lost or made, and nothing is left of jobs that are over."""
    rt = chain.rt
    accounts = [account.data for _, account in rt.system.account.items()]
    assert rt.balances.total_issuance == sum(account.free + account.reserved for account in accounts)
    jobs = [chain.job(id) for id in range(rt.jobs.next_job)]
    assert rt.balances.free(POT) == DEPOSIT + sum(amount for _, amount in rt.jobs.claimable.items())
    opened = [job for job in jobs if job.state not in (JobState.Settled, JobState.Expired)]
    for who in {job.submitter for job in jobs}:
        fees = sum(job.max_fee for job in opened if job.submitter == who)
        assert rt.balances.held(Jobs.HoldReason.Fee, who) == fees
    bonds = [job.challenge for job in jobs if job.challenge is not None and job.challenge.who is not None]
    for who in {bond.who for bond in bonds if bond.who is not None}:
        live = sum(job.challenge.bond for job in opened if job.challenge is not None and job.challenge.who == who)
        assert rt.balances.held(Jobs.HoldReason.ChallengeBond, who) == live
    if not opened:
        assert not list(rt.jobs.deadlines) and not list(rt.jobs.candidate) and not list(rt.jobs.input)
        assert not list(rt.jobs.assignments)
        assert all(record.load == 0 for _, record in rt.workers.worker.items())
