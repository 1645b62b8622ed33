"""Storage against models of it: Substrate's own cases, and random sequences over dicts that are copied."""

from __future__ import annotations

import random
from copy import deepcopy

import pytest

from node.wasm.backend import DEFAULT_CHILD_STORAGE, FullState
from node.wasm.errors import UnbalancedTransactions
from node.wasm.overlay import Appended, Removed, Storage
from pallets.primitives.scale import compact
from tests.node.state.naive_trie import naive_root
from tests.node.wasm.stage import storage_of

LIST = bytes((0x13, 0))
KEYS = [bytes(key) for key in ((1,), (1, 1), (1, 2), (2,), (2, 0, 0), (3,), (0x13, 7), (0xFF,))]


@pytest.mark.parametrize("child", [None, b"child"])
def test_next_keys(child: bytes | None) -> None:
    """`sp_state_machine::ext::tests::{next_storage_key_works, next_child_storage_key_works}`."""
    below = {bytes((key,)): bytes((key,)) for key in (10, 20, 40)}
    storage = storage_of(below) if child is None else storage_of({}, {child: below})
    storage.put(bytes((20,)), None, child)
    storage.put(bytes((30,)), b"\x1f", child)
    for key, expected in ((5, 10), (10, 30), (20, 30), (30, 40)):
        assert storage.next_key(bytes((key,)), child) == bytes((expected,))
    assert storage.next_key(bytes((40,)), child) is None
    storage.put(bytes((50,)), b"\x32", child)
    assert storage.next_key(bytes((40,)), child) == bytes((50,))
    storage.start_transaction()
    storage.put(bytes((35,)), b"", child)
    assert storage.next_key(bytes((30,)), child) == bytes((35,))
    storage.rollback_transaction()
    assert storage.next_key(bytes((30,)), child) == bytes((40,))


def test_child_roots_are_out_of_reach() -> None:
    """`sp_state_machine::ext::tests::clear_prefix_cannot_delete_a_child_root`."""
    storage = storage_of({}, {b"Child1": {b"\x1e": b"\x28"}})
    other = b":chiXd_storage:path"
    storage.put(other, b"\n")
    for prefix in (b"", b":chi", b":child_storage:", b":child_storage:default:Child1"):
        assert storage.clear_prefix(prefix) == Removed(True, 0)
    assert storage.get(b"\x1e", b"Child1") == b"\x28"
    assert storage.get(other) == b"\n"
    storage.clear_prefix(other[:5])
    assert storage.get(other) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, b"\x04i"),
        (b"", b"\x04i"),
        (b"\x08ab", b"\x0cabi"),
        (b"\x00rest", b"\x04resti"),
        (b"\x01", b"\x04i"),  # a compact number that ends early
        (b"\x02\x00\x00", b"\x04i"),
        (b"\x03\x00\x00\x00", b"\x04i"),
        (b"\x01\x00", b"\x04i"),  # one that is longer than it needs to be
        (b"\x07\x00\x00\x00\x00\x01", b"\x04i"),  # one of more than 32 bits
        (compact(63) + b"x", compact(64) + b"xi"),
        (compact(16383) + b"x", compact(16384) + b"xi"),
        (compact((1 << 30) - 1) + b"x", compact(1 << 30) + b"xi"),
    ],
)
def test_appending(before: bytes | None, after: bytes) -> None:
    in_state = storage_of({} if before is None else {b"k": before})
    in_state.append(b"k", b"i")
    written = storage_of({b"k": b"other"})
    written.put(b"k", before)
    written.append(b"k", b"i")
    assert in_state.get(b"k") == written.get(b"k") == after


def test_appended_versions_do_not_meet() -> None:
    storage = storage_of({})
    for _ in range(70):
        storage.append(b"k", b"a")
    assert storage.get(b"k") == compact(70) + b"a" * 70
    storage.start_transaction()
    storage.append(b"k", b"b")
    storage.start_transaction()
    storage.append(b"k", b"c")
    storage.rollback_transaction()
    storage.append(b"k", b"d")
    assert storage.get(b"k") == compact(72) + b"a" * 70 + b"bd"
    storage.rollback_transaction()
    storage.append(b"k", b"e")
    assert storage.changes().top == {b"k": compact(71) + b"a" * 70 + b"e"}
    first = Appended([b"x"], 1)
    assert [first.with_item(item).encoded() for item in (b"y", b"z")] == [b"\x08xy", b"\x08xz"]
    assert first.encoded() == b"\x04x"


def listed(encoded: bytes) -> bytes:
    """A list of fewer than 63 items, and one more."""
    return compact((encoded[0] >> 2) + 1) + encoded[1:] + b"!"


class Model:
    """The same by copying dicts."""

    def __init__(self, top: dict[bytes, bytes], child: dict[bytes, bytes]) -> None:
        self.below: dict[bytes | None, dict[bytes, bytes]] = {None: top, b"c": child}
        self.now = deepcopy(self.below)
        self.made: dict[bytes | None, set[bytes]] = {None: set(), b"c": set()}
        self.saved: list[object] = []

    def begin(self) -> None:
        self.saved.append((deepcopy(self.now), deepcopy(self.made)))

    def rollback(self) -> None:
        self.now, self.made = self.saved.pop()  # type: ignore[misc]

    def put(self, key: bytes, value: bytes | None, child: bytes | None) -> None:
        self.made[child].add(key)
        if value is None:
            self.now[child].pop(key, None)
        else:
            self.now[child][key] = value

    def clear(self, prefix: bytes, limit: int | None, child: bytes | None) -> Removed:
        for key in [key for key in self.made[child] if key.startswith(prefix)]:
            self.put(key, None, child)
        loops = 0
        for key in sorted(key for key in self.below[child] if key.startswith(prefix)):
            if loops == limit:
                return Removed(False, loops)
            self.put(key, None, child)
            loops += 1
        return Removed(True, loops)

    def next_key(self, key: bytes, child: bytes | None) -> bytes | None:
        return min((each for each in self.now[child] if each > key), default=None)


@pytest.mark.parametrize("seed", range(12))
def test_random_sequences(seed: int) -> None:
    chance = random.Random(seed)

    def some_values() -> dict[bytes, bytes]:
        return {key: bytes((3, *key)) for key in KEYS if chance.random() < 0.5}

    top, child_values = some_values(), some_values()
    version = seed % 2
    state = FullState({}, {b"c": child_values}, version)
    state.apply({**top, DEFAULT_CHILD_STORAGE + b"c": naive_root(child_values, version)}, version)
    storage, model = Storage(state), Model(top, child_values)
    for _ in range(300):
        key, child, step = chance.choice(KEYS), chance.choice((None, b"c")), chance.randrange(10)
        if step < 3:
            value = chance.choice((None, b"", b"short", b"long" * 20))
            storage.put(key, value, child)
            model.put(key, value, child)
        elif step == 3:
            storage.append(LIST, b"!")
            model.put(LIST, listed(model.now[None].get(LIST, b"\0")), None)
        elif step == 4:
            limit = chance.choice((None, 0, 1, 2))
            assert storage.clear_prefix(key[:1], limit, child) == model.clear(key[:1], limit, child)
        elif step == 5 and storage.depth < 4:
            storage.start_transaction()
            model.begin()
        elif step == 6 and storage.depth:
            storage.commit_transaction()
            model.saved.pop()
        elif step == 7 and storage.depth:
            storage.rollback_transaction()
            model.rollback()
        for name, values in model.now.items():
            assert storage.get(key, name) == values.get(key)
            found = storage.next_key(key, name)
            assert found == model.next_key(key, name) or (name is None and found == DEFAULT_CHILD_STORAGE + b"c")
    while storage.depth:
        storage.rollback_transaction()
        model.rollback()
    child_root = naive_root(model.now[b"c"], version)
    everything = dict(model.now[None])
    if model.now[b"c"]:
        everything[DEFAULT_CHILD_STORAGE + b"c"] = child_root
    assert storage.root(version) == naive_root(everything, version)
    changes = storage.changes()
    if b"c" in changes.children:
        assert state.apply(changes.children[b"c"], version, b"c") == child_root
    assert state.apply(changes.top, version) == naive_root(everything, version)
    assert dict(state.values(b"c")) == model.now[b"c"] and dict(state.values()) == everything
    assert state.children == ([b"c"] if model.now[b"c"] else [])


def test_transactions_must_balance() -> None:
    storage = storage_of({})
    for close in (storage.commit_transaction, storage.rollback_transaction):
        with pytest.raises(UnbalancedTransactions):
            close()


def test_a_chain_that_changes_its_state_version() -> None:
    """Values stay as they were written: those of version 0 in their nodes, later ones by their hash."""
    long = b"v" * 40
    old, new = {b"\x11": long, b"\x12": b"short"}, {b"\x13": long}
    state = FullState(old, version=0)
    assert state.root(new, 1) not in (naive_root(old | new, 0), naive_root(old | new, 1))
    first = state.root(new, 1)
    assert state.apply(new, 1) == first
    assert state.apply({b"\x11": long}, 1) == naive_root(old | new, 1), "written again, as a migration does"
    short = FullState({b"\x12": b"short"}, version=0)
    assert short.apply(new, 1) == naive_root({b"\x12": b"short"} | new, 1)
    assert short.root({}, 1) == naive_root({b"\x12": b"short"} | new, 1)
