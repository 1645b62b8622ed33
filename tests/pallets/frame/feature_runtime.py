"""A runtime that declares one of everything the declaration language knows, for the judges of codec and metadata."""

from __future__ import annotations

from typing import Annotated

from pallets.frame import (
    H256,
    U8,
    U16,
    U32,
    U64,
    U128,
    AccountId,
    Address,
    Balance,
    Bound,
    Bytes32,
    Bytes64,
    Compact,
    Const,
    CountedMap,
    DoubleMap,
    DueKey,
    Error,
    Event,
    Map,
    NoneOrigin,
    Origin,
    Pallet,
    Reasons,
    Root,
    Signed,
    TripleMap,
    UnitEnum,
    Value,
    Variant,
    Weight,
    call,
    struct,
)
from pallets.frame.extensions import CheckMortality, CheckNonce, CheckNonZeroSender
from pallets.frame.runtime import (
    DispatchErrorType,
    DispatchResult,
    EventRecord,
    Runtime,
    RuntimeCall,
    RuntimeHoldReason,
)
from pallets.frame.runtime_api import RuntimeApi
from pallets.frame.weights import DbWeight, block_length, block_weights
from pallets.primitives.extrinsic import Era, MultiSignature
from pallets.primitives.hashing import (
    Blake2_128,
    Blake2_128Concat,
    Blake2_256,
    Identity,
    Twox64Concat,
    Twox128,
    Twox256,
)
from pallets.primitives.header import Digest, Header
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.primitives.types import FixedBytes, Wrapped
from pallets.system.pallet import System

Code = Annotated[bytes, Bound(64)]
Tags = Annotated[list[U16], Bound(4)]
Share = Annotated[U32, Wrapped("features::Share")]
Named = Annotated[list[U64], Wrapped("features::Named", "entries")]


@struct
class Nothing:
    """A struct without fields."""


@struct
class Point:
    """Two numbers."""

    x: U32
    """Rightwards."""
    y_: U64 = 0


@struct
class Pair:
    """A tuple struct."""

    __unnamed__ = True

    first: Point
    second: Point | None


@struct
class Inner:
    """A tuple struct of one."""

    __unnamed__ = True

    parts: U128


@struct
class Generic:
    """A struct that says what it is generic over."""

    __type_arguments__ = (("T", U8), ("U", None))

    value: U8


class Colour(UnitEnum):
    """Names with a gap between their numbers."""

    Red = 0
    """Like a rose."""
    Green = 3
    Blue = 7


class Shape(Variant):
    """An enum with data."""


@struct
class Dot(Shape):
    """No fields."""


@struct(index=4)
class Circle(Shape):
    """Named fields."""

    centre: Point
    radius: Compact[U128]


@struct(index=2, name="Line")
class Segment(Shape):
    """Out of order, under another name."""

    ends: tuple[Point, Point]


class Raw(Variant):
    """An enum whose variants are tuples."""

    __unnamed__ = True


@struct
class One(Raw):
    """One field."""

    code: Code


@struct
class Two(Raw):
    """Two fields."""

    code: Bytes32
    length: U32


Nested = tuple[Shape, tuple[U8, Colour], tuple[U32]]


class Features(Pallet):
    """Everything once."""

    constant_names = {"odd_name": "OddNAME"}

    limit: Const[U32]
    """How many.

    At most.
    """
    odd_name: Const[Bytes32]
    shape: Const[Shape]
    """A shape."""
    points: Const[list[Point]]

    class Numbers(Event):
        """All widths."""

        a: U8
        b: U16
        c: U32
        d: U64
        e: U128

    class Compacts(Event):
        """All widths, compact."""

        a: Compact[U8]
        b: Compact[U16]
        c: Compact[U32]
        d: Compact[U64]
        e: Compact[U128]

    class Plain(Event):
        """What Python has itself."""

        flag: bool
        text: str
        data: bytes
        from_: AccountId
        """Where from."""

    class Late(Event, index=9):
        """Elsewhere than its order says."""

        own: Features.Local
        error: DispatchErrorType
        result: DispatchResult
        reason: RuntimeHoldReason

    class NotThere(Error):
        """Nothing is there."""

    class TooMany(Error):
        """More than the limit."""

    class HoldReason(Reasons):
        """Why features hold."""

        Deposit = 0
        """For what is stored."""
        Bond = 1

    @struct
    class Local:
        """A struct in a pallet's body."""

        at: DueKey
        shape: Shape

    total = Value[Balance](default=5)
    """All of it."""
    owner = Value[AccountId | None]()
    origin_point = Value[Point](default=lambda: Point(1, 2))
    """Where it starts.

    On two lines.
    """
    odd = Value[U8](default=0, name="ODD")
    digest = Value[Digest](default=list)
    by_number = Map[U32, Point](hasher=Twox64Concat)
    """Points by number."""
    by_account = Map[AccountId, U64](default=7)
    by_due = Map[DueKey, bytes](hasher=Identity, default=b"")
    by_hash = Map[H256, Shape](missing=NotThere, hasher=Blake2_128)
    by_text = Map[str, Pair](hasher=Blake2_256)
    by_code = Map[Code, Colour](hasher=Twox128)
    by_pair = Map[tuple[U8, U16], Raw](hasher=Twox256)
    counted = CountedMap[Bytes32, Tags](default=list)
    """Tags, counted."""
    under = DoubleMap[AccountId, U32, Local](hashers=(Blake2_128Concat, Identity))
    """By two keys."""
    deep = TripleMap[U8, AccountId, U32, Local](hashers=(Identity, Blake2_128Concat, Twox64Concat))
    """Three keys of one value."""
    under_default = DoubleMap[U8, Colour, tuple[U8, bool]](default=(1, True))

    @call(0, weight=Weight(1_000))
    def integers(self, who: Signed, a: U8, b: U16, c: U32, d: U64, e: U128, f: Compact[Balance]) -> None:
        """Takes integers.

        All of them.
        """

    @call(1)
    def texts(
        self, root: Root, flag: bool, text: str, data: bytes, code: Code, tags: Tags, lists: list[list[U8]]
    ) -> None:
        """Takes sequences."""

    @call(2)
    def options(self, origin: Origin, a: U32 | None, b: bool | None, c: Point | None, d: list[bytes | None]) -> None:
        """Takes options."""

    @call(3)
    def structs(
        self, who: Signed, a: Nothing, b: Point, c: Pair, d: Inner, e: Generic, f: tuple[()], g: Colour
    ) -> None:
        """Takes structs."""

    @call(4)
    def enums(self, who: Signed, a: Shape, b: Raw, c: list[Shape], d: Nested) -> None:
        """Takes enums."""

    @call(5)
    def accounts(self, who: Signed, dest: Address, account: AccountId, hash: H256, a: Bytes32, b: Bytes64) -> None:
        """Takes addresses."""

    @call(6)
    def signed(
        self, none: NoneOrigin, era: Era, signature: MultiSignature, five: Annotated[bytes, FixedBytes(5)]
    ) -> None:
        """Takes what signs."""

    @call(7)
    def wrapped(self, who: Signed, share: Share, shares: list[Compact[Share]], named: Named, header: Header) -> None:
        """Takes named wrappers."""

    @call(9)
    def calls(self, who: Signed, call_: RuntimeCall, more: list[RuntimeCall], events: list[EventRecord]) -> None:
        """Takes what holds itself."""

    @call(12)
    def nothing(self, who: Signed) -> None:
        pass


class Quiet(Pallet):
    """A pallet with nothing on the wire."""


class Holder(Pallet):
    """A second pallet that holds, and one whose events come after another's."""

    class HoldReason(Reasons):
        """Why it holds."""

        Everything = 5

    class Held(Event):
        """It holds."""

    @call(255)
    def hold(self, who: Signed, class_: Colour) -> None:
        """Hold."""


class FeaturesApi(RuntimeApi, version=3):
    """Everything a function can take.

    And answer.
    """

    def shape_of(self, class_: Colour, points: list[Point], call: RuntimeCall) -> Shape | None:
        """The shape.

        Or none.
        """

    def nothing(self) -> None:
        """Nothing."""


class FeatureRuntime(Runtime):
    """System, and the pallets above."""

    crate = "feature_runtime"
    version = RuntimeVersion("features", "features", 1, 2, 3, [], 4, 1)
    extensions = (CheckNonZeroSender, CheckMortality, CheckNonce)
    apis = (FeaturesApi,)

    def compose(self) -> None:
        self.system = System(
            index=0,
            block_weights=block_weights(10**12, 5_000_000),
            block_length=block_length(1 << 20),
            block_hash_count=16,
            db_weight=DbWeight(25_000_000, 100_000_000),
            version=self.version,
            ss58_prefix=42,
        )
        self.quiet = Quiet(index=3)
        self.holder = Holder(index=200)
        self.features = Features(
            index=17, limit=4, odd_name=b"\7" * 32, shape=Circle(Point(1, 2), 3), points=[Point(4, 5)]
        )
