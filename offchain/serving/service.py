"""A worker's answers: from a request to an agent to what its script says, signed.

## Overview

```
Ask -> agent, code -> secret -> who pays -> sandbox -> answer -> receipt, on disk -> Whole, or Head, Chunk, End
```
Whatever is wrong before the run is `Refused`. Whatever the run comes to, a failure of the script included, is an answer
with a receipt; only of a run without an end nothing can be signed. A script that streams its answer has its parts sent
as they come; if it fails then, the receipt is of what was sent, and `End` says why there is no more.

Nothing is asked of the node for a request, unless its agent wasn't asked for in a while.

## Out of scope

The connection (`server`); what is told to a script, and what of its output is an answer (`requests`, `answers`).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from offchain.cluster_secrets import ClusterSecrets
from offchain.execution import SandboxPool
from offchain.keys import Entropy, WorkerKeys
from offchain.sandbox.base import Abstained, Context, Failure, Limits, PoolFull, Success
from offchain.serving.agents import UNREADABLE, Agents, ServedAgent
from offchain.serving.answers import answer_of
from offchain.serving.batch_proofs import BatchProofs
from offchain.serving.batches import Batches
from offchain.serving.calls import depth_of, max_charge_of
from offchain.serving.exchange import EXCHANGE, Exchange, receipt_file
from offchain.serving.payment import PaymentRequired, Tariff, gas_bought
from offchain.serving.receipt_log import Kept, LogError, ReceiptLog
from offchain.serving.requests import BadRequest, script_input, secret_of
from offchain.serving.run_scope import RunScope
from offchain.serving.secret_box import BoundElsewhere, SealedSecret, open_secret
from offchain.serving.server import Caller
from offchain.serving.store import Store, TooLarge
from offchain.serving.streamed import StreamedAnswer
from offchain.serving.vouchers import Reservation, Vouchers
from offchain.serving.wire import MAX_CHUNK, MAX_RESPONSE_BODY, Ask, Broken, Chunk, End, Head, Refused, Whole
from offchain.serving.worlds import RunWorld, WayOut
from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import REQUEST, RESPONSE, HttpRequest, HttpResponse, canonical_request, canonical_response
from pallets.primitives.receipt import RECEIPT, Receipt, SignedTicket, SignedVoucher, receipt_id
from pallets.primitives.sealed import NotSealed
from pallets.primitives.transcript import TRANSCRIPT, Transcript, transcript_root

RUN_SECONDS = 60.0
"""Real time of a run, what it waits for outside included."""
MAX_WAITING, MAX_WAITING_BYTES = 256, 64 << 20
"""Requests that wait for a slot, and their bodies together."""
MAX_SECRETS = 256
"""Opened secrets that are remembered, by the hash of their box."""
LOG_BYTES = 16 * 1024
OUTSIDE_ASKS, OUTSIDE_ASK_BYTES, OUTSIDE_ANSWER_BYTES = 4096, 16 << 20, 64 << 20


class Refusal(Exception):
    """A request that isn't answered, see the table in `wire`."""

    def __init__(self, status: int, error: str, message: str, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.status, self.error, self.elsewhere = status, error, elsewhere


@dataclass(frozen=True, kw_only=True)
class Means:
    """What answering takes, handed in. `now` is the time in milliseconds since 1970; `simulated`, whether the chain
    marks the worker so."""

    keys: WorkerKeys
    genesis: bytes
    pool: SandboxPool
    slots: int
    agents: Agents
    secrets: ClusterSecrets
    receipts: ReceiptLog
    batches: Batches
    proofs: BatchProofs
    vouchers: Vouchers
    store: Store
    way_out: WayOut
    entropy: Entropy
    now: Callable[[], int]
    simulated: Callable[[], bool]


class Service:
    """Answers requests under one worker key. `run` is to be running."""

    def __init__(self, means: Means, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._means, self._log = means, log
        self._tariff = Tariff(means.genesis, means.keys.worker_key)
        self._places = trio.CapacityLimiter(means.slots + 1)
        means.receipts.more_soon = lambda: self._places.borrowed_tokens > 0
        self._waiting = self._waiting_bytes = 0
        self._secrets: OrderedDict[bytes, Any] = OrderedDict()
        self._tasks: trio.Nursery | None = None

    async def run(self) -> None:
        """Holds what runs have open outside, until cancelled."""
        async with trio.open_nursery() as self._tasks:
            await trio.sleep_forever()

    async def answer(self, ask: Ask, caller: Caller) -> None:
        """Answers a request."""
        try:
            await self._answer(ask, caller)
        except Refusal as error:
            await caller.send(Refused(ask.id, error.status, error.error, str(error), None, error.elsewhere))
        except BadRequest as error:
            await caller.send(Refused(ask.id, error.status, error.error, str(error), None, False))
        except PaymentRequired as error:
            await caller.send(Refused(ask.id, 402, error.error, str(error), None, False))
        except UNREADABLE as error:
            self._log.warning("a caller's channel can't be read: %s", error)
            text = "the worker can't read the voucher's channel from its node"
            await caller.send(Refused(ask.id, 502, "worker-failed", text, None, True))
        except LogError as error:
            self._log.error("request refused: %s", error)
            text = "the worker can't write its receipts down: try another one"
            await caller.send(Refused(ask.id, 502, "worker-failed", text, None, True))

    async def _answer(self, ask: Ask, caller: Caller) -> None:
        agent = await self._agent(ask)
        request = canonical_request(ask.request)
        hash = blake2_256(REQUEST.encode(request))
        secret = None if ask.sealed is None else self._secret(ask.sealed, agent)
        input = script_input(ask.request, ask.host, secret)
        now = self._means.now()
        gas = gas_bought(agent.record.policy, agent.service, agent.access, max_charge_of(request))
        async with self._reserved(agent, ask.voucher, now) as reservation:
            payer = None if reservation is not None else await self._calling(agent, ask.ticket)
            paid = reservation is None and self._tariff.admit(agent, hash, ask.ticket, now, payer, gas)
            context = Context(block_time_ms=now, seed=self._means.entropy(32), derive_key=agent.derive_key)
            streamed = StreamedAnswer(ask.id, caller)
            started, outcome, transcript = await self._run(agent, ask, gas, input, context, streamed, caller)
            if not caller.wanted:
                return
            milliseconds = int((trio.current_time() - started) * 1000)
            response = streamed.answer or answer_of(outcome, ask.request_id)
            charge = self._tariff.charge(agent, outcome.gas, now, payer) if paid else 0
            if reservation is not None:
                charge = reservation.price(outcome.gas)
            ticket = ask.ticket if paid else None
            kept = self._sign(agent, hash, request, response, transcript, outcome.gas, charge, ticket)
            if reservation is not None:
                reservation.charge(outcome.gas)
                await reservation.on_disk()
            await self._means.receipts.on_disk(kept.receipt.sequence)
            signed = RECEIPT.encode(kept.receipt), kept.signature, self._means.keys.worker_key
            last = *signed, list(outcome.logs), milliseconds
            if not streamed.begun and len(response.body) <= MAX_CHUNK:
                await caller.send(Whole(ask.id, response.status, response.headers, response.body, *last))
                return
            if not streamed.begun:
                await caller.send(*_parts(ask.id, response))
            await caller.send(End(ask.id, *last, _broken(outcome) if streamed.begun else None))

    def _sign(
        self,
        agent: ServedAgent,
        hash: bytes,
        request: HttpRequest,
        response: HttpResponse,
        transcript: Transcript,
        gas: int,
        charge: int,
        ticket: SignedTicket | None,
    ) -> Kept:
        """Writes down the receipt of an answer, and what can be shown of it later. Raises `LogError`."""
        shown, root = canonical_response(response), transcript_root(transcript)
        answered, code, head = blake2_256(RESPONSE.encode(shown)), agent.record.code, agent.head
        assert code is not None

        def receipt(number: int) -> Receipt:
            run = root, gas, self._means.pool.runtime_id
            return Receipt(agent.id, code, hash, answered, *run, number, head.number, head.hash, charge)

        kept = self._means.receipts.add(receipt, self._means.keys.sign, ticket)
        self._means.batches.receipt_added()
        exchange = EXCHANGE.encode(Exchange(kept.receipt.sequence, request, shown))
        entries = [(receipt_id(self._means.genesis, kept.receipt), exchange), (root, TRANSCRIPT.encode(transcript))]
        try:
            self._means.store.put_all(entries)
        except (OSError, TooLarge) as error:
            self._log.warning("the store doesn't keep what receipt %d is of: %s", kept.receipt.sequence, error)
        return kept

    async def receipt_file(self, id: bytes) -> bytes | None:
        """JSON of a receipt; `None` where the worker has it no more."""
        means = self._means
        data = means.store.get(id)
        if data is None:
            return None
        exchange: Exchange = EXCHANGE.decode_all(data)
        kept = means.receipts.get(exchange.sequence)
        if kept is None or receipt_id(means.genesis, kept.receipt) != id:
            return None
        await means.receipts.on_disk(exchange.sequence)
        batch = means.receipts.batch_of(exchange.sequence)
        proof = None if batch is None else await means.proofs.of(batch.first)
        shown = kept, exchange, means.simulated(), proof
        make = partial(receipt_file, means.receipts, means.genesis, means.keys.worker_key, *shown)
        return (await trio.to_thread.run_sync(make)).to_json()  # an old batch takes a while to read

    # Before the run

    async def _agent(self, ask: Ask) -> ServedAgent:
        """The agent that is asked for, if it may be run."""
        agent = self._means.agents.known(ask.agent)
        if agent is None:
            try:
                agent = await self._means.agents.get(ask.agent)
            except UNREADABLE as error:
                self._log.warning("agent %d can't be read: %s", ask.agent, error)
                text = f"the worker can't read agent {ask.agent} from its node"
                raise Refusal(502, "worker-failed", text, elsewhere=True) from None
        if agent is None:
            raise Refusal(404, "unknown-agent", f"there is no agent {ask.agent}")
        if not self._means.agents.is_current:
            text = "the last final block that this worker knows is too old for a receipt"
            raise Refusal(503, "worker-behind", text, elsewhere=True)
        if agent.record.paused:
            raise Refusal(403, "agent-paused", f"agent {ask.agent} is paused by its DAO")
        if agent.code is None:
            raise Refusal(404, "no-approved-code", f"agent {ask.agent} has no approved code")
        if ask.code not in (None, agent.record.code):
            raise Refusal(404, "code-not-approved", f"this code is not what agent {ask.agent} runs")
        return agent

    async def _calling(self, agent: ServedAgent, ticket: SignedTicket | None) -> ServedAgent | None:
        """The agent whose script calls this one and that pays for it, if its ticket says so."""
        if ticket is None or not agent.costs or ticket.ticket.agent == agent.id:
            return None
        caller = self._means.agents.known(ticket.ticket.agent) or await self._means.agents.get(ticket.ticket.agent)
        if caller is None:
            raise PaymentRequired(f"the ticket is in the name of agent {ticket.ticket.agent}, which there is not")
        return caller

    def _reserved(
        self, agent: ServedAgent, voucher: SignedVoucher | None, now: int
    ) -> AbstractAsyncContextManager[Reservation | None]:
        """What of the caller's channel is reserved; nothing where it shows no voucher, or the agent charges nothing."""
        if voucher is None or not agent.costs:
            return nullcontext()
        return self._means.vouchers.reserved(agent, voucher, now)

    def _secret(self, sealed: SealedSecret, agent: ServedAgent) -> Any:
        """What the script gets as `secret`."""
        code = agent.record.code
        assert code is not None
        name = blake2_256(sealed.box + agent.id.to_bytes(8, "little") + code)
        if name in self._secrets:
            self._secrets.move_to_end(name)
            return self._secrets[name]
        held = self._means.secrets.get(sealed.generation)
        if held is None:
            text = "this worker doesn't hold the key that the secret is sealed to"
            raise Refusal(503, "secret-not-held", text, elsewhere=True)
        try:
            data = open_secret(sealed, held.open, agent=agent.id, code=code)
        except BoundElsewhere as error:
            raise Refusal(401, "secret-bound-elsewhere", str(error)) from None
        except NotSealed as error:
            raise Refusal(401, "secret-not-readable", f"{error}: store the secret again") from None
        found = self._secrets[name] = secret_of(data)
        if len(self._secrets) > MAX_SECRETS:
            self._secrets.popitem(last=False)
        return found

    # The run

    async def _run(
        self,
        agent: ServedAgent,
        ask: Ask,
        gas: int,
        input: bytes,
        context: Context,
        streamed: StreamedAnswer,
        caller: Caller,
    ) -> tuple[float, Success | Failure, Transcript]:
        """When it started, what it came to, and what came from outside."""
        assert agent.code is not None and self._tasks is not None
        if self._waiting >= MAX_WAITING or self._waiting_bytes + len(input) > MAX_WAITING_BYTES:
            raise Refusal(503, "worker-busy", f"{self._waiting} requests are waiting for this worker", elsewhere=True)
        self._waiting += 1
        self._waiting_bytes += len(input)
        try:
            await self._places.acquire_on_behalf_of(caller)
        finally:
            self._waiting -= 1
            self._waiting_bytes -= len(input)
        started = trio.current_time()
        scope = RunScope(
            agent=agent.id,
            header=partial(self._means.agents.header_of, agent),
            depth=depth_of(ask.request),
            line=None if caller.line is None else partial(caller.line.call, ask.id, None),
            lend=self._lend,
        )
        open_world = partial(self._means.way_out.open, agent.hosts, context, scope, streamed.emit)
        world = RunWorld(self._tasks, open_world, context)
        try:
            if not caller.wanted:
                raise Refusal(503, "worker-busy", "nobody waits for the answer any more")
            limits = request_limits(gas)
            outcome = await self._means.pool.run(agent.code, input, limits, context, world.recorded)
        except PoolFull as error:
            raise Refusal(503, "worker-busy", str(error), elsewhere=True) from None
        finally:
            world.close()
            self._places.release_on_behalf_of(caller)
        if isinstance(outcome, Abstained):
            if trio.current_time() - started >= RUN_SECONDS:
                raise Refusal(504, "time-out", f"the script was not done in {RUN_SECONDS:g} s")
            self._log.warning("a run of agent %d had no end: %s", agent.id, outcome.reason)
            raise Refusal(502, "worker-failed", f"the run had no end: {outcome.reason}", elsewhere=True)
        return started, outcome, world.transcript

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[None]:
        """Lends the place of a run that only waits. Raises `PoolFull`."""
        async with self._means.pool.lend():
            self._places.total_tokens += 1
            try:
                yield
            finally:
                self._places.total_tokens -= 1


def request_limits(gas: int) -> Limits:
    """Bounds of a request's run, of which the agent sets the gas."""
    return Limits(
        gas=gas,
        wall_seconds=RUN_SECONDS,
        output_bytes=MAX_RESPONSE_BODY,
        log_bytes=LOG_BYTES,
        asks=OUTSIDE_ASKS,
        ask_bytes=OUTSIDE_ASK_BYTES,
        answer_bytes=OUTSIDE_ANSWER_BYTES,
    )


def _broken(outcome: Success | Failure) -> Broken | None:
    if isinstance(outcome, Success):
        return None
    reason = outcome.reason
    return Broken(reason.kind, reason.message, reason.stack or None)


def _parts(id: int, response: HttpResponse) -> list[Head | Chunk]:
    body = response.body
    chunks = [Chunk(id, body[at : at + MAX_CHUNK]) for at in range(0, len(body), MAX_CHUNK)]
    return [Head(id, response.status, response.headers), *chunks]
