"""What FRAME says of its own pallets: the V16 metadata of Substrate's node, beside that of our runtime.

A `Vocabulary` puts a pallet's calls, events, errors, storage items and constants into plain values that both sides
share: an index, names, the types by their paths, and for storage the modifier, hashers and the default's bytes.
"""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any

from pallets.frame.metadata import metadata_bytes
from pallets.primitives.metadata_v14 import Map, Plain
from pallets.primitives.metadata_v16 import CODEC, MetadataV16, Pallet, StorageEntry
from pallets.primitives.portable_types import Array, Basic, Cases, CompactForm, Sequence, Tuple, Type, VariantCase
from pallets.primitives.scale import read_compact
from tests.pallets.small_runtime import SmallRuntime
from tests.vectors import vector

MAGIC = b"meta\x10"


@cache
def frame() -> MetadataV16:
    """Substrate's node, of the FRAME version that this chain follows."""
    blob = gzip.decompress(vector("metadata/pjs/v16-substrate.scale.gz").read_bytes())
    _, start = read_compact(blob, 1)  # the blob is an `Option<OpaqueMetadata>`
    metadata: MetadataV16 = CODEC.decode_all(blob[start:].removeprefix(MAGIC))
    return metadata


def ours(runtime: type[SmallRuntime] = SmallRuntime) -> MetadataV16:
    """The small runtime, or one with more pallets."""
    return _decoded(metadata_bytes(runtime, 16))


@cache
def _decoded(blob: bytes) -> MetadataV16:
    metadata: MetadataV16 = CODEC.decode_all(blob.removeprefix(MAGIC))
    return metadata


class Vocabulary:
    """A pallet's declarations by name, in plain values."""

    def __init__(self, metadata: MetadataV16, pallet: str) -> None:
        self.types = {entry.id: entry.type for entry in metadata.types}
        self.pallet: Pallet = next(found for found in metadata.pallets if found.name == pallet)
        declared = self.pallet
        self.calls = self._variants(declared.calls)
        self.events = self._variants(declared.events)
        self.errors = self._variants(declared.errors)
        self.storage = (
            {entry.name: self._entry(entry) for entry in declared.storage.entries} if declared.storage else {}
        )
        self.constants = {item.name: (self.spell(item.type), item.value) for item in declared.constants}

    def spell(self, type_id: int) -> str:
        """A type as Rust would write it; what the runtime composes goes by `runtime::`, whatever the runtime's name."""
        described = self.types[type_id]
        match described.definition:
            case Basic(primitive):
                return primitive.name
            case CompactForm(inner):
                return f"Compact<{self.spell(inner)}>"
            case Sequence(inner):
                return f"Vec<{self.spell(inner)}>"
            case Array(length, inner):
                return f"[{self.spell(inner)}; {length}]"
            case Tuple(inner):
                return "(" + ", ".join(map(self.spell, inner)) + ")"
        return self._named(described)

    def _named(self, described: Type) -> str:
        path = described.path
        if path[-1] == "MultiAddress":
            return "MultiAddress"  # of another account index: there is none here
        if path[-1] == "WeakBoundedVec":
            path = ["bounded_collections", "bounded_vec", "BoundedVec"]  # the same on the wire
        if path[0] in ("kitchensink_runtime", SmallRuntime.crate):
            path = ["runtime", *path[1:]]
        params = [self.spell(param.type) for param in described.params if param.type is not None]
        return "::".join(path) + (f"<{', '.join(params)}>" if params else "")

    def _variants(self, found: Any) -> dict[str, Any]:
        if found is None:
            return {}
        definition = self.types[found.type].definition
        assert isinstance(definition, Cases)
        return {case.name: self._case(case) for case in definition.cases}

    def _case(self, case: VariantCase) -> tuple[int, list[tuple[str | None, str]]]:
        return case.index, [(field.name, self.spell(field.type)) for field in case.fields]

    def _entry(self, entry: StorageEntry) -> tuple[Any, ...]:
        shape = entry.type
        if isinstance(shape, Plain):
            return entry.modifier, self.spell(shape.type), entry.default
        assert isinstance(shape, Map)
        return entry.modifier, shape.hashers, self.spell(shape.key), self.spell(shape.value), entry.default


def assert_frames_own(pallet: str, runtime: type[SmallRuntime] = SmallRuntime) -> None:
    """Our pallet has all of FRAME's events and errors, and what else it has is FRAME's too."""
    theirs, mine = Vocabulary(frame(), pallet), Vocabulary(ours(runtime), pallet)
    assert mine.events == theirs.events
    assert mine.errors == theirs.errors
    assert mine.calls.items() <= theirs.calls.items()
    for name, entry in mine.storage.items():
        assert entry == theirs.storage[name], name
    for name, (spelled, _) in mine.constants.items():
        assert spelled == theirs.constants[name][0], name


def assert_all_of_frames(pallet: str, runtime: type[SmallRuntime] = SmallRuntime) -> None:
    """Our pallet has whatever FRAME's has, and nothing else; but for a runtime's own types, and constants' values."""
    assert_frames_own(pallet, runtime)
    theirs, mine = Vocabulary(frame(), pallet), Vocabulary(ours(runtime), pallet)
    assert mine.calls == theirs.calls
    assert mine.storage.keys() == theirs.storage.keys()
    assert mine.constants.keys() == theirs.constants.keys()
