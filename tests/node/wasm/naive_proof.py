"""Compact proofs of one entry of a trie, as `trie_db::proof::generate` makes them: nodes without what can be filled in.

Recursive and from scratch, after the specification of the trie; shares no code with the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Hash = Callable[[bytes], bytes]
Entries = list[tuple[list[int], bytes]]


def compact_proof(values: Mapping[bytes, bytes], key: bytes, version: int, digest: Hash) -> tuple[bytes, list[bytes]]:
    """The root, and the proof of a key that is there."""
    entries = sorted(([int(digit, 16) for digit in k.hex()], v) for k, v in values.items())
    way = [int(digit, 16) for digit in key.hex()]
    proof: list[bytes] = []
    proof.append(_node(entries, way, version, digest, proof))
    return digest(_node(entries, None, version, digest, [])), proof[::-1]


def _node(entries: Entries, way: list[int] | None, version: int, digest: Hash, below: list[bytes]) -> bytes:
    """A node's encoding; on the way to the proven key without its value and its child's reference.

    Nodes of the way that aren't held by their parents are appended to `below`.
    """
    partial = entries[0][0]
    for nibbles, _ in entries:
        while nibbles[: len(partial)] != partial:
            partial = partial[:-1]
    size = len(partial)
    own = next((value for nibbles, value in entries if len(nibbles) == size), None)
    is_end = way is not None and len(way) == size
    slots = {nibbles[size] for nibbles, _ in entries if len(nibbles) > size}
    hashed = own is not None and version == 1 and len(own) > 32 and not is_end
    payload = b""
    if own is not None:
        payload = digest(own) if hashed else _compact(len(own)) + own
    if is_end:
        payload, own = (b"", None) if slots else (b"\0", own)
    head = _header(size, bool(slots), own is not None, hashed) + _packed(partial)
    if not slots:
        return head + payload
    children = b""
    for slot in sorted(slots):
        inside = [(nibbles[size + 1 :], value) for nibbles, value in entries if nibbles[size : size + 1] == [slot]]
        plain = _node(inside, None, version, digest, [])
        reference = plain if len(plain) < 32 else digest(plain)
        if way is not None and not is_end and way[size] == slot:
            omitting = _node(inside, way[size + 1 :], version, digest, below)
            if len(plain) < 32:
                reference = omitting
            else:
                below.append(omitting)
                reference = b""
        children += _compact(len(reference)) + reference
    return head + sum(1 << slot for slot in slots).to_bytes(2, "little") + payload + children


def _header(size: int, is_branch: bool, has_value: bool, hashed: bool) -> bytes:
    prefix, bits = {
        (False, False): (0x40, 6),
        (False, True): (0x20, 5),
        (True, True): (0x10, 4),
        (True, False): (0xC0 if has_value else 0x80, 6),
    }[is_branch, hashed]
    assert size < (1 << bits) - 1
    return bytes((prefix | size,))


def _packed(nibbles: list[int]) -> bytes:
    digits = "".join(f"{nibble:x}" for nibble in nibbles)
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def _compact(number: int) -> bytes:
    return bytes((number << 2,)) if number < 64 else (number << 2 | 1).to_bytes(2, "little")
