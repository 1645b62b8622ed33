"""What `Assets` has for those who run a token, and for root: its beginning and end, its team, its text, who is frozen.

Mirrors the calls of `pallet_assets` that its owner, admin, freezer or root make, but those that change balances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pallets.assets import accounts, weights
from pallets.assets.records import AccountStatus, AssetMetadata, AssetStatus
from pallets.assets.registry import (
    check_new,
    check_text,
    clear_metadata,
    describe,
    insert,
    new_token,
    owned,
    set_status,
    unless_ending,
)
from pallets.frame import (
    U8,
    AccountId,
    Address,
    BadOrigin,
    Balance,
    Compact,
    Origin,
    PostInfo,
    Root,
    Signed,
    call,
)
from pallets.fungibles import AssetId

if TYPE_CHECKING:
    from pallets.assets.pallet import Assets

REMOVE_ITEMS_LIMIT = 1_000


class TeamPage:
    """A token's beginning and end, its team, its text and who is frozen, of `Assets`."""

    @call(0, weight=weights.CREATE)
    def create(self, who: Signed, id: Compact[AssetId], admin: Address, min_balance: Balance) -> None:
        """Issue a new class of fungible assets from a public origin.

        This new asset class has no assets initially and its owner is the origin. Funds of sender are reserved by
        `AssetDeposit`.

        - `id`: The identifier of the new asset. This must not be currently in use to identify an existing asset.
        - `admin`: The admin of this class of assets. The admin is the initial address of each member of the asset
          class's admin team.
        - `min_balance`: The minimum balance of this new asset that any single account must have. If an account's
          balance is reduced below this, then it collapses to zero.
        """
        assets = self._assets
        check_new(assets, id, min_balance)
        assets.currency.reserve(who, assets.asset_deposit)
        insert(assets, id, new_token(who, admin, assets.asset_deposit, min_balance, is_sufficient=False))
        assets.deposit(assets.Created(id, who, admin))

    @call(1, weight=weights.FORCE_CREATE)
    def force_create(
        self, root: Root, id: Compact[AssetId], owner: Address, is_sufficient: bool, min_balance: Compact[Balance]
    ) -> None:
        """Issue a new class of fungible assets from a privileged origin. Unlike `create`, no funds are reserved."""
        assets = self._assets
        check_new(assets, id, min_balance)
        insert(assets, id, new_token(owner, owner, 0, min_balance, is_sufficient=is_sufficient))
        assets.deposit(assets.ForceCreated(id, owner))

    @call(2, weight=weights.START_DESTROY)
    def start_destroy(self, origin: Origin, id: Compact[AssetId]) -> None:
        """Start the process of destroying a fungible asset class: the first in a series of calls.

        The origin must be root or the asset's `owner`.
        """
        accounts.start_destroy(self._assets, id, signer_unless_root(origin))

    @call(3, weight=weights.destroy_accounts(REMOVE_ITEMS_LIMIT))
    def destroy_accounts(self, who: Signed, id: Compact[AssetId]) -> PostInfo:
        """Destroy all accounts associated with a given asset, `RemoveItemsLimit` at a time."""
        return PostInfo(weights.destroy_accounts(accounts.destroy_accounts(self._assets, id)))

    @call(4, weight=weights.destroy_approvals(REMOVE_ITEMS_LIMIT))
    def destroy_approvals(self, who: Signed, id: Compact[AssetId]) -> PostInfo:
        """Destroy all approvals associated with a given asset, `RemoveItemsLimit` at a time."""
        return PostInfo(weights.destroy_approvals(accounts.destroy_approvals(self._assets, id)))

    @call(5, weight=weights.FINISH_DESTROY)
    def finish_destroy(self, who: Signed, id: Compact[AssetId]) -> None:
        """Complete destroying asset and unreserve currency."""
        accounts.finish_destroy(self._assets, id)

    @call(11, weight=weights.FREEZE)
    def freeze(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Disallow further unprivileged transfers of an asset `id` from an account `who`. `who` must already exist as
        an entry in `Account`s of the asset. The sender should be the Freezer of the asset `id`.
        """
        assets = self._assets
        set_status(assets, id, who, AccountStatus.Frozen, unless_ending(assets, id).freezer, origin)
        assets.deposit(assets.Frozen(id, who))

    @call(12, weight=weights.THAW)
    def thaw(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Allow unprivileged transfers to and from an account again. The sender should be the Admin of the asset."""
        assets = self._assets
        set_status(assets, id, who, AccountStatus.Liquid, unless_ending(assets, id).admin, origin)
        assets.deposit(assets.Thawed(id, who))

    @call(13, weight=weights.FREEZE_ASSET)
    def freeze_asset(self, who: Signed, id: Compact[AssetId]) -> None:
        """Disallow further unprivileged transfers for the asset class. The sender should be its Freezer."""
        assets = self._assets
        details = accounts.live(assets, id)
        if who != details.freezer:
            raise assets.NoPermission
        details.status = AssetStatus.Frozen
        assets.asset[id] = details
        assets.deposit(assets.AssetFrozen(id))

    @call(14, weight=weights.THAW_ASSET)
    def thaw_asset(self, who: Signed, id: Compact[AssetId]) -> None:
        """Allow unprivileged transfers for the asset again. The sender should be the Admin of the asset `id`."""
        assets = self._assets
        details = assets.asset[id]
        if who != details.admin:
            raise assets.NoPermission
        if details.status is not AssetStatus.Frozen:
            raise assets.NotFrozen
        details.status = AssetStatus.Live
        assets.asset[id] = details
        assets.deposit(assets.AssetThawed(id))

    @call(15, weight=weights.TRANSFER_OWNERSHIP)
    def transfer_ownership(self, who: Signed, id: Compact[AssetId], owner: Address) -> None:
        """Change the Owner of an asset, with its deposits. The sender should be the Owner of the asset `id`."""
        assets = self._assets
        details = owned(assets, id, who)
        if owner == who:
            return
        assets.currency.repatriate_reserved(who, owner, details.deposit + assets.metadata[id].deposit)
        details.owner = owner
        assets.asset[id] = details
        assets.deposit(assets.OwnerChanged(id, owner))

    @call(16, weight=weights.SET_TEAM)
    def set_team(self, who: Signed, id: Compact[AssetId], issuer: Address, admin: Address, freezer: Address) -> None:
        """Change the Issuer, Admin and Freezer of an asset. The sender should be the Owner of the asset `id`."""
        assets = self._assets
        details = owned(assets, id, who)
        details.issuer, details.admin, details.freezer = issuer, admin, freezer
        assets.asset[id] = details
        assets.deposit(assets.TeamChanged(id, issuer, admin, freezer))

    @call(17, weight=weights.set_metadata)
    def set_metadata(self, who: Signed, id: Compact[AssetId], name: bytes, symbol: bytes, decimals: U8) -> None:
        """Set the metadata for an asset. The sender should be the Owner of the asset `id`.

        Funds of sender are reserved according to the formula: `MetadataDepositBase + MetadataDepositPerByte *
        (name.len + symbol.len)` taking into account any already reserved funds.

        - `name`: The user friendly name of this asset. Limited in length by `StringLimit`.
        - `symbol`: The exchange symbol for this asset. Limited in length by `StringLimit`.
        - `decimals`: The number of decimals this asset uses to represent one unit.
        """
        assets = self._assets
        check_text(assets, name, symbol)
        owned(assets, id, who)
        old = assets.metadata[id]
        if old.is_frozen:
            raise assets.NoPermission
        deposit = assets.metadata_deposit_base + assets.metadata_deposit_per_byte * (len(name) + len(symbol))
        if deposit > old.deposit:
            assets.currency.reserve(who, deposit - old.deposit)
        else:
            assets.currency.unreserve(who, old.deposit - deposit)
        describe(assets, id, AssetMetadata(deposit, name, symbol, decimals))

    @call(18, weight=weights.CLEAR_METADATA)
    def clear_metadata(self, who: Signed, id: Compact[AssetId]) -> None:
        """Clear the metadata for an asset. Any deposit is freed for the asset owner, who is the sender."""
        assets = self._assets
        owned(assets, id, who)
        clear_metadata(assets, id, who)

    @call(19, weight=weights.force_set_metadata)
    def force_set_metadata(
        self, root: Root, id: Compact[AssetId], name: bytes, symbol: bytes, decimals: U8, is_frozen: bool
    ) -> None:
        """Force the metadata for an asset to some value. Any deposit is left alone."""
        assets = self._assets
        check_text(assets, name, symbol)
        if id not in assets.asset:
            raise assets.Unknown
        describe(assets, id, AssetMetadata(assets.metadata[id].deposit, name, symbol, decimals, is_frozen))

    @call(20, weight=weights.FORCE_CLEAR_METADATA)
    def force_clear_metadata(self, root: Root, id: Compact[AssetId]) -> None:
        """Clear the metadata for an asset. Any deposit is returned."""
        assets = self._assets
        clear_metadata(assets, id, assets.asset[id].owner)

    @call(21, weight=weights.FORCE_ASSET_STATUS)
    def force_asset_status(
        self,
        root: Root,
        id: Compact[AssetId],
        owner: Address,
        issuer: Address,
        admin: Address,
        freezer: Address,
        min_balance: Compact[Balance],
        is_sufficient: bool,
        is_frozen: bool,
    ) -> None:
        """Alter the attributes of a given asset."""
        assets = self._assets
        details = assets.asset[id]
        if details.status is AssetStatus.Destroying:
            raise assets.AssetNotLive
        details.owner, details.issuer, details.admin, details.freezer = owner, issuer, admin, freezer
        details.min_balance, details.is_sufficient = min_balance, is_sufficient
        details.status = AssetStatus.Frozen if is_frozen else AssetStatus.Live
        assets.asset[id] = details
        assets.deposit(assets.AssetStatusChanged(id))

    @call(28, weight=weights.SET_MIN_BALANCE)
    def set_min_balance(self, who: Signed, id: Compact[AssetId], min_balance: Balance) -> None:
        """Sets the minimum balance of an asset.

        Only works if there aren't any accounts that are holding the asset or if the new value of `min_balance` is less
        than the old one. The sender has to be the Owner of the asset `id`, which isn't sufficient.
        """
        assets = self._assets
        details = assets.asset[id]
        rises = min_balance >= details.min_balance and details.accounts
        if who != details.owner or details.is_sufficient or rises:
            raise assets.NoPermission
        details.min_balance = min_balance
        assets.asset[id] = details
        assets.deposit(assets.AssetMinBalanceChanged(id, min_balance))

    @call(31, weight=weights.BLOCK)
    def block(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Disallow further unprivileged transfers of an asset `id` to and from an account `who`.

        The sender should be the Freezer of the asset `id`.
        """
        assets = self._assets
        set_status(assets, id, who, AccountStatus.Blocked, unless_ending(assets, id).freezer, origin)
        assets.deposit(assets.Blocked(id, who))

    # Inside

    @property
    def _assets(self) -> Assets:
        return cast("Assets", self)


def signer_unless_root(origin: Origin) -> AccountId | None:
    """Who signed; `None` of root, `BadOrigin` of nobody."""
    if origin.kind == "root":
        return None
    if origin.who is None:
        raise BadOrigin
    return origin.who
