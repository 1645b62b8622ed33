"""Pools: where the token of a graduated curve trades against the native token, for good.

## Overview

A pool has a reserve of money and one of tokens, whose product never falls: what a swap takes out is worth what it
brings in, at the price the pool has afterwards, less a fee that stays in the pool. Only a curve opens one, when it
graduates, and nobody can take out what it was opened with: there are no shares of a pool, so nothing is to be redeemed.

Reserves are tracked: a gift to a pool's keyless account changes no price. The account has the existential deposit
besides, so that the last unit of a reserve can be reckoned with.

## Usage

`swap_exact_in` gives an exact amount and says what it wants at least for it; `swap_exact_out` wants an exact amount and
says what it gives at most. The transaction's era is the deadline. `PoolsApi` has quotes, which agree with a swap in the
same state to the last unit; `OfToken` says which pool is a token's.

## Out of scope

Adding and removing liquidity, routes over several pools.
"""

from __future__ import annotations

from pallets.frame import (
    U32,
    AccountId,
    Balance,
    Compact,
    Const,
    Error,
    Event,
    Map,
    Pallet,
    Signed,
    Value,
    Weight,
    call,
)
from pallets.fungible import Currency
from pallets.fungibles import AssetId, Fungibles
from pallets.primitives.curves.pool import Pool, Side
from pallets.primitives.curves.record import MILLION, PoolId
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.pots import is_pot, pot_account

SWAP_WEIGHT = Weight(450_000_000, 14_000)


class Pools(Pallet):
    """Where the token of a graduated curve trades against the native token, for good."""

    currency: Currency
    tokens: Fungibles
    fee: Const[U32]
    """What of each swap's input stays in the pool, in millionths."""

    class Opened(Event):
        """A token trades in a pool from now on, which has so much of both."""

        pool: PoolId
        token: AssetId
        base: Balance
        tokens: Balance

    class Swapped(Event):
        """Somebody gave one amount for another: money for tokens where it bought, tokens for money where it sold.

        `base` and `tokens` are the pool's reserves now: their quotient is its price.
        """

        pool: PoolId
        who: AccountId
        side: Side
        amount_in: Balance
        amount_out: Balance
        base: Balance
        tokens: Balance

    class UnknownPool(Error):
        """No pool has this number: a token has one once its curve has graduated, see `OfToken`."""

    class ZeroAmount(Error):
        """A swap is of at least one unit."""

    class TooSmall(Error):
        """What is given isn't worth one unit of what it is given for."""

    class TooLarge(Error):
        """The pool has no more than that."""

    class Slippage(Error):
        """The price moved past the signer's limit."""

    class SelfDealing(Error):
        """An account of a pallet, such as an agent's DAO, trades no tokens."""

    next_pool = Value[PoolId](default=0)
    """The number of the next pool."""
    pool = Map[PoolId, Pool](missing=UnknownPool)
    """All pools."""
    of_token = Map[AssetId, PoolId]()
    """The pool of each token that has one."""

    def integrity_test(self) -> None:
        if not 0 <= self.fee < MILLION:
            raise ValueError("Pools: fee must be less than a million millionths")

    # Calls

    @call(0, weight=SWAP_WEIGHT)
    def swap_exact_in(
        self, who: Signed, pool: PoolId, side: Side, amount_in: Compact[Balance], min_out: Compact[Balance]
    ) -> None:
        """Give exactly so much for at least so much."""
        record = self._tradable(who, pool, amount_in)
        amount_out = record.out_for(side, amount_in, self.fee)
        if not amount_out:
            raise self.TooSmall
        if amount_out < min_out:
            raise self.Slippage
        self._swap(who, pool, record, side, amount_in, amount_out)

    @call(1, weight=SWAP_WEIGHT)
    def swap_exact_out(
        self, who: Signed, pool: PoolId, side: Side, amount_out: Compact[Balance], max_in: Compact[Balance]
    ) -> None:
        """Give at most so much for exactly so much."""
        record = self._tradable(who, pool, amount_out)
        amount_in = record.in_for(side, amount_out, self.fee)
        if amount_in is None:
            raise self.TooLarge
        if amount_in > max_in:
            raise self.Slippage
        self._swap(who, pool, record, side, amount_in, amount_out)

    # What `Curves` may ask

    def open(self, token: int, source: bytes, base: int, tokens: int) -> int:
        """Opens a pool with newly minted tokens; money and the existential deposit are the source's. Its number."""
        id = self.next_pool
        self.next_pool = id + 1
        account = pot(id)
        self.currency.transfer(source, account, base + self.currency.existential_deposit, keep_alive=True)
        self.tokens.mint_into(token, account, tokens)
        self.pool[id] = Pool(token, base, tokens)
        self.of_token[token] = id
        self.deposit(self.Opened(id, token, base, tokens))
        return id

    # What `PoolsApi` and others may ask

    def token_of(self, pool: int) -> int | None:
        """The token that a pool trades; `None` of an unknown pool."""
        record = self.pool.get(pool)
        return None if record is None else record.token

    def quote_exact_in(self, pool: int, side: Side, amount_in: int) -> int | None:
        """What an exact amount would get; `None` of an unknown pool."""
        record = self.pool.get(pool)
        return None if record is None else record.out_for(side, amount_in, self.fee)

    def quote_exact_out(self, pool: int, side: Side, amount_out: int) -> int | None:
        """What an exact amount would cost; `None` of an unknown pool, or of more than there is."""
        record = self.pool.get(pool)
        cost = None if record is None else record.in_for(side, amount_out, self.fee)
        return cost if cost is None or cost <= U128_MAX else None

    def price(self, pool: int) -> int | None:
        """What a whole token costs at the margin, without the fee, rounded up, at most the largest balance."""
        record = self.pool.get(pool)
        if record is None:
            return None
        whole: int = 10 ** self.tokens.decimals(record.token)
        return min(-(-record.base * whole // record.tokens), U128_MAX)

    # Inside

    def _tradable(self, who: bytes, pool: int, amount: int) -> Pool:
        """A pool's record, if this account may swap such an amount."""
        record = self.pool[pool]
        if not amount:
            raise self.ZeroAmount
        if is_pot(who):
            raise self.SelfDealing
        return record

    def _swap(self, who: bytes, pool: int, record: Pool, side: Side, amount_in: int, amount_out: int) -> None:
        account = pot(pool)
        if side is Side.Buy:
            self.currency.transfer(who, account, amount_in, keep_alive=True)
            self.tokens.transfer(record.token, account, who, amount_out)
            record.base += amount_in
            record.tokens -= amount_out
        else:
            self.tokens.transfer(record.token, who, account, amount_in)
            self.currency.transfer(account, who, amount_out, keep_alive=True)
            record.tokens += amount_in
            record.base -= amount_out
        self.pool[pool] = record
        self.deposit(self.Swapped(pool, who, side, amount_in, amount_out, record.base, record.tokens))


def pot(pool: int) -> bytes:
    """The keyless account of a pool's reserves; mirrors `PalletId::into_sub_account_truncating`."""
    return pot_account(b"fthmpool", pool)
