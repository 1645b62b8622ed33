"""Members of the cluster's committee at work: on a chain in memory and a virtual clock, and on a real node."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from logging import LoggerAdapter, getLogger
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from node.config import NodeConfig
from node.web import connect_websocket
from offchain.attestation import Enclave
from offchain.chain import POOL_INVALID, Chain, Head, StorageItem
from offchain.cluster import ClusterMember
from offchain.cluster_secrets import SECRETS_FILE, AgentSubject, ClusterSecrets
from offchain.light.finalized import Finalized
from offchain.peers import MAX_AGE, PeerRefused, check_peer
from offchain.rpc import CallFailed
from offchain.simulated_tee import mint_quote
from offchain.worker import Effects, RunningWorker, WorkerConfig, WorkerError, serve
from pallets.clusters.pallet import Clusters
from pallets.frame.overlay import DictBackend
from pallets.frame.validity import TransactionValidityError
from pallets.primitives.attestation_record import TrustRoot
from pallets.primitives.cluster import SeatEnd, SeatState
from pallets.primitives.extrinsic import bare_extrinsic
from tests.offchain.hearing import PATIENCE, Lines
from tests.offchain.real_node import SPEC, STAKE, InlineSandbox, Scene, entropy, real_node, scene_of
from tests.pallets.cluster_chain import ClusterChain, Member
from tests.pallets.job_chain import RUNTIME_ID, SGX

LOG = LoggerAdapter(getLogger("offchain.test"), {})
SUBJECT = AgentSubject.of_agent(7)


class MemoryChain(Chain):
    """The chain in memory, as a worker's client shows it; final is what was told to be."""

    def __init__(self, chain: ClusterChain) -> None:
        super().__init__(cast(Any, None), chain.genesis_hash)
        self.chain = chain
        self.final: dict[bytes, bytes | None] = {}
        self.final_head = Head(0, chain.genesis_hash)
        self.finalize()

    def state(self) -> dict[bytes, bytes | None]:
        overlay = self.chain.rt.state
        return {**cast(DictBackend, overlay.backend).pairs, **overlay.changes}

    def finalize(self) -> None:
        """Everything so far is final."""
        self.final, self.final_head = self.state(), Head(self.chain.rt.system.number - 1, self.chain.head)

    async def get(self, key: bytes, at: bytes | None = None) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return self.final.get(key) if at is not None else self.chain.rt.state.get(key)

    async def finalized(self) -> Head:
        return self.final_head

    async def best(self) -> Head:
        return Head(self.chain.rt.system.number - 1, self.chain.head)

    async def submit_bare(self, call: bytes) -> None:
        await trio.lowlevel.checkpoint()
        try:
            error = self.chain.executive.apply_extrinsic(bare_extrinsic(call))
        except TransactionValidityError as refused:
            raise CallFailed("author_submitExtrinsic", POOL_INVALID, "Invalid Transaction", str(refused)) from None
        assert error is None, error


class MemoryFinal:
    """What is final of the chain in memory."""

    def __init__(self, client: MemoryChain) -> None:
        self.client, self.genesis, self.newest = client, client.genesis, client.finalized

    async def read_at(self, head: Head, item: StorageItem[Any], *keys: Any) -> Any:
        return await self.client.read(item, *keys, at=head.hash)

    async def get_at(self, head: Head, key: bytes) -> bytes | None:
        return await self.client.get(key, at=head.hash)


class Machine:
    """A member's enclave."""

    def __init__(self, member: Member) -> None:
        self.member = member

    def quote(self, report_data: bytes) -> bytes:
        return mint_quote(report_data, SGX, self.member.platform)


class Forger(Machine):
    """An enclave whose quotes are right but for one bit of the signed report."""

    def quote(self, report_data: bytes) -> bytes:
        good = bytearray(super().quote(report_data))
        good[100] ^= 1
        return bytes(good)


class World:
    """Members at work on a chain that makes a block a second."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.chain = ClusterChain()
        self.client = MemoryChain(self.chain)
        self.nursery = nursery
        self.events: list[Any] = []
        self.running: dict[bytes, ClusterMember] = {}
        self.scopes: dict[bytes, trio.CancelScope] = {}
        self.secrets: dict[bytes, ClusterSecrets] = {}
        self.finality = True

    def start(self, number: int, enclave: Callable[[Member], Enclave] = Machine, path: Path | None = None) -> Member:
        """A member that begins to work."""
        member = self.chain.member(number)
        self.run(member, enclave(member), ClusterSecrets(path, member.key), number)
        return member

    def run(self, member: Member, enclave: Enclave, secrets: ClusterSecrets, seed: int) -> None:
        """Runs a member, in place of an earlier run."""
        if member.key in self.scopes:
            self.scopes[member.key].cancel()
        self.secrets[member.key], self.scopes[member.key] = secrets, trio.CancelScope()
        final = cast(Finalized, MemoryFinal(self.client))
        made = ClusterMember(self.client, final, member.keys, enclave, secrets, random.Random(seed).randbytes, LOG)
        self.running[member.key] = made

        async def work(scope: trio.CancelScope) -> None:
            with scope:
                await made.run()

        self.nursery.start_soon(work, self.scopes[member.key])

    async def block(self) -> None:
        """A second passes, and a block is made; what was before is final."""
        if self.finality:
            self.client.finalize()
        self.events += self.chain.rt.events
        self.chain.next_block(1_000)
        self.chain.beat()
        for member in self.running.values():
            for entry, hear in member.followed.items():
                hear(self.chain.rt.state.get(entry))
        await trio.sleep(1)

    async def until(self, done: Callable[[], bool], blocks: int = 200) -> None:
        for _ in range(blocks):
            if done():
                return
            await self.block()
        raise AssertionError(f"{blocks} blocks were not enough: {self.chain.states()}")

    def holders(self) -> set[bytes]:
        return {key for key, state in self.chain.states().items() if state is SeatState.Holder}

    async def agent_keys(self) -> set[bytes | None]:
        """What the holders derive for one agent."""
        return {await self.running[key].agent_key(SUBJECT) for key in self.holders()}

    def freed(self) -> list[Any]:
        return [event for event in self.events if isinstance(event, Clusters.SeatFreed)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with trio.open_nursery() as nursery:
        yield World(nursery)
        nursery.cancel_scope.cancel()


async def test_seven_come_by_one_secret(autojump_clock: MockClock, world: World) -> None:
    members = [world.start(number) for number in range(9)]
    await world.until(lambda: len(world.holders()) == 7)
    await world.block()
    (key,) = await world.agent_keys()
    assert key is not None and len(key) == 32
    idle = [each for each in members if each.key not in world.holders()]
    assert [await world.running[each.key].agent_key(SUBJECT) for each in idle] == [None, None]
    assert not world.freed()


async def test_a_key_is_nobodys_before_it_is_final(autojump_clock: MockClock, world: World) -> None:
    members = [world.start(number) for number in range(3)]
    await world.until(lambda: len(world.chain.states()) == 3)
    world.client.finalize()
    world.finality = False
    await world.until(lambda: len(world.holders()) == 1)
    for _ in range(10):
        await world.block()
    assert len(world.holders()) == 1  # nobody asks for what isn't final
    assert await world.agent_keys() == {None}
    assert not list(world.chain.rt.clusters.quote.items()) and not list(world.chain.rt.clusters.box.items())
    world.finality = True
    await world.until(lambda: world.holders() == {each.key for each in members})
    await world.block()
    assert len(await world.agent_keys()) == 1


async def test_a_forged_quote_is_handed_nothing(autojump_clock: MockClock, world: World, lines: Lines) -> None:
    for number in range(2):
        world.start(number)
    await world.until(lambda: len(world.holders()) == 2)
    forger = world.start(2, Forger)
    await world.until(lambda: bool(world.freed()))
    assert [(each.worker, each.reason) for each in world.freed()] == [(forger.key, SeatEnd.Unserved)]
    assert not [
        event for event in world.events if isinstance(event, Clusters.HandedOver) and event.worker == forger.key
    ]
    assert "no secret: its quote is no good" in lines.text and world.chain.generation == 1
    assert world.secrets[forger.key].up_to(9) == []


async def test_a_bad_box_is_told_of_and_the_next_holder_serves(
    autojump_clock: MockClock, world: World, lines: Lines
) -> None:
    holders = [world.start(number) for number in range(2)]
    await world.until(lambda: len(world.holders()) == 2)
    member = world.start(2)
    await world.until(lambda: member.seat is not None and member.seat.state is SeatState.Waiting)
    liar = world.chain.asked(member)
    world.chain.send(liar.hand(member, b"rubbish"))
    await world.until(lambda: member.key in world.holders())
    (told,) = [event for event in world.events if isinstance(event, Clusters.BoxRefused)]
    assert told.holder == liar.key and liar in holders
    await world.block()
    assert len(await world.agent_keys()) == 1
    assert "the box of the cluster's secret is bad" in lines.text


async def test_a_revoked_holder_brings_a_secret_that_it_does_not_know(
    autojump_clock: MockClock, world: World, tmp_path: Path
) -> None:
    members = [world.start(number, path=tmp_path / str(number) if number else None) for number in range(3)]
    await world.until(lambda: len(world.holders()) == 3)
    await world.block()
    (before,) = await world.agent_keys()
    revoked, *left = members
    world.chain.sudo("Attestation", "revoke", worker=revoked.key)
    newcomer = world.start(3)
    await world.until(lambda: world.holders() == {*(each.key for each in left), newcomer.key})
    await world.block()
    (after,) = await world.agent_keys()
    assert world.chain.generation == 2 and before != after
    assert world.secrets[revoked.key].get(2) is None
    old = {world.secrets[each.key].get(1) for each in (*left, newcomer)}
    assert len(old) == 1 and old.pop().agent_key(SUBJECT) == before  # type: ignore[union-attr]  # till it is replaced
    kept = ClusterSecrets(tmp_path / "1", members[1].key)
    assert kept.up_to(9) == world.secrets[members[1].key].up_to(9) and len(kept.up_to(9)) == 2


async def test_who_has_lost_the_secret_says_so_and_is_handed_it(autojump_clock: MockClock, world: World) -> None:
    first, second = world.start(0), world.start(1)
    await world.until(lambda: len(world.holders()) == 2)
    await world.block()
    (key,) = await world.agent_keys()
    world.run(first, Machine(first), ClusterSecrets(None, first.key), seed=9)
    await world.until(lambda: any(isinstance(event, Clusters.SecretLost) for event in world.events))
    await world.until(lambda: {first.key, second.key} <= world.holders())
    await world.block()
    assert await world.running[first.key].agent_key(SUBJECT) == key


async def test_secrets_are_in_no_log(autojump_clock: MockClock, world: World, lines: Lines) -> None:
    for number in range(3):
        world.start(number)
    await world.until(lambda: len(world.holders()) == 3)
    world.start(3, Forger)
    await world.until(lambda: bool(world.freed()))
    values = [value for secrets in world.secrets.values() for _, value in secrets.up_to(9)]
    assert values and "cluster" in lines.text
    assert not any(value.hex() in lines.text or repr(value) in lines.text for value in values)


# A peer's quote


async def seal_key_of(world: World, holder: Member, member: Member) -> bytes:
    """What a holder makes of a member."""
    final = cast(Finalized, MemoryFinal(world.client))
    return await check_peer(final, holder.key, member.key, world.client.final_head)


def asking(world: World, member: Member, quote: bytes) -> None:
    """A member asks for the secret by this quote, and that is final."""
    world.chain.send(member.request(quote))
    world.chain.next_block()
    world.client.finalize()


@pytest.fixture
def pair(world: World) -> tuple[Member, Member]:
    """A holder, and a member that is to ask."""
    first, second = world.chain.seated(2)
    world.chain.send(first.propose())
    return first, second


async def test_a_good_quote_is_worth_the_seal_key(world: World, pair: tuple[Member, Member]) -> None:
    holder, member = pair
    asking(world, member, member.quote())
    seal_key = await check_peer(
        cast(Finalized, MemoryFinal(world.client)), holder.key, member.key, world.client.final_head
    )
    assert seal_key == member.keys.seal_key


def another_seal_key(world: World, member: Member) -> bytes:
    return member.quote(info=replace(member.info, seal_key=bytes(32)))


def of_another(world: World, member: Member) -> bytes:
    other = next(each for each in world.chain.members.values() if each is not member)
    return other.quote()


def of_no_known_block(world: World, member: Member) -> bytes:
    return member.quote(block=bytes(32))


def garbled(world: World, member: Member) -> bytes:
    return member.quote()[:-200]


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        (another_seal_key, "speaks of other keys"),
        (of_another, "another worker's"),
        (of_no_known_block, "no recent final block"),
        (garbled, "its quote is no good"),
    ],
)
async def test_another_quote_is_worth_nothing(
    world: World, pair: tuple[Member, Member], quote: Callable[[World, Member], bytes], reason: str
) -> None:
    holder, member = pair
    asking(world, member, quote(world, member))
    with pytest.raises(PeerRefused, match=reason):
        await seal_key_of(world, holder, member)


async def test_a_quote_is_judged_as_of_now(world: World, pair: tuple[Member, Member]) -> None:
    holder, member = pair
    asking(world, member, member.quote())
    attestation = world.chain.rt.attestation

    async def expect(reason: str) -> None:
        world.client.finalize()
        with pytest.raises(PeerRefused, match=reason):
            await check_peer(
                cast(Finalized, MemoryFinal(world.client)), holder.key, member.key, world.client.final_head
            )

    record = attestation.attested[holder.key]
    attestation.attested[holder.key] = replace(record, simulated=False)
    await expect("its quote is no good")  # real hardware hands nothing to simulated
    attestation.attested[holder.key] = record
    del attestation.runtimes[RUNTIME_ID]
    await expect("what it runs is not on the list")
    attestation.runtimes[RUNTIME_ID] = None
    allowed = attestation.measurements[SGX.measurement]
    del attestation.measurements[SGX.measurement]
    await expect("measurement is not on the list")
    attestation.measurements[SGX.measurement] = allowed
    del attestation.qe_identity[TrustRoot.Simulated, record.tee]
    await expect("not on file")


async def test_an_old_quote_is_worth_nothing(world: World) -> None:
    old = world.chain.head
    world.chain.advance(MAX_AGE + 1_000)
    holder, member = world.chain.seated(2)
    world.chain.send(holder.propose())
    asking(world, member, member.quote(block=old))
    with pytest.raises(PeerRefused, match="no recent final block"):
        await seal_key_of(world, holder, member)


# On a real node


async def test_three_workers_of_a_real_node_share_a_secret_until_one_is_revoked(
    inline: InlineSandbox, tmp_path: Path, lines: Lines
) -> None:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(real_node(NodeConfig(SPEC, rpc_port=0)))
        scene: Scene = await stack.enter_async_context(scene_of(node))
        nursery = await stack.enter_async_context(trio.open_nursery())
        fleet: dict[int, RunningWorker] = {}
        for number in (1, 2, 3):
            base_path = tmp_path / str(number)
            base_path.mkdir()
            config = WorkerConfig(node.ws_url, f"//Worker//{number}", STAKE, base_path=base_path)
            effects = Effects(partial(connect_websocket, node.ws_url), entropy(number), inline)
            fleet[number] = await nursery.start(until_revoked, config, effects)
        keys = {each.worker_key for each in fleet.values()}
        await three(scene, keys)
        (first,) = secrets_of(tmp_path, fleet, 1)
        revoked = fleet.pop(1).worker_key
        await scene.sudo("Attestation", "revoke", worker=revoked)
        await scene.travel(16_000)
        assert (await scene.seen(Clusters.KeyExposed)).generation == 1
        await three(scene, keys - {revoked})
        clusters = scene.state.clusters
        assert clusters.generation == 2 and clusters.is_exposed(1) and not clusters.is_exposed(2)
        (second,) = secrets_of(tmp_path, fleet, 2)
        assert second and second != first
        assert first.hex() not in lines.text and second.hex() not in lines.text
        nursery.cancel_scope.cancel()


async def until_revoked(config: WorkerConfig, effects: Effects, *, task_status: trio.TaskStatus[RunningWorker]) -> None:
    """A worker's life, which ends with its key."""
    try:
        await serve(config, effects, task_status=task_status)
    except WorkerError as error:
        assert "revoked" in str(error)


async def three(scene: Scene, keys: set[bytes]) -> None:
    """Waits until these, and nobody else, hold the secret."""
    with trio.fail_after(PATIENCE):
        while True:
            clusters = scene.state.clusters
            seats = {key: clusters.seat[key].state for key in clusters.seats}
            if seats == dict.fromkeys(keys, SeatState.Holder):
                return
            await trio.sleep(0.1)


def secrets_of(base_path: Path, fleet: dict[int, RunningWorker], generation: int) -> set[bytes]:
    """The secrets of a generation that workers have on disk."""
    files = {base_path / str(number) / SECRETS_FILE: each.worker_key for number, each in fleet.items()}
    return {dict(ClusterSecrets(path, key).up_to(generation)).get(generation, b"") for path, key in files.items()}
