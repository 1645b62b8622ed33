"""Everything that a command line can say about a node."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pallets.primitives.hash_onion import DEV_SECRET

Sealing = Literal["instant", "manual"] | int
"""When blocks are sealed; a number is an interval in milliseconds."""


class InvalidSealing(ValueError):
    """The sealing mode is none of `instant`, `manual` and a number of milliseconds."""


def parse_sealing(text: str) -> Sealing:
    """The sealing mode of a command line argument; raises `InvalidSealing`."""
    if text == "instant":
        return "instant"
    if text == "manual":
        return "manual"
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise InvalidSealing(f"--sealing takes instant, manual or milliseconds, not {text!r}")


class InvalidPruning(ValueError):
    """The pruning mode is none of `archive`, `archive-canonical` and a number of blocks."""


def parse_pruning(text: str) -> int | None:
    """The number of states to keep, `None` for all; raises `InvalidPruning`."""
    if text in ("archive", "archive-canonical"):
        return None
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise InvalidPruning(f"--state-pruning takes archive, archive-canonical or a number of blocks, not {text!r}")


@dataclass(frozen=True)
class NodeConfig:
    """One node. `base_path` of `None` is a temporary directory, removed at the end."""

    chain: Path
    base_path: Path | None = None
    rpc_port: int = 9944
    rpc_external: bool = False
    sealing: Sealing = "instant"
    author: bool = True
    """Whether it seals and finalises blocks; `authority` is then the secret of both keys."""
    authority: str = field(default="//Alice", repr=False)
    onion_secret: bytes = field(default=DEV_SECRET, repr=False)
    state_pruning: int | None = None
    """Of how many final blocks the states are kept; `None` keeps all."""
    load_state: Path | None = None
    """A dumped state to start from; the database must be new. It need not exist where it is `dump_state` too."""
    dump_state: Path | None = None
    """Where to dump the state at the end."""
    verifiers: int = 0
    """How many processes verify the signatures of submitted transactions; without any, the node's own does."""
    rpc_origins: tuple[str, ...] = ("https://polkadot.js.org", "https://dev.papi.how")

    @property
    def state_to_load(self) -> Path | None:
        """The file to start from, if any: one that is also dumped to is made by the first run."""
        given = self.load_state
        makes_it = given is not None and self.dump_state is not None and given.resolve() == self.dump_state.resolve()
        return None if given is not None and makes_it and not given.exists() else given

    @property
    def rpc_host(self) -> str:
        return "0.0.0.0" if self.rpc_external else "127.0.0.1"
