"""The jobs that a worker is given: fetched, run, signed, and committed.

## Overview

The chain's list of a worker's assignments says what is to be done; each entry is a duty, which ends when the entry
leaves the list, for whatever reason. For a duty job, input and code are fetched, the sandbox runs, what is signed is
written down, and sent until the chain has it.

```
fetched -> run -> signed, written down -> sent, again while it may help -> gone from the list
   |        |                               |
   refused  unfinished                      refused for good
```
Of a job with several replicas, and of one whose output was challenged, the hash is sent first, with a salt that is
written down as well: after a restart the worker commits to the same. The output follows once the chain asks for it and
nobody's hash can follow any more on any fork, which is when the block with the last of them is final. Where finality
lags so long that the time is nearly up the output is revealed all the same: not revealing costs stake, while a fork at
that moment costs at most that somebody copies it.

A run that takes longer is acknowledged, or the chain would give the job to somebody else; one whose output is there at
once needs no word. What it can't do it abstains from, so that somebody else is given the job at once.

## Out of scope

Whether the worker may serve at all: `standing`. Where code and input come from: `job_inputs`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from offchain import records
from offchain.chain import IN_POOL, POOL_INVALID, Chain, ChainError, WrongChain, refusal_of
from offchain.duty import Duty, Entry
from offchain.execution import (
    Program,
    Refusal,
    SandboxPool,
    Unfinished,
    Unopened,
    is_of,
    signed_output,
)
from offchain.job_inputs import JobInputs
from offchain.journal import Journal, SignedOtherwise, SignedOutput
from offchain.keys import Entropy, WorkerKeys
from offchain.long_runs import LongRuns
from offchain.outside_runs import Found, NotRecorded, NowhereToKeep, OutsideRuns, RecordingLost, TranscriptMissing
from offchain.rpc import CallFailed
from offchain.sandbox.base import Abstained, Failure, PoolFull, Success
from offchain.sealed_inputs import SealedInputs
from offchain.serving.stored_bytes import BytesMissing, StoredBytes
from offchain.standing import Standing
from pallets.primitives.job import (
    NO_TRANSCRIPT,
    Input,
    Mode,
    Word,
    commit_hash,
    job_commit_bytes,
    job_record_bytes,
    job_word_bytes,
)
from pallets.primitives.job_record import Job, SeatPhase, Stage, Task

SENDING_SECONDS = 3.0
"""What a run leaves of an attempt's time for its commit, and waiting for finality of a round's for the reveal."""
SHORTEST_RUN, LONGEST_RUN = 1.0, 300.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
FINALITY_PAUSE = 0.5
MAX_ASSIGNMENTS = 64
"""What a worker looks after at once; chains give it fewer."""
MORE_FAULTS = ("NotAttested", "AttestationExpired", "MeasurementNotAllowed")
"""Refusals that a fresh attestation mends."""
DONE = ("AlreadyCommitted", "AlreadyAcknowledged", "AlreadyRevealed", "AlreadyRecorded")
PASSING = ("Transaction would exhaust the block limits", "TooEarly", "NothingRecorded")
NO_DOUBT = (Unfinished, Unopened, BytesMissing, NowhereToKeep, RecordingLost, TranscriptMissing)
"""Why a job isn't done that say nothing about the chain."""
SALT_BYTES = 32


class Assignments:
    """What one worker does under one set of keys."""

    def __init__(
        self,
        chain: Chain,
        journal: Journal,
        keys: WorkerKeys,
        pool: SandboxPool,
        standing: Standing,
        sealed: SealedInputs,
        outside: OutsideRuns,
        stored: StoredBytes,
        entropy: Entropy,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._chain, self._journal, self._keys, self._pool = chain, journal, keys, pool
        self._standing, self._outside, self._stored = standing, outside, stored
        self._inputs = JobInputs(chain, keys.worker_key, standing, sealed, stored)
        self._entropy, self._log = entropy, log
        self._key = records.ASSIGNMENTS.key(keys.worker_key)
        self._wanted: dict[Entry, Task] = {}
        self._duties: dict[Entry, Duty] = {}
        self._changed = trio.Event()
        self._long_runs = LongRuns(self._acknowledge)

    @property
    def followed(self) -> dict[bytes, Callable[[bytes | None], None]]:
        """The storage key to subscribe to, and who takes its values."""
        return {self._key: self._on_list}

    async def run(self) -> None:
        """Works on what is assigned, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._long_runs.run)
            while True:
                changed = self._changed
                for entry, duty in self._duties.items():
                    if entry in self._wanted:
                        duty.ask(self._wanted[entry])
                    else:
                        duty.scope.cancel()
                for entry in sorted(self._wanted.keys() - self._duties.keys()):
                    self._duties[entry] = Duty(entry, self._wanted[entry])
                    nursery.start_soon(self._attend, entry)
                await changed.wait()

    def _on_list(self, value: bytes | None) -> None:
        listed = records.ASSIGNMENTS.decode(value) or []
        if len(listed) > MAX_ASSIGNMENTS:
            self._log.warning("has %d assignments: works on the first %d", len(listed), MAX_ASSIGNMENTS)
        self._wanted = {(each.job, each.attempt): each.task for each in listed[:MAX_ASSIGNMENTS]}
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _attend(self, entry: Entry) -> None:
        """One assignment until it leaves the list."""
        duty = self._duties[entry]
        with duty.scope:
            await self._work(duty)
            await trio.sleep_forever()  # it was given up: nothing more is done about it
        del self._duties[entry]
        self._wake()  # it may be back on the list

    async def _work(self, duty: Duty) -> None:
        pause = FIRST_PAUSE
        await duty.wanted()  # of a job that is led, nothing until the leader has recorded what the others replay
        while True:
            try:
                signed = await self._signed(duty)
                break
            except NotRecorded as reason:
                self._log.info("%s waits: %s", duty, reason)
            except Refusal as reason:
                unfinished = isinstance(reason, Unfinished)
                self._log.warning("%s %s: %s", "abstains from" if unfinished else "refuses", duty, reason)
                if not isinstance(reason, NO_DOUBT):
                    self._standing.look_again()
                await self._say(duty, Word.Unavailable if isinstance(reason, TranscriptMissing) else Word.Abstain)
                return
            except (SignedOtherwise, WrongChain) as reason:
                self._log.warning("refuses %s: %s", duty, reason)
                self._standing.look_again(contradicted=isinstance(reason, SignedOtherwise))
                return
            except CallFailed as error:
                self._log.warning("%s: %s: trying again in %g s", duty, error, pause)
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        while signed is not None:
            await duty.meanwhile(self._do, signed)

    async def _do(self, duty: Duty, signed: SignedOutput) -> None:
        if duty.task is Task.Run:
            await self._commit(duty, signed)
        elif duty.task is Task.Reveal:
            await self._reveal(duty, signed)

    # From the job to what is signed

    async def _signed(self, duty: Duty) -> SignedOutput | None:
        """What the worker signs of an attempt: what it signed before, or what a run finds; `None` if it's too late."""
        id, attempt, key = duty.job, duty.attempt, self._keys.worker_key
        job_value, input_value = await self._chain.get_all([records.JOB.key(id), records.INPUT.key(id)])
        job = records.JOB.decode(job_value)
        seat = None if job is None else job.seat_of(key)
        if job is None or seat is None or seat.is_vacant or job.stage is Stage.Over or job.attempt != attempt:
            return None  # the list is about to say so too
        signed = self._journal.signed(key, id, attempt)
        if signed is not None and not is_of(signed, self._chain.genesis, id, attempt, job, self._pool.runtime_id):
            raise SignedOtherwise("another job of this number was signed before: the chain was set back")
        committed = None if seat.commitment is None else seat.commitment.hash
        if committed is not None and (signed is None or committed != self._hash(duty, signed)):
            raise SignedOtherwise("its key has committed to what its journal doesn't know: is it used elsewhere?")
        if signed is not None and job.transcript not in (None, signed.transcript_root):
            raise SignedOtherwise("another transcript of this job was replayed before: the chain was set back")
        if signed is not None:
            self._log.info("has signed %s, before: sends the same", duty)
            return signed
        program, outcome, root = await self._found(duty, job, records.INPUT.decode(input_value))
        salt = self._entropy(SALT_BYTES) if job.voted else b""
        genesis, runtime_id, keep = self._chain.genesis, self._pool.runtime_id, self._stored.keep_output
        signed = signed_output(self._keys, genesis, id, attempt, job, program, outcome, runtime_id, salt, root, keep)
        self._journal.keep(key, id, attempt, signed)
        return signed

    async def _found(self, duty: Duty, job: Job, input: Input | None) -> tuple[Program, Success | Failure, bytes]:
        """What is run, what a run finds, and the root of what came from outside; raises `Refusal`."""
        with self._long_runs.watched(duty, job):
            program = await self._inputs.program(duty.job, job, input)
            started = trio.current_time()
            outcome, root = await self._run(duty.job, job, program)
        if isinstance(outcome, Abstained):
            raise Unfinished(outcome.reason)
        ended = outcome.reason.kind if isinstance(outcome, Failure) else f"{len(outcome.output)} bytes"
        seconds = trio.current_time() - started
        self._log.info("ran %s: %s, gas %d, %.3f s", duty, ended, outcome.gas, seconds)
        return program, outcome, root

    async def _run(self, id: int, job: Job, program: Program) -> Found:
        self._log.info("runs job %d, attempt %d: agent %d, gas limit %d", id, job.attempt, job.agent, job.gas_limit)
        left = (job.commit_by - self._standing.now()) / 1000 - SENDING_SECONDS
        wall_seconds = min(max(left, SHORTEST_RUN), LONGEST_RUN)
        while True:
            try:
                if job.mode is not Mode.Deterministic:
                    return await self._outside.run(id, job, program, self._keys.worker_key, wall_seconds)
                return await self._outside.run_pinned(id, job, program, wall_seconds)
            except PoolFull as error:
                self._log.info("job %d waits: %s", id, error)
                await trio.sleep(FIRST_PAUSE)

    # From what is signed to the chain

    async def _acknowledge(self, duty: Duty, job: Job) -> None:
        """Says that the worker is at work, unless the chain has heard from it."""
        seat = job.seat_of(self._keys.worker_key)
        if seat is not None and seat.phase is SeatPhase.Drawn:
            await self._say(duty, Word.Acknowledge)

    async def _say(self, duty: Duty, word: Word) -> None:
        said = job_word_bytes(genesis=self._chain.genesis, job=duty.job, attempt=duty.attempt, word=word)
        key, signature = self._keys.worker_key, self._keys.sign(said)
        call = records.word(duty.job, duty.attempt, word, key, signature)
        await self._send(call, f"the word {word.name!r} on {duty}")

    async def _commit(self, duty: Duty, signed: SignedOutput) -> None:
        """Commits the output, or its hash where it is voted on; of a run that others replay, says so first.

        So it does where the output is too large for the chain.
        """
        if signed.length:
            await self._say_large(duty)
        if signed.salt:
            if signed.transcript_root != NO_TRANSCRIPT:
                await self._record(duty, signed.transcript_root)
            await self._send(self._commitment(duty, self._hash(duty, signed)), f"the hash of the output of {duty}")
        else:
            fields = (duty.job, duty.attempt, signed.on_chain, signed.transcript_root, signed.gas)
            call = records.commit(*fields, self._keys.worker_key, signed.signature)
            await self._send(call, f"the output of {duty}")

    async def _reveal(self, duty: Duty, signed: SignedOutput) -> None:
        """Reveals what the worker has committed to, once nobody can copy it."""
        await self._commits_are_final(duty)
        fields = (duty.job, duty.attempt, signed.on_chain, signed.transcript_root, signed.gas, signed.salt)
        await self._send(records.reveal(*fields, self._keys.worker_key, signed.signature), f"the output of {duty}")

    async def _say_large(self, duty: Duty) -> None:
        """Says that the output will be given by its hash, unless the chain has heard it."""
        job = await self._chain.read(records.JOB, duty.job)
        seat = None if job is None else job.seat_of(self._keys.worker_key)
        if seat is not None and seat.is_pending and not seat.large:
            await self._say(duty, Word.Large)

    async def _record(self, duty: Duty, root: bytes) -> None:
        """Says which transcript the others replay, where that is this worker's to say."""
        job = await self._chain.read(records.JOB, duty.job)
        key = self._keys.worker_key
        if job is None or not job.led or job.transcript is not None or job.seats[0].worker != key:
            return
        genesis = self._chain.genesis
        said = job_record_bytes(genesis=genesis, job=duty.job, attempt=duty.attempt, transcript_root=root)
        call = records.record(duty.job, duty.attempt, root, key, self._keys.sign(said))
        await self._send(call, f"the transcript of {duty}")

    def _hash(self, duty: Duty, signed: SignedOutput) -> bytes:
        key = self._keys.worker_key
        return commit_hash(signed.message, salt=signed.salt, worker=key, attempt=duty.attempt)

    def _commitment(self, duty: Duty, hash: bytes) -> bytes:
        """The call that commits to a hash."""
        said = job_commit_bytes(genesis=self._chain.genesis, job=duty.job, attempt=duty.attempt, hash=hash)
        return records.commit_hash(duty.job, duty.attempt, hash, self._keys.worker_key, self._keys.sign(said))

    async def _commits_are_final(self, duty: Duty) -> None:
        """Waits until no fork takes another hash, or so long that only the time to reveal is left."""
        waits = False
        while True:
            try:
                final = await self._chain.finalized()
                job = await self._chain.read(records.JOB, duty.job, at=final.hash)
                seat = None if job is None else job.seat_of(self._keys.worker_key)
                if job is not None and job.stage is Stage.Reveals and seat is not None:
                    return
            except (CallFailed, ChainError) as error:
                self._log.info("whether the hashes of %s are final: %s", duty, error)
            job, now = await self._job_and_time(duty.job)
            if job is not None and now >= job.due - SENDING_SECONDS * 1000:
                self._log.warning("reveals the output of %s before its hashes are final: time is nearly up", duty)
                return
            if not waits:
                self._log.info("waits until the hashes of %s are final", duty)
            waits = True
            await trio.sleep(FINALITY_PAUSE)

    async def _job_and_time(self, id: int) -> tuple[Job | None, int]:
        """A job's record, and the chain's time in milliseconds: somebody may have travelled."""
        while True:
            try:
                job, moment = await self._chain.get_all([records.JOB.key(id), records.NOW.key()])
                return records.JOB.decode(job), max(self._standing.now(), records.NOW.decode(moment) or 0)
            except (CallFailed, WrongChain) as error:
                self._log.info("job %d can't be read: %s", id, error)
            await trio.sleep(FIRST_PAUSE)

    async def _send(self, call: bytes, what: str) -> None:
        """Sends a bare call until the assignment is gone, or it is refused for good."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._chain.submit_bare(call)
                self._log.info("sent %s", what)
            except CallFailed as error:
                reason = refusal_of(error)
                if reason in MORE_FAULTS:
                    self._standing.look_again(attest=True)
                elif reason in DONE:
                    return
                elif error.code == POOL_INVALID and reason not in PASSING:
                    self._log.warning("drops %s: %s", what, reason)
                    self._standing.look_again()
                    return
                if error.code not in IN_POOL:
                    self._log.info("%s has to wait: %s", what, reason)
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
