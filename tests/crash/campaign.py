"""Many lives: databases that die a few times each, and are inspected after every death."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from tests.crash.inspection import inspect
from tests.crash.lives import Unexpected, live_and_die
from tests.crash.plans import plan_of
from tests.crash.told import Told

EXECUTED = 3
"""How many of the last blocks are executed again after each death."""


def campaign(kills: int, seed: int, kept: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The figures of so many kills; databases in which something is lost or torn are copied to `kept`."""
    chance, spec = Random(seed), ChainSpec.load(DEV_SPEC)
    counts: Counter[str] = Counter()
    phases: Counter[str] = Counter()
    done = 0
    while done < kills:
        told = Told()
        with TemporaryDirectory(prefix="fathom-crash-") as directory:
            base_path, log = Path(directory) / "base", Path(directory) / "log"
            path = base_path / "chains" / spec.id / "db"
            for death in range(min(chance.randint(5, 12), kills - done)):
                plan = plan_of(chance, done, first=death == 0)
                done += 1
                try:
                    as_planned = live_and_die(base_path, plan, told, chance, log)
                except Unexpected as error:
                    counts["unexpected"] += 1
                    say(f"kill {done}: {error}")
                    break
                phases[plan.name] += as_planned
                counts["late"] += not as_planned
                findings = inspect(path, spec, told, EXECUTED)
                say(f"kill {done}: {plan.name}, {len(told.headers)} blocks told{'' if as_planned else ', late'}")
                counts["lost"] += len(findings.lost)
                counts["torn"] += len(findings.torn)
                for sentence in findings.lost:
                    say(f"LOST after {plan}: {sentence}")
                for sentence in findings.torn:
                    say(f"TORN after {plan}: {sentence}")
                if findings.lost or findings.torn:
                    shutil.copytree(directory, kept / f"kill-{done}", dirs_exist_ok=True)
                    say(f"kept in {kept / f'kill-{done}'}")
                    break
        counts["blocks"] += len(told.headers)
    return {
        "kills": done,
        "lost": counts["lost"],
        "torn": counts["torn"],
        "unexpected": counts["unexpected"],
        "late": counts["late"],
        "blocks": counts["blocks"],
        "seed": seed,
        "moments": dict(sorted(phases.items())),
    }
