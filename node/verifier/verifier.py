"""Claims in, verdicts out: by verifier processes where there are some, by the node itself where not.

## Overview

`verify` answers a batch of claims. A large batch goes to the processes in equal parts, a small one is quicker verified
here. The processes start in the background, two seconds after the node or with the first batch that is worth it. One
that dies or hangs is replaced once; whatever it left unanswered is verified here, and so is everything once no process
is left: no claim is lost.

## Errors

None reach the caller: what a process can't answer, this one does.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from subprocess import PIPE

import trio

from node.verifier.wire import READY, pack
from pallets.frame.executive import Claim
from pallets.primitives.extrinsic import MultiSignature, verify_signature

WORTH_SENDING = 4  # claims; fewer are verified in the time that it takes to send them and to wake up again
SLICE = 64  # claims verified here before other tasks have a turn
START_SECONDS = 2.0  # so that nothing at start waits for a processor, and the first flood finds them there
RESTARTS = 1
ANSWER_SECONDS = 10.0

StartProcess = Callable[[], Awaitable[trio.Process]]
"""Starts a verifier process with pipes as stdin and stdout; raises `OSError`."""

log = logging.getLogger("node.verifier")


class ProcessLost(Exception):
    """The verifier process ended, or doesn't answer."""


async def start_process() -> trio.Process:
    """A verifier process of this program. In a group of its own: a terminal's SIGINT is for the node alone."""
    command = [sys.executable, "-m", "node.verifier.process"]
    return await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE, process_group=0)


class Verifier:
    """Verifies in `count` processes, or in this one where `start` is `None`."""

    def __init__(self, start: StartProcess | None = None, count: int = 1) -> None:
        self._start, self._count = start, count if start is not None else 0
        self._wanted = trio.Event()
        self._ready: list[_Process] = []

    @property
    def offloads(self) -> bool:
        """Whether batches are worth waiting for: some process is there, or may be soon."""
        return self._count > 0

    async def run(self) -> None:
        """Keeps the processes, until cancelled or none is left."""
        if self.offloads:
            with trio.move_on_after(START_SECONDS):
                await self._wanted.wait()
            async with trio.open_nursery() as nursery:
                for _ in range(self._count):
                    nursery.start_soon(self._keep)

    async def verify(self, claims: Sequence[Claim]) -> list[bool]:
        """A verdict for each claim, in their order."""
        if len(claims) < WORTH_SENDING or not self.offloads:
            return await self._verify_here(claims)
        self._wanted.set()
        processes = tuple(self._ready)
        if not processes:
            return await self._verify_here(claims)
        share = -(-len(claims) // len(processes))
        parts = [claims[start : start + share] for start in range(0, len(claims), share)]
        verdicts: list[list[bool]] = [[] for _ in parts]

        async def ask(place: int) -> None:
            try:
                verdicts[place] = await processes[place].verify(parts[place])
            except ProcessLost as lost:
                log.warning("⚠️  %s: its %d signatures are verified by the node", lost, len(parts[place]))
                verdicts[place] = await self._verify_here(parts[place])

        if len(parts) == 1:
            await ask(0)
        else:
            async with trio.open_nursery() as nursery:
                for place in range(len(parts)):
                    nursery.start_soon(ask, place)
        return [verdict for part in verdicts for verdict in part]

    async def _verify_here(self, claims: Sequence[Claim]) -> list[bool]:
        verdicts: list[bool] = []
        for number, claim in enumerate(claims):
            if number % SLICE == SLICE - 1:
                await trio.lowlevel.checkpoint()
            verdicts.append(verify_signature(claim.signature, claim.payload, claim.signer))
        return verdicts

    async def _keep(self) -> None:
        """One process and its replacements."""
        assert self._start is not None
        for _ in range(1 + RESTARTS):
            try:
                started = await self._start()
            except OSError as error:
                log.warning("⚠️  a verifier process can't be started: %s", error)
                break
            async with _Process(started) as process:
                if await process.is_ready():
                    self._ready.append(process)
                    try:
                        await started.wait()
                    finally:
                        self._ready.remove(process)
            log.warning("⚠️  a verifier process ended with code %s", started.returncode)
        self._count -= 1
        if not self._count:
            log.warning("⚠️  no verifier process is left: the node verifies signatures itself from now on")


class _Process:
    """A verifier process and its pipes; gone at the end of the block."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout

    async def __aenter__(self) -> _Process:
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):
            self._process.kill()  # it has nothing to lose
            await self._process.wait()
            await self._stdin.aclose()
            await self._stdout.aclose()

    async def is_ready(self) -> bool:
        """Waits until it could be asked; whether it can."""
        with trio.move_on_after(ANSWER_SECONDS), suppress(trio.BrokenResourceError):
            return bytes(await self._stdout.receive_some(len(READY))) == READY
        return False

    async def verify(self, claims: Sequence[Claim]) -> list[bool]:
        """Its verdicts; raises `ProcessLost`, and then it is killed."""
        verdicts = bytearray()
        try:
            with trio.fail_after(ANSWER_SECONDS):
                await self._stdin.send_all(pack([_packed(claim) for claim in claims]))
                while len(verdicts) < len(claims):
                    fresh = await self._stdout.receive_some(len(claims) - len(verdicts))
                    if not fresh:
                        raise ProcessLost("a verifier process ended")
                    verdicts += fresh
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ProcessLost("a verifier process ended") from None
        except trio.TooSlowError:
            self._process.kill()
            raise ProcessLost("a verifier process doesn't answer") from None
        return [verdict == 1 for verdict in verdicts]


def _packed(claim: Claim) -> tuple[int, bytes, bytes, bytes]:
    signature: MultiSignature = claim.signature
    raw: bytes = signature.signature  # type: ignore[attr-defined]
    return signature.variant_index, claim.signer, raw, claim.payload
