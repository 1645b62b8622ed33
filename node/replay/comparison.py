"""What was said of a block and what came of executing it, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from node.replay.block import Executed, RecordedBlock
from pallets.primitives.codec import codec_of
from pallets.primitives.header import DigestItem
from pallets.primitives.runtime_code import CODE_KEY

ITEM = codec_of(DigestItem)


class Compared(NamedTuple):
    """One thing that was compared."""

    what: str
    matches: bool | None
    """`None` where there was nothing to compare with: `note` says why."""
    said: str | None = None
    found: str | None = None
    note: str | None = None


def compared(block: RecordedBlock, executed: Executed, before: Mapping[bytes, bytes] | None) -> list[Compared]:
    """All that can be compared; `before` is the state that the block was executed on, where all of it is at hand."""
    return list(_compared(block, executed, before))


def _compared(block: RecordedBlock, executed: Executed, before: Mapping[bytes, bytes] | None) -> Iterator[Compared]:
    yield _execution(block, executed)
    found, said = executed.header, block.header.without_seal()
    if found is not None:
        yield _root(block, executed, found.state_root)
        yield _of_header(block, "extrinsics root", said.extrinsics_root, found.extrinsics_root)
        yield _of_header(block, "digest", *(b"".join(map(ITEM.encode, header.digest)) for header in (said, found)))
        yield _events(block, executed)
    state = None if block.known is None else block.known.state
    if state is not None and before is not None and found is not None:
        after = {**before, **executed.changes.top}
        keys = {key for key in after.keys() | state.keys() if after.get(key) != state.get(key)} - {CODE_KEY}
        listed = ", ".join(f"0x{key.hex()}" for key in sorted(keys)[:4])
        note = f"{len(keys)} of {len(state)} entries differ: {listed}{', …' if len(keys) > 4 else ''}" if keys else None
        yield Compared("state", not keys, note=note)


def _execution(block: RecordedBlock, executed: Executed) -> Compared:
    last = executed.steps[-1]
    if last.error is not None:
        return Compared("execution", False, note=f"{_step(last.name)}: {last.error}")
    if executed.whole is not None and executed.whole.error is not None:
        return Compared("execution", False, note=f"the block as a whole: {executed.whole.error}")
    return Compared("execution", True)


def _root(block: RecordedBlock, executed: Executed, found: bytes) -> Compared:
    if not block.has_root:
        return Compared("state root", None, note="the chain's headers name none")
    if not executed.has_root:
        said = _hex(block.header.state_root)
        return Compared("state root", None, said, note="no endpoint gives proofs, so it can't be computed")
    return Compared("state root", found == block.header.state_root, _hex(block.header.state_root), _hex(found))


def _of_header(block: RecordedBlock, what: str, said: bytes, found: bytes) -> Compared:
    if said != found and not block.has_root:
        return Compared(what, None, _hex(said), _hex(found), "a header without a state root isn't the runtime's")
    return Compared(what, said == found, _hex(said), _hex(found))


def _events(block: RecordedBlock, executed: Executed) -> Compared:
    if block.known is None:
        return Compared("events", None, note="not recorded; they are part of the state")
    said = block.known.events
    note = (
        None if said == executed.events else f"{len(said or b'')} bytes were said, {len(executed.events or b'')} came"
    )
    return Compared("events", said == executed.events, note=note)


def _step(name: str) -> str:
    return f"extrinsic {name}" if name.isdecimal() else f"{name}_block"


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
