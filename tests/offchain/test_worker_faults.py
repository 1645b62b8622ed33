"""Workers when something breaks: crashes, lost connections, a node that lies, a chain that is gone."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import trio

from node.config import NodeConfig
from node.service import RunningNode
from node.web import WebSocket, connect_websocket
from offchain.journal import JOURNAL_FILE, open_journal
from offchain.sandbox.base import Context, Limits, Outcome, World
from offchain.sandbox.pool import Pool
from offchain.worker import Effects, WorkerConfig, serve
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.workers.pallet import Workers
from tests.offchain.hearing import PATIENCE, Lines
from tests.offchain.real_node import (
    ECHO,
    OPERATOR,
    SPEC,
    STAKE,
    CutConnection,
    InlineSandbox,
    Scene,
    entropy,
    real_node,
    scene_of,
    worker_of,
)

BUSY = b"for (let i = 0; i < 5e6; i++); scriptOutput = 'done'"
COMMIT = b"\x04\x16\x01"  # a bare extrinsic, pallet 22, call 1


async def test_signed_before_a_crash_is_what_is_sent_after_it(
    scene: Scene, inline: InlineSandbox, tmp_path: Path
) -> None:
    """The connection dies at the very moment when the commit should leave, and the worker with it."""
    agent = await scene.deploy(ECHO)
    cut = CutConnection(scene.node.ws_url, COMMIT)

    async with worker_of(scene.node.ws_url, inline, base_path=tmp_path, connect=cut.connect) as before:
        id = await scene.submit(agent, b"hello")
        with trio.fail_after(PATIENCE):
            await cut.happened.wait()
    assert not scene.all(Jobs.Committed)
    with open_journal(tmp_path / JOURNAL_FILE) as journal:
        kept = journal.signed(before.worker_key, id, 1)
    assert kept is not None
    async with worker_of(scene.node.ws_url, NeverRuns(inline.runtime_id), base_path=tmp_path):
        await scene.seen(Jobs.Settled, job=id)
    (commit,) = (each for each in scene.extrinsics if COMMIT in each[:7])
    assert commit.endswith(kept.signature)


class NeverRuns:
    """The sandbox of a worker that has nothing left to run."""

    def __init__(self, runtime_id: bytes) -> None:
        self.runtime_id = runtime_id

    async def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
    ) -> Outcome:
        raise AssertionError("what is signed isn't run again")

    def lend(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


async def test_an_abstention_is_not_a_vote(scene: Scene, pool: Pool, lines: Lines) -> None:
    """A sandbox process that dies in the middle leaves the attempt to its deadline; the next one succeeds."""
    agent = await scene.deploy(BUSY)
    runs = 0

    class Killed(NeverRuns):
        async def run(
            self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
        ) -> Outcome:
            nonlocal runs
            if code != BUSY:  # the worker measures its speed
                return await pool.run(code, input, limits, context)
            runs += 1
            (pid,) = pool.pids
            async with trio.open_nursery() as nursery:
                if runs == 1:
                    nursery.start_soon(kill, pid)
                return await pool.run(code, input, limits, context)

    async def kill(pid: int) -> None:
        await trio.sleep(0.02)
        os.kill(pid, signal.SIGKILL)

    async with worker_of(scene.node.ws_url, Killed(pool.runtime_id)) as running:
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


async def test_code_with_another_hash_is_refused(scene: Scene, inline: InlineSandbox, lines: Lines) -> None:
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

    async with worker_of(scene.node.ws_url, inline, connect=connect):
        id = await scene.submit(agent, b"hello")
        await scene.seen(Jobs.Assigned, job=id)
        await lines.seen("refuses job")
        lying = False
        await scene.travel(16_000)
        await scene.seen(Jobs.Settled, job=id, output=blake2_256(b"hello!"))
    assert f"refuses job {id}, attempt 1: the node's code 0x{blake2_256(ECHO).hex()} has another hash" in lines.text
    assert len(scene.all(Jobs.Committed)) == 1


async def test_a_restarted_node_is_found_again(inline: InlineSandbox, tmp_path: Path, lines: Lines) -> None:
    config = NodeConfig(SPEC, tmp_path / "node", rpc_port=0)
    async with trio.open_nursery() as nursery:
        async with real_node(config) as node, scene_of(node) as scene:
            agent = await scene.deploy(ECHO)
            running = await nursery.start(_worker_at, node, inline)
            id = await scene.submit(agent, b"hello")
            await scene.seen(Jobs.Settled, job=id)
        again = NodeConfig(SPEC, tmp_path / "node", rpc_port=node.rpc_port)
        async with real_node(again) as node, scene_of(node) as scene:
            assert await scene.settled(agent, b"again") == b"again!"
            assert scene.all(Jobs.Committed, worker=running.worker_key)
        nursery.cancel_scope.cancel()
    assert "trying again in 0.25 s" in lines.text


async def test_a_chain_started_anew_gets_a_fresh_key(inline: InlineSandbox, lines: Lines) -> None:
    async with trio.open_nursery() as nursery:
        async with real_node() as node, scene_of(node) as scene:
            agent = await scene.deploy(ECHO)
            running = await nursery.start(_worker_at, node, inline)
            assert await scene.settled(agent) == b"hello!"
        async with real_node(NodeConfig(SPEC, rpc_port=node.rpc_port)) as node, scene_of(node) as scene:
            fresh = await scene.seen(Workers.Registered)
            assert await scene.settled(await scene.deploy(ECHO)) == b"hello!"
        nursery.cancel_scope.cancel()
    assert fresh.worker != running.worker_key and fresh.operator == running.operator
    assert "which was final, is gone" in lines.text


async def _worker_at(node: RunningNode, inline: InlineSandbox, *, task_status: trio.TaskStatus[Any]) -> None:
    effects = Effects(partial(connect_websocket, node.ws_url), entropy(), inline)
    await serve(WorkerConfig(node.ws_url, OPERATOR, STAKE), effects, task_status=task_status)
