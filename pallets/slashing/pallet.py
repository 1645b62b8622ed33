"""Slashing: what a worker's faults cost, on which evidence, and when.

## Overview

```
a vote, a challenge (`punish`) ──┐
                                 ├─> Deferred ──> Slashed     after `Defer`
anyone with evidence (`report`) ─┘       └──────> Cancelled   by governance, until then
```
A slash takes of what was at risk when the fault happened: the operator's own stake on that worker first, then of those
who delegated to the operator, pro rata; money that is being taken out as well, but nothing that was bonded later. While
a slash is open, nothing at risk is released. Whoever reported the fault gets its bond back, and a tenth of what is
taken of the operator; the rest goes to the chain's treasury. Of what delegators lose nobody is rewarded: an operator
could else commit a fault, have another account of its own report it, and be paid with their money. An operator that
reports itself gets no reward.

A fault counts once, whoever shows it, and for good. Evidence older than `Workers.Unbonding` is refused.

Governance is `Sudo`, as long as this chain has no DAO: it alone cancels. An operator or delegator who appeals is heard
in events, by whoever governs.

What falls due while the chain stands still is deferred once more, so that there is time to cancel it.

## Out of scope

What a job's vote finds (`pallets.jobs`), moving stake (`pallets.workers.stake`), what evidence proves and of when
(`pallets.slashing.evidence`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, cast

from pallets.attestation.pallet import Attestation
from pallets.calendar import carry_out, due, first_due
from pallets.frame import (
    H256,
    U32,
    U64,
    AccountId,
    Balance,
    Bound,
    Const,
    DispatchError,
    DueKey,
    Error,
    Event,
    Map,
    Moment,
    Pallet,
    Reasons,
    Root,
    Signed,
    Value,
    Weight,
    call,
    struct,
)
from pallets.frame.runtime import DispatchErrorType
from pallets.fungible import Currency
from pallets.primitives.evidence import EVIDENCE, AnyEvidence, Evidence, SlashReason, fault_key
from pallets.primitives.hashing import Identity
from pallets.primitives.pots import pot_account
from pallets.primitives.worker import WorkerKey
from pallets.slashing.evidence import judge, note_moment
from pallets.slashing.market import Market
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.workers.pallet import SIGNATURE_REF_TIME, Workers
from pallets.workers.stake import at_risk, slash, watch_pool

MAX_APPEAL = 1024
"""Bytes of an appeal."""
REWARD_DIVISOR = 10
"""A tenth of what is taken of the operator is the reporter's."""
RISK_WEIGHT = Weight(1_200_000_000, 70_000)
"""Adding up what is at risk, with as many delegators as there may be, each with as many parts."""
SLASH_WEIGHT = Weight(6_000_000_000, 150_000)
"""Carrying out a slash that takes of as many delegators as there may be."""
POT: AccountId = pot_account(b"fthmslsh")
"""The keyless account that slashed money passes through."""

SlashId = U64


@struct
class Slash:
    """An open slash."""

    worker: WorkerKey
    operator: AccountId
    reason: SlashReason
    amount: Balance
    """The most that it takes."""
    at: Moment
    """As of when: what was bonded later is spared."""
    due: Moment
    """When it is carried out."""
    reporter: AccountId | None
    bond: Balance
    """What is held from the reporter."""
    deferred_again: bool = False
    """Whether it fell due while the chain stood still, and was deferred a second time."""


class Slashing(Pallet):
    """What a worker's faults cost, on which evidence, and when."""

    system: System
    timestamp: Timestamp
    currency: Currency
    attestation: Attestation
    workers: Workers
    jobs: Callable[[], Market]
    """Answers the jobs: they come into being after this pallet."""
    chain_treasury: AccountId
    defer: Const[Moment]
    """How long a slash can be cancelled before it is carried out, in milliseconds."""
    discovery: Const[Moment]
    """How long after a fault the chain may find it: a job's deadline and challenge window, a receipt's openings."""
    equivocation: Const[Balance]
    """What it costs to sign two things that contradict each other, of a receipt at least."""
    report_bond: Const[Balance]
    """What is held from a reporter until the slash is carried out or cancelled."""
    max_due: Const[U32]
    """How many slashes a block carries out."""

    class Deferred(Event):
        """A fault was found: unless governance cancels it, so much is taken at `due`, as far as it was at risk."""

        slash: SlashId
        worker: WorkerKey
        operator: AccountId
        reason: SlashReason
        amount: Balance
        evidence: bytes
        due: Moment

    class Slashed(Event):
        """A slash was carried out: what it took in all, and what of that the reporter got."""

        slash: SlashId
        worker: WorkerKey
        operator: AccountId
        taken: Balance
        reporter: AccountId | None
        reward: Balance

    class Cancelled(Event):
        """Governance cancelled a slash: nothing was taken."""

        slash: SlashId

    class Appealed(Event):
        """An operator or one of its delegators says why a slash should be cancelled."""

        slash: SlashId
        who: AccountId
        text: bytes

    class DeferredAgain(Event):
        """A slash fell due while the chain stood still: it can be cancelled until then."""

        slash: SlashId
        due: Moment

    class Abandoned(Event):
        """A slash couldn't be carried out, for this reason: nothing was taken, and it won't be tried again."""

        slash: SlashId
        error: DispatchErrorType

    class UnknownSlash(Error):
        """No slash of this number is open: it was carried out, or cancelled, or never was."""

    class NotConcerned(Error):
        """Only the operator and its delegators may appeal."""

    class NoContradiction(Error):
        """The two things can both be honest: they say the same, or speak of different numbers."""

    class BadSignature(Error):
        """The worker's key didn't sign both, for this chain."""

    class AlreadyReported(Error):
        """This fault of this worker has been counted."""

    class UnknownJob(Error):
        """The chain has no job of this number."""

    class UnknownBlock(Error):
        """The receipts name no block that the chain remembers: none of this number, or one older than the unbonding."""

    class NotOverdue(Error):
        """A batch has the number, or there is time for one: `Jobs.ReceiptTime` from the receipt's block on."""

    class UnknownBatch(Error):
        """The worker has no batch with this first number, or it was forgotten."""

    class NotInBatch(Error):
        """The leaf isn't the batch's at the receipt's number: it doesn't lead to the root."""

    class TooOld(Error):
        """What was at stake then may be free by now: evidence counts for as long as unbonding takes."""

    class NothingAtRisk(Error):
        """Nothing that was at stake then is left."""

    class HoldReason(Reasons):
        """What is held here."""

        Report = 0
        """The bond of a report."""

    next_slash = Value[SlashId](default=0)
    """The number of the next slash."""
    slash = Map[SlashId, Slash](missing=UnknownSlash)
    """The open slashes."""
    deferred = Map[tuple[DueKey, DueKey], None](hasher=Identity)
    """When which slash is carried out."""
    fault = Map[H256, SlashId](hasher=Identity)
    """The faults that were counted, by worker, reason and subject, and which slash each led to."""
    moment = Map[U32, Moment](hasher=Identity)
    """When every 64th block was, by its number divided by 64, as long as evidence may ask for it."""
    first_moment = Value[U32](default=0)
    """The first of these."""

    def genesis(self) -> None:
        self.currency.mint_into(POT, self.currency.existential_deposit)

    def integrity_test(self) -> None:
        if not (self.defer and self.max_due and self.equivocation):
            raise ValueError("Slashing: defer, max_due and equivocation are above zero")
        if self.workers.unbonding <= self.discovery + 2 * self.defer:
            raise ValueError(
                "Slashing: Workers' unbonding must be longer than discovery and twice defer, "
                "or stake could be gone before a fault is found and paid for"
            )

    def on_randomness(self, mix: bytes) -> None:
        """Once a block, when its time is known and what fell due in a standstill is excused: carries slashes out."""
        now = self.timestamp.now
        note_moment(self, now)
        if self.jobs().draw_is_known:  # a slash changes who is drawn with what chance
            return
        fallen = due(self.deferred, now, self.max_due)
        for entry in fallen:
            carry_out(self.runtime, self.deferred, entry, self._fall_due, self._give_up)
        if fallen:
            self.system.register_weight(SLASH_WEIGHT * len(fallen))

    def _give_up(self, id: int, error: DispatchError) -> None:
        self.deposit(self.Abandoned(id, error))

    def next_due(self) -> int | None:
        """When the next slash is carried out, in milliseconds."""
        return first_due(self.deferred)

    # Calls

    @call(0, weight=Weight(2 * SIGNATURE_REF_TIME + 400_000_000, 30_000) + RISK_WEIGHT)
    def report(self, who: Signed, evidence: Evidence) -> None:
        """Show that a worker signed two things that contradict each other, or a receipt that no batch of its has.

        Anyone may. `ReportBond` is held until the slash is carried out or cancelled; evidence that doesn't hold is an
        error and costs the transaction's fee. A tenth of what is taken of the operator is the signer's, unless that is
        the operator.
        """
        found = cast("AnyEvidence", evidence)
        operator = self.workers.worker[found.worker].info.operator
        reason, subject, at, amount = judge(self, found)
        key = fault_key(found.worker, reason, subject)
        if key in self.fault:
            raise self.AlreadyReported
        if at < self.timestamp.now - self.workers.unbonding:
            raise self.TooOld
        amount = min(amount, at_risk(self.workers, operator, found.worker, at))
        if not amount:
            raise self.NothingAtRisk
        self.currency.hold(self.HoldReason.Report, who, self.report_bond, keep_alive=True)
        due_at = self.timestamp.now + self.defer
        opened = Slash(found.worker, operator, reason, amount, at, due_at, who, self.report_bond)
        self._open(key, opened, EVIDENCE.encode(evidence))

    @call(1, weight=Weight(300_000_000, 12_000))
    def cancel(self, root: Root, slash: SlashId) -> None:
        """Take a slash back: nothing is taken, the reporter's bond is released, the fault stays counted.

        Governance is `Sudo`, as long as this chain has no DAO.
        """
        self._close(slash, self.slash[slash])
        self.deposit(self.Cancelled(slash))

    @call(2, weight=Weight(150_000_000, 6_000))
    def appeal(self, who: Signed, slash: SlashId, text: Annotated[bytes, Bound(MAX_APPEAL)]) -> None:
        """Say why an open slash should be cancelled; its operator and those who delegated to that may.

        The chain does nothing but show it in an event: whoever governs decides.
        """
        operator = self.slash[slash].operator
        if who != operator and (operator, who) not in self.workers.delegation:
            raise self.NotConcerned
        self.deposit(self.Appealed(slash, who, text))

    # What other pallets may ask

    def punish(
        self,
        worker: bytes,
        reason: SlashReason,
        amount: int,
        *,
        subject: bytes,
        evidence: bytes,
        at: int,
        reporter: bytes | None = None,
    ) -> int:
        """Slashes a worker for what the chain itself saw it do at a moment.

        `subject` names what it did it to: a fault (worker, reason, subject) counts once. `evidence` is what the event
        shows. Answers how much is at stake, `amount` at most: 0 where nothing is left of it, where the fault has been
        counted, and where it is older than `Workers.Unbonding`; then there is no slash. Raises nothing.
        """
        record = self.workers.worker.get(worker)
        key = fault_key(worker, reason, subject)
        if record is None or key in self.fault or at < self.timestamp.now - self.workers.unbonding:
            return 0
        operator = record.info.operator
        self.system.register_weight(RISK_WEIGHT)
        amount = min(amount, at_risk(self.workers, operator, worker, at))
        if amount:
            due_at = self.timestamp.now + self.defer
            self._open(key, Slash(worker, operator, reason, amount, at, due_at, reporter, 0), evidence)
        return amount

    # Inside

    def _open(self, key: bytes, opened: Slash, evidence: bytes) -> None:
        id = self.next_slash
        self.next_slash = id + 1
        self.fault[key] = id
        self.slash[id] = opened
        self.deferred[opened.due, id] = None
        watch_pool(self.workers, opened.operator, opened=True)
        self.deposit(
            self.Deferred(id, opened.worker, opened.operator, opened.reason, opened.amount, evidence, opened.due)
        )

    def _fall_due(self, when: int, id: int) -> None:
        found = self.slash[id]
        if when <= self.workers.excused_until and not found.deferred_again:
            del self.deferred[when, id]
            found.due, found.deferred_again = self.timestamp.now + self.defer, True
            self.deferred[found.due, id] = None
            self.slash[id] = found
            self.deposit(self.DeferredAgain(id, found.due))
        else:
            self._carry_out(id, found)

    def _carry_out(self, id: int, found: Slash) -> None:
        taken = slash(self.workers, found.operator, found.worker, found.amount, found.at, POT)
        self._close(id, found)
        reward = taken.own // REWARD_DIVISOR if found.reporter not in (None, found.operator) else 0
        if found.reporter is None or not self._pay(found.reporter, reward):
            reward = 0
        self._pay(self.chain_treasury, self.currency.reducible(POT, keep_alive=True))
        self.deposit(self.Slashed(id, found.worker, found.operator, sum(taken), found.reporter, reward))

    def _pay(self, who: bytes, amount: int) -> bool:
        """Pays out of the pot; whether that could be done. What couldn't goes to the treasury with the next slash."""
        if not amount:
            return False
        try:
            with self.runtime.transactional():
                self.currency.transfer(POT, who, amount, keep_alive=True)
        except DispatchError:
            return False
        return True

    def _close(self, id: int, found: Slash) -> None:
        del self.deferred[found.due, id]
        del self.slash[id]
        watch_pool(self.workers, found.operator, opened=False)
        if found.reporter is not None and found.bond:
            with suppress(DispatchError), self.runtime.transactional():  # a bond that is gone stops no slash
                self.currency.release(self.HoldReason.Report, found.reporter, found.bond)
