"""A server that attacks: each attack ends with its reason, in bounded time and memory."""

from __future__ import annotations

import tracemalloc

import pytest
import trio
from trio.testing import MockClock

from offchain.outside.network import Network
from offchain.outside.policy import FetchLimits, Reach
from offchain.outside.world import open_world
from tests.offchain.outside.servers import Hostile, Site
from tests.offchain.outside.worlds import Failed, Run

NEAR = Reach(allow_private=True)
LIMITS = FetchLimits(response_bytes=1 << 20, total_bytes=3 << 20, head_seconds=30.0, exchange_seconds=100.0)


@pytest.mark.parametrize(
    ("attack", "seconds", "reason"),
    [
        ("slow-head", 30, "timed-out"),
        ("silent", 30, "timed-out"),
        ("informing", 30, "timed-out"),
        ("slow-body", 100, "timed-out"),
        ("endless", 0, "too-large"),
        ("endless-head", 0, "too-large"),
        ("many-headers", 0, "too-large"),
        ("bomb", 0, "too-large"),
        ("empty-members", 0, "too-large"),
        ("half-gzip", 0, "unreadable-body"),
        ("no-gzip", 0, "unreadable-body"),
        ("brotli", 0, "unreadable-body"),
        ("long-lie", 0, "connection-broken"),
        ("no-http", 0, "connection-broken"),
        ("hangs-up", 0, "connection-broken"),
        ("to-nowhere", 0, "redirect-refused"),
    ],
)
async def test_an_attack_ends(
    hostile: Hostile, network: Network, jumping_clock: MockClock, attack: str, seconds: int, reason: str
) -> None:
    async with open_world(network, NEAR, start_ms=0, limits=LIMITS) as world:
        run, began = Run(world), trio.current_time()
        with pytest.raises(Failed) as failed:
            await run.fetch(hostile.url(attack))
        assert failed.value.reason == reason
        assert seconds <= trio.current_time() - began <= seconds + 10
        assert "127.0.0.1" not in failed.value.text


async def test_a_bomb_is_unpacked_a_part_at_a_time(hostile: Hostile, network: Network) -> None:
    limits = FetchLimits(response_bytes=1 << 30, total_bytes=1 << 30)
    async with open_world(network, NEAR, start_ms=0, limits=limits) as world:
        run = Run(world)
        stream = (await run.head(hostile.url("bomb")))["stream"]
        size, parts = 0, 0
        tracemalloc.start()
        while part := await run.read(stream):
            assert len(part) <= 64 * 1024
            size, parts = size + len(part), parts + 1
            if parts == 500:
                break
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert size > 20 << 20 and peak < 4 << 20


async def test_what_follows_a_response_is_not_the_next_one(hostile: Hostile, network: Network) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        for _ in range(2):
            assert (await run.fetch(hostile.url("short-lie"))).body == b"short"
    assert len(hostile.reached) == 2


async def test_a_run_has_so_many_requests_bytes_and_places(
    site: Site, hostile: Hostile, network: Network, jumping_clock: MockClock
) -> None:
    limits = FetchLimits(requests=5, redirects=20, total_bytes=25, at_once=2, head_seconds=30.0)
    async with open_world(network, NEAR, start_ms=0, limits=limits) as world:
        run = Run(world)
        silent = [run.fetch_ask(hostile.url("silent")) for _ in range(2)]
        assert (await world.turn([*silent, run.ask("sleep", {"until_ms": 10_000})])).id == 2
        answers = [await world.turn([run.fetch_ask(f"{site.url}/late/1")]), await world.turn([]), await world.turn([])]
        assert [(answer.id, answer.ok) for answer in answers[2:]] == [(3, True)]  # once a place was free, at 30 s
        assert {answer.id for answer in answers[:2]} == {0, 1} and answers[2].now_ms >= 30_000
    async with open_world(network, NEAR, start_ms=0, limits=limits) as world:
        run = Run(world)
        for _ in range(2):
            assert (await run.fetch(f"{site.url}/late/1")).body == b"after 1 ms"
        with pytest.raises(Failed) as full:
            await run.fetch(f"{site.url}/late/1")
        assert full.value.reason == "too-large"
        with pytest.raises(Failed) as enough:
            await run.fetch(f"{site.url}/loop")
        assert enough.value.reason == "too-many" and site.seen.count("/loop") == 2


async def test_a_script_s_own_time_out_is_for_the_whole_exchange(
    site: Site, hostile: Hostile, network: Network, jumping_clock: MockClock
) -> None:
    async with open_world(network, NEAR, start_ms=0, limits=LIMITS) as world:
        run = Run(world)
        assert (await run.fetch(f"{site.url}/streamed", timeout_ms=1500)).reads == 0
        with pytest.raises(Failed) as failed:
            await run.fetch(hostile.url("endless"), timeout_ms=1500)
        assert failed.value.reason == "too-large"
        for attack in ("silent", "slow-body"):
            began = world.now_ms
            with pytest.raises(Failed) as failed:
                await run.fetch(hostile.url(attack), timeout_ms=1500)
            assert failed.value.reason == "timed-out" and 1500 <= world.now_ms - began < 2500
