"""The jobs that a worker is given: fetched, run, signed, and committed.

## Overview

The chain's list of a worker's assignments says what is to be done; each entry has a task, which ends when the entry
leaves the list, for whatever reason. A task fetches job, input and code, runs the sandbox, writes down what it signs,
and sends it until the chain has it.

```
fetched -> run -> signed, written down -> sent, again while it may help -> gone from the list
   |        |                               |
   refused  abstained                       refused for good
```
An attempt that ends early is left to its deadline; the chain then gives the job to somebody else.

## Out of scope

Whether the worker may serve at all: `standing`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

import trio

from offchain import records
from offchain.chain import IN_POOL, POOL_INVALID, Chain, WrongChain, refusal_of
from offchain.execution import Refusal, SandboxPool, is_of, program_of, run_job, signed_output
from offchain.journal import Journal, SignedOtherwise, SignedOutput
from offchain.keys import WorkerKeys
from offchain.rpc import CallFailed
from offchain.sandbox.base import Abstained, Failure, Outcome, PoolFull
from offchain.standing import Standing
from pallets.primitives.job import NO_TRANSCRIPT, Input
from pallets.primitives.job_record import Job, JobState

SENDING_SECONDS = 3.0
"""What a run leaves of an attempt's time for its commit."""
SHORTEST_RUN, LONGEST_RUN = 1.0, 300.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
MAX_CODES = 16
MAX_ASSIGNMENTS = 64
"""What a worker looks after at once; chains give it fewer."""
MORE_FAULTS = ("NotAttested", "AttestationExpired", "MeasurementNotAllowed")
"""Refusals that a fresh attestation mends."""
DONE = "AlreadyCommitted"
PASSING = "Transaction would exhaust the block limits"

Entry = tuple[int, int]
"""Job and attempt."""


class Assignments:
    """What one worker does under one set of keys."""

    def __init__(
        self,
        chain: Chain,
        journal: Journal,
        keys: WorkerKeys,
        pool: SandboxPool,
        standing: Standing,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._chain, self._journal, self._keys, self._pool = chain, journal, keys, pool
        self._standing, self._log = standing, log
        self._key = records.ASSIGNMENTS.key(keys.worker_key)
        self._wanted: set[Entry] = set()
        self._tasks: dict[Entry, trio.CancelScope] = {}
        self._changed = trio.Event()
        self._codes: OrderedDict[bytes, bytes] = OrderedDict()

    @property
    def followed(self) -> dict[bytes, Callable[[bytes | None], None]]:
        """The storage key to subscribe to, and who takes its values."""
        return {self._key: self._on_list}

    async def run(self) -> None:
        """Works on what is assigned, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                changed = self._changed
                for entry, scope in self._tasks.items():
                    if entry not in self._wanted:
                        scope.cancel()
                for entry in sorted(self._wanted - self._tasks.keys()):
                    self._tasks[entry] = trio.CancelScope()
                    nursery.start_soon(self._task, entry)
                await changed.wait()

    def _on_list(self, value: bytes | None) -> None:
        listed = [(each.job, each.attempt) for each in records.ASSIGNMENTS.decode(value) or ()]
        if len(listed) > MAX_ASSIGNMENTS:
            self._log.warning("has %d assignments: works on the first %d", len(listed), MAX_ASSIGNMENTS)
        self._wanted = set(listed[:MAX_ASSIGNMENTS])
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _task(self, entry: Entry) -> None:
        """One assignment until it leaves the list."""
        with self._tasks[entry]:
            await self._work(*entry)
            await trio.sleep_forever()  # it was given up: nothing more is done about it
        del self._tasks[entry]
        self._wake()  # it may be back on the list

    async def _work(self, id: int, attempt: int) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                signed = await self._signed(id, attempt)
                break
            except (Refusal, SignedOtherwise, WrongChain) as reason:
                self._log.warning("refuses job %d, attempt %d: %s", id, attempt, reason)
                self._standing.look_again(contradicted=isinstance(reason, SignedOtherwise))
                return
            except CallFailed as error:
                self._log.warning("job %d, attempt %d: %s: trying again in %g s", id, attempt, error, pause)
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        if signed is not None:
            await self._send(id, attempt, signed)

    # From the job to what is signed

    async def _signed(self, id: int, attempt: int) -> SignedOutput | None:
        """What the worker signs of an attempt: what it signed before, or what a run finds; `None` if it abstains."""
        job_value, input_value = await self._chain.get_all([records.JOB.key(id), records.INPUT.key(id)])
        job = records.JOB.decode(job_value)
        if job is None or job.state is not JobState.Assigned or job.attempt != attempt:
            return None  # the list is about to say so too
        signed = self._journal.signed(self._keys.worker_key, id, attempt)
        if signed is not None:
            if not is_of(signed, self._chain.genesis, id, attempt, job, self._pool.runtime_id):
                raise SignedOtherwise("another job of this number was signed before: the chain was set back")
            self._log.info("has signed job %d, attempt %d, before: sends the same", id, attempt)
            return signed
        program = await self._program(job, records.INPUT.decode(input_value))
        self._log.info("runs job %d, attempt %d: agent %d, gas limit %d", id, attempt, job.agent, job.gas_limit)
        left = (job.due - self._standing.now()) / 1000 - SENDING_SECONDS
        started = trio.current_time()
        outcome = await self._run(id, job, program, min(max(left, SHORTEST_RUN), LONGEST_RUN))
        if isinstance(outcome, Abstained):
            self._log.warning("abstains from job %d, attempt %d: %s", id, attempt, outcome.reason)
            return None
        ended = outcome.reason.kind if isinstance(outcome, Failure) else f"{len(outcome.output)} bytes"
        seconds = trio.current_time() - started
        self._log.info("ran job %d, attempt %d: %s, gas %d, %.3f s", id, attempt, ended, outcome.gas, seconds)
        genesis, runtime_id = self._chain.genesis, self._pool.runtime_id
        signed = signed_output(self._keys, genesis, id, attempt, job, outcome, runtime_id)
        self._journal.keep(self._keys.worker_key, id, attempt, signed)
        return signed

    async def _program(self, job: Job, input: Input | None) -> tuple[bytes, bytes]:
        """A job's code and input, which are what it names; code is asked for once. Raises `Refusal`."""
        known = self._codes.get(job.code)
        if known is None:
            known = await self._chain.read(records.CODE, job.code)
        program = program_of(job, known, input)
        self._codes[job.code] = program[0]
        self._codes.move_to_end(job.code)
        if len(self._codes) > MAX_CODES:
            self._codes.popitem(last=False)
        return program

    async def _run(self, id: int, job: Job, program: tuple[bytes, bytes], wall_seconds: float) -> Outcome:
        while True:
            try:
                return await run_job(self._pool, self._chain.genesis, id, job, program, wall_seconds)
            except PoolFull as error:
                self._log.info("job %d waits: %s", id, error)
                await trio.sleep(FIRST_PAUSE)

    # From what is signed to the chain

    async def _send(self, id: int, attempt: int, signed: SignedOutput) -> None:
        """Sends a commit until the assignment is gone, or it is refused for good."""
        key = self._keys.worker_key
        call = records.commit(id, attempt, signed.output, NO_TRANSCRIPT, signed.gas, key, signed.signature)
        pause = FIRST_PAUSE
        while True:
            try:
                await self._chain.submit_bare(call)
                self._log.info("sent the output of job %d, attempt %d", id, attempt)
            except CallFailed as error:
                reason = refusal_of(error)
                if reason in MORE_FAULTS:
                    self._standing.look_again(attest=True)
                elif reason == DONE:
                    return
                elif error.code == POOL_INVALID and reason != PASSING:
                    self._log.warning("drops the output of job %d, attempt %d: %s", id, attempt, reason)
                    self._standing.look_again()
                    return
                if error.code not in IN_POOL:
                    self._log.info("the output of job %d, attempt %d, has to wait: %s", id, attempt, reason)
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
