"""What the methods answer, method by method, checked against the state or against the bytes themselves."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset
from trio.testing import MockClock

from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.service import RunningNode
from tests.node.extrinsics import (
    ALICE,
    BOB,
    CHARLIE,
    UNIT,
    account,
    bare,
    compact,
    keypair,
    remark,
    signed,
    transfer,
    tx_hash,
    u32,
)
from tests.node.nodes import nonce_of, storage_key
from tests.node.rpc.client import RpcClient

MINIMAL = """rpc_methods
system_chain system_name system_version system_properties system_health system_chainType system_accountNextIndex
account_nextIndex
chain_getBlock chain_getBlockHash chain_getHead chain_getHeader chain_getFinalizedHead
chain_subscribeNewHead chain_subscribeNewHeads chain_subscribeAllHeads chain_subscribeFinalizedHeads
chain_unsubscribeNewHead chain_unsubscribeNewHeads chain_unsubscribeAllHeads chain_unsubscribeFinalizedHeads
state_getMetadata state_getRuntimeVersion state_getStorage state_getStorageAt state_getStorageHash state_queryStorageAt
state_getKeys state_getKeysPaged state_call
state_subscribeStorage state_unsubscribeStorage state_subscribeRuntimeVersion state_unsubscribeRuntimeVersion
author_submitExtrinsic author_submitAndWatchExtrinsic author_unwatchExtrinsic author_pendingExtrinsics
payment_queryInfo payment_queryFeeDetails"""
"""What every client that was traced needs."""

SPECIFIED = """archive_v1_body archive_v1_call archive_v1_finalizedHeight archive_v1_genesisHash archive_v1_hashByHeight
archive_v1_header archive_v1_stopStorage archive_v1_stopStorageDiff archive_v1_storage archive_v1_storageDiff
archive_v1_storageDiff_stopStorageDiff
chainHead_v1_body chainHead_v1_call chainHead_v1_continue chainHead_v1_follow chainHead_v1_header
chainHead_v1_stopOperation chainHead_v1_storage chainHead_v1_unfollow chainHead_v1_unpin
chainSpec_v1_chainName chainSpec_v1_genesisHash chainSpec_v1_properties
transactionWatch_v1_submitAndWatch transactionWatch_v1_unwatch transaction_v1_broadcast transaction_v1_stop"""
"""The JSON-RPC specification's methods, and Substrate's name for one of them: clients take a group for whole."""

UNKNOWN = "0x" + "11" * 32
UNKNOWN_BLOCK = "Client error: UnknownBlock: Header was not found in the database"


def to_hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def unhex(text: str) -> bytes:
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])


def account_key(suri: str) -> str:
    who = account(suri)
    return to_hex(storage_key("System", "Account") + blake2b(who, digest_size=16).digest() + who)


def header_hash(header: dict[str, Any]) -> str:
    """The hash of a header given as JSON, by its SCALE bytes put together by hand."""
    logs = [unhex(item) for item in header["digest"]["logs"]]
    data = unhex(header["parentHash"]) + compact(int(header["number"], 16)) + unhex(header["stateRoot"])
    data += unhex(header["extrinsicsRoot"]) + compact(len(logs)) + b"".join(logs)
    return to_hex(blake2b(data, digest_size=32).digest())


async def mine(rpc: RpcClient, *extrinsics: bytes) -> str:
    """A block with these extrinsics; its hash."""
    for extrinsic in extrinsics:
        await rpc.call("author_submitExtrinsic", to_hex(extrinsic))
    block: str = (await rpc.call("engine_createBlock", True, False))["hash"]
    return block


async def test_rpc_methods_lists_what_there_is_and_nothing_else(clock: MockClock, rpc: RpcClient) -> None:
    listed = (await rpc.call("rpc_methods"))["methods"]
    assert set(MINIMAL.split()) <= set(listed)
    assert listed == sorted(set(listed))
    assert {name for name in listed if "_v1_" in name} == set(SPECIFIED.split())
    for name in listed:
        reply = await rpc.exchange({"id": 1, "method": name, "params": ["surely", "not", "right", {}, 5, 6]})
        assert reply.get("error", {}).get("code") != -32601, name
    missing = await rpc.failure("babe_epochAuthorship")
    assert (missing.code, missing.message, missing.data) == (-32601, "Method not found", None)


# system


async def test_system(clock: MockClock, rpc: RpcClient) -> None:
    assert await rpc.call("system_chain") == "Fathom Development"
    assert await rpc.call("system_chainType") == "Development"
    assert await rpc.call("system_name") == "Fathom Node"
    assert (await rpc.call("system_version")).count(".") == 2
    assert await rpc.call("system_properties") == {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "UNIT"}
    assert await rpc.call("system_health") == {"peers": 0, "isSyncing": False, "shouldHavePeers": False}


@pytest.mark.parametrize("method", ["system_accountNextIndex", "account_nextIndex"])
async def test_the_next_index_counts_what_is_in_the_pool(
    clock: MockClock, node: RunningNode, rpc: RpcClient, method: str
) -> None:
    alice, public = keypair(ALICE).ss58_address, to_hex(account(ALICE))
    assert await rpc.call(method, alice) == 0
    for nonce in (0, 1, 3):  # 3 waits for 2 and doesn't count
        await rpc.call("author_submitExtrinsic", to_hex(signed(node.chain.genesis_hash, remark(b""), nonce)))
    assert await rpc.call(method, alice) == await rpc.call(method, public) == 2
    await mine(rpc)
    assert await rpc.call(method, alice) == nonce_of(node, account(ALICE)) == 2
    assert await rpc.call(method, keypair("//Nobody").ss58_address) == 0
    for wrong in ("", "5Grw", alice[:-1] + "Z", "0x12", to_hex(bytes(33)), "0xzz", "kusama"):
        assert (await rpc.failure(method, wrong)).code == -32602


# chain


async def test_blocks_headers_and_hashes(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    extrinsic = signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0)
    genesis = to_hex(ChainSpec.load(DEV_SPEC).genesis_header().hash)
    first = await mine(rpc, extrinsic)
    second = await mine(rpc)
    assert [await rpc.call("chain_getBlockHash", number) for number in (0, 1, 2, 3)] == [genesis, first, second, None]
    assert await rpc.call("chain_getBlockHash", [0, "0x1", 2, 99]) == [genesis, first, second, None]
    header = await rpc.call("chain_getHeader", first)
    assert set(header) == {"parentHash", "number", "stateRoot", "extrinsicsRoot", "digest"}
    assert (header["parentHash"], header["number"]) == (genesis, "0x1")
    assert [item[:12] for item in header["digest"]["logs"]] == ["0x0661757261", "0x0561757261"]
    assert header_hash(header) == first
    assert header_hash(await rpc.call("chain_getHeader")) == second
    assert header_hash(await rpc.call("chain_getHeader", genesis)) == genesis
    block = await rpc.call("chain_getBlock", first)
    assert set(block) == {"block", "justifications"}
    assert block["block"]["header"] == header
    assert block["block"]["extrinsics"][2] == to_hex(extrinsic)
    assert block["justifications"] is None
    assert header_hash((await rpc.call("chain_getBlock"))["block"]["header"]) == second
    assert (await rpc.call("chain_getBlock", genesis))["block"]["extrinsics"] == []
    for method in ("chain_getHeader", "chain_getBlock"):
        assert await rpc.call(method, UNKNOWN) is None


async def test_heads_and_their_aliases(clock: MockClock, rpc: RpcClient) -> None:
    genesis = await rpc.call("chain_getBlockHash", 0)
    best = await mine(rpc)
    for method in ("chain_getBlockHash", "chain_getHead"):
        assert await rpc.call(method) == await rpc.call(method, None) == best
        assert await rpc.call(method, 0) == genesis
    for method in ("chain_getFinalizedHead", "chain_getFinalisedHead"):
        assert await rpc.call(method) == genesis
    assert await rpc.call("engine_finalizeBlock", best) is True
    for method in ("chain_getFinalizedHead", "chain_getFinalisedHead"):
        assert await rpc.call(method) == best
    justifications = (await rpc.call("chain_getBlock", best))["justifications"]
    assert justifications[0][0] == list(b"FRNK")
    assert bytes(justifications[0][1])[8:40] == unhex(best)


@pytest.mark.parametrize("number", [-1, 1.5, "x", "0x", "0xzz", {}, [{}], [[1]], True, "1e3", "-1"])
async def test_what_is_no_block_number_is_invalid(clock: MockClock, rpc: RpcClient, number: Any) -> None:
    assert (await rpc.failure("chain_getBlockHash", number)).code == -32602


# state


async def test_storage_now_and_then(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    key, absent = account_key(BOB), to_hex(b"no such key")
    genesis = await rpc.call("chain_getBlockHash", 0)
    before = await rpc.call("state_getStorage", key)
    block = await mine(rpc, signed(node.chain.genesis_hash, transfer(BOB, 5 * UNIT), 0))
    after = await rpc.call("state_getStorage", key)
    assert int.from_bytes(unhex(after)[16:32], "little") == int.from_bytes(unhex(before)[16:32], "little") + 5 * UNIT
    for method in ("state_getStorage", "state_getStorageAt"):
        assert await rpc.call(method, key, genesis) == before
        assert await rpc.call(method, key, block) == await rpc.call(method, key) == after
        assert await rpc.call(method, absent) is None
    for method in ("state_getStorageHash", "state_getStorageHashAt"):
        assert await rpc.call(method, key, genesis) == to_hex(blake2b(unhex(before), digest_size=32).digest())
        assert await rpc.call(method, absent) is None
    for method in ("state_getStorageSize", "state_getStorageSizeAt"):
        assert await rpc.call(method, key) == len(unhex(after))
        assert await rpc.call(method, absent) is None
    at_genesis = await rpc.call("state_queryStorageAt", [key, absent], genesis)
    assert at_genesis == [{"block": genesis, "changes": [[key, before], [absent, None]]}]
    assert await rpc.call("state_queryStorageAt", [key]) == [{"block": block, "changes": [[key, after]]}]
    assert await rpc.call("state_queryStorageAt", []) == [{"block": block, "changes": []}]


async def test_keys_in_pages(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = await rpc.call("chain_getBlockHash", 0)
    keys = [to_hex(key) for key in sorted(ChainSpec.load(DEV_SPEC).genesis)]
    await mine(rpc, signed(node.chain.genesis_hash, transfer("//Newcomer", UNIT), 0))
    prefix = to_hex(storage_key("System", "Account"))
    accounts = [key for key in keys if key.startswith(prefix)]
    assert await rpc.call("state_getKeys", "0x", genesis) == keys
    assert await rpc.call("state_getKeys", prefix, genesis) == accounts
    assert sorted([*accounts, account_key("//Newcomer")]) == await rpc.call("state_getKeys", prefix)
    for method in ("state_getKeysPaged", "state_getKeysPagedAt"):
        assert await rpc.call(method, prefix, 1000, prefix, genesis) == accounts
        assert await rpc.call(method, "0x", 1000, None, genesis) == keys
        assert await rpc.call(method, None, 1000, None, genesis) == keys
        assert await rpc.call(method, prefix, 0, None, genesis) == []
        pages, last = list[str](), None
        while page := await rpc.call(method, prefix, 3, last, genesis):
            pages += page
            last = page[-1]
        assert pages == accounts
    assert await rpc.call("state_getKeysPaged", prefix, 5, to_hex(b"\xff" * 40), genesis) == []
    over = await rpc.failure("state_getKeysPaged", prefix, 1001)
    assert (over.code, over.message) == (4002, "count exceeds maximum value. value: 1001, max: 1000")


@pytest.mark.parametrize("at_genesis", [False, True])
async def test_metadata_is_v14_and_a_third_party_reads_it(clock: MockClock, rpc: RpcClient, at_genesis: bool) -> None:
    block = await rpc.call("chain_getBlockHash", 0) if at_genesis else None
    await mine(rpc)
    data = await rpc.call("state_getMetadata", block)
    assert data.startswith("0x6d6574610e")
    config = RuntimeConfigurationObject()
    config.update_type_registry(load_type_registry_preset("core"))
    metadata = config.create_scale_object("MetadataVersioned", data=ScaleBytes(data))
    metadata.decode()
    assert {"System", "Timestamp", "Balances", "Jobs"} <= {pallet.value["name"] for pallet in metadata.pallets}
    opaque = unhex(await rpc.call("state_call", "Metadata_metadata", "0x", block))
    assert opaque.endswith(unhex(data))
    assert len(opaque) - len(unhex(data)) in (2, 4)


@pytest.mark.parametrize("method", ["state_getRuntimeVersion", "chain_getRuntimeVersion"])
async def test_the_runtime_version(clock: MockClock, rpc: RpcClient, method: str) -> None:
    version = await rpc.call(method)
    assert (version["specName"], version["specVersion"], version["transactionVersion"]) == ("fathom", 1, 1)
    assert version["systemVersion"] == 1
    names = ["Core", "Metadata", "BlockBuilder", "TaggedTransactionQueue", "AccountNonceApi", "TransactionPaymentApi"]
    ids = {to_hex(blake2b(name.encode(), digest_size=8).digest()) for name in names}
    assert ids <= {api for api, _ in version["apis"]}
    assert ["0x37e397fc7c91f5e4", 2] in version["apis"]
    genesis = await rpc.call("chain_getBlockHash", 0)
    await mine(rpc)
    assert await rpc.call(method, genesis) == version


async def test_runtime_calls(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = await rpc.call("chain_getBlockHash", 0)
    who = to_hex(account(ALICE))
    await mine(rpc, signed(node.chain.genesis_hash, remark(b""), 0))
    for method in ("state_call", "state_callAt"):
        assert await rpc.call(method, "AccountNonceApi_account_nonce", who, None) == "0x01000000"
        assert await rpc.call(method, "AccountNonceApi_account_nonce", who, genesis) == "0x00000000"
    assert await rpc.call("state_call", "Metadata_metadata_versions", "0x") == "0x0c0e0000000f00000010000000"
    unknown = await rpc.failure("state_call", "No_such_thing", "0x")
    assert (unknown.code, unknown.data) == (4003, None)
    text = "Client error: Execution failed: Other: Exported method No_such_thing is not found"
    assert unknown.message == text
    for function, data in (
        ("AccountNonceApi_account_nonce", "0x00"),
        ("AccountNonceApi_account_nonce", who + "00"),
        ("Core_initialize_block", "0x"),
        ("BlockBuilder_finalize_block", "0x"),
        ("BlockBuilder_apply_extrinsic", "0x0404"),
        ("TransactionPaymentApi_query_info", "0x04ff00000000"),
    ):
        failure = await rpc.failure("state_call", function, data)
        assert failure.code == 4003
        assert failure.message.startswith("Client error: Execution failed: ")


async def test_a_transaction_is_judged_as_wallets_ask(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    """`validate_transaction` of the state of a block, with the source, the transaction and the block's hash."""
    best = await mine(rpc)

    async def judged(extrinsic: bytes) -> bytes:
        data = b"\2" + extrinsic + unhex(best)
        return unhex(await rpc.call("state_call", "TaggedTransactionQueue_validate_transaction", to_hex(data), best))

    genesis = node.chain.genesis_hash
    valid = await judged(signed(genesis, remark(b""), 0))
    tag = account(ALICE) + u32(0)
    assert valid[0] == 0
    assert valid[9:11] == b"\0\4"  # requires nothing, provides one tag
    assert valid[11 : 11 + 1 + len(tag)] == compact(len(tag)) + tag
    assert await judged(signed(genesis, remark(b""), 0, forged=True)) == b"\1\0\4"
    assert await judged(signed(genesis, remark(b""), 0, by="//Nobody")) == b"\1\0\1"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("state_getStorage", ["0x00", UNKNOWN]),
        ("state_getStorageAt", ["0x00", UNKNOWN]),
        ("state_getStorageHash", ["0x00", UNKNOWN]),
        ("state_getStorageSize", ["0x00", UNKNOWN]),
        ("state_queryStorageAt", [["0x00"], UNKNOWN]),
        ("state_getKeys", ["0x", UNKNOWN]),
        ("state_getKeysPaged", ["0x", 10, None, UNKNOWN]),
        ("state_getMetadata", [UNKNOWN]),
        ("state_getRuntimeVersion", [UNKNOWN]),
        ("state_call", ["Core_version", "0x", UNKNOWN]),
        ("engine_finalizeBlock", [UNKNOWN]),
    ],
)
async def test_an_unknown_block_is_told(clock: MockClock, rpc: RpcClient, method: str, params: list[Any]) -> None:
    failure = await rpc.failure(method, *params)
    assert (failure.code, failure.message, failure.data) == (4003, UNKNOWN_BLOCK, None)


# payment


async def test_the_fee_asked_for_is_the_fee_taken(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    extrinsic = signed(genesis, transfer(BOB, UNIT), 0, tip=7)
    info = await rpc.call("payment_queryInfo", to_hex(extrinsic))
    assert set(info) == {"weight", "class", "partialFee"}
    assert info["class"] == "normal"
    assert info["weight"]["ref_time"] > 0
    details = (await rpc.call("payment_queryFeeDetails", to_hex(extrinsic)))["inclusionFee"]
    parts = {name: int(value, 16) for name, value in details.items()}
    assert set(parts) == {"baseFee", "lenFee", "adjustedWeightFee"}
    assert sum(parts.values()) == int(info["partialFee"])
    unsigned = signed(genesis, transfer(BOB, UNIT), 0, tip=7, forged=True)
    assert await rpc.call("payment_queryInfo", to_hex(unsigned)) == info

    key = account_key(ALICE)
    before = int.from_bytes(unhex(await rpc.call("state_getStorage", key))[16:32], "little")
    await mine(rpc, extrinsic)
    after = int.from_bytes(unhex(await rpc.call("state_getStorage", key))[16:32], "little")
    assert before - after == UNIT + 7 + int(info["partialFee"])


async def test_an_unsigned_extrinsic_costs_nothing(clock: MockClock, rpc: RpcClient) -> None:
    data = to_hex(bare(bytes([2, 0]) + compact(1)))
    assert (await rpc.call("payment_queryInfo", data))["partialFee"] == "0"
    assert (await rpc.call("payment_queryInfo", data))["class"] == "mandatory"
    assert await rpc.call("payment_queryFeeDetails", data) == {"inclusionFee": None}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("payment_queryInfo", "Unable to query dispatch info."),
        ("payment_queryFeeDetails", "Unable to query fee details."),
    ],
)
async def test_what_cannot_be_priced_is_told(
    clock: MockClock, node: RunningNode, rpc: RpcClient, method: str, message: str
) -> None:
    extrinsic = to_hex(signed(node.chain.genesis_hash, remark(b""), 0))
    garbled, undecodable = await rpc.failure(method, "0x08ff"), await rpc.failure(method, "0x08ffff")
    assert (garbled.code, garbled.message) == (2, message)
    assert (undecodable.code, undecodable.message) == (1, message)
    elsewhere = await rpc.failure(method, extrinsic, UNKNOWN)
    assert (elsewhere.code, elsewhere.message, elsewhere.data) == (1, message, UNKNOWN_BLOCK)


# engine


async def test_sealing_by_hand(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    empty = await rpc.failure("engine_createBlock", False, False)
    assert empty.code == 15000
    assert "create_empty" in empty.message
    made = await rpc.call("engine_createBlock", True, True, None)
    assert set(made) == {"hash", "aux", "proof_size"}
    assert made["aux"]["is_new_best"] is True
    assert await rpc.call("chain_getFinalizedHead") == made["hash"]
    on_top = await rpc.call("engine_createBlock", True, False, made["hash"])
    genesis = await rpc.call("chain_getBlockHash", 0)
    assert (await rpc.failure("engine_createBlock", True, False, genesis)).code == 15000
    assert await rpc.call("engine_finalizeBlock", on_top["hash"], None) is True
    assert await rpc.call("engine_finalizeBlock", made["hash"]) is True
    assert await rpc.call("chain_getFinalizedHead") == on_top["hash"]


async def test_pending_extrinsics(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    ready = [signed(genesis, remark(b""), 0), signed(genesis, remark(b""), 0, by=CHARLIE)]
    waiting = signed(genesis, remark(b""), 5)
    for extrinsic in (waiting, *ready):
        assert await rpc.call("author_submitExtrinsic", to_hex(extrinsic)) == to_hex(tx_hash(extrinsic))
    assert await rpc.call("author_pendingExtrinsics") == [to_hex(extrinsic) for extrinsic in (*ready, waiting)]
    await mine(rpc)
    assert await rpc.call("author_pendingExtrinsics") == [to_hex(waiting)]
