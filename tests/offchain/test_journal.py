from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from offchain.chain import Head
from offchain.journal import (
    DROPPED_TOGETHER,
    JOURNAL_FILE,
    MAX_KEPT,
    JournalError,
    SignedOtherwise,
    SignedOutput,
    open_journal,
)

WORKER, OTHER = b"w" * 32, b"o" * 32
SIGNED = SignedOutput(b"message", b"output", 5, b"s" * 64)
LARGE = SignedOutput(b"message", b"h" * 32, 5, b"s" * 64, length=100_000)


def test_what_was_kept_is_found_after_a_restart(tmp_path: Path) -> None:
    with open_journal(tmp_path / JOURNAL_FILE) as journal:
        assert journal.signed(WORKER, 1, 1) is None and journal.final(WORKER) is None
        journal.keep(WORKER, 1, 1, SIGNED)
        journal.keep(WORKER, 2, 1, LARGE)
        journal.set_final(WORKER, Head(7, b"h" * 32))
        journal.set_final(WORKER, Head(8, b"i" * 32))
    with open_journal(tmp_path / JOURNAL_FILE) as journal:
        assert journal.signed(WORKER, 1, 1) == SIGNED
        assert journal.signed(WORKER, 2, 1) == LARGE
        assert journal.signed(WORKER, 1, 2) is None
        assert journal.signed(OTHER, 1, 1) is None
        assert journal.final(WORKER) == Head(8, b"i" * 32)


def test_what_was_kept_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal; from pathlib import Path; from offchain.journal import *\n"
        f"with open_journal(Path({str(tmp_path / JOURNAL_FILE)!r})) as journal:\n"
        f"    journal.keep({WORKER!r}, 1, 1, {SIGNED!r})\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert ended.returncode == -9
    with open_journal(tmp_path / JOURNAL_FILE) as journal:
        assert journal.signed(WORKER, 1, 1) == SIGNED


def test_an_attempt_is_signed_once() -> None:
    with open_journal(None) as journal:
        journal.keep(WORKER, 1, 1, SIGNED)
        journal.keep(WORKER, 1, 1, SIGNED)
        with pytest.raises(SignedOtherwise, match="attempt 1 of job 1"):
            journal.keep(WORKER, 1, 1, SignedOutput(b"another message", b"", 5, b"t" * 64))
        assert journal.signed(WORKER, 1, 1) == SIGNED
        journal.keep(WORKER, 1, 2, SignedOutput(b"another message", b"", 5, b"t" * 64))


def test_an_attempt_is_committed_to_with_one_salt(tmp_path: Path) -> None:
    committed, again = (replace(SIGNED, salt=salt * 32) for salt in (b"1", b"2"))
    with open_journal(tmp_path / JOURNAL_FILE) as journal:
        journal.keep(WORKER, 1, 1, committed)
    with open_journal(tmp_path / JOURNAL_FILE) as journal:
        for other in (again, SIGNED):
            with pytest.raises(SignedOtherwise, match="attempt 1 of job 1 was committed to before"):
                journal.keep(WORKER, 1, 1, other)
        assert journal.signed(WORKER, 1, 1) == committed


def test_a_journal_from_before_there_were_votes_is_taken_over(tmp_path: Path) -> None:
    old = "CREATE TABLE outputs (worker BLOB, attempt BLOB, message BLOB, output BLOB, gas INTEGER, signature BLOB, "
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE)) as database, database:
        database.execute(old + "submitted_at INTEGER NOT NULL, PRIMARY KEY (worker, attempt)) WITHOUT ROWID")
        row = (WORKER, bytes(7) + b"\1" + bytes(3) + b"\1", b"message", b"output", 5, b"s" * 64, 0)
        database.execute("INSERT INTO outputs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for job in (2, 3):
        with open_journal(tmp_path / JOURNAL_FILE) as journal:
            assert journal.signed(WORKER, 1, 1) == SIGNED
            journal.keep(WORKER, job, 1, replace(SIGNED, salt=b"1" * 32))


def test_the_newest_job_is_known() -> None:
    with open_journal(None) as journal:
        assert journal.newest_job(WORKER) is None
        for job, attempt in ((0, 1), (256, 1), (255, 3), ((1 << 64) - 1, 2)):
            journal.keep(WORKER, job, attempt, SIGNED)
        journal.keep(OTHER, 0, 1, SIGNED)
        assert (journal.newest_job(WORKER), journal.newest_job(OTHER)) == ((1 << 64) - 1, 0)
        journal.forget(WORKER)
        assert journal.newest_job(WORKER) is None


def test_numbers_up_to_the_largest_fit() -> None:
    with open_journal(None) as journal:
        most = SignedOutput(b"", b"", (1 << 63) - 1, b"")
        journal.keep(WORKER, (1 << 64) - 1, (1 << 32) - 1, most)
        assert journal.signed(WORKER, (1 << 64) - 1, (1 << 32) - 1) == most


def test_only_the_newest_attempts_are_remembered() -> None:
    with open_journal(None) as journal:
        journal.keep(OTHER, 0, 1, SIGNED)
        end = 255 + MAX_KEPT + 3 * DROPPED_TOGETHER  # across a byte: numbers, not strings, are ordered
        for job in range(255, end):
            journal.keep(WORKER, job, 1, SIGNED)
        first, *others = (job for job in range(end) if journal.signed(WORKER, job, 1))
        assert others == list(range(first + 1, end))
        assert MAX_KEPT <= end - first <= MAX_KEPT + DROPPED_TOGETHER
        assert journal.signed(OTHER, 0, 1) == SIGNED


def test_restarts_dont_let_it_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offchain.journal.MAX_KEPT", 3)
    for job in range(10):  # each start signs fewer than are dropped together
        with open_journal(tmp_path / JOURNAL_FILE) as journal:
            journal.keep(WORKER, job, 1, SIGNED)
            assert [old for old in range(10) if journal.signed(WORKER, old, 1)] == list(range(max(job - 2, 0), job + 1))


def test_a_forgotten_key_leaves_nothing() -> None:
    with open_journal(None) as journal:
        for worker in (WORKER, OTHER):
            journal.keep(worker, 1, 1, SIGNED)
            journal.set_final(worker, Head(1, b"h" * 32))
        journal.forget(WORKER)
        assert journal.signed(WORKER, 1, 1) is None and journal.final(WORKER) is None
        assert journal.signed(OTHER, 1, 1) == SIGNED and journal.final(OTHER) is not None


def test_two_workers_never_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL_FILE
    with open_journal(path), pytest.raises(JournalError, match="another worker has it open"), open_journal(path):
        pass
    with open_journal(path):
        pass


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(JournalError, match="not a database"), open_journal(tmp_path / JOURNAL_FILE):
        pass
