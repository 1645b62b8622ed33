"""A chain for many jobs: that of `tests.pallets.job_chain`, with room in its blocks and a state that stays in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator

from pallets.frame.overlay import DictBackend
from pallets.primitives.worker_record import WorkerState
from tests.pallets.job_chain import STAKE, UNIT, JobChain, JobRuntime, TestWorker

SLOT = 2_000
"""Milliseconds: few blocks for the time that a vote takes."""
BANK = b"\xbb" * 32
RICHES = 4 * STAKE
"""What each operator stakes: all of it counts, and a slash is a fortieth of it."""


class MarketRuntime(JobRuntime):
    """The pallets as they are, with larger blocks, and room for every worker to have any number of jobs."""

    block_seconds = 60

    def compose(self) -> None:
        super().compose()
        self.aura.slot_duration, self.timestamp.minimum_period = SLOT, SLOT // 2
        self.workers.max_load = 1 << 16
        self.workers.challenge_interval = 600_000
        self.workers.max_due = self.slashing.max_due = self.jobs.max_due = 64


class EvenRuntime(MarketRuntime):
    """The same where no worker's kept and missed jobs count, so that all weigh the same as long as none is slashed."""

    def compose(self) -> None:
        super().compose()
        finish = self.workers.finish
        vars(self.workers)["finish"] = lambda worker, *, kept: finish(worker, kept=None)


class OrderedState:
    """A state in a dictionary whose keys are kept in order."""

    def __init__(self, pairs: dict[bytes, bytes]) -> None:
        self.pairs, self.order = pairs, sorted(pairs)

    def get(self, key: bytes, /) -> bytes | None:
        """A value."""
        return self.pairs.get(key)

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        """Keys under a prefix, ascending; they may change only after the last was asked for."""
        at = bisect_left(self.order, prefix) if after is None else bisect_right(self.order, max(after, prefix))
        while at < len(self.order) and self.order[at].startswith(prefix):
            yield self.order[at]
            at += 1

    def take(self, changes: dict[bytes, bytes | None]) -> None:
        """Applies what blocks have changed."""
        for key, value in changes.items():
            known = key in self.pairs
            if value is not None:
                self.pairs[key] = value
                if not known:
                    insort(self.order, key)
            elif known:
                del self.pairs[key]
                del self.order[bisect_left(self.order, key)]


class MarketChain(JobChain):
    """The chain, with operators who each have one worker; after each block that stays the crowd does its part."""

    runtime: type[JobRuntime] = MarketRuntime
    slot_duration, onion_layers = SLOT, 1 << 14

    def __init__(self, operators: int, authorities: int = 1, *, even: bool, seed: int) -> None:
        self.after_block: Callable[[], None] | None = None
        if even:
            self.runtime = EvenRuntime
        self.secret = b"market %d" % seed
        super().__init__(authorities)
        backend = self.rt.state.backend
        assert isinstance(backend, DictBackend)
        self.state = OrderedState(backend.pairs)
        self.rt.state.backend, self.rt.state.read = self.state, self.state.get
        self.agent()
        self.sudo("Balances", "force_set_balance", who=BANK, new_free=operators * 2 * RICHES)
        self.workers = list[TestWorker]()
        for i in range(operators):
            operator = b"operator" + i.to_bytes(24, "big")
            self.call(BANK, "Balances", "transfer_allow_death", dest=operator, value=RICHES + UNIT)
            self.workers.append(self.worker(f"market {i}", operator).register(RICHES))
        assert all(worker.record.state is WorkerState.Idle for worker in self.workers)

    def next_block(self, after: int = SLOT) -> None:
        """Closes the open block and opens the next; the crowd looks at it unless it is only thought of."""
        self.head = self.executive.finalize_block().hash
        thought = self.rt.state.depth > 0
        if not thought:
            self.state.take(self.rt.state.changes)
            self.rt.state.changes.clear()
        self._open(self.rt.timestamp.now + after)
        if not thought and self.after_block is not None:
            self.after_block()
