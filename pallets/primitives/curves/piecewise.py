"""The piecewise curve: segments one after the other, each with a price of its own. Agent Wars' has two.

A segment's price is a polynomial of the supply, less a shortfall that fades: `drop / (k (k - 1))`, of which sums
telescope to `drop (1/(from - 1) - 1/(to - 1))`, so that a price that saturates can be summed up exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pallets.primitives.curves.shape import FallingPrices, Fraction, Shape, UnsoundShape, last_below, root_above
from pallets.primitives.types import Balance, Bound, struct

MAX_SEGMENTS = 8


@struct(path="pallet_curves::Segment")
class Segment:
    """(base + slope x supply + coefficient x supply² - drop / (supply (supply - 1))) / divisor, below a supply."""

    until: Balance
    """The supply at which the next segment begins."""
    base: Balance
    slope: Balance
    coefficient: Balance
    drop: Balance
    divisor: Balance

    def integral(self, start: int, end: int) -> Fraction:
        """The sum of the prices from one supply to another."""
        slope, coefficient, drop, per = self.slope, self.coefficient, self.drop, self.divisor
        total = self.base * (end - start)
        if slope or coefficient:
            evens = end * (end - 1) - start * (start - 1)
            squares = end * (end - 1) * (2 * end - 1) - start * (start - 1) * (2 * start - 1)
            total, per = 6 * total + 3 * slope * evens + coefficient * squares, 6 * per
        if not drop or start == end:
            return total, per
        terms = (start - 1) * (end - 1)
        return total * terms - drop * (end - start) * (per // self.divisor), per * terms

    def price(self, supply: int) -> Fraction:
        """The price of the next unit."""
        price = self.base + self.slope * supply + self.coefficient * supply * supply
        if not self.drop:
            return price, self.divisor
        terms = supply * (supply - 1)
        return price * terms - self.drop, self.divisor * terms

    def end_for(self, money: Fraction, start: int, end: int) -> int:
        """How far from `start` some money goes, at most to `end`."""
        budget = money[0] * self.divisor // money[1]
        price, per = self.price(start)  # and what comes on top only grows
        if price:
            end = min(start + money[0] * per // (money[1] * price), end)
        if self.slope:
            end = min(start + 1 + root_above(2 * budget // self.slope, 2), end)
        if self.coefficient:
            end = min(start + 1 + root_above(3 * budget // self.coefficient, 3), end)
        return last_below(money, end, lambda units: self.integral(start, units), self.price)


@struct(index=3)
class Piecewise(Shape):
    """Segments in ascending order; the last one's price holds beyond its end."""

    segments: Annotated[list[Segment], Bound(MAX_SEGMENTS)]

    def integral(self, units: int) -> Fraction:
        total, per, start = 0, 1, 0
        for segment in self.segments:
            end = segment.until if segment.until < units else units
            added, parts = segment.integral(start, end)
            total, per = total * parts + added * per, per * parts
            if end == units:
                break
            start = end
        return total, per

    def price(self, supply: int) -> Fraction:
        return next((each for each in self.segments if supply < each.until), self.segments[-1]).price(supply)

    def units_for(self, money: int, most: int) -> int:
        left, per, end = money, 1, 0
        for start, segment in self._from():
            end = min(segment.until, most)
            cost, parts = segment.integral(start, end)
            if cost * per > left * parts:
                return segment.end_for((left, per), start, end)
            left, per = left * parts - cost * per, per * parts
            if end == most:
                break
        return end

    def check(self, last: int) -> None:
        before: Segment | None = None
        for start, segment in self._from():
            if not segment.divisor:
                raise UnsoundShape("a divisor is zero")
            if segment.until <= start:
                raise UnsoundShape("a segment ends where it begins, or before")
            if segment.drop and start < 2:
                raise UnsoundShape("a shortfall begins at a supply of 2 or later")
            price, per = segment.price(start)
            earlier, parts = before.price(start - 1) if before else (0, 1)
            if price * parts < earlier * per:
                raise FallingPrices(f"the price falls at a supply of {start}")
            before = segment
        if before is None or before.until < last:
            raise UnsoundShape("the segments end before the supply does")

    def _from(self) -> Iterator[tuple[int, Segment]]:
        """Segments, and where they begin."""
        start = 0
        for segment in self.segments:
            yield start, segment
            start = segment.until
