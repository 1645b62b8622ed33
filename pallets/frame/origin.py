"""Who a call comes from.

An origin is a value; a call states the one it accepts by annotating its first parameter: `who: Signed` receives the
account, `root: Root` and `none: NoneOrigin` receive `None`, `origin: Origin` receives the whole value. On the wire it
is an `OriginCaller`. Mirrors `frame_system::RawOrigin` and `frame_support::traits::OriginTrait`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pallets.primitives.types import AccountId, Variant, marker, struct

if TYPE_CHECKING:
    from pallets.frame.runtime import Call

Kind = Literal["signed", "root", "none", "any"]


@marker
class OriginKind:
    """Marks a call's first parameter with the origin it accepts."""

    kind: Kind


class Origin(NamedTuple):
    """A dispatch origin; `who` is set for a signed one only.

    A filter raises what it has against a call. Filters go where the origin goes, into calls within calls: an origin can
    be narrowed, never widened.
    """

    kind: Kind
    who: bytes | None = None
    filters: tuple[Callable[[Call], None], ...] = ()

    def narrowed(self, check: Callable[[Call], None]) -> Origin:
        """The same origin with one more filter."""
        return self._replace(filters=(*self.filters, check))


ROOT = Origin("root")
NONE = Origin("none")


def signed(who: bytes) -> Origin:
    """The origin of an account."""
    return Origin("signed", who)


Signed = Annotated[AccountId, OriginKind("signed")]
Root = Annotated[None, OriginKind("root")]
NoneOrigin = Annotated[None, OriginKind("none")]


class RawOrigin(Variant):
    """The origins that any chain has, on the wire."""

    __type_path__ = "frame_support::dispatch::RawOrigin"
    __type_arguments__ = (("AccountId", AccountId),)
    __unnamed__ = True


@struct(name="Root")
class RawRoot(RawOrigin):
    """The chain itself."""


@struct(name="Signed")
class RawSigned(RawOrigin):
    """An account."""

    who: AccountId


@struct(name="None")
class RawNone(RawOrigin):
    """Nobody: an inherent, or a transaction that its call admits."""


class OriginCaller(Variant):
    """The origins of a chain whose pallets have none of their own, on the wire."""

    __type_path__ = "fathom_runtime::OriginCaller"
    __unnamed__ = True


@struct(name="system")
class SystemOrigin(OriginCaller):
    """One of those that any chain has."""

    raw: RawOrigin


def origin_of(caller: OriginCaller) -> Origin:
    """The origin that the wire names; no filter narrows it."""
    assert isinstance(caller, SystemOrigin)  # the only kind there is
    if isinstance(caller.raw, RawSigned):
        return signed(caller.raw.who)
    return ROOT if isinstance(caller.raw, RawRoot) else NONE
