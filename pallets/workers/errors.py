"""Why `Workers` refuses: the errors of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import Error


class WorkerErrors:
    """The errors of `Workers`."""

    class UnknownWorker(Error):
        """No worker has this key."""

    class AlreadyRegistered(Error):
        """The worker serves or is leaving: `reattest` renews its attestation."""

    class NotOperator(Error):
        """The signer is not the operator that the worker names."""

    class StakeTooLow(Error):
        """The stake is below `MinStake`."""

    class NotServing(Error):
        """The worker is leaving or has left: register again, after `withdraw`."""

    class NotLeaving(Error):
        """The worker's stake is free only after `exit`."""

    class StillCoolingDown(Error):
        """The stake stays held until the cool-down is over and the worker's last job is."""

    class EndpointTooLong(Error):
        """The worker info's endpoint has more than 256 bytes."""

    class TooManyClasses(Error):
        """As many capability classes are open as there may be: ask for what an open one asks, or wait for one to go."""

    class BadRequirements(Error):
        """No worker can meet the requirements: confidence is a level of 1 to 5."""

    class BadSignature(Error):
        """The worker's key didn't sign this heartbeat or report, for this chain."""

    class UnknownBlock(Error):
        """The hash is not that of a recent block of this number."""

    class StaleHeartbeat(Error):
        """The block is no later than that of the last heartbeat, or older than the window: sign the newest."""

    class TooSoon(Error):
        """The last heartbeat is less than `HeartbeatInterval` ago, and the chain waits for none from the worker."""

    class StaleBenchmark(Error):
        """The report's block is older than the window: report again over the newest."""

    class BenchmarkTooSoon(Error):
        """The worker's speed was reported since it was last attested, or less than an hour ago."""

    class SlashOpen(Error):
        """A slash against the operator is open: nothing at risk is released before it is carried out or cancelled."""

    class TooManyParts(Error):
        """The stake is divided into 32 parts: take all of it out, or wait until the older parts are joined."""

    class NoWorkers(Error):
        """The account operates no worker that serves."""

    class PoolFull(Error):
        """The operator has as many delegators as it may have."""

    class DelegationTooLow(Error):
        """Less than `MinDelegation` would be bonded: a delegation has that much, or all of it is taken out."""

    class NotDelegator(Error):
        """The account has delegated nothing to this operator."""

    class NothingFree(Error):
        """Nothing that was taken out is free yet."""

    class CommissionTooHigh(Error):
        """A commission is at most a million millionths."""

    class NothingToClaim(Error):
        """No reward is owed to the signer."""
