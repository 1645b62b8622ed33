"""Runs of jobs that reach the world outside: recorded, and replayed from what another worker has recorded.

## Overview

Of an `Oracle` job every worker runs live and keeps its transcript; of a `Recorded` one the leader does, and the others
replay the leader's, which they fetch from the endpoint of whoever has it: the leader, or another seat that has got it.
What is fetched is taken only if it has the root that the chain names, and is of this very job: its clock starts at the
job's submission, and its seed is the job's.

A transcript of that root that isn't of this job, or that nobody has, can't be had: the worker says so. One that is,
and asks for other things than the script does, is a lie of who recorded it. Every honest worker finds that, so it is a
result: the output says `replay-failed`, at no gas, and outvotes the leader's.

The transcript of a sealed job is sealed: only who has read the input reads it.

## Errors

    Refusal
    ├── NowhereToKeep      the worker has no endpoint, or no room: nobody could fetch what it records
    ├── NotRecorded        the leader hasn't recorded what the others replay, or no more: a moment later it may have
    ├── RecordingLost      the worker has recorded a run before, and has it no more
    └── TranscriptMissing  nobody has the transcript to be replayed, or what they have isn't it
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import NamedTuple, Protocol

import trio

from offchain.chain import Chain
from offchain.effects.chain_host import ChainHost
from offchain.effects.leaving import Leaving
from offchain.effects.pinned import PinnedWorld
from offchain.effects.verified import Verified
from offchain.execution import ANSWER_BYTES, ASKS, Program, Refusal, SandboxPool, job_limits, run_context, run_job
from offchain.outside.recording import Recording, ReplayFailed, Replaying
from offchain.sandbox.base import Abstained, Context, Limits, Outcome, Success, World
from offchain.serving.receipt_records import HOSTS
from offchain.serving.run_scope import RunScope
from offchain.serving.store import TooLarge
from offchain.serving.transcripts import OPEN, OpenForm, SealedForm, find_transcript
from pallets.primitives.job import NO_TRANSCRIPT
from pallets.primitives.job_record import Job
from pallets.primitives.transcript import Transcript

MAX_TRANSCRIPT = ANSWER_BYTES + ASKS * 256
"""Bytes of a job's transcript."""
RETRY_SECONDS = 1.0

OpenWorld = Callable[[tuple[str, ...] | None, Context, RunScope], AbstractAsyncContextManager[World]]
"""The world for one run of an agent of these hosts."""


class NowhereToKeep(Refusal):
    """The worker listens nowhere, or has no room: nobody could check what it records."""


class NotRecorded(Refusal):
    """There is nothing to replay yet."""


class RecordingLost(Refusal):
    """The worker leads, and has lost the run that it has recorded: another one would be another run."""


class TranscriptMissing(Refusal):
    """The transcript that the run is to replay can't be had."""


class Keeping(Protocol):
    """Where transcripts are kept; `offchain.serving.store.Store` is one."""

    def get(self, key: bytes) -> bytes | None:
        """What is kept under 32 bytes."""

    def put(self, key: bytes, data: bytes) -> None:
        """Keeps it. Raises `TooLarge` and `OSError`."""

    def sync(self) -> None:
        """Has it on disk. Raises `OSError`."""


class Found(NamedTuple):
    """What a run came to, and the root of what came from outside."""

    outcome: Outcome
    transcript_root: bytes


class OutsideRuns:
    """Runs of one worker; `store` is none where it has no endpoint."""

    def __init__(
        self,
        chain: Chain,
        pool: SandboxPool,
        open_world: OpenWorld,
        scope_of: Callable[[int, Job], RunScope],
        host_of: Callable[[RunScope], ChainHost],
        store: Keeping | None,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._chain, self._pool, self._open_world, self._scope_of = chain, pool, open_world, scope_of
        self._host_of, self._store, self._log = host_of, store, log

    async def run_pinned(self, id: int, job: Job, program: Program, wall_seconds: float) -> Found:
        """Runs a `Deterministic` job, which is told of the chain alone. Raises `Refusal` and `PoolFull`."""
        leaving = Leaving(PinnedWorld(self._host_of(self._scope_of(id, job))))
        outcome = await run_job(self._pool, self._chain.genesis, id, job, program, wall_seconds, leaving)
        return Found(_left(leaving, job, outcome), NO_TRANSCRIPT)

    async def run(self, id: int, job: Job, program: Program, worker: bytes, wall_seconds: float) -> Found:
        """Runs a job that isn't `Deterministic`: live, or as recorded. Raises `Refusal` and `PoolFull`."""
        origin = id if job.audits is None else job.audits
        context = run_context(self._chain.genesis, origin, job)
        form = OPEN if program.request is None else SealedForm(program.request, origin)
        leads = job.led and job.seats[0].worker == worker
        if job.transcript is None:
            if job.led and not leads:
                raise NotRecorded("its leader hasn't recorded anything yet")
            return await self._live(id, job, program, job_limits(job, wall_seconds), context, form)
        started = trio.current_time()
        try:
            transcript = await self._transcript(job, context, wall_seconds / 2, form)
        except TranscriptMissing:
            if leads:
                raise RecordingLost("it has recorded another run before, and lost it") from None
            raise
        left = wall_seconds - (trio.current_time() - started)
        return await self._replayed(id, job, program, job_limits(job, left), context, transcript)

    async def _live(
        self, id: int, job: Job, program: Program, limits: Limits, context: Context, form: OpenForm
    ) -> Found:
        if self._store is None:
            raise NowhereToKeep("nobody could fetch its transcript: give the worker --listen")
        hosts = await self._chain.read(HOSTS, job.agent)
        reach = None if hosts is None else tuple(host.decode("ascii", "replace") for host in hosts)
        scope = replace(self._scope_of(id, job), lend=self._pool.lend)
        async with self._open_world(reach, context, scope) as world:
            recording = Recording(world, context, limits.answer_bytes)
            leaving = Leaving(recording)
            outcome = await self._pool.run(program.code, program.input, limits, context, leaving)
        root = form.root(recording.transcript)
        if not isinstance(outcome, Abstained):
            try:
                self._store.put(root, form.kept(recording.transcript))
                self._store.sync()  # what it can't show it is slashed for
            except (OSError, TooLarge) as error:
                raise NowhereToKeep(f"its transcript can't be kept: {error}") from None
        return Found(_left(leaving, job, outcome), root)

    async def _replayed(
        self, id: int, job: Job, program: Program, limits: Limits, context: Context, transcript: Transcript
    ) -> Found:
        assert job.transcript is not None
        replaying = Replaying(transcript)
        leaving = Leaving(Verified(replaying, lambda: self._host_of(self._scope_of(id, job))))
        outcome: Outcome
        try:
            outcome = await self._pool.run(program.code, program.input, limits, context, leaving)
            if not isinstance(outcome, Abstained):
                replaying.finish()
            outcome = _left(leaving, job, outcome)
        except ReplayFailed as error:
            self._log.warning("the transcript 0x%s is not of this run: %s", job.transcript[:4].hex(), error)
            outcome = REPLAY_FAILED
        return Found(outcome, job.transcript)

    async def _transcript(self, job: Job, context: Context, seconds: float, form: OpenForm) -> Transcript:
        """What is to be replayed, from this worker's store or another's."""
        root = job.transcript
        assert root is not None
        found = None if self._store is None else form.read(root, self._store.get(root))
        with trio.move_on_after(seconds):
            while found is None:
                found = await find_transcript(self._chain, root, job.workers, MAX_TRANSCRIPT, form)
                if found is None:
                    await trio.sleep(RETRY_SECONDS)
                elif self._store is not None:
                    try:
                        self._store.put(root, form.kept(found))
                    except (OSError, TooLarge) as error:  # others have it
                        self._log.warning("the transcript 0x%s can't be kept: %s", root[:4].hex(), error)
        if found is None:
            raise TranscriptMissing(f"nobody has the transcript 0x{root.hex()}")
        if (found.block_time_ms, found.seed, found.keyed) != (context.block_time_ms, context.seed, False):
            raise TranscriptMissing(f"the transcript 0x{root.hex()} is of another run than this job's")
        return found


def _left(leaving: Leaving, job: Job, outcome: Outcome) -> Outcome:
    """What a run came to, with what it leaves for the chain: a sealed job's output is no envelope."""
    return outcome if job.sealed else leaving.enveloped(outcome)


REPLAY_FAILED = Success(b'{"error":"replay-failed","message":"the recorded transcript is not of this run"}', 0)
"""What a lie about the world outside comes to, for every worker that checks it."""
