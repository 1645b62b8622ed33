"""Sealed jobs on a real node with real workers: boxes given after the draw, missing, handed on."""

from __future__ import annotations

import logging

import pytest
import trio
from nacl.public import PrivateKey
from trio.testing import wait_all_tasks_blocked

from offchain import records
from offchain.light.finalized import Finalized
from offchain.light.seal import FinalitySeal
from offchain.sealed_inputs import MAX_JOBS, SealedInputs
from pallets.clusters.pallet import Clusters
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import Mode, SealedInput, Word, job_word_bytes
from pallets.primitives.job_record import JobState
from pallets.primitives.keys import Keypair
from pallets.primitives.sealed import SealedRequest, open_output, open_request, opener, seal
from tests.offchain.real_node import BOB, ECHO, UNIT, InlineSandbox, Scene, worker_of
from tests.offchain.test_dishonest_worker import Liar
from tests.offchain.test_votes import workers

MINE = PrivateKey(b"m" * 32)
SALT = b"salt" * 8
OWNER = Keypair.from_suri("//Worker//1")
SECRET = b"a secret"


def request_of(agent: int, who: Keypair = BOB) -> SealedRequest:
    return SealedRequest(SALT, MINE.public_key.encode(), who.account_id, agent, SECRET)


async def submit(
    scene: Scene,
    agent: int,
    *boxes: bytes,
    who: Keypair = BOB,
    replicas: int = 1,
    mode: Mode = Mode.Deterministic,
) -> int:
    """A sealed job; its number."""
    input = SealedInput(request_of(agent, who).commitment, list(boxes))
    terms = {"mode": mode, "max_fee": UNIT // 10, "deadline": 45_000, "callback": None}
    count = len(scene.all(Jobs.Submitted))
    await scene.send(who, "Jobs", "submit", agent=agent, input=input, replicas=replicas, **terms)
    return (await scene.seen(Jobs.Submitted, count + 1)).job


async def provide(scene: Scene, id: int, agent: int, worker: bytes) -> None:
    """Gives a worker its box, as a client does: by the seal key that the chain has of it."""
    box = seal(request_of(agent).encoded, scene.state.workers.worker[worker].info.seal_key, b"once" * 8)
    await scene.send(BOB, "Jobs", "provide_key", job=id, boxes=[(worker, box)])


def check_output(scene: Scene, id: int, agent: int) -> None:
    """The job's output is there, voted on by its salted hash, and only Bob reads it."""
    stored, outcome = scene.state.jobs.output.get(id), scene.state.jobs.job[id].outcome
    assert stored is not None and SECRET not in stored
    assert open_output(stored, request_of(agent), id, bytes(MINE)) == SECRET + b"!"
    assert outcome is not None and outcome.output == blake2_256(stored)


async def test_a_box_given_after_the_draw(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, inline) as running:
        id = await submit(scene, agent)
        await scene.seen(Jobs.Assigned, job=id)
        await provide(scene, id, agent, running.worker_key)
        await scene.seen(Jobs.Settled, job=id)
    check_output(scene, id, agent)
    assert not list(scene.state.jobs.boxes.prefix(id))


async def test_three_vote_on_what_they_alone_read(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    async with workers(scene, inline, 1, 2, 3):
        id = await submit(scene, agent, replicas=3)
        for worker in (await scene.seen(Jobs.Assigned, job=id)).workers:
            await provide(scene, id, agent, worker)
        await scene.seen(Jobs.Settled, job=id)
    check_output(scene, id, agent)
    assert scene.state.jobs.job[id].tally().total() == 3


async def test_a_worker_that_gets_no_box_abstains_and_misses_nothing(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, inline) as running:
        id = await submit(scene, agent)
        await scene.seen(Jobs.Assigned, job=id)
        await scene.travel(8_000)
        vacated = await scene.seen(Jobs.Vacated, job=id)
        assert vacated.worker == running.worker_key
        paid = await scene.seen(Jobs.Paid, job=id)
        assert (paid.who, paid.amount) == (running.operator, UNIT // 10 // 16)
        worker = scene.state.workers.worker[running.worker_key]
        assert (worker.kept, worker.missed) == (0, 0)
        await scene.seen(Jobs.Assigned, job=id, attempt=2)
        await provide(scene, id, agent, running.worker_key)
        await scene.seen(Jobs.Settled, job=id)
    check_output(scene, id, agent)


async def test_a_worker_hands_the_input_on_to_the_next(scene: Scene, inline: InlineSandbox) -> None:
    agent = await scene.deploy(ECHO)
    former = Liar(scene, inline.runtime_id, seed=7)
    assert await former.register() == ""
    id = await submit(scene, agent)
    await scene.seen(Jobs.Assigned, job=id)
    said = job_word_bytes(genesis=scene.chain.genesis, job=id, attempt=1, word=Word.Abstain)
    key = former.keys.worker_key
    assert await former.bare(records.word(id, 1, Word.Abstain, key, former.keys.sign(said))) == ""
    final = Finalized(scene.chain, FinalitySeal(None, key, scene.chain.genesis))
    inputs = SealedInputs(scene.chain, final, former.keys, list, logging.LoggerAdapter(logging.getLogger("former")))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(final.run)
        nursery.start_soon(inputs.run)
        for other in range(id + 1, id + 1 + MAX_JOBS):  # as many as it looks after: the newest come first
            inputs.remember(other, request_of(agent))
        await wait_all_tasks_blocked()
        inputs.remember(id, request_of(agent))
        async with worker_of(scene.node.ws_url, inline, operator="//Worker//2") as running:
            await scene.seen(Jobs.Settled, job=id)
        nursery.cancel_scope.cancel()
    given = scene.all(Jobs.BoxGiven, job=id, worker=running.worker_key)
    assert [each.by for each in given] == [key]
    check_output(scene, id, agent)
    assert scene.state.jobs.job[id].state is JobState.Settled


@pytest.mark.parametrize(("mode", "replicas"), [(Mode.Deterministic, 1), (Mode.Recorded, 3)])
async def test_who_has_the_clusters_key_hands_on_what_is_sealed_to_it(
    scene: Scene, inline: InlineSandbox, mode: Mode, replicas: int
) -> None:
    """The job is the holder's own operator's, so that others are drawn, which have no part in the cluster.

    A leader gets its box before it has recorded anything.
    """
    agent = await scene.deploy(ECHO)
    async with worker_of(scene.node.ws_url, inline) as holder:
        cluster = await scene.seen(Clusters.KeySet)
        request = request_of(agent, OWNER)
        others = {}
        for number in range(2, 2 + replicas):
            operator = Keypair.from_suri(f"//Worker//{number}")
            liar = Liar(scene, inline.runtime_id, seed=number, operator=operator)
            assert await liar.register() == ""
            others[liar.keys.worker_key] = liar
        box = seal(request.encoded, cluster.seal_key, b"once" * 8)
        id = await submit(scene, agent, box, who=OWNER, replicas=replicas, mode=mode)
        given = await scene.seen(Jobs.BoxGiven, job=id)
    drawn = others[given.worker]
    assert given.by == holder.worker_key
    (kept,) = scene.state.jobs.boxes.get(id, drawn.keys.worker_key) or []
    found = open_request(
        [kept.box],
        [opener(drawn.keys.sealing)],
        commitment=request.commitment,
        submitter=OWNER.account_id,
        agent=agent,
    )
    assert found == request
