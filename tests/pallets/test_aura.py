from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.aura import MAX_AUTHORITIES, Aura
from pallets.frame.executive import InvalidBlock
from pallets.frame.genesis import build_genesis
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import AURA_ENGINE, Consensus, DigestItem, PreRuntime
from pallets.primitives.keys import dev_keypair
from pallets.primitives.scale import EncodeError
from pallets.runtime import DevRuntime
from tests.pallets.dev_chain import FIRST_SLOT, DevChain
from tests.vectors import vector

ALICE, BOB = dev_keypair("Alice").public, dev_keypair("Bob").public


def aura_slot(slot: int) -> PreRuntime:
    return PreRuntime(AURA_ENGINE, slot.to_bytes(8, "little"))


def opened(*digest: DigestItem, authorities: list[bytes] | None = None) -> Aura:
    """Aura in block 1, of this digest, before its hook."""
    chain = DevChain(aura={"authorities": [ALICE] if authorities is None else authorities})
    runtime = chain.runtime()
    runtime.system.initialize(1, bytes(32), list(digest))
    return runtime.aura


def test_genesis_stores_authorities_as_a_real_chain_does() -> None:
    top = json.loads(vector("chainspecs/substrate-node-template.raw.json").read_text())["genesis"]["raw"]["top"]
    key = storage_prefix("Aura", "Authorities")
    state = build_genesis(DevRuntime, {"aura": {"authorities": [ALICE, BOB]}})
    assert "0x" + state[key].hex() == top["0x" + key.hex()]
    version = storage_prefix("Aura", ":__STORAGE_VERSION__:")
    assert "0x" + state[version].hex() == top["0x" + version.hex()]


def test_the_slot_is_read_from_the_header() -> None:
    aura = opened(aura_slot(41))
    aura.on_initialize(1)
    assert aura.current_slot == 41
    assert aura.state.get(storage_prefix("Aura", "CurrentSlot")) == (41).to_bytes(8, "little")


@pytest.mark.parametrize("slot", [41, 40, 0])
def test_a_slot_that_does_not_grow_is_refused(slot: int) -> None:
    aura = opened(aura_slot(slot))
    aura.current_slot = 41
    with pytest.raises(InvalidBlock, match=f"slot {slot} is not after its parent's, 41"):
        aura.on_initialize(2)
    assert aura.current_slot == 41


@pytest.mark.parametrize(
    "digest",
    [
        [],
        [PreRuntime(b"BABE", bytes(8))],
        [PreRuntime(AURA_ENGINE, bytes(7))],
        [PreRuntime(AURA_ENGINE, bytes(9))],
        [Consensus(AURA_ENGINE, bytes(8))],
    ],
)
def test_a_header_without_a_slot_is_refused(digest: list[DigestItem]) -> None:
    with pytest.raises(InvalidBlock, match="the header has no slot"):
        opened(*digest).on_initialize(1)


def test_foreign_digest_items_do_not_hide_the_slot() -> None:
    aura = opened(PreRuntime(b"BABE", bytes(8)), aura_slot(9))
    aura.on_initialize(1)
    assert aura.current_slot == 9


@given(st.integers(1, 32), st.integers(0, (1 << 64) - 1))
def test_authorities_take_turns(count: int, slot: int) -> None:
    authorities = [bytes((i,)) * 32 for i in range(count)]
    aura = opened(authorities=authorities)
    assert aura.author(slot) == authorities[slot % count]
    assert {aura.author(slot + i) for i in range(count)} == {*authorities}


def test_the_current_author_is_that_of_the_current_slot() -> None:
    aura = opened(aura_slot(5), authorities=[ALICE, BOB])
    aura.on_initialize(1)
    assert aura.current_author() == BOB


def test_a_chain_without_authorities_has_no_author() -> None:
    with pytest.raises(InvalidBlock, match="no authorities"):
        opened(authorities=[]).author(1)


def test_more_authorities_than_the_bound_do_not_fit() -> None:
    crowd = [bytes((i,)) * 32 for i in range(MAX_AUTHORITIES + 1)]
    build_genesis(DevRuntime, {"aura": {"authorities": crowd[:-1]}})
    with pytest.raises(EncodeError, match="at most 32"):
        build_genesis(DevRuntime, {"aura": {"authorities": crowd}})


@pytest.mark.parametrize("off", [-1, 1, 99, 100, -100])
def test_the_time_is_the_start_of_the_slot(off: int) -> None:
    aura = opened(aura_slot(7))
    aura.on_initialize(1)
    aura.on_timestamp_set(700)
    with pytest.raises(InvalidBlock, match="its slot 7 starts at 700"):
        aura.on_timestamp_set(700 + off)


def test_slots_may_be_skipped() -> None:
    chain = DevChain()
    for slot in (FIRST_SLOT, FIRST_SLOT + 1, FIRST_SLOT + 600, FIRST_SLOT + 601):
        chain.author(slot=slot)
        assert chain.runtime().aura.current_slot == slot


def test_two_blocks_of_one_slot_are_refused() -> None:
    chain = DevChain()
    chain.author(slot=FIRST_SLOT)
    with pytest.raises(InvalidBlock, match="is not after its parent's"):
        chain.author(slot=FIRST_SLOT)
