"""Who may open a database is decided before a single file in it changes."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from node.state.db import GENESIS_KEY, Database
from node.state.errors import CorruptDatabase, DatabaseLocked, OtherSchema, UnusablePath, WrongChain
from node.state.identity import IDENTITY_FILE, LOCK_FILE, SCHEMA_VERSION, Identity, Lock

OURS, OTHERS = b"\1" * 32, b"\2" * 32
OPEN = """
import sys
from pathlib import Path
from node.state.db import Database
from node.state.errors import DatabaseError
try:
    Database(Path(sys.argv[1]), bytes.fromhex(sys.argv[2])).close()
except DatabaseError as error:
    print(type(error).__name__, error)
"""
OPEN_AS_NOBODY = OPEN.replace("try:", "import os; os.setgid(65534); os.setuid(65534)\ntry:")


class Entry(NamedTuple):
    """All of a file that an intruder could have changed."""

    size: int
    modified: int
    mode: int
    content: bytes


def entries(directory: Path) -> dict[str, Entry]:
    return {
        str(path.relative_to(directory)): Entry(
            path.stat().st_size,
            path.stat().st_mtime_ns,
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [directory, *directory.rglob("*")]
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of our chain, closed."""
    directory = tmp_path / "db"
    db = Database(directory)
    batch = db.batch()
    batch.put("meta", GENESIS_KEY, OURS)
    batch.put("state", b"key", b"value")
    db.write(batch)
    assert db.bind_to_chain(OURS)
    db.close()
    return directory


def opened(path: Path, genesis: bytes = OURS, *, script: str = OPEN) -> str:
    """What another process says that opens the database."""
    command = [sys.executable, "-c", script, str(path), genesis.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_the_identity_names_schema_and_chain(path: Path) -> None:
    assert orjson.loads((path / IDENTITY_FILE).read_bytes()) == {
        "schema": SCHEMA_VERSION,
        "genesis": f"0x{OURS.hex()}",
    }
    assert Identity.read(path) == Identity(SCHEMA_VERSION, OURS)
    assert not list(path.glob("*.partial"))
    db = Database(path, OURS)
    assert db.get("state", b"key") == b"value"
    db.close()


def test_another_chains_database_is_left_as_it_is(path: Path) -> None:
    before = entries(path)
    wanted = f"holds the chain of genesis 0x{OURS.hex()}, not 0x{OTHERS.hex()}: choose another --base-path"
    for _ in range(2):  # the lock is given back
        with pytest.raises(WrongChain, match=wanted):
            Database(path, OTHERS)
        assert entries(path) == before
    assert opened(path, OTHERS).startswith("WrongChain ")
    assert entries(path) == before


@pytest.mark.parametrize(
    ("schema", "advice"),
    [(SCHEMA_VERSION + 1, "use a later one"), (SCHEMA_VERSION - 1, "use an earlier one, or purge")],
)
def test_a_database_of_another_schema_is_left_as_it_is(path: Path, schema: int, advice: str) -> None:
    Identity(schema, OURS).write(path)
    before = entries(path)
    for genesis in (OURS, OTHERS, None):
        with pytest.raises(OtherSchema, match=rf"schema {schema}, this program knows {SCHEMA_VERSION}: {advice}"):
            Database(path, genesis)
        assert entries(path) == before


def test_a_database_in_use_is_left_as_it_is(path: Path) -> None:
    holder = Database(path, OURS)
    before = entries(path)
    for genesis in (OURS, OTHERS):
        with pytest.raises(DatabaseLocked, match="is in use by another node; stop it or choose another --base-path"):
            Database(path, genesis)
        assert opened(path, genesis).startswith("DatabaseLocked ")
        assert entries(path) == before
    holder.close()
    holder.close()
    assert opened(path) == ""


def test_the_lock_of_a_process_that_ended_is_free(path: Path) -> None:
    script = f"from pathlib import Path; from node.state.identity import Lock; Lock(Path({str(path)!r})); import os; "
    subprocess.run([sys.executable, "-c", script + "os.kill(os.getpid(), 9)"], check=False, timeout=60)
    lock = Lock(path)
    with pytest.raises(DatabaseLocked):
        Lock(path)
    lock.release()
    lock.release()
    Lock(path).release()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"schema": 2}',
        b'{"schema": "two", "genesis": "0x01"}',
        b'{"schema": null, "genesis": "0x01"}',
        b'{"schema": 2, "genesis": 1}',
        b'{"schema": 2, "genesis": null}',
        b'{"schema": 2, "genesis": "0xzz"}',
        b'{"schema": 1e400, "genesis": "0x01"}',
        b'{"schema": 2, "genesis": "0x01"}',
        b'{"schema": 2.5, "genesis": "0x' + b"01" * 32 + b'"}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_identity_is_told_and_mended_by_removing_it(path: Path, content: bytes) -> None:
    (path / IDENTITY_FILE).write_bytes(content)
    before = entries(path)
    with pytest.raises(CorruptDatabase, match=rf"{IDENTITY_FILE} is damaged: remove it, and it is made again"):
        Database(path, OURS)
    assert entries(path) == before
    (path / IDENTITY_FILE).unlink()
    db = Database(path, OURS)
    assert db.bind_to_chain(OURS)
    db.close()
    assert Identity.read(path) == Identity(SCHEMA_VERSION, OURS)
    assert opened(path) == ""


def test_without_an_identity_the_database_itself_says_whose_it_is(path: Path) -> None:
    (path / IDENTITY_FILE).unlink()
    db = Database(path, OTHERS)
    with pytest.raises(WrongChain):
        db.bind_to_chain(OTHERS)
    db.close()
    assert not (path / IDENTITY_FILE).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("hidden", ["", LOCK_FILE, IDENTITY_FILE])
def test_what_may_not_be_read_is_told_and_left_as_it_is(tmp_path: Path, path: Path, hidden: str) -> None:
    for parent in (
        tmp_path,
        *takewhile(lambda parent: parent.name.startswith(("pytest-", "popen-")), tmp_path.parents),
    ):
        parent.chmod(0o755)
    path.chmod(0o777)
    (path / LOCK_FILE).chmod(0o666)
    (path / hidden).chmod(0)
    before = entries(path)
    said = opened(path, script=OPEN_AS_NOBODY)
    what = f"{path / hidden} can't be read" if hidden == IDENTITY_FILE else f"{path} can't be used"
    assert said == f"UnusablePath {what}: Permission denied; choose another --base-path"
    assert entries(path) == before


def test_a_directory_in_the_identitys_place_is_told(path: Path) -> None:
    (path / IDENTITY_FILE).unlink()
    (path / IDENTITY_FILE).mkdir()
    before = entries(path)
    with pytest.raises(UnusablePath, match=f"{IDENTITY_FILE} can't be read: Is a directory"):
        Database(path, OURS)
    assert entries(path) == before
