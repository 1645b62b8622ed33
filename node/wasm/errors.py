"""What can go wrong in executing a Wasm runtime; each name is a reason.

```
WasmError
├── InvalidRuntime         the blob can't be run: not Wasm, too large, or not what a runtime is made of
├── UnknownEntry           the runtime exports no function of this name
├── RuntimePanicked        the runtime stopped itself, as it does over what it can't accept
├── LimitReached           a call took more than it was allowed
│   ├── OutOfFuel          instructions
│   └── DeadlineReached    time: its process was killed
├── HostFailure            a host function refused what the runtime asked for; the call ended there
│   ├── BadPointer         an address or a length outside the runtime's memory
│   ├── AllocationFailed   the allocator is out of memory, or its bookkeeping was overwritten
│   ├── BadArgument        bytes that are not the SCALE of what the function takes
│   └── UnknownHostFunction
├── UnbalancedTransactions a call ended with storage transactions open, or closed one that it hadn't opened
├── UntrustedCache         the directory of compiled code, or a file in it, is open to others
├── StateFailed            what holds the state couldn't answer
└── EngineFailed           the engine's process ended, or answered nonsense
```
"""

from __future__ import annotations

from collections.abc import Sequence

PANIC_MACHINERY = ("rust_begin_unwind", "core::panicking", "core::result::unwrap_failed", "core::option::expect_failed")


class WasmError(Exception):
    """A runtime couldn't be loaded, or a call of it failed."""


class InvalidRuntime(WasmError):
    """The blob can't be run as a runtime: the message says what is wrong with it."""


class UnknownEntry(WasmError):
    """The runtime exports no function of this name: look at its metadata for the runtime APIs that it has."""


class RuntimePanicked(WasmError):
    """The runtime trapped. What it logged as its last error is the message, where it logged any."""

    def __init__(self, message: str, backtrace: Sequence[str] = ()) -> None:
        super().__init__(message, tuple(backtrace))
        self.message = message
        self.backtrace = tuple(backtrace)
        """Names of Wasm functions, the innermost first."""

    def __str__(self) -> str:
        where = next((name for name in self.backtrace if not name.startswith(PANIC_MACHINERY)), None)
        return self.message if where is None else f"{self.message} (in {where})"


class LimitReached(WasmError):
    """A call took more than it was allowed."""


class OutOfFuel(LimitReached):
    """The call burnt all its fuel, which counts instructions."""


class DeadlineReached(LimitReached):
    """The call went on past its deadline; its process was killed and another is started."""


class HostFailure(WasmError):
    """A host function refused what the runtime asked for."""


class BadPointer(HostFailure):
    """The runtime named bytes outside its memory."""


class AllocationFailed(HostFailure):
    """The allocator is out of memory, was asked for more than 32 MiB, or found its bookkeeping overwritten."""


class BadArgument(HostFailure):
    """A host function was given bytes that are not the SCALE of what it takes."""


class UnknownHostFunction(HostFailure):
    """The runtime called a host function that this engine doesn't have, or declares otherwise."""


class UnbalancedTransactions(WasmError):
    """A call left storage transactions open, or closed one that wasn't its own."""


class UntrustedCache(WasmError):
    """The directory of compiled code, or a file in it, is open to others: loading it would be running their program."""


class StateFailed(WasmError):
    """What holds the state couldn't answer a read that a call needs."""


class EngineFailed(WasmError):
    """The engine's process ended, or answered what it never should."""
