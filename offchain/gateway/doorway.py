"""Where requests to agents come in: what callers ask is read, handed on, written down, and errors are told.

## Overview

`/agents/{id or name}/{rest}` and `/ipfs/{cid}/{rest}`. The agent is looked up, who pays is judged and the body read;
then it is for `dispatch` to have the request answered, and for `delivery` to hand the answer on.

## Errors

`errors` has all that a caller may be told instead of an answer. An answer that breaks off ends its connection.

## Out of scope

The gateway's own paths: `control`.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote

import trio

from offchain.gateway.admission import Admission
from offchain.gateway.asked import Asked, BrokenOff, RequestLimits
from offchain.gateway.delivery import send_whole
from offchain.gateway.directory import Directory
from offchain.gateway.dispatch import Dispatch
from offchain.gateway.errors import BodyTooLarge, BodyTooSlow, GatewayError, MethodNotAllowed, TooManyRequests
from offchain.gateway.http_connection import Receive, Scope, Send
from offchain.gateway.messages import (
    METHODS,
    error_headers,
    new_request_id,
    preflight,
    seen_headers,
    without_key,
)
from offchain.gateway.request_logs import RequestLogs
from offchain.gateway.trees import Tree
from offchain.gateway.vault import Vault
from offchain.keys import Entropy
from pallets.primitives.http import HttpRequest, request_hash


class Doorway:
    """Answers what is asked of agents: an ASGI application of two paths."""

    def __init__(
        self,
        directory: Directory,
        admission: Admission,
        dispatch: Dispatch,
        vault: Vault,
        logs: RequestLogs,
        entropy: Entropy,
        limits: RequestLimits,
    ) -> None:
        self._directory, self._admission, self._dispatch = directory, admission, dispatch
        self._vault, self._logs, self._entropy, self._limits = vault, logs, entropy, limits
        self.running = 0
        """Requests under way."""

    def new_id(self) -> str:
        """An id for a request."""
        return new_request_id(self._entropy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self.new_id()
        with suppress(BrokenOff):
            try:
                await self._answer(request_id, scope, receive, send)
            except GatewayError as error:
                await send_error(send, error, request_id)

    async def _answer(self, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            headers = [*preflight(scope["headers"]), (b"x-request-id", request_id.encode())]
            await send_whole(send, 204, headers, b"")
            return
        if method not in METHODS:
            raise MethodNotAllowed(f"agents are asked by GET, HEAD, POST, PATCH and PUT, not {method}")
        if self.running >= self._limits.max_requests:
            raise TooManyRequests(f"{self.running} requests are under way, which is all that this gateway serves")
        self.running += 1
        try:
            await self._dispatch.serve(await self._read(request_id, scope, receive, send))
        finally:
            self.running -= 1

    async def _read(self, request_id: str, scope: Scope, receive: Receive, send: Send) -> Asked:
        path: str = scope["raw_path"].decode("ascii")
        query, key = without_key(scope["query_string"].decode("ascii"))
        seen = seen_headers(scope["headers"], request_id)
        _, kind, name, *rest = path.split("/", 3)
        prefix, code = f"/{kind}/{name}", None
        if kind == "agents":
            agent = await self._directory.find(unquote(name))
            path = "/" + (rest[0] if rest else "")
        else:
            agent, code = await self._directory.find_code(name)
        sealed = None if key is None else self._vault.sealed_for(key, agent.id, code or agent.code)
        payer = await self._admission.payer(agent, seen.voucher, seen.access)
        body = await whole_body(receive, seen.length, self._limits)
        method = scope["method"]
        request = HttpRequest("GET" if method == "HEAD" else method, path, query, seen.headers, body)
        hash, log = request_hash(request), self._logs.of(agent.id)
        paying = seen.voucher, payer
        tree = Tree.of(agent, seen.max_charge)
        return Asked(request_id, agent, code, request, hash, seen.host, sealed, *paying, prefix, log, scope, send, tree)


async def whole_body(receive: Receive, length: int, limits: RequestLimits) -> bytes:
    """A request's body, of which `length` bytes are declared; raises `BodyTooLarge`, `BodyTooSlow` or `BrokenOff`."""
    most = limits.max_body
    if length > most:
        raise BodyTooLarge(f"a body has at most {most} bytes, this has {length}")
    body = bytearray()
    with trio.move_on_after(limits.body_seconds) as waiting:
        while True:
            part = await receive()
            if part["type"] != "http.request":
                raise BrokenOff
            body += part["body"]
            if len(body) > most:
                raise BodyTooLarge(f"a body has at most {most} bytes, this has more")
            if not part.get("more_body"):
                break
    if waiting.cancelled_caught:
        raise BodyTooSlow(f"the body was not complete after {limits.body_seconds:g} s")
    return bytes(body)


async def send_error(send: Send, error: GatewayError, request_id: str) -> None:
    """Answers with an error."""
    body = error.body(request_id)
    await send_whole(send, error.status, error_headers(error, body, request_id), body)
