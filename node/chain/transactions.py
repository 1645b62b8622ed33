"""Transactions from submission to finality: the pool at work on a live chain, and those who watch.

## Overview

`submit` validates with the runtime at the best block and admits to the pool, or raises at once: a bad transaction is
never accepted first and dropped later. `enqueue` does the same where other processes verify signatures: submissions
wait in line, have their signatures verified many at a time, and are admitted in the order in which they came.

A watcher is told the transaction's life as `Status`es: `future`? · `ready` · `inBlock` · `finalized`, or an end that
says why not. After each block the pool is pruned, and what expired is reported; where the block changes the runtime,
all that waits is judged anew.

## Errors

`TransactionValidityError` and `DecodeError` from the runtime, `PoolError` from the pool, and `TemporarilyBanned` for a
transaction that was found invalid moments ago.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from typing import Any, NamedTuple

import trio

from node.chain.feed import Finalized, Imported
from node.chain.pool import AlreadyImported, Change, ImmediatelyDropped, Outcome, Pool, PoolError, PoolTransaction
from node.chain.tree import Chain
from node.counts import PoolCounts
from node.executor import Validator
from node.later import Later
from node.state.remote.missing import Missing
from node.verifier.verifier import Verifier
from pallets.frame.executive import Claim
from pallets.frame.validity import BadProof, ExhaustsResources, TransactionSource, TransactionValidityError
from pallets.primitives.extrinsic import is_bare
from pallets.primitives.hashing import blake2_256
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import DecodeError

BAN_SECONDS = 30 * 60
MAX_BANNED = 4096
MAX_WATCHED_BLOCKS = 512  # blocks without finality before a watcher is told `finalityTimeout`
MAX_IN_LINE, MAX_LINE_BYTES = 1 << 14, 32 * 1024 * 1024  # of submissions whose signature is to be verified yet
MAX_BATCH = 256  # signatures verified together
YIELD_SECONDS = 0.004

log = logging.getLogger("node.txpool")


class TemporarilyBanned(PoolError):
    """The transaction was in the pool and turned out invalid; it may be sent again later."""


class Status(NamedTuple):
    """One step of a transaction's life, by its JSON-RPC name; `hash` is the block's, or the usurper's."""

    name: str
    hash: bytes | None = None

    @property
    def is_last(self) -> bool:
        return self.name in ("finalized", "finalityTimeout", "usurped", "dropped", "invalid")


Watcher = Callable[[Status], None]
"""Told of each step; must not wait, and must not raise."""


class Submission(Later):
    """A transaction on its way into the pool: it answers its hash, or fails with why it wasn't admitted."""

    __slots__ = ("hash", "data", "source", "watcher", "claim", "is_good", "refusal")

    def __init__(self, data: bytes, source: TransactionSource, watcher: Watcher | None) -> None:
        Later.__init__(self)  # to find it by `super()` costs more than all it does
        self.hash, self.data, self.source, self.watcher = blake2_256(data), data, source, watcher
        self.claim: Claim | None = None
        self.is_good = True
        self.refusal: Exception | None = None
        """Why it fails when its turn comes, if that is known before."""

    def __await__(self) -> Generator[Any, Any, bytes]:
        try:
            tx_hash: bytes = yield from super().__await__()
        except trio.Cancelled:
            self.watcher = None
            raise
        return tx_hash


class Transactions:
    """The pool of one chain."""

    def __init__(
        self,
        chain: Chain,
        pool: Pool,
        max_size: int,
        verifier: Verifier | None = None,
        now: Callable[[], float] = trio.current_time,
        ban_seconds: float = BAN_SECONDS,
    ) -> None:
        """`now` tells seconds, from any beginning: bans last by it."""
        self.chain, self.pool, self.max_size, self._now = chain, pool, max_size, now
        self._ban_seconds = ban_seconds
        self.verifier = verifier or Verifier()
        self.counts = PoolCounts()
        self._line: deque[Submission] = deque()
        self._line_bytes = 0
        self._arrived = trio.Event()
        self._validator: tuple[bytes, Validator] | None = None
        self._banned: dict[bytes, float] = {}
        self._watchers: dict[bytes, Watcher] = {}
        self._unfinalized: dict[bytes, list[bytes]] = {}  # block -> watched transactions in it
        self._became_ready = trio.Event()

    # Submission

    def submit(self, data: bytes, source: TransactionSource, watcher: Watcher | None = None) -> bytes:
        """Admits a transaction and answers its hash, or raises why not; `watcher` is told each later `Status`."""
        self.counts.submitted += 1
        submission = Submission(data, source, watcher)
        self._refuse_early(submission)
        self._admit_now(submission)
        return submission.hash

    def enqueue(self, data: bytes, source: TransactionSource, watcher: Watcher | None = None) -> Submission:
        """`submit`, with the signature verified beside the node where it can be: what is answered is to be awaited.

        Its place in line is taken now, so that one sender's transactions stay in order, whoever awaits them when.
        Raises at once what can be told without decoding, and `ImmediatelyDropped` where the line is too long.
        """
        self.counts.submitted += 1
        submission = Submission(data, source, watcher)
        self._refuse_early(submission)
        if not self.verifier.offloads:
            self._admit_now(submission)
            submission.settle(submission.hash)
            return submission
        if len(self._line) >= MAX_IN_LINE or self._line_bytes >= MAX_LINE_BYTES:
            raise ImmediatelyDropped([])
        self._line.append(submission)
        self._line_bytes += len(data)
        self.counts.scheduled += 1
        self._arrived.set()
        return submission

    def unwatch(self, tx_hash: bytes) -> None:
        """Nobody wants to know any more; the transaction goes on."""
        self._watchers.pop(tx_hash, None)

    def validator(self) -> Validator:
        """The judge of what the next block could include."""
        best = self.chain.best.hash
        if self._validator is None or self._validator[0] != best:
            state = self.chain.states.head
            validator = self.chain.executor.runtime_at(state).validator(state, self.chain.best_header())
            self._validator = best, validator
        return self._validator[1]

    # Production

    def ready(self) -> Iterator[PoolTransaction]:
        """Ready transactions, best first."""
        return self.pool.ready()

    def has_ready(self) -> bool:
        return self.pool.ready_count > 0

    async def wait_ready(self) -> None:
        """Returns when a transaction is ready."""
        while not self.has_ready():
            self._became_ready = trio.Event()
            await self._became_ready.wait()

    def drop_invalid(self, tx_hash: bytes, reason: str) -> None:
        """A transaction is no longer wanted: it turned out invalid while a block was built, or somebody says so."""
        log.info("🚫 transaction 0x%s is invalid now: %s", tx_hash.hex(), reason)
        outcomes = self.pool.remove(tx_hash, Change.INVALID)
        if not any(outcome.tx.hash == tx_hash and is_bare(outcome.tx.data) for outcome in outcomes):
            self._ban(tx_hash)  # a bare one can't be signed anew, so it may come again when what was missing is there
        self._report(outcomes)

    # News

    def tags_of(self, extrinsics: list[bytes]) -> list[bytes]:
        """The tags that a block of these extrinsics on top of the best one provides."""
        tags: list[bytes] = []
        for extrinsic in extrinsics:
            try:
                tags += self.validator().validate(TransactionSource.InBlock, extrinsic).provides
            except (TransactionValidityError, DecodeError):
                continue  # an inherent, or valid only behind the others: it provides nothing that anybody waits for
        return tags

    def on_imported(self, block: Imported, tags: list[bytes]) -> None:
        """Prunes what the block included, or made impossible by providing `tags`, and tells the watchers."""
        if not block.is_best or block.retracted or block.enacted:
            return  # the pool stays as it is, or `on_reorganised` has seen to it
        self.chain.executor.forget(block.extrinsics)
        hashes = [blake2_256(extrinsic) for extrinsic in block.extrinsics]
        known = [tx_hash for tx_hash in hashes if tx_hash in self.pool]
        watched = [tx_hash for tx_hash in known if tx_hash in self._watchers]
        if watched:
            self._unfinalized[block.hash] = watched
        self.counts.pruned += len(hashes)
        outcomes = self.pool.prune(tags, known)
        for tx_hash in watched:
            self._tell(tx_hash, Status("inBlock", block.hash))
        self._report([outcome for outcome in outcomes if outcome.change is not Change.PRUNED])
        self._report(self.pool.expire(block.header.number))
        if CODE_KEY in block.changes:
            waiting = [tx.data for tx in self.pool.clear()]
            self.chain.executor.forget(waiting)  # what the old runtime has decoded
            self._readmit(waiting)
        self._time_out(block.header.number)

    def on_reorganised(self, block: Imported, taken_back: list[bytes]) -> None:
        """Another fork has become the best: what only the old one included waits again, if it is still valid."""
        for retracted in reversed(block.retracted):
            for tx_hash in self._unfinalized.pop(retracted, ()):
                self._tell(tx_hash, Status("retracted", retracted))
        included: dict[bytes, None] = {}
        for enacted in (*block.enacted, block.hash):
            hashes = [blake2_256(extrinsic) for extrinsic in self.chain.body(enacted) or ()]
            included.update(dict.fromkeys(hashes))
            watched = [tx_hash for tx_hash in hashes if tx_hash in self._watchers]
            if watched:
                self._unfinalized[enacted] = watched
            for tx_hash in watched:
                self._tell(tx_hash, Status("inBlock", enacted))
        self.counts.pruned += len(included)
        self.counts.resubmitted += sum(not is_bare(data) for data in taken_back)
        self._readmit((*taken_back, *(tx.data for tx in self.pool.clear())), included)

    def drop_all(self) -> None:
        """The chain was set back: forgets what waits and what was refused, and tells the watchers of what is gone."""
        self._banned.clear()
        for retracted in [block for block in self._unfinalized if not self.chain.is_canonical(block)]:
            for tx_hash in self._unfinalized.pop(retracted):
                self._tell(tx_hash, Status("retracted", retracted))
                self._tell(tx_hash, Status("dropped"))
        for tx in self.pool.clear():
            self._tell(tx.hash, Status("dropped"))

    def on_finalized(self, finalized: Finalized) -> None:
        """Tells the watchers of what became final."""
        for block in finalized.blocks:
            for tx_hash in self._unfinalized.pop(block, ()):
                self._tell(tx_hash, Status("finalized", block))

    async def run(self) -> None:
        """Admits who is in line and follows finality, until cancelled."""
        async with trio.open_nursery() as nursery:
            verified, admissible = trio.open_memory_channel[list[Submission]](1)  # the next batch is verified meanwhile
            nursery.start_soon(self._verify_line, verified)
            nursery.start_soon(self._admit_verified, admissible)
            async with self.chain.finality.subscribe() as news:
                async for finalized in news:
                    self.on_finalized(finalized)

    # The line

    async def _verify_line(self, verified: trio.MemorySendChannel[list[Submission]]) -> None:
        line = self._line
        while True:
            while not line:
                self._arrived = trio.Event()
                await self._arrived.wait()
            batch = [line.popleft() for _ in range(min(len(line), MAX_BATCH))]
            self._line_bytes -= sum(len(submission.data) for submission in batch)
            claimed: list[tuple[Submission, Claim]] = []
            for submission in batch:
                try:
                    claim = submission.claim = self.validator().claim(submission.data)
                except Exception as error:  # for who submitted it
                    submission.refusal = error
                else:
                    if claim is not None:
                        claimed.append((submission, claim))
            verdicts = await self.verifier.verify([claim for _, claim in claimed])
            for (submission, _), verdict in zip(claimed, verdicts, strict=True):
                submission.is_good = verdict
            await verified.send(batch)

    async def _admit_verified(self, admissible: trio.MemoryReceiveChannel[list[Submission]]) -> None:
        async for batch in admissible:
            started = trio.current_time()
            for submission in batch:
                refusal = submission.refusal
                if refusal is None:
                    try:
                        self._refuse_early(submission)  # others came first
                        self._believe(submission)
                        await self._admit_patiently(submission)
                    except Exception as error:  # for who submitted it
                        refusal = error
                self.counts.finished += 1
                if refusal is None:
                    submission.settle(submission.hash)
                else:
                    submission.fail(refusal)
                if trio.current_time() - started > YIELD_SECONDS:
                    await trio.lowlevel.checkpoint()
                    started = trio.current_time()

    def _believe(self, submission: Submission) -> None:
        """Takes the verdict on a signature, unless the chain has come to want another payload signed; or raises."""
        claim, data = submission.claim, submission.data
        if claim is None:
            return
        if submission.is_good:
            claim.prove()
            return
        wanted = self.validator().claim(data)
        if wanted is None or wanted.payload == claim.payload:
            self.chain.executor.forget([data])
            raise BadProof

    # Inside

    def _admit_now(self, submission: Submission) -> None:
        """`_admit`, of one that needn't wait in line."""
        self.counts.scheduled += 1
        self.counts.finished += 1
        self._admit(submission)

    def _admit(self, submission: Submission) -> None:
        tx_hash, data = submission.hash, submission.data
        validity = self.validator().validate(submission.source, data)
        tx = PoolTransaction.of(tx_hash, data, validity, self.chain.best.number)
        try:
            outcomes = self.pool.import_(tx)
        except ImmediatelyDropped as full:
            self._report(full.outcomes)
            raise
        if submission.watcher is not None:
            self._watchers[tx_hash] = submission.watcher
        self._report(outcomes)

    async def _admit_patiently(self, submission: Submission) -> None:
        """`_admit`, once what is missing of a forked state has been fetched."""
        while True:
            try:
                self._admit(submission)
                return
            except Missing as missing:
                assert self.chain.fetcher is not None  # who else would miss anything
                await self.chain.fetcher.fetch(missing)

    def _readmit(self, waiting: Iterable[bytes], included: Container[bytes] = ()) -> None:
        """Judges by what is the best block now; what isn't valid any more has come to its end."""
        for data in waiting:
            submission = Submission(data, TransactionSource.External, None)
            if submission.hash in included or submission.hash in self.pool:
                continue
            try:
                self._admit_now(submission)
            except Missing:
                self._line.append(submission)
                self._line_bytes += len(data)
                self._arrived.set()
            except (TransactionValidityError, DecodeError, PoolError):
                self.counts.invalid += not is_bare(data)
                self._tell(submission.hash, Status("invalid"))  # or an inherent, for which nobody waits

    def _refuse_early(self, submission: Submission) -> None:
        tx_hash = submission.hash
        if len(submission.data) > self.max_size:
            raise ExhaustsResources
        if tx_hash in self.pool:
            raise AlreadyImported(tx_hash)
        until = self._banned.get(tx_hash)
        if until is not None:
            if self._now() < until:
                raise TemporarilyBanned(f"0x{tx_hash.hex()} was invalid moments ago")
            del self._banned[tx_hash]

    def _ban(self, tx_hash: bytes) -> None:
        if len(self._banned) >= MAX_BANNED:
            del self._banned[next(iter(self._banned))]
        self._banned[tx_hash] = self._now() + self._ban_seconds

    def _report(self, outcomes: list[Outcome]) -> None:
        for change, tx, by in outcomes:
            if change is Change.INVALID:
                self.counts.invalid += 1
            if tx.hash in self._watchers:
                self._tell(tx.hash, Status(change.value, by))
        if self.has_ready():
            self._became_ready.set()

    def _tell(self, tx_hash: bytes, status: Status) -> None:
        watcher = self._watchers.get(tx_hash)
        if watcher is not None:
            if status.is_last:
                del self._watchers[tx_hash]
            watcher(status)

    def _time_out(self, number: int) -> None:
        """Gives up on blocks that have waited too long for finality."""
        for block in list(self._unfinalized):
            header = self.chain.header(block)
            if header is None or number - header.number < MAX_WATCHED_BLOCKS:
                return
            for tx_hash in self._unfinalized.pop(block):
                self._tell(tx_hash, Status("finalityTimeout", block))
