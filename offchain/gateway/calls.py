"""Calls of agents by agents: taken from the workers whose runs make them, and answered as any caller's request is.

## Overview

```
CallAgent -> whose run it is, its tree -> the agent -> who pays -> dispatch -> Answered, or NotAnswered
```
Of a request's run this gateway knows all: it brought the request. Of a job's the chain says which agent is run, and by
whom. A call is admitted by what the chain says of the two agents (`Admission.payer_of_call`), has a ticket and a
receipt of its own, and goes to the least busy worker like any other. When the request is over its calls end.

## Errors

What a gateway's caller would be told as an error the calling script has as the reason of a `TypeError`, see `REASONS`.

## Out of scope

What the calling worker checks of an answer: `offchain.serving.calls`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import trio

from offchain.chain import ChainError
from offchain.gateway.admission import Admission
from offchain.gateway.agent_entry import AgentEntry
from offchain.gateway.asked import Asked, BrokenOff, RequestLimits
from offchain.gateway.delivery import Parts
from offchain.gateway.directory import Directory
from offchain.gateway.dispatch import Dispatch
from offchain.gateway.errors import (
    AnswerTooLarge,
    BadAnswer,
    BadRequest,
    ChainUnreachable,
    GatewayError,
    TimedOut,
    TooManyRequests,
    WorkerGone,
)
from offchain.gateway.keys import Tickets
from offchain.gateway.links import Exchange, Link, LinkLost, Links
from offchain.gateway.receipts import BadReceipt, Receipts
from offchain.gateway.request_logs import RequestLogs
from offchain.gateway.trees import Tree
from offchain.records import JOB
from offchain.rpc import RpcError
from offchain.serving.calls import CALLER, DEPTH, MAX_CHARGE, METHODS
from offchain.serving.wire import MAX_REQUEST_BODY, Answered, CallAgent, End, Head, NotAnswered, TakesCalls, Whole
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash
from pallets.primitives.job_record import Stage
from pallets.primitives.receipt import RECEIPT

HOST = "agents.fathom"
MAX_WAITING = 4096
"""Calls that are taken and not yet answered."""
MAX_JOBS = 1024
"""Jobs whose calls are counted; beyond, those that began first are forgotten."""
MAYBE_RUN = (BadAnswer, BrokenOff, TimedOut, WorkerGone)
"""After these a worker may have run the call, and have its ticket for it: it counts as the most that it may cost."""
REASONS = {"unknown-agent": "no-such-agent", "agent-paused": "callee-paused"}
"""What a caller of an agent's is told in other words than a caller from outside."""


def takes_calls(tickets: Tickets, clock: Callable[[], float], worker: bytes) -> TakesCalls:
    """What a gateway says first to a worker; `clock` gives seconds since the Unix epoch."""
    return tickets.takes_calls(worker, int(clock() * 1000))


class Calls:
    """The calls that one gateway takes. `run` is to be running."""

    def __init__(
        self,
        directory: Directory,
        links: Links,
        tickets: Tickets,
        admission: Admission,
        receipts: Receipts,
        logs: RequestLogs,
        clock: Callable[[], float],
        limits: RequestLimits,
    ) -> None:
        self._directory, self._links, self._tickets, self._admission = directory, links, tickets, admission
        self._receipts, self._logs, self._clock, self._limits = receipts, logs, clock, limits
        self._jobs: OrderedDict[tuple[bytes, int], Tree] = OrderedDict()
        self._running = self._waiting = 0
        self._tasks: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Answers calls until cancelled."""
        async with trio.open_nursery() as self._tasks:
            task_status.started()
            await trio.sleep_forever()

    def on_call(self, link: Link, exchange: Exchange | None, call: CallAgent) -> None:
        """A run at this worker calls an agent; `exchange` is the request that is run there."""
        assert self._tasks is not None
        if self._waiting < MAX_WAITING:  # a worker that doesn't listen to its answers gets none
            self._waiting += 1
            self._tasks.start_soon(self._serve, link, exchange, call)

    async def _serve(self, link: Link, exchange: Exchange | None, call: CallAgent) -> None:
        scope = trio.CancelScope()
        scopes = set[trio.CancelScope]() if exchange is None else exchange.calls
        scopes.add(scope)
        said: Answered | NotAnswered | None = None
        try:
            with scope:
                said = await self._answered(link, exchange, call)
        except (GatewayError, BrokenOff) as error:
            reason = error.reason if isinstance(error, GatewayError) else "worker-gone"
            said = NotAnswered(call.call, REASONS.get(reason, reason), str(error) or "the answer breaks off")
        finally:
            scopes.discard(scope)
        with suppress(LinkLost):
            if said is not None:
                await link.ask(said)
        self._waiting -= 1

    async def _answered(self, link: Link, exchange: Exchange | None, call: CallAgent) -> Answered:
        if self._running >= self._limits.max_requests:
            raise TooManyRequests(f"{self._running} calls are under way, which is all that this gateway serves")
        self._running += 1
        try:
            if exchange is not None and exchange.asked is not None:
                above = exchange.asked.tree
            else:
                above = await self._of_job(link, call)
            return await self._below(above, call)
        finally:
            self._running -= 1

    async def _below(self, above: Tree, call: CallAgent) -> Answered:
        caller = await self._directory.find(str(above.agent))
        agent = await self._directory.find(call.agent)
        payer = self._admission.payer_of_call(agent, caller)
        tree = above.call(agent, call.max_charge)
        taking = _Taking(self._receipts)
        try:
            request, request_id = self._request(call, caller, tree)
            log = self._logs.of(agent.id)
            scope = {"method": request.method, "http_version": "1.1"}
            paying = None, payer
            hash = request_hash(request)
            asked = Asked(request_id, agent, None, request, hash, HOST, None, *paying, "/", log, scope, _nobody, tree)
            dispatch = Dispatch(self._directory, self._links, self._tickets, taking, self._clock, self._limits)
            await dispatch.serve(asked)
        except MAYBE_RUN:
            taking.charge = tree.bound or 0
            raise
        finally:
            above.end(tree, taking.charge)
        assert taking.end is not None and taking.response is not None
        end, response = taking.end, taking.response
        broken = end.broken if isinstance(end, End) else None
        signed = end.receipt, end.signature, end.worker
        return Answered(call.call, tree.bound, response.status, response.headers, response.body, *signed, broken)

    def _request(self, call: CallAgent, caller: AgentEntry, tree: Tree) -> tuple[HttpRequest, str]:
        """The request as it was worded, with what it may cost, and its id; raises `BadRequest`."""
        given = call.request
        said = {name.lower(): value for name, value in given.headers if name.lower().startswith("x-")}
        ours = {name: value for name, value in said.items() if name.startswith("x-fathom-")}
        request_id = said.get("x-request-id", "")
        if ours != {CALLER: str(caller.id), DEPTH: str(tree.depth)} or not request_id or given.method not in METHODS:
            raise BadRequest("the worker words its call otherwise than it is made")
        bound = [] if tree.bound is None else [(MAX_CHARGE, str(tree.bound))]
        return HttpRequest(given.method, given.path, given.query, [*given.headers, *bound], given.body), request_id

    async def _of_job(self, link: Link, call: CallAgent) -> Tree:
        """What a job's run has called so far; raises `BadRequest` where this worker runs no such job."""
        if call.job is None:
            raise BadRequest("the request that the call is of is over")
        key = link.worker, call.job
        tree = self._jobs.get(key)
        if tree is None:
            try:
                job = await self._directory.chain.read(JOB, call.job)
            except (ChainError, RpcError) as error:
                raise ChainUnreachable(f"the chain's node doesn't answer: {error}") from None
            if job is None or job.stage is Stage.Over or job.seat_of(link.worker) is None:
                raise BadRequest(f"the worker has no job {call.job}")
            tree = self._jobs.setdefault(key, Tree.of_job(job.agent))
            if len(self._jobs) > MAX_JOBS:
                self._jobs.popitem(last=False)
        return tree


class _Taking:
    """Takes the answer to a call, as a whole."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self.response: HttpResponse | None = None
        self.end: End | Whole | None = None
        self.charge = 0

    async def whole(self, asked: Asked, worker: bytes, answer: Whole) -> int:
        """As `dispatch.Taking`."""
        return self._take(asked, worker, answer, HttpResponse(answer.status, answer.headers, answer.body))

    async def in_parts(self, asked: Asked, worker: bytes, exchange: Exchange, head: Head) -> int:
        """As `dispatch.Taking`."""
        parts = Parts(exchange, head)
        parts.take()
        while parts.end is None:
            await parts.more()
        return self._take(asked, worker, parts.end, parts.response())

    def _take(self, asked: Asked, worker: bytes, end: End | Whole, response: HttpResponse) -> int:
        receipt = self._receipts.check(worker, end, asked.agent, asked.code, asked.hash, response)
        charge, bound = int(RECEIPT.decode_all(end.receipt).charge), asked.tree.bound
        if bound is not None and charge > bound:
            raise BadReceipt("too-costly")
        self._receipts.remember(receipt, worker)
        asked.log.add(asked.id, "INFO", end.logs)
        self.charge = charge
        if len(response.body) > MAX_REQUEST_BODY:
            raise AnswerTooLarge(f"the answer has {len(response.body)} bytes, and a call's {MAX_REQUEST_BODY} at most")
        self.end, self.response = end, response
        return response.status


async def _nobody(_: object) -> None:
    raise AssertionError("a call's answer goes to no HTTP caller")
