"""Which worker a request goes to, and to which other one where the first doesn't answer it.

## Overview

The least busy worker is asked. As long as the caller has had nothing of an answer, another may be: where the worker
went away, or breaks the format, or signs another answer than it gave, or says itself that another might do better.
That is done `TRIES` times in all; whoever failed is avoided for a while. What one worker was asked it may have run all
the same: scripts run at least once, not exactly once.

A worker goes by final blocks, the gateway by the newest: what a worker doesn't know yet it is asked again. Who says for
longer what the gateway knows to be otherwise, of the agent or of who pays, isn't believed alone: another is asked.

## Errors

`GatewayError`: what came of the last worker that was asked. `BrokenOff`: the answer breaks off.

## Out of scope

What becomes of an answer: `delivery`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import trio

from offchain.gateway.agent_entry import AgentEntry
from offchain.gateway.asked import Asked, BrokenOff, RequestLimits
from offchain.gateway.delivery import BODILESS
from offchain.gateway.directory import Directory
from offchain.gateway.errors import BadAnswer, GatewayError, NoWorker, TimedOut, WorkerGone, WorkerRefused
from offchain.gateway.keys import Tickets
from offchain.gateway.links import Exchange, Link, LinkLost, Links
from offchain.gateway.receipts import BadReceipt
from offchain.serving.wire import Ask, Head, Refused, Whole

TRIES = 3
MAX_SHOWN_QUERY = 200
OF_THE_AGENT = ("unknown-agent", "no-approved-code", "code-not-approved", "agent-paused")
"""What workers say of an agent whose deployment isn't final yet; the gateway knows better."""
NEWS_SECONDS, NEWS_PAUSE = 30.0, 0.1
"""For how long they are asked again then, and how often."""

log = logging.getLogger("offchain.gateway")


class Taking(Protocol):
    """Who takes an answer; `delivery.Delivery` hands it to a caller. Raises as that does."""

    async def whole(self, asked: Asked, worker: bytes, answer: Whole) -> int:
        """Takes an answer that came as one message; its status."""

    async def in_parts(self, asked: Asked, worker: bytes, exchange: Exchange, head: Head) -> int:
        """Takes an answer that has begun; its status."""


class Dispatch:
    """Has requests answered by workers."""

    def __init__(
        self,
        directory: Directory,
        links: Links,
        tickets: Tickets,
        delivery: Taking,
        clock: Callable[[], float],
        limits: RequestLimits,
    ) -> None:
        """`clock` gives seconds since the Unix epoch."""
        self._directory, self._links, self._tickets, self._delivery = directory, links, tickets, delivery
        self._clock, self._limits = clock, limits

    async def serve(self, asked: Asked) -> None:
        """Has a request answered, and writes down in the agent's log what becomes of it."""
        request = asked.request
        shown = f"{asked.scope['method']} {request.path}"
        if request.query:
            shown += f"?{request.query[:MAX_SHOWN_QUERY]}"
        asked.log.add(asked.id, "REPORT", [f"START Request: {shown}"])
        began = trio.current_time()
        result = "broken off"
        try:
            result = str(await self.answer(asked))
        except GatewayError as error:
            result = f"{error.status} {error.reason}"
            if error.status == 503:
                asked.payer.give_back()
            asked.log.add(asked.id, "ERROR", [str(error), *(error.stack or "").splitlines()])
            raise
        finally:
            took = round((trio.current_time() - began) * 1000)
            asked.log.add(asked.id, "REPORT", [f"END Request: {result}, Duration: {took}ms"])

    async def answer(self, asked: Asked) -> int:
        """Has a request answered; the status that its caller was told."""
        tried: set[bytes] = set()
        failure: GatewayError | None = None
        link: Link | None = None
        with trio.CancelScope(deadline=trio.current_time() + self._limits.answer_seconds) as waiting:
            while len(tried) < TRIES:
                link = self._links.choose(asked.agent, tried, asked.only)
                if link is None:
                    if failure is not None:
                        break
                    link = await self._wait_for_link(asked)
                try:
                    return await self._ask(asked, link, waiting)
                except WorkerRefused as refusal:
                    if _is_news(refusal, asked.agent):
                        await trio.sleep(NEWS_PAUSE)
                        continue
                    if not (refusal.elsewhere or _is_doubtful(refusal, asked)):
                        raise
                    failure = refusal
                except LinkLost as error:
                    log.info("request %s: worker 0x%s: %s", asked.id, link.worker[:4].hex(), error)
                    failure = WorkerGone(f"{len(tried) + 1} of the agent's workers gave no answer; the last: {error}")
                    link.avoid()
                except BadReceipt as error:
                    log.warning("request %s: worker 0x%s lies: its receipt is %s", asked.id, link.worker.hex(), error)
                    failure = BadAnswer(f"the worker's receipt doesn't hold for its answer: {error}")
                    link.avoid()
                tried.add(link.worker)
            assert failure is not None
            raise failure
        assert waiting.cancelled_caught
        if asked.begun:
            raise BrokenOff
        if link is not None:
            link.avoid()
        raise TimedOut(f"no answer within {self._limits.answer_seconds:g} s")

    async def _ask(self, asked: Asked, link: Link, waiting: trio.CancelScope) -> int:
        """The status of this worker's answer, which the caller has been told."""
        exchange = link.begin(asked)
        try:
            await link.ask(self._message(exchange.id, link.worker, asked))
            await exchange.arrived()
            first = exchange.parts.popleft()
            if isinstance(first, Refused) and 400 <= first.status <= 599:
                raise WorkerRefused(first)
            if (
                isinstance(first, Whole)
                and 200 <= first.status <= 599
                and not (first.body and first.status in BODILESS)
            ):
                return await self._delivery.whole(asked, link.worker, first)
            if isinstance(first, Head) and 200 <= first.status <= 599:
                waiting.deadline = trio.current_time() + self._limits.stream_seconds
                return await self._delivery.in_parts(asked, link.worker, exchange, first)
            raise LinkLost("the worker doesn't keep to the format")
        finally:
            link.end(exchange)

    async def _wait_for_link(self, asked: Asked) -> Link:
        with trio.move_on_after(self._limits.worker_seconds):
            while True:
                await self._links.wait_for_any()
                link = self._links.choose(asked.agent, set(), asked.only)
                if link is not None:
                    return link
        raise NoWorker("no worker that serves this agent can be reached: are workers running, and have they endpoints?")

    def _message(self, id: int, worker: bytes, asked: Asked) -> Ask:
        ticket = None
        if asked.payer.is_agent:
            now = max(int(self._clock() * 1000), self._directory.now_ms)  # workers go by the one, chains by the other
            payer = asked.agent.id if asked.payer.calling is None else asked.payer.calling
            ticket = self._tickets.make_out(payer, asked.hash, worker, now)
        return Ask(id, asked.agent.id, asked.code, asked.request, asked.host, asked.sealed, ticket, asked.voucher)


def _is_news(refusal: WorkerRefused, agent: AgentEntry) -> bool:
    """Whether a worker may only not know yet what the newest block says of an agent."""
    return refusal.reason in OF_THE_AGENT and trio.current_time() - agent.since < NEWS_SECONDS


def _is_doubtful(refusal: WorkerRefused, asked: Asked) -> bool:
    """Whether a worker says what isn't so, as far as this gateway knows."""
    if refusal.reason == "payment-required":
        return asked.payer.is_agent or not asked.agent.costs
    return refusal.reason in OF_THE_AGENT
