"""The life of jobs as a state machine: whatever happens in whatever order, no money and no entry is lost."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from offchain.simulated_tee import SgxMeasurements, TdxMeasurements
from pallets.attestation.pallet import Attestation
from pallets.frame.events import DispatchError
from pallets.frame.validity import BadProof, Custom
from pallets.jobs.end import POT
from pallets.jobs.pallet import Jobs
from pallets.primitives.job import NO_TRANSCRIPT, Mode, Word
from pallets.primitives.job_record import JobState, SeatPhase, Stage, Task
from pallets.workers.pallet import Workers
from tests.pallets.job_chain import ALICE, BOB, CAROL, DEPOSIT, OPERATORS, SGX, TDX, JobChain, TestWorker
from tests.pallets.test_workers import listed

QUEUED, ASSIGNED, COMMITTED, DISPUTED, SETTLED, EXPIRED = JobState
OPEN = (QUEUED, ASSIGNED, COMMITTED, DISPUTED)
NEXT = {
    QUEUED: {QUEUED, ASSIGNED, EXPIRED},
    ASSIGNED: {ASSIGNED, QUEUED, COMMITTED, DISPUTED, SETTLED, EXPIRED},
    COMMITTED: {COMMITTED, DISPUTED, SETTLED},
    DISPUTED: {DISPUTED, SETTLED, EXPIRED, QUEUED},
    SETTLED: {SETTLED},
    EXPIRED: {EXPIRED},
}
SUBMITTERS = (ALICE, BOB, OPERATORS[0])
TEAM: tuple[tuple[bytes, SgxMeasurements | TdxMeasurements], ...] = (
    (OPERATORS[0], SGX),
    (OPERATORS[0], TDX),
    (OPERATORS[1], TDX),
    (OPERATORS[2], SGX),
    (OPERATORS[3], TDX),
)
CONTENTS = (b"output", b"something else")
ROOTS = (b"\x11" * 32, b"\x11" * 32, b"\x22" * 32, NO_TRANSCRIPT)
places = st.integers(0, 7)


class JobLives(RuleBasedStateMachine):
    """People, workers, governance and time, in any order."""

    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("pallets.jobs.lots.ONE_IN", 2)
        self.chain = JobChain()
        self.chain.agent()
        self.team: list[TestWorker] = [
            self.chain.worker(f"{i}", operator, measurements) for i, (operator, measurements) in enumerate(TEAM)
        ]
        self.issuance = self.chain.rt.balances.total_issuance
        self.before = dict[int, tuple[JobState, int]]()
        for worker in self.team[1:]:
            worker.register()
        self.submit(ALICE, 10**9, 45_000)
        self.submit(BOB, 10**9, 60_000)
        self.blocks()

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()

    def tried(self, *arguments: Any, **more: Any) -> None:
        """A signed call, which may be refused."""
        with suppress(DispatchError):
            self.chain.call(*arguments, **more)

    # People

    @rule(
        who=st.sampled_from(SUBMITTERS),
        fee=st.sampled_from([1, 10**6, 10**9]),
        deadline=st.integers(45_000, 90_000),
        replicas=st.sampled_from([1, 3]),
        mode=st.sampled_from(Mode),
    )
    def submit(self, who: bytes, fee: int, deadline: int, replicas: int = 1, mode: Mode = Mode.Deterministic) -> None:
        try:
            self.chain.submit(who, max_fee=fee, deadline=deadline, replicas=replicas, mode=mode)
        except Jobs.FeeTooLow:
            assert fee < 3 * replicas
        except DispatchError as error:
            assert self.chain.rt.agents.agent[0].paused, error

    @rule(who=st.sampled_from(SUBMITTERS), place=places)
    def cancel(self, who: bytes, place: int) -> None:
        self.tried(who, "Jobs", "cancel", job=place)

    @rule(who=st.sampled_from((*OPERATORS, CAROL)))
    def claim(self, who: bytes) -> None:
        owed, free = self.chain.rt.jobs.claimable[who], self.chain.rt.balances.free(who)
        self.tried(who, "Jobs", "claim")
        assert self.chain.rt.balances.free(who) == free + owed

    @rule(place=places)
    def challenge(self, place: int) -> None:
        """By Bob, who has no worker."""
        bond, held = self.chain.rt.jobs.challenge_bond, self.bonds()
        try:
            self.chain.call(BOB, "Jobs", "challenge", job=place)
        except DispatchError:
            return
        assert self.chain.job(place).state is DISPUTED and self.bonds() >= held + bond

    # Workers

    @rule(place=st.integers(0, len(TEAM) - 1), name=st.sampled_from(["register", "exit", "withdraw"]))
    def come_or_go(self, place: int, name: str) -> None:
        worker = self.team[place]
        with suppress(DispatchError):
            if name == "register":
                worker.register()
            else:
                self.chain.call(worker.info.operator, "Workers", name, worker=worker.key)

    @rule(place=st.integers(0, len(TEAM) - 1))
    def heartbeat(self, place: int) -> None:
        with suppress(Custom):
            self.chain.send(self.team[place].heartbeat())

    @precondition(lambda self: any(job.stage is Stage.Commits and not job.voted for job in self.jobs().values()))
    @rule(data=st.data(), gas=st.sampled_from([0, 7, 10**5]))
    def commit(self, data: st.DataObject, gas: int) -> None:
        waiting = [id for id, job in self.jobs().items() if job.stage is Stage.Commits and not job.voted]
        id = data.draw(st.sampled_from(waiting))
        job, window = self.chain.job(id), self.chain.rt.jobs.window
        (worker,) = [worker for worker in self.team if worker.key in job.workers]
        fault, outside = self.chain.rt.attestation.fault(worker.key), job.mode is not Mode.Deterministic
        try:
            self.chain.send(worker.commit(id, gas=gas, transcript_root=ROOTS[0] if outside else NO_TRANSCRIPT))
        except Custom as error:
            if gas > job.gas_limit:
                assert error.code == Jobs.GasAboveLimit.index, error
            elif outside and not gas:
                assert error.code == Jobs.NoGas.index, error
            else:
                assert fault is not None and error.code == 128 + fault.index, error
        else:
            outcome = self.chain.job(id).outcome
            assert fault is None and outcome and outcome.fee == min(3 * gas, job.max_fee)
            assert gas or not outside
            provisional = window and job.mode is not Mode.Oracle
            assert self.chain.job(id).state is (COMMITTED if provisional else SETTLED)

    @rule(
        data=st.data(),
        content=st.sampled_from(CONTENTS),
        what=st.sampled_from(["hash", "hash", "reveal", "word", "record", "unavailable"]),
        root=st.sampled_from(ROOTS),
    )
    def vote(self, data: st.DataObject, content: bytes, what: str, root: bytes) -> None:
        """A seat says something; whether it is the time for it is up to the chain."""
        seats = [
            (id, worker)
            for id, job in self.jobs().items()
            if job.state in OPEN and (job.voted or what == "word")
            for worker in self.team
            if worker.key in [seat.worker for seat in job.voters]
        ]
        if not seats:
            return
        id, worker = data.draw(st.sampled_from(seats))
        if what == "hash":
            call = worker.commit_hash(id, content, gas=7, transcript_root=root)
        elif what == "reveal":
            call = worker.reveal(id, content, gas=7, transcript_root=root)
        elif what == "record":
            call = worker.record_transcript(id, root)
        elif what == "unavailable":
            call = worker.word(id, Word.Unavailable)
        else:
            call = worker.word(id, data.draw(st.sampled_from(Word)))
        with suppress(Custom):
            self.chain.send(call)

    @rule(id=places, place=st.integers(0, len(TEAM) - 1), attempt=st.integers(0, 4))
    def commit_something_else(self, id: int, place: int, attempt: int) -> None:
        if id not in self.chain.rt.jobs.job:
            return
        job, worker = self.chain.job(id), self.team[place]
        if job.stage is Stage.Commits and job.attempt == attempt and worker.key in job.workers:
            return
        try:
            self.chain.send(worker.commit(id, attempt=attempt))
        except (Custom, BadProof):
            return
        raise AssertionError("a commit was taken that nobody waits for")

    # Governance

    @rule(
        measurement=st.sampled_from([SGX.measurement, TDX.measurement]),
        what=st.sampled_from(["allow", "forbid", "pause", "window", "no window"]),
    )
    def govern(self, measurement: bytes, what: str) -> None:
        if what == "allow":
            self.chain.sudo("Attestation", "allow_measurement", measurement=measurement, name=b"n", version=b"1")
        elif what == "pause":
            paused = self.chain.rt.agents.agent[0].paused
            self.chain.call(CAROL, "Agents", "resume" if paused else "pause", agent=0)
        elif "window" in what:
            self.chain.sudo("Jobs", "set_window", window=20_000 if what == "window" else 0)
        else:
            with suppress(Attestation.UnknownMeasurement):
                self.chain.sudo("Attestation", "disallow_measurement", measurement=measurement)

    # Time

    @rule(after=st.sampled_from([5_000, 15_000, 20_000, 30_000, 60_000]))
    def wait(self, after: int) -> None:
        self.before = {id: (job.state, job.attempt) for id, job in self.jobs().items()}
        self.chain.next_block(after)

    @rule()
    def blocks(self) -> None:
        for _ in range(2):
            self.wait(100)
            self.states_follow_the_order()

    @rule(after=st.sampled_from([60_100, 3_600_000]))
    def stand_still(self, after: int) -> None:
        missed = {worker.key: self.missed(worker) for worker in self.team}
        self.wait(after)
        assert not self.chain.events(Jobs.Requeued) and not self.chain.events(Jobs.Expired)
        assert missed == {worker.key: self.missed(worker) for worker in self.team}

    def bonds(self) -> int:
        return self.chain.rt.balances.held(Jobs.HoldReason.ChallengeBond, BOB)

    def missed(self, worker: TestWorker) -> int:
        record = self.chain.rt.workers.worker.get(worker.key)
        return record.missed if record else 0

    def jobs(self) -> dict[int, Any]:
        return {id: self.chain.job(id) for id in range(self.chain.rt.jobs.next_job)}

    # What always holds

    @invariant()
    def money_adds_up(self) -> None:
        rt = self.chain.rt
        assert rt.balances.total_issuance == self.issuance
        open_fees = Counter[bytes]()
        for job in self.jobs().values():
            if job.state in OPEN:
                open_fees[job.submitter] += job.max_fee
        for who in SUBMITTERS:
            assert rt.balances.held(Jobs.HoldReason.Fee, who) == open_fees[who]
        bonds = [job.challenge.bond for job in self.jobs().values() if job.challenge and job.state in OPEN]
        assert self.bonds() == sum(bonds)
        assert rt.balances.free(POT) == DEPOSIT + sum(amount for _, amount in rt.jobs.claimable.items())
        stakes = Counter[bytes]()
        for _, record in rt.workers.worker.items():
            stakes[record.info.operator] += record.stake
        for operator in OPERATORS:
            assert rt.balances.held(Workers.HoldReason.Stake, operator) == stakes[operator]

    @invariant()
    def every_open_job_is_due_once(self) -> None:
        rt, jobs = self.chain.rt, self.jobs()
        assert list(rt.jobs.deadlines) == sorted((job.alarm, id) for id, job in jobs.items() if job.state in OPEN)
        waiting = {id for calendar in (rt.jobs.draws, rt.jobs.retries, rt.jobs.parked) for _, id in calendar}
        now = rt.timestamp.now
        assert {id for id, job in jobs.items() if job.stage is Stage.Draw and job.ends > now} <= waiting
        states = Counter(job.state for job in jobs.values())
        assert {state: count for state, count in rt.jobs.in_state.items() if count} == states
        states_of_workers = Counter(record.state for _, record in rt.workers.worker.items())
        assert {state: count for state, count in rt.workers.in_state.items() if count} == states_of_workers
        assert all((job.stage is Stage.Over) == (job.state not in OPEN) for job in jobs.values())
        assert {id for id in jobs if id in rt.jobs.input} == {id for id, job in jobs.items() if job.state in OPEN}
        done = {id for id, job in jobs.items() if job.outcome is not None and job.audits is None}
        settled = {id for id, job in jobs.items() if job.state is SETTLED and job.audits is None}
        assert {id for id in jobs if id in rt.jobs.output} == done >= settled
        assert {id for id in jobs if id in rt.jobs.audit_input} <= {id for _, id in rt.jobs.lots} & settled
        revealed = {
            (id, seat.ballot.output)
            for id, job in jobs.items()
            if job.state in OPEN
            for seat in job.voters
            if seat.ballot is not None and job.voted
        }
        assert set(rt.jobs.candidate) == revealed

    @invariant()
    def seats_are_the_workers_load(self) -> None:
        rt = self.chain.rt
        seats = Counter[bytes]()
        for id, job in self.jobs().items():
            assert job.attempt <= 3 and len(job.tried) <= job.attempt and job.round <= 3
            operators = [seat.operator for seat in job.seats]
            if job.audits is not None:
                others = [seat for seat in self.chain.job(job.audits).seats if seat.worker != job.seats[0].worker]
                operators += [seat.operator for seat in others]
            assert len(set(operators)) == len(operators) and job.submitter not in operators
            for seat in job.voters:
                if job.state in OPEN and job.stage is not Stage.Window and not seat.is_vacant:
                    seats[seat.worker] += 1
                    tasks = {entry.job: entry for entry in rt.jobs.assignments[seat.worker]}
                    asked = {Stage.Reveals: Task.Reveal}.get(job.stage, Task.Wait)
                    assert tasks[id].attempt == job.attempt
                    if seat.is_pending:
                        waits = job.stage is Stage.Record and seat is not job.seats[0]
                        assert tasks[id].task is (Task.Wait if waits else Task.Run)
                    else:
                        assert tasks[id].task is (asked if seat.phase is SeatPhase.Committed else Task.Wait)
        for worker in self.team:
            record = rt.workers.worker.get(worker.key)
            assert seats[worker.key] == len(rt.jobs.assignments[worker.key]) == (record.load if record else 0)
        listed(self.chain)

    @invariant()
    def states_follow_the_order(self) -> None:
        for id, (state, attempt) in self.before.items():
            job = self.chain.job(id)
            assert job.state in NEXT[state] and job.attempt in (attempt, attempt + 1)
            assert job.attempt == attempt or (state in (ASSIGNED, DISPUTED) and job.state is QUEUED)
            assert job.state is not QUEUED or state is not DISPUTED or (job.led and job.attempt == attempt + 1)
        self.before = {id: (job.state, job.attempt) for id, job in self.jobs().items()}

    @invariant()
    def something_is_due_while_anything_is_open(self) -> None:
        rt = self.chain.rt
        due, deadlines = rt.jobs.next_due(), [when for when, _ in rt.jobs.deadlines]
        if deadlines:
            assert due is not None and due <= min(deadlines + [when for when, _ in rt.workers.silence])


JobLives.TestCase.settings = settings(max_examples=30, stateful_step_count=50, deadline=None)
TestJobLives = JobLives.TestCase
