"""A real GRANDPA justification of Polkadot, and what makes one invalid."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pallets.primitives.justification import InvalidJustification, Justification
from tests.vectors import vector


@pytest.fixture
def recorded() -> tuple[bytes, Justification]:
    document = json.loads(vector("recorded/grandpa_justification_polkadot_302592.json").read_text())
    data = bytes.fromhex(document["justification"][2:])
    made = Justification.decode(data)
    assert (made.round, made.commit.target_number) == (int(document["round"]), int(document["target_number"]))
    assert made.commit.target_hash == bytes.fromhex(document["target_hash"][2:])
    return data, made


def voters(justification: Justification) -> list[bytes]:
    return [vote.id for vote in justification.commit.precommits]


def test_decodes_and_verifies(recorded: tuple[bytes, Justification]) -> None:
    data, justification = recorded
    assert justification.encode() == data
    justification.verify([*voters(justification), bytes(32)], set_id=0)  # five of Polkadot's six


def test_two_thirds_and_one_are_needed(recorded: tuple[bytes, Justification]) -> None:
    _, justification = recorded
    with pytest.raises(InvalidJustification, match="5 of 8 authorities voted, 6 are needed"):
        justification.verify([*voters(justification), *(bytes((i,)) * 32 for i in range(3))], set_id=0)


def test_another_set_or_round_or_voter_is_refused(recorded: tuple[bytes, Justification]) -> None:
    _, justification = recorded
    known = voters(justification)
    with pytest.raises(InvalidJustification, match="does not verify"):
        justification.verify(known, set_id=1)
    with pytest.raises(InvalidJustification, match="does not verify"):
        replace(justification, round=justification.round + 1).verify(known, set_id=0)
    with pytest.raises(InvalidJustification, match="not an authority"):
        justification.verify(known[1:], set_id=0)


def test_one_voter_counts_once(recorded: tuple[bytes, Justification]) -> None:
    _, justification = recorded
    commit = justification.commit
    repeated = replace(justification, commit=replace(commit, precommits=[commit.precommits[0]] * 5))
    with pytest.raises(InvalidJustification, match="1 of 5"):
        repeated.verify(voters(justification), set_id=0)


def test_votes_elsewhere_don_t_count(recorded: tuple[bytes, Justification]) -> None:
    _, justification = recorded
    moved = replace(justification, commit=replace(justification.commit, target_hash=bytes(32)))
    with pytest.raises(InvalidJustification, match="not for the target"):
        moved.verify(voters(justification), set_id=0)
