"""Whether what a member says of its seat counts: signed by it, about this generation, in a state that fits.

Each function raises the pallet's error that says why not. The signature comes first: only the worker itself learns by
name why what it signed isn't taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pallets.attestation.pallet import refusal
from pallets.clusters.seats import may_propose, stale, unfit
from pallets.frame import Error, ValidTransaction
from pallets.frame.validity import BadProof
from pallets.primitives.cluster import (
    BOX_TAG,
    CONFIRM_TAG,
    KEY_TAG,
    MAX_GENERATIONS,
    NO_SUBJECT,
    REQUEST_TAG,
    WORD_TAG,
    ClusterWord,
    Seat,
    SeatState,
    key_subject,
    member_bytes,
    volunteer_bytes,
)
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import blake2_256

if TYPE_CHECKING:
    from pallets.clusters.pallet import Clusters

LONGEVITY = 64
MEMBER_PRIORITY = 1 << 31

SIGNERS = tuple[bytes, bytes]
"""A key and its signature."""


def check_volunteer(clusters: Clusters, worker: bytes, number: int, block: bytes, signature: bytes) -> None:
    """Whether a worker may be drawn from now on."""
    signed = volunteer_bytes(clusters.system.block_hash[0], worker, number, block)
    _check_signatures(clusters, signed, (worker, signature))
    if worker in clusters.seat:
        raise clusters.AlreadySeated
    if worker in clusters.place:
        raise clusters.AlreadyVolunteered
    known, now = clusters.attestation.recent_block(block), clusters.timestamp.now
    if known is None or known.number != number or now > known.moment + clusters.cool_down:
        raise clusters.UnknownBlock
    _check_fit(clusters, worker)
    if clusters.workers.worker[worker].info.operator in clusters.former:
        raise clusters.SeatLostLately
    if len(clusters.volunteers) >= clusters.max_volunteers and not stale(clusters, worker):
        raise clusters.TooManyVolunteers


def check_key(
    clusters: Clusters,
    worker: bytes,
    generation: int,
    seal_key: bytes,
    signing_key: bytes,
    signature: bytes,
    key_signature: bytes,
) -> Seat:
    """The seat of a member that may propose this key."""
    seat, subject = clusters.seat[worker], key_subject(seal_key, signing_key)
    by = (worker, signature), (signing_key, key_signature)
    _check_said(clusters, KEY_TAG, worker, seat, generation, subject, *by)
    if generation in clusters.key:
        raise clusters.KeyIsSet
    if not may_propose(clusters, seat):
        raise clusters.NotToPropose
    before = (clusters.key.get(each) for each in range(max(generation - MAX_GENERATIONS, 0), generation))
    if any(each is not None and (each.seal_key == seal_key or each.signing_key == signing_key) for each in before):
        raise clusters.KeyUsedBefore
    return seat


def check_box(clusters: Clusters, holder: bytes, to: bytes, generation: int, box: bytes, signature: bytes) -> Seat:
    """The seat of a member that waits for a box, and may have one of this holder."""
    giver, seat = clusters.seat[holder], clusters.seat[to]
    _check_said(clusters, BOX_TAG, holder, seat, generation, blake2_256(box), (holder, signature))
    if giver.state is not SeatState.Holder or seat.state is not SeatState.Waiting:
        raise clusters.WrongState
    if holder in seat.refused:
        raise clusters.BoxWasRefused
    _check_fit(clusters, to)
    return seat


def check_confirmation(
    clusters: Clusters, worker: bytes, generation: int, signature: bytes, key_signature: bytes
) -> Seat:
    """The seat of a member that was handed a box, and has the secret."""
    seat, key = clusters.seat[worker], clusters.key.get(generation)
    if key is None:
        raise clusters.NoKeyYet
    by = (worker, signature), (key.signing_key, key_signature)
    _check_said(clusters, CONFIRM_TAG, worker, seat, generation, NO_SUBJECT, *by)
    if seat.state is not SeatState.Offered:
        raise clusters.WrongState
    return seat


def check_request(clusters: Clusters, worker: bytes, generation: int, quote: bytes, signature: bytes) -> Seat:
    """The seat of a member that is to show a quote."""
    seat = clusters.seat[worker]
    _check_said(clusters, REQUEST_TAG, worker, seat, generation, blake2_256(quote), (worker, signature))
    if generation not in clusters.key:
        raise clusters.NoKeyYet
    if seat.state is not SeatState.Invited:
        raise clusters.WrongState
    return seat


def check_word(clusters: Clusters, worker: bytes, generation: int, word: ClusterWord, signature: bytes) -> Seat:
    """The seat of a member that may complain of its box, or have lost the secret."""
    seat, bad = clusters.seat[worker], word is ClusterWord.BadBox
    subject = blake2_256(clusters.box.get(worker) or b"") if bad else NO_SUBJECT
    _check_said(clusters, WORD_TAG[word], worker, seat, generation, subject, (worker, signature))
    if seat.state is not (SeatState.Offered if bad else SeatState.Holder):
        raise clusters.WrongState
    return seat


def _check_said(
    clusters: Clusters, tag: bytes, worker: bytes, seat: Seat, generation: int, subject: bytes, *by: SIGNERS
) -> None:
    """That these keys signed, that it is about this generation, and that the worker is to be trusted."""
    said = member_bytes(tag, clusters.system.block_hash[0], worker, seat.number, generation, subject)
    _check_signatures(clusters, said, *by)
    if generation != clusters.generation:
        raise clusters.WrongGeneration
    _check_fit(clusters, worker)


def _check_signatures(clusters: Clusters, signed: bytes, *by: SIGNERS) -> None:
    for key, signature in by:
        if not clusters.runtime.verify(Ed25519(signature), signed, key):
            raise clusters.BadSignature


def _check_fit(clusters: Clusters, worker: bytes) -> None:
    reason = unfit(clusters, worker)
    if reason is not None:
        raise reason


def once(tag: bytes, worker: bytes, generation: int) -> ValidTransaction:
    """What the pool takes once of a member and a generation."""
    return ValidTransaction(MEMBER_PRIORITY, [], [tag + worker + generation.to_bytes(4, "little")], LONGEVITY, True)


@contextmanager
def refusing(clusters: Clusters) -> Iterator[None]:
    """An error becomes a refusal; a wrong signature one that names nothing else."""
    try:
        yield
    except clusters.BadSignature:
        raise BadProof from None
    except Error as error:
        raise refusal(error) from None
