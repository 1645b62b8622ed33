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
    rpc_origins: tuple[str, ...] = ("https://polkadot.js.org", "https://dev.papi.how")

    @property
    def rpc_host(self) -> str:
        return "0.0.0.0" if self.rpc_external else "127.0.0.1"
