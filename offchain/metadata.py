"""The little that a worker takes from the chain's metadata: a constant, and the names of errors.

All of it is decoded to get there, some 30 ms of processor time. Values of types that only the metadata knows, as events
are, `Registry` reads.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pallets.primitives.metadata_v14 import CODEC, MetadataV14, Plain
from pallets.primitives.portable_values import Registry as Registry
from pallets.primitives.portable_values import UnreadableMetadata as UnreadableMetadata
from pallets.primitives.scale import ScaleError

HEAD = b"meta\x0e"
"""Magic and version, 14."""


def constant_value(metadata: bytes, pallet: str, name: str) -> bytes:
    """The encoded value of a pallet's constant; raises `KeyError` and `UnreadableMetadata`.

    `metadata` is of version 14, as `state_getMetadata` gives it.
    """
    for each in decoded(metadata).pallets:
        if each.name == pallet:
            for constant in each.constants:
                if constant.name == name:
                    return constant.value
    raise KeyError(f"the chain has no constant {pallet}.{name}")


def extrinsic_failure(metadata: bytes, events: bytes, index: int) -> str | None:
    """The error of extrinsic `index` of a block, in words; `None` where it succeeded.

    `events` is the value of `System.Events` after the block. Raises `UnreadableMetadata`.
    """
    described = decoded(metadata)
    registry = Registry(described.types)
    try:
        for record in registry.decode_all(_type_of_events(described), events):
            match record:
                case {"phase": ("ApplyExtrinsic", {0: number}), "event": ("System", {0: ("ExtrinsicFailed", failed)})}:
                    if number == index:
                        return _in_words(described, registry, failed["dispatch_error"])
    except (ValueError, LookupError, TypeError) as error:
        raise UnreadableMetadata(f"the block's events can't be read: {error!r}") from None
    return None


@lru_cache(maxsize=1)  # 1.5 MB: a chain's runtime is seldom another one
def decoded(metadata: bytes) -> MetadataV14:
    """Metadata of version 14, as `state_getMetadata` gives it; raises `UnreadableMetadata`."""
    if not metadata.startswith(HEAD):
        raise UnreadableMetadata("the chain's metadata can't be read: it is not of version 14")
    try:
        described: MetadataV14 = CODEC.decode_all(metadata[len(HEAD) :])
    except ScaleError as error:
        raise UnreadableMetadata(f"the chain's metadata can't be read: {error}") from None
    return described


def _type_of_events(described: MetadataV14) -> int:
    for pallet in described.pallets:
        if pallet.name == "System" and pallet.storage is not None:
            for entry in pallet.storage.entries:
                if entry.name == "Events" and isinstance(entry.type, Plain):
                    return entry.type.type
    raise LookupError("there is no System.Events")


def _in_words(described: MetadataV14, registry: Registry, error: Any) -> str:
    """`Workers.StakeTooLow: The stake is below …`; `Token.FundsUnavailable` where it is no pallet's."""
    kind, fields = error
    match fields:
        case {0: {"index": index, "error": number}}:
            pallet = {each.index: each for each in described.pallets}[index]
            name, docs = registry.variant(pallet.errors, number[0])
            return f"{pallet.name}.{name}: {' '.join(docs)}"
        case {0: (reason, _)}:
            return f"{kind}.{reason}"
    return str(kind)
