"""How fast a worker is: the gas that its sandbox runs in a time, reported to the chain.

A loop runs in the sandbox until its gas is used up: the same work on every machine. The time is this process's own, so
that it doesn't matter how the chain makes its blocks; of several runs the shortest counts, for whatever else the
machine does only makes one longer. It is measured while the worker has no job, once it serves: a start isn't held up.

The chain takes a report once an attestation and once an hour; until the first one a worker counts as half as fast as
the reference machine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf

import trio

from offchain import records
from offchain.chain import IN_POOL, Chain, ChainError, refusal_of
from offchain.execution import SandboxPool
from offchain.keys import WorkerKeys
from offchain.rpc import CallFailed, ConnectionLost
from offchain.sandbox.base import Abstained, Context, Limits, PoolFull
from offchain.standing import Standing
from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.worker import benchmark_bytes
from pallets.primitives.worker_record import Worker, WorkerState

WORK = 80_000_000
"""Gas of one run: about 20 milliseconds."""
RUNS = 3
PROGRAM = b"let x = 1; for (;;) x = (x * 48271 + 11) % 2147483647"
LONGEST_RUN = 10.0
INTERVAL = 3_600_000
"""Milliseconds between two reports, as the chain takes them."""
PAUSE = 60.0
"""Seconds until what couldn't be measured or reported is tried again."""


def report_due(record: Worker | None, attestation: WorkerAttestation | None) -> int | None:
    """From when on, in milliseconds of chain time, a report is due; `None` while none is, or the worker has a job."""
    if record is None or attestation is None or record.state is not WorkerState.Idle:
        return None
    if not record.speed_at:
        return 0
    return record.speed_at + INTERVAL if attestation.attested_at > record.speed_at else None


class Benchmark:
    """Measures and reports one worker's speed; `stopwatch` is this process's clock, in seconds."""

    def __init__(
        self,
        chain: Chain,
        keys: WorkerKeys,
        sandbox: SandboxPool,
        standing: Standing,
        stopwatch: Callable[[], float],
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._chain, self._keys, self._sandbox, self._standing = chain, keys, sandbox, standing
        self._stopwatch, self._log = stopwatch, log

    async def run(self) -> None:
        """Reports whenever the chain takes it, until cancelled."""
        standing, not_before = self._standing, -inf
        while True:
            changed = standing.changed
            due = report_due(standing.record, standing.attestation)
            wait = inf if due is None else max((due - standing.now()) / 1000, not_before - trio.current_time())
            if wait <= 0:
                try:
                    await self._report()
                except (ChainError, CallFailed, ConnectionLost, PoolFull) as error:
                    self._log.info("its speed could not be reported: %s", error)
                not_before = trio.current_time() + PAUSE
                wait = PAUSE
            with trio.move_on_after(wait):
                await changed.wait()

    async def _report(self) -> None:
        elapsed = await self._measure()
        if elapsed is None:
            return
        head, worker = await self._chain.best(), self._keys.worker_key
        signed = benchmark_bytes(self._chain.genesis, worker, WORK, elapsed, head.number, head.hash)
        call = records.report_benchmark(worker, WORK, elapsed, head.number, head.hash, self._keys.sign(signed))
        try:
            await self._chain.submit_bare(call)
        except CallFailed as error:
            if error.code not in IN_POOL:
                raise ChainError(refusal_of(error) or str(error)) from None
        self._log.info("reports its speed: %d units of gas in %d ms", WORK, elapsed)

    async def _measure(self) -> int | None:
        """The milliseconds that the work took; `None` where the sandbox couldn't do it."""
        limits = Limits(gas=WORK, wall_seconds=LONGEST_RUN)
        times = list[float]()
        for _ in range(RUNS):
            started = self._stopwatch()
            outcome = await self._sandbox.run(PROGRAM, b"", limits, Context(block_time_ms=0, seed=b""))
            times.append(self._stopwatch() - started)
            if isinstance(outcome, Abstained) or outcome.gas != WORK:
                self._log.warning("its speed could not be measured: %s", outcome)
                return None
        return max(round(min(times) * 1000), 1)
