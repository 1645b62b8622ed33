"""GRANDPA justifications: the proof that two thirds of an authority set finalised a block.

Mirrors `sp_consensus_grandpa::GrandpaJustification`. Each precommit signs
`0x01 ‖ target hash ‖ target number u32 ‖ round u64 ‖ set id u64` with ed25519.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def verify(self, authorities: Sequence[tuple[bytes, int]], set_id: int) -> None:
        """Raises `InvalidJustification` unless more than two thirds of the weight of `authorities` are for the target.

        `authorities` are the set's ed25519 keys and weights. A vote is for the target when it names it, or a descendant
        that `votes_ancestries` lead to; these are what the votes need, and nothing else. A voter counts once.
        """
        headers = {header.hash: header for header in self.votes_ancestries}
        if len(headers) != len(self.votes_ancestries):
            raise InvalidJustification("a header of the votes' ancestry is there twice")
        weights: dict[bytes, int] = {}
        for key, weight in authorities:
            weights[key] = weights.get(key, 0) + weight
        voters: dict[bytes, None] = {}
        used: dict[bytes, None] = {}
        for vote in self.commit.precommits:
            if vote.id not in weights:
                raise InvalidJustification(f"0x{vote.id.hex()} is not an authority of set {set_id}")
            self._follow(vote, headers, used)
            payload = precommit_payload(vote.target_hash, vote.target_number, self.round, set_id)
            if not verify_ed25519(vote.signature, payload, vote.id):
                raise InvalidJustification(f"the signature of 0x{vote.id.hex()} does not verify for round {self.round}")
            voters[vote.id] = None
        if len(used) != len(headers):
            raise InvalidJustification(
                f"no vote needs {len(headers) - len(used)} of the headers of the votes' ancestry"
            )
        total, found = sum(weights.values()), sum(weights[key] for key in voters)
        needed = total - (total - 1) // 3
        if found < needed:
            raise InvalidJustification(f"{found} of {total} authorities voted, {needed} are needed")

    def _follow(self, vote: SignedPrecommit, headers: Mapping[bytes, Header], used: dict[bytes, None]) -> None:
        """Goes from the block that is voted for back to the target; adds the headers on the way to `used`."""
        block, number = vote.target_hash, vote.target_number
        while block != self.commit.target_hash:
            header = headers.get(block)
            if header is None or header.number != number or number <= self.commit.target_number:
                raise InvalidJustification(
                    f"the vote of 0x{vote.id.hex()} is not for the target or a proven descendant"
                )
            used[block] = None
            block, number = header.parent_hash, number - 1
        if number != self.commit.target_number:
            raise InvalidJustification(f"the vote of 0x{vote.id.hex()} names the target by another number")


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
