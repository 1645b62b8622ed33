"""Sealed jobs end to end with real boxes: given, handed on, opened, voted on, refused, who pays for a missing one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from nacl.public import PrivateKey

from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.frame.validity import BadProof, Custom
from pallets.jobs.pallet import Jobs
from pallets.jobs.sealed import RESEALED
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import MAX_BOX, HashOutput, InlineOutput, SealedInput, Word
from pallets.primitives.job_record import JobState
from pallets.primitives.scale import EncodeError
from pallets.primitives.sealed import (
    GivenBox,
    SealedRequest,
    open_output,
    open_request,
    opener,
    reseal_bytes,
    seal,
    sealed_output,
    vote_hash,
)
from pallets.slashing.pallet import Slashing
from tests.pallets.bare_calls import refused
from tests.pallets.cluster_chain import ClusterChain
from tests.pallets.job_chain import ALICE, BOB, OPERATORS, UNIT, JobChain, TestWorker

MINE, CLUSTER = PrivateKey(b"m" * 32), PrivateKey(b"c" * 32)
SALT = b"salt" * 8
REQUEST = SealedRequest(SALT, MINE.public_key.encode(), ALICE, 0, b"secret input")
HALF = 10_000
"""Milliseconds of the half of an attempt at a job of a minute."""
BASE_FEE = UNIT // 16
MANY = 6 * UNIT
"""A fee of which a third is the base of a vote of three's base fees."""


@pytest.fixture
def chain() -> JobChain:
    chain = JobChain()
    chain.agent()
    return chain


@pytest.fixture
def team(chain: JobChain) -> dict[bytes, TestWorker]:
    """A worker of each of four operators."""
    workers = [chain.worker(name, operator) for name, operator in zip("abcd", OPERATORS, strict=True)]
    return {worker.key: worker.register() for worker in workers}


def box_for(worker: TestWorker, request: SealedRequest = REQUEST) -> bytes:
    return seal(request.encoded, worker.info.seal_key, b"once" * 8)


def submit(chain: JobChain, *boxes: bytes, **terms: Any) -> int:
    return chain.submit(**{"input": SealedInput(REQUEST.commitment, list(boxes)), **terms})


def assigned(chain: JobChain, team: dict[bytes, TestWorker], *boxes: bytes, **terms: Any) -> tuple[int, TestWorker]:
    """A sealed job that was just given to a worker."""
    job = submit(chain, *boxes, **terms)
    chain.blocks(2)
    return job, team[chain.job(job).workers[0]]


def provide(chain: JobChain, job: int, *boxes: tuple[TestWorker, bytes], who: bytes = ALICE) -> None:
    chain.call(who, "Jobs", "provide_key", job=job, boxes=[(worker.key, box) for worker, box in boxes])


def reseal(worker: TestWorker, job: int, receiver: TestWorker, box: bytes | None = None, /, **signing: Any) -> Call:
    """A signed box from a worker for another."""
    chain, box = worker.chain, box_for(receiver) if box is None else box
    truth: dict[str, Any] = {
        "genesis": chain.genesis_hash,
        "job": job,
        "worker": worker.key,
        "receiver": receiver.key,
        "box": box,
    }
    signature = worker.signer.sign(reseal_bytes(**(truth | signing))).signature
    return chain.rt.call(
        "Jobs", "reseal", job=job, receiver=receiver.key, box=box, worker=worker.key, signature=signature
    )


def ran(chain: JobChain, worker: TestWorker, job: int) -> bytes:
    """What a worker makes of a job: opens the boxes that the chain has for it, echoes, seals."""
    record, input = chain.job(job), chain.rt.jobs.input.get(job)
    assert isinstance(input, SealedInput)
    boxes = [*input.boxes, *(given.box for given in chain.rt.jobs.boxes.get(job, worker.key) or [])]
    request = open_request(
        boxes, [opener(worker.seal_secret)], commitment=record.input, submitter=record.submitter, agent=record.agent
    )
    return sealed_output(request, job, request.data)


def held(chain: JobChain) -> int:
    return chain.rt.balances.held(Jobs.HoldReason.Fee, ALICE)


# One worker


def test_from_box_to_box(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    record = chain.job(job)
    assert record.sealed and record.input == REQUEST.commitment
    provide(chain, job, (worker, box_for(worker)))
    assert chain.rt.events[-1] == Jobs.BoxGiven(job, worker.key, ALICE)
    sealed = ran(chain, worker, job)
    chain.send(worker.commit(job, sealed, gas=9))
    assert sealed[:32] == vote_hash(SALT, job, b"secret input")
    assert chain.events(Jobs.Settled) == [Jobs.Settled(job, blake2_256(sealed), 9, 27)]
    outcome, stored = chain.job(job).outcome, chain.rt.jobs.output.get(job)
    assert outcome and outcome.output == blake2_256(sealed) and stored == sealed
    assert open_output(stored, REQUEST, job, bytes(MINE)) == b"secret input"
    state = b"".join(value for value in chain.rt.state.changes.values() if value)
    assert b"secret" not in state
    assert chain.rt.jobs.boxes.get(job, worker.key) is None and job not in chain.rt.jobs.input


def test_who_carries_an_output_can_not_change_its_box(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    provide(chain, job, (worker, box_for(worker)))
    sealed = ran(chain, worker, job)
    said = worker.commit(job, sealed)
    names = ("job", "attempt", "output", "transcript_root", "gas", "worker", "signature")
    arguments = dict(zip(names, said.arguments, strict=True))
    swapped = InlineOutput(sealed[:32] + bytes(len(sealed) - 32))
    refused(chain, chain.rt.call("Jobs", "commit", **(arguments | {"output": swapped})), None)
    chain.send(said)
    assert chain.rt.jobs.output.get(job) == sealed


def test_boxes_that_come_with_the_job(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    to_all = [box_for(worker) for worker in team.values()]
    job, worker = assigned(chain, team, *to_all)
    chain.send(worker.commit(job, ran(chain, worker, job)))
    assert chain.job(job).state is JobState.Settled


def test_a_box_is_replaced_by_its_giver_alone(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    provide(chain, job, (worker, b"bad"))
    provide(chain, job, (worker, box_for(worker)))
    assert chain.rt.jobs.boxes.get(job, worker.key) == [GivenBox(ALICE, box_for(worker))]


def test_provide_key_refused(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    other = next(each for each in team.values() if each is not worker)
    with noop(chain.rt, Jobs.UnknownJob):
        provide(chain, 9, (worker, b""))
    with noop(chain.rt, Jobs.NotSubmitter):
        provide(chain, job, (worker, b""), who=BOB)
    with noop(chain.rt, Jobs.NoBoxes):
        provide(chain, job)
    with noop(chain.rt, Jobs.NotSeated):
        provide(chain, job, (other, b""))
    with pytest.raises(EncodeError):
        chain.rt.encode_call(chain.rt.call("Jobs", "provide_key", job=job, boxes=[(worker.key, bytes(MAX_BOX + 1))]))
    open_job = chain.submit()
    with noop(chain.rt, Jobs.NotSealed):
        provide(chain, open_job, (worker, b""))
    queued = submit(chain)
    with noop(chain.rt, Jobs.NotSeated):
        provide(chain, queued, (worker, b""))
    provide(chain, job, (worker, box_for(worker)))
    chain.send(worker.commit(job, ran(chain, worker, job)))
    with noop(chain.rt, Jobs.NotSeated):
        provide(chain, job, (worker, b""))


def test_more_than_four_boxes_are_refused_and_four_are_not(chain: JobChain) -> None:
    with noop(chain.rt, Jobs.TooManyBoxes):
        submit(chain, *[b"box"] * 5)
    submit(chain, *[b"box"] * 4)


def test_an_output_that_is_not_sealed_is_refused(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    for content in (b"", b"open output", bytes(79)):
        with pytest.raises(Custom) as raised:
            chain.send(worker.commit(job, content))
        assert raised.value.code == Jobs.SealedOutputTooShort.index
    with pytest.raises(BadProof):  # what stands for the plaintext isn't what is signed
        chain.send(worker.commit(job, bytes(80), signing={"output": bytes(32)}))
    with pytest.raises(Custom) as raised:
        chain.send(worker.commit(job, b"", output=HashOutput(bytes(32), 0), signing={"output": bytes(32)}))
    assert raised.value.code == Jobs.InlineOutputOnly.index
    chain.send(worker.commit(job, bytes(80)))


# Abstention


def test_abstaining_is_no_miss_and_unpaid_as_long_as_a_box_may_come(
    chain: JobChain, team: dict[bytes, TestWorker]
) -> None:
    job, worker = assigned(chain, team)
    chain.send(worker.word(job, Word.Abstain))
    assert (worker.record.kept, worker.record.missed, worker.record.load) == (0, 0, 0)
    assert chain.job(job).attempt == 2 and held(chain) == UNIT
    assert not chain.rt.jobs.claimable[worker.info.operator]


def test_without_a_box_in_half_of_its_time_a_worker_earns_the_base_fee(
    chain: JobChain, team: dict[bytes, TestWorker]
) -> None:
    job, worker = assigned(chain, team)
    chain.send(worker.word(job))
    chain.next_block(after=HALF)
    chain.send(worker.word(job, Word.Abstain))
    assert worker.record.missed == 0
    assert chain.rt.jobs.claimable[worker.info.operator] == BASE_FEE
    assert held(chain) == UNIT - BASE_FEE == chain.job(job).max_fee
    chain.blocks(2)
    second = team[chain.job(job).workers[0]]
    assert second is not worker
    provide(chain, job, (second, box_for(second)))
    chain.send(second.commit(job, ran(chain, second, job), gas=5))
    assert chain.events(Jobs.Settled)[0].fee == 15 and held(chain) == 0


@pytest.mark.parametrize("given", ["with the job", "by the submitter"])
def test_with_a_box_it_earns_nothing(chain: JobChain, team: dict[bytes, TestWorker], given: str) -> None:
    job, worker = assigned(chain, team, *([b"bad"] if given == "with the job" else []))
    if given == "by the submitter":
        provide(chain, job, (worker, b"bad"))
    chain.send(worker.word(job))
    chain.next_block(after=HALF)
    chain.send(worker.word(job, Word.Abstain))
    assert worker.record.missed == 0 and held(chain) == UNIT
    assert not chain.rt.jobs.claimable[worker.info.operator]


def test_silence_and_open_jobs_are_missed_as_ever(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, worker = assigned(chain, team)
    chain.next_block(after=21_000)
    assert chain.job(job).attempt == 2 and worker.record.missed == 1
    open_job = chain.submit()
    chain.blocks(2)
    other = team[chain.job(open_job).workers[0]]
    before = other.record.missed
    chain.send(other.word(open_job, Word.Abstain))
    assert other.record.missed == before + 1


# Resealing


def handed_on(chain: JobChain, team: dict[bytes, TestWorker]) -> tuple[int, TestWorker, TestWorker]:
    """A sealed job whose first worker opened it and was too slow; the second has no box yet."""
    job, first = assigned(chain, team)
    provide(chain, job, (first, box_for(first)))
    chain.send(first.word(job))
    chain.next_block(after=20_000)
    chain.blocks(2)
    second = team[chain.job(job).workers[0]]
    assert second is not first
    return job, first, second


def test_a_former_worker_hands_the_input_on(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, first, second = handed_on(chain, team)
    call = reseal(first, job, second)
    assert chain.validate(call).provides == chain.validate(reseal(first, job, second, b"other")).provides
    chain.send(call)
    assert chain.events(Jobs.BoxGiven) == [Jobs.BoxGiven(job, second.key, first.key)]
    chain.send(second.commit(job, ran(chain, second, job)))
    assert chain.job(job).state is JobState.Settled
    assert chain.rt.jobs.boxes.get(job, first.key) is chain.rt.jobs.boxes.get(job, second.key) is None


def test_a_bad_box_keeps_no_good_one_out(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, first, second = handed_on(chain, team)
    chain.send(reseal(first, job, second, b"bad"))
    refused(chain, reseal(first, job, second), Jobs.AlreadyResealed)
    provide(chain, job, (second, box_for(second)))
    assert [given.by for given in chain.rt.jobs.boxes.get(job, second.key) or []] == [first.key, ALICE]
    chain.send(second.commit(job, ran(chain, second, job)))


def test_reseal_refused(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, first, second = handed_on(chain, team)
    strangers = [worker for worker in team.values() if worker not in (first, second)]
    for wrong in (
        {"genesis": bytes(32)},
        {"job": 9},
        {"receiver": first.key},
        {"box": b"other"},
        {"worker": bytes(32)},
    ):
        refused(chain, reseal(first, job, second, **wrong), None)
    refused(chain, reseal(strangers[0], job, second), Jobs.WrongWorker)
    refused(chain, reseal(second, job, strangers[0]), Jobs.NotSeated)
    refused(chain, reseal(second, job, first), Jobs.NotSeated)
    refused(chain, reseal(first, 9, second), Jobs.UnknownJob)
    open_job = chain.submit()
    chain.blocks(2)
    seated = team[chain.job(open_job).workers[0]]
    refused(chain, reseal(seated, open_job, seated), Jobs.NotSealed)


def test_a_holder_of_the_clusters_key_hands_the_input_on() -> None:
    chain = ClusterChain()
    chain.agent()
    holder, guest = chain.committee(1)[0], chain.member(5)
    job = submit(chain, b"to the cluster", who=holder.info.operator)  # so that its own worker isn't drawn
    chain.blocks(8)
    worker = chain.members[chain.job(job).workers[0]]
    assert worker is guest
    chain.send(reseal(holder, job, worker))
    assert [given.by for given in chain.rt.jobs.boxes.get(job, worker.key) or []] == [holder.key]
    other = chain.member(6)
    refused(chain, reseal(other, job, worker), Jobs.WrongWorker)


# A vote


def voted(chain: JobChain, team: dict[bytes, TestWorker]) -> tuple[int, list[TestWorker]]:
    job = submit(chain, replicas=3, max_fee=MANY)
    chain.blocks(3)
    return job, [team[key] for key in chain.job(job).workers]


def test_a_vote_is_on_what_is_in_the_boxes(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, seats = voted(chain, team)
    provide(chain, job, *((worker, box_for(worker)) for worker in seats))
    outputs = {worker.key: ran(chain, worker, job) for worker in seats}
    assert len(set(outputs.values())) == 1
    for worker in seats:
        chain.send(worker.commit_hash(job, outputs[worker.key]))
    for worker in seats:
        chain.send(worker.reveal(job, outputs[worker.key]))
    settled = chain.job(job)
    assert settled.state is JobState.Settled and settled.outcome
    stored = chain.rt.jobs.output.get(job)
    assert stored is not None and open_output(stored, REQUEST, job, bytes(MINE)) == b"secret input"
    assert settled.outcome.output == blake2_256(stored)
    assert chain.rt.jobs.candidate.get((job, settled.outcome.output)) is None


@pytest.mark.parametrize("liar", [0, 2])
@pytest.mark.parametrize("part", ["the vote hash", "the box"])
def test_who_lied_about_what_is_in_a_box_is_outvoted(
    chain: JobChain, team: dict[bytes, TestWorker], part: str, liar: int
) -> None:
    job, seats = voted(chain, team)
    provide(chain, job, *((worker, box_for(worker)) for worker in seats))
    outputs = {worker.key: ran(chain, worker, job) for worker in seats}
    true = outputs[seats[liar].key]
    outputs[seats[liar].key] = bytes(32) + true[32:] if part == "the vote hash" else true[:-1] + b"\0"
    for worker in seats:
        chain.send(worker.commit_hash(job, outputs[worker.key]))
    for worker in seats:
        chain.send(worker.reveal(job, outputs[worker.key]))
    assert [event.worker for event in chain.events(Slashing.Deferred)] == [seats[liar].key]
    stored = chain.rt.jobs.output.get(job)
    assert stored is not None and open_output(stored, REQUEST, job, bytes(MINE)) == b"secret input"


def test_a_seat_is_given_so_many_boxes_by_others(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job, seats = voted(chain, team)
    receiver, giver = seats[0], seats[1]
    chain.send(reseal(giver, job, receiver))
    chain.send(reseal(seats[2], job, receiver))
    assert RESEALED == 2
    refused(chain, reseal(receiver, job, receiver), Jobs.TooManyBoxes)
    provide(chain, job, (receiver, box_for(receiver)))


def test_seats_of_a_vote_that_had_no_box_are_paid_and_the_rest_is_refunded(
    chain: JobChain, team: dict[bytes, TestWorker]
) -> None:
    job, seats = voted(chain, team)
    for worker in seats:
        chain.send(worker.word(job))
    chain.next_block(after=HALF // 2)
    for worker in seats:
        chain.send(worker.word(job, Word.Abstain))
    fee, paid = MANY, []
    for _ in seats:
        paid.append(fee // (16 * 3))
        fee -= paid[-1]
    assert [chain.rt.jobs.claimable[worker.info.operator] for worker in seats] == paid
    assert all(worker.record.missed == 0 for worker in seats) and held(chain) == fee


# A challenge


def test_a_submitter_who_keeps_the_judges_from_opening_has_no_refund(
    chain: JobChain, team: dict[bytes, TestWorker]
) -> None:
    chain.sudo("Jobs", "set_window", window=60_000)
    job, worker = assigned(chain, team)
    provide(chain, job, (worker, box_for(worker)))
    chain.send(worker.commit(job, ran(chain, worker, job), gas=1_000))
    chain.call(ALICE, "Jobs", "challenge", job=job)
    bond = chain.rt.balances.held(Jobs.HoldReason.ChallengeBond, ALICE)
    assert bond > 0
    abstained = set[bytes]()
    for _ in range(200):
        record = chain.job(job)
        if record.state is JobState.Settled:
            break
        for seat in record.voters:
            if seat.is_pending and seat.worker not in abstained:
                abstained.add(seat.worker)
                chain.send(team[seat.worker].word(job, Word.Abstain))
        chain.next_block(after=1_000)
    assert chain.job(job).state is JobState.Settled and abstained
    assert chain.rt.jobs.claimable[worker.info.operator] == 2_100
    assert held(chain) == chain.rt.balances.held(Jobs.HoldReason.ChallengeBond, ALICE) == 0


def test_the_judged_worker_hands_the_input_to_its_judges(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    chain.sudo("Jobs", "set_window", window=60_000)
    job, worker = assigned(chain, team)
    provide(chain, job, (worker, box_for(worker)))
    output = ran(chain, worker, job)
    chain.send(worker.commit(job, output))
    chain.call(BOB, "Jobs", "challenge", job=job)
    chain.blocks(4)
    judges = [team[seat.worker] for seat in chain.job(job).voters]
    assert len(judges) == 3
    for judge in judges:
        chain.send(reseal(worker, job, judge))
        chain.send(judge.commit_hash(job, ran(chain, judge, job)))
    for judge in judges:
        chain.send(judge.reveal(job, ran(chain, judge, job)))
    assert chain.job(job).state is JobState.Settled
    assert open_output(chain.rt.jobs.output.get(job) or b"", REQUEST, job, bytes(MINE)) == b"secret input"


def test_a_copied_box_serves_no_other_submitter(chain: JobChain, team: dict[bytes, TestWorker]) -> None:
    job = submit(chain, *(box_for(worker) for worker in team.values()), who=BOB)
    chain.blocks(2)
    worker = team[chain.job(job).workers[0]]
    with pytest.raises(Exception, match="another submitter"):
        ran(chain, worker, job)
    assert replace(REQUEST, submitter=BOB).commitment != REQUEST.commitment
