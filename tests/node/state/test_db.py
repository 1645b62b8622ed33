"""The database on a real disk: each way it can't be used has its own error, and a batch is all or nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.state.db import COLUMNS, GENESIS_KEY, SCHEMA_KEY, Database
from node.state.errors import (
    CorruptDatabase,
    DatabaseError,
    DatabaseLocked,
    OtherSchema,
    UnusablePath,
    WriteFailed,
    WrongChain,
)
from node.state.identity import SCHEMA_VERSION

OPEN_AND_WAIT = """
import sys
from pathlib import Path
from node.state.db import Database
db = Database(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""
FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from node.state.db import Database
from node.state.errors import WriteFailed
db = Database(Path(sys.argv[1]))
batch = db.batch()
batch.put("state", b"before", b"1")
db.write(batch)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
batch = db.batch()
batch.put("meta", b"small", b"2")
batch.put("state", b"large", bytes(100_000))
try:
    db.write(batch)
except WriteFailed as error:
    print(error)
print(db.get("state", b"before"), db.get("meta", b"small"), db.get("state", b"large"))
db.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A directory whose name has `lock` in it, as a word like block may."""
    return tmp_path / "blocks" / "db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    opened = Database(path)
    yield opened
    opened.close()


def filled(path: Path) -> None:
    """A database with 2000 records on the disk, flushed into a table file."""
    db = Database(path)
    batch = db.batch()
    for number in range(2000):
        batch.put("state", number.to_bytes(4, "big"), bytes([number % 251]) * 100)
    db.write(batch)
    db._columns["state"].flush()
    db.close()


def test_records_come_in_order_and_last(db: Database, path: Path) -> None:
    batch = db.batch()
    for key in (b"b", b"", b"\xff\xff", b"a\0", b"a"):
        batch.put("state", key, b"value of " + key)
    batch.put("header", b"a", b"elsewhere")
    db.write(batch)
    assert [key for key, _ in db.items_from("state")] == [b"", b"a", b"a\0", b"b", b"\xff\xff"]
    assert [key for key, _ in db.items_from("state", b"a\0")] == [b"a\0", b"b", b"\xff\xff"]
    assert db.first_from("state", b"aa") == (b"b", b"value of b")
    assert db.first_from("state", b"\xff\xff\xff") is None
    db.close()
    again = Database(path)
    assert again.get("state", b"") == b"value of "
    assert again.get("header", b"a") == b"elsewhere"
    assert again.get("body", b"a") is None
    again.close()


def test_a_batch_that_is_not_written_changes_nothing_and_later_entries_win(db: Database) -> None:
    lost = db.batch()
    lost.put("state", b"lost", b"1")
    batch = db.batch()
    batch.put("state", b"key", b"1")
    batch.delete("state", b"key")
    batch.put("state", b"key", b"2")
    batch.put("state", b"gone", b"1")
    batch.delete("state", b"gone")
    db.write(batch)
    assert [db.get("state", key) for key in (b"lost", b"key", b"gone")] == [None, b"2", None]


def test_two_in_one_process_exclude_each_other(db: Database, path: Path) -> None:
    with pytest.raises(DatabaseLocked, match="in use by another node; stop it or choose another --base-path"):
        Database(path)
    db.close()
    Database(path).close()


def test_two_processes_exclude_each_other(path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", OPEN_AND_WAIT, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(DatabaseLocked):
            Database(path)
        other.kill()
    Database(path).close()


def test_a_database_belongs_to_one_chain(db: Database) -> None:
    assert db.bind_to_chain(b"\1" * 32) is False
    batch = db.batch()
    batch.put("meta", GENESIS_KEY, b"\1" * 32)
    db.write(batch)
    assert db.bind_to_chain(b"\1" * 32) is True
    with pytest.raises(WrongChain, match=r"0x0101.*, not 0x0202.*: choose another --base-path or another --chain"):
        db.bind_to_chain(b"\2" * 32)


def test_a_newer_schema_is_refused_and_left_alone(db: Database, path: Path) -> None:
    batch = db.batch()
    batch.put("meta", SCHEMA_KEY, (SCHEMA_VERSION + 1).to_bytes(4, "little"))
    db.write(batch)
    db.close()
    for _ in range(2):  # the lock is given back
        with pytest.raises(OtherSchema, match=f"schema {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"):
            Database(path)


def test_damaged_management_files_are_corruption(path: Path) -> None:
    filled(path)
    (path / "CURRENT").write_text("garbage")
    with pytest.raises(CorruptDatabase, match="can't be opened: Corruption"):
        Database(path)


def test_a_damaged_table_is_corruption_not_the_end_of_the_data(path: Path) -> None:
    filled(path)
    table = max(path.glob("*.sst"), key=lambda file: file.stat().st_size)
    data = bytearray(table.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    table.write_bytes(data)
    db = Database(path)
    with pytest.raises(CorruptDatabase, match="is damaged: Corruption"):
        list(db.items_from("state"))
    with pytest.raises(CorruptDatabase, match="is damaged: Corruption"):
        for number in range(2000):
            db.get("state", number.to_bytes(4, "big"))
    db.close()


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "db"):
        with pytest.raises(UnusablePath, match="choose another --base-path"):
            Database(path)


def test_a_full_disk_fails_the_whole_batch_and_loses_nothing_before(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    message, values = done.stdout.splitlines()
    assert "can't be written: IO error" in message
    assert values == "b'1' None None"
    db = Database(path)
    assert [db.get("state", b"before"), db.get("meta", b"small"), db.get("state", b"large")] == [b"1", None, None]
    db.close()


def test_what_is_written_survives_a_killed_process(path: Path) -> None:
    write = "batch = db.batch()\nfor n in range(100): batch.put('state', b'%d' % n, bytes(n))\ndb.write(batch)\n"
    script = OPEN_AND_WAIT.replace("print", f"{write}print")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        other.kill()
    db = Database(path)
    assert dict(db.items_from("state")) == {b"%d" % number: bytes(number) for number in range(100)}
    db.close()


def test_all_errors_are_database_errors_and_every_column_exists(db: Database) -> None:
    errors = (UnusablePath, DatabaseLocked, WrongChain, OtherSchema, WriteFailed, CorruptDatabase)
    assert {each.__base__ for each in errors} == {DatabaseError}
    for column in COLUMNS:
        if column != "meta":
            assert list(db.items_from(column)) == []
