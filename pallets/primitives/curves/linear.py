"""The linear curve: every unit costs the same more than the one before."""

from __future__ import annotations

from math import isqrt

from pallets.primitives.curves.shape import Fraction, Shape, UnsoundShape
from pallets.primitives.types import Balance, struct


@struct(index=0)
class Linear(Shape):
    """(base + slope x supply) / divisor."""

    base: Balance
    slope: Balance
    divisor: Balance

    def integral(self, units: int) -> Fraction:
        return units * (2 * self.base + self.slope * (units - 1)), 2 * self.divisor

    def price(self, supply: int) -> Fraction:
        return self.base + self.slope * supply, self.divisor

    def units_for(self, money: int, most: int) -> int:
        base, slope, budget = self.base, self.slope, money * self.divisor
        if slope:  # slope n² + linear n <= 2 budget
            linear = 2 * base - slope
            return min((isqrt(linear * linear + 8 * slope * budget) - linear) // (2 * slope), most)
        return min(budget // base, most) if base else most

    def check(self, last: int) -> None:
        if not self.divisor:
            raise UnsoundShape("the divisor is zero")
