"""Read proofs over RPC, judged by the verifier against the state root of the block's header and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from node.service import RunningNode
from pallets.primitives.storage_proof import InvalidProof, verify_proof
from tests.node.extrinsics import ALICE, BOB, UNIT, signed, transfer
from tests.node.nodes import storage_key
from tests.node.rpc.client import RpcClient
from tests.node.rpc.test_methods import account_key, mine, to_hex, unhex

CODE = to_hex(b":code")
NOW = to_hex(storage_key("Timestamp", "Now"))
NOTHING = ["0x", "0xff", account_key("//Nobody"), NOW + "00", NOW[:-2]]
CHILD = to_hex(b":child_storage:default:child")


async def proven(rpc: RpcClient, keys: list[str], *at: str) -> dict[bytes, bytes | None]:
    """What a proof shows of keys, under the root that the header of its block names."""
    reply = await rpc.call("state_getReadProof", keys, *at)
    return await judged(rpc, reply, keys, *at)


async def judged(rpc: RpcClient, reply: Any, keys: list[str], *at: str) -> dict[bytes, bytes | None]:
    assert set(reply) == {"at", "proof"}
    assert reply["at"] == (at[0] if at else await rpc.call("chain_getBlockHash"))
    root = unhex((await rpc.call("chain_getHeader", reply["at"]))["stateRoot"])
    return verify_proof(root, [unhex(entry) for entry in reply["proof"]], map(unhex, keys))


async def read(rpc: RpcClient, keys: list[str], *at: str) -> dict[bytes, bytes | None]:
    values = {key: await rpc.call("state_getStorage", key, *at) for key in keys}
    return {unhex(key): None if value is None else unhex(value) for key, value in values.items()}


async def test_values_and_absences_of_every_block(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis = to_hex(node.chain.genesis_hash)
    keys = [account_key(ALICE), account_key(BOB), NOW, CODE, *NOTHING]
    line = [genesis]
    for nonce in range(3):
        line.append(await mine(rpc, signed(node.chain.genesis_hash, transfer(BOB, UNIT), nonce)))
    forks = [(await rpc.call("engine_createBlock", True, False, line[1]))["hash"]]
    forks.append((await rpc.call("engine_createBlock", True, False, forks[0]))["hash"])
    assert await rpc.call("chain_getBlockHash") == line[-1]
    shown = []
    for block in [*line, *forks]:
        found = await proven(rpc, keys, block)
        assert found == await read(rpc, keys, block)
        assert [unhex(key) for key in NOTHING] == [key for key, value in found.items() if value is None][
            -len(NOTHING) :
        ]
        shown.append((found[unhex(NOW)], found[unhex(account_key(BOB))]))
        for key in keys:
            assert await proven(rpc, [key], block) == {unhex(key): found[unhex(key)]}
    assert len(set(shown)) == len(shown)
    assert await proven(rpc, keys) == await read(rpc, keys)


async def test_a_proof_holds_under_its_own_root_only_and_names_no_more_than_the_path(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    first, second = await mine(rpc), await mine(rpc)
    reply = await rpc.call("state_getReadProof", [NOW], first)
    assert sum(len(entry) for entry in reply["proof"]) // 2 < 5000
    with pytest.raises(InvalidProof):
        await judged(rpc, reply | {"at": second}, [NOW], second)
    with pytest.raises(InvalidProof):
        await judged(rpc, reply, [account_key(ALICE)], first)
    assert await rpc.call("state_getReadProof", [], first) == {"at": first, "proof": []}
    assert await rpc.call("state_getReadProof", [NOW, NOW], first) == reply


async def test_proofs_hold_while_the_chain_goes_on_and_turns_to_a_fork(
    clock: MockClock, node: RunningNode, rpc: RpcClient
) -> None:
    keys = [account_key(ALICE), account_key(BOB), NOW]
    first = await mine(rpc, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
    proofs = {first: await rpc.call("state_getReadProof", keys, first)}
    rival = (await rpc.call("engine_createBlock", True, False, to_hex(node.chain.genesis_hash)))["hash"]
    proofs[rival] = await rpc.call("state_getReadProof", keys, rival)
    winner = (await rpc.call("engine_createBlock", True, False, rival))["hash"]
    assert await rpc.call("chain_getBlockHash") == winner
    for block, proof in proofs.items():
        again = await rpc.call("state_getReadProof", keys, block)
        assert sorted(again["proof"]) == sorted(proof["proof"])
        assert await judged(rpc, again, keys, block) == await read(rpc, keys, block)


async def test_child_tries_are_proven_to_be_absent(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    first, _ = await mine(rpc), await mine(rpc)
    for at in ([], [first]):
        reply = await rpc.call("state_getChildReadProof", CHILD, ["0x00", NOW], *at)
        assert await judged(rpc, reply, [CHILD], *at) == {unhex(CHILD): None}
    refused = await rpc.failure("state_getChildReadProof", to_hex(b"no child"), ["0x00"])
    assert refused.message == "Client error: Invalid child storage key"


async def test_proofs_of_unknown_blocks_are_refused(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    unknown = to_hex(b"\7" * 32)
    for method, params in (("state_getReadProof", [[NOW]]), ("state_getChildReadProof", [CHILD, [NOW]])):
        refused = await rpc.failure(method, *params, unknown)
        assert refused.message == "Client error: UnknownBlock: Header was not found in the database"
