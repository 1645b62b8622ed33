"""Jobs that write, end to end: real workers on a real node, scripts that read and write the chain."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from logging import LoggerAdapter, getLogger
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio

from offchain.authoring.sending import send
from offchain.effects.chain_host import ChainHosts
from offchain.effects.scopes import scope_of_job
from offchain.effects.state import ChainState
from offchain.execution import Program, job_limits, run_context
from offchain.light.finalized import Finalized
from offchain.light.seal import FinalitySeal
from offchain.outside_runs import REPLAY_FAILED, OutsideRuns
from offchain.replay.job import replay_job
from offchain.sandbox.base import Failure, Success
from offchain.sandbox.pool import Pool
from offchain.serving.files import MemoryFiles
from offchain.serving.run_scope import RunScope
from offchain.serving.store import Store
from offchain.serving.transcripts import find_transcript
from offchain.serving.worlds import WayOut
from pallets.anchors.pallet import Anchors
from pallets.jobs.pallet import Jobs
from pallets.mandates import Mandates, Transfers
from pallets.primitives.effects import opened
from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import HttpRequest
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import SeatPhase
from pallets.primitives.transcript import TRANSCRIPT, Transcript, transcript_root
from pallets.slashing.pallet import Slashing
from tests.offchain.real_node import ALICE, BOB, RUNTIME, UNIT, Scene
from tests.offchain.test_outside_jobs import Counter, fleet_of

DEADLINE = 120_000
DOES_AS_TOLD = b"""
Promise.resolve(eval(scriptArgs[0])).then((value) => { scriptOutput = JSON.stringify(value ?? null); });
"""
GUESTBOOK = b"""'use agent';
globalThis.agent = { async fetch(request) {
  const entries = kv.getJson('entries') ?? [];
  if (request.method === 'GET') return Response.json(entries);
  if (request.url.endsWith('/pay')) chain.pay(job.submitter, 1);
  entries.push({ by: job.submitter, text: await request.text() });
  kv.set('entries', entries);
  return Response.json({ count: entries.length });
} };"""
COUNT = b"""
(() => { kv.set('n', (kv.getJson('n') ?? 0) + 1); kv.set('by', job.submitter); chain.emit(['counted'], 'x');
  return { n: kv.getJson('n'), keys: kv.keys().sort(), at: chain.block.number, agent: job.agent,
    named: chain.storage('Agents', 'ByName', 'echo'), none: kv.get('none') === undefined }; })()
"""


@pytest.fixture
async def counter(nursery: trio.Nursery) -> Counter:
    counter = Counter()
    await nursery.start(counter.serve)
    return counter


async def told(scene: Scene, id: int) -> Any:
    """What the script of a job that is settled said, whatever else it left."""
    await scene.seen(Jobs.Settled, job=id)
    output = scene.state.jobs.output.get(id)
    assert output is not None
    envelope = opened(output)
    return orjson.loads(output if envelope is None else envelope[1])


def kept(scene: Scene, agent: int) -> dict[bytes, bytes]:
    return {key: value for (of, key), value in scene.state.anchors.value.items() if of == agent}


async def test_what_jobs_read_and_leave(scene: Scene, pool: Pool, counter: Counter, tmp_path: Path) -> None:
    agent = await scene.deploy(DOES_AS_TOLD)
    submit = partial(scene.submit, agent, deadline=DEADLINE)
    async with fleet_of(scene, pool, tmp_path, 3):
        # three replicas read one block, and agree
        for count in (1, 2):
            id = await submit(COUNT, replicas=3)
            said = await told(scene, id)
            job = scene.state.jobs.job[id]
            assert {seat.phase for seat in job.seats} == {SeatPhase.Revealed} and said["at"] == job.reads_at
            assert (said["n"], said["keys"], said["agent"], said["named"]) == (count, ["by", "n"], agent, agent)
            assert said["none"]
            await scene.seen(Anchors.Applied, agent=agent, job=id, updates=2, actions=1)
            assert kept(scene, agent) == {b"n": b"%d" % count, b"by": b"0x" + BOB.account_id.hex().encode()}
            assert (await replay_job(scene.chain, id, pool)).differences == []
        event = scene.all(Anchors.Emitted)[-1]
        assert (event.topics, event.data) == ([blake2_256(b"counted")], b"x")

        # of two that read one block one wins, and the other is told
        terms = {"mode": Mode.Deterministic, "replicas": 1, "max_fee": UNIT // 10, "deadline": DEADLINE}
        calls = [
            RUNTIME.call("Jobs", "submit", agent=agent, input=InlineInput(COUNT), callback=None, **terms)
            for _ in range(2)
        ]
        await scene.send(BOB, "Utility", "batch_all", calls=calls)
        refused = await scene.seen(Anchors.Refused)
        assert isinstance(refused.error, Anchors.Conflict) and refused.job in (2, 3)
        await scene.seen(Anchors.Applied, agent=agent, job=5 - refused.job)
        assert kept(scene, agent)[b"n"] == b"3" and scene.all(Anchors.LockLost)[0].key in (b"n", b"by")

        # money, under limits and a mandate
        await scene.send(ALICE, "Anchors", "fill", agent=agent, amount=UNIT)
        await scene.send(ALICE, "Anchors", "set_limits", agent=agent, per_job=7, per_day=7)
        until = scene.state.timestamp.now + 3_600_000
        await scene.send(BOB, "Mandates", "grant", agent=agent, allowance=5, kinds=[Transfers()], until=until)
        there = ALICE.account_id.hex()
        paying = (
            f"chain.pay('0x{there}', 7n); chain.call('Balances.transfer_keep_alive', {{dest: '0x{there}', value: 5}})"
        )
        id = await submit(paying.encode(), mode=Mode.Oracle, replicas=3)
        await told(scene, id)
        await scene.seen(Anchors.Applied, agent=agent, job=id, updates=0, actions=2)
        assert scene.all(Mandates.Used)[-1] == Mandates.Used(BOB.account_id, agent, id, 5, 0)
        id = await submit(f"kv.set('n', 9); {paying}".encode())
        await told(scene, id)
        assert isinstance((await scene.seen(Anchors.Refused, job=id)).error, Anchors.OverDayLimit)
        assert kept(scene, agent)[b"n"] == b"3"

        # what comes from outside is written too; the network stays shut where it was
        id = await submit(
            f"fetch('{counter.url().decode()}').then(async (r) => kv.set('out', await r.text()))".encode()
        )
        await scene.seen(Jobs.Settled, job=id)
        assert b"this run has no world outside" in (scene.state.jobs.output.get(id) or b"")
        recorded = (
            f"fetch('{counter.url().decode()}').then(async (r) => (kv.set('out', await r.text()), kv.getText('n')))"
        )
        id = await submit(recorded.encode(), mode=Mode.Recorded, replicas=3)
        assert await told(scene, id) == "3"
        await scene.seen(Anchors.Applied, agent=agent, job=id)
        assert kept(scene, agent)[b"out"] == b"1" and not scene.all(Slashing.Deferred)
        assert (await replay_job(scene.chain, id, pool)).differences == []

        # one script serves requests, and jobs that are requests
        await scene.deploy(GUESTBOOK, b"guestbook")
        sending = partial(send, scene.chain, BOB, "guestbook", mode=Mode.Deterministic, replicas=1, time=DEADLINE)
        for count, text in ((1, b"hello"), (2, b"again")):
            sent = await sending(HttpRequest("POST", "/", "", [], text), fee=UNIT // 10)
            assert (sent.answer.status, sent.answer.body, sent.failed) == (200, b'{"count":%d}' % count, False)
            assert sent.written is not None and sent.written.name == "Applied" and sent.written.fields["updates"] == 1
        sent = await sending(HttpRequest("GET", "/", "", [], b""), fee=UNIT // 10)
        assert [entry["text"] for entry in orjson.loads(sent.answer.body)] == ["hello", "again"]
        assert sent.written is None
        sent = await sending(HttpRequest("POST", "/pay", "", [], b""), fee=UNIT // 10)
        assert sent.written is not None and sent.written.name == "Refused" and not sent.failed

        # a leader that says something else of the chain is found out
        job = scene.state.jobs.job[id]
        assert job.outcome is not None
        found = await find_transcript(scene.chain, job.outcome.transcript_root, job.workers, 1 << 22)
    assert found is not None
    assert await replayed(scene, pool, id, recorded.encode(), found) == scene.state.jobs.output.get(id)
    *others, entry = found.entries
    forged = replace(found, entries=[*others, replace(entry, body=b"4")])
    assert await replayed(scene, pool, id, recorded.encode(), forged) == REPLAY_FAILED.output

    # a request reads, and writes nothing
    state = ChainState(scene.chain, (await final_of(scene)).get_all)
    hosts, job = ChainHosts(state, LOG), scene.state.jobs.job[id]
    final = await final_of(scene)
    scope = RunScope(agent=agent, header=final.header)
    limits, context = job_limits(job, 20), run_context(scene.chain.genesis, id, job)
    for script, expected in (("[kv.getText('n'), job === undefined]", '["3",true]'), ("kv.set('n', 1)", "only a job")):
        async with WayOut().within(hosts.of).open((), context, scope) as world:
            outcome = await pool.run(DOES_AS_TOLD, script.encode(), limits, context, world)
        assert isinstance(outcome, Success | Failure) and expected.encode() in outcome.output


LOG = LoggerAdapter(getLogger("offchain.worker"), {})


async def final_of(scene: Scene) -> Finalized:
    final = Finalized(scene.chain, FinalitySeal(None, bytes(32), scene.chain.genesis))
    await final.refresh()
    return final


async def replayed(scene: Scene, pool: Pool, id: int, input: bytes, transcript: Transcript) -> bytes:
    """What a worker's replay of a job comes to, if this is its transcript."""
    store, root = Store(MemoryFiles()), transcript_root(transcript)
    store.put(root, TRANSCRIPT.encode(transcript))
    final = await final_of(scene)
    hosts = ChainHosts(ChainState(scene.chain, final.get_all), LOG)
    runs = OutsideRuns(scene.chain, pool, WayOut().open, partial(scope_of_job, final), hosts.host, store, LOG)
    job = scene.state.jobs.job[id]
    job.transcript = root
    found = await runs.run(id, job, Program(DOES_AS_TOLD, input), b"", 20)
    assert isinstance(found.outcome, Success)
    return found.outcome.output
