"""The trie against a dict and a naive trie, on the shapes that real keys rarely have."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.state.proof import prove
from node.state.trie import Nothing, Trie, Update, ordered_root, root
from pallets.primitives.storage_proof import verify_proof
from tests.node.state.likeness import after, assert_is, assert_trie_is
from tests.node.state.naive_trie import naive_records, naive_root, scale_bytes

# Few different bytes and nibbles, so that keys are prefixes of one another or part in either nibble of a byte, and some
# long runs, so that partial keys outgrow the first bytes of their headers.
PIECES = [b"\x00", b"\x01", b"\x10", b"\x11", b"\xf0", b"\xff", bytes(7), b"\x11" * 16, b"\xff" * 40]
keys = st.lists(st.sampled_from(PIECES), max_size=5).map(b"".join)
values = st.one_of(
    st.sampled_from([b"", b"v", b"a" * 31, b"b" * 32, b"c" * 33, b"d" * 63, b"e" * 64]), st.binary(max_size=40)
)
changes = st.dictionaries(keys, st.none() | values, max_size=12)
versions = st.sampled_from([0, 1])
slice_sizes = st.lists(st.integers(1, 3), min_size=1, max_size=4)


def expected_keys(held: Iterable[bytes], prefix: bytes, after: bytes | None) -> list[bytes]:
    return sorted(key for key in held if key.startswith(prefix) and (after is None or key > after))


def store(stored: dict[str, bytes], nodes: Mapping[str, bytes | None]) -> None:
    """What a database has after an update."""
    for path, record in nodes.items():
        if record is None:
            stored.pop(path, None)
        else:
            stored[path] = record


class TrieModel(RuleBasedStateMachine):
    """A trie that is only ever updated, and one that is loaded from stored records, beside a dict that is rehashed from
    scratch."""

    @initialize(start=st.dictionaries(keys, values, max_size=20), version=versions)
    def begin(self, start: dict[bytes, bytes], version: int) -> None:
        self.version = version
        self.values = dict(start)
        self.trie = Trie(self.values, version)
        self.model = dict(start)
        self.stored = naive_records(start, version)
        self.load_again()

    def apply(self, change_set: dict[bytes, bytes | None]) -> None:
        update = Update(self.loaded, change_set)
        while not update.advance(1):
            pass
        store(self.stored, update.nodes)
        self.loaded.apply(change_set, update.nodes, update.root)
        for key, value in change_set.items():
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value
        assert self.trie.update(change_set) == naive_root(self.model, self.version)

    @rule(change_set=changes)
    def update(self, change_set: dict[bytes, bytes | None]) -> None:
        self.apply(change_set)

    @rule(change_set=changes)
    def update_and_undo(self, change_set: dict[bytes, bytes | None]) -> None:
        before = self.trie.root
        undo = {key: self.model.get(key) for key in change_set}
        self.apply(change_set)
        self.apply(undo)
        assert self.trie.root == before

    @rule(data=st.data())
    def delete_some(self, data: st.DataObject) -> None:
        doomed = data.draw(st.lists(st.sampled_from(sorted(self.model)), unique=True) if self.model else st.just([]))
        self.apply(dict.fromkeys(doomed))

    @rule(kept=st.sampled_from(PIECES))
    def delete_all_but_a_prefix(self, kept: bytes) -> None:
        self.apply({key: None for key in self.model if not key.startswith(kept)})

    @rule(data=st.data(), tail=keys)
    def grow_from_a_key(self, data: st.DataObject, tail: bytes) -> None:
        if self.model:
            key = data.draw(st.sampled_from(sorted(self.model)))
            self.apply({key + tail: b"longer", key[: len(key) // 2]: b"shorter" * 6})

    @rule(prefix=keys, after=st.none() | keys)
    def list_keys(self, prefix: bytes, after: bytes | None) -> None:
        assert list(self.trie.keys(prefix, after)) == expected_keys(self.model, prefix, after)

    @rule(prefix=st.sampled_from(PIECES))
    def delete_a_prefix(self, prefix: bytes) -> None:
        self.apply({key: None for key in self.model if key.startswith(prefix)})

    @rule()
    def load_again(self) -> None:
        self.loaded = Trie(dict(self.model), self.version, dict(self.stored))

    @rule(key=keys)
    def step(self, key: bytes) -> None:
        assert self.trie.next_key(key) == next(iter(expected_keys(self.model, b"", key)), None)

    @rule(absent=st.lists(keys, max_size=4))
    def prove(self, absent: list[bytes]) -> None:
        asked = [*sorted(self.model)[::3], *absent]
        proof = prove(self.trie, asked)
        assert verify_proof(self.trie.root, proof, asked) == {key: self.model.get(key) for key in asked}

    @invariant()
    def agrees(self) -> None:
        assert self.trie.root == naive_root(self.model, self.version) == root(self.model, self.version)
        assert self.values == self.model
        assert list(self.trie.keys()) == sorted(self.model)
        assert self.trie.nodes == self.stored == naive_records(self.model, self.version)

    @invariant()
    def the_loaded_one_agrees(self) -> None:
        assert self.loaded.root == self.trie.root
        assert_trie_is(self.loaded, self.model, [b"", b"\x11", *sorted(self.model)[:3]])


TestTrieModel = TrieModel.TestCase
TestTrieModel.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


@settings(max_examples=150, deadline=None)
@given(start=st.dictionaries(keys, values, max_size=20), change_set=changes, version=versions)
def test_an_update_equals_a_rebuild(
    start: dict[bytes, bytes], change_set: dict[bytes, bytes | None], version: int
) -> None:
    after = {key: value for key, value in {**start, **change_set}.items() if value is not None}
    expected = naive_root(after, version)
    assert Trie(dict(start), version).update(change_set) == expected
    in_parts = Trie(dict(start), version)
    for key in reversed(change_set):
        in_parts.update({key: change_set[key]})
    assert in_parts.root == root(after.items(), version) == expected


@settings(max_examples=150, deadline=None)
@given(start=st.dictionaries(keys, values, max_size=20), change_set=changes, version=versions, slices=slice_sizes)
def test_an_update_in_slices_makes_the_same_records_and_leaves_its_view_alone(
    start: dict[bytes, bytes], change_set: dict[bytes, bytes | None], version: int, slices: list[int]
) -> None:
    trie = Trie(dict(start), version)
    untouched = dict(change_set)
    whole = Update(trie, change_set)
    whole.run()
    sliced = Update(trie, change_set)
    sizes = cycle(slices)
    steps = 1
    while not sliced.advance(next(sizes)):
        steps += 1
    assert steps <= max(1, sum(start.get(key) != value for key, value in change_set.items()))
    assert (sliced.root, sliced.nodes) == (whole.root, whole.nodes)
    assert_is(trie, start, sorted({*start, *change_set})[:4], naive_records(after(start, change_set), version))
    assert (trie.nodes, trie.root) == (naive_records(start, version), naive_root(start, version))
    assert change_set == untouched
    found = naive_records(start, version)
    store(found, sliced.nodes)
    assert found == naive_records(after(start, change_set), version)


def test_a_change_set_that_changes_nothing_makes_no_records() -> None:
    trie = Trie({b"a": b"1", b"ab": b"2"}, 1)
    update = Update(trie, {b"a": b"1", b"ab": b"2", b"absent": None})
    assert update.run() == trie.root
    assert update.nodes == {}
    assert Update(Nothing(1), {b"absent": None}).run() == root({}, 1)


@pytest.mark.parametrize("version", [0, 1])
def test_values_on_branches_come_and_go_across_the_bound(version: int) -> None:
    """A branch with no value, a short one, one of 32 bytes and one of 33, each turned into each."""
    below = {b"stem\x01": b"x" * 40, b"stem\x12": b"", b"stem\x13": b"y"}
    sizes = [None, 0, 31, 32, 33, 5000]
    for first in sizes:
        for second in sizes:
            start = after(below, {b"stem": None if first is None else b"a" * first})
            change: dict[bytes, bytes | None] = {b"stem": None if second is None else b"b" * second}
            trie = Trie(dict(start), version)
            assert trie.update(change) == naive_root(after(start, change), version)
            assert_is(trie, after(start, change), [b"stem", b"stem\x12", b"ste", b"stem\x1f"])
            both = {**change, b"stem\x12": None, b"stem\x13": None}
            trie = Trie(dict(start), version)
            assert trie.update(both) == naive_root(after(start, both), version)
            assert trie.nodes == naive_records(after(start, both), version)


@pytest.mark.parametrize("version", [0, 1])
def test_every_size_of_partial_key(version: int) -> None:
    """Leaves and branches, with and without a value, of odd and even sizes, across the bounds of every header form."""
    for size in [*range(36), *range(124, 134), *range(155, 165), 255, 256, 285, 286, 287, 400]:
        stem = b"\x5a" * size
        for tails in ([b""], [b"\x01", b"\x02"], [b"\x10", b"\x20"], [b"", b"\x01"], [b"\x01" + stem, b"\x02" + stem]):
            for value in (b"short", b"long" * 10):
                state = {stem + tail: value for tail in tails}
                assert root(state, version) == naive_root(state, version), (size, tails)


@pytest.mark.parametrize("version", [0, 1])
def test_values_around_every_compact_form(version: int) -> None:
    for size in [0, 1, 31, 32, 33, 63, 64, 16_383, 16_384]:
        state = {b"\x12": b"x" * size, b"\x12\x34": b"y" * size}
        assert root(state, version) == naive_root(state, version), size


@given(items=st.lists(st.binary(max_size=50), max_size=80), version=versions)
@settings(max_examples=40, deadline=None)
def test_ordered_root_numbers_its_values(items: list[bytes], version: int) -> None:
    # A compact number below 2**14 is that of a length, without the bytes.
    numbered = {scale_bytes(bytes(index))[: -index or None]: item for index, item in enumerate(items)}
    assert len(numbered) == len(items)
    assert ordered_root(items, version) == naive_root(numbered, version)


def test_a_chain_of_prefixes_far_deeper_than_the_stack() -> None:
    values = {b"\x11" * size: b"v" for size in range(3000)}
    deepest = b"\x11" * 2999
    built = root(values, 1)
    trie = Trie({deepest: b"v"}, 1)
    assert trie.update(dict(reversed(values.items()))) == built
    assert list(trie.keys()) == list(values)
    assert verify_proof(built, prove(trie, [deepest]), [deepest]) == {deepest: b"v"}
    kept = {b"\x11" * size: b"v" for size in range(0, 3000, 500)}
    assert trie.update({key: kept.get(key) for key in values}) == naive_root(kept, 1)


def test_many_keys_in_blocks_of_changes() -> None:
    rng = random.Random(7)
    values = {rng.randbytes(rng.choice((4, 20, 32))): rng.randbytes(rng.randrange(60)) for _ in range(3000)}
    trie = Trie(values, 1)
    for _ in range(5):
        held = rng.sample(sorted(values), 300)
        block: dict[bytes, bytes | None] = dict.fromkeys(held[:100])
        block |= {key: rng.randbytes(40) for key in held[100:]}
        block |= {key[: rng.randrange(8)] + rng.randbytes(6): b"new" for key in held}
        assert trie.update(block) == naive_root(values, 1)
    assert list(trie.keys()) == sorted(values)
