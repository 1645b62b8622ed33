"""The cluster: a secret that outlives the workers who hold it, and the committee that hands it on.

## Overview

```
volunteer -> drawn -> Invited -> request -> Waiting -> hand_over -> Offered -> confirm -> Holder
                         |                     ^  not in time, or a bad box: the next holder is asked
                         +-- propose_key, where there is no key yet: the first wins -------> Holder
```
At most seven members, of as many operators, are drawn from those who volunteered: workers that serve and whose
attestation is of high confidence. The first proposed key that gets into a block is the cluster's; a member believes it
only once that block is final. A member shows a quote, holders are asked one after another to verify it themselves and
to seal the secret to the member's seal key, and the member confirms by a signature with the cluster's own key.

A seat falls free when its worker's attestation doesn't hold any more, when it leaves, is unresponsive for long, or is
late. If it knew the secret, a new generation begins, for mere lateness not before the key is `CoolDown` old: those
left, who know the old one, propose the next. What was stored under the old one is exposed until it is replaced
(`is_exposed`). Where nobody is left the next generation comes from nothing, and what only the old secrets open is lost.

All is done by the randomness inherent and by bare transactions that anyone may carry. Windows are a calendar; what fell
due while the chain stood still for over a minute is armed again. A bare transaction that isn't admitted answers
`BadProof` where a signature is wrong, else `Custom`: the index of the error here, or 128 + that of `Attestation`'s.

## Out of scope

Verifying members' quotes, and everything secret: `offchain.cluster`. Secrets stored under the key. Several clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pallets.attestation.pallet import Attestation
from pallets.clusters import checks as cluster_checks
from pallets.clusters import seats as cluster_seats
from pallets.clusters.errors import ClusterErrors
from pallets.frame import (
    H256,
    U8,
    U32,
    AccountId,
    BlockNumber,
    Bound,
    Bytes32,
    Bytes64,
    Const,
    CountedMap,
    DueKey,
    Event,
    Map,
    Moment,
    NoneOrigin,
    Pallet,
    ValidTransaction,
    Value,
    Weight,
    call,
)
from pallets.jobs.terms import Beacon
from pallets.primitives.cluster import (
    BOX_TAG,
    CONFIRM_TAG,
    KEY_TAG,
    MAX_GENERATIONS,
    MAX_MEMBERS,
    REQUEST_TAG,
    VOLUNTEER_TAG,
    WORD_TAG,
    Box,
    ClusterKey,
    ClusterWord,
    Quote,
    Seat,
    SeatEnd,
    SeatState,
)
from pallets.primitives.hashing import Identity
from pallets.primitives.worker import WorkerKey
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.workers.pallet import SIGNATURE_REF_TIME, Workers

LOOK_WEIGHT = Weight(100_000_000, 6_000)
MEMBER_WEIGHT = Weight(SIGNATURE_REF_TIME + 800_000_000, 40_000)
"""A call writes every seat at most once."""


class Clusters(ClusterErrors, Pallet):
    """The cluster: a secret that outlives the workers who hold it, and the committee that hands it on."""

    system: System
    timestamp: Timestamp
    attestation: Attestation
    workers: Workers
    beacon: Callable[[], Beacon]
    max_confidence: Const[U8]
    """The worst level of confidence that a member may have; 1 is the best there is."""
    max_volunteers: Const[U32]
    """How many workers may wait to be drawn."""
    window: Const[Moment]
    """How long a member, or a holder that serves it, has for each step, in milliseconds."""
    look_interval: Const[Moment]
    """How often the chain looks whether members are still to be trusted, in milliseconds."""
    patience: Const[Moment]
    """How long a member may be unresponsive before its seat falls free, in milliseconds."""
    cool_down: Const[Moment]
    """How long an operator that lost a seat can't get another, and how old a key is that goes since a member was late,
    in milliseconds."""

    class Volunteered(Event):
        """A worker may be drawn for a seat."""

        worker: WorkerKey

    class Seated(Event):
        """A worker was drawn for a seat."""

        worker: WorkerKey
        seat: U32

    class KeySet(Event):
        """The cluster has a key of this generation, to be believed once this block is final."""

        generation: U32
        seal_key: Bytes32
        signing_key: Bytes32
        proposer: WorkerKey

    class KeyExposed(Event):
        """The key of this generation isn't used any more: somebody knew its secret who is trusted no more."""

        generation: U32

    class Requested(Event):
        """A member has shown its quote, and waits for the secret."""

        worker: WorkerKey

    class HandedOver(Event):
        """A holder has handed a member a box."""

        holder: WorkerKey
        worker: WorkerKey

    class BoxRefused(Event):
        """A member says that the secret isn't in the box it was handed; another holder is asked."""

        holder: WorkerKey
        worker: WorkerKey

    class Confirmed(Event):
        """A member has shown that it has the secret of this generation."""

        worker: WorkerKey
        generation: U32

    class SecretLost(Event):
        """A holder says that it has lost the secret; it is handed it again."""

        worker: WorkerKey

    class SeatFreed(Event):
        """A member has its seat no more."""

        worker: WorkerKey
        reason: SeatEnd

    seats = Value[Annotated[list[WorkerKey], Bound(MAX_MEMBERS)]](default=list)
    """The members."""
    seat = Map[WorkerKey, Seat](missing=ClusterErrors.NotSeated)
    """What each member is to do."""
    taken = Value[U32](default=0)
    """How many seats have ever been taken."""
    generation = Value[U32](default=1)
    """The generation of the key in use, or of the one that is to be proposed."""
    key = Map[U32, ClusterKey]()
    """The last sixteen keys by generation."""
    quote = Map[WorkerKey, Quote]()
    """What members who wait have shown; kept until they have confirmed."""
    box = Map[WorkerKey, Box]()
    """What members have been handed; kept until they have confirmed."""
    windows = Map[tuple[DueKey, WorkerKey], None](hasher=Identity)
    """When each member that is no holder will be late."""
    next_look = Value[Moment](default=0)
    """When the chain looks at its members again."""
    volunteers = CountedMap[U32, WorkerKey](hasher=Identity)
    """Who may be drawn, without gaps."""
    place = Map[WorkerKey, U32]()
    """Where in `volunteers` a worker is."""
    draw_from = Value[BlockNumber](default=0)
    """The block from which on seats are drawn for; 0 where none are."""
    rotate_at = Value[Moment](default=0)
    """When the key goes that somebody knew who only was late; 0 is never."""
    former = Map[AccountId, Moment]()
    """The operators that lost a seat lately, and until when they get no other."""
    cooling = Map[tuple[DueKey, AccountId], None](hasher=Identity)
    """When each of those may have a seat again."""

    def integrity_test(self) -> None:
        if not (1 <= self.max_confidence <= 5 and self.max_volunteers and self.window and self.look_interval):
            raise ValueError("Clusters: max_confidence is 1 to 5; max_volunteers, window, look_interval are above zero")

    def on_randomness(self, mix: bytes) -> None:
        """What is to be done in every block, when its time and its randomness are known."""
        self.system.register_weight(LOOK_WEIGHT * cluster_seats.tend(self))

    def first_waiting(self) -> int | None:
        """The block in which it was noted that seats are to be drawn for."""
        return cluster_seats.first_waiting(self)

    # Calls

    def validate_propose_key(
        self,
        worker: bytes,
        generation: int,
        seal_key: bytes,
        signing_key: bytes,
        signature: bytes,
        key_signature: bytes,
    ) -> ValidTransaction:
        """Admits a key where there is none."""
        with cluster_checks.refusing(self):
            cluster_checks.check_key(self, worker, generation, seal_key, signing_key, signature, key_signature)
        return cluster_checks.once(KEY_TAG, worker, generation)

    @call(0, weight=MEMBER_WEIGHT, validate=validate_propose_key)
    def propose_key(
        self,
        none: NoneOrigin,
        worker: WorkerKey,
        generation: U32,
        seal_key: Bytes32,
        signing_key: Bytes32,
        signature: Bytes64,
        key_signature: Bytes64,
    ) -> None:
        """Propose the public halves of a secret that the worker has made, where there is no key of the generation.

        Signed by the member and by the proposed key. A bare transaction that anyone may submit.
        """
        seat = cluster_checks.check_key(self, worker, generation, seal_key, signing_key, signature, key_signature)
        self.key[generation] = ClusterKey(seal_key, signing_key, worker, self.timestamp.now)
        if generation > MAX_GENERATIONS:
            del self.key[generation - MAX_GENERATIONS]
        self.deposit(self.KeySet(generation, seal_key, signing_key, worker))
        cluster_seats.settle(self, worker, seat)
        for member in self.seats:
            if member != worker:
                cluster_seats.invite(self, member, self.seat[member])

    def validate_hand_over(
        self, holder: bytes, to: bytes, generation: int, box: bytes, signature: bytes
    ) -> ValidTransaction:
        """Admits a box for a member that waits for one."""
        with cluster_checks.refusing(self):
            cluster_checks.check_box(self, holder, to, generation, box, signature)
        return cluster_checks.once(BOX_TAG, to, generation)

    @call(1, weight=MEMBER_WEIGHT, validate=validate_hand_over)
    def hand_over(
        self, none: NoneOrigin, holder: WorkerKey, to: WorkerKey, generation: U32, box: Box, signature: Bytes64
    ) -> None:
        """Hand a member that waits the secret, in a box that its seal key opens.

        Signed by any holder, asked or not. A bare transaction that anyone may submit.
        """
        seat = cluster_checks.check_box(self, holder, to, generation, box, signature)
        cluster_seats.offer(self, to, seat, holder, box)
        self.deposit(self.HandedOver(holder, to))

    def validate_confirm(
        self, worker: bytes, generation: int, signature: bytes, key_signature: bytes
    ) -> ValidTransaction:
        """Admits a confirmation of a box."""
        with cluster_checks.refusing(self):
            cluster_checks.check_confirmation(self, worker, generation, signature, key_signature)
        return cluster_checks.once(CONFIRM_TAG, worker, generation)

    @call(2, weight=MEMBER_WEIGHT, validate=validate_confirm)
    def confirm(
        self, none: NoneOrigin, worker: WorkerKey, generation: U32, signature: Bytes64, key_signature: Bytes64
    ) -> None:
        """Show that the member has the secret: its own signature and one with the cluster's key.

        A bare transaction that anyone may submit.
        """
        seat = cluster_checks.check_confirmation(self, worker, generation, signature, key_signature)
        cluster_seats.settle(self, worker, seat)
        self.deposit(self.Confirmed(worker, generation))

    def validate_request(self, worker: bytes, generation: int, quote: bytes, signature: bytes) -> ValidTransaction:
        """Admits a quote of a member that was invited."""
        with cluster_checks.refusing(self):
            cluster_checks.check_request(self, worker, generation, quote, signature)
        return cluster_checks.once(REQUEST_TAG, worker, generation)

    @call(3, weight=Weight(SIGNATURE_REF_TIME + 900_000_000, 60_000), validate=validate_request)
    def request(self, none: NoneOrigin, worker: WorkerKey, generation: U32, quote: Quote, signature: Bytes64) -> None:
        """Ask for the secret: show a fresh quote over the worker's info, which holders will verify.

        Signed by the member. A bare transaction that anyone may submit.
        """
        seat = cluster_checks.check_request(self, worker, generation, quote, signature)
        seat.state = SeatState.Waiting
        self.quote[worker] = quote
        self.deposit(self.Requested(worker))
        cluster_seats.ask_next(self, worker, seat)

    def validate_word(self, worker: bytes, generation: int, word: ClusterWord, signature: bytes) -> ValidTransaction:
        """Admits a complaint of a box, or a loss."""
        with cluster_checks.refusing(self):
            seat = cluster_checks.check_word(self, worker, generation, word, signature)
        return cluster_checks.once(WORD_TAG[word] + bytes((len(seat.refused),)), worker, generation)

    @call(4, weight=MEMBER_WEIGHT, validate=validate_word)
    def word(self, none: NoneOrigin, worker: WorkerKey, generation: U32, word: ClusterWord, signature: Bytes64) -> None:
        """Say that the box is bad, so that another holder is asked; or that the secret is lost, to be handed it again.

        Signed by the member. A bare transaction that anyone may submit.
        """
        seat = cluster_checks.check_word(self, worker, generation, word, signature)
        if word is ClusterWord.BadBox:
            self.deposit(self.BoxRefused(seat.giver or worker, worker))
            cluster_seats.complain(self, worker, seat)
        else:
            self.deposit(self.SecretLost(worker))
            cluster_seats.forget(self, worker, seat)

    def validate_volunteer(self, worker: bytes, number: int, hash: bytes, signature: bytes) -> ValidTransaction:
        """Admits a volunteer."""
        with cluster_checks.refusing(self):
            cluster_checks.check_volunteer(self, worker, number, hash, signature)
        return ValidTransaction(0, [], [VOLUNTEER_TAG + worker], cluster_checks.LONGEVITY, True)

    @call(5, weight=Weight(SIGNATURE_REF_TIME + 500_000_000, 30_000), validate=validate_volunteer)
    def volunteer(
        self, none: NoneOrigin, worker: WorkerKey, number: BlockNumber, hash: H256, signature: Bytes64
    ) -> None:
        """Let a worker be drawn for a seat: its signature over a recent block.

        A bare transaction that anyone may submit.
        """
        cluster_checks.check_volunteer(self, worker, number, hash, signature)
        self.deposit(self.Volunteered(worker))
        cluster_seats.enlist(self, worker)

    # What others may ask

    def next_due(self) -> int | None:
        """When a block has something to do here, in milliseconds; now where a seat may be drawn for."""
        return cluster_seats.next_due(self)

    def holds_key(self, worker: bytes) -> bool:
        """Whether a worker has confirmed that it has the cluster's secret, and still has its seat."""
        seat = self.seat.get(worker)
        return seat is not None and seat.state is SeatState.Holder

    def is_exposed(self, generation: int) -> bool:
        """Whether what is stored under this generation's key is to be replaced: any but the one in use."""
        return generation != self.generation or generation not in self.key
