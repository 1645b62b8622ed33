"""Workers of a chain that is set back: under which key they go on, and what they sign."""

from __future__ import annotations

from functools import partial

import trio

from node.web import connect_websocket
from offchain.worker import Effects, WorkerConfig, serve
from pallets.jobs.pallet import Jobs
from pallets.primitives.worker_record import EVERYONE, WorkerState
from pallets.workers.pallet import Workers
from tests.offchain.hearing import Lines
from tests.offchain.real_node import ECHO, OPERATOR, STAKE, InlineSandbox, Scene, entropy

CLOCK = b"scriptOutput = scriptArgs[0] + String(Date.now())"


def snapshot(scene: Scene) -> int:
    assert scene.node.snapshots is not None
    return scene.node.snapshots.take().id


async def revert(scene: Scene, number: int) -> None:
    assert scene.node.snapshots is not None
    scene.events.clear()
    await scene.node.snapshots.revert(number)


async def alone(scene: Scene, inline: InlineSandbox, nursery: trio.Nursery) -> bytes:
    """A worker that is its operator's only one; its first key."""
    url = scene.node.ws_url
    effects = Effects(partial(connect_websocket, url), entropy(), inline)
    running = await nursery.start(serve, WorkerConfig(url, OPERATOR, STAKE, alone=True), effects)
    return bytes(running.worker_key)


async def test_a_worker_that_has_signed_goes_on_under_a_fresh_key(
    scene: Scene, inline: InlineSandbox, nursery: trio.Nursery, lines: Lines
) -> None:
    """The same number, code and input, and another time: under one key that would be two answers to one question."""
    agent = await scene.deploy(CLOCK)
    keys = [await alone(scene, inline, nursery)]
    before = snapshot(scene)
    for _ in range(3):
        assert await scene.submit(agent, b"") == 0
        job = await scene.seen(Jobs.Committed, job=0)
        assert job.worker == keys[-1]
        output, submitted = scene.state.jobs.output.get(0), scene.state.jobs.job[0].submitted_at
        assert output == str(submitted).encode()
        await revert(scene, before)
        keys.append((await scene.seen(Workers.Registered)).worker)
        assert scene.state.workers.worker[keys[0]].state is WorkerState.CoolingDown
        assert [*scene.state.workers.place] == [(EVERYONE, keys[-1])]
    assert len(set(keys)) == 4


async def test_a_worker_that_has_signed_nothing_keeps_its_key(
    scene: Scene, inline: InlineSandbox, nursery: trio.Nursery
) -> None:
    agent = await scene.deploy(ECHO)
    key = await alone(scene, inline, nursery)
    before = snapshot(scene)
    for _ in range(3):
        await scene.node.producer.create_block(create_empty=True)
    await revert(scene, before)
    assert await scene.settled(agent) == b"hello!"
    assert scene.all(Jobs.Committed, worker=key)
    assert not scene.all(Workers.Registered)


async def test_keys_of_an_earlier_run_leave(scene: Scene, inline: InlineSandbox) -> None:
    """As after a load: the state lists workers that nobody runs any more."""
    agent = await scene.deploy(ECHO)
    lost = []
    for seed in range(3):
        url = scene.node.ws_url
        effects = Effects(partial(connect_websocket, url), entropy(seed), inline)
        async with trio.open_nursery() as nursery:
            config = WorkerConfig(url, OPERATOR, STAKE, alone=seed == 2)
            running = await nursery.start(serve, config, effects)
            if seed == 2:
                assert [*scene.state.workers.place] == [(EVERYONE, running.worker_key)]
                assert await scene.settled(agent) == b"hello!"
            nursery.cancel_scope.cancel()
        lost.append(running.worker_key)
    assert [scene.state.workers.worker[key].state for key in lost[:2]] == [WorkerState.CoolingDown] * 2
