"""What a pallet says: events of what happened, errors of why not, reasons for what it holds.

```
DispatchError
├── Other CannotLookup BadOrigin ConsumerRemaining NoProviders TooManyConsumers
├── Token           FundsUnavailable OnlyProvider BelowMinimum CannotCreate UnknownAsset Frozen
│                   Unsupported CannotCreateHold NotExpendable Blocked
├── Arithmetic      Underflow Overflow DivisionByZero
├── Transactional   LimitReached NoLayer
├── Exhausted Corruption Unavailable RootNotAllowed
└── Error           a pallet's own, one class each
```
Mirrors `sp_runtime::DispatchError`. A call that raises one of these is rolled back; anything else that a call raises is
a defect of the runtime and stops the block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, dataclass_transform

from pallets.primitives.codec import codec_of
from pallets.primitives.record import record
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U32, UnitEnum, Variant, struct

if TYPE_CHECKING:
    from pallets.frame.pallet import PostInfo


class DispatchError(Exception):
    """A call failed and left no trace but its fee."""

    __type_path__ = "sp_runtime::DispatchError"
    variant: ClassVar[int] = 0
    post_info: PostInfo | None = None
    """What a call that fails midway reports to have used; `None` is all it declared (`DispatchErrorWithPostInfo`)."""

    def encode(self, pallet_of: Mapping[type[Error], int]) -> bytes:
        """SCALE of `sp_runtime::DispatchError`; `pallet_of` is the index of the pallet that declares an error."""
        return bytes((self.variant,))

    def __str__(self) -> str:
        doc = (type(self).__doc__ or "").strip()
        return f"{type(self).__qualname__}: {doc}" + (f" ({self.args[0]})" if self.args else "")


class Other(DispatchError):
    """Some error occurred."""


class CannotLookup(DispatchError):
    """Failed to look up some data, such as an address that isn't an account identifier."""

    variant = 1


class BadOrigin(DispatchError):
    """The call doesn't accept this origin."""

    variant = 2


class ConsumerRemaining(DispatchError):
    """At least one consumer is remaining so the account cannot be destroyed."""

    variant = 4


class NoProviders(DispatchError):
    """There are no providers so the account cannot be created."""

    variant = 5


class TooManyConsumers(DispatchError):
    """There are too many consumers so the account cannot be created."""

    variant = 6


class Exhausted(DispatchError):
    """Resources exhausted, e.g. attempt to read or write data which is too large to manipulate."""

    variant = 10


class Corruption(DispatchError):
    """The state is corrupt; this is generally not going to fix itself."""

    variant = 11


class Unavailable(DispatchError):
    """Some resource is unavailable right now; a retry may help."""

    variant = 12


class RootNotAllowed(DispatchError):
    """Root origin is not allowed."""

    variant = 13


class NestedError(DispatchError):
    """An error with a reason of its own inside; subclasses name it by `reason`."""

    reasons: ClassVar[tuple[str, ...]]

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reasons.index(reason)  # an unknown reason is a defect here, not on the wire

    def encode(self, pallet_of: Mapping[type[Error], int]) -> bytes:
        return bytes((self.variant, self.reasons.index(self.reason)))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.args == self.args

    def __hash__(self) -> int:
        raise TypeError("errors are not keys")


class Token(NestedError):
    """A token operation failed."""

    variant = 7
    reasons = (
        "FundsUnavailable",
        "OnlyProvider",
        "BelowMinimum",
        "CannotCreate",
        "UnknownAsset",
        "Frozen",
        "Unsupported",
        "CannotCreateHold",
        "NotExpendable",
        "Blocked",
    )


class Arithmetic(NestedError):
    """A number left the range of its type."""

    variant = 8
    reasons = ("Underflow", "Overflow", "DivisionByZero")


class Transactional(NestedError):
    """A storage layer could not be opened."""

    variant = 9
    reasons = ("LimitReached", "NoLayer")


class Error(DispatchError):
    """Base of a pallet's errors: one nested class each, its docstring is the metadata's, its place the index."""

    variant = 3
    index: ClassVar[int] = -1

    def encode(self, pallet_of: Mapping[type[Error], int]) -> bytes:
        return bytes((self.variant, pallet_of[type(self)], self.index, 0, 0, 0))


PLAIN_ERRORS: dict[int, type[DispatchError]] = {
    error.variant: error
    for error in (
        Other,
        CannotLookup,
        BadOrigin,
        ConsumerRemaining,
        NoProviders,
        TooManyConsumers,
        Exhausted,
        Corruption,
        Unavailable,
        RootNotAllowed,
    )
}
NESTED_ERRORS: dict[int, type[NestedError]] = {error.variant: error for error in (Token, Arithmetic, Transactional)}


class ModuleError(DispatchError):
    """A pallet's error as the wire has it, where no pallet of the runtime knows it."""

    variant = 3

    def __init__(self, pallet_index: int, error: bytes) -> None:
        super().__init__(f"pallet {pallet_index}, error 0x{error.hex()}")
        self.pallet_index, self.error = pallet_index, error

    def encode(self, pallet_of: Mapping[type[Error], int]) -> bytes:
        return bytes((self.variant, self.pallet_index)) + self.error


def decode_dispatch_error(
    data: bytes, at: int, errors: Mapping[tuple[int, int], type[Error]]
) -> tuple[DispatchError, int]:
    """The error at `at`; `errors` finds a pallet's error by pallet and error index."""
    try:
        kind = data[at]
        if kind == Error.variant:
            known = errors.get((data[at + 1], data[at + 2]))
            if at + 6 > len(data):
                raise IndexError
            if known is None or data[at + 3 : at + 6] != bytes(3):
                return ModuleError(data[at + 1], data[at + 2 : at + 6]), at + 6
            return known(), at + 6
        if kind in NESTED_ERRORS:
            nested = NESTED_ERRORS[kind]
            return nested(nested.reasons[data[at + 1]]), at + 2
        return PLAIN_ERRORS[kind](), at + 1
    except (IndexError, KeyError):
        raise DecodeError(f"no DispatchError at byte {at}") from None


@dataclass_transform()
class Event:
    """Base of a pallet's events: one nested class each; docstring and fields are the metadata's.

    A field whose name is a Python keyword carries a trailing underscore, which the wire name drops. `index=` in the
    class header places an event elsewhere than its order says.
    """

    index: ClassVar[int] = -1

    def __init_subclass__(cls, index: int | None = None) -> None:
        record(cls, slots=False)
        if index is not None:
            cls.index = index


class Phase(Variant):
    """What the block was doing when an event happened."""

    __type_path__ = "frame_system::Phase"
    __unnamed__ = True


@struct
class ApplyExtrinsic(Phase):
    """Applying the extrinsic at this index."""

    index: U32


@struct
class Finalization(Phase):
    """Finalising the block."""


@struct
class Initialization(Phase):
    """Initialising the block."""


PHASE = codec_of(Phase)


class Reasons(UnitEnum):
    """Base of a pallet's hold reasons: `class HoldReason(Reasons): Stake = 0`."""
