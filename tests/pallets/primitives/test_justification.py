"""A real GRANDPA justification of Polkadot, and what makes one invalid."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pallets.primitives.header import Header
from pallets.primitives.justification import (
    Commit,
    InvalidJustification,
    Justification,
    SignedPrecommit,
    precommit_payload,
)
from pallets.primitives.keys import Keypair, Scheme
from tests.vectors import vector


@pytest.fixture
def recorded() -> tuple[bytes, Justification]:
    document = json.loads(vector("recorded/grandpa_justification_polkadot_302592.json").read_text())
    data = bytes.fromhex(document["justification"][2:])
    made = Justification.decode(data)
    assert (made.round, made.commit.target_number) == (int(document["round"]), int(document["target_number"]))
    assert made.commit.target_hash == bytes.fromhex(document["target_hash"][2:])
    return data, made


def voters(justification: Justification) -> list[tuple[bytes, int]]:
    return [(vote.id, 1) for vote in justification.commit.precommits]


def test_decodes_and_verifies(recorded: tuple[bytes, Justification]) -> None:
    data, justification = recorded
    assert justification.encode() == data
    justification.verify([*voters(justification), (bytes(32), 1)], set_id=0)  # five of Polkadot's six


def test_two_thirds_and_one_are_needed(recorded: tuple[bytes, Justification]) -> None:
    _, justification = recorded
    with pytest.raises(InvalidJustification, match="5 of 8 authorities voted, 6 are needed"):
        justification.verify([*voters(justification), *((bytes((i,)) * 32, 1) for i in range(3))], set_id=0)


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


def test_weights_count_not_heads(recorded: tuple[bytes, Justification]) -> None:
    _, justification = recorded
    known = voters(justification)
    justification.verify([*known, (bytes(32), 2)], set_id=0)  # five of seven
    with pytest.raises(InvalidJustification, match="5 of 8 authorities voted, 6 are needed"):
        justification.verify([*known, (bytes(32), 3)], set_id=0)


def test_headers_that_no_vote_needs_are_refused(recorded: tuple[bytes, Justification]) -> None:
    _, justification = recorded
    stray = Header(bytes(32), 7, bytes(32), bytes(32))
    with pytest.raises(InvalidJustification, match="no vote needs 1 of the headers"):
        replace(justification, votes_ancestries=[*justification.votes_ancestries, stray]).verify(
            voters(justification), set_id=0
        )


def test_votes_for_descendants_count_by_the_headers_between() -> None:
    target = Header(bytes(32), 6, bytes(32), bytes(32))
    between = Header(target.hash, 7, bytes(32), bytes(32))
    voted = Header(between.hash, 8, bytes(32), bytes(32))
    keys = [Keypair.from_suri(f"//{name}", Scheme.ED25519) for name in ("Alice", "Bob", "Charlie")]

    def votes(header: Header, number: int) -> list[SignedPrecommit]:
        payload = precommit_payload(header.hash, number, 5, 3)
        return [SignedPrecommit(header.hash, number, key.sign(payload), key.public) for key in keys]

    authorities = [(key.public, 1) for key in keys]
    Justification(5, Commit(target.hash, 6, votes(voted, 8)), [voted, between]).verify(authorities, 3)
    for bad in (
        Justification(5, Commit(target.hash, 6, votes(voted, 8)), [voted]),
        Justification(5, Commit(target.hash, 6, votes(voted, 9)), [voted, between]),
        Justification(5, Commit(voted.hash, 8, votes(target, 6)), []),
    ):
        with pytest.raises(InvalidJustification, match="not for the target"):
            bad.verify(authorities, 3)
    with pytest.raises(InvalidJustification, match="another number"):
        Justification(5, Commit(target.hash, 6, votes(target, 7)), []).verify(authorities, 3)
    with pytest.raises(InvalidJustification, match="twice"):
        Justification(5, Commit(target.hash, 6, votes(voted, 8)), [voted, between, between]).verify(authorities, 3)
