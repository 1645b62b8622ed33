"""States of random histories, past and forked, against a model that keeps a whole dictionary a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.state.backend import State
from node.state.db import COLUMNS, Column, Database
from node.state.delta import Delta, Journal
from node.state.errors import CorruptDatabase
from node.state.states import States, read_journal
from node.state.trie import Update
from node.state.view import ForkState, end_path, escape, unescape
from tests.node.scratch import scratch_directory
from tests.node.state.likeness import after, assert_is
from tests.node.state.naive_trie import naive_records, naive_root

Changes = dict[bytes, bytes | None]
Values = dict[bytes, bytes]

KEYS = st.one_of(
    st.binary(max_size=3),
    st.lists(st.sampled_from([b"\0", b"\xff", b"\0\0", b"\0\xff", b"\xff\xff", b"a", b"ab", b"\1"]), max_size=4).map(
        b"".join
    ),
)
VALUES = st.one_of(st.sampled_from([b"", b"\0", b"\1", b"\0\1", b"x" * 32, b"x" * 33]), st.binary(max_size=40))
BLOCK = st.dictionaries(KEYS, st.none() | VALUES, max_size=6)
BLOCKS = st.lists(BLOCK, max_size=6)
GENESIS = st.dictionaries(KEYS, VALUES, max_size=8)
VERSIONS = st.sampled_from([0, 1])


@contextmanager
def database() -> Iterator[Database]:
    with scratch_directory() as directory:
        db = Database(directory)
        yield db
        db.close()


def started(db: Database, genesis: Values, version: int = 1) -> States:
    batch = db.batch()
    states = States.create(db, batch, genesis, version)
    db.write(batch)
    return states


def delta_on(state: State, changes: Changes) -> Delta:
    """What a block of these changes does to a state."""
    update = Update(state, changes)
    return Delta(update.run(), changes, update.nodes)


def apply(states: States, number: int, changes: Changes) -> bytes:
    """A block's changes, in memory and in the database; the root."""
    delta = delta_on(states.head, changes)
    move_to(states, [], [(number, delta)])
    return delta.root


def move_to(states: States, back: list[tuple[int, bytes]], on: list[tuple[int, Delta]]) -> list[Delta]:
    """Takes blocks back (number and state root, the last first) and applies others; what was taken back."""
    batch = states.db.batch()
    move = states.move(batch)
    undone = [move.undo(number, root) for number, root in back]
    for number, delta in on:
        move.redo(number, delta)
    move.write()
    states.db.write(batch)
    move.done(on[-1][1].root if on else bytes(32))
    return undone


def content(db: Database) -> dict[str, list[tuple[bytes, bytes]]]:
    return {column: list(db.items_from(column)) for column in COLUMNS}


def keys_of_all(genesis: Values, blocks: list[Changes]) -> list[bytes]:
    return sorted({key for block in blocks for key in block} | set(genesis) | {b"", b"\0", b"\xff", b"a"})[:10]


@given(st.lists(KEYS))
def test_escaped_keys_keep_their_order_and_no_one_is_a_prefix_of_another(keys: list[bytes]) -> None:
    escaped = [escape(key) for key in sorted(set(keys))]
    assert [unescape(each) for each in escaped] == sorted(set(keys))
    assert [each + b"\xff\xff\xff\xff" for each in escaped] == sorted(each + b"\xff\xff\xff\xff" for each in escaped)
    assert not any(b.startswith(a) for a in escaped for b in escaped if a is not b)


@settings(max_examples=30, deadline=None)
@given(GENESIS, BLOCKS, VERSIONS)
def test_every_state_is_readable_from_every_later_block_and_from_the_disk(
    genesis: Values, blocks: list[Changes], version: int
) -> None:
    models = [genesis]
    asked = keys_of_all(genesis, blocks)
    paths = set(naive_records(genesis, version))
    with database() as db:
        states = started(db, genesis, version)
        assert states.head.root == naive_root(genesis, version)
        for number, block in enumerate(blocks, 1):
            models.append(after(models[-1], block))
            paths |= set(naive_records(models[-1], version))
            assert apply(states, number, block) == naive_root(models[-1], version)
        loaded = States.load(db, version)
        assert loaded.head.root == naive_root(models[-1], version)
        for each in (states, loaded):
            for number, model in enumerate(models[:-1]):
                assert_is(each.past(number), model, asked, paths)
            assert_is(each.head, models[-1], asked, paths)
        stored = {path.decode(): record for path, record in db.items_from("trie")}
        assert stored == naive_records(models[-1], version)
        assert dict(db.items_from("state")) == models[-1]


@settings(max_examples=20, deadline=None)
@given(GENESIS, BLOCKS, BLOCKS, VERSIONS)
def test_states_of_forks_from_every_block(
    genesis: Values, blocks: list[Changes], fork: list[Changes], version: int
) -> None:
    models = [genesis]
    asked = keys_of_all(genesis, blocks + fork)
    with database() as db:
        states = started(db, genesis, version)
        for number, block in enumerate(blocks, 1):
            models.append(after(models[-1], block))
            apply(states, number, block)
        for number, model in enumerate(models):
            base = states.head if number == len(blocks) else states.past(number)
            state: State = base
            deltas: list[Delta] = []
            paths = set(naive_records(model, version))
            for block in fork[:3]:
                model = after(model, block)
                paths |= set(naive_records(model, version))
                delta = delta_on(state, block)
                assert delta.root == naive_root(model, version)
                deltas.append(Delta.decode(delta.encode()))
                assert deltas[-1] == delta
                state = ForkState(base, deltas)
                assert_is(state, model, asked, paths)
        for number, model in enumerate(models[:-1]):
            assert_is(states.past(number), model, asked[:2])


@settings(max_examples=30, deadline=None)
@given(GENESIS, BLOCKS, BLOCKS, st.data())
def test_a_change_to_a_fork_and_back_leaves_everything_as_it_was(
    genesis: Values, blocks: list[Changes], fork: list[Changes], data: st.DataObject
) -> None:
    models, roots = [genesis], [naive_root(genesis, 1)]
    with database() as db:
        states = started(db, genesis)
        for number, block in enumerate(blocks, 1):
            models.append(after(models[-1], block))
            roots.append(apply(states, number, block))
        at = data.draw(st.integers(0, len(blocks)))
        base = states.head if at == len(blocks) else states.past(at)
        state: State = base
        deltas: list[Delta] = []
        forked, model = [], models[at]
        for block in fork:
            model = after(model, block)
            forked.append(model)
            deltas.append(delta_on(state, block))
            state = ForkState(base, deltas)
        before = content(db)
        asked = keys_of_all(genesis, blocks + fork)
        numbered = [(number, delta) for number, delta in enumerate(deltas, at + 1)]
        undone = move_to(states, [(n, roots[n]) for n in range(len(blocks), at, -1)], numbered)
        line = models[: at + 1] + forked
        for loaded in (states, States.load(db, 1)):
            for number, model in enumerate(line[:-1]):
                assert_is(loaded.past(number), model, asked[:5])
            assert_is(loaded.head, line[-1], asked)
        assert {path.decode(): record for path, record in db.items_from("trie")} == naive_records(line[-1], 1)
        # what was taken back is a fork now, and readable as one
        undone.reverse()
        base = states.past(at) if fork else states.head
        for count in range(1, len(undone) + 1):
            assert_is(ForkState(base, undone[:count]), models[at + count], asked[:5])
            assert undone[count - 1].root == roots[at + count]
        back = [(n, deltas[n - at - 1].root) for n in range(at + len(fork), at, -1)]
        move_to(states, back, [(number, delta) for number, delta in enumerate(undone, at + 1)])
        assert content(db) == before
        assert_is(states.head, models[-1], asked)


@settings(max_examples=20, deadline=None)
@given(GENESIS, KEYS, st.data())
def test_a_past_state_in_hand_stays_as_it_was_while_blocks_come(
    genesis: Values, key: bytes, data: st.DataObject
) -> None:
    with database() as db:
        states = started(db, genesis)
        apply(states, 1, data.draw(BLOCK))
        past = states.past(0)
        for number in (2, 3):
            apply(states, number, data.draw(BLOCK) | {key: b"%d" % number})
            assert_is(past, genesis, [key])


@settings(max_examples=20, deadline=None)
@given(GENESIS, BLOCKS, BLOCK)
def test_a_move_that_is_not_written_leaves_no_trace(genesis: Values, blocks: list[Changes], failing: Changes) -> None:
    with database() as db:
        states, model = started(db, genesis), genesis
        root = naive_root(genesis, 1)
        for number, block in enumerate([{}, *blocks], 1):
            before = content(db)
            move = states.move(db.batch())
            if number > 1:
                move.undo(number - 1, root)
                move.redo(number - 1, delta_on(states.head, failing))
            move.redo(number, delta_on(states.head, failing))
            move.write()
            assert content(db) == before
            assert_is(states.head, model, sorted(failing)[:3], naive_records(after(model, failing), 1))
            model = after(model, block)
            root = apply(states, number, block)
            assert root == naive_root(model, 1)
        assert States.load(db, 1).head.values == model


def test_only_real_changes_are_told_and_kept() -> None:
    with database() as db:
        states = started(db, {b"same": b"1", b"other": b"1"})
        delta = delta_on(states.head, {b"same": b"1", b"other": b"2", b"absent": None})
        batch = db.batch()
        move = states.move(batch)
        move.redo(1, delta)
        assert move.write() == {b"other": b"2"}
        db.write(batch)
        move.done(delta.root)
        suffix = bytes([0, 0, 0, 1])
        assert [key for key, _ in db.items_from("history")] == [escape(b"other") + suffix]
        assert [key for key, _ in db.items_from("trie_history")] == [end_path("") + suffix]
        assert read_journal(db, 1) == Journal([b"other"], [""])


@settings(max_examples=20, deadline=None)
@given(GENESIS, st.lists(BLOCK, min_size=2, max_size=6), st.data())
def test_pruning_drops_what_a_block_overwrote_and_nothing_else(
    genesis: Values, blocks: list[Changes], data: st.DataObject
) -> None:
    models = [genesis]
    asked = keys_of_all(genesis, blocks)
    with database() as db:
        states = started(db, genesis)
        for number, block in enumerate(blocks, 1):
            models.append(after(models[-1], block))
            apply(states, number, block)
        full = content(db)
        last = data.draw(st.integers(1, len(blocks)))
        batch = db.batch()
        for number in range(1, last + 1):
            states.prune(number, batch)
        db.write(batch)
        left = content(db)
        columns: list[Column] = ["history", "trie_history", "journal"]
        for column in columns:
            assert left[column] == [(key, value) for key, value in full[column] if int.from_bytes(key[-4:]) > last]
            left[column] = full[column]
        assert left == full
        for number in range(last, len(blocks)):
            assert_is(states.past(number), models[number], asked)


def test_a_page_of_a_past_state_does_not_walk_through_the_history_of_busy_keys() -> None:
    """`Timestamp.Now` and its like change in every block: one step each, not one a block."""
    with database() as db:
        states = started(db, {b"busy1": b"", b"busy2": b"", b"calm": b"1", b"zzz": b""})
        for number in range(1, 3001):
            apply(states, number, dict.fromkeys((b"busy1", b"busy2", b"zzz"), b"%d" % number))
        steps = 0
        seen = db.items_from

        def counting(column: Column, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
            nonlocal steps
            for record in seen(column, start):
                steps += 1
                yield record

        db.items_from = counting  # type: ignore[method-assign]
        assert list(islice(states.past(2999).keys(b"", b"a"), 3)) == [b"busy1", b"busy2", b"calm"]
        assert list(states.past(5).keys(b"calm")) == [b"calm"]
        assert states.past(5).get(b"busy1") == b"5"
        assert steps < 20


# Journals and damage


@given(st.lists(KEYS, unique=True), st.lists(st.text("0123456789abcdef", max_size=6), unique=True))
def test_journals_come_back(keys: list[bytes], paths: list[str]) -> None:
    assert Journal.decode(Journal(keys, paths).encode()) == Journal(keys, paths)


def test_a_history_with_a_gap_is_told_before_anything_changes() -> None:
    lost: list[tuple[Column, bytes]] = [("history", escape(b"key")), ("trie_history", end_path("")), ("journal", b"")]
    for column, name in lost:
        with database() as db:
            states = started(db, {b"key": b"1", b"other": b"1"})
            apply(states, 1, {b"key": b"2"})
            batch = db.batch()
            batch.delete(column, name + bytes([0, 0, 0, 1]))
            db.write(batch)
            with pytest.raises(CorruptDatabase, match="is damaged"):
                states.move(db.batch()).undo(1, bytes(32))
            assert states.head.values == {b"key": b"2", b"other": b"1"}
