"""How balances of tokens change: the two sides, the supply, the accounts that begin and end by it.

The functions are parts of `Assets`. Each checks everything before it writes anything, and tells the listener before it
writes. What would be left of an account below the token's least balance goes with the rest.

## Errors

Those of `Assets` where units leave an account, `Token` and `Arithmetic` where they arrive, as FRAME's calls have them.

Mirrors `pallet_assets`' `functions.rs`. There, what may leave an account is less than what isn't frozen by the token's
least balance; here what is frozen counts towards that, as it does in `pallet_balances`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.assets.errors import AssetErrors
from pallets.assets.records import (
    CONSUMER,
    SUFFICIENT,
    AccountStatus,
    AssetAccount,
    AssetDetails,
    AssetStatus,
    Consumer,
    DepositFrom,
    DepositHeld,
    ExistenceReason,
    Sufficient,
)
from pallets.frame import AccountId, Arithmetic, Balance, Token
from pallets.fungibles import AssetId
from pallets.primitives.fixed import U128_MAX
from pallets.system.account import MAX_CONSUMERS

if TYPE_CHECKING:
    from pallets.assets.pallet import Assets

LIVE, DESTROYING, LIQUID, BLOCKED = (
    AssetStatus.Live,
    AssetStatus.Destroying,
    AccountStatus.Liquid,
    AccountStatus.Blocked,
)


def mint(assets: Assets, id: AssetId, who: AccountId, amount: Balance, issuer: AccountId | None = None) -> None:
    """Adds new units to an account; `issuer` is who asks, where that matters."""
    if not amount:
        assets.deposit(assets.Issued(id, who, amount))
        return
    details = assets.asset.get(id)
    if details is None or details.status is DESTROYING:
        raise Token("UnknownAsset")
    if details.supply + amount > U128_MAX:
        raise Arithmetic("Overflow")
    account = assets.account.get(id, who)
    check_credit(assets, details, account, who, amount)
    if details.status is not LIVE:
        raise assets.AssetNotLive
    if issuer is not None and issuer != details.issuer:
        raise assets.NoPermission
    old = account.balance if account else 0
    assets.listener().before_change(id, (who, old, old + amount))
    details.supply += amount
    add(assets, id, details, account, who, amount)
    assets.asset[id] = details
    assets.deposit(assets.Issued(id, who, amount))


def burn(
    assets: Assets,
    id: AssetId,
    who: AccountId,
    amount: Balance,
    admin: AccountId | None = None,
    *,
    best_effort: bool = False,
) -> None:
    """Takes units of an account out of existence, with `best_effort` as many as there are; `admin` is who asks."""
    details = assets.asset[id]
    if details.status is DESTROYING:
        raise assets.IncorrectStatus
    actual = 0
    if amount:
        if details.status is not LIVE:
            raise assets.AssetNotLive
        account = assets.account.get(id, who)
        actual = debited(assets, id, details, account, who, amount, best_effort=best_effort)
        if admin is not None and admin != details.admin:
            raise assets.NoPermission
        assert account is not None  # or nothing could be debited
        assets.listener().before_change(id, (who, account.balance, account.balance - actual))
        details.supply -= actual
        take(assets, id, details, account, who, actual)
        assets.asset[id] = details
    assets.deposit(assets.Burned(id, who, actual))


def move(
    assets: Assets,
    id: AssetId,
    source: AccountId,
    dest: AccountId,
    amount: Balance,
    admin: AccountId | None = None,
    *,
    keep_alive: bool = False,
) -> None:
    """Moves units from one account to another; `admin` is who asks, where it isn't their owner."""
    if not amount:
        return
    details = assets.asset[id]
    if details.status is not LIVE:
        raise assets.AssetNotLive
    giver, taker = assets.account.get(id, source), assets.account.get(id, dest)
    actual = debited(assets, id, details, giver, source, amount, keep_alive=keep_alive)
    check_credit(assets, details, taker, dest, actual)
    if admin is not None and admin != details.admin:
        raise assets.NoPermission
    assert giver is not None  # or nothing could be debited
    if source != dest:
        had = taker.balance if taker else 0
        assets.listener().before_change(id, (source, giver.balance, giver.balance - actual), (dest, had, had + actual))
        ended = take(assets, id, details, giver, source, actual)
        add(assets, id, details, taker, dest, actual)
        if ended or taker is None:
            assets.asset[id] = details
    assets.deposit(assets.Transferred(id, source, dest, actual))


def spendable(
    assets: Assets, id: AssetId, details: AssetDetails, account: AssetAccount, who: AccountId, *, keep_alive: bool
) -> Balance:
    """The most that may leave an account, whatever the status of it and of the token."""
    frozen = assets.freezer().frozen(id, who)
    least = max(frozen, details.min_balance) if frozen or keep_alive else 0
    return max(account.balance - least, 0)


def debited(
    assets: Assets,
    id: AssetId,
    details: AssetDetails,
    account: AssetAccount | None,
    who: AccountId,
    amount: Balance,
    *,
    keep_alive: bool = False,
    best_effort: bool = False,
) -> Balance:
    """What leaves an account of a live token where `amount` is to, with what would be too little to stay."""
    if account is None:
        raise assets.NoAccount
    if account.status is not LIQUID:
        raise AssetErrors.Frozen
    most = spendable(assets, id, details, account, who, keep_alive=keep_alive)
    if amount > most:
        if not best_effort:
            raise assets.BalanceLow
        amount = most
    left = account.balance - amount
    return amount if left >= details.min_balance or not amount else account.balance


def check_credit(
    assets: Assets, details: AssetDetails, account: AssetAccount | None, who: AccountId, amount: Balance
) -> None:
    """Whether units may arrive, as many as there may be at all."""
    if account is not None:
        if account.status is BLOCKED:
            raise Token("Blocked")
        return
    if amount < details.min_balance:
        raise Token("BelowMinimum")
    if not details.is_sufficient:
        info = assets.system.account[who]
        if not info.providers or info.consumers + 2 > MAX_CONSUMERS:  # one to spare, or tokens could use up all
            raise Token("CannotCreate")


def add(
    assets: Assets, id: AssetId, details: AssetDetails, account: AssetAccount | None, who: AccountId, amount: Balance
) -> None:
    """Adds units that were checked, and that the listener knows of; may begin the account, and count it."""
    if account is None:
        account = AssetAccount(amount, LIQUID, begin(assets, details, who))
    else:
        account.balance += amount
    assets.account[id, who] = account


def take(
    assets: Assets, id: AssetId, details: AssetDetails, account: AssetAccount, who: AccountId, amount: Balance
) -> bool:
    """Takes units that were checked, and that the listener knows of; answers whether that ended the account."""
    account.balance -= amount
    spent = not account.balance and details.min_balance  # what would be too little was taken with the rest
    if spent and end(assets, details, who, account.reason):
        del assets.account[id, who]
        return True
    assets.account[id, who] = account
    return False


def begin(assets: Assets, details: AssetDetails, who: AccountId) -> ExistenceReason:
    """Counts an account that was checked; what keeps it is the token, or whatever keeps its owner's account."""
    details.accounts += 1
    info = assets.system.account[who]
    if details.is_sufficient:
        assets.system.inc_sufficients(who, info)
        details.sufficients += 1
    else:
        info.inc_consumers()
    assets.system.account[who] = info
    return SUFFICIENT if details.is_sufficient else CONSUMER


def end(assets: Assets, details: AssetDetails, who: AccountId, reason: ExistenceReason) -> bool:
    """Counts an account no more, unless there is a deposit for it; answers which."""
    if isinstance(reason, DepositHeld | DepositFrom):
        return False
    details.accounts -= 1
    if isinstance(reason, Sufficient):
        details.sufficients -= 1
        assets.system.dec_sufficients(who)
    elif isinstance(reason, Consumer):
        info = assets.system.account[who]
        info.dec_consumers()
        assets.system.account[who] = info
    return True
