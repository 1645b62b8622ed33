"""Whoever keeps to the rules loses nothing, whatever a minority of a job's seats does: in every mode."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.frame.runtime import Call
from pallets.frame.validity import BadProof, Custom
from pallets.jobs.pallet import Jobs
from pallets.primitives.evidence import SlashReason
from pallets.primitives.job import NO_TRANSCRIPT, Mode, Word
from pallets.primitives.job_record import Job, JobState, Seat, Stage, Task
from pallets.slashing.pallet import Slashing
from tests.pallets.job_chain import BOB, JobChain, TestWorker
from tests.pallets.voting import Crew, check_books, crew

RIGHT, WRONG = b"right", b"wrong"
ROOT, OTHER = b"\x11" * 32, b"\x22" * 32
OVER = (JobState.Settled, JobState.Expired)
GAS = 1_000
SAYS = ("lies", "silent", "withholds", "commits twice", "says unavailable", "abstains", "records and is gone")


class Play:
    """One job, with seats that keep to the rules and some that don't."""

    def __init__(self, chain: JobChain, team: Crew, rogues: dict[bytes, str]) -> None:
        self.chain, self.team, self.rogues = chain, team, rogues
        self.slashed = list[Slashing.Deferred]()

    def sent(self, call: Call) -> None:
        with suppress(Custom, BadProof):
            self.chain.send(call)

    def run(self, id: int) -> Job:
        """Until the job is over, which it must be in time."""
        for _ in range(60):
            job = self.chain.job(id)
            if job.state in OVER:
                return job
            for seat in list(job.voters):
                self.act(id, self.team[seat.worker])
            self.hear()
            self.chain.next_block(4_000)
            self.hear()
            for worker in self.team.values():
                if worker.record.challenged:
                    self.sent(worker.heartbeat())
        raise AssertionError(f"job {id} has no end: {self.chain.job(id)}")

    def hear(self) -> None:
        self.slashed += [event for event in self.chain.events(Slashing.Deferred) if event not in self.slashed]

    def act(self, id: int, worker: TestWorker) -> None:
        tasks = {each.job: each.task for each in self.chain.rt.jobs.assignments[worker.key]}
        task, job, rogue = tasks.get(id, Task.Wait), self.chain.job(id), self.rogues.get(worker.key)
        seat = job.seat_of(worker.key)
        if task is Task.Wait or seat is None or rogue == "silent":
            return
        if task is Task.Run:
            self.commit(id, job, seat, worker, rogue)
        elif rogue != "withholds":
            self.sent(worker.reveal(id, WRONG if rogue == "lies" else RIGHT, gas=GAS, transcript_root=self.root(job)))

    def commit(self, id: int, job: Job, seat: Seat, worker: TestWorker, rogue: str | None) -> None:
        if rogue in ("abstains", "says unavailable"):
            self.sent(worker.word(id, Word.Abstain if rogue == "abstains" else Word.Unavailable))
        if job.stage is Stage.Record:
            self.sent(worker.record_transcript(id, ROOT))
            if rogue is not None:
                self.sent(worker.record_transcript(id, OTHER))
            job = self.chain.job(id)
        if not job.seats:  # another leader is drawn
            return
        if rogue == "records and is gone" and job.voted:
            return
        recorder = self.rogues.get(job.seats[0].worker)
        if job.transcript is not None and seat.worker != job.seats[0].worker and recorder == "records and is gone":
            self.sent(worker.word(id, Word.Unavailable))
            return
        content = WRONG if rogue == "lies" else RIGHT
        if not job.voted:
            self.sent(worker.commit(id, content, gas=GAS, transcript_root=self.root(job)))
            return
        self.sent(worker.commit_hash(id, content, gas=GAS, transcript_root=self.root(job)))
        if rogue == "commits twice":
            self.sent(worker.commit_hash(id, hash=OTHER))

    @staticmethod
    def root(job: Job) -> bytes:
        return NO_TRANSCRIPT if job.mode is Mode.Deterministic else job.transcript or ROOT


@settings(max_examples=40, deadline=None)
@given(
    mode=st.sampled_from(Mode),
    replicas=st.sampled_from([1, 3, 5]),
    rogues=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(SAYS)), max_size=2),
    window=st.booleans(),
    challenged=st.booleans(),
    lots=st.sampled_from([1, 64]),
)
def test_only_who_breaks_the_rules_is_slashed(
    mode: Mode, replicas: int, rogues: list[tuple[int, str]], window: bool, challenged: bool, lots: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pallets.jobs.lots.ONE_IN", lots)
        chain = JobChain()
        chain.agent()
        chain.sudo("Jobs", "set_window", window=30_000 if window else 0)
        team = crew(chain, 10)
        keys = list(team)
        # one where three vote, two where five do: a minority, whoever is drawn
        few = {keys[at]: how for at, how in rogues[: max(1, replicas // 2)]}
        play = Play(chain, team, few)
        chain.blocks(2)
        job = chain.submit(mode=mode, replicas=replicas, deadline=120_000)
        chain.blocks(2)
        if challenged and replicas == 1 and window and mode is not Mode.Oracle:
            play.act(job, team[chain.job(job).seats[0].worker])
            with suppress(Jobs.NotProvisional):  # there may be no output
                chain.call(BOB, "Jobs", "challenge", job=job)
        ended = play.run(job)
        assert mode is not Mode.Oracle or all(event.reason is not SlashReason.WrongOutput for event in play.slashed)
        for _ in range(8):
            chain.next_block(200)
        for other in range(job + 1, chain.rt.jobs.next_job):  # an audit
            assert chain.job(other).audits == job
            play.run(other)
        for event in play.slashed:
            assert event.worker in few, (event, few)
        if not few:
            assert ended.state is JobState.Settled and chain.rt.jobs.output[job] == RIGHT
        if ended.state is JobState.Settled and replicas > 1:
            assert chain.rt.jobs.output[job] == RIGHT
        assert not list(chain.rt.jobs.audit_input) and not chain.events(Jobs.Abandoned)
        check_books(chain)
