"""A codec reads strangers' bytes: whatever they are, it answers a value that encodes to them, or a `DecodeError`."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Era, MultiSignature
from pallets.primitives.header import DigestItem, Header
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.types import (
    H256,
    U8,
    U16,
    U32,
    U64,
    U128,
    AccountId,
    Address,
    Bound,
    Compact,
    DueKey,
    Wrapped,
    struct,
)
from tests.pallets.primitives.test_codec import MAX_U128, Circle, Colour, Dot, Point, Shape


@struct
class Everything:
    """One of each, nested."""

    flag: bool
    small: U8
    number: U64
    amount: U128
    tip: Compact[U128]
    due: DueKey
    who: AccountId
    to: Address
    hash: H256
    text: str
    data: Annotated[bytes, Bound(4)]
    numbers: Annotated[list[U16], Bound(3)]
    maybe: U32 | None
    pair: tuple[U8, Colour]
    shapes: list[Shape]
    era: Era
    wrapped: Annotated[U32, Wrapped("a::B")]


accounts = st.binary(min_size=32, max_size=32)
points = st.builds(Point, st.integers(0, (1 << 16) - 1), st.integers(0, (1 << 64) - 1))
everything = st.builds(
    Everything,
    st.booleans(),
    st.integers(0, 255),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, MAX_U128),
    st.integers(0, MAX_U128),
    st.integers(0, (1 << 64) - 1),
    accounts,
    accounts,
    accounts,
    st.text(max_size=6),
    st.binary(max_size=4),
    st.lists(st.integers(0, (1 << 16) - 1), max_size=3),
    st.none() | st.integers(0, (1 << 32) - 1),
    st.tuples(st.integers(0, 255), st.sampled_from(Colour)),
    st.lists(st.just(Dot()) | st.builds(Circle, points, st.none() | st.text(max_size=3)), max_size=3),
    st.just(Era()) | st.builds(Era.mortal, st.just(64), st.integers(0, 1000)),
    st.integers(0, (1 << 32) - 1),
)
EVERYTHING = codec_of(Everything)


@given(everything)
def test_what_is_encoded_decodes_to_itself(value: Everything) -> None:
    data = EVERYTHING.encode(value)
    assert EVERYTHING.decode_all(data) == value
    assert EVERYTHING.decode(b"before" + data + b"behind", 6) == (value, 6 + len(data))


@given(everything)
def test_data_that_ends_early_is_refused_wherever_it_ends(value: Everything) -> None:
    data = EVERYTHING.encode(value)
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            EVERYTHING.decode_all(data[:end])


@given(everything, st.data())
def test_damaged_data_is_a_value_or_refused(value: Everything, data: st.DataObject) -> None:
    encoded = bytearray(EVERYTHING.encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    decodes_to_itself_or_is_refused(Everything, bytes(encoded))


@pytest.mark.parametrize(
    "kind",
    (
        Everything,
        Shape,
        Header,
        DigestItem,
        MultiSignature,
        Era,
        Address,
        list[list[str]],
        list[tuple[Colour, bool | None]],
    ),
    ids=str,
)
@given(data=st.binary(max_size=200))
def test_random_bytes_are_a_value_or_refused(kind: Any, data: bytes) -> None:
    decodes_to_itself_or_is_refused(kind, data)


def decodes_to_itself_or_is_refused(kind: Any, data: bytes) -> None:
    codec = codec_of(kind)
    try:
        value, end = codec.decode(data, 0)
    except DecodeError:
        return
    assert codec.encode(value) == data[:end]


@pytest.mark.parametrize(
    "kind", (bytes, str, list[U8], list[U128], list[Shape], Annotated[bytes, Bound(1 << 40)]), ids=str
)
@pytest.mark.parametrize("count", (1, 1 << 20, (1 << 32) - 1, (1 << 536) - 1))
def test_a_length_beyond_the_data_is_refused_before_anything_is_made(kind: Any, count: int) -> None:
    with pytest.raises(DecodeError, match=r"do not fit|at most"):
        codec_of(kind).decode_all(compact(count))
