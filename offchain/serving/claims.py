"""From vouchers to money: the operator claims them, when it is worth the fee and while the chain still takes them.

## Overview

| an account is claimed | once what it has earned, and wasn't paid, is |
| --- | --- |
| at any time | `WORTH` times the fee |
| of a channel that any worker is paid from | `WORTH_EARLY` times: others take from it, too |
| while its channel is being closed, or its voucher is about to expire | `WORTH_EARLY` times |
| when the worker ends | `WORTH_EARLY` times |

A claim takes all that the voucher says, as the chain has it; what of that isn't earned yet the account goes on serving.
Nothing is claimed for an account that has earned nothing. What was claimed shows in the next final blocks; until then,
and after one that failed, an account is left alone for a while.

Nothing of this is kept: accounts are on disk, and what is claimed of them is on the chain.

## Out of scope

The operator's share of what a channel pays: it is a matter of the agent's terms.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

import trio

from node.web.errors import WebError
from offchain.chain import Chain, ChainError
from offchain.records import WORKER
from offchain.rpc import CallFailed, ConnectionLost
from offchain.serving.accounts import Account, Accounts
from offchain.serving.agents import UNREADABLE
from offchain.serving.channels import Channels, SeenChannel
from offchain.serving.receipt_records import CHANNEL, claim_voucher
from offchain.serving.vouchers import CLAIM_MS
from pallets.primitives.keys import Keypair

WORTH, WORTH_EARLY = 20, 2
LOOK_SECONDS = 5.0
EXPIRY_MS = 3 * CLAIM_MS
"""How long before it expires a voucher is claimed."""
ALONE_SECONDS, LONGEST_ALONE = 60.0, 600.0
"""For which an account is left alone after a claim, and at most after several that have failed."""
MOST_AT_ONCE = 16
FEE_SECONDS = 600.0
LAST_SECONDS = 5.0
"""That a worker's last claims may take."""

Log = logging.LoggerAdapter[logging.Logger]


class Due(NamedTuple):
    """An account that may be worth a claim."""

    earned: int
    account: Account
    worth: int
    """How many fees it has to have earned."""


class Claims:
    """One worker's claims, signed and paid for by its operator."""

    def __init__(
        self,
        chain: Chain,
        operator: Keypair,
        worker: bytes,
        accounts: Accounts,
        channels: Channels,
        now: Callable[[], int],
        log: Log,
    ) -> None:
        """`now` is in milliseconds since 1970."""
        self._chain, self._operator, self._worker = chain, operator, worker
        self._accounts, self._channels, self._now, self._log = accounts, channels, now, log
        self._fee: tuple[float, int] | None = None
        self._alone: dict[Account, tuple[float, float]] = {}  # until when, and for how long
        self._paid: dict[Account, int] = {}  # of those left alone, what blocks have that aren't final yet

    async def run(self) -> None:
        """Claims until cancelled."""
        while True:
            await trio.sleep(LOOK_SECONDS)
            found = self.due()
            known = set(self._accounts)
            self._alone = {account: alone for account, alone in self._alone.items() if account in known}
            self._paid = {account: paid for account, paid in self._paid.items() if account in known}
            try:
                for due in found[:MOST_AT_ONCE]:
                    if due.earned >= due.worth * await self._fee_of(self._chain, due.account):
                        await self._claim(due)
            except UNREADABLE as error:
                self._log.info("callers' vouchers have to wait: %s", error)

    async def finish(self) -> None:
        """Sends what is worth it when the worker ends, over a connection of its own, without waiting for a block."""
        found = [due for due in self.due(last=True) if self._fee is None or due.earned >= due.worth * self._fee[1]]
        if not found:
            return
        with trio.move_on_after(LAST_SECONDS, shield=True):
            try:
                async with self._chain.client.another() as client:
                    chain = Chain(client, self._chain.genesis)
                    if await chain.read(WORKER, self._worker) is None:
                        return  # it has left, and is paid no more
                    for due in found[:MOST_AT_ONCE]:
                        if due.earned >= due.worth * await self._fee_of(chain, due.account):
                            extrinsic = await chain.sign(self._operator, claim_voucher(due.account.signed))
                            await client.call("author_submitExtrinsic", f"0x{extrinsic.hex()}")
                            self._log.info("claims %s as it ends", _named(due))
            except* (*UNREADABLE, WebError) as errors:
                reason = errors.exceptions[0]
                self._log.warning("callers' vouchers stay unclaimed until this worker starts again: %s", reason)

    def due(self, last: bool = False) -> list[Due]:
        """What may be worth a claim, the most first; `last`, when the worker ends."""
        found = []
        for account in self._accounts:
            seen = self._channels.seen(account.voucher.channel)
            alone = self._alone.get(account, (0.0, 0.0))[0] > trio.current_time()
            if seen is None or (alone and not last):
                continue
            claimed = seen.claimed(self._worker, account.voucher.agent)
            if alone:
                claimed = max(claimed, self._paid.get(account, 0))
            earned = min(account.charged - claimed, seen.record.held)
            if earned > 0:
                found.append(Due(earned, account, WORTH_EARLY if last or self._is_urgent(account, seen) else WORTH))
        return sorted(found, key=lambda each: each.earned, reverse=True)

    # Inside

    def _is_urgent(self, account: Account, seen: SeenChannel) -> bool:
        now = max(self._now(), seen.now)
        shared, closes = seen.record.worker is None, seen.record.closes is not None
        return shared or closes or account.voucher.expiry <= now + EXPIRY_MS

    async def _claim(self, due: Due) -> None:
        account, voucher = due.account, due.account.voucher
        pause = min(2 * self._alone.get(account, (0.0, ALONE_SECONDS / 2))[1], LONGEST_ALONE)
        self._alone[account] = trio.current_time() + pause, pause
        before = self._channels.seen(voucher.channel)
        try:
            inclusion = await self._chain.submit_signed(self._operator, claim_voucher(account.signed))
            record = await self._chain.read(CHANNEL, voucher.channel, at=inclusion.block.hash)
            if record is None or (before is not None and record.claims == before.record.claims):
                await self._chain.require_success(inclusion)
        except (ChainError, CallFailed, ConnectionLost) as error:
            self._log.warning("can't claim %s: %s", _named(due), error)
            return
        self._alone[account] = trio.current_time() + ALONE_SECONDS, ALONE_SECONDS / 2
        self._paid[account] = voucher.cumulative
        self._log.info("claims %s", _named(due))

    async def _fee_of(self, chain: Chain, account: Account) -> int:
        """What a claim costs, as it was a while ago at most."""
        if self._fee is None or trio.current_time() - self._fee[0] >= FEE_SECONDS:
            extrinsic = await chain.sign(self._operator, claim_voucher(account.signed))
            self._fee = trio.current_time(), await chain.fee(extrinsic)
        return self._fee[1]


def _named(due: Due) -> str:
    voucher = due.account.voucher
    return f"{due.earned} that channel {voucher.channel} owes for agent {voucher.agent}"
