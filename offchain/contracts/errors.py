"""Why a contract can't be deployed, called or read.

```
ContractError
├── BadMetadata    the file is no contract's metadata, or of a version that isn't read
├── NoCode         the file has no Wasm, and none was given
├── NoSuchMessage  the contract has no constructor or message of this name
├── BadArguments   the arguments are not what the message takes
├── NotDone        the message failed, reverted, or its effects were refused; says why
└── TooLate        the job has no output in time
```
The message is what a person reads.
"""

from __future__ import annotations

from offchain.authoring.errors import AuthoringError


class ContractError(AuthoringError):
    """What was asked can't be done; the message says what to do."""


class BadMetadata(ContractError):
    """The file isn't what `cargo contract build` writes, or of a version before 3 or after 5."""


class NoCode(ContractError):
    """There is no Wasm in the metadata."""


class NoSuchMessage(ContractError):
    """The metadata names no such constructor or message."""


class BadArguments(ContractError):
    """Too many or too few, or of another type."""


class NotDone(ContractError):
    """What the contract or the chain says to the message."""


class TooLate(ContractError):
    """Nobody has run the job yet."""
