"""Votes as a state machine: no unit counts twice in a proposal, whatever is done with it and in which order."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pallets.assets.pallet import Assets
from pallets.dao.pallet import Dao
from pallets.dao.terms import ALIVE, ApproveScript, ProposalState, Spend
from pallets.dao.weights import MAX_STEPS
from pallets.frame import DispatchError
from tests.pallets.dao_chain import AGE, ANNOUNCED, EPOCH, NEW, DaoChain
from tests.pallets.job_chain import ALICE, BOB, CAROL, OPERATORS, UNIT

PEOPLE = (ALICE, BOB, CAROL, OPERATORS[0])
people = st.sampled_from(PEOPLE)
parts = st.sampled_from([1, 3, 100])
"""Of what there is: all of it, a third, a hundredth."""
Pool = tuple[str, bytes]
"""`own`, `received` or `lock`, and whose."""


class Votes(RuleBasedStateMachine):
    """People, their locks, delegates, ballots and transfers, proposals of both kinds, and time."""

    @initialize()
    def begin(self) -> None:
        self.chain = DaoChain(holders=dict.fromkeys(PEOPLE[:3], 200))
        self.rt, self.dao = self.chain.rt, self.chain.rt.dao
        self.delegates = dict[bytes, bytes]()
        self.history = defaultdict[Pool, list[tuple[int, int]]](list)
        """All that every pool ever had: when, and how much from then on."""
        for who in PEOPLE[:3]:
            self.rt.assets.mint_into(self.chain.token, who, 100)
            at = self.rt.timestamp.now - 100
            self.history["own", who].append((at, 200))
            self.history["lock", who].append((at, 200))

        for motion in (Spend(BOB, UNIT), ApproveScript(NEW, None, None)):
            self.chain.propose(motion)
        self.chain.next_block(after=AGE)  # both are voted on

    # The reference: everything kept, nothing clever

    def now_in(self, pool: Pool) -> int:
        return self.history[pool][-1][1] if self.history[pool] else 0

    def least(self, pool: Pool, cutoff: int) -> int:
        """The least that a pool had from just before the cutoff until now."""
        history = self.history[pool]
        before = [amount for when, amount in history if when < cutoff]
        return min([before[-1] if before else 0] + [amount for when, amount in history if when >= cutoff])

    def changed(self, who: bytes, by: int) -> None:
        """Notes that an account has locked more, or less."""
        now, total = self.rt.timestamp.now, self.now_in(("lock", who)) + by
        self.history["lock", who].append((now, total))
        pool = self.pool_of(who)
        self.history[pool].append((now, self.now_in(pool) + by))
        if not total:
            self.delegates.pop(who, None)

    def pool_of(self, who: bytes) -> Pool:
        return ("received", self.delegates[who]) if who in self.delegates else ("own", who)

    def voted_on(self) -> list[int]:
        """Whose votes are open: where many end in one block, some are closed a block later, but not open until then."""
        found = [(id, self.dao.proposal[id]) for id in self.live()]
        now = self.rt.timestamp.now
        return [id for id, each in found if each.state is ProposalState.Voting and now < each.closes]

    def live(self) -> list[int]:
        return [id for id in range(self.dao.next_proposal) if self.dao.proposal[id].state in ALIVE]

    def ballots(self, id: int) -> dict[bytes, int]:
        """What each account has voted with on a proposal, the chain says."""
        cast = {who: self.dao.power[self.chain.token, who].cast for who in PEOPLE}
        return {who: sum(one.ballot.total for one in found if one.proposal == id) for who, found in cast.items()}

    # What people do

    @rule(who=people, part=parts)
    def lock(self, who: bytes, part: int) -> None:
        token, locked = self.chain.token, self.now_in(("lock", who))
        if amount := (self.rt.assets.balance(token, who) - locked) // part:
            self.chain.lock(who, amount)
            self.changed(who, amount)

    @rule(who=people, part=parts)
    def unlock(self, who: bytes, part: int) -> None:
        if not (amount := self.now_in(("lock", who)) // part):
            return
        pool = self.pool_of(who)
        try:
            self.chain.unlock(who, amount)
        except Dao.StillVoting:
            live = self.live()
            assert any(self.ballots(id)[pool[1]] for id in live) or any(
                self.dao.proposal[id].proposer == pool[1] for id in live
            )  # nothing else keeps anybody
        else:
            self.changed(who, -amount)

    @rule(who=people, to=st.sampled_from((*PEOPLE, None)))
    def delegate(self, who: bytes, to: bytes | None) -> None:
        to = None if to == who else to
        try:
            self.chain.delegate(who, to)
        except (Dao.StillVoting, Dao.SameDelegate, Dao.NothingLocked):
            return
        amount, now = self.now_in(("lock", who)), self.rt.timestamp.now
        old = self.pool_of(who)
        self.history[old].append((now, self.now_in(old) - amount))
        if to is None:
            del self.delegates[who]
        else:
            self.delegates[who] = to
        new = self.pool_of(who)
        self.history[new].append((now, self.now_in(new) + amount))

    @rule(source=people, dest=people, part=parts)
    def transfer(self, source: bytes, dest: bytes, part: int) -> None:
        free = self.rt.assets.balance(self.chain.token, source) - self.now_in(("lock", source))
        with suppress(Assets.BalanceLow, Assets.NoAccount):
            self.chain.give(source, dest, free + 1)
            raise AssertionError("what is locked left")
        if free // part:
            self.chain.give(source, dest, free // part)

    @rule(who=people, data=st.data())
    def vote(self, who: bytes, data: st.DataObject) -> None:
        for id in self.voted_on():
            weight = self.dao.weight(id, who)
            if weight:
                aye = data.draw(st.integers(0, weight))
                abstain = data.draw(st.integers(0, weight - aye))
                with suppress(Dao.EmptyBallot):
                    self.chain.vote(who, id, aye, weight - aye - abstain if aye % 2 else 0, abstain)
                with suppress(Dao.OverWeight):
                    self.chain.vote(who, id, aye=weight + 1)
                    raise AssertionError("more was counted than weighs")

    @rule(who=people)
    def vote_with_all(self, who: bytes) -> None:
        for id in self.voted_on():
            if weight := self.dao.weight(id, who):
                self.chain.vote(who, id, aye=weight)

    # Proposals, and time

    @rule(who=people, spends=st.booleans())
    def propose(self, who: bytes, spends: bool) -> None:
        with suppress(Dao.TooLittleWeight, Dao.TooManyProposals, Dao.TooFewHolders):
            self.chain.propose(Spend(who, UNIT) if spends else ApproveScript(NEW, None, None), who)

    @rule(who=people, name=st.sampled_from(["cancel", "veto", "execute"]), data=st.data())
    def act(self, who: bytes, name: str, data: st.DataObject) -> None:
        if self.live():
            with suppress(DispatchError):
                self.chain.act(who, name, data.draw(st.sampled_from(self.live())))

    @rule(time=st.sampled_from([100, ANNOUNCED, AGE - ANNOUNCED, EPOCH]))
    def wait(self, time: int) -> None:
        self.chain.next_block(after=time)

    @rule()
    def wait_for_what_is_due(self) -> None:
        due = self.dao.next_due()
        self.chain.next_block(after=100 if due is None else max(due - self.rt.timestamp.now, 100))

    # What always holds

    @invariant()
    def no_unit_is_counted_twice(self) -> None:
        """What was voted with is still there, unbroken since before the cutoff, in a pool that is nobody else's."""
        for id in self.live():
            found, ballots = self.dao.proposal[id], self.ballots(id)
            for who, voted in ballots.items():
                assert voted <= self.least(("own", who), found.cutoff) + self.least(("received", who), found.cutoff)
            assert sum(ballots.values()) == found.tally.total
            locked_then = sum(self.least_before(("lock", who), found.cutoff) for who in PEOPLE)
            assert found.tally.total <= min(locked_then, sum(self.now_in(("lock", who)) for who in PEOPLE))

    def least_before(self, pool: Pool, cutoff: int) -> int:
        """What a pool had just before the cutoff."""
        return next((amount for when, amount in reversed(self.history[pool]) if when < cutoff), 0)

    @invariant()
    def weights_are_those_of_the_full_history(self) -> None:
        now = self.rt.timestamp.now
        epoch = now - now % EPOCH - EPOCH
        for who in PEOPLE:
            assert self.dao.settled(0, who) == self.least(("lock", who), epoch)
            for id in self.live():
                cutoff = self.dao.proposal[id].cutoff
                assert self.dao.weight(id, who) == self.least(("own", who), cutoff) + self.least(
                    ("received", who), cutoff
                )

    @invariant()
    def what_is_locked_is_there(self) -> None:
        token, live = self.chain.token, [one.id for one in self.dao.live[0]]
        assert live == self.live()
        assert {id for _, id in self.dao.agenda} == {id for id, _ in self.dao.motion.items()} == set(live)
        for who in PEOPLE:
            power, locked = self.dao.power[token, who], self.dao.locked[token, who]
            assert self.rt.assets.balance(token, who) >= locked == self.now_in(("lock", who)) == power.lock.amount
            assert power.delegate == self.delegates.get(who)
            assert power.own.amount == self.now_in(("own", who)) == (0 if power.delegate else locked)
            assert power.received.amount == self.now_in(("received", who))
            assert max(len(pool.steps) for pool in (power.own, power.received)) <= min(len(live) + 3, MAX_STEPS)
        bonds = [self.dao.proposal[id] for id in live]
        for who in PEOPLE:
            held = self.rt.balances.held(Dao.HoldReason.Proposal, who)
            assert held == sum(found.bond for found in bonds if found.proposer == who)

    def teardown(self) -> None:
        """Every proposal dies, and then everyone has everything out."""
        if not hasattr(self, "dao"):
            return
        for _ in range(200):
            if not self.live():
                break
            self.chain.next_block(after=700_000)
        assert not self.live()
        for who in PEOPLE:
            if locked := self.dao.locked[self.chain.token, who]:
                self.chain.unlock(who, locked)
        self.chain.next_block(after=2 * EPOCH)
        for who in PEOPLE:
            assert not self.dao.power[self.chain.token, who].amount
        assert not list(self.dao.locked.items()) and not list(self.dao.motion.items())
        assert not list(self.dao.live.items()) and not list(self.dao.agenda)


Votes.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestVotes = Votes.TestCase
