"""Jobs whose input or output is too large for the chain, with real workers on a real node."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from logging import LoggerAdapter, getLogger
from typing import Any, cast

import pytest
import trio

from node.web import Request, Response, WebSocket, bound_port, open_listeners, request, serve
from offchain.chain import Chain
from offchain.gateway.cid import parse
from offchain.gateway.service import GatewayConfig, run_gateway
from offchain.outside_runs import NowhereToKeep
from offchain.replay.errors import InputGone, OtherInput
from offchain.replay.job import replay_job
from offchain.sandbox.pool import Pool
from offchain.serving.asking import answer_of, first_answer
from offchain.serving.files import MemoryFiles
from offchain.serving.keepers import keepers_of
from offchain.serving.store import Store
from offchain.serving.stored_bytes import ByteStore, StoredBytes, find_bytes
from offchain.serving.wire import TO_GATEWAY, Found, GetBytes, PutBytes
from offchain.worker import RunningWorker
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_128, blake2_256
from pallets.primitives.job import MAX_STORED, MAX_STORED_OUTPUT, HashInput, Mode
from pallets.primitives.job_record import SeatPhase
from pallets.primitives.keys import Keypair
from pallets.slashing.pallet import Slashing
from tests.offchain.real_node import BOB, ECHO, UNIT, InlineSandbox, Scene, worker_of
from tests.offchain.serving.gateway import eventually

COUNT = b"scriptOutput = String(scriptArgs[0].length)"
LARGE = bytes(range(32, 127)) * 2000  # 190 kB
ANYWHERE = ("127.0.0.1", 0)


@asynccontextmanager
async def listening(scene: Scene, inline: InlineSandbox, *numbers: int) -> AsyncIterator[list[RunningWorker]]:
    async with AsyncExitStack() as stack:
        url, found = scene.node.ws_url, []
        for number in numbers:
            operator = f"//Worker//{number}"
            running = worker_of(url, inline, operator=operator, seed=number, listen=ANYWHERE)
            found.append(await stack.enter_async_context(running))
        yield found


async def submit(scene: Scene, agent: int, hash: bytes, replicas: int = 1, who: Keypair = BOB) -> int:
    terms = {"mode": Mode.Deterministic, "max_fee": UNIT // 10, "deadline": 45_000, "callback": None}
    count = len(scene.all(Jobs.Submitted))
    await scene.send(who, "Jobs", "submit", agent=agent, input=HashInput(hash), replicas=replicas, **terms)
    return (await scene.seen(Jobs.Submitted, count + 1)).job


async def put(worker: RunningWorker, data: bytes) -> bytes:
    assert await answer_of(worker.endpoint.encode(), PutBytes(1, data), 64) == blake2_256(data)
    return blake2_256(data)


async def test_one_worker_has_the_input_and_all_three_the_output(
    scene: Scene, inline: InlineSandbox, pool: Pool
) -> None:
    agent = await scene.deploy(ECHO)
    async with listening(scene, inline, 1, 2, 3) as workers:
        hash = await put(workers[1], LARGE)
        id = await submit(scene, agent, hash, replicas=3)
        await scene.seen(Jobs.Settled, job=id)
        job, output = scene.state.jobs.job[id], LARGE + b"!"
        assert job.outcome is not None and (job.outcome.output, job.outcome.large) == (blake2_256(output), True)
        assert {seat.phase for seat in job.seats} == {SeatPhase.Revealed}
        assert id not in scene.state.jobs.output and not scene.all(Slashing.Deferred)
        for running in workers:  # each has kept what it was run on, and what it left
            for data in (LARGE, output):
                question = GetBytes(1, blake2_256(data))
                assert await answer_of(running.endpoint.encode(), question, MAX_STORED_OUTPUT) == data
        assert await find_bytes(scene.chain, job.outcome.output) == output
        assert (await replay_job(scene.chain, id, pool)).differences == []
        await sees_the_ring(scene.chain, [running.worker_key for running in workers])
    with pytest.raises(InputGone):
        await replay_job(scene.chain, id, pool)
    with pytest.raises(OtherInput):
        await replay_job(scene.chain, id, pool, None, b"another")
    assert (await replay_job(scene.chain, id, pool, None, LARGE)).differences == []


async def sees_the_ring(chain: Chain, workers: list[bytes]) -> None:
    """Each worker is a keeper of some bytes first, and all are of all: they are fewer than are looked at."""
    rings = [await keepers_of(chain, bytes([first]) + bytes(31)) for first in range(0, 256, 4)]
    assert {ring[0].worker for ring in rings} == set(workers)
    places = sorted(workers, key=blake2_128)
    turned = [[*places[at:], *places[:at]] for at in range(len(places))]
    assert all([keeper.worker for keeper in ring] in turned for ring in rings)


async def test_what_a_worker_alone_leaves_its_keepers_get(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(b"scriptOutput = scriptArgs[0].repeat(2)")
    async with listening(scene, inline, 1, 2) as workers:
        id = await submit(scene, agent, await put(workers[0], LARGE))
        await scene.seen(Jobs.Settled, job=id)
        outcome = scene.state.jobs.job[id].outcome
        assert outcome is not None and outcome.large
        question = GetBytes(1, outcome.output)
        for running in workers:
            ask = partial(answer_of, running.endpoint.encode(), question, MAX_STORED_OUTPUT)
            assert await eventually(ask) == 2 * LARGE


async def test_an_input_that_nobody_has_is_abstained_from(scene: Scene, inline: InlineSandbox) -> None:
    """It costs the submitter the attempt; what comes later is found by the next."""
    agent = await scene.deploy(COUNT)
    async with listening(scene, inline, 1) as (running,):
        id = await submit(scene, agent, blake2_256(LARGE))
        await scene.seen(Jobs.Assigned, job=id)
        await scene.travel(8_500)
        await scene.seen(Jobs.Vacated, job=id, worker=running.worker_key, phase=SeatPhase.Abstained)
        worker = scene.state.workers.worker[running.worker_key]
        assert (worker.kept, worker.missed) == (0, 0) and not scene.all(Slashing.Deferred)
        await put(running, LARGE)
        await scene.seen(Jobs.Settled, job=id)
        assert scene.state.jobs.output.get(id) == str(len(LARGE)).encode()


async def test_what_nobody_could_fetch_is_not_left(scene: Scene, inline: InlineSandbox) -> None:
    """A worker that listens nowhere runs what it finds, and abstains where its output would be nowhere."""
    agent, counting = await scene.deploy(ECHO), await scene.deploy(COUNT, b"counting")
    async with (
        worker_of(scene.node.ws_url, inline, operator="//Worker//1") as silent,
        listening(scene, inline, 2) as (keeper,),
    ):
        hash = await put(keeper, LARGE)
        own = Keypair.from_suri("//Worker//2")  # whose job the keeper is never drawn for
        id = await submit(scene, counting, hash, who=own)
        await scene.seen(Jobs.Settled, job=id)
        id = await submit(scene, agent, hash, who=own)
        await scene.seen(Jobs.Vacated, job=id, worker=silent.worker_key, phase=SeatPhase.Abstained)


async def test_a_store_takes_no_more_than_it_has_room_for() -> None:
    kept, given = Store(MemoryFiles()), Store(MemoryFiles(), max_bytes=8 * 100)
    store = ByteStore(kept, given)
    mine = store.keep(b"a job's")
    first = store.put(bytes(60))
    for filler in range(1, 30):
        store.put(bytes([filler]) * 60)
    assert store.get(first) is None and store.get(mine) == b"a job's"
    assert store.put(b"a job's") == mine and len(kept) == 1
    root = b"r" * 32
    kept.put(root, b"a transcript")
    assert store.get(root) is None, "what stands there under another name is no answer"


async def test_what_a_job_is_run_on_loses_its_place_to_nothing_that_is_put() -> None:
    kept, given = Store(MemoryFiles()), Store(MemoryFiles(), max_bytes=8 * 100)
    store, chain = ByteStore(kept, given), cast(Chain, None)  # what is here is asked of nobody
    hash = store.put(b"an input")

    async def at_once() -> bool:
        return True

    stored = StoredBytes(chain, store, LoggerAdapter(getLogger("worker"), {}))
    assert await stored.find(hash, [], at_once) == b"an input"
    for filler in range(30):
        store.put(bytes([filler]) * 60)
    assert given.get(hash) is None and store.get(hash) == b"an input"
    with pytest.raises(NowhereToKeep):
        StoredBytes(chain, None, LoggerAdapter(getLogger("worker"), {})).keep_output(LARGE)


async def test_what_a_liar_gives_is_not_taken(nursery: trio.Nursery) -> None:
    async def converse(websocket: WebSocket) -> None:
        assert await websocket.receive()
        given = {"/other": b"other", "/large": bytes(2 * MAX_STORED_OUTPUT), "/none": None}
        await websocket.send(TO_GATEWAY.encode(Found(1, given[websocket.request.target])))

    async def http(_request: Request) -> Response:
        return Response.text(404, "no")

    listeners = await open_listeners("127.0.0.1", 0)
    await nursery.start(partial(serve, listeners, http=http, websocket=converse))
    port, hash = bound_port(listeners), blake2_256(b"right")
    urls = [f"ws://127.0.0.1:{port}/{kind}".encode() for kind in ("other", "large", "none")]

    def read(data: bytes) -> bytes | None:
        return data if blake2_256(data) == hash else None

    assert await first_answer(urls, GetBytes(1, hash), MAX_STORED_OUTPUT, read) is None
    nursery.cancel_scope.cancel()


async def test_the_gateway_moves_bytes_in_and_out(scene: Scene, inline: InlineSandbox, nursery: trio.Nursery) -> None:
    agent = await scene.deploy(ECHO)
    async with listening(scene, inline, 1, 2):
        running = await nursery.start(run_gateway, GatewayConfig(scene.node.ws_url, port=0))

        async def asked(path: str, body: bytes = b"", *headers: tuple[str, str]) -> tuple[int, bytes]:
            method = "POST" if path == "/store" else "GET"
            answer = await request(f"{running.url}{path}", method, headers, body, max_response_size=8 << 20)
            return answer.status, answer.body

        async def stored() -> dict[str, Any] | None:
            status, body = await asked("/store", LARGE)
            return json.loads(body) if status == 201 and json.loads(body)["workers"] == 2 else None

        told = await eventually(stored)
        hash = blake2_256(LARGE)
        assert told == {"hash": f"0x{hash.hex()}", "cid": told["cid"], "size": len(LARGE), "workers": 2}
        assert parse(told["cid"]).code_hash == hash and told["cid"].startswith("bafk")
        for name in (told["hash"], told["cid"]):
            assert await asked(f"/store/{name}") == (200, LARGE)

        id = await submit(scene, agent, hash)
        await scene.seen(Jobs.Settled, job=id)
        outcome = scene.state.jobs.job[id].outcome
        assert outcome is not None
        assert await asked(f"/store/0x{outcome.output.hex()}") == (200, LARGE + b"!")

        for path, body, headers, status, reason in (
            (f"/store/0x{bytes(32).hex()}", b"", (), 404, "unknown-bytes"),
            ("/store/0x12", b"", (), 400, "bad-request"),
            ("/store/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", b"", (), 400, "bad-request"),
            ("/store", b"", (), 400, "bad-request"),
            ("/store", bytes(MAX_STORED + 1), (), 413, "body-too-large"),
            ("/store", b"x", (("origin", "https://evil.example"),), 403, "not-from-here"),
        ):
            found, answer = await asked(path, body, *headers)
            assert (found, json.loads(answer)["error"]) == (status, reason), path
            assert json.loads(answer)["requestId"]
        most = bytes(MAX_STORED)
        assert (await asked("/store", most))[0] == 201
        assert await asked(f"/store/0x{blake2_256(most).hex()}") == (200, most)
    nursery.cancel_scope.cancel()
