"""What agents send to a fork of somebody else's chain, and read there: its own runtime takes it, or says why not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
import trio
from trio.testing import MockClock

from node.fork.runtime import WasmRuntime
from node.service import RunningNode
from offchain.crossings.host import URL, ChainsHosts
from offchain.crossings.other_chain import Others
from offchain.light.finalized import Finalized
from offchain.serving.run_scope import RunScope
from pallets.crossings.pallet import Crossings
from pallets.primitives.crossing import Failed, Succeeded, Verdict
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import Header
from tests.node.fork.stage import UNIT, cheats, served, settings, spec_of
from tests.offchain.crossings.stage import DEST, NETWORK, Home, HomeClient
from tests.offchain.real_node import Scene, chain_of
from tests.offchain.test_cluster import MemoryFinal

REPORT = 6


class Bridge:
    """Home, a fork that seals when it is told to, and what an agent's runs are told of it."""

    def __init__(self, home: Home, fork: RunningNode, others: Others) -> None:
        self.home, self.fork, self.others = home, fork, others
        self.sent: set[bytes] = set()
        """The hashes of all that was handed to the fork."""

    async def handed_over(self, number: int) -> bytes:
        """Waits until an entry's transaction waits in the fork's pool; its hash."""
        home, entry = self.home, {"chain": self.home.genesis, "entry": number}
        await home.until(lambda: bool(home.all(Crossings.Sent, **entry) or home.all(Crossings.Failed, **entry)))
        assert home.all(Crossings.Failed, **entry) == []
        (sent,) = home.all(Crossings.Sent, **entry)
        self.sent.add(sent.hash)
        await home.until(lambda: sent.hash in self.fork.transactions.pool)
        return sent.hash

    async def ended(self, number: int) -> Verdict:
        """Seals a block with what waits; the verdict over an entry, told of this block, where it is once."""
        hash = await self.handed_over(number)
        block = await cheats(self.fork).mine(1)
        told = await self.home.over(number)
        assert isinstance(told, Crossings.Delivered)
        assert (told.number, told.block, told.hash) == (block.header.number, block.hash, hash)
        assert [blake2_256(each) == hash for each in block.extrinsics].index(True) == told.extrinsic
        return told.verdict

    def included(self) -> list[bytes]:
        """The hashes of all that the fork's blocks have of what it was handed."""
        chain, found = self.fork.chain, []
        for number in range(1, chain.best.number + 1):
            hash = chain.hash_of(number)
            assert hash is not None
            found += [blake2_256(each) for each in chain.body(hash) or []]
        return [each for each in found if each in self.sent]

    async def ask(self, path: str) -> tuple[int, Any]:
        """What `https://chains.fathom/` answers a run of the agent."""
        client = HomeClient(self.home.chain)

        async def header() -> Header:
            return Header(bytes(32), client.final_head.number, bytes(32), bytes(32))

        scope = RunScope(agent=self.home.chain.agent_number, header=header)
        answer = ChainsHosts(cast(Finalized, MemoryFinal(client)), self.others).of(scope)[URL]
        status, _, body = await answer("GET", path, [], b"")
        return status, json.loads(b"".join([part async for part in body]))


@asynccontextmanager
async def home_and_fork(spec: Path, path: Path) -> AsyncIterator[Bridge]:
    """Home's agent may reach the fork, has an account there, and money."""
    async with (
        served(settings(spec, path)) as fork,
        chain_of(fork.ws_url) as chain,
        trio.open_nursery() as nursery,
    ):
        assert isinstance(fork.chain.runtime_at(fork.chain.best.hash), WasmRuntime)
        home = Home(nursery, Scene(fork, chain))
        home.pace = 2_000
        nursery.start_soon(home.blocks)
        home.allow()
        for holder in home.chain.holders:
            home.run(holder)
        announced = await home.seen(Crossings.AccountAnnounced)
        assert announced.account == home.account
        await cheats(fork).fund(home.account, 100 * UNIT)
        others = Others(lambda: NETWORK, allow_private=True)
        nursery.start_soon(others.run)
        yield Bridge(home, fork, others)
        nursery.cancel_scope.cancel()


@pytest.fixture(params=["asset-hub", "phala"])
def spec(request: pytest.FixtureRequest) -> Path:
    """A parachain's, and a chain's of its own; their runtimes' transactions differ."""
    return spec_of(request.param)


async def test_a_forked_chain_is_paid_refuses_and_is_read(spec: Path, jumping_clock: MockClock, tmp_path: Path) -> None:
    async with home_and_fork(spec, tmp_path) as bridge:
        home, fork = bridge.home, bridge.fork

        async def account(who: bytes) -> Any:
            """An account there, as a run reads it."""
            status, told = await bridge.ask(
                f"/other/storage/System/Account?keys={quote(json.dumps([f'0x{who.hex()}']))}"
            )
            final = fork.chain.finalized
            assert status == 200 and told["block"] == {"number": final.number, "hash": f"0x{final.hash.hex()}"}
            held = fork.chain.states.head.get(bytes.fromhex(told["key"][2:]))
            assert told["raw"] == (None if held is None else f"0x{held.hex()}")
            return told["value"]

        assert (await account(DEST))["data"]["free"] == 0
        # The holder whose turn it is dies before it says that the money has arrived: another hands the same bytes over.
        number = home.queue(3 * UNIT)
        mortal = home.whose(number)
        home.running[mortal.key][1].dies = (REPORT, False)
        assert await bridge.ended(number) == Succeeded() and home.died == 1
        assert home.all(Crossings.Delivered)[0].by != mortal.key
        assert int((await account(DEST))["data"]["free"]) == 3 * UNIT
        sender = await account(home.account)
        assert sender["nonce"] == 1 and 96 * UNIT < int(sender["data"]["free"]) < 97 * UNIT
        # What it has is less by the time that its transaction, which is signed, comes into a block.
        number = home.queue(50 * UNIT)
        await bridge.handed_over(number)
        poorer: dict[str, Any] = {"nonce": 1, "providers": 1, "data": {"free": str(10 * UNIT)}}
        await cheats(fork).set_storage({"System": {"Account": [[[f"0x{home.account.hex()}"], poorer]]}})
        assert await bridge.ended(number) == Failed(b"Token.FundsUnavailable")
        # An error of a pallet's own, by the name and in the words of the chain's metadata.
        if spec.name.startswith("asset-hub"):
            number = home.queue(0, "Assets.transfer", id=99, target=f"0x{DEST.hex()}", amount=1)
            verdict = await bridge.ended(number)
            assert isinstance(verdict, Failed) and verdict.error.startswith(b"Assets.Unknown: ")
        # Once each, whoever handed them over and however often; and it took its fees.
        await cheats(fork).mine(3)
        assert sorted(bridge.included()) == sorted(bridge.sent)
        assert int((await account(DEST))["data"]["free"]) == 3 * UNIT
        sender = await account(home.account)
        assert sender["nonce"] == len(bridge.included()) and int(sender["data"]["free"]) < 10 * UNIT
        assert (await bridge.ask("/other/storage/System/Nothing"))[0] == 404
