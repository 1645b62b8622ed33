"""Jobs that reach the world outside: real workers on a real node, and a server whose answers are never the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from logging import LoggerAdapter, getLogger
from pathlib import Path

import pytest
import trio
from nacl.public import PrivateKey

from node.web import Request, Response, WebSocket, bound_port, open_listeners, serve
from offchain.dishonest_seats import Misbehaviour
from offchain.effects.chain_host import ChainHost
from offchain.execution import Program
from offchain.outside_runs import MAX_TRANSCRIPT, REPLAY_FAILED, OutsideRuns, TranscriptMissing
from offchain.replay.errors import InputSealed, NoOutput, NoSuchJob, OtherTranscript
from offchain.replay.job import replay_job
from offchain.sandbox.base import Success
from offchain.sandbox.pool import Pool
from offchain.serving.asking import answer_of
from offchain.serving.files import MemoryFiles
from offchain.serving.run_scope import RunScope
from offchain.serving.store import Store
from offchain.serving.transcripts import find_transcript
from offchain.serving.wire import GetTranscript
from offchain.serving.worlds import WayOut
from offchain.worker import RunningWorker
from pallets.jobs.pallet import Jobs
from pallets.primitives.job import Mode, SealedInput
from pallets.primitives.job_record import Job, SeatPhase
from pallets.primitives.sealed import NotSealed, SealedRequest, open_output, open_transcript, seal, sealed_root
from pallets.primitives.transcript import TRANSCRIPT, Transcript, read_transcript, transcript_root
from pallets.slashing.pallet import Slashing
from tests.offchain.hearing import PATIENCE
from tests.offchain.real_node import BOB, UNIT, Scene, worker_of

FETCH = b"fetch(scriptArgs[0]).then((r) => r.text()).then((text) => { scriptOutput = text + '!' })"
DEADLINE = 120_000


class Counter:
    """A server that says how many requests it has had; at `/same` it always says the same, at `/much` 6 MiB."""

    def __init__(self) -> None:
        self.port, self.seen = 0, 0
        self.asked, self.open = trio.Event(), trio.Event()
        self.open.set()

    def url(self, path: str = "/") -> bytes:
        return f"http://127.0.0.1:{self.port}{path}".encode()

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._answer, listeners)

    async def _answer(self, stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some() or b"\r\n\r\n"
        self.seen += 1
        number = self.seen
        self.asked.set()
        await self.open.wait()
        path = head.split(b" ")[1]
        body = {b"/same": b"same", b"/much": bytes(6 << 20)}.get(path, str(number).encode())
        try:
            await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await stream.aclose()
        except trio.BrokenResourceError:
            pass


@pytest.fixture
async def counter(nursery: trio.Nursery) -> Counter:
    counter = Counter()
    await nursery.start(counter.serve)
    return counter


class Fleet:
    """Workers that can be stopped and started again, each of an operator of its own."""

    def __init__(self, scene: Scene, pool: Pool, nursery: trio.Nursery, directory: Path) -> None:
        self._scene, self._pool, self._nursery, self._directory = scene, pool, nursery, directory
        self._scopes = dict[bytes, tuple[int, trio.CancelScope, trio.Event]]()

    async def start(self, number: int, misbehave: Misbehaviour | None = None, listen: bool = True) -> bytes:
        """The worker's key."""

        async def run(task_status: trio.TaskStatus[RunningWorker]) -> None:
            base_path, address = self._directory / str(number), ("127.0.0.1", 0) if listen else None
            options = {"base_path": base_path, "listen": address, "misbehave": misbehave, "allow_private": True}
            base_path.mkdir(exist_ok=True)
            scope, ended = trio.CancelScope(), trio.Event()
            with scope:
                url, operator = self._scene.node.ws_url, f"//Worker//{number}"
                async with worker_of(url, self._pool, operator=operator, seed=number, **options) as running:  # type: ignore[arg-type]
                    self._scopes[running.worker_key] = number, scope, ended
                    task_status.started(running)
                    await trio.sleep_forever()
            ended.set()

        return bytes((await self._nursery.start(run)).worker_key)

    async def stop(self, worker: bytes) -> int:
        number, scope, ended = self._scopes.pop(worker)
        scope.cancel()
        await ended.wait()
        return number


@asynccontextmanager
async def fleet_of(scene: Scene, pool: Pool, directory: Path, count: int) -> AsyncIterator[Fleet]:
    async with trio.open_nursery() as nursery:
        fleet = Fleet(scene, pool, nursery, directory)
        for number in range(1, count + 1):
            await fleet.start(number)
        yield fleet
        nursery.cancel_scope.cancel()


async def output_of(scene: Scene, id: int) -> bytes:
    await scene.seen(Jobs.Settled, job=id)
    output: bytes | None = scene.state.jobs.output.get(id)
    assert output is not None
    return output


async def test_one_fetches_or_each_does(scene: Scene, pool: Pool, counter: Counter, tmp_path: Path) -> None:
    agent = await scene.deploy(FETCH)
    submit = partial(scene.submit, agent, deadline=DEADLINE, replicas=3)
    async with fleet_of(scene, pool, tmp_path, 3):
        recorded = await submit(counter.url(), mode=Mode.Recorded)
        assert await output_of(scene, recorded) == b"1!" and counter.seen == 1
        oracle = await submit(counter.url("/same"), mode=Mode.Oracle)
        assert await output_of(scene, oracle) == b"same!" and counter.seen == 4
        much = await submit(counter.url("/much"), mode=Mode.Recorded)
        assert b"may receive 4194304 bytes" in await output_of(scene, much)
        for id in (recorded, oracle, much):
            assert (await replay_job(scene.chain, id, pool)).differences == []
        assert counter.seen == 5 and not scene.all(Slashing.Deferred)
        assert {seat.phase for seat in scene.state.jobs.job[much].seats} == {SeatPhase.Revealed}

        # what isn't of the run is no verdict about it
        job = scene.state.jobs.job[recorded]
        assert job.outcome is not None
        root = job.outcome.transcript_root
        found = await find_transcript(scene.chain, root, [job.seats[0].worker], MAX_TRANSCRIPT)
        assert found is not None
        forged = replace(found, entries=[replace(found.entries[0], body=b"9")])
        with pytest.raises(OtherTranscript, match="has the root"):
            await replay_job(scene.chain, recorded, pool, forged)
        with pytest.raises(NoSuchJob):
            await replay_job(scene.chain, 99, pool)

    # a forger's transcript, replayed by a worker: of another world, of another run, and of no run at all
    assert await replayed(scene, pool, recorded, counter, forged) == b"9!"
    nothing = replace(found, entries=[replace(found.entries[0], ask=bytes(32))])
    assert await replayed(scene, pool, recorded, counter, nothing) == REPLAY_FAILED.output
    with pytest.raises(TranscriptMissing, match="of another run"):
        await replayed(scene, pool, recorded, counter, replace(found, seed=bytes(32)))


async def replayed(scene: Scene, pool: Pool, id: int, counter: Counter, transcript: Transcript) -> bytes:
    """What a worker's replay of a job comes to, if this is its transcript."""
    store, root = Store(MemoryFiles()), transcript_root(transcript)
    store.put(root, TRANSCRIPT.encode(transcript))
    log = LoggerAdapter(getLogger("offchain.worker"), {})
    runs = OutsideRuns(scene.chain, pool, WayOut().open, nothing_live, nothing_asked, store, log)
    job = replace(scene.state.jobs.job[id], transcript=root)
    found = await runs.run(id, job, Program(FETCH, counter.url()), b"", 20)
    assert found.transcript_root == root
    assert isinstance(found.outcome, Success)
    return found.outcome.output


def nothing_live(id: int, job: Job) -> RunScope:
    raise AssertionError("a replay opens no world")


def nothing_asked(scope: RunScope) -> ChainHost:
    raise AssertionError("the run asks nothing of the chain")


async def held(scene: Scene, counter: Counter, agent: int) -> tuple[int, list[bytes]]:
    """A job whose leader waits for the server's answer, and its seats."""
    counter.open = trio.Event()
    id = await scene.submit(agent, counter.url(), deadline=DEADLINE, replicas=3, mode=Mode.Recorded)
    with trio.fail_after(PATIENCE):
        await counter.asked.wait()
    assert not scene.all(Jobs.Recorded)
    return id, scene.state.jobs.job[id].workers


async def test_a_lying_leader_is_outvoted(scene: Scene, pool: Pool, counter: Counter, tmp_path: Path) -> None:
    agent = await scene.deploy(FETCH)
    async with fleet_of(scene, pool, tmp_path, 3) as fleet:
        id, (leader, *_) = await held(scene, counter, agent)
        assert await fleet.start(await fleet.stop(leader), Misbehaviour.LIE) == leader
        counter.open.set()
        assert await output_of(scene, id) == b"2!"
        assert {event.worker for event in scene.all(Slashing.Deferred)} == {leader}


async def test_who_has_a_transcript_gives_it_when_its_leader_is_gone(
    scene: Scene, pool: Pool, counter: Counter, tmp_path: Path
) -> None:
    """And workers that start again in the middle go on where they were."""
    agent = await scene.deploy(FETCH)
    async with fleet_of(scene, pool, tmp_path, 3) as fleet:
        id, (leader, second, third) = await held(scene, counter, agent)
        number = await fleet.stop(third)
        counter.open.set()
        await scene.seen(Jobs.HashCommitted, job=id, worker=second)
        gone = await fleet.stop(leader)
        assert await fleet.start(number) == third
        await scene.seen(Jobs.HashCommitted, job=id, worker=third)
        scene.node.finalizer.delay = None
        assert await fleet.start(await fleet.stop(second)) == second
        assert await fleet.start(gone) == leader
        scene.node.finalizer.delay = 0
        assert await output_of(scene, id) == b"1!"
        assert {seat.phase for seat in scene.state.jobs.job[id].seats} == {SeatPhase.Revealed}
    assert counter.seen == 1 and not scene.all(Slashing.Deferred)


@pytest.mark.parametrize(
    "endpoint",
    [
        b"ws://[::1",
        b"ws://\xff",
        b"http://127.0.0.1",
        b"ws://127.0.0.1:99999",
        b"ws://127.0.0.1:1",
        b"ws://a b:1",
        b"%",
    ],
)
async def test_an_endpoint_that_is_none_has_nothing(endpoint: bytes) -> None:
    """Any operator chooses one, and others ask there."""
    assert await answer_of(endpoint, GetTranscript(1, bytes(32)), MAX_TRANSCRIPT) is None


async def test_a_hostile_endpoint_has_nothing(nursery: trio.Nursery) -> None:
    async def converse(websocket: WebSocket) -> None:
        asked = await websocket.receive()
        kind = websocket.request.target
        if kind == "/text":
            await websocket.send("found")
        elif kind == "/large":
            await websocket.send(bytes(2 * MAX_TRANSCRIPT))
        elif kind == "/garbage":
            await websocket.send(b"\xff" * 100)
        assert asked

    async def http(_request: Request) -> Response:
        return Response.text(404, "no")

    listeners = await open_listeners("127.0.0.1", 0)
    await nursery.start(partial(serve, listeners, http=http, websocket=converse))
    for kind in ("text", "large", "garbage", "nothing"):
        url = f"ws://127.0.0.1:{bound_port(listeners)}/{kind}".encode()
        assert await answer_of(url, GetTranscript(1, bytes(32)), MAX_TRANSCRIPT) is None, kind
    nursery.cancel_scope.cancel()


async def test_what_nobody_could_fetch_is_not_recorded(
    scene: Scene, pool: Pool, counter: Counter, tmp_path: Path
) -> None:
    agent = await scene.deploy(FETCH)
    async with fleet_of(scene, pool, tmp_path, 0) as fleet:
        silent = await fleet.start(1, listen=False)
        id = await scene.submit(agent, counter.url(), mode=Mode.Oracle)
        await scene.seen(Jobs.Vacated, job=id, worker=silent, phase=SeatPhase.Abstained)
        await scene.seen(Jobs.Expired, job=id)
        with pytest.raises(NoOutput, match="Expired"):
            await replay_job(scene.chain, id, pool)
    assert counter.seen == 0


async def test_outputs_of_one_worker_are_judged_by_its_transcript(
    scene: Scene, pool: Pool, counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pallets.jobs.lots.ONE_IN", 1)
    await scene.sudo("Jobs", "set_window", window=120_000)
    agent = await scene.deploy(FETCH)
    async with fleet_of(scene, pool, tmp_path, 4):
        recorded = await scene.submit(agent, counter.url(), deadline=DEADLINE, mode=Mode.Recorded)
        await scene.seen(Jobs.Challenged, job=recorded)
        assert await output_of(scene, recorded) == b"1!"
        oracle = await scene.submit(agent, counter.url(), deadline=DEADLINE, mode=Mode.Oracle)
        assert await output_of(scene, oracle) == b"2!"
        audit = (await scene.seen(Jobs.Audited, job=oracle)).audit
        await scene.seen(Jobs.Settled, job=audit)
        for id in (recorded, oracle, audit):
            assert (await replay_job(scene.chain, id, pool)).differences == []
    assert counter.seen == 2 and not scene.all(Slashing.Deferred)
    assert [len(scene.state.jobs.job[id].seats) for id in (recorded, audit)] == [4, 4]


async def test_a_chain_that_is_set_back_gets_the_same_again(
    scene: Scene, pool: Pool, counter: Counter, tmp_path: Path
) -> None:
    agent = await scene.deploy(FETCH)
    async with fleet_of(scene, pool, tmp_path, 3):
        scene.node.finalizer.delay = None  # else the final block would be gone, and the workers' keys with it
        id, _ = await held(scene, counter, agent)
        assert scene.node.snapshots is not None
        before = scene.node.snapshots.take().id
        counter.open.set()
        root = (await scene.seen(Jobs.Recorded, job=id)).transcript_root
        await scene.seen(Jobs.HashCommitted, job=id)
        await scene.node.snapshots.revert(before)
        scene.events.clear()
        scene.node.finalizer.delay = 0
        assert await output_of(scene, id) == b"1!"
        assert [event.transcript_root for event in scene.all(Jobs.Recorded)] == [root]
    assert counter.seen == 1 and not scene.all(Slashing.Deferred)


@pytest.mark.parametrize("mode", [Mode.Recorded, Mode.Oracle])
async def test_what_is_sealed_reaches_outside_and_only_who_asked_reads_what_came(
    scene: Scene, pool: Pool, counter: Counter, tmp_path: Path, mode: Mode
) -> None:
    """Every worker that has the input replays a transcript that nobody else reads, and finds the same."""
    agent, mine = await scene.deploy(FETCH), PrivateKey(b"m" * 32)
    request = SealedRequest(b"salt" * 8, mine.public_key.encode(), BOB.account_id, agent, counter.url("/same"))
    terms = {"replicas": 3, "max_fee": UNIT // 10, "deadline": DEADLINE, "callback": None}
    async with fleet_of(scene, pool, tmp_path, 3):
        input = SealedInput(request.commitment, [])
        await scene.send(BOB, "Jobs", "submit", agent=agent, input=input, mode=mode, **terms)
        id = (await scene.seen(Jobs.Submitted)).job
        boxes = []
        for worker in (await scene.seen(Jobs.Assigned, job=id)).workers:
            seal_key = scene.state.workers.worker[worker].info.seal_key
            boxes.append((worker, seal(request.encoded, seal_key, worker)))
        await scene.send(BOB, "Jobs", "provide_key", job=id, boxes=boxes)
        stored = await output_of(scene, id)
        assert open_output(stored, request, id, bytes(mine)) == b"same!" and b"same" not in stored
        job = scene.state.jobs.job[id]
        assert job.outcome is not None and {seat.phase for seat in job.seats} == {SeatPhase.Revealed}
        assert counter.seen == (1 if mode is Mode.Recorded else 3) and not scene.all(Slashing.Deferred)

        root, question = job.outcome.transcript_root, GetTranscript(1, job.outcome.transcript_root)
        endpoint = scene.state.workers.worker[job.outcome.worker].info.endpoint
        kept = await answer_of(endpoint, question, MAX_TRANSCRIPT)
        assert kept is not None and b"same" not in kept
        assert await find_transcript(scene.chain, root, job.workers) is None
        transcript = read_transcript(open_transcript(request.salt, id, kept))
        assert [entry.body for entry in transcript.entries][-1:] == [b"same"]
        assert sealed_root(request.salt, id, transcript_root(transcript)) == root != transcript_root(transcript)
        for salt, number, sealed in (
            (b"other!!!" * 4, id, kept),
            (request.salt, id + 1, kept),
            (request.salt, id, b""),
        ):
            with pytest.raises(NotSealed):
                open_transcript(salt, number, sealed)
        with pytest.raises(InputSealed):
            await replay_job(scene.chain, id, pool)
