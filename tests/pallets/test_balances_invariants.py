"""Balances under whatever may happen to accounts: what must be true of them all the time."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pallets.frame import DispatchError, Reasons
from pallets.frame.events import ConsumerRemaining, NoProviders
from pallets.frame.testing import externalities
from pallets.system.pallet import System
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, DEPOSIT, Escrow, SmallRuntime, genesis

DEAL, BOND = Escrow.HoldReason.Deal, Escrow.HoldReason.Bond
ACCOUNTS = (ALICE, BOB, CHARLIE, DAVE)

accounts = st.sampled_from(ACCOUNTS)
amounts = st.one_of(st.integers(0, 3 * DEPOSIT), st.sampled_from((DEPOSIT - 1, DEPOSIT, DEPOSIT + 1)))
reasons = st.sampled_from((DEAL, BOND))


class BalancesMachine(RuleBasedStateMachine):
    """Whatever happens to accounts, directly and without layers: what fails must leave no trace all by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.context = externalities(SmallRuntime, **genesis(alice=5_000, bob=DEPOSIT, charlie=1_200))
        self.rt = self.context.__enter__()
        self.balances = self.rt.balances
        self.alive = {ALICE, BOB, CHARLIE}
        self.provided = dict.fromkeys(ACCOUNTS, 0)  # by someone else than the balance
        self.needed = dict.fromkeys(ACCOUNTS, 0)  # by someone else than a hold
        self.kept = dict.fromkeys(ACCOUNTS, 0)  # reserved without a reason

    def attempt(self, operation: str, *arguments: object, **options: object) -> None:
        before, events = dict(self.rt.state.changes), len(self.rt.events)
        try:
            getattr(self.balances, operation)(*arguments, **options)
        except DispatchError:
            assert self.rt.state.changes == before
            assert len(self.rt.events) == events

    @rule(source=accounts, dest=accounts, value=amounts, keep_alive=st.booleans())
    def transfer(self, source: bytes, dest: bytes, value: int, keep_alive: bool) -> None:
        self.attempt("transfer", source, dest, value, keep_alive=keep_alive)

    @rule(who=accounts, dest=accounts, keep_alive=st.booleans())
    def transfer_all(self, who: bytes, dest: bytes, keep_alive: bool) -> None:
        self.attempt("transfer_all", who, dest, keep_alive)

    @rule(reason=reasons, who=accounts, amount=amounts, keep_alive=st.booleans())
    def hold(self, reason: Reasons, who: bytes, amount: int, keep_alive: bool) -> None:
        self.attempt("hold", reason, who, amount, keep_alive=keep_alive)

    @rule(reason=reasons, who=accounts, amount=amounts)
    def release(self, reason: Reasons, who: bytes, amount: int) -> None:
        self.attempt("release", reason, who, amount)

    @rule(reason=reasons, who=accounts)
    def release_all(self, reason: Reasons, who: bytes) -> None:
        self.balances.release(reason, who, self.balances.held(reason, who))  # never refused

    @rule(reason=reasons, source=accounts, dest=accounts, amount=amounts)
    def transfer_held(self, reason: Reasons, source: bytes, dest: bytes, amount: int) -> None:
        self.attempt("transfer_held", reason, source, dest, amount)

    @rule(reason=reasons, source=accounts, dest=accounts)
    def transfer_all_held(self, reason: Reasons, source: bytes, dest: bytes) -> None:
        self.attempt("transfer_held", reason, source, dest, self.balances.held(reason, source))

    @rule(who=accounts, amount=amounts)
    def reserve(self, who: bytes, amount: int) -> None:
        before = self.rt.system.account[who].data.reserved
        self.attempt("reserve", who, amount)
        self.kept[who] += self.rt.system.account[who].data.reserved - before

    @rule(who=accounts, amount=amounts)
    def unreserve(self, who: bytes, amount: int) -> None:
        freed = min(amount, self.kept[who])  # a pallet asks for no more than it reserved
        self.balances.unreserve(who, freed)  # never refused
        self.kept[who] -= freed

    @rule(who=accounts, amount=amounts)
    def mint_into(self, who: bytes, amount: int) -> None:
        self.attempt("mint_into", who, amount)

    @rule(who=accounts, amount=amounts, keep_alive=st.booleans())
    def burn_from(self, who: bytes, amount: int, keep_alive: bool) -> None:
        self.attempt("burn_from", who, amount, keep_alive=keep_alive)

    @rule(who=accounts, amount=amounts)
    def force_set_balance(self, who: bytes, amount: int) -> None:
        self.attempt("force_set_balance", None, who, amount)

    @rule(who=accounts, fee=amounts, refund=amounts)
    def pay_fee(self, who: bytes, fee: int, refund: int) -> None:
        if not fee:
            return  # then nobody withdraws, and an account that isn't there stays so
        with suppress(DispatchError):
            account = self.rt.system.account[who]
            self.balances.withdraw(who, account, fee)
            self.rt.system.account[who] = account
            self.balances.drop_credit(fee - self.balances.refund(who, min(fee, refund)))

    @rule(who=accounts)
    def provide(self, who: bytes) -> None:
        account = self.rt.system.account[who]
        self.rt.system.inc_providers(who, account)
        self.rt.system.account[who] = account
        self.provided[who] += 1

    @rule(who=accounts)
    def provide_no_more(self, who: bytes) -> None:
        account = self.rt.system.account[who]
        if not self.provided[who]:
            return
        with suppress(ConsumerRemaining):
            if account.dec_providers():
                self.rt.system.reap(who)
            else:
                self.rt.system.account[who] = account
            self.provided[who] -= 1

    @rule(who=accounts)
    def need(self, who: bytes) -> None:
        account = self.rt.system.account[who]
        with suppress(NoProviders):
            account.inc_consumers()
            self.rt.system.account[who] = account
            self.needed[who] += 1

    @rule(who=accounts)
    def need_no_more(self, who: bytes) -> None:
        if self.needed[who]:
            account = self.rt.system.account[who]
            account.dec_consumers()
            self.rt.system.account[who] = account
            self.needed[who] -= 1

    @invariant()
    def the_issuance_is_the_sum_of_all_balances(self) -> None:
        data = [account.data for _, account in self.rt.system.account.items()]
        assert self.balances.total_issuance == sum(entry.free + entry.reserved for entry in data)

    @invariant()
    def what_is_reserved_is_held_or_kept(self) -> None:
        for who in ACCOUNTS:
            held = [entry.amount for entry in self.balances.holds[who]]
            assert self.rt.system.account[who].data.reserved == sum(held) + self.kept[who]
            assert all(held)
            assert (who in self.balances.holds) == bool(held)

    @invariant()
    def references_follow_balances(self) -> None:
        for who in ACCOUNTS:
            account = self.rt.system.account[who]
            assert account.providers == (account.data.free >= DEPOSIT) + self.provided[who]
            assert account.consumers == bool(account.data.reserved) + self.needed[who]

    @invariant()
    def no_account_is_below_the_deposit(self) -> None:
        for who, account in self.rt.system.account.items():
            assert account.providers
            if (
                account.data.free < DEPOSIT
            ):  # then another provider keeps it, and money only what is tied down by a hold
                assert self.provided[who]
                assert account.data.reserved or not account.data.free

    @invariant()
    def events_tell_of_every_birth_and_death(self) -> None:
        for event in self.rt.events:
            if isinstance(event, System.NewAccount):
                assert event.account not in self.alive
                self.alive.add(event.account)
            elif isinstance(event, System.KilledAccount):
                self.alive.remove(event.account)
        self.rt.events.clear()
        assert {who for who, _ in self.rt.system.account.items()} == self.alive

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)


BalancesMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBalances = BalancesMachine.TestCase
