"""Dividends as a state machine, beside an account of them in exact fractions that knows no stream and no index."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pallets.dividends import POT, SCALE
from pallets.frame.events import DispatchError
from pallets.primitives.pots import is_pot
from tests.pallets.dividend_chain import EPOCH, PAYER, PEOPLE, POOL, DividendChain
from tests.pallets.small_runtime import UNIT

HOLDERS = (*PEOPLE, POOL)
holders, tokens = st.sampled_from(HOLDERS), st.integers(0, 1)
units = st.sampled_from((1, 7, 10**6, 123_456_789_012_345, 10**24))
sums = st.sampled_from((1, 999, UNIT, 12_345_678_901_234_567, 10**6 * UNIT))
times = st.sampled_from((1, 100, EPOCH // 7, EPOCH, 3 * EPOCH))


class Expected:
    """What holders of one token should have earned: the flow of each stretch of time, by what each had meanwhile."""

    def __init__(self) -> None:
        self.has = defaultdict[bytes, int](int)
        self.earned = defaultdict[bytes, Fraction](Fraction)
        self.left, self.time, self.payments = Fraction(0), 0, 0
        """Still to flow, in so many milliseconds."""

    def wait(self, time: int) -> None:
        earning = {who: amount for who, amount in self.has.items() if amount and not is_pot(who)}
        whole, passed = sum(earning.values()), min(time, self.time)
        if not whole or not passed:
            return
        flowed = self.left * passed / self.time
        for who, amount in earning.items():
            self.earned[who] += flowed * amount / whole
        self.left -= flowed
        self.time -= passed

    def pay(self, amount: int, time: int) -> None:
        """`time` is what the chain gives it, which divides by what has flowed in whole units."""
        exact = (self.left * self.time + amount * EPOCH) / (self.left + amount)
        assert abs(time - exact) <= 1 + Fraction(EPOCH * (1 + self.payments)) / (self.left + amount)
        self.left, self.time, self.payments = self.left + amount, time, self.payments + 1


class Earnings(RuleBasedStateMachine):
    """Trades, payments, claims and time, in any order, of two tokens."""

    @initialize()
    def begin(self) -> None:
        self.chain = DividendChain(tokens=2)
        self.expected = [Expected(), Expected()]
        self.claimed = defaultdict[tuple[int, bytes], int](int)
        self.issuance = self.chain.rt.balances.total_issuance
        for token in (0, 1):
            self.mint(token, PEOPLE[0], 10**6)
            self.mint(token, PEOPLE[1], 7)

    @rule(token=tokens, who=holders, amount=units)
    def mint(self, token: int, who: bytes, amount: int) -> None:
        self.chain.mint(who, amount, self.chain.tokens[token])
        self.expected[token].has[who] += amount

    @rule(token=tokens, who=holders, amount=units | st.none())
    def burn(self, token: int, who: bytes, amount: int | None) -> None:
        amount = self.expected[token].has[who] if amount is None else amount
        with suppress(DispatchError):
            self.chain.rt.assets.burn_from(self.chain.tokens[token], who, amount)
            self.expected[token].has[who] -= amount

    @rule(token=tokens, source=holders, dest=holders, amount=units | st.none())
    def transfer(self, token: int, source: bytes, dest: bytes, amount: int | None) -> None:
        has = self.expected[token].has
        amount = has[source] if amount is None else amount
        with suppress(DispatchError):
            self.chain.rt.assets.transfer(self.chain.tokens[token], source, dest, amount)
            has[source] -= amount
            has[dest] += amount

    @rule(token=tokens, amount=sums)
    def pay(self, token: int, amount: int) -> None:
        self.chain.pay(amount, self.chain.tokens[token])
        until = self.chain.rt.dividends.stream[self.chain.tokens[token]].until
        self.expected[token].pay(amount, until - self.chain.rt.timestamp.now)

    @rule(token=tokens, first=sums, second=sums)
    def pay_again(self, token: int, first: int, second: int) -> None:
        """While the first payment flows."""
        self.pay(token, first)
        self.wait(EPOCH // 3)
        self.pay(token, second)

    @rule(time=times)
    def wait(self, time: int) -> None:
        self.chain.wait(time)
        for each in self.expected:
            each.wait(time)

    @rule(token=tokens, who=holders)
    def claim(self, token: int, who: bytes) -> None:
        amount = self.chain.claimable(who, self.chain.tokens[token])
        before = self.chain.rt.balances.free(who)
        try:
            self.chain.claim(who, self.chain.tokens[token])
        except DispatchError:
            assert not amount
        else:
            assert self.chain.rt.balances.free(who) == before + amount
            self.claimed[token, who] += amount

    @rule(amount=sums)
    def give(self, amount: int) -> None:
        """To the pot, for nothing."""
        self.chain.rt.balances.transfer(PAYER, POT, amount)
        self.chain.rt.balances.transfer(POT, PAYER, amount, keep_alive=True)

    @invariant()
    def the_pot_is_accounted_for_to_the_last_unit(self) -> None:
        parts = sum(self.chain.accounted(token, *PEOPLE) for token in self.chain.tokens)
        assert parts == self.chain.pot() * SCALE
        assert self.chain.rt.balances.total_issuance == self.issuance

    @invariant()
    def everybody_earns_for_what_it_had_while_it_had_it(self) -> None:
        for number, token in enumerate(self.chain.tokens):
            expected = self.expected[number]
            for who in HOLDERS:
                earned = self.chain.claimable(who, token) + self.claimed[number, who]
                assert abs(earned - expected.earned[who]) <= 2 + expected.payments
            assert earned == 0  # the pool

    @invariant()
    def circulation_is_counted(self) -> None:
        for number, token in enumerate(self.chain.tokens):
            has = [amount for who, amount in self.expected[number].has.items() if amount and not is_pot(who)]
            dividends = self.chain.rt.dividends
            assert (dividends.circulating(token), dividends.holder_count(token)) == (sum(has), len(has))

    def teardown(self) -> None:
        """In the end all that holders may claim is there, whoever comes first."""
        if hasattr(self, "chain"):
            for token in self.chain.tokens:
                for who in PEOPLE:
                    if self.chain.claimable(who, token):
                        self.chain.claim(who, token)


Earnings.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestEarnings = Earnings.TestCase
