"""The sequence of one worker key's receipts: each number is on disk before its answer leaves, and no number is two.

## Overview

A receipt takes the next number when it is signed, and is appended to the log at once. Its answer may leave when the log
is on disk up to it (`on_disk`); answers that become ready at the same moment share one write to the disk. So after a
crash of process or machine the log ends somewhere behind the last answer that left: what it lacks nobody has seen, and
its numbers are given out again. No number of the sequence is ever without a receipt.

Batches are contiguous. Which numbers make one is in the log, on disk, before the chain is told: it is sent again as it
was.

What is in the log is kept until the chain has done with it, and the newest `KEPT` longer.

## Usage

```python
log = ReceiptLog(DiskFiles(directory), genesis)
async with trio.open_nursery() as nursery:
    nursery.start_soon(log.run)
    kept = log.add(lambda number: ..., sign, ticket)
    await log.on_disk(kept.receipt.sequence)
```

## Errors

```
LogError
├── DamagedLog   the files are not what this module wrote: the key must not sign another receipt
└── LogFailed    the disk refused what was to be written; nothing of it has left, and nothing more will
```

## Out of scope

What the chain says of batches (`batches`), and bodies of requests and answers (`store`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import trio

from offchain.serving.files import Files
from offchain.serving.frames import HEAD, framed, frames_of
from pallets.primitives import merkle
from pallets.primitives.codec import codec_of
from pallets.primitives.receipt import AnsweredLeaf, Receipt, SignedReceipt, SignedTicket, leaf_bytes, receipt_bytes
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U32, U64, Bytes64, struct

SEGMENT_BYTES = 4 << 20
MAX_RECENT = 32_768
"""Receipts that are in memory, too: a batch is made of them without a pause."""
MAX_TREES = 8
KEPT = 100_000
"""How many receipts that the chain has done with are still known, so that their files can be shown."""
SHARED_SECONDS = 0.004
"""Between two writes to the disk, while there is more to come: one costs as much as a short run."""
RECEIPT, BATCH = b"\0", b"\1"


class LogError(Exception):
    """The log of receipts can't be used."""


class DamagedLog(LogError):
    """The files lack receipts that came before others, or hold what is none."""


class LogFailed(LogError):
    """The disk refused what was to be written down."""


@struct
class Kept:
    """A receipt as the log has it."""

    receipt: Receipt
    signature: Bytes64
    ticket: SignedTicket | None
    """If the agent is to pay."""

    @property
    def signed(self) -> SignedReceipt:
        return SignedReceipt(self.receipt, self.signature)


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers of a batch."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """The number after its last."""
        return self.first + self.count


class _Segment:
    """A file, the first number in it, and where its receipts' contents start."""

    def __init__(self, first: int) -> None:
        self.first, self.name = first, f"{first:020}.log"
        self.starts = array("Q")
        self.lengths = array("I")

    @property
    def end(self) -> int:
        return self.first + len(self.starts)


class ReceiptLog:
    """The log of one key on the chain of one genesis; reads what `files` have. Raises `DamagedLog` or `OSError`."""

    def __init__(self, files: Files, genesis: bytes) -> None:
        self._files, self._genesis = files, genesis
        self.more_soon: Callable[[], bool] = lambda: False
        """Whether further receipts are on their way, for which a write to the disk may wait a little."""
        self._segments: list[_Segment] = []
        self._recent: dict[int, tuple[Kept, bytes]] = {}  # with what stands for it in the tree
        self._trees: OrderedDict[Range, list[list[bytes]]] = OrderedDict()
        self._batches: list[Range] = []
        self._batched = self._on_disk = 0
        self._writes = self._safe_writes = 0
        self._failed: str | None = None
        self._appended, self._synced = trio.Event(), trio.Event()
        self._unsynced: dict[str, None] = {}
        self._read()

    @property
    def first(self) -> int:
        """The oldest number that is still known."""
        return self._segments[0].first

    @property
    def next(self) -> int:
        """The number of the next receipt."""
        return self._segments[-1].end

    @property
    def on_disk_up_to(self) -> int:
        """Below this number all is on disk."""
        return self._on_disk if self._files.durable else self.next

    @property
    def batches(self) -> list[Range]:
        """Those made so far, in order, as far back as all their receipts are known."""
        return list(self._batches)

    @property
    def batched(self) -> int:
        """Below this number all is in batches."""
        return max(self._batched, self.first)

    # Writing

    def add(
        self, make: Callable[[int], Receipt], sign: Callable[[bytes], bytes], ticket: SignedTicket | None = None
    ) -> Kept:
        """Signs the receipt that `make` makes of its number, and writes it down. Raises `LogFailed`."""
        receipt = make(self.next)
        body = receipt_bytes(self._genesis, receipt)
        kept = Kept(receipt, sign(body), ticket)
        segment = self._segments[-1]
        if self._files.size(segment.name) >= SEGMENT_BYTES:
            self._sync_now(segment)  # a file that another follows has no torn end
            segment = _Segment(self.next)
        content = RECEIPT + KEPT_CODEC.encode(kept)
        start = self._append(segment, content)
        if segment is not self._segments[-1]:
            self._segments.append(segment)
        segment.starts.append(start)
        segment.lengths.append(len(content))
        self._recent[receipt.sequence] = kept, body + kept.signature
        if len(self._recent) > MAX_RECENT:
            del self._recent[next(iter(self._recent))]
        return kept

    async def on_disk(self, number: int) -> None:
        """Waits until the receipt of this number, and all before it, outlive a crash. Raises `LogFailed`."""
        while self.on_disk_up_to <= number:
            await self._next_sync()

    def batch(self, count: int) -> Range:
        """Makes a batch of the next `count` receipts on disk that are in none. Raises `LogFailed`.

        It may leave once all is on disk, see `all_on_disk`.
        """
        made = Range(self.batched, count)
        if not 0 < count <= self.on_disk_up_to - made.first:
            raise ValueError(f"there are no {count} receipts from {made.first} on")
        self._append(self._segments[-1], BATCH + BATCH_CODEC.encode((made.first, made.count)))
        self._batches.append(made)
        self._batched = made.end
        return made

    async def all_on_disk(self) -> None:
        """Waits until all that was written down so far outlives a crash. Raises `LogFailed`."""
        writes = self._writes
        while self._files.durable and self._safe_writes < writes:
            await self._next_sync()

    def forget(self, done: int) -> None:
        """The chain has done with all numbers below `done`: the oldest of them may go."""
        limit = min(done, self.next - KEPT)
        while len(self._segments) > 1 and self._segments[0].end <= limit:
            self._files.remove(self._segments.pop(0).name)
        self._batches = [each for each in self._batches if each.first >= self.first]

    async def run(self) -> None:
        """Brings to the disk what is appended, until cancelled."""
        synced_at = -SHARED_SECONDS
        while self._failed is None:
            if not self._unsynced:
                await self._appended.wait()
            if self.more_soon():
                await trio.sleep_until(synced_at + SHARED_SECONDS)
            synced_at = trio.current_time()
            names, end, writes = list(self._unsynced), self.next, self._writes
            self._unsynced.clear()
            self._appended = trio.Event()
            try:
                for name in names:
                    await trio.to_thread.run_sync(self._files.sync, name)
            except OSError as error:
                self._fail(error)
                return
            self._on_disk, self._safe_writes = end, writes
            self._wake()

    # Reading

    def get(self, number: int) -> Kept | None:
        """The receipt of a number; `None` where it isn't known any more, or not yet."""
        if not self.first <= number < self.next:
            return None
        recent = self._recent.get(number)
        if recent is not None:
            return recent[0]
        segment = self._segments[bisect_right(self._segments, number, key=lambda each: each.first) - 1]
        index = number - segment.first
        content = self._files.read(segment.name, segment.starts[index], segment.lengths[index])
        return _kept(content)

    def tree(self, batch: Range) -> list[list[bytes]]:
        """The rows of a batch's Merkle tree; of one whose receipts aren't recent it takes a while, in any thread."""
        tree = self._trees.get(batch)
        if tree is None:
            tree = self._trees[batch] = merkle.rows([self._leaf(number) for number in range(batch.first, batch.end)])
            while len(self._trees) > MAX_TREES:
                self._trees.popitem(last=False)
        return tree

    def _leaf(self, number: int) -> bytes:
        """What a receipt is in its batch's tree."""
        recent = self._recent.get(number)
        if recent is not None:
            return recent[1]
        kept = self.get(number)
        if kept is None:
            raise DamagedLog(f"receipt {number} is not in the log any more")
        return leaf_bytes(self._genesis, AnsweredLeaf(kept.signed), number)

    def receipts(self, batch: Range) -> Iterator[Kept]:
        """The receipts of a batch. Raises `DamagedLog` where one is gone."""
        for number in range(batch.first, batch.end):
            kept = self.get(number)
            if kept is None:
                raise DamagedLog(f"receipt {number} is not in the log any more")
            yield kept

    def batch_of(self, number: int) -> Range | None:
        """The batch that a receipt is in."""
        index = bisect_right(self._batches, number, key=lambda each: each.first) - 1
        return self._batches[index] if index >= 0 and number < self._batches[index].end else None

    # Inside

    def _append(self, segment: _Segment, content: bytes) -> int:
        """Where the content starts in the segment's file."""
        if self._failed is not None:
            raise LogFailed(self._failed)
        start = self._files.size(segment.name) + HEAD.size
        try:
            self._files.append(segment.name, framed(content))
        except OSError as error:
            raise LogFailed(_reason(error)) from error
        self._writes += 1
        if self._files.durable:
            self._unsynced[segment.name] = None
            self._appended.set()
        return start

    def _sync_now(self, segment: _Segment) -> None:
        try:
            self._files.sync(segment.name)
        except OSError as error:
            self._fail(error)
            raise LogFailed(_reason(error)) from error

    async def _next_sync(self) -> None:
        if self._failed is not None:
            raise LogFailed(self._failed)
        await self._synced.wait()

    def _fail(self, error: OSError) -> None:
        """What a disk has of a write that failed nobody knows: nothing more may be signed over it."""
        self._failed = _reason(error)
        self._wake()

    def _wake(self) -> None:
        self._synced.set()
        self._synced = trio.Event()

    def _read(self) -> None:
        names = self._files.names()
        for name in names:
            segment = _Segment(_first_of(name))
            if self._segments and segment.first != self.next:
                raise DamagedLog(f"{name} does not begin where the file before it ends")
            self._segments.append(segment)
            end = 0
            for start, content in frames_of(self._files, name):
                self._take(segment, start, content)
                end = start + len(content)
            if end < self._files.size(name):
                if name != names[-1]:
                    raise DamagedLog(f"{name} is damaged")
                self._files.cut(name, end)  # what was being written in a crash: nothing of it has left
        if not self._segments:
            self._segments.append(_Segment(0))
        elif names:
            self._files.sync(names[-1])
        self._batches = [each for each in self._batches if each.first >= self.first]
        self._on_disk = self.next

    def _take(self, segment: _Segment, start: int, content: bytes) -> None:
        if content[:1] == RECEIPT:
            if _kept(content).receipt.sequence != self.next:
                raise DamagedLog(f"{segment.name} has receipts in another order than they were signed in")
            segment.starts.append(start)
            segment.lengths.append(len(content))
        else:
            try:
                batch = Range(*BATCH_CODEC.decode_all(content[1:]))
            except DecodeError as error:
                raise DamagedLog(f"{segment.name} holds what is no batch: {error}") from None
            self._batches.append(batch)
            self._batched = batch.end


def _kept(content: bytes) -> Kept:
    try:
        kept: Kept = KEPT_CODEC.decode_all(content[1:])
    except DecodeError as error:
        raise DamagedLog(f"the log holds what is no receipt: {error}") from None
    return kept


def _first_of(name: str) -> int:
    try:
        return int(name.removesuffix(".log"))
    except ValueError:
        raise DamagedLog(f"{name} is no file of a log of receipts") from None


def _reason(error: OSError) -> str:
    return f"the log of receipts can't be written: {error.strerror or error}"


KEPT_CODEC = codec_of(Kept)
BATCH_CODEC = codec_of(tuple[U64, U32])
