"""Plain values of types that only metadata describes, as people and programs are shown them.

| type | plain value |
| --- | --- |
| composite | a dict of its fields; a list where they have no names; of a single one without a name its value |
| enum | the alternative's name, or `{name: fields}` where it has fields; of an `Option` the value or `None` |
| account | its SS58 address, with the chain's prefix; other bytes are `0x` and hex |
| `Era` | `"Immortal"`, or `{"period": blocks, "phase": block}` |
| bits | `0b` and the first bit first |
| call | `{pallet: {name: arguments}}` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pallets.primitives import ss58
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Era
from pallets.primitives.portable_types import BitSequence, PortableType, Type
from pallets.primitives.portable_values import MAX_VALUES, Registry
from pallets.primitives.scale import DecodeError, read_compact

ACCOUNT = ["sp_core", "crypto", "AccountId32"]
ERA = ["sp_runtime", "generic", "era", "Era"]
CONCAT = {"Blake2_128Concat": 16, "Twox64Concat": 8, "Identity": 0}
"""Hashers behind whose so many bytes the key itself stands."""
LOST = {"Blake2_128": 16, "Blake2_256": 32, "Twox128": 16, "Twox256": 32}
"""Hashers that leave so many bytes of a key, and not the key."""
DECODE_ERA = codec_of(Era).decode
MAX_BITS = 1 << 20


class Undecodable(ValueError):
    """Bytes that are not what the runtime says they have to be: damaged, or of another runtime."""


class Reader(Registry):
    """Reads plain values: as `Registry`, but accounts, options, eras and bits are what `decoder` says they are."""

    def __init__(self, types: list[PortableType], prefix: int) -> None:
        super().__init__(types)
        self._prefix = prefix
        self._own: dict[int, Callable[[bytes, int], tuple[Any, int]]] = {}
        for each in types:
            own = self._reader_of(each.type)
            if own is not None:
                self._own[each.id] = own

    def read(self, type: int, data: bytes, at: int) -> tuple[Any, int]:
        """A plain value at a place, and where it ends; raises `Undecodable`."""
        self._left = MAX_VALUES
        with undecodable():
            value, end = self._read(type, data, at)
            return plain(value), end

    def all(self, type: int, data: bytes) -> Any:
        """The plain value of exactly these bytes; raises `Undecodable`."""
        with undecodable():
            return plain(self.decode_all(type, data))

    def _read(self, type: int, data: bytes, at: int) -> tuple[Any, int]:
        own = self._own.get(type)
        return super()._read(type, data, at) if own is None else own(data, at)

    def _reader_of(self, type: Type) -> Callable[[bytes, int], tuple[Any, int]] | None:
        if type.path == ACCOUNT:
            return self._account
        if type.path == ERA:
            return _era
        if type.path == ["Option"] and type.params and type.params[0].type is not None:
            return self._option(type.params[0].type)
        return _bits if isinstance(type.definition, BitSequence) else None

    def _account(self, data: bytes, at: int) -> tuple[Any, int]:
        if len(data) < at + 32:
            raise DecodeError(f"the data ends at byte {len(data)}, an account was to come at {at}")
        return ss58.encode(data[at : at + 32], self._prefix), at + 32

    def _option(self, inner: int) -> Callable[[bytes, int], tuple[Any, int]]:
        def read(data: bytes, at: int) -> tuple[Any, int]:
            if at >= len(data) or data[at] > 1:
                raise DecodeError(f"no option stands at byte {at}")
            if not data[at]:
                return None, at + 1
            value, end = self._read(inner, data, at + 1)
            return (("Some", {0: None}) if value is None else value), end  # an option in an option

        return read


def plain(value: Any) -> Any:
    """The plain value of what `Reader` reads."""
    if isinstance(value, bytes | bytearray):
        return f"0x{value.hex()}"
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, tuple):
        name, fields = value
        return {name: plain(fields)} if fields else name
    if isinstance(value, dict):
        if not value:
            return None
        if 0 in value:
            return plain(value[0]) if len(value) == 1 else [plain(each) for each in value.values()]
        return {key: plain(each) for key, each in value.items()}
    return value


@contextmanager
def undecodable() -> Iterator[None]:
    """What fails in decoding is `Undecodable`."""
    try:
        yield
    except Undecodable:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Undecodable(f"the bytes can't be decoded: {error}") from None


def named(fields: dict[str | int, Any]) -> dict[str, Any]:
    """Plain fields by name, or by place where they have none."""
    return {str(name): plain(value) for name, value in fields.items()}


def _era(data: bytes, at: int) -> tuple[Any, int]:
    era, end = DECODE_ERA(data, at)
    return ("Immortal" if not era.period else {"period": era.period, "phase": era.phase}), end


def _bits(data: bytes, at: int) -> tuple[Any, int]:
    count, at = read_compact(data, at)
    size = -(-count // 8)
    if count > MAX_BITS or len(data) < at + size:
        raise DecodeError(f"{count} bits were to come at byte {at}")
    number = int.from_bytes(data[at : at + size], "little")  # the lowest bit first, as all runtimes order them
    return "0b" + "".join("1" if number >> place & 1 else "0" for place in range(count)), at + size
