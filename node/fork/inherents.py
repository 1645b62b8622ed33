"""What the author of a fork brings into a block: to each runtime all that it may ask for.

A parachain's author needs the relay chain's word for what he says of it: a *relay proof*. On a
fork there is none to ask, so the last proof that the parachain has seen is taken, with a later slot, the parachain's
own new head, and leave for an upgrade that waits for it. The trie that proves these is a new one, and its root is what
the block claims for the relay chain's, as Chopsticks does. A parachain that never saw a proof is told what relay chains
are usually configured to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from node.chain.authorship import AUTHORITIES
from node.chain.inherents import RevealedOnion
from node.chain.tree import Chain
from node.state.backend import State
from node.state.proof import prove
from node.state.trie import Trie
from pallets.frame.executive import InherentData
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.primitives.codec import codec_of
from pallets.primitives.hash_onion import HashOnions
from pallets.primitives.hashing import blake2_256, storage_prefix, twox_64
from pallets.primitives.header import SLOT
from pallets.primitives.scale import compact
from pallets.primitives.trie_node import HASH_SIZE, decode_node
from pallets.primitives.types import U32, Bytes32

AURA_SLOT, BABE_SLOT = b"auraslot", b"babeslot"
UNCLES, NEW_HEADS, PARAS, RELAY = b"uncles00", b"newheads", b"parachn0", b"sysi1337"
NONE = b"\0"
"""An empty list."""

PARA_ID = storage_prefix("ParachainInfo", "ParachainId")
PENDING_CODE = storage_prefix("ParachainSystem", "PendingValidationCode")
VALIDATION_DATA = storage_prefix("ParachainSystem", "ValidationData")
RELAY_PROOF = storage_prefix("ParachainSystem", "RelayStateProof")

RELAY_SLOT = storage_prefix("Babe", "CurrentSlot")
ACTIVE_CONFIG = storage_prefix("Configuration", "ActiveConfig")
HEADS, GO_AHEAD = storage_prefix("Paras", "Heads"), storage_prefix("Paras", "UpgradeGoAheadSignal")
GO = b"\1"
RELAY_SLOT_MS = 6000

PERSISTED = codec_of(tuple[bytes, U32, Bytes32, U32])
"""`PersistedValidationData`: the parachain's head, and of the relay block number, state root and largest block."""
PROOF = codec_of(list[bytes])
BROUGHT = codec_of(tuple[tuple[bytes, U32, Bytes32, U32], list[bytes], list[bytes], list[bytes]])
"""`ParachainInherentData`: with the proof, and the messages that came down and from the sides."""
HOST_CONFIGURATION = codec_of(tuple[U32, U32, U32, U32, U32, U32, U32, U32, U32, U32, U32])
USUAL_CONFIGURATION = (3 << 20, 32 << 10, 8, 1 << 20, 4 << 10, 5, 10, 10, 0, 3, 2)
"""`AbridgedHostConfiguration`: sizes in bytes, counts, and blocks."""
FIRST_RELAY_BLOCK, MAX_POV = 1000, 5 << 20


class SlotOf:
    """The slot, for either consensus, and the lists that old runtimes insist on, empty."""

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None:
        data[AURA_SLOT] = data[BABE_SLOT] = SLOT.encode(slot)
        data[UNCLES] = data[NEW_HEADS] = NONE


class DevelopmentOnion:
    """Of a fork of a Fathom chain: the layer that the slot's author owes, from the onion of development."""

    def __init__(self, chain: Chain, onions: HashOnions) -> None:
        self._chain, self._onions = chain, onions

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None:
        try:
            authorities = AUTHORITIES.decode_all(self._chain.call(parent, "AuraApi_authorities"))
            author = authorities[slot % len(authorities)]
            RevealedOnion(self._chain, self._onions, author).provide(parent, slot, data)
        except UnknownRuntimeApi:
            return  # another chain


class Parachains:
    """A relay chain's: no parachain has anything to say."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None:
        header = self._chain.header(parent)
        assert header is not None  # it is built on
        data[PARAS] = 3 * NONE + header.encode()


class RelayParent:
    """A parachain's: what a relay chain would say."""

    def __init__(self, chain: Chain, slot_duration_ms: int) -> None:
        self._chain, self._slot_duration_ms = chain, slot_duration_ms

    def provide(self, parent: bytes, slot: int, data: InherentData) -> None:
        state = self._chain.state_at(parent)
        para = state.get(PARA_ID)
        header = self._chain.header(parent)
        if para is None or header is None:
            return
        entries = dict(_last_seen(state))
        entries.setdefault(ACTIVE_CONFIG, HOST_CONFIGURATION.encode(USUAL_CONFIGURATION))
        entries[RELAY_SLOT] = SLOT.encode(slot * self._slot_duration_ms // RELAY_SLOT_MS)
        head = header.encode()
        entries[HEADS + twox_64(para) + para] = compact(len(head)) + head
        entries.pop(GO_AHEAD + twox_64(para) + para, None)
        if state.get(PENDING_CODE):
            entries[GO_AHEAD + twox_64(para) + para] = GO
        trie = Trie(entries, 0)
        known = state.get(VALIDATION_DATA)
        _, number, _, max_pov = PERSISTED.decode_all(known) if known else (b"", FIRST_RELAY_BLOCK, b"", MAX_POV)
        number += max(self._slot_duration_ms // RELAY_SLOT_MS, 1)
        claimed = head, number, trie.root, max_pov
        data[RELAY] = BROUGHT.encode((claimed, sorted(prove(trie, list(entries))), [], []))


def _last_seen(state: State) -> Iterator[tuple[bytes, bytes]]:
    """What the last relay proof in a parachain's state proves."""
    data, known = state.get(RELAY_PROOF), state.get(VALIDATION_DATA)
    if data and known:
        yield from proven_by(PROOF.decode_all(data), PERSISTED.decode_all(known)[2])


def proven_by(nodes: Iterable[bytes], root: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries whose values a read proof has, whatever it leaves out; raises `DecodeError`."""
    found = {blake2_256(node): node for node in nodes}
    waiting = [(b"", root)]
    while waiting:
        path, reference = waiting.pop()
        encoded = reference if len(reference) < HASH_SIZE else found.get(reference)
        if encoded is None:
            continue
        node = decode_node(encoded)
        path += node.partial
        value = node.value if node.value_hash is None else found.get(node.value_hash)
        if value is not None and not len(path) % 2:
            yield bytes(high << 4 | low for high, low in zip(path[::2], path[1::2], strict=True)), value
        for slot, child in enumerate(node.children):
            if child is not None:
                waiting.append((path + bytes((slot,)), child))
