"""Blocks that nobody knows, and blocks whose states are not kept any more: what each namespace says of them."""

from __future__ import annotations

from typing import Any

from trio.testing import MockClock

from node.service import RunningNode
from tests.node.extrinsics import BOB, UNIT, signed, transfer
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient, connected
from tests.node.rpc.head import follow, mine
from tests.node.scratch import scratch_directory

UNKNOWN = "0x" + "42" * 32
CHILD = "0x" + b":child_storage:default:x".hex()
NOT_FOUND = "Client error: UnknownBlock: Header was not found in the database"
OF_STATES: list[tuple[str, list[Any]]] = [
    ("childstate_getKeys", [CHILD, "0x"]),
    ("childstate_getKeysPaged", [CHILD, "0x", 1, None]),
    ("childstate_getKeysPagedAt", [CHILD, "0x", 1, None]),
    ("childstate_getStorage", [CHILD, "0x"]),
    ("childstate_getStorageEntries", [CHILD, ["0x"]]),
    ("childstate_getStorageHash", [CHILD, "0x"]),
    ("childstate_getStorageSize", [CHILD, "0x"]),
    ("chain_getRuntimeVersion", []),
    ("state_call", ["Core_version", "0x"]),
    ("state_callAt", ["Core_version", "0x"]),
    ("state_getChildReadProof", [CHILD, ["0x"]]),
    ("state_getKeys", ["0x"]),
    ("state_getKeysPaged", ["0x", 1, None]),
    ("state_getKeysPagedAt", ["0x", 1, None]),
    ("state_getMetadata", []),
    ("state_getPairs", ["0x"]),
    ("state_getReadProof", [["0x"]]),
    ("state_getRuntimeVersion", []),
    ("state_getStorage", ["0x"]),
    ("state_getStorageAt", ["0x"]),
    ("state_getStorageHash", ["0x"]),
    ("state_getStorageHashAt", ["0x"]),
    ("state_getStorageSize", ["0x"]),
    ("state_getStorageSizeAt", ["0x"]),
    ("state_queryStorageAt", [["0x"]]),
    ("state_trieMigrationStatus", []),
]
"""Methods that read the state after the block which is their last parameter."""


async def test_what_each_namespace_says_of_them(clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", state_pruning=2) as node, connected(node) as rpc:
            blocks = [await mine(rpc, final=True) for _ in range(6)]
            await states(rpc, blocks[0])
            await fees_and_dry_runs(node, rpc, blocks[0])
            await headers_and_bodies(rpc, blocks[0])
            await the_archive(rpc, blocks[0])
            await the_chains_head(rpc, blocks[0])
            await traces_and_cheats(rpc, blocks[0])
            assert await rpc.call("state_getStorage", "0x", blocks[-1]) is None


async def states(rpc: RpcClient, early: str) -> None:
    for method, params in OF_STATES:
        for block, message in ((UNKNOWN, NOT_FOUND), (early, discarded(early))):
            failure = await rpc.failure(method, *params, block)
            assert (method, failure.code, failure.message, failure.data) == (method, 4003, message, None)
    unknown = await rpc.failure("state_queryStorage", ["0x"], UNKNOWN)
    assert unknown.code == 4001
    assert unknown.message.startswith("Cannot resolve a block range")
    assert (await rpc.failure("state_queryStorage", ["0x"], early)).message == discarded(early)


async def fees_and_dry_runs(node: RunningNode, rpc: RpcClient, early: str) -> None:
    extrinsic = f"0x{signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0).hex()}"
    said = {
        "payment_queryInfo": "Unable to query dispatch info.",
        "payment_queryFeeDetails": "Unable to query fee details.",
        "system_dryRun": "Unable to dry run extrinsic.",
        "system_dryRunAt": "Unable to dry run extrinsic.",
    }
    for method, message in said.items():
        for block, reason in ((UNKNOWN, NOT_FOUND), (early, discarded(early))):
            failure = await rpc.failure(method, extrinsic, block)
            assert (method, failure.code, failure.message, failure.data) == (method, 1, message, reason)


async def headers_and_bodies(rpc: RpcClient, early: str) -> None:
    for method in ("chain_getHeader", "chain_getBlock"):
        assert await rpc.call(method, UNKNOWN) is None
        assert await rpc.call(method, early) is not None
    assert await rpc.call("chain_getBlockHash", 1000) is None
    assert await rpc.call("chain_getBlockHash", [1, 2**40]) == [early, None]
    assert (await rpc.failure("grandpa_proveFinality", 1000)).code == 4
    assert (await rpc.failure("engine_finalizeBlock", UNKNOWN)).message == NOT_FOUND
    assert (await rpc.failure("engine_createBlock", True, False, UNKNOWN)).code == 15000


async def the_archive(rpc: RpcClient, early: str) -> None:
    assert await rpc.call("archive_v1_hashByHeight", 1000) == []
    for method, params in (("header", []), ("body", []), ("call", ["Core_version", "0x"])):
        assert await rpc.call(f"archive_v1_{method}", UNKNOWN, *params) is None
    refused = await rpc.call("archive_v1_call", early, "Core_version", "0x")
    assert refused == {"success": False, "error": discarded(early)}
    told_of: list[tuple[str, list[Any], str]] = [
        ("storage", [UNKNOWN, []], NOT_FOUND),
        ("storage", [early, []], discarded(early)),
        ("storageDiff", [UNKNOWN], NOT_FOUND),
    ]
    for method, params, reason in told_of:
        told = await rpc.news(await rpc.call(f"archive_v1_{method}", *params))
        assert told == (f"archive_v1_{method}Event", {"event": f"{method}Error", "error": reason})


async def the_chains_head(rpc: RpcClient, early: str) -> None:
    head = await follow(rpc)
    assert (await head.next())["event"] == "initialized"
    for block in (UNKNOWN, early):
        for method, params in (("header", []), ("body", []), ("call", ["Core_version", "0x"]), ("storage", [[]])):
            assert await head.fails(method, block, *params) == -32801
        assert await head.fails("unpin", block) == -32801


async def traces_and_cheats(rpc: RpcClient, early: str) -> None:
    for block in (UNKNOWN, early):
        assert await rpc.call("dev_getBlockStats", block) is None
        for method in ("state_traceBlock", "dev_traceBlock"):
            assert (await rpc.failure(method, block)).code == 4003
        assert (await rpc.failure("dev_setHead", block)).code == 1
        assert (
            await rpc.failure("dev_dryRun", {"extrinsic": {"call": "0x00000000", "address": "root"}, "at": block})
        ).code == 4003


def discarded(block: str) -> str:
    return f"Client error: Api called for an unknown Block: State already discarded for {block}"
