from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from offchain.sandbox.base import Abstained, Answer, Ask, Limits, PoolFull, SlotFailed, Success
from offchain.sandbox.identity import runtime_id
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.pool import MAX_LENT, open_pool
from tests.offchain.sandbox.running import CONTEXT, LIMITS

ENDLESS = b"for (;;);"
NEARLY_ENDLESS = Limits(gas=1 << 62, wall_seconds=20)


async def test_same_outcomes_as_in_process(sandbox: JavaScriptSandbox, cache: Path) -> None:
    scripts = [
        b"console.log('\\0', scriptArgs[0]); scriptOutput = scriptArgs[0] + Math.random() + Date.now()",
        b"throw new Error('x')",
        b"globalThis.a = []; for (;;) a.push(new Array(1000).fill(1))",
        b"eval('('.repeat(1e5))",
        b"let i = [1].values(); for (let n = 0; n < 5e4; n++) i = i.take(3); i.next()",
        ENDLESS,
    ]
    async with open_pool(slots=2, waiting=8, cache=cache) as pool:
        assert pool.runtime_id == runtime_id() == sandbox.runtime_id
        for script in scripts:
            there = await pool.run(script, "é\0".encode(), LIMITS, CONTEXT)
            assert there == sandbox.run(script, "é\0".encode(), LIMITS, CONTEXT)
        pids = pool.pids
        assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_slots_run_side_by_side_and_the_queue_is_bounded(cache: Path) -> None:
    async with open_pool(slots=2, waiting=1, cache=cache) as pool, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(pool.run, ENDLESS, b"", NEARLY_ENDLESS, CONTEXT)
        await trio.testing.wait_all_tasks_blocked(0.05)
        with pytest.raises(PoolFull, match="1 runs are waiting"):
            await pool.run(ENDLESS, b"", NEARLY_ENDLESS, CONTEXT)
        nursery.cancel_scope.cancel()


async def test_a_run_that_waits_for_another_lends_its_place(cache: Path) -> None:
    """As often as runs may, and every slot beyond the pool's own but one is gone afterwards."""
    echo, done = b"scriptOutput = scriptArgs[0]", trio.Event()
    async with open_pool(slots=1, waiting=50, cache=cache) as pool:

        class Calling:
            async def turn(self, asks: Sequence[Ask]) -> Answer:
                async with pool.lend():
                    outcome = await pool.run(echo, b"called", LIMITS, CONTEXT)
                assert isinstance(outcome, Success) and outcome.output == b"called"
                done.set()
                return Answer(asks[0].id, True, b"{}", b"")

        asking = b"scriptOutput = new Promise((resolve) => setTimeout(resolve, 2, 'x'))"
        limits = replace(LIMITS, asks=1, ask_bytes=100, answer_bytes=100)
        with trio.fail_after(60):
            assert isinstance(await pool.run(asking, b"", limits, CONTEXT, Calling()), Success)
        assert done.is_set()
        async with AsyncExitStack() as lent:
            for _ in range(MAX_LENT):
                await lent.enter_async_context(pool.lend())
            with pytest.raises(PoolFull, match="runs wait for others"):
                await lent.enter_async_context(pool.lend())
        assert isinstance(await pool.run(echo, b"", LIMITS, CONTEXT), Success)
        assert len(pool.pids) <= 2


async def test_every_waiting_run_is_served_once(cache: Path) -> None:
    outputs: list[bytes] = []

    async with open_pool(slots=1, waiting=50, cache=cache) as pool:

        async def run(number: int) -> None:
            outcome = await pool.run(b"scriptOutput = scriptArgs[0]", b"%d" % number, LIMITS, CONTEXT)
            assert isinstance(outcome, Success)
            outputs.append(outcome.output)

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(run, number)
    assert sorted(outputs, key=int) == [b"%d" % number for number in range(50)]


async def test_a_slot_notices_its_own_wall_time_and_lives_on(cache: Path) -> None:
    async with open_pool(slots=1, waiting=0, cache=cache) as pool:
        pids = pool.pids
        outcome = await pool.run(ENDLESS, b"", Limits(gas=1 << 62, wall_seconds=0.2), CONTEXT)
        assert outcome == Abstained("the script ran longer than 0.2 s")
        assert isinstance(await pool.run(b"scriptOutput = ''", b"", LIMITS, CONTEXT), Success)
        assert pool.pids == pids


async def test_a_slot_that_hangs_is_killed_and_replaced(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_pool(slots=1, waiting=0, cache=cache, grace=0.2) as pool:
        (hung,) = pool.pids
        os.kill(hung, signal.SIGSTOP)
        await trio.to_thread.run_sync(os.waitid, os.P_PID, hung, os.WSTOPPED | os.WNOWAIT)  # all its threads
        outcome = await pool.run(b"scriptOutput = ''", b"", Limits(gas=10**9, wall_seconds=0.2), CONTEXT)
        assert outcome == Abstained("the sandbox process did not answer within 0.2 s")
        assert f"sandbox process {hung} has failed" in caplog.text
        assert hung not in pool.pids
        assert isinstance(await pool.run(b"scriptOutput = ''", b"", LIMITS, CONTEXT), Success)


@pytest.mark.parametrize("busy", [True, False])
async def test_a_slot_that_dies_makes_an_abstention(cache: Path, busy: bool) -> None:
    async with open_pool(slots=1, waiting=0, cache=cache) as pool:
        (pid,) = pool.pids
        async with trio.open_nursery() as nursery:
            if busy:

                async def kill_later() -> None:
                    await trio.sleep(0.1)
                    os.kill(pid, signal.SIGKILL)

                nursery.start_soon(kill_later)
            else:
                os.kill(pid, signal.SIGKILL)
            outcome = await pool.run(ENDLESS, b"", NEARLY_ENDLESS, CONTEXT)
        assert isinstance(outcome, Abstained)
        assert outcome.reason.startswith("the sandbox process failed")
        assert isinstance(await pool.run(b"scriptOutput = ''", b"", LIMITS, CONTEXT), Success)


async def test_a_cancelled_run_frees_its_slot(cache: Path) -> None:
    async with open_pool(slots=1, waiting=0, cache=cache) as pool:
        with trio.move_on_after(0.2):
            await pool.run(ENDLESS, b"", NEARLY_ENDLESS, CONTEXT)
        with trio.fail_after(10):
            outcome = await pool.run(b"scriptOutput = 'next'", b"", LIMITS, CONTEXT)
        assert isinstance(outcome, Success)
        assert outcome.output == b"next"


SLEEPY = b"let n = 0; (function f() { n++; n < 4 ? setTimeout(f, 1000) : (scriptOutput = String(Date.now())) })()"
OPEN = replace(LIMITS, asks=10, ask_bytes=1000, answer_bytes=1000)


class Clockwork:
    """A world in which sleeping takes no time, or for ever, or fails."""

    def __init__(self, ending: str = "goes on") -> None:
        self.ending = ending
        self.heads: list[bytes] = []

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        (ask,) = asks
        self.heads.append(ask.head)
        if len(self.heads) == 2:
            if self.ending == "stands still":
                await trio.sleep_forever()
            if self.ending == "breaks":
                raise LookupError("the world is broken")
            if self.ending == "lies":
                return Answer(99, True, b"{}")
        return Answer(ask.id, True, b"{}", b"", json.loads(ask.head)["until_ms"])


class TestWorlds:
    async def test_turns_go_through_the_process(self, cache: Path) -> None:
        async with open_pool(slots=1, waiting=0, cache=cache) as pool:
            world = Clockwork()
            outcome = await pool.run(SLEEPY, b"", OPEN, CONTEXT, world)
            assert isinstance(outcome, Success), outcome
            assert int(outcome.output) == CONTEXT.block_time_ms + 3000
            assert [json.loads(head) for head in world.heads] == [
                {"until_ms": CONTEXT.block_time_ms + 1000 * n} for n in (1, 2, 3)
            ]
            assert await pool.run(SLEEPY, b"", OPEN, CONTEXT, Clockwork()) == outcome
            alone = await pool.run(SLEEPY, b"", OPEN, CONTEXT)
            assert isinstance(alone, Success)
            assert alone.output == outcome.output

    async def test_what_ends_a_run_leaves_its_slot_alive(self, cache: Path) -> None:
        async with open_pool(slots=1, waiting=0, cache=cache) as pool:
            pids = pool.pids
            with pytest.raises(LookupError, match="broken"):
                await pool.run(SLEEPY, b"", OPEN, CONTEXT, Clockwork("breaks"))
            with trio.move_on_after(0.1):
                await pool.run(SLEEPY, b"", OPEN, CONTEXT, Clockwork("stands still"))
            short = replace(OPEN, wall_seconds=0.2)
            outcome = await pool.run(SLEEPY, b"", short, CONTEXT, Clockwork("stands still"))
            assert isinstance(outcome, Abstained)
            assert await pool.run(SLEEPY, b"", OPEN, CONTEXT, Clockwork("lies")) == Abstained(
                "the world answered ask 99, which is not open"
            )
            for _ in range(3):
                with trio.move_on_after(0.05):
                    await pool.run(ENDLESS, b"", NEARLY_ENDLESS, CONTEXT)
            assert isinstance(await pool.run(b"scriptOutput = ''", b"", LIMITS, CONTEXT), Success)
            assert pool.pids == pids


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="reads the limits from Linux's /proc")
async def test_a_slot_has_given_up_its_rights(cache: Path) -> None:
    async with open_pool(slots=1, waiting=0, cache=cache) as pool:
        limits = Path(f"/proc/{pool.pids[0]}/limits").read_text()  # noqa: ASYNC240
        environment = Path(f"/proc/{pool.pids[0]}/environ").read_bytes()  # noqa: ASYNC240
    rows = {row[:25].strip(): row[25:].split()[:2] for row in limits.splitlines()[1:]}
    for none in ("Max open files", "Max file size", "Max processes", "Max core file size"):
        assert rows[none] == ["0", "0"]
    for bounded in ("Max address space", "Max data size"):
        assert "unlimited" not in rows[bounded]
    assert {line.split(b"=")[0] for line in environment.split(b"\0") if line} <= {b"PYTHONPATH", b"LD_LIBRARY_PATH"}


async def test_a_run_may_fill_all_the_memory_it_is_promised(cache: Path) -> None:
    script = (
        b"const a = []; for (let i = 0; i < 55; i++) a.push(new Uint8Array(1e6).fill(7)); scriptOutput = '' + a.length"
    )
    async with open_pool(slots=1, waiting=0, cache=cache) as pool:
        outcome = await pool.run(script, b"", LIMITS, CONTEXT)
        assert isinstance(outcome, Success), outcome
        with pytest.raises(ValueError, match="memory_bytes"):
            await pool.run(script, b"", Limits(gas=1, wall_seconds=1, memory_bytes=65 << 20), CONTEXT)


async def test_a_slot_that_cannot_start_says_why(cache: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(SlotFailed, match="must be yours"):
        async with open_pool(slots=1, waiting=0, cache=shared):
            pass
    with pytest.raises(ValueError, match="absolute"):
        async with open_pool(slots=1, waiting=0, cache=Path("cache")):
            pass


async def test_a_slot_of_another_runtime_is_not_used(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    impostor = tmp_path / "impostor.py"
    impostor.write_text(
        "import sys, time\n"
        "sys.stdout.buffer.write(bytes.fromhex('0f0000000500000072656164790200000078 79'.replace(' ', '')))\n"
        "sys.stdout.flush(); time.sleep(60)\n"
    )
    async with open_pool(slots=1, waiting=0, cache=cache) as opened:
        (slot,) = opened._slots
        monkeypatch.setattr(slot, "_command", [slot._command[0], str(impostor)])
        os.kill(opened.pids[0], signal.SIGKILL)
        assert isinstance(await opened.run(b"", b"", LIMITS, CONTEXT), Abstained)
        outcome = await opened.run(b"", b"", LIMITS, CONTEXT)
        assert isinstance(outcome, Abstained)
        assert "changed on disk" in outcome.reason
