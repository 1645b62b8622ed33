"""What `Assets` tells: the events of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import U8, U32, AccountId, Balance, Event
from pallets.fungibles import AssetId


class AssetEvents:
    """The events of `Assets`."""

    class Created(Event):
        """Some asset class was created."""

        asset_id: AssetId
        creator: AccountId
        owner: AccountId

    class Issued(Event):
        """Some assets were issued."""

        asset_id: AssetId
        owner: AccountId
        amount: Balance

    class Transferred(Event):
        """Some assets were transferred."""

        asset_id: AssetId
        from_: AccountId
        to: AccountId
        amount: Balance

    class Burned(Event):
        """Some assets were destroyed."""

        asset_id: AssetId
        owner: AccountId
        balance: Balance

    class TeamChanged(Event):
        """The management team changed."""

        asset_id: AssetId
        issuer: AccountId
        admin: AccountId
        freezer: AccountId

    class OwnerChanged(Event):
        """The owner changed."""

        asset_id: AssetId
        owner: AccountId

    class Frozen(Event):
        """Some account `who` was frozen."""

        asset_id: AssetId
        who: AccountId

    class Thawed(Event):
        """Some account `who` was thawed."""

        asset_id: AssetId
        who: AccountId

    class AssetFrozen(Event):
        """Some asset `asset_id` was frozen."""

        asset_id: AssetId

    class AssetThawed(Event):
        """Some asset `asset_id` was thawed."""

        asset_id: AssetId

    class AccountsDestroyed(Event):
        """Accounts were destroyed for given asset."""

        asset_id: AssetId
        accounts_destroyed: U32
        accounts_remaining: U32

    class ApprovalsDestroyed(Event):
        """Approvals were destroyed for given asset."""

        asset_id: AssetId
        approvals_destroyed: U32
        approvals_remaining: U32

    class DestructionStarted(Event):
        """An asset class is in the process of being destroyed."""

        asset_id: AssetId

    class Destroyed(Event):
        """An asset class was destroyed."""

        asset_id: AssetId

    class ForceCreated(Event):
        """Some asset class was force-created."""

        asset_id: AssetId
        owner: AccountId

    class MetadataSet(Event):
        """New metadata has been set for an asset."""

        asset_id: AssetId
        name: bytes
        symbol: bytes
        decimals: U8
        is_frozen: bool

    class MetadataCleared(Event):
        """Metadata has been cleared for an asset."""

        asset_id: AssetId

    class ApprovedTransfer(Event):
        """(Additional) funds have been approved for transfer to a destination account."""

        asset_id: AssetId
        source: AccountId
        delegate: AccountId
        amount: Balance

    class ApprovalCancelled(Event):
        """An approval for account `delegate` was cancelled by `owner`."""

        asset_id: AssetId
        owner: AccountId
        delegate: AccountId

    class TransferredApproved(Event):
        """An `amount` was transferred in its entirety from `owner` to `destination` by the approved `delegate`."""

        asset_id: AssetId
        owner: AccountId
        delegate: AccountId
        destination: AccountId
        amount: Balance

    class AssetStatusChanged(Event):
        """An asset has had its attributes changed by the `Force` origin."""

        asset_id: AssetId

    class AssetMinBalanceChanged(Event):
        """The min_balance of an asset has been updated by the asset owner."""

        asset_id: AssetId
        new_min_balance: Balance

    class Touched(Event):
        """Some account `who` was created with a deposit from `depositor`."""

        asset_id: AssetId
        who: AccountId
        depositor: AccountId

    class Blocked(Event):
        """Some account `who` was blocked."""

        asset_id: AssetId
        who: AccountId

    class Deposited(Event):
        """Some assets were deposited (e.g. for transaction fees)."""

        asset_id: AssetId
        who: AccountId
        amount: Balance

    class Withdrawn(Event):
        """Some assets were withdrawn from the account (e.g. for transaction fees)."""

        asset_id: AssetId
        who: AccountId
        amount: Balance
