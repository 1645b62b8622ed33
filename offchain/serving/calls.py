"""Agents that call agents: `https://agents.fathom/NAME/PATH`, answered inside the worker, for each run.

## Overview

A call is a request like any caller's. The worker words it and hands it to a gateway, which admits it, has it answered
by whatever worker it chooses, and gives back the answer with its receipt. The worker trusts the gateway with nothing of
that: the answer counts if the receipt is of this very request and answer, and signed by a worker that the last final
block knows as attested. The request has a number that was drawn for it (`x-request-id`), so no older answer will do.

| header of the request | |
| --- | --- |
| `x-fathom-caller` | the agent that calls, by its number |
| `x-fathom-depth` | how many calls lie above this run: 1 of what an outside caller's agent calls |
| `x-fathom-max-charge` | what it may cost, with all calls below it; absent where nobody said |

Gateways take the first two from nobody else. What the script gets has the receipt in `x-fathom-receipt`, its charge in
`x-fathom-charge`, who answered in `x-fathom-worker`; so these stand in the caller's transcript.

While a run waits for nothing but calls somebody else has its place: it can't keep what it calls from running.

## Errors

`outside.errors.CallRefused`, with a reason of a word: docs/agent-calls.md has all.

## Out of scope

Who pays, and what is left of what a tree of calls may cost: the gateway's (`offchain.gateway.calls`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple
from uuid import UUID

import trio

from offchain.keys import Entropy
from offchain.light.finalized import Finalized
from offchain.outside.errors import CallRefused
from offchain.outside.fetching import VirtualHost
from offchain.records import ATTESTED
from offchain.sandbox.base import PoolFull
from offchain.serving.agents import UNREADABLE
from offchain.serving.answers import error_answer
from offchain.serving.lines import Line, LineLost
from offchain.serving.receipt_records import AGENT_BY_NAME, SERVICE
from offchain.serving.run_scope import CallLine, RunScope
from offchain.serving.wire import MAX_REQUEST_BODY, Answered, NotAnswered
from pallets.primitives.agent_record import MAX_NAME
from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import Headers, HttpRequest, HttpResponse, request_hash, response_hash
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.receipt import RECEIPT, Receipt, receipt_bytes
from pallets.primitives.scale import DecodeError, EncodeError

URL = "https://agents.fathom/"
MAX_DEPTH, MAX_CALLS = 4, 16
"""Calls above a run, and calls that one run makes."""
METHODS = frozenset({"GET", "POST", "PUT", "PATCH"})
CALLER, DEPTH, MAX_CHARGE = "x-fathom-caller", "x-fathom-depth", "x-fathom-max-charge"
OURS = frozenset({"connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade"})
ATTESTED_SECONDS, MAX_ATTESTED = 60.0, 256
"""For how long a worker is taken to be attested still, and of how many that is remembered."""
U128 = 1 << 128

Log = logging.LoggerAdapter[logging.Logger]


def depth_of(request: HttpRequest) -> int:
    """How many calls lie above the run of a request."""
    said = _header(request.headers, DEPTH)
    return int(said) if said is not None and said.isascii() and said.isdigit() and len(said) < 4 else 0


def max_charge_of(request: HttpRequest) -> int | None:
    """What a request may cost, with all calls below it; `None` where it doesn't say, or not in digits."""
    said = _header(request.headers, MAX_CHARGE)
    return int(said) if said is not None and said.isascii() and said.isdigit() and len(said) < 40 else None


class AgentCalls:
    """Calls that runs of one worker make, under one key."""

    def __init__(
        self,
        final: Finalized,
        worker: bytes,
        lines: Callable[[], Iterable[Line]],
        entropy: Entropy,
        now: Callable[[], int],
        log: Log,
    ) -> None:
        """`lines` are those to gateways; `now` is the time in milliseconds since 1970."""
        self.final, self._worker, self._lines = final, worker, lines
        self._entropy, self._now, self._log = entropy, now, log
        self._attested: dict[bytes, float] = {}

    def hosts(self, scope: RunScope) -> dict[str, VirtualHost]:
        """What answers the calls of one run."""
        return {URL: _Run(self, scope).answer}

    async def line_of(self, scope: RunScope) -> CallLine:
        """Who takes a run's calls; raises `CallRefused`."""
        if scope.line is not None:
            return scope.line
        service = await self.final.read(SERVICE, scope.agent)
        gateways, now = [] if service is None else service.gateways, self._now()
        for line in self._lines():
            if line.is_of(gateways, self.final.genesis, self._worker, now):
                return partial(line.call, 0, scope.job)
        raise CallRefused("no-gateway", f"none of agent {scope.agent}'s gateways is connected to this worker")

    async def number_of(self, agent: str) -> int:
        """The number of an agent; raises `CallRefused`."""
        found: int | None = None
        if agent.isascii() and agent.isdigit() and len(agent) < 20:
            found = int(agent)
        elif 0 < len(agent) <= MAX_NAME and agent.isascii():
            await self.final.newest()
            found = await self.final.read(AGENT_BY_NAME, agent.encode())
        if found is None:
            raise CallRefused("no-such-agent", f"there is no agent {agent!r:.80} in the last final block")
        return found

    def request_id(self) -> str:
        """An id that no request had before."""
        return str(UUID(bytes=self._entropy(16), version=4))

    async def checked(self, said: Answered, agent: int, request: HttpRequest) -> Receipt:
        """The receipt of an answer, which must be this request's; raises `CallRefused`."""
        try:
            receipt: Receipt = RECEIPT.decode_all(said.receipt)
            answered = response_hash(HttpResponse(said.status, said.headers, said.body))
        except (DecodeError, EncodeError):
            raise CallRefused("bad-answer", "the receipt of the answer can't be read") from None
        if (receipt.agent, receipt.request_hash) != (agent, request_hash(request)):
            raise CallRefused("bad-answer", "the receipt is of another request or agent")
        if receipt.response_hash != answered:
            raise CallRefused("bad-answer", "the receipt is of another answer")
        if said.granted is not None and receipt.charge > said.granted:
            raise CallRefused("bad-answer", f"the answer costs {receipt.charge}, and {said.granted} was granted")
        if not verify_ed25519(said.signature, receipt_bytes(self.final.genesis, receipt), said.worker):
            raise CallRefused("bad-answer", "the receipt isn't signed by the worker that it names")
        if not await self._is_attested(said.worker):
            raise CallRefused("bad-answer", "the receipt is by a worker that isn't attested in the last final block")
        return receipt

    async def _is_attested(self, worker: bytes) -> bool:
        now = trio.current_time()
        if self._attested.get(worker, 0.0) > now:
            return True
        found = await self.final.read_at(await self.final.newest(), ATTESTED, worker)
        if found is None or found.revoked:
            return False
        if len(self._attested) >= MAX_ATTESTED:
            self._attested.clear()
        self._attested[worker] = now + ATTESTED_SECONDS
        return True


class _Run:
    """The calls of one run."""

    def __init__(self, calls: AgentCalls, scope: RunScope) -> None:
        self._calls, self._scope = calls, scope
        self._made = self._open = 0
        self._lent: AsyncExitStack | None = None

    async def answer(
        self, method: str, target: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        """The answer to one call. Raises `CallRefused`."""
        scope, called = self._scope, _read(method, target, headers, body)
        if scope.depth >= MAX_DEPTH:
            text = f"{scope.depth} calls lie above this run, and no agent may be called by more"
            raise CallRefused("too-deep", text)
        if self._made >= MAX_CALLS:
            raise CallRefused("too-many-calls", f"a run calls agents {MAX_CALLS} times at most")
        self._made += 1
        ours = [("x-request-id", self._calls.request_id()), (CALLER, str(scope.agent)), (DEPTH, str(scope.depth + 1))]
        request = HttpRequest(method, called.path, called.query, [*called.headers, *ours], body)
        try:
            agent = await self._calls.number_of(called.agent)
            line = await self._calls.line_of(scope)
            async with self._place_lent():
                said = await line(called.agent, request, called.max_charge)
            if isinstance(said, NotAnswered):
                raise CallRefused(said.error, said.message)
            if said.granted is not None:
                request.headers.append((MAX_CHARGE, str(said.granted)))
            receipt = await self._calls.checked(said, agent, request)
        except LineLost as error:
            raise CallRefused("gateway-gone", str(error)) from None
        except PoolFull as error:
            raise CallRefused("worker-busy", str(error)) from None
        except UNREADABLE as error:
            raise CallRefused("chain-unreachable", f"the worker can't read its chain: {error}") from None
        return _told(said, receipt, receipt_bytes(self._calls.final.genesis, receipt))

    @asynccontextmanager
    async def _place_lent(self) -> AsyncIterator[None]:
        """Lends the run's place as long as any of its calls is open. Raises `PoolFull`."""
        self._open += 1
        try:
            if self._open == 1:
                lent = AsyncExitStack()
                await lent.enter_async_context(self._scope.lend())
                self._lent = lent
            yield
        finally:
            self._open -= 1
            if not self._open and self._lent is not None:
                lent, self._lent = self._lent, None
                await lent.aclose()


class _Called(NamedTuple):
    """What a script asks for."""

    agent: str
    path: str
    query: str
    headers: Headers
    max_charge: int | None


def _read(method: str, target: str, headers: Headers, body: bytes) -> _Called:
    """A call as the script words it; raises `CallRefused`."""
    whole, _, query = target.partition("?")
    agent, slash, path = whole[1:].partition("/")
    if method not in METHODS:
        raise CallRefused("method-not-allowed", f"agents are called by GET, POST, PUT and PATCH, not {method:.20}")
    if not agent or not slash:
        raise CallRefused("no-such-agent", f"a call is of {URL}NAME/PATH")
    if len(body) > MAX_REQUEST_BODY:
        raise CallRefused("too-large", f"a call's body has {MAX_REQUEST_BODY} bytes at most")
    said = _header(headers, MAX_CHARGE)
    max_charge: int | None = None
    if said is not None:
        if not (said.isascii() and said.isdigit() and len(said) < 40 and int(said) < U128):
            raise CallRefused("bad-request", f"{MAX_CHARGE} is a number in the chain's smallest units")
        max_charge = int(said)
    kept = [(name, value) for name, value in headers if name not in OURS and not name.startswith("x-fathom-")]
    kept = [(name, value) for name, value in kept if name != "x-request-id"]
    return _Called(agent, f"/{path}", query, kept, max_charge)


def _told(said: Answered, receipt: Receipt, signed: bytes) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
    """What the script gets of an answer."""
    status, headers, body = said.status, said.headers, said.body
    if said.broken is not None:
        failed = error_answer(500, said.broken.error, said.broken.message, None)
        status, headers, body = failed.status, failed.headers, failed.body
    ours = [
        ("x-fathom-receipt", f"0x{blake2_256(signed).hex()}"),
        ("x-fathom-charge", str(receipt.charge)),
        ("x-fathom-worker", f"0x{said.worker.hex()}"),
        ("content-length", str(len(body))),
    ]
    kept = [(name.lower(), value) for name, value in headers if not name.lower().startswith("x-fathom-")]
    return status, [*kept, *ours], _once(body)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    if body:
        yield body


def _header(headers: Headers, name: str) -> str | None:
    return next((value for each, value in headers if each.lower() == name), None)
