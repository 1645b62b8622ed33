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
import sys
from pathlib import Path
from typing import BinaryIO

from offchain.sandbox.base import Context, Limits, SandboxError
from offchain.sandbox.engine_thread import THREAD_STACK
from offchain.sandbox.frames import LENGTH, MAX_JOB_FRAME, pack, pack_outcome, unpack_job
from offchain.sandbox.javascript import JavaScriptSandbox

ADDRESS_SPACE = 16 << 30  # wasmtime reserves 4 GiB of addresses for a memory, whatever its limit
INTERPRETER_MEMORY = 512 << 20
"""For Python and the engine's code. Ample: a memory that could not grow for want of this would change a result."""
CPU_SLACK_SECONDS = 2


def main() -> None:
    """Serve jobs until standard input ends."""
    cache, memory_bytes = sys.argv[1], int(sys.argv[2])
    jobs = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing but frames may reach the pool
    try:
        sandbox = JavaScriptSandbox(Path(cache) if cache else None)
    except SandboxError as error:
        answers.write(pack(b"failed", str(error).encode()))
        answers.flush()
        sys.exit(1)
    _touch_everything(sandbox)
    _give_up_rights(memory_bytes)
    answers.write(pack(b"ready", sandbox.runtime_id))
    answers.flush()
    _serve(sandbox, jobs, answers)


def _serve(sandbox: JavaScriptSandbox, jobs: BinaryIO, answers: BinaryIO) -> None:
    while head := jobs.read(LENGTH.size):
        length = int(LENGTH.unpack(head)[0])
        if length > MAX_JOB_FRAME:
            sys.exit("a job is too large")
        code, input, limits, context = unpack_job(jobs.read(length))
        _allow_cpu(limits.wall_seconds)
        answers.write(pack_outcome(sandbox.run(code, input, limits, context)))
        answers.flush()


def _touch_everything(sandbox: JavaScriptSandbox) -> None:
    """Run a success and a failure, so that Python has loaded all it needs before it may open no more files."""
    limits = Limits(gas=10**8, wall_seconds=60)
    context = Context(block_time_ms=0, seed=b"")
    for script in (b"console.log(1); scriptOutput = 'x'", b"throw new Error('x')", b"for (;;);"):
        pack_outcome(sandbox.run(script, b"", limits, context))


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
