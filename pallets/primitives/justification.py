"""GRANDPA justifications: the proof that two thirds of an authority set finalised a block.

Mirrors `sp_consensus_grandpa::GrandpaJustification`. Each precommit signs
`0x01 ‖ target hash ‖ target number u32 ‖ round u64 ‖ set id u64` with ed25519.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from pallets.primitives.codec import codec_of
from pallets.primitives.header import Header
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.types import H256, U32, U64, Bytes32, Bytes64, struct


class InvalidJustification(ValueError):
    """The justification doesn't prove finality of its target under the given authorities."""


@struct
class SignedPrecommit:
    """One authority's vote for a block."""

    target_hash: H256
    target_number: U32
    signature: Bytes64
    id: Bytes32


@struct
class Commit:
    """A target and the votes for it."""

    target_hash: H256
    target_number: U32
    precommits: list[SignedPrecommit]


@struct
class Justification:
    """A commit, its round, and the headers that tie votes for descendants to the target."""

    round: U64
    commit: Commit
    votes_ancestries: list[Header] = field(default_factory=list)

    @classmethod
    def decode(cls, data: bytes) -> Justification:
        """The justification of exactly these bytes; raises `DecodeError`."""
        return JUSTIFICATION.decode_all(data)  # type: ignore[no-any-return]

    def encode(self) -> bytes:
        return JUSTIFICATION.encode(self)

    def verify(self, authorities: Sequence[bytes], set_id: int) -> None:
        """Raises `InvalidJustification` unless more than two thirds of `authorities` voted for the target.

        `authorities` are the set's ed25519 keys; weights are one each, as every Substrate chain sets them.
        A vote counts for the target when it names it or a descendant reached through `votes_ancestries`.
        """
        parents = {header.hash: header.parent_hash for header in self.votes_ancestries}
        known = set(authorities)
        voters: dict[bytes, None] = {}
        for vote in self.commit.precommits:
            if vote.id not in known:
                raise InvalidJustification(f"0x{vote.id.hex()} is not an authority of set {set_id}")
            if not _descends(vote.target_hash, self.commit.target_hash, parents):
                raise InvalidJustification(
                    f"the vote of 0x{vote.id.hex()} is not for the target or a proven descendant"
                )
            payload = precommit_payload(vote.target_hash, vote.target_number, self.round, set_id)
            if not verify_ed25519(vote.signature, payload, vote.id):
                raise InvalidJustification(f"the signature of 0x{vote.id.hex()} does not verify for round {self.round}")
            voters[vote.id] = None
        needed = len(authorities) - (len(authorities) - 1) // 3
        if len(voters) < needed:
            raise InvalidJustification(f"{len(voters)} of {len(authorities)} authorities voted, {needed} are needed")


def _descends(block: bytes, ancestor: bytes, parents: dict[bytes, bytes]) -> bool:
    for _ in range(len(parents) + 1):
        if block == ancestor:
            return True
        if block not in parents:
            return False
        block = parents[block]
    return False


def precommit_payload(target_hash: bytes, target_number: int, round: int, set_id: int) -> bytes:
    """The 53 bytes a precommit signs."""
    return (
        b"\x01"
        + target_hash
        + target_number.to_bytes(4, "little")
        + round.to_bytes(8, "little")
        + set_id.to_bytes(8, "little")
    )


JUSTIFICATION = codec_of(Justification)
