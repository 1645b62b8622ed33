"""Every method with all sorts of nonsense: always a reply, no code but the known ones, never a dead connection."""

from __future__ import annotations

import logging
from random import Random
from typing import Any

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from tests.node.extrinsics import ALICE, BOB, UNIT, account, compact, keypair, remark, signed, transfer
from tests.node.rpc.client import RpcClient, connected

CODES = {-32600, -32601, -32602, 1, 2, 4, 1001, 1002, *range(1010, 1020), 1040, 4001, 4002, 4003, 5001, 15000}
"""What a caller may be told. -32603, a defect of ours, is not among them."""
RUNTIME_APIS = """Core_version Core_execute_block Core_initialize_block Metadata_metadata Metadata_metadata_at_version
Metadata_metadata_versions BlockBuilder_apply_extrinsic BlockBuilder_finalize_block BlockBuilder_inherent_extrinsics
BlockBuilder_check_inherents TaggedTransactionQueue_validate_transaction AccountNonceApi_account_nonce
TransactionPaymentApi_query_info TransactionPaymentApi_query_fee_details TransactionPaymentApi_query_weight_to_fee
TransactionPaymentApi_query_length_to_fee TransactionPaymentCallApi_query_call_info
TransactionPaymentCallApi_query_call_fee_details SessionKeys_decode_session_keys AuraApi_authorities
AuraApi_slot_duration GrandpaApi_grandpa_authorities GrandpaApi_current_set_id RandomnessApi_commitment
CalendarApi_next_due"""


def nonsense(random: Random, node: RunningNode) -> list[Any]:
    """Values that a parameter may turn out to be: true ones, nearly true ones, and quite other things."""
    genesis = node.chain.genesis_hash
    extrinsic = signed(genesis, transfer(BOB, UNIT), random.randrange(3))
    cut = random.randrange(len(extrinsic))
    flipped = [_flip(extrinsic, random) for _ in range(4)]
    garbage = random.randbytes(random.randrange(80))
    prefixed = compact(len(garbage)) + garbage
    data = [b"", b"\0", b"\xff", genesis, bytes(32), extrinsic, extrinsic[:cut], *flipped, garbage, prefixed]
    return [
        None,
        True,
        False,
        0,
        1,
        -1,
        1000,
        1001,
        2**31,
        2**32,
        2**63,
        2**64 - 1,
        0.5,
        "",
        "0x",
        "x",
        "0xzz",
        "Core_version",
        "\u0000",
        "ü" * 50,
        keypair(ALICE).ss58_address,
        account(BOB).hex(),
        [],
        {},
        [[]],
        [None],
        ["0x00", 5],
        {"hash": None},
        [{"a": [1]}],
        *(f"0x{each.hex()}" for each in data),
    ]


def _flip(data: bytes, random: Random) -> bytes:
    """The same but for one bit."""
    bit = random.randrange(8 * len(data))
    return bytes([*data[: bit // 8], data[bit // 8] ^ 1 << bit % 8, *data[bit // 8 + 1 :]])


async def test_every_method_with_wrong_parameters_answers(
    clock: MockClock, node: RunningNode, rpc: RpcClient, caplog: pytest.LogCaptureFixture
) -> None:
    methods = (await rpc.call("rpc_methods"))["methods"]
    told = set()
    for method in methods:
        random = Random(f"{method} 20261123")  # so that a new method leaves the others' parameters as they were
        for _ in range(60):
            values = nonsense(random, node)
            params: Any = [random.choice(values) for _ in range(random.randrange(6))]
            if random.random() < 0.1:
                params = random.choice(values)
            if random.random() < 0.1:
                params = {random.choice(["hash", "key", "keys", "bytes", "account", "number"]): random.choice(values)}
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            reply = await rpc.exchange(request)
            assert reply["id"] == 1, request
            if "error" in reply:
                assert reply["error"]["code"] in CODES, (request, reply)
                told.add(reply["error"]["code"])
            else:
                assert "result" in reply, (request, reply)
        rpc.notifications.clear()
    assert {-32602, 4003, 1001, 1010} <= told
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert await rpc.call("system_chain") == "Fathom Development"


async def test_every_runtime_api_with_wrong_bytes_answers(
    clock: MockClock, node: RunningNode, rpc: RpcClient, caplog: pytest.LogCaptureFixture
) -> None:
    random = Random(20261124)
    before = dict(node.chain.states.head.values)
    for function in RUNTIME_APIS.split():
        for _ in range(40):
            valid = signed(node.chain.genesis_hash, remark(b"x"), 0)
            pieces = [b"", b"\0", b"\1", b"\xff" * 8, account(ALICE), valid, compact(len(valid)), bytes(8)]
            data = b"".join(random.choice(pieces) for _ in range(random.randrange(4)))
            reply = await rpc.exchange({"id": 1, "method": "state_call", "params": [function, f"0x{data.hex()}"]})
            assert ("result" in reply) or reply["error"]["code"] == 4003, (function, data, reply)
            assert "Exported method" not in str(reply)
    assert node.chain.states.head.values == before
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_random_messages_are_answered_or_ignored(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    """Cut, doubled and garbled requests, on one connection, which another one outlives."""
    random = Random(20261125)
    good = '{"jsonrpc":"2.0","id":1,"method":"state_getStorage","params":["0x00",null]}'
    async with connected(node) as other:
        for _ in range(400):
            text = list(good)
            for _ in range(random.randrange(4)):
                at = random.randrange(len(text))
                text[at : at + random.randrange(3)] = random.choice(
                    ['"', "{", "}", "[", "]", ",", ":", "1", "x", "\\", ""]
                )
            await rpc.socket.send("".join(text))
        await rpc.socket.send('{"id":"last","method":"system_chain"}')
        while (reply := await rpc.receive()).get("id") != "last":
            assert reply.get("error", {"code": -32700})["code"] in CODES | {-32700}
        assert await other.call("system_chain") == "Fathom Development"
