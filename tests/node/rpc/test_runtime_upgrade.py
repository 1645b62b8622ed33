"""What clients see of a runtime upgrade: each block as the runtime that rules its state describes it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from tests.node.chain.test_reorg_pool import mine
from tests.node.chain.test_upgrade import upgrade
from tests.node.extrinsics import BOB, CHARLIE, remark, signed
from tests.node.later_runtime import BOTH, LATER, LATER_CODE, leave
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient
from tests.node.scratch import scratch_directory


@pytest.fixture
async def node(clock: MockClock) -> AsyncIterator[RunningNode]:
    """One that knows spec 2."""
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", runtimes=BOTH) as running:
            yield running


async def test_versions_and_metadata_are_a_blocks_own(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    watching = await rpc.call("state_subscribeRuntimeVersion")
    assert (await rpc.news(watching))[1]["specVersion"] == 1
    before = "0x" + (await mine(node)).hex()
    made = await upgrade(node)
    upgraded, after = "0x" + made.hash.hex(), "0x" + (await mine(node)).hex()
    name, version = await rpc.news(watching)
    assert (name, version["specVersion"]) == ("state_runtimeVersion", LATER)
    for block, spec in ((before, 1), (upgraded, LATER), (after, LATER), (None, LATER)):
        assert (await rpc.call("state_getRuntimeVersion", block))["specVersion"] == spec
        assert (await rpc.call("chain_getRuntimeVersion", block))["specVersion"] == spec
        assert (b"Notes".hex() in await rpc.call("state_getMetadata", block)) is (spec == LATER)
        assert (b"Notes".hex() in await rpc.call("state_call", "Metadata_metadata", "0x", block)) is (spec == LATER)
    assert await rpc.call("state_getStorage", "0x" + b":code".hex()) == "0x" + LATER_CODE.hex()
    logs = (await rpc.call("chain_getHeader", upgraded))["digest"]["logs"]
    assert "0x08" in logs
    assert "0x08" not in (await rpc.call("chain_getHeader", after))["digest"]["logs"]
    await rpc.silence(1)  # one change, one notification


async def test_a_watched_transaction_of_the_old_runtime_ends_invalid(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    genesis = node.chain.genesis_hash
    old = signed(genesis, remark(b""), 5, by=BOB)
    watching = await rpc.call("author_submitAndWatchExtrinsic", "0x" + old.hex())
    assert (await rpc.news(watching))[1] == "future"
    await upgrade(node)
    assert (await rpc.news(watching))[1] == "invalid"
    assert await rpc.call("author_pendingExtrinsics") == []
    failure = await rpc.failure("author_submitExtrinsic", "0x" + signed(genesis, remark(b""), 0, by=CHARLIE).hex())
    assert (failure.code, failure.data) == (1010, "Transaction has a bad signature")
    fee = await rpc.call("payment_queryInfo", "0x" + signed(genesis, leave(b""), 0, by=BOB, spec_version=LATER).hex())
    assert int(fee["partialFee"]) > 0
