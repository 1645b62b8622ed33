"""Faults behind a gateway, with a real worker and node: scripts that break off or hang, a worker left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from node.web import WebSocket, connect_websocket
from node.web.errors import CannotConnect
from offchain.light.receipt_file import ReceiptFile
from offchain.sandbox.pool import Pool, open_pool
from offchain.serving import agents, service
from pallets.primitives.http import HttpResponse, response_hash
from pallets.primitives.receipt import receipt_id
from tests.offchain.gateway.real_gateway import gateway_before
from tests.offchain.gateway.stage import error_of
from tests.offchain.hearing import PATIENCE
from tests.offchain.real_node import ALICE, Scene, worker_of
from tests.offchain.serving.gateway import Gateway, eventually, gateway_to

ANYWHERE = ("127.0.0.1", 0)
AGENT = "/agents/echo/"
SCRIPT = b"""
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const breaks = (type, ms) => new Response(new ReadableStream({
  async start(to) {
    to.enqueue(new TextEncoder().encode('half'));
    await pause(ms);
    console.log('about to');
    throw new RangeError('no such luck');
  }
}), { status: 201, headers: { 'content-type': type } });
const answers = {
  '/at-once': () => breaks('text/plain', 0),
  '/midway': () => breaks('text/event-stream', 100),
  '/hangs': () => pause(1e7).then(() => 'woken'),
};
const answer = answers[JSON.parse(scriptArgs[0]).path] ?? (() => 'hello');
scriptOutput = answer();
"""


@asynccontextmanager
async def caller_of(scene: Scene, base_path: Path | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of a gateway whose tickets pay."""
    async with (
        gateway_before(scene, "//Gateway", base_path) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE, verify=False) as client,
    ):
        yield client


async def answers(client: httpx.AsyncClient) -> None:
    """Waits until the script can be asked."""

    async def answered() -> bool:
        return (await client.get(AGENT)).text == "hello"

    await eventually(answered)


async def receipt_of(client: httpx.AsyncClient, path: str) -> ReceiptFile:
    return ReceiptFile.parse((await client.get(path)).content)


async def test_a_script_that_breaks_off_is_charged_and_one_that_hangs_is_timed_out(
    scene: Scene, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RUN_SECONDS", 0.5)
    agent = await scene.deploy(SCRIPT, price=2)
    await scene.send(ALICE, "Agents", "fund", agent=agent, amount=10**12)
    async with (
        open_pool(slots=1, waiting=8, cache=cache, grace=0.1) as pool,
        worker_of(scene.node.ws_url, pool, listen=ANYWHERE),
    ):
        async with caller_of(scene, tmp_path) as client:
            await answers(client)
            broken = await client.get(AGENT + "at-once")
            told = error_of(broken, 500, "uncaught-error")
            assert "RangeError: no such luck" in told["message"] and "agent.js" in told["stack"]
            kept_at = f"/receipts/{broken.headers['x-fathom-receipt']}"
            await stands_for_what_was_said(scene, await receipt_of(client, kept_at), "text/plain")

            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                async with client.stream("GET", AGENT + "midway") as flowing:
                    assert flowing.status_code == 201
                    async for part in flowing.aiter_raw():
                        assert part == b"half"
            later = await receipt_of(client, flowing.headers["x-fathom-receipt-at"])
            await stands_for_what_was_said(scene, later, "text/event-stream")

            timed_out = error_of(await client.get(AGENT + "hangs"), 504, "time-out")
            assert timed_out["message"] == "the script was not done in 0.5 s"
            assert (await client.get(AGENT)).text == "hello"
            log = (await client.get("/logs/all/agents/echo")).text
            assert log.count("about to\n") == 2
            assert "[ERROR] the answer breaks off: " in log and log.count("no such luck\n") == 2
            assert "END Request: 500 uncaught-error" in log and "END Request: broken off" in log
        async with caller_of(scene, tmp_path) as client:  # a gateway that knows nothing of who signed what
            await answers(client)
            assert (await receipt_of(client, kept_at)).receipt.charge > 0


async def stands_for_what_was_said(scene: Scene, file: ReceiptFile, kind: str) -> None:
    receipt = file.receipt
    assert receipt.response_hash == response_hash(HttpResponse(201, [("content-type", kind)], b"half"))
    assert receipt.charge == 2 * receipt.gas > 0
    assert file.id == receipt_id(scene.chain.genesis, receipt)


class Leash:
    """Connections to a node that can be cut, for good."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sockets: list[WebSocket] = []
        self._is_cut = False

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[WebSocket]:
        if self._is_cut:
            raise CannotConnect("the node is gone")
        async with connect_websocket(self._url) as socket:
            self._sockets.append(socket)
            yield socket

    async def cut(self) -> None:
        self._is_cut = True
        for socket in self._sockets:
            await socket.aclose()


async def test_a_worker_whose_node_is_gone_refuses_and_another_one_answers_until_it_ends(
    scene: Scene, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("REFRESH_SECONDS", 0.1), ("CHECK_SECONDS", 0.2), ("STALE_SECONDS", 1.0)):
        monkeypatch.setattr(agents, name, seconds)
    url = scene.node.ws_url
    leash = Leash(url)
    agent = await scene.deploy(SCRIPT, price=0)
    async with (
        worker_of(url, pool, listen=ANYWHERE, connect=leash.connect) as behind,
        caller_of(scene) as client,
        gateway_to(behind.endpoint, scene.chain.genesis, behind.worker_key) as directly,
        trio.open_nursery() as nursery,
        worker_of(url, pool, listen=ANYWHERE, operator="//Worker//2", seed=2) as current,
    ):
        await answer_of_each(client, {behind.worker_key, current.worker_key})
        await directly.answer(agent)
        await leash.cut()
        refused = await refusal_of(directly, agent)
        assert (refused.status, refused.elsewhere) == (503, True) and "too old" in refused.message
        for _ in range(4):  # the two are asked in turn
            answer = await client.get(AGENT)
            assert answer.text == "hello"
            assert answer.headers["x-fathom-worker"] == f"0x{current.worker_key.hex()}"
        nursery.start_soon(told_that_none_answers, client)
        await eventually(partial(runs, client, current.worker_key))
        # it ends with this block, so that the one behind is asked


async def told_that_none_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get(AGENT + "hangs")
    last = answer.json()["error"]  # of the two, whichever was asked last
    assert last in ("worker-gone", "worker-behind")
    error_of(answer, 503, last)
    assert answer.headers["retry-after"] == "1"


async def runs(client: httpx.AsyncClient, worker: bytes) -> bool:
    """Whether a request is under way at a worker."""
    workers = (await client.get("/health")).json()["workers"]
    return {"worker": f"0x{worker.hex()}", "requests": 1} in workers


async def answer_of_each(client: httpx.AsyncClient, workers: set[bytes]) -> None:
    """Waits until each of these workers has answered through the gateway."""
    seen: set[str | None] = set()

    async def answered() -> bool:
        seen.add((await client.get(AGENT)).headers.get("x-fathom-worker"))
        return seen >= {f"0x{worker.hex()}" for worker in workers}

    await eventually(answered)


async def refusal_of(gateway: Gateway, agent: int) -> Any:
    async def behind() -> Any:
        found = await gateway.ask(agent)
        return found if getattr(found, "error", None) == "worker-behind" else None

    return await eventually(behind)
