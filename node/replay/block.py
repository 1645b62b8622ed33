"""What is executed again, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from node.wasm.call import Timing
from node.wasm.overlay import StorageChanges
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import Header
from pallets.primitives.scale import compact

EVENTS_KEY = storage_prefix("System", "Events")
NO_ROOT = bytes(32)
"""The state root of chains that have none, such as those of Chopsticks."""


class Known(NamedTuple):
    """What is known of the state after a block, beside its root."""

    events: bytes | None
    """The value of `System.Events`."""
    state: Mapping[bytes, bytes] | None = None
    """All of it, but `:code`."""
    is_proven: bool = False


@dataclass(frozen=True)
class RecordedBlock:
    """A block as its chain has it; `known` is `None` where a recording has nothing but its header and body."""

    hash: bytes
    header: Header
    extrinsics: Sequence[bytes]
    known: Known | None = None

    @property
    def number(self) -> int:
        """Its height."""
        return int(self.header.number)

    @property
    def has_root(self) -> bool:
        """Whether its header names a state root."""
        return self.header.state_root != NO_ROOT

    def unsealed(self) -> bytes:
        """SCALE of the block as its author executed it: without the seal."""
        return self.header.without_seal().encode() + compact(len(self.extrinsics)) + b"".join(self.extrinsics)


class Change(NamedTuple):
    """An entry that a step left other than it was; `None` where there is none. `child` is a child trie's name."""

    key: bytes
    before: bytes | None
    after: bytes | None
    child: bytes | None = None


@dataclass(frozen=True)
class Step:
    """One step of a block: `initialize`, `finalize`, or an extrinsic by its index."""

    name: str
    result: bytes = b""
    """SCALE of what an extrinsic's `ApplyExtrinsicResult` is; nothing of the other steps."""
    error: str | None = None
    """Why it is the last one: the runtime trapped, or refused the extrinsic."""
    nanoseconds: int = 0
    host_functions: Mapping[str, Timing] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    """Only of a traced execution."""


@dataclass(frozen=True)
class Whole:
    """A block executed at once, as on import."""

    error: str | None
    """What the runtime trapped with."""
    nanoseconds: int = 0
    fuel: int = 0
    memory_bytes: int = 0
    host_functions: Mapping[str, Timing] = field(default_factory=dict)


@dataclass(frozen=True)
class Executed:
    """What executing a block again has left."""

    runtime: str
    spec_version: int
    is_native: bool
    steps: Sequence[Step]
    header: Header | None
    """As the last step answers it: with roots and digest; `None` where there was none."""
    changes: StorageChanges
    events: bytes | None
    """The value of `System.Events` afterwards."""
    whole: Whole | None
    """`None` where our own pallets executed it, and where the header has no root that it could be executed against."""
    metadata: bytes | None
    """What describes the runtime, where it tells."""
    has_root: bool = True
    """Whether the root in `header` is computed, rather than what the block says, for want of proofs."""
