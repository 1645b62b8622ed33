"""A block executed by the chain's own runtime, in the engine's process."""

from __future__ import annotations

from collections.abc import Iterator

from node.replay.block import EVENTS_KEY, Change, Executed, RecordedBlock, Step, Whole
from node.replay.errors import NoRuntime
from node.replay.past import Past
from node.wasm.errors import EngineFailed, InvalidRuntime, StateFailed, WasmError
from node.wasm.overlay import StorageChanges
from node.wasm.process import Engine, LoadedRuntime, Session
from pallets.primitives.header import Header
from pallets.primitives.runtime_code import CODE_KEY

INITIALIZE, APPLY, FINALIZE = "Core_initialize_block", "BlockBuilder_apply_extrinsic", "BlockBuilder_finalize_block"
EXECUTE, METADATA = "Core_execute_block", "Metadata_metadata"
BLOCK_SECONDS = 600.0
NOTHING = StorageChanges({}, {}, {})


async def loaded(engine: Engine, past: Past) -> LoadedRuntime:
    """The runtime of a state; raises `NoRuntime`."""
    code = await past.get(CODE_KEY)
    if not code:
        raise NoRuntime("the state before the block has no runtime: there is no `:code`")
    try:
        return await engine.load(code)
    except InvalidRuntime as error:
        raise NoRuntime(f"the runtime of the state before the block can't be run: {error}") from None


async def executed(engine: Engine, past: Past, block: RecordedBlock, *, traced: bool) -> Executed:
    """Executes a block on the state before it; raises `NoRuntime`, and what reading the state does."""
    runtime = await loaded(engine, past)
    steps: list[Step] = []
    header: Header | None = None
    with_causes = _Causes()
    with with_causes:
        async with engine.session(runtime, past) as session:
            made = NOTHING
            for name, entry, data in _steps(block):
                step = await _stepped(session, name, entry, data)
                if traced or step.error is not None or entry is FINALIZE:
                    before, made = made, await session.changes()
                    if traced:
                        step = await _with_changes(step, past, before, made)
                steps.append(step)
                if step.error is not None:
                    break
                if entry is FINALIZE:
                    header = Header.decode(step.result)
        whole = await _whole(engine, runtime, past, block) if block.has_root else None
        metadata = await _metadata(engine, runtime, past)
        events = made.top[EVENTS_KEY] if EVENTS_KEY in made.top else await past.get(EVENTS_KEY)
    version = runtime.version
    return Executed(
        version.spec_name,
        version.spec_version,
        False,
        steps,
        header,
        made,
        events,
        whole,
        metadata,
        past.has_roots,
    )


def _steps(block: RecordedBlock) -> Iterator[tuple[str, str, bytes]]:
    yield "initialize", INITIALIZE, block.header.without_seal().encode()
    for index, extrinsic in enumerate(block.extrinsics):
        yield str(index), APPLY, extrinsic
    yield "finalize", FINALIZE, b""


async def _stepped(session: Session, name: str, entry: str, data: bytes) -> Step:
    try:
        reply = await session.call(entry, data, timed=True, if_ok=entry is APPLY, deadline=BLOCK_SECONDS)
    except (EngineFailed, StateFailed):
        raise
    except WasmError as error:
        return Step(name, error=str(error))
    refused = entry is APPLY and not reply.result.startswith(b"\0")
    return Step(
        name,
        reply.result,
        f"the runtime doesn't include the extrinsic: 0x{reply.result.hex()}" if refused else None,
        reply.stats.nanoseconds,
        reply.stats.host_functions,
    )


async def _with_changes(step: Step, past: Past, before: StorageChanges, after: StorageChanges) -> Step:
    found: list[Change] = []
    for child in (None, *after.children):
        old = before.top if child is None else before.children.get(child, {})
        new = after.top if child is None else after.children[child]
        for key in sorted(old.keys() | new.keys()):
            was = old[key] if key in old else await past.get(key, child)
            now = new[key] if key in new else await past.get(key, child)
            if was != now:
                found.append(Change(key, was, now, child))
    return Step(step.name, step.result, step.error, step.nanoseconds, step.host_functions, found)


async def _whole(engine: Engine, runtime: LoadedRuntime, past: Past, block: RecordedBlock) -> Whole:
    async with engine.session(runtime, past) as session:
        try:
            stats = (await session.call(EXECUTE, block.unsealed(), timed=True, deadline=BLOCK_SECONDS)).stats
        except (EngineFailed, StateFailed):
            raise
        except WasmError as error:
            return Whole(str(error))
    return Whole(None, stats.nanoseconds, stats.fuel, stats.memory_bytes, stats.host_functions)


async def _metadata(engine: Engine, runtime: LoadedRuntime, past: Past) -> bytes | None:
    async with engine.session(runtime, past) as session:
        try:
            return (await session.call(METADATA, b"", kept=False)).result
        except (EngineFailed, StateFailed):
            raise
        except WasmError:
            return None


class _Causes:
    """Why a state can't be read is what is raised, instead of that it can't be."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, StateFailed) and error.__cause__ is not None:
            raise error.__cause__
