"""Some of the nonsense that `make fuzz` sends, and the same for runtime APIs: always a reply, and the right code."""

from __future__ import annotations

import logging
from random import Random

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from tests.fuzz.campaign import campaign
from tests.node.extrinsics import ALICE, account, compact, remark, signed
from tests.node.rpc.client import RpcClient

RUNTIME_APIS = """Core_version Core_execute_block Core_initialize_block Metadata_metadata Metadata_metadata_at_version
Metadata_metadata_versions BlockBuilder_apply_extrinsic BlockBuilder_finalize_block BlockBuilder_inherent_extrinsics
BlockBuilder_check_inherents TaggedTransactionQueue_validate_transaction AccountNonceApi_account_nonce
TransactionPaymentApi_query_info TransactionPaymentApi_query_fee_details TransactionPaymentApi_query_weight_to_fee
TransactionPaymentApi_query_length_to_fee TransactionPaymentCallApi_query_call_info
TransactionPaymentCallApi_query_call_fee_details SessionKeys_decode_session_keys AuraApi_authorities
AuraApi_slot_duration GrandpaApi_grandpa_authorities GrandpaApi_current_set_id RandomnessApi_commitment
CalendarApi_next_due"""


async def test_every_method_with_all_sorts_of_nonsense_answers(clock: MockClock) -> None:
    told = await campaign(seed=20261123, rounds=15)
    assert {0, -32600, -32601, -32602, -32801, 1, 2, 1001, 1040, 4003} <= set(told)


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
