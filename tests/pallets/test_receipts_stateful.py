"""Money of receipts under any order of events: honest and lying workers, agents and callers that pay, time."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pallets.frame.events import DispatchError
from pallets.jobs.end import POT
from pallets.jobs.pallet import Jobs
from pallets.primitives.job_record import MILLION
from pallets.primitives.pots import treasury
from pallets.primitives.receipt_record import BatchStage, VoidReason
from pallets.primitives.service import BUDGET_MINUTES
from tests.pallets.job_chain import ALICE, BOB, CAROL, DEPOSIT, OPERATORS, SGX, TDX, UNIT, JobChain
from tests.pallets.receipt_chain import CHARGE, GATEWAY_KEY, PAYER, SERVICE, Answering, serving_chain, voucher
from tests.pallets.test_companies import launch

OVER = (BatchStage.Paid, BatchStage.Void, BatchStage.Unpaid)
FUND = 20 * CHARGE
BUDGET = CHARGE // 10
"""A minute."""
HONEST, LIAR = 0, 1


class ReceiptLives(RuleBasedStateMachine):
    """Two workers, of which the second adds what it can; one agent; one caller."""

    chain: JobChain

    @initialize()
    def begin(self) -> None:
        chain = self.chain = serving_chain(FUND, replace(SERVICE, budget=BUDGET))
        workers = [chain.worker(f"w{i}", OPERATORS[i], (SGX, TDX)[i]).register() for i in range(2)]
        self.answering = [Answering(worker) for worker in workers]
        self.committed = [False, False]
        self.issuance, self.given, self.began = chain.rt.balances.total_issuance, FUND, chain.rt.timestamp.now
        self.vouched = Counter[tuple[int, int]]()
        chain.call(CAROL, "Agents", "set_split", agent=0, creator=MILLION // 3)
        self.token = launch(chain, amount=0)

    # Workers

    @rule(who=st.sampled_from([HONEST, LIAR]), count=st.integers(1, 7), ticket=st.booleans())
    def answer(self, who: int, count: int, ticket: bool) -> None:
        self.go_on()
        if not self.committed[who]:
            for _ in range(count):
                self.answering[who].answer(ticket=ticket)

    @rule(who=st.sampled_from([HONEST, LIAR]))
    def leave_out(self, who: int) -> None:
        if not self.committed[who]:
            self.answering[who].void()

    @rule(count=st.integers(1, 5), charge=st.sampled_from([CHARGE, 50 * CHARGE]))
    def make_up(self, count: int, charge: int) -> None:
        """Receipts of requests that nobody has made, on the first ticket there was."""
        liar = self.answering[LIAR]
        for _ in range(0 if self.committed[LIAR] else count):
            receipt = liar.answer(ticket=False, request_hash=b"\x42" * 32, charge=charge)
            liar.tickets[receipt.sequence] = liar.ticket(receipt, max(liar.nonce - 1, 0))

    @rule(who=st.sampled_from([HONEST, HONEST, LIAR]), count=st.integers(1, 9), more=st.sampled_from([0, 0, 0, 1, -1]))
    def commit(self, who: int, count: int, more: int) -> None:
        answering = self.answering[who]
        self.answer(who, count, ticket=True)
        if not self.committed[who]:
            self.chain.next_block(1_000)
            total = max(0, answering.total + (more * CHARGE if who is LIAR else 0))
            self.chain.send(answering.commit(total_charge=total))
            self.committed[who] = True

    @precondition(lambda self: any(self.committed))
    @rule(who=st.sampled_from([HONEST, HONEST, LIAR]))
    def open(self, who: int) -> None:
        self.chain.blocks(3)
        if self.in_openings(who):
            self.chain.send(self.answering[who].open())
            assert self.answering[who].record.stage is BatchStage.Paid or who is LIAR
        self.go_on()

    def go_on(self) -> None:
        """The next answers are another batch's where one is over."""
        for who, answering in enumerate(self.answering):
            found = self.chain.rt.jobs.batch_of(answering.worker.key, answering.first)
            if self.committed[who] and (found is None or found.stage in OVER):
                answering.begin_next()
                self.committed[who] = False

    # Who pays

    @rule(amount=st.sampled_from([0, CHARGE, 5 * CHARGE]))
    def fund(self, amount: int) -> None:
        self.chain.call(ALICE, "Agents", "fund", agent=0, amount=amount)
        self.given += amount

    @rule(who=st.sampled_from([None, HONEST, LIAR]), amount=st.sampled_from([UNIT, 3 * UNIT]))
    def open_channel(self, who: int | None, amount: int) -> None:
        if self.chain.rt.jobs.next_channel < 4:
            worker = None if who is None else self.answering[who].worker.key
            self.chain.call(PAYER.account_id, "Jobs", "open_channel", worker=worker, amount=amount)

    @rule(channel=st.integers(0, 3), what=st.sampled_from(["top_up", "close_channel", "withdraw_channel"]))
    def change_channel(self, channel: int, what: str) -> None:
        more = {"amount": UNIT // 2} if what == "top_up" else {}
        with suppress(DispatchError):
            self.chain.call(PAYER.account_id, "Jobs", what, channel=channel, **more)

    @rule(channel=st.integers(0, 3), who=st.sampled_from([HONEST, LIAR]), more=st.sampled_from([0, UNIT // 3, UNIT]))
    def claim(self, channel: int, who: int, more: int) -> None:
        self.vouched[channel, who] += more
        shown = voucher(self.answering[who].worker, self.vouched[channel, who], channel=channel)
        with suppress(DispatchError):
            self.chain.call(OPERATORS[who], "Jobs", "claim_voucher", voucher=shown)

    @rule(who=st.sampled_from([ALICE, BOB]))
    def buy_or_sell_out(self, who: bytes) -> None:
        """So there are holders now, and none then."""
        assets = self.chain.rt.assets
        held = assets.balance(self.token, who)
        if held:
            assets.burn_from(self.token, who, held)
        else:
            assets.mint_into(self.token, who, 3)

    # Time, and trust

    @rule(after=st.sampled_from([100, 300, 1_000, 30_000, 50_000, 3_600_000]))
    def wait(self, after: int) -> None:
        waiting = [answering for who, answering in enumerate(self.answering) if self.in_openings(who)]
        self.chain.next_block(after)
        if after > 60_000:
            assert all(answering.record.stage is BatchStage.Openings for answering in waiting)

    @rule()
    def blocks(self) -> None:
        self.chain.blocks(3)

    @rule()
    def revoke(self) -> None:
        with suppress(DispatchError):
            self.chain.sudo("Attestation", "disallow_measurement", measurement=TDX.measurement)

    def in_openings(self, who: int) -> bool:
        found = self.chain.rt.jobs.batch_of(self.answering[who].worker.key, self.answering[who].first)
        return found is not None and found.stage is BatchStage.Openings

    # What always holds

    @invariant()
    def money_adds_up(self) -> None:
        rt = self.chain.rt
        assert rt.balances.total_issuance == self.issuance
        claimable = dict(rt.jobs.claimable.items())
        assert rt.balances.free(POT) == DEPOSIT + sum(claimable.values())
        channels = [channel.held for _, channel in rt.jobs.channel.items()]
        assert rt.balances.held(Jobs.HoldReason.Channel, PAYER.account_id) == sum(channels)
        assert rt.balances.free(treasury(0)) >= DEPOSIT

    @invariant()
    def events_say_who_got_what(self) -> None:
        shares = sum(event.amount for event in self.chain.events(Jobs.SharePaid))
        claimed = sum(event.amount for event in self.chain.events(Jobs.VoucherClaimed))
        assert shares == claimed + sum(event.amount for event in self.chain.events(Jobs.BudgetSpent))

    @invariant()
    def an_agent_pays_within_its_budget(self) -> None:
        rt = self.chain.rt
        spent = DEPOSIT + self.given - rt.balances.free(treasury(0))
        minutes = BUDGET_MINUTES + (rt.timestamp.now - self.began) / 60_000
        assert spent <= self.given and spent <= BUDGET * minutes + 1

    @invariant()
    def a_worker_is_paid_for_no_more_than_there_were_tickets(self) -> None:
        for answering in self.answering:
            count = self.chain.rt.jobs.tickets.get(GATEWAY_KEY, answering.worker.key)
            if count is not None:
                assert count.paid <= count.known * MILLION <= max(answering.nonce, 1) * MILLION

    @invariant()
    def every_batch_is_waited_for_once(self) -> None:
        rt = self.chain.rt
        batches = dict(rt.jobs.receipt_batch.items())
        assert {key for _, key in rt.jobs.batch_draws} == {k for k, b in batches.items() if b.stage is BatchStage.Draw}
        alarms = sorted((b.due, key) for key, b in batches.items() if b.stage is not BatchStage.Draw)
        assert sorted(rt.jobs.batch_alarms) == alarms
        for (worker, first), record in batches.items():
            assert record.paid <= record.total_charge
            assert first + record.count <= rt.jobs.next_receipt[worker]

    @invariant()
    def what_the_honest_show_is_never_void(self) -> None:
        for event in self.chain.events(Jobs.ReceiptsVoid):
            assert event.worker == self.answering[LIAR].worker.key or event.reason is VoidReason.NotOpened


ReceiptLives.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestReceiptLives = ReceiptLives.TestCase
