"""Both ways of running a runtime."""

from __future__ import annotations

import pytest

from tests.node.wasm.stage import PATHS, ProgramClass


@pytest.fixture(params=PATHS, ids=["fast", "public"])
def path(request: pytest.FixtureRequest) -> ProgramClass:
    found: ProgramClass = request.param
    return found
