"""Agents that run at set times, and when something happens: exactly as often as they should, also over a crash."""

from __future__ import annotations

import json
from pathlib import Path

from pallets.jobs.pallet import Jobs
from pallets.primitives import ss58
from pallets.schedules import Schedules
from pallets.triggers import Triggers
from tests.offchain.command import Fathom
from tests.offchain.real_node import ALICE, BOB, UNIT, InlineSandbox, Scene, worker_of

ECHO = b"scriptOutput = scriptArgs[0]"
RUNS, TERMS = 4, ("--mode", "deterministic", "--max-fee", UNIT // 10)


def outputs(scene: Scene, agent: int) -> list[bytes]:
    """What the jobs of an agent have left, in the order of their numbers."""
    state, found = scene.state.jobs, []
    for id, job in sorted(state.job.items()):
        if job.agent == agent:
            output = state.output.get(id)
            assert output is not None
            found.append(output)
    return found


async def test_scheduled_and_event_driven_agents(scene: Scene, inline: InlineSandbox, tmp_path: Path) -> None:
    hourly, watch = await scene.deploy(ECHO, b"hourly"), await scene.deploy(ECHO, b"watch")
    fathom, url = Fathom(scene.node.ws_url, "agent"), scene.node.ws_url
    times = "--in", 20, "--every", 60, "--count", RUNS, "--path", "/hourly"
    assert await fathom("schedule", "hourly", *times, *TERMS, suri="//Alice") == {"schedule": 0}
    on = "--on", "System.Remarked", "--where", f"sender={ss58.encode(BOB.account_id)}"
    more = "--path", "/said", "--count", 100
    assert await fathom("trigger", "watch", *on, *more, *TERMS, suri="//Alice") == {"trigger": 0}
    assert "no event Nothing" in await fathom.refused("trigger", "watch", "--on", "System.Nothing", suri="//Alice")
    wrong = "--on", "System.Remarked", "--where", "who=x"
    assert "sender, hash" in await fathom.refused("trigger", "watch", *wrong, suri="//Alice")
    listed = await fathom("schedules")
    assert [(each["kind"], each["agent"], each["left"]) for each in listed] == [
        ("schedule", hourly, RUNS),
        ("trigger", watch, 100),
    ]
    said = 0

    async def happens() -> None:
        nonlocal said
        await scene.send(BOB, "System", "remark_with_event", remark=b"%d" % said)
        await scene.send(ALICE, "System", "remark_with_event", remark=b"not Bob's")
        said += 1

    async with worker_of(url, inline, base_path=tmp_path):
        await happens()
        await scene.travel(20_000)
        await scene.seen(Schedules.Ran, 1)
        await scene.seen(Triggers.Ran, 1)
        await scene.seen(Jobs.Settled, 2)
        await happens()
        await happens()
        await scene.travel(60_000)
        await scene.seen(Schedules.Ran, 2)
    for _ in range(2):  # nobody works, things go on
        await happens()
        await scene.travel(1_100)
    async with worker_of(url, inline, base_path=tmp_path):
        for run in (3, RUNS):
            await scene.travel(60_000)
            await scene.seen(Schedules.Ran, run)
        await scene.seen(Triggers.Ran, said)
        await scene.seen(Jobs.Settled, RUNS + said)
    assert len(scene.all(Jobs.Submitted)) == RUNS + said == len(scene.all(Jobs.Settled))
    assert [json.loads(output)["path"] for output in outputs(scene, hourly)] == ["/hourly"] * RUNS
    told = [json.loads(json.loads(output)["body"]) for output in outputs(scene, watch)]
    assert len({(each["block"], each["place"]) for each in told}) == len(told) == said
    assert "is no more" in await fathom.text("take-back", "trigger", 0, suri="//Alice")
    assert await fathom("schedules") == []


async def test_a_branch_that_wins_has_each_run_once(scene: Scene) -> None:
    """Event and run go with their blocks; the transaction comes again, and with it one run."""
    call = scene.chain.client.call
    await call("dev_delayFinality", 3600)
    await scene.deploy(ECHO, b"watch")
    fathom = Fathom(scene.node.ws_url, "agent")
    await fathom("trigger", "watch", "--on", "System.Remarked", "--count", 9, *TERMS, suri="//Alice")
    await scene.send(BOB, "System", "remark_with_event", remark=b"once")
    await scene.travel(1_500)
    assert scene.state.jobs.next_job == 1
    await call("dev_reorg", 4)
    assert scene.state.jobs.next_job == 0, "the run's block is gone"
    for _ in range(3):
        await scene.travel(1_500)
    assert scene.state.jobs.next_job == 1 and scene.state.triggers.trigger_of[0].left == 8
    assert len({event.block for event in scene.all(Triggers.Ran)}) == 2, "the event has moved"
