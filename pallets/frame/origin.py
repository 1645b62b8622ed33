"""Who a call comes from.

An origin is a value; a call states the one it accepts by annotating its first parameter: `who: Signed` receives the
account, `root: Root` and `none: NoneOrigin` receive `None`, `origin: Origin` receives the whole value. Mirrors
`frame_system::RawOrigin`.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pallets.primitives.types import AccountId, marker

Kind = Literal["signed", "root", "none", "any"]


@marker
class OriginKind:
    """Marks a call's first parameter with the origin it accepts."""

    kind: Kind


class Origin(NamedTuple):
    """A dispatch origin; `who` is set for a signed one only."""

    kind: Kind
    who: bytes | None = None


ROOT = Origin("root")
NONE = Origin("none")


def signed(who: bytes) -> Origin:
    """The origin of an account."""
    return Origin("signed", who)


Signed = Annotated[AccountId, OriginKind("signed")]
Root = Annotated[None, OriginKind("root")]
NoneOrigin = Annotated[None, OriginKind("none")]
