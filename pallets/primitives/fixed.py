"""Fractions without floats: every division says how it rounds.

Mirrors `sp_arithmetic::{FixedU128, Perbill, Rounding}`.
"""

from __future__ import annotations

import enum

from pallets.primitives.types import U32, U128, struct

U128_MAX = (1 << 128) - 1
ONE = 10**18
BILLION = 10**9
MILLION = 10**6


class Rounding(enum.Enum):
    """What becomes of the remainder of a division."""

    DOWN = enum.auto()
    UP = enum.auto()
    NEAREST_DOWN = enum.auto()
    """To the nearest integer, half down."""
    NEAREST_UP = enum.auto()
    """To the nearest integer, half up."""


def mul_div(a: int, b: int, divisor: int, rounding: Rounding) -> int:
    """`a * b / divisor` of unsigned integers, exact before it is rounded; raises `ZeroDivisionError`."""
    quotient, remainder = divmod(a * b, divisor)
    if rounding is Rounding.UP:
        up = remainder > 0
    elif rounding is Rounding.NEAREST_UP:
        up = 2 * remainder >= divisor
    else:
        up = rounding is Rounding.NEAREST_DOWN and 2 * remainder > divisor
    return quotient + up


@struct(path="sp_arithmetic::fixed_point::FixedU128")
class FixedU128:
    """An unsigned number in units of 10⁻¹⁸; results saturate at the largest `u128`."""

    __unnamed__ = True

    inner: U128

    @classmethod
    def from_rational(cls, numerator: int, denominator: int) -> FixedU128:
        """The largest such number not above the fraction; raises `ZeroDivisionError`."""
        return cls(min(mul_div(numerator, ONE, denominator, Rounding.DOWN), U128_MAX))

    def mul_int(self, number: int) -> int:
        """`self * number`, rounded down (`saturating_mul_int`)."""
        return min(self.inner * number // ONE, U128_MAX)


@struct(path="sp_arithmetic::per_things::Permill")
class Permill:
    """A share of at most one, in millionths."""

    __unnamed__ = True

    parts: U32

    def of(self, amount: int, rounding: Rounding = Rounding.NEAREST_DOWN) -> int:
        """That share of an amount."""
        return mul_div(amount, self.parts, MILLION, rounding)


@struct(path="sp_arithmetic::per_things::Perbill")
class Perbill:
    """A share of at most one, in billionths."""

    __unnamed__ = True

    parts: U32

    @classmethod
    def from_percent(cls, percent: int) -> Perbill:
        """A share in percent; more than 100 is 100."""
        return cls(min(percent, 100) * (BILLION // 100))

    @classmethod
    def from_rational(cls, numerator: int, denominator: int) -> Perbill:
        """The fraction, rounded down; one where it is more than that or has no denominator."""
        if numerator >= denominator:
            return cls(BILLION)
        return cls(mul_div(numerator, BILLION, denominator, Rounding.DOWN))

    def of(self, amount: int, rounding: Rounding = Rounding.NEAREST_DOWN) -> int:
        """That share of an amount."""
        return mul_div(amount, self.parts, BILLION, rounding)
