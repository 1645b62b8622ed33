"""The delivery of what agents' jobs send to other chains: a worker's part in it, under one set of keys.

## Overview

Only a worker that holds the cluster's secret has one. It looks at each outbox that isn't empty about once a second,
and takes one step where it is its turn: `turn_of` counts the holders round, a lease of the chain's time each.

| what a final block has | the step |
| --- | --- |
| an agent without an account there | derives its key, and announces the account |
| an entry that isn't signed | encodes the call by the other chain's metadata, checks and signs it, has it fixed |
| an entry that is signed | hands these very bytes to the other chain, looks for them in its final blocks, says where |

Nothing is kept: a worker that comes in the place of one that died goes by what is on the chain. What was signed is sent
once it is final here, so no other transaction of its nonce is ever sent; and that it was never included is said only
when the last block that it could be in is final there, and it is in none of them.

A worker believes its own chain on proof (`offchain.light`), and what it says of the other is one endpoint's word.

## Out of scope

Which calls an agent may make, and the order: `pallets.crossings`. The other chain: `other_chain`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import trio

from offchain import cluster_records, records
from offchain.chain import IN_POOL, Chain, ChainError, Head, StorageItem, refusal_of
from offchain.cluster_secrets import ClusterSecret, ClusterSecrets
from offchain.crossings import records as crossings
from offchain.crossings.accounts import crossing_key
from offchain.crossings.errors import (
    BadCall,
    CallNotAllowed,
    NonceMoved,
    NotDelivered,
    SpendsTooLittle,
    Unfunded,
)
from offchain.crossings.other_chain import OtherChain, Others
from offchain.crossings.other_runtime import Moves
from offchain.keys import WorkerKeys
from offchain.light.finalized import Finalized
from offchain.rpc import CallFailed, ConnectionLost
from pallets.primitives.cluster import MAX_MEMBERS, SeatState
from pallets.primitives.crossing import (
    ACCOUNT_TAG,
    LEASE,
    MAX_DETAIL,
    MAX_TRANSACTION,
    OUTCOME_TAG,
    SENDING,
    SIGNED_TAG,
    TRANSIENT,
    AllowedChain,
    CrossingAccount,
    Entry,
    Included,
    Indexed,
    Invalid,
    Named,
    Outbox,
    Outcome,
    Reason,
    account_subject,
    crossing_bytes,
    outcome_subject,
    signed_subject,
    turn_of,
)
from pallets.primitives.extrinsic import Era
from pallets.primitives.scale import DecodeError
from pallets.primitives.worker import WorkerKey

LOOK_SECONDS = 1.0
INCLUSION_SECONDS = 6.0
"""How long what was said is given to get into a final block."""
SEND_AGAIN_SECONDS = 30.0
ERA_PERIOD = 256
"""Blocks that a transaction lives: 25 minutes at six seconds a block."""
TROUBLE_MS = 60_000
"""How long a chain may be out of reach, by our chain's time, until a worker says so."""
PAGE, MAX_PAGES = 256, 16
"""Of outboxes that are looked at."""
AT_ONCE = 64
"""Outboxes that a step is taken for: chains out of reach don't keep the others waiting."""

SEATS: StorageItem[list[bytes]] = StorageItem("Clusters", "Seats", list[WorkerKey])

ANNOUNCED = "account"

Place = tuple[int, bytes]
"""Agent, and the other chain's genesis hash."""


@dataclass
class Pursuit:
    """What this worker has done for a transaction that is signed."""

    subject: tuple[int, int]
    """Entry and attempt."""
    scanned: int
    """The last of the other chain's blocks that it isn't in."""
    sent_at: float = -float("inf")
    refusal: str = "nobody refused it"
    """The last word of the other chain's pool."""


class Delivery:
    """One worker's."""

    def __init__(
        self,
        chain: Chain,
        final: Finalized,
        keys: WorkerKeys,
        secrets: ClusterSecrets,
        others: Others,
        log: logging.LoggerAdapter[logging.Logger],
        era_period: int = ERA_PERIOD,
    ) -> None:
        self._chain, self._final, self._keys, self._secrets = chain, final, keys, secrets
        self._others, self._log, self._era_period = others, log, era_period
        self._changed = trio.Event()
        self._under_way: set[Place] = set()
        self._said: dict[Place, tuple[object, float]] = {}
        self._pursuits: dict[Place, Pursuit] = {}
        self._places = trio.CapacityLimiter(AT_ONCE)

    @property
    def followed(self) -> dict[bytes, Callable[[bytes | None], None]]:
        """The storage key to subscribe to, and who takes its values."""
        return {crossings.CHANGED.key(): self._on_changed}

    def _on_changed(self, _: bytes | None) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Delivers, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                busy = await self._look(nursery)
                with trio.move_on_after(LOOK_SECONDS if busy else float("inf")):
                    await self._changed.wait()
                    await trio.sleep(LOOK_SECONDS / 4)  # so much it takes to become final

    async def _look(self, nursery: trio.Nursery) -> bool:
        """Begins what is to be done; whether anything is, for whomever."""
        try:
            places = [crossings.place_of(key) for key in await self._busy()]
        except (CallFailed, ChainError, ConnectionLost, DecodeError) as error:
            self._log.info("outboxes can't be looked at now: %s", error)
            return True
        for known in (self._said, self._pursuits):
            for place in [each for each in known if each not in places]:
                del known[place]
        for place in places:
            if place not in self._under_way:
                self._under_way.add(place)
                nursery.start_soon(self._take_step, place)
        return bool(places)

    async def _busy(self) -> list[bytes]:
        found: list[bytes] = []
        for _ in range(MAX_PAGES):
            page = await self._chain.keys_under(crossings.BUSY.prefix, PAGE, found[-1] if found else None)
            found += page
            if len(page) < PAGE:
                break
        return found

    async def _take_step(self, place: Place) -> None:
        try:
            async with self._places:
                with trio.move_on_after(LEASE / 1000):  # then another's turn comes; what was scanned needn't be again
                    await self._step(*place)
        except (NotDelivered, CallFailed, ChainError, ConnectionLost, DecodeError) as error:
            self._log.info("agent %d's outbox has to wait: %s", place[0], error)
        finally:
            self._under_way.discard(place)

    async def _step(self, agent: int, chain: bytes) -> None:
        head, me = await self._final.newest(), self._keys.worker_key
        holders = await self._holders(head)
        if me not in holders:
            return
        now = await self._final.read_at(head, records.NOW) or 0
        account = await self._final.read_at(head, crossings.ACCOUNT, agent, chain)
        allowed = await self._final.read_at(head, crossings.ALLOWED, agent, chain)
        if allowed is None:
            return
        if account is None:
            if turn_of(holders, agent, 0, now) == me and self._may_say(agent, chain, ANNOUNCED):
                await self._announce(agent, chain, head)
            return
        box = await self._final.read_at(head, crossings.OUTBOX, agent, chain) or Outbox()
        entry = await self._final.read_at(head, crossings.ENTRY, agent, chain, box.first)
        if entry is None or entry.outcome is not None:
            return
        if turn_of(holders, box.first + entry.troubles, entry.since, now) != me:
            return
        about = box.first, entry.attempt, entry.troubles, entry.signed is None
        if not self._may_say(agent, chain, about):
            return
        if entry.signed is not None:
            await self._pursue(agent, chain, allowed, box.first, entry)
            return
        try:
            await self._sign(agent, chain, allowed, account, box, entry, head)
        except NotDelivered as error:
            if error.reason in TRANSIENT and now - entry.since < TROUBLE_MS * (entry.troubles + 1):
                raise
            detail = str(error).encode()[:MAX_DETAIL]
            await self._report(agent, chain, box.first, entry, Invalid(error.reason, detail))

    # The steps

    async def _announce(self, agent: int, chain: bytes, head: Head) -> None:
        generation = await self._final.read_at(head, cluster_records.GENERATION) or 1
        secret = await self._secret(generation, head)
        if secret is None:
            return
        key, worker = crossing_key(secret, agent, chain), self._keys.worker_key
        subject = account_subject(generation, key.account_id)
        said = crossing_bytes(ACCOUNT_TAG, self._chain.genesis, worker, agent, chain, 0, 0, subject)
        signature, proof = self._keys.sign(said), key.sign(said)
        call = crossings.announce(agent, chain, generation, key.account_id, worker, signature, proof)
        await self._say(agent, chain, call, f"announces the account of agent {agent} on 0x{chain[:4].hex()}")

    async def _sign(
        self,
        agent: int,
        chain: bytes,
        allowed: AllowedChain,
        account: CrossingAccount,
        box: Outbox,
        entry: Entry,
        head: Head,
    ) -> None:
        """Makes a transaction of an entry, and has it fixed; raises `NotDelivered` where that can't be."""
        secret = await self._secret(account.generation, head)
        if secret is None:
            return
        key = crossing_key(secret, agent, chain)
        if key.account_id != account.account:
            self._log.warning("agent %d's announced account on 0x%s is none of its keys", agent, chain[:4].hex())
            return
        other = await self._others.chain(chain, allowed.endpoints)
        birth = await other.final_head()
        if birth.number < box.seen:
            return  # this endpoint doesn't know yet what became of the last one
        runtime = await other.runtime(birth)
        call = runtime.encoded(SENDING.decode_all(entry.sending))
        moves = runtime.moves(call)
        _check_allowed(moves, allowed)
        found = await other.account(account.account, birth)
        if box.nonce not in (None, found.nonce):
            raise NonceMoved(f"the account's nonce is {found.nonce}, and {box.nonce} may have been sent")
        transaction = runtime.signed(key, call, found.nonce, chain, birth, self._era_period)
        if len(transaction) > MAX_TRANSACTION:
            raise BadCall(f"the transaction has {len(transaction)} bytes, and may have {MAX_TRANSACTION}")
        takes = moves.amount + await other.fee(transaction)
        if takes > entry.spends:
            raise SpendsTooLittle(f"it takes {takes} with its fee, and {entry.spends} were declared")
        if found.free is not None and found.free < takes:
            raise Unfunded(f"it takes {takes} with its fee, and the account has {found.free}")
        death = Era.mortal(self._era_period, birth.number).death(birth.number)
        subject = signed_subject(found.nonce, birth.number, death, transaction)
        said = self._about(SIGNED_TAG, agent, chain, box.first, entry.attempt, subject)
        fixed = found.nonce, birth.number, death, transaction
        worker, signature = self._keys.worker_key, self._keys.sign(said)
        bare = crossings.sign(agent, chain, box.first, entry.attempt, *fixed, worker, signature)
        await self._say(agent, chain, bare, f"signs entry {box.first} of agent {agent} for 0x{chain[:4].hex()}")

    async def _pursue(self, agent: int, chain: bytes, allowed: AllowedChain, number: int, entry: Entry) -> None:
        """Sees to it that what is signed is sent, and finds out what becomes of it."""
        signed, place = entry.signed, (agent, chain)
        assert signed is not None
        pursuit = self._pursuits.get(place)
        if pursuit is None or pursuit.subject != (number, entry.attempt):
            pursuit = self._pursuits[place] = Pursuit((number, entry.attempt), signed.birth)
        other = await self._others.chain(chain, allowed.endpoints)
        if trio.current_time() >= pursuit.sent_at + SEND_AGAIN_SECONDS:
            pursuit.sent_at = trio.current_time()
            refusal = await other.submit(signed.transaction)
            if refusal is not None:
                pursuit.refusal = refusal
                self._log.info("entry %d of agent %d isn't taken: %s", number, agent, refusal)
        final = await other.final_head()
        while pursuit.scanned < min(final.number, signed.death - 1):
            block, transactions = await other.block(pursuit.scanned + 1)
            if signed.transaction in transactions:
                index = transactions.index(signed.transaction)
                verdict = await other.verdict(block, index)
                await self._report(agent, chain, number, entry, Included(pursuit.scanned + 1, block, index, verdict))
                return
            pursuit.scanned += 1
        if final.number >= signed.death - 1:
            await self._report(agent, chain, number, entry, await self._death(other, agent, final, entry, pursuit))

    async def _death(self, other: OtherChain, agent: int, final: Head, entry: Entry, pursuit: Pursuit) -> Invalid:
        """Why a transaction is in no block, now that it can be in none."""
        signed = entry.signed
        assert signed is not None
        account = await self._final.read_at(await self._final.newest(), crossings.ACCOUNT, agent, other.genesis)
        if account is not None:
            nonce = (await other.account(account.account, final)).nonce
            if nonce != signed.nonce:
                return Invalid(Reason.NonceMoved, f"the account's nonce is {nonce}, not {signed.nonce}".encode())
        return Invalid(Reason.EraDied, f"the pool's last word: {pursuit.refusal}".encode()[:MAX_DETAIL])

    async def _report(self, agent: int, chain: bytes, number: int, entry: Entry, outcome: Outcome) -> None:
        said = self._about(OUTCOME_TAG, agent, chain, number, entry.attempt, outcome_subject(outcome))
        worker, signature = self._keys.worker_key, self._keys.sign(said)
        call = crossings.report(agent, chain, number, entry.attempt, outcome, worker, signature)
        await self._say(agent, chain, call, f"says what became of entry {number} of agent {agent}: {outcome}")

    # Inside

    def _about(self, tag: bytes, agent: int, chain: bytes, number: int, attempt: int, subject: bytes) -> bytes:
        worker = self._keys.worker_key
        return crossing_bytes(tag, self._chain.genesis, worker, agent, chain, number, attempt, subject)

    async def _say(self, agent: int, chain: bytes, call: bytes, what: str) -> None:
        """Sends a bare call about what the outbox's step was taken for."""
        if (agent, chain) in self._said:  # else it is over by now: somebody was quicker
            self._said[agent, chain] = self._said[agent, chain][0], trio.current_time()
        try:
            await self._chain.submit_bare(call)
        except CallFailed as error:
            if error.code not in IN_POOL:
                self._log.info("%s: refused, %s", what, refusal_of(error))
        else:
            self._log.info("%s", what)

    def _may_say(self, agent: int, chain: bytes, about: object) -> bool:
        """Whether nothing was said of this state of an outbox a moment ago, that may not be final yet."""
        before, at = self._said.get((agent, chain), (None, -float("inf")))
        if before == about and trio.current_time() < at + INCLUSION_SECONDS:
            return False
        if before != about:
            self._said[agent, chain] = about, -float("inf")
        return True

    async def _holders(self, head: Head) -> list[bytes]:
        """The workers that hold the cluster's secret."""
        seats = (await self._final.read_at(head, SEATS) or [])[:MAX_MEMBERS]
        holders = []
        for worker in seats:
            seat = await self._final.read_at(head, cluster_records.SEAT, worker)
            if seat is not None and seat.state is SeatState.Holder:
                holders.append(worker)
        return holders

    async def _secret(self, generation: int, head: Head) -> ClusterSecret | None:
        """The secret of a generation, if this worker has the cluster's."""
        secret = self._secrets.get(generation)
        key = await self._final.read_at(head, cluster_records.KEY, generation)
        return secret if secret and key and secret.public == (key.seal_key, key.signing_key) else None


def _check_allowed(moves: Moves, allowed: AllowedChain) -> None:
    """That a call, and each within it, is on the agent's list."""
    for each in moves.calls:
        if Named(each.name.encode()) not in allowed.calls and Indexed(each.pallet, each.call) not in allowed.calls:
            raise CallNotAllowed(f"{each.name} isn't on the agent's list")
