"""A worker's standing with the chain: registered, attested, known to be alive.

## Overview

`next_step` decides from what the chain says of the worker; `Standing.hold` does it, again and again:

| the chain says | the worker |
| --- | --- |
| unknown, or left | registers: a quote over the best block, stake by the operator |
| restarted, time has jumped, attestation expired or about to | attests again |
| challenged, or counted as unresponsive or unattested | sends a heartbeat |
| not challenged, though it was due long ago: the chain may be waiting for a transaction | sends a heartbeat |
| leaving | finishes what it has |
| key revoked | ends |

Records come by subscription; time and heads are asked for only when something is due. Time is the chain's; between two
looks at it this process's own clock carries it on. When it has jumped, the chain tells by excusing a silence.

A newest final block that is no longer in the chain means that the chain was set back or started anew: what was signed
for it may contradict what will be asked. So may what was signed of jobs that the chain doesn't know any more, where it
was set back less far. `hold` then ends with `End.REPLACED`, and the worker goes on under fresh keys. That the chain was
set back shows at once where it concerns the worker: its own record holds numbers that only grow.

The chain may still give jobs to keys that nobody has any more, also after a load of an older state. Of an operator with
one worker alone it is known which these are: they leave in the transaction that registers the fresh key.

## Errors

```
StandingError
├── InsufficientFunds   the operator's account can't hold the stake
├── NotOurs             the worker key is registered to another operator
├── StillLeaving        at start: the worker's stake is still cooling down
└── KeyRevoked          governance revoked the key
```
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import trio

from offchain import records
from offchain.attestation import Enclave, Gpu, gpu_evidence, worker_info
from offchain.chain import (
    ACCOUNT,
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
from offchain.keys import WorkerKeys
from offchain.rpc import CallFailed, ConnectionLost
from pallets.primitives import ss58
from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.codec import codec_of
from pallets.primitives.gpu import GpuEvidence
from pallets.primitives.keys import Keypair
from pallets.primitives.types import Balance
from pallets.primitives.worker import WorkerInfo, heartbeat_bytes
from pallets.primitives.worker_record import LEAVING, Worker, WorkerState

RENEWAL = 3_600_000
"""How long before its attestation expires a worker attests again, in milliseconds; of a short one the last tenth."""
RENEWAL_PAUSE = 600_000
"""How long a worker leaves a fresh attestation alone, even one that expires soon, in milliseconds."""
INCLUSION_SECONDS = 10.0
NEW_BLOCK_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 120.0
START_TRIES = 5
MAX_WORKERS, MAX_LOST = 1000, 16
"""How many workers of a chain are looked at for lost keys, and how many of these leave together."""
ATTEST_AGAIN = frozenset({"NotAttested", "AttestationExpired"})
TRANSIENT = frozenset(
    {
        "StaleQuote",
        "StaleGpuEvidence",
        "GpuElsewhere",
        "QuoteReused",
        "AlreadyRegistered",
        "UnknownWorker",
        "NotServing",
    }
)
"""Dispatch errors that come of blocks passing, and that another try mends."""


class StandingError(Exception):
    """The worker can't serve; the message says what to do."""


class InsufficientFunds(StandingError):
    """The operator's account has less than the stake."""


class NotOurs(StandingError):
    """The worker key is registered, and its operator is another account."""


class StillLeaving(StandingError):
    """The worker was told to leave, and its stake has not been released yet."""


class KeyRevoked(StandingError):
    """Governance revoked the worker's key."""


class End(enum.Enum):
    """Why a worker's life under its keys is over."""

    LEFT = enum.auto()
    """The operator took it away, and its stake is free."""
    REPLACED = enum.auto()
    """The chain is not the one it has signed for."""


class Step(enum.Enum):
    """What a worker does next."""

    REGISTER = enum.auto()
    ATTEST = enum.auto()
    BEAT = enum.auto()
    WAIT = enum.auto()


class Plan(NamedTuple):
    """A step; of `WAIT` the moment, in milliseconds of chain time, at which something else is due."""

    step: Step
    until: int = 0


@dataclass(frozen=True)
class Identity:
    """Who a worker is: its keys, who pays for it, what it runs and what quotes it. `stake` of `None` is the least.

    Of the operator of an `alone` worker no other one serves. A worker with a `gpu` shows it whenever it attests.
    """

    keys: WorkerKeys
    operator: Keypair
    runtime_id: bytes
    enclave: Enclave
    stake: int | None = None
    alone: bool = False
    gpu: Gpu | None = None


def is_older(record: Worker | None, before: Worker) -> bool:
    """Whether a record is from an earlier moment than another one: then the chain was set back."""
    if record is None:
        return True
    ended = (record.kept - before.kept) + (record.missed - before.missed)
    return (
        record.kept < before.kept
        or record.missed < before.missed
        or record.slashed < before.slashed
        or record.speed_at < before.speed_at
        or record.heartbeat_block < before.heartbeat_block
        or record.last_heartbeat < before.last_heartbeat
        or before.load - record.load > ended  # a job that was given is over without having ended
    )


def next_step(record: Worker | None, attestation: WorkerAttestation | None, now: int) -> Plan:
    """What a worker of this record should do at `now`, in milliseconds of chain time."""
    if record is None or record.state is WorkerState.Left:
        return Plan(Step.REGISTER)
    if record.state in LEAVING:
        return Plan(Step.WAIT, record.due)
    if record.state in (WorkerState.Registered, WorkerState.Unresponsive):
        return Plan(Step.BEAT)
    beat = now if record.challenged else 2 * record.due - record.last_heartbeat
    renewal = beat
    if attestation is not None:
        life = attestation.expires - attestation.attested_at
        renewal = max(attestation.expires - min(RENEWAL, life // 10), attestation.attested_at + RENEWAL_PAUSE)
        if now >= renewal:
            return Plan(Step.ATTEST)
    return Plan(Step.BEAT) if now >= beat else Plan(Step.WAIT, min(beat, renewal))


class Standing:
    """One worker's standing under one set of keys."""

    def __init__(
        self, chain: Chain, journal: Journal, identity: Identity, log: logging.LoggerAdapter[logging.Logger]
    ) -> None:
        self.record: Worker | None = None
        self.attestation: WorkerAttestation | None = None
        self._chain, self._journal, self._identity, self._log = chain, journal, identity, log
        self._heard: set[bytes] = set()
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
        self._hear(self._record_key)

    def _on_attestation(self, value: bytes | None) -> None:
        self.attestation = records.ATTESTED.decode(value)
        self._hear(self._attestation_key)

    def _hear(self, key: bytes) -> None:
        self._heard.add(key)
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
                self._check_ours()
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

    def _check_ours(self) -> None:
        if self.record is None or self.record.state is WorkerState.Left:
            return
        if self.record.info.operator != self._identity.operator.account_id:
            raise NotOurs(
                f"the worker's operator is {ss58.encode(self.record.info.operator)}: start it with that account"
            )
        if self.record.state is WorkerState.CoolingDown:
            raise StillLeaving("the worker is leaving: withdraw its stake when it has cooled down, then start it again")

    async def _register(self, head: Head) -> None:
        identity = self._identity
        stake = await self._stake() if identity.stake is None else identity.stake
        who = identity.operator.account_id
        account = await self._chain.read(ACCOUNT, who)
        free = 0 if account is None else account.data.free
        if free < stake:
            raise InsufficientFunds(
                f"the operator {ss58.encode(who)} has {free}, and the stake is {stake}: fund it first"
            )
        evidence = self._gpu_evidence(head)
        info = self._info(evidence)
        quote = identity.enclave.quote(info.report_data(head.hash))
        lost = await self._lost_keys() if identity.alone else []
        if lost:
            self._log.info("keys that are lost leave: %s", ", ".join(f"0x{key[:4].hex()}" for key in lost))
        await self._signed([*map(records.leave, lost), records.register(info, quote, stake)], evidence, head)
        self._log.info("is registered, with a stake of %d by %s", stake, ss58.encode(who))

    async def _lost_keys(self) -> list[bytes]:
        """Other keys that serve for the operator, as many as one transaction may end."""
        keys = await self._chain.keys_under(records.WORKER.prefix, MAX_WORKERS)
        found = [records.WORKER.decode(value) for value in await self._chain.get_all(keys)]
        serving = [each.info for each in found if each is not None and each.state not in LEAVING]
        operator, own = self._identity.operator.account_id, self._identity.keys.worker_key
        return [info.worker_key for info in serving if info.operator == operator and info.worker_key != own][:MAX_LOST]

    async def _attest(self, head: Head) -> None:
        waits = False
        while self.attestation is not None and head.number <= self.attestation.block:
            if not waits:
                self._log.info("waits for a block after #%d to attest again", self.attestation.block)
            waits = True
            await trio.sleep(NEW_BLOCK_SECONDS)
            head = await self._chain.best()
        evidence = self._gpu_evidence(head)
        info = self._info(evidence)
        quote = self._identity.enclave.quote(info.report_data(head.hash))
        await self._signed([records.reattest(info, quote)], evidence, head)
        self._log.info("is attested again, over block #%d", head.number)

    async def _signed(self, calls: list[bytes], evidence: GpuEvidence | None, quoted: Head) -> None:
        """Sends a transaction of the operator's, with a quote over block `quoted`, and takes over what comes of it.

        Evidence of a GPU counts in the same transaction: the worker is never seen without.
        """
        key = self._identity.keys.worker_key
        if evidence is not None:
            calls = [*calls, records.attest_gpu(key, evidence)]
        call = calls[0] if len(calls) == 1 else records.together(calls)
        inclusion = await self._chain.submit_signed(self._identity.operator, call)
        block = inclusion.block.hash
        attestation = await self._chain.read(records.ATTESTED, key, at=block)
        if attestation is None or attestation.block != quoted.number:
            await self._chain.require_success(inclusion)
        self.attestation = attestation
        self.record = await self._chain.read(records.WORKER, key, at=block)
        self._attest_again = False
        await self._remember(self._journal.final(key))

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
            if error.code not in IN_POOL:
                raise
        self._log.debug("heartbeat over block #%d", head.number)
        return INCLUSION_SECONDS

    async def _stake(self) -> int:
        """The least that the chain lets an operator stake on a worker."""
        least: int = STAKE.decode_all(await self._chain.constant("Workers", "MinStake"))
        return least

    def _gpu_evidence(self, head: Head) -> GpuEvidence | None:
        gpu, key = self._identity.gpu, self._identity.keys.worker_key
        return None if gpu is None else gpu_evidence(gpu, key, self._chain.genesis, head.hash)

    def _info(self, evidence: GpuEvidence | None) -> WorkerInfo:
        identity = self._identity
        operator, genesis = identity.operator.account_id, self._chain.genesis
        return worker_info(identity.keys, operator, genesis, identity.runtime_id, evidence)


STAKE = codec_of(Balance)
