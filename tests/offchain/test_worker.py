"""Workers that serve a real node in the same process, in real sandboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import orjson
import pytest
import trio

from node.web import WebSocket, connect_websocket
from offchain.execution import run_context
from offchain.sandbox.base import Context, Limits, Outcome, Success, World
from offchain.worker import Effects, WorkerConfig, WorkerError, serve
from pallets.attestation.pallet import Attestation
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import SeatPhase
from pallets.primitives.keys import Keypair
from pallets.primitives.worker_record import WorkerState
from pallets.workers.pallet import Workers
from tests.offchain.hearing import PATIENCE, Lines
from tests.offchain.real_node import (
    ALICE,
    ECHO,
    OPERATOR,
    STAKE,
    UNIT,
    InlineSandbox,
    Scene,
    entropy,
    worker_of,
)

CLOCK = b"scriptOutput = JSON.stringify([scriptArgs[0], Date.now(), Math.random()])"
OPERATOR_KEY = Keypair.from_suri(OPERATOR)
MINUTE = 60_000
YEAR = 365 * 24 * 60 * MINUTE


async def test_a_job_is_run_and_settled(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(CLOCK)
    async with worker_of(scene.node.ws_url, inline) as running:
        id = await scene.submit(agent, b"hello")
        event = await scene.seen(Jobs.Settled, job=id)
    job, output = scene.state.jobs.job[id], scene.state.jobs.output.get(id)
    limits = Limits(gas=job.gas_limit, wall_seconds=20)
    expected = await inline.run(CLOCK, b"hello", limits, run_context(scene.chain.genesis, id, job))
    assert isinstance(expected, Success) and (output, event.gas) == (expected.output, expected.gas)
    assert f'["hello",{job.submitted_at},'.encode() in expected.output
    assert event.output == blake2_256(expected.output) and event.fee == 2 * event.gas
    assert job.outcome is not None and job.outcome.worker == running.worker_key and job.outcome.simulated
    assert running.operator == OPERATOR_KEY.account_id
    assert scene.all(Jobs.Paid, job=id, who=running.operator)
    worker = scene.state.workers.worker[running.worker_key]
    assert (worker.state, worker.kept, worker.missed) == (WorkerState.Idle, 1, 0)


async def test_a_run_that_takes_long_is_acknowledged(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    heard = trio.Event()

    class Slow:
        runtime_id, lend = inline.runtime_id, inline.lend

        async def run(
            self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
        ) -> Outcome:
            if code == ECHO:
                await heard.wait()
            return await inline.run(code, input, limits, context)

    async with worker_of(scene.node.ws_url, Slow()):
        id = await scene.submit(agent, b"hello")
        await scene.seen(Jobs.Acknowledged, job=id)
        assert scene.state.jobs.job[id].seats[0].phase is SeatPhase.Acknowledged
        heard.set()
        await scene.seen(Jobs.Settled, job=id)
    assert len(scene.all(Jobs.Acknowledged)) == 1


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (b"throw new Error('no')", b'{"error":"uncaught-error"'),
        (b"for (;;);", b'{"error":"out-of-gas"'),
        (b"1", b'{"error":"no-output"'),
    ],
)
async def test_a_failing_script_is_a_result(scene: Scene, inline: InlineSandbox, script: bytes, output: bytes) -> None:
    agent = await scene.deploy(script)
    async with worker_of(scene.node.ws_url, inline):
        assert (await scene.settled(agent)).startswith(output)


async def test_several_workers_share_the_jobs(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    url = scene.node.ws_url
    async with worker_of(url, inline) as first, worker_of(url, inline, operator="//Worker//2", seed=2) as second:
        ids = [await scene.submit(agent, str(number).encode()) for number in range(12)]
        for id in ids:
            await scene.seen(Jobs.Settled, job=id)
    assert [scene.state.jobs.output.get(id) for id in ids] == [f"{number}!".encode() for number in range(12)]
    assert {event.worker for event in scene.all(Jobs.Committed)} == {first.worker_key, second.worker_key}


async def test_a_worker_keeps_its_key_and_attests_again_after_a_restart(
    scene: Scene, inline: InlineSandbox, tmp_path: Path
) -> None:
    async with worker_of(scene.node.ws_url, inline, base_path=tmp_path) as before:
        pass
    async with worker_of(scene.node.ws_url, inline, base_path=tmp_path, seed=2) as after:
        assert after == before
        await scene.seen(Attestation.Attested, 2, worker=after.worker_key)
    assert len(scene.all(Workers.Registered)) == 1


async def test_a_gpu_is_shown_with_each_attestation(scene: Scene, inline: InlineSandbox, tmp_path: Path) -> None:
    url, shown = scene.node.ws_url, Attestation.GpuAttested
    async with worker_of(url, inline, base_path=tmp_path, gpu=True) as running:
        key = running.worker_key
        first = (await scene.seen(shown, worker=key)).gpu
        assert (first.model, first.simulated) == ("GH100", True)
    async with worker_of(url, inline, base_path=tmp_path, gpu=True, seed=2):
        again = (await scene.seen(shown, 2, worker=key)).gpu
        assert scene.state.attestation.attested[key].gpu == again
    assert (again.device, again.measurements) == (first.device, first.measurements) and again.block > first.block
    async with worker_of(url, inline, base_path=tmp_path, seed=3):
        await scene.seen(Attestation.Attested, 3, worker=key)
        assert scene.state.attestation.attested[key].gpu is None


async def test_an_assignment_takes_one_read_and_one_submission(
    scene: Scene, inline: InlineSandbox, lines: Lines
) -> None:
    """Besides the code, which is fetched once, and a seat in the committee: the assignment comes by subscription."""
    agent = await scene.deploy(ECHO)
    asked: list[str] = []

    class Counted:
        def __init__(self, socket: WebSocket) -> None:
            self.socket, self.receive = socket, socket.receive

        async def send(self, message: str) -> None:
            asked.append(orjson.loads(message)["method"])
            await self.socket.send(message)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Counted]:
        async with connect_websocket(scene.node.ws_url) as socket:
            yield Counted(socket)

    async with worker_of(scene.node.ws_url, inline, connect=connect):
        await scene.settled(agent, b"the first fetches the code")
        await lines.seen("holds the cluster's secret")
        asked.clear()
        for number in range(5):
            await scene.settled(agent, str(number).encode())
        assert asked == ["state_queryStorageAt", "author_submitExtrinsic"] * 5


async def test_time_travel_leaves_workers_attested_and_serving(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, inline) as running:
        await scene.travel(YEAR)
        await scene.seen(Attestation.Attested, 2, worker=running.worker_key)
        assert await scene.settled(agent) == b"hello!"
    assert scene.state.workers.worker[running.worker_key].missed == 0


async def test_silence_is_broken_once_it_is_noticed(scene: Scene, inline: InlineSandbox) -> None:
    async with worker_of(scene.node.ws_url, inline) as running:
        for _ in range(6):  # challenged meanwhile, and silent for too long before it hears of it
            scene.node.clock.advance_to(scene.node.clock.now_ms() + 50_000)  # short of what the chain excuses
            await scene.node.producer.create_block(create_empty=True)
        await scene.seen(Workers.StateChanged, worker=running.worker_key, new=WorkerState.Unresponsive)
        await scene.seen(Workers.StateChanged, worker=running.worker_key, old=WorkerState.Unresponsive)
        await scene.becomes(running.worker_key, WorkerState.Idle)


async def test_a_measurement_off_the_list_and_back(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, inline) as running:
        attested = scene.state.attestation.attested.get(running.worker_key)
        assert attested is not None
        await scene.sudo("Attestation", "disallow_measurement", measurement=attested.measurement)
        id = await scene.submit(agent, b"hello")
        await scene.seen(Workers.StateChanged, worker=running.worker_key, new=WorkerState.Registered)
        await scene.sudo(
            "Attestation", "allow_measurement", measurement=attested.measurement, name=b"dev", version=b"1"
        )
        await scene.seen(Jobs.Settled, job=id)


async def test_a_revoked_key_ends_the_worker(scene: Scene, inline: InlineSandbox) -> None:
    revoked = pytest.RaisesExc(WorkerError, match="governance revoked the worker's key")
    with pytest.RaisesGroup(revoked, flatten_subgroups=True):
        async with worker_of(scene.node.ws_url, inline) as running:
            await scene.sudo("Attestation", "revoke", worker=running.worker_key)
            await trio.sleep(PATIENCE)


async def test_a_worker_that_is_taken_away_ends(scene: Scene, inline: InlineSandbox, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        config = WorkerConfig(scene.node.ws_url, OPERATOR, STAKE, base_path=tmp_path)
        effects = Effects(partial(connect_websocket, scene.node.ws_url), entropy(), inline)
        running = await nursery.start(serve, config, effects)
        await scene.send(OPERATOR_KEY, "Workers", "exit", worker=running.worker_key)
        await scene.becomes(running.worker_key, WorkerState.CoolingDown)
        with pytest.raises(WorkerError, match="another worker has it open"):
            await serve(config, effects)
        await scene.travel(scene.state.workers.unbonding + MINUTE)
        await scene.send(OPERATOR_KEY, "Workers", "withdraw", worker=running.worker_key)
    assert scene.state.workers.worker[running.worker_key].state is WorkerState.Left


async def refused(url: str, inline: InlineSandbox, suri: str, stake: int | None = None) -> str:
    """Why a worker can't start."""
    effects = Effects(partial(connect_websocket, url), entropy(), inline)
    with pytest.raises(WorkerError) as caught:
        await serve(WorkerConfig(url, suri, stake), effects)
    text = str(caught.value)
    assert "\n" not in text
    return text


async def test_what_an_operator_can_mend_is_one_line(scene: Scene, inline: InlineSandbox) -> None:
    url = scene.node.ws_url
    poor = Keypair.from_suri("//Poor")
    assert "has 0, and the stake is 100000000000000: fund it first" in await refused(url, inline, "//Poor")
    await scene.send(ALICE, "Balances", "transfer_keep_alive", dest=poor.account_id, value=100 * UNIT)
    assert "FundsUnavailable" in await refused(url, inline, "//Poor")
    assert "Workers.StakeTooLow: The stake is below" in await refused(url, inline, OPERATOR, stake=UNIT)
    assert "cannot connect to 127.0.0.1:1" in await refused("ws://127.0.0.1:1", inline, OPERATOR)
    assert "is not of the form ws://host:port" in await refused("http://127.0.0.1", inline, OPERATOR)
    secret = "these words are secret and make no mnemonic at all"
    assert "secret" not in await refused(url, inline, secret)
    await scene.sudo(
        "Attestation", "disallow_measurement", measurement=next(iter(scene.state.attestation.measurements))
    )
