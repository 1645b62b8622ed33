"""Transfers by chance, taken back by chance: the chain agrees with a model of it, and no unit is made or lost."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.testing import ALICE, BOB, CHARLIE, UNIT, Account, CallFailed, account, devnet
from pallets.balances.pallet import Balances

CHAIN = devnet()
ACCOUNTS = (ALICE, BOB, CHARLIE, account("//Newcomer"), account(b"\7" * 32))
WHO = st.sampled_from(ACCOUNTS)
AMOUNT = st.integers(0, 3 * UNIT) | st.just(2_000_000 * UNIT)


class Transfers(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.all_of_it = CHAIN.anchor()
        self.all_of_it.__enter__()
        for who in ACCOUNTS:
            CHAIN.fund(who, 5 * UNIT)
        self.balances = {who: CHAIN.balance(who) for who in ACCOUNTS}
        self.issued = CHAIN.query.balances.total_issuance()
        self.snapshots = [(CHAIN.snapshot(), dict(self.balances), self.issued, CHAIN.number, CHAIN.now)]

    def teardown(self) -> None:
        self.all_of_it.__exit__(None, None, None)
        assert CHAIN.number == 0

    @rule(source=WHO, dest=WHO, amount=AMOUNT)
    def transfer(self, source: Account, dest: Account, amount: int) -> None:
        kept = self.balances[source] - amount
        try:
            receipt = CHAIN.as_(source).balances.transfer_keep_alive(dest, amount)
        except CallFailed as failure:
            receipt = failure.receipt
            poor = kept - receipt.fee < CHAIN.constants.balances.existential_deposit
            assert poor and not receipt.events.of(Balances.Transfer)
        else:
            assert kept - receipt.fee >= 0
            assert Balances.Transfer(from_=source, to=dest, amount=amount) in receipt.events or source == dest
            self.balances[source] -= amount
            self.balances[dest] += amount
        self.balances[source] -= receipt.fee
        self.issued -= receipt.fee - sum(event.amount for event in receipt.events.of("Balances.Deposit"))

    @rule(who=WHO, amount=st.integers(0, UNIT))
    def fund(self, who: Account, amount: int) -> None:
        CHAIN.fund(who, amount)
        self.balances[who] += amount
        self.issued += amount

    @rule(blocks=st.integers(0, 3), later=st.integers(0, 10_000))
    def wait(self, blocks: int, later: int) -> None:
        CHAIN.time_travel(later)
        CHAIN.mine(blocks)

    @rule()
    def remember(self) -> None:
        self.snapshots.append((CHAIN.snapshot(), dict(self.balances), self.issued, CHAIN.number, CHAIN.now))

    @rule(which=st.integers(0, 9))
    def go_back(self, which: int) -> None:
        snapshot, balances, self.issued, number, now = self.snapshots[which % len(self.snapshots)]
        CHAIN.revert(snapshot)
        self.balances = dict(balances)
        assert (CHAIN.number, CHAIN.now) == (number, now)

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        if not hasattr(self, "balances"):
            return
        assert {who: CHAIN.balance(who) for who in ACCOUNTS} == self.balances
        assert CHAIN.query.balances.total_issuance() == self.issued
        accounts = CHAIN.query.system.account.entries().values()
        assert sum(each.data.free + each.data.reserved for each in accounts) == self.issued


TestTransfers = Transfers.TestCase
TestTransfers.settings = settings(max_examples=25, stateful_step_count=20)
