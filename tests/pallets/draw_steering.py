"""Authors and a submitter who steer draws: what they can do for a third of the workers that lie in concert.

Real blocks, real reveals, real draws. What an author knows it finds out as a node would: it builds blocks and throws
them away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from pallets.primitives.worker_record import WorkerState
from tests.pallets.job_chain import JobChain
from tests.pallets.turn_chain import takes_transactions

SESSION = 1_200
"""Slots, 30 times fewer than on the dev chain."""
PATIENCE = 9
"""Turns between two that an author may skip without being left out."""
BENT = 5
"""Liars that come and go."""


class Draws(Protocol):
    """What is steered, by number."""

    def submit(self, id: int) -> None:
        """Begins to wait for a draw."""

    def went_well(self, id: int) -> bool | None:
        """Whether the draw did the liars good; none as long as there was none."""

    def remember(self) -> Callable[[], None]:
        """What undoes all that happens here from now on, besides the chain's state."""


class Coalition:
    """Authors of these places and a submitter, in league with these workers."""

    def __init__(self, chain: JobChain, draws: Draws, places: set[int], liars: Sequence[bytes]) -> None:
        self.chain, self.draws, self.places, self.liars = chain, draws, places, liars
        self.authorities = len(chain.rt.aura.authorities)
        self.may_skip_from, self.skipped, self.goes_dark = dict.fromkeys(places, 0), 0, True
        chain.rt.randomness.session = SESSION

    @property
    def slot(self) -> int:
        """The open block's."""
        return self.chain.rt.aura.current_slot

    @property
    def accomplice_is_next(self) -> bool:
        """Whether the next slot is one of theirs."""
        return (self.slot + 1) % self.authorities in self.places

    @contextmanager
    def thought(self) -> Iterator[None]:
        """What happens inside has not happened."""
        chain, restore = self.chain, self.draws.remember()
        space, head = chain.rt.system.space, chain.head
        used, length, events = space.used, space.length, list(chain.rt.events)
        chain.rt.state.begin()
        try:
            yield
        finally:
            chain.rt.state.rollback()
            restore()
            chain.head = head
            space.used, space.length, chain.rt.events[:] = used, length, events

    def play(self, id: int) -> None:
        """Something submitted just before an accomplice decides about its draw."""
        system = self.chain.rt.system
        while (self.slot + 1 + id % 2) % self.authorities not in self.places or not takes_transactions(system):
            self.next_block()
        self.draws.submit(id)
        while self.draws.went_well(id) is None:
            if not self.accomplice_is_next:
                self.next_block()
                self.bend(id)
            elif self.skips(id):
                self.skipped += 1
                self.may_skip_from[(self.slot + 1) % self.authorities] = self.slot + PATIENCE * self.authorities
                self.next_block(slots=2)
                self.bend(id)
            else:
                self.next_block()
                self.bend(id)
        self.straighten()

    def next_block(self, slots: int = 1) -> None:
        """The block so many slots later."""
        self.chain.next_block(slots * self.chain.slot_duration)

    def skips(self, id: int) -> bool:
        """Whether the accomplice whose turn is next would rather not have it."""
        patient = self.slot >= self.may_skip_from[(self.slot + 1) % self.authorities]
        made = self.outcome(id, 1)
        if made is None:
            return patient and id % 4 == 0  # to be the last who knows
        return not made and (patient or (self.goes_dark and bool(self.outcome(id, 2))))

    def outcome(self, id: int, slots: int) -> bool | None:
        """What would come of the draw with the block of that slot."""
        with self.thought():
            self.next_block(slots)
            return self.draws.went_well(id)

    def bend(self, id: int) -> None:
        """Liars come and go in the open block, if it takes their transactions, so that the next turn does them good."""
        foreseen = self.chain.rt.randomness.turns or (
            self.slot % self.authorities in self.places and self.accomplice_is_next
        )
        drawn = self.draws.went_well(id) is not None
        if drawn or not foreseen or not takes_transactions(self.chain.rt.system):
            return
        for gone in range(1 << BENT):
            with self.thought():
                self.leave(gone)
                while not self.accomplice_is_next:
                    self.next_block()
                good = self.outcome(id, 1)
            if good:
                self.leave(gone)
                return

    def leave(self, gone: int) -> None:
        """Those of the first liars whose bits are set can't be drawn."""
        workers = self.chain.rt.workers
        for bit, worker in enumerate(self.liars[:BENT]):
            if gone >> bit & 1:
                workers.enter(worker, workers.worker[worker], WorkerState.Unresponsive)

    def straighten(self) -> None:
        """They are back."""
        workers = self.chain.rt.workers
        for worker in self.liars:
            record = workers.worker[worker]
            if record.state is WorkerState.Unresponsive:
                workers.enter(worker, record, WorkerState.Working if record.load else WorkerState.Idle)
