"""What is known of a state whose endpoints give no proofs: what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from node.state.remote.cache import Cache
from node.state.remote.errors import NoProofs
from node.state.remote.missing import Child, Missing, Page, Want, likely_prefix

MAX_BYTES = 256 << 20
"""Of keys and values in memory; with more it starts over."""


class BelievedState:
    """Values by key, and pages of keys between which there are no others."""

    proves = False

    def __init__(self, block: bytes, cache: Cache | None, max_bytes: int = MAX_BYTES) -> None:
        self._block, self._cache, self._limit = block, cache, max_bytes
        self._clear()

    def _clear(self) -> None:
        self._bytes = 0
        self._values: dict[Want, bytes | None] = {}
        self._pages: dict[Page, tuple[list[bytes], bool]] = {}
        self._listed: dict[Want, tuple[Page, int]] = {}
        """In which page a key is, and where."""

    def root(self, child: Child) -> None:
        return None

    def get(self, want: Want) -> bytes | None:
        if want not in self._values:
            kept = None if self._cache is None else self._cache.value(self._block, want)
            if kept is None:
                raise Missing((want,))
            self._hold({want: kept[0]})
        return self._values[want]

    def node(self, child: Child, path: str) -> bytes | None:
        raise NoProofs("no endpoint of the forked chain gives read proofs, so its blocks have no true state root here")

    def keys_from(self, child: Child, start: bytes, prefix: bytes) -> Iterator[bytes]:
        """As `ProvenTrie.keys_from`."""
        near, after = likely_prefix(start, prefix), None if start == prefix else start
        if start not in (near, prefix):
            before = start[:-1]  # who goes on behind a key starts at the least that is greater
            if start[-1:] == b"\0" and Want(child, before) in self._listed:
                after = before
            elif self.get(Want(child, start)) is not None:
                yield start
        if near != prefix:
            for key in self._under(child, None if start == near else after, near):
                yield key
                after = key
        yield from self._under(child, after, prefix)

    def _under(self, child: Child, after: bytes | None, prefix: bytes) -> Iterator[bytes]:
        while True:
            keys, is_end = self._after(Page(child, prefix, after))
            for key in keys:
                if not key.startswith(prefix):
                    return
                yield key
            if is_end:
                return
            after = keys[-1]

    def lacks(self, want: Want) -> bool:
        """Whether nothing is known of a key."""
        try:
            self.get(want)
        except Missing:
            return True
        return False

    def lacks_page(self, page: Page) -> bool:
        """Whether nothing is known of what follows on a key."""
        try:
            self._after(page)
        except Missing:
            return True
        return False

    def take_values(self, values: Mapping[Want, bytes | None]) -> None:
        """Takes note of values."""
        self._hold(values)
        if self._cache is not None:
            self._cache.keep_values(self._block, values)

    def take_page(self, page: Page, keys: list[bytes], is_end: bool) -> None:
        """Takes note of the keys that follow."""
        self._hold_page(page, keys, is_end)
        if self._cache is not None:
            self._cache.keep_page(self._block, page, keys, is_end)

    def _after(self, page: Page) -> tuple[list[bytes], bool]:
        if page.after is not None and (place := self._place(page.child, page.after, page.prefix)) is not None:
            around, index = place
            keys, is_end = self._pages[around]
            if index + 1 < len(keys) or is_end:
                return keys[index + 1 :], is_end
        if page not in self._pages:
            kept = None if self._cache is None else self._cache.page(self._block, page)
            if kept is None:
                raise Missing((), page)
            self._hold_page(page, *kept)
        return self._pages[page]

    def _place(self, child: Child, key: bytes, prefix: bytes) -> tuple[Page, int] | None:
        """The page that lists a key and what follows it under the prefix."""
        place = self._listed.get(Want(child, key))
        return place if place is not None and prefix.startswith(place[0].prefix) else None

    def _hold(self, values: Mapping[Want, bytes | None]) -> None:
        self._make_room()
        for want, value in values.items():
            self._values[want] = value
            self._bytes += len(want.key) + len(value or b"")

    def _hold_page(self, page: Page, keys: list[bytes], is_end: bool) -> None:
        self._make_room()
        self._pages[page] = keys, is_end
        for index, key in enumerate(keys):
            self._listed[Want(page.child, key)] = page, index
            self._bytes += len(key)

    def _make_room(self) -> None:
        if self._bytes > self._limit:
            self._clear()
