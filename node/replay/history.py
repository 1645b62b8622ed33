"""From a genesis up to the state before a block: all blocks in between, executed one after another."""

from __future__ import annotations

from collections.abc import Iterable

from node.executor import Runtime
from node.progress import At
from node.replay import foreign
from node.replay.block import RecordedBlock
from node.replay.errors import BrokenHistory
from node.replay.native import REFUSALS, native_runtime
from node.replay.past import HeldPast
from node.wasm.backend import FullState
from node.wasm.errors import RuntimePanicked
from node.wasm.overlay import StorageChanges
from node.wasm.process import Engine
from pallets.frame.overlay import Backend
from pallets.primitives.runtime_code import CODE_KEY


async def reach(engine: Engine, state: FullState, blocks: Iterable[RecordedBlock], name: bytes, at: At) -> HeldPast:
    """Takes a state (`name` is its block's hash) through blocks; raises `BrokenHistory`, and `NoRuntime`.

    Each block is executed as on import, and the state afterwards compared with its header's root.
    """
    for block in blocks:
        past = HeldPast(name, state)
        native = native_runtime(state.get(CODE_KEY))
        if native is not None:
            changes, version = await _by_pallets(native, past, block), native.version.system_version
        else:
            changes, version = await _by_wasm(engine, past, block)
        for child, changed in changes.children.items():
            state.apply(changed, version, child)
        root = state.apply(changes.top, version)
        if root != block.header.state_root:
            raise BrokenHistory(
                f"block {block.number}, on the way there, leaves state root 0x{root.hex()}, "
                f"its header says 0x{block.header.state_root.hex()}"
            )
        name = block.hash
        at(block.number)
    return HeldPast(name, state)


async def _by_wasm(engine: Engine, past: HeldPast, block: RecordedBlock) -> tuple[StorageChanges, int]:
    runtime = await foreign.loaded(engine, past)
    async with engine.session(runtime, past) as session:
        try:
            await session.call(foreign.EXECUTE, block.unsealed(), deadline=foreign.BLOCK_SECONDS)
        except RuntimePanicked as error:
            raise BrokenHistory(f"block {block.number}, on the way there, can't be executed: {error}") from None
        changes = await session.changes()
        session.becomes = block.hash
    return changes, min(runtime.version.system_version, 1)


async def _by_pallets(runtime: Runtime, past: HeldPast, block: RecordedBlock) -> StorageChanges:
    def built(backend: Backend) -> StorageChanges:
        builder = runtime.build(backend, block.header.without_seal())
        for extrinsic in block.extrinsics:
            builder.apply(extrinsic)
        return StorageChanges(builder.finalize().changes, {}, {})

    try:
        return await past.read(built)
    except REFUSALS as error:
        raise BrokenHistory(f"block {block.number}, on the way there, can't be executed: {error}") from None
