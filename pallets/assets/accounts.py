"""Accounts of a token that a deposit keeps, and the end of a token: its accounts and approvals, piece by piece.

The functions are parts of `Assets`. Mirrors `pallet_assets`' `functions.rs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.assets.errors import AssetErrors
from pallets.assets.ledger import DESTROYING, LIQUID, LIVE, end
from pallets.assets.records import AssetAccount, AssetDetails, Consumer, DepositFrom, DepositHeld, DepositRefunded
from pallets.frame import AccountId
from pallets.fungibles import AssetId

if TYPE_CHECKING:
    from pallets.assets.pallet import Assets


def touch(assets: Assets, id: AssetId, who: AccountId, depositor: AccountId, *, by_team: bool) -> None:
    """Begins an account without units, for a deposit; `by_team` asks that admin or freezer pays it."""
    if (id, who) in assets.account:
        raise assets.AlreadyExists
    details = live(assets, id)
    if by_team and depositor not in (details.admin, details.freezer):
        raise assets.NoPermission
    deposit = assets.asset_account_deposit
    assets.currency.reserve(depositor, deposit)
    details.accounts += 1
    reason = DepositHeld(deposit) if depositor == who else DepositFrom(depositor, deposit)
    assets.asset[id] = details
    assets.account[id, who] = AssetAccount(0, LIQUID, reason)
    assets.deposit(assets.Touched(id, who, depositor))


def refund(assets: Assets, id: AssetId, who: AccountId, *, allow_burn: bool) -> None:
    """Ends one's own account and gives back its deposit, or the reference that it needs."""
    account = assets.account.get(id, who)
    if account is None or not isinstance(account.reason, Consumer | DepositHeld):
        raise assets.NoDeposit
    details = assets.asset[id]
    if details.status is DESTROYING:
        raise assets.IncorrectStatus
    if account.balance and not allow_burn:
        raise assets.WouldBurn
    if assets.freezer().frozen(id, who):
        raise assets.ContainsFreezes
    forget(assets, id, details, account, who)
    assets.asset[id] = details


def refund_other(assets: Assets, id: AssetId, who: AccountId, caller: AccountId) -> None:
    """Ends another's empty account; its deposit goes back to who paid it."""
    account = assets.account.get(id, who)
    if account is None or not isinstance(account.reason, DepositFrom):
        raise assets.NoDeposit
    details = live(assets, id)
    if account.status is not LIQUID:
        raise AssetErrors.Frozen
    if caller not in (account.reason.depositor, details.admin):
        raise assets.NoPermission
    if account.balance:
        raise assets.WouldBurn
    forget(assets, id, details, account, who)
    assets.asset[id] = details


def start_destroy(assets: Assets, id: AssetId, owner: AccountId | None) -> None:
    """Begins the end of a token; `owner` is who asks, where it isn't root."""
    details = assets.asset[id]
    if owner is not None and owner != details.owner:
        raise assets.NoPermission
    details.status = DESTROYING
    assets.asset[id] = details
    assets.deposit(assets.DestructionStarted(id))


def destroy_accounts(assets: Assets, id: AssetId) -> int:
    """Ends accounts of a token that ends, but those with frozen units; answers at how many it looked."""
    details = ending(assets, id)
    looked = destroyed = 0
    for who, account in assets.account.prefix(id):
        looked += 1
        if not assets.freezer().frozen(id, who):
            forget(assets, id, details, account, who)
            destroyed += 1
        if looked >= assets.remove_items_limit:
            break
    assets.asset[id] = details
    assets.deposit(assets.AccountsDestroyed(id, destroyed, details.accounts))
    return looked


def destroy_approvals(assets: Assets, id: AssetId) -> int:
    """Ends approvals of a token that ends; answers how many."""
    details = ending(assets, id)
    removed = 0
    for (owner, delegate), approval in assets.approvals.prefix(id):
        del assets.approvals[id, owner, delegate]
        assets.currency.unreserve(owner, approval.deposit)
        removed += 1
        if removed >= assets.remove_items_limit:
            break
    details.approvals -= removed
    assets.asset[id] = details
    assets.deposit(assets.ApprovalsDestroyed(id, removed, details.approvals))
    return removed


def finish_destroy(assets: Assets, id: AssetId) -> None:
    """Ends a token of which nothing is left."""
    details = ending(assets, id)
    if details.accounts or details.approvals:
        raise assets.InUse
    assets.currency.unreserve(details.owner, details.deposit + assets.metadata[id].deposit)
    del assets.asset[id]
    del assets.metadata[id]
    assets.deposit(assets.Destroyed(id))


def forget(assets: Assets, id: AssetId, details: AssetDetails, account: AssetAccount, who: AccountId) -> None:
    """Ends an account, its units and its deposit, whoever paid it."""
    if account.balance:
        assets.listener().before_change(id, (who, account.balance, 0))
        details.supply -= account.balance
    reason = account.reason
    if isinstance(reason, DepositHeld | DepositFrom):
        depositor = who if isinstance(reason, DepositHeld) else reason.depositor
        assets.currency.unreserve(depositor, reason.deposit)
        reason = DepositRefunded()
    end(assets, details, who, reason)
    del assets.account[id, who]


def live(assets: Assets, id: AssetId) -> AssetDetails:
    """A token with which everything may be done; raises `Unknown` or `AssetNotLive`."""
    details = assets.asset[id]
    if details.status is not LIVE:
        raise assets.AssetNotLive
    return details


def ending(assets: Assets, id: AssetId) -> AssetDetails:
    """A token that ends; raises `Unknown` or `IncorrectStatus`."""
    details = assets.asset[id]
    if details.status is not DESTROYING:
        raise assets.IncorrectStatus
    return details
