"""Followers of the head of a chain that forks, reorganises, becomes final and is set back, in any order: each is told a
story that keeps the specification's rules and ends with what is, and can read whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.chain import follow as rules
from node.chain.feed import Finalized, Imported
from node.chain.follow import (
    BestBlockChanged,
    BlocksFinalized,
    Follow,
    FollowEnded,
    FollowEvent,
    Initialized,
    NewBlock,
    NotPinned,
    UnpinnedTwice,
)
from node.chain.stored import BlockRef
from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.executor import BuiltBlock, Executor
from node.state.backend import StateDiscarded
from node.state.db import Database
from node.state.trie import Update
from pallets.primitives.header import Header, Other
from tests.node.chain.test_forks_model import Genesis, NoRuntime
from tests.node.scratch import MEMORY

KEY = b"block"


class Client:
    """A follower and what it makes of its events, none of which may break a rule."""

    def __init__(self, chain: Chain, follow: Follow | None = None) -> None:
        self.chain, self.follow = chain, follow or Follow(chain)
        self.final = self.best = b""
        self.open: dict[bytes, bytes] = {}  # by block, its parent
        self.pinned: set[bytes] = set()
        self.ended = False
        self.now = 0.0
        self.listening = ExitStack()
        self.listening.enter_context(chain.imported.listen(self.on_imported))
        self.listening.enter_context(chain.finality.listen(self.on_finalized))
        first, *later = self.follow.begin(self.now)
        assert isinstance(first, Initialized)
        assert 1 <= len(first.finalized) <= rules.MAX_FINALIZED
        for parent, block in zip(first.finalized, first.finalized[1:], strict=False):
            assert header_of(chain, block).parent_hash == parent
        self.final = first.finalized[-1]
        self.pinned.update(first.finalized)
        assert isinstance(later[-1], BestBlockChanged)
        assert all(isinstance(event, NewBlock) for event in later[:-1])
        self.hear(later)

    def on_imported(self, news: Imported) -> None:
        try:
            self.hear(self.follow.on_imported(news))
        except FollowEnded:
            assert news.is_rewind
            self.end()

    def on_finalized(self, news: Finalized) -> None:
        try:
            self.hear(self.follow.on_finalized(news, self.now))
        except FollowEnded:
            self.end()

    def hear(self, events: list[FollowEvent]) -> None:
        assert not self.ended
        for event in events:
            match event:
                case NewBlock(block, parent):
                    assert block not in self.open
                    assert parent == self.final or parent in self.open
                    assert header_of(self.chain, block).parent_hash == parent
                    self.open[block] = parent
                    self.pinned.add(block)
                case BestBlockChanged(block):
                    assert block == self.final or block in self.open
                    assert block != self.best
                    self.best = block
                case BlocksFinalized(finalized, pruned):
                    self.finalize(finalized, pruned)
                case _:
                    raise AssertionError(f"a follower is told of {event} once, and first")

    def finalize(self, finalized: tuple[bytes, ...], pruned: tuple[bytes, ...]) -> None:
        assert finalized
        for block in finalized:
            assert self.open.pop(block) == self.final
            self.final = block
        left = {block for block in self.open if self.leads_from_final(block)}
        assert set(pruned) == self.open.keys() - left
        assert len(set(pruned)) == len(pruned)
        for block in pruned:
            del self.open[block]
        assert self.best == self.final or self.best in self.open

    def leads_from_final(self, block: bytes) -> bool:
        while block in self.open:
            block = self.open[block]
        return block == self.final

    def end(self) -> None:
        self.follow.end()
        self.ended = True
        self.pinned.clear()
        self.listening.close()


class FollowModel(RuleBasedStateMachine):
    """A chain and up to three followers."""

    directory: TemporaryDirectory[str] | None = None

    @initialize(keep=st.sampled_from([None, 1, 2]), grown=st.lists(st.integers(0, 3), max_size=6))
    def begin(self, keep: int | None, grown: list[int]) -> None:
        self.directory = TemporaryDirectory(prefix="fathom-test-", dir=MEMORY if MEMORY.is_dir() else None)
        genesis = Genesis({KEY: b"0"}, 1)
        self.db = Database(Path(self.directory.name) / "db", genesis.genesis_header().hash)
        self.chain = Chain.open(self.db, cast(ChainSpec, genesis), cast(Executor, NoRuntime()))
        self.chain.keep_states = keep
        self.made = 0
        self.blocks = [self.chain.best]  # all that were ever made
        self.clients: list[Client] = []
        for back in grown:
            self.insert(back)
        self.clients.append(Client(self.chain))

    def teardown(self) -> None:
        if self.directory is not None:
            self.db.close()
            self.directory.cleanup()

    def open_blocks(self) -> list[BlockRef]:
        """Those that may have children: the last final block and what leads from it."""
        return [block for block in self.blocks if self.chain.header(block.hash) and self.chain._is_open(block.hash)]

    def insert(self, back: int) -> None:
        blocks = self.open_blocks()
        parent = blocks[-1 - back % len(blocks)]
        self.made += 1
        changes = {KEY: b"%d" % self.made}
        update = Update(self.chain.state_at(parent.hash), changes)
        root = update.run()
        header = Header(parent.hash, parent.number + 1, root, bytes(32), [Other(self.made.to_bytes(4, "big"))])
        self.chain.insert(header, BuiltBlock(header, [b"%d" % self.made], changes, []), update.nodes)
        self.blocks.append(BlockRef(header.hash, header.number))

    @rule(back=st.integers(0, 4))
    def a_block_comes(self, back: int) -> None:
        self.insert(back)

    @rule(count=st.integers(2, 5))
    def a_chain_grows(self, count: int) -> None:
        for _ in range(count):
            self.insert(0)

    @rule(data=st.data())
    def a_block_becomes_final(self, data: st.DataObject) -> None:
        able = [block for block in self.open_blocks() if block.number > self.chain.finalized.number]
        if able:
            self.chain.finalize(data.draw(st.sampled_from(able)).hash, b"proof")

    @precondition(lambda self: len(self.clients) < 3)
    @rule(count=st.integers(0, 2))
    def somebody_follows(self, count: int) -> None:
        follow = Follow(self.chain)
        for _ in range(count):
            self.insert(0)  # before it begins
        self.clients.append(Client(self.chain, follow))

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def somebody_unpins(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.clients))
        if client.pinned:
            blocks = data.draw(st.lists(st.sampled_from(sorted(client.pinned)), min_size=1, unique=True))
            with pytest.raises(UnpinnedTwice):
                client.follow.unpin([*blocks, blocks[0]])
            with pytest.raises(NotPinned):
                client.follow.unpin([*blocks, b"\7" * 32])
            client.follow.unpin(blocks)
            client.pinned -= set(blocks)

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def somebody_leaves(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.clients))
        client.end()
        self.clients.remove(client)

    @rule(data=st.data(), keeps_forks=st.booleans())
    def the_chain_is_set_back(self, data: st.DataObject, keeps_forks: bool) -> None:
        there = [block for block in self.blocks if self.chain.header(block.hash)]
        target = data.draw(st.sampled_from(there))
        loses = not keeps_forks or not self.chain._is_open(target.hash)
        try:
            self.chain.rewind(target.hash, keeps_forks=keeps_forks)
        except StateDiscarded:
            return
        assert all(client.ended == loses for client in self.clients)
        if loses:
            self.clients.clear()

    @invariant()
    def every_follower_knows_what_is(self) -> None:
        is_open = {block.hash for block in self.open_blocks()} - {self.chain.finalized.hash}
        for client in self.clients:
            assert client.final == self.chain.finalized.hash
            assert client.best == self.chain.best.hash
            assert client.open.keys() == is_open

    @invariant()
    def what_is_pinned_can_be_read(self) -> None:
        for client in self.clients:
            for block in client.pinned:
                assert client.follow.is_pinned(block)
                body = self.chain.body(block)
                assert header_of(self.chain, block).hash == block
                assert body is not None
                assert self.chain.state_at(block).get(KEY) == (body[0] if body else b"0")

    @invariant()
    def nothing_else_is_held(self) -> None:
        assert self.chain._held.keys() == {block for client in self.clients for block in client.pinned}


def header_of(chain: Chain, block: bytes) -> Header:
    header = chain.header(block)
    assert header is not None
    return header


TestFollowModel = FollowModel.TestCase
TestFollowModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)

# Limits


@pytest.fixture
def model() -> Iterator[FollowModel]:
    made = FollowModel()
    made.begin(None, [])
    yield made
    made.teardown()


def finalize_one(model: FollowModel) -> bytes:
    """The next block becomes final, which there is already."""
    block = model.chain.hash_of(model.chain.finalized.number + 1)
    assert block is not None
    model.chain.finalize(block, b"proof")
    return block


def test_who_pins_many_settled_blocks_is_ended(model: FollowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_SETTLED", 3)
    greedy, modest = model.clients[0], Client(model.chain)
    for _ in range(10):
        model.insert(0)  # open ones don't count
    modest.follow.unpin([model.chain.genesis_hash])
    for passed in range(4):
        assert greedy.ended == (passed > 3)
        modest.follow.unpin([finalize_one(model)])
    assert greedy.ended
    assert not modest.ended


def test_who_pins_a_settled_block_for_long_is_ended(model: FollowModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RECENT", 2)
    client = model.clients[0]
    for _ in range(8):
        model.insert(0)
    client.now = 100
    for _ in range(2):
        finalize_one(model)
    client.now += rules.MAX_SETTLED_SECONDS
    finalize_one(model)  # genesis and the next lie three back and two, and settled just so long ago
    client.now += 1
    client.follow.unpin([model.chain.genesis_hash])
    finalize_one(model)
    assert client.ended


def test_recent_blocks_may_be_pinned_for_ever(model: FollowModel) -> None:
    client = model.clients[0]
    for _ in range(rules.RECENT):
        model.insert(0)
        finalize_one(model)
        client.now += rules.MAX_SETTLED_SECONDS
    assert not client.ended
    model.insert(0)
    finalize_one(model)
    assert client.ended
