"""News reach everybody in order, and nobody's slowness is anybody else's."""

from __future__ import annotations

import pytest

from node.chain.feed import Feed, FellBehind


async def test_everybody_hears_everything_from_their_subscription_on() -> None:
    feed: Feed[int] = Feed()
    feed.publish(0)
    async with feed.subscribe() as first:
        feed.publish(1)
        async with feed.subscribe() as second:
            feed.publish(2)
            assert await anext(first) == 1
            assert await anext(first) == await anext(second) == 2
        feed.publish(3)
        assert await anext(first) == 3
    feed.publish(4)
    assert not feed._subscribers


async def test_who_falls_behind_hears_what_was_kept_and_then_that() -> None:
    feed: Feed[int] = Feed(buffer=3)
    async with feed.subscribe() as slow, feed.subscribe() as quick:
        for number in range(5):
            feed.publish(number)
            assert await anext(quick) == number
        assert [await anext(slow) for _ in range(3)] == [0, 1, 2]
        for _ in range(2):
            with pytest.raises(FellBehind):
                await anext(slow)
        feed.publish(5)
        assert await anext(quick) == 5
