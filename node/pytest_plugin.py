"""pytest fixtures around `node.testing`, loaded by its entry point wherever fathom is installed.

| fixture | scope | is |
| --- | --- | --- |
| `chain` | test | a devnet, taken back to its genesis after the test |
| `devnet` | session | the function, for tests that want chains of their own: `devnet(seed=7)` |
| `shared_devnet` | session | the chain behind `chain`, for hypothesis: `with shared_devnet.anchor(): …` |

Every run of pytest imports this module, so the chain is imported by the first test that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from node.testing import Devnet


@pytest.fixture(scope="session")
def devnet() -> Callable[..., Devnet]:
    """Makes a new devnet."""
    from node.testing import devnet

    return devnet


@pytest.fixture(scope="session")
def shared_devnet(devnet: Callable[..., Devnet]) -> Devnet:
    """One devnet for all tests; whoever uses it takes back what it does."""
    return devnet()


@pytest.fixture
def chain(shared_devnet: Devnet) -> Iterator[Devnet]:
    """A devnet at its genesis; what the test does is taken back."""
    with shared_devnet.anchor():
        yield shared_devnet
