"""A gateway between real sockets: callers before it, stub workers that speak the wire behind it, a chain in memory."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import trio

from node.web import WebSocket, bound_port, connect_websocket, open_listeners, serve
from offchain.chain import Chain, Head, StorageItem
from offchain.cluster_records import KEY
from offchain.cluster_secrets import ClusterSecret
from offchain.gateway.asked import RequestLimits
from offchain.gateway.http_connection import ConnectionLimits, HttpServer
from offchain.gateway.keys import gateway_keys
from offchain.gateway.messages import new_request_id
from offchain.gateway.records import AGENT, ELIGIBLE, NEXT_AGENT, SERVICE, SETTLED, WHO
from offchain.gateway.service import Door, Effects, GatewayConfig, serve_chain
from offchain.gateway.vault import Vault
from offchain.keys import WorkerKeys
from offchain.records import CODE, NOW, WORKER
from offchain.serving import wire
from offchain.serving.receipt_records import AGENT_BY_NAME
from pallets.primitives.agent_record import Agent, AgentKind, AgentPolicy
from pallets.primitives.cluster import ClusterKey
from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash, response_hash
from pallets.primitives.job_record import Shares
from pallets.primitives.receipt import RECEIPT, Receipt, receipt_bytes
from pallets.primitives.service import ServicePolicy
from pallets.primitives.worker import VERSION, WorkerInfo
from pallets.primitives.worker_record import EVERYONE, Worker, WorkerState

GENESIS = blake2_256(b"genesis")
NOW_MS = 1_700_000_000_000
GATEWAY = "//Gateway"
PATIENCE = 20


class MemoryChain:
    """The three things that a gateway asks of a chain, out of a dictionary."""

    genesis = GENESIS

    def __init__(self) -> None:
        self.storage: dict[bytes, bytes] = {}
        self.settled: dict[tuple[int, bytes], int] = {}
        self.questions = 0
        self.reachable = True
        self._followers: list[tuple[dict[bytes, None], Callable[[bytes, bytes | None], object]]] = []

    def put(self, item: StorageItem[Any], value: Any, *keys: Any, quietly: bool = False) -> None:
        """A block that changes a value; quietly: whose news are still on their way."""
        key = item.key(*keys)
        if value is None:
            self.storage.pop(key, None)
        else:
            self.storage[key] = item.codec.encode(value)
        for followed, on_change in self._followers:
            if key in followed and not quietly:
                on_change(key, self.storage.get(key))

    async def _asked(self) -> None:
        self.questions += 1
        await trio.lowlevel.checkpoint()
        if not self.reachable:
            await trio.sleep_forever()

    async def read(self, item: StorageItem[Any], *keys: Any, at: bytes | None = None) -> Any:
        await self._asked()
        return item.decode(self.storage.get(item.key(*keys)))

    async def get_all(self, keys: Sequence[bytes]) -> list[bytes | None]:
        await self._asked()
        return [self.storage.get(key) for key in keys]

    async def ask(self, function: str, argument: bytes) -> bytes:
        await self._asked()
        assert function == "DaoApi_settled"
        return SETTLED.encode(self.settled.get(WHO.decode_all(argument)))

    async def finalized(self) -> Head:
        await self._asked()
        return Head(1, bytes(32))

    async def follow(self, keys: Sequence[bytes], on_change: Callable[[bytes, bytes | None], object]) -> None:
        for key in keys:
            on_change(key, self.storage.get(key))
        entry = (dict.fromkeys(keys), on_change)
        self._followers.append(entry)
        try:
            await trio.sleep_forever()
        finally:
            self._followers.remove(entry)


Say = Callable[[wire.ToGateway], Awaitable[None]]
Behave = Callable[["StubWorker", wire.Ask, Say], Awaitable[None]]


@dataclass
class StubWorker:
    """Speaks the wire over a real WebSocket; `behave` decides what it says."""

    keys: WorkerKeys
    behave: Behave
    asks: list[wire.Ask] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    files: dict[bytes, bytes] = field(default_factory=dict)
    port: int = 0
    sockets: list[WebSocket] = field(default_factory=list)
    on_cancel: trio.Event = field(default_factory=trio.Event)
    sequence: int = 0
    calls: dict[int, Callable[[wire.Answered | wire.NotAnswered], None]] = field(default_factory=dict)
    """Of agents, that this worker's runs wait for."""

    async def converse(self, socket: WebSocket) -> None:
        self.sockets.append(socket)

        async def say(message: wire.ToGateway) -> None:
            await socket.send(wire.TO_GATEWAY.encode(message))

        async with trio.open_nursery() as nursery:
            async for message in socket:
                assert isinstance(message, bytes)
                said = wire.TO_WORKER.decode_all(message)
                if isinstance(said, wire.Ask):
                    self.asks.append(said)
                    nursery.start_soon(self.behave, self, said, say)
                elif isinstance(said, wire.Cancel):
                    self.cancelled.append(said.id)
                    self.on_cancel.set()
                elif isinstance(said, wire.Answered | wire.NotAnswered):
                    self.calls.pop(said.id)(said)
                elif not isinstance(said, wire.TakesCalls):
                    await say(wire.Found(said.id, self.files.get(said.receipt)))
            nursery.cancel_scope.cancel()

    async def call(self, ask: wire.Ask, say: Say, agent: int) -> wire.Answered | wire.NotAnswered:
        """What becomes of a call of an agent by the run of a request."""
        number, (tell, heard) = len(self.asks), trio.open_memory_channel[Any](1)
        self.calls[number] = tell.send_nowait
        ours = [("x-request-id", f"call-{number}"), ("x-fathom-caller", str(ask.agent)), ("x-fathom-depth", "1")]
        request = HttpRequest("GET", "/", "", ours, b"")
        await say(wire.CallAgent(ask.id, number, None, str(agent), request, None))
        answered: wire.Answered | wire.NotAnswered = await heard.receive()
        return answered

    def end(self, ask: wire.Ask, response: HttpResponse, logs: list[str] | None = None) -> wire.End:
        """A true receipt of an answer."""
        self.sequence += 1
        hashes = (request_hash(ask.request), response_hash(response))
        code = ask.code or blake2_256(b"code of agent %d" % ask.agent)
        receipt = Receipt(ask.agent, code, *hashes, bytes(32), 5, bytes(32), self.sequence, 1, bytes(32), 0)
        signature = self.keys.sign(receipt_bytes(GENESIS, receipt))
        self.files[blake2_256(receipt_bytes(GENESIS, receipt))] = b'{"version":1}'
        return wire.End(ask.id, RECEIPT.encode(receipt), signature, self.keys.worker_key, logs or [], 7, None)

    async def answer(self, ask: wire.Ask, say: Say, response: HttpResponse, logs: list[str] | None = None) -> None:
        """An answer as workers give it."""
        if len(response.body) <= wire.MAX_CHUNK:
            end = self.end(ask, response, logs)
            signed = end.receipt, end.signature, end.worker
            status, headers, body = response.status, response.headers, response.body
            await say(wire.Whole(ask.id, status, headers, body, *signed, end.logs, end.milliseconds))
            return
        await say(wire.Head(ask.id, response.status, response.headers))
        for at in range(0, len(response.body), wire.MAX_CHUNK):
            await say(wire.Chunk(ask.id, response.body[at : at + wire.MAX_CHUNK]))
        await say(self.end(ask, response, logs))


async def echo(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
    """Answers with what was asked, as JSON."""
    request = ask.request
    seen = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body": request.body.hex(),
        "host": ask.host,
        "agent": ask.agent,
    }
    headers = [("Content-Type", "application/json")]
    await worker.answer(ask, say, HttpResponse(200, headers, json.dumps(seen).encode()), ["a script's line"])


@dataclass
class Stage:
    """A gateway that serves."""

    chain: MemoryChain
    url: str
    workers: list[StubWorker]
    cluster: ClusterSecret
    nursery: trio.Nursery
    connections: dict[str, int]

    def client(self, **arguments: Any) -> httpx.AsyncClient:
        """A caller."""
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, verify=False, **arguments)  # reads no CAs: quick

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def deploy(self, id: int, name: bytes, code: bytes | None = None, price: int = 0, **fields: Any) -> bytes:
        """An agent; the hash of its code."""
        quietly, approved = fields.pop("quietly", False), fields.pop("approved", True)
        code = b"code of agent %d" % id if code is None else code
        policy = AgentPolicy(price, 10**9, Shares(1_000_000, 0, 0, 0), narrow=True)
        hash = blake2_256(code) if approved else None
        record = Agent(bytes(32), name, AgentKind.JavaScript, policy, hash, **fields)
        self.chain.put(CODE, code, blake2_256(code), quietly=quietly)
        self.chain.put(AGENT, record, id, quietly=quietly)
        self.chain.put(AGENT_BY_NAME, id, name, quietly=quietly)
        self.chain.put(NEXT_AGENT, id + 1, quietly=quietly)
        return blake2_256(code)

    def pays(self, agent: int, *gateways: bytes) -> None:
        """The agent pays for tickets of these."""
        self.chain.put(SERVICE, ServicePolicy(10**12, list(gateways), 10**12), agent)

    def seat(self, place: int, worker: StubWorker, endpoint: bytes | None = None) -> None:
        """Puts a worker among those that serve, by default where it listens."""
        info = WorkerInfo(VERSION, worker.keys.worker_key, bytes(32), bytes(32), GENESIS, bytes(32))
        info.endpoint = endpoint or b"ws://127.0.0.1:%d" % worker.port
        record = Worker(info, 1, WorkerState.Idle, 5, True, 0, 0, 0, 0)
        self.chain.put(WORKER, record, worker.keys.worker_key)
        self.chain.put(ELIGIBLE, worker.keys.worker_key, (EVERYONE, place))

    def unseat(self, place: int) -> None:
        """Takes the worker of a place from those that serve."""
        self.chain.put(ELIGIBLE, None, (EVERYONE, place))

    async def linked(self, count: int) -> None:
        """Waits until so many workers can be asked."""
        async with self.client() as client:
            with trio.fail_after(PATIENCE):
                while len((await client.get("/health")).json()["workers"]) != count:  # noqa: ASYNC110
                    await trio.sleep(0.01)

    async def add_worker(self, behave: Behave) -> StubWorker:
        """Another worker, which can be asked once this returns."""
        worker = await open_worker(self.nursery, behave, len(self.workers) + 1)
        self.seat(len(self.workers), worker)
        self.workers.append(worker)
        await self.linked(len(self.workers))
        return worker


async def said(stage: Stage, request: bytes, until: bytes | None = None) -> bytes:
    """What comes back on a connection of its own, up to its end or to these bytes, upon which it is left."""
    answer = b""
    async with await trio.open_tcp_stream("127.0.0.1", stage.port) as stream:
        await stream.send_all(request)
        with trio.fail_after(PATIENCE):
            while (until is None or until not in answer) and (data := await stream.receive_some()):
                answer += data
    return answer


def error_of(answer: httpx.Response, status: int, reason: str) -> dict[str, Any]:
    """The JSON of an error, which must be this one."""
    fields: dict[str, Any] = answer.json()
    assert (answer.status_code, fields["error"]) == (status, reason), answer.text
    assert fields["requestId"] == answer.headers["x-request-id"] and len(fields["message"]) > 10
    return fields


async def open_worker(nursery: trio.Nursery, behave: Behave, seed: int) -> StubWorker:
    """A worker that listens."""
    worker = StubWorker(WorkerKeys.generate(random.Random(seed).randbytes), behave)
    listeners = await open_listeners("127.0.0.1", 0)
    worker.port = bound_port(listeners)

    async def refuse(_: Any) -> Any:
        raise AssertionError("a gateway asks over WebSockets")

    nursery.start_soon(partial(serve, listeners, http=refuse, websocket=worker.converse))
    return worker


@asynccontextmanager
async def staged(
    *behaviours: Behave,
    limits: RequestLimits | None = None,
    connections: ConnectionLimits | None = None,
    base_path: Path | None = None,
) -> AsyncIterator[Stage]:
    """A gateway with a worker for each behaviour, and the agent `echo`, number 0."""
    chain = MemoryChain()
    chain.put(NEXT_AGENT, 0)
    chain.put(NOW, NOW_MS)
    entropy = random.Random(7).randbytes
    cluster = ClusterSecret(bytes(range(32)))
    chain.put(KEY, ClusterKey(cluster.seal_key, cluster.signing_key, bytes(32), 0), 1)
    limits = limits or RequestLimits()
    config = GatewayConfig("ws://127.0.0.1:1", suri=GATEWAY, base_path=base_path, requests=limits)
    keys = gateway_keys(base_path, GATEWAY, entropy)
    counts: dict[str, int] = {}

    @asynccontextmanager
    async def connect(url: str) -> AsyncIterator[WebSocket]:
        async with connect_websocket(url, max_message_size=wire.MAX_MESSAGE) as socket:
            counts[url] = counts.get(url, 0) + 1
            yield socket

    effects = Effects(connect, entropy, lambda: NOW_MS / 1000)
    vault = Vault(keys.vault, entropy, base_path)
    door = Door(partial(new_request_id, entropy))
    listeners = await open_listeners("127.0.0.1", 0)
    serving = trio.Event()
    async with trio.open_nursery() as nursery:
        server = HttpServer(door, connections or ConnectionLimits(), door.new_id)
        nursery.start_soon(trio.serve_listeners, server.attend, listeners)
        parts = (cast(Chain, chain), config, effects, keys, vault, door)
        nursery.start_soon(serve_chain, *parts, lambda _key: serving.set())
        await serving.wait()
        stage = Stage(chain, f"http://127.0.0.1:{bound_port(listeners)}", [], cluster, nursery, counts)
        stage.deploy(0, b"echo")
        for behave in behaviours:
            await stage.add_worker(behave)
        yield stage
        nursery.cancel_scope.cancel()
