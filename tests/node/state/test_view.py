"""Every past state of random histories, against a model that keeps a whole dictionary a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.state.backend import Backend
from node.state.db import Database
from node.state.view import States, escape, unescape
from tests.node.scratch import scratch_directory
from tests.node.state.naive_trie import naive_root

Changes = dict[bytes, bytes | None]

KEYS = st.one_of(
    st.binary(max_size=3),
    st.lists(st.sampled_from([b"\0", b"\xff", b"\0\0", b"\0\xff", b"\xff\xff", b"a", b"ab", b"\1"]), max_size=4).map(
        b"".join
    ),
)
VALUES = st.one_of(st.none(), st.sampled_from([b"", b"\0", b"\1", b"\0\1"]), st.binary(max_size=40))
BLOCKS = st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=7)
GENESIS = st.dictionaries(KEYS, st.binary(max_size=40), max_size=6)


@contextmanager
def database() -> Iterator[Database]:
    with scratch_directory() as directory:
        db = Database(directory)
        yield db
        db.close()


def started(db: Database, genesis: dict[bytes, bytes]) -> States:
    batch = db.batch()
    states = States.create(db, batch, genesis, 1)
    db.write(batch)
    return states


def apply(states: States, number: int, changes: Changes) -> bytes:
    """A block's changes, in memory and in the database; the root."""
    batch = states.db.batch()
    with states.applied(number, changes, batch) as applied:
        states.db.write(batch)
    return applied.root


def after(values: dict[bytes, bytes], changes: Changes) -> dict[bytes, bytes]:
    merged = {**values, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def assert_is(state: Backend, model: dict[bytes, bytes], asked: list[bytes]) -> None:
    assert {key: state.get(key) for key in asked} == {key: model.get(key) for key in asked}
    assert list(state.keys()) == sorted(model)
    for prefix in asked:
        under = sorted(key for key in model if key.startswith(prefix))
        assert list(state.keys(prefix)) == under
        for bound in asked:
            assert list(state.keys(prefix, bound)) == [key for key in under if key > bound]


@given(st.lists(KEYS))
def test_escaped_keys_keep_their_order_and_no_one_is_a_prefix_of_another(keys: list[bytes]) -> None:
    escaped = [escape(key) for key in sorted(set(keys))]
    assert [unescape(each) for each in escaped] == sorted(set(keys))
    assert [each + b"\xff\xff\xff\xff" for each in escaped] == sorted(each + b"\xff\xff\xff\xff" for each in escaped)
    assert not any(b.startswith(a) for a in escaped for b in escaped if a is not b)


@settings(max_examples=60, deadline=None)
@given(GENESIS, BLOCKS)
def test_every_state_is_readable_from_every_later_block_and_from_the_disk(
    genesis: dict[bytes, bytes], blocks: list[Changes]
) -> None:
    models = [genesis]
    asked = sorted({key for block in blocks for key in block} | set(genesis) | {b"", b"\0", b"\xff", b"a"})[:12]
    with database() as db:
        states = started(db, genesis)
        assert states.head.trie.root == naive_root(genesis, 1)
        for number, block in enumerate(blocks, 1):
            models.append(after(models[-1], block))
            assert apply(states, number, block) == naive_root(models[-1], 1)
        best = len(blocks)
        for number, model in enumerate(models):
            assert_is(states.at(number, best), model, asked)
        loaded = States.load(db, 1)
        assert loaded.head.trie.root == naive_root(models[-1], 1)
        for number, model in enumerate(models):
            assert_is(loaded.at(number, best), model, asked)


@settings(max_examples=60, deadline=None)
@given(GENESIS, KEYS, st.data())
def test_a_state_in_hand_stays_as_it_was_while_blocks_come(
    genesis: dict[bytes, bytes], key: bytes, data: st.DataObject
) -> None:
    with database() as db:
        states = started(db, genesis)
        apply(states, 1, data.draw(st.dictionaries(KEYS, VALUES, max_size=4)))
        past = states.at(0, 1)
        for number in (2, 3):
            apply(states, number, data.draw(st.dictionaries(KEYS, VALUES, max_size=4)) | {key: b"%d" % number})
            assert past.get(key) == genesis.get(key)
            assert list(past.keys()) == sorted(genesis)


@settings(max_examples=40, deadline=None)
@given(GENESIS, BLOCKS, st.dictionaries(KEYS, VALUES, max_size=6))
def test_what_fails_while_a_block_is_applied_leaves_no_trace(
    genesis: dict[bytes, bytes], blocks: list[Changes], failing: Changes
) -> None:
    with database() as db:
        states, model = started(db, genesis), genesis
        for number, block in enumerate([{}, *blocks], 1):
            batch = db.batch()
            with pytest.raises(OSError, match="no room"), states.applied(number, failing, batch) as applied:
                assert applied.root == naive_root(after(model, failing), 1)
                raise OSError("no room")
            assert states.head.values == model
            model = after(model, block)
            assert apply(states, number, block) == naive_root(model, 1)
        assert States.load(db, 1).head.values == model


def test_only_real_changes_are_told_and_kept() -> None:
    with database() as db:
        states = started(db, {b"same": b"1", b"other": b"1"})
        batch = db.batch()
        with states.applied(1, {b"same": b"1", b"other": b"2", b"absent": None}, batch) as applied:
            db.write(batch)
        assert applied.changes == {b"other": b"2"}
        assert [key for key, _ in db.items_from("history")] == [escape(b"other") + bytes([0, 0, 0, 1])]


def test_a_page_of_a_past_state_does_not_walk_through_the_history_of_busy_keys() -> None:
    """`Timestamp.Now` and its like change in every block: one step each, not one a block."""
    with database() as db:
        states = started(db, {b"busy1": b"", b"busy2": b"", b"calm": b"1", b"zzz": b""})
        for number in range(1, 3001):
            apply(states, number, dict.fromkeys((b"busy1", b"busy2", b"zzz"), b"%d" % number))
        steps = 0
        seen = db.items_from

        def counting(column: str, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
            nonlocal steps
            for record in seen(column, start):  # type: ignore[arg-type]
                steps += 1
                yield record

        db.items_from = counting  # type: ignore[method-assign]
        assert list(islice(states.at(2999, 3000).keys(b"", b"a"), 3)) == [b"busy1", b"busy2", b"calm"]
        assert list(states.at(5, 3000).keys(b"calm")) == [b"calm"]
        assert states.at(5, 3000).get(b"busy1") == b"5"
        assert steps < 20
