"""Why something can't be read from another chain, or can't be sent there.

```
CrossingError
├── ChainNotAllowed    the agent's DAO hasn't allowed a chain of this name
├── UnknownItem        the chain has no such storage item or constant, or the keys aren't its
├── BadQuestion        a question that isn't one
└── NotDelivered       with the chain's own word for it: `reason`
    ├── Unreachable      none of its endpoints answers as it should
    ├── WrongChain       its endpoints are another chain's
    ├── BadCall          it has no such call, or the arguments aren't what it takes
    ├── CallNotAllowed   the call, or one within it, isn't on the agent's list
    ├── SpendsTooLittle  arguments and fee are more than what was declared
    ├── Unfunded         the account there has less than that
    ├── Unsupported      its transactions have a form that isn't known here
    └── NonceMoved       the account's nonce there isn't the one it has to have
```
A script sees the class's name and the message.
"""

from __future__ import annotations

from typing import ClassVar

from pallets.primitives.crossing import Reason


class CrossingError(Exception):
    """Something about another chain that can't be had."""


class ChainNotAllowed(CrossingError):
    """The agent's DAO hasn't allowed a chain of this name, as of the block that the run reads."""


class UnknownItem(CrossingError):
    """The chain has no such pallet, storage item or constant, or the keys aren't of its types."""


class BadQuestion(CrossingError):
    """The path, or the body, isn't what this host is asked."""


class NotDelivered(CrossingError):
    """What is to be sent can't be, or not now."""

    reason: ClassVar[Reason]


class Unreachable(NotDelivered):
    """None of the endpoints answers, or may be reached."""

    reason = Reason.Unreachable


class WrongChain(NotDelivered):
    """The endpoints answer, and their genesis hash is another one."""

    reason = Reason.WrongChain


class BadCall(NotDelivered):
    """The chain has no such call, the arguments aren't what it takes, or the bytes are another runtime version's."""

    reason = Reason.BadCall


class CallNotAllowed(NotDelivered):
    """The call, or one within it, isn't on the agent's list."""

    reason = Reason.CallNotAllowed


class SpendsTooLittle(NotDelivered):
    """What the arguments move, and the fee, are more than what was declared; or nobody can say what they move."""

    reason = Reason.SpendsTooLittle


class Unfunded(NotDelivered):
    """The agent's account there has less than what the arguments move and the fee."""

    reason = Reason.Unfunded


class Unsupported(NotDelivered):
    """The chain's accounts, signatures or an extension of its transactions are of a form that isn't known here."""

    reason = Reason.Unsupported


class NonceMoved(NotDelivered):
    """The account's nonce there isn't the one that must be used."""

    reason = Reason.NonceMoved
