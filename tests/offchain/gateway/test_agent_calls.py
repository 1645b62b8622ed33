"""Agents that call agents, before a real gateway, worker and node: one worker of one slot."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from node.web import connect_websocket, request
from offchain.keys import WorkerKeys
from offchain.sandbox.pool import Pool
from offchain.serving import agents, batches, wire
from offchain.worker import RunningWorker
from pallets.jobs.pallet import Jobs
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash, response_hash
from pallets.primitives.job import Mode
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.pots import purse
from pallets.primitives.receipt import RECEIPT, Receipt, SignedTicket, Ticket, receipt_bytes, ticket_bytes
from pallets.primitives.service import AccessPolicy
from tests.offchain.command import Fathom, Said
from tests.offchain.gateway.real_gateway import gateway_before
from tests.offchain.real_node import ALICE, UNIT, Scene, entropy, worker_of
from tests.offchain.serving.gateway import eventually

GATEWAY, CALL_PRICE = "//Gateway", UNIT // 10
CALLER = b"""'use agent';
globalThis.agent = { async fetch(request) {
  const { to, ...options } = await request.json();
  try {
    const answer = await agents.call(to, options);
    return Response.json({ status: answer.status, receipt: answer.receipt, body: await answer.text() });
  } catch (error) {
    return Response.json({ error: error.name, reason: error.reason, message: error.message });
  }
} };
"""
CALLED = b"""'use agent';
globalThis.agent = { async fetch(request) {
  const { pathname, search } = new URL(request.url);
  const [caller, depth] = ['caller', 'depth'].map((name) => request.headers.get(`x-fathom-${name}`));
  const body = await request.text();
  return Response.json({ method: request.method, path: pathname + search, caller, depth, body }, { status: 201 });
} };
"""


class Door:
    """What callers ask of agents."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, name: str, /, max_charge: int | None = None, **call: Any) -> tuple[Any, dict[str, str]]:
        headers = [] if max_charge is None else [("x-fathom-max-charge", str(max_charge))]
        found = await request(f"{self.url}/agents/{name}/", "POST", body=json.dumps(call).encode(), headers=headers)
        return json.loads(found.body), dict(found.headers)

    async def receipt(self, id: str) -> Any:
        return json.loads((await request(f"{self.url}/receipts/{id}")).body)


async def test_agents_call_agents(scene: Scene, pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One worker of one slot, so that each run that is called needs the place of the one that waits for it."""
    monkeypatch.setattr(agents, "REFRESH_SECONDS", 0.1)
    for name in ("BATCH_SECONDS", "LOOK_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(batches, name, 0.2)
    caller, called = await scene.deploy(CALLER, b"caller"), await scene.deploy(CALLED, b"called")
    serving = worker_of(scene.node.ws_url, pool, listen=("127.0.0.1", 0))
    async with trio.open_nursery() as nursery, serving as running, gateway_before(scene, suri=GATEWAY) as url:
        nursery.start_soon(blocks, scene)  # what is committed is final some blocks later
        door = Door(url)

        async def once() -> Any:
            said, headers = await door.ask("caller", to="called", path="/a?b=1", body="text")
            return said if "x-fathom-receipt" in headers and "reason" not in said else None

        said = await eventually(once)
        body = json.loads(said["body"])
        assert said["status"] == 201
        assert body == {"method": "POST", "path": "/a?b=1", "caller": str(caller), "depth": "1", "body": "text"}
        receipt = await door.receipt(said["receipt"]["id"])
        assert (receipt["agent"], receipt["worker"]) == (str(called), f"0x{running.worker_key.hex()}")
        assert receipt["charge"] == said["receipt"]["charge"]

        await refusals(door)
        await loops_end_by_depth(scene, door, tmp_path)
        await a_job_calls(scene, caller, called)
        await who_pays(scene, door, caller, called)
        await no_gateway_is_believed(running, scene.chain.genesis, caller, called)
        nursery.cancel_scope.cancel()


async def blocks(scene: Scene) -> None:
    while True:
        await scene.node.producer.create_block(create_empty=True)
        await trio.sleep(0.2)


async def refusals(door: Door) -> None:
    said, _ = await door.ask("caller", to="nobody")
    assert (said["error"], said["reason"]) == ("TypeError", "no-such-agent")
    said, _ = await door.ask("caller", to="called", method="DELETE")
    assert said["reason"] == "method-not-allowed"
    said, _ = await door.ask("caller", to="called", path="/../caller/")
    assert "leads out of the agent" in said["message"]
    said, _ = await door.ask("caller", to="called", path="/%2e%2e/caller/")
    assert "leads out of the agent" in said["message"]
    forged = [("x-fathom-depth", "4"), ("x-fathom-caller", "9")]
    found = await request(f"{door.url}/agents/called/", headers=forged)
    assert (json.loads(found.body)["caller"], json.loads(found.body)["depth"]) == (None, None)
    found = await request(f"{door.url}/agents/called/", headers=[("x-fathom-max-charge", "-1")])
    assert found.status == 400


async def loops_end_by_depth(scene: Scene, door: Door, tmp: Path) -> None:
    """An agent that calls itself, and so on: the fifth is told why not, the others answer, and all of it verifies."""
    call: dict[str, Any] = {"to": "caller"}
    for _ in range(5):
        call = {"to": "caller", "body": call}
    said, headers = await door.ask("caller", **call)
    for depth in range(5):
        if depth < 4:
            assert said["status"] == 200, (depth, said)
            said = json.loads(said["body"])
    assert (said["error"], said["reason"]) == ("TypeError", "too-deep")

    fathom, id = Fathom(scene.node.ws_url, "receipt"), headers["x-fathom-receipt"]
    committed = partial(fathom.said, "tree", id, "--gateway", door.url, "--json")
    found = await eventually(lambda: worked(committed))
    (branch,), charges = found["receipts"], []
    for depth in range(5):
        file = await door.receipt(branch["id"])
        assert dict(file["request"]["headers"]).get("x-fathom-depth", "0") == str(depth)
        charges.append(int(branch["charge"]))
        branch = branch["calls"][0] if depth < 4 else branch
    assert not branch["calls"] and int(found["charge"]) == sum(charges)
    file = tmp / "receipt.json"
    file.write_bytes((await request(f"{door.url}/receipts/{id}")).body)
    assert "5 receipts, each verified" in await fathom.text("tree", file)
    replayed = await fathom("replay", file)
    assert replayed["same"], "from the transcript alone"


async def a_job_calls(scene: Scene, caller: int, called: int) -> None:
    """By the gateway that the agent's DAO has named, with a receipt like any other's."""
    asked = {"method": "POST", "path": "/", "body": json.dumps({"to": "called", "path": "/by-job"})}
    id = await scene.submit(caller, json.dumps(asked).encode(), mode=Mode.Recorded, deadline=120_000)
    await scene.seen(Jobs.Settled, job=id)
    output = scene.state.jobs.output.get(id)
    assert output is not None
    said = json.loads(json.loads(output)["body"])
    assert json.loads(said["body"])["caller"] == str(caller), said
    fathom = Fathom(scene.node.ws_url, "job")
    found = await eventually(lambda: worked(partial(fathom.said, "tree", id, "--json")))
    assert [each["id"] for each in found["receipts"]] == [said["receipt"]["id"]]
    assert found["receipts"][0]["agent"] == str(called)
    assert (await fathom("replay", id))["same"]


async def worked(command: Callable[[], Awaitable[Said]]) -> Any:
    """The JSON of a command that works, once receipts are in batches."""
    said = await command()
    assert said.code == 0 or "batch" in said.err, said
    return json.loads(said.out) if said.code == 0 else None


async def no_gateway_is_believed(running: RunningWorker, genesis: bytes, caller: int, called: int) -> None:
    """An answer counts for this very request, and signed by a worker that the chain knows."""
    forger, tickets = WorkerKeys.generate(entropy(99)), iter(range(10**6, 2 * 10**6))
    gateway = Keypair.from_suri(GATEWAY, Scheme.ED25519)

    async def told(forge: Callable[[wire.CallAgent], wire.ToWorker]) -> Any:
        async with connect_websocket(running.endpoint) as socket:
            given = HttpRequest("POST", "/", "", [], json.dumps({"to": "called"}).encode())
            ticket = Ticket(caller, request_hash(given), running.worker_key, next(tickets), 1 << 62)
            signed = SignedTicket(ticket, gateway.public, gateway.sign(ticket_bytes(genesis, ticket)))
            await socket.send(wire.TO_WORKER.encode(wire.Ask(1, caller, None, given, "x", None, signed, None)))
            call = wire.TO_GATEWAY.decode_all(await socket.receive())  # type: ignore[arg-type]
            assert isinstance(call, wire.CallAgent), call
            await socket.send(wire.TO_WORKER.encode(forge(call)))
            return json.loads(wire.TO_GATEWAY.decode_all(await socket.receive()).body)  # type: ignore[arg-type]

    def answer(call: wire.CallAgent, **changes: Any) -> wire.Answered:
        asked, answered = request_hash(call.request), response_hash(HttpResponse(200, [], b"lie"))
        fields = [called, bytes(32), asked, answered, bytes(32), 1, bytes(32), 0, 1, bytes(32), 0]
        receipt = replace(Receipt(*fields), **changes)  # type: ignore[arg-type]
        signature = forger.sign(receipt_bytes(genesis, receipt))
        signed = RECEIPT.encode(receipt), signature, forger.worker_key
        return wire.Answered(call.call, None, 200, [], b"lie", *signed, None)

    assert "isn't attested" in (await told(answer))["message"]
    assert "another request" in (await told(lambda call: answer(call, request_hash=bytes(32))))["message"]
    assert "another answer" in (await told(lambda call: answer(call, response_hash=bytes(32))))["message"]
    found = await told(lambda call: wire.NotAnswered(call.call, "no-worker", "none is there"))
    assert (found["reason"], found["message"]) == ("no-worker", "fetch failed: no-worker: none is there")


async def who_pays(scene: Scene, door: Door, caller: int, called: int) -> None:
    """An agent that has a price is paid by the one that calls it, within what that may spend a day."""
    access = AccessPolicy(CALL_PRICE, None, 0)
    await scene.send(ALICE, "Agents", "set_access", agent=called, access=access)

    async def refused() -> Any:
        said, _ = await door.ask("caller", to="called")
        return said if said.get("reason") == "payment-required" else None

    said = await eventually(refused)
    assert "Agents.set_calls" in said["message"]
    await scene.send(ALICE, "Agents", "set_calls", agent=caller, per_day=100 * UNIT)
    await scene.send(ALICE, "Anchors", "fill", agent=caller, amount=100 * UNIT)
    before = scene.state.balances.free(purse(caller))

    async def paid() -> Any:
        said, headers = await door.ask("caller", to="called")
        return (said, headers) if said.get("status") == 201 else None

    said, headers = await eventually(paid)
    receipt = await door.receipt(said["receipt"]["id"])
    charge = int(receipt["charge"])
    assert charge == CALL_PRICE + min(int(receipt["gas"]) * 2, UNIT // 100) == int(said["receipt"]["charge"])

    async def settled() -> Any:
        await door.ask("caller", to="called")  # of many leaves in a batch some are drawn
        return scene.all(Jobs.CallsPaid, caller=caller)

    assert (await eventually(settled))[0].agent == called
    spent = sum(event.amount for event in scene.all(Jobs.CallsPaid))
    assert scene.state.balances.free(purse(caller)) == before - spent

    said, _ = await door.ask("caller", to="called", maxCharge=CALL_PRICE)
    assert said["reason"] == "too-costly"
    said, _ = await door.ask("caller", to="called", maxCharge=CALL_PRICE + 2 * 10**6)
    assert said["status"] == 500 and "out-of-gas" in said["body"], "it has as much gas as that buys"
    assert int(said["receipt"]["charge"]) <= CALL_PRICE + 2 * 10**6
    most = UNIT // 100  # of what the caller's own run is charged
    said, _ = await door.ask("caller", most + CALL_PRICE, to="called")
    assert said["reason"] == "too-costly", "its own run may cost all but the price"
    said, headers = await door.ask("caller", 2 * most + CALL_PRICE, to="called")
    assert said["status"] == 201
    own = await door.receipt(headers["x-fathom-receipt"])
    assert int(own["charge"]) + int(said["receipt"]["charge"]) <= 2 * most + CALL_PRICE

    await scene.send(ALICE, "Agents", "set_calls", agent=caller, per_day=CALL_PRICE)

    async def exhausted() -> Any:
        said, _ = await door.ask("caller", to="called")
        return said if said.get("reason") == "payment-required" else None

    assert "for calls now" in (await eventually(exhausted))["message"]
