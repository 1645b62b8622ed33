"""The native token: transfers, holds, the existential deposit, the issuance.

## Overview

An account's balance lies in `System.Account`: `free`, and `reserved`, the sum of its `Holds` and of what FRAME's older
pallets reserve and count themselves. An account with at least the existential deposit free is provided for; below that
it is reaped, and what is left of it (dust) is burned. What is held or reserved doesn't count towards the deposit and
can't be spent, and the account can't be reaped while there is any.

Mirrors `pallet_balances` and its implementation of the `fungible` traits; what a change of an account's balance brings
about is in `pallets.balances.ledger`.

## Usage

Other pallets ask for a `Currency`, and hold under a member of their own `HoldReason`:

```python
self.currency.hold(self.HoldReason.Stake, who, amount)
self.currency.transfer(pot, who, reward, keep_alive=True)
```

## Out of scope

Locks, named reserves and freezes: nothing on this chain makes any. Their items are there for clients to find empty.
"""

from __future__ import annotations

from typing import Annotated

from pallets.balances.ledger import (
    hold,
    release,
    repatriate_reserved,
    reserve,
    shrink_issuance,
    transfer_held,
    unreserve,
    write_account,
)
from pallets.frame import (
    U32,
    AccountId,
    Address,
    Arithmetic,
    Balance,
    Bound,
    Compact,
    Const,
    Error,
    Event,
    Map,
    Pallet,
    Root,
    Signed,
    Token,
    Value,
    Weight,
    call,
)
from pallets.frame.genesis import InvalidGenesis
from pallets.frame.runtime import RuntimeHoldReason
from pallets.fungible import (
    EXPENDABLE,
    PRESERVE,
    AccountAmount,
    Amount,
    BalanceLock,
    BalanceStatus,
    FrozenAmount,
    HeldAmount,
    ReserveData,
    check_deposit,
    check_withdrawal,
    reducible,
)
from pallets.primitives.fixed import U128_MAX
from pallets.system.account import AccountData, AccountInfo
from pallets.system.pallet import System

MAX_LOCKS = 50
MAX_RESERVES = 50
MAX_HOLDS = 64  # a runtime with more hold reasons fails its integrity test


class Balances(Pallet):
    """Accounts and balances of the native token."""

    storage_version = 1

    system: System
    existential_deposit: Const[Balance]
    """The minimum amount required to keep an account open. MUST BE GREATER THAN ZERO!"""
    max_locks: Const[U32] = MAX_LOCKS
    """The maximum number of locks that should exist on an account."""
    max_reserves: Const[U32] = MAX_RESERVES
    """The maximum number of named reserves that can exist on an account."""
    max_freezes: Const[U32] = 0
    """The maximum number of individual freeze locks that can exist on an account at any time."""

    class Endowed(Event):
        """An account was created with some free balance."""

        account: AccountId
        free_balance: Balance

    class DustLost(Event):
        """An account was removed whose balance was non-zero but below ExistentialDeposit,
        resulting in an outright loss.
        """

        account: AccountId
        amount: Balance

    class Transfer(Event):
        """Transfer succeeded."""

        from_: AccountId
        to: AccountId
        amount: Balance

    class BalanceSet(Event):
        """A balance was set by root."""

        who: AccountId
        free: Balance

    class Reserved(AccountAmount):
        """Some balance was reserved (moved from free to reserved)."""

    class Unreserved(AccountAmount):
        """Some balance was unreserved (moved from reserved to free)."""

    class ReserveRepatriated(Event):
        """Some balance was moved from the reserve of the first account to the second account."""

        from_: AccountId
        to: AccountId
        amount: Balance
        destination_status: BalanceStatus

    class Deposit(AccountAmount):
        """Some amount was deposited (e.g. for transaction fees)."""

    class Withdraw(AccountAmount):
        """Some amount was withdrawn from the account (e.g. for transaction fees)."""

    class Slashed(AccountAmount):
        """Some amount was removed from the account (e.g. for misbehavior)."""

    class Minted(AccountAmount):
        """Some amount was minted into an account."""

    class Burned(AccountAmount):
        """Some amount was burned from an account."""

    class Suspended(AccountAmount):
        """Some amount was suspended from an account (it can be restored later)."""

    class Restored(AccountAmount):
        """Some amount was restored into an account."""

    class Upgraded(Event):
        """An account was upgraded."""

        who: AccountId

    class Issued(Amount):
        """Total issuance was increased by `amount`, creating a credit to be balanced."""

    class Rescinded(Amount):
        """Total issuance was decreased by `amount`, creating a debt to be balanced."""

    class Locked(AccountAmount):
        """Some balance was locked."""

    class Unlocked(AccountAmount):
        """Some balance was unlocked."""

    class Frozen(AccountAmount):
        """Some balance was frozen."""

    class Thawed(AccountAmount):
        """Some balance was thawed."""

    class TotalIssuanceForced(Event):
        """The `TotalIssuance` was forcefully changed."""

        old: Balance
        new: Balance

    class VestingBalance(Error):
        """Vesting balance too high to send value."""

    class LiquidityRestrictions(Error):
        """Account liquidity restrictions prevent withdrawal."""

    class InsufficientBalance(Error):
        """Balance too low to send value."""

    class ExistentialDeposit(Error):
        """Value too low to create account due to existential deposit."""

    class Expendability(Error):
        """Transfer/payment would kill account."""

    class ExistingVestingSchedule(Error):
        """A vesting schedule already exists for this account."""

    class DeadAccount(Error):
        """Beneficiary account must pre-exist."""

    class TooManyReserves(Error):
        """Number of named reserves exceed `MaxReserves`."""

    class TooManyHolds(Error):
        """Number of holds exceed `VariantCountOf<T::RuntimeHoldReason>`."""

    class TooManyFreezes(Error):
        """Number of freezes exceed `MaxFreezes`."""

    class IssuanceDeactivated(Error):
        """The issuance cannot be modified since it is already deactivated."""

    class DeltaZero(Error):
        """The delta cannot be zero."""

    total_issuance = Value[Balance](default=0)
    """The total units issued in the system."""
    inactive_issuance = Value[Balance](default=0)
    """The total units of outstanding deactivated balance in the system."""
    account = Map[AccountId, AccountData](default=AccountData)
    """Balances of accounts where they are kept here; on this chain they lie in `System.Account`."""
    locks = Map[AccountId, Annotated[list[BalanceLock], Bound(MAX_LOCKS)]](default=list)
    """Any liquidity locks on some account balances."""
    reserves = Map[AccountId, Annotated[list[ReserveData], Bound(MAX_RESERVES)]](default=list)
    """Named reserves on some account balances."""
    holds = Map[AccountId, Annotated[list[HeldAmount], Bound(MAX_HOLDS)]](default=list)
    """Holds on account balances."""
    freezes = Map[AccountId, Annotated[list[FrozenAmount], Bound(0)]](default=list)
    """Freeze locks on account balances."""

    def genesis(self, balances: list[tuple[AccountId, Balance]] | None = None) -> None:
        endowed = dict(balances or [])
        if len(endowed) != len(balances or []):
            raise InvalidGenesis("balances: an account is listed twice")
        for who, free in endowed.items():
            if free < self.existential_deposit:
                raise InvalidGenesis(f"balances: 0x{who.hex()} has less than the existential deposit")
            write_account(self, who, self.system.account[who], free, 0)
        self.total_issuance = sum(endowed.values())

    def integrity_test(self) -> None:
        if self.existential_deposit <= 0:
            raise ValueError("Balances: the existential deposit must be above zero")
        reasons = sum(len(pallet.hold_reasons or ()) for pallet in self.runtime.pallets)
        if reasons > MAX_HOLDS:
            raise ValueError(
                f"Balances: the runtime has {reasons} hold reasons, of which an account can have {MAX_HOLDS}"
            )

    # Calls; weights are FRAME's benchmarks with RocksDB's access times

    @call(0, weight=Weight(173_363_000, 3_593))
    def transfer_allow_death(self, who: Signed, dest: Address, value: Compact[Balance]) -> None:
        """Transfer some liquid free balance to another account."""
        self.transfer(who, dest, value)

    @call(2, weight=Weight(299_944_000, 6_196))
    def force_transfer(self, root: Root, source: Address, dest: Address, value: Compact[Balance]) -> None:
        """Exactly as `transfer_allow_death`, except the origin must be root and the source account may be specified."""
        self.transfer(source, dest, value)

    @call(3, weight=Weight(163_159_000, 3_593))
    def transfer_keep_alive(self, who: Signed, dest: Address, value: Compact[Balance]) -> None:
        """Same as the `transfer_allow_death` call, but with a check that the transfer will not kill the
        origin account.
        """
        self.transfer(who, dest, value, keep_alive=True)

    @call(4, weight=Weight(172_385_000, 3_593))
    def transfer_all(self, who: Signed, dest: Address, keep_alive: bool) -> None:
        """Transfer the entire transferable balance from the caller account."""
        self.transfer(who, dest, self.reducible(who, keep_alive=keep_alive), keep_alive=keep_alive)

    @call(8, weight=Weight(144_929_000, 3_593))
    def force_set_balance(self, root: Root, who: Address, new_free: Compact[Balance]) -> None:
        """Set the regular balance of a given account."""
        if new_free < self.existential_deposit:
            new_free = 0
        info = self.system.account[who]
        old_free = info.data.free
        write_account(self, who, info, new_free, info.data.reserved)
        if new_free > old_free:
            self.total_issuance = min(self.total_issuance + new_free - old_free, U128_MAX)
            self.deposit(self.Issued(new_free - old_free))
        elif new_free < old_free:
            shrink_issuance(self, old_free - new_free)
            self.deposit(self.Rescinded(old_free - new_free))
        self.deposit(self.BalanceSet(who, new_free))

    @call(10, weight=lambda value, keep_alive: Weight(30_968_000 if keep_alive else 20_711_000))
    def burn(self, who: Signed, value: Compact[Balance], keep_alive: bool) -> None:
        """Burn the specified liquid free balance from the origin account."""
        self.burn_from(who, value, keep_alive=keep_alive)

    # What others may ask: `Currency`

    def free(self, who: AccountId) -> Balance:
        return self.system.account[who].data.free

    def reducible(self, who: AccountId, *, keep_alive: bool) -> Balance:
        return reducible(self.system.account[who], PRESERVE if keep_alive else EXPENDABLE, self.existential_deposit)

    def transfer(self, source: AccountId, dest: AccountId, value: Balance, *, keep_alive: bool = False) -> None:
        accounts, deposit = self.system.account, self.existential_deposit
        giver, taker = accounts[source], accounts[dest]
        if value > giver.data.free and value > self.total_issuance:
            raise Arithmetic("Underflow")
        check_withdrawal(giver, value, deposit, keep_alive=keep_alive)
        check_deposit(taker, value, deposit)
        if source == dest:
            return
        write_account(self, source, giver, giver.data.free - value, giver.data.reserved)
        if value:
            write_account(self, dest, taker, taker.data.free + value, taker.data.reserved)
        self.deposit(self.Transfer(source, dest, value))

    def held(self, reason: RuntimeHoldReason, who: AccountId) -> Balance:
        return sum(entry.amount for entry in self.holds[who] if entry.id is reason)

    def hold(self, reason: RuntimeHoldReason, who: AccountId, amount: Balance, *, keep_alive: bool = False) -> None:
        hold(self, reason, who, amount, keep_alive=keep_alive)

    def release(self, reason: RuntimeHoldReason, who: AccountId, amount: Balance) -> None:
        release(self, reason, who, amount)

    def transfer_held(self, reason: RuntimeHoldReason, source: AccountId, dest: AccountId, amount: Balance) -> None:
        transfer_held(self, reason, source, dest, amount)

    def reserve(self, who: AccountId, amount: Balance) -> None:
        reserve(self, who, amount)

    def unreserve(self, who: AccountId, amount: Balance) -> None:
        unreserve(self, who, amount)

    def repatriate_reserved(self, source: AccountId, dest: AccountId, amount: Balance) -> None:
        repatriate_reserved(self, source, dest, amount)

    def mint_into(self, who: AccountId, amount: Balance) -> None:
        issuance = self.total_issuance + amount
        if issuance > U128_MAX:
            raise Arithmetic("Overflow")
        info = self.system.account[who]
        if amount < 0 or info.data.free + amount < self.existential_deposit:
            raise Token("BelowMinimum")
        if amount:
            write_account(self, who, info, info.data.free + amount, info.data.reserved)
            self.total_issuance = issuance
        self.deposit(self.Minted(who, amount))

    def burn_from(self, who: AccountId, amount: Balance, *, keep_alive: bool) -> None:
        info = self.system.account[who]
        if not 0 <= amount <= reducible(info, PRESERVE if keep_alive else EXPENDABLE, self.existential_deposit):
            raise Token("FundsUnavailable")
        write_account(self, who, info, info.data.free - amount, info.data.reserved)
        shrink_issuance(self, amount)
        self.deposit(self.Burned(who, amount))

    def set_inactive(self, old: Balance, new: Balance) -> None:
        """What somebody keeps out of circulation was `old` and is `new` (`reactivate`, then `deactivate`)."""
        self.inactive_issuance = min(max(self.inactive_issuance - old, 0) + new, U128_MAX)

    # What the payment of fees asks: `fungible::Balanced`

    def can_withdraw(self, info: AccountInfo, amount: Balance) -> bool:
        """Whether a free amount can be taken and the account lives on."""
        try:
            check_withdrawal(info, amount, self.existential_deposit, keep_alive=True)
        except Token:
            return False
        return True

    def withdraw(self, who: AccountId, info: AccountInfo, amount: Balance) -> None:
        """Takes a free amount of an account that must live on; the issuance counts it until `drop_credit`.

        `info` is the account's record: it is changed, and the caller writes it back.
        """
        if not 0 <= amount <= reducible(info, PRESERVE, self.existential_deposit):
            raise Token("FundsUnavailable")
        data = info.data
        if (data.reserved or data.frozen) and not info.consumers:
            info.inc_consumers()
        data.free -= amount
        self.deposit(self.Withdraw(who, amount))

    def refund(self, who: AccountId, amount: Balance) -> Balance:
        """Puts back what `withdraw` took, if there still is an account to take it; answers how much it took."""
        info = self.system.account[who]
        if not (amount and (info.data.free or info.data.reserved)):
            return 0
        free = min(info.data.free + amount, U128_MAX)
        taken = 0 if free < self.existential_deposit else free - info.data.free
        if taken:
            write_account(self, who, info, free, info.data.reserved)
        self.deposit(self.Deposit(who, taken))
        return taken

    def drop_credit(self, amount: Balance) -> None:
        """Burns what `withdraw` took and `refund` didn't give back."""
        shrink_issuance(self, amount)
