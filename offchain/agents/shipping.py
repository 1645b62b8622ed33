"""The agents that come with Fathom: which there are, and what their companies begin with.

## Overview

Each has a folder here that is a project of `fathom agent`: `agent.json`, what it is made of in `src/`, and its bundle
beside them, `agent.js`, which is what is deployed and which `make build` makes by `python -m offchain.agents.shipping`.

## Usage

```python
for agent in SHIPPED:
    agent.name, agent.code(), agent.hosts()
```

## Errors

`OSError` where a folder lacks its files; of making bundles, those of `offchain.authoring`.

## Out of scope

Putting them on a chain: `node.shipped_agents`, which `fathom dev` does at its start.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
OWNER = "//Founder"
"""Who deploys them on a development chain, and decides about each until somebody has its token."""


@dataclass(frozen=True)
class Purse:
    """What an agent pays out of: whole tokens that are put in, and the most that leave by one job and in one day."""

    fill: int
    per_job: int
    per_day: int


@dataclass(frozen=True)
class ShippedAgent:
    """One of them: its name on the chain, its token, and on what terms it takes jobs."""

    name: str
    symbol: str
    curve: str = "straight"
    """The preset that its token is sold along."""
    price: int = 1
    """Of a unit of gas, in the chain's smallest units."""
    purse: Purse | None = None

    @property
    def folder(self) -> Path:
        """Where it is made."""
        return HERE / self.name.replace("-", "_")

    def code(self) -> bytes:
        """Its script."""
        return (self.folder / "agent.js").read_bytes()

    def hosts(self) -> list[bytes] | None:
        """The hosts that it may reach; any public one if None."""
        hosts = json.loads((self.folder / "agent.json").read_text()).get("hosts")
        return None if hosts is None else [host.encode() for host in hosts]


SHIPPED = (
    ShippedAgent("migorithms", "MIGO", price=10, purse=Purse(fill=100, per_job=1, per_day=20)),
    ShippedAgent("warp-ads", "WARP", purse=Purse(fill=1, per_job=1_000, per_day=10_000)),
    ShippedAgent("devdo", "DEVD", purse=Purse(fill=100, per_job=50, per_day=500)),
    ShippedAgent("social-chain", "SOCI"),
    ShippedAgent("jjarvis", "JJAR"),
    ShippedAgent("jjarvis-quotes", "JJQU", price=0),  # what an agent charges its callers have to be allowed to spend
    ShippedAgent("jjarvis-forecast", "JJFO", price=0),
    ShippedAgent("jjarvis-risk", "JJRI", price=0),
)


def main() -> None:
    """Makes all bundles anew, and says how large they are."""
    from offchain.authoring.bundle import bundle
    from offchain.authoring.project import load

    for path in sorted(HERE.glob("*/agent.json")):
        code = bundle(load(path.parent), minify=False)
        (path.parent / "agent.js").write_bytes(code)
        print(f"{path.parent.name}  {len(code)} bytes")


if __name__ == "__main__":
    main()
