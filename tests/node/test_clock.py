"""The chain's clock follows the host's and never runs back."""

from __future__ import annotations

from node.clock import ChainClock


def test_it_follows_the_host_with_its_offset() -> None:
    host = [1000]
    clock = ChainClock(lambda: host[0], 50)
    assert clock.now_ms() == 1050
    host[0] = 2000
    assert clock.now_ms() == 2050


def test_it_is_moved_forward_and_never_back() -> None:
    clock = ChainClock(lambda: 1000)
    assert clock.advance_to(999) is False
    assert clock.advance_to(1000) is False
    assert clock.offset_ms == 0
    assert clock.advance_to(1300) is True
    assert (clock.now_ms(), clock.offset_ms) == (1300, 300)
    assert clock.advance_to(1200) is False
    assert (clock.now_ms(), clock.offset_ms) == (1300, 300)
