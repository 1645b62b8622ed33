"""What a real node lists and few ask for: child storage, whole states, ranges of blocks, the node's keys, its log."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from trio.testing import MockClock

from node.config import RpcConfig
from node.keys.session import find_session_keys
from node.rpc import offchain, state, storage_items
from node.rpc.errors import RpcError
from node.rpc.registry import Registry
from node.rpc.serving import dispatch
from node.rpc.serving.server import ALWAYS
from node.service import RunningNode
from tests.node.extrinsics import ALICE, UNIT, account, keypair, signed, transfer
from tests.node.nodes import storage_key
from tests.node.rpc.client import RpcClient
from tests.node.rpc.test_methods import UNKNOWN, UNKNOWN_BLOCK, account_key, mine, to_hex, unhex

CHILD = to_hex(b":child_storage:default:some")
ACCOUNTS = to_hex(storage_key("System", "Account"))
UNSAFE = """author_hasKey author_hasSessionKeys author_insertKey author_removeExtrinsic author_rotateKeys
offchain_localStorageClear offchain_localStorageGet offchain_localStorageSet
state_getPairs state_queryStorage state_trieMigrationStatus system_addLogFilter system_peers system_resetLogFilter"""


async def test_child_storage_is_empty(clock: MockClock, rpc: RpcClient) -> None:
    genesis = await rpc.call("chain_getBlockHash", 0)
    await mine(rpc)
    empty: dict[str, tuple[list[Any], Any]] = {
        "getKeys": (["0x"], []),
        "getKeysPaged": (["0x", 10, "0x00"], []),
        "getKeysPagedAt": ([None, 10, None], []),
        "getStorage": (["0x00"], None),
        "getStorageEntries": ([["0x00", "0x01"]], [None, None]),
        "getStorageHash": (["0x00"], None),
        "getStorageSize": (["0x00"], None),
    }
    for name, (params, answer) in empty.items():
        method = f"childstate_{name}"
        assert await rpc.call(method, CHILD, *params) == await rpc.call(method, CHILD, *params, genesis) == answer
        wrong = await rpc.failure(method, "0x00", *params)
        assert (wrong.code, wrong.message) == (4003, "Client error: Invalid child storage key")
        unknown = await rpc.failure(method, CHILD, *params, UNKNOWN)
        assert (unknown.code, unknown.message) == (4003, UNKNOWN_BLOCK)


async def test_whole_states(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_items, "SLICE_KEYS", 7)
    genesis = await rpc.call("chain_getBlockHash", 0)
    await mine(rpc, signed(node.chain.genesis_hash, transfer("//Somebody new", UNIT), 0))
    for at in (genesis, None):
        pairs = await rpc.call("state_getPairs", "0x", at)
        assert [key for key, _ in pairs] == await rpc.call("state_getKeys", "0x", at)
        for key, value in pairs[::9]:
            assert await rpc.call("state_getStorage", key, at) == value
        accounts = [[key, value] for key, value in pairs if key.startswith(ACCOUNTS)]
        assert await rpc.call("state_getPairs", ACCOUNTS, at) == accounts
        size = sum(len(unhex(value)) for _, value in accounts)
        assert await rpc.call("state_getStorageSize", ACCOUNTS, at) == size
        status = {"topRemainingToMigrate": 0, "childRemainingToMigrate": 0, "totalTop": len(pairs), "totalChild": 0}
        assert await rpc.call("state_trieMigrationStatus", at) == status
    for method, params in (("state_getPairs", ["0x", UNKNOWN]), ("state_trieMigrationStatus", [UNKNOWN])):
        failure = await rpc.failure(method, *params)
        assert (failure.code, failure.message) == (4003, UNKNOWN_BLOCK)


async def test_the_changes_of_a_range_of_blocks(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    genesis, key, never = await rpc.call("chain_getBlockHash", 0), account_key("//Somebody new"), to_hex(b"never")
    pay = [signed(node.chain.genesis_hash, transfer("//Somebody new", UNIT), nonce) for nonce in range(2)]
    first = await mine(rpc, pay[0])
    await mine(rpc)
    fork = (await rpc.call("engine_createBlock", True, False, first))["hash"]
    last = await mine(rpc, pay[1])
    one, two = [await rpc.call("state_getStorage", key, at) for at in (first, last)]
    assert None is not one != two
    start = {"block": genesis, "changes": [[key, None], [never, None]]}
    paid, again = {"block": first, "changes": [[key, one]]}, {"block": last, "changes": [[key, two]]}
    for to in (None, last):
        assert await rpc.call("state_queryStorage", [key, never], genesis, to) == [start, paid, again]
    assert await rpc.call("state_queryStorage", [key, never], genesis, fork) == [start, paid]
    assert await rpc.call("state_queryStorage", [key], first, fork) == [paid]
    assert await rpc.call("state_queryStorage", [key], fork, fork) == [{"block": fork, "changes": [[key, one]]}]
    assert await rpc.call("state_queryStorage", [], genesis) == []
    for ends, reason in {
        (last, first): f'[\'"3 ({last})"\' ... \'"1 ({first})"]. from number > to number',
        (fork, last): f'[\'"2 ({fork})"\' ... \'"3 ({last})"]. from and to are on different forks',
        (UNKNOWN, last): f'[\'"{UNKNOWN}"\' ... \'"Some({last})"]. UnknownBlock: Header was not found: {UNKNOWN}',
    }.items():
        failure = await rpc.failure("state_queryStorage", [key], *ends)
        assert (failure.code, failure.message) == (4001, f"Cannot resolve a block range {reason}")


async def test_the_keys_of_the_node(clock: MockClock, node: RunningNode, rpc: RpcClient) -> None:
    public = to_hex(account(ALICE))
    assert await rpc.call("author_hasKey", public, "aura") is True
    assert await rpc.call("author_hasKey", public, "gran") is False
    assert await rpc.call("author_hasKey", "0x00", "aura") is False
    bob = to_hex(keypair("//Bob").public_key)
    assert await rpc.call("author_insertKey", "aura", "//Bob", bob) is None
    assert await rpc.call("author_hasKey", bob, "aura") is True
    keys = find_session_keys(node.keystore, node.chain)
    assert keys is not None
    both = to_hex(keys.aura.public + keys.grandpa.public)
    assert await rpc.call("author_hasSessionKeys", both) is True
    assert await rpc.call("author_hasSessionKeys", bob + both[66:]) is True
    assert await rpc.call("author_hasSessionKeys", both[:66] + bob[2:]) is False

    fresh = [await rpc.call("author_rotateKeys") for _ in range(2)]
    assert len({*fresh, both}) == 3
    for rotated in fresh:
        assert len(unhex(rotated)) == 64
        assert await rpc.call("author_hasSessionKeys", rotated) is True
        assert await rpc.call("author_hasKey", rotated[:66], "aura") is True
        assert await rpc.call("author_hasKey", "0x" + rotated[66:], "gran") is True

    short = await rpc.failure("author_hasSessionKeys", "0x00")
    assert (short.code, short.message) == (1040, "Session keys are not encoded correctly")
    for call in (("author_hasKey", public, "aur"), ("author_insertKey", "auras", "//Bob", bob)):
        failure = await rpc.failure(*call)
        assert (failure.code, failure.message) == (1040, "Invalid key type ID format (should be of length four)")
    failure = await rpc.failure("author_insertKey", "aura", "//Bob", "0x00")
    assert (failure.code, failure.message) == (1040, "The key store is unavailable")


async def test_what_is_kept_beside_the_chain(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offchain, "MAX_ENTRIES", 2)
    get, put, clear = (f"offchain_localStorage{name}" for name in ("Get", "Set", "Clear"))
    kind, key, other = "PERSISTENT", "0x00", "0x"
    assert await rpc.call(get, kind, key) is None
    for value in ("0x", "0x01ff"):
        assert await rpc.call(put, kind, key, value) is None
        assert await rpc.call(get, kind, key) == value
    assert await rpc.call(get, kind, other) is None
    await rpc.call(put, kind, other, "0x02")
    await rpc.call(put, kind, key, "0x03")
    snapshot = await rpc.call("dev_snapshot")
    await mine(rpc)
    assert await rpc.call(clear, kind, other) is None
    await rpc.call("dev_revert", snapshot)
    assert [await rpc.call(get, kind, each) for each in (key, other)] == ["0x03", None]
    await rpc.call(put, kind, other, "0x04")
    for too_much in (["0x01", "0x"], ["0x" + "00" * 1025, "0x"], [key, "0x" + "00" * 65537]):
        assert (await rpc.failure(put, kind, *too_much)).code == -32602
    local = await rpc.failure(get, "LOCAL", key)
    assert (local.code, local.message) == (5001, "This storage kind is not available yet")
    assert (await rpc.failure(get, "local", key)).code == -32602


async def test_the_log_filter(clock: MockClock, rpc: RpcClient, caplog: pytest.LogCaptureFixture) -> None:
    pool, rest = logging.getLogger("node.txpool"), logging.getLogger("node")
    before = pool.level, rest.level
    assert await rpc.call("system_addLogFilter", "txpool=debug,substrate=error") is None
    assert (pool.level, rest.level) == (logging.DEBUG, logging.ERROR)
    assert await rpc.call("system_addLogFilter", "txpool=off") is None
    assert not pool.isEnabledFor(logging.CRITICAL)
    for wrong in ("txpool=loud", "=info", "x" * 5000, ",".join(f"t{number}=info" for number in range(300))):
        assert (await rpc.failure("system_addLogFilter", wrong)).code == -32602
    assert await rpc.call("system_resetLogFilter") is None
    assert (pool.level, rest.level) == before


def test_what_is_for_the_operator_alone() -> None:
    registry = Registry()
    for module in ALWAYS:
        registry.add_module(module)
    unsafe = {name for name, made in registry.methods.items() if made.unsafe}
    assert set(UNSAFE.split()) <= unsafe
    assert not [name for name in unsafe if "_v1_" in name or name.startswith(("chain", "payment"))]


async def test_much_that_is_asked_of_an_old_state_is_read_a_part_at_a_time(
    clock: MockClock, node: RunningNode, rpc: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    genesis = await rpc.call("chain_getBlockHash", 0)
    await mine(rpc)
    keys = await rpc.call("state_getKeys", "0x", genesis)
    whole = {
        "state_getKeys": ["0x", genesis],
        "state_getKeysPaged": ["0x", 40, None, genesis],
        "state_queryStorageAt": [keys, genesis],
        "state_getReadProof": [keys, genesis],
    }
    answers = [await rpc.call(method, *params) for method, params in whole.items()]
    assert answers[0] == keys
    assert answers[1] == keys[:40]
    monkeypatch.setattr(state, "SLICE_KEYS", 8)
    monkeypatch.setattr(state, "SLICE_PROVEN", 3)
    assert [await rpc.call(method, *params) for method, params in whole.items()] == answers


@pytest.mark.parametrize("served", [RpcConfig(max_response_bytes=2000)])
async def test_what_grows_too_large_is_given_up_while_it_is_made(
    clock: MockClock, node: RunningNode, rpc: RpcClient, served: RpcConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "response_too_big", lambda limit: RpcError(0, "made whole, then measured"))
    keys = [to_hex(key) for key in node.chain.state_at(node.chain.genesis_hash).keys(b"", None)]
    for method, wanted in (("state_getKeys", "0x"), ("state_queryStorageAt", keys), ("state_getReadProof", keys)):
        failure = await rpc.failure(method, wanted)
        assert (failure.code, failure.data) == (-32008, "Exceeded max limit of 2000")
