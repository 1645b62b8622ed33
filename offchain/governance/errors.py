"""Why a DAO can't be asked for something.

```
GovernanceError
├── NoToken       the agent has no token: its creator is its DAO
├── NoProposal    no proposal has this number
├── NoBallot      a vote says nothing, or "all" of more than one thing
├── NotAnAccount  a text is neither an address nor a development account
└── NoMotion      a motion would change nothing, or says what can't be
```
The message is what a person reads.
"""

from __future__ import annotations

from offchain.authoring.errors import AuthoringError


class GovernanceError(AuthoringError):
    """What was asked can't be done; the message says what to do."""


class NoToken(GovernanceError):
    """The agent has no token: its creator is its DAO."""


class NoProposal(GovernanceError):
    """No proposal has this number."""


class NoBallot(GovernanceError):
    """A vote says nothing, or `all` of more than one thing."""


class NotAnAccount(GovernanceError):
    """A text is neither an address nor a development account."""


class NoMotion(GovernanceError):
    """A motion would change nothing, or says what can't be."""
