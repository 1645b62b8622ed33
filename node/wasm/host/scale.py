"""The SCALE that host functions take and answer; raises `BadArgument`."""

from __future__ import annotations

from typing import Any

from node.wasm.errors import BadArgument
from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.types import U16, U32, U64

NONE = b"\0"
OK, ERROR = b"\0", b"\1"

OPTIONAL_BYTES = codec_of(bytes | None)
OPTIONAL_U32 = codec_of(U32 | None)
OPTIONAL_U64 = codec_of(U64 | None)
BYTE_LISTS = codec_of(list[bytes])
PAIRS = codec_of(list[tuple[bytes, bytes]])
U16_LIST = codec_of(list[U16])


def optional_bytes(value: bytes | None) -> bytes:
    """`Option<Vec<u8>>`."""
    return NONE if value is None else b"\1" + compact(len(value)) + value


def optional_fixed(value: bytes | None) -> bytes:
    """`Option` of an array."""
    return NONE if value is None else b"\1" + value


def decoded(codec: Codec[Any], data: bytes, what: str) -> Any:
    """All of an argument's bytes."""
    try:
        return codec.decode_all(data)
    except DecodeError as error:
        raise BadArgument(f"the runtime passed {what} that isn't SCALE: {error}") from None
