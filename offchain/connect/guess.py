"""What bytes are: a call, an extrinsic, events, metadata, a header, an address, or the value of a storage item.

    for reading in readings(decoder, data):
        print(reading.kind, reading.value)

A reading counts when it takes all bytes and gives them again where that can be told. Several may: the caller says
which is meant.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from offchain.connect.decoder import Decoder, Undecodable
from offchain.connect.shown import event_json, extrinsic_json, header_json
from offchain.metadata import UnreadableMetadata
from pallets.primitives import ss58
from pallets.primitives.header import Header
from pallets.primitives.metadata_schema import read_schema, unwrapped, version_of
from pallets.primitives.scale import DecodeError

KINDS = ("extrinsic", "call", "events", "metadata", "header", "account", "key")


class Reading(NamedTuple):
    """One way of reading bytes."""

    kind: str
    value: Any


def readings(decoder: Decoder, data: bytes, prefix: int, kind: str | None = None) -> list[Reading]:
    """All readings of bytes, or that as `kind`, the likeliest first; raises `Undecodable` where there is none."""
    found, reasons = list[Reading](), list[str]()
    for each in KINDS if kind is None else (kind,):
        try:
            found.append(Reading(each, _read(decoder, data, prefix, each)))
        except (Undecodable, UnreadableMetadata, DecodeError) as error:
            reasons.append(f"as {each}: {error}")
    if not found and kind is not None:
        raise Undecodable(reasons[0])
    if not found:
        raise Undecodable(
            f"{len(data)} bytes that are none of {', '.join(KINDS)}: a storage value is read by --storage PALLET.ITEM"
        )
    return found


def _read(decoder: Decoder, data: bytes, prefix: int, kind: str) -> Any:
    match kind:
        case "extrinsic":
            return extrinsic_json(decoder.extrinsic(data))
        case "call":
            return decoder.call(data)
        case "events":
            events = decoder.events(data)
            if not events:
                raise Undecodable("there is no event in it")
            return [event_json(each) for each in events]
        case "metadata":
            schema = read_schema(data)
            return {
                "version": version_of(unwrapped(data)),
                "types": len(schema.types),
                "pallets": [pallet.name for pallet in schema.pallets],
                "extensions": [each.identifier for each in schema.extensions],
            }
        case "header":
            return header_json(Header.decode(data))
        case "account":
            if len(data) != 32:
                raise Undecodable("an account has 32 bytes")
            return ss58.encode(data, prefix)
        case "key":
            return _storage_key(decoder, data)
    raise Undecodable(f"{kind!r} is none of {', '.join(KINDS)}")


def _storage_key(decoder: Decoder, data: bytes) -> Any:
    for pallet in decoder.pallets:
        for item in pallet.storage:
            if data.startswith(decoder.key(pallet.name, item.name, [])):
                keys = decoder.keys_in(pallet.name, item.name, data) if len(data) > 32 else []
                return {"pallet": pallet.name, "item": item.name, "keys": keys}
    raise Undecodable("no storage item has this prefix")
