"""The whole market as a state machine: jobs, votes, stakes, slashes, schedules, governance and time, in any order.

`test_jobs_stateful` and `test_stake_stateful` look at their part more closely. Here everything happens on one chain,
and at the end everyone gets out what is theirs by a fixed sequence of calls. `make properties` tries more.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from offchain.simulated_tee import SgxMeasurements, TdxMeasurements
from pallets.agents.pallet import Agents
from pallets.frame.events import DispatchError
from pallets.frame.runtime import Call
from pallets.frame.validity import BadProof, Custom
from pallets.jobs.calendar import reveal_time
from pallets.jobs.end import POT as JOB_POT
from pallets.jobs.end import WITNESSED
from pallets.jobs.pallet import Jobs
from pallets.primitives.attestation_record import Tee
from pallets.primitives.evidence import EVIDENCE, SlashReason, contradicts, signed
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.job import NO_TRANSCRIPT, InlineInput, Mode, Word, job_commit_bytes
from pallets.primitives.job_record import Job, JobState, Seat, SeatPhase, Stage
from pallets.primitives.worker_record import ANY, LEAVING, Requirements, Worker, WorkerState
from pallets.schedules import Schedules
from pallets.slashing.pallet import POT as SLASH_POT
from pallets.slashing.pallet import Slashing
from pallets.workers.liveness import REWARDS
from pallets.workers.pallet import Workers
from pallets.workers.stake import POT as STAKE_POT
from tests.pallets.job_chain import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_TREASURY,
    DEPOSIT,
    OPERATORS,
    SGX,
    STAKE,
    TDX,
    UNIT,
    JobChain,
    TestWorker,
)
from tests.pallets.test_slashing import double_commit, double_output, double_receipt, void_and_receipt
from tests.pallets.test_workers import listed
from tests.pallets.test_workers_liveness import report as benchmark

MORE = tuple(bytes((0xE0 + i,)) * 32 for i in range(3))
EVERY_OPERATOR = (*OPERATORS, *MORE)
TEAM: tuple[tuple[bytes, SgxMeasurements | TdxMeasurements], ...] = (
    (OPERATORS[0], SGX),
    (OPERATORS[0], TDX),
    *((operator, (SGX, TDX)[i % 2]) for i, operator in enumerate(EVERY_OPERATOR[1:])),
)
PEOPLE = (ALICE, BOB, CAROL)
OVER = (JobState.Settled, JobState.Expired)
UNBONDING, DEFER, STEP = 3_600_000, 600_000, 50_000
CONTENTS = (b"output", b"something else")
ROOT, OTHER_ROOT = b"\x11" * 32, b"\x22" * 32
FAULTS = (double_commit, double_output, double_receipt, void_and_receipt)
ROUNDING = (Workers.Delegated, Workers.Undelegated, Workers.DelegatorsPaid, Workers.RewardsClaimed, Slashing.Slashed)
"""When what a delegator has earned is rounded down: at most one unit each, which stays in the pot."""
MOST_JOBS = 12

places = st.integers(0, len(TEAM) - 1)
jobs = st.integers(0, MOST_JOBS - 1)
operators = st.sampled_from(EVERY_OPERATOR[:3])
everyone = st.sampled_from((*PEOPLE, *EVERY_OPERATOR[:3]))
amounts = st.sampled_from([1, UNIT, 5 * UNIT + 3, 2 * STAKE])


class Market(RuleBasedStateMachine):
    """People, workers, delegators, reporters, governance and time."""

    @initialize(window=st.sampled_from([0, 30_000]))
    def begin(self, window: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("pallets.jobs.lots.ONE_IN", 4)
        self.chain = JobChain()
        self.chain.sudo("Jobs", "set_window", window=window)
        self.rt = self.chain.rt
        self.rt.workers.challenge_interval = 300_000
        for who in MORE:
            self.chain.sudo("Balances", "force_set_balance", who=who, new_free=10_000 * UNIT)
        self.rt.balances.mint_into(CHAIN_TREASURY, DEPOSIT)
        self.rt.balances.mint_into(REWARDS, 20 * UNIT)
        self.chain.agent()
        self.team = [self.chain.worker(f"{i}", *terms).register() for i, terms in enumerate(TEAM)]
        self.issuance, self.heard, self.rounded = self.rt.balances.total_issuance, 0, 0
        self.records, self.silent = dict[bytes, Worker](), set[int]()
        self.wait(100)

    # What is tried; most of it may be refused

    def tried(self, *arguments: Any, **more: Any) -> bool:
        try:
            self.chain.call(*arguments, **more)
        except DispatchError:
            return False
        return True

    def sent(self, call: Call) -> bool:
        try:
            self.chain.send(call)
        except (Custom, BadProof):
            return False
        return True

    # People and their jobs

    @rule(
        who=st.sampled_from((ALICE, BOB, OPERATORS[1])),
        replicas=st.sampled_from([1, 3, 3, 5]),
        fee=st.sampled_from([10**3, UNIT]),
        deadline=st.sampled_from([45_000, 90_000]),
        mode=st.sampled_from(Mode),
    )
    def submit(self, who: bytes, replicas: int, fee: int, deadline: int, mode: Mode) -> None:
        if self.rt.jobs.next_job < MOST_JOBS:
            terms = {"agent": 0, "input": InlineInput(b"input"), "mode": mode, "callback": None}
            self.tried(who, "Jobs", "submit", replicas=replicas, max_fee=fee, deadline=deadline, **terms)
            self.wait(100)
            self.wait(100)

    @rule(
        replicas=st.sampled_from([1, 3, 3, 5]),
        liars=st.integers(0, 31),
        silent=st.sampled_from([0, 0, 0b1, 0b110]),
        secret=st.sampled_from([0, 0, 0b1]),
        after=st.sampled_from([100, 30_000]),
        mode=st.sampled_from(Mode),
    )
    def whole_job(self, replicas: int, liars: int, silent: int, secret: int, after: int, mode: Mode) -> None:
        """From its submission to where its seats have said what they will: some lie, or say nothing, or half of it."""
        self.submit(ALICE, replicas, UNIT, 90_000, mode)
        self.all_work(liars, silent)
        self.wait(after)
        self.all_work(liars, silent | secret)

    @rule(who=everyone, id=jobs, name=st.sampled_from(["cancel", "challenge", "challenge"]))
    def dispute(self, who: bytes, id: int, name: str) -> None:
        self.tried(who, "Jobs", name, job=id % max(self.rt.jobs.next_job, 1))

    @rule(who=everyone, operator=operators)
    def claim(self, who: bytes, operator: bytes) -> None:
        self.tried(who, "Jobs", "claim")
        self.tried(who, "Workers", "claim_rewards", operator=operator)

    @rule(who=st.sampled_from((ALICE, OPERATORS[1])), count=st.integers(1, 4), replicas=st.sampled_from([1, 3]))
    def schedule(self, who: bytes, count: int, replicas: int) -> None:
        terms = {"agent": 0, "input": InlineInput(b"input"), "mode": Mode.Deterministic, "callback": None}
        terms |= {"replicas": replicas, "max_fee": UNIT, "deadline": 45_000}
        first = self.rt.timestamp.now + 10_000
        self.tried(who, "Schedules", "schedule", first=first, interval=20_000, count=count, **terms)

    @rule(who=st.sampled_from((ALICE, OPERATORS[1])), id=st.integers(0, 3))
    def unschedule(self, who: bytes, id: int) -> None:
        self.tried(who, "Schedules", "unschedule", schedule=id)

    # Workers and their jobs

    def seats(self) -> list[tuple[int, Job, TestWorker, Seat]]:
        """Of votes, and of jobs of one replica."""
        worker = {each.key: each for each in self.team}
        return [
            (id, job, worker[seat.worker], seat)
            for id, job in self.jobs().items()
            if job.state not in OVER
            for seat in job.voters
        ]

    @rule(
        data=st.data(),
        what=st.sampled_from(["work", "Abstain", "Acknowledge", "Unavailable", "record", "twice"]),
        content=st.sampled_from(CONTENTS),
    )
    def say(self, data: st.DataObject, what: str, content: bytes) -> None:
        """One seat says something, be it the time for it or not."""
        seats = self.seats()
        if not seats:
            return
        id, job, worker, seat = data.draw(st.sampled_from(seats))
        if what in Word.__members__:
            self.sent(worker.word(id, Word[what]))
        elif what == "record":
            self.sent(worker.record_transcript(id, OTHER_ROOT))
        elif what == "twice" and seat.commitment is not None and job.voted:
            taken = self.sent(worker.commit_hash(id, hash=content.ljust(32)))
            assert taken is (not seat.is_vacant)
        else:
            self.work(id, job, worker, content)

    def work(self, id: int, job: Job, worker: TestWorker, content: bytes) -> None:
        if job.stage is Stage.Record:
            self.sent(worker.record_transcript(id, ROOT))
            job = self.chain.job(id)
        root = NO_TRANSCRIPT if job.mode is Mode.Deterministic else job.transcript or ROOT
        if not job.voted:
            self.sent(worker.commit(id, content, transcript_root=root))
        elif job.stage is Stage.Commits:
            self.sent(worker.commit_hash(id, content, gas=200, transcript_root=root))
        elif not self.sent(worker.reveal(id, content, gas=200, transcript_root=root)):
            self.sent(worker.reveal(id, CONTENTS[content == CONTENTS[0]], gas=200, transcript_root=root))

    @rule(id=jobs, silent=st.integers(0, 31))
    def withhold(self, id: int, silent: int) -> None:
        """Seats say that they can't get a transcript."""
        for at, _, worker, _ in self.seats():
            if at == id % max(self.rt.jobs.next_job, 1) and not silent >> self.team.index(worker) % 5 & 1:
                self.sent(worker.word(at, Word.Unavailable))

    @rule(liars=st.integers(0, 31), silent=st.sampled_from([0, 0, 0b1, 0b110]))
    def all_work(self, liars: int, silent: int) -> None:
        """Every seat does what it has to, but for liars and those that say nothing."""
        for id, job, worker, seat in self.seats():
            bit = self.team.index(worker) % 5
            if not silent >> bit & 1 and not seat.is_vacant:
                self.work(id, job, worker, CONTENTS[liars >> bit & 1])

    @rule(place=places, name=st.sampled_from(["register", "reattest", "exit", "withdraw", "bond_more"]), amount=amounts)
    def serve(self, place: int, name: str, amount: int) -> None:
        worker = self.team[place]
        before, who = worker.record, worker.info.operator
        if name == "register":
            self.tried(who, "Workers", name, info=worker.info, quote=worker.quote(), stake=STAKE)
            if before.state is WorkerState.CoolingDown:
                assert worker.record == before
        elif name == "reattest":
            self.tried(who, "Workers", name, info=worker.info, quote=worker.quote())
        else:
            more = {"amount": amount} if name == "bond_more" else {}
            self.tried(who, "Workers", name, worker=worker.key, **more)

    @rule(place=places)
    def come_back(self, place: int) -> None:
        """Leaves, is refused as long as it cools down, and begins again."""
        for name in ("exit", "register"):
            self.serve(place, name, 0)
            self.no_history_is_lost()
        self.stand_still(UNBONDING)
        for name in ("register", "withdraw", "register"):
            self.no_history_is_lost()
            self.serve(place, name, 0)

    @rule(place=places, speed=st.sampled_from([300, 1_000]))
    def beat(self, place: int, speed: int) -> None:
        self.sent(self.team[place].heartbeat())
        self.sent(benchmark(self.team[place], work=1_000 * speed))

    @rule(place=places)
    def fall_silent(self, place: int) -> None:
        """Or be heard again."""
        self.silent ^= {place}

    # Stake

    @rule(
        who=everyone, operator=operators, amount=amounts, name=st.sampled_from(["delegate", "delegate", "undelegate"])
    )
    def delegate(self, who: bytes, operator: bytes, amount: int, name: str) -> None:
        self.tried(who, "Workers", name, operator=operator, amount=amount)

    @rule(who=everyone, operator=operators, commission=st.sampled_from([0, 77_777, 1_000_000]))
    def terms(self, who: bytes, operator: bytes, commission: int) -> None:
        self.tried(who, "Workers", "withdraw_delegation", operator=operator, delegator=who)
        self.tried(operator, "Workers", "set_commission", commission=commission)

    # Faults

    @rule(who=everyone, place=places, fault=st.sampled_from(FAULTS), id=jobs)
    def report(self, who: bytes, place: int, fault: Any, id: int) -> None:
        worker = self.team[place]
        evidence = fault(worker, id) if fault in (double_commit, double_output) else fault(worker)
        self.tried(who, "Slashing", "report", evidence=evidence)

    @rule(who=everyone, id=st.integers(0, 7), cancelled=st.booleans())
    def appeal(self, who: bytes, id: int, cancelled: bool) -> None:
        opened = sorted(id for id, _ in self.rt.slashing.slash.items())
        id = opened[id % len(opened)] if opened else id
        self.tried(who, "Slashing", "appeal", slash=id, text=b"it wasn't me")
        if cancelled:
            with suppress(Slashing.UnknownSlash):
                self.chain.sudo("Slashing", "cancel", slash=id)

    # Governance

    @rule(
        place=places,
        measurement=st.sampled_from([SGX.measurement, TDX.measurement]),
        what=st.sampled_from(
            ["revoke", "allow", "disallow", "window", "no window", "pause", "require", "require nothing"]
        ),
    )
    def govern(self, place: int, measurement: bytes, what: str) -> None:
        chain = self.chain
        with suppress(DispatchError):
            if what == "revoke":
                chain.sudo("Attestation", "revoke", worker=self.team[place].key)
            elif what == "allow":
                chain.sudo("Attestation", "allow_measurement", measurement=measurement, name=b"n", version=b"1")
            elif what == "disallow":
                chain.sudo("Attestation", "disallow_measurement", measurement=measurement)
            elif "window" in what:
                chain.sudo("Jobs", "set_window", window=30_000 if what == "window" else 0)
            elif what == "pause":
                chain.call(CAROL, "Agents", "resume" if self.rt.agents.agent[0].paused else "pause", agent=0)
            else:
                wanted = ANY if what == "require nothing" else Requirements(Tee.Tdx, 5, False, 0, None, [])
                chain.call(CAROL, "Agents", "set_requirements", agent=0, requirements=wanted)

    # Time

    @rule(after=st.sampled_from([100, 5_000, 10_000, 20_000, 30_000, 60_000]))
    def wait(self, after: int) -> None:
        self.hear()
        self.chain.next_block(after)
        self.heard = 0
        for event in self.chain.events(Workers.Challenged):
            (place,) = [i for i, worker in enumerate(self.team) if worker.key == event.worker]
            if place not in self.silent:
                self.sent(self.team[place].heartbeat())
        self.hear()

    @rule(after=st.sampled_from([60_100, DEFER, UNBONDING]))
    def stand_still(self, after: int) -> None:
        missed = [worker.record.missed for worker in self.team]
        self.wait(after)
        assert missed == [worker.record.missed for worker in self.team]
        assert not self.chain.events(Jobs.Requeued) and not self.chain.events(Jobs.Expired)

    @rule()
    def some_time(self) -> None:
        for _ in range(DEFER // STEP):
            self.wait(STEP)

    # What always holds

    def jobs(self) -> dict[int, Job]:
        return {id: self.chain.job(id) for id in range(self.rt.jobs.next_job)}

    def hear(self) -> None:
        """Looks at each event once."""
        for event in self.rt.events[self.heard :]:
            assert not isinstance(
                event, Jobs.Abandoned | Workers.Abandoned | Slashing.Abandoned | Schedules.Abandoned | Workers.NotTaken
            ), event
            if isinstance(event, Slashing.Deferred):
                self.check_evidence(event)
            elif isinstance(event, Schedules.Ran):
                self.issuance -= self.rt.schedules.run_fee * self.rt.jobs.job[event.job].replicas
            elif isinstance(event, ROUNDING):
                self.rounded += len(PEOPLE) + len(EVERY_OPERATOR)
        self.heard = len(self.rt.events)

    def check_evidence(self, event: Slashing.Deferred) -> None:
        """No slash without what proves it."""
        genesis = self.chain.genesis_hash
        if event.reason in (SlashReason.DoubleCommit, SlashReason.DoubleOutput, SlashReason.DoubleReceipt):
            shown: Any = EVIDENCE.decode_all(event.evidence)
            assert shown.worker == event.worker and contradicts(shown)
            said = list(signed(shown, genesis))
            assert len({content for content, _ in said}) == 2
            assert all(self.rt.verify(Ed25519(signature), content, event.worker) for content, signature in said)
            return
        id, attempt, seat = WITNESSED.decode_all(event.evidence)
        job = self.chain.job(id)
        assert seat.worker == event.worker and (seat.worker in job.workers or (job.led and job.attempt > attempt))
        if event.reason is SlashReason.NotRevealed:
            assert seat.phase is SeatPhase.Unrevealed and seat.ballot is None and seat.commitment is not None
            assert self.rt.timestamp.now >= seat.at + reveal_time(job)
            content = job_commit_bytes(genesis=genesis, job=id, attempt=attempt, hash=seat.commitment.hash)
            assert self.rt.verify(Ed25519(seat.commitment.signature), content, seat.worker)
        elif seat.phase is SeatPhase.Unrevealed:
            assert event.reason is SlashReason.LostChallenge and job.mode is Mode.Recorded
            assert seat.worker == job.seats[0].worker and job.missed_by >= job.threshold
        else:
            assert job.mode is not Mode.Oracle
            assert seat.ballot is not None and job.outcome is not None
            assert seat.ballot.key != job.outcome.ballot.key

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        self.hear()
        rt = self.rt
        accounts = [account.data for _, account in rt.system.account.items()]
        assert rt.balances.total_issuance == self.issuance == sum(data.free + data.reserved for data in accounts)
        assert rt.balances.free(JOB_POT) == DEPOSIT + sum(amount for _, amount in rt.jobs.claimable.items())
        assert rt.balances.free(SLASH_POT) == DEPOSIT
        assert 0 <= rt.balances.free(STAKE_POT) - DEPOSIT - self.earned() <= self.rounded

    def earned(self) -> int:
        """What people have earned with stake and not claimed."""
        found = sum(amount for _, amount in self.rt.workers.owed.items())
        for operator in EVERY_OPERATOR:
            index = self.rt.workers.pool[operator].index
            for _, one in self.rt.workers.delegation.prefix(operator):
                found += one.position.bonded * (index - one.index) // 10**18
        return found

    @invariant()
    def what_is_held_is_what_the_records_say(self) -> None:
        rt, wanted = self.rt, Counter[tuple[bytes, str]]()
        for job in self.jobs().values():
            if job.state not in OVER:
                wanted[job.submitter, "Fee"] += job.max_fee
                if job.challenge is not None and job.challenge.who is not None:
                    wanted[job.challenge.who, "ChallengeBond"] += job.challenge.bond
        for worker in self.team:
            position = rt.workers.position[worker.key]
            assert worker.record.stake == position.total
            wanted[worker.info.operator, "Stake"] += position.total
        for operator in EVERY_OPERATOR:
            for who, one in rt.workers.delegation.prefix(operator):
                wanted[who, "Delegation"] += one.position.total
        for _, slash in rt.slashing.slash.items():
            if slash.reporter is not None:
                wanted[slash.reporter, "Report"] += slash.bond
        for _, schedule in rt.schedules.schedule_of.items():
            wanted[schedule.owner, "Schedule"] += schedule.deposit
        if 0 in rt.agents.requirements:
            wanted[CAROL, "Requirements"] += rt.agents.requirements_deposit
        held = Counter[tuple[bytes, str]]()
        for who, entries in rt.balances.holds.items():
            assert rt.system.account[who].data.reserved == sum(entry.amount for entry in entries)
            for entry in entries:
                held[who, entry.id.name] += entry.amount
        assert held == wanted

    @invariant()
    def whatever_is_open_is_due(self) -> None:
        rt = self.rt
        opened = {id: job for id, job in self.jobs().items() if job.state not in OVER}
        assert sorted((job.alarm, id) for id, job in opened.items()) == list(rt.jobs.deadlines)
        assert sorted((slash.due, id) for id, slash in rt.slashing.slash.items()) == list(rt.slashing.deferred)
        assert sorted((one.next, id) for id, one in rt.schedules.schedule_of.items()) == list(rt.schedules.runs)
        load = Counter(
            seat.worker
            for job in opened.values()
            if job.stage is not Stage.Window
            for seat in job.voters
            if not seat.is_vacant
        )
        assert load == Counter({worker.key: worker.record.load for worker in self.team if worker.record.load})
        listed(self.chain)

    @invariant()
    def no_history_is_lost(self) -> None:
        """Leaving and coming back resets neither what a worker did nor its cool-down."""
        for worker in self.team:
            record, before = worker.record, self.records.get(worker.key)
            self.records[worker.key] = record
            if before is None:
                continue
            assert record.registered_at == before.registered_at and record.speed_at >= before.speed_at
            for name in ("kept", "missed", "slashed"):
                assert getattr(record, name) >= getattr(before, name), name
            if before.state is WorkerState.CoolingDown:
                assert record.state in LEAVING and (record.state is WorkerState.Left or record.due == before.due)
                assert record.state is not WorkerState.Left or self.rt.timestamp.now >= before.due

    # In the end

    def teardown(self) -> None:
        """All jobs and slashes end by themselves, and everyone gets out what is theirs."""
        if hasattr(self, "patch"):
            self.patch.undo()
        if not hasattr(self, "records"):
            return
        rt, chain = self.rt, self.chain
        for id, schedule in list(rt.schedules.schedule_of.items()):
            chain.call(schedule.owner, "Schedules", "unschedule", schedule=id)
        self.silent = set(range(len(TEAM)))
        for _ in range(16):  # twice a deadline and a third of it, a window, and a few that a block has to do
            self.wait(30_000)
        assert all(job.state in OVER for job in self.jobs().values())
        for _ in range(len(list(rt.slashing.deferred)) + DEFER // STEP + 1):
            self.wait(STEP)
        assert not list(rt.slashing.slash)
        for worker in self.team:
            if worker.record.state not in LEAVING:
                chain.call(worker.info.operator, "Workers", "exit", worker=worker.key)
        delegations = [(of, who, one) for of in EVERY_OPERATOR for who, one in rt.workers.delegation.prefix(of)]
        for operator, who, one in delegations:
            if one.position.bonded:
                chain.call(who, "Workers", "undelegate", operator=operator, amount=10**30)
        self.wait(UNBONDING)
        for worker in self.team:
            if worker.record.state is not WorkerState.Left:
                chain.call(worker.info.operator, "Workers", "withdraw", worker=worker.key)
        for operator, who, _ in delegations:
            chain.call(BOB, "Workers", "withdraw_delegation", operator=operator, delegator=who)
        for who in (*PEOPLE, *EVERY_OPERATOR):
            if rt.jobs.claimable[who]:
                chain.call(who, "Jobs", "claim")
            if rt.workers.owed[who]:
                chain.call(who, "Workers", "claim_rewards", operator=who)
        with suppress(Agents.UnknownAgent):
            chain.call(CAROL, "Agents", "set_requirements", agent=0, requirements=ANY)
        assert not [who for who, entries in rt.balances.holds.items() if entries]
        assert not list(rt.workers.owed) and not list(rt.jobs.assignments) and not list(rt.workers.silence)
        self.no_money_is_made_or_lost()
        self.what_is_held_is_what_the_records_say()
        self.no_history_is_lost()


Market.TestCase.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
TestMarket = Market.TestCase
