"""The agents that come with Fathom on a dev chain, as people meet them: by signed transactions, by jobs, over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import httpx
import trio

from node.web import connect_websocket
from offchain.chain import EVENTS_KEY, Chain
from offchain.described import Described, Happened
from offchain.rpc import Client
from pallets.primitives.effects import opened
from pallets.primitives.keys import Keypair
from tests.e2e.conftest import DevChain

PATIENCE_SECONDS = 60
UNIT = 10**12


class Sent(NamedTuple):
    """A transaction in its block, with its own events."""

    block: int
    place: int
    events: list[Happened]

    def event(self, pallet: str, name: str) -> dict[str, Any]:
        return next(each.fields for each in self.events if (each.pallet, each.name) == (pallet, name))


class Done(NamedTuple):
    """A job that is settled: the HTTP answer that its output is, what it cost, and what came of its effects."""

    status: int
    told: Any
    fee: int
    effects: list[tuple[str, dict[str, Any]]]
    """Events of `Anchors`, by name."""

    def paid(self) -> dict[str, int]:
        """What its effects paid, by account in hex."""
        return {f"0x{fields['to'].hex()}": fields["amount"] for name, fields in self.effects if name == "Paid"}

    @property
    def applied(self) -> bool:
        return any(name == "Applied" for name, _ in self.effects)


class Answer(NamedTuple):
    """An answer over HTTP."""

    status: int
    told: Any
    receipt: str


class Stage:
    """A chain with them, and its gateway."""

    def __init__(self, chain: Chain, described: Described, gateway: str) -> None:
        self.chain, self.described, self.gateway = chain, described, gateway

    async def send(self, suri: str, pallet: str, call: str, **arguments: Any) -> Sent:
        """Signs a call and waits for its block, in which it has to succeed."""
        data = self.described.call(pallet, call, **arguments)
        inclusion = await self.chain.submit_signed(Keypair.from_suri(suri), data)
        await self.chain.require_success(inclusion)
        index = await self.chain.index_of(inclusion)
        events = await self._events(inclusion.block.hash)
        return Sent(inclusion.block.number, index, [each for each in events if each.extrinsic == index])

    async def read(self, pallet: str, item: str, *keys: Any) -> Any:
        return await self.described.read(self.chain, pallet, item, *keys)

    async def agent(self, name: str) -> int:
        number: int = await self.read("Agents", "ByName", name)
        return number

    async def free(self, suri: str) -> int:
        account = await self.read("System", "Account", account_of(suri))
        free: int = account["data"]["free"]
        return free

    async def submit(self, suri: str, agent: str, path: str, body: Any, mode: str = "Recorded") -> Sent:
        """Submits a job whose input is an HTTP request."""
        request = {"method": "POST", "path": path, "body": json.dumps(body)}
        terms = {"mode": mode, "replicas": 1, "max_fee": UNIT, "deadline": 60_000, "callback": None}
        input = {"Inline": json.dumps(request).encode()}
        return await self.send(suri, "Jobs", "submit", agent=await self.agent(agent), input=input, **terms)

    async def settled(self, sent: Sent) -> Done:
        """What came of a job that was submitted."""
        job, number = sent.event("Jobs", "Submitted")["job"], sent.block
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                hash = await self.chain.hash_of(number)
                if hash is None:
                    await trio.sleep(0.02)
                    continue
                events = await self._events(hash)
                mine = [each for each in events if each.fields.get("job") == job]
                ends = {each.name: each.fields for each in mine if each.pallet == "Jobs"}
                assert "Expired" not in ends, ends
                if "Settled" in ends:
                    output = await self.read("Jobs", "Output", job)
                    answer = json.loads((opened(output) or (None, output))[1])
                    effects = [(each.name, each.fields) for each in mine if each.pallet == "Anchors"]
                    return Done(answer["status"], json.loads(answer["body"]), ends["Settled"]["fee"], effects)
                number += 1

    async def job(self, suri: str, agent: str, path: str, body: Any = None, mode: str = "Recorded") -> Done:
        """Has a job done."""
        return await self.settled(await self.submit(suri, agent, path, body or {}, mode))

    async def ask(
        self, agent: str, path: str, body: Any = None, *, until: Callable[[Any], bool] = lambda _: True
    ) -> Answer:
        """Asks over HTTP, until the answer is as it is once workers go by a later block."""
        content = None if body is None else json.dumps(body).encode()
        verb = "GET" if body is None else "POST"
        with trio.fail_after(PATIENCE_SECONDS):
            async with httpx.AsyncClient(base_url=self.gateway, timeout=PATIENCE_SECONDS) as client:
                while True:
                    answer = await client.request(verb, f"/agents/{agent}{path}", content=content)
                    is_json = answer.headers["content-type"] == "application/json"
                    told = answer.json() if is_json else answer.text
                    if answer.status_code != 503 and until(told):
                        return Answer(answer.status_code, told, answer.headers.get("x-fathom-receipt", ""))
                    await trio.sleep(0.05)

    async def receipt(self, id: str) -> Any:
        """The file of a receipt."""
        async with httpx.AsyncClient(base_url=self.gateway, timeout=PATIENCE_SECONDS) as client:
            return (await client.get(f"/receipts/{id}")).json()

    async def _events(self, block: bytes) -> list[Happened]:
        return self.described.events(await self.chain.get(EVENTS_KEY, block))


def account_of(suri: str) -> bytes:
    return Keypair.from_suri(suri).account_id


def hex_of(suri: str) -> str:
    """An account as scripts know it."""
    return f"0x{account_of(suri).hex()}"


@asynccontextmanager
async def connected(running: DevChain) -> AsyncIterator[Stage]:
    """The stage of a running `fathom dev`."""
    async with trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, running.ws), running.ws)
        await nursery.start(client.run)
        chain = await Chain.open(client)
        yield Stage(chain, await Described.at(chain), running.urls["gateway"])
        nursery.cancel_scope.cancel()
