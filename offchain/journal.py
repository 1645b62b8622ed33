"""What a worker has signed of its jobs, on disk before it leaves, and the newest final block it knew.

An attempt is signed once, and committed to with one salt. Whoever runs it again, after a crash or a lost connection,
finds here what was signed and sends the same bytes. The final block tells whether the chain is still the one that all
this was signed for: job numbers of a chain that was set back, or started anew from the same genesis, are used twice.

    with open_journal(directory / JOURNAL_FILE) as journal:
        journal.keep(worker, job, attempt, signed)

Errors: `JournalError`. A second signature over other bytes is `SignedOtherwise`, its subclass.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from offchain.chain import Head
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import NO_TRANSCRIPT, HashOutput, InlineOutput, Output

JOURNAL_FILE = "journal.sqlite"
MAX_KEPT = 4096
"""Attempts that are remembered, newest first; a chain never assigns an older one again."""
DROPPED_TOGETHER = 256
"""How many more there may be before the oldest are dropped, for which all are counted over."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS outputs (
    worker BLOB, attempt BLOB, message BLOB NOT NULL, output BLOB NOT NULL, gas INTEGER NOT NULL,
    signature BLOB NOT NULL, submitted_at INTEGER NOT NULL, salt BLOB NOT NULL DEFAULT x'',
    transcript_root BLOB NOT NULL DEFAULT x'',
    length BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (worker, attempt)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS final (worker BLOB PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
"""
ADDED = ("salt", "transcript_root", "length")
"""Columns that journals may lack: from before there were votes, jobs that reach the world outside, large outputs."""


class JournalError(Exception):
    """The journal can't be used: another worker has it open, its file is damaged, or the disk is full."""


class SignedOtherwise(JournalError):
    """The attempt was signed before, over other bytes, or committed to with another salt: one would be a lie."""


@dataclass(frozen=True, slots=True)
class SignedOutput:
    """A finished run: the output and gas that were found, the bytes signed, and the signature (64 bytes).

    `submitted_at`, in milliseconds, is the job's: the run depends on it, and the bytes signed don't tell it. `salt`, 32
    bytes, keeps the output secret until it is revealed; it is empty where the job isn't voted on. `transcript_root` is
    that of what came from outside. `length` is above zero where the output is in the workers' store: then `output` is
    its hash.
    """

    message: bytes
    output: bytes
    gas: int
    signature: bytes
    submitted_at: int = 0
    salt: bytes = b""
    transcript_root: bytes = NO_TRANSCRIPT
    length: int = 0

    @property
    def hash(self) -> bytes:
        """The output's."""
        return self.output if self.length else blake2_256(self.output)

    @property
    def on_chain(self) -> Output:
        """The output as it is committed."""
        return HashOutput(self.output, self.length) if self.length else InlineOutput(self.output)


class Journal:
    """The journal of all keys that a worker has had in one place."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._added: dict[bytes, int] = {}
        """How many each key has signed since its oldest were dropped; of others it isn't known."""

    def signed(self, worker: bytes, job: int, attempt: int) -> SignedOutput | None:
        """What this key signed of an attempt."""
        columns = "message, output, gas, signature, submitted_at, salt, transcript_root, length"
        query = f"SELECT {columns} FROM outputs WHERE worker = ? AND attempt = ?"
        row = self._database.execute(query, (worker, _key(job, attempt))).fetchone()
        if row is None:
            return None
        message, output, gas, signature, submitted_at, salt, root, length = row
        return SignedOutput(message, output, gas, signature, submitted_at, salt, root or NO_TRANSCRIPT, length or 0)

    def newest_job(self, worker: bytes) -> int | None:
        """The highest number of a job that this key has signed an output of."""
        query = "SELECT MAX(attempt) FROM outputs WHERE worker = ?"
        newest: bytes | None = self._database.execute(query, (worker,)).fetchone()[0]
        return None if newest is None else int.from_bytes(newest[:8], "big")

    def keep(self, worker: bytes, job: int, attempt: int, signed: SignedOutput) -> None:
        """Writes down what is about to be sent, durably; raises `SignedOtherwise`."""
        before = self.signed(worker, job, attempt)
        if before is not None and before.message != signed.message:
            raise SignedOtherwise(f"attempt {attempt} of job {job} was signed before, with another outcome")
        if before is not None and before.salt != signed.salt:
            raise SignedOtherwise(f"attempt {attempt} of job {job} was committed to before, with another salt")
        row = (
            worker,
            _key(job, attempt),
            signed.message,
            signed.output,
            signed.gas,
            signed.signature,
            signed.submitted_at,
            signed.salt,
            signed.transcript_root,
            signed.length,
        )
        added = self._added.get(worker, DROPPED_TOGETHER) + 1
        insertion = (f"INSERT OR IGNORE INTO outputs VALUES ({', '.join('?' * len(row))})", row)
        if added > DROPPED_TOGETHER:
            surplus = "SELECT attempt FROM outputs WHERE worker = ? ORDER BY attempt DESC LIMIT -1 OFFSET ?"
            drop = f"DELETE FROM outputs WHERE worker = ? AND attempt IN ({surplus})"
            self._write(insertion, (drop, (worker, worker, MAX_KEPT)))
            added = 0
        else:
            self._write(insertion)
        self._added[worker] = added

    def final(self, worker: bytes) -> Head | None:
        """The newest final block that this key knew of."""
        row = self._database.execute("SELECT number, hash FROM final WHERE worker = ?", (worker,)).fetchone()
        return None if row is None else Head(*row)

    def set_final(self, worker: bytes, block: Head) -> None:
        """Remembers a newer final block."""
        self._write(("INSERT OR REPLACE INTO final VALUES (?, ?, ?)", (worker, block.number, block.hash)))

    def forget(self, worker: bytes) -> None:
        """Drops everything about a key that will sign no more."""
        self._write(
            ("DELETE FROM outputs WHERE worker = ?", (worker,)), ("DELETE FROM final WHERE worker = ?", (worker,))
        )

    def _write(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        """All of it or nothing, on disk when this returns."""
        try:
            with self._database:
                for statement, values in statements:
                    self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise JournalError(f"the worker's journal can't be written: {error}") from error


@contextmanager
def open_journal(path: Path | None) -> Iterator[Journal]:
    """The journal in a file, or in memory; one process at a time. Raises `JournalError`."""
    with closing(sqlite3.connect(":memory:" if path is None else path, timeout=0)) as database:
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")  # one write to the disk a commit, where others take four
            database.execute("PRAGMA synchronous = FULL")  # and that one is awaited
            database.executescript(f"BEGIN EXCLUSIVE; {SCHEMA} COMMIT;")
            known = {column[1] for column in database.execute("PRAGMA table_info(outputs)")}
            for name in ADDED:
                if name not in known:
                    database.execute(f"ALTER TABLE outputs ADD COLUMN {name} BLOB NOT NULL DEFAULT x''")
        except sqlite3.DatabaseError as error:
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            reason = "another worker has it open: give each a --base-path of its own" if busy else str(error)
            raise JournalError(f"{path}: {reason}") from None
        yield Journal(database)


def _key(job: int, attempt: int) -> bytes:
    """Sorts by job, then attempt."""
    return job.to_bytes(8, "big") + attempt.to_bytes(4, "big")
