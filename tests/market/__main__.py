"""`make market`: 10,000 jobs put to workers of whom a third lies in concert and a third copies, as one JSON object.

`python -m tests.market [--jobs 10000] [--seed N] [--replicas 3 5] [--operators 90] [--kinds even ...]`; progress on
stderr, exit code 1 where anything is found that must not be. A seed makes the same market.

| kind | |
| --- | --- |
| `even` | records don't count, governance cancels all slashes: all weigh the same, so that the draw can be measured |
| `bent` | the protocol as it is; governance cancels what a lying majority did to workers that told the truth |
| `steered` | as `even`, of three authorities one is in league with the liars, and so is the submitter |
| `echoing` | as `bent`, but copiers repeat what earlier rounds of a dispute have revealed |
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from functools import partial
from time import process_time
from typing import Any

from tests.market.campaign import Terms, market

KINDS: dict[str, dict[str, bool]] = {
    "even": {},
    "bent": {"even": False},
    "steered": {"steered": True},
    "echoing": {"even": False, "echoes": True},
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.market", description="Put jobs to liars and copiers.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--replicas", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--operators", type=int, default=90)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    given = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    found = list[dict[str, Any]]()
    for replicas in given.replicas:
        for kind in given.kinds:
            began, name = process_time(), f"{kind}, {replicas} replicas"
            terms = Terms(given.jobs, replicas, seed, given.operators, **KINDS[kind])
            figures = market(terms, partial(print, name, file=sys.stderr, flush=True))
            found.append({"kind": kind, **figures, "cpu_seconds": round(process_time() - began, 1)})
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    print(json.dumps({"seed": seed, "markets": found}))
    return 1 if any(each["faults"] for each in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
