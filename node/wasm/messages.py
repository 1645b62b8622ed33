"""What an engine's process and the node say to each other: SCALE behind a length of four bytes, little-endian.

The node gives commands, and the process reports; while it runs a call, it asks for what it lacks of the state, and the
node's next words are the answer. The process executes code of strangers: its frames are bounded, and decode or end it.
"""

from __future__ import annotations

from struct import Struct

from pallets.primitives.codec import codec_of
from pallets.primitives.types import U8, U32, U64, Bytes32, Variant, struct

LENGTH = Struct("<I")
MAX_FRAME = 256 << 20
"""Bytes of one message: the changes of a block, at worst."""

MAX_RUNTIMES = 8
"""How many a process keeps, those loaded last."""
START, COMMIT, ROLLBACK = range(3)
DROPPED, KEPT, KEPT_IF_OK = range(3)
"""What becomes of a call's changes; `KEPT_IF_OK` where it answers a `Result` that is `Ok`."""
OK = b"\0"


class Command(Variant):
    """What the node says."""


@struct
class Load(Command):
    """Have this `:code` ready."""

    code: bytes


@struct
class Surround(Command):
    """What all runtimes find around them from now on."""

    now: U64
    seed: Bytes32
    is_validator: bool
    mock_signatures: bool
    max_log_level: U8


@struct
class Open(Command):
    """Begin a session: changes of a runtime's calls, over a state."""

    session: U32
    code_hash: Bytes32
    state: Bytes32


@struct
class CallEntry(Command):
    """Call an entry of the session's runtime."""

    session: U32
    entry: str
    data: bytes
    fuel: U64
    heap_pages: U32
    timed: bool
    kept: U8


@struct
class Transact(Command):
    """Start, commit or roll back a transaction around calls."""

    session: U32
    step: U8


@struct
class Put(Command):
    """Set a value, or delete it, as if a call had."""

    session: U32
    child: bytes | None
    key: bytes
    value: bytes | None


@struct
class Tell(Command):
    """Report all that the session has changed."""

    session: U32


@struct
class Close(Command):
    """Forget a session. Where its changes are those of a new state, what is known of the old holds for that, too."""

    session: U32
    state: Bytes32 | None


@struct
class Know(Command):
    """Values of a state, which the process then needn't ask for."""

    state: Bytes32
    child: bytes | None
    values: list[tuple[bytes, bytes | None]]


@struct
class Value(Command):
    """The answer to `AskValue`."""

    value: bytes | None


@struct
class Keys(Command):
    """The answer to `AskKeys`."""

    keys: list[bytes]


@struct
class Root(Command):
    """The answer to `AskRoot`."""

    root: Bytes32


@struct
class NoAnswer(Command):
    """The state can't be read: the call fails."""

    reason: str


class Report(Variant):
    """What the process says."""


@struct
class Done(Report):
    """What was commanded is done."""


@struct
class Loaded(Report):
    """A runtime is ready."""

    version: bytes
    """SCALE of its `RuntimeVersion`."""
    imports: list[str]
    exports: list[str]


@struct
class Returned(Report):
    """A call has ended well."""

    result: bytes
    logs: list[tuple[U8, str, str]]
    nanoseconds: U64
    fuel: U64
    memory_bytes: U64
    host_functions: list[tuple[str, U32, U64]]
    submitted: list[bytes]
    indexed: list[tuple[U32, Bytes32, U32 | None]]


@struct
class Changed(Report):
    """All that a session has changed."""

    top: list[tuple[bytes, bytes | None]]
    children: list[tuple[bytes, list[tuple[bytes, bytes | None]]]]
    offchain_index: list[tuple[bytes, bytes | None]]


@struct
class Failed(Report):
    """What was commanded couldn't be done: the name of a `WasmError`, and what it says."""

    kind: str
    message: str
    backtrace: list[str]


@struct
class AskValue(Report):
    state: Bytes32
    child: bytes | None
    key: bytes


@struct
class AskKeys(Report):
    """The keys after one: as many as there are, up to `count`."""

    state: Bytes32
    child: bytes | None
    after: bytes
    count: U32


@struct
class AskRoot(Report):
    """The root of a trie after changes in a state version."""

    state: Bytes32
    child: bytes | None
    version: U8
    changes: list[tuple[bytes, bytes | None]]


COMMAND, REPORT = codec_of(Command), codec_of(Report)


def framed(message: bytes) -> bytes:
    """A message behind its length."""
    return LENGTH.pack(len(message)) + message
