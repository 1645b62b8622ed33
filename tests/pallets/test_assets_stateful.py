"""Tokens under whatever may happen to them: what must be true of them all the time, and what the listener hears."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pallets.assets.records import Consumer, DepositFrom, DepositHeld, Sufficient
from pallets.frame import DispatchError
from pallets.frame.origin import ROOT, signed
from pallets.frame.testing import externalities
from pallets.fungibles import Side
from pallets.primitives.fixed import U128_MAX
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, SmallRuntime, genesis

ACCOUNTS = (ALICE, BOB, CHARLIE, DAVE, b"\x55" * 32)
"""The last two have nothing at first."""
TOKENS = (1, 2)
LEAST = 10
ids, accounts = st.sampled_from(TOKENS), st.sampled_from(ACCOUNTS)
amounts = st.one_of(st.integers(0, 5 * LEAST), st.sampled_from((LEAST - 1, LEAST, LEAST + 1, U128_MAX)))


class Heard:
    """A listener that keeps books of its own by what it hears, and a freezer that freezes what it is told to."""

    def __init__(self, runtime: SmallRuntime) -> None:
        self.runtime = runtime
        self.books = Counter[tuple[int, bytes]]()
        self.locked = Counter[tuple[int, bytes]]()

    def before_change(self, id: int, *sides: Side) -> None:
        for who, old, new in sides:
            assert self.books[id, who] == old == self.runtime.assets.balance(id, who), (
                "told too late, or of a wrong balance"
            )
            self.books[id, who] = new

    def frozen(self, id: int, who: bytes) -> int:
        return self.locked[id, who]


class Tokens(RuleBasedStateMachine):
    """A sufficient token and another, moved by calls and by other pallets."""

    @initialize()
    def begin(self) -> None:
        self.context = externalities(SmallRuntime, **genesis(alice=50_000, bob=2_000, charlie=700))
        self.rt = self.context.__enter__()
        self.assets = self.rt.assets
        self.heard = Heard(self.rt)
        self.assets.listener = self.assets.freezer = lambda: self.heard
        for id in TOKENS:
            self.act("force_create", None, id=id, owner=ALICE, is_sufficient=id == 1, min_balance=LEAST)
            self.act("mint", ALICE, id=id, beneficiary=ALICE, amount=500)

    def act(self, name: str, signer: bytes | None, /, **arguments: Any) -> None:
        """A call, in its layer: what it is refused leaves nothing but what was heard, which is put back."""
        books = self.heard.books.copy()
        try:
            self.rt.dispatch(self.rt.call("Assets", name, **arguments), ROOT if signer is None else signed(signer))
        except DispatchError:
            assert self.heard.books == books, "the listener was told of what didn't happen"

    def attempt(self, operation: str, *arguments: Any, **options: Any) -> None:
        """As another pallet does, without a layer: what fails must leave no trace all by itself."""
        before, events = dict(self.rt.state.changes), len(self.rt.events)
        books = self.heard.books.copy()
        try:
            getattr(self.assets, operation)(*arguments, **options)
        except DispatchError:
            assert self.rt.state.changes == before and len(self.rt.events) == events
            assert self.heard.books == books

    @rule(id=ids, who=accounts, amount=amounts)
    def mint_into(self, id: int, who: bytes, amount: int) -> None:
        self.attempt("mint_into", id, who, amount)

    @rule(id=ids, who=accounts, amount=amounts)
    def burn_from(self, id: int, who: bytes, amount: int) -> None:
        self.attempt("burn_from", id, who, amount)

    @rule(id=ids, source=accounts, dest=accounts, amount=amounts, keep_alive=st.booleans())
    def transfer(self, id: int, source: bytes, dest: bytes, amount: int, keep_alive: bool) -> None:
        self.attempt("transfer", id, source, dest, amount, keep_alive=keep_alive)

    @rule(id=ids, who=accounts, dest=accounts, keep_alive=st.booleans())
    def transfer_all(self, id: int, who: bytes, dest: bytes, keep_alive: bool) -> None:
        self.act("transfer_all", who, id=id, dest=dest, keep_alive=keep_alive)

    @rule(id=ids, who=accounts, amount=amounts)
    def burn(self, id: int, who: bytes, amount: int) -> None:
        self.act("burn", ALICE, id=id, who=who, amount=amount)

    @rule(id=ids, source=accounts, dest=accounts, amount=amounts)
    def force_transfer(self, id: int, source: bytes, dest: bytes, amount: int) -> None:
        self.act("force_transfer", ALICE, id=id, source=source, dest=dest, amount=amount)

    @rule(id=ids, owner=accounts, delegate=accounts, amount=amounts)
    def approve(self, id: int, owner: bytes, delegate: bytes, amount: int) -> None:
        self.act("approve_transfer", owner, id=id, delegate=delegate, amount=amount)

    @rule(id=ids, owner=accounts, delegate=accounts)
    def cancel_approval(self, id: int, owner: bytes, delegate: bytes) -> None:
        self.act("cancel_approval", owner, id=id, delegate=delegate)

    @rule(id=ids, owner=accounts, delegate=accounts, dest=accounts, amount=amounts)
    def transfer_approved(self, id: int, owner: bytes, delegate: bytes, dest: bytes, amount: int) -> None:
        self.act("transfer_approved", delegate, id=id, owner=owner, destination=dest, amount=amount)

    @rule(id=ids, who=accounts)
    def touch(self, id: int, who: bytes) -> None:
        self.act("touch", who, id=id)

    @rule(id=ids, who=accounts)
    def touch_other(self, id: int, who: bytes) -> None:
        self.act("touch_other", ALICE, id=id, who=who)

    @rule(id=ids, who=accounts, allow_burn=st.booleans())
    def refund(self, id: int, who: bytes, allow_burn: bool) -> None:
        self.act("refund", who, id=id, allow_burn=allow_burn)

    @rule(id=ids, who=accounts)
    def refund_other(self, id: int, who: bytes) -> None:
        self.act("refund_other", ALICE, id=id, who=who)

    @rule(id=ids, who=accounts, name=st.sampled_from(("freeze", "thaw", "block")))
    def set_status(self, id: int, who: bytes, name: str) -> None:
        self.act(name, ALICE, id=id, who=who)

    @rule(id=ids, name=st.sampled_from(("freeze_asset", "thaw_asset")))
    def set_token_status(self, id: int, name: str) -> None:
        self.act(name, ALICE, id=id)

    @rule(id=ids, who=accounts, share=st.integers(0, 4))
    def lock(self, id: int, who: bytes, share: int) -> None:
        self.heard.locked[id, who] = self.assets.balance(id, who) * share // 4

    @rule(source=accounts, dest=accounts, share=st.integers(1, 4))
    def pay(self, source: bytes, dest: bytes, share: int) -> None:
        """Money comes and goes, and accounts with it."""
        before = dict(self.rt.state.changes)
        try:
            self.rt.balances.transfer(source, dest, self.rt.balances.free(source) * share // 4)
        except DispatchError:
            assert self.rt.state.changes == before

    @rule(id=ids)
    def end_token(self, id: int) -> None:
        """A token ends, all of its accounts with it but those with frozen units, and begins again if there are none."""
        self.act("start_destroy", ALICE, id=id)
        for name in ("destroy_accounts", "destroy_accounts", "destroy_approvals", "destroy_approvals"):
            self.act(name, BOB, id=id)
        self.act("finish_destroy", BOB, id=id)
        self.act("force_create", None, id=id, owner=ALICE, is_sufficient=id == 1, min_balance=LEAST)

    @invariant()
    def the_supply_is_the_sum_of_all_balances(self) -> None:
        for id in TOKENS:
            holders = dict(self.assets.account.prefix(id))
            details = self.assets.asset[id]
            assert details.supply == sum(holder.balance for holder in holders.values())
            assert details.accounts == len(holders)
            assert details.sufficients == sum(isinstance(holder.reason, Sufficient) for holder in holders.values())
            assert details.approvals == len(dict(self.assets.approvals.prefix(id)))

    @invariant()
    def every_change_was_heard(self) -> None:
        held = {(id, who): account.balance for (id, who), account in self.assets.account.items() if account.balance}
        assert held == +self.heard.books

    @invariant()
    def what_is_frozen_stays(self) -> None:
        for (id, who), amount in self.heard.locked.items():
            assert self.assets.balance(id, who) >= amount

    @invariant()
    def no_account_has_less_than_the_least_without_a_deposit(self) -> None:
        for _, account in self.assets.account.items():
            kept = isinstance(account.reason, DepositHeld | DepositFrom)
            assert account.balance >= LEAST or kept

    @invariant()
    def accounts_exist_for_a_reason(self) -> None:
        reasons, deposits = Counter[tuple[bytes, type]](), Counter[bytes]()
        for (_, who), account in self.assets.account.items():
            reasons[who, type(account.reason)] += 1
            if isinstance(account.reason, DepositHeld | DepositFrom):
                payer = who if isinstance(account.reason, DepositHeld) else account.reason.depositor
                deposits[payer] += account.reason.deposit
        for (_, owner, _), approval in self.assets.approvals.items():
            deposits[owner] += approval.deposit
        for who in ACCOUNTS:
            info = self.rt.system.account[who]
            assert info.sufficients == reasons[who, Sufficient]
            assert info.consumers == reasons[who, Consumer] + bool(info.data.reserved)
            assert info.data.reserved == deposits[who]

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)


Tokens.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestTokens = Tokens.TestCase
