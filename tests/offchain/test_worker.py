"""Workers that serve a real node in the same process, in real sandboxes."""

from __future__ import annotations

from pathlib import Path

from offchain.execution import run_context
from offchain.sandbox.base import Limits, Success
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.pool import Pool
from pallets.jobs import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import Keypair
from pallets.worker_record import WorkerState
from tests.offchain.real_node import OPERATOR, worker_of

CLOCK = b"scriptOutput = JSON.stringify([scriptArgs[0], Date.now(), Math.random()])"


async def test_a_job_is_run_and_settled(scene: Scene, pool: Pool, cache: Path) -> None:
    agent = await scene.deploy(CLOCK)
    async with worker_of(scene.node.ws_url, pool) as running:
        id = await scene.submit(agent, b"hello")
        settled = await scene.seen(Jobs.Settled, job=id)
    job, output = scene.state.jobs.job[id], scene.state.jobs.output.get(id)
    sandbox = JavaScriptSandbox(cache)
    limits = Limits(gas=job.gas_limit, wall_seconds=20)
    expected = sandbox.run(CLOCK, b"hello", limits, run_context(scene.chain.genesis, id, job))
    sandbox.close()
    assert isinstance(expected, Success) and (output, settled.gas) == (expected.output, expected.gas)
    assert f'["hello",{job.submitted_at},'.encode() in expected.output
    assert settled.output == blake2_256(expected.output) and settled.fee == 2 * settled.gas
    assert job.outcome is not None and job.outcome.worker == running.worker_key and job.outcome.simulated
    operator = Keypair.from_suri(OPERATOR).account_id
    assert running.operator == operator
    assert scene.all(Jobs.Paid, job=id, who=operator)
    worker = scene.state.workers.worker[running.worker_key]
    assert (worker.state, worker.kept, worker.missed) == (WorkerState.Idle, 1, 0)
