"""One sr25519 verification: the unit in which the other figures are read."""

from __future__ import annotations

import time

from pallets.primitives.keys import dev_keypair, verify_sr25519

PAYLOAD = bytes(120)
"""About as long as the signed payload of a transfer."""
WINDOW_SECONDS = 0.5
"""A machine shared with others is fast one moment and slow the next: a short look meets one of them, a run both."""


def verify_us() -> float:
    """Microseconds of one verification, the mean of half a second; to be taken while nothing else runs."""
    pair = dev_keypair("Alice")
    signature, public = pair.sign(PAYLOAD), pair.public
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < WINDOW_SECONDS:
        verify_sr25519(signature, PAYLOAD, public)
        count += 1
    return (time.perf_counter() - started) / count * 1e6
