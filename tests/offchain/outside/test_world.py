"""How a run and its world take turns: which answers come when, timers, streamed answers, broken rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from offchain.outside.errors import BadAsk, NothingAsked
from offchain.outside.network import Network
from offchain.outside.policy import Reach
from offchain.outside.world import MAX_OPEN, open_world
from offchain.sandbox.base import Ask
from tests.offchain.outside.servers import Hostile, Site
from tests.offchain.outside.worlds import Failed, Run

NEAR = Reach(allow_private=True)


async def test_answers_come_as_they_are_ready_and_the_clock_goes_on(
    site: Site, network: Network, jumping_clock: MockClock
) -> None:
    async with open_world(network, NEAR, start_ms=5000) as world:
        run = Run(world)
        asks = [
            run.fetch_ask(f"{site.url}/late/3000"),
            run.ask("sleep", {"until_ms": 6000.5}),
            run.fetch_ask(f"{site.url}/late/2000"),
            run.ask("sleep", {"until_ms": 1}),
        ]
        answers = [await world.turn(asks[:3]), await world.turn(asks[3:]), await world.turn([]), await world.turn([])]
    assert [answer.id for answer in answers] == [1, 3, 2, 0]
    times = [answer.now_ms for answer in answers]
    assert (
        times[0] >= 6001
        and times == sorted(times)
        and all(n >= at for n, at in zip(times[2:], (7000, 8000), strict=True))
    )


async def test_parts_of_an_answer_are_handed_on_in_their_order_and_at_the_caller_s_pace(network: Network) -> None:
    taken: list[tuple[Mapping[str, Any], bytes]] = []

    async def emit(head: Mapping[str, Any], body: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if len(taken) == 8:
            raise BrokenPipeError
        taken.append((head, body))

    async with open_world(network, NEAR, start_ms=0, emit=emit) as world:
        run = Run(world)
        parts = [run.ask("emit", {"status": 200, "headers": []})]
        parts += [run.ask("emit", {"chunk": True}, b"%d" % number) for number in range(8)]
        answers = [await world.turn(parts), *[await world.turn([]) for _ in range(8)]]
        assert [answer.id for answer in answers] == list(range(9))
        assert [answer.ok for answer in answers] == [True] * 8 + [False]
        assert taken == [({"status": 200, "headers": []}, b""), *(({"chunk": True}, b"%d" % n) for n in range(7))]
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        with pytest.raises(Failed) as nobody:
            await run.answered(run.ask("emit", {"end": True}))
        assert nobody.value.reason == "nobody-listens"


@pytest.mark.parametrize(
    "head", [b"", b"[]", b"\xff", b'{"until_ms":"1"}', b'{"until_ms":-1}', b'{"until_ms":1e999}', b"{}"]
)
async def test_a_head_that_is_none_is_answered_by_an_error(network: Network, head: bytes) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        answer = await world.turn([Ask(0, "sleep", head)])
        assert not answer.ok and b"invalid-ask" in answer.head


async def test_broken_rules_end_the_run(network: Network) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        with pytest.raises(NothingAsked):
            await world.turn([])
        sleep = run.ask("sleep", {"until_ms": 10**9})
        with pytest.raises(BadAsk):
            await world.turn([sleep, sleep])
        with pytest.raises(BadAsk):
            await world.turn([run.ask("sleep", {"until_ms": 10**9}) for _ in range(MAX_OPEN + 1)])


async def test_leaving_ends_what_is_open(
    site: Site, hostile: Hostile, network: Network, jumping_clock: MockClock
) -> None:
    began = trio.current_time()
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        stream = (await run.head(f"{site.url}/endless"))["stream"]
        await run.read(stream)
        asks = [
            run.fetch_ask(hostile.url("silent")),
            run.ask("sleep", {"until_ms": 10**9}),
            run.ask("sleep", {"until_ms": 5}),
        ]
        await world.turn(asks)
    assert trio.current_time() - began < 2
