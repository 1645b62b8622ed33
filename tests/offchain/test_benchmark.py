"""A worker's speed: when it is measured, and what is reported of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from offchain.benchmark import INTERVAL, PROGRAM, RUNS, WORK, report_due
from offchain.sandbox.base import Abstained, Context, Failure, Limits, Outcome, OutOfGas, World
from pallets.primitives.worker_record import WorkerState
from pallets.workers.pallet import Workers
from tests.offchain.real_node import ECHO, InlineSandbox, Scene, worker_of
from tests.offchain.test_standing import attestation, record


def test_a_report_is_due_once_an_attestation_and_once_an_hour() -> None:
    assert report_due(None, None) is None and report_due(record(), None) is None
    assert report_due(record(), attestation(at=5)) == 0
    reported = replace(record(), speed_at=1_000)
    assert report_due(reported, attestation(at=1_000)) is None
    assert report_due(reported, attestation(at=1_001)) == 1_000 + INTERVAL == 3_601_000
    for state in set(WorkerState) - {WorkerState.Idle}:
        assert report_due(record(state), attestation(at=5)) is None


class Timed(InlineSandbox):
    """A sandbox that answers the benchmark at once, after what the stopwatch says."""

    def __init__(self, real: InlineSandbox, seconds: list[float]) -> None:
        super().__init__(real.sandbox)
        self.seconds, self.ran, self.time = seconds, count(), 0.0

    async def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
    ) -> Outcome:
        if code != PROGRAM:
            return await super().run(code, input, limits, context)
        assert limits.gas == WORK
        turn = next(self.ran)
        if turn >= len(self.seconds):
            return Abstained("its process died")
        self.time += self.seconds[turn]
        return Failure(OutOfGas("out of gas"), WORK)


async def test_the_shortest_run_counts(scene: Scene, inline: InlineSandbox) -> None:
    reference_ms = WORK / scene.state.workers.reference_speed
    sandbox = Timed(inline, [reference_ms / 100, reference_ms / 500, reference_ms / 10])
    assert len(sandbox.seconds) == RUNS
    async with worker_of(scene.node.ws_url, sandbox, stopwatch=lambda: sandbox.time) as running:
        report = await scene.seen(Workers.Benchmarked, worker=running.worker_key)
    assert (report.speed, next(sandbox.ran)) == (500, RUNS)


async def test_a_worker_that_cant_be_measured_serves_all_the_same(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, Timed(inline, [])) as running:
        assert await scene.settled(agent) == b"hello!"
    assert scene.state.workers.worker[running.worker_key].speed_at == 0


async def test_the_real_sandbox_runs_all_of_the_work(inline: InlineSandbox) -> None:
    outcome = await inline.run(PROGRAM, b"", Limits(gas=WORK, wall_seconds=10), Context(block_time_ms=0, seed=b""))
    assert isinstance(outcome, Failure) and isinstance(outcome.reason, OutOfGas) and outcome.gas == WORK
