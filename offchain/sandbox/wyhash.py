"""wyhash, final version 4, of 64 bits: the hash without cryptographic strength that `Wapo.nonCryptographicHash` has."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_SECRET = (0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3)


def wyhash64(data: bytes, seed: int) -> int:
    """The hash of `data` as a u64."""
    length = len(data)
    seed ^= _mix(seed ^ _SECRET[0], _SECRET[1])
    if length <= 16:
        a, b = _ends(data)
    else:
        at = 0
        if length > 48:
            one = two = seed
            while length - at > 48:
                seed = _mix(_u64(data, at) ^ _SECRET[1], _u64(data, at + 8) ^ seed)
                one = _mix(_u64(data, at + 16) ^ _SECRET[2], _u64(data, at + 24) ^ one)
                two = _mix(_u64(data, at + 32) ^ _SECRET[3], _u64(data, at + 40) ^ two)
                at += 48
            seed ^= one ^ two
        while length - at > 16:
            seed = _mix(_u64(data, at) ^ _SECRET[1], _u64(data, at + 8) ^ seed)
            at += 16
        a, b = _u64(data, length - 16), _u64(data, length - 8)
    product = (a ^ _SECRET[1]) * (b ^ seed)
    return _mix((product & _MASK) ^ _SECRET[0] ^ length, (product >> 64) ^ _SECRET[1])


def _ends(data: bytes) -> tuple[int, int]:
    """Two words of at most 16 bytes, whose every byte is in one of them."""
    length = len(data)
    if length >= 4:
        middle = (length >> 3) << 2
        first = _u32(data, 0) << 32 | _u32(data, middle)
        return first, _u32(data, length - 4) << 32 | _u32(data, length - 4 - middle)
    if length == 0:
        return 0, 0
    return data[0] << 16 | data[length >> 1] << 8 | data[-1], 0


def _mix(a: int, b: int) -> int:
    product = a * b
    return (product & _MASK) ^ (product >> 64)


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _u64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")
