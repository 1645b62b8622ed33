"""How balances change: an account's record with all that follows from it, the entries of what is held, the issuance.

The functions are parts of `Balances`. Those that `Currency` or `ReservableCurrency` has too are specified there.

Mirrors `pallet_balances`' `try_mutate_account` and its implementation of the `fungible` traits of holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.frame import AccountId, Arithmetic, Balance, Token
from pallets.frame.runtime import RuntimeHoldReason
from pallets.fungible import PRESERVE, PROTECT, BalanceStatus, HeldAmount, check_deposit, reducible
from pallets.primitives.fixed import U128_MAX
from pallets.system.account import AccountData, AccountInfo

if TYPE_CHECKING:
    from pallets.balances.pallet import Balances


def write_account(balances: Balances, who: bytes, info: AccountInfo, free: Balance, reserved: Balance) -> None:
    """Changes an account's balances, with all that follows: its references, its creation or end, its dust.

    `info` is the account's record as it is. Leaves the issuance alone but for dust. Raises `DispatchError`.
    """
    system, data, deposit = balances.system, info.data, balances.existential_deposit
    if data.free >= deposit <= free and not (reserved or data.reserved or data.frozen):
        data.free = free
        system.account[who] = info
        return  # in use, and stays so
    provided, consumed = data.free >= deposit, data.reserved or data.frozen
    provides, consumes = free >= deposit, reserved or data.frozen
    created = not (data.free or consumed)
    if provides and not provided:
        system.inc_providers(who, info)
    if consumed and not consumes:
        info.dec_consumers()
    elif consumes and not (consumed and info.consumers):
        info.inc_consumers()
    reaped = provided and not provides and info.dec_providers()
    data.free, data.reserved = free, reserved
    dust = 0 if provides or reserved else free
    if dust:
        info.data = AccountData()
    if reaped:
        system.reap(who)
    elif info.providers or info.sufficients:
        system.account[who] = info
    else:
        del system.account[who]
    if created:
        balances.deposit(balances.Endowed(who, free))
    if dust:
        balances.deposit(balances.DustLost(who, dust))
        shrink_issuance(balances, dust)


def shrink_issuance(balances: Balances, amount: Balance) -> None:
    """That so much is no more."""
    balances.total_issuance = max(balances.total_issuance - amount, 0)


def hold(
    balances: Balances, reason: RuntimeHoldReason, who: AccountId, amount: Balance, *, keep_alive: bool = False
) -> None:
    """`Currency.hold`."""
    info = balances.system.account[who]
    if not 0 <= amount <= reducible(info, PRESERVE if keep_alive else PROTECT, balances.existential_deposit):
        raise Token("FundsUnavailable")
    if not info.providers:
        raise Token("CannotCreateHold")
    # FRAME changes free, then reserved; at once, no dust is lost in between where there is a second provider.
    write_account(balances, who, info, info.data.free - amount, info.data.reserved + amount)
    _change_hold(balances, reason, who, amount)


def release(balances: Balances, reason: RuntimeHoldReason, who: AccountId, amount: Balance) -> None:
    """`Currency.release`."""
    info = balances.system.account[who]
    # FRAME counts the amount twice against the largest balance, and refuses what stays below the existential
    # deposit, so that it would be held for ever; here that is dust, as wherever a balance falls so low.
    if amount < 0 or info.data.free + amount > U128_MAX:
        raise Token("CannotCreate")
    _change_hold(balances, reason, who, -amount)
    write_account(balances, who, info, info.data.free + amount, info.data.reserved - amount)


def transfer_held(
    balances: Balances, reason: RuntimeHoldReason, source: AccountId, dest: AccountId, amount: Balance
) -> None:
    """`Currency.transfer_held`."""
    accounts = balances.system.account
    info = accounts[source]
    if amount > info.data.reserved - max(info.data.frozen - info.data.free, 0):
        raise Token("Frozen")
    if amount > balances.held(reason, source):
        raise Token("FundsUnavailable")
    if source == dest:
        release(balances, reason, source, amount)
        return
    try:
        check_deposit(accounts[dest], amount, balances.existential_deposit)
    except (Token, Arithmetic):
        raise Token("CannotCreate") from None
    _change_hold(balances, reason, source, -amount)
    write_account(balances, source, info, info.data.free, info.data.reserved - amount)
    if amount:
        info = accounts[dest]
        write_account(balances, dest, info, info.data.free + amount, info.data.reserved)


def reserve(balances: Balances, who: AccountId, amount: Balance) -> None:
    """`ReservableCurrency.reserve`."""
    if not amount:
        return
    info = balances.system.account[who]
    if not 0 < amount <= info.data.free:
        raise balances.InsufficientBalance
    if info.data.free - amount < info.data.frozen:
        raise balances.LiquidityRestrictions
    write_account(balances, who, info, info.data.free - amount, info.data.reserved + amount)
    balances.deposit(balances.Reserved(who, amount))


def unreserve(balances: Balances, who: AccountId, amount: Balance) -> None:
    """`ReservableCurrency.unreserve`."""
    info = balances.system.account[who]
    if not (amount and (info.data.free or info.data.reserved)):
        return
    freed = min(amount, info.data.reserved)
    write_account(balances, who, info, info.data.free + freed, info.data.reserved - freed)
    balances.deposit(balances.Unreserved(who, freed))


def repatriate_reserved(balances: Balances, source: AccountId, dest: AccountId, amount: Balance) -> None:
    """`ReservableCurrency.repatriate_reserved`."""
    accounts = balances.system.account
    info = accounts[source]
    if not amount or source == dest:
        return
    if not 0 < amount <= info.data.reserved:
        raise balances.InsufficientBalance
    taker = accounts[dest]
    if not (taker.data.free or taker.data.reserved):
        raise balances.DeadAccount
    write_account(balances, dest, taker, taker.data.free, taker.data.reserved + amount)
    write_account(balances, source, info, info.data.free, info.data.reserved - amount)
    balances.deposit(balances.ReserveRepatriated(source, dest, amount, BalanceStatus.Reserved))


def _change_hold(balances: Balances, reason: RuntimeHoldReason, who: bytes, change: int) -> None:
    """Records that more or less is held for a reason; an account's entry goes with its last hold."""
    entries = balances.holds[who]
    entry = next((entry for entry in entries if entry.id is reason), None)
    held = (entry.amount if entry else 0) + change
    if held < 0:
        raise Token("FundsUnavailable")
    if entry is None:
        entries.append(HeldAmount(reason, held))
    else:
        entry.amount = held
    entries = [entry for entry in entries if entry.amount]
    if entries:
        balances.holds[who] = entries
    else:
        del balances.holds[who]
