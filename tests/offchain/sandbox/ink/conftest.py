from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.offchain.sandbox.ink.ledger import Contracts, Ledger, contracts


@pytest.fixture(scope="session")
def engine() -> Iterator[Contracts]:
    with contracts() as made:
        yield made


@pytest.fixture
def ledger(engine: Contracts) -> Ledger:
    return Ledger(engine)
