"""`grandpa_*`: proofs that scalecodec reads and PyNaCl verifies."""

from __future__ import annotations

from typing import Any

import pytest
from nacl.signing import VerifyKey
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset
from substrateinterface.utils.ss58 import ss58_decode
from trio.testing import MockClock

from node.config import RpcConfig
from node.service import RunningNode
from tests.node.chain.test_reorg_pool import mine
from tests.node.rpc.client import RpcClient
from tests.node.state.naive_trie import blake2

AUTHORITY = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"
"""//Alice's well-known ed25519 key."""
THREE_HEADERS = 1700
"""Room for that many, in characters, and not for four."""
CODEC = RuntimeConfigurationObject()
CODEC.update_type_registry(load_type_registry_preset("legacy"))
CODEC.update_type_registry(
    {
        "types": {
            "Vote": {"type": "struct", "type_mapping": [["hash", "[u8; 32]"], ["number", "u32"]]},
            "SignedVote": {
                "type": "struct",
                "type_mapping": [["vote", "Vote"], ["signature", "[u8; 64]"], ["id", "[u8; 32]"]],
            },
            "Commit": {"type": "struct", "type_mapping": [["target", "Vote"], ["votes", "Vec<SignedVote>"]]},
            "ProvenHeader": {
                "type": "struct",
                "type_mapping": [
                    ["parent", "[u8; 32]"],
                    ["number", "Compact<u32>"],
                    ["stateRoot", "[u8; 32]"],
                    ["extrinsicsRoot", "[u8; 32]"],
                    ["digest", "Vec<sp_runtime::generic::digest::DigestItem>"],
                ],
            },
            "Justified": {
                "type": "struct",
                "type_mapping": [["round", "u64"], ["commit", "Commit"], ["ancestries", "Vec<ProvenHeader>"]],
            },
            "FinalityProof": {
                "type": "struct",
                "type_mapping": [["block", "[u8; 32]"], ["justification", "Vec<u8>"], ["headers", "Vec<ProvenHeader>"]],
            },
            "sp_runtime::generic::digest::DigestItem": {
                "type": "enum",
                "type_mapping": [
                    *([f"Unused{index}", "Null"] for index in range(4)),
                    ["Consensus", "([u8; 4], Vec<u8>)"],
                    ["Seal", "([u8; 4], Vec<u8>)"],
                    ["PreRuntime", "([u8; 4], Vec<u8>)"],
                ],
            },
        }
    }
)


def decoded(kind: str, data: bytes) -> Any:
    read = CODEC.create_scale_object(kind, data=ScaleBytes(data))
    value = read.decode()
    assert read.data.get_remaining_length() == 0
    return value


def verified(justification: bytes) -> tuple[str, int]:
    """The block that a justification of the one authority proves final; raises where it proves nothing."""
    found = decoded("Justified", justification)
    target = found["commit"]["target"]
    (vote,) = found["commit"]["votes"]
    assert vote["vote"] == target
    assert vote["id"] == "0x" + ss58_decode(AUTHORITY)
    block, number = bytes.fromhex(target["hash"][2:]), target["number"].to_bytes(4, "little")
    signed = b"\1" + block + number + found["round"].to_bytes(8, "little") + bytes(8)
    VerifyKey(bytes.fromhex(vote["id"][2:])).verify(signed, bytes.fromhex(vote["signature"][2:]))
    assert found["ancestries"] == []
    return target["hash"], target["number"]


def to_bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, list) else bytes.fromhex(value[2:])


async def test_a_proof_leads_from_the_block_to_the_latest_final_one(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    assert await rpc.call("grandpa_proveFinality", 0) is None  # genesis is final of itself
    blocks = [await mine(node) for _ in range(8)]
    node.finalizer.finalize(blocks[5], 6)
    for number in range(7):
        proof = decoded("FinalityProof", bytes.fromhex((await rpc.call("grandpa_proveFinality", number))[2:]))
        assert proof["block"] == "0x" + blocks[5].hex()
        assert verified(to_bytes(proof["justification"])) == (proof["block"], 6)
        assert [header["number"] for header in proof["headers"]] == list(range(number + 1, 7))
    parents = [header["parent"] for header in decoded("FinalityProof", await raw_proof(rpc, 0))["headers"]]
    assert parents == ["0x" + block.hex() for block in (node.chain.genesis_hash, *blocks[:5])]
    assert blake2((await raw_proof(rpc, 5))[-len(stored_header(node, blocks[5])) :]) == blocks[5]
    for later in (7, 8, 9, 2**32 - 1):
        failure = await rpc.failure("grandpa_proveFinality", later)
        assert (failure.code, failure.message) == (4, "GRANDPA prove finality rpc failed: Block not yet finalized")
    assert (await rpc.failure("grandpa_proveFinality", 2**32)).code == -32602


async def raw_proof(rpc: RpcClient, number: int) -> bytes:
    return bytes.fromhex((await rpc.call("grandpa_proveFinality", number))[2:])


def stored_header(node: RunningNode, block: bytes) -> bytes:
    header = node.chain.header(block)
    assert header is not None
    return header.encode()


@pytest.mark.parametrize("served", [RpcConfig(max_response_bytes=THREE_HEADERS)])
async def test_a_proof_too_long_for_a_reply_is_refused(
    clock: MockClock, node: RunningNode, rpc: RpcClient, served: RpcConfig
) -> None:
    blocks = [await mine(node) for _ in range(6)]
    node.finalizer.finalize(blocks[-1], 6)
    assert (await rpc.failure("grandpa_proveFinality", 2)).code == -32008
    assert len(decoded("FinalityProof", await raw_proof(rpc, 3))["headers"]) == 3


async def test_justifications_as_they_come(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    subscription = await rpc.call("grandpa_subscribeJustifications")
    for number in range(1, 4):
        block = await mine(node)
        node.finalizer.finalize(block, number)
        name, justification = await rpc.news(subscription)
        assert (name, verified(to_bytes(justification))) == (
            "grandpa_justifications",
            ("0x" + block.hex(), number),
        )
    assert await rpc.call("grandpa_unsubscribeJustifications", subscription) is True


async def test_the_state_of_the_round(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    node.finalizer.finalize(await mine(node), 1)
    nobody_yet = {"currentWeight": 0, "missing": [AUTHORITY]}
    assert await rpc.call("grandpa_roundState") == {
        "setId": 0,
        "best": {
            "round": 2,
            "totalWeight": 1,
            "thresholdWeight": 1,
            "prevotes": nobody_yet,
            "precommits": nobody_yet,
        },
        "background": [],
    }
