"""The chain commands on a real database, and every reason why they can't be carried out."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.chain_spec import ChainSpec
from node.dev_spec import DEV_SPEC
from node.maintenance.signed_block import SignedBlock, read
from node.state.identity import IDENTITY_FILE
from tests.node.chain.test_tree import assert_sound, values_at
from tests.node.maintenance.conftest import BLOCKS, FINAL, Fathom, blocks_of, files, opened_chain
from tests.node.nodes import height, running_node
from tests.node.state.naive_trie import naive_root

DB = Path("chains") / "fathom_dev" / "db"
ROOT = Path(__file__).resolve().parents[3]
ALL = ("check-block 1", "export-blocks", "import-blocks BLOCKS", "export-state", "revert", "purge-chain -y")


def blocks_in(file: Path, *, binary: bool = False) -> list[SignedBlock]:
    with file.open("rb") as source:
        return list(read(source, binary=binary))


def rewritten(file: Path, place: int, change: object) -> None:
    """Changes one block of a JSON file: `change` is called with its document."""
    lines = file.read_bytes().splitlines()
    document = json.loads(lines[place])
    change(document)  # type: ignore[operator]
    lines[place] = json.dumps(document).encode()
    file.write_bytes(b"\n".join(lines))


# Blocks


def test_a_sound_block_is_found_sound(fathom: Fathom, base_path: Path) -> None:
    hashes = blocks_of(base_path)
    for number, name in ((1, "1"), (7, hashes[7].hex()), (BLOCKS, f"0x{hashes[BLOCKS].hex()}")):
        done = fathom("check-block", name, "--base-path", base_path)
        assert done.code == 0
        assert done.out.decode() == (
            f"block {number}, 0x{hashes[number].hex()}, is sound: executed again, all roots agree\n"
        )


def test_a_block_whose_body_was_exchanged_is_not_sound(fathom: Fathom, base_path: Path) -> None:
    with opened_chain(base_path) as chain:
        batch = chain.db.batch()
        batch.put("body", chain.hash_of(3) or b"", chain.db.get("body", chain.hash_of(4) or b"") or b"")
        chain.db.write(batch)
    assert "is not sound: the extrinsics root doesn't match the body" in (
        fathom("check-block", 3, "--base-path", base_path).error
    )
    assert fathom("check-block", 4, "--base-path", base_path).code == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("0", "block 0 is the genesis block: nothing was executed for it"),
        ("13", "block 13 is unknown; the best one is 12"),
        ("0x" + 32 * "ab", "is unknown; the best one is 12"),
        ("0x12", "'0x12' is neither a block's hash nor its number"),
        ("latest", "'latest' is neither a block's hash nor its number"),
    ],
)
def test_what_is_no_block_to_check(fathom: Fathom, base_path: Path, name: str, reason: str) -> None:
    assert reason in fathom("check-block", name, "--base-path", base_path).error


@pytest.mark.parametrize("form", [(), ("--binary",)])
def test_a_chain_travels_by_file(fathom: Fathom, base_path: Path, tmp_path: Path, form: tuple[str, ...]) -> None:
    file, copy = tmp_path / "blocks", tmp_path / "copy"
    done = fathom("export-blocks", file, *form, "--base-path", base_path)
    assert (done.code, done.out, done.err) == (0, b"", "exported blocks 1 to 12\n")
    done = fathom("import-blocks", file, *form, "--base-path", copy)
    assert (done.code, done.out) == (0, b"imported 12 blocks, 0 were there: the best one is #12, final #7\n")
    with opened_chain(base_path) as one, opened_chain(copy) as other:
        assert (one.best, one.finalized) == (other.best, other.finalized)
        assert dict(one.states.head.values) == dict(other.states.head.values)
        assert one.justification(one.finalized.hash) == other.justification(one.finalized.hash)
        assert_sound(other)
    done = fathom("import-blocks", file, *form, "--base-path", copy)
    assert done.out == b"imported 0 blocks, 12 were there: the best one is #12, final #7\n"


def test_a_chain_travels_through_a_pipe(base_path: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m node export-blocks --base-path {base_path} | "
    command += f"{sys.executable} -m node import-blocks - --base-path {tmp_path / 'copy'}"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "imported 12 blocks, 0 were there: the best one is #12, final #7\n"
    assert blocks_of(tmp_path / "copy") == blocks_of(base_path)


def test_a_part_is_exported(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "part"
    hashes = blocks_of(base_path)
    assert fathom("export-blocks", file, "--from", 0, "--to", 5, "--base-path", base_path).code == 0
    assert [block.header.hash for block in blocks_in(file)] == hashes[:6]
    done = fathom("export-blocks", "-", "--from", 6, "--binary", "--base-path", base_path)
    file.write_bytes(done.out)
    assert [block.header.hash for block in blocks_in(file, binary=True)] == hashes[6:]
    assert int.from_bytes(done.out[:8], "little") == 7


@pytest.mark.parametrize("asked", [("--from", 13), ("--to", 13), ("--from", 5, "--to", 4)])
def test_what_is_not_there_is_not_exported(
    fathom: Fathom, base_path: Path, tmp_path: Path, asked: tuple[object, ...]
) -> None:
    file = tmp_path / "part"
    file.write_text("precious")
    message = fathom("export-blocks", file, *asked, "--base-path", base_path).error
    assert message.startswith("there are no blocks ") and message.endswith(": the best one is 12")
    assert file.read_text() == "precious"
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_that_cannot_be_written_or_read(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "file"
    assert f"{nowhere} can't be written: No such file" in (
        fathom("export-blocks", nowhere, "--base-path", base_path).error
    )
    assert "/dev/full can't be written: No space left on device" in (
        fathom("export-blocks", "/dev/full", "--base-path", base_path).error
    )
    assert f"{nowhere} can't be read: No such file" in (
        fathom("import-blocks", nowhere, "--base-path", tmp_path / "copy").error
    )
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b["block"]["extrinsics"].pop(), "the extrinsics root doesn't match the body"),
        (lambda b: b["block"]["header"].update(stateRoot="0x" + 64 * "7"), "the seal isn't by"),
        (lambda b: b["block"]["header"]["digest"]["logs"].pop(), "the header carries no Aura seal"),
        (lambda b: b.update(justifications=[[list(b"FRNK"), [1, 2, 3]]]), "the justification can't be read"),
    ],
)
def test_a_bad_block_is_named_and_what_came_before_stays(
    fathom: Fathom, base_path: Path, tmp_path: Path, place: int, change: object, reason: str
) -> None:
    file, copy = tmp_path / "blocks", tmp_path / "copy"
    fathom("export-blocks", file, "--base-path", base_path)
    rewritten(file, place, change)
    message = fathom("import-blocks", file, "--base-path", copy).error
    assert message.startswith(f"block {place + 1} of the file, #{place + 1} 0x")
    assert f"is refused: {reason}" in message
    assert blocks_of(copy) == blocks_of(base_path)[: place + 1]
    fathom("export-blocks", file, "--base-path", base_path)
    assert fathom("import-blocks", file, "--base-path", copy).code == 0
    assert blocks_of(copy) == blocks_of(base_path)


def test_a_file_that_breaks_off_leaves_what_came_before(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    file, copy = tmp_path / "blocks", tmp_path / "copy"
    fathom("export-blocks", file, "--base-path", base_path)
    data = file.read_bytes()
    cut = len(b"".join(data.splitlines(keepends=True)[:4])) + 50
    file.write_bytes(data[:cut])
    message = fathom("import-blocks", file, "--base-path", copy).error
    assert message == f"block 5, at byte {cut - 50}, isn't whole: the file ends at byte {cut}"
    assert blocks_of(copy) == blocks_of(base_path)[:5]


def test_a_justification_for_another_block_or_by_another_authority_finalises_nothing(
    fathom: Fathom, base_path: Path, tmp_path: Path
) -> None:
    file, copy = tmp_path / "blocks", tmp_path / "copy"
    fathom("export-blocks", file, "--base-path", base_path)
    proof = json.loads(file.read_bytes().splitlines()[FINAL - 1])["justifications"]
    rewritten(file, 4, lambda block: block.update(justifications=proof))
    assert "#5" in (message := fathom("import-blocks", file, "--base-path", copy).error)
    assert "the justification is for another block" in message
    rewritten(file, 4, lambda block: block.update(justifications=None))

    def forge(block: dict[str, list[list[list[int]]]]) -> None:
        block["justifications"][0][1][60] ^= 1  # a byte of its signature or its voter

    rewritten(file, FINAL - 1, forge)
    assert f"#{FINAL} " in fathom("import-blocks", file, "--base-path", copy).error
    with opened_chain(copy) as chain:
        assert (chain.best.number, chain.finalized.number) == (FINAL - 1, 0)


def test_blocks_that_are_there_may_become_final(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    file, copy = tmp_path / "blocks", tmp_path / "copy"
    fathom("export-blocks", file, "--base-path", base_path)
    plain = tmp_path / "plain"
    plain.write_bytes(file.read_bytes())
    rewritten(plain, FINAL - 1, lambda block: block.update(justifications=None))
    assert fathom("import-blocks", plain, "--base-path", copy).out.endswith(b"final #0\n")
    done = fathom("import-blocks", file, "--base-path", copy)
    assert done.out == b"imported 0 blocks, 12 were there: the best one is #12, final #7\n"


def test_a_gap_is_told(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    file, copy = tmp_path / "blocks", tmp_path / "copy"
    fathom("export-blocks", file, "--from", 3, "--base-path", base_path)
    message = fathom("import-blocks", file, "--base-path", copy).error
    assert message.startswith("block 1 of the file, #3 0x") and "the parent of block 3" in message
    assert blocks_of(copy) == blocks_of(base_path)[:1]


@pytest.mark.parametrize("first", [0, 1])
def test_a_file_of_another_chain_is_refused_untouched(
    fathom: Fathom, base_path: Path, tmp_path: Path, first: int
) -> None:
    spec, file, copy = tmp_path / "spec.json", tmp_path / "blocks", tmp_path / "copy"
    spec.write_bytes(fathom("export-state", 2, "--base-path", base_path).out)
    fathom("export-blocks", file, "--from", first, "--base-path", base_path)
    message = fathom("import-blocks", file, "--base-path", copy, "--chain", spec).error
    assert message.startswith(f"the file is of the chain with genesis 0x{blocks_of(base_path)[0].hex()}, this one's is")
    assert not copy.exists()


# States


@pytest.mark.parametrize("number", [0, 5, BLOCKS])
def test_a_state_is_exported_as_a_chain_spec(fathom: Fathom, base_path: Path, tmp_path: Path, number: int) -> None:
    done = fathom("export-state", *(() if number == BLOCKS else (number,)), "--base-path", base_path)
    assert (done.code, done.err) == (0, "")
    file = tmp_path / "spec.json"
    file.write_bytes(done.out)
    spec = ChainSpec.load(file)
    with opened_chain(base_path) as chain:
        header = chain.header(chain.hash_of(number) or b"")
        assert header is not None
        assert spec.genesis_header().state_root == header.state_root == naive_root(spec.genesis, 1)
        assert dict(spec.genesis) == values_at(chain, number)
    document, original = json.loads(done.out), json.loads(DEV_SPEC.read_text())
    assert {**document, "genesis": None} == {**original, "genesis": None}


def test_a_chain_starts_from_an_exported_state(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_bytes(fathom("export-state", "--base-path", base_path).out)

    async def run() -> None:
        async with running_node(tmp_path / "new", chain=spec) as node:
            await height(node, 2)

    trio.run(run, clock=MockClock(autojump_threshold=0))


# Reverting


def test_blocks_are_taken_back_and_imported_again(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "blocks", blocks_of(base_path)
    fathom("export-blocks", file, "--base-path", base_path)
    done = fathom("revert", 2, "--base-path", base_path)
    assert done.out.decode() == f"reverted 2 blocks: the best one is #10, 0x{before[10].hex()}\n"
    done = fathom("revert", 6, "--base-path", base_path)
    assert done.out.decode() == f"reverted 6 blocks, 3 of them final: the best one is #4, 0x{before[4].hex()}\n"
    with opened_chain(base_path) as chain:
        assert chain.finalized.number == 4
        assert [leaf.number for leaf in chain.leaves()] == [4]
        assert_sound(chain)
    assert fathom("import-blocks", file, "--base-path", base_path).out.startswith(b"imported 8 blocks, 4 were there")
    assert blocks_of(base_path) == before


def test_many_blocks_are_taken_back_in_steps(fathom: Fathom, base_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.maintenance.state.AT_ONCE", 3)
    before = blocks_of(base_path)
    assert fathom("revert", 8, "--base-path", base_path).out.startswith(b"reverted 8 blocks, 3 of them final: ")
    assert blocks_of(base_path) == before[:5]


def test_no_more_is_taken_back_than_there_is(fathom: Fathom, base_path: Path) -> None:
    assert fathom("revert", "--base-path", base_path).out.startswith(b"reverted 12 blocks, 7 of them final: ")
    assert fathom("revert", "--base-path", base_path).error == "the best block is #0: there is nothing to revert"


def test_pruned_states_are_told(fathom: Fathom, base_path: Path) -> None:
    with opened_chain(base_path) as chain:
        chain.keep_states = 2
        chain.finalize(chain.hash_of(8) or b"", b"")
    assert fathom("check-block", 3, "--base-path", base_path).error == (
        "block 3 can't be executed again: its parent's state was pruned"
    )
    assert fathom("export-state", 3, "--base-path", base_path).error == "the state of block 3 was pruned"
    assert fathom("revert", "--base-path", base_path).error == "block 0 can't be reverted to: its state was pruned"
    assert len(blocks_of(base_path)) == BLOCKS + 1
    assert fathom("check-block", 9, "--base-path", base_path).code == 0


# Purging


def test_a_chain_is_purged_and_nothing_else(fathom: Fathom, base_path: Path) -> None:
    (base_path / "workers").mkdir()
    other = base_path / "chains" / "other" / "db"
    other.mkdir(parents=True)
    done = fathom("purge-chain", "-y", "--base-path", base_path)
    assert (done.code, done.out.decode()) == (0, f"removed {base_path / DB}\n")
    assert set(files(base_path)) == {"workers", "chains", "chains/other", "chains/other/db"}
    assert "there is no database in" in fathom("purge-chain", "-y", "--base-path", base_path).error


def test_what_is_kept_beside_the_database_stays(fathom: Fathom, base_path: Path) -> None:
    keystore = base_path / "chains" / "fathom_dev" / "keystore"
    keystore.mkdir()
    assert fathom("purge-chain", "-y", "--base-path", base_path).code == 0
    assert keystore.is_dir()


def test_a_damaged_database_and_one_of_another_version_can_be_purged(fathom: Fathom, base_path: Path) -> None:
    (base_path / DB / "CURRENT").write_text("garbage")
    (base_path / DB / IDENTITY_FILE).write_text('{"schema": 99, "genesis": "0x00"}')
    assert fathom("purge-chain", "-y", "--base-path", base_path).code == 0
    assert not (base_path / DB).exists()


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False)])
def test_a_person_is_asked(base_path: Path, answer: str, removed: bool) -> None:
    person, terminal = pty.openpty()
    os.write(person, answer.encode())
    command = [sys.executable, "-m", "node", "purge-chain", "--base-path", str(base_path)]
    done = subprocess.run(command, stdin=terminal, cwd=ROOT, capture_output=True, text=True, check=False)
    os.close(person)
    os.close(terminal)
    assert done.stderr.startswith(f'Are you sure to remove "{base_path / DB}"? [y/N]: ')
    assert (base_path / DB).exists() is not removed
    assert done.returncode == (0 if removed else 1)


def test_without_a_terminal_nobody_is_asked(base_path: Path) -> None:
    before = files(base_path)
    command = [sys.executable, "-m", "node", "purge-chain", "--base-path", str(base_path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: there is no terminal to ask on: pass -y to remove the chain\n"
    assert files(base_path) == before


# What every command refuses


def arguments(command: str, tmp_path: Path) -> list[object]:
    return [tmp_path / "blocks" if word == "BLOCKS" else word for word in command.split()]


@pytest.mark.parametrize("command", ALL)
def test_a_chain_in_use_is_left_alone(fathom: Fathom, base_path: Path, tmp_path: Path, command: str) -> None:
    fathom("export-blocks", tmp_path / "blocks", "--base-path", base_path)
    with opened_chain(base_path):
        before = files(base_path)
        message = fathom(*arguments(command, tmp_path), "--base-path", base_path).error
        assert message == f"{base_path / DB} is in use by another node; stop it or choose another --base-path"
        assert files(base_path) == before


@pytest.mark.parametrize("command", [each for each in ALL if not each.startswith("import")])
def test_a_chain_that_is_not_there_is_not_made(fathom: Fathom, tmp_path: Path, command: str) -> None:
    message = fathom(*arguments(command, tmp_path), "--base-path", tmp_path / "none").error
    assert message == f"there is no database in {tmp_path / 'none' / DB}: check --base-path and --chain"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", [each for each in ALL if not each.startswith("purge")])
@pytest.mark.parametrize("schema", [1, 99])
def test_a_chain_of_another_version_is_left_alone(
    fathom: Fathom, base_path: Path, tmp_path: Path, command: str, schema: int
) -> None:
    fathom("export-blocks", tmp_path / "blocks", "--base-path", base_path)
    identity = base_path / DB / IDENTITY_FILE
    identity.write_text(json.dumps({**json.loads(identity.read_text()), "schema": schema}))
    before = files(base_path)
    assert f"has schema {schema}" in fathom(*arguments(command, tmp_path), "--base-path", base_path).error
    assert files(base_path) == before


@pytest.mark.parametrize("command", ["check-block 1", "export-blocks", "export-state", "revert"])
def test_another_chain_in_the_base_path_is_left_alone(
    fathom: Fathom, base_path: Path, tmp_path: Path, command: str
) -> None:
    spec = tmp_path / "spec.json"
    spec.write_bytes(fathom("export-state", 2, "--base-path", base_path).out)
    before = files(base_path)
    message = fathom(*command.split(), "--base-path", base_path, "--chain", spec).error
    assert "holds the chain of genesis 0x" in message
    assert files(base_path) == before


def test_a_spec_that_is_none(fathom: Fathom, base_path: Path, tmp_path: Path) -> None:
    assert "can't be read: No such file" in (
        fathom("export-state", "--base-path", base_path, "--chain", tmp_path / "none").error
    )
