"""`make crash`: kills nodes, and says what that did, as one JSON object.

`python -m tests.crash [--kills 200] [--seed N] [--keep DIRECTORY]`; progress on stderr, exit code 1 where anything is
lost or torn. The seed makes the same plans and calls; when a random kill meets which instruction is the machine's.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from pathlib import Path
from tempfile import mkdtemp

from tests.crash.campaign import campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description="Kill nodes, and look what is left.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--keep", type=Path, default=None, help="where damaged databases are kept; else a new directory"
    )
    given = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    kept = given.keep or Path(mkdtemp(prefix="fathom-crash-"))
    summary = campaign(given.kills, seed, kept, lambda line: print(line, file=sys.stderr, flush=True))
    print(json.dumps(summary))
    return 1 if summary["lost"] or summary["torn"] or summary["unexpected"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
