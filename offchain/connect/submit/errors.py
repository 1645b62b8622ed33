"""Why a transaction is not submitted, or didn't do what it was to do; one class a reason.

```
SubmitError
├── BadArguments          the call takes other arguments
├── UnknownExtension      the chain wants something signed that isn't known here
├── NotTheSame            two codecs read the payload differently: nothing is signed
├── DevelopmentKey        a publicly known key on a live chain
├── NoSuchSigner          the key is not that of the account that is meant, or of a scheme that the chain lacks
├── WouldFail             the dry run failed
├── Refused               the pool doesn't take it: what it said
├── Left                  it left the pool, and is in no block
├── DispatchFailed        it is in a block, its fee is paid, and its call failed
└── NotAnswered           nobody said yes
```
"""

from __future__ import annotations

from offchain.connect.errors import RemoteError


class SubmitError(RemoteError):
    """A transaction that isn't submitted, or that didn't do what it was to do."""


class BadArguments(SubmitError):
    """The call takes other arguments than were given."""


class UnknownExtension(SubmitError):
    """The chain's transactions carry an extension that isn't known here, and that can't be left empty."""


class NotTheSame(SubmitError):
    """What was written for a signature reads differently by a second codec."""


class DevelopmentKey(SubmitError):
    """The key is publicly known, and the chain's money is worth something."""


class NoSuchSigner(SubmitError):
    """The key is not that of the account, or the chain has no such signatures."""


class WouldFail(SubmitError):
    """By its dry run the transaction would fail."""


class Refused(SubmitError):
    """The pool doesn't take the transaction."""


class Left(SubmitError):
    """The transaction left the pool, and is in no block."""


class DispatchFailed(SubmitError):
    """The transaction is in a block, its fee is paid, and its call failed."""


class NotAnswered(SubmitError):
    """Nobody said yes."""
