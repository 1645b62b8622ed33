"""A database in one file: what comes back is what went in, and nothing else is taken."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest
import zstandard

from node.state import archive
from node.state.archive import InvalidArchive, NotEmpty, UnwritableArchive, check_target, dump, load
from node.state.db import COLUMNS, GENESIS_KEY, SCHEMA_KEY, Batch, Column, Database
from node.state.errors import CorruptDatabase, WriteFailed
from node.state.identity import SCHEMA_VERSION
from tests.node.scratch import scratch_directory

GENESIS = bytes(range(32))
Records = dict[Column, dict[bytes, bytes]]

DUMP_TO_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from node.state.archive import UnwritableArchive, dump
from node.state.db import Database
db = Database(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    dump(db, bytes(range(32)), Path(sys.argv[2]))
except UnwritableArchive as error:
    print(error)
db.close()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with scratch_directory() as path:
        yield path


def fill(db: Database, records: Records) -> None:
    batch = db.batch()
    for column, items in records.items():
        for key, value in items.items():
            batch.put(column, key, value)
    db.write(batch)


def all_of(db: Database) -> Records:
    return {column: dict(db.items_from(column)) for column in COLUMNS}


def some(seed: int = 1, count: int = 40) -> Records:
    """Records in every column, of all sizes from nothing on."""
    chance = random.Random(seed)
    records: Records = {
        column: {chance.randbytes(chance.randrange(1, 80)): chance.randbytes(chance.choice((0, 1, 32, 4000)))}
        | {b"k%d" % number: chance.randbytes(number) for number in range(count)}
        for column in COLUMNS
    }
    records["meta"][GENESIS_KEY] = GENESIS
    return records


def dumped(directory: Path, records: Records) -> Path:
    path = directory / "state"
    with closing(Database(directory / "from")) as db:
        fill(db, records)
        dump(db, GENESIS, path)
    return path


def loaded(directory: Path, path: Path, genesis: bytes = GENESIS) -> Records:
    with closing(Database(directory / "to")) as db:
        load(db, genesis, path)
        return all_of(db)


@pytest.fixture
def empty(directory: Path) -> Iterator[Database]:
    with closing(Database(directory / "empty")) as db:
        yield db


def refusal(db: Database, path: Path, genesis: bytes = GENESIS) -> str:
    """Why a file isn't loaded; the database stays empty."""
    with pytest.raises(InvalidArchive) as caught:
        load(db, genesis, path)
    assert [(column, key) for column in COLUMNS for key, _ in db.items_from(column)] == [("meta", SCHEMA_KEY)]
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def forged(path: Path, schema: object, genesis: str, records: bytes) -> None:
    """A file whose checksum is right, whatever is in it."""
    line = f"fathom state 1 schema {schema} genesis {genesis}\n".encode()
    content = line + zstandard.ZstdCompressor().compress(records)
    path.write_bytes(content + blake2b(content, digest_size=32).digest())


def test_every_record_of_every_column_comes_back(directory: Path) -> None:
    records = some()
    path = dumped(directory, records)
    back = loaded(directory, path)
    assert back.keys() == records.keys()
    assert back["meta"].pop(SCHEMA_KEY) == SCHEMA_VERSION.to_bytes(4, "little")
    assert back == records
    assert sorted(file.name for file in directory.iterdir()) == ["from", "state", "to"]
    with closing(Database(directory / "to", GENESIS)) as db:
        assert db.bind_to_chain(GENESIS)
        again = directory / "again"
        dump(db, GENESIS, again)
    assert again.read_bytes() == path.read_bytes()


def test_large_values(directory: Path) -> None:
    records = some(count=1)
    records["body"][b"large"] = random.Random(2).randbytes(20 << 20)
    records["state"][b"zeros"] = bytes(30 << 20)
    records["meta"][SCHEMA_KEY] = SCHEMA_VERSION.to_bytes(4, "little")
    assert loaded(directory, dumped(directory, records)) == records


def test_a_file_that_is_cut_off(directory: Path, empty: Database) -> None:
    path = dumped(directory, some())
    whole = path.read_bytes()
    line = whole.index(b"\n") + 1
    ends = [*range(line + 40), *range(line + 40, len(whole), 97), *range(len(whole) - 70, len(whole))]
    for end in ends:
        path.write_bytes(whole[:end])
        assert ("is damaged or cut off" if end >= 15 else "is not a dumped state") in refusal(empty, path), end


def test_a_file_with_one_bit_or_byte_more_than_it_should_have(directory: Path, empty: Database) -> None:
    path = dumped(directory, some(count=8))
    whole = path.read_bytes()
    chance = random.Random(3)
    for at in [*range(100), *range(100, len(whole), 41), *range(len(whole) - 40, len(whole))]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        assert ("is damaged or cut off" if at >= 15 else "is not a dumped state") in refusal(empty, path), at
    for more in (b"\0", b"\n", whole):
        path.write_bytes(whole + more)
        assert "is damaged or cut off" in refusal(empty, path)


def test_of_another_chain_or_schema(directory: Path, empty: Database) -> None:
    path = dumped(directory, some())
    text = refusal(empty, path, bytes(32))
    assert text.endswith(f"is of the chain of genesis 0x{GENESIS.hex()}, not 0x{'00' * 32}: choose another --chain")
    forged(path, SCHEMA_VERSION + 1, GENESIS.hex(), b"")
    assert (
        f"has schema {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}: load it with the program that dumped it"
        in refusal(empty, path)
    )


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"fathom state 2 schema 2 genesis 00\n", bytes(1000)])
def test_not_a_dumped_state(directory: Path, empty: Database, content: bytes) -> None:
    path = directory / "state"
    path.write_bytes(content)
    assert refusal(empty, path).endswith("is not a dumped state")


@pytest.mark.parametrize(
    "records",
    [
        b"\0" * 5,
        b"\0\1\0\0\0\0\0\0\0",
        b"\xff\0\0\0\0\0\0\0\0",
        b"\0\1\0\0\0\xff\xff\xff\xffk",
        b"\0\xff\xff\xff\xff\0\0\0\0k",
    ],
)
def test_a_file_that_was_made_to_deceive(directory: Path, empty: Database, records: bytes) -> None:
    path = directory / "state"
    forged(path, SCHEMA_VERSION, GENESIS.hex(), records)
    assert "is damaged: " in refusal(empty, path)
    forged(path, "one two", GENESIS.hex(), b"")
    assert "its first line names no chain" in refusal(empty, path)


def test_files_that_cannot_be_read(directory: Path, empty: Database) -> None:
    assert refusal(empty, directory / "missing").endswith("can't be read: No such file or directory")
    assert refusal(empty, directory / "from").endswith("can't be read: No such file or directory")
    (directory / "from").mkdir()
    assert refusal(empty, directory / "from").endswith("can't be read: Is a directory")


def test_a_database_that_holds_a_chain_stays_as_it_is(directory: Path) -> None:
    path = dumped(directory, some())
    with closing(Database(directory / "from")) as db:
        before = all_of(db)
        with pytest.raises(NotEmpty, match=r"already holds a chain: choose another --base-path, or purge the chain$"):
            load(db, GENESIS, path)
        assert all_of(db) == before


def test_a_load_that_is_interrupted_leaves_no_chain_to_open(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dumped(directory, some(count=200))
    monkeypatch.setattr(archive, "BATCH_BYTES", 10_000)
    with closing(Database(directory / "to")) as db:
        write = db.write
        written: list[Batch] = []

        def twice(batch: Batch) -> None:
            if len(written) == 2:
                raise WriteFailed("no space left")
            written.append(batch)
            write(batch)

        monkeypatch.setattr(db, "write", twice)
        with pytest.raises(WriteFailed):
            load(db, GENESIS, path)
    for _ in range(2):
        with pytest.raises(CorruptDatabase, match=r"loading a dumped state was interrupted; purge the chain$"):
            Database(directory / "to")
    assert len(written) == 2


@pytest.mark.parametrize("attempt", [lambda db, path: check_target(path), lambda db, path: dump(db, GENESIS, path)])
def test_a_target_that_cannot_be_written(directory: Path, attempt: Callable[[Database, Path], None]) -> None:
    (directory / "a directory").mkdir()
    (directory / "a file").write_text("")
    reasons = {
        directory / "none" / "state": "No such file or directory",
        directory / "a file" / "state": "Not a directory",
        directory / "a directory": "Is a directory",
    }
    with closing(Database(directory / "db")) as db:
        for path, reason in reasons.items():
            with pytest.raises(UnwritableArchive) as caught:
                attempt(db, path)
            assert str(caught.value) == f"the state can't be dumped to {path}: {reason}"
    assert sorted(file.name for file in directory.iterdir()) == ["a directory", "a file", "db"]


def test_a_check_leaves_an_older_dump_alone(directory: Path) -> None:
    path = directory / "state"
    path.write_text("older")
    check_target(path)
    assert path.read_text() == "older"
    assert list(directory.iterdir()) == [path]


def test_a_dump_takes_the_place_of_an_older_one(directory: Path) -> None:
    dumped(directory, some())
    with closing(Database(directory / "from")) as db:
        fill(db, {"state": {b"new": b"1"}})
        dump(db, GENESIS, directory / "state")
    assert loaded(directory, directory / "state")["state"][b"new"] == b"1"


def test_a_full_disk_leaves_an_older_dump_as_it_was(directory: Path) -> None:
    path = directory / "state"
    with closing(Database(directory / "db")) as db:
        fill(db, {"body": {b"large": random.Random(4).randbytes(200_000)}})
    path.write_text("older")
    command = [sys.executable, "-c", DUMP_TO_A_FULL_DISK, str(directory / "db"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"the state can't be dumped to {path}: File too large\n"
    assert path.read_text() == "older"
    assert sorted(file.name for file in directory.iterdir()) == ["db", "state"]


def test_a_damaged_database_leaves_an_older_dump_as_it_was(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dumped(directory, some())
    before = path.read_bytes()
    with closing(Database(directory / "from")) as db:

        def items(column: Column, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
            yield b"key", b"value"
            raise CorruptDatabase("a block of the disk is gone")

        monkeypatch.setattr(db, "items_from", items)
        with pytest.raises(CorruptDatabase):
            dump(db, GENESIS, path)
    assert path.read_bytes() == before
    assert not list(directory.glob("*.partial"))


def test_memory_does_not_grow_with_the_state(directory: Path) -> None:
    """Of Python's side, which is where a whole file, or all records, would be held."""
    peaks: list[list[int]] = []
    for size in (1, 4):
        base = directory / str(size)
        chance = random.Random(5)
        with closing(Database(base / "from")) as db:
            for _ in range(size * 6):
                fill(db, {"state": {chance.randbytes(32): chance.randbytes(4000) for _ in range(500)}})
            peaks.append([peak_of(lambda: dump(db, GENESIS, base / "state"))])  # noqa: B023
        with closing(Database(base / "to")) as db:
            peaks[-1].append(peak_of(lambda: load(db, GENESIS, base / "state")))  # noqa: B023
            assert sum(1 for _ in db.items_from("state")) == size * 3000
    for small, large in zip(*peaks, strict=True):
        assert large < 1.2 * small < 12 << 20


def peak_of(action: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
