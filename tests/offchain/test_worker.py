"""Workers that serve a real node in the same process, in real sandboxes."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from node.config import NodeConfig
from node.service import RunningNode
from node.web import WebSocket, connect_websocket
from node.web.errors import ConnectionClosed
from offchain.execution import run_context
from offchain.journal import JOURNAL_FILE, open_journal
from offchain.sandbox.base import Context, Limits, Outcome, Success
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.pool import Pool
from offchain.worker import Effects, WorkerConfig, WorkerError, serve
from pallets.attestation import Attestation
from pallets.jobs import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import Keypair
from pallets.worker_record import WorkerState
from pallets.workers import Workers
from tests.offchain.real_node import (
    ALICE,
    ECHO,
    OPERATOR,
    PATIENCE,
    SPEC,
    UNIT,
    Scene,
    entropy,
    real_node,
    scene_of,
    worker_of,
)

CLOCK = b"scriptOutput = JSON.stringify([scriptArgs[0], Date.now(), Math.random()])"
BUSY = b"for (let i = 0; i < 5e6; i++); scriptOutput = 'done'"
COMMIT = b"\x04\x16\x01"  # a bare extrinsic, pallet 22, call 1
OPERATOR_KEY = Keypair.from_suri(OPERATOR)
MINUTE = 60_000
YEAR = 365 * 24 * 60 * MINUTE


class Lines(logging.Handler):
    """What the workers say."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.text = ""
        self._more = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage() + "\n"
        self._more.set()
        self._more = trio.Event()

    async def seen(self, text: str) -> None:
        """Waits for a line that has this in it."""
        with trio.fail_after(PATIENCE):
            while text not in self.text:
                await self._more.wait()


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger("offchain")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


async def settled(scene: Scene, agent: int, input: bytes = b"hello") -> bytes:
    """A job's output."""
    id = await scene.submit(agent, input)
    await scene.seen(Jobs.Settled, job=id)
    output = scene.state.jobs.output.get(id)
    assert output is not None
    return output


async def state_of(scene: Scene, worker: bytes, state: WorkerState) -> None:
    """Waits until the worker is in a state."""
    with trio.fail_after(PATIENCE):
        async with scene.node.chain.imported.subscribe() as blocks:
            while scene.state.workers.worker[worker].state is not state:
                await anext(aiter(blocks))


async def test_a_job_is_run_and_settled(scene: Scene, pool: Pool, cache: Path) -> None:
    agent = await scene.deploy(CLOCK)
    async with worker_of(scene.node.ws_url, pool) as running:
        id = await scene.submit(agent, b"hello")
        event = await scene.seen(Jobs.Settled, job=id)
    job, output = scene.state.jobs.job[id], scene.state.jobs.output.get(id)
    sandbox = JavaScriptSandbox(cache)
    limits = Limits(gas=job.gas_limit, wall_seconds=20)
    expected = sandbox.run(CLOCK, b"hello", limits, run_context(scene.chain.genesis, id, job))
    sandbox.close()
    assert isinstance(expected, Success) and (output, event.gas) == (expected.output, expected.gas)
    assert f'["hello",{job.submitted_at},'.encode() in expected.output
    assert event.output == blake2_256(expected.output) and event.fee == 2 * event.gas
    assert job.outcome is not None and job.outcome.worker == running.worker_key and job.outcome.simulated
    assert running.operator == OPERATOR_KEY.account_id
    assert scene.all(Jobs.Paid, job=id, who=running.operator)
    worker = scene.state.workers.worker[running.worker_key]
    assert (worker.state, worker.kept, worker.missed) == (WorkerState.Idle, 1, 0)


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (b"throw new Error('no')", b'{"error":"uncaught-error"'),
        (b"for (;;);", b'{"error":"out-of-gas"'),
        (b"1", b'{"error":"no-output"'),
    ],
)
async def test_a_failing_script_is_a_result(scene: Scene, pool: Pool, script: bytes, output: bytes) -> None:
    agent = await scene.deploy(script)
    async with worker_of(scene.node.ws_url, pool):
        assert (await settled(scene, agent)).startswith(output)


async def test_several_workers_share_the_jobs(scene: Scene, pool: Pool) -> None:
    agent = await scene.deploy(ECHO)
    url = scene.node.ws_url
    async with worker_of(url, pool) as first, worker_of(url, pool, operator="//Worker//2", seed=2) as second:
        ids = [await scene.submit(agent, str(number).encode()) for number in range(12)]
        for id in ids:
            await scene.seen(Jobs.Settled, job=id)
    assert [scene.state.jobs.output.get(id) for id in ids] == [f"{number}!".encode() for number in range(12)]
    assert {event.worker for event in scene.all(Jobs.Committed)} == {first.worker_key, second.worker_key}


async def test_a_worker_keeps_its_key_and_attests_again_after_a_restart(
    scene: Scene, pool: Pool, tmp_path: Path
) -> None:
    async with worker_of(scene.node.ws_url, pool, base_path=tmp_path) as before:
        pass
    async with worker_of(scene.node.ws_url, pool, base_path=tmp_path, seed=2) as after:
        assert after == before
        await scene.seen(Attestation.Attested, 2, worker=after.worker_key)
    assert len(scene.all(Workers.Registered)) == 1


async def test_signed_before_a_crash_is_what_is_sent_after_it(scene: Scene, pool: Pool, tmp_path: Path) -> None:
    """The connection dies at the very moment when the commit should leave, and the worker with it."""
    agent = await scene.deploy(CLOCK)
    cut = trio.Event()

    class Cut:
        def __init__(self, socket: WebSocket) -> None:
            self.socket, self.receive = socket, socket.receive

        async def send(self, message: str) -> None:
            if "author_submitExtrinsic" in message and COMMIT.hex() in message:
                cut.set()
                raise ConnectionClosed(1006, "cut")
            await self.socket.send(message)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Cut]:
        async with connect_websocket(scene.node.ws_url) as socket:
            yield Cut(socket)

    async with worker_of(scene.node.ws_url, pool, base_path=tmp_path, connect=connect) as before:
        id = await scene.submit(agent, b"hello")
        with trio.fail_after(PATIENCE):
            await cut.wait()
    assert not scene.all(Jobs.Committed)
    with open_journal(tmp_path / JOURNAL_FILE) as journal:
        kept = journal.signed(before.worker_key, id, 1)
    assert kept is not None
    refuses_to_run = NeverRuns(pool)
    async with worker_of(scene.node.ws_url, refuses_to_run, base_path=tmp_path):
        await scene.seen(Jobs.Settled, job=id)
    (commit,) = (each for each in scene.extrinsics if COMMIT in each[:7])
    assert commit.endswith(kept.signature)


class NeverRuns:
    """A pool for a worker that has nothing left to run."""

    def __init__(self, pool: Pool) -> None:
        self.runtime_id = pool.runtime_id

    async def run(self, code: bytes, input: bytes, limits: Limits, context: Context) -> Outcome:
        raise AssertionError("what is signed isn't run again")


async def test_an_abstention_is_not_a_vote(scene: Scene, pool: Pool, lines: Lines) -> None:
    """A sandbox process that dies in the middle leaves the attempt to its deadline; the next one succeeds."""
    agent = await scene.deploy(BUSY)
    runs = 0

    class Killed(NeverRuns):
        async def run(self, code: bytes, input: bytes, limits: Limits, context: Context) -> Outcome:
            nonlocal runs
            runs += 1
            (pid,) = pool.pids
            async with trio.open_nursery() as nursery:
                if runs == 1:
                    nursery.start_soon(kill, pid)
                return await pool.run(code, input, limits, context)

    async def kill(pid: int) -> None:
        await trio.sleep(0.02)
        os.kill(pid, signal.SIGKILL)

    async with worker_of(scene.node.ws_url, Killed(pool)) as running:
        id = await scene.submit(agent, b"")
        assigned = await scene.seen(Jobs.Assigned, job=id)
        await lines.seen("abstains from")
        assert not scene.all(Jobs.Committed)
        await scene.travel(16_000)
        await scene.seen(Jobs.Settled, job=id)
    assert assigned.attempt == 1 and scene.state.jobs.output.get(id) == b"done"
    assert f"abstains from job {id}, attempt 1: the sandbox process failed" in lines.text
    worker = scene.state.workers.worker[running.worker_key]
    assert (worker.kept, worker.missed) == (1, 1)


async def test_code_with_another_hash_is_refused(scene: Scene, pool: Pool, lines: Lines) -> None:
    """The node that the worker asks gives other bytes than the agent's DAO has approved."""
    agent = await scene.deploy(ECHO)
    lying = True

    class Lying:
        def __init__(self, socket: WebSocket) -> None:
            self.socket, self.send = socket, socket.send

        async def receive(self) -> str | bytes | None:
            message = await self.socket.receive()
            return message.replace(*forged) if lying and isinstance(message, str) else message

    forged = (ECHO.hex(), ECHO.replace(b"!", b"?").hex())

    @asynccontextmanager
    async def connect() -> AsyncIterator[Lying]:
        async with connect_websocket(scene.node.ws_url) as socket:
            yield Lying(socket)

    async with worker_of(scene.node.ws_url, pool, connect=connect):
        id = await scene.submit(agent, b"hello")
        await scene.seen(Jobs.Assigned, job=id)
        await lines.seen("refuses job")
        lying = False
        await scene.travel(16_000)
        await scene.seen(Jobs.Settled, job=id, output=blake2_256(b"hello!"))
    assert f"refuses job {id}, attempt 1: the node's code 0x{blake2_256(ECHO).hex()} has another hash" in lines.text
    assert len(scene.all(Jobs.Committed)) == 1


async def test_time_travel_leaves_workers_attested_and_serving(scene: Scene, pool: Pool) -> None:
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, pool) as running:
        await scene.travel(YEAR)
        await scene.seen(Attestation.Attested, 2, worker=running.worker_key)
        assert await settled(scene, agent) == b"hello!"
    assert scene.state.workers.worker[running.worker_key].missed == 0


async def test_silence_is_broken_once_it_is_noticed(scene: Scene, pool: Pool) -> None:
    async with worker_of(scene.node.ws_url, pool) as running:
        for _ in range(2):
            await scene.travel(50_000)  # short of what the chain excuses
        await scene.seen(Workers.StateChanged, worker=running.worker_key, new=WorkerState.Unresponsive)
        await scene.seen(Workers.StateChanged, worker=running.worker_key, old=WorkerState.Unresponsive)
        await state_of(scene, running.worker_key, WorkerState.Idle)


async def test_a_measurement_off_the_list_and_back(scene: Scene, pool: Pool) -> None:
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, pool) as running:
        attested = scene.state.attestation.attested.get(running.worker_key)
        assert attested is not None
        await scene.sudo("Attestation", "disallow_measurement", measurement=attested.measurement)
        id = await scene.submit(agent, b"hello")
        await scene.seen(Workers.StateChanged, worker=running.worker_key, new=WorkerState.Registered)
        await scene.sudo("Attestation", "allow_measurement", measurement=attested.measurement, name=b"dev")
        await scene.seen(Jobs.Settled, job=id)


async def test_a_revoked_key_ends_the_worker(scene: Scene, pool: Pool) -> None:
    revoked = pytest.RaisesExc(WorkerError, match="governance revoked the worker's key")
    with pytest.RaisesGroup(revoked, flatten_subgroups=True):
        async with worker_of(scene.node.ws_url, pool) as running:
            await scene.sudo("Attestation", "revoke", worker=running.worker_key)
            await trio.sleep(PATIENCE)


async def test_a_worker_that_is_taken_away_ends(scene: Scene, pool: Pool, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        config = WorkerConfig(scene.node.ws_url, OPERATOR, base_path=tmp_path)
        effects = Effects(partial(connect_websocket, scene.node.ws_url), entropy(), pool)
        running = await nursery.start(serve, config, effects)
        await scene.send(OPERATOR_KEY, "Workers", "exit", worker=running.worker_key)
        await state_of(scene, running.worker_key, WorkerState.CoolingDown)
        with pytest.raises(WorkerError, match="another worker has it open"):
            await serve(config, effects)
        await scene.travel(11 * MINUTE)
        await scene.send(OPERATOR_KEY, "Workers", "withdraw", worker=running.worker_key)
    assert scene.state.workers.worker[running.worker_key].state is WorkerState.Left


async def test_a_restarted_node_is_found_again(pool: Pool, tmp_path: Path, lines: Lines) -> None:
    config = NodeConfig(SPEC, tmp_path / "node", rpc_port=0)
    async with trio.open_nursery() as nursery:
        async with real_node(config) as node, scene_of(node) as scene:
            agent = await scene.deploy(ECHO)
            running = await nursery.start(_worker_at, node, pool)
            id = await scene.submit(agent, b"hello")
            await scene.seen(Jobs.Settled, job=id)
        again = NodeConfig(SPEC, tmp_path / "node", rpc_port=node.rpc_port)
        async with real_node(again) as node, scene_of(node) as scene:
            assert await settled(scene, agent, b"again") == b"again!"
            assert scene.all(Jobs.Committed, worker=running.worker_key)
        nursery.cancel_scope.cancel()
    assert "trying again in 0.25 s" in lines.text


async def test_a_chain_started_anew_gets_a_fresh_key(pool: Pool, lines: Lines) -> None:
    async with trio.open_nursery() as nursery:
        async with real_node() as node, scene_of(node) as scene:
            agent = await scene.deploy(ECHO)
            running = await nursery.start(_worker_at, node, pool)
            assert await settled(scene, agent) == b"hello!"
        async with real_node(NodeConfig(SPEC, rpc_port=node.rpc_port)) as node, scene_of(node) as scene:
            fresh = await scene.seen(Workers.Registered)
            assert await settled(scene, await scene.deploy(ECHO)) == b"hello!"
        nursery.cancel_scope.cancel()
    assert fresh.worker != running.worker_key and fresh.operator == running.operator
    assert "which was final, is gone" in lines.text


async def _worker_at(node: RunningNode, pool: Pool, *, task_status: trio.TaskStatus[Any]) -> None:
    effects = Effects(partial(connect_websocket, node.ws_url), entropy(), pool)
    await serve(WorkerConfig(node.ws_url, OPERATOR), effects, task_status=task_status)


async def refused(url: str, pool: Pool, suri: str, stake: int | None = None) -> str:
    """Why a worker can't start."""
    effects = Effects(partial(connect_websocket, url), entropy(), pool)
    with pytest.raises(WorkerError) as caught:
        await serve(WorkerConfig(url, suri, stake), effects)
    text = str(caught.value)
    assert "\n" not in text
    return text


async def test_what_an_operator_can_mend_is_one_line(scene: Scene, pool: Pool) -> None:
    url = scene.node.ws_url
    poor = Keypair.from_suri("//Poor")
    assert "has 0, and the stake is 100000000000000: fund it first" in await refused(url, pool, "//Poor")
    await scene.send(ALICE, "Balances", "transfer_keep_alive", dest=poor.account_id, value=100 * UNIT)
    assert "FundsUnavailable" in await refused(url, pool, "//Poor")
    assert "Workers.StakeTooLow: The stake is below" in await refused(url, pool, OPERATOR, stake=UNIT)
    assert "cannot connect to 127.0.0.1:1" in await refused("ws://127.0.0.1:1", pool, OPERATOR)
    assert "is not of the form ws://host:port" in await refused("http://127.0.0.1", pool, OPERATOR)
    secret = "these words are secret and make no mnemonic at all"
    assert "secret" not in await refused(url, pool, secret)
    await scene.sudo(
        "Attestation", "disallow_measurement", measurement=next(iter(scene.state.attestation.measurements))
    )
