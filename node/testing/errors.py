"""What goes wrong on a devnet, a class a reason. Each message says what to do, or what the chain said."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pallets.frame.events import DispatchError

if TYPE_CHECKING:
    from node.testing.receipt import Receipt


class DevnetError(Exception):
    """Base of all errors of `node.testing`."""


class UnknownName(DevnetError, AttributeError):
    """The runtime has no pallet, call, storage item, constant, event, error or API of this name."""

    @classmethod
    def among(cls, what: str, name: str, known: Iterable[str]) -> UnknownName:
        """The error for `name`, with the names that are like it, or all of them where none is."""
        names = sorted(known)
        close = get_close_matches(name, names, n=3, cutoff=0.6)
        if close:
            return cls(f"there is no {what} {name!r}: did you mean {' or '.join(map(repr, close))}?")
        return cls(f"there is no {what} {name!r}; there are {', '.join(names) or 'none'}")


class InvalidArgument(DevnetError, TypeError):
    """A value doesn't fit the call, key or API it was given to; the message names the parameter."""


class InvalidAccount(DevnetError, ValueError):
    """Not an account: neither a dev account's name, a secret URI, an address, nor 32 bytes."""


class NoSecretKey(DevnetError):
    """Only an account that comes from a secret URI can sign."""


class NoSudo(DevnetError):
    """Root acts through Sudo, and nobody holds its key any more."""


class NotIncluded(DevnetError):
    """The transaction is in no block (yet)."""


class Refused(DevnetError):
    """A transaction entered no block and left no trace; `reason` is what the pool or the runtime raised."""

    def __init__(self, message: str, reason: Exception) -> None:
        super().__init__(message)
        self.reason = reason


class CallFailed(DevnetError):
    """A transaction is in a block and its call failed: `error` says why, `receipt` has the rest."""

    def __init__(self, call: str, receipt: Receipt, error: DispatchError) -> None:
        super().__init__(f"{call} failed in block {receipt.block.number}: {described(error)}")
        self.receipt, self.error = receipt, error


def name_of(error: Exception) -> str:
    """How an error is written: `Balances.InsufficientBalance`, `Token.FundsUnavailable`, `BadOrigin`, `Payment`."""
    reason = getattr(error, "reason", None)
    return type(error).__qualname__ + (f".{reason}" if isinstance(error, DispatchError) and reason else "")


def described(error: Exception) -> str:
    """An error's name and what it means."""
    doc = " ".join((type(error).__doc__ or "").split())
    return f"{name_of(error)}: {doc}" if doc else name_of(error)
