"""Does it help to steer? A third of the operators lie in concert, authors and a submitter do what they can for them.

Real blocks, real reveals, real draws; only the jobs are over as soon as they are drawn, so that one list of workers
serves thousands. `tests.market` has the same coalition at a market of real jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb, sqrt

import pytest

from pallets.jobs.queue import SEED
from pallets.primitives.hashing import blake2_256
from pallets.primitives.worker_record import EVERYONE
from pallets.randomness.pallet import Randomness
from tests.pallets.draw_steering import Coalition
from tests.pallets.job_chain import ALICE, BOB, STAKE, UNIT, JobChain

OPERATORS = [bytes((i,)) * 32 for i in range(1, 31)]
LIARS = frozenset(OPERATORS[::3])
SEATS = 3
JOBS = 400
CHANCE = sum(comb(len(LIARS), k) * comb(len(OPERATORS) - len(LIARS), SEATS - k) for k in (2, 3)) / comb(
    len(OPERATORS), SEATS
)


class ThreeSeats:
    """Three seats of distinct operators for each job, drawn as `Jobs` draws them."""

    def __init__(self, chain: JobChain) -> None:
        self.chain = chain
        self.waiting: list[tuple[int, int]] = []
        self.lied: dict[int, bool] = {}

    def submit(self, id: int) -> None:
        self.waiting.append((self.chain.rt.system.number, id))

    def went_well(self, id: int) -> bool | None:
        return self.lied.get(id)

    def remember(self) -> Callable[[], None]:
        waiting, lied = list(self.waiting), dict(self.lied)

        def restore() -> None:
            self.waiting, self.lied = waiting, lied

        return restore

    def first_waiting(self) -> int | None:
        return self.waiting[0][0] if self.waiting else None

    def on_randomness(self, mix: bytes) -> None:
        while self.waiting:
            block, id = self.waiting[0]
            settled = self.chain.rt.randomness.settled(block)
            if settled is None:
                return
            del self.waiting[0]
            self.draw(id, settled.mix)

    def draw(self, id: int, mix: bytes) -> None:
        seed, barred = blake2_256(SEED.encode((mix, id, 1, 0))), set[bytes]()
        workers = self.chain.rt.workers
        for seat in range(SEATS):
            found = workers.draw(seed + seat.to_bytes(4, "little"), EVERYONE, operators=barred, rather_not=[]).worker
            assert found is not None
            barred.add(workers.worker[found].info.operator)
        self.lied[id] = len(barred & LIARS) > SEATS // 2


class Table(Coalition):
    """A chain, its operators, and authors that are in league with the liars: those of these places."""

    def __init__(self, authorities: int, places: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(JobChain, "onion_layers", 1 << 14)
        chain = JobChain(authorities)
        workers = dict[bytes, bytes]()
        for i, operator in enumerate(OPERATORS):
            chain.call((ALICE, BOB)[i % 2], "Balances", "transfer_allow_death", dest=operator, value=450 * UNIT)
            workers[operator] = chain.worker(f"{i}", operator).register(4 * STAKE).key
        self.seats = ThreeSeats(chain)
        super().__init__(chain, self.seats, places, [workers[operator] for operator in sorted(LIARS)])
        randomness = chain.rt.randomness
        randomness.listeners, randomness.queues = (self.seats,), (self.seats,)

    def play_naively(self, id: int) -> None:
        """Were a job drawn for with its own block's mix, the accomplice would include it when it likes the draw."""
        for _ in range(3):
            while not self.accomplice_is_next:
                self.next_block()
            self.next_block()
            with self.thought():
                self.seats.draw(id, self.chain.rt.randomness.mix)
                good = self.seats.lied[id]
            if good:
                break
        self.seats.draw(id, self.chain.rt.randomness.mix)

    @property
    def rate(self) -> float:
        lied = self.seats.lied.values()
        return sum(lied) / len(lied)


def bound(jobs: int) -> float:
    """Three sigma above chance."""
    return CHANCE + 3 * sqrt(CHANCE * (1 - CHANCE) / jobs)


@pytest.mark.parametrize(("authorities", "places"), [(3, {2}), (5, {4}), (5, {2, 4})])
def test_steering_gains_nothing(authorities: int, places: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(authorities, places, monkeypatch)
    for id in range(JOBS):
        table.play(id)
    assert table.skipped > JOBS // 50  # they did try
    assert 2 * CHANCE - bound(JOBS) < table.rate < bound(JOBS)


def test_a_mix_of_the_blocks_own_would_be_steered(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(3, {2}, monkeypatch)
    for id in range(100):
        table.play_naively(id)
    assert table.rate > bound(100)


def test_a_list_that_changes_while_its_draw_is_known_would_be_steered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Randomness, "_close_block", lambda self: None)
    table = Table(5, {4}, monkeypatch)
    table.goes_dark = False
    for id in range(1, 48, 2):
        while table.slot < table.may_skip_from[4]:
            table.next_block()
        table.play(id)
    assert table.rate > bound(24)


def test_two_authors_in_a_row_decide_about_what_comes_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit that the protocol has: it waits for two authors, and believes in one of them."""
    table = Table(5, {3, 4}, monkeypatch)
    table.goes_dark, table.may_skip_from = False, dict.fromkeys((3, 4), 1 << 60)
    for id in range(0, 100, 2):
        while table.slot % 5 != 2:
            table.next_block()
        table.play(id)
    assert table.rate > bound(50)
