"""Fractions against exact rational numbers, and values that `sp_arithmetic`'s own tests name."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.primitives.codec import codec_of
from pallets.primitives.fixed import BILLION, ONE, U128_MAX, FixedU128, Perbill, Rounding, mul_div

u128 = st.integers(0, U128_MAX)


@given(u128, u128, st.integers(1, U128_MAX))
def test_mul_div_is_exact_but_for_the_named_rounding(a: int, b: int, divisor: int) -> None:
    exact = Fraction(a * b, divisor)
    assert mul_div(a, b, divisor, Rounding.DOWN) == floor(exact)
    assert mul_div(a, b, divisor, Rounding.UP) == ceil(exact)
    half = Fraction(1, 2)
    assert -half < exact - mul_div(a, b, divisor, Rounding.NEAREST_DOWN) <= half
    assert -half <= exact - mul_div(a, b, divisor, Rounding.NEAREST_UP) < half


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [(Rounding.DOWN, 2), (Rounding.UP, 3), (Rounding.NEAREST_DOWN, 2), (Rounding.NEAREST_UP, 3)],
)
def test_a_half_goes_where_the_rounding_says(rounding: Rounding, expected: int) -> None:
    assert mul_div(5, 1, 2, rounding) == expected


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        mul_div(1, 1, 0, Rounding.DOWN)


@given(u128, u128)
def test_a_fixed_number_multiplies_rounded_down_and_saturates(inner: int, number: int) -> None:
    assert FixedU128(inner).mul_int(number) == min(floor(Fraction(inner * number, ONE)), U128_MAX)


def test_a_fixed_number_of_a_fraction() -> None:
    assert FixedU128.from_rational(1, 3) == FixedU128(333_333_333_333_333_333)
    assert FixedU128.from_rational(5, 2) == FixedU128(2_500_000_000_000_000_000)
    assert FixedU128.from_rational(U128_MAX, 1) == FixedU128(U128_MAX)
    assert FixedU128.from_rational(5, 2).mul_int(3) == 7


def test_one_on_the_wire_is_what_frames_metadata_has_as_default_multiplier() -> None:
    assert codec_of(FixedU128).encode(FixedU128(ONE)).hex() == "000064a7b3b6e00d0000000000000000"


@given(st.integers(0, BILLION), u128)
def test_a_share_of_an_amount_is_within_a_half(parts: int, amount: int) -> None:
    exact = Fraction(parts * amount, BILLION)
    assert abs(Perbill(parts).of(amount) - exact) <= Fraction(1, 2)
    assert Perbill(parts).of(amount, Rounding.DOWN) == floor(exact)
    assert Perbill(parts).of(amount, Rounding.UP) == ceil(exact)


def test_a_share_is_at_most_one() -> None:
    assert Perbill.from_percent(250) == Perbill(BILLION) == Perbill.from_percent(100)
    assert Perbill.from_rational(7, 5) == Perbill.from_rational(0, 0) == Perbill(BILLION)
    assert Perbill.from_rational(2, 3) == Perbill(666_666_666)
    assert Perbill.from_percent(50).of(3) == 1  # half down, as `Perbill * n` does
    assert codec_of(Perbill).encode(Perbill.from_percent(10)).hex() == "00e1f505"
