"""MessagePack as guests write it: a strict decoder of nil, booleans, numbers, strings, bytes, lists and maps.

    unpack(b"\\x82\\xa6status\\xcc\\xc8\\xa4body\\xc4\\x00")  # {"status": 200, "body": b""}

Errors: `BadMessagePack`: the bytes end too early or too late, nest deeper than `MAX_DEPTH`, have more than `MAX_ITEMS`,
a key that is no string or comes twice, or an extension type. Format: github.com/msgpack/msgpack, spec.md.
"""

from __future__ import annotations

import struct

Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]

MAX_DEPTH = 16
MAX_ITEMS = 65_536

_NUMBERS = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
_CONSTANTS: dict[int, bool | None] = {0xC0: None, 0xC2: False, 0xC3: True}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_TEXT = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}


class BadMessagePack(ValueError):
    """The bytes are not one value in MessagePack that is taken."""


def unpack(data: bytes) -> Value:
    """The value of exactly these bytes. Raises `BadMessagePack`."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise BadMessagePack(f"{len(data) - reader.at} bytes follow the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.at, self._items = data, 0, 0

    def value(self, depth: int) -> Value:
        self._items += 1
        if depth > MAX_DEPTH or self._items > MAX_ITEMS:
            raise BadMessagePack(f"more than {MAX_DEPTH} levels or {MAX_ITEMS} items")
        kind = self._take(1)[0]
        if kind < 0x80:
            return kind
        if kind < 0x90:
            return self._map(kind & 0x0F, depth)
        if kind < 0xA0:
            return self._list(kind & 0x0F, depth)
        if kind < 0xC0:
            return self._text(kind & 0x1F)
        if kind >= 0xE0:
            return kind - 0x100
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _NUMBERS:
            number: int | float = _NUMBERS[kind].unpack(self._take(_NUMBERS[kind].size))[0]
            return number
        if kind in _BYTES:
            return self._take(self._length(_BYTES[kind]))
        if kind in _TEXT:
            return self._text(self._length(_TEXT[kind]))
        if kind in _LISTS:
            return self._list(self._length(_LISTS[kind]), depth)
        if kind in _MAPS:
            return self._map(self._length(_MAPS[kind]), depth)
        raise BadMessagePack(f"0x{kind:02x} begins no value that is taken")

    def _take(self, length: int) -> bytes:
        found = self._data[self.at : self.at + length]
        if len(found) < length:
            raise BadMessagePack("the bytes end inside a value")
        self.at += length
        return found

    def _length(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise BadMessagePack("a string is not UTF-8") from None

    def _list(self, length: int, depth: int) -> list[Value]:
        return [self.value(depth + 1) for _ in range(self._bounded(length))]

    def _map(self, length: int, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for _ in range(self._bounded(length)):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in found:
                raise BadMessagePack("a key is no string, or comes twice")
            found[key] = self.value(depth + 1)
        return found

    def _bounded(self, length: int) -> int:
        if length > len(self._data) - self.at:
            raise BadMessagePack("the bytes end inside a value")
        return length
