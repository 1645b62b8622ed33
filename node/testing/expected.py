"""Which failure a test expects, and the one that came."""

from __future__ import annotations

import inspect
from typing import Final

from node.testing.errors import CallFailed, Refused, UnknownName, name_of
from node.testing.names import Names
from pallets.frame import events, validity
from pallets.frame.events import DispatchError, NestedError
from pallets.frame.validity import TransactionValidityError

WantedError = str | type[Exception] | Exception | None
"""`"Balances.InsufficientBalance"`, the class, an instance (`Token("FundsUnavailable")`), or `None` for any failure."""


def _general() -> set[str]:
    """The names of errors that no pallet declares."""
    found = {name for name, error in inspect.getmembers(events, inspect.isclass) if issubclass(error, DispatchError)}
    for _, error in inspect.getmembers(events, inspect.isclass):
        if issubclass(error, NestedError) and error is not NestedError:
            found |= {f"{error.__name__}.{reason}" for reason in error.reasons}
    kinds = inspect.getmembers(validity, inspect.isclass)
    return found | {name for name, kind in kinds if issubclass(kind, TransactionValidityError)}


GENERAL: Final = _general()


class Raised:
    """What `reverts` caught, once its block is over."""

    failure: CallFailed | Refused

    @property
    def error(self) -> Exception:
        """The error of the runtime or the pool."""
        return self.failure.error if isinstance(self.failure, CallFailed) else self.failure.reason


def check_known(wanted: WantedError, names: Names) -> None:
    """Raises `UnknownName` for a name that no error has: a test that expects it would say nothing."""
    if isinstance(wanted, str) and wanted not in GENERAL and wanted not in names.errors:
        raise UnknownName.among("error", wanted, [*names.errors, *GENERAL])


def is_expected(wanted: WantedError, error: Exception) -> bool:
    """Whether this error is the one that is wanted."""
    if isinstance(wanted, str):
        return wanted in (name_of(error), type(error).__qualname__)
    if isinstance(wanted, type):
        return isinstance(error, wanted)
    return wanted is None or (type(error) is type(wanted) and error.args == wanted.args)
