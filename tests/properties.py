"""`make properties`: the stateful tests of jobs, stakes, receipts, tokens, dividends, curves and the whole market.

`python -m tests.properties [--minutes 10] [--steps 80] [--seed N]`: examples by ever new seeds, one machine after the
other, until the time is over; one JSON object at the end. What fails is printed, shrunk, with the seed that finds it
again, and ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections import Counter
from time import monotonic

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.pallets.test_assets_stateful import Tokens
from tests.pallets.test_curves_stateful import Markets
from tests.pallets.test_dao_stateful import Votes
from tests.pallets.test_dividends_stateful import Earnings
from tests.pallets.test_jobs_stateful import JobLives
from tests.pallets.test_market_stateful import Market
from tests.pallets.test_receipts_stateful import ReceiptLives
from tests.pallets.test_stake_stateful import Stakes
from tests.pallets.test_triggers_stateful import Reactions

MACHINES: dict[str, type[RuleBasedStateMachine]] = {
    "market": Market,
    "jobs": JobLives,
    "stakes": Stakes,
    "receipts": ReceiptLives,
    "tokens": Tokens,
    "curves": Markets,
    "dividends": Earnings,
    "votes": Votes,
    "triggers": Reactions,
}
EXAMPLES = 50
"""Of a seed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.properties", description="Try properties of the market.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--steps", type=int, default=80, help="of an example")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--machines", nargs="+", choices=MACHINES, default=list(MACHINES))
    given = parser.parse_args()
    first = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    terms = settings(
        max_examples=EXAMPLES,
        stateful_step_count=given.steps,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    tried, number, until = Counter[str](), first, monotonic() + 60 * given.minutes
    while monotonic() < until:
        for name in given.machines:
            print(f"{name}, seed {number}", file=sys.stderr, flush=True)
            run_state_machine_as_test(seed(number)(MACHINES[name]), settings=terms)
            tried[name] += EXAMPLES
        number += 1
    print(json.dumps({"seeds": [first, number - 1], "steps": given.steps, "examples": tried}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
