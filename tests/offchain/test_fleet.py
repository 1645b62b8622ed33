"""A node and a fleet in one process on a virtual clock: minutes of the chain's time in seconds."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
import trio
from trio.testing import MockClock

from node.config import NodeConfig
from node.service import Effects as NodeEffects
from node.service import RunningNode, run_node
from pallets.attestation.pallet import Attestation
from pallets.jobs.pallet import Jobs
from pallets.primitives.worker_record import WorkerState
from pallets.workers.pallet import Workers
from tests.offchain.real_node import ECHO, SPEC, InlineSandbox, scene_of, worker_of

START = 1_790_000_000_000
SIZE = 4
MINUTES = 5
BEAT = b"\x04\x14\x02"  # a bare extrinsic, pallet 20, call 2


@pytest.fixture
def quick_clock() -> MockClock:
    """Everything is in this process: a hundredth of a second without anything to do is a wait for the clock."""
    return MockClock(autojump_threshold=0.01)


async def test_a_fleet_lives_for_minutes_in_seconds(quick_clock: MockClock, inline: InlineSandbox) -> None:
    effects = NodeEffects(wall=lambda: START + int(trio.current_time() * 1000))
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        node: RunningNode = await nursery.start(run_node, NodeConfig(SPEC, rpc_port=0), effects)
        async with scene_of(node) as scene:
            agent = await scene.deploy(ECHO)
            fleet = [
                await stack.enter_async_context(
                    worker_of(node.ws_url, inline, operator=f"//Worker//{number}", seed=number)
                )
                for number in range(1, SIZE + 1)
            ]
            for minute in range(MINUTES):
                await trio.sleep(60)
                assert await scene.settled(agent, str(minute).encode()) == f"{minute}!".encode()
            records = [scene.state.workers.worker[each.worker_key] for each in fleet]
            earned = [scene.state.workers.owed[record.info.operator] for record in records]
            await stack.aclose()
        nursery.cancel_scope.cancel()
    assert all(record.state is WorkerState.Idle and not record.missed for record in records)
    assert sum(record.kept for record in records) == MINUTES
    assert not scene.all(Workers.StateChanged, new=WorkerState.Unresponsive)
    assert len(scene.all(Attestation.Attested)) == SIZE
    assert len(scene.all(Jobs.Settled)) == MINUTES
    beats = sum(extrinsic.find(BEAT, 0, 7) >= 0 for extrinsic in scene.extrinsics)
    assert SIZE * (MINUTES * 60 // 60) <= beats <= SIZE * (MINUTES * 60 // 20 + 1)
    assert len(scene.all(Workers.Benchmarked)) == SIZE
    assert len(scene.all(Workers.Challenged)) >= beats - SIZE and all(earned)
