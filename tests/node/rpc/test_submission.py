"""Transactions in: what is taken and what becomes of it, what is refused and with which code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.chain.pool import Pool, PoolLimits
from node.service import RunningNode
from tests.node.extrinsics import (
    ALICE,
    BOB,
    CHARLIE,
    DAVE,
    UNIT,
    account,
    bare,
    compact,
    remark,
    signed,
    transfer,
    tx_hash,
)
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient, connected
from tests.node.scratch import scratch_directory

Make = Callable[[bytes], bytes]
NEWS = "author_extrinsicUpdate"


def to_hex(data: bytes) -> str:
    return f"0x{data.hex()}"


async def submit(rpc: RpcClient, extrinsic: bytes) -> str:
    found: str = await rpc.call("author_submitExtrinsic", to_hex(extrinsic))
    return found


async def watch(rpc: RpcClient, extrinsic: bytes) -> str:
    found: str = await rpc.call("author_submitAndWatchExtrinsic", to_hex(extrinsic))
    return found


async def mine(rpc: RpcClient) -> str:
    block: str = (await rpc.call("engine_createBlock", True, False))["hash"]
    return block


# The errors of section 4, with real extrinsics. Block 1 has Alice's nonces 0 and 1.

INVALID = "Invalid Transaction"
REFUSED: dict[str, tuple[Make, int, str, Any]] = {
    "stale": (lambda g: signed(g, remark(b"again"), 0), 1010, INVALID, "Transaction is outdated"),
    "forged": (lambda g: signed(g, remark(b""), 2, forged=True), 1010, INVALID, "Transaction has a bad signature"),
    "another chain's": (lambda g: signed(bytes(32), remark(b""), 2), 1010, INVALID, "Transaction has a bad signature"),
    "another runtime's": (
        lambda g: signed(g, remark(b""), 2, spec_version=2),
        1010,
        INVALID,
        "Transaction has a bad signature",
    ),
    "unfunded": (
        lambda g: signed(g, remark(b""), 0, by="//Nobody"),
        1010,
        INVALID,
        "Inability to pay some fees (e.g. account balance too low)",
    ),
    "tip too high": (
        lambda g: signed(g, remark(b""), 2, tip=10**30),
        1010,
        INVALID,
        "Inability to pay some fees (e.g. account balance too low)",
    ),
    "born in no block": (
        lambda g: signed(g, remark(b""), 2, era=bytes([0x35, 0]), birth=g),
        1010,
        INVALID,
        "Transaction has an ancient birth block",
    ),
    "too large": (
        lambda g: signed(g, remark(bytes(3_950_000)), 2),
        1010,
        INVALID,
        "Transaction would exhaust the block limits",
    ),
    "an inherent": (
        lambda g: bare(bytes([2, 0]) + compact(1)),
        1010,
        INVALID,
        "Transaction dispatch is mandatory; transactions must not be validated.",
    ),
    "unsigned": (lambda g: bare(remark(b"")), 1011, "Unknown Transaction Validity", "NoUnsignedValidator"),
    "an inherent, signed": (
        lambda g: signed(g, bytes([2, 0]) + compact(1), 2),
        1010,
        INVALID,
        "Transaction dispatch is mandatory; transactions must not be validated.",
    ),
}


@pytest.mark.parametrize("method", ["author_submitExtrinsic", "author_submitAndWatchExtrinsic"])
@pytest.mark.parametrize("case", REFUSED)
async def test_a_bad_transaction_is_refused_at_once(
    clock: MockClock, node: RunningNode, rpc: RpcClient, case: str, method: str
) -> None:
    make, code, message, data = REFUSED[case]
    for nonce in (0, 1):
        await submit(rpc, signed(node.chain.genesis_hash, remark(b""), nonce))
    await mine(rpc)
    failure = await rpc.failure(method, to_hex(make(node.chain.genesis_hash)))
    assert (failure.code, failure.message, failure.data) == (code, message, data)
    assert await rpc.call("author_pendingExtrinsics") == []
    assert not rpc.notifications


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("0x", 1001, "Extrinsic has invalid format"),
        ("0x00", 1002, "Verification Error"),
        ("0x04", 1001, "Extrinsic has invalid format"),
        ("0x0400", 1002, "Verification Error"),
        ("0xff", 1001, "Extrinsic has invalid format"),
        ("0x0884", 1001, "Extrinsic has invalid format"),
        ("0x088400", 1002, "Verification Error"),
        ("0x0c04ffff", 1002, "Verification Error"),
        ("0x1004000000ff", 1001, "Extrinsic has invalid format"),
    ],
)
async def test_what_is_no_extrinsic_is_refused(
    clock: MockClock, rpc: RpcClient, data: str, code: int, message: str
) -> None:
    failure = await rpc.failure("author_submitExtrinsic", data)
    assert failure.code == code
    assert failure.message.startswith(message)


async def test_calls_within_calls_are_bounded(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    """`Utility.batch` of a batch of a batch: whoever nests a thousand gets an error, and the node goes on."""
    call = remark(b"")
    for _ in range(3000):
        call = bytes([8, 0]) + compact(1) + call
    failure = await rpc.failure("author_submitExtrinsic", to_hex(signed(node.chain.genesis_hash, call, 0)))
    assert failure.code in (1002, 1010)
    assert await rpc.call("system_chain") == "Fathom Development"


async def test_the_same_transaction_twice(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    extrinsic = signed(node.chain.genesis_hash, remark(b""), 0)
    assert await submit(rpc, extrinsic) == to_hex(tx_hash(extrinsic))
    failure = await rpc.failure("author_submitExtrinsic", to_hex(extrinsic))
    assert (failure.code, failure.message) == (1013, "Transaction Already Imported")
    assert failure.data == to_hex(tx_hash(extrinsic))


async def test_the_same_nonce_for_less_or_as_much(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    await submit(rpc, signed(genesis, remark(b"a"), 0, tip=1000))
    for tip in (0, 999):
        failure = await rpc.failure("author_submitExtrinsic", to_hex(signed(genesis, remark(b"b"), 0, tip=tip)))
        assert failure.code == 1014
        assert failure.message.startswith("Priority is too low: (")
        assert failure.data == (
            "The transaction has too low priority to replace another transaction already in the pool."
        )


async def test_a_banned_transaction(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    await submit(rpc, signed(genesis, bytes([5, 4, 0]) + account(ALICE) + b"\1", 0, by=DAVE))
    broke = signed(genesis, remark(b""), 1, by=DAVE)
    await submit(rpc, broke)
    await mine(rpc)
    failure = await rpc.failure("author_submitExtrinsic", to_hex(broke))
    assert (failure.code, failure.message, failure.data) == (1012, "Transaction is temporarily banned", None)


async def test_a_full_pool(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    node.transactions.pool = Pool(PoolLimits(1, 1 << 20), PoolLimits(0, 0))
    await submit(rpc, signed(genesis, remark(b""), 0, tip=1000))
    for extrinsic in (signed(genesis, remark(b""), 0, by=BOB), signed(genesis, remark(b""), 7, by=CHARLIE)):
        failure = await rpc.failure("author_submitExtrinsic", to_hex(extrinsic))
        assert (failure.code, failure.message) == (1016, "Immediately Dropped")
        assert failure.data == "The transaction couldn't enter the pool because of the limit"


# The life of section 5


async def test_ready_in_block_finalized(clock: MockClock) -> None:
    """Each step is told once its block can be asked for, the last one once it is the finalised head or behind it."""
    with scratch_directory() as directory:
        async with running_node(directory) as node, connected(node) as rpc:
            await trio.sleep(1)
            extrinsic = signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0)
            subscription = await watch(rpc, extrinsic)
            assert await rpc.news(subscription) == (NEWS, "ready")
            method, included = await rpc.news(subscription)
            block = included["inBlock"]
            assert (method, included) == (NEWS, {"inBlock": block})
            assert to_hex(extrinsic) in (await rpc.call("chain_getBlock", block))["block"]["extrinsics"]
            assert await rpc.call("state_getRuntimeVersion", block)
            assert await rpc.news(subscription) == (NEWS, {"finalized": block})
            head = await rpc.call("chain_getFinalizedHead")
            number = int((await rpc.call("chain_getHeader", block))["number"], 16)
            assert int((await rpc.call("chain_getHeader", head))["number"], 16) >= number
            await rpc.silence(3)
            assert await rpc.call("author_unwatchExtrinsic", subscription) is False


async def test_the_future_becomes_the_present(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    later = await watch(rpc, signed(genesis, remark(b""), 1))
    assert await rpc.news(later) == (NEWS, "future")
    now = await watch(rpc, signed(genesis, remark(b""), 0))
    assert now != later
    assert await rpc.news(now) == (NEWS, "ready")
    assert await rpc.news(later) == (NEWS, "ready")
    block = await mine(rpc)
    assert await rpc.news(now) == await rpc.news(later) == (NEWS, {"inBlock": block})
    await rpc.call("engine_finalizeBlock", block)
    assert await rpc.news(now) == await rpc.news(later) == (NEWS, {"finalized": block})


async def test_usurped(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    old = await watch(rpc, signed(genesis, remark(b""), 0))
    new = signed(genesis, remark(b""), 0, tip=UNIT)
    await submit(rpc, new)
    assert [await rpc.news(old), await rpc.news(old)] == [(NEWS, "ready"), (NEWS, {"usurped": to_hex(tx_hash(new))})]
    await mine(rpc)
    await rpc.silence(1)


async def test_invalid_and_dropped(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    await submit(rpc, signed(genesis, bytes([5, 4, 0]) + account(ALICE) + b"\1", 0, by=DAVE))
    broke = await watch(rpc, signed(genesis, remark(b""), 1, by=DAVE))
    await mine(rpc)
    assert [await rpc.news(broke), await rpc.news(broke)] == [(NEWS, "ready"), (NEWS, "invalid")]
    node.transactions.pool = Pool(PoolLimits(1, 1 << 20))
    worse = await watch(rpc, signed(genesis, remark(b""), 0))
    await submit(rpc, signed(genesis, remark(b""), 0, by=BOB, tip=UNIT))
    assert [await rpc.news(worse), await rpc.news(worse)] == [(NEWS, "ready"), (NEWS, "dropped")]


async def test_unwatching_ends_the_news_not_the_transaction(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    extrinsic = signed(node.chain.genesis_hash, remark(b""), 0)
    subscription = await watch(rpc, extrinsic)
    assert await rpc.news(subscription) == (NEWS, "ready")
    assert await rpc.call("author_unwatchExtrinsic", subscription) is True
    assert await rpc.call("author_unwatchExtrinsic", subscription) is False
    block = await mine(rpc)
    await rpc.silence(1)
    assert to_hex(extrinsic) in (await rpc.call("chain_getBlock", block))["block"]["extrinsics"]


async def test_a_watcher_who_leaves_leaves_nothing_behind(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    async with connected(node) as other:
        for nonce in range(3):
            await watch(other, signed(node.chain.genesis_hash, remark(b""), nonce))
        assert len(node.transactions._watchers) == 3
    await trio.sleep(5)
    assert node.transactions._watchers == {}
    assert len((await rpc.call("chain_getBlock", await mine(rpc)))["block"]["extrinsics"]) == 5
