"""What a node says, taken only with what proves it.

Headers are asked for by their hash and checked against it; storage comes with read proofs, which are checked against
the state root of a header. Which headers are final is for the caller to know.

Errors: `light.errors`; those of `offchain.rpc` pass through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from offchain.chain import UNKNOWN_BLOCK
from offchain.light.errors import NotProven, StateGone
from offchain.rpc import CallFailed, Client
from pallets.primitives.codec import codec_of
from pallets.primitives.header import Header
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.storage_proof import InvalidProof, verify_proof
from pallets.primitives.types import H256

MAX_ENTRIES = 100_000
"""Entries of one proof."""
PROOF = codec_of(tuple[H256, bytes, list[Header]])
"""`sc_consensus_grandpa::FinalityProof`."""


class FinalityProof(NamedTuple):
    """The hash of a block, its justification, and the headers behind the block asked about, up to it."""

    target: bytes
    justification: bytes
    headers: list[Header]


class UntrustedNode:
    """A node behind a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def header(self, hash: bytes) -> Header | None:
        """The header of this hash, if the node has it; raises `NotProven` for any other."""
        found = await self._client.call("chain_getHeader", f"0x{hash.hex()}")
        if found is None:
            return None
        header = _header(found)
        if header.hash != hash:
            raise NotProven(f"the node's header of block 0x{hash.hex()} has another hash: 0x{header.hash.hex()}")
        return header

    async def last_final(self) -> bytes:
        """The hash of what the node calls its last final block."""
        return _bytes(await self._client.call("chain_getFinalizedHead"), 32)

    async def finality_proof(self, number: int) -> FinalityProof | None:
        """What proves that the block of a number is final; `None` where nothing was justified yet. Not checked."""
        found = await self._client.call("grandpa_proveFinality", number)
        if found is None:
            return None
        try:
            return FinalityProof(*PROOF.decode_all(_bytes(found)))
        except DecodeError as error:
            raise NotProven(f"the node's finality proof can't be read: {error}") from None

    async def read_proof(self, header: Header, keys: Sequence[bytes]) -> list[bytes]:
        """The entries of a read proof of these keys in the state after a block. Not checked."""
        with _known(header):
            found = await self._client.call(
                "state_getReadProof", [f"0x{key.hex()}" for key in keys], f"0x{header.hash.hex()}"
            )
        entries = found.get("proof") if isinstance(found, dict) else None
        if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
            raise NotProven("the node's answer to state_getReadProof is not of the expected shape")
        return [_bytes(entry) for entry in entries]

    async def proven(self, header: Header, keys: Sequence[bytes]) -> dict[bytes, bytes | None]:
        """The values of these keys in the state after a block, `None` for those that are not there."""
        return checked(header, await self.read_proof(header, keys), keys)


def checked(header: Header, proof: Sequence[bytes], keys: Sequence[bytes]) -> dict[bytes, bytes | None]:
    """The values that a read proof shows under a header; raises `NotProven`."""
    try:
        return verify_proof(header.state_root, proof, keys)
    except InvalidProof as error:
        raise NotProven(f"the read proof at block {header.number} doesn't hold: {error}") from None


def decoded_header(data: bytes) -> Header:
    """The header of these bytes; raises `NotProven`."""
    try:
        return Header.decode(data)
    except DecodeError as error:
        raise NotProven(f"a header can't be read: {error}") from None


def _header(found: Any) -> Header:
    try:
        roots = [_bytes(found[name], 32) for name in ("stateRoot", "extrinsicsRoot")]
        logs = [_bytes(item) for item in found["digest"]["logs"]]
        number = compact(int(found["number"], 16))
        data = _bytes(found["parentHash"], 32) + number + b"".join(roots) + compact(len(logs)) + b"".join(logs)
    except (TypeError, ValueError, LookupError):
        raise NotProven("the node's answer to chain_getHeader is not of the expected shape") from None
    return decoded_header(data)


def _bytes(found: Any, size: int | None = None) -> bytes:
    try:
        data = bytes.fromhex(found[2:]) if found.startswith("0x") else None
    except (AttributeError, TypeError, ValueError):
        data = None
    if data is None or size not in (None, len(data)):
        raise NotProven(f"the node answered {found!r:.80} where hex was expected")
    return data


@contextmanager
def _known(header: Header) -> Iterator[None]:
    try:
        yield
    except CallFailed as error:
        if UNKNOWN_BLOCK.search(error.message) is None:
            raise
        raise StateGone(
            f"the node has no state of block {header.number} any more: ask one that keeps all (--state-pruning archive)"
        ) from None
