"""The log of receipts: no number twice, whenever the machine stops."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import trio

from offchain.keys import WorkerKeys
from offchain.serving import receipt_log
from offchain.serving.files import DiskFiles, MemoryFiles
from offchain.serving.receipt_log import DamagedLog, Kept, LogFailed, Range, ReceiptLog
from pallets.primitives import merkle
from pallets.primitives.receipt import Receipt, receipt_bytes
from tests.offchain.serving.crashing_disk import Crash, CrashingDisk

GENESIS, NOTHING = b"\7" * 32, bytes(32)
KEYS = WorkerKeys(b"\1" * 32, b"\2" * 32)


def receipt(number: int, about: int) -> Receipt:
    """A receipt that tells what it is about."""
    return Receipt(1, NOTHING, about.to_bytes(32, "big"), NOTHING, NOTHING, 5, NOTHING, number, 3, NOTHING, 2)


class Life:
    """What left a worker, over all its starts: receipts by number, batches by their first number."""

    def __init__(self) -> None:
        self.answers: dict[int, Kept] = {}
        self.batches: dict[int, Range] = {}
        self._abouts = 0

    async def live(self, disk: CrashingDisk, answers: int) -> None:
        """Answers, some at once, and makes batches, as long as the disk does."""
        log = ReceiptLog(disk, GENESIS)
        self.check(log)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.run)
            for turn in range(answers):
                async with trio.open_nursery() as together:
                    for _ in range(1 + turn % 3):
                        together.start_soon(self.answer, log)
                if turn % 4 == 3:
                    made = log.batch(log.on_disk_up_to - log.batched)
                    await log.all_on_disk()
                    assert made.first not in self.batches
                    self.batches[made.first] = made
            nursery.cancel_scope.cancel()

    async def answer(self, log: ReceiptLog) -> None:
        self._abouts += 1
        about = self._abouts
        kept = log.add(lambda number: receipt(number, about), KEYS.sign)
        await log.on_disk(kept.receipt.sequence)
        assert kept.receipt.sequence not in self.answers, "two receipts of one number have left"
        self.answers[kept.receipt.sequence] = kept

    def check(self, log: ReceiptLog) -> None:
        """A start finds all that has left, as it left."""
        for number, kept in self.answers.items():
            assert log.get(number) == kept
        for first, batch in self.batches.items():
            assert log.batch_of(first) == batch
        assert [batch.first for batch in log.batches] == [0, *(batch.end for batch in log.batches[:-1])][
            : len(log.batches)
        ]
        assert all(kept.receipt.sequence == at for at, kept in enumerate(log.receipts(Range(0, log.next))))


async def test_no_number_leaves_twice_whenever_the_machine_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt_log, "SEGMENT_BYTES", 2_000)
    for crash_at in range(60):
        life = Life()
        files: dict[str, bytes] = {}
        for start in range(3):  # it stops soon after a start, too
            disk = CrashingDisk(crash_at // (start + 1), seed=crash_at, files=files)
            try:
                await life.live(disk, answers=30)
            except* Crash:
                pass
            assert disk.crashed
            files = disk.survivors()
        await life.live(CrashingDisk(1_000, files=files), answers=6)
        assert len(life.answers) >= 6


async def test_what_a_disk_refuses_has_no_receipt_and_what_it_may_have_lost_ends_the_log() -> None:
    class Full(MemoryFiles):
        durable, full, broken = True, False, False

        def append(self, name: str, data: bytes) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().append(name, data)

        def sync(self, name: str) -> None:
            if self.broken:
                raise OSError(errno.EIO, "Input/output error")

    files = Full()
    log = ReceiptLog(files, GENESIS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        files.full = True
        with pytest.raises(LogFailed, match="No space left"):
            log.add(lambda number: receipt(number, 1), KEYS.sign)
        files.full = False
        await log.on_disk(log.add(lambda number: receipt(number, 2), KEYS.sign).receipt.sequence)
        files.broken = True
        kept = log.add(lambda number: receipt(number, 3), KEYS.sign)
        with pytest.raises(LogFailed, match="Input/output error"):
            await log.on_disk(kept.receipt.sequence)
        with pytest.raises(LogFailed):
            log.add(lambda number: receipt(number, 4), KEYS.sign)
    assert [log.get(number).receipt.request_hash[-1] for number in range(2)] == [2, 3]  # type: ignore[union-attr]


async def test_old_receipts_go_once_the_chain_has_done_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_log, "SEGMENT_BYTES", 1_000)
    monkeypatch.setattr(receipt_log, "KEPT", 10)
    files = DiskFiles(tmp_path / "receipts")
    log = ReceiptLog(files, GENESIS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        for about in range(40):
            await log.on_disk(log.add(lambda number, about=about: receipt(number, about), KEYS.sign).receipt.sequence)  # type: ignore[misc]
            if about % 5 == 4:
                log.batch(5)
        await log.all_on_disk()
        nursery.cancel_scope.cancel()
    log.forget(0)
    assert log.first == 0
    log.forget(20)
    assert 0 < log.first <= 20 and log.get(log.first - 1) is None
    again = ReceiptLog(DiskFiles(tmp_path / "receipts"), GENESIS)
    assert (again.first, again.next, again.batched) == (log.first, 40, 40)
    assert again.batches == log.batches and again.batches[-1] == Range(35, 5)
    log.forget(40)
    assert log.next - receipt_log.KEPT >= log.first > 20
    kept, tree = again.get(36), again.tree(Range(35, 5))
    assert kept is not None and tree == log.tree(Range(35, 5))
    leaf = receipt_bytes(GENESIS, kept.receipt) + kept.signature
    assert merkle.root_of(leaf, 1, 5, merkle.path_in(tree, 1)) == tree[-1][0]


def test_a_log_with_a_hole_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt_log, "SEGMENT_BYTES", 1_000)
    log = ReceiptLog(DiskFiles(tmp_path), GENESIS)
    for about in range(20):
        log.add(lambda number, about=about: receipt(number, about), KEYS.sign)  # type: ignore[misc]
    first, second, *_ = sorted(tmp_path.iterdir())
    whole = first.read_bytes()
    first.write_bytes(whole[:400] + b"?" + whole[401:])
    with pytest.raises(DamagedLog, match=r"damaged|does not begin"):
        ReceiptLog(DiskFiles(tmp_path), GENESIS)
    first.write_bytes(whole)
    second.unlink()
    with pytest.raises(DamagedLog, match="does not begin"):
        ReceiptLog(DiskFiles(tmp_path), GENESIS)
