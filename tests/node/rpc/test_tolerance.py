"""The forms of requests that real clients send, however loosely."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from tests.node.extrinsics import ALICE, account
from tests.node.nodes import storage_key
from tests.node.rpc.client import RpcClient, result_of

KEY = f"0x{storage_key('Timestamp', 'Now').hex()}"


@pytest.mark.parametrize("params", [[], None, [None], [None, None], {}, {"hash": None}])
@pytest.mark.parametrize(
    "method", ["chain_getHeader", "chain_getBlock", "state_getMetadata", "state_getRuntimeVersion"]
)
async def test_an_optional_hash_may_be_left_out_in_every_way(
    clock: MockClock, rpc: RpcClient, method: str, params: Any
) -> None:
    usual = await rpc.call(method)
    assert result_of(await rpc.exchange({"id": 1, "method": method, "params": params}), 1) == usual
    assert result_of(await rpc.exchange({"id": 1, "method": method}), 1) == usual


@pytest.mark.parametrize("method", ["system_chain", "rpc_methods", "chain_getFinalizedHead", "system_health"])
async def test_methods_without_parameters_take_none_in_every_way(clock: MockClock, rpc: RpcClient, method: str) -> None:
    usual = await rpc.call(method)
    forms: tuple[Any, ...] = ([], None, {}, [None])
    for params in forms:
        assert result_of(await rpc.exchange({"id": 1, "method": method, "params": params}), 1) == usual
    assert (await rpc.failure(method, 1)).code == -32602


async def test_trailing_parameters_may_be_left_out_or_null(clock: MockClock, rpc: RpcClient) -> None:
    assert await rpc.call("state_getStorage", KEY) == await rpc.call("state_getStorage", KEY, None)
    assert await rpc.call("state_getStorageAt", KEY, None) == await rpc.call("state_getStorageAt", KEY, None, None)
    paged = await rpc.call("state_getKeysPaged", "0x", 10)
    assert (
        paged
        == await rpc.call("state_getKeysPaged", "0x", 10, None)
        == await rpc.call("state_getKeysPaged", "0x", 10, None, None)
    )
    assert len(paged) == 10
    missing = await rpc.failure("state_getStorage")
    assert (missing.code, missing.message) == (-32602, "Invalid params")
    assert "'key'" in missing.data


async def test_parameters_by_name(clock: MockClock, rpc: RpcClient) -> None:
    genesis = await rpc.call("chain_getBlockHash", 0)
    reply = await rpc.exchange({"id": 1, "method": "state_getStorage", "params": {"key": KEY, "hash": genesis}})
    assert result_of(reply, 1) == await rpc.call("state_getStorage", KEY, genesis)
    for name in ("startKey", "start_key"):
        paged = {"prefix": "0x", "count": 1, name: KEY}
        reply = await rpc.exchange({"id": 1, "method": "state_getKeysPaged", "params": paged})
        assert reply["result"] == await rpc.call("state_getKeysPaged", "0x", 1, KEY)
    reply = await rpc.exchange({"id": 1, "method": "dev_setHead", "params": {"hashOrNumber": 0}})
    assert reply["result"] == genesis
    unknown = await rpc.exchange({"id": 1, "method": "state_getStorage", "params": {"key": KEY, "block": genesis}})
    assert unknown["error"]["code"] == -32602
    assert "'block'" in unknown["error"]["data"]


@pytest.mark.parametrize("request_id", [0, 1, -5, 2**63, "1", "Xe1", "", None, "ünïcode", "0x01"])
async def test_the_id_comes_back_as_it_was(clock: MockClock, rpc: RpcClient, request_id: Any) -> None:
    reply = await rpc.exchange({"jsonrpc": "2.0", "id": request_id, "method": "system_chain", "params": []})
    assert result_of(reply, request_id) == "Fathom Development"
    failed = await rpc.exchange({"jsonrpc": "2.0", "id": request_id, "method": "nope"})
    assert (failed["id"], failed["error"]["code"]) == (request_id, -32601)


async def test_the_version_of_json_rpc_need_not_be_said(clock: MockClock, rpc: RpcClient) -> None:
    for extra in ({}, {"jsonrpc": "2.0"}, {"jsonrpc": "1.0"}, {"trace": "x"}):
        assert result_of(await rpc.exchange({"id": 1, "method": "system_chain", **extra}), 1) == "Fathom Development"


async def test_hex_with_and_without_prefix_and_empty(clock: MockClock, rpc: RpcClient) -> None:
    who = account(ALICE).hex()
    function = "AccountNonceApi_account_nonce"
    assert await rpc.call("state_call", function, who) == await rpc.call("state_call", function, f"0x{who.upper()}")
    versions = await rpc.call("state_call", "Metadata_metadata_versions", "0x")
    assert await rpc.call("state_call", "Metadata_metadata_versions", "") == versions
    assert await rpc.call("state_getStorage", KEY[2:]) == await rpc.call("state_getStorage", KEY)
    genesis = await rpc.call("chain_getBlockHash", 0)
    assert await rpc.call("chain_getHeader", genesis[2:]) == await rpc.call("chain_getHeader", genesis)
    no_hex: tuple[Any, ...] = ("0x0", "0xzz", "zz", "0X00", 5, [], {}, True)
    for wrong in no_hex:
        assert (await rpc.failure("state_getStorage", wrong)).code == -32602
    no_hash: tuple[Any, ...] = ("0x00", genesis + "00", genesis[:-2], 0)
    for wrong in no_hash:
        assert (await rpc.failure("chain_getHeader", wrong)).code == -32602


async def test_block_numbers_as_numbers_hex_and_lists(clock: MockClock, rpc: RpcClient) -> None:
    for _ in range(60):
        block = (await rpc.call("engine_createBlock", True, False))["hash"]
    for number in (60, "0x3c", "0x3C", "60"):
        assert await rpc.call("chain_getBlockHash", number) == block
        assert await rpc.call("chain_getBlockHash", [number]) == [block]
    assert await rpc.call("chain_getBlockHash", []) == []
    for beyond in (61, 2**32, 2**63, "0x" + "f" * 40):
        assert await rpc.call("chain_getBlockHash", beyond) is None


async def test_the_result_is_there_even_where_it_is_null(clock: MockClock, rpc: RpcClient) -> None:
    for method, params in (
        ("state_getStorage", ["0xdead"]),
        ("chain_getBlockHash", [99]),
        ("chain_getHeader", ["0x" + "22" * 32]),
    ):
        reply = await rpc.exchange({"id": 7, "method": method, "params": params})
        assert reply == {"jsonrpc": "2.0", "id": 7, "result": None}


async def test_messages_in_binary_frames_are_messages(clock: MockClock, rpc: RpcClient) -> None:
    await rpc.socket.send(json.dumps({"id": 1, "method": "system_chain"}).encode())
    assert result_of(await rpc.receive(), 1) == "Fathom Development"


async def test_a_request_without_an_id_is_carried_out_and_not_answered(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    for quiet in (
        {"method": "engine_createBlock", "params": [True, False]},
        {"method": "no_such_method"},
        {"method": "state_getStorage", "params": ["zz"]},
        [{"method": "system_chain"}, {"method": "nope"}],
    ):
        await rpc.socket.send(json.dumps(quiet))
    assert await rpc.call("system_chain") == "Fathom Development"
    assert node.chain.best.number == 1
