"""The quadratic curve: the price grows with the square of the supply. friend.tech's is k²/16000."""

from __future__ import annotations

from pallets.primitives.curves.shape import Fraction, Shape, UnsoundShape, last_below, root_above
from pallets.primitives.types import Balance, struct


@struct(index=1)
class Quadratic(Shape):
    """(base + coefficient x supply²) / divisor."""

    base: Balance
    coefficient: Balance
    divisor: Balance

    def integral(self, units: int) -> Fraction:
        squares = (units - 1) * units * (2 * units - 1)
        return 6 * self.base * units + self.coefficient * squares, 6 * self.divisor

    def price(self, supply: int) -> Fraction:
        return self.base + self.coefficient * supply * supply, self.divisor

    def units_for(self, money: int, most: int) -> int:
        budget = money * self.divisor
        if self.base:
            most = min(budget // self.base, most)
        if self.coefficient:  # the sum of the first squares is more than (n - 1)³/3
            most = min(1 + root_above(3 * budget // self.coefficient, 3), most)
        return last_below((money, 1), most, self.integral, self.price)

    def check(self, last: int) -> None:
        if not self.divisor:
            raise UnsoundShape("the divisor is zero")
