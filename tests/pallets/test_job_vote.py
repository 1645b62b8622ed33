"""Votes on a job's output: hashes, reveals, words, rounds, what each ending costs and pays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pallets.attestation.pallet import Attestation
from pallets.frame.events import Error
from pallets.frame.origin import NONE
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.frame.validity import Custom
from pallets.frame.weights import Weight
from pallets.jobs.pallet import Jobs
from pallets.jobs.vote import EVIDENCE
from pallets.jobs.weights import SEAT_WEIGHT, VOTE_WEIGHT
from pallets.primitives.attestation_record import Tee
from pallets.primitives.codec import codec_of
from pallets.primitives.evidence import DoubleCommit, contradicts
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import InlineInput, Mode, Word
from pallets.primitives.job_record import MAX_SEATS, ExpiryReason, JobState, Seat, SeatPhase, Stage, Task
from pallets.primitives.pots import treasury
from pallets.primitives.types import U8, U32, U64, Bytes32
from pallets.primitives.worker_record import ANY
from pallets.runtime import DevRuntime
from pallets.slashing.pallet import Slashing
from pallets.workers.pallet import Workers
from tests.pallets.bare_calls import refused
from tests.pallets.job_chain import ALICE, CAROL, CHAIN_TREASURY, STAKE, UNIT, JobChain, TestWorker
from tests.pallets.voting import (
    PAY,
    Crew,
    balanced_chain,
    charges,
    commit_all,
    crew,
    crew_of_16,
    reveal_all,
    seat,
    seated,
    vote,
    voted,
)

ROUND, HALF, HOUR = 40_000, 20_000, 3_600_000
"""Milliseconds of a round, and of its commits, of a job of two minutes; the default here."""
MINUTES = 120_000
MIN_SLASH = STAKE // 10
A, B, C, D = b"right", b"wrong", b"other", b"mine"

chain, team = balanced_chain, crew_of_16


def begun(chain: JobChain, team: Crew, replicas: int = 3, **terms: Any) -> tuple[int, list[TestWorker]]:
    return voted(chain, team, replicas, **({"deadline": MINUTES} | terms))


def phases(chain: JobChain, job: int) -> list[str]:
    return [each.phase.name for each in chain.job(job).seats]


def task(chain: JobChain, worker: TestWorker) -> Task:
    (assignment,) = chain.rt.jobs.assignments[worker.key]
    return assignment.task


def wait(chain: JobChain, milliseconds: int) -> None:
    """Lets time pass by blocks that are near enough for the chain not to have stood still."""
    while milliseconds:
        step = min(milliseconds, 30_000)
        chain.next_block(step)
        milliseconds -= step


# A vote that goes well


def test_all_agree(chain: JobChain, team: Crew) -> None:
    free = chain.rt.balances.free(ALICE)
    job, seats = begun(chain, team, max_fee=UNIT)
    record = chain.job(job)
    assert (record.state, record.stage, record.threshold) == (JobState.Assigned, Stage.Commits, 2)
    now = chain.rt.timestamp.now
    assert (record.acknowledge_by, record.commit_by, record.due) == (now + HALF, now + HALF, now + ROUND)
    assert [task(chain, worker) for worker in seats] == [Task.Run] * 3
    commit_all(chain, job, seats[:2], [A, A])
    assert [event.hash for event in chain.events(Jobs.HashCommitted)] == [each.hash_of(job, A) for each in seats[:2]]
    assert (chain.job(job).stage, task(chain, seats[0])) == (Stage.Commits, Task.Wait)
    chain.send(seats[2].commit_hash(job, A))
    assert chain.job(job).stage is Stage.Reveals and [task(chain, each) for each in seats] == [Task.Reveal] * 3
    reveal_all(chain, job, seats[:2], [A, A])
    assert chain.job(job).state is JobState.Assigned  # there is a majority, and the third still has to reveal
    chain.send(seats[2].reveal(job, A))
    output = blake2_256(A)
    assert [event.worker for event in chain.events(Jobs.Revealed)] == [each.key for each in seats]
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, output, 1_000, 3 * PAY)]
    assert not chain.events(Jobs.Committed) and not chain.events(Jobs.Disputed) and not charges(chain)
    to_workers = 3 * PAY - 3 * PAY // 4 - 3 * PAY // 20
    paid = [(each.info.operator, to_workers // 3) for each in seats]
    paid += [(treasury(0), 3 * PAY // 4), (CHAIN_TREASURY, 3 * PAY // 20)]
    assert [(event.who, event.amount) for event in chain.events(Jobs.Paid)] == paid
    assert chain.rt.balances.free(ALICE) == free - 3 * PAY
    outcome = chain.job(job).outcome
    assert outcome and (outcome.worker, outcome.output, outcome.gas) == (seats[0].key, output, 1_000)
    assert (outcome.fee, outcome.settled_at, outcome.simulated) == (3 * PAY, chain.rt.timestamp.now, True)
    assert chain.rt.jobs.output.get(job) == A
    assert [(each.record.kept, each.record.missed) for each in seats] == [(1, 0)] * 3


def test_what_rounding_leaves_is_the_first_seats(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, max_fee=100)
    for worker in seats:
        chain.send(worker.commit_hash(job, A, gas=11))
    for worker in seats:
        chain.send(worker.reveal(job, A, gas=11))
    assert chain.events(Jobs.Settled)[0].fee == 99
    to_workers = 99 - 99 // 4 - 99 // 20
    shares = [chain.rt.jobs.claimable[worker.info.operator] for worker in seats]
    assert shares == [to_workers // 3 + to_workers % 3, to_workers // 3, to_workers // 3]


def test_seats_are_of_distinct_operators_and_never_the_submitters(chain: JobChain, team: Crew) -> None:
    operators = {worker.info.operator for worker in team.values()}
    for i, operator in enumerate(sorted(operators)[:6]):  # each gets a second worker
        chain.sudo("Balances", "force_set_balance", who=operator, new_free=10 * STAKE)
        worker = chain.worker(f"second {i}", operator).register()
        team[worker.key] = worker
    for operator in sorted(operators)[:6]:
        job, seats = begun(chain, team, 9, who=operator)
        found = [worker.info.operator for worker in seats]
        assert len(set(found)) == 9 and operator not in found
        assert [each.operator for each in chain.job(job).seats] == found
        vote(chain, job, seats, [A] * 9)


def test_all_seats_are_drawn_or_none(chain: JobChain) -> None:
    team = crew(chain, 2)
    job = chain.submit(replicas=3)
    chain.blocks(3)
    assert (chain.job(job).state, chain.job(job).seats) == (JobState.Queued, [])
    assert all(worker.record.load == 0 for worker in team.values())
    third = chain.worker("third").register()
    chain.next_block()
    assert len(chain.job(job).seats) == 3 and third.key in chain.job(job).workers
    assert chain.events(Jobs.Assigned) == [Jobs.Assigned(job, 1, chain.job(job).workers)]
    wait(chain, 3 * MINUTES)


def test_a_draw_that_fails_at_the_last_seat_takes_none(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    crew(chain, 3)
    job = chain.submit(replicas=3)
    chain.next_block()
    real, turns = Workers.draw, list[bytes]()

    def unlucky_third(self: Workers, seed: bytes, class_id: int, **rules: Any) -> Any:
        turns.append(seed)
        found = real(self, seed, class_id, **rules)
        return found._replace(worker=None) if len(turns) == 3 else found

    monkeypatch.setattr(Workers, "draw", unlucky_third)
    chain.next_block()
    assert (chain.job(job).state, list(chain.rt.jobs.assignments)) == (JobState.Queued, [])
    seed = blake2_256(codec_of(tuple[Bytes32, U64, U32, U32]).encode((chain.rt.randomness.mix, job, 1, 0)))
    assert turns == [seed + bytes((number, 0, 0, 0)) for number in range(3)]
    chain.next_block()
    assert len(chain.job(job).seats) == 3
    wait(chain, 3 * MINUTES)


def test_pool_tags(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    worker = seats[0]
    encode = codec_of(tuple[U64, U32, Bytes32, U8]).encode
    tags = [chain.validate(call).provides for call in (worker.commit_hash(job), worker.word(job))]
    tags.append(chain.validate(worker.word(job, Word.Abstain)).provides)
    commit_all(chain, job, seats, [A] * 3)
    tags.append(chain.validate(worker.reveal(job, A)).provides)
    assert tags == [[encode((job, 1, worker.key, phase))] for phase in (1, 3, 4, 2)]
    reveal_all(chain, job, seats, [A] * 3)


# Who disagrees, and who says nothing


def test_a_minority_is_slashed(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    vote(chain, job, seats, [A, B, A])
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, blake2_256(A), 1_000, 2 * PAY)]
    assert charges(chain) == [(seats[1].key, "WrongOutput", MIN_SLASH)]
    assert chain.rt.jobs.claimable[seats[1].info.operator] == 0
    assert [(each.record.kept, each.record.missed) for each in seats] == [(1, 0), (0, 1), (1, 0)]


def test_the_same_output_for_other_gas_is_another(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    for worker, gas in zip(seats, (7, 7, 8), strict=True):
        chain.send(worker.commit_hash(job, A, gas=gas))
    for worker, gas in zip(seats, (7, 7, 8), strict=True):
        chain.send(worker.reveal(job, A, gas=gas))
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, blake2_256(A), 7, 42)]
    assert charges(chain) == [(seats[2].key, "WrongOutput", MIN_SLASH)]


def test_a_slash_is_64_times_the_pay(chain: JobChain, team: Crew) -> None:
    chain.rt.jobs.min_slash = 5
    job, seats = begun(chain, team)
    vote(chain, job, seats, [A, A, B])
    assert charges(chain) == [(seats[2].key, "WrongOutput", 64 * PAY)]


def test_three_ways_and_a_second_round(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    vote(chain, job, seats, [A, B, C])
    record = chain.job(job)
    assert chain.events(Jobs.Disputed) == [Jobs.Disputed(job, 1)]
    assert (record.state, record.stage, record.wanted, record.attempt) == (JobState.Disputed, Stage.Draw, 2, 1)
    assert charges(chain) == [] and [task(chain, worker) for worker in seats] == [Task.Wait] * 3
    chain.next_block()
    assert len(chain.job(job).seats) == 3  # two blocks later, or more
    chain.next_block()
    more = seated(chain, team, job, 1)
    assert len(more) == 2 and not set(map(id, more)) & set(map(id, seats))
    assert chain.events(Jobs.Assigned) == [Jobs.Assigned(job, 1, [worker.key for worker in more])]
    assert (chain.job(job).threshold, chain.job(job).state) == (3, JobState.Disputed)
    vote(chain, job, more, [A, A])
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, blake2_256(A), 1_000, 3 * PAY)]
    assert {worker for worker, _, _ in charges(chain)} == {seats[1].key, seats[2].key}


def test_without_a_majority_after_three_rounds_nobody_is_slashed_for_an_output(chain: JobChain, team: Crew) -> None:
    free = chain.rt.balances.free(ALICE)
    job, seats = begun(chain, team)
    vote(chain, job, seats, [A, B, C])
    for round, contents in ((1, [A, B]), (2, [A, B])):
        chain.blocks(2)
        vote(chain, job, seated(chain, team, job, round), contents)
    base = UNIT // 48
    (expired,) = chain.events(Jobs.Expired)
    assert expired == Jobs.Expired(job, UNIT - 7 * base, ExpiryReason.NoMajority)
    assert chain.events(Jobs.Requeued) == [] and charges(chain) == []
    assert chain.rt.balances.free(ALICE) == free - 7 * base
    assert [chain.rt.jobs.claimable[each.operator] for each in chain.job(job).seats] == [base] * 7
    assert job not in chain.rt.jobs.output and chain.job(job).outcome is None
    assert all(worker.record.missed == 0 for worker in seats)


def test_one_absent_of_three_is_not_waited_for(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats[:2], [A, A])
    wait(chain, HALF)
    assert chain.job(job).stage is Stage.Reveals
    assert chain.events(Jobs.Vacated) == [Jobs.Vacated(job, 1, seats[2].key, SeatPhase.Absent)]
    refused(chain, seats[2].commit_hash(job, A), Jobs.TooLate)
    refused(chain, seats[2].reveal(job, A), Jobs.TooLate)
    reveal_all(chain, job, seats[:2], [A, A])
    assert chain.events(Jobs.Settled) and charges(chain) == []
    assert (seats[2].record.missed, seats[2].record.load) == (1, 0)


def test_two_absent_of_three_are_followed_at_once_and_the_third_stays_secret(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, deadline=5 * MINUTES)
    chain.send(seats[0].commit_hash(job, A))
    wait(chain, 20_000)  # nobody else has said anything; half of the round would be longer
    record = chain.job(job)
    assert (record.stage, record.round, record.wanted, record.state) == (Stage.Draw, 1, 2, JobState.Assigned)
    assert chain.events(Jobs.Disputed) == []
    refused(chain, seats[0].reveal(job, A), Jobs.TooEarly)
    chain.blocks(2)
    more = seated(chain, team, job, 1)
    refused(chain, seats[0].reveal(job, A), Jobs.TooEarly)
    commit_all(chain, job, more, [A, A])
    assert chain.job(job).stage is Stage.Reveals and chain.job(job).threshold == 3
    reveal_all(chain, job, [seats[0], *more], [A, A, A])
    assert chain.events(Jobs.Settled)[0].fee == 3 * PAY


def test_a_seat_that_is_at_work_keeps_its_time_in_the_next_round(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    chain.send(seats[0].word(job))
    for worker in seats[1:]:
        chain.send(worker.word(job, Word.Abstain))
    assert (chain.job(job).stage, chain.job(job).round) == (Stage.Draw, 1)
    chain.next_block()
    chain.send(seats[0].commit_hash(job, A))  # it needn't wait for the others
    chain.next_block()
    vote_of = [seats[0], *seated(chain, team, job, 1)]
    commit_all(chain, job, vote_of[1:], [A, A])
    reveal_all(chain, job, vote_of, [A, A, A])
    assert chain.job(job).state is JobState.Settled


def test_a_second_seat_is_never_the_same_operators(chain: JobChain) -> None:
    team = crew(chain, 4)
    job, seats = begun(chain, team)
    for worker in seats:
        chain.send(worker.word(job, Word.Abstain))
    chain.blocks(3)
    assert len(chain.job(job).seats) == 3  # only one operator is left, and four seats are wanted
    wait(chain, MINUTES)
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT, ExpiryReason.AttemptsUsed)]


def test_all_absent_in_every_round(chain: JobChain) -> None:
    team = crew(chain, 24)
    free = chain.rt.balances.free(ALICE)
    job, _ = begun(chain, team)
    for expected in (3, 7, 11):
        assert len(chain.job(job).seats) == expected
        wait(chain, HALF)
        if expected < 11:
            chain.blocks(2)
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT, ExpiryReason.AttemptsUsed)]
    assert chain.rt.balances.free(ALICE) == free
    assert phases(chain, job) == ["Absent"] * 11


def test_the_last_rounds_seats_earn_a_base_fee_though_they_cant_decide(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    for _ in range(2):
        for worker in seats:
            chain.send(worker.word(job, Word.Abstain))
        chain.blocks(2)
        seats = seated(chain, team, job, chain.job(job).round)
    for worker in seats[1:]:
        chain.send(worker.word(job, Word.Abstain))
    chain.send(seats[0].commit_hash(job, A))
    chain.send(seats[0].reveal(job, A))
    base = UNIT // 48
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT - base, ExpiryReason.NoMajority)]
    assert chain.rt.jobs.claimable[seats[0].info.operator] == base


def test_a_round_that_cannot_be_drawn_ends_with_the_job(chain: JobChain) -> None:
    team = crew(chain, 3)
    job, seats = begun(chain, team)
    chain.send(seats[0].commit_hash(job, A))
    chain.send(seats[1].word(job))
    chain.send(seats[2].word(job, Word.Abstain))
    wait(chain, HALF)
    assert chain.job(job).stage is Stage.Draw and chain.job(job).round == 1
    wait(chain, MINUTES - HALF)
    assert chain.job(job).stage is Stage.Reveals  # what there is can still earn its base fee
    chain.send(seats[0].reveal(job, A))
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT - UNIT // 48, ExpiryReason.NoMajority)]


def test_nine_seats_over_all_rounds_stay_within_bounds(chain: JobChain) -> None:
    team = crew(chain, 48)
    job, seats = begun(chain, team, 9, max_fee=UNIT)
    for round in range(3):
        seats = seated(chain, team, job, round)
        half = len(seats) // 2
        commit_all(chain, job, seats[:half], [bytes((round, i)) for i in range(half)])
        for worker in seats[half:]:
            chain.send(worker.word(job, Word.Abstain))
        if chain.job(job).stage is Stage.Reveals:
            open_ = [each for each in chain.job(job).seats if each.phase is SeatPhase.Committed]
            for each in open_:
                place = [team[s.worker].key for s in chain.job(job).seats if s.round == each.round].index(each.worker)
                chain.send(team[each.worker].reveal(job, bytes((each.round, place))))
        chain.blocks(2)
    record = chain.job(job)
    assert record.state is JobState.Expired and 9 < len(record.seats) <= MAX_SEATS and len(record.seats) % 2


def test_base_fees_are_at_most_what_is_held(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, max_fee=9)
    for worker, content in zip(seats, (A, B, C), strict=True):
        chain.send(worker.commit_hash(job, content, gas=1))
    for worker, content in zip(seats, (A, B, C), strict=True):
        chain.send(worker.reveal(job, content, gas=1))
    wait(chain, 2 * MINUTES)
    assert chain.job(job).state is JobState.Expired
    assert chain.rt.balances.held(Jobs.HoldReason.Fee, ALICE) == 0


# Hashes and reveals


def test_a_commit_after_the_reveals_have_begun_is_refused(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    late = seats[2].commit_hash(job, A)
    commit_all(chain, job, seats[:2], [A, A])
    chain.rt.timestamp.now = chain.job(job).commit_by  # a block that had no room to say that the time is up
    with noop(chain.rt, Jobs.TooLate):
        late.spec.method(chain.rt.jobs, None, *late.arguments)
    with noop(chain.rt, Jobs.TooLate):
        word = seats[2].word(job, Word.Abstain)
        word.spec.method(chain.rt.jobs, None, *word.arguments)
    chain.next_block()
    refused(chain, late, Jobs.TooLate)
    reveal_all(chain, job, seats[:2], [A, A])


def test_a_reveal_without_a_commit(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    refused(chain, seats[0].reveal(job, A), Jobs.NothingCommitted)
    vote(chain, job, seats, [A, A, A])
    refused(chain, seats[0].reveal(job, A), Jobs.NotAssigned)


def test_a_reveal_is_what_was_committed(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats[:2], [A, A])
    refused(chain, seats[0].reveal(job, A), Jobs.TooEarly)
    chain.send(seats[2].commit_hash(job, A))
    worker = seats[0]
    refused(chain, worker.reveal(job, B), Jobs.WrongReveal)
    refused(chain, worker.reveal(job, A, salt=bytes(32)), Jobs.WrongReveal)
    refused(chain, worker.reveal(job, A, gas=999), Jobs.WrongReveal)
    forged = worker.reveal(job, A)
    forged.arguments = (*forged.arguments[:-1], seats[1].reveal(job, A).arguments[-1])
    refused(chain, forged, None)
    chain.send(worker.reveal(job, A))
    refused(chain, worker.reveal(job, A), Jobs.AlreadyRevealed)
    refused(chain, chain.worker("stranger").reveal(job, A), Jobs.WrongWorker)
    reveal_all(chain, job, seats[1:], [A, A])


def test_a_copied_hash_is_worth_nothing(chain: JobChain, team: Crew) -> None:
    job, (honest, other, copier) = begun(chain, team)
    commit_all(chain, job, [honest, other], [A, A])
    chain.send(copier.commit_hash(job, hash=honest.hash_of(job, A)))
    chain.send(honest.reveal(job, A))
    refused(chain, copier.reveal(job, A), Jobs.WrongReveal)  # though it knows all that was hashed
    chain.send(other.reveal(job, A))
    wait(chain, ROUND)
    assert chain.job(job).state is JobState.Settled
    assert charges(chain) == [(copier.key, "NotRevealed", MIN_SLASH)]


def test_who_doesnt_reveal_is_slashed_as_a_minority_is(chain: JobChain, team: Crew) -> None:
    chain.rt.jobs.min_slash = 5
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, A, B])
    reveal_all(chain, job, seats[:2], [A, A])
    wait(chain, ROUND)
    assert chain.events(Jobs.Settled)[0].fee == 2 * PAY
    assert charges(chain) == [(seats[2].key, "NotRevealed", 64 * PAY)]
    assert phases(chain, job) == ["Revealed", "Revealed", "Unrevealed"]


def test_who_doesnt_reveal_is_slashed_though_the_job_expires(chain: JobChain) -> None:
    team = crew(chain, 3)
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, B, C])
    reveal_all(chain, job, seats[:2], [A, B])
    wait(chain, ROUND)
    assert (chain.job(job).stage, charges(chain)) == (Stage.Draw, [])
    refused(chain, seats[2].reveal(job, C), Jobs.TooLate)
    wait(chain, MINUTES)
    assert chain.job(job).state is JobState.Expired
    (charge,) = [each for _, each in chain.rt.slashing.slash.items()]
    assert (charge.worker, charge.reason.name) == (seats[2].key, "NotRevealed")


def test_a_late_reveal_in_a_block_that_had_no_room_to_say_so(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, A, A])
    chain.rt.timestamp.now = chain.job(job).due
    with noop(chain.rt, Jobs.TooLate):
        call = seats[0].reveal(job, A)
        call.spec.method(chain.rt.jobs, None, *call.arguments)
    chain.next_block()
    assert chain.job(job).stage is Stage.Draw
    wait(chain, 3 * MINUTES)


def test_gas_above_the_limit_cant_be_revealed(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, max_fee=900)
    assert chain.job(job).gas_limit == 100
    for worker, gas in zip(seats, (100, 100, 101), strict=True):
        chain.send(worker.commit_hash(job, A, gas=gas))
    refused(chain, seats[2].reveal(job, A, gas=101), Jobs.GasAboveLimit)
    for worker in seats[:2]:
        chain.send(worker.reveal(job, A, gas=100))
    wait(chain, ROUND)
    assert charges(chain) == [(seats[2].key, "NotRevealed", MIN_SLASH)]


@pytest.mark.parametrize("revealed", [False, True], ids=["committed", "revealed"])
def test_a_second_hash_convicts(chain: JobChain, team: Crew, revealed: bool) -> None:
    job, seats = begun(chain, team)
    worker = seats[0]
    commit_all(chain, job, seats, [A, A, A])
    if revealed:
        chain.send(worker.reveal(job, A))
    refused(chain, worker.commit_hash(job, A), Jobs.AlreadyCommitted)
    second = worker.commit_hash(job, B)
    chain.validate(second)
    chain.send(second)
    (deferred,) = chain.events(Slashing.Deferred)
    assert (deferred.worker, deferred.reason.name) == (worker.key, "DoubleCommit")
    evidence = EVIDENCE.decode_all(deferred.evidence)
    assert isinstance(evidence, DoubleCommit) and contradicts(evidence)
    assert (evidence.first.hash, evidence.second.hash) == (worker.hash_of(job, A), worker.hash_of(job, B))
    assert seat(chain, job, worker).phase is SeatPhase.Equivocated
    refused(chain, worker.commit_hash(job, C), Jobs.AlreadyCommitted)
    refused(chain, worker.reveal(job, A), Jobs.TooLate)
    reveal_all(chain, job, seats[1:], [A, A])
    assert chain.events(Jobs.Settled)[0].fee == 2 * PAY
    assert (worker.record.missed, worker.record.load) == (1, 0)


def test_hashes_are_for_votes_and_outputs_for_jobs_of_one_replica(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    refused(chain, seats[0].commit(job, A), Jobs.HashesFirst)
    vote(chain, job, seats, [A, A, A])
    single = chain.submit()
    chain.blocks(2)
    worker = team[chain.job(single).workers[0]]
    refused(chain, worker.commit_hash(single, A), Jobs.NoVote)
    refused(chain, worker.reveal(single, A), Jobs.NoVote)
    chain.send(worker.commit(single, A))


# Words


def test_a_word_changes_something_or_is_refused(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team, deadline=5 * MINUTES)
    worker = seats[0]
    chain.send(worker.word(job))
    assert chain.events(Jobs.Acknowledged) == [Jobs.Acknowledged(job, 1, worker.key)]
    refused(chain, worker.word(job), Jobs.AlreadyAcknowledged)
    for each in seats[1:]:
        chain.send(each.word(job))
    assert chain.job(job).alarm == chain.job(job).commit_by
    chain.send(worker.commit_hash(job, A))
    for word in Word:
        refused(chain, worker.word(job, word), Jobs.AlreadyCommitted)
    chain.send(seats[1].word(job, Word.Abstain))
    assert chain.events(Jobs.Vacated) == [Jobs.Vacated(job, 1, seats[1].key, SeatPhase.Abstained)]
    assert (seats[1].record.missed, seats[1].record.load) == (1, 0)
    refused(chain, seats[1].word(job), Jobs.TooLate)
    refused(chain, seats[1].commit_hash(job, A), Jobs.TooLate)
    chain.send(seats[2].commit_hash(job, A))
    reveal_all(chain, job, [worker, seats[2]], [A, A])


@pytest.mark.parametrize("name", ["word", "commit_hash"])
def test_signatures_cover_job_attempt_and_what_is_said(chain: JobChain, team: Crew, name: str) -> None:
    job, (worker, other, _) = begun(chain, team)
    again, _ = begun(chain, team)

    def said(by: TestWorker = worker, at: int = job) -> Any:
        return getattr(by, name)(at)

    for place, value in ((0, again), (1, 2), (2, Word.Abstain if name == "word" else bytes(32)), (3, other.key)):
        call = said()
        call.arguments = (*call.arguments[:place], value, *call.arguments[place + 1 :])
        refused(chain, call, None)
    foreign = JobChain()
    foreign.genesis_hash = bytes(32)
    elsewhere, worker.chain = worker.chain, foreign
    foreign.rt = chain.rt
    call = said()
    worker.chain = elsewhere
    refused(chain, call, None)
    stranger = chain.worker("stranger")
    refused(chain, said(stranger), Jobs.WrongWorker)
    chain.send(said())
    wait(chain, 6 * MINUTES)


def test_words_of_jobs_that_nobody_has(chain: JobChain, team: Crew) -> None:
    job = chain.submit(replicas=3)
    worker = next(iter(team.values()))
    for attempt, error in ((2, Jobs.WrongAttempt), (1, Jobs.NotAssigned)):
        with pytest.raises(Custom) as refusal:
            chain.send(worker.word(job, attempt=attempt))
        assert refusal.value.code == error.index
    chain.call(ALICE, "Jobs", "cancel", job=job)
    for call in (worker.word(job), worker.commit_hash(job), worker.reveal(job)):
        refused(chain, call, Jobs.NotAssigned)
    unknown = worker.word(job)
    unknown.arguments = (9, *unknown.arguments[1:])
    refused(chain, unknown, None)


def test_one_replica_that_says_nothing_is_requeued_at_once(chain: JobChain, team: Crew) -> None:
    job = chain.submit(deadline=5 * MINUTES)
    chain.blocks(2)
    silent = team[chain.job(job).workers[0]]
    wait(chain, 20_000)
    assert chain.events(Jobs.Requeued) == [Jobs.Requeued(job, 2)] and silent.record.missed == 1
    chain.blocks(2)
    worker = team[chain.job(job).workers[0]]
    assert worker is not silent
    chain.send(worker.word(job))
    wait(chain, 60_000)
    assert chain.job(job).workers == [worker.key]  # it is at work, and has its third
    chain.send(worker.word(job, Word.Abstain))
    assert chain.events(Jobs.Requeued) == [Jobs.Requeued(job, 3)]
    assert chain.events(Jobs.Vacated) == [Jobs.Vacated(job, 2, worker.key, SeatPhase.Abstained)]
    chain.blocks(2)
    last = team[chain.job(job).workers[0]]
    chain.send(last.word(job))
    chain.send(last.commit(job, A))
    assert chain.job(job).state is JobState.Settled and last.record.kept == 1


def test_three_abstentions_of_one_replica(chain: JobChain, team: Crew) -> None:
    job = chain.submit()
    for _ in range(3):
        chain.blocks(2)
        chain.send(team[chain.job(job).workers[0]].word(job, Word.Abstain))
    assert chain.events(Jobs.Expired) == [Jobs.Expired(job, UNIT, ExpiryReason.AttemptsUsed)]


# Attestations that end


@pytest.mark.parametrize("fault", [Attestation.KeyRevoked, Attestation.AttestationExpired])
def test_a_fault_before_the_commit(chain: JobChain, team: Crew, fault: type[Error]) -> None:
    job, seats = begun(chain, team)
    spoil(chain, seats[0], fault)
    refused(chain, seats[0].word(job), fault)
    refused(chain, seats[0].commit_hash(job, A), fault)
    chain.send(seats[0].word(job, Word.Abstain))  # it may always make room for another
    vote(chain, job, seats[1:], [A, A])
    assert charges(chain) == []


@pytest.mark.parametrize(
    ("fault", "phase"),
    [(Attestation.KeyRevoked, SeatPhase.Absent), (Attestation.AttestationExpired, SeatPhase.Unrevealed)],
)
def test_a_fault_before_the_reveal(chain: JobChain, team: Crew, fault: type[Error], phase: SeatPhase) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, A, A])
    spoil(chain, seats[0], fault)
    refused(chain, seats[0].reveal(job, A), fault)
    reveal_all(chain, job, seats[1:], [A, A])
    wait(chain, ROUND)
    assert chain.job(job).state is JobState.Settled and seat(chain, job, seats[0]).phase is phase
    assert [worker for worker, _, _ in charges(chain)] == ([seats[0].key] if phase is SeatPhase.Unrevealed else [])


def test_a_fault_after_the_reveal_changes_nothing(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, A, A])
    chain.send(seats[0].reveal(job, A))
    spoil(chain, seats[0], Attestation.KeyRevoked)
    reveal_all(chain, job, seats[1:], [A, A])
    assert chain.events(Jobs.Settled)[0].fee == 3 * PAY


def spoil(chain: JobChain, worker: TestWorker, fault: type[Error]) -> None:
    """Takes a worker's attestation away."""
    if fault is Attestation.KeyRevoked:
        chain.sudo("Attestation", "revoke", worker=worker.key)
    else:
        record = chain.rt.attestation.attested[worker.key]
        record.expires = chain.rt.timestamp.now
        chain.rt.attestation.attested[worker.key] = record


def test_what_ran_a_job_is_fixed_with_the_hash(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, A, A])
    record = chain.rt.workers.worker[seats[0].key]
    record.info.runtime_id = b"\x77" * 32  # attested again meanwhile, with another runtime
    chain.rt.workers.worker[seats[0].key] = record
    reveal_all(chain, job, seats, [A, A, A])
    assert chain.job(job).state is JobState.Settled


# Time


@pytest.mark.parametrize("stage", [Stage.Draw, Stage.Commits, Stage.Reveals])
def test_a_gap_takes_no_round_and_no_time(chain: JobChain, team: Crew, stage: Stage) -> None:
    job, seats = begun(chain, team)
    if stage is not Stage.Commits:
        commit_all(chain, job, seats, [A, B, C])
    if stage is Stage.Draw:
        reveal_all(chain, job, seats, [A, B, C])
    assert chain.job(job).stage is stage
    chain.next_block(HOUR)
    record, now = chain.job(job), chain.rt.timestamp.now
    assert (record.stage, chain.events(Jobs.Vacated)) == (stage, [])
    assert record.ends >= now + (3 - record.round) * ROUND
    if stage is Stage.Commits:
        assert (record.acknowledge_by, record.commit_by, record.due) == (now + HALF, now + HALF, now + ROUND)
        commit_all(chain, job, seats, [A, B, C])
    if stage is Stage.Reveals:
        assert record.due == now + HALF
    if stage is not Stage.Draw:
        reveal_all(chain, job, seats, [A, B, C])
    chain.blocks(2)
    more = seated(chain, team, job, 1)
    assert len(more) == 2
    vote(chain, job, more, [A, A])
    assert chain.job(job).state is JobState.Settled


def test_a_block_ends_the_time_of_a_bounded_number_of_seats(
    chain: JobChain, team: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pallets.jobs.queue.SEATS_A_BLOCK", 8)
    jobs = [begun(chain, team)[0] for _ in range(4)]
    for job in jobs:
        commit_all(chain, job, seated(chain, team, job)[:2], [A, A])
    wait(chain, HALF)
    assert [chain.job(job).stage for job in jobs] == [Stage.Reveals, Stage.Reveals, Stage.Commits, Stage.Commits]
    chain.next_block()
    assert {chain.job(job).stage for job in jobs} == {Stage.Reveals}
    for job in jobs:
        reveal_all(chain, job, seated(chain, team, job)[:2], [A, A])


def test_reveals_that_open_late_have_their_time(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats[:2], [A, A])
    wait(chain, HALF + 5_000)  # a late block
    assert (chain.job(job).stage, chain.job(job).due) == (Stage.Reveals, chain.rt.timestamp.now + HALF)
    reveal_all(chain, job, seats[:2], [A, A])


def test_a_cancelled_or_removed_worker_stops_no_vote(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, A, B])
    chain.sudo("System", "kill_storage", keys=[chain.rt.workers.worker.key(seats[2].key)])
    reveal_all(chain, job, seats, [A, A, B])
    assert chain.job(job).state is JobState.Settled


def test_an_abandoned_vote_can_be_cancelled(chain: JobChain, team: Crew) -> None:
    job, seats = begun(chain, team)
    commit_all(chain, job, seats, [A, B, C])
    reveal_all(chain, job, seats[:2], [A, B])
    record = chain.job(job)
    record.round = 2  # the last: it expires with this one
    chain.rt.jobs.job[job] = record
    free, issued = chain.rt.balances.free(ALICE), chain.rt.balances.total_issuance
    chain.sudo("Balances", "force_set_balance", who=ALICE, new_free=2**128 - 1)  # nothing can be released to it
    wait(chain, ROUND)
    assert [event.job for event in chain.events(Jobs.Abandoned)] == [job]
    assert (chain.job(job).state, chain.job(job).seats, list(chain.rt.jobs.deadlines)) == (JobState.Queued, [], [])
    chain.sudo("Balances", "force_set_balance", who=ALICE, new_free=free)
    chain.rt.balances.total_issuance = issued  # there was no number for it
    chain.call(ALICE, "Jobs", "cancel", job=job)
    assert chain.rt.balances.free(ALICE) == free + UNIT


def test_a_job_holds_its_workers_class_open(chain: JobChain, team: Crew) -> None:
    sgx = replace(ANY, tee=Tee.Sgx)
    chain.call(CAROL, "Agents", "set_requirements", agent=0, requirements=sgx)
    (id,) = [id for id, _ in chain.rt.workers.classes.items() if id]
    job = chain.submit(replicas=3, deadline=MINUTES)
    chain.call(CAROL, "Agents", "set_requirements", agent=0, requirements=ANY)
    assert (chain.rt.workers.classes[id].users, chain.rt.workers.classes[id].jobs) == (0, 1)
    chain.next_block(5_000)
    for worker in team.values():  # the class fills as its workers beat
        chain.send(worker.heartbeat())
    chain.blocks(2)
    seats = seated(chain, team, job)
    assert len(seats) == 3 and chain.job(job).class_id == id
    vote(chain, job, seats, [A, A, A])
    assert id not in chain.rt.workers.classes


@pytest.mark.parametrize(("drawn", "threshold"), [(1, 1), (3, 2), (5, 3), (7, 4), (9, 5), (11, 6), (63, 32)])
def test_a_majority_is_of_all_seats_ever_drawn(chain: JobChain, team: Crew, drawn: int, threshold: int) -> None:
    job, _ = begun(chain, team)
    record = chain.job(job)
    record.seats = [Seat(bytes(32), bytes(32), 0, 0, SeatPhase.Absent)] * drawn
    assert record.threshold == threshold
    wait(chain, 3 * MINUTES)


def test_no_record_is_made_of_jobs_that_only_own_workers_can_have(chain: JobChain) -> None:
    own = chain.worker("own")
    own.info = replace(own.info, features=[7])
    own.register()
    record = own.record
    record.missed = 8
    chain.rt.workers.worker[own.key] = record
    chain.call(CAROL, "Agents", "set_requirements", agent=0, requirements=replace(ANY, features=[7]))
    chain.next_block(5_000)
    chain.send(own.heartbeat())
    for _ in range(3):
        job = chain.submit(max_fee=3)
        chain.blocks(2)
        chain.send(own.commit(job, gas=1))
        assert chain.job(job).state is JobState.Settled
    assert (own.record.kept, own.record.missed, own.record.score) == (0, 8, 500)
    job = chain.submit(max_fee=3)
    chain.blocks(2)
    wait(chain, MINUTES)
    assert own.record.missed > 8  # what it misses counts


def test_a_call_weighs_by_the_seats_only_where_it_ends_a_stage(chain: JobChain, team: Crew) -> None:
    def weighed(call: Call) -> Weight | None:
        post = chain.rt.dispatch(call, NONE)
        assert post is not None
        return post.actual_weight

    job, seats = begun(chain, team)
    ending = VOTE_WEIGHT + SEAT_WEIGHT * 3
    assert weighed(seats[0].word(job)) == VOTE_WEIGHT
    assert [weighed(seat.commit_hash(job, A)) for seat in seats] == [VOTE_WEIGHT, VOTE_WEIGHT, ending]
    assert [weighed(seat.reveal(job, A)) for seat in seats] == [VOTE_WEIGHT, VOTE_WEIGHT, ending]


def test_submit_pays_for_what_workers_say() -> None:
    runtime = DevRuntime(Overlay(DictBackend({})))

    def weight(replicas: int) -> Weight:
        terms = {"agent": 0, "input": InlineInput(b""), "mode": Mode.Deterministic, "max_fee": 1, "deadline": 1}
        return runtime.call("Jobs", "submit", **terms, replicas=replicas, callback=None).dispatch_info().weight

    said = [VOTE_WEIGHT * 3 * replicas for replicas in (1, 9)]
    assert all((weight(replicas) - each).ref_time > 0 for replicas, each in zip((1, 9), said, strict=True))
    assert weight(255) == weight(9)  # it is refused anyway
