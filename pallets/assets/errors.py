"""Why `Assets` refuses: the errors of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import Error


class AssetErrors:
    """The errors of `Assets`."""

    class BalanceLow(Error):
        """Account balance must be greater than or equal to the transfer amount."""

    class NoAccount(Error):
        """The account to alter does not exist."""

    class NoPermission(Error):
        """The signing account has no permission to do the operation."""

    class Unknown(Error):
        """The given asset ID is unknown."""

    class Frozen(Error):
        """The origin account is frozen."""

    class InUse(Error):
        """The asset ID is already taken."""

    class BadWitness(Error):
        """Invalid witness data given."""

    class MinBalanceZero(Error):
        """Minimum balance should be non-zero."""

    class UnavailableConsumer(Error):
        """Unable to increment the consumer reference counters on the account. Either no provider reference exists to
        allow a non-zero balance of a non-self-sufficient asset, or one fewer then the maximum number of consumers has
        been reached.
        """

    class BadMetadata(Error):
        """Invalid metadata given."""

    class Unapproved(Error):
        """No approval exists that would allow the transfer."""

    class WouldDie(Error):
        """The source account would not survive the transfer and it needs to stay alive."""

    class AlreadyExists(Error):
        """The asset-account already exists."""

    class NoDeposit(Error):
        """The asset-account doesn't have an associated deposit."""

    class WouldBurn(Error):
        """The operation would result in funds being burned."""

    class LiveAsset(Error):
        """The asset is a live asset and is actively being used. Usually emit for operations such as `start_destroy`
        which require the asset to be in a destroying state.
        """

    class AssetNotLive(Error):
        """The asset is not live, and likely being destroyed."""

    class IncorrectStatus(Error):
        """The asset status is not the expected status."""

    class NotFrozen(Error):
        """The asset should be frozen before the given operation."""

    class CallbackFailed(Error):
        """Callback action resulted in error"""

    class BadAssetId(Error):
        """The asset ID must be equal to the `NextAssetId`, or lie in the range that is free to choose from."""

    class ContainsFreezes(Error):
        """The asset cannot be destroyed because some accounts for this asset contain freezes."""

    class ContainsHolds(Error):
        """The asset cannot be destroyed because some accounts for this asset contain holds."""
