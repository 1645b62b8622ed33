"""SCALE: its published forms, and what a codec that reads strangers' bytes must refuse."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.primitives.codec import Codecs, RuntimeCodec, codec_of
from pallets.primitives.scale import DecodeError, EncodeError, OtherAddress, ScaleError, compact, read_compact
from pallets.primitives.types import (
    U8,
    U16,
    U32,
    U64,
    U128,
    U256,
    AccountId,
    Address,
    Bound,
    Bytes32,
    Compact,
    Compacted,
    DueKey,
    RuntimeType,
    UnitEnum,
    Variant,
    Wrapped,
    struct,
)

MAX_U128 = (1 << 128) - 1


class Colour(UnitEnum):
    Red = 0
    Blue = 7


@struct
class Point:
    x: U16
    y: Compact[U64]


class Shape(Variant):
    pass


@struct
class Dot(Shape):
    pass


@struct(index=9)
class Circle(Shape):
    centre: Point
    label: str | None


# Forms as parity-scale-codec documents them


@pytest.mark.parametrize(
    ("number", "encoded"),
    (
        (0, "00"),
        (1, "04"),
        (42, "a8"),
        (63, "fc"),
        (64, "0101"),
        (69, "1501"),
        (16_383, "fdff"),
        (16_384, "02000100"),
        (65_535, "feff0300"),
        (1_073_741_823, "feffffff"),
        (1_073_741_824, "0300000040"),
        ((1 << 32) - 1, "03ffffffff"),
        (1 << 32, "070000000001"),
        (100_000_000_000_000, "0b00407a10f35a"),
        ((1 << 64) - 1, "13ffffffffffffffff"),
        (MAX_U128, "33" + "ff" * 16),
        ((1 << 536) - 1, "ff" + "ff" * 67),
    ),
)
def test_compact_integers(number: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert compact(number) == data
    assert read_compact(data, 0) == (number, len(data))
    assert read_compact(b"\xaa" + data + b"\xbb", 1) == (number, 1 + len(data))


@pytest.mark.parametrize(
    ("kind", "value", "encoded"),
    (
        (bool, True, "01"),
        (bool, False, "00"),
        (U16, 42, "2a00"),
        (U32, 16_777_215, "ffffff00"),
        (U128, 1 << 64, "0000000000000000" + "0100000000000000"),
        (str, "Hamlet", "1848616d6c6574"),
        (str, "Война и мир", "50d092d0bed0b9d0bdd0b020d0b820d0bcd0b8d180"),
        (bytes, b"\1\2", "080102"),
        (list[U16], [4, 8, 15, 16, 23, 42], "18040008000f00100017002a00"),
        (tuple[Compact[U32], bool], (3, False), "0c00"),
        (U8 | None, 1, "0101"),
        (U8 | None, None, "00"),
        (bool | None, True, "0101"),
        (DueKey, 258, "0000000000000102"),
        (Address, b"\7" * 32, "00" + "07" * 32),
        (Colour, Colour.Blue, "07"),
        (Shape, Dot(), "00"),
        (Shape, Circle(Point(1, 2), None), "09" + "0100" + "08" + "00"),
        (Annotated[U32, Wrapped("a::B")], 7, "07000000"),
        (Compact[Annotated[U32, Wrapped("a::B")]], 7, "1c"),
        (tuple[()], (), ""),
        (type(None), None, ""),
    ),
    ids=str,
)
def test_encoded_forms(kind: Any, value: Any, encoded: str) -> None:
    codec, data = codec_of(kind), bytes.fromhex(encoded)
    assert codec.encode(value) == data
    assert codec.decode_all(data) == value


@pytest.mark.parametrize(
    ("kind", "size"), ((U8, 1), (tuple[U32, Bytes32], 36), (Point, None), (bytes, None), (bool, 1))
)
def test_fixed_widths_are_known(kind: Any, size: int | None) -> None:
    assert codec_of(kind).size == size


# Edges


def compact_of(kind: Any) -> Any:
    """`Compact[kind]` of a type that is only known when the test runs."""
    return Annotated[kind, Compacted()]


@pytest.mark.parametrize(("kind", "bits"), ((U8, 8), (U16, 16), (U32, 32), (U64, 64), (U128, 128), (U256, 256)))
@pytest.mark.parametrize("form", ("fixed", "compact"))
def test_integers_keep_to_their_width(kind: Any, bits: int, form: str) -> None:
    codec = codec_of(kind if form == "fixed" else compact_of(kind))
    for number in (0, 1, (1 << bits - 1), (1 << bits) - 1):
        assert codec.decode_all(codec.encode(number)) == number
    for number in (-1, 1 << bits, -(1 << bits), 1 << 600):
        with pytest.raises(EncodeError):
            codec.encode(number)


@pytest.mark.parametrize(("kind", "bits"), ((U8, 8), (U16, 16), (U32, 32), (U64, 64), (U128, 128), (U256, 256)))
def test_compact_integers_beyond_their_width_are_refused(kind: Any, bits: int) -> None:
    with pytest.raises(DecodeError, match="out of range"):
        codec_of(compact_of(kind)).decode_all(compact(1 << bits))


@pytest.mark.parametrize("number", (-1, 1 << 536))
def test_compact_integers_have_two_ends(number: int) -> None:
    with pytest.raises(EncodeError):
        compact(number)


@pytest.mark.parametrize(
    "encoded",
    (
        "0100",  # 0 in two bytes
        "fd00",  # 63 in two
        "02000000",  # 0 in four
        "fe000000",  # 63 in four
        "feff0000",  # 16 383 in four
        "0300000000",  # 0 in five
        "03ffffff3f",  # 2**30 - 1 in five
        "070000004000",  # 2**30 in six
        "07ffffffff00",  # 2**32 - 1 in six
        "33" + "ff" * 15 + "00",
    ),
)
def test_compact_integers_in_more_bytes_than_needed_are_refused(encoded: str) -> None:
    with pytest.raises(DecodeError, match="longer than it needs to be"):
        read_compact(bytes.fromhex(encoded), 0)
    with pytest.raises(DecodeError, match="longer than it needs to be"):
        codec_of(Compact[U128]).decode_all(bytes.fromhex(encoded))


@given(st.binary(max_size=70))
def test_compact_integers_have_one_form(data: bytes) -> None:
    try:
        number, end = read_compact(data, 0)
    except DecodeError:
        return
    assert compact(number) == data[:end]


@pytest.mark.parametrize("byte", (2, 3, 127, 255))
def test_a_bool_is_0_or_1(byte: int) -> None:
    with pytest.raises(DecodeError):
        codec_of(bool).decode_all(bytes((byte,)))


@pytest.mark.parametrize("byte", (2, 3, 127, 255))
def test_an_option_starts_with_0_or_1(byte: int) -> None:
    with pytest.raises(DecodeError, match=f"an option starts with 0 or 1, not {byte}"):
        codec_of(U8 | None).decode_all(bytes((byte, 0)))


def test_unknown_variants_are_refused() -> None:
    for index in set(range(256)) - {0, 9}:
        with pytest.raises(DecodeError, match=f"no variant {index}"):
            codec_of(Shape).decode_all(bytes((index,)) + bytes(40))
    for index in set(range(256)) - {0, 7}:
        with pytest.raises(DecodeError):
            codec_of(Colour).decode_all(bytes((index,)))
    with pytest.raises(EncodeError, match="is not a variant of Shape"):
        codec_of(Shape).encode(Point(1, 2))


@pytest.mark.parametrize(
    ("kind", "fits", "exceeds"),
    (
        (Annotated[bytes, Bound(3)], b"abc", b"abcd"),
        (Annotated[list[U16], Bound(2)], [1, 2], [1, 2, 3]),
        (Annotated[str, Bound(4)], "éé", "ééé"),  # bytes count, not characters
        (Annotated[bytes, Bound(0)], b"", b"a"),
    ),
    ids=str,
)
def test_bounds_hold_both_ways(kind: Any, fits: Any, exceeds: Any) -> None:
    bounded, unbounded = codec_of(kind), codec_of(kind.__origin__)
    assert bounded.decode_all(bounded.encode(fits)) == fits
    with pytest.raises(EncodeError, match="at most"):
        bounded.encode(exceeds)
    with pytest.raises(DecodeError, match="at most"):
        bounded.decode_all(unbounded.encode(exceeds))


@pytest.mark.parametrize(
    ("kind", "value"),
    (
        (Bytes32, bytes(31)),
        (Bytes32, bytes(33)),
        (AccountId, b""),
        (Address, bytes(31)),
        (Address, bytes(33)),
        (tuple[U8, U8], (1,)),
        (tuple[U8, U8], (1, 2, 3)),
        (tuple[()], (1,)),
        (str, "\ud800"),
        (DueKey, -1),
        (DueKey, 1 << 64),
        (list[U8], [0, 256]),
        (U8 | None, 256),
        (Point, Point(1 << 16, 0)),
        (Point, Point(0, 1 << 64)),
    ),
    ids=str,
)
def test_values_that_do_not_fit_are_refused(kind: Any, value: Any) -> None:
    with pytest.raises(EncodeError):
        codec_of(kind).encode(value)


def test_text_is_utf8() -> None:
    for raw in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"):
        with pytest.raises(DecodeError):
            codec_of(str).decode_all(compact(len(raw)) + raw)


def test_addresses_of_other_forms_are_carried() -> None:
    codec = codec_of(Address)
    for raw in (b"\1", b"\2\x08ab", b"\3" + bytes(32), b"\4" + bytes(20)):
        value = codec.decode_all(raw)
        assert type(value) is OtherAddress
        assert codec.encode(value) == raw
    for kind in range(5, 256):
        with pytest.raises(DecodeError, match=f"no variant {kind}"):
            codec.decode_all(bytes((kind,)) + bytes(64))


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(DecodeError, match="1 bytes follow the value of 4"):
        codec_of(U32).decode_all(bytes(5))


# What has no codec


@struct
class Nothing:
    pass


class Plain:
    pass


@pytest.mark.parametrize(
    "kind", (Plain, int, float, dict[str, U8], U8 | U16 | None, list[Nothing], list[tuple[()]]), ids=str
)
def test_types_without_a_form_are_refused_when_compiled(kind: Any) -> None:
    with pytest.raises(TypeError):
        codec_of(kind).encode  # noqa: B018 (asking compiles)


def test_runtime_types_need_a_runtime() -> None:
    kind = Annotated[Any, RuntimeType("Number")]
    with pytest.raises(TypeError, match="Number is known to a composed runtime only"):
        codec_of(list[kind]).encode  # noqa: B018
    number = codec_of(U16)
    codecs = Codecs({"Number": RuntimeCodec(number.encode, number.decode)})
    assert codecs.of(list[kind]).encode([1, 2]) == b"\x08\1\0\2\0"
    assert codecs.of(tuple[U8, kind]).decode_all(b"\1\2\0") == (1, 2)


def test_errors_are_one_family() -> None:
    assert issubclass(DecodeError, ScaleError)
    assert issubclass(EncodeError, ScaleError)
    assert issubclass(ScaleError, ValueError)
