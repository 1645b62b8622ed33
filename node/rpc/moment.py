"""Moments of time as people write them, in milliseconds since the Unix epoch.

`2026-11-23T12:00:00Z`, `2026-11-23`, `Nov 23, 2026 12:00`, `Mon, 23 Nov 2026 12:00:00 GMT`: what JavaScript's
`Date.parse` takes, with the difference that a time without a zone is UTC, not the machine's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import product

LAST = 8_640_000_000_000_000
"""The end of JavaScript's time, in milliseconds."""
DATES = ("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d", "%m/%d/%Y")
TIMES = ("", " %H:%M", " %H:%M:%S")


class InvalidMoment(ValueError):
    """No moment of time, or one outside of 1970 to the year 275760."""


def moment_ms(given: object) -> int:
    """Milliseconds of a number of them, or of a date in words; raises `InvalidMoment`."""
    if isinstance(given, str):
        parsed = _parsed(given.strip())
        if parsed is None:
            raise InvalidMoment(f"Invalid date {given[:80]!r}: 2026-11-23T12:00:00Z is one, and so is 'Nov 23, 2026'")
        aware = parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
        since = aware - datetime(1970, 1, 1, tzinfo=UTC)
        given = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= LAST:
        raise InvalidMoment("Invalid date: a moment is a date, or a number of milliseconds since 1970")
    return given


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for date, time in product(DATES, TIMES):
        try:
            return datetime.strptime(text, date + time)
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
