from __future__ import annotations

import json

import pytest

from pallets.frame.genesis import build_genesis
from pallets.grandpa import MAX_AUTHORITIES, Grandpa, Live
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.keys import Scheme, dev_keypair
from pallets.primitives.scale import EncodeError
from pallets.runtime import DevRuntime
from tests.pallets.dev_chain import DevChain
from tests.vectors import vector

ALICE, BOB = dev_keypair("Alice", Scheme.ED25519).public, dev_keypair("Bob", Scheme.ED25519).public


def test_genesis_is_that_of_a_real_chain() -> None:
    top = json.loads(vector("chainspecs/substrate-node-template.raw.json").read_text())["genesis"]["raw"]["top"]
    state = build_genesis(DevRuntime, {"grandpa": {"authorities": [(ALICE, 1), (BOB, 1)]}})
    shared = [
        storage_prefix("Grandpa", "CurrentSetId"),
        *(k for k in state if k.startswith(storage_prefix("Grandpa", "SetIdSession"))),
    ]
    assert len(shared) == 2
    for key in shared:
        assert "0x" + state[key].hex() == top["0x" + key.hex()]
    # Older than `Grandpa.Authorities`, that chain kept the same list behind a version byte, under a key of its own.
    known = bytes.fromhex(top["0x" + b":grandpa_authorities".hex()][2:])
    assert b"\1" + state[storage_prefix("Grandpa", "Authorities")] == known


def test_the_set_is_live_and_the_first() -> None:
    grandpa = DevChain().runtime().grandpa
    assert grandpa.state_item == Live()
    assert grandpa.current_set_id == 0
    assert grandpa.set_id_session[0] == 0
    assert grandpa.authorities == [(ALICE, 1)]


def test_the_set_stays_from_block_to_block() -> None:
    chain = DevChain()
    before = {key: value for key, value in chain.state.items() if key.startswith(storage_prefix("Grandpa", "")[:16])}
    made = [chain.author() for _ in range(3)]
    assert not [key for block in made for key in block.changes if key in before]
    assert before.items() <= chain.state.items()


def test_more_authorities_than_the_bound_do_not_fit() -> None:
    crowd = [(bytes((i,)) * 32, 1) for i in range(MAX_AUTHORITIES + 1)]
    build_genesis(DevRuntime, {"grandpa": {"authorities": crowd[:-1]}})
    with pytest.raises(EncodeError, match="at most 32"):
        build_genesis(DevRuntime, {"grandpa": {"authorities": crowd}})


def test_events_and_errors_stand_where_frame_has_them() -> None:
    assert [(event.index, event.__name__) for event in Grandpa.events] == [
        (0, "NewAuthorities"),
        (1, "Paused"),
        (2, "Resumed"),
    ]
    assert [error.__name__ for error in Grandpa.errors][3:5] == ["TooSoon", "InvalidKeyOwnershipProof"]
