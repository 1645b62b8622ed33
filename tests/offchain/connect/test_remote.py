"""The client on endpoints that stall, drop, answer wrongly, limit and prune, before a real node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.config import NodeConfig
from node.service import RunningNode
from node.web import connect_websocket, open_listeners
from offchain.connect.chain import Block, RemoteChain
from offchain.connect.errors import (
    EndpointBabbles,
    EndpointDropped,
    EndpointStalled,
    MethodMissing,
    NoSuchBlock,
    NotProven,
    RateLimited,
    RemoteError,
    StateDiscarded,
    UnknownNetwork,
    Unreachable,
    WrongAnswer,
    WrongNetwork,
)
from offchain.connect.follow import Follower, Seen
from offchain.connect.networks import Network, network_of, networks
from offchain.connect.remote import Policy, Remote
from offchain.rpc import CallFailed
from tests.offchain.connect.misbehaving import babbles, endpoint, lies, refuses, stalls, strays
from tests.offchain.real_node import SPEC, real_node

POLICY = Policy(answer=5.0, patience=60.0, silence=20.0)
GENESIS = "0x91b171bb158e2d3848fa23a9f1c25182fb8e20313b2c1eb49219da7a70ce90c3"


@pytest.fixture
async def node() -> AsyncIterator[RunningNode]:
    """Seals when it is told to."""
    async with real_node(NodeConfig(SPEC, rpc_port=0, sealing="manual")) as running:
        yield running


@pytest.fixture
def autojump_clock(jumping_clock: MockClock) -> MockClock:
    return jumping_clock


@asynccontextmanager
async def remote_of(
    *urls: str, genesis: bytes | None = None, policy: Policy = POLICY, notes: list[str] | None = None
) -> AsyncIterator[RemoteChain]:
    told = [] if notes is None else notes
    network = Network("test", "the test's chain", urls, genesis)
    async with trio.open_nursery() as nursery:
        remote = Remote(network, connect_websocket, policy, told.append)
        await nursery.start(remote.run)
        yield await RemoteChain.open(remote)
        nursery.cancel_scope.cancel()


async def refusal(*urls: str, **given: Any) -> RemoteError:
    """Why no endpoint can be used."""
    with pytest.raises(BaseExceptionGroup) as caught:
        async with remote_of(*urls, **given):
            pass
    found: BaseException = caught.value
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, RemoteError), found
    assert "\n" not in str(found)
    return found


HEAD = "chain_getFinalizedHead"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (stalls(HEAD), EndpointStalled),
        (babbles(HEAD), EndpointBabbles),
        (strays(HEAD), EndpointBabbles),
        (lies(HEAD, lambda found: "0x1234"), WrongAnswer),
        (lies(HEAD, lambda found: 7), WrongAnswer),
        (refuses(HEAD, -32005, "Too many requests"), RateLimited),
        (refuses(HEAD, -32029, "slow down", {"rate": {"backoff_seconds": 9}}), RateLimited),
        (
            refuses(HEAD, 4003, "Client error: Api called for an unknown Block: State already discarded for 0x12"),
            StateDiscarded,
        ),
        (refuses(HEAD, -32601, "Method not found"), MethodMissing),
    ],
)
async def test_a_second_endpoint_answers_for_one_that_does_not_and_alone_it_is_one_clear_error(
    node: RunningNode, autojump_clock: MockClock, fault: Any, reason: type[RemoteError]
) -> None:
    expected = node.chain.finalized.hash
    async with endpoint(node.ws_url, fault) as bad, endpoint(node.ws_url) as good:
        async with remote_of(bad.url, good.url) as chain:
            assert await chain.finalized() == expected
        async with remote_of(bad.url, policy=Policy(answer=5.0, patience=20.0, attempts=2)) as chain:
            with pytest.raises(reason, match=bad.url) as caught:
                await chain.finalized()
            assert "\n" not in str(caught.value)
        assert HEAD in bad.asked and HEAD in good.asked


async def test_a_limit_is_waited_for_as_long_as_it_says_where_there_is_no_other(
    node: RunningNode, autojump_clock: MockClock
) -> None:
    fault = refuses(HEAD, -32005, "rate limited", {"retry_after": 11}, times=1)
    async with endpoint(node.ws_url, fault) as limited, remote_of(limited.url) as chain:
        began = trio.current_time()
        await chain.finalized()
        assert trio.current_time() - began >= 11
        assert limited.connections == 1 and limited.asked.count(HEAD) == 2


async def test_a_dropped_connection_is_opened_again_and_the_question_asked_again(
    node: RunningNode, autojump_clock: MockClock
) -> None:
    async with endpoint(node.ws_url) as only, remote_of(only.url) as chain:
        only.drop_after = 0
        await chain.finalized()
        assert only.connections == 2
        only.refuse, only.drop_after = True, 0
        with pytest.raises(EndpointDropped):
            await chain.finalized()
        only.refuse = False
        await chain.finalized()


async def test_an_endpoint_of_another_chain_is_refused(node: RunningNode, autojump_clock: MockClock) -> None:
    other = lies("chain_getBlockHash", lambda found: GENESIS)
    async with endpoint(node.ws_url, other) as wrong, endpoint(node.ws_url) as right:
        async with remote_of(wrong.url, right.url, genesis=node.chain.genesis_hash) as chain:
            assert (await chain.remote.lease()).endpoint.url == right.url
        found = await refusal(wrong.url, genesis=node.chain.genesis_hash)
    assert isinstance(found, WrongNetwork) and GENESIS in str(found) and wrong.url in str(found)


async def test_nobody_there_is_one_line_that_names_every_endpoint(autojump_clock: MockClock) -> None:
    found = await refusal("ws://127.0.0.1:1", "ws://127.0.0.1:2")
    assert isinstance(found, Unreachable)
    assert "127.0.0.1:1" in str(found) and "127.0.0.1:2" in str(found)


async def test_a_block_that_is_not_what_its_hash_says_is_never_believed(
    node: RunningNode, autojump_clock: MockClock
) -> None:
    await node.producer.create_block(create_empty=True)

    def other_extrinsics(found: Any) -> Any:
        return {**found, "block": {**found["block"], "extrinsics": found["block"]["extrinsics"][:-1]}}

    def other_header(found: Any) -> Any:
        return {**found, "stateRoot": "0x" + "00" * 32}

    best = node.chain.best.hash
    for fault, ask in (
        (lies("chain_getBlock", other_extrinsics), "block"),
        (lies("chain_getHeader", other_header), "header"),
    ):
        async with endpoint(node.ws_url, fault) as liar, endpoint(node.ws_url) as honest:
            async with remote_of(liar.url, honest.url) as chain:
                found = await getattr(chain, ask)(best)
                assert (found.header if isinstance(found, Block) else found).hash == best
                assert (await chain.remote.lease()).endpoint.url == honest.url
            async with remote_of(liar.url) as chain:
                with pytest.raises(WrongAnswer, match=liar.url):
                    await getattr(chain, ask)(best)


async def test_values_are_believed_on_proof_alone_where_that_is_asked_for(
    node: RunningNode, autojump_clock: MockClock
) -> None:
    best = node.chain.best.hash
    key = bytes.fromhex("f0c365c3cf59d671eb72da0e7a4113c4") + bytes.fromhex(
        "9f1f0515f462cdcf84e0f1d6045dfcbb"
    )  # Timestamp.Now
    async with endpoint(node.ws_url) as honest, remote_of(honest.url) as chain:
        assert await chain.proven(key, best) == await chain.get(key, best)
    fault = lies("state_getReadProof", lambda found: {**found, "proof": found["proof"][1:]})
    async with endpoint(node.ws_url, fault) as liar, remote_of(liar.url) as chain:
        with pytest.raises(NotProven, match="doesn't hold"):
            await chain.proven(key, best)


async def test_what_is_not_there_is_said(node: RunningNode) -> None:
    async with remote_of(node.ws_url) as chain:
        with pytest.raises(NoSuchBlock, match="has no block 7000 yet"):
            await chain.hash_of(7000)
        for ask in (chain.header, chain.block):
            with pytest.raises(NoSuchBlock, match="0x0101"):
                await ask(b"\1" * 32)
        with pytest.raises(NoSuchBlock):
            await chain.get(b"x", b"\1" * 32)
        with pytest.raises(CallFailed):
            await chain.remote.call("chain_getBlockHash", "nonsense")


# Following


class Heard:
    """What a follower told."""

    def __init__(self) -> None:
        self.blocks: list[int] = []
        self.retracted: list[int] = []
        self._more = trio.Event()

    async def block(self, block: Block, highest: int) -> None:
        self.blocks.append(block.number)
        self._more.set()

    async def gone(self, seen: Seen) -> None:
        self.retracted.append(seen.number)

    async def up_to(self, number: int) -> None:
        with trio.fail_after(1000):
            while not self.blocks or self.blocks[-1] < number:
                await self._more.wait()
                self._more = trio.Event()

    async def back_to(self, number: int) -> None:
        """Until the newest block is this one, and some were taken back before it."""
        with trio.fail_after(1000):
            while self.blocks[-1] != number or not self.retracted:
                await self._more.wait()
                self._more = trio.Event()


@asynccontextmanager
async def following(chain: RemoteChain, **given: Any) -> AsyncIterator[Heard]:
    heard = Heard()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Follower(chain, heard.block, heard.gone, **{"final": False, **given}).run)
        yield heard
        nursery.cancel_scope.cancel()


async def seal(node: RunningNode, count: int) -> int:
    for _ in range(count):
        await node.producer.create_block(create_empty=True)
    return node.chain.best.number


async def test_blocks_come_once_each_whatever_becomes_of_the_connection(
    node: RunningNode, autojump_clock: MockClock
) -> None:
    """Catches up from the past; the connection drops; blocks are sealed meanwhile; another endpoint takes over."""
    last = await seal(node, 20)
    async with (
        endpoint(node.ws_url) as first,
        endpoint(node.ws_url) as second,
        remote_of(first.url, second.url) as chain,
        following(chain, start=2) as heard,
    ):
        await heard.up_to(last)
        first.drop_after = 0
        last = await seal(node, 5)
        await heard.up_to(last)
        first.refuse, second.drop_after = True, 3
        last = await seal(node, 5)
        await heard.up_to(last)
        assert heard.blocks == list(range(2, last + 1)) and heard.retracted == []
        assert second.asked


async def test_a_subscription_that_fell_silent_is_noticed(node: RunningNode, autojump_clock: MockClock) -> None:
    async with (
        endpoint(node.ws_url) as mute,
        endpoint(node.ws_url) as good,
        remote_of(mute.url, good.url) as chain,
        following(chain) as heard,
    ):
        last = await seal(node, 1)
        await heard.up_to(last)
        mute.mute = True
        began = last
        last = await seal(node, 3)
        await heard.up_to(last)
        assert heard.blocks[-3:] == [began + 1, began + 2, began + 3]
        assert (await chain.remote.lease()).endpoint.url == good.url


async def test_blocks_that_are_replaced_are_taken_back(node: RunningNode, autojump_clock: MockClock) -> None:
    async with remote_of(node.ws_url) as chain, following(chain) as heard:
        await chain.remote.call("dev_delayFinality", None)
        last = await seal(node, 3)
        await heard.up_to(last)
        await chain.remote.call("dev_reorg", 2)
        now = await seal(node, 1)
        await heard.back_to(now)
        assert heard.retracted == [last, last - 1]


# Networks


def test_networks_have_a_genesis_each_and_urls_are_taken_for_what_they_are() -> None:
    known = networks()
    assert {"polkadot", "kusama", "phala", "khala", "westend", "paseo", "kusama-asset-hub"} <= known.keys()
    pinned = [each.genesis for each in known.values() if each.genesis is not None]
    assert len(set(pinned)) == len(pinned) == len(known) - 1
    assert network_of("Statemine").name == "kusama-asset-hub"
    assert network_of("wss://mine.example/ws").endpoints == ("wss://mine.example/ws",)
    mine = network_of("kusama", ["wss://mine.example"])
    assert mine.endpoints == ("wss://mine.example",) and mine.genesis == known["kusama"].genesis
    assert network_of("wss://mine.example", genesis=known["phala"].genesis).prefix == 30
    for wrong, said in (
        ("kusma", "is no network"),
        ("https://rpc.polkadot.io", "no subscriptions"),
        ("", "no network"),
    ):
        with pytest.raises(UnknownNetwork, match=said):
            network_of(wrong)
    with pytest.raises(UnknownNetwork, match="genesis"):
        network_of("kusama", genesis=bytes(32))


async def test_an_endpoint_that_refuses_connections_rests_as_long_as_it_says(
    node: RunningNode, autojump_clock: MockClock
) -> None:
    """HTTP 429 with `Retry-After`, as public endpoints answer the handshake."""
    refusals: list[float] = []

    async def busy(stream: trio.SocketStream) -> None:
        refusals.append(trio.current_time())
        await stream.receive_some()
        head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\n"
        await stream.send_all(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await stream.aclose()

    (listener,) = await open_listeners("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"
    notes: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, busy, [listener]))
        async with remote_of(url, node.ws_url, notes=notes) as chain:
            assert (await chain.remote.lease()).endpoint.url == node.ws_url
            limited = chain.remote.endpoints[0]
            assert 16 < limited.not_before - refusals[0] <= 18 and isinstance(limited.said, RateLimited)
            assert notes == [f"{url} limits how often it is asked: HTTP 429"]
        nursery.cancel_scope.cancel()
