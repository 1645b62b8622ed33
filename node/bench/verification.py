"""One sr25519 verification: the unit in which the other figures are read."""

from __future__ import annotations

import time
from statistics import median

from pallets.primitives.keys import dev_keypair, verify_sr25519

PAYLOAD = bytes(120)
"""About as long as the signed payload of a transfer."""
SAMPLES = 1500


def verify_us() -> float:
    """Microseconds of one verification, the median of many; to be taken while nothing else runs."""
    pair = dev_keypair("Alice")
    signature, public = pair.sign(PAYLOAD), pair.public
    taken = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        verify_sr25519(signature, PAYLOAD, public)
        taken.append(time.perf_counter() - started)
    return median(taken) * 1e6
