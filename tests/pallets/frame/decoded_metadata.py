"""Metadata as values: decoded by our own codecs, which real chains' metadata proves to be the format."""

from __future__ import annotations

import gzip
from typing import Any

from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.metadata_v14 import MetadataV14
from pallets.primitives.metadata_v15 import MetadataV15
from pallets.primitives.metadata_v16 import MetadataV16
from pallets.primitives.portable_types import Cases, PortableType
from tests.vectors import vector

CODECS: dict[int, Codec[Any]] = {14: codec_of(MetadataV14), 15: codec_of(MetadataV15), 16: codec_of(MetadataV16)}


def decoded(data: bytes) -> Any:
    """The content of metadata bytes, decoded by the version they name."""
    assert data[:4] == b"meta"
    return CODECS[data[4]].decode_all(data[5:])


def real(name: str) -> bytes:
    """A real chain's metadata, without the option and length around some of the files."""
    data = gzip.decompress(vector(name).read_bytes())
    return data[data.index(b"meta") :]


def cases(number: int, types: list[PortableType]) -> dict[str, Any]:
    made = types[number].type.definition
    assert isinstance(made, Cases)
    return {case.name: case for case in made.cases}
