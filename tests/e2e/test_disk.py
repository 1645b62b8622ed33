"""Disks that are full, records that are damaged, databases that aren't ours: one clear error, and the rest stays."""

from __future__ import annotations

import json
import resource
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from node.bench.client import CallFailed
from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.state.db import SCHEMA_KEY, Column, Database
from node.state.identity import IDENTITY_FILE
from tests.e2e.node_process import NodeProcess, json_of, node_process, refusal

DB = Path("chains") / "fathom_dev" / "db"
UNLIMITED = resource.RLIM_INFINITY


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a directory but RocksDB's log: when it was changed, and what is in it."""
    return {
        str(path.relative_to(directory)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in directory.rglob("*")
        if path.is_file() and path.name != "LOG"
    }


def database(base_path: Path) -> Database:
    return Database(base_path / DB, ChainSpec.load(DEV_SPEC).genesis_header().hash)


class Made(NamedTuple):
    """A chain, the first of whose blocks is final; the blocks' hashes, that of genesis first."""

    base_path: Path
    hashes: list[str]


def chain_of(base_path: Path, blocks: int) -> Made:
    """A chain of so many blocks."""
    with node_process(base_path, "--sealing", "manual") as node:
        hashes = [node.call("chain_getBlockHash", 0)]
        for _ in range(blocks):
            hashes.append(node.call("engine_createBlock", True, False)["hash"])
        node.call("engine_finalizeBlock", hashes[1])
    return Made(base_path, hashes)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Twelve blocks, made once: each test works on a copy."""
    return chain_of(tmp_path_factory.mktemp("made"), 12)


@pytest.fixture
def made(sealed: Made, tmp_path: Path) -> Made:
    return Made(shutil.copytree(sealed.base_path, tmp_path / "base"), sealed.hashes)


# Full


def test_a_full_disk_is_told_once_and_loses_nothing(tmp_path: Path) -> None:
    """Full is a limit on the size of files: what RocksDB meets is an I/O error at the same place."""
    with node_process(tmp_path, "--sealing", "50") as node:
        node.await_best(12)
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (20_000, UNLIMITED))
        line = node.await_line(lambda line: "could not be written" in line)
        assert "can't be written: IO error" in line
        best = node.best()
        with pytest.raises(CallFailed, match=r"Backend error: .*can't be written"):
            node.call("engine_createBlock", True, False)
        time.sleep(1)  # of more attempts, which say nothing
        assert sum("could not be written" in line for line in node.lines) == 1
        assert sum("could not be finalised" in line for line in node.lines) <= 1
        assert "Traceback" not in "".join(node.lines)
        assert node.best() == best
        told = [node.call("chain_getBlockHash", number) for number in range(best + 1)]
        assert node.call("state_getStorage", "0x3a636f6465", told[3]) is not None
    with node_process(tmp_path, "--sealing", "50") as node:
        assert [node.call("chain_getBlockHash", number) for number in range(best + 1)] == told
        node.await_best(best + 3)


def test_a_disk_that_is_full_at_the_start_is_told(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        message = refusal(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "IO error" in message
    with node_process(tmp_path) as node:
        node.await_best(1)


# Damaged


def put(base_path: Path, column: Column, key: bytes, value: bytes) -> None:
    db = database(base_path)
    batch = db.batch()
    batch.put(column, key, value)
    db.write(batch)
    db.close()


def refused(node: NodeProcess, method: str, *params: object) -> str:
    with pytest.raises(CallFailed) as failed:
        node.call(method, *params)
    return str(failed.value)


def test_a_damaged_block_spoils_its_own_queries_only(made: Made) -> None:
    base_path, hashes = made
    no_header, no_body = hashes[4], hashes[6]
    put(base_path, "header", bytes.fromhex(no_header[2:]), b"\1" * 120)
    put(base_path, "body", bytes.fromhex(no_body[2:]), b"\xff\xff")
    with node_process(base_path, "--sealing", "manual") as node:
        for method in ("chain_getHeader", "chain_getBlock"):
            message = refused(node, method, no_header)
            assert f"is damaged: what it has for {no_header} isn't its header" in message
        assert f"is damaged: the body of {no_body}" in refused(node, "chain_getBlock", no_body)
        assert "Traceback" not in "".join(node.lines)
        for place, each in enumerate(hashes):
            if each not in (no_header, no_body):
                block = node.call("chain_getBlock", each)["block"]
                assert int(block["header"]["number"], 16) == place
        assert node.call("chain_getHeader", no_body)["number"] == "0x6"
        made_later = node.call("engine_createBlock", True, True)["hash"]
        assert node.call("chain_getFinalizedHead") == made_later


def test_a_damaged_history_spoils_the_values_it_is_of(made: Made) -> None:
    base_path, hashes = made
    db = database(base_path)
    number = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"
    key = bytes.fromhex(number[2:])  # System.Number, which each block changes
    entry = next(found for found, _ in db.items_from("history", key) if found[-4:] == bytes((0, 0, 0, 5)))
    db.close()
    put(base_path, "history", entry, b"?")
    with node_process(base_path, "--sealing", "manual") as node:
        assert "history is damaged" in refused(node, "state_getStorage", number, hashes[4])
        for place in (1, 2, 3, 5, 6, 12):
            assert node.call("state_getStorage", number, hashes[place]) == f"0x{place:02x}000000"
        assert node.call("state_getStorage", "0x3a636f6465", hashes[4]) is not None
        assert "Traceback" not in "".join(node.lines)
        node.call("engine_createBlock", True, True)


def test_a_damaged_state_keeps_the_node_from_starting(tmp_path: Path) -> None:
    chain_of(tmp_path, 3)  # so few that the largest table is the state's
    db = database(tmp_path)
    db._columns["state"].flush()
    db.close()
    table = max((tmp_path / DB).glob("*.sst"), key=lambda file: file.stat().st_size)
    data = bytearray(table.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    table.write_bytes(data)
    assert "is damaged: Corruption" in refusal(tmp_path)


def test_a_state_that_is_not_that_of_the_best_block_keeps_the_node_from_starting(made: Made) -> None:
    db = database(made.base_path)
    root = db.get("trie", b"")
    db.close()
    assert root is not None
    put(made.base_path, "trie", b"", root[:40] + bytes([root[40] ^ 1]) + root[41:])
    assert "its state is not that of block 12" in refusal(made.base_path)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base path of twelve final blocks whose node was killed; each test works on a copy."""
    base_path = tmp_path_factory.mktemp("killed")
    with node_process(base_path, "--sealing", "manual") as node:
        for _ in range(12):
            node.call("engine_createBlock", True, True)
        node.kill()
    return base_path


@pytest.fixture
def killed(ended: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ended, tmp_path / "base"))


def log_of(base_path: Path) -> Path:
    """The one log that has blocks."""
    (log,) = (file for file in (base_path / DB).glob("*.log") if file.stat().st_size)
    return log


def test_a_log_that_is_damaged_before_its_end_keeps_the_node_from_starting(killed: Path) -> None:
    log = log_of(killed)
    whole = log.read_bytes()
    middle = len(whole) // 2
    log.write_bytes(whole[:middle] + bytes(8) + whole[middle + 8 :])
    assert "can't be opened: Corruption" in refusal(killed)
    log.write_bytes(whole)  # mended: nothing was thrown away
    with node_process(killed, "--sealing", "manual") as node:
        assert node.best() == 12


def test_a_log_that_ends_within_a_record_is_what_a_crash_leaves(killed: Path) -> None:
    log = log_of(killed)
    log.write_bytes(log.read_bytes()[:-20])
    with node_process(killed, "--sealing", "manual") as node:
        assert node.best() >= 11


@pytest.mark.parametrize("files", ["CURRENT", "*.log"])
def test_files_that_are_gone_do_not_make_a_new_chain(killed: Path, files: str) -> None:
    for file in list((killed / DB).glob(files)):
        file.unlink()
    reason = "CURRENT file is missing" if files == "CURRENT" else "has held a chain, and doesn't any more"
    assert reason in refusal(killed)


# Not ours


def test_another_chain_is_left_alone(made: Made, tmp_path: Path) -> None:
    base_path, spec = made.base_path, tmp_path / "spec.json"
    document = json_of(DEV_SPEC)
    document["genesis"]["runtimeGenesis"]["patch"]["balances"]["balances"][0][1] = "7000000000000000"
    spec.write_text(json.dumps(document))
    before = contents(base_path)
    message = refusal(base_path, "--chain", str(spec))
    assert "holds the chain of genesis 0x" in message
    assert message.endswith("choose another --base-path or another --chain")
    assert contents(base_path) == before


@pytest.mark.parametrize("schema", [1, 3, 99])
def test_another_version_is_left_alone(made: Made, schema: int) -> None:
    base_path = made.base_path
    put(base_path, "meta", SCHEMA_KEY, schema.to_bytes(4, "little"))
    identity = base_path / DB / IDENTITY_FILE
    identity.write_text(json.dumps({**json_of(identity), "schema": schema}))
    before = contents(base_path)
    advice = "purge the chain" if schema < 2 else "use a later one"
    assert f"has schema {schema}, this program knows 2: " in (message := refusal(base_path))
    assert message.endswith(advice)
    assert contents(base_path) == before


def test_a_database_that_is_open_is_left_alone(tmp_path: Path) -> None:
    with node_process(tmp_path, "--sealing", "manual") as node:  # whose log goes on
        first = node.call("engine_createBlock", True, True)["hash"]
        before = contents(tmp_path)
        assert refusal(tmp_path).endswith("is in use by another node; stop it or choose another --base-path")
        assert contents(tmp_path) == before
        node.call("engine_createBlock", True, True)
        assert node.call("chain_getBlockHash", 1) == first


def test_a_base_path_that_is_no_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "chains").write_text("mine")
    assert refusal(tmp_path).endswith("choose another --base-path")
    assert (tmp_path / "chains").read_text() == "mine"
