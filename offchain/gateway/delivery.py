"""The way back: from what a worker says of a request to what its caller gets, with the receipt.

## Overview

An answer that is whole before `GATHER_SECONDS` are over goes out in one piece, its receipt's id in the header
`x-fathom-receipt`. Any other flows as it comes: the id follows in a trailer of that name, and for who can't read
trailers `x-fathom-receipt-at` says from where the file can be had once the answer is over.

Nothing is whole without a receipt that holds for it, nor is what a script had said when it failed. Of such an answer
that flows already, the connection ends without the end of the body, so that nobody takes it for all.

## Errors

`ScriptBroke`; `WorkerRefused`, `LinkLost` and `BadReceipt` as long as the caller has had nothing; `BrokenOff` from then
on.

## Out of scope

Whether another worker is asked then: `dispatch`.
"""

from __future__ import annotations

import logging

import trio

from offchain.gateway.asked import Asked, BrokenOff
from offchain.gateway.errors import ScriptBroke, WorkerRefused
from offchain.gateway.http_connection import TRAILERS, Send
from offchain.gateway.links import Exchange, LinkLost
from offchain.gateway.messages import RawHeaders, passed_on
from offchain.gateway.receipts import BadReceipt, Receipts
from offchain.keys import Entropy
from offchain.serving.wire import Chunk, End, Head, Refused, Whole
from pallets.primitives.http import HttpResponse

GATHER_SECONDS = 0.05
STREAMS = b"text/event-stream"
"""What is of this type is never waited for."""
BODILESS = (204, 304)

log = logging.getLogger("offchain.gateway")


class Delivery:
    """Hands workers' answers to callers."""

    def __init__(self, receipts: Receipts, entropy: Entropy) -> None:
        self._receipts, self._entropy = receipts, entropy

    async def whole(self, asked: Asked, worker: bytes, answer: Whole) -> int:
        """Hands on an answer that came as one message; its status."""
        receipt = self._receipt(asked, worker, answer, HttpResponse(answer.status, answer.headers, answer.body))
        headers = _headers(asked, worker, answer)
        await _send_answer(asked, answer.status, headers, receipt, answer, answer.body)
        return answer.status

    async def in_parts(self, asked: Asked, worker: bytes, exchange: Exchange, head: Head) -> int:
        """Hands on an answer that has begun; its status."""
        headers = _headers(asked, worker, head)
        parts = Parts(exchange, head)
        is_stream = any(name == b"content-type" and value.startswith(STREAMS) for name, value in headers)
        parts.take()
        if not is_stream:
            with trio.move_on_after(GATHER_SECONDS):
                while parts.end is None:
                    await parts.more()
        if parts.end is None:
            await self._stream(asked, worker, parts, headers)
            return head.status
        end, response = parts.end, parts.response()
        receipt = self._receipt(asked, worker, end, response)
        if end.broken is not None:
            asked.log.add(asked.id, "INFO", end.logs)
            raise ScriptBroke(end.broken, receipt)
        await _send_answer(asked, head.status, headers, receipt, end, response.body)
        return head.status

    async def _stream(self, asked: Asked, worker: bytes, parts: Parts, headers: RawHeaders) -> None:
        scope, head = asked.scope, parts.head
        later = self._entropy(16).hex()
        headers.append((b"x-fathom-receipt-at", b"/receipts/" + later.encode()))
        has_trailers = scope["http_version"] == "1.1" and scope["method"] != "HEAD" and head.status not in BODILESS
        if has_trailers:
            headers.append((b"trailer", b"x-fathom-receipt"))
        asked.begun = True
        await asked.send({"type": "http.response.start", "status": head.status, "headers": headers})
        sent = 0
        try:
            while True:
                for chunk in parts.chunks[sent:]:
                    await asked.send({"type": "http.response.body", "body": chunk, "more_body": True})
                sent = len(parts.chunks)
                if parts.end is not None:
                    break
                await parts.more()
            receipt = self._receipt(asked, worker, parts.end, parts.response(), later)
            asked.log.add(asked.id, "INFO", parts.end.logs)
            if parts.end.broken is not None:
                raise ScriptBroke(parts.end.broken, receipt)
        except (LinkLost, BadReceipt, WorkerRefused, ScriptBroke) as error:
            log.info("request %s: the answer of worker 0x%s breaks off: %s", asked.id, worker[:4].hex(), error)
            stack = error.stack if isinstance(error, ScriptBroke) else None
            asked.log.add(asked.id, "ERROR", [f"the answer breaks off: {error}", *(stack or "").splitlines()])
            raise BrokenOff from None
        if has_trailers:
            scope["state"][TRAILERS] = [receipt]
        await asked.send({"type": "http.response.body", "body": b""})

    def _receipt(
        self, asked: Asked, worker: bytes, end: End | Whole, response: HttpResponse, later: str | None = None
    ) -> tuple[bytes, bytes]:
        """The header that names the receipt; raises `BadReceipt`."""
        receipt = self._receipts.check(worker, end, asked.agent, asked.code, asked.hash, response)
        self._receipts.remember(receipt, worker, later)
        return b"x-fathom-receipt", b"0x" + receipt.hex().encode()


class Parts:
    """What has come of an answer in parts."""

    def __init__(self, exchange: Exchange, head: Head) -> None:
        self.head, self._exchange = head, exchange
        self.chunks: list[bytes] = []
        self.end: End | None = None

    async def more(self) -> None:
        """Waits for the next part. Raises `LinkLost` or `WorkerRefused` where the answer breaks off."""
        await self._exchange.arrived()
        self.take()

    def take(self) -> None:
        """Takes what has arrived; raises what `more` does."""
        arrived = self._exchange.parts
        while arrived and self.end is None:
            part = arrived.popleft()
            if isinstance(part, Chunk) and not (part.data and self.head.status in BODILESS):
                self.chunks.append(part.data)
            elif isinstance(part, End):
                self.end = part
            elif isinstance(part, Refused):
                raise WorkerRefused(part)
            else:
                raise LinkLost("the worker doesn't keep to the format")

    def response(self) -> HttpResponse:
        """All of it."""
        return HttpResponse(self.head.status, self.head.headers, b"".join(self.chunks))


def _headers(asked: Asked, worker: bytes, head: Head | Whole) -> RawHeaders:
    headers = passed_on(head.headers, asked.prefix)
    headers += ((b"x-request-id", asked.id.encode()), (b"x-fathom-worker", b"0x" + worker.hex().encode()))
    return headers


async def _send_answer(
    asked: Asked, status: int, headers: RawHeaders, receipt: tuple[bytes, bytes], end: End | Whole, body: bytes
) -> None:
    headers += (receipt, (b"server-timing", b"worker;dur=%d" % end.milliseconds))
    if status not in BODILESS:
        headers.append((b"content-length", b"%d" % len(body)))
    asked.log.add(asked.id, "INFO", end.logs)
    asked.begun = True
    await send_whole(asked.send, status, headers, body)


async def send_whole(send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    """Sends an answer in one piece."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
