"""Storage queries as `chainHead_v1_storage` and `archive_v1_storage` take them, and what they find, a slice at a time.

## Usage

```python
@method()
def …(node: Context, hash: Hash, items: StorageItems, child_trie: Hex | None = None): ...

for found in found_items(state_after(node.chain, hash), items, child_trie):
    ...  # send what was found, if anything, and let others run
```
A view of a state holds only while the head of the chain stays where it is, so each slice asks for the state anew: what
that raises comes out of the generator.

## Out of scope

Child tries: no pallet has one, so nothing is found in any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Annotated, Any, NamedTuple

from node.chain.tree import Chain
from node.rpc.context import to_hex
from node.rpc.registry import GatedBy, bounded_list, hex_bytes
from node.state.backend import State
from node.state.forked import closest_in
from node.state.view import candidates_from
from pallets.primitives.hashing import blake2_256

DESCENDANTS = ("descendantsValues", "descendantsHashes")
KINDS = ("value", "hash", "closestDescendantMerkleValue", *DESCENDANTS)

SLICE_KEYS = 64
"""Looked at before others run, there or not: of an old block each costs some look-ups on disk."""
SLICE_BYTES = 64 * 1024
"""Of values found before others run, or before that by one value."""


class StorageItem(NamedTuple):
    """One thing asked for: `kind` is one of `KINDS`; the descendants listed are those behind key `after`."""

    key: bytes
    kind: str
    after: bytes | None = None


def storage_items(value: Any) -> list[StorageItem]:
    """A list of `{key, type}`; raises `ValueError`."""
    return [_item(each) for each in bounded_list(value)]


def paginated_storage_items(value: Any) -> list[StorageItem]:
    """A list of `{key, type, paginationStartKey}`, the last optional; raises `ValueError`."""
    items = []
    for item, given in zip(storage_items(value), value, strict=True):
        start = given.get("paginationStartKey")
        if start is not None and item.kind not in DESCENDANTS:
            raise ValueError(f"paginationStartKey is for {' and '.join(DESCENDANTS)}, not for {item.kind}")
        items.append(item if start is None else item._replace(after=hex_bytes(start)))
    return items


def _item(value: Any) -> StorageItem:
    if not isinstance(value, dict):
        raise ValueError("an item is an object with key and type")
    kind = value.get("type")
    if kind not in KINDS:
        raise ValueError(f"the type of an item is one of {', '.join(KINDS)}")
    return StorageItem(hex_bytes(value.get("key")), kind)


StorageItems = Annotated[list[StorageItem], GatedBy(storage_items)]
PaginatedStorageItems = Annotated[list[StorageItem], GatedBy(paginated_storage_items)]


def state_after(chain: Chain, block_hash: bytes) -> Callable[[], State]:
    """Gives the state after a block, as `Chain.state_at`, which is asked again where the head has moved."""
    head = b""
    state: State | None = None

    def give() -> State:
        nonlocal head, state
        if state is None or head != chain.best.hash:
            head, state = chain.best.hash, chain.state_at(block_hash)
        return state

    return give


def found_items(
    state: Callable[[], State], items: list[StorageItem], child_trie: bytes | None
) -> Iterator[list[dict[str, str]]]:
    """What is found, in the order of the items, as `{key, value | hash | closestDescendantMerkleValue}`.

    Each slice is at most a few milliseconds of work, and may have found nothing. What isn't there has no result.
    """
    if child_trie is not None:
        return
    for item in items:
        if item.kind in DESCENDANTS:
            yield from _descendants(state, item)
        else:
            found = _found(state(), item.key, item.kind)
            yield [] if found is None else [found]


def _descendants(state: Callable[[], State], item: StorageItem) -> Iterator[list[dict[str, str]]]:
    kind = "value" if item.kind == "descendantsValues" else "hash"
    start = item.key if item.after is None or item.after < item.key else item.after + b"\0"
    while True:
        now = state()
        found: list[dict[str, str]] = []
        size = 0
        keys = takewhile(lambda key: key.startswith(item.key), candidates_from(now, start))
        for count, key in enumerate(keys, 1):
            result = _found(now, key, kind)
            if result is not None:
                found.append(result)
                size += len(result[kind])
            if count >= SLICE_KEYS or size >= SLICE_BYTES:
                start = key + b"\0"
                break
        else:
            yield found
            return
        yield found


def _found(state: State, key: bytes, kind: str) -> dict[str, str] | None:
    if kind == "closestDescendantMerkleValue":
        found = closest_in(state, key)
    else:
        found = state.get(key)
        if found is not None and kind == "hash":
            found = blake2_256(found)
    return None if found is None else {"key": to_hex(key), kind: to_hex(found)}
