"""Block headers and their digests.

A header's hash is BLAKE2b-256 of its encoding; the seal is the last digest item and is signed over the header without
it. Mirrors `sp_runtime::generic::{Header, Digest, DigestItem}`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import H256, U64, BlockNumber, Compact, FixedBytes, Variant, Wrapped, struct

EngineId = Annotated[bytes, FixedBytes(4)]
AURA_ENGINE = b"aura"
BABE_ENGINE = b"BABE"
GRANDPA_ENGINE = b"FRNK"


class DigestItem(Variant):
    """One entry of a header's log."""

    __type_path__ = "sp_runtime::generic::digest::DigestItem"
    __unnamed__ = True


@struct(index=6)
class PreRuntime(DigestItem):
    """What the author tells the runtime before execution, such as the slot."""

    engine: EngineId
    data: bytes


@struct(index=4)
class Consensus(DigestItem):
    """What the runtime tells the consensus engine, such as a new authority set."""

    engine: EngineId
    data: bytes


@struct(index=5)
class Seal(DigestItem):
    """The author's signature over the header without this item."""

    engine: EngineId
    data: bytes


@struct(index=0)
class Other(DigestItem):
    """Anything else."""

    data: bytes


@struct(index=8)
class RuntimeEnvironmentUpdated(DigestItem):
    """The block changed `:code` or `:heappages`."""


Digest = Annotated[list[DigestItem], Wrapped("sp_runtime::generic::digest::Digest", "logs")]


@struct(path="sp_runtime::generic::header::Header")
class Header:
    """A block header; roots and hashes are 32 bytes."""

    parent_hash: H256
    number: Compact[BlockNumber]
    state_root: H256
    extrinsics_root: H256
    digest: Digest = field(default_factory=list)

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """The header of exactly these bytes; raises `DecodeError`."""
        return HEADER.decode_all(data)  # type: ignore[no-any-return]

    def encode(self) -> bytes:
        return HEADER.encode(self)

    @property
    def hash(self) -> bytes:
        """The block hash, 32 bytes."""
        return blake2_256(HEADER.encode(self))

    def without_seal(self) -> Header:
        """The header as it was signed: its last seal removed."""
        digest = self.digest[:-1] if self.digest and isinstance(self.digest[-1], Seal) else self.digest
        return Header(self.parent_hash, self.number, self.state_root, self.extrinsics_root, list(digest))

    def slot(self) -> int | None:
        """The Aura or BABE slot of the pre-runtime digest, or `None` where the block carries none."""
        for item in self.digest:
            if isinstance(item, PreRuntime) and item.engine == AURA_ENGINE and len(item.data) == 8:
                return int.from_bytes(item.data, "little")
            if isinstance(item, PreRuntime) and item.engine == BABE_ENGINE and len(item.data) >= 13:
                return int.from_bytes(item.data[5:13], "little")  # behind the kind of claim and who makes it
        return None


HEADER = codec_of(Header)
SLOT = codec_of(U64)
