"""What doesn't grow with the number of workers: the reads of a draw, the challenges of a block. And whom draws take."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.hashing import blake2_256
from pallets.primitives.worker_record import EVERYONE, FULL_SPEED
from pallets.workers.pallet import Workers
from tests.pallets.job_chain import ALICE, OPERATORS, STAKE, JobChain, JobRuntime, TestWorker
from tests.pallets.test_workers import draws, seeds


class CountingBackend:
    """A state that never changes, in order, and how often it was read."""

    def __init__(self, pairs: dict[bytes, bytes]) -> None:
        self.pairs, self.order, self.reads = pairs, sorted(pairs), 0

    def get(self, key: bytes, /) -> bytes | None:
        self.reads += 1
        return self.pairs.get(key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        at = bisect_left(self.order, prefix) if after is None else bisect_right(self.order, after)
        while at < len(self.order) and self.order[at].startswith(prefix):
            yield self.order[at]
            at += 1


def settle(chain: JobChain) -> CountingBackend:
    """Makes all that the open block has changed the chain's state beneath it."""
    state = chain.rt.state
    assert isinstance(state.backend, DictBackend)
    pairs = {key: value for key, value in (state.backend.pairs | state.changes).items() if value is not None}
    backend = CountingBackend(pairs)
    state.backend, state.read = backend, backend.get
    state.changes.clear()
    return backend


def crowd(chain: JobChain, model: TestWorker, size: int) -> list[bytes]:
    """So many workers, eligible and not watched, all like one that is registered."""
    workers, attestation = chain.rt.workers, chain.rt.attestation
    put = chain.rt.state.put
    record = workers.worker.encode(replace(model.record, stake=4 * STAKE, speed=FULL_SPEED))
    attested = attestation.attested.encode(attestation.attested[model.key])
    at, index = workers.eligible_count[EVERYONE], workers.place.encode
    keys = [blake2_256(i.to_bytes(4, "little")) for i in range(size)]
    for key in keys:
        put(workers.worker.key(key), record)
        put(attestation.attested.key(key), attested)
        put(workers.eligible.key((EVERYONE, at)), key)
        put(workers.place.key((EVERYONE, key)), index(at))
        at += 1
    workers.eligible_count[EVERYONE] = at
    workers.eligible_of[EVERYONE, model.info.operator] = at
    return keys


def test_reads_of_an_assignment_dont_grow_with_the_number_of_workers() -> None:
    costs = list[dict[int, set[int]]]()
    for size in (10, 1_000, 100_000):
        chain = JobChain()
        crowd(chain, chain.worker("model").register(), size)
        state = settle(chain)
        found: dict[int, set[int]] = {}
        for seed in seeds(60):
            fresh = JobRuntime(Overlay(state))
            fresh.system.initialize(chain.rt.system.number + 1, chain.head, [])
            state.reads = 0
            worker, tries = fresh.workers.draw(seed, EVERYONE, operators=[ALICE], rather_not=[])
            assert worker is not None
            fresh.workers.assign(worker)
            fresh.workers.assign(worker)  # as many as it may have: it leaves the list
            assert (EVERYONE, worker) not in fresh.workers.place
            found.setdefault(tries, set()).add(state.reads)
        costs.append(found)
    assert costs[0][1] == costs[1][1] == costs[2][1] and len(costs[0][1]) <= 2 and max(costs[0][1]) < 30


def test_draws_follow_the_weights() -> None:
    chain = JobChain()
    terms = [  # stake, kept, missed, slashed, confidence, speed
        (4, 0, 0, 0, 1, 1000),
        (1, 0, 0, 0, 1, 1000),
        (4, 0, 8, 0, 1, 1000),
        (4, 0, 0, 1, 4, 1000),
        (2, 100, 0, 0, 5, 500),
        (9, 0, 0, 0, 2, 250),
        (3, 5, 3, 0, 3, 750),
        (4, 0, 10_000, 0, 1, 1000),
    ]
    workers = chain.rt.workers
    team = [chain.worker(f"{i}", OPERATORS[i % 4]).register() for i in range(len(terms))]
    weights = dict[bytes, int]()
    for worker, (stake, kept, missed, slashed, confidence, speed) in zip(team, terms, strict=True):
        record = worker.record
        record.stake, record.kept, record.missed = stake * STAKE, kept, missed
        record.slashed, record.confidence, record.speed = slashed, confidence, speed
        workers.worker[worker.key] = record
        weights[worker.key] = record.weight(min(stake, 4))
    count = 5_000
    found = draws(chain, count)
    total = sum(weights.values())
    surprise = sum(
        (found[key] - count * weight / total) ** 2 / (count * weight / total) for key, weight in weights.items()
    )
    assert surprise < 24.3, found  # chi-square of seven degrees of freedom: one in a thousand


def test_challenges_of_a_block_stay_few_at_36000_workers() -> None:
    chain, size = JobChain(), 36_000
    workers = chain.rt.workers
    model = chain.worker("model").register()
    spacing, record = workers.challenge_spacing, model.record
    crowd(chain, model, size)
    mean, now = size * spacing, chain.rt.timestamp.now
    keys = [workers.eligible[EVERYONE, at] for at in range(1, size + 1)]
    for i, key in enumerate(keys):  # spread as they are when challenges have come for a while
        record.due = now + i * spacing
        chain.rt.state.put(workers.worker.key(key), workers.worker.encode(record))
        chain.rt.state.put(workers.silence.key((record.due, key)), b"")
    workers.silence.state.put(workers.silence.counter.key, (size + 1).to_bytes(4, "little"))
    settle(chain)
    a_block = list[int]()
    for _ in range(60):
        chain.next_block()
        challenged = chain.events(Workers.Challenged)
        a_block.append(len(challenged))
        for event in challenged:
            answered = workers.worker[event.worker]
            assert answered.due == event.until == chain.rt.timestamp.now + workers.heartbeat_window
    assert max(a_block) <= 4 and sum(a_block) / len(a_block) == pytest.approx(100 / spacing, rel=0.1)
    chain.call(OPERATORS[0], "Workers", "reattest", info=model.info, quote=model.quote())
    assert mean // 2 <= model.record.due - chain.rt.timestamp.now <= mean * 3 // 2 + spacing * 4
