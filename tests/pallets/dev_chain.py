"""The development chain in memory: its genesis from `chain_spec.json`, blocks authored and imported without a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from pallets.frame.executive import Executive, InherentData
from pallets.frame.genesis import build_genesis, values_of_patch
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import IMMORTAL, Era, Sr25519, signed_extrinsic, signing_payload
from pallets.primitives.hash_onion import DEV_LAYERS, DEV_SECRET, IDENTIFIER, HashOnions
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import AURA_ENGINE, SLOT, Header, PreRuntime
from pallets.primitives.keys import Keypair
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import compact
from pallets.primitives.types import U32, Moment
from pallets.runtime import SLOT_DURATION, DevRuntime

SPEC: dict[str, Any] = json.loads((Path(__file__).resolve().parents[2] / "chain_spec.json").read_text())
RUNTIME_GENESIS: dict[str, Any] = SPEC["genesis"]["runtimeGenesis"]
FIRST_SLOT = 18_000_000_000
ONIONS = HashOnions(DEV_SECRET, DEV_LAYERS)


class Made(NamedTuple):
    """A block and the storage changes it makes; the header's roots are zero."""

    header: Header
    extrinsics: list[bytes]
    changes: dict[bytes, bytes | None]


class DevChain:
    """A chain that grows by `author`; `onions` are the authority's, `genesis` replaces values of the patch."""

    def __init__(self, onions: HashOnions = ONIONS, **genesis: dict[str, Any]) -> None:
        values = values_of_patch(DevRuntime, RUNTIME_GENESIS["patch"]) | genesis
        self.state = build_genesis(DevRuntime, values)
        self.state[CODE_KEY] = bytes.fromhex(RUNTIME_GENESIS["code"][2:])
        self.onions, self.slot = onions, FIRST_SLOT
        self.genesis = self.head = blake2_256(b"genesis")

    def runtime(self) -> DevRuntime:
        """The runtime on the state of the last block."""
        return DevRuntime(Overlay(DictBackend(self.state)))

    def header(self, slot: int) -> Header:
        """What the next block's header says before it is executed."""
        number = self.runtime().system.number + 1
        return Header(self.head, number, bytes(32), bytes(32), [PreRuntime(AURA_ENGINE, SLOT.encode(slot))])

    def inherent_data(self, slot: int) -> InherentData:
        """What the author of a slot brings: its time, and its next reveal."""
        runtime = self.runtime()
        commitment = runtime.randomness.commitment[runtime.aura.author(slot)]
        return {
            b"timstap0": codec_of(Moment).encode(slot * SLOT_DURATION),
            IDENTIFIER: self.onions.reveal(commitment.onion, commitment.layers_left),
        }

    def sign(
        self,
        key: Keypair,
        pallet: str,
        name: str,
        /,
        *,
        nonce: int | None = None,
        era: Era = IMMORTAL,
        birth: bytes | None = None,
        **arguments: Any,
    ) -> bytes:
        """A signed transaction's bytes, put together as a client does; the nonce is the account's own unless given."""
        runtime = self.runtime()
        nonce = runtime.system.account[key.account_id].nonce if nonce is None else nonce
        call = runtime.encode_call(runtime.call(pallet, name, **arguments))
        extra = codec_of(Era).encode(era) + compact(nonce) + compact(0) + b"\0"
        versions = codec_of(tuple[U32, U32]).encode((runtime.version.spec_version, runtime.version.transaction_version))
        implicit = versions + self.genesis + (birth or self.genesis) + b"\0"
        return signed_extrinsic(key.account_id, Sr25519(key.sign(signing_payload(call, extra, implicit))), extra, call)

    def make(self, *transactions: bytes, slot: int | None = None) -> Made:
        """The next block with these transactions; the chain stays as it is."""
        slot = self.slot + 1 if slot is None else slot
        runtime = self.runtime()
        executive = Executive(runtime)
        executive.initialize_block(self.header(slot))
        extrinsics = executive.create_inherents(self.inherent_data(slot)) + list(transactions)
        for extrinsic in extrinsics:
            executive.apply_extrinsic(extrinsic)
        return Made(executive.finalize_block(), extrinsics, runtime.state.changes)

    def execute(self, header: Header, extrinsics: list[bytes]) -> Made:
        """What a block from elsewhere does; the chain stays as it is."""
        runtime = self.runtime()
        made = Executive(runtime).execute_block(header, extrinsics)
        return Made(made, extrinsics, runtime.state.changes)

    def append(self, made: Made) -> Made:
        """Makes a block the head."""
        for key, value in made.changes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        slot = made.header.slot()
        assert slot is not None
        self.slot, self.head = slot, made.header.hash
        return made

    def author(self, *transactions: bytes, slot: int | None = None) -> Made:
        """`make` and `append`."""
        return self.append(self.make(*transactions, slot=slot))
