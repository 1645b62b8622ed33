"""Tokens as such: under which identifier they begin, what they are called, what their team does to them.

The functions are parts of `Assets`. Mirrors `pallet_assets`' `functions.rs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.assets.accounts import live
from pallets.assets.records import AccountStatus, AssetDetails, AssetMetadata, AssetStatus
from pallets.frame import AccountId, Balance
from pallets.fungibles import AssetId

if TYPE_CHECKING:
    from pallets.assets.pallet import Assets

NO_ID = (1 << 32) - 1
"""The identifier that no token has: there is none to come next."""


def new_token(
    owner: AccountId, team: AccountId, deposit: Balance, min_balance: Balance, *, is_sufficient: bool
) -> AssetDetails:
    """A token that begins."""
    return AssetDetails(
        owner=owner,
        issuer=team,
        admin=team,
        freezer=team,
        supply=0,
        deposit=deposit,
        min_balance=min_balance,
        is_sufficient=is_sufficient,
        accounts=0,
        sufficients=0,
        approvals=0,
        status=AssetStatus.Live,
    )


def check_new(assets: Assets, id: AssetId, min_balance: Balance) -> None:
    """Whether a token may begin; raises `InUse`, `MinBalanceZero`, `BadAssetId` or, at the last, `CallbackFailed`."""
    if id in assets.asset:
        raise assets.InUse
    if not min_balance:
        raise assets.MinBalanceZero
    if id >= assets.in_order_from and id != assets.next_id():
        raise assets.BadAssetId
    if id == NO_ID:
        raise assets.CallbackFailed


def insert(assets: Assets, id: AssetId, details: AssetDetails) -> None:
    """Begins a token that was checked; the next one in order comes after it."""
    assets.asset[id] = details
    if id >= assets.in_order_from:
        assets.next_asset_id = id + 1


def check_text(assets: Assets, name: bytes, symbol: bytes) -> None:
    """Whether a token may be called so; raises `BadMetadata`."""
    if max(len(name), len(symbol)) > assets.string_limit:
        raise assets.BadMetadata


def describe(assets: Assets, id: AssetId, metadata: AssetMetadata) -> None:
    """Calls a token something."""
    assets.metadata[id] = metadata
    assets.deposit(assets.MetadataSet(id, metadata.name, metadata.symbol, metadata.decimals, metadata.is_frozen))


def clear_metadata(assets: Assets, id: AssetId, owner: AccountId) -> None:
    """Calls a token nothing any more, and gives back what that was paid for."""
    metadata = assets.metadata.get(id)
    if metadata is None:
        raise assets.Unknown
    del assets.metadata[id]
    assets.currency.unreserve(owner, metadata.deposit)
    assets.deposit(assets.MetadataCleared(id))


def set_status(
    assets: Assets, id: AssetId, who: AccountId, status: AccountStatus, allowed: AccountId, origin: AccountId
) -> None:
    """Says what an account may do, where the origin is who is allowed to."""
    if origin != allowed:
        raise assets.NoPermission
    account = assets.account.get(id, who)
    if account is None:
        raise assets.NoAccount
    account.status = status
    assets.account[id, who] = account


def owned(assets: Assets, id: AssetId, who: AccountId) -> AssetDetails:
    """A live token, for its owner."""
    details = live(assets, id)
    if who != details.owner:
        raise assets.NoPermission
    return details


def unless_ending(assets: Assets, id: AssetId) -> AssetDetails:
    """A token that doesn't end; raises `Unknown` or `IncorrectStatus`."""
    details = assets.asset[id]
    if details.status is AssetStatus.Destroying:
        raise assets.IncorrectStatus
    return details
