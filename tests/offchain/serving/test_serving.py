"""A worker's endpoint over real connections, on a real node, with the real sandbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio
from nacl.signing import SigningKey

from node.web import Request, Response, bound_port, connect_websocket, open_listeners, request, serve
from node.web.errors import HandshakeRefused
from offchain import cluster_records
from offchain.dishonest_seats import Misbehaviour
from offchain.light.finalized import Finalized
from offchain.light.receipt_check import check_on_chain, check_proof
from offchain.light.receipt_file import ReceiptFile
from offchain.light.seal import FinalitySeal
from offchain.sandbox.base import Context, Limits
from offchain.sandbox.pool import Pool
from offchain.serving import batches
from offchain.serving.secret_box import SealedSecret, ToAgent, ToCode, seal_secret
from offchain.serving.wire import TO_WORKER, GetReceipt
from offchain.worker import RunningWorker
from pallets.jobs.pallet import Jobs
from pallets.primitives import merkle
from pallets.primitives.agent_record import AgentPolicy
from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import HttpRequest, canonical_request, request_hash
from pallets.primitives.job_record import Shares
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.receipt import AnsweredLeaf, SignedReceipt, SignedTicket, Ticket, leaf_bytes, ticket_bytes
from pallets.primitives.transcript import read_transcript, transcript_root
from tests.offchain.real_node import ALICE, ECHO, Scene, worker_of
from tests.offchain.serving.gateway import Answered, Gateway, eventually, gateway_to

ANYWHERE = ("127.0.0.1", 0)
GATEWAY = Keypair.from_suri("//Gateway", Scheme.ED25519)
SCRIPT = b"""
const asked = JSON.parse(scriptArgs[0]);
const answers = {
  '/json': () => JSON.stringify({status: 201, headers: {'X-Kind': ['a', 'b']}, body: 'made'}),
  '/text': () => 'hello',
  '/data': () => JSON.stringify({rows: [1, 2]}),
  '/echo': () => JSON.stringify({body: scriptArgs[0]}),
  '/bytes': () => new Uint8Array([0x82, 0xa6, 115, 116, 97, 116, 117, 115, 0xcc, 202,
    0xa4, 98, 111, 100, 121, 0xc4, 1, 0xff]),
  '/large': () => 'x'.repeat(600000),
  '/split': () => JSON.stringify({headers: {a: 'b\\r\\nc: d'}, body: ''}),
  '/throw': () => { console.log('about to'); throw new Error('no such luck'); },
  '/loop': () => { for (;;); },
  '/slow': () => { for (let i = 0; i < 3e5; i++); return 'done'; },
};
if (asked.path === '/fetch') {
  scriptOutput = fetch(asked.queries.from[0]).then(async (got) => String(got.status) + await got.text());
} else {
  scriptOutput = answers[asked.path]();
}
"""


@asynccontextmanager
async def serving(
    scene: Scene, pool: Pool, base_path: Path | None = None, misbehave: Misbehaviour | None = None
) -> AsyncIterator[tuple[RunningWorker, Gateway]]:
    """A worker that answers, and a connection to it."""
    url, path = scene.node.ws_url, base_path
    async with (
        worker_of(url, pool, base_path=path, listen=ANYWHERE, misbehave=misbehave, allow_private=True) as worker,
        gateway_to(worker.endpoint, scene.chain.genesis, worker.worker_key) as gateway,
    ):
        yield worker, gateway


async def becomes_final(gateway: Gateway, agent: int) -> None:
    """Waits until the worker knows the agent with its code."""

    async def answered() -> bool:
        return isinstance(await gateway.ask(agent, "/text"), Answered)

    await eventually(answered)


async def test_what_a_gateway_is_answered(scene: Scene, pool: Pool, tmp_path: Path) -> None:
    agent = await scene.deploy(SCRIPT, price=0)
    policy = AgentPolicy(0, 10**8, Shares(700_000, 200_000, 0, 100_000), narrow=True)
    await scene.send(ALICE, "Agents", "set_policy", agent=agent, policy=policy)
    async with serving(scene, pool, tmp_path) as (worker, gateway):
        await becomes_final(gateway, agent)
        json_answer = await gateway.answer(agent, "/json")
        assert json_answer.response.status == 201 and json_answer.response.body == b"made"
        assert json_answer.response.headers == [("x-kind", "a"), ("x-kind", "b")]
        assert (await gateway.answer(agent, "/text")).response.headers[0] == (
            "content-type",
            "text/plain; charset=utf-8",
        )
        assert (await gateway.answer(agent, "/data")).response.body == b'{"rows":[1,2]}'
        packed = await gateway.answer(agent, "/bytes")
        assert (packed.response.status, packed.response.body) == (202, b"\xff")
        large = await gateway.answer(agent, "/large")
        assert len(large.response.body) == 600_000 and len(large.chunks) == 3

        told = HttpRequest(
            "POST",
            "/echo",
            "b=1&key=hidden&a=%20x&b=2",
            [("X-B", "2"), ("Host", "agents.test"), ("x-b", "1")],
            b"\xff\0",
        )
        seen = json.loads((await gateway.answer(agent, told)).response.body)
        assert seen == {
            "method": "POST",
            "path": "/echo",
            "queries": {"b": ["1", "2"], "a": [" x"]},
            "headers": {"host": "agents.test", "x-b": "1, 2"},
            "bodyBase64": "/wA=",
            "url": "http://agents.test/echo?b=1&a=%20x&b=2",
        }

        failed = await gateway.answer(agent, HttpRequest("GET", "/throw", "", [("x-request-id", "7f")], b""))
        assert failed.response.status == 500 and failed.end.logs[0].endswith("about to")
        assert failed.json["error"] == "uncaught-error" and "no such luck" in failed.json["message"]
        assert failed.json["requestId"] == "7f" and "agent.js" in failed.json["stack"]
        looped = await gateway.answer(agent, "/loop")
        assert (looped.response.status, looped.json["error"]) == (500, "out-of-gas")
        assert looped.receipt.gas == scene.state.agents.agent[agent].policy.max_gas
        assert (await gateway.answer(agent, "/split")).json["error"] == "bad-answer"

        before = (await gateway.answer(agent, "/text")).receipt.sequence
        refusals = {
            (404, "unknown-agent"): await gateway.refusal(99),
            (404, "code-not-approved"): await gateway.refusal(agent, "/text", code=bytes(32)),
            (413, "request-too-large"): await gateway.refusal(
                agent, HttpRequest("GET", "/text", "", [("a", "b")] * 200, b"")
            ),
            (400, "bad-request"): await gateway.refusal(agent, "text"),
            (503, "secret-not-held"): await gateway.refusal(agent, "/text", sealed=SealedSecret(99, b"box")),
        }
        assert {(refused.status, refused.error): refused for refused in refusals.values()} == refusals
        assert [refused.elsewhere for refused in refusals.values()] == [False, False, False, False, True]
        code = blake2_256(SCRIPT)
        after = await gateway.answer(agent, "/text", code=code)
        assert after.receipt.sequence == before + 1 and after.receipt.code == code

        await scene.send(ALICE, "Agents", "pause", agent=agent)

        async def paused() -> bool:
            return getattr(await gateway.ask(agent, "/text"), "error", None) == "agent-paused"

        await eventually(paused)
        assert (await gateway.refusal(agent, "/text")).status == 403
        await what_breaks_the_protocol_is_disconnected(worker)


async def what_breaks_the_protocol_is_disconnected(worker: RunningWorker) -> None:
    for bad in ("text", b"\xff", TO_WORKER.encode(GetReceipt(1, bytes(32))) + b"\0"):
        async with connect_websocket(worker.endpoint) as websocket:
            await websocket.send(bad)
            assert await websocket.receive() is None
            assert websocket.closed is not None and websocket.closed.code == 1002
    with pytest.raises(HandshakeRefused, match="403"):
        async with connect_websocket(worker.endpoint, headers=[("Origin", "https://page.test")]):
            pass
    assert (await request(worker.endpoint.replace("ws:", "http:"))).status == 426


async def test_receipts_go_on_the_chain_and_outlive_the_worker(
    scene: Scene, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", 0.5)
    agent = await scene.deploy(SCRIPT, price=1)
    async with serving(scene, pool, tmp_path) as (worker, gateway):
        key = worker.worker_key
        tickets = Tickets(scene, agent, key)

        async def unpaid() -> bool:
            refused = await gateway.refusal(agent)
            return (refused.status, refused.error) == (402, "payment-required")

        await eventually(unpaid)
        ask = HttpRequest("GET", "/text", "", [("authorization", "Bearer x")], b"")
        ticket = tickets.next(ask)
        free = (await gateway.answer(agent, ask, ticket=ticket)).receipt
        assert free.charge == 0, "an empty treasury pays nothing"
        assert "used before" in (await gateway.refusal(agent, ask, ticket=ticket)).message
        assert "another request" in (await gateway.refusal(agent, "/json", ticket=tickets.next(ask))).message
        forged = tickets.next(ask, SigningKey(b"\1" * 32))
        assert "not its gateway's" in (await gateway.refusal(agent, ask, ticket=forged)).message
        stranger = SigningKey(b"\1" * 32)
        other = SignedTicket(forged.ticket, stranger.verify_key.encode(), forged.signature)
        assert "this gateway" in (await gateway.refusal(agent, ask, ticket=other)).message

        await scene.send(ALICE, "Agents", "fund", agent=agent, amount=10**12)

        async def charged() -> Answered | None:
            found = await gateway.answer(agent, ask, ticket=tickets.next(ask))
            return found if found.receipt.charge else None

        paid = await eventually(charged)
        assert paid.receipt.charge == paid.receipt.gas
        await scene.seen(Jobs.ReceiptsPaid, worker=key, first=0)
        await committed_up_to(scene, paid.receipt.sequence)

        async def earned() -> bool:
            """Leaves are drawn: of the first batch, in which one receipt of many is charged, that may be none."""
            await gateway.answer(agent, ask, ticket=tickets.next(ask))
            await scene.node.producer.create_block(create_empty=True)
            return any(event.paid for event in scene.all(Jobs.ReceiptsPaid, worker=key))

        await eventually(earned)

        file = await gateway.file(gateway.id_of(paid))
        assert file is not None and (file.receipt, file.signature) == (paid.receipt, paid.end.signature)
        assert file.request == canonical_request(ask) and file.response is not None and file.response.body == b"hello"
        assert file.batch is not None and file.simulated
        place, record = file.batch, scene.state.jobs.receipt_batch[key, file.batch.first]
        leaf = AnsweredLeaf(SignedReceipt(file.receipt, file.signature))
        content = leaf_bytes(scene.chain.genesis, leaf, file.receipt.sequence)
        assert merkle.root_of(content, place.index, place.count, place.path) == place.root == record.root
        assert await gateway.file(bytes(32)) is None

        async def proven() -> ReceiptFile | None:
            found = await gateway.file(gateway.id_of(paid))
            return found if found is not None and found.proof is not None else None

        shown = await eventually(proven)
        assert (
            replace(shown, proof=None) == replace(file, proof=None)
            and shown.proof is not None
            and shown.batch is not None
        )
        final = Finalized(scene.chain, FinalitySeal(None, bytes(32), scene.chain.genesis))
        assert await check_on_chain(shown, final)
        await check_proof(shown, shown.batch, shown.proof, final)

    async with serving(scene, pool, tmp_path) as (again, gateway):
        assert again.worker_key == key and again.endpoint != worker.endpoint
        assert scene.state.workers.worker[key].info.endpoint == again.endpoint.encode()
        await becomes_answerable(gateway, agent, ask, tickets)
        assert await gateway.file(gateway.id_of(paid)) is not None
        later = (await gateway.answer(agent, ask, ticket=tickets.next(ask))).receipt
        assert later.sequence > paid.receipt.sequence
        await committed_up_to(scene, later.sequence)
    committed = scene.all(Jobs.ReceiptsCommitted)
    assert [event.first for event in committed[1:]] == [event.first + event.count for event in committed[:-1]]
    assert not scene.all(Jobs.ReceiptsVoid)


async def becomes_answerable(gateway: Gateway, agent: int, ask: HttpRequest, tickets: Tickets) -> None:
    async def answered() -> bool:
        return isinstance(await gateway.ask(agent, ask, ticket=tickets.next(ask)), Answered)

    await eventually(answered)


async def committed_up_to(scene: Scene, number: int) -> None:
    async def committed() -> bool:
        await scene.node.producer.create_block(create_empty=True)  # batches keep a distance in the chain's time
        return sum(event.count for event in scene.all(Jobs.ReceiptsCommitted)) > number

    await eventually(committed)


class Tickets:
    """Tickets of the development chain's gateway."""

    def __init__(self, scene: Scene, agent: int, worker: bytes) -> None:
        self._genesis, self._agent, self._worker, self._count = scene.chain.genesis, agent, worker, 0

    def next(self, ask: HttpRequest, signer: SigningKey | None = None) -> SignedTicket:
        ticket = Ticket(self._agent, request_hash(ask), self._worker, self._count, 1 << 62)
        self._count += 1
        message = ticket_bytes(self._genesis, ticket)
        signature = GATEWAY.sign(message) if signer is None else signer.sign(message).signature
        return SignedTicket(ticket, GATEWAY.public, signature)


async def test_secrets_and_the_world_outside(scene: Scene, pool: Pool, tmp_path: Path) -> None:
    agent = await scene.deploy(SCRIPT, price=0)
    async with serving(scene, pool, tmp_path) as (_, gateway):
        await becomes_final(gateway, agent)
        key = await eventually(partial(scene.chain.read, cluster_records.KEY, 1))
        data = json.dumps({"apiKey": "s3cret"}).encode()
        code = blake2_256(SCRIPT)
        for bound_to in (ToAgent(agent), ToCode(code)):
            sealed = seal_secret(key.seal_key, 1, bound_to, data, b"\5" * 32)
            told = json.loads((await gateway.answer(agent, "/echo", sealed=sealed)).response.body)
            assert told["secret"] == {"apiKey": "s3cret"}
        for bound_elsewhere in (ToAgent(agent + 1), ToCode(bytes(32))):
            sealed = seal_secret(key.seal_key, 1, bound_elsewhere, data, b"\5" * 32)
            refused = await gateway.refusal(agent, "/echo", sealed=sealed)
            assert (refused.status, refused.error) == (401, "secret-bound-elsewhere")
        garbled = await gateway.refusal(agent, "/echo", sealed=SealedSecret(1, b"box"))
        assert (garbled.status, garbled.error) == (401, "secret-not-readable")
        receipts = await trio.Path(tmp_path / "receipts").rglob("*.log")
        assert not [path for path in receipts if b"s3cret" in await path.read_bytes()]

        async with outside_server(b" from outside") as url:
            fetched = await gateway.answer(agent, HttpRequest("GET", "/fetch", f"from={url}", [], b""))
        assert fetched.response.body == b"200 from outside"
        content = await gateway.transcript(fetched.receipt.transcript_root)
        assert content is not None
        transcript = read_transcript(content)
        assert transcript_root(transcript) == fetched.receipt.transcript_root
        assert [entry.body for entry in transcript.entries] == [b" from outside"]


@asynccontextmanager
async def outside_server(body: bytes) -> AsyncIterator[str]:
    async def answer(_request: Request) -> Response:
        return Response(200, (), body)

    listeners = await open_listeners("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: serve(listeners, http=answer, task_status=task_status))
        yield f"http://127.0.0.1:{bound_port(listeners)}/"
        nursery.cancel_scope.cancel()


async def test_jobs_come_before_requests_and_who_has_gone_is_not_waited_for(scene: Scene, pool: Pool) -> None:
    agent = await scene.deploy(SCRIPT, price=0)
    async with serving(scene, pool) as (worker, gateway):
        await becomes_final(gateway, agent)
        first = (await gateway.answer(agent, "/text")).receipt.sequence
        done: list[str] = []
        first_done = trio.Event()

        async def ask() -> None:
            await gateway.answer(agent, "/slow")
            done.append("request")
            first_done.set()

        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(ask)
            await first_done.wait()
            before = len(done)
            limits = Limits(gas=10**9, wall_seconds=10)
            await pool.run(ECHO, b"", limits, Context(block_time_ms=0, seed=b""))
            assert len(done) - before <= 4 < 12 - before
            async with connect_websocket(worker.endpoint) as leaving:
                other = Gateway(leaving, scene.chain.genesis, worker.worker_key)
                for _ in range(5):
                    await other.cancelled(agent, "/slow")
        last = (await gateway.answer(agent, "/text")).receipt.sequence
        assert last <= first + 12 + 1 + 2, "what nobody waits for any more has no receipt"


async def test_a_worker_that_answers_and_never_commits(
    scene: Scene, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", 0.1)
    agent = await scene.deploy(SCRIPT, price=0)
    async with serving(scene, pool, misbehave=Misbehaviour.WITHHOLD_RECEIPTS) as (worker, gateway):
        await becomes_final(gateway, agent)
        assert (await gateway.answer(agent, "/text")).receipt.sequence >= 1
        await trio.sleep(1)  # ten batches' time
        assert not scene.all(Jobs.ReceiptsCommitted)
        assert scene.state.jobs.next_receipt[worker.worker_key] == 0
