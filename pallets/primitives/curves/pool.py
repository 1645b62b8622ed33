"""A pool as the chain remembers it, and what a swap gives and takes: a constant product, rounded in its favour."""

from __future__ import annotations

from pallets.primitives.curves.record import MILLION
from pallets.primitives.types import U32, Balance, UnitEnum, struct


class Side(UnitEnum):
    """Which way a swap goes."""

    __type_path__ = "pallet_pools::Side"
    Buy = 0
    """Money in, tokens out."""
    Sell = 1
    """Tokens in, money out."""


@struct(path="pallet_pools::Pool")
class Pool:
    """A pool's record."""

    token: U32
    base: Balance
    """The reserve of money."""
    tokens: Balance
    """The reserve of tokens."""

    def reserves(self, side: Side) -> tuple[int, int]:
        """What there is of what comes in, and of what goes out."""
        return (self.base, self.tokens) if side is Side.Buy else (self.tokens, self.base)

    def out_for(self, side: Side, amount: int, fee: int) -> int:
        """What an exact amount gets, rounded down; `fee` in millionths of what comes in."""
        before, there = self.reserves(side)
        counted = amount * (MILLION - fee)
        return counted * there // (before * MILLION + counted)

    def in_for(self, side: Side, amount: int, fee: int) -> int | None:
        """What an exact amount costs, rounded up; `None` of as much as there is, or more."""
        before, there = self.reserves(side)
        if amount >= there:
            return None
        return -(-before * amount * MILLION // ((there - amount) * (MILLION - fee)))
