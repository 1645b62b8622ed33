"""A worker's standing with the chain: registered, attested, known to be alive.

## Overview

`next_step` decides from what the chain says of the worker; `Standing.hold` does it, again and again: it registers the
worker and attests it again (`registration`), and sends heartbeats.

Records come by subscription; time and heads are asked for only when something is due. Time is the chain's; between two
looks at it this process's own clock carries it on. When it has jumped, the chain tells by excusing a silence.

A newest final block that is no longer in the chain means that the chain was set back or started anew: what was signed
for it may contradict what will be asked. So may what was signed of jobs that the chain doesn't know any more, where it
was set back less far. `hold` then ends with `End.REPLACED`, and the worker goes on under fresh keys. That the chain was
set back shows at once where it concerns the worker: its own record holds numbers that only grow.

Errors: `registration.StandingError`, of which `KeyRevoked` is raised here.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable

import trio

from offchain import records
from offchain.chain import (
    IN_POOL,
    BlockGone,
    Chain,
    ChainError,
    DispatchFailed,
    Head,
    TransactionRefused,
    refusal_of,
)
from offchain.journal import Journal
from offchain.next_step import Plan, Step, is_older, next_step
from offchain.registration import Identity, InsufficientFunds, Place, Registration, StandingError
from offchain.rpc import CallFailed, ConnectionLost
from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.worker import heartbeat_bytes
from pallets.primitives.worker_record import LEAVING, Worker, WorkerState

INCLUSION_SECONDS = 10.0
NEW_BLOCK_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 120.0
START_TRIES = 5
UNKNOWN_WORKER = "UnknownWorker"
ATTEST_AGAIN = frozenset({"NotAttested", "AttestationExpired"})
TRANSIENT = frozenset(
    {
        "StaleQuote",
        "StaleGpuEvidence",
        "GpuElsewhere",
        "QuoteReused",
        "AlreadyRegistered",
        UNKNOWN_WORKER,
        "NotServing",
    }
)
"""Dispatch errors that come of blocks passing, and that another try mends."""


class KeyRevoked(StandingError):
    """Governance revoked the worker's key."""


class End(enum.Enum):
    """Why a worker's life under its keys is over."""

    LEFT = enum.auto()
    """The operator took it away, and its stake is free."""
    REPLACED = enum.auto()
    """The chain is not the one it has signed for."""


class Standing:
    """One worker's standing under one set of keys."""

    def __init__(
        self, chain: Chain, journal: Journal, identity: Identity, log: logging.LoggerAdapter[logging.Logger]
    ) -> None:
        self.record: Worker | None = None
        self.attestation: WorkerAttestation | None = None
        self._chain, self._journal, self._identity, self._log = chain, journal, identity, log
        self._registration = Registration(chain, identity, log)
        self._heard: dict[bytes, bytes | None] = {}
        self._changed = trio.Event()
        self._attest_again = True  # a worker that starts has a new enclave
        self._in_doubt = self._contradicted = False
        self._simulated = False  # chains of real hardware aren't set back, and their forks must not cost a key
        self._chain_ahead = 0.0
        key = identity.keys.worker_key
        self._record_key, self._attestation_key = records.WORKER.key(key), records.ATTESTED.key(key)

    # What the chain says

    @property
    def followed(self) -> dict[bytes, Callable[[bytes | None], None]]:
        """Storage keys to subscribe to, and who takes their values."""
        return {self._record_key: self._on_record, self._attestation_key: self._on_attestation}

    @property
    def changed(self) -> trio.Event:
        """Set when the chain says something new of the worker."""
        return self._changed

    @property
    def simulated(self) -> bool:
        """Whether the chain marks the worker so, as far as known."""
        return self._simulated

    def now(self) -> int:
        """The chain's time, as far as known, in milliseconds."""
        return int(trio.current_time() * 1000 + self._chain_ahead)

    def look_again(self, *, attest: bool = False, contradicted: bool = False) -> None:
        """Something doesn't fit: is it still the same chain? With `attest`, the attestation is renewed too.

        `contradicted` says that it isn't: what the worker was to sign contradicts what it has signed.
        """
        self._in_doubt = True
        self._attest_again |= attest
        self._contradicted |= contradicted
        self._wake()

    def _on_record(self, value: bytes | None) -> None:
        before, self.record = self.record, records.WORKER.decode(value)
        if before is not None and is_older(self.record, before):
            self._log.info("was set back with the chain")
            self._in_doubt = True
        self._simulated |= self.record is not None and self.record.simulated
        if before is not None and self.record is not None:
            if before.state is not self.record.state:
                self._log.info("is %s now", self.record.state.name)
            asked = (before.challenged, before.last_heartbeat) != (self.record.challenged, self.record.last_heartbeat)
            if not asked and before.due < self.record.due:
                self._log.info("was silent while the chain stood still or travelled: attests again")
                self._attest_again = True
        self._hear(self._record_key, value)

    def _on_attestation(self, value: bytes | None) -> None:
        self.attestation = records.ATTESTED.decode(value)
        self._hear(self._attestation_key, value)

    def _hear(self, key: bytes, value: bytes | None) -> None:
        self._heard[key] = value
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # What the worker does

    async def hold(self, on_serving: Callable[[], None]) -> End:
        """Keeps the standing until it ends; calls `on_serving` once the worker serves.

        Raises what keeps it from serving: `StandingError`, `ChainError`, `CallFailed` or `ConnectionLost`.
        """
        while len(self._heard) < len(self.followed):
            await self._changed.wait()
        if not await self._take_place():
            return End.REPLACED
        on_serving()
        pause = FIRST_PAUSE
        while True:
            changed = self._changed
            try:
                wait = await self._tend()
                pause = FIRST_PAUSE
            except (ChainError, CallFailed, ConnectionLost, InsufficientFunds) as error:
                self._log.warning("%s: trying again in %g s", error, pause)
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE)
            if isinstance(wait, End):
                return wait
            with trio.move_on_after(wait):
                await changed.wait()

    async def _take_place(self) -> bool:
        """Registers, or attests again; whether the chain is still the same. Raises what keeps the worker from it."""
        for tries in range(1, START_TRIES + 1):
            try:
                head = await self._look()
                if head is None:
                    return False
                self._registration.check_ours(self.record)
                if next_step(self.record, self.attestation, self.now()).step is Step.REGISTER:
                    await self._register(head)
                else:
                    await self._attest(head)
                return True
            except (TransactionRefused, DispatchFailed, BlockGone, ConnectionLost) as error:
                passing = not isinstance(error, DispatchFailed) or error.error in TRANSIENT
                if not passing or tries == START_TRIES:
                    raise
                self._log.info("%s: trying again", error)
            await trio.sleep(NEW_BLOCK_SECONDS)
        raise AssertionError("the last try returns or raises")

    async def _tend(self) -> float | End:
        """Does what is due; for how many seconds nothing else is, or why all is over."""
        if self.attestation is not None and self.attestation.revoked:
            raise KeyRevoked("governance revoked the worker's key: use a fresh --base-path if the worker is sound")
        if self.record is not None and self.record.state is WorkerState.Left:
            return End.LEFT
        plan = self._plan()
        if plan.step is Step.WAIT and not self._in_doubt:
            return max((plan.until - self.now()) / 1000, 0.0)
        head = await self._look()
        if head is None:
            return End.REPLACED
        self._in_doubt = False
        plan = self._plan()  # with the chain's own time
        if plan.step is Step.REGISTER:
            await self._register(head)
        elif plan.step is Step.ATTEST:
            try:
                await self._attest(head)
            except (ChainError, ConnectionLost):
                await self._beat(head)  # free, and keeps the worker's place until it can attest
                raise
        elif plan.step is Step.BEAT:
            return await self._beat(head)
        return 0.0

    def _plan(self) -> Plan:
        plan = next_step(self.record, self.attestation, self.now())
        leaving = self.record is not None and self.record.state in LEAVING
        attest = self._attest_again and plan.step is not Step.REGISTER and not leaving
        return Plan(Step.ATTEST) if attest else plan

    async def _look(self) -> Head | None:
        """The best block; `None` where the chain isn't the one that this key has signed for."""
        key = self._identity.keys.worker_key
        known, newest = self._journal.final(key), self._journal.newest_job(key)
        if known is not None and await self._chain.hash_of(known.number) != known.hash:
            self._log.warning("block %d, which was final, is gone: the chain was set back or replaced", known.number)
            return None
        if self._simulated and (self._contradicted or await self._is_lost(newest)):
            self._log.warning("what it has signed is of jobs that are gone: the chain was set back")
            return None
        await self._remember(known)
        head = await self._chain.best()
        moment = await self._chain.read(records.NOW, at=head.hash) or 0
        self._chain_ahead = moment - trio.current_time() * 1000
        return head

    async def _is_lost(self, job: int | None) -> bool:
        """Whether the chain doesn't know a job: it will give the number to another one."""
        return job is not None and job >= (await self._chain.read(records.NEXT_JOB) or 0)

    async def _remember(self, known: Head | None) -> None:
        """Writes down the newest final block; genesis, which chains may share, only as long as there is no other."""
        final = await self._chain.finalized()
        if not final.number and (first := await self._chain.hash_of(1)) is not None:
            final = Head(1, first)
        if known is None or final.number > known.number:
            self._journal.set_final(self._identity.keys.worker_key, final)

    async def _register(self, head: Head) -> None:
        await self._take_over(await self._registration.register(head))

    async def _attest(self, head: Head) -> None:
        waits = False
        while self.attestation is not None and head.number <= self.attestation.block:
            if not waits:
                self._log.info("waits for a block after #%d to attest again", self.attestation.block)
            waits = True
            await trio.sleep(NEW_BLOCK_SECONDS)
            head = await self._chain.best()
        await self._take_over(await self._registration.attest(head))

    async def _take_over(self, place: Place) -> None:
        """Goes by what has come of a transaction, unless the chain has taken its block back; then `BlockGone`."""
        self.record, self.attestation, block = place
        if await self._chain.hash_of(block.number) != block.hash:
            self.record = records.WORKER.decode(self._heard[self._record_key])
            self.attestation = records.ATTESTED.decode(self._heard[self._attestation_key])
            raise BlockGone(f"block {block.number}, which had the worker's transaction, was taken back")
        self._attest_again = False
        await self._remember(self._journal.final(self._identity.keys.worker_key))

    async def _beat(self, head: Head) -> float:
        """Sends a heartbeat over the best block; after how many seconds to look again."""
        if self.record is None or head.number <= self.record.heartbeat_block:
            return NEW_BLOCK_SECONDS
        keys = self._identity.keys
        signature = keys.sign(heartbeat_bytes(self._chain.genesis, keys.worker_key, head.number, head.hash))
        try:
            await self._chain.submit_bare(records.heartbeat(keys.worker_key, head.number, head.hash, signature))
        except CallFailed as error:
            reason = refusal_of(error)
            if reason in ATTEST_AGAIN:
                self._log.info("attests again: %s", reason)
                self._attest_again = True
                return 0.0
            if reason == UNKNOWN_WORKER:
                self._log.info("is unknown to the chain: registers again")
                self.record = self.attestation = None
                return 0.0
            if error.code not in IN_POOL:
                raise
        self._log.debug("heartbeat over block #%d", head.number)
        return INCLUSION_SECONDS
