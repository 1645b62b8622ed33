"""The chain of `job_chain` with a cluster, and workers that know what a committee's members do."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from nacl.signing import SigningKey

from offchain.keys import WorkerKeys
from pallets.clusters.pallet import Clusters
from pallets.frame.runtime import Call
from pallets.frame.validity import InvalidTransaction
from pallets.primitives.cluster import (
    BOX_TAG,
    CONFIRM_TAG,
    KEY_TAG,
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
from pallets.primitives.hashing import blake2_256
from tests.pallets.job_chain import SGX, STAKE, UNIT, JobChain, JobRuntime, TestWorker

WINDOW, LOOK, PATIENCE, COOL_DOWN = 30_000, 15_000, 600_000, 300_000
BEAT = 20_000
"""Milliseconds between two blocks at most, each with heartbeats."""


class ClusterRuntime(JobRuntime):
    """With the cluster, which hears of randomness first."""

    def compose(self) -> None:
        super().compose()
        self.clusters = Clusters(
            index=30,
            system=self.system,
            timestamp=self.timestamp,
            attestation=self.attestation,
            workers=self.workers,
            beacon=lambda: self.randomness,
            max_confidence=2,
            max_volunteers=16,
            window=WINDOW,
            look_interval=LOOK,
            patience=PATIENCE,
            cool_down=COOL_DOWN,
        )
        self.randomness.listeners = (self.clusters, *self.randomness.listeners)
        self.randomness.queues = (self.jobs, self.clusters)
        self.jobs.key_holders = self.clusters


class Member(TestWorker):
    """A worker, and what it says of its seat. `secret` stands for the cluster's: whoever has it can sign for it."""

    __test__ = False
    chain: ClusterChain

    def __init__(self, chain: ClusterChain, name: str, operator: bytes, secret: bytes = b"the first") -> None:
        super().__init__(chain, name, operator, SGX)
        self.keys = WorkerKeys(sha256(name.encode()).digest(), sha256(b"seal " + name.encode()).digest())
        self.info.seal_key = self.keys.seal_key
        self.secret = secret

    @property
    def seat(self) -> Seat | None:
        return self.chain.rt.clusters.seat.get(self.key)

    def volunteer(self, number: int | None = None, hash: bytes | None = None) -> Call:
        number = self.chain.rt.system.number - 1 if number is None else number
        hash = self.chain.head if hash is None else hash
        signature = self.signer.sign(volunteer_bytes(self.chain.genesis_hash, self.key, number, hash)).signature
        return self._call("volunteer", worker=self.key, number=number, hash=hash, signature=signature)

    def propose(self, secret: bytes | None = None, **other: Any) -> Call:
        """Its own secret's public halves, unless told otherwise; `other` are arguments to be changed after signing."""
        signer = cluster_signer(secret or self.secret)
        seal_key, signing_key = sha256(signer.encode()).digest(), signer.verify_key.encode()
        said = self.said(KEY_TAG, key_subject(seal_key, signing_key))
        arguments = {
            "worker": self.key,
            "generation": self.chain.generation,
            "seal_key": seal_key,
            "signing_key": signing_key,
            "signature": self.signer.sign(said).signature,
            "key_signature": signer.sign(said).signature,
        }
        return self._call("propose_key", **(arguments | other))

    def request(self, quote: bytes | None = None) -> Call:
        quote = self.quote() if quote is None else quote
        signature = self.signer.sign(self.said(REQUEST_TAG, blake2_256(quote))).signature
        return self._call("request", worker=self.key, quote=quote, signature=signature)

    def hand(self, to: Member, box: bytes = b"a box") -> Call:
        signature = self.signer.sign(self.said(BOX_TAG, blake2_256(box), seat=to.number)).signature
        return self._call("hand_over", holder=self.key, to=to.key, box=box, signature=signature)

    def confirm(self, secret: bytes | None = None) -> Call:
        said = self.said(CONFIRM_TAG, NO_SUBJECT)
        proof = cluster_signer(secret or self.secret).sign(said).signature
        return self._call("confirm", worker=self.key, signature=self.signer.sign(said).signature, key_signature=proof)

    def says(self, word: ClusterWord, box: bytes = b"a box") -> Call:
        subject = blake2_256(box) if word is ClusterWord.BadBox else NO_SUBJECT
        signature = self.signer.sign(self.said(WORD_TAG[word], subject)).signature
        return self._call("word", worker=self.key, word=word, signature=signature)

    @property
    def number(self) -> int:
        return self.seat.number if self.seat else 0

    def said(self, tag: bytes, subject: bytes, seat: int | None = None) -> bytes:
        seat = self.number if seat is None else seat
        return member_bytes(tag, self.chain.genesis_hash, self.key, seat, self.chain.generation, subject)

    def join(self) -> None:
        """From its invitation, or its request, to the secret, by the holder that it is asked of."""
        assert self.seat is not None
        if self.seat.state is SeatState.Invited:
            self.chain.send(self.request())
        self.chain.asked(self).send_box(self)
        self.chain.send(self.confirm(self.chain.secret))

    def send_box(self, to: Member) -> None:
        self.chain.send(self.hand(to))

    def _call(self, name: str, /, **arguments: Any) -> Call:
        if name != "volunteer":
            arguments.setdefault("generation", self.chain.generation)
        return self.chain.rt.call("Clusters", name, **arguments)


class ClusterChain(JobChain):
    """The chain, and the members by name: 12 of as many operators at most."""

    runtime = ClusterRuntime
    rt: ClusterRuntime

    def __init__(self, authorities: int = 1) -> None:
        super().__init__(authorities)
        self.members: dict[bytes, Member] = {}
        self.secret = b"the first"
        self.asleep: set[bytes] = set()

    @property
    def generation(self) -> int:
        return self.rt.clusters.generation

    def member(self, number: int, secret: bytes = b"the first", operator: int | None = None) -> Member:
        """Number `number`, registered, of an operator of its own unless told otherwise."""
        account = bytes((0x40 + (number if operator is None else operator),)) * 32
        self.rt.balances.mint_into(account, 1_000 * UNIT)
        member = Member(self, f"member {number}", account, secret)
        member.register(STAKE)
        self.members[member.key] = member
        return member

    def seated(self, count: int) -> list[Member]:
        """So many members, each drawn."""
        members = [self.member(number) for number in range(count)]
        for member in members:
            self.send(member.volunteer())
        self.blocks(count + 2)
        assert set(self.rt.clusters.seats) == {member.key for member in members}
        return members

    def committee(self, count: int) -> list[Member]:
        """So many holders, the first of whom proposed the key."""
        members = self.seated(count)
        self.send(members[0].propose())
        for member in members[1:]:
            member.join()
        return members

    def asked(self, member: Member) -> Member:
        """The holder that is asked to serve a member; the last asked where there are several."""
        assert member.seat is not None
        holder = self.members[member.seat.asked[-1]]
        assert holder.seat is not None and member.key in holder.seat.hands
        return holder

    def advance(self, milliseconds: int) -> None:
        """Lets time pass, in blocks that aren't far apart, and with the heartbeats of those awake."""
        end = self.rt.timestamp.now + milliseconds
        while (left := end - self.rt.timestamp.now) > 0:
            self.next_block(min(left, BEAT))
            self.beat()

    def beat(self) -> None:
        """Heartbeats of those awake."""
        for member in self.members.values():
            if member.key in self.asleep:
                continue
            try:
                self.send(member.heartbeat())
            except InvalidTransaction:
                continue  # none is due, or it is revoked

    def states(self) -> dict[bytes, SeatState]:
        clusters = self.rt.clusters
        return {worker: clusters.seat[worker].state for worker in clusters.seats}


def cluster_signer(secret: bytes) -> SigningKey:
    return SigningKey(sha256(secret).digest())
