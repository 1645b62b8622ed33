"""Cheats over the wire: mining, time, the head, forks, finality; and that any node would accept what they leave."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from substrateinterface import ExtrinsicReceipt, SubstrateInterface
from trio.testing import MockClock

from node.rpc.errors import INVALID_PARAMS
from node.rpc.moment import moment_ms
from node.service import RunningNode
from node.verifier.verifier import start_process
from pallets.primitives import ss58
from pallets.primitives.storage_proof import verify_proof
from tests.node.extrinsics import ALICE, BOB, UNIT, account, bare, compact, remark, signed, transfer, tx_hash
from tests.node.nodes import NOON, SLOT, nonce_of, read_u64, running_node, send, storage_key
from tests.node.rpc.client import RpcClient, connected
from tests.node.rpc.test_methods import account_key
from tests.node.scratch import scratch_directory

REFUSED = 1
WRONG_BLOCKS: tuple[Any, ...] = ("0xab", None, 1.5, True, {})
WRONG_MODES: tuple[Any, ...] = ("Sometimes", "manual", 0, -5, 1.5, True, None, {})
WRONG_AMOUNTS: tuple[Any, ...] = (0, -1, 1.5, "1 KSM", "0.1", "", True, 1 << 128, [])
WRONG_DELAYS: tuple[Any, ...] = ("never", -1, 1.5, True, {})


def replayed(node: RunningNode) -> int:
    """Executes every block of the best chain again, as `check-block` does; how many there are."""
    for number in range(1, node.chain.best.number + 1):
        block = node.chain.hash_of(number)
        assert block is not None
        node.importer.check(block)
    return node.chain.best.number


async def best(rpc: RpcClient) -> tuple[int, str]:
    header = await rpc.call("chain_getHeader")
    return int(header["number"], 16), await rpc.call("chain_getBlockHash")


async def test_new_blocks(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    cases: tuple[tuple[list[Any], int], ...] = (
        ([], 1),
        ([None], 2),
        ([{}], 3),
        ([{"count": 3}], 6),
        ([{"count": 0}], 7),
        ([{"count": None}], 8),
        ([{"to": 10}], 10),
        ([{"to": 4}], 11),
        ([{"count": 7, "to": 13}], 13),
        ([{"unsafeBlockHeight": 15}], 15),
        ([{"count": 2, "unsafeBlockHeight": 17}], 18),
    )
    for params, number in cases:
        last = await rpc.call("dev_newBlock", *params)
        assert await best(rpc) == (number, last), params
    assert replayed(node) == 18


async def test_new_block_of_transactions(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    waiting, given, next_one = (signed(genesis, remark(b""), n, by=by) for n, by in ((0, BOB), (0, ALICE), (1, ALICE)))
    send(node, waiting)
    block = await rpc.call("dev_newBlock", {"transactions": [f"0x{given.hex()}", f"0x{next_one.hex()}"]})
    body = (await rpc.call("chain_getBlock", block))["block"]["extrinsics"]
    assert body[2:] == [f"0x{given.hex()}", f"0x{next_one.hex()}"]
    assert await rpc.call("author_pendingExtrinsics") == [f"0x{waiting.hex()}"]
    stale = await rpc.failure("dev_newBlock", {"transactions": [f"0x{given.hex()}"]})
    assert stale.code == REFUSED
    assert "transaction 0" in stale.message
    assert await best(rpc) == (1, block)
    await rpc.call("dev_newBlock")
    assert await rpc.call("author_pendingExtrinsics") == []


async def test_new_blocks_that_can_not_be(clock: MockClock, rpc: RpcClient) -> None:
    cases: tuple[tuple[Any, int], ...] = (
        ({"unsafeBlockHeight": 0}, REFUSED),
        ({"unsafeBlockHeight": 100_000_001}, REFUSED),
        ({"count": 1 << 40}, REFUSED),
        ({"count": "1"}, INVALID_PARAMS),
        ({"transactions": []}, INVALID_PARAMS),
        ({"transactions": ["zz"]}, INVALID_PARAMS),
        ({"transactions": ["0x00"]}, REFUSED),
        ({"transactions": [as_hex(bare(bytes([2, 0]) + compact(1)))]}, REFUSED),
        ({"dmp": []}, INVALID_PARAMS),
        ({"cuont": 2}, INVALID_PARAMS),
        (2, INVALID_PARAMS),
    )
    for params, code in cases:
        assert (await rpc.failure("dev_newBlock", params)).code == code, params
    assert (await best(rpc))[0] == 0


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("Nov 30, 2030", 1_922_227_200_000),
        ("30 November 2030 00:00:00", 1_922_227_200_000),
        ("2030-11-30T00:00:00Z", 1_922_227_200_000),
        ("2030-11-30T00:00:00.123", 1_922_227_200_123),
        ("2030-11-30", 1_922_227_200_000),
        ("Sat, 30 Nov 2030 01:00:00 +0100", 1_922_227_200_000),
        (1_922_227_200_000, 1_922_227_200_000),
        (1.0, 1),
    ],
)
def test_moments(written: Any, moment: int) -> None:
    assert moment_ms(written) == moment


async def test_time_travel(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    moment = 1_922_227_200_000
    await rpc.call("dev_newBlock")
    assert await rpc.call("dev_timeTravel", "Nov 30, 2030") == moment
    assert read_u64(node, "Timestamp", "Now") == moment
    await rpc.call("dev_newBlock")
    assert read_u64(node, "Timestamp", "Now") == moment + SLOT
    await trio.sleep(5)
    await rpc.call("dev_newBlock")
    assert read_u64(node, "Timestamp", "Now") - moment - 5_000 in range(3 * SLOT)
    for date in ("yesterday", "", moment, NOON, "1999-01-01", -1, 1.5, True, 1 << 63):
        assert (await rpc.failure("dev_timeTravel", date)).code == REFUSED, date
    assert replayed(node) == 4


async def test_set_head(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    first = await rpc.call("dev_newBlock")
    send(node, signed(genesis, transfer(BOB, UNIT), 0))
    await rpc.call("dev_newBlock", {"count": 2})
    third = await rpc.call("chain_getBlockHash")
    await rpc.call("engine_finalizeBlock", third)
    for name in (1, -2, first):
        assert await rpc.call("dev_setHead", name) == first
        assert await best(rpc) == (1, first)
        assert nonce_of(node, account(ALICE)) == 0
        assert await rpc.call("author_pendingExtrinsics") == []
        assert await rpc.call("dev_setHead", third) == third  # what came behind it is still known
        assert nonce_of(node, account(ALICE)) == 1
    assert await rpc.call("dev_setHead", 0) == third
    await rpc.call("dev_setHead", -1)
    fourth = await rpc.call("dev_newBlock")
    assert await best(rpc) == (3, fourth)
    assert fourth != third
    assert replayed(node) == 3
    for unknown in (9, -9, "0x" + "ab" * 32):
        assert (await rpc.failure("dev_setHead", unknown)).code == REFUSED
    for wrong in WRONG_BLOCKS:
        assert (await rpc.failure("dev_setHead", wrong)).code == INVALID_PARAMS


async def test_build_modes_and_finality(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    assert await rpc.call("dev_setBlockBuildMode", "Instant") is None
    block = await mined(node, signed(genesis, remark(b""), 0))
    await trio.sleep(0.25)
    assert node.chain.finalized.hash == block
    await rpc.call("dev_setBlockBuildMode", 500)
    before = node.chain.best.number
    await trio.sleep(2.9)
    assert node.chain.best.number - before in (5, 6)
    await rpc.call("dev_setBlockBuildMode", "Manual")
    await rpc.call("dev_delayFinality", "paused")
    before, final = node.chain.best.number, node.chain.finalized.number
    send(node, signed(genesis, remark(b""), 1))
    await trio.sleep(20)
    assert (node.chain.best.number, node.chain.finalized.number) == (before, final)
    await rpc.call("dev_setBlockBuildMode", "Batch")
    await trio.sleep(0.5)
    assert node.chain.best.number == before + 1
    assert node.chain.finalized.number == final  # it was held up by hand
    await rpc.call("dev_delayFinality", 3_000)
    await trio.sleep(2)
    assert node.chain.finalized.number == final
    await trio.sleep(1)
    assert node.chain.finalized.number == before + 1
    await rpc.call("dev_delayFinality", None)
    block = await mined(node, signed(genesis, remark(b""), 2))
    await trio.sleep(0.25)
    assert node.chain.finalized.hash == block
    for wrong in WRONG_MODES:
        assert (await rpc.failure("dev_setBlockBuildMode", wrong)).code in (REFUSED, INVALID_PARAMS)
    for wrong in WRONG_DELAYS:
        assert (await rpc.failure("dev_delayFinality", wrong)).code == INVALID_PARAMS


async def mined(node: RunningNode, extrinsic: bytes) -> bytes:
    """Sends an extrinsic, and waits for its block."""
    async with node.chain.imported.subscribe() as blocks:
        send(node, extrinsic)
        async for block in blocks:
            if extrinsic in block.extrinsics:
                return block.hash
    raise AssertionError("the chain has stopped")


async def test_a_reorg(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    await rpc.call("dev_newBlock")
    extrinsics = [signed(genesis, transfer(BOB, UNIT), nonce) for nonce in range(2)]
    life = await rpc.call("author_submitAndWatchExtrinsic", f"0x{extrinsics[0].hex()}")
    old = [await rpc.call("dev_newBlock")]
    send(node, extrinsics[1])
    old.append(await rpc.call("dev_newBlock"))
    heads = await rpc.call("chain_subscribeNewHeads")
    await rpc.news(heads)
    last = await rpc.call("dev_reorg", 2)
    assert await best(rpc) == (4, last)
    assert not {await rpc.call("chain_getBlockHash", number) for number in (2, 3)} & set(old)
    assert nonce_of(node, account(ALICE)) == 0
    assert {tx.hash for tx in node.transactions.ready()} == {tx_hash(extrinsic) for extrinsic in extrinsics}
    statuses = [(await rpc.news(life))[1] for _ in range(4)]
    assert statuses == ["ready", {"inBlock": old[0]}, {"retracted": old[0]}, "ready"]
    assert (await rpc.news(heads))[1]["number"] == "0x4"
    await rpc.call("dev_newBlock")
    assert nonce_of(node, account(ALICE)) == 2
    assert replayed(node) == 5
    await rpc.call("engine_finalizeBlock", last)
    for depth in (0, 2, 1 << 40):
        failure = await rpc.failure("dev_reorg", depth)
        assert failure.code == REFUSED


ALICE_ADDRESS = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
NOBODY = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"  # the account of 32 zeros


def as_hex(data: bytes) -> str:
    return f"0x{data.hex()}"


async def test_set_storage_by_names_as_another_client_reads_it(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    block = await rpc.call(
        "dev_setStorage",
        {
            "System": {
                "Account": [
                    [[ALICE_ADDRESS], {"data": {"free": 100_000}, "nonce": 1, "providers": 1}],
                    [["0x" + account(BOB).hex()], {"providers": 1, "data": {"free": "1000000000000000000000"}}],
                    [[NOBODY], None],
                ]
            },
            "sudo": {"key": "0x" + account(BOB).hex()},
            "Grandpa": {"CurrentSetId": 7, "State": {"PendingPause": {"scheduledAt": 3, "delay": 4}}},
            "Session": {"$removePrefix": ["NextKeys"], "currentIndex": 2},
            "TransactionPayment": {"NextFeeMultiplier": "2000000000000000000"},
            "Balances": {"Locks": [[ALICE_ADDRESS, [{"id": "0x" + "61" * 8, "amount": 5, "reasons": "All"}]]]},
        },
    )
    assert await best(rpc) == (1, block)
    body = (await rpc.call("chain_getBlock", block))["block"]["extrinsics"]
    assert len(body) == 3  # time, reveal, and the cheat

    await rpc.call("dev_failNext")
    failed = await rpc.call(
        "dev_newBlock", {"transactions": [as_hex(signed(node.chain.genesis_hash, remark(b""), 0, by=BOB))]}
    )

    fee = int((await rpc.call("dev_traceExtrinsic", failed, 2))["fee"])

    def read() -> list[Any]:
        with SubstrateInterface(url=node.ws_url) as chain:
            receipt = ExtrinsicReceipt(chain, block_hash=failed, extrinsic_idx=2)
            alice = chain.query("System", "Account", [ALICE_ADDRESS]).value
            bob = chain.query("System", "Account", ["0x" + account(BOB).hex()]).value
            return [
                (alice["nonce"], alice["providers"], alice["consumers"], alice["data"]["free"]),
                bob["data"]["free"],
                chain.query("Sudo", "Key").value,
                chain.query("Grandpa", "CurrentSetId").value,
                chain.query("Grandpa", "State").value,
                list(chain.query_map("Session", "NextKeys")),
                chain.query("Session", "CurrentIndex").value,
                chain.query("Balances", "Locks", [ALICE_ADDRESS]).value,
                (receipt.is_success, receipt.error_message["name"], receipt.error_message["docs"]),
            ]

    assert await trio.to_thread.run_sync(read) == [
        (1, 1, 0, 100_000),
        10**21 - fee,
        ss58.encode(account(BOB)),
        7,
        {"PendingPause": {"scheduled_at": 3, "delay": 4}},
        [],
        2,
        [{"id": "0x" + "61" * 8, "amount": 5, "reasons": "All"}],
        (False, "MadeToFail", ["The extrinsic was made to fail by hand, whatever it calls."]),
    ]
    await rpc.call("dev_setStorage", {"Sudo": {"Key": None}})
    assert await rpc.call("state_getStorage", "0x" + storage_key("Sudo", "Key").hex()) is None
    assert replayed(node) == 4


async def test_set_storage_by_keys(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    block = await rpc.call("dev_setStorage", [["0xabcd", "0x1234"], ["0xabce", "0x"]])
    assert await rpc.call("state_getStorage", "0xabcd") == "0x1234"
    await rpc.call("dev_setStorage", [["0xabcd", None]], block)
    assert await rpc.call("state_getStorage", "0xabcd") is None
    assert await rpc.call("state_getStorage", "0xabcd", block) == "0x1234"
    assert await rpc.call("state_getStorage", "0xabce") == "0x"
    assert (await rpc.failure("dev_setStorage", [], block)).code == REFUSED
    proof = await rpc.call("state_getReadProof", ["0xabce"])
    header = await rpc.call("chain_getHeader")
    entries = [bytes.fromhex(entry[2:]) for entry in proof["proof"]]
    assert verify_proof(bytes.fromhex(header["stateRoot"][2:]), entries, [b"\xab\xce"]) == {b"\xab\xce": b""}
    assert replayed(node) == 2


async def test_storage_that_can_not_be_set(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    cases: tuple[tuple[Any, str | None], ...] = (
        ({"Nonesuch": {}}, "Cannot find pallet Nonesuch"),
        ({"System": {"Nonesuch": 1}}, "Cannot find storage Nonesuch in pallet System"),
        ({"System": {"$removePrefix": ["Nonesuch"]}}, "Cannot find storage Nonesuch in pallet System"),
        ({"System": {"Account": {"providers": 1}}}, "System.Account is a map"),
        ({"System": {"Account": [[[ALICE_ADDRESS, 1], {}]]}}, "should have 1 keys"),
        ({"System": {"Account": [[["5Grw"], {}]]}}, "System.Account[0]"),
        ({"System": {"Account": [[[ALICE_ADDRESS], {"freee": 1}]]}}, "should be an object of"),
        ({"System": {"Account": [[[ALICE_ADDRESS], {"data": {"free": -1}}]]}}, "outside the range of u128"),
        ({"Sudo": {"Key": "0xzz"}}, "is not hex"),
        ({"Timestamp": {"DidUpdate": None}}, "the timestamp was not set"),
        ({"System": {"Number": "0xff"}}, "int at byte 0"),
        ([["0x3a636f6465", "0x00"]], "System.set_code"),
        ([["0x3a636f6465", None]], "System.set_code"),
        ([["0x" + "ab" * 32, "0x" + "00" * (6 << 20)]], "too much for one block"),
        ([[f"0x{n:08x}", "0x00"] for n in range(20_000)], "elements"),
        ([["0xab"]], None),
        ([["zz", "0x"]], None),
        ("0xab", None),
        (7, None),
    )
    await rpc.call("dev_newBlock")
    head = node.chain.best
    for values, says in cases:
        failure = await rpc.failure("dev_setStorage", values)
        assert failure.code == (INVALID_PARAMS if says is None else REFUSED), failure
        assert says is None or says in failure.message, failure
        assert node.chain.best == head
    await rpc.call("dev_newBlock")
    assert replayed(node) == 2


async def test_fund(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    issuance, stranger = storage_key("Balances", "TotalIssuance"), ss58.encode(account("//Stranger"))
    before = int.from_bytes(node.chain.states.head.get(issuance) or b"", "little")
    funded = 0
    for amount, units in (
        ((), 1000 * UNIT),
        (("2.5 UNIT",), 5 * UNIT // 2),
        ((UNIT,), UNIT),
        ((str(UNIT),), UNIT),
        ((hex(UNIT),), UNIT),
    ):
        block = await rpc.call("dev_fund", stranger, *amount)
        assert (await best(rpc))[1] == block
        funded += units
        record = node.chain.states.head.get(bytes.fromhex(account_key("//Stranger")[2:]))
        assert record is not None
        assert int.from_bytes(record[16:32], "little") == funded
    assert int.from_bytes(node.chain.states.head.get(issuance) or b"", "little") == before + funded
    for wrong in WRONG_AMOUNTS:
        assert (await rpc.failure("dev_fund", stranger, wrong)).code == INVALID_PARAMS, wrong
    assert (await rpc.failure("dev_fund", "5Grw", 1)).code == INVALID_PARAMS
    assert (await rpc.failure("dev_fund", "0x" + "17" * 32, 1)).code == REFUSED  # below the existential deposit
    assert replayed(node) == 5


def mock_signed(genesis: bytes, call: bytes, nonce: int, by: str, scheme: int = 1) -> bytes:
    """As Chopsticks' users send it: nobody's signature, made of a fixed filling."""
    made = signed(genesis, call, nonce, by=by, forged=True)
    _, _, body = made.partition(b"\x84")
    head, tail = body[:33], body[33 + 65 :]
    filled = b"\xde\xad\xbe\xef" + b"\xcd" * (61 if scheme == 2 else 60)
    inside = b"\x84" + head + bytes([scheme]) + filled + tail
    return compact(len(inside)) + inside


async def test_impersonation(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    as_alice = [mock_signed(genesis, transfer(BOB, UNIT), nonce, ALICE, scheme=nonce) for nonce in range(3)]
    as_bob = mock_signed(genesis, remark(b""), 0, BOB)

    async def refused(extrinsic: bytes) -> bool:
        failure = await rpc.failure("author_submitExtrinsic", f"0x{extrinsic.hex()}")
        return bool(failure.data == "Transaction has a bad signature")

    assert await refused(as_alice[0])
    await rpc.call("dev_impersonate", ALICE_ADDRESS)
    for extrinsic in as_alice:
        await rpc.call("author_submitExtrinsic", f"0x{extrinsic.hex()}")
    assert await refused(as_bob)
    almost = as_alice[0][:-1] + b"\1"  # another recipient, and so another extrinsic: the filling signs anything
    assert await rpc.call("system_dryRun", f"0x{almost.hex()}")
    await rpc.call("dev_newBlock")
    assert nonce_of(node, account(ALICE)) == 3
    late = mock_signed(genesis, remark(b""), 3, ALICE)
    await rpc.call("author_submitExtrinsic", f"0x{late.hex()}")
    off = await rpc.call("dev_impersonate", False)
    await rpc.call("dev_newBlock")
    assert nonce_of(node, account(ALICE)) == 3  # it counted for nobody any more
    assert await rpc.call("author_pendingExtrinsics") == []
    assert await refused(as_bob)
    forged = signed(genesis, remark(b""), 0, by=BOB, forged=True)
    await rpc.call("dev_impersonate", True)
    assert await refused(forged)
    await rpc.call("dev_newBlock", {"transactions": [f"0x{as_bob.hex()}"]})
    assert nonce_of(node, account(BOB)) == 1
    assert replayed(node) == 6
    await rpc.call("dev_setHead", off)
    assert await refused(mock_signed(genesis, remark(b""), 0, BOB))
    assert (await rpc.failure("dev_impersonate", "5Grw")).code == INVALID_PARAMS
    assert (await rpc.failure("dev_impersonate", 7)).code == INVALID_PARAMS


async def test_the_verifier_process_knows_nothing_of_impersonation(clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with (
            running_node(directory, sealing="manual", start_verifier=start_process) as node,
            connected(node) as rpc,
        ):
            genesis = node.chain.genesis_hash
            await rpc.call("dev_impersonate", True)
            extrinsics = [mock_signed(genesis, remark(b""), n, ALICE) for n in range(2)]
            extrinsics.append(signed(genesis, remark(b""), 0, by=BOB))
            for extrinsic in extrinsics:
                await rpc.call("author_submitExtrinsic", f"0x{extrinsic.hex()}")
            await rpc.call("dev_newBlock")
            assert nonce_of(node, account(ALICE)) == 2
            assert nonce_of(node, account(BOB)) == 1


async def test_extrinsics_made_to_fail(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    await rpc.call("dev_failNext", 2)
    send(node, *(signed(genesis, transfer(BOB, UNIT), nonce) for nonce in range(3)))
    block = await rpc.call("dev_newBlock")
    reports = [await rpc.call("dev_traceExtrinsic", block, index) for index in (2, 3, 4)]
    assert [report["success"] for report in reports] == [False, False, True]
    assert reports[0]["error"]["error"] == "Cheats.MadeToFail"
    assert all(int(report["fee"]) > 0 for report in reports)
    assert nonce_of(node, account(ALICE)) == 3

    await rpc.call("dev_failNext")
    await rpc.call("dev_failNext", 0)
    send(node, signed(genesis, transfer(BOB, UNIT), 3))
    block = await rpc.call("dev_newBlock")
    assert (await rpc.call("dev_traceExtrinsic", block, 2))["success"]
    assert replayed(node) == 5


async def test_another_node_takes_the_blocks(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    await rpc.call("dev_fund", ALICE_ADDRESS, UNIT)
    await rpc.call("dev_setStorage", {"Sudo": {"Key": NOBODY}})
    await rpc.call("dev_impersonate", True)
    await rpc.call("dev_failNext")
    for nonce, by in ((0, BOB), (1, BOB), (0, ALICE)):
        await rpc.call("dev_newBlock", {"transactions": [as_hex(mock_signed(genesis, remark(b""), nonce, by))]})
    await rpc.call("dev_reorg", 2)
    await rpc.call("dev_newBlock")
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as other:
            for number in range(1, node.chain.best.number + 1):
                block = node.chain.hash_of(number)
                assert block is not None
                header, body = node.chain.header(block), node.chain.body(block)
                assert header is not None and body is not None
                await other.importer.import_block(header, body)
            assert other.chain.best == node.chain.best
            assert other.chain.states.head.root == node.chain.states.head.root
            assert nonce_of(other, account(BOB)) == 2
