"""Chains in files: a spec, and blocks as somebody has recorded them.

## Overview

A recording of blocks, gzipped or not, is one of

| kind | what it is |
| --- | --- |
| export | what `export-blocks` writes, JSON or binary: from block 1 on |
| list | a JSON list of `{hash, header_scale, extrinsics}`: from block 1 on |
| dump | a JSON object whose `blocks` have each `block`, as `chain_getBlock` answers it, and `state` afterwards |

A dump has the state before each block but its first, so nothing need be executed for it; its states may lack `:code`,
which is the spec's then.

## Errors

`UnreadableRecording`, `UnrecordedBlock`, `OtherNetwork`, `NotItsHash`; `InvalidChainSpec` of the spec.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from node.chain_spec import CHILD_PREFIX, GZIP_MAGIC, ChainSpec
from node.maintenance import signed_block
from node.maintenance.errors import MaintenanceError
from node.maintenance.signed_block import SignedBlock
from node.replay.block import EVENTS_KEY, Known, RecordedBlock
from node.replay.errors import NotItsHash, OtherNetwork, UnreadableRecording, UnrecordedBlock
from node.state.trie import ordered_root
from node.wasm.backend import FullState
from pallets.primitives.header import Header
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import DecodeError

MAX_BYTES = 4 << 30
"""Of a recording, unpacked."""
BINARY_LENGTH = 8


@dataclass(frozen=True)
class Genesis:
    """The state that a chain begins with."""

    spec: ChainSpec
    hash: bytes

    @classmethod
    def of(cls, path: Path) -> Genesis:
        """Reads a spec; raises `InvalidChainSpec`."""
        spec = ChainSpec.load(path)
        return cls(spec, spec.genesis_header().hash)

    def state(self) -> FullState:
        """All of it, to be changed."""
        raw = self.spec.document["genesis"].get("raw") or {}
        children = {
            _unhex(child): {_unhex(key): _unhex(value) for key, value in entries.items()}
            for child, entries in (raw.get("childrenDefault") or {}).items()
        }
        children = {name.removeprefix(CHILD_PREFIX): entries for name, entries in children.items() if entries}
        return FullState(self.spec.genesis, children, self.spec.state_version)


@dataclass(frozen=True)
class Recording:
    """Blocks in a file, by number."""

    path: Path
    blocks: Mapping[int, RecordedBlock]

    def block(self, number: int) -> RecordedBlock:
        """A block that can be executed; raises `UnrecordedBlock`."""
        if number < 1:
            raise UnrecordedBlock("block 0 is the genesis block: nothing was executed for it")
        found = self.blocks.get(number)
        if found is None:
            there = f"{min(self.blocks)} to {max(self.blocks)}" if self.blocks else "none"
            raise UnrecordedBlock(f"{self.path} has no block {number}: it has {there}")
        return found

    def state_before(self, number: int, genesis: Genesis) -> FullState | None:
        """The recorded state that a block was executed on; `None` where there is none, and it has to be reached."""
        before = self.blocks.get(number - 1)
        if before is None or before.known is None or before.known.state is None:
            return None
        state = {CODE_KEY: genesis.spec.genesis[CODE_KEY], **before.known.state}
        return FullState(state, version=genesis.spec.state_version)

    def leading_to(self, number: int, genesis: Genesis) -> Iterator[RecordedBlock]:
        """The blocks from the first up to the one before, each on the other; raises what is wrong with them."""
        parent = genesis.hash
        for at in range(1, number + 1):
            block = self.blocks.get(at)
            if block is None:
                raise UnrecordedBlock(
                    f"{self.path} has no block {at}, nor the state after it: what block {number} was executed on "
                    "is reached from the genesis block by block"
                )
            if block.header.parent_hash != parent:
                named = block.header.parent_hash.hex()
                if at == 1:
                    raise OtherNetwork(
                        f"{self.path} is of the chain with genesis 0x{named}, the spec's is 0x{parent.hex()}"
                    )
                raise NotItsHash(f"block {at} of {self.path} follows on 0x{named}, block {at - 1} is 0x{parent.hex()}")
            parent = block.hash
            if at < number:
                yield block


def recording(path: Path) -> Recording:
    """Reads a recording. Raises `UnreadableRecording`, and `NotItsHash` where a block's header or body isn't it."""
    content = _content(path)
    try:
        if _is_json(content):
            blocks: Iterator[RecordedBlock]
            document = _document(content)
            if isinstance(document, list):
                blocks = map(_listed, document)
            elif isinstance(document, dict) and isinstance(document.get("blocks"), list):
                blocks = _dumped(document["blocks"])
            else:
                blocks = map(_exported, signed_block.read(io.BytesIO(content), binary=False))
        else:
            blocks = map(_exported, signed_block.read(io.BytesIO(content), binary=True))
        return Recording(path, {block.number: block for block in blocks})
    except MaintenanceError as error:
        raise UnreadableRecording(f"{path}: {error}") from None
    except (DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableRecording(f"{path} holds no blocks in a form that is known: {error!r:.200}") from None


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        if content.startswith(GZIP_MAGIC):
            with gzip.open(io.BytesIO(content)) as packed:
                content = packed.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableRecording(f"{path} can't be read: {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise UnreadableRecording(f"{path} can't be unpacked: {error}") from None
    if len(content) > MAX_BYTES:
        raise UnreadableRecording(f"{path} unpacks to more than {MAX_BYTES >> 30} GiB")
    return content


def _is_json(content: bytes) -> bool:
    return content[: BINARY_LENGTH + 1].lstrip()[:1] in (b"{", b"[")


def _document(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return None  # more than one value, as an export has


def _listed(entry: Any) -> RecordedBlock:
    return _checked(
        _unhex(entry["hash"]),
        Header.decode(_unhex(entry["header_scale"])),
        [_unhex(each) for each in entry["extrinsics"]],
    )


def _exported(block: SignedBlock) -> RecordedBlock:
    return _checked(block.header.hash, block.header, block.extrinsics)


def _dumped(entries: list[Any]) -> Iterator[RecordedBlock]:
    for entry in entries:
        found = SignedBlock.of_json(orjson.dumps({"block": entry["block"]["block"], "justifications": None}))
        state = {_unhex(key): _unhex(value) for key, value in entry["state"].items()}
        known = Known(state.get(EVENTS_KEY), state)
        yield RecordedBlock(found.header.hash, found.header, found.extrinsics, known)


def _checked(hash: bytes, header: Header, extrinsics: list[bytes]) -> RecordedBlock:
    if header.hash != hash:
        raise NotItsHash(f"the header of block {header.number} has the hash 0x{header.hash.hex()}, not 0x{hash.hex()}")
    if ordered_root(extrinsics) != header.extrinsics_root:
        raise NotItsHash(f"the extrinsics of block {header.number} are not those that its header names")
    return RecordedBlock(hash, header, extrinsics)


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
