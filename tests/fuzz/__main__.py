"""`make fuzz`: nonsense for new nodes until the time is up, and how it was answered, as one JSON object.

`python -m tests.fuzz [--seconds 300] [--seed N] [--rounds 20]`; progress on stderr. A seed and its rounds make the same
requests again; each further node has the next seed. Ends at the first wrong answer, which is told with its seed.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections import Counter

import trio
from trio.testing import MockClock

from tests.fuzz.campaign import campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Send nonsense to nodes.")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=20, help="how often each method is tried on one node")
    options = parser.parse_args()
    first = secrets.randbits(32) if options.seed is None else options.seed
    told: Counter[int] = Counter()
    end, seed = time.monotonic() + options.seconds, first
    while time.monotonic() < end:
        try:
            told += trio.run(campaign, seed, options.rounds, clock=MockClock(autojump_threshold=0.01))
        except BaseException:
            print(f"again: --seed {seed} --rounds {options.rounds}", file=sys.stderr)
            raise
        print(f"seed {seed}: {told.total()} answers", file=sys.stderr, flush=True)
        seed += 1
    answers = {str(code): count for code, count in sorted(told.items())}
    print(json.dumps({"seed": first, "nodes": seed - first, "answers": told.total(), "by_code": answers}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
