"""The gateway's own paths: the front page, health, agents, receipts, the vault and the logs.

## Overview

| path | |
| --- | --- |
| `GET /` | the agents, as a page for who accepts HTML, else as `GET /agents` |
| `GET /health` | whether the gateway can answer: 200, or 503 where no worker can be asked |
| `GET /agents` | the agents that take requests |
| `GET /receipts/{id}` | a receipt's file, from the worker that signed it |
| `POST /vaults` | `{"agent" or "cid", "data", "bind"?}` gives `{"key", "token", "succeed"}` |
| `GET`, `DELETE /vaults/{key}/{token}` | what was put there; forgets it |
| `GET /logs/all/agents/{x}`, `/logs/all/ipfs/{cid}` | the newest lines first; with `?follow` those to come |
| `POST /store`, `GET /store/{0x… or CID}` | bytes that jobs name by their hash, see `shared_store` |

The vault and the logs are nobody's but whoever runs the gateway or calls it by hand: no page of another origin gets at
them (no CORS, and a foreign `Origin` or `Sec-Fetch-Site` is refused), nor does one that had its name point to this
machine (a gateway that listens on loopback answers there to names of loopback alone).

Nothing here is ever HTML but the front page (`index_page`).

## Out of scope

Requests to agents: `doorway`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import orjson
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from node.web import is_loopback
from offchain.gateway.asked import RequestLimits
from offchain.gateway.directory import Directory
from offchain.gateway.doorway import Doorway, whole_body
from offchain.gateway.errors import (
    BadRequest,
    GatewayError,
    MethodNotAllowed,
    NotFound,
    NotFromHere,
    TooManyRequests,
    UnknownReceipt,
)
from offchain.gateway.index_page import HEADERS, accepts_page, index_page
from offchain.gateway.links import LinkLost, Links
from offchain.gateway.messages import error_headers
from offchain.gateway.receipts import Receipts
from offchain.gateway.request_logs import RequestLog, RequestLogs
from offchain.gateway.shared_store import SharedStore
from offchain.gateway.vault import Vault
from offchain.serving.secret_box import ToAgent, ToCode
from offchain.serving.wire import Found, GetReceipt

RECEIPT_SECONDS = 10.0
MAX_ASKED_FOR_RECEIPT = 8
"""Workers that are asked for a receipt where it isn't known who signed it."""
MAX_FOLLOWERS = 64
MAX_LISTED = 1000


class Control:
    """The gateway's own paths, as an ASGI application."""

    def __init__(
        self,
        directory: Directory,
        links: Links,
        receipts: Receipts,
        vault: Vault,
        logs: RequestLogs,
        doorway: Doorway,
        limits: RequestLimits,
        *,
        only_loopback: bool,
    ) -> None:
        """`only_loopback`: the vault and the logs answer to no Host but those of this machine."""
        self._directory, self._links, self._receipts = directory, links, receipts
        self._vault, self._logs, self._doorway, self._limits = vault, logs, doorway, limits
        self._only_loopback = only_loopback
        self._store = SharedStore(directory.chain, links, limits)
        self._followers = 0
        routes = [
            Route("/", self._front),
            Route("/health", self._health),
            Route("/agents", self._agents),
            Route("/receipts/{id}", self._receipt),
            Route("/vaults", self._put_secret, methods=["POST"]),
            Route("/vaults/{key}/{token}", self._secret, methods=["GET", "DELETE"]),
            Route("/logs/all/{kind:str}/{name}", self._log),
            Route("/store", self._put_bytes, methods=["POST"]),
            Route("/store/{name}", self._bytes),
        ]
        self.application = Starlette(
            routes=routes, exception_handlers={GatewayError: self._refuse, HTTPException: self._refuse_http}
        )

    async def _health(self, _: Request) -> Response:
        open_links = self._links.open_links()
        workers = [{"worker": f"0x{link.worker.hex()}", "requests": link.in_flight} for link in open_links]
        fields = {
            "ok": bool(open_links),
            "genesis": f"0x{self._directory.chain.genesis.hex()}",
            "agents": len(self._directory.agents()),
            "workers": workers,
            "requests": self._doorway.running,
        }
        return _json(fields, 200 if open_links else 503)

    async def _front(self, request: Request) -> Response:
        if accepts_page(request.headers.get("accept", "")):
            return HTMLResponse(index_page(self._directory.agents()[:MAX_LISTED]), headers=HEADERS)
        return await self._agents(request)

    async def _agents(self, _: Request) -> Response:
        listed = [
            {"id": str(agent.id), "name": agent.name, "code": f"0x{agent.code.hex()}", "path": f"/agents/{agent.name}/"}
            for agent in self._directory.agents()[:MAX_LISTED]
        ]
        return _json({"agents": listed})

    # Receipts

    async def _receipt(self, request: Request) -> Response:
        name = request.path_params["id"].removeprefix("0x").lower()
        signer = self._receipts.signer(name)
        if signer is not None:
            file = await self._file(signer.receipt, [signer.worker])
        elif len(name) == 64 and all(letter in "0123456789abcdef" for letter in name):
            asked = [link.worker for link in self._links.open_links()[:MAX_ASKED_FOR_RECEIPT]]
            file = await self._file(bytes.fromhex(name), asked)
        else:
            file = None
        if file is None:
            raise UnknownReceipt("no worker that can be asked has this receipt, or none any more")
        return Response(file, media_type="application/json", headers={"access-control-allow-origin": "*"})

    async def _file(self, receipt: bytes, workers: list[bytes]) -> bytes | None:
        """A receipt's file, of the first of these workers that has it."""
        found: list[bytes] = []

        async def ask(worker: bytes, scope: trio.CancelScope) -> None:
            link = self._links.get(worker)
            if link is None:
                return
            exchange = link.begin()
            try:
                with suppress(LinkLost):
                    await link.ask(GetReceipt(exchange.id, receipt))
                    await exchange.arrived()
                    answer = exchange.parts.popleft()
                    if isinstance(answer, Found) and answer.file is not None:
                        found.append(answer.file)
                        scope.cancel()
            finally:
                link.end(exchange)

        with trio.move_on_after(RECEIPT_SECONDS):
            async with trio.open_nursery() as nursery:
                for worker in workers:
                    nursery.start_soon(ask, worker, nursery.cancel_scope)
        return found[0] if found else None

    # The vault

    async def _put_secret(self, request: Request) -> Response:
        self._require_own_page(request)
        body = await whole_body(request.receive, int(request.headers.get("content-length", "0")), self._limits)
        try:
            fields = orjson.loads(body)
            data, name, cid = fields["data"], fields.get("agent"), fields.get("cid")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise BadRequest(
                'a secret is put as JSON: {"agent": name or id, "data": {…}}, or {"cid", "data"}'
            ) from None
        if not isinstance(data, dict) or (name is None) == (cid is None):
            raise BadRequest("`data` is an object, and either `agent` or `cid` says whose it is")
        if cid is not None:
            agent, code = await self._directory.find_code(str(cid))
        else:
            agent = await self._directory.find(str(name))
            code = agent.code
        bind = fields.get("bind", "code" if cid is not None else "agent")
        if bind not in ("agent", "code"):
            raise BadRequest("`bind` is `agent`, whatever code it runs, or `code`, whichever agent runs it")
        generation, seal_key = await self._directory.cluster_key()
        bound_to = ToAgent(agent.id) if bind == "agent" else ToCode(code)
        key, token = await self._vault.put(data, bound_to, generation, seal_key)
        return _json({"token": token, "key": key, "succeed": True})

    async def _secret(self, request: Request) -> Response:
        self._require_own_page(request)
        key, token = request.path_params["key"], request.path_params["token"]
        if request.method == "DELETE":
            await self._vault.remove(key, token)
            return _json({"succeed": True})
        data, generation = self._vault.read(key, token)
        fields: dict[str, Any] = {"data": data, "succeed": True}
        newest, _ = await self._directory.cluster_key()
        if generation < newest:
            fields["exposed"] = True
        return _json(fields)

    # The workers' store

    async def _put_bytes(self, request: Request) -> Response:
        self._require_own_page(request)
        return _json(await self._store.put(request), 201)

    async def _bytes(self, request: Request) -> Response:
        data = await self._store.get(request)
        return Response(data, media_type="application/octet-stream", headers=PUBLIC)

    # Logs

    async def _log(self, request: Request) -> Response:
        self._require_own_page(request)
        kind, name = request.path_params["kind"], request.path_params["name"]
        if kind == "agents":
            agent = await self._directory.find(name)
        elif kind == "ipfs":
            agent, _ = await self._directory.find_code(name)
        else:
            raise NotFound("logs are at /logs/all/agents/{name or id} and /logs/all/ipfs/{cid}")
        log = self._logs.of(agent.id)
        if "follow" not in request.query_params or request.method == "HEAD":
            return PlainTextResponse("".join(log.newest_first()), headers=PRIVATE)
        if self._followers >= MAX_FOLLOWERS:
            raise TooManyRequests(f"{MAX_FOLLOWERS} callers follow logs already")
        return StreamingResponse(self._follow(log), media_type="text/plain; charset=utf-8", headers=PRIVATE)

    async def _follow(self, log: RequestLog) -> AsyncIterator[str]:
        self._followers += 1
        try:
            async for line in log.follow():
                yield line
        finally:
            self._followers -= 1

    # Inside

    def _require_own_page(self, request: Request) -> None:
        """Raises `NotFromHere` for what may come from another origin's page."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if self._only_loopback and not is_loopback(host):
            raise NotFromHere("here this gateway answers only to a Host of the local machine, such as localhost")
        if origin is not None and urlsplit(origin).netloc != host:
            raise NotFromHere("pages of other origins have no access to the vault and the logs")
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise NotFromHere("pages of other origins have no access to the vault and the logs")

    def _refuse(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, GatewayError)
        request_id = self._doorway.new_id()
        body = error.body(request_id)
        headers = error_headers(error, body, request_id)
        response = Response(body, error.status)
        response.raw_headers = [header for header in headers if not header[0].startswith(b"access-control-")]
        return response

    def _refuse_http(self, request: Request, error: Exception) -> Response:
        """What starlette's router refuses."""
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "")
            refusal: GatewayError = MethodNotAllowed(f"this path is for {allowed}")
            refusal.allow = allowed  # type: ignore[misc]
        else:
            refusal = NotFound(
                "this gateway has /, /agents/{name or id}/…, /ipfs/{cid}/…, /agents, /vaults, /receipts/{id}, "
                "/logs/all/agents/{name or id}, /logs/all/ipfs/{cid}, /store and /health"
            )
        return self._refuse(request, refusal)


PUBLIC = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def _json(fields: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(fields), status, media_type="application/json", headers=PRIVATE)
