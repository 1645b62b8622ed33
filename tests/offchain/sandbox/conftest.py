from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from offchain.sandbox.javascript import JavaScriptSandbox


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of compiled code that lives as long as the tests."""
    return tmp_path_factory.mktemp("compiled") / "cache"


@pytest.fixture(scope="session")
def sandbox(cache: Path) -> Iterator[JavaScriptSandbox]:
    sandbox = JavaScriptSandbox(cache)
    yield sandbox
    sandbox.close()
