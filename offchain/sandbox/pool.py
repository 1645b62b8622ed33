"""A pool of sandboxes, each in a process of its own.

Overview
    A slot is a child process that runs `slot`: its own interpreter, engine and resource limits. It takes one job at a
    time. What goes wrong in it stays in it: a slot that dies, hangs, or answers nonsense makes its job an abstention,
    is killed, and is replaced while the other slots go on. What a run asks of the world outside, its slot asks of the
    pool; a run that is cancelled, or whose world raises, is ended in its slot, which lives on.

Usage
    async with open_pool(slots=3, waiting=64, cache=Path("...")) as pool:
        outcome = await pool.run(code, input, limits, context)

Out of scope
    What runs in a slot: `javascript`.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from offchain.sandbox.base import Abstained, Context, Limits, Outcome, PoolFull, SlotFailed, World
from offchain.sandbox.frames import (
    ABORT,
    LENGTH,
    BadFrame,
    Job,
    max_slot_frame,
    pack_answer,
    pack_job,
    unpack,
    unpack_asks,
    unpack_outcome,
)

START_SECONDS = 120.0  # a first compilation on a busy machine
LONGEST_PAUSE = 10.0
MAX_LENT = 8
"""Runs that have lent their places at once, and so slots beyond the pool's own."""
MAX_SPARE = 1
"""Slots that wait for the next run which lends its place."""
ABORT_SECONDS = 2.0
MAX_HELLO_FRAME = 4096

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_READ = 1 << 16
_PASSED_ON = ("LD_LIBRARY_PATH",)

_logger = logging.getLogger(__name__)


class _Slot:
    """One place in the pool, and the process that fills it at the moment."""

    def __init__(self, cache: Path | None, memory_bytes: int) -> None:
        self._command = [sys.executable, "-P", "-m", "offchain.sandbox.slot", str(cache or ""), str(memory_bytes)]
        self._process: trio.Process | None = None
        self._greeted = False
        self._sending = False
        self._received = bytearray()
        self.fit = True
        """Whether the process waits for its next job."""

    def twin(self) -> _Slot:
        """Another place of the same kind, without a process yet."""
        slot = _Slot(None, 0)
        slot._command = self._command
        return slot

    @property
    def pid(self) -> int | None:
        """Process id, while there is a process."""
        return self._process.pid if self._process else None

    async def spawn(self) -> None:
        """Start a process, without waiting until it is ready."""
        self._greeted = self._sending = False
        self._received.clear()
        self._process = await trio.lowlevel.open_process(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(_PACKAGE_ROOT)} | {n: os.environ[n] for n in _PASSED_ON if n in os.environ},
            cwd="/",
            start_new_session=True,  # an interrupt at the terminal is the pool's to handle
        )

    async def ready(self, expected: bytes | None) -> bytes:
        """Wait until the process has introduced itself; its runtime id. Raises `SlotFailed`."""
        if self._greeted and expected is not None:
            return expected
        try:
            if self._process is None:
                await self.spawn()
            with trio.fail_after(START_SECONDS):
                hello = unpack(await self._receive(MAX_HELLO_FRAME))
        except (BadFrame, OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            raise SlotFailed(f"a sandbox process did not start: {error}") from error
        match hello:
            case [b"ready", runtime_id] if expected is None or runtime_id == expected:
                self._greeted = True
                return runtime_id
            case [b"ready", _]:
                raise SlotFailed("the sandbox was changed on disk under a running pool: restart the worker")
            case [b"failed", reason]:
                raise SlotFailed(reason.decode("utf-8", "replace"))
            case _:
                raise SlotFailed("a sandbox process did not introduce itself")

    async def run(self, job: Job, world: World | None) -> Outcome:
        """Have one job run, with a world that answers what it asks.

        Where this is cancelled, or the world raises, the run is aborted; `fit` is true if the slot then can go on.
        """
        self.fit = False
        max_length = max_slot_frame(job.limits)
        await self._send(pack_job(job))
        try:
            outcome = await self._turns(job, world, max_length)
        except (BadFrame, trio.BrokenResourceError):
            raise
        except BaseException:
            await self._abort(max_length)
            raise
        self.fit = True
        return outcome

    async def _turns(self, job: Job, world: World | None, max_length: int) -> Outcome:
        while True:
            parts = unpack(await self._receive(max_length))
            asks = unpack_asks(parts)
            if asks is None:
                return unpack_outcome(parts, job.limits)
            if world is None:
                raise BadFrame("the process asks a world that the run does not have")
            await self._send(pack_answer(await world.turn(asks)))

    async def _abort(self, max_length: int) -> None:
        """End the run that goes on, unless it can't be told from here where in a frame the slot is."""
        if self._sending:
            return
        assert self._process is not None
        with trio.move_on_after(ABORT_SECONDS, shield=True):
            with suppress(BadFrame, trio.BrokenResourceError):
                self._process.send_signal(signal.SIGUSR1)
                await self._send(ABORT)
                while unpack_asks(unpack(await self._receive(max_length))) is not None:
                    pass
                self.fit = True

    async def _send(self, frame: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._sending = True
        await self._process.stdin.send_all(frame)
        self._sending = False

    async def end(self) -> None:
        """Kill the process, if there is one, and see it gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                assert process.stdin is not None and process.stdout is not None
                await process.stdin.aclose()
                await process.stdout.aclose()

    async def replace(self) -> None:
        """Kill the process and start another, which gets ready while the pool goes on."""
        with trio.CancelScope(shield=True):
            _logger.warning("sandbox process %s has failed and is replaced", self.pid)
            await self.end()
            try:
                await self.spawn()
            except OSError as error:
                _logger.error("no sandbox process can be started now: %s", error)

    async def _receive(self, max_length: int) -> bytes:
        await self._fill(LENGTH.size)
        length = int(LENGTH.unpack_from(self._received)[0])
        if length > max_length:
            raise BadFrame(f"a frame of {length} bytes is more than a slot may send")
        end = LENGTH.size + length
        await self._fill(end)
        body = bytes(memoryview(self._received)[LENGTH.size : end])
        del self._received[:end]
        return body

    async def _fill(self, length: int) -> None:
        assert self._process is not None and self._process.stdout is not None
        while len(self._received) < length:
            part = await self._process.stdout.receive_some(max(_READ, length - len(self._received)))
            if not part:
                raise BadFrame("the process ended")
            self._received += part


class Pool:
    """Runs jobs on a fixed number of slots; made by `open_pool`."""

    def __init__(self, slots: list[_Slot], runtime_id: bytes, waiting: int, memory_bytes: int, grace: float) -> None:
        self.runtime_id = runtime_id
        self._slots = slots
        self._max_waiting = waiting
        self._memory_bytes = memory_bytes
        self._grace = grace
        self._lent = self._surplus = 0
        self._spare: list[_Slot] = []
        self._release, self._idle = trio.open_memory_channel[_Slot](len(slots) + MAX_LENT)
        for slot in slots:
            self._release.send_nowait(slot)

    @property
    def pids(self) -> list[int]:
        """Process ids of the slots."""
        return [slot.pid for slot in self._slots if slot.pid is not None]

    async def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
    ) -> Outcome:
        """Run a program in the next free slot, with `world` as all that it can reach of the outside.

        Raises `PoolFull` where too many wait for one already, and what `world` raises.
        """
        if limits.memory_bytes > self._memory_bytes:
            raise ValueError(f"memory_bytes is {limits.memory_bytes}: this pool's slots have {self._memory_bytes}")
        load = self._idle.statistics()
        if load.current_buffer_used == 0 and load.tasks_waiting_receive >= self._max_waiting:
            raise PoolFull(f"{load.tasks_waiting_receive} runs are waiting for a slot: try again later")
        job = Job(code, input, limits, context, world is not None)
        slot = await self._idle.receive()
        try:
            await slot.ready(self.runtime_id)
            with trio.move_on_after(limits.wall_seconds + self._grace):
                return await slot.run(job, world)
            return Abstained(f"the sandbox process did not answer within {limits.wall_seconds} s")
        except (SlotFailed, BadFrame, trio.BrokenResourceError) as error:
            slot.fit = False
            return Abstained(f"the sandbox process failed: {error}")
        finally:
            if not slot.fit:
                await slot.replace()
            if self._surplus:
                self._surplus -= 1
                await self._put_aside(slot)
            else:
                self._release.send_nowait(slot)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[None]:
        """To be held while a run only waits for another one: there is one slot more meanwhile.

        So runs that wait for each other's ends don't wait for each other's slots. Raises `PoolFull`.
        """
        if self._lent >= MAX_LENT:
            raise PoolFull(f"{self._lent} runs wait for others: try again later")
        self._lent += 1
        if self._surplus:
            self._surplus -= 1
        else:
            self._release.send_nowait(self._spare.pop() if self._spare else self._another())
        try:
            yield
        finally:
            self._lent -= 1
            try:
                slot = self._idle.receive_nowait()
            except trio.WouldBlock:
                self._surplus += 1  # the next one that is free
            else:
                await self._put_aside(slot)

    def _another(self) -> _Slot:
        slot = self._slots[0].twin()
        self._slots.append(slot)
        return slot

    async def _put_aside(self, slot: _Slot) -> None:
        if len(self._spare) < MAX_SPARE:
            self._spare.append(slot)
        else:
            self._slots.remove(slot)
            await slot.end()


@asynccontextmanager
async def open_pool(
    *,
    slots: int,
    waiting: int,
    cache: Path | None,
    memory_bytes: int = Limits.memory_bytes,
    grace: float = 2.0,
) -> AsyncIterator[Pool]:
    """A pool of `slots` processes that lets up to `waiting` runs wait for one. Close it after its last run.

    `memory_bytes` bounds what a run may ask for. `grace` is the time in seconds a slot has, once a run's wall time is
    up, to say so itself before it is killed. `cache` as in `JavaScriptSandbox`, an absolute path. Raises `SlotFailed`.
    """
    if slots < 1 or waiting < 0:
        raise ValueError("a pool has at least one slot, and no less than nobody waiting")
    if cache is not None and not cache.is_absolute():
        raise ValueError(f"the cache {cache} must be an absolute path: slots run in another directory")
    first, *others = places = [_Slot(cache, memory_bytes) for _ in range(slots)]
    try:
        runtime_id = await first.ready(None)  # it fills the cache of compiled code for the others
        for slot in others:
            await slot.spawn()
        for slot in others:
            await slot.ready(runtime_id)
        yield Pool(places, runtime_id, waiting, memory_bytes, grace)
    finally:
        for slot in places:  # those that the pool has added, too
            await slot.end()
