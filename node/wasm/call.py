"""What a host function sees of the call that it serves, and of the node around it.

## Overview

`Surroundings` are the same for all calls of a runtime: keys, the world outside, options. `Call` is one call: its
storage and memory, and what it leaves behind: logs, transactions to submit, data to index.

## Out of scope

How an instance is made and its memory reached (`fast`, `public`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from node.wasm.keystore import Keystore
from node.wasm.overlay import Storage

MAX_LOG_BYTES = 1 << 20
"""Of a call's log; what comes after is dropped, but for the last error."""

RECORDING_OFF = (1 << 64) - 1
"""What `storage_proof_size` answers where no proof is recorded."""


class LogLine(NamedTuple):
    """What a runtime logged: 1 error, 2 warning, 3 information, 4 debug, 5 trace."""

    level: int
    target: str
    message: str


class Request(NamedTuple):
    """What an off-chain worker asks of the world by HTTP."""

    method: str
    uri: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Response(NamedTuple):
    """What the world answered."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Outside(Protocol):
    """The world as off-chain calls see it. Times are milliseconds since 1970."""

    is_validator: bool

    def now(self) -> int: ...
    def sleep_until(self, deadline: int) -> None: ...
    def random_seed(self) -> bytes:
        """32 bytes."""
        ...

    def exchange(self, request: Request, deadline: int | None) -> Response | None:
        """`None` where nothing was answered in time; raises `OSError` where nothing can be."""
        ...


class Nowhere:
    """A world in which it is always the same time, the dice always fall the same way, and nobody answers."""

    def __init__(self, now: int = 0, seed: bytes = bytes(32), is_validator: bool = False) -> None:
        self._now, self._seed, self.is_validator = now, seed, is_validator

    def now(self) -> int:
        return self._now

    def sleep_until(self, deadline: int) -> None:
        self._now = max(self._now, deadline)

    def random_seed(self) -> bytes:
        return self._seed

    def exchange(self, request: Request, deadline: int | None) -> Response | None:
        raise OSError("there is no network here")


@dataclass
class Surroundings:
    """What a runtime finds around it, call after call."""

    keystore: Keystore = field(default_factory=Keystore)
    outside: Outside = field(default_factory=Nowhere)
    persistent: dict[bytes, bytes] = field(default_factory=dict)
    """What off-chain workers keep, whichever fork they run on."""
    local: dict[bytes, bytes] = field(default_factory=dict)
    """What they keep for the fork they run on."""
    mock_signatures: bool = False
    """Whether signatures `0xdeadbeef…cd…` are anybody's: on forks alone."""
    max_log_level: int = 3
    proof_size: int = RECORDING_OFF


class Guest(Protocol):
    """The memory of the instance that runs. Addresses and lengths are the runtime's, and are checked."""

    def read(self, address: int, length: int) -> bytes:
        """Raises `BadPointer`."""
        ...

    def write(self, address: int, content: bytes) -> None:
        """Raises `BadPointer`."""
        ...

    def allocate(self, size: int) -> int:
        """The address of new bytes; raises `AllocationFailed`."""
        ...


class IndexedTransaction(NamedTuple):
    """Data of a block's body that the node is asked to serve to others: of a new extrinsic, or again."""

    extrinsic: int
    content_hash: bytes
    size: int | None
    """`None` where it is renewed."""


class Call:
    """One call of a runtime."""

    def __init__(
        self,
        storage: Storage,
        guest: Guest,
        around: Surroundings,
        version_of: Callable[[bytes, Storage], bytes | None],
    ) -> None:
        self.storage, self.guest, self.around = storage, guest, around
        self.version_of = version_of
        """The SCALE of the version of a runtime's code, which may have to be executed for that."""
        self.depth = storage.depth
        """How many transactions were open when it began: the caller's."""
        self.logs: list[LogLine] = []
        self.last_error: str | None = None
        self.submitted: list[bytes] = []
        self.indexed: list[IndexedTransaction] = []
        self.batch: bool | None = None
        """Whether all signatures of the batch are good so far; `None` outside a batch."""
        self.requests: list[OpenRequest] = []
        self._log_bytes = 0

    def log(self, level: int, target: bytes, message: bytes) -> None:
        """Keeps a line, if there is room."""
        text = message.decode("utf-8", "replace")
        if level == 1:
            self.last_error = text[:MAX_LOG_BYTES]
        self._log_bytes += len(target) + len(message)
        if self._log_bytes <= MAX_LOG_BYTES:
            self.logs.append(LogLine(level, target.decode("utf-8", "replace"), text))


@dataclass
class OpenRequest:
    """An HTTP request that an off-chain call has started."""

    method: str
    uri: str
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    is_sent: bool = False
    has_failed: bool = False
    response: Response | None = None
    read: int = 0
    """Bytes of the response that were read."""


class Timing(NamedTuple):
    """How often a host function was called, and the CPU nanoseconds in it; 0 where it ran inside Wasm."""

    calls: int
    nanoseconds: int


class Stats(NamedTuple):
    """What a call took."""

    nanoseconds: int
    fuel: int
    memory_bytes: int
    host_functions: Mapping[str, Timing]
    """By name; empty unless the call was timed."""
