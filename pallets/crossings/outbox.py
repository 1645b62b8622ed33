"""An outbox's entries from their beginning to their end: in order, one at a time in flight.

```
queued ... first in line -> [signed -> included]            Delivered
                 ^              |
                 |              +-> era died, twice more    back, with the same nonce
                 +-> can't be, late, withdrawn              Failed
```
A nonce is fixed with the transaction, before that is sent. Where a transaction died, or was withdrawn, the next may
only have the same nonce: should it have been included after all, that one can't be. So what one worker says wrongly,
or too soon, has nothing done twice.

An entry takes what it may spend from its day's cap when it comes. It is given back where nothing of it was ever signed:
that a transaction has died is only asserted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.primitives.crossing import (
    MAX_SENDING,
    REPORTED_SENT,
    REPORTED_UNSENT,
    SENDING,
    TRANSIENT,
    AllowedChain,
    AsBytes,
    ByName,
    Entry,
    Included,
    Indexed,
    Invalid,
    Named,
    Outbox,
    Outcome,
    Reason,
    SignedTransaction,
)
from pallets.primitives.scale import DecodeError

if TYPE_CHECKING:
    from pallets.crossings.pallet import Crossings

DAY = 24 * 60 * 60_000
MAX_SIGNED = 3
"""How often an entry is signed at most."""
MAX_TROUBLES = 3
"""How many workers may fail to reach the chain."""
KEPT = 64
"""Entries that are over are kept, the last of each outbox."""


def enter(crossings: Crossings, agent: int, job: int, chain: bytes, call: bytes, spends: int) -> None:
    """Puts what a job sends into its outbox, or raises why not."""
    allowed = crossings.allowed[agent, chain]
    if not _is_allowed(crossings, allowed, call):
        raise crossings.CallNotAllowed
    box, today = crossings.outbox[agent, chain], crossings.timestamp.now // DAY
    if box.next - box.first >= crossings.max_waiting:
        raise crossings.OutboxFull
    spent = box.spent_on(today) + spends
    if spent > allowed.cap:
        raise crossings.CapExceeded
    number, box.day, box.spent = box.next, today, spent
    box.next += 1
    crossings.outbox[agent, chain] = box
    crossings.entry[agent, chain, number] = Entry(job, call, spends, today, crossings.timestamp.now)
    if number == box.first:
        _come_first(crossings, agent, chain, number)
    crossings.deposit(crossings.Queued(agent, chain, number, job, spends))


def fix(crossings: Crossings, agent: int, chain: bytes, number: int, entry: Entry, signed: SignedTransaction) -> None:
    """A transaction of the first entry is signed."""
    _wait_no_more(crossings, agent, chain, entry)
    entry.signed, entry.since = signed, crossings.timestamp.now
    crossings.entry[agent, chain, number] = entry
    crossings.touch()
    said = crossings.Sent(agent, chain, number, entry.job, signed.nonce, signed.hash, signed.by)
    crossings.deposit(said)


def take_outcome(
    crossings: Crossings, agent: int, chain: bytes, number: int, entry: Entry, outcome: Outcome, worker: bytes
) -> None:
    """What a worker says became of the first entry; `check_outcome` has found that it may."""
    box, signed = crossings.outbox[agent, chain], entry.signed
    if isinstance(outcome, Included):
        assert signed is not None
        box.nonce, box.seen = None, outcome.number
        crossings.outbox[agent, chain] = box
        _end(crossings, agent, chain, number, entry, outcome)
        where = outcome.number, outcome.block, outcome.index, outcome.verdict
        crossings.deposit(crossings.Delivered(agent, chain, number, entry.job, signed.hash, *where, worker))
        return
    assert isinstance(outcome, Invalid)
    if outcome.reason is Reason.NonceMoved and entry.attempt == 0 and signed is None:
        assert box.nonce is not None  # nothing of this entry was ever sent: it may have another nonce
        crossings.deposit(crossings.NonceReleased(agent, chain, box.nonce, worker))
        box.nonce = None
        crossings.outbox[agent, chain] = box
        crossings.touch()
        return
    if outcome.reason in TRANSIENT and entry.troubles + 1 < MAX_TROUBLES:
        entry.troubles += 1
        crossings.entry[agent, chain, number] = entry
        crossings.touch()
        return
    if outcome.reason is Reason.NonceMoved:
        box.nonce = None
    elif signed is not None:
        box.nonce, box.seen = signed.nonce, signed.death
    crossings.outbox[agent, chain] = box
    if outcome.reason is Reason.EraDied and entry.attempt + 1 < MAX_SIGNED:
        assert signed is not None
        crossings.deposit(crossings.Retried(agent, chain, number, entry.job, signed.hash, worker))
        entry.signed, entry.attempt = None, entry.attempt + 1
        crossings.entry[agent, chain, number] = entry
        _come_first(crossings, agent, chain, number)
        return
    fail(crossings, agent, chain, number, entry, outcome, worker)


def fail(
    crossings: Crossings, agent: int, chain: bytes, number: int, entry: Entry, outcome: Invalid, worker: bytes | None
) -> None:
    """The first entry is over, and not delivered."""
    if entry.signed is None and not entry.attempt:
        box = crossings.outbox[agent, chain]
        if box.day == entry.day:
            box.spent -= entry.spends
            crossings.outbox[agent, chain] = box
    _end(crossings, agent, chain, number, entry, outcome)
    told = crossings.Failed(agent, chain, number, entry.job, outcome.reason, outcome.detail, worker)
    crossings.deposit(told)


def withdraw(crossings: Crossings, agent: int, chain: bytes) -> None:
    """Takes the first entry back, whatever its state."""
    box = crossings.outbox[agent, chain]
    if box.first == box.next:
        raise crossings.NothingToWithdraw
    entry = crossings.entry[agent, chain, box.first]
    if entry.signed is not None:
        box.nonce, box.seen = entry.signed.nonce, entry.signed.birth
        crossings.outbox[agent, chain] = box
    fail(crossings, agent, chain, box.first, entry, Invalid(Reason.Withdrawn, b""), None)


def give_up(crossings: Crossings, agent: int, chain: bytes) -> None:
    """The first entry of an outbox wasn't signed in time."""
    number = crossings.outbox[agent, chain].first
    entry = crossings.entry[agent, chain, number]
    fail(crossings, agent, chain, number, entry, Invalid(Reason.Late, b""), None)


def check_outcome(entry: Entry, box: Outbox, outcome: Outcome) -> bool:
    """Whether this can be said of an entry in its state."""
    signed = entry.signed
    if isinstance(outcome, Included):
        return signed is not None and signed.birth < outcome.number < signed.death
    assert isinstance(outcome, Invalid)
    if signed is not None:
        return outcome.reason in REPORTED_SENT
    if outcome.reason is Reason.NonceMoved:
        return box.nonce is not None
    return outcome.reason in REPORTED_UNSENT


def _is_allowed(crossings: Crossings, allowed: AllowedChain, call: bytes) -> bool:
    if len(call) > MAX_SENDING:
        raise crossings.BadSending
    try:
        sending = SENDING.decode_all(call)
    except DecodeError:
        raise crossings.BadSending from None
    if isinstance(sending, ByName):
        return Named(sending.call) in allowed.calls
    assert isinstance(sending, AsBytes)
    if len(sending.call) < 2:
        raise crossings.BadSending
    return Indexed(sending.call[0], sending.call[1]) in allowed.calls


def _come_first(crossings: Crossings, agent: int, chain: bytes, number: int) -> None:
    """An entry is first in its outbox, and to be signed."""
    now = crossings.timestamp.now
    entry = crossings.entry[agent, chain, number]
    entry.since = now
    crossings.entry[agent, chain, number] = entry
    crossings.waits[now + crossings.patience, (agent, chain)] = None
    crossings.busy[agent, chain] = None
    crossings.touch()


def _wait_no_more(crossings: Crossings, agent: int, chain: bytes, entry: Entry) -> None:
    if entry.signed is None:
        del crossings.waits[entry.since + crossings.patience, (agent, chain)]


def _end(crossings: Crossings, agent: int, chain: bytes, number: int, entry: Entry, outcome: Outcome) -> None:
    """The first entry is over: the next comes first."""
    _wait_no_more(crossings, agent, chain, entry)
    entry.outcome = outcome
    crossings.entry[agent, chain, number] = entry
    if number >= KEPT:
        del crossings.entry[agent, chain, number - KEPT]
    box = crossings.outbox[agent, chain]
    box.first += 1
    crossings.outbox[agent, chain] = box
    if box.first < box.next:
        _come_first(crossings, agent, chain, box.first)
    else:
        del crossings.busy[agent, chain]
        crossings.touch()
