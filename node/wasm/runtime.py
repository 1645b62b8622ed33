"""A foreign chain's runtime: its version, and calls of it.

## Overview

Every call runs in a fresh instance, whose memory is gone afterwards. What it changes is in the `Storage` that it is
given, on which further calls go on: a block is an initializing call, one for each extrinsic, and a finalizing one. A
call that fails leaves no storage transaction open; what it has written outside of one stays, so callers that want to go
on open one around it.

## Usage

```python
runtime = Runtime(code, CompiledCode(directory, CONFIGURATION))
storage = Storage(FullState(genesis))
outcome = runtime.call("Core_initialize_block", header, storage)
```

## Errors

Those of `node.wasm.errors`.

## Out of scope

What the calls are, and what their SCALE means.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import NamedTuple

from node.wasm.backend import FullState
from node.wasm.cache import CompiledCode
from node.wasm.call import Call, IndexedTransaction, LogLine, Stats, Surroundings
from node.wasm.engine import CONFIGURATION, compiled
from node.wasm.errors import HostFailure, InvalidRuntime, UnbalancedTransactions, WasmError
from node.wasm.fast import FastProgram
from node.wasm.overlay import Storage, StorageChanges
from node.wasm.program import Limits, Program
from node.wasm.public import PublicProgram
from pallets.primitives.hashing import blake2_256
from pallets.primitives.runtime_code import CORE_VERSION, VERSION, InvalidRuntimeCode, RuntimeVersion, runtime_version
from pallets.primitives.scale import DecodeError


class Outcome(NamedTuple):
    """What a call answered, and what it left."""

    result: bytes
    storage: Storage
    logs: list[LogLine]
    stats: Stats
    submitted: list[bytes]
    """Transactions that it wants in the pool."""
    indexed: list[IndexedTransaction]

    @property
    def changes(self) -> StorageChanges:
        """All that the storage holds over its state by now."""
        return self.storage.changes()


class Runtime:
    """A runtime's code, ready to be called."""

    def __init__(
        self,
        code: bytes,
        cache: CompiledCode | None = None,
        around: Surroundings | None = None,
        program: type[FastProgram] | type[PublicProgram] = FastProgram,
    ) -> None:
        """Compiles `:code`, or takes it from the cache. Raises `InvalidRuntime`."""
        self.code, self.code_hash = code, blake2_256(code)
        self._cache = cache or CompiledCode(None, CONFIGURATION)
        self.around = around or Surroundings()
        modules = compiled(code, self._cache)
        self.imports = [item.name for item in modules.runtime.imports if item.name is not None]
        self.exports = [item.name for item in modules.runtime.exports]
        self._program: Program = program(modules)
        self._class = program
        self._is_running = False

    def call(
        self,
        name: str,
        data: bytes,
        storage: Storage,
        limits: Limits = Limits(),
        *,
        timed: bool = False,
    ) -> Outcome:
        """Calls an entry on its SCALE arguments; `timed` counts host functions, and what they took."""
        if self._is_running:
            raise HostFailure("a runtime is called while it runs: load its code once more for that")
        call = Call(storage, self._program, self.around, self._version_of)
        self._is_running, started = True, time.thread_time_ns()
        try:
            ran = self._program.run(name, data, call, limits, timed)
        except BaseException:
            while storage.depth > call.depth:
                storage.rollback_transaction()
            raise
        finally:
            self._is_running = False
        if storage.depth != call.depth:
            left = storage.depth - call.depth
            for _ in range(left):
                storage.rollback_transaction()
            raise UnbalancedTransactions(f"{name} left {left} storage transactions open, which were rolled back")
        stats = Stats(time.thread_time_ns() - started, ran.fuel, ran.memory_bytes, ran.timings)
        return Outcome(ran.result, storage, call.logs, stats, call.submitted, call.indexed)

    @cached_property
    def version(self) -> RuntimeVersion:
        """What the runtime calls itself; of an old one's code, by calling it."""
        encoded = self._version_of(self.code, Storage(FullState({})))
        try:
            if encoded is None:
                raise InvalidRuntime("the runtime doesn't tell its version")
            return _completed(encoded)
        except DecodeError as error:
            raise InvalidRuntime(f"the runtime's version is garbled: {error}") from None

    def _version_of(self, code: bytes, storage: Storage) -> bytes | None:
        """The SCALE of the version of code, which old code has to be run for; `None` if it isn't a runtime's."""
        try:
            embedded = runtime_version(code)
            if embedded is not None:
                return VERSION.encode(embedded)
            other = self if code == self.code and not self._is_running else None
            other = other or Runtime(code, self._cache, self.around, self._class)
            return other.call("Core_version", b"", storage).result
        except (InvalidRuntimeCode, WasmError):
            return None


def _completed(encoded: bytes) -> RuntimeVersion:
    """A version, whose last fields older runtimes lack: the version of transactions (u32) and of the state (u8)."""
    _, known = CORE_VERSION.decode(encoded, 0)
    version: RuntimeVersion = VERSION.decode_all(encoded + bytes(max(0, known + 5 - len(encoded))))
    return version
