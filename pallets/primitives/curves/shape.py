"""What every kind of curve answers: the exact sum of its prices, the price at a supply, and how far some money goes.

Fractions are pairs of unbounded integers, numerator and denominator above zero; only a reserve is rounded, upwards.
Prices never fall as the supply grows, which `check` sees to, so the sum is convex.

## Errors

`UnsoundShape`: there is no such curve. `FallingPrices`: there is, but its prices fall somewhere.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from pallets.primitives.types import Variant

Fraction = tuple[int, int]
"""Numerator and denominator."""


class UnsoundShape(ValueError):
    """The parameters make no curve, or none of this length."""


class FallingPrices(UnsoundShape):
    """The price falls, or is below zero, somewhere."""


class Shape(Variant):
    """How the price of a unit depends on the supply; money and units in their smallest parts."""

    __type_path__ = "pallet_curves::Shape"

    @abstractmethod
    def integral(self, units: int) -> Fraction:
        """The sum of the prices of the first units, exactly."""

    @abstractmethod
    def price(self, supply: int) -> Fraction:
        """The price at a supply: of the next unit, or of an infinitely small part of it where the curve has those."""

    @abstractmethod
    def units_for(self, money: int, most: int) -> int:
        """The most units whose reserve is at most this money, but no more than `most`."""

    @abstractmethod
    def check(self, last: int) -> None:
        """Raises `UnsoundShape` unless this is a curve up to that supply."""

    def reserve(self, units: int) -> int:
        """What must be there for the first units, so that all can be sold back."""
        numerator, denominator = self.integral(units)
        return -(-numerator // denominator)


def last_below(
    money: Fraction, start: int, integral: Callable[[int], Fraction], price: Callable[[int], Fraction]
) -> int:
    """The largest number of units whose integral is at most some money; `start` is no less than that.

    Newton's method from above: a tangent of a convex sum lies below it, so no step goes too far. `price(n)` is the
    difference of the integrals of n + 1 and n.
    """
    (amount, parts), units = money, start
    while True:
        numerator, denominator = integral(units)
        excess = numerator * parts - amount * denominator
        if excess <= 0:
            return units
        rise, per = price(units - 1)
        units += -excess * per // (rise * denominator * parts)


def root_above(number: int, degree: int) -> int:
    """A power of two above the root of a number, at most about twice as large."""
    return 1 << -(-number.bit_length() // degree)
