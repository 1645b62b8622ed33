"""Amounts of money and tokens, shares and durations, as people write them.

A number alone is in the smallest units, as everywhere on this command line; with the symbol behind it, it is in whole
ones: `2.5UNIT`, `10 WTHR`. Nothing is rounded when it is read; printed amounts have as many digits as they need.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from offchain.trading.errors import NotAnAmount

MILLISECONDS = {"": 1, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MOST_DIGITS = len(str(2**128))
"""Of an amount, before the point."""
AMOUNT = re.compile(r"(\d+)(?:\.(\d+))?\s*(\S*)", re.ASCII)


class Unit(NamedTuple):
    """A money or a token: its symbol, and how many decimals a whole one has."""

    symbol: str
    decimals: int

    @property
    def whole(self) -> int:
        """One, in its smallest units."""
        found: int = 10**self.decimals
        return found

    def parse(self, text: str) -> int:
        """An amount in smallest units; raises `NotAnAmount`."""
        found = AMOUNT.fullmatch(text.strip().replace("_", ""))
        if found is None:
            raise NotAnAmount(f"{text!r} is no amount: write {self._example}")
        digits, fraction, symbol = found.group(1), found.group(2) or "", found.group(3)
        if len(digits) > MOST_DIGITS:
            raise NotAnAmount(f"{digits[:8]}… is more than there can be of anything")
        if not symbol:
            if fraction:
                raise NotAnAmount(f"{text!r} could be of whole ones or of smallest units: write {self._example}")
            return int(digits)
        if symbol.lower() != self.symbol.lower():
            raise NotAnAmount(f"{text!r} is of {symbol}, but it has to be of {self.symbol}: write {self._example}")
        if len(fraction.rstrip("0")) > self.decimals:
            raise NotAnAmount(f"{text!r} is finer than the smallest unit: {self.symbol} has {self.decimals} decimals")
        return int(digits) * self.whole + int(fraction.rstrip("0").ljust(self.decimals, "0") or 0)

    def text(self, amount: int) -> str:
        """An amount with its symbol."""
        whole, parts = divmod(amount, self.whole)
        fraction = f".{parts:0{self.decimals}}".rstrip("0") if parts else ""
        return f"{whole:,}{fraction} {self.symbol}".rstrip()

    @property
    def _example(self) -> str:
        return f"1.5{self.symbol}, or 1500 for smallest units" if self.decimals else f"15{self.symbol}, or 15"


def percent(text: str) -> int:
    """Millionths of a percentage as `1%` or `0.5`; raises `NotAnAmount`."""
    found = re.fullmatch(r"(\d+)(?:\.(\d{1,4}))?%?", text.strip(), re.ASCII)
    millionths = -1 if found is None else int(found.group(1)) * 10_000 + int((found.group(2) or "").ljust(4, "0"))
    if not 0 <= millionths <= 1_000_000:
        raise NotAnAmount(f"{text!r} is no percentage from 0 to 100: write 1%, or 0.5%")
    return millionths


def duration(text: str) -> int:
    """Milliseconds of `90s`, `5m`, `2h` or `30d`, or of a number alone; raises `NotAnAmount`."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d|)", text.strip(), re.ASCII)
    if found is None:
        raise NotAnAmount(f"{text!r} is no duration: write 90s, 5m, 2h or 30d, or 1500 for milliseconds")
    return int(found.group(1)) * MILLISECONDS[found.group(2)]


def share(millionths: int) -> str:
    """A share in percent."""
    return f"{millionths / 10_000:g} %"


def moment(milliseconds: int) -> str:
    """A time, of milliseconds since 1970."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
