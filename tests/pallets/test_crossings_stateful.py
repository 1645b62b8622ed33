"""An outbox as a state machine, beside another chain that includes what it can, and workers that lie.

Whatever they say, each entry takes place at most once, in order, and within its day's cap; and where they say the
truth, what is said to be delivered took place, and what is said to have failed did not.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pallets.crossings.outbox import DAY
from pallets.frame.events import DispatchError
from pallets.frame.validity import InvalidTransaction
from pallets.primitives.crossing import Entry, Included, Invalid, Reason
from tests.pallets.crossing_chain import CAP, OTHER, PATIENCE, CrossingChain, included, invalid

ERA = 8
REASONS = st.sampled_from((Reason.EraDied, Reason.NonceMoved, Reason.Unreachable, Reason.Unfunded))


@dataclass
class Signed:
    """A transaction that anybody may send."""

    entry: int
    nonce: int
    birth: int
    death: int


class Outboxes(RuleBasedStateMachine):
    """One outbox, whatever may happen to it."""

    @initialize()
    def begin(self) -> None:
        self.chain = CrossingChain()
        self.chain.allow()
        self.chain.send(self.chain.announce())
        self.height, self.nonce = 10, 3
        self.signed: list[Signed] = []
        self.executed: list[tuple[int, int]] = []
        """Entry, and the height at which it took place."""
        self.queued: dict[int, Entry] = {}
        self.lied = False

    @property
    def head(self) -> int | None:
        box = self.chain.box()
        return None if box.first == box.next else box.first

    @rule(spends=st.sampled_from((1, CAP // 3, CAP)))
    def queue(self, spends: int) -> None:
        with suppress(DispatchError):
            number = self.chain.queue(spends)
            self.queued[number] = self.chain.entry(number)

    @precondition(lambda self: self.head is not None)
    @rule(careless=st.booleans())
    def sign(self, careless: bool) -> None:
        """As an honest worker does, or as one that is told wrong heights, and takes whatever nonce the account has."""
        head, box = self.head, self.chain.box()
        assert head is not None
        entry = self.chain.entry(head)
        if entry.signed is not None or (self.height < box.seen and not careless):
            return
        if not careless and box.nonce not in (None, self.nonce):
            self.chain.send(self.chain.reports(head, invalid(Reason.NonceMoved)))
            return
        birth = max(self.height, box.seen)
        death = birth + ERA
        name = b"%d %d" % (head, entry.attempt)
        with suppress(InvalidTransaction):
            self.chain.send(self.chain.signs(head, self.nonce, birth, death, name))
            self.signed.append(Signed(head, self.nonce, birth, death))

    @precondition(lambda self: self.signed)
    @rule(data=st.data())
    def include(self, data: st.DataObject) -> None:
        """The other chain makes a block of whatever it was ever sent and may still take."""
        next = self.height + 1
        good = [each for each in self.signed if each.nonce == self.nonce and each.birth < next < each.death]
        if good:
            self.take(data.draw(st.sampled_from(good)))
        else:
            self.height = next

    def take(self, taken: Signed) -> None:
        self.height += 1
        self.executed.append((taken.entry, self.height))
        self.nonce += 1

    @rule(blocks=st.sampled_from((1, ERA)))
    def grow(self, blocks: int) -> None:
        self.height += blocks

    @precondition(lambda self: self.head is not None)
    @rule()
    def report(self) -> None:
        """The truth, where it is known."""
        head = self.head
        assert head is not None
        signed = self.chain.entry(head).signed
        if signed is None:
            return
        found = [height for entry, height in self.executed if entry == head]
        if found and signed.birth < found[0] < signed.death:
            self.chain.send(self.chain.reports(head, included(found[0])))
        elif not found and self.height >= signed.death:
            self.chain.send(self.chain.reports(head, invalid(Reason.EraDied)))

    @precondition(lambda self: self.head is not None)
    @rule(reason=REASONS | st.none(), later=st.integers(1, ERA))
    def lie(self, reason: Reason | None, later: int) -> None:
        head = self.head
        assert head is not None
        signed = self.chain.entry(head).signed
        outcome = invalid(reason) if reason else included((signed.birth if signed else 0) + later)
        with suppress(InvalidTransaction):
            self.chain.send(self.chain.reports(head, outcome))
            self.lied = True

    @precondition(lambda self: self.head is not None)
    @rule()
    def bury(self) -> None:
        """Says that what is signed has died, whether it has or not."""
        head = self.head
        assert head is not None
        if self.chain.entry(head).signed is not None:
            self.chain.send(self.chain.reports(head, invalid(Reason.EraDied)))
            self.lied = True

    @precondition(lambda self: self.head is not None)
    @rule()
    def withdraw(self) -> None:
        self.chain.govern("withdraw")
        self.lied = True  # what became of it isn't known

    @rule(time=st.sampled_from((1_000, PATIENCE, DAY)))
    def wait(self, time: int) -> None:
        self.chain.next_block(time)

    @invariant()
    def each_takes_place_at_most_once_and_in_order(self) -> None:
        entries = [entry for entry, _ in self.executed]
        assert entries == sorted(set(entries))

    @invariant()
    def the_cap_holds(self) -> None:
        spent: dict[int, int] = {}
        for entry, _ in self.executed:
            queued = self.queued[entry]
            spent[queued.day] = spent.get(queued.day, 0) + queued.spends
        assert all(amount <= CAP for amount in spent.values())

    @invariant()
    def what_is_said_is_so_unless_somebody_lies(self) -> None:
        if self.lied:
            return
        done = dict(self.executed)
        for number in self.queued:
            entry = self.chain.rt.crossings.entry.get(0, OTHER, number)
            if entry is None:
                continue
            assert not isinstance(entry.outcome, Included) or done.get(number) == entry.outcome.number
            assert not isinstance(entry.outcome, Invalid) or number not in done

    @invariant()
    def only_the_first_is_in_flight(self) -> None:
        box, crossings = self.chain.box(), self.chain.rt.crossings
        open_ = [self.chain.entry(number) for number in range(box.first, box.next)]
        assert all(entry.outcome is None for entry in open_) and all(entry.signed is None for entry in open_[1:])
        assert [place for place, _ in crossings.busy.items()] == ([(0, OTHER)] if open_ else [])
        waiting = [entry.since + PATIENCE for entry in open_[:1] if entry.signed is None]
        assert [when for when, _ in crossings.waits] == waiting


def test_what_is_wrongly_said_to_be_dead_is_not_done_twice() -> None:
    outboxes = Outboxes()
    outboxes.begin()
    outboxes.queue(spends=1)
    outboxes.sign(careless=False)
    outboxes.bury()
    outboxes.take(outboxes.signed[0])
    outboxes.sign(careless=True)  # with the account's nonce of now: of another height nobody would know better
    assert outboxes.signed == [Signed(0, 3, 10, 18)] and outboxes.chain.box().nonce == 3
    outboxes.grow(ERA)
    outboxes.sign(careless=False)
    assert isinstance(outboxes.chain.entry(0).outcome, Invalid) and outboxes.executed == [(0, 11)]


Outboxes.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestOutboxes = Outboxes.TestCase
