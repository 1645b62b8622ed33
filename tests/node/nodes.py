"""Whole nodes in the test's process, on trio's virtual clock, each with a real database and a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path

import trio
from substrateinterface.utils.hasher import xxh128

from node.chain.feed import Imported
from node.config import NodeConfig, PrometheusConfig, RpcConfig, Sealing
from node.dev_spec import DEV_SPEC
from node.service import Effects, RunningNode, run_node
from node.verifier.verifier import StartProcess
from pallets.frame.runtime import Runtime
from pallets.frame.validity import TransactionSource
from pallets.runtime import KNOWN_RUNTIMES

NOON = 1_767_268_800_000
"""Milliseconds: when the virtual clock starts."""
SLOT = 100
"""Milliseconds of a slot of the dev chain."""


@asynccontextmanager
async def running_node(
    base_path: Path,
    *,
    sealing: Sealing = "instant",
    chain: Path = DEV_SPEC,
    epoch: int = NOON,
    authority: str = "//Alice",
    start_verifier: StartProcess | None = None,
    state_pruning: int | None = None,
    load_state: Path | None = None,
    dump_state: Path | None = None,
    rpc_external: bool = False,
    prometheus: PrometheusConfig | None = None,
    rpc: RpcConfig = RpcConfig(),
    runtimes: Mapping[int, type[Runtime]] = KNOWN_RUNTIMES,
) -> AsyncIterator[RunningNode]:
    """A node until the block ends. `epoch` is the host's time where trio's clock says 0."""
    effects = Effects(lambda: epoch + int(trio.current_time() * 1000), start_verifier)
    config = NodeConfig(
        chain=chain,
        base_path=base_path,
        rpc_port=0,
        sealing=sealing,
        authority=authority,
        state_pruning=state_pruning,
        load_state=load_state,
        dump_state=dump_state,
        rpc_external=rpc_external,
        prometheus=prometheus,
        rpc=rpc,
        verifiers=int(start_verifier is not None),
    )
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(run_node, config, effects, runtimes=runtimes))
        nursery.cancel_scope.cancel()


async def next_block(node: RunningNode) -> Imported:
    """The next block that the node imports."""
    async with node.chain.imported.subscribe() as blocks:
        return await anext(blocks)


async def height(node: RunningNode, number: int) -> None:
    """Waits until the best block has this number."""
    while node.chain.best.number < number:
        await next_block(node)


def send(node: RunningNode, *extrinsics: bytes) -> list[bytes]:
    """Submits extrinsics as a peer would; their hashes."""
    return [node.transactions.submit(extrinsic, TransactionSource.External) for extrinsic in extrinsics]


def storage_key(pallet: str, item: str) -> bytes:
    """The key of a plain storage value."""
    return bytes(xxh128(pallet.encode()) + xxh128(item.encode()))


def read_u64(node: RunningNode, pallet: str, item: str, block: bytes | None = None) -> int:
    """A plain u64 of the state after a block, the best one if none is named."""
    value = node.chain.state_at(block or node.chain.best.hash).get(storage_key(pallet, item))
    return 0 if value is None else int.from_bytes(value, "little")


def nonce_of(node: RunningNode, account: bytes) -> int:
    """An account's nonce, the first field of its record."""
    prefix = storage_key("System", "Account")
    record = node.chain.states.head.get(prefix + blake2b(account, digest_size=16).digest() + account)
    return 0 if record is None else int.from_bytes(record[:4], "little")
