"""A branch of the trie under change, and the record it is stored as.

## Overview

A *record* is the encoding of a branch, and behind it two bytes that say which of its children are leaves.
`OpenBranch.of` reads one; children are put, changed and removed in the encoding itself, so that a change costs nothing
for the children it leaves alone.

A path is a `str` of hex digits, a nibble each.
"""

from __future__ import annotations

from node.state.node_codec import branch_head
from pallets.primitives.scale import read_compact
from pallets.primitives.trie_node import HASH_SIZE, HASHED, REFERENCE_SIZE

SLOTS = {digit: slot for slot, digit in enumerate("0123456789abcdef")}
"""The slot of a child by the digit that leads to it."""

UNKNOWN = bytes((HASHED,)) + bytes(HASH_SIZE)
"""What stands for a reference that is not made yet."""


def common_digits(a: str, b: str) -> int:
    """How many leading characters two strings share."""
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size
    low, high = 0, size  # they share `low`, but not `high`
    while high - low > 1:
        middle = (low + high) >> 1
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


class OpenBranch:
    """A branch under change, at `path` (where it hangs) and branching at `full` (its whole path), both in hex digits.

    `code` is its encoding, in which references and the bitmap are changed in place. Where the partial key or the value
    changes, `reshaped` says so, and `rebuild` has to be called before the encoding is used.
    """

    __slots__ = ("at", "bitmap", "code", "end", "fresh", "full", "leaves", "moved", "path", "reshaped", "valued")

    def __init__(
        self, path: str, full: str, code: bytearray, at: int, bitmap: int = 0, leaves: int = 0, valued: bool = False
    ) -> None:
        self.path = path
        self.full = full
        self.end = len(full)
        self.code = code
        self.at = at  # where the references start
        self.bitmap = bitmap  # children there are
        self.leaves = leaves  # and which of them are leaves
        self.valued = valued  # whether the whole path is itself a key
        self.reshaped = not bitmap
        self.fresh: dict[int, bytes] = {}  # keys of leaves whose references are still to be made
        self.moved: OpenBranch | None = None  # a child that came here from above, whose reference is still to be made

    @classmethod
    def new(cls, path: str, full: str) -> OpenBranch:
        """A branch without children."""
        return cls(path, full, bytearray(), 0)

    @classmethod
    def of(cls, path: str, record: bytes) -> OpenBranch:
        """Read a record: the encoding, and behind it the bitmap of those children that are leaves."""
        first = record[0]
        at = 1
        full = path
        valued = False
        if first != 0x80:  # it has a partial key or a value: few have
            size = mask = 63 if first >= 0x80 else 15
            size &= first
            if size == mask:
                while record[at] == 255:
                    size += 255
                    at += 1
                size += record[at]
                at += 1
            packed = size + 1 >> 1
            full = path + record[at : at + packed].hex()[size & 1 :]
            at += packed
            valued = first < 0x80 or first >= 0xC0
        bitmap = record[at] | record[at + 1] << 8
        at += 2
        if valued:
            if first < 0x80:
                at += HASH_SIZE
            else:
                length, at = read_compact(record, at)
                at += length
        end = len(record) - 2
        return cls(path, full, bytearray(record[:end]), at, bitmap, record[end] | record[end + 1] << 8, valued)

    def path_of(self, slot: int) -> str:
        """The path of what hangs in a slot."""
        return f"{self.full}{slot:x}" if self.end >= 0 else ""

    def _place(self, slot: int) -> int:
        """Where in the encoding the reference of a slot is, or would be."""
        before = (self.bitmap & (1 << slot) - 1).bit_count()
        code, at = self.code, self.at
        if len(code) - at == REFERENCE_SIZE * self.bitmap.bit_count():
            return at + REFERENCE_SIZE * before
        for _ in range(before):
            at += _size_at(code, at)
        return at

    def put_leaf(self, slot: int, key: bytes) -> None:
        """A leaf is there, or has changed; its reference is made later."""
        if not self.bitmap >> slot & 1:
            self._insert(slot)
        self.leaves |= 1 << slot
        self.fresh[slot] = key

    def put_branch(self, slot: int) -> None:
        """A branch is there, in the place of nothing or of a leaf; its reference is set later."""
        if self.bitmap >> slot & 1:
            self.leaves &= ~(1 << slot)
            self.fresh.pop(slot, None)
        else:
            self._insert(slot)

    def _insert(self, slot: int) -> None:
        place = self._place(slot)
        self.code[place:place] = UNKNOWN
        self._set_bitmap(self.bitmap | 1 << slot)

    def set_reference(self, slot: int, reference: bytes) -> None:
        """The child that is there has this reference."""
        place = self._place(slot)
        code = self.code
        code[place : place + (REFERENCE_SIZE if code[place] == HASHED else _size_at(code, place))] = reference

    def remove(self, slot: int) -> None:
        """The child that is there is gone."""
        place = self._place(slot)
        del self.code[place : place + _size_at(self.code, place)]
        self._set_bitmap(self.bitmap & ~(1 << slot))
        self.leaves &= ~(1 << slot)
        self.fresh.pop(slot, None)

    def _set_bitmap(self, bitmap: int) -> None:
        self.bitmap = bitmap
        self.reshaped = True

    def rebuild(self, value: bytes | None, limit: int) -> None:
        """Make anew what precedes the references, with the value of the branch if its path is a key."""
        head = branch_head(self.full[len(self.path) :], self.bitmap, value, limit)
        self.code[: self.at] = head
        self.at = len(head)
        self.reshaped = False


def _size_at(code: bytearray, at: int) -> int:
    """The size of the reference that starts there."""
    first = code[at]
    return REFERENCE_SIZE if first == HASHED else 1 + (first >> 2)
