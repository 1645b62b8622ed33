"""What callers' channels owe one worker key: on disk before an answer leaves, so that nothing is served twice.

## Overview

An account is one channel's for one agent. It has the voucher that is worth the most, and what all answers so far have
been charged; both only grow. What requests under way may cost is reserved, in memory: a crash ends them. Each change is
appended as the account's whole state, and a start goes by the last state of each. So after a crash an account is as it
was when the last answer left, or a little later, where the answer to what was charged never left.

A file that has grown long, and the one that a start finds, is followed by another that begins with all accounts; then
it goes.

## Usage

```python
accounts = Accounts(DiskFiles(directory))
account = accounts.take(signed)         # may be charged up to its voucher
accounts.charge(account, 1_000)
await accounts.on_disk()                # now an answer may leave
```

## Errors

`receipt_log.LogFailed`: the disk refused what was to be written; of what it refused nothing may leave.

## Out of scope

Which vouchers count (`vouchers`), and what of them is claimed (`claims`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import trio

from offchain.serving.files import Files
from offchain.serving.frames import framed, frames_of
from offchain.serving.receipt_log import DamagedLog, LogFailed
from pallets.primitives.codec import codec_of
from pallets.primitives.receipt import SignedVoucher, Voucher
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U128, struct

SEGMENT_BYTES = 4 << 20
MAX_ACCOUNTS = 4096


@struct
class Entry:
    """An account as a file has it."""

    charged: U128
    signed: SignedVoucher


@dataclass(slots=True, eq=False)
class Account:
    """What a channel owes for an agent's answers."""

    signed: SignedVoucher
    """Worth the most of all that were shown."""
    charged: int
    """For all answers since the channel was opened."""
    reserved: int = 0
    """The most that what is under way may cost."""

    @property
    def voucher(self) -> Voucher:
        return self.signed.voucher

    @property
    def owed(self) -> int:
        """What it may come to, with what is under way."""
        return self.charged + self.reserved


class Accounts:
    """The accounts of one worker key; reads what `files` have. Raises `DamagedLog` or `OSError`."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._accounts: dict[tuple[int, int], Account] = {}
        self._writes = self._safe_writes = 0
        self._failed: str | None = None
        self._lock = trio.Lock()
        before = files.names()
        for name in before:
            for _, content in frames_of(files, name):  # what follows these was being written: nothing of it has left
                self._read(name, content)
        self._name = _named(1 + max(map(_number, before), default=0))
        self._append_all()
        if self._accounts:
            files.sync(self._name)
        for name in before:
            files.remove(name)

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._accounts.values()))

    @property
    def full(self) -> bool:
        """Whether there is no room for another account."""
        return len(self._accounts) >= MAX_ACCOUNTS

    def get(self, channel: int, agent: int) -> Account | None:
        """A channel's account for an agent."""
        return self._accounts.get((channel, agent))

    def of_channel(self, channel: int) -> list[Account]:
        """All accounts of a channel."""
        return [account for (id, _), account in self._accounts.items() if id == channel]

    def take(self, signed: SignedVoucher, charged: int = 0) -> Account:
        """The account that a voucher is for, which goes by the voucher if it is worth more than the one before.

        An account that wasn't known begins with `charged`. Raises `LogFailed`.
        """
        key = signed.voucher.channel, signed.voucher.agent
        account = self._accounts.get(key)
        if account is None:
            account = Account(signed, charged)
            self._append(account.charged, signed)
            self._accounts[key] = account
        elif _worth(signed.voucher) > _worth(account.voucher):
            self._append(account.charged, signed)
            account.signed = signed
        return account

    def charge(self, account: Account, amount: int) -> None:
        """An answer costs so much. Raises `LogFailed`."""
        if amount:
            self._append(account.charged + amount, account.signed)
            account.charged += amount

    def close(self, channel: int) -> None:
        """The channel is gone, in a final block: no voucher of it counts again."""
        for account in self.of_channel(channel):
            if not account.reserved:
                del self._accounts[channel, account.voucher.agent]

    async def on_disk(self) -> None:
        """Waits until all that was changed so far outlives a crash. Raises `LogFailed`."""
        wanted = self._writes
        async with self._lock:  # who waits here often finds it done
            if self._failed is not None:
                raise LogFailed(self._failed)
            if not self._files.durable or self._safe_writes >= wanted:
                return
            try:
                await self._sync()
                if self._files.size(self._name) >= SEGMENT_BYTES:
                    before, self._name = self._name, _named(_number(self._name) + 1)
                    self._append_all()
                    await self._sync()
                    self._files.remove(before)
            except OSError as error:  # what the disk has now nobody knows
                self._failed = _reason(error)
                raise LogFailed(self._failed) from error

    # Inside

    async def _sync(self) -> None:
        writes = self._writes
        await trio.to_thread.run_sync(self._files.sync, self._name)
        self._safe_writes = writes

    def _append(self, charged: int, signed: SignedVoucher) -> None:
        if self._failed is not None:
            raise LogFailed(self._failed)
        try:
            self._files.append(self._name, framed(ENTRY.encode(Entry(charged, signed))))
        except OSError as error:
            raise LogFailed(_reason(error)) from error
        self._writes += 1

    def _append_all(self) -> None:
        for account in self._accounts.values():
            self._files.append(self._name, framed(ENTRY.encode(Entry(account.charged, account.signed))))
            self._writes += 1

    def _read(self, name: str, content: bytes) -> None:
        try:
            entry: Entry = ENTRY.decode_all(content)
        except DecodeError as error:
            raise DamagedLog(f"{name} holds what is no account: {error}") from None
        key = entry.signed.voucher.channel, entry.signed.voucher.agent
        self._accounts[key] = Account(entry.signed, entry.charged)


def _worth(voucher: Voucher) -> tuple[int, int]:
    return voucher.cumulative, voucher.expiry


def _named(number: int) -> str:
    return f"{number:020}.log"


def _number(name: str) -> int:
    try:
        return int(name.removesuffix(".log"))
    except ValueError:
        raise DamagedLog(f"{name} is no file of callers' accounts") from None


def _reason(error: OSError) -> str:
    return f"what callers owe can't be written: {error.strerror or error}"


ENTRY = codec_of(Entry)
