"""A lazy state of a real node's block, over a real WebSocket, before which endpoints misbehave."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.chain.inherents import MOMENT, TIMESTAMP
from node.commands.endpoints import ask_of
from node.config import NodeConfig
from node.service import RunningNode
from node.state.delta import Delta
from node.state.remote import (
    Fetcher,
    ForkedBlock,
    NoProofs,
    NotProven,
    PartialUpdate,
    RemoteState,
    RemoteStateError,
    WrongAnswer,
    open_cache,
    prove,
    reading,
)
from node.state.trie import Update
from node.state.view import ForkState
from node.web import connect_websocket
from offchain.connect.errors import EndpointDropped, EndpointStalled, RateLimited, RemoteError, StateDiscarded
from offchain.connect.networks import Network
from offchain.connect.remote import Policy, Remote
from pallets.primitives.header import Header
from pallets.primitives.storage_proof import verify_proof
from tests.node.nodes import send
from tests.node.transfers import signed_transfer
from tests.offchain.connect.misbehaving import Endpoint, Fault, endpoint, lies, refuses, stalls
from tests.offchain.real_node import SPEC, real_node

POLICY = Policy(answer=5.0, patience=60.0)
HASTY = Policy(answer=5.0, patience=20.0, attempts=2)
PROOF = "state_getReadProof"


@pytest.fixture
async def node() -> AsyncIterator[RunningNode]:
    async with real_node(NodeConfig(SPEC, rpc_port=0, sealing="manual")) as running:
        await running.producer.create_block(create_empty=True)
        yield running


@pytest.fixture
def autojump_clock() -> MockClock:
    """Jumps when nothing has happened for a moment: loopback bytes take a moment."""
    return MockClock(autojump_threshold=0.03)


@asynccontextmanager
async def asked(*urls: str, policy: Policy = POLICY) -> AsyncIterator[Any]:
    async with trio.open_nursery() as nursery:
        remote = Remote(Network("test", "the test's chain", urls, None), connect_websocket, policy, lambda line: None)
        await nursery.start(remote.run)
        yield ask_of(remote)
        nursery.cancel_scope.cancel()


def block_of(node: RunningNode) -> ForkedBlock:
    best = node.chain.best_header()
    return ForkedBlock(node.chain.genesis_hash, best.hash, best.state_root)


@asynccontextmanager
async def forked(node: RunningNode, *urls: str, policy: Policy = POLICY) -> AsyncIterator[tuple[Fetcher, RemoteState]]:
    async with asked(*urls, policy=policy) as ask:
        fetcher = await Fetcher.open(ask, block_of(node))
        yield fetcher, RemoteState(fetcher.known, node.chain.states.version)


async def test_a_lazy_state_is_the_state_of_the_node(node: RunningNode) -> None:
    """Values, keys, roots after random changes, proofs, and how few questions that takes."""
    whole = node.chain.states.head
    async with forked(node, node.ws_url) as (fetcher, state):
        assert await reading(fetcher, lambda: list(state.keys())) == list(whole.keys())
        assert {key: state.get(key) for key in whole.values} == whole.values
        assert sum(fetcher.asked.values()) <= 8
        prefix = next(iter(whole.keys()))[:16]
        assert await reading(fetcher, lambda: list(state.keys(prefix))) == list(whole.keys(prefix))

    chance, held = random.Random(7), list(whole.values)
    base: ForkState | RemoteState
    async with forked(node, node.ws_url) as (fetcher, state):
        deltas: list[Delta] = []
        reference = ForkState(whole, [])
        references: list[Delta] = []
        for block in range(4):
            base = ForkState(state, deltas)
            changes: dict[bytes, bytes | None] = {key: chance.randbytes(block * 20) for key in chance.sample(held, 12)}
            changes |= dict.fromkeys(chance.sample(held, 12))
            changes |= {chance.choice(held)[:20] + chance.randbytes(2): b"new" * block for _ in range(12)}
            expected = Update(reference, changes)
            expected.run()

            def once(base: ForkState = base, changes: dict[bytes, bytes | None] = changes) -> PartialUpdate:
                update = PartialUpdate(base, changes, whole.version)
                update.run()
                return update

            before = sum(fetcher.asked.values())
            update = await reading(fetcher, once)
            assert sum(fetcher.asked.values()) <= before + 2
            assert update.root == expected.root
            deltas.append(Delta(update.root, changes, update.nodes))
            references.append(Delta(expected.root, changes, expected.nodes))
            reference = ForkState(whole, references)
            after = ForkState(state, deltas)
            proof = await reading(fetcher, lambda after=after, changes=changes: prove(after, changes))  # type: ignore[misc]
            assert verify_proof(update.root, proof, changes) == changes


async def test_a_real_block_executes_on_its_lazy_parent_and_has_its_root(node: RunningNode, tmp_path: Path) -> None:
    """What it has missed once is asked for at once when another block of the chain is forked."""
    chain, version = node.chain, node.chain.states.version
    questions = []
    for nonce in range(2):
        parent = block_of(node)
        send(node, signed_transfer(chain.genesis_hash, nonce))
        await node.producer.create_block(create_empty=True)
        header, body = chain.best_header(), chain.body(chain.best.hash)
        assert body is not None and len(body) > 2  # a transfer behind the inherents
        now = (header.slot() or 0) * chain.slot_duration_ms()

        def root(fetcher: Fetcher, header: Header = header, body: list[bytes] = body, now: int = now) -> bytes:
            state = RemoteState(fetcher.known, version)
            runtime = chain.executor.runtime_at(state)
            built = runtime.execute(state, header.without_seal(), body, {TIMESTAMP: MOMENT.encode(now)})
            return PartialUpdate(state, built.changes, version).run()

        with open_cache(tmp_path, chain.genesis_hash) as cache:
            async with asked(node.ws_url) as ask:
                fetcher = await Fetcher.open(ask, parent, cache)
                assert await reading(fetcher, lambda fetcher=fetcher, root=root: root(fetcher)) == header.state_root  # type: ignore[misc]
                questions.append(sum(fetcher.asked.values()))
    first, second = questions
    assert second <= 4 < first, questions


def drops(bad: Endpoint) -> Fault:
    """Drops the connection instead of giving a proof."""

    def fault(question: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any] | None:
        if question["method"] != PROOF:
            return answer
        bad.hang_up = True
        return None

    return fault


def short(found: Any) -> Any:
    return {**found, "proof": found["proof"][:-1]}


def flipped(found: Any) -> Any:
    return {**found, "proof": [entry[:-2] + "ff" for entry in found["proof"]]}


FAULTS: dict[str, tuple[Callable[[Endpoint], Fault], type[Exception]]] = {
    "stalls": (lambda bad: stalls(PROOF), EndpointStalled),
    "drops": (drops, EndpointDropped),
    "lacks an entry": (lambda bad: lies(PROOF, short), NotProven),
    "tampers with values": (lambda bad: lies(PROOF, flipped), NotProven),
    "answers nonsense": (lambda bad: lies(PROOF, lambda found: 7), WrongAnswer),
    "limits": (lambda bad: refuses(PROOF, -32005, "Too many requests"), RateLimited),
    "prunes": (lambda bad: refuses(PROOF, 4003, "Client error: State already discarded for 0x12"), StateDiscarded),
}


async def test_another_endpoint_answers_for_one_that_fails_and_alone_it_is_one_clear_error(
    node: RunningNode, autojump_clock: MockClock
) -> None:
    whole = node.chain.states.head
    keys = list(whole.keys())[:40]
    for name, (fault, reason) in FAULTS.items():
        async with endpoint(node.ws_url) as bad, endpoint(node.ws_url) as good:
            async with forked(node, bad.url, good.url) as (fetcher, state):
                bad.fault = fault(bad)
                found = await reading(fetcher, lambda state=state: [state.get(key) for key in keys])  # type: ignore[misc]
                assert found == [whole.get(key) for key in keys], name
                assert PROOF in good.asked, name
            bad.fault = None
            async with forked(node, bad.url, policy=HASTY) as (fetcher, state):
                bad.fault = fault(bad)
                with pytest.raises((RemoteError, RemoteStateError)) as caught:
                    await reading(fetcher, lambda state=state: state.get(keys[-1]))  # type: ignore[misc]
                assert type(caught.value) is reason and "\n" not in str(caught.value), name


async def test_a_limit_and_a_dropped_connection_are_waited_out(node: RunningNode, autojump_clock: MockClock) -> None:
    whole = node.chain.states.head
    async with endpoint(node.ws_url) as only, forked(node, only.url) as (fetcher, state):
        only.fault = refuses(PROOF, -32005, "rate limited", {"retry_after": 11}, times=2)
        began = trio.current_time()
        keys = list(whole.keys())
        assert await reading(fetcher, lambda: state.get(keys[5])) == whole.get(keys[5])
        assert trio.current_time() >= began + 22
        only.fault, only.drop_after = None, 0
        assert await reading(fetcher, lambda: state.get(keys[-5])) == whole.get(keys[-5])


@pytest.mark.parametrize("message", ["Method not found", "RPC call is unsafe to be called externally"])
async def test_an_endpoint_without_proofs_is_forked_without_roots(
    node: RunningNode, autojump_clock: MockClock, message: str
) -> None:
    whole = node.chain.states.head
    async with (
        endpoint(node.ws_url, refuses(PROOF, -32601, message)) as bare,
        forked(node, bare.url) as (fetcher, state),
    ):
        assert not fetcher.proves
        keys = list(whole.keys())
        assert await reading(fetcher, lambda: list(state.keys())) == keys
        assert await reading(fetcher, lambda: [state.get(key) for key in keys]) == [whole.get(key) for key in keys]
        with pytest.raises(NoProofs):
            state.node("")
    async with endpoint(node.ws_url) as changing, forked(node, changing.url, policy=HASTY) as (fetcher, state):
        changing.fault = refuses(PROOF, -32601, message)
        with pytest.raises(NoProofs, match=changing.url):
            await reading(fetcher, lambda: state.get(keys[0]))
