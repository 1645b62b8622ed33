"""What the parts of a node count while they work, for `node.metrics` to show.

Counting costs an increment: nothing here is formatted, locked or looked up by label before somebody asks. All counts
begin at zero when the node starts.

## Usage

    call = counts.ws.started("chain_getBlock")
    call.finished(seconds, is_error=False)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Rust's `prometheus::DEFAULT_BUCKETS`, in seconds."""
RPC_BUCKETS = (5, 25, 100, 500, 1_000, 2_500, 10_000, 25_000, 100_000, 1_000_000, 10_000_000)
"""`sc_rpc_server`'s, of microseconds a call and of seconds a session."""
UNKNOWN = "unknown"


class Histogram:
    """How many observations were at most each of the ascending `bounds`, and the sum of all."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts = bounds, [0] * (len(bounds) + 1)
        self.sum: float = 0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[int]:
        """The observations up to each bound; the last is the count of all."""
        return list(accumulate(self.counts))


@dataclass(slots=True)
class PoolCounts:
    """What befell transactions, as `sc_transaction_pool` counts it."""

    submitted: int = 0
    scheduled: int = 0
    """Not refused at first sight, and to be validated."""
    finished: int = 0
    """Of these validated, whatever came of it."""
    invalid: int = 0
    """Found invalid in the pool, or after a reorg."""
    pruned: int = 0
    """Extrinsics of blocks that became part of the best chain, inherents included."""
    resubmitted: int = 0
    """Of blocks that no longer are part of it."""


@dataclass(slots=True)
class ProposerCounts:
    """How blocks were built; times in seconds."""

    constructed: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """From opening a block to its state root."""
    proposal: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """From opening a block to its seal."""
    inherents: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """Making a block's inherents."""
    transactions: int = 0
    """Extrinsics of the last block, inherents included."""
    ran_out: int = 0
    """Blocks that took all there was."""
    filled: int = 0
    """Blocks that left something out because they were full."""


class CallCounts:
    """The calls of one method."""

    __slots__ = ("started", "ended", "times")

    def __init__(self) -> None:
        self.started = 0
        self.ended = [0, 0, 0, 0]
        """By whether it failed, and 2 more for what the rate limit held up."""
        self.times = Histogram(RPC_BUCKETS), Histogram(RPC_BUCKETS)
        """In microseconds, of calls that the rate limit let through at once, and of those it held up."""

    def finished(self, seconds: float, *, is_error: bool, is_rate_limited: bool = False) -> None:
        """One of the calls is over."""
        self.ended[is_error + 2 * is_rate_limited] += 1
        self.times[is_rate_limited].observe(int(seconds * 1e6))


class ProtocolCounts:
    """The calls by one protocol, by method."""

    def __init__(self, known: Mapping[str, None]) -> None:
        self._known = known
        self._calls: dict[str, CallCounts] = {}

    def started(self, name: str) -> CallCounts:
        """A call of a method has come in; tell what this answers how it ended."""
        call = self._calls.get(name)
        if call is None:
            call = self._calls.setdefault(name if name in self._known else UNKNOWN, CallCounts())
        call.started += 1
        return call

    def __iter__(self) -> Iterator[tuple[str, CallCounts]]:
        return iter(sorted(self._calls.items()))


class RpcCounts:
    """The calls and sessions of a node's JSON-RPC. Names that nobody has made known count together, as `unknown`."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self.ws, self.http = ProtocolCounts(self._known), ProtocolCounts(self._known)
        self.sessions_opened = self.sessions_closed = 0
        self.session_times = Histogram(RPC_BUCKETS)
        """In seconds."""

    def know(self, names: Iterable[str]) -> None:
        """Methods with these names are counted each for itself."""
        self._known.update(dict.fromkeys(names))

    def session_closed(self, seconds: float) -> None:
        """A WebSocket that was open for so long is closed."""
        self.sessions_closed += 1
        self.session_times.observe(int(seconds))
