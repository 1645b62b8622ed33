"""Where a node's processor time goes, by stage.

## Overview

`python -m node.bench.stages FILE node …` is `fathom node …` under a sampling profiler: a timer interrupts the main
thread a thousand times a second, and the processor time that the thread has used since the last time counts for the
stage of the innermost Python frame that has one. Garbage collections are timed exactly, and are a stage of their own.
Counting starts at SIGUSR1 and ends at SIGUSR2. When the node ends, the counts go to FILE, as JSON that `Samples` reads.

A signal is handled between two bytecodes, so time in compiled code (a signature, a write to the database) counts for
the function that called it, which is what is wanted here.

## Out of scope

How much time it is in all: that is taken from a node without the profiler, which costs a few percent itself. Threads
other than the main one, which are the database's.
"""

from __future__ import annotations

import gc
import json
import runpy
import signal
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

INTERVAL_SECONDS = 0.001
START, STOP = signal.SIGUSR1, signal.SIGUSR2

RULES: tuple[tuple[str, str, str], ...] = (
    # part of a path, start of a function's name, stage; the first that fits a frame
    ("pallets/primitives/keys.py", "verify_", "verify"),
    ("node/verifier", "", "verify"),
    ("node/state/db", "", "database"),
    ("node/state/trie", "", "trie"),
    ("node/state/node_codec", "", "trie"),
    ("node/state/native", "", "trie"),
    ("node/state/", "", "database"),
    ("node/chain/pool", "", "pool"),
    ("node/executor", "valid", "validate"),
    ("node/executor", "_over", "execute"),
    ("node/executor", "apply", "execute"),
    ("node/executor", "inherents", "execute"),
    ("node/executor", "build", "execute"),
    ("node/executor", "finalize", "execute"),
    ("node/executor", "execute", "execute"),
    ("node/executor", "call", "execute"),
    ("node/chain/transactions", "", "pool"),
    ("node/report", "", "report"),
    ("node/dev", "", "report"),
    ("node/chain/", "", "block"),
    ("node/rpc/", "", "rpc"),
    ("node/web/", "", "rpc"),
    ("site-packages/trio/", "", "rpc"),
)
STAGES = ("rpc", "validate", "verify", "pool", "execute", "trie", "database", "block", "report", "gc", "other")


@dataclass(frozen=True)
class Samples:
    """Seconds by stage, and by function (`stage path:function`)."""

    stages: dict[str, float]
    functions: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> Samples:
        return cls(**json.loads(path.read_text()))

    def __add__(self, other: Samples) -> Samples:
        return Samples(_sum(self.stages, other.stages), _sum(self.functions, other.functions))

    def split(self, total: float) -> dict[str, float]:
        """`total` divided among all stages as the seconds are."""
        whole = sum(self.stages.values()) or 1.0
        return {stage: total * self.stages.get(stage, 0.0) / whole for stage in STAGES}

    def top(self, total: float, count: int) -> dict[str, float]:
        """The functions with the largest parts of `total`."""
        whole = sum(self.stages.values()) or 1.0
        largest = sorted(self.functions.items(), key=lambda item: -item[1])[:count]
        return {name: total * seconds / whole for name, seconds in largest}


def _sum(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in one | other}


class Profiler:
    """Counts the processor time of this process's main thread."""

    def __init__(self) -> None:
        self.samples = Samples({}, {})
        self._counted = time.thread_time()

    def install(self) -> None:
        """From now on, signals start and stop the counting."""
        signal.signal(START, self._start)
        signal.signal(STOP, self._stop)
        signal.signal(signal.SIGALRM, self._on_timer)

    def _start(self, _signal: int, _frame: FrameType | None) -> None:
        self._counted = time.thread_time()
        gc.callbacks.append(self._on_collection)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.callbacks.remove(self._on_collection)

    def _on_timer(self, _signal: int, frame: FrameType | None) -> None:
        if frame is None or frame.f_code is not Profiler._on_collection.__code__:  # which counts by itself
            self._count(*_stage_of(frame))

    def _on_collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._count(*_stage_of(sys._getframe(1)))
        else:
            self._count("gc", "gc")

    def _count(self, stage: str, function: str) -> None:
        now = time.thread_time()
        used, self._counted = now - self._counted, now
        stages, functions = self.samples.stages, self.samples.functions
        stages[stage] = stages.get(stage, 0.0) + used
        functions[function] = functions.get(function, 0.0) + used


def _stage_of(innermost: FrameType | None) -> tuple[str, str]:
    """The stage that a frame belongs to, and the frame's name with it."""
    if innermost is None:
        return "other", "other"
    frame: FrameType | None = innermost
    stage = None
    while frame is not None and stage is None:
        stage = _rule_of(frame.f_code)
        frame = frame.f_back
    stage = stage or "other"
    return stage, f"{stage} {_name_of(innermost.f_code)}"


@cache
def _name_of(code: CodeType) -> str:
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_qualname}"


@cache
def _rule_of(code: CodeType) -> str | None:
    fits = (stage for path, function, stage in RULES if path in code.co_filename and code.co_name.startswith(function))
    return next(fits, None)


def main() -> None:
    """Runs `python -m node` with the arguments that follow the file's name."""
    target, sys.argv[1:] = Path(sys.argv[1]), sys.argv[2:]
    profiler = Profiler()
    profiler.install()
    try:
        runpy.run_module("node", run_name="__main__", alter_sys=True)
    finally:
        target.write_text(json.dumps(asdict(profiler.samples)))


if __name__ == "__main__":
    main()
