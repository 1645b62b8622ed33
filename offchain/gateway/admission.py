"""Who pays for a request: the agent, by this gateway's ticket, or its caller.

## Overview

| the agent's access | the caller shows | who pays |
| --- | --- | --- |
| open | | the agent, if this is one of its gateways |
| not open | a voucher | the caller; a worker judges it |
| not open | a pass of an account that has enough locked | the agent, `quota` times a minute |
| not open | neither | nobody: `PaymentRequired` says what it costs and who calls free |

Where an agent calls another the one that is called pays, if it is open and pays by this gateway's tickets at all; else
the caller, if its DAO allows it to spend anything on calls (`Agents.set_calls`). Who called that pays nothing for it.

A pass counts as long as its account has the tokens locked in the newest block, and has had them so for an epoch
(`DaoApi_settled`): the node is asked once a block for who calls then. Tokens that move on to another account count
there after an epoch, so that they never call free twice in one.

A minute begins with the first free call in it; what is counted then lasts until it is over, whatever becomes of tokens
and passes. Calls that no worker could answer (503) don't count. A pass that is replayed uses up its account's calls, no
others. Time is the later of the chain's and this machine's, as for tickets.

## Bounds

Counted are accounts that have enough locked, and `MAX_CALLERS` of them in a minute, which is more requests than a
gateway answers. What any other account shows costs two verifications and a question to the node, of which the
directory has few at once.

## Errors

`PaymentRequired` and its kinds, `QuotaSpent`, `TooManyCallers`; `ChainUnreachable`.

## Out of scope

Other gateways of the agent, which count for themselves; the agent's budget, which workers and the chain see to.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import trio

from offchain.gateway.agent_entry import AgentEntry
from offchain.gateway.directory import Directory
from offchain.gateway.errors import (
    PassExpired,
    PassForAnother,
    PassNotSigned,
    PassTooLong,
    PaymentRequired,
    QuotaSpent,
    TooFewTokens,
    TooManyCallers,
)
from pallets.primitives.access_pass import SignedPass, is_signed
from pallets.primitives.receipt import SignedVoucher

MAX_CALLERS = 65_536
MINUTE = 60.0
MAX_PASS_MS = 24 * 3_600_000
"""For how long a pass is good at most: whoever finds an old one has no use of it."""
FRESH_SECONDS = 15.0
"""For how long an answer of the node is believed where no block comes."""


@dataclass(slots=True)
class _Caller:
    """An account that calls an agent free."""

    since: float
    """When its minute began, on trio's clock."""
    calls: int = 0
    """In this minute."""
    block: int = -1
    """The time of the block in which it had enough locked."""
    seen: float = -math.inf
    """When the node said so."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a request that has been admitted."""

    is_agent: bool
    """Whether the agent does: a ticket is to go along."""
    counted: _Caller | None = None
    calling: int | None = None
    """The agent that pays because it calls this one."""

    def give_back(self) -> None:
        """Nobody could answer the request: it doesn't count."""
        if self.counted is not None:
            self.counted.calls -= 1


class Admission:
    """Judges who pays, for one gateway on the chain of one genesis."""

    def __init__(self, directory: Directory, genesis: bytes, gateway: bytes, clock: Callable[[], float]) -> None:
        """`gateway` is the key that its tickets are signed by; `clock` gives seconds since the Unix epoch."""
        self._directory, self._genesis, self._gateway, self._clock = directory, genesis, gateway, clock
        self._callers: OrderedDict[tuple[int, bytes], _Caller] = OrderedDict()  # by when their minute began

    async def payer(self, agent: AgentEntry, voucher: SignedVoucher | None, shown: SignedPass | None) -> Payer:
        """Who pays for a request, which counts from now on if that is free; raises where nobody does."""
        if voucher is not None:
            return Payer(False)
        if agent.access.is_open or not agent.costs:
            return Payer(self._gateway in agent.gateways)
        if shown is None:
            raise PaymentRequired(_what_it_takes(agent), agent)
        if agent.access.free_tokens is None:
            raise PaymentRequired(f"nobody calls it free, with a pass or without: {_what_it_takes(agent)}", agent)
        if self._gateway not in agent.gateways:
            raise PaymentRequired("the agent doesn't pay by this gateway's tickets: show your pass to another", agent)
        self._check(agent, shown)
        return Payer(True, await self._count(agent, shown.access.account, agent.access.free_tokens))

    def payer_of_call(self, agent: AgentEntry, caller: AgentEntry) -> Payer:
        """Who pays where an agent calls another one: that one if it is open, else the caller; raises where neither."""
        if not agent.costs:
            return Payer(False)
        if agent.access.is_open and self._gateway in agent.gateways:
            return Payer(True)
        if self._gateway in caller.calls_by:
            return Payer(True, calling=caller.id)
        text = f"agent {agent.id} charges for this call, and agent {caller.id} may spend nothing on calls by this "
        raise PaymentRequired(f"{text}gateway: its DAO calls Agents.set_calls", agent)

    def _check(self, agent: AgentEntry, shown: SignedPass) -> None:
        """What a pass says by itself."""
        access = shown.access
        if access.agent != agent.id:
            raise PassForAnother(f"the pass is for agent {access.agent}, and this is {agent.id}", agent)
        now = max(int(self._clock() * 1000), self._directory.now_ms)
        if access.expiry < now:
            raise PassExpired(f"the pass was good until {access.expiry}, and it is {now}: sign another one", agent)
        if access.expiry > now + MAX_PASS_MS:
            most = f"{MAX_PASS_MS // 3_600_000} hours at most, now until {now + MAX_PASS_MS}"
            raise PassTooLong(f"the pass is good until {access.expiry}: sign one for {most}", agent)
        if not is_signed(self._genesis, shown):
            text = "the pass's signature is not its account's sr25519 signature of `fathom/pass` for this chain"
            raise PassNotSigned(text, agent)

    async def _count(self, agent: AgentEntry, account: bytes, needed: int) -> _Caller:
        """Counts a call of an account that has enough locked."""
        self._forget()
        key, block = (agent.id, account), self._directory.now_ms
        caller = self._callers.get(key)
        if caller is not None:
            self._check_quota(agent, caller)
        if caller is None or caller.block != block or trio.current_time() - caller.seen > FRESH_SECONDS:
            asked_at = trio.current_time()
            settled = await self._directory.settled(agent.id, account)
            if settled < needed:
                text = (
                    f"the pass's account has had {settled} of the agent's token locked for an epoch, and {needed} call"
                )
                raise TooFewTokens(f"{text} free: lock more, by Dao.lock, and wait; or send a voucher", agent)
            self._forget()
            caller = self._callers.get(key)  # others of the account may have come meanwhile
            if caller is None:
                if len(self._callers) >= MAX_CALLERS:
                    raise TooManyCallers(f"{MAX_CALLERS} accounts have called free within a minute: try again in one")
                caller = self._callers[key] = _Caller(trio.current_time())
            caller.block, caller.seen = block, asked_at
            self._check_quota(agent, caller)
        caller.calls += 1
        return caller

    def _check_quota(self, agent: AgentEntry, caller: _Caller) -> None:
        quota = agent.access.quota
        if caller.calls >= quota:
            left = max(1, math.ceil(caller.since + MINUTE - trio.current_time()))
            raise QuotaSpent(f"an account calls this agent free {quota} times a minute: try again in {left} s", left)

    def _forget(self) -> None:
        """Drops those whose minute is over."""
        over = trio.current_time() - MINUTE
        while self._callers and next(iter(self._callers.values())).since <= over:
            self._callers.popitem(last=False)


def _what_it_takes(agent: AgentEntry) -> str:
    access = agent.access
    text = (
        f"agent {agent.id} charges {access.call_price} a call and {agent.price} a unit of gas: "
        "send a voucher in x-fathom-voucher, see `fathom channel`"
    )
    if access.free_tokens is not None:
        text += f"; or, with {access.free_tokens} of its token locked for an epoch, a pass in x-fathom-pass, see "
        text += "`fathom agent pass`"
    return text
