"""The tree of blocks against a model that keeps every block's state as a dictionary: forks, finality, pins, pruning,
reverts, restarts and failing disks, in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.chain.feed import Finalized, Imported
from node.chain.stored import BlockRef
from node.chain.tree import Chain, NothingToRevert, UnknownParent
from node.chain_spec import ChainSpec
from node.executor import BuiltBlock, Executor
from node.state.backend import StateDiscarded, UnknownBlock
from node.state.db import COLUMNS, Batch, Column, Database
from node.state.delta import Journal
from node.state.errors import WriteFailed
from node.state.trie import Update
from node.state.view import end_path, escape, overwritten
from pallets.primitives.header import Header, Other
from tests.node.scratch import MEMORY
from tests.node.state.likeness import after, assert_is, assert_trie_is
from tests.node.state.naive_trie import naive_records, naive_root

Changes = dict[bytes, bytes | None]
Values = dict[bytes, bytes]
T = TypeVar("T", bytes, str)

KEYS = st.sampled_from([b"", b"\0", b"\1", b"\1\0", b"\1\1", b"\1\x10", b"\xff", b"a", b"ab", b"abc", b"b" * 20])
VALUES = st.sampled_from([b"", b"\0", b"1", b"2", b"x" * 32, b"y" * 33])
CHANGES = st.dictionaries(KEYS, st.none() | VALUES, max_size=5)
NO_BLOCK = bytes(32)
STRANGER = Header(b"\7" * 32, 3, bytes(32), bytes(32), [])
FAILING = st.sampled_from([None, None, None, 0, 1])
"""Which write of an operation fails, if any."""


class Genesis(NamedTuple):
    """A chain of a few values, in the place of a whole spec."""

    genesis: Values
    state_version: int

    def genesis_header(self) -> Header:
        return Header(NO_BLOCK, 0, naive_root(self.genesis, self.state_version), bytes(32), [])


class NoRuntime:
    """Executes nothing: the changes of blocks are made up."""

    def runtime_at(self, state: object) -> None:
        return None


class Block(NamedTuple):
    """A block of the model, with the state after it and the records of its trie."""

    hash: bytes
    number: int
    parent: bytes
    header: Header
    body: list[bytes]
    values: Values
    records: dict[str, bytes]

    def __repr__(self) -> str:
        return f"<block {self.number}, {self.hash[:2].hex()} on {self.parent[:2].hex()}>"


class ForksModel(RuleBasedStateMachine):
    """A chain that is changed in every way there is."""

    directory: TemporaryDirectory[str] | None = None

    @initialize(
        genesis=st.dictionaries(KEYS, VALUES, max_size=6),
        version=st.sampled_from([0, 1]),
        tree=st.lists(st.tuples(st.integers(0, 5), CHANGES), min_size=3, max_size=7),
    )
    def begin_with_forks(self, genesis: Values, version: int, tree: list[tuple[int, Changes]]) -> None:
        """Each block on one of the last before it."""
        self.begin(genesis, version)
        for back, changes in tree:
            latest = list(self.blocks.values())
            self.insert(latest[-1 - back % len(latest)], changes, None)

    def begin(self, genesis: Values, version: int) -> None:
        self.directory = TemporaryDirectory(prefix="fathom-test-", dir=MEMORY if MEMORY.is_dir() else None)
        self.spec = Genesis(genesis, version)
        header = self.spec.genesis_header()
        first = Block(header.hash, 0, NO_BLOCK, header, [], dict(genesis), naive_records(genesis, version))
        self.blocks = {first.hash: first}
        self.line = [first]  # the canonical blocks, by number
        self.final = 0
        self.pruned = 0
        self.keep: int | None = None
        self.pinned: dict[bytes, None] = {}
        self.justified: dict[bytes, bytes] = {}
        self.made = 0
        self.left_behind: set[bytes] = set()  # blocks of forks that a step back left for their pins
        self.fork: list[Block] = []  # by name, for the tests that need no chance
        self.gone: list[Header] = []
        self.paths = set(first.records)
        self.open()

    def open(self) -> None:
        assert self.directory is not None
        self.db = Database(Path(self.directory.name) / "db", self.line[0].hash)
        self.chain = Chain.open(self.db, cast(ChainSpec, self.spec), cast(Executor, NoRuntime()))
        self.chain.keep_states = self.keep
        self.chain.pinned = dict(self.pinned)
        self.imported: list[Imported] = []
        self.finalized: list[Finalized] = []
        self.reorganised: list[Imported] = []
        self.chain.imported.publish = self.imported.append  # type: ignore[assignment,method-assign]
        self.chain.finality.publish = self.finalized.append  # type: ignore[assignment,method-assign]
        self.chain.on_reorganised = lambda news, taken_back: self.reorganised.append(news)

    def teardown(self) -> None:
        if self.directory is not None:
            self.db.close()
            self.directory.cleanup()

    # What the model knows

    @property
    def best(self) -> Block:
        return self.line[-1]

    @property
    def canonical(self) -> dict[bytes, int]:
        return {block.hash: block.number for block in self.line}

    def path_to(self, block: Block) -> list[Block]:
        """From the block after the last canonical one to this block; none for a canonical one."""
        path: list[Block] = []
        while block.hash not in self.canonical:
            path.insert(0, block)
            block = self.blocks[block.parent]
        return path

    def base_of(self, block: Block) -> int:
        path = self.path_to(block)
        return path[0].number - 1 if path else block.number

    def is_open(self, block: Block) -> bool:
        return self.base_of(block) >= self.final

    def needed_by_pins(self) -> set[bytes]:
        return {step.hash for pin in self.pinned if pin in self.blocks for step in self.path_to(self.blocks[pin])}

    def forget(self, doomed: list[Block]) -> None:
        for block in doomed:
            self.gone.append(block.header)
            del self.blocks[block.hash]
            self.justified.pop(block.hash, None)

    def snapshot(self) -> tuple[Any, ...]:
        """All that is stored and all that is remembered."""
        chain, head = self.chain, self.chain.states.head
        records = {column: list(self.db.items_from(column)) for column in COLUMNS}
        forks = dict(chain._forks.blocks)
        memory = chain.best, chain.best_header(), chain.finalized, chain.leaves(), chain._pruned, forks
        return records, memory, dict(head.values), list(head.keys()), head.root, dict(head.nodes)

    @contextmanager
    def disk(self, failing: int | None) -> Iterator[Callable[[], bool]]:
        """A disk of which one write fails; what it gives says whether that happened."""
        count, failed = 0, False
        before = self.snapshot() if failing is not None else None

        def write(batch: Batch) -> None:
            nonlocal count, failed
            count += 1
            if count - 1 == failing:
                failed = True
                raise WriteFailed("no space left")
            Database.write(self.db, batch)

        self.db.write = write  # type: ignore[method-assign]
        told = len(self.imported), len(self.finalized), len(self.reorganised)
        try:
            yield lambda: failed
        except WriteFailed:
            assert failed
            head = self.chain.states.head
            assert before is not None
            # Records that were read meanwhile may be kept.
            now = self.snapshot()
            assert now[:-1] == before[:-1]
            assert {path: head.node(path) for path in before[-1]} == before[-1]
            assert (len(self.imported), len(self.finalized), len(self.reorganised)) == told
        else:
            assert not failed
        finally:
            del self.db.write

    # Blocks

    def made_on(self, parent: Block, changes: Changes) -> tuple[Block, BuiltBlock, Update]:
        values = after(parent.values, changes)
        root = naive_root(values, self.spec.state_version)
        update = Update(self.chain.state_at(parent.hash), changes)
        while not update.advance(1):
            pass
        assert update.root == root
        self.made += 1
        digest = [Other(self.made.to_bytes(4, "big"))]  # so that no two blocks are the same
        header = Header(parent.hash, parent.number + 1, root, bytes(32), list(digest))
        body = [b"%d" % self.made]
        records = naive_records(values, self.spec.state_version)
        self.paths |= set(records)
        block = Block(header.hash, header.number, parent.hash, header, body, values, records)
        return block, BuiltBlock(header, body, changes, []), update

    def insert(self, parent: Block, changes: Changes, failing: int | None) -> None:
        block, built, update = self.made_on(parent, changes)
        with self.disk(failing) as failed:
            news = self.chain.insert(block.header, built, update.nodes)
        if failed():
            return
        assert self.imported[-1] == news
        assert (news.hash, news.header, news.extrinsics, news.is_new) == (block.hash, block.header, block.body, True)
        self.blocks[block.hash] = block
        assert news.is_best == (block.number > self.best.number)
        if news.is_best:
            self.moved(news, block)
        else:
            assert (news.retracted, news.enacted, news.changes) == ((), (), {})

    def moved(self, news: Imported, best: Block, base: int | None = None) -> None:
        """The head has moved: the news tell exactly how, and the model follows."""
        path = self.path_to(best)
        base = self.base_of(best) if base is None else base
        retracted = self.line[base + 1 :]
        assert news.retracted == tuple(block.hash for block in reversed(retracted))
        assert news.enacted == tuple(block.hash for block in path[:-1])
        old, new = self.best.values, best.values
        differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        assert differing <= set(news.changes)
        assert dict(news.changes) == {key: new.get(key) for key in news.changes}
        self.line = self.line[: base + 1] + path

    @rule(changes=CHANGES, failing=FAILING)
    def extend_the_best(self, changes: Changes, failing: int | None) -> None:
        before = len(self.reorganised)
        self.insert(self.best, changes, failing)
        assert len(self.reorganised) == before

    def grown(self, parent: Block, changes: Changes) -> Block:
        """A new block on this one."""
        self.insert(parent, changes, None)
        return list(self.blocks.values())[-1]

    def check(self) -> None:
        self.the_tree_is_the_models()
        self.every_state_is_the_models()
        self.nothing_else_is_stored()

    @rule(data=st.data(), changes=CHANGES, failing=FAILING)
    def extend_any_open_block(self, data: st.DataObject, changes: Changes, failing: int | None) -> None:
        parents = [block for block in self.blocks.values() if self.is_open(block)]
        self.insert(data.draw(st.sampled_from(parents)), changes, failing)

    @rule(data=st.data(), changes=CHANGES)
    def overtake(self, data: st.DataObject, changes: Changes) -> None:
        """A fork grows until it is the best chain."""
        side = self.open_side()
        if not side:
            return
        tip = data.draw(st.sampled_from(side))
        told = len(self.reorganised)
        while self.best.hash != tip.hash:
            before = set(self.blocks)
            self.insert(tip, changes | {b"tip": b"%d" % tip.number}, None)
            (new,) = set(self.blocks) - before
            tip = self.blocks[new]
        news = self.imported[-1]
        assert self.reorganised[told:] == ([news] if news.retracted or news.enacted else [])

    @rule(data=st.data(), changes=CHANGES)
    def extend_what_is_closed(self, data: st.DataObject, changes: Changes) -> None:
        closed = [block for block in self.blocks.values() if not self.is_open(block)]
        headers = [block.header for block in closed] + self.gone[-3:] + [STRANGER]
        parent = data.draw(st.sampled_from(headers))
        header = Header(parent.hash, parent.number + 1, bytes(32), bytes(32), [])
        before = self.snapshot()
        with pytest.raises(UnknownParent):
            self.chain.insert(header, BuiltBlock(header, [], changes, []), {})
        assert self.snapshot() == before

    # Finality

    def longest_through(self, block: Block) -> list[Block]:
        """The leaves whose chains are the longest of those through a block."""
        through = [
            each for each in self.blocks.values() if each.hash not in self.canonical and block in self.path_to(each)
        ]
        height = max(each.number for each in through)
        return [each for each in through if each.number == height]

    @rule(data=st.data(), failing=FAILING)
    def finalize(self, data: st.DataObject, failing: int | None) -> None:
        able = [block for block in self.blocks.values() if self.is_open(block) and block.number > self.final]
        if not able:
            return
        self.make_final(data.draw(st.sampled_from(able)), failing)

    def open_side(self) -> list[Block]:
        """The blocks off the canonical chain that finality has not decided against."""
        return [block for block in self.blocks.values() if self.is_open(block) and block.hash not in self.canonical]

    @rule(data=st.data(), failing=FAILING)
    def finalize_a_fork(self, data: st.DataObject, failing: int | None) -> None:
        if side := self.open_side():
            self.make_final(data.draw(st.sampled_from(side)), failing)

    @rule(data=st.data())
    def finalize_beside_a_pinned_fork(self, data: st.DataObject) -> None:
        side = self.open_side()
        if side and self.best.number > self.final:
            self.pin_block(data.draw(st.sampled_from(side)))
            self.make_final(data.draw(st.sampled_from(self.line[self.final + 1 :])), None)

    def make_final(self, block: Block, failing: int | None) -> None:
        forked = block.hash not in self.canonical
        told = len(self.imported), len(self.reorganised)
        with self.disk(failing) as failed:
            news = self.chain.finalize(block.hash, b"proof of " + block.hash)
        if failed():
            return
        if forked:
            bests = {each.hash for each in self.longest_through(block)}
            moved = self.imported[-1]
            assert len(self.imported) == told[0] + 1
            assert moved.hash in bests
            assert (moved.is_best, moved.is_new) == (True, False)
            best = self.blocks[moved.hash]
            assert (moved.header, moved.extrinsics) == (best.header, best.body)
            assert self.reorganised[told[1] :] == [moved]
            self.moved(moved, best)
        else:
            assert (len(self.imported), len(self.reorganised)) == told
        fresh = self.line[self.final + 1 : block.number + 1]
        assert news == self.finalized[-1]
        assert news == Finalized(block.hash, block.header, tuple(each.hash for each in fresh))
        self.final = block.number
        self.justified = {block.hash: b"proof of " + block.hash}
        kept = self.needed_by_pins()
        self.forget([each for each in self.blocks.values() if not self.is_open(each) and self.is_side(each, kept)])
        self.follow_pruning()

    def is_side(self, block: Block, kept: set[bytes]) -> bool:
        return block.hash not in self.canonical and block.hash not in kept

    def follow_pruning(self) -> None:
        """The states that are to be kept are kept; how soon the others go is the chain's to choose."""
        pruned = self.chain._pruned
        assert pruned >= self.pruned
        if self.keep is None:
            assert pruned == self.pruned
        else:
            assert pruned <= max(self.pruned, self.final - self.keep + 1)
            assert all(pruned <= max(self.pruned, self.base_of(self.blocks[pin])) for pin in self.pinned)
        self.pruned = pruned

    @rule(data=st.data())
    def finalize_what_cannot_be(self, data: st.DataObject) -> None:
        closed = [each.hash for each in self.blocks.values() if not self.is_open(each) and each.number > self.final]
        gone = [header.hash for header in self.gone[-3:]]
        block = data.draw(st.sampled_from([*closed, *gone, STRANGER.hash]))
        before = self.snapshot()
        with pytest.raises(UnknownBlock):
            self.chain.finalize(block, b"")
        assert self.snapshot() == before

    @rule(keep=st.sampled_from([None, 1, 2, 3]))
    def keep_so_many_states(self, keep: int | None) -> None:
        self.keep = self.chain.keep_states = keep

    # Back

    @precondition(lambda self: self.best.number > self.pruned)
    @rule(data=st.data(), failing=FAILING)
    def revert(self, data: st.DataObject, failing: int | None) -> None:
        target = self.line[data.draw(st.integers(self.pruned, self.best.number - 1))]
        with self.disk(failing) as failed:
            news = self.chain.revert(target.number)
        if not failed():
            self.rewound(news, target)

    @rule(data=st.data(), failing=FAILING)
    def rewind(self, data: st.DataObject, failing: int | None) -> None:
        target = data.draw(st.sampled_from(list(self.blocks.values())))
        if self.base_of(target) < self.pruned:
            before = self.snapshot()
            with pytest.raises(StateDiscarded):
                self.chain.rewind(target.hash)
            assert self.snapshot() == before
            return
        with self.disk(failing) as failed:
            news = self.chain.rewind(target.hash)
        if not failed():
            self.rewound(news, target)

    def rewound(self, news: Imported, target: Block) -> None:
        assert self.imported[-1] == news
        assert (news.hash, news.header, news.extrinsics) == (target.hash, target.header, target.body)
        assert (news.is_best, news.is_new) == (True, False)
        base = self.base_of(target)
        self.moved(news, target, base)
        if base < self.final:
            self.final, self.justified = base, {}
        kept = self.needed_by_pins()
        self.forget([each for each in self.blocks.values() if self.is_side(each, kept)])
        self.left_behind |= kept

    @rule(number=st.sampled_from([-1, 1 << 32, 1 << 70]))
    def revert_to_nothing(self, number: int) -> None:
        before = self.snapshot()
        for each in (number, self.best.number, self.best.number + 1):
            with pytest.raises(NothingToRevert):
                self.chain.revert(each)
        for header in [STRANGER, *self.gone[-2:]]:
            with pytest.raises(UnknownBlock):
                self.chain.rewind(header.hash)
        assert self.snapshot() == before

    @rule(data=st.data())
    def pin(self, data: st.DataObject) -> None:
        readable = [block for block in self.blocks.values() if self.base_of(block) >= self.pruned]
        self.pin_block(data.draw(st.sampled_from(readable)))

    def pin_block(self, block: Block) -> None:
        self.pinned[block.hash] = None
        self.chain.pinned = dict(self.pinned)

    @rule()
    def unpin(self) -> None:
        self.pinned.clear()
        self.chain.pinned = {}

    @rule()
    def restart(self) -> None:
        self.db.close()
        self.open()

    # What holds at any time

    @invariant()
    def the_tree_is_the_models(self) -> None:
        chain, best = self.chain, self.best
        assert chain.best == BlockRef(best.hash, best.number)
        assert chain.best_header() == best.header
        assert chain.finalized == BlockRef(self.line[self.final].hash, self.final)
        longer = {block.hash for block in self.blocks.values() if self.is_open(block) and block.number > best.number}
        assert longer <= self.left_behind
        assert [chain.hash_of(number) for number in range(best.number + 2)] == [*self.canonical, None]
        for block in self.blocks.values():
            assert chain.header(block.hash) == block.header
            assert chain.body(block.hash) == block.body
            assert chain.is_canonical(block.hash) == (block.hash in self.canonical)
            assert chain.justification(block.hash) == self.justified.get(block.hash)
        parents = {block.parent for block in self.blocks.values()}
        leaves = [BlockRef(block.hash, block.number) for block in self.blocks.values() if block.hash not in parents]
        found = chain.leaves()
        assert found[0] == chain.best
        assert {*found[1:], *([chain.best] if best.hash not in parents else [])} == set(leaves)
        assert [leaf.number for leaf in found[1:]] == sorted((leaf.number for leaf in found[1:]), reverse=True)
        for header in self.gone[-3:]:
            assert chain.header(header.hash) is None
            with pytest.raises(UnknownBlock):
                chain.state_at(header.hash)

    @invariant()
    def every_state_is_the_models(self) -> None:
        asked = [b"", b"\1", b"ab", b"abcd", b"\1\x10", b"tip"]
        for block in self.blocks.values():
            if self.base_of(block) < self.pruned:
                with pytest.raises(StateDiscarded):
                    self.chain.state_at(block.hash)
            elif block is self.best:
                assert_is(self.chain.state_at(block.hash), block.values, asked, self.paths)
            else:
                state = self.chain.state_at(block.hash)
                assert list(state.keys()) == sorted(block.values)
                assert_trie_is(state, block.values, asked, self.paths)

    @invariant()
    def nothing_else_is_stored(self) -> None:
        records: dict[Column, dict[bytes, bytes]] = {column: dict(self.db.items_from(column)) for column in COLUMNS}
        side = {each for each in self.blocks if each not in self.canonical}
        assert records["state"] == self.best.values
        assert {path.decode(): record for path, record in records["trie"].items()} == self.best.records
        assert set(records["header"]) == set(records["body"]) == set(self.blocks)
        assert records["number"] == {block.number.to_bytes(4, "big"): block.hash for block in self.line}
        assert records["justification"] == self.justified
        assert set(records["fork"]) == side
        history: dict[bytes, bytes] = {}
        trie_history: dict[bytes, bytes] = {}
        journal: dict[bytes, Journal] = {}
        for before, block in zip(self.line[self.pruned :], self.line[self.pruned + 1 :], strict=False):
            suffix = block.number.to_bytes(4, "big")
            keys, paths = changed(before.values, block.values), changed(before.records, block.records)
            history |= {escape(key) + suffix: overwritten(before.values.get(key)) for key in keys}
            trie_history |= {end_path(path) + suffix: overwritten(before.records.get(path)) for path in paths}
            journal[suffix] = Journal(sorted(keys), sorted(paths))
        assert records["history"] == history
        assert records["trie_history"] == trie_history
        assert {number: in_order(Journal.decode(data)) for number, data in records["journal"].items()} == journal


def in_order(journal: Journal) -> Journal:
    return Journal(sorted(journal.keys), sorted(journal.paths))


def changed(before: Mapping[T, bytes], now: Mapping[T, bytes]) -> list[T]:
    return [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]


TestForksModel = ForksModel.TestCase
TestForksModel.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)

# What chance may miss


@pytest.fixture
def model() -> Iterator[ForksModel]:
    """A chain of four blocks, a block beside the third, and a fork of two blocks from genesis."""
    made = ForksModel()
    made.begin({b"": b"1", b"a": b"x" * 33, b"ab": b"2"}, 1)
    tip = made.line[0]
    for number in range(4):
        tip = made.grown(tip, {b"ab": b"%d" % number, b"abc": None if number % 2 else b"odd"})
    made.grown(made.line[2], {})
    tip = made.line[0]
    for number in range(2):
        tip = made.grown(tip, {b"a": None, b"fork": b"%d" % number})
        made.fork.append(tip)
    made.check()
    yield made
    made.check()
    made.restart()
    made.check()
    made.teardown()


def test_finality_of_a_fork_is_one_write(model: ForksModel) -> None:
    first, tip = model.fork
    for block in (tip, first):
        model.make_final(block, 0)
        model.check()
        assert model.final == 0
    model.make_final(first, 1)  # there is no second write that could fail
    assert model.final == 1
    assert model.best is tip
    assert set(model.blocks) == set(model.canonical)


def test_finality_of_a_fork_prunes_only_what_it_does_not_write_itself(model: ForksModel) -> None:
    model.keep = model.chain.keep_states = 1
    model.make_final(model.fork[1], None)
    model.check()
    assert model.pruned == 0
    model.make_final(model.grown(model.best, {b"late": b"1"}), None)
    assert model.pruned == model.final == 3


def test_what_leaves_the_chain_before_the_final_block_ends(model: ForksModel) -> None:
    before = model.grown(model.line[1], {})
    behind = model.grown(model.line[2], {})
    model.make_final(model.line[2], None)
    assert behind.hash in model.blocks
    assert not any(block.hash in model.blocks for block in (before, *model.fork))


def test_a_pinned_fork_outlives_finality_but_cannot_grow_or_become_final(model: ForksModel) -> None:
    first, tip = model.fork
    model.pin_block(tip)
    model.make_final(model.line[1], None)
    model.check()
    assert {first.hash, tip.hash} <= set(model.blocks)
    before = model.snapshot()
    with pytest.raises(UnknownBlock):
        model.chain.finalize(tip.hash, b"")
    child = Header(tip.hash, 3, bytes(32), bytes(32), [])
    with pytest.raises(UnknownParent):
        model.chain.insert(child, BuiltBlock(child, [], {}, []), {})
    assert model.snapshot() == before
    model.rewound(model.chain.rewind(tip.hash), tip)
    assert (model.final, model.justified) == (0, {})


def test_a_step_back_behind_a_pinned_final_block_takes_its_justification(model: ForksModel) -> None:
    model.pin_block(model.line[2])
    model.make_final(model.line[2], None)
    model.rewound(model.chain.revert(1), model.line[1])
    assert list(model.db.items_from("justification")) == []
