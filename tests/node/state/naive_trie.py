"""The trie as the specification words it: recursive, from scratch, slow. It shares no code with the node.

Source: Polkadot specification, "State storage trie": its definitions of node header, partial key and Merkle value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

Entries = list[tuple[list[int], bytes]]


def naive_root(values: Mapping[bytes, bytes], version: int) -> bytes:
    if not values:
        return blake2(bytes(1))
    entries = [([int(digit, 16) for digit in key.hex()], value) for key, value in values.items()]
    return blake2(encode(entries, version))


def naive_records(values: Mapping[bytes, bytes], version: int) -> dict[str, bytes]:
    """What is stored of the trie: each branch under its path, and behind it which of its children are leaves."""
    entries = [([int(digit, 16) for digit in key.hex()], value) for key, value in values.items()]
    return records(entries, version, "") if entries else {}


def naive_merkle_value(values: Mapping[bytes, bytes], version: int, key: bytes) -> bytes | None:
    """That of the first node at or below a key: its hash, or itself where it is short and not the root."""
    entries = [([int(digit, 16) for digit in each.hex()], value) for each, value in values.items()]
    digits, is_root = [int(digit, 16) for digit in key.hex()], True
    while entries:
        partial, _, children = parted(entries)
        if partial[: len(digits)] == digits:
            encoded = encode(entries, version)
            return blake2(encoded) if is_root or len(encoded) >= 32 else encoded
        if digits[: len(partial)] != partial:
            break
        rest = digits[len(partial) :]
        entries, digits, is_root = children.get(rest[0], []), rest[1:], False
    return None


def records(entries: Entries, version: int, path: str) -> dict[str, bytes]:
    partial, _, children = parted(entries)
    if not children:
        return {}
    leaves = sum(2**nibble for nibble, below in children.items() if len(below) == 1)
    found = {path: encode(entries, version) + bytes([leaves % 256, leaves // 256])}
    stem = path + "".join(f"{nibble:x}" for nibble in partial)
    for nibble, below in children.items():
        found |= records(below, version, stem + f"{nibble:x}")
    return found


def parted(entries: Entries) -> tuple[list[int], bytes | None, dict[int, Entries]]:
    """The partial key of a node, its own value, and what is below each of its children."""
    own: bytes | None = None
    partial = entries[0][0]
    for nibbles, _ in entries:
        while nibbles[: len(partial)] != partial:
            partial = partial[:-1]
    children: dict[int, Entries] = {}
    for nibbles, value in entries:
        rest = nibbles[len(partial) :]
        if rest:
            children.setdefault(rest[0], []).append((rest[1:], value))
        else:
            own = value
    return partial, own, children


def encode(entries: Entries, version: int) -> bytes:
    """One node: everything below it, its keys without what the nodes above have consumed."""
    partial, own, children = parted(entries)
    hashed = own is not None and version == 1 and len(own) > 32
    out = header(bool(children), own is not None, hashed, len(partial))
    if len(partial) % 2 == 1:
        partial = [0, *partial]
    out += bytes(16 * high + low for high, low in zip(partial[::2], partial[1::2], strict=True))
    if children:
        present = sum(2**nibble for nibble in children)
        out += bytes([present % 256, present // 256])
    if own is not None:
        out += blake2(own) if hashed else scale_bytes(own)
    for nibble in sorted(children):
        child = encode(children[nibble], version)
        out += scale_bytes(child if len(child) < 32 else blake2(child))
    return out


def header(branch: bool, valued: bool, hashed: bool, size: int) -> bytes:
    bits = {
        (False, True, False): "01",
        (True, False, False): "10",
        (True, True, False): "11",
        (False, True, True): "001",
        (True, True, True): "0001",
    }[branch, valued, hashed]
    room = 8 - len(bits)
    if size < 2**room - 1:
        return bytes([int(bits + format(size, f"0{room}b"), 2)])
    out = [int(bits + "1" * room, 2)]
    size -= 2**room - 1
    while True:
        out.append(min(size, 255))
        if size < 255:
            return bytes(out)
        size -= 255


def scale_bytes(data: bytes) -> bytes:
    size = len(data)
    if size < 64:
        return bytes([4 * size]) + data
    if size < 16384:
        return (4 * size + 1).to_bytes(2, "little") + data
    return (4 * size + 2).to_bytes(4, "little") + data


def blake2(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()
