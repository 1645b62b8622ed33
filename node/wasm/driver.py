"""An engine in a process of its own, for those who don't wait: `process`'s synchronous sibling.

## Overview

The same process (`child`) and the same frames, over plain pipes. Each command blocks until it is obeyed, and what the
process asks for meanwhile is answered from the `Backend` that the caller hands in with it, in the same loop. So a chain
whose code is all synchronous (`node.executor`) calls runtimes as if they were here.

What the backend raises goes through: the call ends in the process, where what it has changed is undone, and the caller
gets the exception itself. A lazy state's `Missing` so rises to who can fetch, and the call can be made again.

Reading calls need no session of their own: `read` keeps a few open, by runtime and state.

## Usage

```python
with closing(Driver(cache)) as driver:
    runtime = driver.load(code)
    driver.read(runtime, name, backend, "Core_version", b"")
    session = driver.open(runtime, name)
    session.call(backend, "Core_initialize_block", header)
    changes = session.changes()
    session.close(becomes=name_of_the_new_state)
```

## Errors

Those of `node.wasm.errors`, as `process`.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO

from node.wasm import messages as m
from node.wasm.backend import Backend
from node.wasm.call import IndexedTransaction, LogLine, Stats, Timing
from node.wasm.errors import DeadlineReached, EngineFailed
from node.wasm.overlay import StorageChanges
from node.wasm.process import (
    CALL_SECONDS,
    LOAD_SECONDS,
    START_SECONDS,
    LoadedRuntime,
    Reply,
    command_of,
    environment,
    raised,
)
from node.wasm.program import Limits
from pallets.primitives.hashing import blake2_256
from pallets.primitives.runtime_code import VERSION
from pallets.primitives.scale import DecodeError

MAX_READING = 8
"""Sessions kept open for reading."""
CHUNK = 1 << 20


class DrivenSession:
    """Calls of one runtime over one state."""

    def __init__(self, driver: Driver, number: int, generation: int, state: bytes) -> None:
        self._driver, self._number, self._generation, self.state = driver, number, generation, state
        self._is_open = True

    def __del__(self) -> None:
        if self._is_open:  # forgotten, as a block is that can't be finished: never in the middle of a conversation
            self._driver.abandoned.append((self._generation, self._number))

    def call(
        self,
        backend: Backend,
        entry: str,
        data: bytes,
        limits: Limits = Limits(),
        *,
        kept: int = m.KEPT,
        deadline: float = CALL_SECONDS,
    ) -> Reply:
        """Calls an entry on its SCALE arguments, reading from `backend`, for up to `deadline` seconds.

        `kept` says what becomes of its changes: `messages.DROPPED`, `KEPT` or `KEPT_IF_OK`. Where the call fails they
        are undone.
        """
        command = m.CallEntry(self._number, entry, data, limits.fuel, limits.heap_pages, False, kept)
        report = self._do(command, backend, deadline)
        if not isinstance(report, m.Returned):
            raise self._driver.broken()
        timings = {name: Timing(calls, nanoseconds) for name, calls, nanoseconds in report.host_functions}
        return Reply(
            report.result,
            [LogLine(*line) for line in report.logs],
            Stats(report.nanoseconds, report.fuel, report.memory_bytes, timings),
            report.submitted,
            [IndexedTransaction(*each) for each in report.indexed],
        )

    def put(self, key: bytes, value: bytes | None) -> None:
        """Sets a value, or deletes it, as if a call had."""
        self._do(m.Put(self._number, None, key, value))

    def changes(self) -> StorageChanges:
        """All that was changed so far."""
        report = self._do(m.Tell(self._number))
        if not isinstance(report, m.Changed):
            raise self._driver.broken()
        children = {name: dict(changed) for name, changed in report.children}
        return StorageChanges(dict(report.top), children, dict(report.offchain_index))

    def close(self, becomes: bytes | None = None) -> None:
        """Forgets the session; harmless where it was lost.

        Where its changes make the state that is named so, what is known of the old one holds for that, too.
        """
        self._is_open = False
        with suppress(EngineFailed):
            self._do(m.Close(self._number, becomes))

    def _do(self, command: m.Command, backend: Backend | None = None, deadline: float = CALL_SECONDS) -> m.Report:
        return self._driver.command(command, deadline, backend, self._generation)


class Driver:
    """The process, and what it was given. Close it in the end."""

    def __init__(self, cache: Path | None) -> None:
        """`cache` is the directory of compiled code, an absolute path; `None` compiles anew in each process."""
        self._command = command_of(cache)
        self._process: subprocess.Popen[bytes] | None = None
        self._poll = select.poll()
        self._received = bytearray()
        self._generation = 0
        self._codes: dict[bytes, bytes] = {}
        self._loaded: dict[bytes, LoadedRuntime] = {}
        self._around = m.Surround(0, bytes(32), False, False, 3)
        self._sessions = 0
        self.abandoned: list[tuple[int, int]] = []
        """Sessions that nobody will close, by generation and number: they are closed before the next command."""
        self._reading: OrderedDict[tuple[bytes, bytes], DrivenSession] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """Process id, while there is a process."""
        return None if self._process is None else self._process.pid

    def load(self, code: bytes) -> LoadedRuntime:
        """Has a `:code` compiled, or taken from the cache. Raises `InvalidRuntime`."""
        code_hash = blake2_256(code)
        found = self._loaded.get(code_hash)
        if found is None:
            report = self.command(m.Load(code), LOAD_SECONDS)
            if not isinstance(report, m.Loaded):
                raise self.broken()
            version = VERSION.decode_all(report.version)
            found = LoadedRuntime(code_hash, version, frozenset(report.imports), frozenset(report.exports))
            self._codes[code_hash], self._loaded[code_hash] = code, found
            if len(self._codes) > m.MAX_RUNTIMES:  # as the process does
                oldest = next(iter(self._codes))
                del self._codes[oldest], self._loaded[oldest]
        return found

    def has(self, runtime: LoadedRuntime) -> bool:
        """Whether a runtime that was loaded still is."""
        return runtime.code_hash in self._loaded

    def mock_signatures(self, wanted: bool) -> None:
        """Whether the mock signature is anybody's, in all calls from now on."""
        if wanted != self._around.mock_signatures:
            self._around = m.Surround(0, bytes(32), False, wanted, self._around.max_log_level)
            self.command(self._around, CALL_SECONDS)

    def log_up_to(self, level: int) -> None:
        """The runtime's log level, 0 to 5, in all calls from now on."""
        self._around = m.Surround(0, bytes(32), False, self._around.mock_signatures, level)
        self.command(self._around, CALL_SECONDS)

    def open(self, runtime: LoadedRuntime, state: bytes) -> DrivenSession:
        """Opens a session over the state of this name, 32 bytes that no other state has."""
        self._sessions = self._sessions + 1 & 0xFFFF_FFFF
        if runtime.code_hash not in self._codes:
            raise EngineFailed("the runtime was loaded too long ago: load it again")
        self.command(m.Open(self._sessions, runtime.code_hash, state), LOAD_SECONDS)
        return DrivenSession(self, self._sessions, self._generation, state)

    def read(self, runtime: LoadedRuntime, state: bytes, backend: Backend, entry: str, data: bytes) -> Reply:
        """A call whose changes are dropped."""
        key = runtime.code_hash, state
        session = self._reading.get(key)
        if session is None:
            session = self._reading[key] = self.open(runtime, state)
            if len(self._reading) > MAX_READING:
                self._reading.popitem(last=False)[1].close()
        self._reading.move_to_end(key)
        return session.call(backend, entry, data, kept=m.DROPPED)

    def close(self) -> None:
        """Kill the process."""
        self._end()

    def broken(self) -> EngineFailed:
        """What to raise of a process that answers one command with another's report."""
        self._end()
        return EngineFailed("the engine's process answered something else than was asked")

    def command(
        self, command: m.Command, deadline: float, backend: Backend | None = None, generation: int | None = None
    ) -> m.Report:
        """Has one command obeyed. Not to be used but by sessions."""
        if generation is not None and (generation != self._generation or self._process is None):
            raise EngineFailed("the session was lost with the engine's process: open another")
        try:
            self._ready()
            self._close_abandoned()
            until = monotonic() + deadline
            self._say(command)
            report, failure = self._outcome(backend, until)
        except TimeoutError:
            self._end()
            raise DeadlineReached(f"the call took longer than its {deadline:g} seconds") from None
        except OSError as error:
            self._end()
            raise EngineFailed(f"the engine's process ended: {error}") from error
        except BaseException:  # in the middle of a conversation: what is said next would be taken for an answer
            self._end()
            raise
        if failure is not None and isinstance(report, m.Failed):
            raise failure
        if isinstance(report, m.Failed):
            raise raised(report)
        return report

    # the process

    def _ready(self) -> None:
        """Starts a process where there is none, and tells it what the one before knew."""
        if self._process is not None:
            return
        self._generation += 1
        self._received.clear()
        self._reading.clear()
        self._process = subprocess.Popen(
            self._command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            cwd="/",
            start_new_session=True,
        )
        self._poll = select.poll()
        self._poll.register(self._pipe_from(), select.POLLIN | select.POLLHUP)
        if not isinstance(self._hear(monotonic() + START_SECONDS), m.Done):
            raise EngineFailed("the engine's process didn't introduce itself")
        for command in (self._around, *map(m.Load, self._codes.values())):
            self._say(command)
            self._hear(monotonic() + LOAD_SECONDS)

    def _close_abandoned(self) -> None:
        while self.abandoned:
            generation, number = self.abandoned.pop()
            if generation == self._generation:
                self._say(m.Close(number, None))
                self._hear(monotonic() + CALL_SECONDS)

    def _outcome(self, backend: Backend | None, until: float) -> tuple[m.Report, Exception | None]:
        """Answers what the process asks until it reports; with what the backend raised meanwhile."""
        failure: Exception | None = None
        while True:
            report = self._hear(until)
            if not isinstance(report, m.AskValue | m.AskKeys | m.AskRoot):
                return report, failure
            if backend is None:
                raise EngineFailed("the engine's process asks for a state where none is due")
            answer: m.Command
            try:
                answer = _answer(report, backend)
            except Exception as error:  # the caller's, once the call has ended
                failure = failure or error
                answer = m.NoAnswer("the state can't be read")
            self._say(answer)

    def _say(self, command: m.Command) -> None:
        assert self._process is not None and self._process.stdin is not None
        frame = memoryview(m.framed(m.COMMAND.encode(command)))
        pipe = self._process.stdin.fileno()
        while frame:
            frame = frame[os.write(pipe, frame) :]

    def _hear(self, until: float) -> m.Report:
        self._fill(m.LENGTH.size, until)
        (length,) = m.LENGTH.unpack_from(self._received)
        if length > m.MAX_FRAME:
            raise EngineFailed(f"the engine's process reports {length} bytes, more than there can be")
        end = m.LENGTH.size + length
        self._fill(end, until)
        body = bytes(memoryview(self._received)[m.LENGTH.size : end])
        del self._received[:end]
        try:
            report: m.Report = m.REPORT.decode_all(body)
        except DecodeError as error:
            raise EngineFailed(f"the engine's process reports nonsense: {error}") from None
        return report

    def _fill(self, size: int, until: float) -> None:
        pipe = self._pipe_from().fileno()
        while len(self._received) < size:
            left = until - monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimeoutError
            part = os.read(pipe, CHUNK)
            if not part:
                assert self._process is not None
                raise EngineFailed(f"the engine's process ended with {self._process.wait()}")
            self._received += part

    def _pipe_from(self) -> IO[bytes]:
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.stdout.close()


def _answer(question: m.AskValue | m.AskKeys | m.AskRoot, backend: Backend) -> m.Command:
    match question:
        case m.AskValue():
            return m.Value(backend.get(question.key, question.child))
        case m.AskKeys():
            found: list[bytes] = []
            following = backend.next_key(question.after, question.child)
            while following is not None and len(found) < question.count:
                found.append(following)
                following = backend.next_key(following, question.child)
            return m.Keys(found)
        case m.AskRoot():
            changes: Mapping[bytes, bytes | None] = dict(question.changes)
            return m.Root(backend.root(changes, question.version, question.child))
