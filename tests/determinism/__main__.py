"""`make determinism`: the same jobs, many times under several Pythons: one output, one gas. One JSON object.

`python -m tests.determinism [--runs 500] [--python PATH ...]`; progress on stderr. Exits with 1 where any run differs.

Each run is one in a slot's own process, which is another one after every hundred runs, with an empty cache of compiled
code at first. What a program fetches is answered by one transcript, recorded once. An interpreter that lacks the
project's dependencies gets a virtual environment with the locked ones, in `build/determinism`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from offchain.outside.recording import Recording, Replaying
from offchain.sandbox.base import Abstained, Context, Limits, Outcome
from offchain.sandbox.pool import Pool, open_pool
from pallets.primitives.transcript import TRANSCRIPT, read_transcript
from tests.determinism.outside import FewPages
from tests.determinism.programs import ROOT, Program, programs

KEY = bytes(range(32))
CONTEXT = Context(block_time_ms=1_767_225_600_000, seed=b"one seed", derive_key=KEY)
LIMITS = Limits(gas=10**10, wall_seconds=60, asks=100, ask_bytes=1 << 20, answer_bytes=1 << 20)
RUNS_OF_A_PROCESS = 100
LOCKED = "requirements/run.txt"


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.determinism")
    parser.add_argument("--runs", type=int, default=500, help="of each program under each Python")
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="interpreters, of 3.11 or later")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job is not None:
        print(json.dumps(trio.run(_results, json.loads(Path(options.job).read_text()))))
        return
    found = compared(options.python, options.runs)
    print(json.dumps(found))
    if not found["same"]:
        sys.exit(1)


def compared(pythons: list[str], runs: int) -> dict[str, Any]:
    """What each of `pythons` makes of every program, `runs` times."""
    began = time.monotonic()
    each = programs()
    transcripts = trio.run(_recorded, each)
    job = {"runs": runs, "programs": each, "transcripts": transcripts}
    under: dict[str, Any] = {}
    with TemporaryDirectory() as directory:
        path = Path(directory) / "job.json"
        path.write_text(json.dumps(job))
        for python in pythons:
            command = [_able(python), "-m", "tests.determinism", "--job", str(path)]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
            result = json.loads(done.stdout)
            under[result.pop("python")] = result
            print(f"{python}: {sum(map(len, result['outcomes'].values()))} outcomes", file=sys.stderr)
    outcomes = {name: {tuple(o) for u in under.values() for o in u["outcomes"][name]} for name in each}
    runtimes = {result["runtime"] for result in under.values()}
    return {
        "runs": runs * len(each) * len(under),
        "pythons": list(under),
        "runtime_ids": sorted(runtimes),
        "outcomes": {name: [list(outcome[:3]) for outcome in sorted(found)] for name, found in outcomes.items()},
        "same": len(runtimes) == 1 and all(len(found) == 1 for found in outcomes.values()),
        "seconds": round(time.monotonic() - began),
    }


async def _recorded(each: dict[str, Program]) -> dict[str, str]:
    transcripts = {}
    async with open_pool(slots=1, waiting=0, cache=None) as pool:
        for name, program in each.items():
            if program.fetches:
                world = Recording(FewPages(), CONTEXT)
                await pool.run(program.code.encode(), program.input.encode(), LIMITS, CONTEXT, world)
                transcripts[name] = TRANSCRIPT.encode(world.transcript).hex()
    return transcripts


async def _results(job: dict[str, Any]) -> dict[str, Any]:
    """What this Python makes of a job: how often there was which outcome."""
    outcomes: dict[str, Counter[tuple[str, int, str]]] = {name: Counter() for name in job["programs"]}
    runtime = ""
    with TemporaryDirectory() as cache:
        for at in range(0, job["runs"], RUNS_OF_A_PROCESS):
            async with open_pool(slots=1, waiting=0, cache=Path(cache) / "compiled") as pool:
                runtime = pool.runtime_id.hex()
                for _ in range(min(RUNS_OF_A_PROCESS, job["runs"] - at)):
                    for name, program in job["programs"].items():
                        transcript = job["transcripts"].get(name)
                        outcomes[name][await _outcome(pool, Program(*program), transcript)] += 1
    return {
        "python": sys.version.split()[0],
        "runtime": runtime,
        "outcomes": {name: [[*outcome, count] for outcome, count in found.items()] for name, found in outcomes.items()},
    }


async def _outcome(pool: Pool, program: Program, transcript: str | None) -> tuple[str, int, str]:
    code, input = program.code.encode(), program.input.encode()
    if transcript is None:
        return _told(await pool.run(code, input, LIMITS, CONTEXT), b"")
    world = Replaying(read_transcript(bytes.fromhex(transcript)))
    outcome = await pool.run(code, input, LIMITS, world.context(KEY), world)
    world.finish()
    return _told(outcome, b"".join(part.head + part.body for part in world.emitted))


def _told(outcome: Outcome, emitted: bytes) -> tuple[str, int, str]:
    """What is voted on, and the log and the stack with it, as hashes."""
    if isinstance(outcome, Abstained):
        return outcome.reason, 0, ""
    stack = getattr(getattr(outcome, "reason", None), "stack", "")
    beside = json.dumps([*outcome.logs, stack]).encode()
    return _short_hash(emitted + outcome.output), outcome.gas, _short_hash(beside)


def _short_hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _able(python: str) -> str:
    """An interpreter of this kind that has what the project depends on."""
    probe = [python, "-c", "import sys, trio, wasmtime, idna, cryptography; print(sys.version_info[:3])"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return python
    told = subprocess.run([python, "-V"], capture_output=True, check=True, text=True).stdout
    place = ROOT / "build/determinism" / told.split()[1]
    made = str(place / "bin/python")
    if not (place / "bin/python").exists():
        print(f"{told.strip()}: installing what is locked into {place}", file=sys.stderr)
        subprocess.run([python, "-m", "venv", place], check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", LOCKED]
    subprocess.run([made, *install], cwd=ROOT, stdout=sys.stderr, check=True)
    return made


if __name__ == "__main__":
    main()
