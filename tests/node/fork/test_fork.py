"""Forks of chains: by raw specs, of a node that is served, and of such a fork; and what their owner may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from trio.testing import MockClock

from node.chain.cheats import Refused
from node.chain.trace import Tracer
from node.executor import Executor, RuntimeTrap
from node.fork.runtime import WasmRuntime
from node.service import RunningNode
from node.state.remote import reading
from node.state.trie import Trie, root
from node.wasm.driver import Driver
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.frame.validity import BadProof, Stale, TransactionSource
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.keys import dev_keypair
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import DecodeError
from tests.node.fork.stage import CODE_CACHE, NOON, UNIT, cheats, fork_of, served, settings, spec_of
from tests.node.state.recorded import genesis_values
from tests.node.wasm.recorded_blocks import ALICE as ALICE_KEY
from tests.node.wasm.recorded_blocks import PARENT_HASH, chopsticks

ALICE, BOB = dev_keypair("Alice").account_id, b"\7" * 32
"""Bob is nobody who authors blocks, and is paid for it."""
BALANCES = storage_prefix("Balances", "")[:16]
T = TypeVar("T")


@pytest.fixture
def clock() -> MockClock:
    return MockClock(autojump_threshold=0.05)


@pytest.fixture
def driver() -> Iterator[Driver]:
    with closing(Driver(CODE_CACHE)) as driver:
        yield driver


@pytest.mark.parametrize(
    ("spec", "recording"), [("asset-hub-kusama-local", "ahk_blocks2"), ("phala-poc6", "phala_blocks")]
)
def test_recorded_blocks_behind_the_door(spec: str, recording: str, driver: Driver) -> None:
    """The state after each block is Chopsticks', but for what it writes by itself; the root is of that state."""
    recorded = chopsticks(recording)
    (_, genesis), *blocks = recorded.blocks
    values = genesis_values(f"{spec}.raw.json.gz")
    if ALICE_KEY in genesis:
        values[ALICE_KEY] = genesis[ALICE_KEY]
    state = Trie(values, 0)
    runtime = Executor({}, load=lambda code: WasmRuntime(code, driver)).runtime_at(state)
    for block, expected in blocks:
        builder = runtime.build(state, block.header)
        for extrinsic in block.extrinsics:
            assert builder.apply(extrinsic) is None
        built = builder.finalize()
        names = [type(record.event).__qualname__ for record in built.events]
        assert names.count("System.ExtrinsicSuccess") == len(block.extrinsics)
        assert state.update(built.changes) == built.header.state_root
        keys = (set(state.values) | set(expected)) - {CODE_KEY}
        differing = {key for key in keys if state.get(key) != expected.get(key)}
        assert differing <= ({PARENT_HASH, ALICE_KEY} if block.header.number == 1 else set())
        state.update({key: expected[key] for key in differing})
    validator = runtime.validator(state, built.header)
    with pytest.raises(Stale):
        validator.validate(TransactionSource.External, recorded.transactions[0])
    with pytest.raises(DecodeError):
        validator.validate(TransactionSource.External, b"\x10abcd")
    with pytest.raises(UnknownRuntimeApi):
        runtime.call(state, "Nothing_here", b"")
    with pytest.raises(RuntimeTrap):
        runtime.call(state, "AccountNonceApi_account_nonce", b"short")


async def test_the_owner_of_a_fork(clock: MockClock, tmp_path: Path) -> None:
    storage = {"System": {"Account": [[[f"0x{ALICE.hex()}"], {"providers": 1, "data": {"free": 10**18}}]]}}
    config = settings(spec_of("asset-hub"), tmp_path, import_storage=storage)
    async with served(config) as node:
        chain, tracer, owner = node.chain, Tracer(node.producer), cheats(node)
        assert chain.best.number == 1 and chain.header(chain.genesis_hash) == node.spec.genesis_header()
        assert free(node, ALICE) == 10**18
        # Signed by nobody: foretold always, done where the account is impersonated.
        described = runtime_of(node).described
        assert described is not None
        call = described.encode(
            described.schema.call,
            {"Balances": {"transfer_keep_alive": {"dest": {"Id": BOB}, "value": UNIT}}},
            "the call",
        )
        foretold = tracer.try_call(call, ALICE, chain.best.hash)
        assert foretold.error is None and foretold.fee
        transfer = described.signed(call, ALICE, 0)
        with pytest.raises(BadProof):
            node.transactions.submit(transfer, TransactionSource.External)
        await owner.impersonate(ALICE)
        before = owner.chain.best.hash
        later = described.signed(call, ALICE, 1)
        node.transactions.submit(later, TransactionSource.External)
        assert (node.transactions.pool.ready_count, node.transactions.pool.future_count) == (0, 1)
        node.transactions.submit(transfer, TransactionSource.External)
        assert node.transactions.pool.ready_count == 2
        block = await owner.mine(1)
        assert block.extrinsics[-2:] == [transfer, later] and free(node, BOB) == 2 * UNIT
        assert block.header.state_root == root(dict(chain.states.head.values), 0)
        steps = await tracer.retrace(block.hash)
        assert [step.fee is not None for step in steps] == [False, False, False, True, True, False]
        # An error by its name, and a call that is none.
        poor = described.encode(
            described.schema.call,
            {"Balances": {"transfer_keep_alive": {"dest": {"Id": BOB}, "value": 10**30}}},
            "the call",
        )
        failed = tracer.try_call(poor, ALICE, chain.best.hash)
        assert type(failed.error).__qualname__ in ("Token", "Arithmetic")
        with pytest.raises(DecodeError):
            tracer.try_call(b"\xff\xff", ALICE, chain.best.hash)
        # By names, by hand, and back.
        assert node.snapshots is not None
        snapshot = node.snapshots.take()
        await owner.set_storage({"system": {"account": [[[f"0x{BOB.hex()}"], {"data": {"free": "7"}}]]}})
        assert free(node, BOB) == 7
        with pytest.raises(Refused, match="Cannot find storage"):
            await owner.set_storage({"System": {"Nothing": 1}})
        with pytest.raises(Refused, match="foreign runtime"):
            await owner.fail_next(1)
        await owner.stop_impersonating()
        with pytest.raises(BadProof):
            node.transactions.submit(described.signed(call, ALICE, 2), TransactionSource.External)
        await node.snapshots.revert(snapshot.id)
        assert free(node, BOB) == 2 * UNIT and chain.best.hash == block.hash
        assert chain.state_at(before).get(CODE_KEY)
        # Another runtime takes over.
        code = chain.states.head.get(CODE_KEY)
        other = genesis_values("dot-coretime.raw.json.gz")[CODE_KEY]
        await owner.set_storage([(CODE_KEY, other)])
        assert chain.runtime_at(chain.best.hash).version.spec_name == "coretime-polkadot"
        with pytest.raises(Refused):
            await owner.set_storage([(CODE_KEY, b"no runtime")])
            await owner.mine(1)
        assert code != other


async def test_a_fork_of_a_fork(clock: MockClock, tmp_path: Path) -> None:
    """State comes as it is needed, and roots are true: the first chain, which has all of it, says the same."""
    async with served(settings(spec_of("phala"), tmp_path / "first")) as first:
        await cheats(first).fund(ALICE, UNIT)
        async with fork_of(first.ws_url, tmp_path / "second") as second:
            assert second.chain.genesis_hash == first.chain.genesis_hash
            assert second.chain.best == second.chain.base == first.chain.best
            block = await cheats(second).mine(1)
            state = first.chain.states.head
            built = runtime_of(first).execute(state, block.header, block.extrinsics, {})
            assert Trie(dict(state.values), 0).update(built.changes) == block.header.state_root
            await cheats(second).fund(BOB, UNIT)
            assert await here(second, lambda: free(second, BOB)) == UNIT
            second.finalizer.finalize(*second.chain.best)
            async with fork_of(second.ws_url, tmp_path / "third") as third:
                assert third.chain.base == second.chain.best == (second.chain.best.hash, 3)
                assert await here(third, lambda: free(third, BOB)) == UNIT
                keys = await here(third, lambda: list(third.chain.states.head.keys(BALANCES)))
                assert keys == list(first.chain.states.head.keys(BALANCES)) != []
                await cheats(third).set_storage([(keys[0], None)])
                await cheats(third).mine(1)
                assert await here(third, lambda: list(third.chain.states.head.keys(BALANCES))) == keys[1:]
                third.chain.revert(3)
                assert third.chain.best == third.chain.base
                assert third.chain.states.head.root == second.chain.best_header().state_root


async def test_a_fork_of_a_fathom_chain_is_native(clock: MockClock, tmp_path: Path) -> None:
    from tests.node.nodes import running_node

    async with running_node(tmp_path / "first", sealing="manual", epoch=NOON) as first:
        await cheats(first).mine(1)
        async with fork_of(first.ws_url, tmp_path / "second") as second:
            assert not isinstance(runtime_of(second), WasmRuntime)
            await cheats(second).fund(b"\7" * 32, UNIT)
            assert second.chain.best.number == 2
            assert second.chain.best_header().state_root != first.chain.best_header().state_root


async def here(node: RunningNode, work: Callable[[], T]) -> T:
    """What `work` reads, once it is all here."""
    assert node.chain.fetcher is not None
    return await reading(node.chain.fetcher, work)


def runtime_of(node: RunningNode) -> Any:
    return node.chain.runtime_at(node.chain.best.hash)


def free(node: RunningNode, who: bytes) -> int:
    """An account's free balance, as the runtime's metadata reads it; of what is here."""
    runtime = runtime_of(node)
    item = runtime.described.item("System", "Account")
    data = node.chain.states.head.get(runtime.described.key(item, who))
    return 0 if data is None else int(runtime.described.decode(item.value, data)["data"]["free"])
