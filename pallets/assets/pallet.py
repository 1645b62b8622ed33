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
from pallets.assets.registry import check_new, check_text, describe, insert, new_token
from pallets.assets.team_page import REMOVE_ITEMS_LIMIT, TeamPage, signer_unless_root
from pallets.frame import (
    U8,
    U32,
    AccountId,
    Address,
    Balance,
    Compact,
    Const,
    DoubleMap,
    Map,
    Origin,
    Pallet,
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


class Assets(TeamPage, AssetEvents, AssetErrors, Pallet):  # type: ignore[misc]  # `Frozen` is an event, and an error
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
            if id >= self.next_id():
                raise InvalidGenesis(f"assets: asset {id} is in the way of the next one, put next_asset_id behind it")
            self.asset[id] = new_token(owner, owner, 0, min_balance, is_sufficient=is_sufficient)
        for id, name, symbol, decimals in metadata or []:
            if id not in self.asset or max(len(name), len(symbol)) > self.string_limit:
                raise InvalidGenesis(f"assets: asset {id} is unknown, or its name or symbol too long")
            self.metadata[id] = AssetMetadata(0, name, symbol, decimals)
        for id, who, amount in accounts or []:
            if (id, who) in self.account:
                raise InvalidGenesis(f"assets: an account is listed twice for asset {id}")
            ledger.mint(self, id, who, amount)

    # Calls

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
        signer = signer_unless_root(origin)
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
        check_text(self, name, symbol)
        check_new(self, id, 1)
        if not 0 <= decimals < 256:
            raise self.BadMetadata
        insert(self, id, new_token(owner, owner, 0, 1, is_sufficient=True))
        self.deposit(self.ForceCreated(id, owner))
        describe(self, id, AssetMetadata(0, name, symbol, decimals))

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
            raise Token("FundsUnavailable" if amount > self.balance(id, who) else "Frozen") from None
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
