"""The bytes of SCALE below any type: compact integers, addresses, and what is wrong with data.

```
ScaleError
├── DecodeError     the bytes are not a value of the type
└── EncodeError     the value does not fit the type
```
Format: `parity-scale-codec`, canonical forms only.
"""

from __future__ import annotations


class ScaleError(ValueError):
    """Bytes and a type, or a value and a type, that don't belong together."""


class DecodeError(ScaleError):
    """The bytes end early, use a form that isn't canonical, or name a variant that doesn't exist."""


class EncodeError(ScaleError):
    """The value is outside the range, length or bound of its type."""


class OtherAddress(bytes):
    """A `MultiAddress` that isn't `Id`, kept as it came: it can be carried and re-encoded, never looked up."""


def compact(number: int) -> bytes:
    """The compact form of an unsigned integer below 2**536."""
    if number < 0:
        raise EncodeError(f"compact integers are unsigned, got {number}")
    if number < 1 << 6:
        return bytes((number << 2,))
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    if number < 1 << 30:
        return (number << 2 | 2).to_bytes(4, "little")
    size = (number.bit_length() + 7) >> 3
    if size > 67:
        raise EncodeError("compact integers end at 2**536")
    return bytes(((size - 4) << 2 | 3,)) + number.to_bytes(size, "little")


def read_compact(data: bytes, at: int) -> tuple[int, int]:
    """The compact integer at `at` and the offset behind it; refuses forms longer than needed."""
    try:
        head = data[at]
    except IndexError:
        raise DecodeError(f"the data ends at byte {len(data)}, where a compact integer should start") from None
    mode = head & 3
    if mode == 0:
        return head >> 2, at + 1
    if mode == 3:
        size, start, floor = (head >> 2) + 4, at + 1, 1 << 30
    else:
        size, start, floor = (2, at, 1 << 6) if mode == 1 else (4, at, 1 << 14)
    end = start + size
    if end > len(data):
        raise DecodeError(f"the data ends inside the compact integer at byte {at}")
    number = int.from_bytes(data[start:end], "little")
    if mode != 3:
        number >>= 2
    elif size > 4 and not data[end - 1]:
        raise DecodeError(f"the compact integer at byte {at} is longer than it needs to be")
    if number < floor:
        raise DecodeError(f"the compact integer at byte {at} is longer than it needs to be")
    return number, end


def read_address(data: bytes, at: int) -> tuple[bytes, int]:
    """`MultiAddress<AccountId, ()>`: Id, Index(Compact<()>), Raw(Vec<u8>), Address32, Address20."""
    kind = data[at]
    if kind == 2:
        size, start = read_compact(data, at + 1)
    elif kind in (0, 1, 3, 4):
        size, start = (32, 0, 0, 32, 20)[kind], at + 1
    else:
        raise DecodeError(f"MultiAddress has no variant {kind}")
    end = start + size
    if end > len(data):
        raise DecodeError(f"the data ends inside the address at byte {at}")
    return (data[start:end] if kind == 0 else OtherAddress(data[at:end])), end
