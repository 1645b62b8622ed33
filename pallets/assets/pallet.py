"""Tokens beside the native one: anybody's, and those of agents.

## Overview

A token has an owner, who names the other roles: the issuer mints, the admin burns, the freezer freezes. An account may
exist for units of a sufficient token alone; for those of another it needs a provider, or a deposit. What is left of an
account below the token's least balance goes with the rest.

Mirrors `pallet_assets`: calls, events, errors, storage and constants are FRAME's. What differs, or that chain chooses:

- `create` takes any unused identifier below `in_order_from`, and from there up the next one alone, which is in
  `NextAssetId` and the only one that other pallets take. FRAME has the first rule or the second.
- `Force` is root. There are no holds, and no fees are paid in tokens: `ContainsHolds`, `Deposited` and `Withdrawn` are
  for clients to know. `refund` and the end of a token lower the supply by what they burn.
- What is frozen counts towards the least balance, see `ledger`.

## Usage

Other pallets ask for `Fungibles`: a token whose roles are all a keyless account's is minted and burned by nobody else,
and frozen by nobody.

## Out of scope

The hook of every change of a balance and what of it is frozen: `BalanceListener` and `FrozenBalance`.
"""

from __future__ import annotations

from collections.abc import Callable

from pallets.assets import accounts, ledger, weights
from pallets.assets.errors import AssetErrors
from pallets.assets.events import AssetEvents
from pallets.assets.records import (
    STRING_LIMIT,
    AccountStatus,
    Approval,
    AssetAccount,
    AssetDetails,
    AssetMetadata,
    AssetStatus,
)
from pallets.frame import (
    U8,
    U32,
    AccountId,
    Address,
    BadOrigin,
    Balance,
    Compact,
    Const,
    DoubleMap,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Root,
    Signed,
    Token,
    TripleMap,
    Value,
    call,
)
from pallets.frame.genesis import InvalidGenesis
from pallets.fungible import ReservableCurrency
from pallets.fungibles import NOBODY, AssetId, BalanceListener, FrozenBalance
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.hashing import Blake2_128Concat
from pallets.system.pallet import System

FIRST_IN_ORDER = 1_000_000
REMOVE_ITEMS_LIMIT = 1_000


class Assets(AssetEvents, AssetErrors, Pallet):  # type: ignore[misc]  # `Frozen` is an event, and `AssetErrors.Frozen`
    """Tokens beside the native one."""

    storage_version = 1

    system: System
    currency: ReservableCurrency
    listener: Callable[[], BalanceListener] = lambda: NOBODY
    """Who is told of every change of a balance."""
    freezer: Callable[[], FrozenBalance] = lambda: NOBODY
    """Who says what of a balance can't leave."""
    in_order_from: U32 = FIRST_IN_ORDER
    """The identifier from which up tokens are numbered one after the other."""
    remove_items_limit: Const[U32] = REMOVE_ITEMS_LIMIT
    """Max number of items to destroy per `destroy_accounts` and `destroy_approvals` call.

    Must be configured to result in a weight that makes each call fit in a block.
    """
    asset_deposit: Const[Balance]
    """The basic amount of funds that must be reserved for an asset."""
    asset_account_deposit: Const[Balance]
    """The amount of funds that must be reserved for a non-provider asset account to be maintained."""
    metadata_deposit_base: Const[Balance]
    """The basic amount of funds that must be reserved when adding metadata to your asset."""
    metadata_deposit_per_byte: Const[Balance]
    """The additional funds that must be reserved for the number of bytes you store in your metadata."""
    approval_deposit: Const[Balance]
    """The amount of funds that must be reserved when creating a new approval."""
    string_limit: Const[U32] = STRING_LIMIT
    """The maximum length of a name or symbol stored on-chain."""

    asset = Map[AssetId, AssetDetails](missing=AssetErrors.Unknown)
    """Details of an asset."""
    account = DoubleMap[AssetId, AccountId, AssetAccount](hashers=(Blake2_128Concat, Blake2_128Concat))
    """The holdings of a specific account for a specific asset."""
    approvals = TripleMap[AssetId, AccountId, AccountId, Approval]()
    """Approved balance transfers. First balance is the amount approved for transfer. Second is the amount of
    `T::Currency` reserved for storing this. First key is the asset ID, second key is the owner and third key is the
    delegate.
    """
    metadata = Map[AssetId, AssetMetadata](default=AssetMetadata)
    """Metadata of an asset."""
    next_asset_id = Value[AssetId | None]()
    """The identifier of the next asset that is created in order: by other pallets, or by whoever names it."""

    def genesis(
        self,
        assets: list[tuple[AssetId, AccountId, bool, Balance]] | None = None,
        metadata: list[tuple[AssetId, bytes, bytes, U8]] | None = None,
        accounts: list[tuple[AssetId, AccountId, Balance]] | None = None,
        next_asset_id: AssetId | None = None,
    ) -> None:
        self.next_asset_id = self.in_order_from if next_asset_id is None else next_asset_id
        if self.next_id() < self.in_order_from:
            raise InvalidGenesis(f"assets: the next asset id is below {self.in_order_from}, whence they are numbered")
        for id, owner, is_sufficient, min_balance in assets or []:
            if id in self.asset or not min_balance:
                raise InvalidGenesis(f"assets: asset {id} is listed twice, or has a least balance of zero")
            self.asset[id] = _details(owner, owner, 0, min_balance, is_sufficient)
        for id, name, symbol, decimals in metadata or []:
            if id not in self.asset or max(len(name), len(symbol)) > self.string_limit:
                raise InvalidGenesis(f"assets: asset {id} is unknown, or its name or symbol too long")
            self.metadata[id] = AssetMetadata(0, name, symbol, decimals)
        for id, who, amount in accounts or []:
            if (id, who) in self.account:
                raise InvalidGenesis(f"assets: an account is listed twice for asset {id}")
            ledger.mint(self, id, who, amount)

    # Calls

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
        self._check_new(id, min_balance)
        self.currency.reserve(who, self.asset_deposit)
        self._insert(id, _details(who, admin, self.asset_deposit, min_balance, is_sufficient=False))
        self.deposit(self.Created(id, who, admin))

    @call(1, weight=weights.FORCE_CREATE)
    def force_create(
        self, root: Root, id: Compact[AssetId], owner: Address, is_sufficient: bool, min_balance: Compact[Balance]
    ) -> None:
        """Issue a new class of fungible assets from a privileged origin. Unlike `create`, no funds are reserved."""
        self._check_new(id, min_balance)
        self._insert(id, _details(owner, owner, 0, min_balance, is_sufficient))
        self.deposit(self.ForceCreated(id, owner))

    @call(2, weight=weights.START_DESTROY)
    def start_destroy(self, origin: Origin, id: Compact[AssetId]) -> None:
        """Start the process of destroying a fungible asset class: the first in a series of calls.

        The origin must be root or the asset's `owner`.
        """
        accounts.start_destroy(self, id, _signer_unless_root(origin))

    @call(3, weight=weights.destroy_accounts(REMOVE_ITEMS_LIMIT))
    def destroy_accounts(self, who: Signed, id: Compact[AssetId]) -> PostInfo:
        """Destroy all accounts associated with a given asset, `RemoveItemsLimit` at a time."""
        return PostInfo(weights.destroy_accounts(accounts.destroy_accounts(self, id)))

    @call(4, weight=weights.destroy_approvals(REMOVE_ITEMS_LIMIT))
    def destroy_approvals(self, who: Signed, id: Compact[AssetId]) -> PostInfo:
        """Destroy all approvals associated with a given asset, `RemoveItemsLimit` at a time."""
        return PostInfo(weights.destroy_approvals(accounts.destroy_approvals(self, id)))

    @call(5, weight=weights.FINISH_DESTROY)
    def finish_destroy(self, who: Signed, id: Compact[AssetId]) -> None:
        """Complete destroying asset and unreserve currency."""
        accounts.finish_destroy(self, id)

    @call(6, weight=weights.MINT)
    def mint(self, who: Signed, id: Compact[AssetId], beneficiary: Address, amount: Compact[Balance]) -> None:
        """Mint assets of a particular class. The sender must be the Issuer of the asset `id`."""
        ledger.mint(self, id, beneficiary, amount, who)

    @call(7, weight=weights.BURN)
    def burn(self, origin: Signed, id: Compact[AssetId], who: Address, amount: Compact[Balance]) -> None:
        """Reduce the balance of `who` by as much as possible up to `amount` assets of `id`.

        The sender should be the Admin of the asset `id`.
        """
        ledger.burn(self, id, who, amount, origin, best_effort=True)

    @call(8, weight=weights.TRANSFER)
    def transfer_(self, who: Signed, id: Compact[AssetId], target: Address, amount: Compact[Balance]) -> None:
        """Move some assets from the sender account to another.

        The amount actually transferred may be slightly greater in the case that the transfer would otherwise take the
        sender balance above zero but below the minimum balance.
        """
        ledger.move(self, id, who, target, amount)

    @call(9, weight=weights.TRANSFER_KEEP_ALIVE)
    def transfer_keep_alive(self, who: Signed, id: Compact[AssetId], target: Address, amount: Compact[Balance]) -> None:
        """Move some assets from the sender account to another, keeping the sender account alive."""
        ledger.move(self, id, who, target, amount, keep_alive=True)

    @call(10, weight=weights.FORCE_TRANSFER)
    def force_transfer(
        self, who: Signed, id: Compact[AssetId], source: Address, dest: Address, amount: Compact[Balance]
    ) -> None:
        """Move some assets from one account to another. The sender should be the Admin of the asset `id`."""
        ledger.move(self, id, source, dest, amount, who)

    @call(11, weight=weights.FREEZE)
    def freeze(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Disallow further unprivileged transfers of an asset `id` from an account `who`. `who` must already exist as
        an entry in `Account`s of the asset. The sender should be the Freezer of the asset `id`.
        """
        self._set_status(id, who, AccountStatus.Frozen, self._unless_ending(id).freezer, origin)
        self.deposit(self.Frozen(id, who))

    @call(12, weight=weights.THAW)
    def thaw(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Allow unprivileged transfers to and from an account again. The sender should be the Admin of the asset."""
        self._set_status(id, who, AccountStatus.Liquid, self._unless_ending(id).admin, origin)
        self.deposit(self.Thawed(id, who))

    @call(13, weight=weights.FREEZE_ASSET)
    def freeze_asset(self, who: Signed, id: Compact[AssetId]) -> None:
        """Disallow further unprivileged transfers for the asset class. The sender should be its Freezer."""
        details = accounts.live(self, id)
        if who != details.freezer:
            raise self.NoPermission
        details.status = AssetStatus.Frozen
        self.asset[id] = details
        self.deposit(self.AssetFrozen(id))

    @call(14, weight=weights.THAW_ASSET)
    def thaw_asset(self, who: Signed, id: Compact[AssetId]) -> None:
        """Allow unprivileged transfers for the asset again. The sender should be the Admin of the asset `id`."""
        details = self.asset[id]
        if who != details.admin:
            raise self.NoPermission
        if details.status is not AssetStatus.Frozen:
            raise self.NotFrozen
        details.status = AssetStatus.Live
        self.asset[id] = details
        self.deposit(self.AssetThawed(id))

    @call(15, weight=weights.TRANSFER_OWNERSHIP)
    def transfer_ownership(self, who: Signed, id: Compact[AssetId], owner: Address) -> None:
        """Change the Owner of an asset, with its deposits. The sender should be the Owner of the asset `id`."""
        details = self._owned(id, who)
        if owner == who:
            return
        self.currency.repatriate_reserved(who, owner, details.deposit + self.metadata[id].deposit)
        details.owner = owner
        self.asset[id] = details
        self.deposit(self.OwnerChanged(id, owner))

    @call(16, weight=weights.SET_TEAM)
    def set_team(self, who: Signed, id: Compact[AssetId], issuer: Address, admin: Address, freezer: Address) -> None:
        """Change the Issuer, Admin and Freezer of an asset. The sender should be the Owner of the asset `id`."""
        details = self._owned(id, who)
        details.issuer, details.admin, details.freezer = issuer, admin, freezer
        self.asset[id] = details
        self.deposit(self.TeamChanged(id, issuer, admin, freezer))

    @call(17, weight=weights.set_metadata)
    def set_metadata(self, who: Signed, id: Compact[AssetId], name: bytes, symbol: bytes, decimals: U8) -> None:
        """Set the metadata for an asset. The sender should be the Owner of the asset `id`.

        Funds of sender are reserved according to the formula: `MetadataDepositBase + MetadataDepositPerByte *
        (name.len + symbol.len)` taking into account any already reserved funds.

        - `name`: The user friendly name of this asset. Limited in length by `StringLimit`.
        - `symbol`: The exchange symbol for this asset. Limited in length by `StringLimit`.
        - `decimals`: The number of decimals this asset uses to represent one unit.
        """
        self._check_text(name, symbol)
        self._owned(id, who)
        old = self.metadata[id]
        if old.is_frozen:
            raise self.NoPermission
        deposit = self.metadata_deposit_base + self.metadata_deposit_per_byte * (len(name) + len(symbol))
        if deposit > old.deposit:
            self.currency.reserve(who, deposit - old.deposit)
        else:
            self.currency.unreserve(who, old.deposit - deposit)
        self._describe(id, AssetMetadata(deposit, name, symbol, decimals))

    @call(18, weight=weights.CLEAR_METADATA)
    def clear_metadata(self, who: Signed, id: Compact[AssetId]) -> None:
        """Clear the metadata for an asset. Any deposit is freed for the asset owner, who is the sender."""
        self._owned(id, who)
        self._clear_metadata(id, who)

    @call(19, weight=weights.force_set_metadata)
    def force_set_metadata(
        self, root: Root, id: Compact[AssetId], name: bytes, symbol: bytes, decimals: U8, is_frozen: bool
    ) -> None:
        """Force the metadata for an asset to some value. Any deposit is left alone."""
        self._check_text(name, symbol)
        if id not in self.asset:
            raise self.Unknown
        self._describe(id, AssetMetadata(self.metadata[id].deposit, name, symbol, decimals, is_frozen))

    @call(20, weight=weights.FORCE_CLEAR_METADATA)
    def force_clear_metadata(self, root: Root, id: Compact[AssetId]) -> None:
        """Clear the metadata for an asset. Any deposit is returned."""
        self._clear_metadata(id, self.asset[id].owner)

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
        details = self.asset[id]
        if details.status is AssetStatus.Destroying:
            raise self.AssetNotLive
        details.owner, details.issuer, details.admin, details.freezer = owner, issuer, admin, freezer
        details.min_balance, details.is_sufficient = min_balance, is_sufficient
        details.status = AssetStatus.Frozen if is_frozen else AssetStatus.Live
        self.asset[id] = details
        self.deposit(self.AssetStatusChanged(id))

    @call(22, weight=weights.APPROVE_TRANSFER)
    def approve_transfer(self, who: Signed, id: Compact[AssetId], delegate: Address, amount: Compact[Balance]) -> None:
        """Approve an amount of asset for transfer by a delegated third-party account.

        `ApprovalDeposit` is reserved from the signing account. If there is already an approval in place, then this acts
        additively. The signing account does not need to own `amount` of assets at the point of making this call.
        """
        details = accounts.live(self, id)
        approval = self.approvals.get(id, who, delegate)
        if approval is None:
            approval = Approval()
            details.approvals += 1
        if approval.deposit < self.approval_deposit:
            self.currency.reserve(who, self.approval_deposit - approval.deposit)
            approval.deposit = self.approval_deposit
        approval.amount = min(approval.amount + amount, U128_MAX)
        self.approvals[id, who, delegate] = approval
        self.asset[id] = details
        self.deposit(self.ApprovedTransfer(id, who, delegate, amount))

    @call(23, weight=weights.CANCEL_APPROVAL)
    def cancel_approval(self, who: Signed, id: Compact[AssetId], delegate: Address) -> None:
        """Cancel all of some asset approved for delegated transfer by a third-party account, with its deposit."""
        self._cancel_approval(accounts.live(self, id), id, who, delegate)

    @call(24, weight=weights.FORCE_CANCEL_APPROVAL)
    def force_cancel_approval(self, origin: Origin, id: Compact[AssetId], owner: Address, delegate: Address) -> None:
        """Cancel all of some asset approved for delegated transfer by a third-party account.

        Origin must be root or the Admin account of the asset `id`.
        """
        details = accounts.live(self, id)
        signer = _signer_unless_root(origin)
        if signer is not None and signer != details.admin:
            raise self.NoPermission
        self._cancel_approval(details, id, owner, delegate)

    @call(25, weight=weights.TRANSFER_APPROVED)
    def transfer_approved(
        self, who: Signed, id: Compact[AssetId], owner: Address, destination: Address, amount: Compact[Balance]
    ) -> None:
        """Transfer some asset balance from a previously delegated account to some third-party account.

        If the entire amount approved for transfer is transferred, then any deposit previously reserved by
        `approve_transfer` is unreserved.
        """
        accounts.live(self, id)
        approval = self.approvals.get(id, owner, who)
        if approval is None or approval.amount < amount:
            raise self.Unapproved
        ledger.move(self, id, owner, destination, amount)
        approval.amount -= amount
        if approval.amount:
            self.approvals[id, owner, who] = approval
        else:
            self._end_approval(id, owner, who, approval)
        self.deposit(self.TransferredApproved(id, owner, who, destination, amount))

    @call(26, weight=weights.TOUCH)
    def touch(self, who: Signed, id: Compact[AssetId]) -> None:
        """Create an asset account for non-provider assets. A deposit will be taken from the signer account."""
        accounts.touch(self, id, who, who, by_team=False)

    @call(27, weight=weights.REFUND)
    def refund(self, who: Signed, id: Compact[AssetId], allow_burn: bool) -> None:
        """Return the deposit (if any) of an asset account or a consumer reference (if any) of an account.

        - `allow_burn`: If `true` then assets may be destroyed in order to complete the refund.
        """
        accounts.refund(self, id, who, allow_burn=allow_burn)

    @call(28, weight=weights.SET_MIN_BALANCE)
    def set_min_balance(self, who: Signed, id: Compact[AssetId], min_balance: Balance) -> None:
        """Sets the minimum balance of an asset.

        Only works if there aren't any accounts that are holding the asset or if the new value of `min_balance` is less
        than the old one. The sender has to be the Owner of the asset `id`, which isn't sufficient.
        """
        details = self.asset[id]
        rises = min_balance >= details.min_balance and details.accounts
        if who != details.owner or details.is_sufficient or rises:
            raise self.NoPermission
        details.min_balance = min_balance
        self.asset[id] = details
        self.deposit(self.AssetMinBalanceChanged(id, min_balance))

    @call(29, weight=weights.TOUCH_OTHER)
    def touch_other(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Create an asset account for `who`. A deposit will be taken from the signer: Freezer or Admin of the asset."""
        accounts.touch(self, id, who, origin, by_team=True)

    @call(30, weight=weights.REFUND_OTHER)
    def refund_other(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Return the deposit (if any) of a target asset account. Useful if you are the depositor.

        The sender must be the depositor or the Admin of the asset, the account empty.
        """
        accounts.refund_other(self, id, who, origin)

    @call(31, weight=weights.BLOCK)
    def block(self, origin: Signed, id: Compact[AssetId], who: Address) -> None:
        """Disallow further unprivileged transfers of an asset `id` to and from an account `who`.

        The sender should be the Freezer of the asset `id`.
        """
        self._set_status(id, who, AccountStatus.Blocked, self._unless_ending(id).freezer, origin)
        self.deposit(self.Blocked(id, who))

    @call(32, weight=weights.TRANSFER_ALL)
    def transfer_all(self, who: Signed, id: Compact[AssetId], dest: Address, keep_alive: bool) -> None:
        """Transfer the entire transferable balance from the caller asset account.

        - `keep_alive`: Whether to leave the minimum balance, so that the sender's asset account stays.
        """
        self.transfer(id, who, dest, self._reducible(id, who, keep_alive=keep_alive), keep_alive=keep_alive)

    # What others may ask: `Fungibles`

    def next_id(self) -> AssetId:
        return self.next_asset_id or self.in_order_from

    def create_token(self, id: AssetId, owner: AccountId, name: bytes, symbol: bytes, decimals: int) -> None:
        self._check_text(name, symbol)
        self._check_new(id, 1)
        if not 0 <= decimals < 256:
            raise self.BadMetadata
        self._insert(id, _details(owner, owner, 0, 1, is_sufficient=True))
        self.deposit(self.ForceCreated(id, owner))
        self._describe(id, AssetMetadata(0, name, symbol, decimals))

    def exists(self, id: AssetId) -> bool:
        return id in self.asset

    def decimals(self, id: AssetId) -> int:
        return self.metadata[id].decimals

    def total_issuance(self, id: AssetId) -> Balance:
        details = self.asset.get(id)
        return details.supply if details else 0

    def balance(self, id: AssetId, who: AccountId) -> Balance:
        account = self.account.get(id, who)
        return account.balance if account else 0

    def reducible(self, id: AssetId, who: AccountId) -> Balance:
        return self._reducible(id, who, keep_alive=False)

    def mint_into(self, id: AssetId, who: AccountId, amount: Balance) -> None:
        ledger.mint(self, id, who, amount)

    def burn_from(self, id: AssetId, who: AccountId, amount: Balance) -> None:
        try:
            ledger.burn(self, id, who, amount)
        except AssetErrors.BalanceLow:
            raise Token("FundsUnavailable") from None
        except tuple(TOKEN_ERRORS) as error:
            raise Token(TOKEN_ERRORS[type(error)]) from None

    def transfer(
        self, id: AssetId, source: AccountId, dest: AccountId, amount: Balance, *, keep_alive: bool = False
    ) -> None:
        try:
            ledger.move(self, id, source, dest, amount, keep_alive=keep_alive)
        except AssetErrors.BalanceLow:
            if amount > self.balance(id, source):
                raise Token("FundsUnavailable") from None
            raise Token("NotExpendable" if amount <= self.reducible(id, source) else "Frozen") from None
        except tuple(TOKEN_ERRORS) as error:
            raise Token(TOKEN_ERRORS[type(error)]) from None

    # Inside

    def _check_new(self, id: AssetId, min_balance: Balance) -> None:
        if id in self.asset:
            raise self.InUse
        if not min_balance:
            raise self.MinBalanceZero
        if id >= self.in_order_from and id != self.next_id():
            raise self.BadAssetId

    def _insert(self, id: AssetId, details: AssetDetails) -> None:
        self.asset[id] = details
        if id >= self.in_order_from:
            self.next_asset_id = id + 1

    def _owned(self, id: AssetId, who: AccountId) -> AssetDetails:
        details = accounts.live(self, id)
        if who != details.owner:
            raise self.NoPermission
        return details

    def _unless_ending(self, id: AssetId) -> AssetDetails:
        details = self.asset[id]
        if details.status is AssetStatus.Destroying:
            raise self.IncorrectStatus
        return details

    def _set_status(
        self, id: AssetId, who: AccountId, status: AccountStatus, allowed: AccountId, origin: AccountId
    ) -> None:
        if origin != allowed:
            raise self.NoPermission
        account = self.account.get(id, who)
        if account is None:
            raise self.NoAccount
        account.status = status
        self.account[id, who] = account

    def _check_text(self, name: bytes, symbol: bytes) -> None:
        if max(len(name), len(symbol)) > self.string_limit:
            raise self.BadMetadata

    def _describe(self, id: AssetId, metadata: AssetMetadata) -> None:
        self.metadata[id] = metadata
        self.deposit(self.MetadataSet(id, metadata.name, metadata.symbol, metadata.decimals, metadata.is_frozen))

    def _clear_metadata(self, id: AssetId, owner: AccountId) -> None:
        metadata = self.metadata.get(id)
        if metadata is None:
            raise self.Unknown
        del self.metadata[id]
        self.currency.unreserve(owner, metadata.deposit)
        self.deposit(self.MetadataCleared(id))

    def _cancel_approval(self, details: AssetDetails, id: AssetId, owner: AccountId, delegate: AccountId) -> None:
        approval = self.approvals.get(id, owner, delegate)
        if approval is None:
            raise self.Unknown
        self._end_approval(id, owner, delegate, approval)
        self.deposit(self.ApprovalCancelled(id, owner, delegate))

    def _end_approval(self, id: AssetId, owner: AccountId, delegate: AccountId, approval: Approval) -> None:
        del self.approvals[id, owner, delegate]
        self.currency.unreserve(owner, approval.deposit)
        details = self.asset[id]
        details.approvals -= 1
        self.asset[id] = details

    def _reducible(self, id: AssetId, who: AccountId, *, keep_alive: bool) -> Balance:
        details, account = self.asset.get(id), self.account.get(id, who)
        if details is None or details.status is not AssetStatus.Live:
            return 0
        if account is None or account.status is not AccountStatus.Liquid:
            return 0
        return ledger.spendable(self, id, details, account, who, keep_alive=keep_alive)


TOKEN_ERRORS: dict[type[Exception], str] = {
    AssetErrors.Unknown: "UnknownAsset",
    AssetErrors.IncorrectStatus: "UnknownAsset",
    AssetErrors.AssetNotLive: "Frozen",
    AssetErrors.Frozen: "Frozen",
    AssetErrors.NoAccount: "FundsUnavailable",
}
"""What `Fungibles` says instead of an error of the calls."""


def _details(
    owner: AccountId, team: AccountId, deposit: Balance, min_balance: Balance, is_sufficient: bool
) -> AssetDetails:
    """A new token."""
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


def _signer_unless_root(origin: Origin) -> AccountId | None:
    """Who signed; `None` of root, `BadOrigin` of nobody."""
    if origin.kind == "root":
        return None
    if origin.who is None:
        raise BadOrigin
    return origin.who
