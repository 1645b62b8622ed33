"""Recorded blocks of real chains, executed by their own runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from node.wasm.backend import FullState
from node.wasm.overlay import Storage
from node.wasm.runtime import Runtime
from pallets.primitives.codec import codec_of
from pallets.primitives.header import DigestItem, Header, Seal
from pallets.primitives.scale import compact
from tests.node.state.recorded import load_json, unhex

PARENT_HASH = bytes.fromhex("26aa394eea5630e07c48ae0c9558cef78a42f33323cb5ced3b44dd825fda9fcc")
"""`System.ParentHash`: Chopsticks writes another one into the state after its first block."""
ALICE = bytes.fromhex(
    "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9de1e86a9a8c739864cf3cc5ec2bea59f"
    "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
)
"""Alice's `System.Account`, into which Chopsticks was told to put a balance."""
DIGEST_ITEM = codec_of(DigestItem)


class Block(NamedTuple):
    """A block's header as its author had it before the seal, its extrinsics, and the state root it claims."""

    header: Header
    extrinsics: list[bytes]

    def encode(self) -> bytes:
        return self.header.encode() + compact(len(self.extrinsics)) + b"".join(self.extrinsics)


def westend_blocks() -> list[Block]:
    """Blocks 1 to 256."""
    blocks = []
    for recorded in load_json("recorded/westend/westend_blocks_1_256.decoded.json.gz"):
        header = Header.decode(unhex(recorded["header_scale"]))
        header.digest = [item for item in header.digest if not isinstance(item, Seal)]
        blocks.append(Block(header, [unhex(extrinsic) for extrinsic in recorded["extrinsics"]]))
    return blocks


def executed(runtime: Runtime, state: FullState, blocks: list[Block]) -> Iterator[tuple[bytes, bytes]]:
    """Executes blocks on a state, which they change; the root after each, and the one it claims."""
    for block in blocks:
        outcome = runtime.call("Core_execute_block", block.encode(), Storage(state))
        yield state.apply(outcome.changes.top, 0), block.header.state_root


class Recording(NamedTuple):
    """What Chopsticks made of a chain: blocks, and after each all of the state but the code."""

    blocks: list[tuple[Block, dict[bytes, bytes]]]
    transactions: list[bytes]


def chopsticks(name: str) -> Recording:
    recorded = load_json(f"recorded/chopsticks/{name}.json.gz")
    blocks = [
        (_block(entry["block"]["block"]), {unhex(key): unhex(value) for key, value in entry["state"].items()})
        for entry in recorded["blocks"]
        if int(entry["block"]["block"]["header"]["number"], 16) or entry is recorded["blocks"][0]
    ]
    return Recording(blocks, [unhex(transaction) for transaction in recorded["txs"]])


def _block(recorded: Any) -> Block:
    fields = recorded["header"]
    digest = [DIGEST_ITEM.decode_all(unhex(item)) for item in fields["digest"]["logs"]]
    items = [item for item in digest if not isinstance(item, Seal)]
    header = Header(unhex(fields["parentHash"]), int(fields["number"], 16), bytes(32), bytes(32), items)
    return Block(header, [unhex(extrinsic) for extrinsic in recorded["extrinsics"]])


def built(runtime: Runtime, storage: Storage, block: Block) -> None:
    """Builds a block on a storage, extrinsic by extrinsic; each must be applied well."""
    runtime.call("Core_initialize_block", block.header.encode(), storage)
    for extrinsic in block.extrinsics:
        assert runtime.call("BlockBuilder_apply_extrinsic", extrinsic, storage).result == b"\0\0"
    runtime.call("BlockBuilder_finalize_block", b"", storage)


def differing(state: FullState, expected: dict[bytes, bytes]) -> set[bytes]:
    """The keys whose values a state doesn't share with a recording."""
    values = state.values()
    keys = (set(values) | set(expected)) - {b":code"}
    return {key for key in keys if values.get(key) != expected.get(key)}
