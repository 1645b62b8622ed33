"""The constant product: a pool that begins with a virtual reserve of money and one of tokens, as pump.fun's.

What is sold leaves the virtual tokens, what is paid joins the virtual base, and their product stays as it was.
"""

from __future__ import annotations

from pallets.primitives.curves.shape import Fraction, Shape, UnsoundShape
from pallets.primitives.types import Balance, struct


@struct(index=2)
class Product(Shape):
    """base x tokens / (tokens - supply)², at the margin."""

    base: Balance
    tokens: Balance

    def integral(self, units: int) -> Fraction:
        return self.base * units, self.tokens - units

    def price(self, supply: int) -> Fraction:
        left = self.tokens - supply
        return self.base * self.tokens, left * left

    def units_for(self, money: int, most: int) -> int:
        return min(money * self.tokens // (self.base + money), most)

    def check(self, last: int) -> None:
        if not self.base:
            raise UnsoundShape("the virtual base is zero")
        if last >= self.tokens:
            raise UnsoundShape("the virtual tokens don't outlast the supply")
