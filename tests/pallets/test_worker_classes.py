"""Capability classes: who belongs to which, as workers change and classes come and go; and features' words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.attestation import gpu_evidence
from offchain.simulated_tee.gpu import SimulatedGpu
from pallets.frame.testing import noop
from pallets.primitives.attestation_record import Tee
from pallets.primitives.worker import memory_of, memory_word, model_word, region, region_word
from pallets.primitives.worker_record import ANY, EVERYONE, Requirements, WorkerClass, WorkerState
from pallets.workers.classes import CLASS_WEIGHT
from pallets.workers.pallet import Workers
from tests.pallets.job_chain import ALICE, OPERATORS, TDX, JobChain, TestWorker
from tests.pallets.test_workers import INTERVAL, draws, listed

GERMANY, FRANCE = region("DE"), region("FR")
LLAMA, ROOMY = model_word("llama-3-8b"), memory_word(16_384)
IN_GERMANY = replace(ANY, region=GERMANY)
WITH_LLAMA = replace(ANY, features=[LLAMA], memory=8_192)


@pytest.fixture
def chain() -> JobChain:
    return JobChain()


def able(chain: JobChain, name: str, *features: int, **terms: Any) -> TestWorker:
    """A registered worker that declares features."""
    worker = chain.worker(name, **terms)
    worker.info = replace(worker.info, features=sorted(features))
    return worker.register()


def reattest(worker: TestWorker, *features: int) -> None:
    """The worker declares other features from the next block on."""
    chain = worker.chain
    chain.next_block()
    worker.info = replace(worker.info, features=sorted(features))
    chain.call(worker.info.operator, "Workers", "reattest", info=worker.info, quote=worker.quote())


def beat(*workers: TestWorker) -> None:
    """A heartbeat of each, as soon as that is allowed."""
    for chain in {worker.chain for worker in workers}:
        chain.next_block(INTERVAL)
    for worker in workers:
        worker.chain.send(worker.heartbeat())


def test_words_say_what_they_are_made_of() -> None:
    assert memory_of([3, memory_word(1 << 30), region_word(FRANCE)]) == (1 << 24) - 1
    assert memory_of([memory_word(5), memory_word(9)]) == 9 and memory_of([LLAMA]) == 0
    assert region_word(GERMANY) == 2 << 24 | ord("D") << 8 | ord("E")
    assert model_word("a") >> 24 == 3 and model_word("a") != model_word("b")
    for wrong in ("de", "D", "DEU", "D1", "ÄÖ"):
        with pytest.raises(ValueError, match="capital letters"):
            region(wrong)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ANY, "abc"),
        (replace(ANY, tee=Tee.Tdx), "c"),
        (replace(ANY, tee=Tee.Sgx), "ab"),
        (replace(ANY, confidence=1), "bc"),
        (replace(ANY, confidence=3), "abc"),
        (replace(ANY, gpu=True), ""),
        (replace(ANY, memory=16_384), "a"),
        (replace(ANY, memory=16_385), ""),
        (IN_GERMANY, "ac"),
        (WITH_LLAMA, "a"),
        (replace(ANY, features=[LLAMA]), "ab"),
        (replace(ANY, features=[7, LLAMA]), "b"),
        (Requirements(Tee.Tdx, 1, False, 0, GERMANY, []), "c"),
    ],
)
def test_who_meets_requirements(wanted: Requirements, expected: str) -> None:
    chain = JobChain()
    id = chain.rt.workers.open_class(wanted)
    team = {
        "a": able(chain, "a", ROOMY, region_word(GERMANY), LLAMA),
        "b": able(chain, "b", memory_word(4_096), region_word(FRANCE), LLAMA, 7),
        "c": able(chain, "c", region_word(GERMANY), measurements=TDX),
    }
    attestation = chain.rt.attestation.attested[team["a"].key]
    attestation.confidence = 3
    chain.rt.attestation.attested[team["a"].key] = attestation
    record = team["a"].record
    record.matched = -1 % (1 << 32)  # as after a change of classes
    chain.rt.workers.worker[team["a"].key] = record
    beat(*team.values())
    assert {name for name, worker in team.items() if worker.key in listed(chain, id)} == set(expected)
    found = {name for name, worker in team.items() if draws(chain, 60, class_id=id)[worker.key]}
    assert found == set(expected)


def test_membership_follows_what_a_worker_declares(chain: JobChain) -> None:
    workers = chain.rt.workers
    german, llama = workers.open_class(IN_GERMANY), workers.open_class(WITH_LLAMA)
    one, two = able(chain, "one", region_word(GERMANY)), able(chain, "two", ROOMY, LLAMA, operator=OPERATORS[1])
    assert (listed(chain, german), listed(chain, llama)) == ([one.key], [two.key])
    assert (one.record.classes, two.record.classes) == ([EVERYONE, german], [EVERYONE, llama])
    assert workers.operators_besides(ALICE, german) == 1 and workers.operators_besides(OPERATORS[0], german) == 0
    arrivals = workers.arrivals
    reattest(one, region_word(GERMANY), ROOMY, LLAMA)
    assert set(listed(chain, llama)) == {one.key, two.key} and workers.arrivals == arrivals + 1
    reattest(one)
    assert (listed(chain, german), listed(chain, llama)) == ([], [two.key])
    assert set(listed(chain)) == {one.key, two.key} and workers.arrivals == arrivals + 1
    chain.call(OPERATORS[1], "Workers", "exit", worker=two.key)
    assert (listed(chain), listed(chain, llama)) == ([one.key], [])


def test_a_gpu_counts_once_it_is_shown_and_until_it_is_lost(chain: JobChain) -> None:
    chain.next_block()
    with_gpu = chain.rt.workers.open_class(replace(ANY, gpu=True))
    first, second = chain.worker("first"), chain.worker("second", OPERATORS[1])
    for worker in (first, second):
        gpu = SimulatedGpu(bytes(16))
        evidence = gpu_evidence(gpu, worker.key, chain.genesis_hash, chain.head)
        worker.info = replace(worker.info, gpu_evidence=evidence.hash)
        worker.register()
        assert worker.key not in listed(chain, with_gpu)
        chain.call(ALICE, "Attestation", "attest_gpu", worker=worker.key, evidence=evidence)
        assert worker.key in listed(chain, with_gpu)
        chain.next_block()
    assert draws(chain, 40, class_id=with_gpu).keys() <= {second.key, None}  # the same GPU, gone to the second
    assert listed(chain, with_gpu) == [second.key] and set(listed(chain)) == {first.key, second.key}


def test_a_class_opened_late_fills_with_heartbeats(chain: JobChain) -> None:
    workers = chain.rt.workers
    team = [able(chain, f"{i}", region_word(GERMANY)) for i in range(3)]
    german = workers.open_class(IN_GERMANY)
    assert listed(chain, german) == [] and draws(chain, 2, class_id=german) == {None: 2}
    arrivals = workers.arrivals
    beat(team[1])
    assert listed(chain, german) == [team[1].key] and workers.arrivals == arrivals + 1
    beat(team[0], team[2])
    assert set(listed(chain, german)) == {worker.key for worker in team}
    before = workers.arrivals
    beat(*team)  # nothing new
    assert workers.arrivals == before


def test_equal_requirements_are_one_class_and_it_goes_with_its_last_user(chain: JobChain) -> None:
    workers = chain.rt.workers
    given = replace(ANY, features=[9, LLAMA, 9, 3])
    id = workers.open_class(given)
    assert workers.open_class(replace(given, features=[3, 9, LLAMA])) == id
    assert workers.classes.get(id) == WorkerClass(replace(given, features=[3, 9, LLAMA]), 2)
    worker = able(chain, "w", 3, 9, LLAMA)
    workers.close_class(id)
    assert listed(chain, id) == [worker.key]
    workers.close_class(id)
    assert workers.classes.get(id) is None
    again = workers.open_class(given)
    assert again != id and listed(chain, again) == []
    beat(worker)  # empties the old one's lists, and fills the new one's
    assert (listed(chain, id), listed(chain, again)) == ([], [worker.key])
    assert worker.record.classes == [EVERYONE, again]


def test_a_closed_class_empties_whatever_becomes_of_its_workers(chain: JobChain) -> None:
    workers = chain.rt.workers
    id = workers.open_class(IN_GERMANY)
    team = [able(chain, f"{i}", region_word(GERMANY)) for i in range(4)]
    workers.close_class(id)
    beats, _, leaves, works = team
    chain.call(OPERATORS[0], "Workers", "exit", worker=leaves.key)
    for _ in range(2):
        workers.assign(works.key)
    assert works.key not in listed(chain, id)
    workers.finish(works.key, kept=True)
    beat(beats, works)
    chain.next_block(59_000)
    chain.next_block(59_000)
    chain.next_block(59_000)
    assert team[1].record.state is WorkerState.Unresponsive
    assert listed(chain, id) == []
    assert {of for of, _ in workers.place} <= {EVERYONE} and not [of for of, _ in workers.eligible if of == id]


def test_class_zero_is_everyone_and_stays(chain: JobChain) -> None:
    workers = chain.rt.workers
    assert workers.open_class(replace(ANY, features=[])) == EVERYONE
    before = workers.classes[EVERYONE]
    for _ in range(3):
        workers.close_class(EVERYONE)
    assert workers.classes[EVERYONE] == before and before.requirements == ANY and workers.class_changes == 0


def test_there_are_so_many_classes_and_no_more(chain: JobChain) -> None:
    workers = chain.rt.workers
    ids = [workers.open_class(replace(ANY, memory=size)) for size in range(1, workers.max_classes)]
    assert len(workers.classes) == workers.max_classes == 64
    with noop(chain.rt, Workers.TooManyClasses):
        workers.open_class(IN_GERMANY)
    assert workers.open_class(replace(ANY, memory=5)) == ids[4]
    workers.close_class(ids[0])
    workers.open_class(IN_GERMANY)
    for confidence in (0, 6):
        with noop(chain.rt, Workers.BadRequirements):
            workers.open_class(replace(ANY, confidence=confidence))


def test_an_endpoint_over_bounds_is_refused_by_name(chain: JobChain) -> None:
    worker = chain.worker("w")
    worker.info = replace(worker.info, endpoint=b"e" * 257)
    with noop(chain.rt, Workers.EndpointTooLong):
        worker.register()
    worker.info = replace(worker.info, endpoint=b"e" * 256)
    worker.register()
    chain.next_block()
    worker.info = replace(worker.info, endpoint=b"e" * 257)
    with noop(chain.rt, Workers.EndpointTooLong):
        chain.call(OPERATORS[0], "Workers", "reattest", info=worker.info, quote=worker.quote())


WANTED = [IN_GERMANY, WITH_LLAMA, replace(ANY, confidence=1)]
DECLARED = [(), (region_word(GERMANY),), (ROOMY, LLAMA), (LLAMA, ROOMY, region_word(GERMANY))]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "close", "attest", "beat", "load", "free"]), st.integers(0, 3)), max_size=25
    )
)
def test_lists_stay_right_whatever_comes_and_goes(steps: list[tuple[str, int]]) -> None:
    chain = JobChain()
    workers, held = chain.rt.workers, list[int]()
    team = [able(chain, f"{i}", operator=OPERATORS[i % 2]) for i in range(3)]
    for step, i in steps:
        worker = team[i % 3]
        if step == "open":
            held.append(workers.open_class(WANTED[i % 3]))
        elif step == "close" and held:
            workers.close_class(held.pop(i % len(held)))
        elif step == "attest":
            reattest(worker, *DECLARED[i])
        elif step == "beat":
            beat(worker)
        elif step == "load" and (EVERYONE, worker.key) in workers.place:
            workers.assign(worker.key)
        elif step == "free" and worker.record.load:
            workers.finish(worker.key, kept=True)
        listed(chain)
    beat(*team)
    assert {id for id, _ in workers.classes.items()} == {EVERYONE, *held}
    for id, each in workers.classes.items():
        for worker in team:
            attestation = chain.rt.attestation.attested[worker.key]
            fits = each.requirements.fit(worker.info, attestation) and worker.record.load < workers.max_load
            assert (worker.key in listed(chain, id)) == fits
    assert {id for id, _ in workers.place} <= {id for id, _ in workers.classes.items()}


def test_being_in_many_classes_weighs(chain: JobChain) -> None:
    workers, system = chain.rt.workers, chain.rt.system
    for memory in (1, 2, 3):
        workers.open_class(replace(ANY, memory=memory))
    many, one = able(chain, "many", ROOMY), able(chain, "one")
    weights = list[int]()
    for worker in (one, many):
        chain.next_block()
        before = sum(system.space.used)
        chain.call(OPERATORS[0], "Workers", "exit", worker=worker.key)
        weights.append(sum(system.space.used) - before)
    assert weights == [0, 3 * (CLASS_WEIGHT.ref_time + CLASS_WEIGHT.proof_size)]
