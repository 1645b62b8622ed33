"""Dividends: what an agent earns for the holders of its token, streamed to them, and theirs to claim.

## Overview

A token that is followed has a stream. `Holders.pay_in` adds money to it, which flows evenly over the epoch that
follows, to whoever has the token meanwhile, each by what it has; so nobody gains by buying just before a payment and
selling right after. Pots (accounts of pallets) earn nothing and don't count, and while nobody else has any of the token
the stream stands still. What is left of earlier payments joins a new one, and the time that both take is between what
they would take, by their weight: small payments can't hold up a large one.

What one unit of the token has earned so far is one number, the stream's index. `Assets` tells of each change of a
balance before it happens (`BalanceListener`), and what its owner has earned is noted then, in 2**-96 of a unit of
money, since the index of the last time; so a claim, a transfer or a payment costs the same however many holders there
are. What a division leaves is carried on to the next: for each token, always,

    pot = what holders may claim + what is still to stream + the carried rest

exactly, and all pots of all tokens are one keyless account, which also has the existential deposit. A gift to it
changes nothing.

## Usage

`claim(token)` pays out. `DividendsApi_claimable(token, who)` says how much that would be, in the state of a block.

## Errors

A claim that would leave its owner below the existential deposit is refused with `Token(BelowMinimum)`; nothing is lost.

## Out of scope

How much of what an agent earns is its holders': `pallets.agents`, and the fees of `Curves`.
"""

from __future__ import annotations

from pallets.frame import (
    U32,
    U64,
    AccountId,
    Balance,
    Const,
    Error,
    Event,
    Map,
    Moment,
    Pallet,
    Signed,
    Weight,
    call,
    struct,
)
from pallets.fungible import Currency
from pallets.fungibles import AssetId, Fungibles, Side
from pallets.primitives.pots import is_pot, pot_account
from pallets.primitives.types import U256
from pallets.timestamp import Timestamp

POT: AccountId = pot_account(b"fthmdivi")
"""The keyless account that has what holders have earned, or will."""
SCALE = 1 << 96
"""Parts of a unit of money, in which earnings are counted: a u256 has room for all there is, 2**32 times."""


@struct
class Stream:
    """What the holders of a token earn."""

    at: Moment
    """Until when it has flowed."""
    circulating: Balance = 0
    """What of the token all accounts have but pots."""
    holders: U32 = 0
    """How many those are."""
    index: U256 = 0
    """What one unit of the token has earned since it is followed, in parts."""
    rest: U256 = 0
    """What has flowed and isn't in the index: in parts, too few for each unit to have one."""
    amount: Balance = 0
    """What flows from `start` to `until`."""
    released: Balance = 0
    """What of it has flowed."""
    start: Moment = 0
    until: Moment = 0

    @property
    def left(self) -> int:
        """What is still to flow."""
        return self.amount - self.released

    def flow(self, now: int) -> None:
        """Lets it flow until now; without holders it stands still."""
        passed, self.at = now - self.at, now
        if not passed or not self.left:
            return
        if not self.circulating:
            self.start += passed
            self.until += passed
            return
        flowed = self.amount
        if now < self.until:
            flowed = flowed * (now - self.start) // (self.until - self.start)
        parts = (flowed - self.released) * SCALE + self.rest
        self.released = flowed
        earned, self.rest = divmod(parts, self.circulating)
        self.index += earned

    def add(self, amount: int, epoch: int) -> None:
        """Adds a payment, at the moment until which it has flowed."""
        left = self.left
        time = (left * (self.until - self.at) + amount * epoch) // (left + amount) if left else epoch
        self.amount, self.released, self.start, self.until = left + amount, 0, self.at, self.at + time


@struct
class Earned:
    """What a holder has earned, and not claimed."""

    index: U256 = 0
    """The stream's, up to which it was noted."""
    parts: U256 = 0

    def note(self, balance: int, index: int) -> None:
        """Notes what a balance has earned since the last time."""
        self.parts += balance * (index - self.index)
        self.index = index


class Dividends(Pallet):
    """What agents earn for the holders of their tokens."""

    timestamp: Timestamp
    currency: Currency
    tokens: Fungibles
    epoch: Const[U64]
    """How long a payment streams, in milliseconds."""

    class RevenueAdded(Event):
        """A token's holders earn an amount; with what is left of earlier ones it has flowed by `until`."""

        token: AssetId
        amount: Balance
        until: Moment

    class Claimed(Event):
        """A holder was paid what it has earned."""

        token: AssetId
        who: AccountId
        amount: Balance

    class NotFollowed(Error):
        """The holders of this token earn nothing: it is no agent's, or there is no such token."""

    class AlreadyIssued(Error):
        """Somebody may have the token already: its holders are counted from its first unit on, or not at all."""

    class NothingToClaim(Error):
        """The signer has earned less than one unit of money that it hasn't claimed."""

    stream = Map[AssetId, Stream](missing=NotFollowed)
    """The tokens whose holders earn."""
    earned = Map[tuple[AssetId, AccountId], Earned](default=Earned)
    """What holders have earned; one that isn't here has earned whatever its balance has since the first payment."""

    def genesis(self) -> None:
        self.currency.mint_into(POT, self.currency.existential_deposit)

    def integrity_test(self) -> None:
        if not self.epoch:
            raise ValueError("Dividends: epoch must be above zero")

    # Calls

    @call(0, weight=Weight(350_000_000, 10_000))
    def claim(self, who: Signed, token: AssetId) -> None:
        """Pay out what the signer has earned by holding a token."""
        stream = self.stream[token]
        stream.flow(self.timestamp.now)
        balance = self._balance(token, who)
        earned = self.earned[token, who]
        earned.note(balance, stream.index)
        amount, earned.parts = divmod(earned.parts, SCALE)
        if not amount:
            raise self.NothingToClaim
        self._keep(token, who, stream, earned, balance)
        self.stream[token] = stream
        self.currency.transfer(POT, who, amount, keep_alive=True)
        self.deposit(self.Claimed(token, who, amount))

    # What others may ask: `Holders`

    def follow(self, token: AssetId) -> None:
        if token in self.stream or self.tokens.total_issuance(token):
            raise self.AlreadyIssued
        self.stream[token] = Stream(self.timestamp.now)

    def circulating(self, token: AssetId) -> Balance:
        stream = self.stream.get(token)
        return 0 if stream is None else stream.circulating

    def holder_count(self, token: AssetId) -> int:
        stream = self.stream.get(token)
        return 0 if stream is None else stream.holders

    def pay_in(self, token: AssetId, source: AccountId, amount: Balance) -> AccountId:
        stream = self.stream[token]
        if not amount:
            return POT
        self.currency.transfer(source, POT, amount, keep_alive=True)
        stream.flow(self.timestamp.now)
        stream.add(amount, self.epoch)
        self.stream[token] = stream
        self.deposit(self.RevenueAdded(token, amount, stream.until))
        return POT

    def claimable(self, token: AssetId, who: AccountId) -> Balance:
        """What `claim` would pay, if that is enough for the account to exist."""
        stream = self.stream.get(token)
        if stream is None:
            return 0
        stream.flow(self.timestamp.now)
        earned = self.earned[token, who]
        earned.note(self._balance(token, who), stream.index)
        return earned.parts // SCALE

    # `BalanceListener`

    def before_change(self, id: AssetId, *sides: Side) -> None:
        stream = self.stream.get(id)
        if stream is None:
            return
        stream.flow(self.timestamp.now)
        for who, old, new in sides:
            if is_pot(who):
                continue
            if stream.index:
                earned = self.earned[id, who]
                earned.note(old, stream.index)
                self._keep(id, who, stream, earned, new)
            stream.circulating += new - old
            stream.holders += bool(new) - bool(old)
        self.stream[id] = stream

    # Inside

    def _balance(self, token: int, who: bytes) -> int:
        """What an account earns by."""
        return 0 if is_pot(who) else self.tokens.balance(token, who)

    def _keep(self, token: int, who: bytes, stream: Stream, earned: Earned, balance: int) -> None:
        """Writes what an account has earned; of one that has nothing any more, less than a unit goes to the others."""
        if balance or earned.parts >= SCALE:
            self.earned[token, who] = earned
        else:
            stream.rest += earned.parts
            del self.earned[token, who]
