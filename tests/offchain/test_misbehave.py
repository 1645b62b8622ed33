"""Workers that break the rules on purpose, on a real node with honest ones: what the chain does about it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import orjson
import pytest
import trio

from node.config import NodeConfig
from node.web import connect_websocket
from offchain.dishonest_seats import Misbehaviour
from offchain.misbehave import RECEIPTS_FILE
from offchain.worker import Effects, RunningWorker, WorkerConfig, WorkerError, serve
from pallets.jobs.pallet import Jobs
from pallets.primitives.evidence import EVIDENCE, SlashReason
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import JobState, SeatPhase
from pallets.primitives.keys import Keypair
from pallets.slashing.pallet import Slashing
from tests.offchain.hearing import PATIENCE, Lines
from tests.offchain.real_node import BOB, ECHO, OPERATOR, SPEC, STAKE, InlineSandbox, Scene, entropy, real_node
from tests.offchain.test_votes import Lazy, workers

BAD_SIGNATURE = "Transaction has a bad signature"
MINUTE = 60_000
HONEST, LIE = b"hello!", b"not hello!"


@asynccontextmanager
async def dishonest(
    scene: Scene, inline: InlineSandbox, mode: Misbehaviour, number: int, *, base_path: Path | None = None
) -> AsyncIterator[RunningWorker]:
    """A worker that misbehaves, of an operator of its own; it leaves the chain at the end."""
    url, operator = scene.node.ws_url, f"//Worker//{number}"
    config = WorkerConfig(url, operator, STAKE, base_path=base_path, misbehave=mode)
    effects = Effects(partial(connect_websocket, url), entropy(number), inline)

    async def live(*, task_status: trio.TaskStatus[RunningWorker]) -> None:
        try:
            await serve(config, effects, task_status=task_status)
        except WorkerError as end:
            assert mode is Misbehaviour.CRASH and "crashes with job" in str(end)

    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE):
            running: RunningWorker = await nursery.start(live)
        yield running
        nursery.cancel_scope.cancel()
    await scene.send(Keypair.from_suri(operator), "Workers", "exit", worker=running.worker_key)


async def voted(scene: Scene, agent: int) -> int:
    """A job that three workers have."""
    id = await scene.submit(agent, b"hello", replicas=3)
    await scene.seen(Jobs.Assigned, job=id)
    return id


async def judged(scene: Scene, id: int, worker: RunningWorker) -> tuple[SeatPhase, list[SlashReason]]:
    """What becomes of a worker's seat, and what it is slashed for; the honest ones are paid for what is right."""
    await scene.seen(Jobs.Settled, job=id)
    assert scene.state.jobs.output.get(id) == HONEST
    assert worker.operator not in {paid.who for paid in scene.all(Jobs.Paid, job=id)}
    assert scene.state.workers.worker[worker.worker_key].kept == 0
    seat = scene.state.jobs.job[id].seat_of(worker.worker_key)
    assert seat is not None
    return seat.phase, [event.reason for event in scene.all(Slashing.Deferred, worker=worker.worker_key)]


async def test_a_dishonest_seat_among_three(scene: Scene, inline: InlineSandbox, lines: Lines) -> None:
    agent = await scene.deploy(ECHO)
    slashed = []
    async with workers(scene, inline, 1, 2) as honest:
        for number, mode in ((3, Misbehaviour.LIE), (4, Misbehaviour.OVERCHARGE)):
            async with dishonest(scene, inline, mode, number) as worker:
                id = await voted(scene, agent)
                assert await judged(scene, id, worker) == (SeatPhase.Revealed, [SlashReason.WrongOutput])
                ballot = scene.state.jobs.job[id].seat_of(worker.worker_key)
            slashed.append(worker)
            gas = scene.all(Jobs.Settled, job=id)[0].gas
            assert ballot is not None and ballot.ballot is not None
            wrong = blake2_256(LIE), gas
            if mode is Misbehaviour.OVERCHARGE:
                wrong = blake2_256(HONEST), 2 * gas
            assert (ballot.ballot.output, ballot.ballot.gas) == wrong

        async with dishonest(scene, inline, Misbehaviour.NO_REVEAL, 5) as worker:
            id = await voted(scene, agent)
            await scene.seen(Jobs.Revealed, 2, job=id)
            await scene.travel(16_000)
            assert await judged(scene, id, worker) == (SeatPhase.Unrevealed, [SlashReason.NotRevealed])
        slashed.append(worker)

        async with dishonest(scene, inline, Misbehaviour.DOUBLE_COMMIT, 6) as worker:
            id = await voted(scene, agent)
            assert await judged(scene, id, worker) == (SeatPhase.Equivocated, [SlashReason.DoubleCommit])
            (evidence,) = (each.evidence for each in scene.all(Slashing.Deferred, worker=worker.worker_key))
            assert EVIDENCE.decode_all(evidence).job == id
        slashed.append(worker)

        for number, mode in ((7, Misbehaviour.LATE), (8, Misbehaviour.CRASH)):
            async with dishonest(scene, inline, mode, number) as worker:
                id = await voted(scene, agent)
                await scene.seen(Jobs.Acknowledged, job=id, worker=worker.worker_key)
                await scene.seen(Jobs.HashCommitted, 2, job=id)
                scene.node.finalizer.delay = None  # so that the vote isn't over when the late hash comes
                await scene.travel(9_000)
                if mode is Misbehaviour.LATE:
                    await lines.seen(f"the late output of job {id}, attempt 1: refused, TooLate")
                scene.node.finalizer.delay = 0
                assert await judged(scene, id, worker) == (SeatPhase.Absent, [])
                assert scene.state.workers.worker[worker.worker_key].missed == 1

        for _ in range(13):
            await scene.travel(50_000)  # short of what the chain excuses
        for worker in slashed:
            event = await scene.seen(Slashing.Slashed, worker=worker.worker_key)
            assert event.taken == scene.state.jobs.min_slash
        for each in honest:
            record = scene.state.workers.worker[each.worker_key]
            assert (record.missed, record.slashed) == (0, 0) and not scene.all(
                Slashing.Deferred, worker=each.worker_key
            )


async def test_copying_another_seat(scene: Scene, inline: InlineSandbox, lines: Lines) -> None:
    """By its hash, or by its output without a hash of its own: neither brings anything."""
    agent = await scene.deploy(ECHO)
    async with workers(scene, inline, 1, 2), dishonest(scene, Lazy(inline), Misbehaviour.COPY, 3) as worker:
        even = await voted(scene, agent)
        of = f"job {even}, attempt 1"
        await scene.seen(Jobs.Revealed, 2, job=even)
        await lines.seen(f"another's output of {of}, signed anew: refused, WrongReveal")
        await scene.travel(16_000)
        assert await judged(scene, even, worker) == (SeatPhase.Unrevealed, [SlashReason.NotRevealed])
        assert f"another's hash of {of} under its signature: refused, {BAD_SIGNATURE}" in lines.text
        assert f"another's hash of {of}, signed anew: sent" in lines.text
        assert f"another's output of {of} under its signature: refused, {BAD_SIGNATURE}" in lines.text

        odd = await voted(scene, agent)
        await scene.seen(Jobs.HashCommitted, 2, job=odd)
        await scene.travel(9_000)
        phase, reasons = await judged(scene, odd, worker)
        assert (phase, reasons) == (SeatPhase.Absent, [SlashReason.NotRevealed])  # the one of before
        await lines.seen(f"the hash of another's output of job {odd}, attempt 1: refused, ")
        assert lines.text.rpartition("attempt 1: refused, ")[2].split()[0] in ("TooLate", "NotAssigned")
        assert worker.operator not in {paid.who for paid in scene.all(Jobs.Paid)}


async def test_outputs_that_differ_bring_more_seats(scene: Scene, inline: InlineSandbox, lines: Lines) -> None:
    """One is honest, one lies, one is gone: four more decide. Of a later round a copier knows what to say."""
    agent = await scene.deploy(ECHO)
    async with workers(scene, inline, 1), dishonest(scene, inline, Misbehaviour.LIE, 2) as liar:
        async with dishonest(scene, inline, Misbehaviour.CRASH, 3):
            id = await voted(scene, agent)
            await scene.seen(Jobs.HashCommitted, 2, job=id)
            await scene.travel(9_000)
            disputed = await scene.seen(Jobs.Disputed, job=id)
            assert disputed.round == 1 and scene.state.jobs.job[id].state is JobState.Disputed
        async with workers(scene, inline, 4, 5, 6), dishonest(scene, Lazy(inline), Misbehaviour.COPY, 7):
            phase, reasons = await judged(scene, id, liar)
    job = scene.state.jobs.job[id]
    assert (phase, reasons, len(job.seats)) == (SeatPhase.Revealed, [SlashReason.WrongOutput], 7)
    assert [seat.round for seat in job.seats] == [0] * 3 + [1] * 4
    assert f"takes the output of job {id}, attempt 1 that most workers of earlier rounds have found" in lines.text
    assert len(scene.all(Jobs.Revealed, job=id)) == 6


async def test_a_lie_of_a_worker_alone_is_challenged(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    await scene.sudo("Jobs", "set_window", window=10 * MINUTE)
    async with dishonest(scene, inline, Misbehaviour.LIE, 1) as liar:
        id = await scene.submit(agent, b"hello")
        await scene.seen(Jobs.Committed, job=id)
        assert scene.state.jobs.output.get(id) == LIE and not scene.all(Jobs.Settled)
        async with workers(scene, inline, 2, 3, 4):
            await scene.send(BOB, "Jobs", "challenge", job=id)
            phase, reasons = await judged_alone(scene, id, liar)
    assert (phase, reasons) == (SeatPhase.Revealed, [SlashReason.LostChallenge])


async def judged_alone(scene: Scene, id: int, worker: RunningWorker) -> tuple[SeatPhase, list[SlashReason]]:
    await scene.seen(Jobs.Settled, job=id)
    assert scene.state.jobs.output.get(id) == HONEST
    assert worker.operator not in {paid.who for paid in scene.all(Jobs.Paid, job=id)}
    judged = scene.state.jobs.job[id].seats[0]
    assert judged.worker == worker.worker_key
    return judged.phase, [event.reason for event in scene.all(Slashing.Deferred, worker=worker.worker_key)]


async def refused(url: str, inline: InlineSandbox, mode: Misbehaviour) -> str:
    """With what a worker ends that can't even begin."""
    effects = Effects(partial(connect_websocket, url), entropy(), inline)
    with pytest.raises(WorkerError) as caught:
        await serve(WorkerConfig(url, OPERATOR, STAKE, misbehave=mode), effects)
    return str(caught.value)


async def test_bad_quotes_and_receipts(scene: Scene, inline: InlineSandbox, tmp_path: Path, lines: Lines) -> None:
    url = scene.node.ws_url
    assert await refused(url, inline, Misbehaviour.FORGE_QUOTE) == "the chain takes none of the worker's forged quotes"
    assert "a quote with a wrong signature: refused, Attestation.QuoteForged" in lines.text
    assert "a quote with a wrong root: refused, Attestation.UnknownRoot" in lines.text
    await scene.travel(11 * MINUTE)
    assert await refused(url, inline, Misbehaviour.STALE_QUOTE) == "the chain doesn't take the worker's stale quote"
    assert "a quote over block #1: refused, Attestation.StaleQuote" in lines.text
    assert not list(scene.state.workers.worker)

    async with dishonest(scene, inline, Misbehaviour.DOUBLE_RECEIPT, 3, base_path=tmp_path) as worker:
        await lines.seen("has signed two receipts of number 0")
        published = orjson.loads((tmp_path / RECEIPTS_FILE).read_bytes())
        evidence = EVIDENCE.decode_all(bytes.fromhex(published["evidence"][2:]))
        await scene.send(BOB, "Slashing", "report", evidence=evidence)
    (deferred,) = scene.all(Slashing.Deferred)
    assert (deferred.worker, deferred.reason) == (worker.worker_key, SlashReason.DoubleReceipt)


async def test_other_chains_take_no_such_worker(inline: InlineSandbox, tmp_path: Path) -> None:
    spec = json.loads(SPEC.read_text()) | {"chainType": "Local"}
    spec["genesis"]["runtimeGenesis"]["patch"]["cheats"]["allowed"] = False
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    async with real_node(NodeConfig(tmp_path / "spec.json", rpc_port=0)) as node:
        for mode in Misbehaviour:
            assert "for chains of development" in await refused(node.ws_url, inline, mode)
