"""A real node in the test's own process, clients and workers of it, and agents that run on them."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from node.config import NodeConfig
from node.service import Effects as NodeEffects
from node.service import RunningNode, run_node
from node.web import WebSocket, connect_websocket
from node.web.errors import ConnectionClosed
from offchain.chain import Chain
from offchain.dishonest_seats import Misbehaviour
from offchain.execution import SandboxPool
from offchain.keys import Entropy
from offchain.rpc import Client, Connect
from offchain.sandbox.base import Context, Limits, Outcome, World
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.serving.worlds import WayOut
from offchain.worker import Effects, RunningWorker, WorkerConfig, serve
from pallets.agents.pallet import Agents
from pallets.frame.events import ApplyExtrinsic, DispatchError, Event
from pallets.frame.overlay import DictBackend, Overlay
from pallets.jobs.pallet import Jobs
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import Shares
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.primitives.worker_record import WorkerState
from pallets.runtime import DevRuntime
from pallets.sudo import Sudo
from pallets.system.pallet import System
from tests.offchain.hearing import PATIENCE

E = TypeVar("E", bound=Event)

SPEC = Path(__file__).resolve().parents[2] / "chain_spec.json"
ALICE, BOB = dev_keypair("Alice"), dev_keypair("Bob")
UNIT = 10**12
OPERATOR = "//Worker//1"
STAKE = 100 * UNIT
RUNTIME = DevRuntime(Overlay(DictBackend({})))
ECHO = b"scriptOutput = scriptArgs[0] + '!'"


@asynccontextmanager
async def real_node(config: NodeConfig = NodeConfig(SPEC, rpc_port=0)) -> AsyncIterator[RunningNode]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(run_node, config, NodeEffects.real())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def chain_of(url: str) -> AsyncIterator[Chain]:
    async with trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, url), url)
        await nursery.start(client.run)
        yield await Chain.open(client)
        nursery.cancel_scope.cancel()


def entropy(seed: int = 1) -> Entropy:
    """Bytes that differ from call to call and not from test run to test run."""
    return random.Random(seed).randbytes


@asynccontextmanager
async def worker_of(
    url: str,
    pool: SandboxPool,
    *,
    operator: str = OPERATOR,
    base_path: Path | None = None,
    seed: int = 1,
    connect: Connect | None = None,
    gpu: bool = False,
    stopwatch: Callable[[], float] = time.perf_counter,
    listen: tuple[str, int] | None = None,
    misbehave: Misbehaviour | None = None,
    allow_private: bool = False,
) -> AsyncIterator[RunningWorker]:
    """A worker that serves the node at `url`, in this process."""
    config = WorkerConfig(url, operator, STAKE, base_path=base_path, gpu=gpu, listen=listen, misbehave=misbehave)
    link, way_out = connect or partial(connect_websocket, url), WayOut(allow_private=allow_private)
    effects = Effects(link, entropy(seed), pool, stopwatch, way_out=way_out)
    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE):
            running: RunningWorker = await nursery.start(serve, config, effects)
        yield running
        nursery.cancel_scope.cancel()


class CutConnection:
    """A connection to a node that dies, once, when an extrinsic that begins like this should leave."""

    def __init__(self, url: str, extrinsic: bytes) -> None:
        self._url, self._marks = url, ("author_submitExtrinsic", extrinsic.hex())
        self.happened = trio.Event()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[_Cut]:
        async with connect_websocket(self._url) as socket:
            yield _Cut(socket, self)

    def check(self, message: str) -> None:
        if all(mark in message for mark in self._marks):
            self.happened.set()
            raise ConnectionClosed(1006, "cut")


class _Cut:
    def __init__(self, socket: WebSocket, connection: CutConnection) -> None:
        self._socket, self._connection, self.receive = socket, connection, socket.receive

    async def send(self, message: str) -> None:
        self._connection.check(message)
        await self._socket.send(message)


class InlineSandbox:
    """The real sandbox in the test's own process, for tests of everything but processes."""

    def __init__(self, sandbox: JavaScriptSandbox) -> None:
        self.sandbox, self.runtime_id = sandbox, sandbox.runtime_id

    async def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
    ) -> Outcome:
        await trio.lowlevel.checkpoint()
        return self.sandbox.run(code, input, limits, context)

    def lend(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


class Scene:
    """A node, a client of it, and all that has happened on its chain since."""

    def __init__(self, node: RunningNode, chain: Chain) -> None:
        self.node, self.chain = node, chain
        self.events: list[Event] = []
        self.extrinsics: list[bytes] = []
        self._failures: dict[bytes, dict[int, DispatchError]] = {}
        self._more = trio.Event()

    async def watch(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with self.node.chain.imported.subscribe() as blocks:
            task_status.started()
            async for block in blocks:
                self.events += [record.event for record in block.events]
                self.extrinsics += block.extrinsics
                self._failures[block.hash] = {
                    record.phase.index: record.event.dispatch_error
                    for record in block.events
                    if isinstance(record.event, System.ExtrinsicFailed) and isinstance(record.phase, ApplyExtrinsic)
                }
                self._more.set()
                self._more = trio.Event()

    @property
    def state(self) -> DevRuntime:
        """The chain's state after its best block, as its own runtime reads it."""
        return DevRuntime(Overlay(self.node.chain.states.head))

    def all(self, kind: type[E], **fields: Any) -> list[E]:
        """The events of a kind so far, those with these fields."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
        ]

    async def seen(self, kind: type[E], nth: int = 1, /, **fields: Any) -> E:
        """Waits for the `nth` event of a kind with these fields."""
        with trio.fail_after(PATIENCE):
            while len(found := self.all(kind, **fields)) < nth:
                await self._more.wait()
        return found[nth - 1]

    async def send(self, signer: Keypair, pallet: str, name: str, /, **arguments: Any) -> None:
        """A signed call, which must succeed."""
        error = await self.outcome(signer, call_bytes(pallet, name, **arguments))
        assert error is None, f"{pallet}.{name}: {error!r}"

    async def outcome(self, signer: Keypair, call: bytes) -> DispatchError | None:
        """What a signed call comes to in its block."""
        inclusion = await self.chain.submit_signed(signer, call)
        with trio.fail_after(PATIENCE):
            while inclusion.block.hash not in self._failures:
                await self._more.wait()
        body = self.node.chain.body(inclusion.block.hash)
        assert body is not None
        return self._failures[inclusion.block.hash].get(body.index(inclusion.extrinsic))

    async def sudo(self, pallet: str, name: str, /, **arguments: Any) -> None:
        """A call of governance, which must succeed."""
        done = len(self.all(Sudo.Sudid))
        await self.send(ALICE, "Sudo", "sudo", call=RUNTIME.call(pallet, name, **arguments))
        assert (await self.seen(Sudo.Sudid, done + 1)).sudo_result is None

    async def deploy(self, script: bytes, name: bytes = b"echo", price: int = 2) -> int:
        """An agent of Alice's that runs `script`; its number."""
        policy = AgentPolicy(price, 5 * 10**9, Shares(700_000, 200_000, 0, 100_000), narrow=True)
        await self.send(ALICE, "Agents", "upload_code", code=script)
        await self.send(ALICE, "Agents", "create", name=name, kind=AgentKind.JavaScript, policy=policy)
        agent = (await self.seen(Agents.Created, name=name)).agent
        await self.send(ALICE, "Agents", "approve_code", agent=agent, hash=blake2_256(script))
        return agent

    async def submit(
        self,
        agent: int,
        input: bytes,
        *,
        deadline: int = 45_000,
        max_fee: int = UNIT // 10,
        replicas: int = 1,
        mode: Mode = Mode.Deterministic,
    ) -> int:
        """A job of Bob's; its number."""
        count = len(self.all(Jobs.Submitted))
        terms = {"replicas": replicas, "max_fee": max_fee, "deadline": deadline, "callback": None}
        await self.send(BOB, "Jobs", "submit", agent=agent, input=InlineInput(input), mode=mode, **terms)
        return (await self.seen(Jobs.Submitted, count + 1)).job

    async def settled(self, agent: int, input: bytes = b"hello") -> bytes:
        """A job's output."""
        id = await self.submit(agent, input)
        await self.seen(Jobs.Settled, job=id)
        output: bytes | None = self.state.jobs.output.get(id)
        assert output is not None
        return output

    async def becomes(self, worker: bytes, state: WorkerState) -> None:
        """Waits until the worker is in a state."""
        with trio.fail_after(PATIENCE):
            while self.state.workers.worker[worker].state is not state:
                await self._more.wait()

    async def travel(self, milliseconds: int) -> None:
        """Moves the chain's clock, and seals a block there, and those that a draw waits for.

        Blocks that came quickly are ahead of the clock.
        """
        self.node.clock.advance_to(max(self.node.clock.now_ms(), self.state.timestamp.now) + milliseconds)
        for _ in range(3):
            await self.node.producer.create_block(create_empty=True)


@asynccontextmanager
async def scene_of(node: RunningNode) -> AsyncIterator[Scene]:
    async with chain_of(node.ws_url) as chain, trio.open_nursery() as nursery:
        scene = Scene(node, chain)
        await nursery.start(scene.watch)
        yield scene
        nursery.cancel_scope.cancel()


def call_bytes(pallet: str, name: str, /, **arguments: Any) -> bytes:
    """A call as the chain's own runtime encodes it: what the worker's encoders are held against."""
    return RUNTIME.encode_call(RUNTIME.call(pallet, name, **arguments))
