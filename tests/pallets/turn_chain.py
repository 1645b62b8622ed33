"""A chain of several authorities in memory: real blocks, slots and reveals, and nothing on it but what those need."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pallets.aura import Aura
from pallets.balances.pallet import Balances
from pallets.frame import Event
from pallets.frame.executive import Executive
from pallets.frame.genesis import build_genesis
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime
from pallets.frame.validity import ExhaustsResources
from pallets.frame.weights import REF_TIME_PER_SECOND, DbWeight, DispatchInfo, Weight, block_length, block_weights
from pallets.primitives.codec import codec_of
from pallets.primitives.hash_onion import IDENTIFIER, HashOnions
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import AURA_ENGINE, SLOT, Header, PreRuntime
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.primitives.types import Moment
from pallets.randomness.pallet import Randomness
from pallets.session import Session
from pallets.system.pallet import System
from pallets.timestamp import Timestamp

SLOT_DURATION = 100
FIRST_SLOT = 1_000_000
SESSION = 12
DEPOSIT, FINE = 10, 1_000
TREASURY = b"\x77" * 32


def plain_system(version: RuntimeVersion) -> System:
    """System with a block of a second."""
    return System(
        index=0,
        block_weights=block_weights(REF_TIME_PER_SECOND, (1 << 64) - 1),
        block_length=block_length(1 << 20),
        block_hash_count=64,
        db_weight=DbWeight(25_000_000, 100_000_000),
        version=version,
        ss58_prefix=42,
    )


def takes_transactions(system: System) -> bool:
    """Whether a small transaction fits into the open block."""
    space = system.space
    used, length = space.used, space.length
    try:
        space.reserve(DispatchInfo(Weight(1_000_000, 1_000)), 200)
    except ExhaustsResources:
        return False
    finally:
        space.used, space.length = used, length
    return True


class TurnRuntime(Runtime):
    """What it takes for authorities to have turns, and to be fined."""

    version = RuntimeVersion("turns", "turns", 1, 1, 1, [], 1, 1)

    def compose(self) -> None:
        self.system = plain_system(self.version)
        self.aura = Aura(index=3, system=self.system, slot_duration=SLOT_DURATION)
        self.timestamp = Timestamp(index=2, minimum_period=SLOT_DURATION // 2, on_set=self.aura)
        self.balances = Balances(index=5, system=self.system, existential_deposit=DEPOSIT)
        self.session = Session(index=9, system=self.system)
        self.randomness = Randomness(
            index=14,
            system=self.system,
            authorship=self.aura,
            timestamp=self.timestamp,
            currency=self.balances,
            validators=self.session,
            treasury=TREASURY,
            fine=FINE,
            session=SESSION,
        )


class TurnChain:
    """Authorities with onions of so many layers, each with `money`; the last block stays open."""

    def __init__(self, authorities: int, *, layers: int = 1_000, money: int = 100_000) -> None:
        self.keys = [bytes((0x10 + i,)) * 32 for i in range(authorities)]
        self.onions = {key: HashOnions(blake2_256(key), layers) for key in self.keys}
        genesis: dict[str, dict[str, Any]] = {
            "aura": {"authorities": self.keys},
            "balances": {"balances": [(key, money) for key in self.keys] if money else []},
            "randomness": {"commitments": [(key, *onions.commitment(0)) for key, onions in self.onions.items()]},
        }
        self.rt = TurnRuntime(Overlay(DictBackend(build_genesis(TurnRuntime, genesis))))
        self.executive = Executive(self.rt)
        self.head = blake2_256(b"genesis")
        self.open(FIRST_SLOT // authorities * authorities)

    @property
    def slot(self) -> int:
        """The open block's."""
        return self.rt.aura.current_slot

    @property
    def author(self) -> bytes:
        """The open block's."""
        return self.rt.aura.current_author()

    @property
    def randomness(self) -> Randomness:
        """The pallet."""
        return self.rt.randomness

    def inherent_data(self, slot: int) -> dict[bytes, bytes]:
        """What the author of a slot brings, as the chain asks for it."""
        author, state = self.rt.aura.author(slot), self.rt.state
        state.begin()
        asked = self.randomness.next_reveal(author, slot)
        state.rollback()
        data = {b"timstap0": codec_of(Moment).encode(slot * SLOT_DURATION)}
        if asked is not None:
            data[IDENTIFIER] = self.onions[author].reveal_with(asked.onion, asked.layers_left, asked.following)
        return data

    def open(self, slot: int, reveal: bytes | None = None) -> None:
        """Opens a block; `reveal` is the author's inherent data where it isn't what the chain asks for, b"" none."""
        data = self.inherent_data(slot)
        if reveal is not None:
            data[IDENTIFIER] = reveal
        if reveal == b"":
            del data[IDENTIFIER]
        digest = [PreRuntime(AURA_ENGINE, SLOT.encode(slot))]
        number = self.rt.system.number + 1
        self.executive.initialize_block(Header(self.head, number, bytes(32), bytes(32), list(digest)))
        for extrinsic in self.executive.create_inherents(data):
            assert self.executive.apply_extrinsic(extrinsic) is None

    def close(self) -> None:
        """Closes the open block."""
        self.head = self.executive.finalize_block().hash

    def next_block(self, *, slots: int = 1, reveal: bytes | None = None) -> None:
        """Closes the open block, and opens the one so many slots later."""
        slot = self.slot + slots
        self.close()
        self.open(slot, reveal)

    def blocks(self, count: int, dark: Collection[int] = ()) -> list[Event]:
        """So many blocks, none by the authorities of the places `dark`; answers all their events."""
        found = list[Event]()
        for _ in range(count):
            slots = 1
            while (self.slot + slots) % len(self.keys) in dark:
                slots += 1
            self.next_block(slots=slots)
            found += self.rt.events
        return found
