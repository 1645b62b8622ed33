"""The development chain's next runtime, as a test wants it: one pallet more, and a migration."""

from __future__ import annotations

from dataclasses import replace

from pallets.frame import U32, BlockNumber, Event, Origin, Pallet, Signed, Value, Weight, call
from pallets.frame.runtime import Runtime
from pallets.primitives.runtime_code import native_code
from pallets.runtime import DevRuntime
from pallets.system.pallet import System
from tests.node.extrinsics import compact

LATER = 2
"""Its spec version."""


class Notes(Pallet):
    """What spec 2 brings: a note anybody may leave, and when the chain came to it."""

    system: System

    class Migrated(Event):
        """The chain is spec 2's."""

    class Noted(Event):
        """There is a new note."""

        note: bytes

    note = Value[bytes](default=b"")
    """The last note."""
    migrations = Value[U32](default=0)
    """How often the migration ran."""
    migrated_after = Value[BlockNumber | None]()
    """The number of the last block of the runtime before."""

    def on_runtime_upgrade(self) -> Weight:
        self.migrations += 1
        self.migrated_after = self.system.number
        self.deposit(self.Migrated())
        return Weight(1_000_000)

    @call(0, weight=Weight(10_000_000))
    def leave(self, who: Signed, note: bytes) -> None:
        """Leave a note."""
        self.note = note
        self.deposit(self.Noted(note))

    @call(1, weight=Weight(10_000_000))
    def wipe(self, origin: Origin) -> None:
        """Remove it."""
        del self.note


class LaterRuntime(DevRuntime):
    """Spec 2 of the development chain."""

    version = replace(DevRuntime.version, spec_version=LATER)

    def compose(self) -> None:
        super().compose()
        self.notes = Notes(index=40, system=self.system)


BOTH: dict[int, type[Runtime]] = {1: DevRuntime, LATER: LaterRuntime}
CODE, LATER_CODE = native_code(DevRuntime.version), native_code(LaterRuntime.version)
UNKNOWN_CODE = native_code(replace(DevRuntime.version, spec_version=3))


def sudo(call: bytes) -> bytes:
    """The call `Sudo.sudo`."""
    return b"\x07\x00" + call


def set_code(code: bytes) -> bytes:
    """The call `System.set_code`."""
    return b"\x00\x02" + compact(len(code)) + code


def leave(note: bytes) -> bytes:
    """The call `Notes.leave`, of spec 2 alone."""
    return b"\x28\x00" + compact(len(note)) + note
