"""How many calls one connection may make: so many a minute, and no more than so many at once.

## Usage

`delay` takes a call out of the allowance, and answers for how long its caller has to wait before it is carried out:
nobody is refused, as in Substrate, whose server holds calls up too.

Source: the generic cell rate algorithm, as `governor::Quota::per_minute` of `sc_rpc_server` counts.
"""

from __future__ import annotations

MINUTE = 60.0


class RateLimit:
    """The allowance of one connection, full at the beginning."""

    def __init__(self, per_minute: int, now: float) -> None:
        """`now` and all later times are in seconds, of any clock that doesn't go back."""
        self._interval = MINUTE / per_minute
        self._due = now - MINUTE
        """When the allowance would be empty, if calls had come evenly."""

    def delay(self, now: float, calls: int = 1) -> float:
        """Seconds to wait before these calls."""
        self._due = max(self._due, now - MINUTE) + calls * self._interval
        return max(self._due - now, 0.0)
