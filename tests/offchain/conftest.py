"""Fixtures of the workers' tests."""

from __future__ import annotations

import pytest
from trio.testing import MockClock


@pytest.fixture
def jumping_clock() -> MockClock:
    """Trio's virtual clock, which jumps when nothing has happened for a moment: loopback bytes take a moment."""
    return MockClock(autojump_threshold=0.03)
