"""Why `Crossings` refuses: the errors of its page."""

from __future__ import annotations

from pallets.frame import Error


class CrossingErrors:
    """The errors of `Crossings`."""

    class BadSignature(Error):
        """The worker's key, or the account's, didn't sign this for this chain, agent, entry and attempt."""

    class NotHolder(Error):
        """The worker doesn't hold the cluster's secret."""

    class ChainNotAllowed(Error):
        """The agent's DAO hasn't allowed this chain."""

    class BadName(Error):
        """A chain's name begins with a lower-case letter; lower-case letters, digits and hyphens follow."""

    class NameTaken(Error):
        """The agent calls another chain so."""

    class BadEndpoint(Error):
        """A chain has one to four endpoints: `wss://…`, or `ws://` to this machine (localhost, 127.…, [::1])."""

    class BadCallName(Error):
        """A call is named as in `Balances.transfer_keep_alive`."""

    class TooManyChains(Error):
        """The agent has as many chains as it may: disallow one first."""

    class OwnChain(Error):
        """This is the chain itself: its calls are `Anchors`' to make."""

    class InFlight(Error):
        """A transaction is signed, and may be included: wait for its end, or `withdraw` it."""

    class NothingToWithdraw(Error):
        """The outbox is empty."""

    class BadSending(Error):
        """What is to be sent can't be read."""

    class CallNotAllowed(Error):
        """The agent's DAO hasn't allowed this call there."""

    class CapExceeded(Error):
        """With this the agent would spend more there today than its DAO allows."""

    class OutboxFull(Error):
        """As many entries wait as may."""

    class HasAccount(Error):
        """The agent's account there is announced."""

    class NoAccount(Error):
        """The agent's account there isn't announced yet."""

    class NoSuchGeneration(Error):
        """Accounts are of the generation of the cluster's secret that is in use."""

    class NotHead(Error):
        """Another entry comes first, or this one is over."""

    class WrongAttempt(Error):
        """This was said of another attempt."""

    class AlreadySigned(Error):
        """A transaction of this entry is fixed: send that."""

    class WrongNonce(Error):
        """A transaction of another nonce may have been sent and never included: this nonce must be used again."""

    class BadEra(Error):
        """A transaction is born before it dies, and not before what became of the last one was known."""

    class BadOutcome(Error):
        """This can't be said of an entry in this state."""
