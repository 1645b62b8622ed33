"""The cluster's committee on the wire: its seats, its keys, and what members sign.

## Overview

The cluster has a secret of 32 bytes that outlives its holders. The chain knows its two public halves: an X25519 key
that boxes are sealed to, and an ed25519 key by which a holder shows that it has the secret. The secret has a number,
its generation, which grows by one whenever somebody who knew it is trusted no more.

Whatever a member says is signed by its worker key, over a tag, its seat's number and the generation: nothing that it
said in one seat, or of one generation, counts in another.

## Out of scope

Who is seated and when (`pallets.clusters`); making, sealing and keeping secrets (`offchain.cluster`).
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import H256, U8, U32, AccountId, BlockNumber, Bound, Bytes32, Moment, UnitEnum, struct
from pallets.primitives.worker import VERSION, WorkerKey

MAX_MEMBERS = 7
MAX_GENERATIONS = 16
"""How many generations a box may carry, and the chain and a holder keep: the newest."""
MAX_QUOTE = 1 << 14
MAX_BOX = 48 + 2 + MAX_GENERATIONS * 36
"""A sealed box is 48 bytes longer than what is in it."""

Quote = Annotated[bytes, Bound(MAX_QUOTE)]
Box = Annotated[bytes, Bound(MAX_BOX)]
"""A libsodium sealed box to a worker's seal key; `Contents` is in it."""


class SeatState(UnitEnum):
    """Where a member stands."""

    __type_path__ = "pallet_clusters::SeatState"

    Invited = 0
    """Is to propose a key where there is none yet, else to show a quote."""
    Waiting = 1
    """Has shown a quote; holders are asked to verify it, and to hand over the secret."""
    Offered = 2
    """Has been handed a box, and is to confirm it or to complain of it."""
    Holder = 3
    """Has shown that it has the secret."""


class SeatEnd(UnitEnum):
    """Why a seat fell free."""

    __type_path__ = "pallet_clusters::SeatEnd"

    Untrusted = 0
    """The worker's attestation doesn't hold any more: revoked, expired, not allowed, or of too low a confidence."""
    Left = 1
    """The worker left."""
    Silent = 2
    """The worker has been unresponsive for long."""
    Late = 3
    """The worker didn't do what it was to do in time."""
    Unserved = 4
    """No holder handed it the secret, or none of their boxes was right: holders hand nothing to a bad quote."""
    Forgetful = 5
    """It lost the secret again and again."""


class ClusterWord(UnitEnum):
    """What a member may say of its secret."""

    __type_path__ = "pallet_clusters::ClusterWord"

    BadBox = 0
    """The box it was handed doesn't open, or the cluster's secret isn't in it."""
    Lost = 1
    """It has no longer what it has confirmed."""


@struct(path="pallet_clusters::Seat")
class Seat:
    """A member's seat."""

    number: U32
    """Counts all seats ever taken; no two have the same."""
    operator: AccountId
    state: SeatState
    due: Moment
    """When the member, or who is to serve it, is late; of a holder, 0."""
    held: U32 = 0
    """The newest generation that the member has confirmed; 0 is none."""
    boxed: bool = False
    """Whether it was handed the secret of this generation."""
    asked: Annotated[list[WorkerKey], Bound(MAX_MEMBERS)] = field(default_factory=list)
    """The holders that were asked to hand it the secret, in this round."""
    round: U8 = 0
    """How often all holders have been asked."""
    giver: WorkerKey | None = None
    """The holder whose box it has."""
    refused: Annotated[list[WorkerKey], Bound(MAX_MEMBERS)] = field(default_factory=list)
    """The holders of this generation whose boxes it complained of."""
    hands: Annotated[list[WorkerKey], Bound(MAX_MEMBERS)] = field(default_factory=list)
    """The members that it, a holder, is asked to hand the secret to."""
    absent_since: Moment | None = None
    """Since when it has been seen not to serve."""
    losses: U8 = 0
    """How often it has lost the secret."""


@struct(path="pallet_clusters::ClusterKey")
class ClusterKey:
    """The public halves of a generation's secret."""

    seal_key: Bytes32
    """X25519: boxes to the cluster."""
    signing_key: Bytes32
    """ed25519: confirmations."""
    proposer: WorkerKey
    since: Moment


def volunteer_bytes(genesis: bytes, worker: bytes, number: int, block_hash: bytes) -> bytes:
    """What a worker signs to be drawn for a seat, as of a block."""
    return VOLUNTEER_TAG + VOLUNTEER.encode((VERSION, genesis, worker, number, block_hash))


def member_bytes(tag: bytes, genesis: bytes, worker: bytes, seat: int, generation: int, subject: bytes) -> bytes:
    """What a member signs of seat number `seat` and a generation.

    | tag | who signs | seat | subject, 32 bytes |
    | --- | --- | --- | --- |
    | `KEY_TAG` | the proposer, and the proposed key | its own | hash of seal key and signing key |
    | `REQUEST_TAG` | the member | its own | hash of its quote |
    | `BOX_TAG` | the holder | the member's | hash of the box |
    | `BAD_BOX_TAG` | the member | its own | hash of the box |
    | `LOST_TAG` | the holder | its own | zero |
    | `CONFIRM_TAG` | the member, and the cluster's signing key | its own | zero |
    """
    return tag + MEMBER.encode((VERSION, genesis, worker, seat, generation, subject))


def key_subject(seal_key: bytes, signing_key: bytes) -> bytes:
    """What stands for a proposed key in what is signed."""
    return blake2_256(seal_key + signing_key)


NO_SUBJECT = bytes(32)
VOLUNTEER_TAG = b"fathom/cluster-volunteer"
KEY_TAG = b"fathom/cluster-key"
REQUEST_TAG = b"fathom/cluster-request"
BOX_TAG = b"fathom/cluster-box"
BAD_BOX_TAG = b"fathom/cluster-bad-box"
LOST_TAG = b"fathom/cluster-lost"
CONFIRM_TAG = b"fathom/cluster-confirm"
WORD_TAG = {ClusterWord.BadBox: BAD_BOX_TAG, ClusterWord.Lost: LOST_TAG}
VOLUNTEER = codec_of(tuple[U8, H256, WorkerKey, BlockNumber, H256])
MEMBER = codec_of(tuple[U8, H256, WorkerKey, U32, U32, H256])

Contents = list[tuple[U32, Bytes32]]
"""What is in a box: generations and their secrets, ascending; the last is the one handed over."""
CONTENTS = codec_of(Annotated[Contents, Bound(MAX_GENERATIONS)])
