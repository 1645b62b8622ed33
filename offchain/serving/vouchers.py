"""Who pays for a request, where its caller does: by a voucher, from a channel of the caller's.

## Overview

A voucher counts if the payer of an open channel has signed it, for this chain, worker and agent, over at least what the
channel's account owes with the most that the request may cost, and if the chain will still take it, and pay, when it is
claimed. What a request may cost is reserved while it runs; then it is charged gas × price, at most the agent's
`max_charge`, if the agent has said one, and the price of a call. So no account is ever charged more than the highest
voucher says.

| error | the voucher, or its channel |
| --- | --- |
| `voucher-for-another` | names another worker, agent or payer |
| `voucher-not-signed` | isn't signed by its payer, for this chain |
| `voucher-expires` | can't be claimed for long enough |
| `voucher-too-small` | is over less than the account owes with this request; the message says over what it should be |
| `unknown-channel` | isn't in the last final block: not yet, or not any more |
| `channel-closing` | is wanted back by its payer |
| `channel-too-small` | holds less than it owes this worker with this request |
| `channel-full` | pays as many pairs of worker and agent as it can |
| `too-many-channels` | is one more than the worker keeps accounts of |

## Usage

```python
async with vouchers.reserved(agent, signed, now) as reservation:
    ...
    reservation.charge(gas)
    await reservation.on_disk()     # now the answer may leave
```

## Errors

`VoucherRefused`; `receipt_log.LogFailed`; what asking the node raises, `agents.UNREADABLE`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from offchain.serving.accounts import Account, Accounts
from offchain.serving.agents import ServedAgent
from offchain.serving.channels import Channels, SeenChannel
from offchain.serving.payment import PaymentRequired
from pallets.primitives.keys import verify_sr25519
from pallets.primitives.receipt import SignedVoucher, voucher_bytes
from pallets.primitives.receipt_record import MAX_CLAIMS

CLAIM_MS = 10 * 60_000
"""How long before it expires, or its channel closes, a voucher counts no more: it has to be claimed."""


class VoucherRefused(PaymentRequired):
    """The voucher doesn't pay for the request, see the table above."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class Reservation:
    """What one request may cost."""

    def __init__(self, agent: ServedAgent, accounts: Accounts, account: Account, most: int) -> None:
        self._agent, self._accounts, self._account = agent, accounts, account
        self._most = most
        account.reserved += most

    def price(self, gas: int) -> int:
        """What a run of so much gas costs."""
        return min(self._agent.cost(gas), self._most)

    def charge(self, gas: int) -> None:
        """The answer of a run of so much gas is about to leave. Raises `LogFailed`."""
        self._accounts.charge(self._account, self.price(gas))
        self.end()

    async def on_disk(self) -> None:
        """Waits until the charge outlives a crash. Raises `LogFailed`."""
        await self._accounts.on_disk()

    def end(self) -> None:
        """Nothing is reserved any more."""
        self._account.reserved -= self._most
        self._most = 0


class Vouchers:
    """The vouchers that one worker takes, on the chain of one genesis."""

    def __init__(self, genesis: bytes, worker: bytes, accounts: Accounts, channels: Channels) -> None:
        self._genesis, self._worker = genesis, worker
        self._accounts, self._channels = accounts, channels

    @asynccontextmanager
    async def reserved(self, agent: ServedAgent, signed: SignedVoucher, now: int) -> AsyncIterator[Reservation]:
        """Has the voucher on disk and the most that a request may cost reserved on it; `now` is in milliseconds."""
        self._check(agent, signed, now)
        most = agent.cost(agent.record.policy.max_gas)
        channel = await self._channel(agent, signed, most, now)
        account = self._accounts.take(signed, channel.claimed(self._worker, agent.id))
        reservation = Reservation(agent, self._accounts, account, most)
        try:
            await self._accounts.on_disk()
            yield reservation
        finally:
            reservation.end()

    async def _channel(self, agent: ServedAgent, signed: SignedVoucher, most: int, now: int) -> SeenChannel:
        """The voucher's channel, as which it counts."""
        id = signed.voucher.channel
        seen = self._channels.known(id)
        if seen is None or seen.record.worker is None:  # of one for any worker others take, too
            return self._counts(agent, signed, await self._channels.get(id), most, now)
        try:
            return self._counts(agent, signed, seen, most, now)
        except VoucherRefused:
            newer = await self._channels.get(id)  # it may have been topped up
            return self._counts(agent, signed, newer, most, now)

    def _check(self, agent: ServedAgent, signed: SignedVoucher, now: int) -> None:
        """What a voucher says by itself."""
        voucher = signed.voucher
        if voucher.worker != self._worker:
            text = f"the voucher is for worker 0x{voucher.worker.hex()}, and this is 0x{self._worker.hex()}"
            raise VoucherRefused("voucher-for-another", text)
        if voucher.agent != agent.id:
            raise VoucherRefused("voucher-for-another", f"the voucher is for agent {voucher.agent}, not {agent.id}")
        self._check_time(voucher.expiry, now)
        if not verify_sr25519(signed.signature, voucher_bytes(self._genesis, voucher), voucher.payer):
            text = "the voucher's signature is not its payer's sr25519 signature for this chain"
            raise VoucherRefused("voucher-not-signed", text)

    @staticmethod
    def _check_time(expiry: int, now: int) -> None:
        if expiry < now + CLAIM_MS:
            text = f"the voucher's expiry is {expiry}: sign one that lasts {CLAIM_MS // 60_000} minutes at least, "
            raise VoucherRefused("voucher-expires", f"{text}until {now + CLAIM_MS} in milliseconds since 1970")

    def _counts(
        self, agent: ServedAgent, signed: SignedVoucher, seen: SeenChannel | None, most: int, now: int
    ) -> SeenChannel:
        """The channel, if the voucher counts as the channel and its accounts are now; no other task runs meanwhile."""
        voucher = signed.voucher
        if seen is None:
            text = f"there is no channel {voucher.channel} in the last final block: open it, or wait until it is final"
            raise VoucherRefused("unknown-channel", text)
        channel = seen.record
        if channel.payer != voucher.payer:
            text = f"channel {seen.id} is of another payer than the voucher"
            raise VoucherRefused("voucher-for-another", text)
        if channel.worker not in (None, self._worker):
            raise VoucherRefused("voucher-for-another", f"channel {seen.id} pays another worker only")
        now = max(now, seen.now)
        self._check_time(voucher.expiry, now)
        if channel.closes is not None and channel.closes < now + CLAIM_MS:
            text = f"channel {seen.id} is being closed: open another one"
            raise VoucherRefused("channel-closing", text)
        claimed = seen.claimed(self._worker, agent.id)
        account = self._accounts.get(seen.id, agent.id)
        owed = claimed if account is None else account.owed
        if voucher.cumulative < owed + most:
            text = f"the voucher is over {voucher.cumulative}: channel {seen.id} owes this worker {owed} for agent "
            raise VoucherRefused(
                "voucher-too-small",
                f"{text}{agent.id}, and a request costs {most} at most: sign one over {owed + most} or more",
            )
        self._check_funds(agent, seen, owed + most)
        if account is None:
            self._check_room(agent, seen)
        return seen

    def _check_funds(self, agent: ServedAgent, seen: SeenChannel, owed: int) -> None:
        unpaid = max(owed - seen.claimed(self._worker, agent.id), 0)
        for account in self._accounts.of_channel(seen.id):
            if account.voucher.agent != agent.id:
                unpaid += max(account.owed - seen.claimed(self._worker, account.voucher.agent), 0)
        if unpaid > seen.record.held:
            text = f"channel {seen.id} holds {seen.record.held}, and would owe this worker {unpaid}: top it up by "
            raise VoucherRefused("channel-too-small", f"{text}{unpaid - seen.record.held} or more")

    def _check_room(self, agent: ServedAgent, seen: SeenChannel) -> None:
        claims = seen.record.claims
        if len(claims) == MAX_CLAIMS and (self._worker, agent.id) not in [(each.worker, each.agent) for each in claims]:
            text = f"channel {seen.id} pays {MAX_CLAIMS} workers and agents already, and no more: open another one"
            raise VoucherRefused("channel-full", text)
        if self._accounts.full:
            text = "this worker keeps no further accounts: open a channel to another one"
            raise VoucherRefused("too-many-channels", text)
