"""Metadata of versions 14 to 16, brought to what they have in common.

    schema = read_schema(metadata)          # with its magic, also wrapped as `Metadata_metadata_at_version` answers it

Version 14 is what `state_getMetadata` answers. Nothing is lost: `rewritten` gives the very bytes again.

Errors: `UnreadableMetadata`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pallets.primitives import metadata_v14, metadata_v15, metadata_v16
from pallets.primitives.metadata_v14 import Constant, Pallet, SignedExtension, Storage, StorageEntry
from pallets.primitives.portable_types import Array, Basic, CompactForm, PortableType, Sequence, Tuple, Type
from pallets.primitives.portable_values import UnreadableMetadata
from pallets.primitives.scale import ScaleError, read_compact

MAGIC = b"meta"
CODECS = {14: metadata_v14.CODEC, 15: metadata_v15.CODEC, 16: metadata_v16.CODEC}
MAX_METADATA = 16 * 1024 * 1024


@dataclass(frozen=True)
class Schema:
    """A runtime, as its metadata describes it; types are by number."""

    version: int
    types: dict[int, Type]
    portable: list[PortableType]
    pallets: list[Pallet]
    """As version 14 has them."""
    address: int
    call: int
    signature: int
    extensions: list[SignedExtension]
    content: Any
    """The decoded metadata itself."""


def unwrapped(data: bytes) -> bytes:
    """Metadata from its magic on, without the option and the lengths that runtime calls answer it in."""
    for at in (0, 1):
        if data[at : at + 4] == MAGIC:
            return data[at:]
    for start in (0, 1):
        try:
            length, at = read_compact(data, start)
        except ScaleError:
            continue
        if length == len(data) - at and data[at : at + 4] == MAGIC:
            return data[at:]
    raise UnreadableMetadata("these bytes are no metadata: `meta` is not at their beginning")


def version_of(metadata: bytes) -> int:
    """The version that metadata says it is of; raises `UnreadableMetadata`."""
    if len(metadata) < 5 or not metadata.startswith(MAGIC):
        raise UnreadableMetadata("these bytes are no metadata: `meta` is not at their beginning")
    return metadata[4]


def read_schema(data: bytes) -> Schema:
    """What metadata describes. Some 50 ms."""
    metadata = unwrapped(data)
    version = version_of(metadata)
    codec = CODECS.get(version)
    if codec is None:
        raise UnreadableMetadata(f"metadata of version {version} doesn't describe its types; 14 to 16 do")
    if len(metadata) > MAX_METADATA:
        raise UnreadableMetadata(f"the metadata has {len(metadata):,} bytes, more than {MAX_METADATA:,}")
    try:
        content = codec.decode_all(metadata[5:])
    except ScaleError as error:
        raise UnreadableMetadata(f"the metadata can't be read: {error}") from None
    types = {each.id: each.type for each in content.types}
    try:
        address, call, signature, extensions = _parts(version, content, types)
    except (LookupError, AttributeError, TypeError) as error:
        raise UnreadableMetadata(f"the metadata's extrinsic can't be read: {error!r}") from None
    pallets = [_pallet(version, each) for each in content.pallets]
    return Schema(version, types, content.types, pallets, address, call, signature, extensions, content)


def rewritten(schema: Schema) -> bytes:
    """The metadata again, byte for byte."""
    return MAGIC + bytes((schema.version,)) + CODECS[schema.version].encode(schema.content)


def type_name(types: dict[int, Type], id: int, written: str | None = None) -> str:
    """How people write a type: what its author wrote, if that is at hand, or what it is."""
    if written:
        return " ".join(written.replace("T::", "").replace("<T as Config>::", "").split())
    type = types.get(id)
    if type is None:
        return f"#{id}"
    if type.path:
        inner = [type_name(types, each.type) for each in type.params if each.type is not None]
        shown = type.path[-1] in ("Option", "Result", "Vec", "BoundedVec", "BTreeMap", "BTreeSet") and inner
        return type.path[-1] + (f"<{', '.join(inner)}>" if shown else "")
    return _structure_name(types, type)


def _structure_name(types: dict[int, Type], type: Type) -> str:
    match type.definition:
        case Basic(primitive):
            return primitive.name
        case Array(length, element):
            return f"[{type_name(types, element)}; {length}]"
        case Sequence(element):
            return f"Vec<{type_name(types, element)}>"
        case Tuple(elements):
            return f"({', '.join(type_name(types, each) for each in elements)})"
        case CompactForm(inner):
            return f"Compact<{type_name(types, inner)}>"
        case definition:
            return definition.__class__.__name__


def _parts(version: int, content: Any, types: dict[int, Type]) -> tuple[int, int, int, list[SignedExtension]]:
    form = content.extrinsic
    if version > 14:
        return form.address, form.call, form.signature, form.extensions
    of = {each.name: int(each.type) for each in types[form.type].params if each.type is not None}
    return of["Address"], of["Call"], of["Signature"], form.extensions


def _pallet(version: int, pallet: Any) -> Pallet:
    if version < 16:
        return Pallet(
            pallet.name, pallet.storage, pallet.calls, pallet.events, pallet.constants, pallet.errors, pallet.index
        )
    storage = pallet.storage and Storage(
        pallet.storage.prefix,
        [StorageEntry(e.name, e.modifier, e.type, e.default, e.docs) for e in pallet.storage.entries],
    )
    calls, events, errors = (each and each.type for each in (pallet.calls, pallet.events, pallet.errors))
    constants = [Constant(each.name, each.type, each.value, each.docs) for each in pallet.constants]
    return Pallet(pallet.name, storage, calls, events, constants, errors, pallet.index)
