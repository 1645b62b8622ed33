"""Three authorities, a node each: every one makes the blocks of its own slots, and takes those of the others."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import trio

from node.chain.authorship import Aura
from node.chain.importer import Importer
from node.chain.inherents import RevealedOnion, SlotTimestamp
from node.chain.pool import Pool
from node.chain.producer import Producer
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.clock import ChainClock
from node.dev_spec import DEV_SPEC
from node.executor import Executor
from node.state.memory import MemoryDatabase
from pallets.frame.overlay import Overlay
from pallets.primitives.hash_onion import DEV_LAYERS, HashOnions
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import dev_keypair
from pallets.primitives.ss58 import encode
from pallets.runtime import KNOWN_RUNTIMES, SS58_PREFIX, DevRuntime

NAMES = ("Alice", "Bob", "Charlie")
START = 1_800_000_000_000
"""Milliseconds; the slot that starts then is Alice's."""


@cache
def onions_of(name: str) -> HashOnions:
    return HashOnions(blake2_256(name.encode()), DEV_LAYERS)


@cache
def spec() -> ChainSpec:
    document: dict[str, Any] = json.loads(DEV_SPEC.read_text())
    patch = document["genesis"]["runtimeGenesis"]["patch"]
    keys = [encode(dev_keypair(name).public, SS58_PREFIX) for name in NAMES]
    commitments = [onions_of(name).commitment(0) for name in NAMES]
    patch["aura"]["authorities"] = keys
    patch["randomness"]["commitments"] = [
        [key, f"0x{layer.hex()}", layers] for key, (layer, layers) in zip(keys, commitments, strict=True)
    ]
    return ChainSpec.of_document(document)


class Node:
    """One authority's, with its own key, onions and database."""

    def __init__(self, name: str) -> None:
        self.chain = Chain.open(MemoryDatabase(), spec(), Executor(KNOWN_RUNTIMES))
        self.clock = ChainClock(lambda: START)
        slot = self.chain.slot_duration_ms()
        transactions = Transactions(self.chain, Pool(), 1 << 20, now=lambda: 0.0)
        key = dev_keypair(name)
        inherents = SlotTimestamp(slot), RevealedOnion(self.chain, onions_of(name), key.public)
        self.producer = Producer(
            self.chain, transactions, self.clock, Aura(self.chain, key, slot), inherents, now=lambda: 0.0
        )
        self.importer = Importer(self.chain, transactions, self.clock)

    @property
    def runtime(self) -> DevRuntime:
        """The pallets after the best block."""
        return DevRuntime(Overlay(self.chain.state_at(self.chain.best.hash)))


class Network:
    """What one node makes, the others have at once."""

    def __init__(self) -> None:
        self.nodes = [Node(name) for name in NAMES]

    @property
    def runtime(self) -> DevRuntime:
        """As the nodes agree on it."""
        heads = {node.chain.best.hash for node in self.nodes}
        assert len(heads) == 1
        return self.nodes[0].runtime

    async def seal(self, *places: int) -> None:
        """Blocks by the nodes of these places, one after another, each at its next own slot."""
        for place in places:
            author = self.nodes[place]
            made = author.producer.seal_now()
            header = author.chain.header(made.hash)
            assert header is not None
            for node in self.nodes:
                if node is not author:
                    await node.importer.import_block(header, list(made.extrinsics))


def test_each_node_makes_the_blocks_of_its_own_slots() -> None:
    async def play() -> None:
        network = Network()
        await network.seal(0, 1, 2, 0, 1)
        rt = network.runtime
        assert rt.aura.current_slot == START // rt.aura.slot_duration + 4
        assert [rt.randomness.commitment[key].layers_left for key in rt.aura.authorities] == [
            DEV_LAYERS - turns for turns in (2, 2, 1)
        ]

        await network.seal(0)  # Charlie is away
        assert network.runtime.randomness.turns
        await network.seal(1, 2)
        rt = network.runtime
        assert not rt.randomness.turns
        assert rt.randomness.commitment[rt.aura.authorities[2]].layers_left == DEV_LAYERS - 3

        await network.seal(0, 1, 0, 1)  # and again, longer
        charlie = network.runtime.aura.authorities[2]
        assert network.runtime.randomness.commitment[charlie].layers_left == 0
        await network.seal(2)
        assert network.runtime.randomness.successor[charlie].onion == 1
        await network.seal(0, 1, 2, 0)
        assert not network.runtime.randomness.turns

    trio.run(play)


def test_a_node_alone_goes_on_at_its_own_slots() -> None:
    node = Node("Bob")
    for _ in range(12):
        node.producer.seal_now()
        assert node.runtime.aura.current_slot % 3 == 1
    assert not node.runtime.randomness.turns and node.runtime.randomness.mix != bytes(32)
