"""What a job is run on: its code and its input, found, opened, and checked to be what it names.

For an input that isn't there, a sealed one's box or bytes that the chain has the hash of, half of the worker's time is
waited.

Errors: `Refusal`, of which `Unopened` and `BytesMissing` say that the input didn't come.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import trio

from offchain import records
from offchain.chain import Chain, WrongChain
from offchain.execution import Program, Unopened, program_of
from offchain.rpc import CallFailed
from offchain.sealed_inputs import SealedInputs
from offchain.serving.stored_bytes import StoredBytes
from offchain.standing import Standing
from pallets.primitives.job import HashInput, Input
from pallets.primitives.job_record import Job
from pallets.primitives.sealed import GivenBox

LATE_MILLISECONDS = 500
"""How far the chain's time may be behind the worker's."""
LOOK_SECONDS = 1.0
"""Between looks for a box."""
MAX_CODES = 16


class JobInputs:
    """Finds what one worker's jobs are run on."""

    def __init__(
        self, chain: Chain, worker: bytes, standing: Standing, sealed: SealedInputs, stored: StoredBytes
    ) -> None:
        self._chain, self._worker, self._standing = chain, worker, standing
        self._sealed, self._stored = sealed, stored
        self._codes: OrderedDict[bytes, bytes] = OrderedDict()

    async def program(self, id: int, job: Job, input: Input | None) -> Program:
        """A job's code and input; code is asked for once. Raises `Refusal`."""
        known = self._codes.get(job.code)
        if known is None:
            known = await self._chain.read(records.CODE, job.code)
        stored: bytes | None = None
        if isinstance(input, HashInput):
            stored = await self._stored.find(input.hash, job.workers, partial(self._is_late, job))
        given: list[GivenBox] = []
        while True:
            try:
                openers = await self._sealed.openers(id, job) if job.sealed else ()
                program = program_of(job, known, input, given, openers, stored)
                break
            except Unopened:
                if await self._is_late(job):
                    raise
            await trio.sleep(LOOK_SECONDS)
            given = await self._chain.read(records.BOXES, id, self._worker) or []
        if program.request is not None:
            self._sealed.remember(id, program.request)
        self._codes[job.code] = program.code
        self._codes.move_to_end(job.code)
        if len(self._codes) > MAX_CODES:
            self._codes.popitem(last=False)
        return program

    async def _is_late(self, job: Job) -> bool:
        """Whether it makes no sense any more to wait for an input; somebody may have travelled in time."""
        seat = job.seat_of(self._worker)
        if seat is None:
            return True
        try:
            now = await self._chain.read(records.NOW) or 0
        except (CallFailed, WrongChain):
            now = 0
        return max(self._standing.now(), now) > (seat.at + job.commit_by) // 2 + LATE_MILLISECONDS
