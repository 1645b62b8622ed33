"""The agents that a worker serves, as the last final block has them: terms, code, hosts.

## Overview

An agent is read when it is first asked for. As long as it is asked for, it is read again in the background after each
new final block, at most once in `REFRESH_SECONDS`; one that nobody has asked for since is dropped, and read anew. So a
request waits for the chain only if it is its agent's first in a while, and what it is answered by is never older than a
few seconds. Code is kept by hash, in `MAX_CODE_BYTES`.

Receipts name the block, and the chain gives so much time to commit one (`Jobs.ReceiptTime`). A worker whose node is
gone, or whose chain makes nothing final any more while blocks go on, would sign what is overdue at once: `is_current`
says so long before.

## Usage

```python
agents = Agents(chain, finalized, key_of, log)
nursery.start_soon(agents.run)
agent = agents.known(7) or await agents.get(7)
```

## Out of scope

Whether what is read is what the chain has: `offchain.light.finalized` proves it.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import trio

from offchain import records
from offchain.chain import ACCOUNT, AccountInfo, Chain, ChainError, Head
from offchain.light.finalized import Finalized
from offchain.records import NOW
from offchain.rpc import CallFailed, ConnectionLost
from offchain.serving import receipt_records
from pallets.primitives.agent_record import Agent
from pallets.primitives.codec import codec_of
from pallets.primitives.header import Header
from pallets.primitives.pots import purse, treasury
from pallets.primitives.service import NO_SERVICE, OPEN_ACCESS, AccessPolicy, ServicePolicy, caller_owes
from pallets.primitives.types import Balance

REFRESH_SECONDS, CHECK_SECONDS = 2.0, 60.0
"""The second, where no block becomes final."""
STALE_SECONDS = 600.0
"""By how much at most the last final block is behind the best one; and for how long that may be unknown, or more."""
MAX_AGENTS, MAX_MISSING = 256, 4096
MAX_CODE_BYTES = 32 << 20
BALANCE = codec_of(Balance)
UNREADABLE = (ChainError, CallFailed, ConnectionLost)
"""What asking the node may raise."""


@dataclass(frozen=True, slots=True)
class ServedAgent:
    """An agent as of a final block."""

    id: int
    record: Agent
    code: bytes | None
    """The approved script; `None` where none is approved, or the chain has it no more."""
    service: ServicePolicy
    access: AccessPolicy
    hosts: tuple[str, ...] | None
    """Where its script may go; `None` for any public host."""
    funds: int
    """What its treasury can pay."""
    derive_key: bytes | None
    """What its script's own secrets follow from; `None` where this worker doesn't hold it."""
    head: Head
    """The final block that it is read after: there this is the agent's code."""
    calls: int = 0
    """What it may spend a day on agents that it calls."""
    purse: int = 0
    """What it has for that."""

    @property
    def costs(self) -> bool:
        """Whether a run costs anybody anything."""
        return bool(self.record.policy.price or self.access.call_price)

    def cost(self, gas: int) -> int:
        """What a run of so much gas costs a caller who pays for it."""
        return caller_owes(gas, self.record.policy.price, self.service, self.access)


class Agents:
    """Agents by number, and the last final block."""

    def __init__(
        self,
        chain: Chain,
        final: Finalized,
        key_of: Callable[[bytes], Awaitable[bytes | None]],
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        """`key_of` answers the derived key of code of a hash, if this worker holds it."""
        self._chain, self._final, self._key_of, self._log = chain, final, key_of, log
        self._agents: dict[int, ServedAgent] = {}
        self._asked_for: set[int] = set()
        self._reading: dict[int, trio.Event] = {}
        self._missing: set[int] = set()  # not there, as of the last final block
        self._codes: OrderedDict[bytes, bytes] = OrderedDict()
        self._code_bytes = 0
        self._news = trio.Event()
        self._current_at = self._looked_at = -math.inf
        self._least_balance: int | None = None
        self._reading_least = trio.Lock()

    def known(self, id: int) -> ServedAgent | None:
        """An agent, if it is known as it is now."""
        self._asked_for.add(id)
        return self._agents.get(id)

    @property
    def is_current(self) -> bool:
        """Whether receipts may name the block that agents were last read after."""
        return trio.current_time() - self._current_at <= STALE_SECONDS

    async def get(self, id: int) -> ServedAgent | None:
        """An agent; `None` where the chain has none of this number.

        Raises what asking the node raises, `UNREADABLE`.
        """
        while id in self._reading:
            await self._reading[id].wait()
            if id in self._agents:
                return self._agents[id]
        if id in self._missing:
            return None
        self._asked_for.add(id)
        self._reading[id] = trio.Event()
        try:
            await self._look()
            found = await self._read(id)
        finally:
            self._reading.pop(id).set()
        if found is None:
            if len(self._missing) < MAX_MISSING:
                self._missing.add(id)
        elif id in self._agents or len(self._agents) < MAX_AGENTS:
            self._agents[id] = found
        return found

    async def header_of(self, agent: ServedAgent) -> Header:
        """The header of the block that an agent is of. Raises what asking the node raises, `UNREADABLE`."""
        return await self._final.ancestor(agent.head)

    async def run(self) -> None:
        """Follows the chain's final blocks until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear)
            nursery.start_soon(self._prepare)
            while True:
                with trio.move_on_after(CHECK_SECONDS):
                    await self._news.wait()
                self._news = trio.Event()
                try:
                    if self._asked_for:
                        await self._refresh()
                    else:
                        self._agents.clear()  # a chain that nobody asks about isn't followed
                except UNREADABLE as error:
                    self._log.info("the agents can't be read: %s", error)
                    self._news.set()
                await trio.sleep(REFRESH_SECONDS)

    async def _prepare(self) -> None:
        """Reads what takes a second before anybody waits for it."""
        with suppress(*UNREADABLE):
            await self._least()

    async def _hear(self) -> None:
        names = ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads")
        await self._chain.client.follow(*names, (), self._on_final)

    def _on_final(self, _header: Any) -> None:
        self._missing.clear()
        self._news.set()

    async def _look(self) -> None:
        """Goes to the last final block, and sees how far it is behind the best one."""
        head, now = await self._final.newest(), trio.current_time()
        final, best = await self._final.read_at(head, NOW) or 0, await self._chain.read(NOW) or 0
        # After a while without looking, blocks after a long silence may just wait to become final.
        if best - final <= STALE_SECONDS * 1000 or now - self._looked_at > STALE_SECONDS:
            self._current_at = now
        self._looked_at = now

    async def _refresh(self) -> None:
        await self._look()
        wanted, self._asked_for = self._asked_for, set()
        self._agents = {id: agent for id, agent in self._agents.items() if id in wanted}
        for id in list(self._agents):
            found = await self._read(id)
            if found is None:
                self._agents.pop(id, None)
            else:
                self._agents[id] = found

    async def _read(self, id: int) -> ServedAgent | None:
        keys = [
            receipt_records.AGENT.key(id),
            receipt_records.SERVICE.key(id),
            receipt_records.ACCESS.key(id),
            receipt_records.HOSTS.key(id),
            ACCOUNT.key(treasury(id)),
            receipt_records.CALLS.key(id),
            ACCOUNT.key(purse(id)),
        ]
        header = await self._final.header()
        values = await self._final.get_all(header, keys)
        record = receipt_records.AGENT.decode(values[0])
        if record is None:
            return None
        service = receipt_records.SERVICE.decode(values[1]) or NO_SERVICE
        access = receipt_records.ACCESS.decode(values[2]) or OPEN_ACCESS
        hosts, account = receipt_records.HOSTS.decode(values[3]), ACCOUNT.decode(values[4])
        calls, spending = receipt_records.CALLS.decode(values[5]) or 0, ACCOUNT.decode(values[6])
        code = None if record.code is None else await self._code(record.code)
        return ServedAgent(
            id,
            record,
            code,
            service,
            access,
            None if hosts is None else tuple(host.decode("ascii", "replace") for host in hosts),
            await self._spendable(account),
            None if record.code is None else await self._key_of(record.code),
            Head(header.number, header.hash),
            calls,
            await self._spendable(spending) if calls else 0,
        )

    async def _spendable(self, account: AccountInfo | None) -> int:
        return 0 if account is None else max(account.data.free - await self._least(), 0)

    async def _code(self, hash: bytes) -> bytes | None:
        code = self._codes.get(hash)
        if code is None:
            code = await self._final.read(records.CODE, hash)
            if code is None:
                return None
            self._codes[hash] = code
            self._code_bytes += len(code)
            while self._code_bytes > MAX_CODE_BYTES:
                self._code_bytes -= len(self._codes.popitem(last=False)[1])
        self._codes.move_to_end(hash)
        return code

    async def _least(self) -> int:
        """What an account keeps to stay alive."""
        async with self._reading_least:
            if self._least_balance is None:
                found = await self._chain.constant("Balances", "ExistentialDeposit")
                self._least_balance = int(BALANCE.decode_all(found))
        return self._least_balance
