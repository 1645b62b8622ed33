"""The way of a request: from a caller to an agent on a worker, and back with a receipt.

## Overview

`/agents/{id or name}/{rest}` and `/ipfs/{cid}/{rest}` are answered by the least busy worker. Asking another is safe as
long as nothing of an answer has come: where the worker went away, or says that another might do better, that is done,
`TRIES` times in all.

An answer that is whole before `GATHER_SECONDS` are over goes out in one piece, its receipt's id in the header
`x-fathom-receipt`. Any other flows as it comes: the id follows in a trailer of that name, and for who can't read
trailers `x-fathom-receipt-at` says from where the file can be had once the answer is over. A receipt that doesn't hold
is no receipt: `x-fathom-unreceipted` says why.

## Errors

`errors` has all that a caller may be told instead of an answer. A streamed answer that breaks off ends its connection.

## Out of scope

The gateway's own paths: `control`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import trio

from offchain.gateway.directory import AgentEntry, Directory
from offchain.gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    GatewayError,
    MethodNotAllowed,
    NoWorker,
    ScriptBroke,
    TimedOut,
    TooManyRequests,
    WorkerGone,
    WorkerRefused,
)
from offchain.gateway.http_connection import TRAILERS, Receive, Scope, Send
from offchain.gateway.keys import Tickets
from offchain.gateway.links import Exchange, Link, LinkLost, Links
from offchain.gateway.messages import (
    METHODS,
    RawHeaders,
    error_headers,
    new_request_id,
    passed_on,
    preflight,
    seen_headers,
    without_key,
)
from offchain.gateway.receipts import BadReceipt, Receipts
from offchain.gateway.request_logs import RequestLog, RequestLogs
from offchain.gateway.vault import Vault
from offchain.keys import Entropy
from offchain.serving.secret_box import SealedSecret
from offchain.serving.wire import MAX_REQUEST_BODY, Ask, Chunk, End, Head, Refused, Whole
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash
from pallets.primitives.receipt import SignedVoucher

TRIES = 3
GATHER_SECONDS = 0.05
STREAMS = b"text/event-stream"
"""What is of this type is never waited for."""
NOT_FINAL = ("unknown-agent", "no-approved-code", "code-not-approved", "agent-paused")
"""What workers say of an agent whose deployment isn't final yet."""
NEWS_SECONDS, NEWS_PAUSE = 30.0, 0.1
"""For how long they are asked again then, and how often."""
MAX_SHOWN_QUERY = 200
BODILESS = (204, 304)

log = logging.getLogger("offchain.gateway")


@dataclass(frozen=True)
class RequestLimits:
    """Bounds of one request, in bytes and seconds, and of all."""

    max_body: int = 1 << 20
    max_requests: int = 256
    """Requests under way at once; the next one is answered 503."""
    body_seconds: float = 30.0
    """From a request's headers to the end of its body."""
    worker_seconds: float = 3.0
    """For which a worker is waited for where there is none."""
    answer_seconds: float = 60.0
    """From the end of the body to the first of the answer."""
    stream_seconds: float = 600.0
    """From there to its end."""

    def __post_init__(self) -> None:
        if self.max_body > MAX_REQUEST_BODY:
            raise ValueError(f"workers take bodies of {MAX_REQUEST_BODY} bytes at most")


class CallerGone(Exception):
    """There is nobody to answer any more."""


@dataclass(slots=True)
class _Asked:
    """A request on its way."""

    id: str
    agent: AgentEntry
    code: bytes | None
    request: HttpRequest
    hash: bytes
    host: str
    sealed: SealedSecret | None
    voucher: SignedVoucher | None
    prefix: str
    log: RequestLog
    only: bytes | None
    """The worker that a voucher names."""
    started: bool = False
    """Whether the caller has had something of an answer."""


class Doorway:
    """Answers what is asked of agents: an ASGI application of two paths."""

    def __init__(
        self,
        directory: Directory,
        links: Links,
        receipts: Receipts,
        tickets: Tickets,
        vault: Vault,
        logs: RequestLogs,
        entropy: Entropy,
        clock: Callable[[], float],
        limits: RequestLimits,
    ) -> None:
        """`clock` gives seconds since the Unix epoch."""
        self._directory, self._links, self._receipts, self._tickets = directory, links, receipts, tickets
        self._vault, self._logs, self._entropy, self._clock = vault, logs, entropy, clock
        self._limits = limits
        self.running = 0
        """Requests under way."""
        self.answered = 0
        """Requests that a worker answered."""

    def new_id(self) -> str:
        """An id for a request."""
        return new_request_id(self._entropy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self.new_id()
        try:
            method = scope["method"]
            if method == "OPTIONS":
                headers = [*preflight(scope["headers"]), (b"x-request-id", request_id.encode())]
                await _send_whole(send, 204, headers, b"")
                return
            if method not in METHODS:
                raise MethodNotAllowed(f"agents are asked by GET, HEAD, POST, PATCH and PUT, not {method}")
            if self.running >= self._limits.max_requests:
                raise TooManyRequests(f"{self.running} requests are under way, which is all that this gateway serves")
            self.running += 1
            try:
                await self._serve(request_id, method, scope, receive, send)
            finally:
                self.running -= 1
        except GatewayError as error:
            await send_error(send, error, request_id)
        except CallerGone:
            pass

    async def _serve(self, request_id: str, method: str, scope: Scope, receive: Receive, send: Send) -> None:
        asked = await self._read(request_id, method, scope, receive)
        shown = f"{method} {asked.request.path}"
        if asked.request.query:
            shown += f"?{asked.request.query[:MAX_SHOWN_QUERY]}"
        asked.log.add(request_id, "REPORT", [f"START Request: {shown}"])
        began = trio.current_time()
        result = "broken off"
        try:
            result = str(await self._dispatch(asked, scope, send))
        except GatewayError as error:
            result = f"{error.status} {error.reason}"
            stack = getattr(error, "stack", None)
            asked.log.add(request_id, "ERROR", [str(error), *(stack or "").splitlines()])
            raise
        finally:
            took = round((trio.current_time() - began) * 1000)
            asked.log.add(request_id, "REPORT", [f"END Request: {result}, Duration: {took}ms"])

    # From the caller

    async def _read(self, request_id: str, method: str, scope: Scope, receive: Receive) -> _Asked:
        path: str = scope["raw_path"].decode("ascii")
        query, key = without_key(scope["query_string"].decode("ascii"))
        headers, host, length, voucher = seen_headers(scope["headers"], request_id)
        _, kind, name, *rest = path.split("/", 3)
        prefix, code = f"/{kind}/{name}", None
        if kind == "agents":
            agent = await self._directory.find(unquote(name))
            path = "/" + (rest[0] if rest else "")
        else:
            agent, code = await self._directory.find_code(name)
        sealed = None if key is None else self._vault.sealed_for(key, agent.id, code or agent.code)
        body = await whole_body(receive, length, self._limits)
        request = HttpRequest("GET" if method == "HEAD" else method, path, query, headers, body)
        hash, log = request_hash(request), self._logs.of(agent.id)
        only = None if voucher is None else voucher.voucher.worker
        return _Asked(request_id, agent, code, request, hash, host, sealed, voucher, prefix, log, only)

    # To a worker

    async def _dispatch(self, asked: _Asked, scope: Scope, send: Send) -> int:
        """The status that was answered."""
        tried: set[bytes] = set()
        refusal: WorkerRefused | None = None
        with trio.CancelScope(deadline=trio.current_time() + self._limits.answer_seconds) as waiting:
            while len(tried) < TRIES:
                link = self._links.choose(asked.agent, tried, asked.only)
                if link is None:
                    if tried:
                        break
                    link = await self._wait_for_link(asked)
                exchange = link.begin()
                try:
                    ask = self._ask(exchange.id, link.worker, asked)
                    await link.ask(ask)
                    await exchange.arrived()
                    first = exchange.parts.popleft()
                    if isinstance(first, Whole) and 200 <= first.status <= 599:
                        headers = self._headers(asked, link, first)
                        return await self._answer(asked, link, first, first, headers, first.body, send)
                    if isinstance(first, Head) and 200 <= first.status <= 599:
                        waiting.deadline = trio.current_time() + self._limits.stream_seconds
                        return await self._pass_on(asked, link, exchange, first, scope, send)
                    if not isinstance(first, Refused):
                        raise LinkLost("the worker doesn't keep to the format")
                    refusal = WorkerRefused(first.status, first.error, first.message, first.stack)
                    if not first.elsewhere and not self._is_news(first, asked.agent):
                        raise refusal
                except LinkLost as error:
                    refusal = None
                    log.info("request %s: worker 0x%s: %s", asked.id, link.worker[:4].hex(), error)
                    link.avoid()
                finally:
                    link.end(exchange)
                if refusal is not None and refusal.reason in NOT_FINAL:
                    await trio.sleep(NEWS_PAUSE)
                else:
                    tried.add(link.worker)
            raise refusal or WorkerGone(f"{len(tried)} of the agent's workers went away before they answered")
        assert waiting.cancelled_caught
        if asked.started:
            raise CallerGone
        raise TimedOut(f"no answer within {self._limits.answer_seconds:g} s")

    @staticmethod
    def _is_news(refused: Refused, agent: AgentEntry) -> bool:
        """Whether a worker may only not know yet what the newest block says of an agent: it goes by final ones."""
        return refused.error in NOT_FINAL and trio.current_time() - agent.since < NEWS_SECONDS

    async def _wait_for_link(self, asked: _Asked) -> Link:
        with trio.move_on_after(self._limits.worker_seconds):
            while True:
                await self._links.wait_for_any()
                link = self._links.choose(asked.agent, set(), asked.only)
                if link is not None:
                    return link
        raise NoWorker("no worker that serves this agent can be reached: are workers running, and have they endpoints?")

    def _ask(self, id: int, worker: bytes, asked: _Asked) -> Ask:
        ticket = None
        if asked.voucher is None and self._tickets.public in asked.agent.gateways:
            now = max(int(self._clock() * 1000), self._directory.now_ms)  # workers go by the one, chains by the other
            ticket = self._tickets.make_out(asked.agent.id, asked.hash, worker, now)
        return Ask(id, asked.agent.id, asked.code, asked.request, asked.host, asked.sealed, ticket, asked.voucher)

    # Back to the caller

    async def _pass_on(
        self, asked: _Asked, link: Link, exchange: Exchange, head: Head, scope: Scope, send: Send
    ) -> int:
        headers = self._headers(asked, link, head)
        chunks: list[bytes] = []
        is_stream = any(name == b"content-type" and value.startswith(STREAMS) for name, value in headers)
        end = _taken(exchange, chunks) if exchange.parts else None
        if end is None and not is_stream:
            with trio.move_on_after(GATHER_SECONDS):
                try:
                    while end is None:
                        await exchange.arrived()
                        end = _taken(exchange, chunks)
                except LinkLost as error:
                    raise WorkerGone(f"the worker went away in the middle of its answer: {error}") from None
        if end is None:
            await self._stream(asked, link, exchange, head, headers, chunks, scope, send)
            return head.status
        return await self._answer(asked, link, head, end, headers, b"".join(chunks), send)

    @staticmethod
    def _headers(asked: _Asked, link: Link, head: Head | Whole) -> RawHeaders:
        headers = passed_on(head.headers, asked.prefix)
        headers += ((b"x-request-id", asked.id.encode()), (b"x-fathom-worker", b"0x" + link.worker.hex().encode()))
        return headers

    async def _answer(
        self,
        asked: _Asked,
        link: Link,
        head: Head | Whole,
        end: End | Whole,
        headers: RawHeaders,
        body: bytes,
        send: Send,
    ) -> int:
        receipt = self._receipt_header(asked, link, end, HttpResponse(head.status, head.headers, body))
        if isinstance(end, End) and end.broken is not None:
            asked.log.add(asked.id, "ERROR", [*end.logs, end.broken.message])
            raise ScriptBroke(end.broken, receipt)
        headers.append(receipt)
        headers.append((b"server-timing", b"worker;dur=%d" % end.milliseconds))
        if head.status not in BODILESS:
            headers.append((b"content-length", b"%d" % len(body)))
        asked.log.add(asked.id, "INFO", end.logs)
        self.answered += 1
        await _send_whole(send, head.status, headers, body)
        return head.status

    async def _stream(
        self,
        asked: _Asked,
        link: Link,
        exchange: Exchange,
        head: Head,
        headers: RawHeaders,
        chunks: list[bytes],
        scope: Scope,
        send: Send,
    ) -> None:
        later = self._entropy(16).hex()
        headers.append((b"x-fathom-receipt-at", b"/receipts/" + later.encode()))
        has_trailers = scope["http_version"] == "1.1" and scope["method"] != "HEAD" and head.status not in BODILESS
        if has_trailers:
            headers.append((b"trailer", b"x-fathom-receipt"))
        asked.started = True
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        sent, end = 0, None
        while True:
            for chunk in chunks[sent:]:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            sent = len(chunks)
            if end is not None:
                break
            try:
                await exchange.arrived()
                end = _taken(exchange, chunks)
            except LinkLost as error:
                log.info("request %s: the answer breaks off: %s", asked.id, error)
                asked.log.add(asked.id, "ERROR", ["the worker went away in the middle of the answer"])
                raise CallerGone from None
        response = HttpResponse(head.status, head.headers, b"".join(chunks))
        receipt = self._receipt_header(asked, link, end, response, later)
        asked.log.add(asked.id, "INFO", end.logs)
        self.answered += 1
        if end.broken is not None:
            asked.log.add(asked.id, "ERROR", [end.broken.message])
            raise CallerGone  # without the end of the body, so that nobody takes it for whole
        if has_trailers:
            scope["state"][TRAILERS] = [receipt]
        await send({"type": "http.response.body", "body": b""})

    def _receipt_header(
        self, asked: _Asked, link: Link, end: End | Whole, response: HttpResponse, later: str | None = None
    ) -> tuple[bytes, bytes]:
        try:
            receipt = self._receipts.check(link.worker, end, asked.agent, asked.code, asked.hash, response)
        except BadReceipt as error:
            log.warning("worker 0x%s answers request %s without a receipt: %s", link.worker.hex(), asked.id, error)
            link.avoid()
            return b"x-fathom-unreceipted", str(error).encode()
        self._receipts.remember(receipt, link.worker, later)
        return b"x-fathom-receipt", b"0x" + receipt.hex().encode()


def _taken(exchange: Exchange, chunks: list[bytes]) -> End | None:
    """Moves what has arrived to `chunks`; the end, if that has. Raises `LinkLost` where the answer breaks off."""
    while exchange.parts:
        part = exchange.parts.popleft()
        if isinstance(part, Chunk):
            chunks.append(part.data)
        elif isinstance(part, End):
            return part
        else:
            raise LinkLost(part.message if isinstance(part, Refused) else "the worker doesn't keep to the format")
    return None


async def whole_body(receive: Receive, length: int, limits: RequestLimits) -> bytes:
    """A request's body, of which `length` bytes are declared; raises `BodyTooLarge`, `BodyTooSlow` or `CallerGone`."""
    most = limits.max_body
    if length > most:
        raise BodyTooLarge(f"a body has at most {most} bytes, this has {length}")
    body = bytearray()
    with trio.move_on_after(limits.body_seconds) as waiting:
        while True:
            part = await receive()
            if part["type"] != "http.request":
                raise CallerGone
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
    await _send_whole(send, error.status, error_headers(error, body, request_id), body)


async def _send_whole(send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
