"""Searching a key whose address holds a word, as `subkey vanity` does.

The score of an address is that of the longest beginning of the word in it, the better the further in front. The search
ends with the whole word right behind the address's first character, or in front.
"""

from __future__ import annotations

from collections.abc import Callable

from pallets.primitives import ss58
from pallets.primitives.keys import Keypair, Scheme

FRESH_EVERY = 100_000
WAYPOINTS = ((1_000_000, 100_000), (10_000_000, 1_000_000), (100_000_000, 10_000_000))
"""Up to how many keys the progress is told after how many."""
SEED_BITS = 256


def search(
    pattern: str, scheme: Scheme, prefix: int, fresh_seed: Callable[[], bytes], progress: Callable[[str], None]
) -> bytes:
    """The seed (32 bytes) of a key with the best score; it takes 58 times longer with each character of the pattern."""
    progress(f"Generating key containing pattern '{pattern}'")
    top, best, done, seed = 45 + len(pattern) * 48, 0, 0, 0
    while True:
        seed = int.from_bytes(fresh_seed(), "little") if done % FRESH_EVERY == 0 else (seed + 1) % (1 << SEED_BITS)
        data = seed.to_bytes(32, "little")
        found = score(pattern, ss58.encode(Keypair.from_seed(data, scheme).account_id, prefix))
        if found > best or len(pattern) < 2:
            best = found
            if best >= top:
                progress(f"best: {best} == top: {top}")
                return data
        done += 1
        if done % _waypoint(done) == 0:
            progress(f"{done} keys searched; best is {best}/{top} complete")


def score(pattern: str, address: str) -> int:
    """How well an address shows a pattern; 0 where not even its first character is there."""
    for size in range(len(pattern), 0, -1):
        place = address.find(pattern[:size])
        if place >= 0:
            return 47 - place + size * 48
    return 0


def _waypoint(done: int) -> int:
    return next((every for limit, every in WAYPOINTS if done <= limit), 100_000_000)
