"""The program of an engine's process: `python -m node.wasm.child CACHE`, started by `process`.

It obeys commands from its standard input, one at a time, and reports on its standard output, until the input ends: at
its parent's end, therefore, or when the call that it is in has burnt its fuel. It can take no more memory than
compiling needs, and write no file larger than compiled code.

Out of scope
    Namespaces and system-call filters, which Python's standard library does not offer on every supported version.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TypeVar

from node.wasm import messages as m
from node.wasm.cache import CompiledCode
from node.wasm.call import Nowhere, Surroundings
from node.wasm.engine import CONFIGURATION
from node.wasm.errors import EngineFailed, RuntimePanicked, WasmError
from node.wasm.known_state import KnownState
from node.wasm.overlay import Storage
from node.wasm.program import Limits
from node.wasm.runtime import Runtime
from pallets.primitives.runtime_code import VERSION

MAX_STATES, MAX_SESSIONS = 8, 64
MAX_FILE = 256 << 20
DATA = 2 << 30
"""Of this process: a runtime's memory is bounded by its limits, compiling the largest takes a quarter of this."""

T = TypeVar("T")


class Pipe:
    """Messages from and to the node."""

    def __init__(self, commands: int, reports: int) -> None:
        self._commands, self._reports = commands, reports

    def hear(self) -> m.Command | None:
        """The next command; `None` at the end."""
        head = self._read(m.LENGTH.size)
        if head is None:
            return None
        body = self._read(m.LENGTH.unpack(head)[0])
        if body is None:
            return None
        command: m.Command = m.COMMAND.decode_all(body)
        return command

    def say(self, report: m.Report) -> None:
        frame = memoryview(m.framed(m.REPORT.encode(report)))
        try:
            while frame:
                frame = frame[os.write(self._reports, frame) :]
        except BrokenPipeError:
            sys.exit(0)  # nobody listens any more

    def ask(self, question: m.Report) -> m.Command:
        """Asks the node, and waits for what it answers."""
        self.say(question)
        answer = self.hear()
        if answer is None:
            sys.exit(0)
        return answer

    def _read(self, size: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < size:
            part = os.read(self._commands, min(1 << 20, size - len(parts)))
            if not part:
                return None
            parts += part
        return bytes(parts)


class Engine:
    """Runtimes, what is known of states, and sessions."""

    def __init__(self, pipe: Pipe, cache: CompiledCode) -> None:
        self._pipe, self._cache = pipe, cache
        self._around = Surroundings()
        self._runtimes: dict[bytes, Runtime] = {}
        self._states: dict[bytes, KnownState] = {}
        self._sessions: dict[int, tuple[Runtime, KnownState, Storage]] = {}

    def serve(self) -> None:
        """Obey until the commands end."""
        while (command := self._pipe.hear()) is not None:
            try:
                report = self._obeyed(command)
            except WasmError as error:
                backtrace = list(error.backtrace) if isinstance(error, RuntimePanicked) else []
                message = error.message if isinstance(error, RuntimePanicked) else str(error)
                report = m.Failed(type(error).__name__, message, backtrace)
            self._pipe.say(report)

    def _obeyed(self, command: m.Command) -> m.Report:
        match command:
            case m.Load():
                return self._load(command.code)
            case m.CallEntry():
                return self._call(command)
            case m.Open():
                self._open(command)
            case m.Transact():
                self._transact(self._session(command.session)[2], command.step)
            case m.Put():
                self._session(command.session)[2].put(command.key, command.value, command.child)
            case m.Tell():
                return self._changes(command.session)
            case m.Close():
                self._close(command)
            case m.Know():
                self._state(command.state).learn(command.child, command.values)
            case m.Surround():
                self._around.outside = Nowhere(command.now, command.seed, command.is_validator)
                self._around.mock_signatures = command.mock_signatures
                self._around.max_log_level = command.max_log_level
            case _:
                raise EngineFailed(f"the node answers what wasn't asked: {type(command).__name__}")
        return m.Done()

    def _load(self, code: bytes) -> m.Report:
        runtime = Runtime(code, self._cache, self._around)
        _keep(self._runtimes, runtime.code_hash, runtime, m.MAX_RUNTIMES)
        _give_back_memory()
        return m.Loaded(VERSION.encode(runtime.version), runtime.imports, runtime.exports)

    def _open(self, command: m.Open) -> None:
        if len(self._sessions) >= MAX_SESSIONS:
            raise EngineFailed(f"{MAX_SESSIONS} sessions are open: close one")
        runtime = self._runtimes.get(command.code_hash)
        if runtime is None:
            raise EngineFailed(f"the runtime 0x{command.code_hash.hex()} isn't loaded, or no longer: load it")
        state = self._state(command.state)
        self._sessions[command.session] = runtime, state, Storage(state)

    def _call(self, command: m.CallEntry) -> m.Report:
        runtime, _, storage = self._session(command.session)
        limits = Limits(command.fuel, command.heap_pages)
        storage.start_transaction()
        try:
            ran = runtime.call(command.entry, command.data, storage, limits, timed=command.timed)
        except BaseException:
            storage.rollback_transaction()
            raise
        if command.kept == m.KEPT or (command.kept == m.KEPT_IF_OK and ran.result.startswith(m.OK)):
            storage.commit_transaction()
        else:
            storage.rollback_transaction()
        stats = ran.stats
        return m.Returned(
            ran.result,
            [(line.level & 0xFF, line.target, line.message) for line in ran.logs],
            stats.nanoseconds,
            stats.fuel,
            stats.memory_bytes,
            [(name, timing.calls, timing.nanoseconds) for name, timing in stats.host_functions.items()],
            ran.submitted,
            [(each.extrinsic, each.content_hash, each.size) for each in ran.indexed],
        )

    def _transact(self, storage: Storage, step: int) -> None:
        if step == m.START:
            storage.start_transaction()
        elif step == m.COMMIT:
            storage.commit_transaction()
        else:
            storage.rollback_transaction()

    def _changes(self, session: int) -> m.Report:
        changes = self._session(session)[2].changes()
        children = [(name, list(changed.items())) for name, changed in changes.children.items()]
        return m.Changed(list(changes.top.items()), children, list(changes.offchain_index.items()))

    def _close(self, command: m.Close) -> None:
        _, state, storage = self._session(command.session)
        del self._sessions[command.session]
        if command.state is not None:
            _keep(self._states, command.state, state.after(command.state, storage.changes()), MAX_STATES)

    def _session(self, number: int) -> tuple[Runtime, KnownState, Storage]:
        found = self._sessions.get(number)
        if found is None:
            raise EngineFailed(f"there is no session {number}")
        return found

    def _state(self, name: bytes) -> KnownState:
        return _keep(self._states, name, self._states.get(name) or KnownState(name, self._pipe.ask), MAX_STATES)


def _keep(kept: dict[bytes, T], name: bytes, item: T, limit: int) -> T:
    """Keeps an item as the one used last, and no more than the limit."""
    kept.pop(name, None)
    kept[name] = item
    while len(kept) > limit:
        del kept[next(iter(kept))]
    return item


def _give_back_memory() -> None:
    """What compiling took, the C library keeps until it is told otherwise: 100 MiB, where it can be told."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _give_up_rights() -> None:
    ceilings = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: MAX_FILE}
    if sys.platform == "linux":  # elsewhere it counts what can't be helped
        ceilings[resource.RLIMIT_DATA] = DATA
    for kind, ceiling in ceilings.items():
        resource.setrlimit(kind, (ceiling, ceiling))


def main() -> None:
    """Serve until standard input ends."""
    pipe = Pipe(os.dup(0), os.dup(1))
    os.dup2(2, 1)  # nothing but reports may reach the node
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt at the terminal is the node's to handle
    _give_up_rights()
    engine = Engine(pipe, CompiledCode(Path(sys.argv[1]) if sys.argv[1] else None, CONFIGURATION))
    pipe.say(m.Done())
    engine.serve()


if __name__ == "__main__":
    main()
