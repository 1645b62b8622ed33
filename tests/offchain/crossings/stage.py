"""Two chains: one in memory, whose holders deliver what is queued on it, and a real node of another, in one process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from logging import LoggerAdapter, getLogger
from pathlib import Path
from typing import Any, TypeVar, cast

import trio

from node.config import NodeConfig
from offchain.cluster_secrets import ClusterSecret, ClusterSecrets
from offchain.crossings.accounts import crossing_key
from offchain.crossings.delivery import Delivery
from offchain.crossings.other_chain import Others
from offchain.light.finalized import Finalized
from offchain.outside.network import Network, SystemResolver, public_roots
from pallets.crossings.pallet import Crossings
from pallets.frame import Event
from pallets.primitives import ss58
from pallets.primitives.cluster import ClusterKey
from pallets.primitives.crossing import SENDING, ByName, Named, Reason
from tests.offchain.real_node import ALICE, SPEC, Scene, real_node, scene_of
from tests.offchain.test_cluster import MemoryChain, MemoryFinal
from tests.pallets.cluster_chain import Member
from tests.pallets.crossing_chain import TRANSFER, CrossingChain
from tests.pallets.job_chain import UNIT

E = TypeVar("E", bound=Event)

SECRET = ClusterSecret(b"\x5e" * 32)
LOG = LoggerAdapter(getLogger("offchain.test"), {})
DEST = b"\x77" * 32
ERA = 16
PATIENCE = 600
"""Seconds, of the virtual clock."""
NETWORK = Network(SystemResolver(), public_roots())
CALLS = [
    Named(TRANSFER.encode()),
    Named(b"Balances.transfer_all"),
    Named(b"Utility.batch_all"),
    Named(b"Assets.transfer"),
]


class Died(Exception):
    """A worker was killed."""


class HomeClient(MemoryChain):
    """The chain in memory, to one worker, which may die when it says something: before it is heard, or just after."""

    chain: CrossingChain

    def __init__(self, chain: CrossingChain) -> None:
        super().__init__(chain)
        self.dies: tuple[int, bool] | None = None
        """The call's index, and whether it was heard."""

    async def keys_under(
        self, prefix: bytes, count: int, start: bytes | None = None, at: bytes | None = None
    ) -> list[bytes]:
        await trio.lowlevel.checkpoint()
        return sorted(key for key, value in self.state().items() if key.startswith(prefix) and value is not None)[
            :count
        ]

    async def submit_bare(self, call: bytes) -> None:
        if self.dies is not None and call[1] == self.dies[0]:
            if self.dies[1]:
                await super().submit_bare(call)
            raise Died
        await super().submit_bare(call)


class Home:
    """The chain in memory, with an agent that may reach the other, and holders who deliver."""

    def __init__(self, nursery: trio.Nursery, other: Scene, holders: int = 2) -> None:
        self.chain = CrossingChain(holders)
        clusters = self.chain.rt.clusters
        clusters.key[1] = ClusterKey(*SECRET.public, self.chain.holders[0].key, 0)
        self.nursery, self.other = nursery, other
        self.genesis = other.chain.genesis
        self.endpoints = [other.node.ws_url.encode()]
        self.running: dict[bytes, tuple[Delivery, HomeClient]] = {}
        self.events: list[Any] = []
        self.news = trio.Event()
        self.pace = 1_000
        """Milliseconds of the chain's time from one block to the next, of which there is one a second."""
        self.died = 0
        self.scopes: list[trio.CancelScope] = []
        self.account = crossing_key(SECRET, self.chain.agent_number, self.genesis).account_id

    def allow(self, **changes: Any) -> None:
        terms: dict[str, Any] = {
            "chain": self.genesis,
            "endpoints": self.endpoints,
            "calls": CALLS,
            "cap": 1_000 * UNIT,
        }
        self.chain.allow(**(terms | changes))

    async def fund(self, amount: int = 100 * UNIT) -> None:
        """Gives the agent's account money on the other chain."""
        await self.other.send(ALICE, "Balances", "transfer_keep_alive", dest=self.account, value=amount)

    def queue(self, value: int, call: str = TRANSFER, spends: int | None = None, **arguments: Any) -> int:
        """A transfer, unless it is told otherwise; the entry's number."""
        given = arguments or {"dest": f"0x{DEST.hex()}", "value": str(value)}
        sending = ByName(call.encode(), json.dumps(given).encode())
        return self.chain.queue(value + UNIT if spends is None else spends, SENDING.encode(sending), self.genesis)

    def run(
        self,
        member: Member,
        dies: tuple[int, bool] | None = None,
        allow_private: bool = True,
        kind: type[Others] = Others,
    ) -> None:
        """A holder delivers, until it dies."""
        client = HomeClient(self.chain)
        client.dies = dies
        secrets = ClusterSecrets(None, member.key)
        secrets.keep([(1, SECRET)])
        others = kind(lambda: NETWORK, allow_private=allow_private)
        final = cast(Finalized, MemoryFinal(client))
        delivery = Delivery(client, final, member.keys, secrets, others, LOG, ERA)
        self.running[member.key] = delivery, client

        scope = trio.CancelScope()
        self.scopes.append(scope)

        async def live() -> None:
            try:
                with scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(others.run)
                        nursery.start_soon(delivery.run)
            except* Died:
                self.died += 1

        self.nursery.start_soon(live)

    def kill(self) -> None:
        """All who deliver die."""
        for scope in self.scopes:
            scope.cancel()
        self.scopes, self.running = [], {}

    def whose(self, number: int) -> Member:
        """The holder that an entry is first to deliver to the other chain."""
        holders = self.chain.rt.clusters.seats
        return self.chain.members[holders[number % len(holders)]]

    async def blocks(self) -> None:
        """A block a second; what was before is final."""
        while True:
            self.block(self.pace)
            await trio.sleep(1)

    async def until(self, done: Callable[[], bool]) -> None:
        """Waits for something to be so after a block."""
        with trio.fail_after(PATIENCE):
            while not done():
                await self.news.wait()

    def block(self, after: int) -> None:
        self.events += self.chain.rt.events
        for _, client in self.running.values():
            client.finalize()
        self.chain.next_block(after)
        self.chain.beat()
        for delivery, _ in list(self.running.values()):
            for key, hear in delivery.followed.items():
                hear(self.chain.rt.state.get(key))
        self.news.set()
        self.news = trio.Event()

    def all(self, kind: type[E], **fields: Any) -> list[E]:
        """The events of a kind so far, those with these fields."""
        events = [*self.events, *self.chain.rt.events]
        return [
            each
            for each in events
            if isinstance(each, kind) and all(getattr(each, name) == value for name, value in fields.items())
        ]

    async def seen(self, kind: type[E], **fields: Any) -> E:
        """Waits for an event."""
        await self.until(lambda: bool(self.all(kind, **fields)))
        return self.all(kind, **fields)[0]

    async def reason(self, number: int) -> Reason:
        """Why an entry failed."""
        told = await self.over(number)
        assert isinstance(told, Crossings.Failed)
        return told.reason

    async def over(self, number: int) -> Crossings.Delivered | Crossings.Failed:
        """How an entry ended."""
        await self.until(lambda: self.chain.entry(number, self.genesis).outcome is not None)
        delivered: list[Any] = self.all(Crossings.Delivered, chain=self.genesis, entry=number)
        failed = self.all(Crossings.Failed, chain=self.genesis, entry=number)
        assert len(delivered) + len(failed) == 1
        return delivered[0] if delivered else failed[0]

    def arrived(self) -> int:
        """What the destination has on the other chain."""
        return self.other.state.balances.free(DEST)

    async def grow(self, blocks: int) -> None:
        """The other chain makes empty blocks."""
        for _ in range(blocks):
            await self.other.node.producer.create_block(create_empty=True)


def other_spec(path: Path) -> Path:
    """The spec of a chain of another genesis, in a directory: somebody has money there from the beginning."""
    spec = json.loads(SPEC.read_text())
    someone = ss58.encode(sha256(b"someone").digest())
    spec["genesis"]["runtimeGenesis"]["patch"]["balances"]["balances"].append([someone, str(UNIT)])
    target = path / "other.json"
    target.write_text(json.dumps(spec))
    return target


@asynccontextmanager
async def two_chains(path: Path) -> AsyncIterator[Home]:
    """Home and the other chain, at work."""
    async with (
        real_node(NodeConfig(other_spec(path), rpc_port=0)) as node,
        scene_of(node) as other,
        trio.open_nursery() as nursery,
    ):
        home = Home(nursery, other)
        nursery.start_soon(home.blocks)
        yield home
        nursery.cancel_scope.cancel()
