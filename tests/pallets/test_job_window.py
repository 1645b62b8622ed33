"""The window in which an output is provisional: what follows at its end, what a challenge costs and whom."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.attestation.pallet import Attestation
from pallets.frame.events import BadOrigin, Token
from pallets.frame.genesis import InvalidGenesis, build_genesis
from pallets.frame.testing import noop
from pallets.frame.validity import Custom
from pallets.jobs.lots import LOT, ONE_IN
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import Word
from pallets.primitives.job_record import Challenge, ExpiryReason, JobState, SeatPhase, Stage
from pallets.primitives.pots import treasury
from pallets.slashing.pallet import Slashing
from tests.pallets.job_chain import ALICE, BOB, CHAIN_TREASURY, OPERATORS, STAKE, UNIT, JobChain, JobRuntime, TestWorker
from tests.pallets.voting import PAY, Crew, balanced_chain, charges, commit_all, crew, reveal_all, seated, vote

WINDOW, HOUR = 30_000, 3_600_000
MIN_SLASH = STAKE // 10
A, B, C = b"right", b"wrong", b"other"

without_window = balanced_chain


@pytest.fixture
def chain(without_window: JobChain) -> JobChain:
    """The chain of votes, with a window of half a minute."""
    without_window.sudo("Jobs", "set_window", window=WINDOW)
    return without_window


@pytest.fixture
def team(chain: JobChain) -> Crew:
    return crew(chain, 12)


@pytest.fixture(autouse=True)
def no_lot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain has nothing judged of its own accord, but in tests of just that."""
    if "lot" not in request.node.name:
        monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1 << 256)


def provisional(chain: JobChain, team: Crew, content: bytes = A, **terms: Any) -> tuple[int, TestWorker]:
    """A job with a provisional output, and the worker that found it."""
    job = chain.submit(**terms)
    chain.blocks(2)
    worker = team[chain.job(job).workers[0]]
    chain.send(worker.commit(job, content))
    return job, worker


def challenged(
    chain: JobChain, team: Crew, content: bytes = A, **terms: Any
) -> tuple[int, TestWorker, list[TestWorker]]:
    """A job whose output Bob has challenged, its worker, and those that judge it."""
    job, worker = provisional(chain, team, content, **terms)
    chain.call(BOB, "Jobs", "challenge", job=job)
    chain.blocks(2)
    return job, worker, seated(chain, team, job, 1)


def bond(chain: JobChain) -> int:
    return chain.rt.balances.held(Jobs.HoldReason.ChallengeBond, BOB)


def owed(chain: JobChain, worker: TestWorker) -> int:
    return chain.rt.jobs.claimable[worker.info.operator]


# The window


def test_set_window(chain: JobChain) -> None:
    with noop(chain.rt, BadOrigin):
        chain.call(ALICE, "Jobs", "set_window", window=1)
    with noop(chain.rt, Jobs.WindowTooLong):
        chain.sudo("Jobs", "set_window", window=300_001)
    chain.sudo("Jobs", "set_window", window=300_000)
    assert chain.rt.events[-1] == Jobs.WindowSet(300_000)
    with pytest.raises(InvalidGenesis):
        build_genesis(JobRuntime, {"jobs": {"window": 300_001}})
    assert JobChain().rt.jobs.window == 0


def test_nothing_follows_before_the_window_ends(chain: JobChain, team: Crew) -> None:
    job, worker = provisional(chain, team)
    end = chain.rt.timestamp.now + WINDOW
    record = chain.job(job)
    assert (record.state, record.stage, record.due) == (JobState.Committed, Stage.Window, end)
    assert chain.events(Jobs.Committed)[0].worker == worker.key and chain.events(Jobs.Settled) == []
    assert record.outcome and (record.outcome.fee, record.outcome.settled_at) == (PAY, 0)
    assert chain.rt.jobs.output.get(job) == A and job in chain.rt.jobs.input
    assert (owed(chain, worker), chain.rt.balances.held(Jobs.HoldReason.Fee, ALICE)) == (0, UNIT)
    assert (worker.record.load, worker.record.kept) == (0, 1) and worker.key not in chain.rt.jobs.assignments
    for call, error in (
        (worker.commit(job, B), Jobs.AlreadyCommitted),
        (worker.word(job), Jobs.AlreadyCommitted),
        (worker.commit_hash(job, A), Jobs.NoVote),
    ):
        with pytest.raises(Custom) as refusal:
            chain.send(call)
        assert refusal.value.code == error.index
    with noop(chain.rt, Jobs.NotQueued):
        chain.call(ALICE, "Jobs", "cancel", job=job)
    chain.sudo("Jobs", "set_window", window=0)
    chain.next_block(WINDOW - 100)
    assert chain.job(job).state is JobState.Committed  # it keeps its end
    chain.next_block()
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, blake2_256(A), 1_000, PAY)]
    shares = {worker.info.operator: PAY - 750 - 150, treasury(0): 750, CHAIN_TREASURY: 150}
    assert {event.who: event.amount for event in chain.events(Jobs.Paid)} == shares
    outcome = chain.job(job).outcome
    assert outcome and outcome.settled_at == chain.rt.timestamp.now
    assert worker.record.kept == 1


def test_a_vote_has_no_window(chain: JobChain, team: Crew) -> None:
    job = chain.submit(replicas=3)
    chain.blocks(2)
    vote(chain, job, seated(chain, team, job), [A, A, A])
    assert chain.job(job).state is JobState.Settled


def test_a_gap_ends_no_window(chain: JobChain, team: Crew) -> None:
    job, _ = provisional(chain, team)
    chain.next_block(HOUR)
    assert (chain.job(job).state, chain.job(job).due) == (JobState.Committed, chain.rt.timestamp.now + WINDOW)
    chain.call(BOB, "Jobs", "challenge", job=job)
    chain.next_block(HOUR)
    assert chain.job(job).ends >= chain.rt.timestamp.now + 60_000
    chain.blocks(2)
    judges = seated(chain, team, job, 1)
    chain.next_block(HOUR)
    vote(chain, job, judges, [A, A, A])
    assert chain.job(job).state is JobState.Settled


# Challenges


def test_a_challenge_is_judged_by_fresh_seats(chain: JobChain, team: Crew) -> None:
    job, worker = provisional(chain, team)
    chain.call(BOB, "Jobs", "challenge", job=job)
    record = chain.job(job)
    assert chain.rt.events[-1] == Jobs.Disputed(job, 1)
    assert chain.events(Jobs.Challenged) == [Jobs.Challenged(job, BOB, UNIT)]
    assert (record.state, record.stage, record.challenge) == (JobState.Disputed, Stage.Draw, Challenge(BOB, UNIT))
    assert bond(chain) == UNIT and record.ends == chain.rt.timestamp.now + 60_000
    chain.next_block()
    assert chain.job(job).voters == []
    chain.next_block()
    judges = seated(chain, team, job, 1)
    assert len({judge.key for judge in judges} | {worker.key}) == 4 and chain.job(job).threshold == 2
    for call, error in (
        (worker.commit(job, A), Jobs.AlreadyCommitted),
        (worker.commit_hash(job, A), Jobs.WrongWorker),
        (judges[0].commit(job, A), Jobs.HashesFirst),
    ):
        with pytest.raises(Custom) as refusal:
            chain.send(call)
        assert refusal.value.code == error.index
    vote(chain, job, judges, [A, A, A])


def test_the_bond_is_at_least_what_the_judges_cost(chain: JobChain, team: Crew) -> None:
    chain.rt.jobs.challenge_bond = 5
    job, _ = provisional(chain, team)
    chain.call(BOB, "Jobs", "challenge", job=job)
    assert bond(chain) == 4 * PAY
    chain.blocks(2)
    vote(chain, job, seated(chain, team, job, 1), [A, A, A])
    assert bond(chain) == 0


def test_an_output_that_stands_costs_the_challenger_the_bond(chain: JobChain, team: Crew) -> None:
    chain.rt.jobs.challenge_bond = 4 * PAY + 3
    free = chain.rt.balances.free(BOB)
    job, worker, judges = challenged(chain, team)
    vote(chain, job, judges, [A, A, A])
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, blake2_256(A), 1_000, PAY)]
    assert (bond(chain), chain.rt.balances.free(BOB)) == (0, free - 4 * PAY - 3)
    own = PAY - PAY // 4 - PAY // 20
    assert owed(chain, worker) == own + PAY + 3
    assert [owed(chain, judge) for judge in judges] == [PAY] * 3
    assert charges(chain) == [] and chain.rt.jobs.output.get(job) == A
    assert [judge.record.kept for judge in judges] == [1, 1, 1]


def test_a_wrong_output_costs_its_worker(chain: JobChain, team: Crew) -> None:
    chain.rt.jobs.min_slash = 5
    free = chain.rt.balances.free(BOB)
    job, liar, judges = challenged(chain, team, B)
    vote(chain, job, judges, [A, A, A])
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, blake2_256(A), 1_000, 3 * PAY)]
    assert chain.rt.jobs.output.get(job) == A
    outcome = chain.job(job).outcome
    assert outcome and outcome.worker == judges[0].key
    assert charges(chain) == [(liar.key, "LostChallenge", 64 * PAY)]
    (charge,) = [each for _, each in chain.rt.slashing.slash.items()]
    assert charge.reporter == BOB
    assert (owed(chain, liar), bond(chain), chain.rt.balances.free(BOB)) == (0, 0, free)
    assert sum(owed(chain, judge) for judge in judges) == 3 * PAY - 3 * PAY // 4 - 3 * PAY // 20


def test_judges_that_are_wrong_are_slashed_too(chain: JobChain, team: Crew) -> None:
    job, worker, judges = challenged(chain, team)
    commit_all(chain, job, judges, [A, A, B])
    reveal_all(chain, job, judges, [A, A, B])
    assert charges(chain) == [(judges[2].key, "WrongOutput", MIN_SLASH)]
    assert owed(chain, judges[2]) == 0 and owed(chain, worker) > 0


def test_without_a_decision_the_job_expires_and_the_bond_returns(chain: JobChain, team: Crew) -> None:
    free = chain.rt.balances.free(BOB)
    job, worker, judges = challenged(chain, team)
    vote(chain, job, judges, [A, B, C])
    assert chain.events(Jobs.Disputed) == [Jobs.Disputed(job, 2)]
    for round in (2, 3):
        chain.blocks(2)
        assert len(seated(chain, team, job, round)) == 2
        vote(chain, job, seated(chain, team, job, round), [B, C])
    base = UNIT // 48
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT - 8 * base, ExpiryReason.NoMajority)]
    assert (bond(chain), chain.rt.balances.free(BOB)) == (0, free)
    assert owed(chain, worker) == base and job not in chain.rt.jobs.output
    assert chain.job(job).outcome is None and charges(chain) == []


def test_judges_that_stay_away(chain: JobChain, team: Crew) -> None:
    job, _, judges = challenged(chain, team)
    chain.send(judges[0].commit_hash(job, A))
    for judge in judges[1:]:
        chain.send(judge.word(job, Word.Abstain))
    chain.blocks(2)
    more = seated(chain, team, job, 2)
    assert len(more) == 2
    vote_of = [judges[0], *more]
    commit_all(chain, job, more, [A, A])
    reveal_all(chain, job, vote_of, [A, A, A])
    assert chain.job(job).state is JobState.Settled


def test_who_may_not_judge(chain: JobChain) -> None:
    team = crew(chain, 3)
    who = next(iter(team.values())).info.operator
    job, worker = provisional(chain, team, who=who)
    for i, operator in enumerate((BOB, *OPERATORS[:3])):
        with noop(chain.rt, Jobs.TooFewOperators):
            chain.call(BOB, "Jobs", "challenge", job=job)
        more = chain.worker(f"more {i}", operator).register()
        team[more.key] = more
        if i == 2:
            break
    chain.call(BOB, "Jobs", "challenge", job=job)
    chain.blocks(2)
    found = {judge.info.operator for judge in seated(chain, team, job, 1)}
    assert len(found) == 3 and not found & {who, worker.info.operator, BOB}
    vote(chain, job, seated(chain, team, job, 1), [A] * 3)


def test_what_cant_be_challenged(chain: JobChain, team: Crew) -> None:
    with noop(chain.rt, Jobs.UnknownJob):
        chain.call(BOB, "Jobs", "challenge", job=9)
    queued = chain.submit()
    with noop(chain.rt, Jobs.NotProvisional):
        chain.call(BOB, "Jobs", "challenge", job=queued)
    chain.call(ALICE, "Jobs", "cancel", job=queued)
    job, _, judges = challenged(chain, team)
    with noop(chain.rt, Jobs.NotProvisional):
        chain.call(ALICE, "Jobs", "challenge", job=job)
    vote(chain, job, judges, [A] * 3)
    with noop(chain.rt, Jobs.NotProvisional):
        chain.call(BOB, "Jobs", "challenge", job=job)
    late, _ = provisional(chain, team)
    with noop(chain.rt, Token("FundsUnavailable")):
        chain.call(b"\x0f" * 32, "Jobs", "challenge", job=late)
    chain.rt.timestamp.now = chain.job(late).due  # a block that had no room to say that the window has ended
    with noop(chain.rt, Jobs.NotProvisional):
        chain.call(BOB, "Jobs", "challenge", job=late)
    chain.next_block()


def test_a_challenged_worker_that_is_revoked_is_judged_all_the_same(chain: JobChain, team: Crew) -> None:
    job, liar = provisional(chain, team, B)
    chain.sudo("Attestation", "revoke", worker=liar.key)
    assert chain.rt.attestation.fault(liar.key) is Attestation.KeyRevoked
    chain.call(BOB, "Jobs", "challenge", job=job)
    chain.blocks(2)
    vote(chain, job, seated(chain, team, job, 1), [A] * 3)
    assert charges(chain) == [(liar.key, "LostChallenge", MIN_SLASH)]


# What the chain has judged of its own accord


def test_lots_are_drawn_from_a_later_blocks_randomness(chain: JobChain, team: Crew) -> None:
    judged = list[int]()
    for _ in range(150):
        job, _ = provisional(chain, team, max_fee=10**9)
        chain.next_block()
        assert chain.job(job).stage is Stage.Window
        chain.next_block()
        lot = int.from_bytes(blake2_256(LOT.encode((chain.rt.randomness.mix, job))), "little") % ONE_IN
        assert (chain.job(job).stage is Stage.Draw) == (lot == 0)
        if not lot:
            assert chain.events(Jobs.Challenged) == [Jobs.Challenged(job, None, 0)]
            judged.append(job)
            chain.blocks(2)
            vote(chain, job, seated(chain, team, job, 1), [A] * 3)
        for worker in team.values():
            if chain.rt.timestamp.now - worker.record.last_heartbeat > 40_000:
                chain.send(worker.heartbeat())
    assert 0 < len(judged) < 15
    chain.next_block(WINDOW)
    for _ in range(20):
        chain.next_block()


def test_a_lot_that_finds_a_lie(chain: JobChain, team: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    job, liar = provisional(chain, team, B)
    chain.blocks(4)
    judges = seated(chain, team, job, 1)
    vote(chain, job, judges, [A, A, A])
    assert chain.events(Jobs.Settled)[0].fee == 3 * PAY
    (deferred,) = chain.events(Slashing.Deferred)
    assert (deferred.worker, deferred.reason.name) == (liar.key, "LostChallenge")


@pytest.mark.parametrize("funds", [0, 1_000, 10**6])
def test_a_lot_that_finds_nothing_is_paid_by_the_chains_treasury(
    chain: JobChain, team: Crew, monkeypatch: pytest.MonkeyPatch, funds: int
) -> None:
    provisional(chain, team)
    chain.next_block(WINDOW)
    chain.call(BOB, "Balances", "transfer_allow_death", dest=b"modlfthmjobs".ljust(32, b"\0"), value=funds)
    chain.rt.jobs.claimable[CHAIN_TREASURY] = funds + 150  # 150 are of the first job
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    job, worker = provisional(chain, team)
    before = {key: owed(chain, each) for key, each in team.items()}
    chain.blocks(4)
    judges = seated(chain, team, job, 1)
    vote(chain, job, judges, [A, A, A])
    paid = min(funds + 300, 3 * PAY)  # this job's share for the treasury among it
    assert sum(owed(chain, judge) - before[judge.key] for judge in judges) == paid
    assert chain.rt.jobs.claimable[CHAIN_TREASURY] == funds + 300 - paid
    assert owed(chain, worker) - before[worker.key] == PAY - 750 - 150


def test_a_lot_without_a_decision_takes_nothing_back(
    chain: JobChain, team: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    job, worker = provisional(chain, team)
    chain.blocks(4)
    (first, *others) = seated(chain, team, job, 1)
    chain.send(first.commit_hash(job, A))
    for other in others:
        chain.send(other.word(job, Word.Abstain))
    for round in (2, 3):
        chain.blocks(2)
        for each in seated(chain, team, job, round):
            chain.send(each.word(job, Word.Abstain))
    assert chain.job(job).stage is Stage.Reveals
    chain.next_block(20_000)
    assert chain.events(Jobs.Settled)[0].fee == PAY and owed(chain, worker) == PAY - 750 - 150
    assert [each.phase for each in chain.job(job).seats[:2]] == [SeatPhase.Revealed, SeatPhase.Unrevealed]
    assert [worker for worker, _, _ in charges(chain)] == [first.key]


def test_a_lot_needs_workers_to_judge(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    job, _ = provisional(chain, crew(chain, 3))
    chain.blocks(3)
    assert chain.job(job).stage is Stage.Window and not list(chain.rt.jobs.lots)
    chain.next_block(WINDOW)
    assert chain.job(job).state is JobState.Settled


def test_a_lot_is_due_at_once(chain: JobChain, team: Crew) -> None:
    provisional(chain, team)
    assert chain.rt.jobs.next_due() == chain.rt.timestamp.now
    chain.blocks(2)
    assert (chain.rt.jobs.next_due() or 0) > chain.rt.timestamp.now
    chain.next_block(WINDOW)
