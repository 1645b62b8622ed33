"""What a devnet costs: to make one, to transfer and seal, to go back.

Run as `python -m tests.bench.devnet`, it prints one JSON line: milliseconds of processor time. `first_start_ms` is the
first `devnet()` of a process whose imports are done, a median over processes; the others are medians within one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from time import process_time

from node.testing import ALICE, BOB, devnet

SAMPLES = 50
PROCESSES = 5
FIRST_START = (
    "from time import process_time; from node.testing import devnet; "
    "began = process_time(); devnet(); print(process_time() - began)"
)


def spent(work: Callable[[], object]) -> float:
    """Milliseconds of processor time."""
    began = process_time()
    work()
    return (process_time() - began) * 1000


def first_start() -> float:
    done = subprocess.run([sys.executable, "-c", FIRST_START], capture_output=True, text=True, check=True)
    return float(done.stdout) * 1000


def measure() -> dict[str, float]:
    """Milliseconds, by what is done."""
    chain = devnet()
    transfer = chain.as_(ALICE).balances.transfer_keep_alive
    transfer(BOB, 1)
    before = chain.snapshot()
    figures: dict[str, list[float]] = {"snapshot_ms": [], "revert_ms": [], "revert_100_ms": []}
    for _ in range(SAMPLES):
        chain.mine()
        figures["revert_ms"].append(spent(lambda: chain.revert(before)))
        figures["snapshot_ms"].append(spent(chain.snapshot))
    for _ in range(5):
        chain.mine(100)
        figures["revert_100_ms"].append(spent(lambda: chain.revert(before)))
    figures["start_ms"] = [spent(devnet) for _ in range(SAMPLES)]
    figures["mine_ms"] = [spent(chain.mine) for _ in range(SAMPLES)]
    figures["transfer_and_mine_ms"] = [spent(lambda: transfer(BOB, 1)) for _ in range(SAMPLES)]
    figures["first_start_ms"] = [first_start() for _ in range(PROCESSES)]
    return {name: round(median(values), 3) for name, values in sorted(figures.items())}


if __name__ == "__main__":
    print(json.dumps(measure()))
