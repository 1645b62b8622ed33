"""A gateway's side of the wire, for tests: asks over a real connection, and checks what every answer must be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
import trio
from nacl.signing import VerifyKey

from node.web import WebSocket, connect_websocket
from offchain.light.receipt_file import ReceiptFile
from offchain.serving.secret_box import SealedSecret
from offchain.serving.wire import (
    MAX_MESSAGE,
    TO_GATEWAY,
    TO_WORKER,
    Ask,
    Cancel,
    Chunk,
    End,
    Found,
    GetReceipt,
    GetTranscript,
    Head,
    Refused,
    Whole,
)
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash, response_hash
from pallets.primitives.receipt import RECEIPT, Receipt, SignedTicket, receipt_bytes, receipt_id
from tests.offchain.hearing import PATIENCE

T = TypeVar("T")


@dataclass
class Answered:
    """A whole answer, its receipt checked."""

    response: HttpResponse
    receipt: Receipt
    end: End | Whole
    chunks: list[bytes] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return orjson.loads(self.response.body)


class Gateway:
    """One connection to a worker."""

    def __init__(self, websocket: WebSocket, genesis: bytes, worker: bytes) -> None:
        self.websocket, self._genesis, self._worker = websocket, genesis, worker
        self._count = 0
        self._inbox: dict[int, trio.MemorySendChannel[Any]] = {}

    async def read(self) -> None:
        async for message in self.websocket:
            assert isinstance(message, bytes)
            said = TO_GATEWAY.decode_all(message)
            if said.id in self._inbox:
                self._inbox[said.id].send_nowait(said)
        for channel in self._inbox.values():
            channel.close()

    def next_id(self) -> int:
        self._count += 1
        return self._count

    async def answer(self, agent: int, request: HttpRequest | str = "/", **fields: Any) -> Answered:
        """The answer to a request, which must have one."""
        found = await self.ask(agent, request, **fields)
        assert isinstance(found, Answered), found
        return found

    async def refusal(self, agent: int, request: HttpRequest | str = "/", **fields: Any) -> Refused:
        found = await self.ask(agent, request, **fields)
        assert isinstance(found, Refused), found
        return found

    async def ask(
        self,
        agent: int,
        request: HttpRequest | str = "/",
        *,
        code: bytes | None = None,
        sealed: SealedSecret | None = None,
        ticket: SignedTicket | None = None,
    ) -> Answered | Refused:
        if isinstance(request, str):
            request = HttpRequest("GET", request, "", [], b"")
        id = self.next_id()
        send, replies = trio.open_memory_channel[Any](1000)
        self._inbox[id] = send
        ask = Ask(id, agent, code, request, "localhost:8000", sealed, ticket, None)
        await self.websocket.send(TO_WORKER.encode(ask))
        with trio.fail_after(PATIENCE):
            head = await replies.receive()
            chunks: list[bytes] = []
            if isinstance(head, Refused):
                return head
            if isinstance(head, Whole):
                response = HttpResponse(head.status, head.headers, head.body)
                return Answered(response, self._checked(head, request, response), head, [head.body])
            assert isinstance(head, Head)
            async for said in replies:
                if isinstance(said, Chunk):
                    chunks.append(said.data)
                    continue
                if isinstance(said, Refused):
                    return said
                assert isinstance(said, End)
                response = HttpResponse(head.status, head.headers, b"".join(chunks))
                return Answered(response, self._checked(said, request, response), said, chunks)
        raise AssertionError("the connection ended before the answer")

    async def cancelled(self, agent: int, request: str) -> None:
        """Asks, and changes its mind."""
        id = self.next_id()
        ask = Ask(id, agent, None, HttpRequest("GET", request, "", [], b""), "localhost", None, None, None)
        await self.websocket.send(TO_WORKER.encode(ask))
        await self.websocket.send(TO_WORKER.encode(Cancel(id)))

    async def file(self, receipt: bytes) -> ReceiptFile | None:
        found = await self._found(GetReceipt(self.next_id(), receipt))
        return None if found is None else ReceiptFile.parse(found)

    async def transcript(self, root: bytes) -> bytes | None:
        return await self._found(GetTranscript(self.next_id(), root))

    async def _found(self, question: GetReceipt | GetTranscript) -> bytes | None:
        send, replies = trio.open_memory_channel[Any](1)
        self._inbox[question.id] = send
        await self.websocket.send(TO_WORKER.encode(question))
        with trio.fail_after(PATIENCE):
            found = await replies.receive()
        assert isinstance(found, Found)
        return found.file

    def id_of(self, answered: Answered) -> bytes:
        return receipt_id(self._genesis, answered.receipt)

    def _checked(self, end: End | Whole, request: HttpRequest, response: HttpResponse) -> Receipt:
        receipt: Receipt = RECEIPT.decode_all(end.receipt)
        VerifyKey(end.worker).verify(receipt_bytes(self._genesis, receipt), end.signature)
        assert end.worker == self._worker
        assert receipt.request_hash == request_hash(request)
        assert receipt.response_hash == response_hash(response)
        return receipt


async def eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    """The first answer that is true."""
    with trio.fail_after(PATIENCE):
        while True:
            found = await ask()
            if found:
                return found
            await trio.sleep(0.1)


@asynccontextmanager
async def gateway_to(url: str, genesis: bytes, worker: bytes) -> AsyncIterator[Gateway]:
    async with connect_websocket(url, max_message_size=MAX_MESSAGE) as websocket, trio.open_nursery() as nursery:
        gateway = Gateway(websocket, genesis, worker)
        nursery.start_soon(gateway.read)
        yield gateway
        nursery.cancel_scope.cancel()
