"""A runtime's extensions at work: each step of all of them, in order, before the next.

Out of scope: what the steps are for, `pallets.frame.extensions`.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pallets.frame.events import DispatchError
from pallets.frame.extensions import Transaction, TransactionExtension, extension_codecs
from pallets.frame.validity import MAX_LONGEVITY, ValidTransaction
from pallets.frame.weights import DispatchInfo

if TYPE_CHECKING:
    from pallets.frame.runtime import Runtime

MAX_IMPLICITS = 1024  # remembered in a block: there is one for each birth block of a mortal transaction


class Extensions:
    """A runtime's extensions at work: their codecs, and each step over those that take part in it."""

    def __init__(self, runtime: Runtime) -> None:
        self.extra_codec, self.implicit_codec = extension_codecs(runtime.extensions, runtime.codecs)
        found = tuple(enumerate(kind(runtime) for kind in runtime.extensions))
        self._implying = tuple((i, each.implicit_value) for i, each in found if each.implicit is not type(None))
        decisive = [i for i, _ in self._implying if runtime.extensions[i].extra is not type(None)]
        self._decisive: Callable[[tuple[Any, ...]], Any] = itemgetter(*decisive) if decisive else len
        self._checking = tuple((i, each.check) for i, each in found if _defines(each, "check"))
        self._ranking = tuple((i, each.rank) for i, each in found if _defines(each, "rank"))
        self._preparing = tuple((i, each.prepare) for i, each in found if _defines(each, "prepare"))
        self._settling = tuple((i, each.settle) for i, each in found if _defines(each, "settle"))
        self._implicits: dict[Any, bytes] = {}  # by the extra that decides about them

    def open_block(self) -> None:
        """Another block, another implicit data."""
        self._implicits.clear()

    def implicit(self, extra: tuple[Any, ...]) -> bytes:
        """The implicit bytes for this extra; raises a `TransactionValidityError`."""
        known = self._decisive(extra)
        found = self._implicits.get(known)
        if found is None:
            found = self.implicit_codec.encode(tuple([value_of(extra[i]) for i, value_of in self._implying]))
            if len(self._implicits) >= MAX_IMPLICITS:
                self._implicits.clear()
            self._implicits[known] = found
        return found

    def check(self, tx: Transaction, extra: tuple[Any, ...]) -> list[Any]:
        """All checks; answers what each extension found. Raises a `TransactionValidityError`."""
        found = [None] * len(extra)
        for i, check in self._checking:
            found[i] = check(tx, extra[i])
        return found

    def rank(self, tx: Transaction, extra: tuple[Any, ...], found: list[Any]) -> ValidTransaction:
        """How a pool is to order what was checked. Raises a `TransactionValidityError`."""
        order = ValidTransaction(0, [], [], MAX_LONGEVITY, True)
        for i, rank in self._ranking:
            rank(tx, extra[i], found[i], order)
        return order

    def prepare(self, tx: Transaction, extra: tuple[Any, ...], found: list[Any]) -> list[Any]:
        """First effects, in order; answers what is to be settled. After a `TransactionValidityError` roll back."""
        for i, prepare in self._preparing:
            found[i] = prepare(tx, extra[i], found[i])
        return found

    def settle(self, prepared: list[Any], tx: Transaction, actual: DispatchInfo, error: DispatchError | None) -> None:
        """Corrections after dispatch, in order."""
        for i, settle in self._settling:
            settle(prepared[i], tx, actual, error)


def _defines(extension: TransactionExtension, step: str) -> bool:
    return getattr(type(extension), step) is not getattr(TransactionExtension, step)
