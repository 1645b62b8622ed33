"""Real workers that vote on a real node: what they say when, what they reveal when, also after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio

from offchain.journal import JOURNAL_FILE, SignedOutput, open_journal
from offchain.sandbox.base import Abstained, Context, Limits, Outcome, World
from offchain.worker import RunningWorker
from pallets.jobs.pallet import Jobs
from pallets.primitives.job import commit_hash
from pallets.primitives.job_record import JobState, SeatPhase, Stage
from pallets.primitives.worker_record import WorkerState
from pallets.slashing.pallet import Slashing
from pallets.workers.pallet import Workers
from tests.offchain.hearing import PATIENCE, Lines
from tests.offchain.real_node import ECHO, CutConnection, InlineSandbox, Scene, worker_of

HASH = b"\x04\x16\x09"  # a bare extrinsic, pallet 22, call 9


@asynccontextmanager
async def workers(scene: Scene, inline: InlineSandbox, *numbers: int) -> AsyncIterator[list[RunningWorker]]:
    """Honest workers, each of an operator of its own."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                worker_of(scene.node.ws_url, inline, operator=f"//Worker//{number}", seed=number)
            )
            for number in numbers
        ]


async def test_three_vote_and_reveal_once_nobody_can_copy(scene: Scene, inline: InlineSandbox, lines: Lines) -> None:
    agent = await scene.deploy(ECHO)
    async with workers(scene, inline, 1, 2, 3) as running:
        scene.node.finalizer.delay = None
        id = await scene.submit(agent, b"hello", replicas=3)
        await scene.seen(Jobs.HashCommitted, 3, job=id)
        await lines.seen(f"waits until the hashes of job {id}, attempt 1 are final")
        assert scene.state.jobs.job[id].stage is Stage.Reveals and not scene.all(Jobs.Revealed)
        assert {seat.phase for seat in scene.state.jobs.job[id].seats} == {SeatPhase.Committed}
        scene.node.finalizer.delay = 0
        settled = await scene.seen(Jobs.Settled, job=id)
    job = scene.state.jobs.job[id]
    assert scene.state.jobs.output.get(id) == b"hello!" and settled.fee == 3 * 2 * settled.gas
    assert {seat.worker for seat in job.seats} == {each.worker_key for each in running}
    assert {seat.phase for seat in job.seats} == {SeatPhase.Revealed}
    for each in running:
        assert scene.all(Jobs.Paid, job=id, who=each.operator)
        worker = scene.state.workers.worker[each.worker_key]
        assert (worker.state, worker.kept, worker.missed) == (WorkerState.Idle, 1, 0)


async def test_whoever_waits_for_finality_in_vain_reveals_in_time(
    scene: Scene, inline: InlineSandbox, lines: Lines
) -> None:
    """A chain that isn't finalised must not cost honest workers their stake."""
    agent = await scene.deploy(ECHO)
    async with workers(scene, inline, 1, 2, 3):
        scene.node.finalizer.delay = None
        id = await scene.submit(agent, b"hello", replicas=3)
        await scene.seen(Jobs.HashCommitted, 3, job=id)
        await lines.seen(f"waits until the hashes of job {id}, attempt 1 are final")
        await scene.travel(13_000)
        await scene.seen(Jobs.Settled, job=id)
    assert len(scene.all(Jobs.Revealed, job=id)) == 3
    assert f"reveals the output of job {id}, attempt 1 before its hashes are final" in lines.text


async def test_what_was_committed_to_survives_restarts(
    scene: Scene, inline: InlineSandbox, tmp_path: Path, lines: Lines
) -> None:
    """The connection dies when the hash should leave; the worker restarts then, and again before it reveals."""
    agent = await scene.deploy(ECHO)
    cut = CutConnection(scene.node.ws_url, HASH)

    url, third = scene.node.ws_url, "//Worker//3"
    async with workers(scene, inline, 1, 2):
        async with worker_of(url, inline, operator=third, base_path=tmp_path, connect=cut.connect, seed=3) as before:
            scene.node.finalizer.delay = None
            id = await scene.submit(agent, b"hello", replicas=3)
            with trio.fail_after(PATIENCE):
                await cut.happened.wait()
            await scene.seen(Jobs.HashCommitted, 2, job=id)
        kept = kept_by(tmp_path, before.worker_key, id)
        key = before.worker_key
        async with worker_of(url, Lazy(inline), operator=third, base_path=tmp_path):
            committed = await scene.seen(Jobs.HashCommitted, job=id, worker=key)
            assert committed.hash == commit_hash(kept.message, salt=kept.salt, worker=key, attempt=1)
        assert len(kept.salt) == 32 and kept_by(tmp_path, key, id) == kept
        async with worker_of(url, Lazy(inline), operator=third, base_path=tmp_path):
            scene.node.finalizer.delay = 0
            await scene.seen(Jobs.Revealed, job=id, worker=key)
            await scene.seen(Jobs.Settled, job=id)
    assert scene.state.jobs.job[id].state is JobState.Settled
    assert lines.text.count(f"has signed job {id}, attempt 1, before: sends the same") == 2


async def test_a_key_whose_journal_is_lost_commits_to_nothing_else(
    scene: Scene, inline: InlineSandbox, tmp_path: Path, lines: Lines
) -> None:
    """Another salt under the same key would be a second hash, and cost the stake."""
    agent = await scene.deploy(ECHO)
    url, third = scene.node.ws_url, "//Worker//3"
    async with workers(scene, inline, 1, 2):
        async with worker_of(url, inline, operator=third, base_path=tmp_path, seed=3) as before:
            scene.node.finalizer.delay = None
            id = await scene.submit(agent, b"hello", replicas=3)
            await scene.seen(Jobs.HashCommitted, job=id, worker=before.worker_key)
            await scene.seen(Jobs.HashCommitted, 3, job=id)
        (tmp_path / JOURNAL_FILE).unlink()
        async with worker_of(url, inline, operator=third, base_path=tmp_path, seed=4):
            await scene.seen(Workers.Registered, 4)
        assert "its key has committed to what its journal doesn't know" in lines.text
    hashes = [each for each in scene.extrinsics if HASH in each[:7]]
    assert len(hashes) == 3 and not scene.all(Slashing.Deferred)


def kept_by(base_path: Path, worker: bytes, job: int) -> SignedOutput:
    with open_journal(base_path / JOURNAL_FILE) as journal:
        signed = journal.signed(worker, job, 1)
    assert signed is not None
    return signed


async def test_a_worker_abstains_from_what_it_cannot_do(scene: Scene, inline: InlineSandbox, lines: Lines) -> None:
    """It says so, and the other two decide without it, long before the time is up."""
    agent = await scene.deploy(ECHO)
    async with workers(scene, inline, 1, 2):
        async with worker_of(scene.node.ws_url, Lazy(inline), operator="//Worker//3", seed=3) as lazy:
            id = await scene.submit(agent, b"hello", replicas=3)
            vacated = await scene.seen(Jobs.Vacated, job=id)
            assert (vacated.worker, vacated.phase) == (lazy.worker_key, SeatPhase.Abstained)
            await scene.seen(Jobs.Settled, job=id)
        assert f"abstains from job {id}, attempt 1: the process is gone" in lines.text
    assert scene.state.workers.worker[lazy.worker_key].missed == 1


class Lazy(InlineSandbox):
    """Runs nothing but what a worker measures its speed with."""

    def __init__(self, inline: InlineSandbox) -> None:
        super().__init__(inline.sandbox)

    async def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
    ) -> Outcome:
        return Abstained("the process is gone") if code == ECHO else await super().run(code, input, limits, context)
