"""Blocks in files: Substrate's bytes, read as they come, and each way they can be wrong told with its place."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from node.maintenance.signed_block import CHUNK, MalformedFile, SignedBlock, read, write
from pallets.primitives.header import AURA_ENGINE, GRANDPA_ENGINE, Header, PreRuntime, RuntimeEnvironmentUpdated, Seal

ROOT, PARENT = bytes(range(32)), b"\xaa" * 32
HEADER = Header(PARENT, 300, ROOT, b"\xbb" * 32, [PreRuntime(AURA_ENGINE, bytes(8)), Seal(AURA_ENGINE, b"\1" * 64)])
EXTRINSICS = [b"\x0c\x04\x01\x02", b"\x01\x01" + bytes(64)]
"""Three bytes behind a length of one byte, and 64 behind one of two."""
PROVEN = SignedBlock(HEADER, EXTRINSICS, [(GRANDPA_ENGINE, b"proof")])
PLAIN = SignedBlock(Header(PARENT, 0, ROOT, ROOT, [RuntimeEnvironmentUpdated()]), [])
BY_HAND = (
    PARENT
    + bytes.fromhex("b104")  # compact 300
    + ROOT
    + b"\xbb" * 32
    + bytes.fromhex("08 06 61757261 20 0000000000000000 05 61757261 0101")
    + b"\1" * 64
    + bytes.fromhex("08 0c040102 0101")
    + bytes(64)
    + bytes.fromhex("01 04 46524e4b 14")
    + b"proof"
)


class Trickle(io.RawIOBase):
    """A file that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int = 7) -> None:
        self.data, self.step, self.given = data, step, 0

    def read(self, size: int = -1) -> bytes:
        part = self.data[self.given : self.given + min(self.step, size)]
        self.given += len(part)
        return part


def binary(*blocks: SignedBlock) -> bytes:
    return len(blocks).to_bytes(8, "little") + b"".join(block.encode() for block in blocks)


def lines(*blocks: SignedBlock) -> bytes:
    return b"".join(block.to_json() for block in blocks)


def all_of(data: bytes, *, as_binary: bool, step: int = 7) -> list[SignedBlock]:
    return list(read(Trickle(data, step), binary=as_binary))  # type: ignore[arg-type]


def failure(data: bytes, *, as_binary: bool, step: int = CHUNK) -> tuple[int, str]:
    """How many blocks come before the failure, and what is said."""
    found = 0
    with pytest.raises(MalformedFile) as refused:
        for _ in read(Trickle(data, step), binary=as_binary):  # type: ignore[arg-type]
            found += 1
    assert "\n" not in str(refused.value)
    return found, str(refused.value)


def test_the_bytes_are_those_of_a_signed_block() -> None:
    assert PROVEN.encode() == BY_HAND
    assert SignedBlock.decode(BY_HAND) == (PROVEN, len(BY_HAND))
    assert PLAIN.encode().endswith(bytes.fromhex("04 08 00 00"))


def test_the_json_is_that_of_chain_get_block() -> None:
    document = json.loads(PROVEN.to_json())
    assert document["block"]["header"]["number"] == "0x12c"
    assert document["block"]["header"]["digest"]["logs"][0] == "0x066175726120" + 8 * "00"
    assert document["block"]["extrinsics"][0] == "0x0c040102"
    assert document["justifications"] == [[[70, 82, 78, 75], list(b"proof")]]
    assert json.loads(PLAIN.to_json())["justifications"] is None


@pytest.mark.parametrize("as_binary", [True, False])
@pytest.mark.parametrize("step", [1, 7, CHUNK])
def test_what_is_written_is_read(as_binary: bool, step: int) -> None:
    blocks = [PROVEN, PLAIN, PROVEN]
    file = io.BytesIO()
    write(iter(blocks), 3, file, binary=as_binary)
    assert file.getvalue() == (binary if as_binary else lines)(*blocks)
    assert all_of(file.getvalue(), as_binary=as_binary, step=step) == blocks


def test_json_objects_need_nothing_between_them() -> None:
    one = PROVEN.to_json().strip()
    text = one + one + b"\r\n \t" + json.dumps(json.loads(one), indent=2).encode() + b"  "
    assert all_of(text, as_binary=False) == [PROVEN] * 3


def test_braces_and_quotes_in_strings_end_nothing() -> None:
    document = {'}{"\\': 'a "}" \\', **json.loads(PROVEN.to_json())}
    assert all_of(json.dumps(document).encode() * 2, as_binary=False, step=1) == [PROVEN] * 2


def test_an_empty_file_holds_no_blocks() -> None:
    assert all_of(b" \n", as_binary=False) == all_of(bytes(8), as_binary=True) == []


@pytest.mark.parametrize("as_binary", [True, False])
def test_a_block_comes_before_the_rest_is_read(as_binary: bool) -> None:
    data = (binary if as_binary else lines)(*[PROVEN] * 2000)
    file = Trickle(data, CHUNK)
    blocks: Iterator[SignedBlock] = read(file, binary=as_binary)  # type: ignore[arg-type]
    assert next(blocks) == PROVEN
    assert file.given <= CHUNK < len(data) / 5
    assert sum(1 for _ in blocks) == 1999


def test_a_block_larger_than_a_chunk_is_read() -> None:
    large = SignedBlock(HEADER, [b"\x02\x00\x10\x00" + bytes(1 << 18)])
    for as_binary in (True, False):
        data = (binary if as_binary else lines)(PLAIN, large, PLAIN)
        assert all_of(data, as_binary=as_binary, step=CHUNK) == [PLAIN, large, PLAIN]


@pytest.mark.parametrize("cut", [9, 40, len(PLAIN.encode()) + 50, 2 * len(PLAIN.encode()) + 7])
def test_a_binary_file_that_is_cut_short(cut: int) -> None:
    whole, size = binary(PLAIN, PLAIN), len(PLAIN.encode())
    found, message = failure(whole[:cut], as_binary=True)
    assert found == (cut - 8) // size
    assert message.startswith(f"block {found + 1} of 2, at byte {8 + found * size}, can't be read")
    assert message.endswith(f"the file, which ends at byte {cut}, is cut short")


def test_a_binary_file_that_ends_in_its_count_or_goes_on() -> None:
    assert failure(b"\1\0\0", as_binary=True) == (0, "the file ends at byte 3, within the count of its blocks")
    found, message = failure(binary(PLAIN) + b"x", as_binary=True)
    assert (found, message) == (1, f"the file goes on at byte {8 + len(PLAIN.encode())}, behind its 1 blocks")


def test_a_json_file_that_is_cut_short() -> None:
    first = PROVEN.to_json()
    found, message = failure(first + first[:100], as_binary=False)
    assert found == 1
    assert message == f"block 2, at byte {len(first)}, isn't whole: the file ends at byte {len(first) + 100}"


def changed(path: str, value: object) -> bytes:
    """The JSON of a block with one member changed, or removed."""
    document = json.loads(PROVEN.to_json())
    *way, last = path.split(".")
    inner = document
    for name in way:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[1]", "it doesn't start with {"),
        (b"{]}", "unexpected character"),
        (b"{}", "it has no 'block'"),
        (changed("block.header", None), "it has no 'header'"),
        (changed("justifications", None), "it has no 'justifications'"),
        (changed("block.header.parentHash", "0xaa"), ""),
        (changed("block.header.number", "0x100000000"), "'0x100000000' is no block number"),
        (changed("block.header.number", 3), "it has another shape"),
        (changed("block.header.stateRoot", "aa"), "'aa' should be hex that starts with 0x"),
        (changed("block.header.digest", {"logs": ["0x09"]}), ""),
        (changed("block.extrinsics", ["0x0c04"]), "the length prefix says 3 bytes, 1 follow"),
        (changed("block.extrinsics", "0x"), ""),
        (changed("justifications", [[10**12, 10**12]]), "it has another shape"),
        (changed("justifications", [[[1, 2], []]]), ""),
        (changed("justifications", 7), "it has another shape"),
    ],
)
def test_json_that_is_no_block(text: bytes, reason: str) -> None:
    first = PROVEN.to_json()
    found, message = failure(first + text, as_binary=False)
    assert found == 1
    assert message.startswith(f"block 2, at byte {len(first)}, isn't a signed block: ")
    assert reason in message
