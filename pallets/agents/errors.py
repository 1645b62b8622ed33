"""Why `Agents` refuses: the errors of its page."""

from __future__ import annotations

from pallets.frame import Error


class AgentErrors:
    """The errors of `Agents`."""

    class UnknownAgent(Error):
        """No agent has this number."""

    class UnknownCode(Error):
        """No code of this hash was uploaded."""

    class EmptyCode(Error):
        """Code has at least one byte."""

    class BadName(Error):
        """A name has 1 to 64 characters: a lower-case letter, then lower-case letters, digits and hyphens."""

    class NameTaken(Error):
        """Another agent has this name."""

    class SharesDontAddUp(Error):
        """The shares of a policy add up to a million."""

    class BadGasLimit(Error):
        """A policy allows a job at least one unit of gas, and at most `MaxGas`."""

    class NotDao(Error):
        """The signer is not the agent's DAO: its creator, or the DAO's account while its token circulates."""

    class AgentPaused(Error):
        """The agent takes no new jobs."""

    class NotPaused(Error):
        """The agent isn't paused."""

    class NoApprovedCode(Error):
        """The agent's DAO has approved no script yet."""

    class BadHost(Error):
        """A host is a name in lower case, as in `example.com`, or all names below one, as in `*.example.com`."""

    class HasToken(Error):
        """The agent has its token, or the token is another agent's."""

    class SplitTooLarge(Error):
        """The creator's part of what the treasury is paid is at most a million millionths."""

    class BadAccess(Error):
        """Whoever may call free needs at least one unit of the token, and may do so at least once a minute."""

    class HiredAndBanned(Error):
        """A measurement is hired and banned at once: take it off the other list first."""
