"""A worker's part in the cluster: it volunteers, takes a seat, has the secret handed to it, and hands it on.

## Overview

| its own entry on the chain | what the worker does |
| --- | --- |
| none | volunteers, if its confidence is high enough |
| `Invited`, no key | makes a secret, writes it down, proposes its public halves |
| `Invited` | shows a fresh quote |
| `Waiting` | waits |
| `Offered` | opens the box; keeps the secrets in it and confirms, or says that the box is bad |
| `Holder` | verifies the quotes of those it is asked to hand the secret to, and seals it to their keys |

Everything is decided on the state after the last final block, with proofs (`offchain.light`), never on the node's word
or on a block that may yet go: a key that isn't final is nobody's, and a secret is handed to nobody who is only seated
on a fork. News come by subscription of the worker's own two entries; while these aren't final it looks again a few
times a second.

A secret is on disk before anything of it leaves. Which of the secrets it keeps is the cluster's is what the chain's key
says: one that matches no key is never used.

## Out of scope

What is stored under the key, and serving agents' keys.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from offchain import cluster_records, records
from offchain.attestation import Enclave
from offchain.chain import IN_POOL, Chain, ChainError, Head, refusal_of
from offchain.cluster_secrets import AgentSubject, ClusterSecret, ClusterSecrets, opened_secrets, sealed_secrets
from offchain.keys import Entropy, WorkerKeys
from offchain.light.finalized import Finalized
from offchain.peers import PeerRefused, check_peer
from offchain.rpc import CallFailed, ConnectionLost
from pallets.primitives.cluster import (
    BAD_BOX_TAG,
    BOX_TAG,
    CONFIRM_TAG,
    KEY_TAG,
    LOST_TAG,
    MAX_MEMBERS,
    NO_SUBJECT,
    REQUEST_TAG,
    ClusterWord,
    Seat,
    SeatState,
    key_subject,
    member_bytes,
    volunteer_bytes,
)
from pallets.primitives.hashing import blake2_256
from pallets.primitives.sealed import NotSealed

SETTLING_SECONDS = 1.0
"""How long a worker serves before it volunteers."""
FINALITY_SECONDS = 0.25
"""How often it looks whether what it was told is final."""
INCLUSION_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
FOR_EVER = float("inf")


class ClusterMember:
    """One worker's part in the cluster, under one set of keys."""

    def __init__(
        self,
        chain: Chain,
        final: Finalized,
        keys: WorkerKeys,
        enclave: Enclave,
        secrets: ClusterSecrets,
        entropy: Entropy,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._chain, self._final, self._keys, self._enclave = chain, final, keys, enclave
        self._secrets, self._entropy, self._log = secrets, entropy, log
        self._seat: Seat | None = None
        self._volunteers = False
        self._heard: set[str] = set()
        self._changed = trio.Event()
        self._refused: dict[bytes, int] = {}  # members whose quote was no good, with their seat's number
        self._pause = FIRST_PAUSE
        self._holds = 0

    @property
    def followed(self) -> dict[bytes, Callable[[bytes | None], None]]:
        """Storage keys to subscribe to, and who takes their values."""
        key = self._keys.worker_key
        return {cluster_records.SEAT.key(key): self._on_seat, cluster_records.PLACE.key(key): self._on_place}

    async def run(self) -> None:
        """Does its part until cancelled."""
        await trio.sleep(SETTLING_SECONDS)
        while len(self._heard) < len(self.followed):
            await self._changed.wait()
        while True:
            changed = self._changed
            try:
                wait = await self._tend()
            except (ChainError, CallFailed, ConnectionLost) as error:
                self._log.info("the cluster has to wait: %s", error)
                wait = self._longer()
            with trio.move_on_after(wait):
                await changed.wait()

    async def agent_key(self, subject: AgentSubject) -> bytes | None:
        """The 32 bytes of an agent's key under the generation in use; `None` where this worker doesn't hold it."""
        final = await self._final.newest()
        secret = await self._secret(await self._generation(final), final)
        return None if secret is None else secret.agent_key(subject)

    # What the chain says

    def _on_seat(self, value: bytes | None) -> None:
        self._seat = cluster_records.SEAT.decode(value)
        self._hear("seat")

    def _on_place(self, value: bytes | None) -> None:
        self._volunteers = value is not None
        self._hear("place")

    def _hear(self, what: str) -> None:
        """Something has changed, or is known now."""
        self._heard.add(what)
        self._pause = FIRST_PAUSE
        self._changed.set()
        self._changed = trio.Event()

    async def _generation(self, final: Head) -> int:
        return await self._final.read_at(final, cluster_records.GENERATION) or 1

    async def _secret(self, generation: int, final: Head) -> ClusterSecret | None:
        """The secret of a generation's key that is final, if this worker has it."""
        secret = self._secrets.get(generation)
        key = await self._final.read_at(final, cluster_records.KEY, generation)
        return secret if secret and key and secret.public == (key.seal_key, key.signing_key) else None

    # What the worker does

    async def _tend(self) -> float:
        """Does what is due; for how many seconds nothing else is."""
        if self._seat is None:
            return FOR_EVER if self._volunteers else await self._volunteer()
        final = await self._final.newest()
        seat = await self._final.read_at(final, cluster_records.SEAT, self._keys.worker_key)
        if seat is None or seat != self._seat:  # it may have changed while the chain was asked
            return FINALITY_SECONDS
        generation = await self._generation(final)
        if seat.state is SeatState.Invited:
            return await self._ask(seat, generation, final)
        if seat.state is SeatState.Offered:
            return await self._take(seat, generation, final)
        if seat.state is SeatState.Holder:
            return await self._hand(seat, generation, final)
        return FOR_EVER

    async def _volunteer(self) -> float:
        key = self._keys.worker_key
        head = await self._chain.best()
        signature = self._keys.sign(volunteer_bytes(self._chain.genesis, key, head.number, head.hash))
        call = cluster_records.volunteer(key, head.number, head.hash, signature)
        await self._submit(call, "volunteers for the cluster's committee")
        return self._longer()

    async def _ask(self, seat: Seat, generation: int, final: Head) -> float:
        """Proposes a key where there is none, or shows a quote."""
        key = self._keys.worker_key
        if await self._final.read_at(final, cluster_records.KEY, generation) is not None:
            info = await self._final.read_at(final, records.WORKER, key)
            if info is None:
                return FINALITY_SECONDS
            quote = self._enclave.quote(info.info.report_data(final.hash))
            signature = self._sign(REQUEST_TAG, seat, generation, blake2_256(quote))
            call = cluster_records.request(key, generation, quote, signature)
            return await self._submit(call, f"asks for the cluster's secret of generation {generation}")
        secret = self._secrets.get(generation)
        if secret is None:
            secret = ClusterSecret(self._entropy(32))
            self._secrets.keep([(generation, secret)])
        said = self._said(KEY_TAG, seat, generation, key_subject(*secret.public))
        call = cluster_records.propose_key(key, generation, secret.public, self._keys.sign(said), secret.sign(said))
        return await self._submit(call, f"proposes a key of generation {generation} for the cluster")

    async def _take(self, seat: Seat, generation: int, final: Head) -> float:
        """Opens the box that a holder has handed over."""
        key = self._keys.worker_key
        box = await self._final.read_at(final, cluster_records.BOX, key) or b""
        try:
            found = await self._opened(box, generation, final)
        except NotSealed as reason:
            self._log.warning("the box of the cluster's secret is bad: %s", reason)
            signature = self._sign(BAD_BOX_TAG, seat, generation, blake2_256(box))
            call = cluster_records.word(key, generation, ClusterWord.BadBox, signature)
            return await self._submit(call, "asks for another box")
        self._secrets.keep(found)
        said = self._said(CONFIRM_TAG, seat, generation, NO_SUBJECT)
        call = cluster_records.confirm(key, generation, self._keys.sign(said), found[-1][1].sign(said))
        return await self._submit(call, f"confirms the cluster's secret of generation {generation}")

    async def _opened(self, box: bytes, generation: int, final: Head) -> list[tuple[int, ClusterSecret]]:
        """The secrets in a box, each that of the chain's key of its generation; raises `NotSealed`."""
        contents = opened_secrets(self._keys, box)
        if not contents or contents[-1][0] != generation:
            raise NotSealed(f"the secret of generation {generation} isn't its last")
        found = []
        for each, value in contents:
            secret = ClusterSecret(value)
            key = await self._final.read_at(final, cluster_records.KEY, each)
            if key is None or secret.public != (key.seal_key, key.signing_key):
                if each == generation:
                    raise NotSealed(f"what it says is the secret of generation {each} isn't")
                continue  # what only helps to read what is exposed anyway
            found.append((each, secret))
        return found

    async def _hand(self, seat: Seat, generation: int, final: Head) -> float:
        """Hands the secret to those that the chain asks it to, if they are what they say."""
        key = self._keys.worker_key
        if await self._secret(generation, final) is None:
            self._log.warning("has lost the cluster's secret of generation %d", generation)
            signature = self._sign(LOST_TAG, seat, generation, NO_SUBJECT)
            call = cluster_records.word(key, generation, ClusterWord.Lost, signature)
            return await self._submit(call, "asks to be handed it again")
        if self._holds != generation:
            self._holds = generation
            self._log.info("holds the cluster's secret of generation %d", generation)
        self._refused = {to: number for to, number in self._refused.items() if to in seat.hands}
        wait = FOR_EVER
        for to in seat.hands[:MAX_MEMBERS]:
            member = await self._final.read_at(final, cluster_records.SEAT, to)
            if member is None or member.state is not SeatState.Waiting or self._refused.get(to) == member.number:
                continue
            try:
                seal_key = await check_peer(self._final, key, to, final)
                box = sealed_secrets(seal_key, self._secrets.up_to(generation), self._entropy(32))
            except (PeerRefused, NotSealed) as reason:
                self._refused[to] = member.number
                self._log.warning("hands worker 0x%s no secret: %s", to[:4].hex(), reason)
                continue
            signature = self._sign(BOX_TAG, member, generation, blake2_256(box))
            call = cluster_records.hand_over(key, to, generation, box, signature)
            wait = await self._submit(call, f"hands worker 0x{to[:4].hex()} the cluster's secret")
        return wait

    # Inside

    def _said(self, tag: bytes, seat: Seat, generation: int, subject: bytes) -> bytes:
        return member_bytes(tag, self._chain.genesis, self._keys.worker_key, seat.number, generation, subject)

    def _sign(self, tag: bytes, seat: Seat, generation: int, subject: bytes) -> bytes:
        return self._keys.sign(self._said(tag, seat, generation, subject))

    async def _submit(self, call: bytes, what: str) -> float:
        """Sends a bare call; for how many seconds to leave it at that."""
        try:
            await self._chain.submit_bare(call)
        except CallFailed as error:
            if error.code not in IN_POOL:
                self._log.info("%s: refused, %s", what, refusal_of(error))
            return self._longer()
        self._log.info("%s", what)
        return INCLUSION_SECONDS

    def _longer(self) -> float:
        self._pause, pause = min(2 * self._pause, LONGEST_PAUSE), self._pause
        return pause
