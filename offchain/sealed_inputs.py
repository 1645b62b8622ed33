"""The sealed inputs that a worker has opened: it hands them on to workers that were given the job and have no box.

Boxes reach a worker in two ways: sealed to its own key, or, if it has the cluster's secret, to the cluster. A worker
that was drawn later than the submitter looked, that judges an output, or that has no part in the cluster finds none: so
whoever can open an input looks after its job until it is over, and seals the input to whoever lacks it. Each waits a
while of its own, so that not all of them do it at once.

A worker with the cluster's secret looks at every job that comes with boxes, and at those between; the others at those
that they were given.

Nothing of an input leaves on the node's word. It is opened for code that a final block shows to be its agent's, and
handed on to who has a seat in a final block, under the key that the chain has of it there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from offchain import records
from offchain.chain import Chain, ChainError, WrongChain, refusal_of
from offchain.keys import WorkerKeys
from offchain.light.finalized import Finalized
from offchain.rpc import CallFailed
from offchain.sealed import open_input, seal_on
from offchain.serving.receipt_records import AGENT
from pallets.primitives.job import SealedInput
from pallets.primitives.job_record import Job, Stage
from pallets.primitives.sealed import NotSealed, Opener, SealedRequest, opener

FIRST_LOOK_SECONDS = 2.0
"""How long the submitter has to give a worker its box before others do."""
LOOK_SECONDS = 3.0
MAX_JOBS = 64
"""How many jobs a worker looks after at once, the newest: jobs that nobody can be drawn for don't keep others out."""
MAX_NEW = 256
"""How many new jobs a worker looks at when it hears of them."""
MAX_APPROVED = 1024
"""Pairs of agent and code that are remembered as proven."""
ENOUGH_BOXES = 2
"""A worker that was given so many is given no more."""


class SealedInputs:
    """What one worker can open, and whom it hands it on to."""

    def __init__(
        self,
        chain: Chain,
        final: Finalized,
        keys: WorkerKeys,
        cluster: Callable[[], list[Opener]],
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        """`cluster` answers the openers of what is sealed to the cluster: none, unless the worker has its secret."""
        self._chain, self._final, self._keys, self._cluster, self._log = chain, final, keys, cluster, log
        self._approved: dict[tuple[int, bytes], None] = {}
        self._cared_for: dict[int, None] = {}  # in the order they came
        self._send_opened, self._opened = trio.open_memory_channel[tuple[int, SealedRequest]](MAX_JOBS)
        self._newest: int | None = None
        self._news = trio.Event()

    async def openers(self, id: int, job: Job) -> list[Opener]:
        """The worker's keys, for a job whose code is proven to be its agent's; none before.

        An input names its agent, but not the code: a node could make up a job of code that tells what it reads.
        """
        if not await self._is_approved(id, job):
            return []
        return [opener(self._keys.sealing), *self._cluster()]

    async def _is_approved(self, id: int, job: Job) -> bool:
        """Whether a final block has the code as the agent's, or this very job, from before the agent had another."""
        pair = job.agent, job.code
        if pair in self._approved:
            return True
        try:
            head = await self._final.newest()
            agent = await self._final.read_at(head, AGENT, job.agent)
            if agent is None or agent.code != job.code:
                known = await self._final.read_at(head, records.JOB, id)
                if known is None or (known.agent, known.code) != pair:
                    return False
        except (CallFailed, ChainError) as error:
            self._log.info("the code of job %d isn't proven to be approved: %s", id, error)
            return False
        if len(self._approved) >= MAX_APPROVED:
            del self._approved[next(iter(self._approved))]
        self._approved[pair] = None
        return True

    @property
    def followed(self) -> dict[bytes, Callable[[bytes | None], None]]:
        """The storage key to subscribe to, and who takes its values."""
        return {records.NEWEST_SEALED.key(): self._on_newest}

    def remember(self, id: int, request: SealedRequest) -> None:
        """The worker has opened this job's input."""
        if id in self._cared_for:
            return
        try:
            self._send_opened.send_nowait((id, request))
        except trio.WouldBlock:
            return
        if len(self._cared_for) >= MAX_JOBS:
            del self._cared_for[next(iter(self._cared_for))]
        self._cared_for[id] = None

    async def run(self) -> None:
        """Looks after jobs, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow)
            async for id, request in self._opened:
                nursery.start_soon(self._look_after, id, request)

    def _on_newest(self, value: bytes | None) -> None:
        self._newest = records.NEWEST_SEALED.decode(value)
        self._news.set()

    async def _follow(self) -> None:
        """Opens what is sealed to the cluster, of each new job."""
        seen: int | None = None
        while True:
            await self._news.wait()
            self._news = trio.Event()
            newest = self._newest
            if newest is None or not self._cluster():
                continue
            first = newest if seen is None else max(seen + 1, newest - MAX_NEW)
            for id in range(first, newest + 1):
                await self._open(id)
            seen = newest

    async def _open(self, id: int) -> None:
        try:
            job = await self._chain.read(records.JOB, id)
            if job is None or not job.sealed:
                return
            input = await self._chain.read(records.INPUT, id)
            if isinstance(input, SealedInput):
                self.remember(id, open_input(job, input, [], self._cluster()))
        except (CallFailed, WrongChain, NotSealed):
            return  # not the cluster's, or others will see to it

    async def _look_after(self, id: int, request: SealedRequest) -> None:
        """Hands a job's input on until the job is over, or there are too many newer ones."""
        await trio.sleep(FIRST_LOOK_SECONDS + LOOK_SECONDS * self._keys.worker_key[0] / 256)
        while id in self._cared_for:
            try:
                job = await self._chain.read(records.JOB, id)
                if job is None or job.stage is Stage.Over or job.input != request.commitment:
                    break
                if job.stage in (Stage.Record, Stage.Commits):
                    await self._hand_on(id, request)
            except (CallFailed, ChainError) as error:
                self._log.info("the input of job %d can't be handed on now: %s", id, error)
            await trio.sleep(LOOK_SECONDS)
        self._cared_for.pop(id, None)

    async def _hand_on(self, id: int, request: SealedRequest) -> None:
        key, head = self._keys.worker_key, await self._final.newest()
        job = await self._final.read_at(head, records.JOB, id)
        if job is None or job.input != request.commitment:
            return
        for receiver in [seat.worker for seat in job.seats if seat.is_pending and seat.worker != key]:
            given = await self._chain.read(records.BOXES, id, receiver) or []
            known = await self._final.read_at(head, records.WORKER, receiver)
            if known is None or len(given) >= ENOUGH_BOXES or any(each.by in (key, job.submitter) for each in given):
                continue
            try:
                box, signature = seal_on(self._keys, self._chain.genesis, id, request, receiver, known.info.seal_key)
                await self._chain.submit_bare(records.reseal(id, receiver, box, key, signature))
                self._log.info("handed the input of job %d on to 0x%s", id, receiver[:4].hex())
            except NotSealed as error:
                self._log.info("the input of job %d can't be sealed to 0x%s: %s", id, receiver[:4].hex(), error)
            except CallFailed as error:
                self._log.info("the input of job %d was not handed on: %s", id, refusal_of(error))
