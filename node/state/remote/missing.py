"""What is raised where a state isn't here yet, and the loop that brings it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from node.state.remote.errors import CacheExhausted

Child: TypeAlias = bytes | None
"""A child trie's name, without the prefix that its root hangs under; `None` for the top trie."""

T = TypeVar("T")
MAX_REPEATS = 3
MAP_SIZE = 32
"""Of what the keys of a storage map start with: the hashes of its pallet's and its own name."""


class Want(NamedTuple):
    """A key whose value is asked for, or on whose way a node is that is missing; it need not be there."""

    child: Child
    key: bytes


class Page(NamedTuple):
    """The keys of a trie that start with `prefix` and are greater than `after`, as many as are worth one question."""

    child: Child
    prefix: bytes
    after: bytes | None
    """`None` for all under the prefix, itself included."""


def likely_prefix(start: bytes, prefix: bytes) -> bytes:
    """Under what somebody reads who asks for the keys from `start` on under a prefix: one storage map, most often."""
    return prefix if len(prefix) >= MAP_SIZE or len(start) < MAP_SIZE else start[:MAP_SIZE]


class Missing(Exception):
    """Something of the forked chain's state isn't here yet.

    The rule: what reads a state keeps nothing when this rises through it. Nobody between the read and the nearest door
    that may wait catches it, but to add to it what is missing as well. There `reading` fetches it, and begins anew.
    """

    def __init__(self, wants: Iterable[Want], page: Page | None = None) -> None:
        self.wants, self.page = frozenset(wants), page
        super().__init__(f"{len(self.wants)} keys of the forked chain's state are not here yet: read them by `reading`")


class Fetches(Protocol):
    """Who brings what is missing."""

    async def fetch(self, missing: Missing, /) -> None:
        """Returns once all of it is here; raises why it can't be had."""
        ...


async def reading(fetcher: Fetches, work: Callable[[], T]) -> T:
    """What `work` answers, which is done again after each `Missing`; it must not answer a lazy iterator of a state.

    Raises what `work` and `Fetches.fetch` do, and `CacheExhausted` where what was fetched is gone again and again.
    """
    repeats: dict[tuple[frozenset[Want], Page | None], int] = {}
    while True:
        try:
            return work()
        except Missing as missing:
            what = missing.wants, missing.page
            repeats[what] = repeats.get(what, 0) + 1
            if repeats[what] > MAX_REPEATS:
                raise CacheExhausted("one piece of work needs more of the forked state than the cache holds") from None
            await fetcher.fetch(missing)
