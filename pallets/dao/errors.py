"""Why `Dao` refuses: the errors of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import Error


class DaoErrors:
    """The errors of `Dao`."""

    class NoToken(Error):
        """The agent has no token: its creator is its DAO."""

    class NoHolders(Error):
        """Nobody holds the agent's token: its creator is its DAO."""

    class HoldersDecide(Error):
        """The agent's token has holders: this takes a proposal."""

    class NotCreator(Error):
        """Before an agent's token has holders its creator decides, and nobody else."""

    class ZeroAmount(Error):
        """An amount is above zero."""

    class PotsDontVote(Error):
        """Accounts of pallets, such as treasuries and pools, neither lock nor vote."""

    class TooFewTokens(Error):
        """The account has fewer units that aren't locked."""

    class TooFewLocked(Error):
        """The account has locked fewer units."""

    class StillVoting(Error):
        """These units have been voted with, or stand for a proposal: they stay until it is executed or dies."""

    class NothingLocked(Error):
        """The account has locked nothing."""

    class SelfDelegation(Error):
        """An account votes with its own units unless it delegates them to another."""

    class SameDelegate(Error):
        """The account's units are delegated as it asks already."""

    class UnknownProposal(Error):
        """No proposal has this number."""

    class TooManyProposals(Error):
        """The agent has as many proposals as may be alive at once."""

    class TooLittleWeight(Error):
        """The proposer has too little locked: each of its live proposals takes a share of the quorum, and a larger one
        the more proposals of the agent are alive.
        """

    class VoteNotBegun(Error):
        """The proposal is still announced."""

    class VoteOver(Error):
        """The vote has ended."""

    class NoWeight(Error):
        """The account had nothing locked at the proposal's cutoff that is still there and its to vote with."""

    class OverWeight(Error):
        """The ballot has more units than the account votes with."""

    class EmptyBallot(Error):
        """A ballot has at least one unit."""

    class NotProposer(Error):
        """Somebody else made the proposal."""

    class VoteBegun(Error):
        """A proposal can be taken back only while it is announced."""

    class NotAlive(Error):
        """The proposal is dead: defeated, cancelled, vetoed or expired."""

    class AlreadyExecuted(Error):
        """The proposal has been executed."""

    class NotApproved(Error):
        """The proposal isn't approved yet."""

    class TimeLocked(Error):
        """The proposal's time-lock hasn't ended."""

    class TooLate(Error):
        """The time to execute the proposal is over."""

    class AgentPaused(Error):
        """While the agent is paused only `Resume` and `SetGuardian` are carried out."""

    class NotGuardian(Error):
        """The signer isn't the agent's guardian, or is it no longer."""

    class NotVetoable(Error):
        """A guardian can't veto who is to be guardian."""

    class VetoTooLate(Error):
        """A veto comes before the time-lock ends."""

    class TermTooLong(Error):
        """A guardian is appointed for `MaxGuardianship` at most."""

    class NotInHistory(Error):
        """This code wasn't the agent's script, or so long ago that it is forgotten; approve it as a new one."""

    class TooFewHolders(Error):
        """Fewer accounts hold the token than the rules ask for before the treasury is spent."""

    class ReserveTouched(Error):
        """The payment would leave less in the treasury than its reserve."""

    class SelfDealing(Error):
        """The treasury pays no accounts of pallets, but the DAO's own."""

    class UnknownContribution(Error):
        """The agent has no contribution of this number."""

    class AlreadyRewarded(Error):
        """The contribution has been rewarded."""

    class CallNotAllowed(Error):
        """The call, or one within it, isn't among those that a DAO makes."""

    class CallTooHeavy(Error):
        """The call weighs more than a motion may."""

    class BadCall(Error):
        """The bytes are no call of this chain."""
