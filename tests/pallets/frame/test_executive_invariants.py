"""Whatever is sent, by whomever: what must be true after every transaction."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pallets.frame.runtime import Call
from pallets.frame.validity import ExhaustsResources, Payment
from pallets.primitives.keys import Keypair, dev_keypair
from tests.pallets.small_runtime import ALICE, ALICE_KEY, BOB, BOB_KEY, CHARLIE, DEPOSIT, UNIT, SmallChain

CHARLIE_KEY = dev_keypair("Charlie")  # its account has nothing; `CHARLIE` is another

keys = st.sampled_from((ALICE_KEY, BOB_KEY, CHARLIE_KEY))
destinations = st.sampled_from((ALICE, BOB, CHARLIE, CHARLIE_KEY.account_id))
amounts = st.one_of(st.integers(0, 2 * DEPOSIT), st.integers(0, UNIT // 50))


class TransactionsMachine(RuleBasedStateMachine):
    """Signed transactions by three accounts, some of them poor, over several blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = SmallChain(alice=UNIT // 10, bob=UNIT // 100)

    def send(self, key: Keypair, call: Call, tip: int = 0) -> None:
        data = self.chain.signed(key, call, tip=tip)
        before, nonce = dict(self.chain.rt.state.changes), self.chain.nonce(key.account_id)
        try:
            self.chain.executive.apply_extrinsic(data)
        except (Payment, ExhaustsResources):
            assert self.chain.rt.state.changes == before
        else:
            assert self.chain.nonce(key.account_id) in (nonce + 1, 0)  # none where the account is gone

    @rule(key=keys, dest=destinations, amount=amounts, tip=amounts, name=st.sampled_from(("allow_death", "keep_alive")))
    def pay(self, key: Keypair, dest: bytes, amount: int, tip: int, name: str) -> None:
        self.send(key, self.chain.rt.call("Balances", f"transfer_{name}", dest=dest, value=amount), tip)

    @rule(key=keys, dest=destinations, keep_alive=st.booleans())
    def pay_all(self, key: Keypair, dest: bytes, keep_alive: bool) -> None:
        self.send(key, self.chain.rt.call("Balances", "transfer_all", dest=dest, keep_alive=keep_alive))

    @rule(key=keys, amount=amounts)
    def hold(self, key: Keypair, amount: int) -> None:
        self.send(key, self.chain.rt.call("Escrow", "hold", amount=amount))

    @rule(key=keys, used=st.integers(0, 3_000_000_000))
    def use_less(self, key: Keypair, used: int) -> None:
        self.send(key, self.chain.rt.call("Escrow", "frugal", used=used))

    @rule(key=keys, name=st.sampled_from(("batch", "batch_all", "force_batch")), values=st.lists(amounts, max_size=3))
    def batch(self, key: Keypair, name: str, values: list[int]) -> None:
        calls = [self.chain.rt.call("Balances", "transfer_keep_alive", dest=BOB, value=value) for value in values]
        self.send(key, self.chain.rt.call("Utility", name, calls=calls))

    @rule(who=destinations, amount=amounts)
    def govern(self, who: bytes, amount: int) -> None:
        inner = self.chain.rt.call("Balances", "force_set_balance", who=who, new_free=amount)
        self.send(ALICE_KEY, self.chain.rt.call("Sudo", "sudo", call=inner))

    @rule()
    def next_block(self) -> None:
        self.chain.next_block()

    @invariant()
    def the_issuance_is_the_sum_of_all_balances(self) -> None:
        accounts = [info.data for _, info in self.chain.rt.system.account.items()]
        assert self.chain.rt.balances.total_issuance == sum(data.free + data.reserved for data in accounts)

    @invariant()
    def no_account_is_below_the_deposit(self) -> None:
        for who, info in self.chain.rt.system.account.items():
            assert info.data.free >= DEPOSIT
            assert info.data.reserved == sum(entry.amount for entry in self.chain.rt.balances.holds[who])

    @invariant()
    def no_layer_is_left_open(self) -> None:
        assert self.chain.rt.state.depth == 0


TransactionsMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestTransactions = TransactionsMachine.TestCase
