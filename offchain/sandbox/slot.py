"""The program of one worker slot: `python -m offchain.sandbox.slot CACHE MEMORY_BYTES`, started by `pool`.

It starts the engine, gives up what a process can give up by resource limits, says that it is ready, and then answers
jobs from its standard input on its standard output until the input ends. A script that broke out of the engine would
find itself here: unable to open a file or a socket, to write one, or to start a process or thread.

Out of scope
    Namespaces and system-call filters, which Python's standard library does not offer on every supported version.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from offchain.sandbox import pure_ops
from offchain.sandbox.base import Abstained, Answer, Ask, Context, Limits, Outcome, SandboxError, WrongAnswer
from offchain.sandbox.engine_thread import THREAD_STACK
from offchain.sandbox.frames import Job, pack, pack_asks, pack_outcome, unpack, unpack_answer, unpack_job
from offchain.sandbox.ink.sandbox import ContractSandbox, is_contract
from offchain.sandbox.javascript import JavaScriptSandbox, OutOfTime
from offchain.sandbox.slot_guard import SIGNALS, FrameReader, WallGuard

ADDRESS_SPACE = 16 << 30  # wasmtime reserves 4 GiB of addresses for a memory, whatever its limit
INTERPRETER_MEMORY = 512 << 20
"""For Python and the engine's code. Ample: a memory that could not grow for want of this would change a result."""
CPU_SLACK_SECONDS = 2
START_SECONDS = 60.0


def main() -> None:
    """Serve jobs until standard input ends."""
    cache, memory_bytes = sys.argv[1], int(sys.argv[2])
    jobs = FrameReader(sys.stdin.fileno())
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing but frames may reach the pool
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # in every thread: `WallGuard` waits for them
    try:
        sandbox = JavaScriptSandbox(Path(cache) if cache else None)
        contracts = sandbox.thread.run(ContractSandbox, START_SECONDS)
    except SandboxError as error:
        answers.write(pack(b"failed", str(error).encode()))
        answers.flush()
        sys.exit(1)
    _touch_everything(sandbox)
    sandbox.thread.run(contracts.load, START_SECONDS)
    _give_up_rights(memory_bytes)
    answers.write(pack(b"ready", sandbox.runtime_id))
    answers.flush()

    def interrupt() -> None:
        sandbox.interrupt()
        contracts.interrupt()

    guard = WallGuard(interrupt)
    guard.watch(sandbox.thread, _Server(sandbox, contracts, guard, jobs, answers).serve)


class _Server:
    """Serves one job after another, on the engine's thread."""

    def __init__(
        self,
        sandbox: JavaScriptSandbox,
        contracts: ContractSandbox,
        guard: WallGuard,
        jobs: FrameReader,
        answers: BinaryIO,
    ) -> None:
        self._sandbox = sandbox
        self._contracts = contracts
        self._guard = guard
        self._jobs = jobs
        self._answers = answers

    def serve(self) -> None:
        """Serve until the jobs end."""
        while (body := self._jobs.frame()) is not None:
            parts = unpack(body)
            if parts == [b"abort"]:
                self._guard.cancellation_heard()
                continue
            self._send(pack_outcome(self._outcome(unpack_job(parts))))

    def _outcome(self, job: Job) -> Outcome:
        seconds = job.limits.wall_seconds
        _allow_cpu(seconds)
        self._guard.begin(seconds)
        try:
            outside = self._turn if job.has_world else None
            run = self._contracts.run if is_contract(job.code) else self._sandbox.run_here
            return run(job.code, job.input, job.limits, job.context, outside)
        except WrongAnswer as error:
            return Abstained(str(error))
        finally:
            self._guard.end()

    def _turn(self, asks: Sequence[Ask]) -> Answer:
        self._send(pack_asks(asks))
        if not self._jobs.ready(self._guard.seconds_left):
            raise OutOfTime("the world did not answer in time")
        body = self._jobs.frame()
        answer = unpack_answer(unpack(body)) if body is not None else None
        if answer is None:  # all that the pool sends in an answer's place is an abort
            self._guard.cancellation_heard()
            raise OutOfTime("the run was cancelled")
        return answer

    def _send(self, frame: bytes) -> None:
        self._answers.write(frame)
        self._answers.flush()


def _touch_everything(sandbox: JavaScriptSandbox) -> None:
    """Run a success and a failure, so that Python has loaded all it needs before it may open no more files."""
    limits = Limits(gas=10**8, wall_seconds=60)
    context = Context(block_time_ms=0, seed=b"")
    scripts = (
        b"console.log(1); scriptOutput = '\\ud800'",  # which Python needs a codec for
        b"throw new Error('x')",
        b"for (;;);",
        b"'use agent'",
    )
    for script in scripts:
        pack_outcome(sandbox.run(script, b"", limits, context))
    pure_ops.load()


def _give_up_rights(memory_bytes: int) -> None:
    ceilings = {
        resource.RLIMIT_NOFILE: 0,  # what is open stays open
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform == "linux":  # elsewhere these count what can't be helped
        ceilings[resource.RLIMIT_AS] = ADDRESS_SPACE
        ceilings[resource.RLIMIT_DATA] = memory_bytes + THREAD_STACK + INTERPRETER_MEMORY
    for kind, ceiling in ceilings.items():
        resource.setrlimit(kind, (ceiling, ceiling))


def _allow_cpu(wall_seconds: float) -> None:
    """Let the kernel end this process if one job takes more processor time than the wall guard would ever allow."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(usage.ru_utime + usage.ru_stime + wall_seconds) + CPU_SLACK_SECONDS
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    main()
