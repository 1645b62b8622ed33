"""A block executed by our own pallets."""

from __future__ import annotations

from collections.abc import Iterator
from time import thread_time_ns

from node.executor import BuiltBlock, Executor, Runtime, RuntimeTrap, UnknownRuntime
from node.replay.block import EVENTS_KEY, Change, Executed, RecordedBlock, Step
from node.replay.past import Past
from node.state.trie import ordered_root
from node.trial import Step as TrialStep
from node.wasm.overlay import StorageChanges
from pallets.frame.executive import InvalidBlock
from pallets.frame.overlay import Backend
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.frame.validity import TransactionValidityError
from pallets.primitives.header import Header
from pallets.primitives.scale import DecodeError
from pallets.runtime import KNOWN_RUNTIMES

EXECUTOR = Executor(KNOWN_RUNTIMES)
REFUSALS = (InvalidBlock, TransactionValidityError, DecodeError)


def native_runtime(code: bytes | None) -> Runtime | None:
    """The pallets of a `:code`; `None` where it is another chain's."""
    try:
        return EXECUTOR.runtime_of(code)
    except UnknownRuntime:
        return None


async def executed(runtime: Runtime, past: Past, block: RecordedBlock, *, traced: bool) -> Executed:
    """Executes a block on the state before it; raises what reading the state does."""
    steps, built = await past.read(lambda backend: _run(runtime, backend, block))
    if traced and built is not None:
        steps = await past.read(lambda backend: list(_traced(runtime, backend, block, steps)))
    version = runtime.version
    changes = StorageChanges({} if built is None else built.changes, {}, {})
    header: Header | None = None
    if built is not None:
        root = await past.root(changes.top, version.system_version)
        header = Header(
            built.header.parent_hash,
            built.header.number,
            root,
            ordered_root(list(block.extrinsics)),
            built.header.digest,
        )
    return Executed(
        version.spec_name,
        version.spec_version,
        True,
        steps,
        header,
        changes,
        changes.top[EVENTS_KEY] if EVENTS_KEY in changes.top else await past.get(EVENTS_KEY),
        None,
        await past.read(lambda backend: _metadata(runtime, backend)),
        past.has_roots,
    )


def _run(runtime: Runtime, backend: Backend, block: RecordedBlock) -> tuple[list[Step], BuiltBlock | None]:
    steps: list[Step] = []
    started = thread_time_ns()

    def done(name: str, result: bytes = b"") -> None:
        nonlocal started
        now = thread_time_ns()
        steps.append(Step(name, result, nanoseconds=now - started))
        started = now

    name = "initialize"
    try:
        builder = runtime.build(backend, block.header.without_seal())
        done(name)
        for index, extrinsic in enumerate(block.extrinsics):
            name = str(index)
            done(name, runtime.applied(builder.apply(extrinsic)))
        name = "finalize"
        built = builder.finalize()
        done(name)
    except REFUSALS as error:
        return [*steps, Step(name, error=str(error) or type(error).__name__)], None
    return steps, built


def _traced(runtime: Runtime, backend: Backend, block: RecordedBlock, steps: list[Step]) -> Iterator[Step]:
    """The same steps, each with what it changes."""
    trial = runtime.trial(backend, block.header.without_seal())
    found = [trial.opened, *map(trial.apply, block.extrinsics), trial.finalize()]
    for step, again in zip(steps, found, strict=True):
        yield Step(step.name, step.result, step.error, step.nanoseconds, changes=_changes(again))


def _changes(step: TrialStep) -> list[Change]:
    changes = (Change(change.key, change.before, change.after) for change in step.changes)
    return sorted(changes, key=lambda change: change.key)


def _metadata(runtime: Runtime, backend: Backend) -> bytes | None:
    try:
        return runtime.call(backend, "Metadata_metadata", b"")
    except (RuntimeTrap, UnknownRuntimeApi, DecodeError):
        return None
