"""What requests did, agent by agent, for who writes or runs the agent: the newest lines, in memory.

## Overview

```
2026-01-02T03:04:05.678Z [<request id>] [REPORT] START Request: GET /hello?lang=en
2026-01-02T03:04:05.690Z [<request id>] [INFO] what the script printed
2026-01-02T03:04:05.691Z [<request id>] [REPORT] END Request: 200, Duration: 13ms
```
Phala's shape. Times are the gateway's own. Of a query the `key` is left out; of headers and bodies nothing is written.
What scripts print is theirs: a line is cut at `MAX_LINE`, and control characters, which a terminal might obey, are
shown as `\\xNN`.

## Out of scope

Keeping logs: they go with the process.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime

import trio

MAX_AGENTS = 256
MAX_LINES = 1000
MAX_LINE = 1000
MAX_BYTES = 128 * 1024
"""Of one agent's lines."""
CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class RequestLog:
    """One agent's lines."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lines: deque[tuple[float, str, str, str]] = deque(maxlen=MAX_LINES)
        self._size = 0
        self._count = 0
        self._more = trio.Event()

    def add(self, request_id: str, level: str, lines: Iterable[str]) -> None:
        """Takes note of lines; `level` is `REPORT`, `INFO` or `ERROR`."""
        now = self._clock()
        for text in lines:
            if len(self._lines) == MAX_LINES:
                self._size -= len(self._lines[0][3])
            text = text[:MAX_LINE]
            self._lines.append((now, request_id, level, text))
            self._size += len(text)
            self._count += 1
        while self._size > MAX_BYTES:
            self._size -= len(self._lines.popleft()[3])
        if self._more.statistics().tasks_waiting:
            self._more.set()
            self._more = trio.Event()

    def newest_first(self) -> list[str]:
        """All lines that are still known."""
        return [_written(*line) for line in reversed(self._lines)]

    async def follow(self) -> AsyncIterator[str]:
        """The lines from here on, as they come; who is slow misses those that are gone."""
        at = self._count
        while True:
            while at >= self._count:
                await self._more.wait()
            fresh = min(self._count - at, len(self._lines))
            lines = list(self._lines)[-fresh:] if fresh else []
            at = self._count
            for line in lines:
                yield _written(*line)


class RequestLogs:
    """The logs of the agents that were asked most recently."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds since the Unix epoch."""
        self._clock = clock
        self._logs: OrderedDict[int, RequestLog] = OrderedDict()

    def of(self, agent: int) -> RequestLog:
        """An agent's."""
        log = self._logs.get(agent)
        if log is None:
            log = self._logs[agent] = RequestLog(self._clock)
            if len(self._logs) > MAX_AGENTS:
                self._logs.popitem(last=False)
        else:
            self._logs.move_to_end(agent)
        return log


def _written(at: float, request_id: str, level: str, text: str) -> str:
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{moment} [{request_id}] [{level}] {CONTROL.sub(_escaped, text)}\n"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
