"""Execution looked at over the wire: dry runs, traces, and what they agree on with the block that follows."""

from __future__ import annotations

from typing import Any

from trio.testing import MockClock

from node.rpc.errors import CLIENT_ERROR, INVALID_PARAMS
from node.service import RunningNode
from pallets.primitives import ss58
from pallets.primitives.header import AURA_ENGINE
from tests.node.extrinsics import ALICE, BOB, UNIT, account, bare, compact, remark, signed, transfer
from tests.node.nodes import nonce_of, send, storage_key
from tests.node.rpc.client import RpcClient
from tests.node.rpc.test_cheats import replayed
from tests.node.rpc.test_methods import account_key

REFUSED = 1
ALICE_ADDRESS, BOB_ADDRESS = ss58.encode(account(ALICE)), ss58.encode(account(BOB))


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"


def event(report: Any, name: str) -> Any:
    """The one event of a name, as its fields."""
    (found,) = [e["argObj"] for e in report["events"] if f"{e['section']}.{e['method']}" == name]
    return found


async def test_a_dry_run_foretells_the_block(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    await rpc.call("dev_newBlock")
    extrinsic = signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0)
    told = await rpc.call("dev_dryRun", {"extrinsic": hexed(extrinsic)})
    as_alice = await rpc.call(
        "dev_dryRun", {"extrinsic": {"call": hexed(transfer(BOB, UNIT)), "address": ALICE_ADDRESS}}
    )
    assert as_alice == told  # the mock signature is as long as a real one
    raw = await rpc.call("dev_dryRun", {"raw": True, "extrinsic": hexed(extrinsic)})
    assert raw == told["storageDiff"]
    assert (told["success"], told["error"], told["class"], told["paysFee"]) == (True, None, "normal", True)
    info = await rpc.call("payment_queryInfo", hexed(extrinsic))
    assert (told["fee"], told["weight"]) == (info["partialFee"], info["weight"])
    assert event(told, "balances.Transfer") == {"from": ALICE_ADDRESS, "to": BOB_ADDRESS, "amount": UNIT}
    bob = [side["system"]["account"][BOB_ADDRESS]["data"]["free"] for side in (told["old"], told["new"])]
    assert int(bob[1]) - int(bob[0]) == UNIT
    assert told["delta"]["system"]["account"][BOB_ADDRESS]["data"]["free"] == bob
    assert nonce_of(node, account(ALICE)) == 0
    assert await rpc.call("author_pendingExtrinsics") == []

    send(node, extrinsic)
    block = await rpc.call("dev_newBlock")
    for key, value in told["storageDiff"]:
        assert await rpc.call("state_getStorage", key) == value
    traced = await rpc.call("dev_traceExtrinsic", block, 2)
    assert {key: traced[key] for key in told} == told
    assert traced["extrinsic"]["section"], traced["extrinsic"]["method"] == ("balances", "transferKeepAlive")
    assert traced["extrinsic"]["signer"] == ALICE_ADDRESS
    again = await rpc.call("dev_dryRun", {"extrinsic": hexed(extrinsic), "at": await rpc.call("chain_getBlockHash", 1)})
    assert again["storageDiff"] == told["storageDiff"]  # at an earlier block
    assert (await rpc.failure("dev_dryRun", {"extrinsic": hexed(extrinsic)})).message == "Transaction is outdated"
    assert (await rpc.failure("dev_traceExtrinsic", block, 3)).code == REFUSED


async def test_errors_are_decoded(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    too_much = {"call": hexed(transfer(BOB, 2 * 10**18)), "address": ALICE_ADDRESS}
    failed = await rpc.call("dev_dryRun", {"extrinsic": too_much})
    assert (failed["success"], failed["error"]["error"]) == (False, "Token.FundsUnavailable")
    assert int(failed["fee"]) > 0
    not_sudo = {"call": hexed(bytes([7, 0]) + remark(b"")), "address": BOB_ADDRESS}
    failed = await rpc.call("dev_dryRun", {"extrinsic": not_sudo})
    assert failed["error"] == {"error": "Sudo.RequireSudo", "docs": "Sender must be the Sudo account."}
    assert event(failed, "system.ExtrinsicFailed")["dispatchError"] == failed["error"]
    force = bytes([5, 8, 0]) + account(BOB) + compact(7 * UNIT)
    as_bob = await rpc.call("dev_dryRun", {"extrinsic": {"call": hexed(force), "address": BOB_ADDRESS}})
    assert as_bob["error"]["error"] == "BadOrigin"
    as_root = await rpc.call("dev_dryRun", {"extrinsic": {"call": hexed(force), "address": "root"}})
    assert (as_root["success"], as_root["fee"], as_root["paysFee"]) == (True, None, False)
    assert as_root["new"]["system"]["account"][BOB_ADDRESS]["data"]["free"] == 7 * UNIT
    poor = {"call": hexed(remark(b"")), "address": ss58.encode(account("//Poor"))}
    assert "Inability to pay" in (await rpc.failure("dev_dryRun", {"extrinsic": poor})).message
    forged = signed(node.chain.genesis_hash, remark(b""), 0, forged=True)
    assert "bad signature" in (await rpc.failure("dev_dryRun", {"extrinsic": hexed(forged)})).message
    for params, code in (
        ({}, REFUSED),
        (None, INVALID_PARAMS),
        ({"extrinsic": 7}, INVALID_PARAMS),
        ({"extrinsic": "0x00"}, REFUSED),
        ({"extrinsic": {"call": "0xffff", "address": "root"}}, REFUSED),
        ({"extrinsic": {"call": "0x0000", "address": "5Grw"}}, INVALID_PARAMS),
        ({"extrinsic": {"call": "0x000000"}}, INVALID_PARAMS),
        ({"extrinsic": "0x00", "at": "0xab"}, INVALID_PARAMS),
        ({"extrinsic": "0x00", "at": "0x" + "ab" * 32}, CLIENT_ERROR),
        ({"extrinsic": "0x00", "html": True}, INVALID_PARAMS),
        ({"dmp": []}, INVALID_PARAMS),
    ):
        assert (await rpc.failure("dev_dryRun", params)).code == code, params


async def test_a_block_is_traced_and_run_again(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    await rpc.call("dev_newBlock")
    genesis = node.chain.genesis_hash
    send(node, signed(genesis, transfer(BOB, UNIT), 0), signed(genesis, remark(b"x"), 0, by=BOB))
    await rpc.call("dev_fund", BOB_ADDRESS, UNIT)
    parent = await rpc.call("chain_getBlockHash")
    block = await rpc.call("dev_newBlock")
    traced = await rpc.call("dev_traceBlock", block)
    assert [phase["phase"] for phase in traced["phases"]] == ["Initialization", 0, 1, 2, 3, "Finalization"]
    assert [phase["extrinsic"]["section"] for phase in traced["phases"][1:-1]] == [
        "timestamp",
        "randomness",
        *sorted(["balances", "system"], reverse=traced["phases"][3]["extrinsic"]["section"] == "system"),
    ]
    for phase in traced["phases"]:
        for entry in phase["storageDiff"]:
            assert entry["parsed"]["section"], entry
    last = {e["raw"]["key"]: e["raw"]["value"] for phase in traced["phases"] for e in phase["storageDiff"]}
    for key, value in last.items():
        assert await rpc.call("state_getStorage", key) == value
    signed_block = (await rpc.call("chain_getBlock", block))["block"]
    run = await rpc.call(
        "dev_runBlock",
        {"block": signed_block, "parent": parent, "includeParsed": True, "includeBlockDetails": True},
    )
    assert [phase["storageDiff"] for phase in run["phases"]] == [phase["storageDiff"] for phase in traced["phases"]]
    assert [extrinsic["success"] for extrinsic in run["blockDetails"]["extrinsics"]] == [True] * 4
    assert run["blockDetails"]["timestamp"] == str(int(traced["phases"][1]["extrinsic"]["argObj"]["now"]))
    raw = await rpc.call("dev_runBlock", {"block": signed_block, "parent": parent})
    assert all(set(entry) == {"raw"} for phase in raw["phases"] for entry in phase["storageDiff"])
    assert (await rpc.failure("dev_runBlock", {"block": signed_block})).code == REFUSED  # its slot is over
    wrong: tuple[Any, ...] = ({}, {"block": {}}, {"block": {"header": {}, "extrinsics": []}}, [], {"x": 1})
    for params in wrong:
        assert (await rpc.failure("dev_runBlock", params)).code == INVALID_PARAMS
    for method in ("dev_traceBlock", "state_traceBlock"):
        assert (await rpc.failure(method, hexed(genesis))).code == CLIENT_ERROR
    assert replayed(node) == 3


async def test_state_trace_block(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
    block = await rpc.call("dev_newBlock")
    trace = (await rpc.call("state_traceBlock", block, "state", "", ""))["blockTrace"]
    assert set(trace) == {
        "blockHash",
        "parentHash",
        "tracingTargets",
        "storageKeys",
        "methods",
        "spans",
        "events",
    }
    assert (trace["blockHash"], trace["parentHash"]) == (block[2:], node.chain.genesis_hash.hex())
    index: Any = None
    last = {}
    touched_by: dict[Any, set[str]] = {}
    for entry in trace["events"]:
        assert (entry["target"], entry["parentId"]) == ("state", None)
        values = entry["data"]["stringValues"]
        assert values["method"] == "Put"
        encoded = bytes.fromhex(values["value_encoded"]) if "..." not in values["value_encoded"] else None
        if values["key"] == b":extrinsic_index".hex():
            assert encoded is not None
            index = int.from_bytes(encoded[1:], "little") if encoded[0] else "end"
        else:
            last[values["key"]] = values["value"]
            touched_by.setdefault(index, set()).add(values["key"])
    bob = account_key(BOB)[2:]
    assert bob in touched_by[2]
    assert bob not in touched_by[0] | touched_by[1] | touched_by[None] | touched_by["end"]
    for key, value in last.items():
        stored = await rpc.call("state_getStorage", "0x" + key)
        assert value == ("None" if stored is None else f"Some({stored[2:]})") or "..." in value
    only = await rpc.call("state_traceBlock", block, None, f"{bob},3a65787472696e7369635f696e646578", "Put,Get")
    assert len(only["blockTrace"]["events"]) >= 5
    assert (await rpc.call("state_traceBlock", block, "pallet", "", ""))["blockTrace"]["events"] == []
    assert (await rpc.call("state_traceBlock", block, "state", "", "Get"))["blockTrace"]["events"] == []
    assert only["blockTrace"]["tracingTargets"] == "pallet,frame,state"


async def test_system_dry_run(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = node.chain.genesis_hash
    good, bad, future, forged = (
        signed(genesis, transfer(BOB, UNIT), 0),
        signed(genesis, transfer(BOB, 2 * 10**18), 0),
        signed(genesis, transfer(BOB, UNIT), 1),
        signed(genesis, transfer(BOB, UNIT), 0, forged=True),
    )
    answers = [await rpc.call("system_dryRun", hexed(extrinsic)) for extrinsic in (good, bad, future, forged)]
    assert answers == ["0x0000", "0x00010700", "0x010002", "0x010004"]
    await rpc.call("dev_newBlock", {"transactions": [hexed(good)]})
    assert await rpc.call("system_dryRun", hexed(good)) == "0x010003"
    assert await rpc.call("system_dryRunAt", hexed(good), hexed(genesis)) == "0x0000"
    failure = await rpc.failure("system_dryRun", "0x1234")
    assert (failure.code, failure.message) == (2, "Unable to dry run extrinsic")
    failure = await rpc.failure("system_dryRun", hexed(bare(bytes([2, 0]) + compact(1))))
    assert (failure.code, failure.message) == (1, "Unable to dry run extrinsic.")


async def test_block_stats(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
    block = await rpc.call("dev_newBlock")
    stats = await rpc.call("dev_getBlockStats", block)
    body = (await rpc.call("chain_getBlock", block))["block"]
    header = node.chain.header(bytes.fromhex(block[2:]))
    assert header is not None
    unsealed = len(header.without_seal().encode())
    assert stats["numExtrinsics"] == len(body["extrinsics"]) == 3
    assert stats["blockLen"] == unsealed + 1 + sum(len(extrinsic) // 2 - 1 for extrinsic in body["extrinsics"])
    assert AURA_ENGINE in header.without_seal().encode()
    changed = [key for phase in (await rpc.call("dev_traceBlock", block))["phases"] for key in keys_of(phase)]
    proof = (await rpc.call("state_getReadProof", changed, hexed(node.chain.genesis_hash)))["proof"]
    written = sum(len(entry) // 2 - 1 for entry in proof)
    assert written < stats["witnessLen"] < 3 * written
    assert stats["witnessCompactLen"] < stats["witnessLen"]
    assert await rpc.call("dev_getBlockStats", "0x" + "ab" * 32) is None
    assert await rpc.call("dev_getBlockStats", hexed(node.chain.genesis_hash)) is None
    assert storage_key("System", "Number").hex() in {key[2:] for key in changed}


def keys_of(phase: Any) -> list[str]:
    return [entry["raw"]["key"] for entry in phase["storageDiff"]]
