"""From a block's place to the outcome of executing it again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from node.progress import At
from node.replay import foreign, native
from node.replay.block import RecordedBlock
from node.replay.comparison import compared
from node.replay.endpoint import served
from node.replay.files import Genesis, Recording
from node.replay.history import reach
from node.replay.names import Names
from node.replay.past import HeldPast, Past
from node.replay.report import Outcome
from node.state.remote.cache import Cache
from node.wasm.process import Engine
from offchain.connect.chain import RemoteChain
from offchain.connect.networks import networks
from pallets.primitives.runtime_code import CODE_KEY

GENERIC_PREFIX = 42


async def from_recording(
    engine: Engine, genesis: Genesis, recording: Recording, number: int, at: At, *, traced: bool
) -> Outcome:
    """A block of a file, on the recorded state before it or the one that the blocks before it lead to.

    Raises a `ReplayError`.
    """
    block = recording.block(number)
    state = recording.state_before(number, genesis)
    if state is None:
        state = genesis.state()
        past = await reach(engine, state, recording.leading_to(number, genesis), genesis.hash, at)
    else:
        past = HeldPast(block.header.parent_hash, state)
    prefix = genesis.spec.properties.get("ss58Format", GENERIC_PREFIX)
    types = next((each.types for each in networks().values() if each.genesis == genesis.hash), None)
    prefix = prefix if isinstance(prefix, int) else GENERIC_PREFIX
    return await _outcome(engine, past, block, prefix, types, dict(state.values()), traced=traced)


async def from_chain(engine: Engine, chain: RemoteChain, which: str, cache: Cache | None, *, traced: bool) -> Outcome:
    """A block of a chain that others serve; raises a `RemoteError`, a `RemoteStateError`, or `NoRuntime`."""
    block, past = await served(chain, which, cache)
    return await _outcome(engine, past, block, chain.properties.prefix, chain.remote.network.types, None, traced=traced)


async def _outcome(
    engine: Engine,
    past: Past,
    block: RecordedBlock,
    prefix: int,
    types: str | None,
    before: Mapping[bytes, bytes] | None,
    *,
    traced: bool,
) -> Outcome:
    runtime = native.native_runtime(await past.get(CODE_KEY))
    if runtime is not None:
        executed = await native.executed(runtime, past, block, traced=traced)
    else:
        executed = await foreign.executed(engine, past, block, traced=traced)
    read_names = partial(Names.of, executed.metadata, prefix, types, executed.spec_version)
    return Outcome(block, executed, compared(block, executed, before), read_names, traced)
