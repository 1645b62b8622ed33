"""Stake as a state machine: bonds, delegations, pay, faults, cancels, withdrawals and time, in any order."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pallets.frame.events import DispatchError
from pallets.primitives.evidence import SlashReason
from pallets.primitives.worker_record import LEAVING, WorkerState
from pallets.slashing.pallet import POT as SLASH_POT
from pallets.slashing.pallet import Slashing
from pallets.workers.pallet import Workers
from pallets.workers.stake import POT
from tests.pallets.job_chain import ALICE, BOB, CAROL, CHAIN_TREASURY, DEPOSIT, OPERATORS, STAKE, UNIT, JobChain
from tests.pallets.test_slashing import double_receipt, report

UNBONDING, DEFER = 3_600_000, 600_000
PEOPLE = (ALICE, BOB, CAROL, OPERATORS[1])
SOURCE = b"modlfthmtest".ljust(32, b"\0")
TEAM = (OPERATORS[0], OPERATORS[0], OPERATORS[1])
places = st.integers(0, len(TEAM) - 1)
people = st.sampled_from(PEOPLE)
operators = st.sampled_from(OPERATORS[:2])
Holder = tuple[bytes, bytes]
"""Whose stake on whom: a worker's key or an operator, and who has staked."""


class Fault(NamedTuple):
    """A fault, and what could be taken for it then."""

    place: int
    at: int
    risk: dict[Holder, int]


class Stakes(RuleBasedStateMachine):
    """People, operators, faults, governance and time."""

    @initialize()
    def begin(self) -> None:
        self.chain = JobChain()
        self.rt = self.chain.rt
        self.rt.balances.mint_into(CHAIN_TREASURY, DEPOSIT)
        self.rt.balances.mint_into(SOURCE, 10_000 * UNIT)
        self.team = [self.chain.worker(f"{i}", operator) for i, operator in enumerate(TEAM)]
        for worker in self.team:
            worker.register()
        self.delegate(ALICE, OPERATORS[0], 20 * UNIT)
        self.faults = list[Fault]()
        self.of_slash = dict[int, Fault]()
        self.counted = 0
        self.issuance = self.rt.balances.total_issuance
        self.everyone = (*PEOPLE, OPERATORS[0], SOURCE, POT, SLASH_POT, CHAIN_TREASURY)
        self.elsewhere = self.issuance - self.wealth()

    # Stake

    @rule(place=places, stake=st.sampled_from([STAKE, 2 * STAKE + 1]))
    def register(self, place: int, stake: int) -> None:
        self.wait(100)
        with suppress(Workers.AlreadyRegistered):
            self.team[place].register(stake)

    @rule(place=places, name=st.sampled_from(["exit", "withdraw", "assign", "finish", "bond_more"]))
    def come_or_go(self, place: int, name: str) -> None:
        worker, workers = self.team[place], self.rt.workers
        if name == "assign":
            if worker.record.state in (WorkerState.Idle, WorkerState.Working) and worker.record.load < 2:
                workers.assign(worker.key)
        elif name == "finish":
            if worker.record.load:
                workers.finish(worker.key, kept=True)
        else:
            more = {"amount": 7 * UNIT + 1} if name == "bond_more" else {}
            with suppress(DispatchError):
                self.chain.call(worker.info.operator, "Workers", name, worker=worker.key, **more)

    @rule(who=people, operator=operators, amount=st.sampled_from([UNIT - 1, UNIT, 5 * UNIT + 3, 300 * UNIT]))
    def delegate(self, who: bytes, operator: bytes, amount: int) -> None:
        with suppress(DispatchError):
            self.chain.call(who, "Workers", "delegate", operator=operator, amount=amount)

    @rule(who=people, operator=operators, amount=st.sampled_from([1, UNIT, 5 * UNIT, 10**30]))
    def undelegate(self, who: bytes, operator: bytes, amount: int) -> None:
        with suppress(Workers.NotDelegator, Workers.DelegationTooLow, Workers.TooManyParts):
            self.chain.call(who, "Workers", "undelegate", operator=operator, amount=amount)

    @rule(who=people, operator=operators)
    def withdraw(self, who: bytes, operator: bytes) -> None:
        with suppress(Workers.NotDelegator, Workers.NothingFree, Workers.SlashOpen):
            self.chain.call(who, "Workers", "withdraw_delegation", operator=operator, delegator=who)

    # Pay

    @rule(operator=operators, commission=st.sampled_from([0, 77_777, 1_000_000]))
    def commission(self, operator: bytes, commission: int) -> None:
        with suppress(Workers.NoWorkers):
            self.chain.call(operator, "Workers", "set_commission", commission=commission)

    @rule(operator=operators, amount=st.sampled_from([1, 12_345, 3 * UNIT + 1]))
    def pay(self, operator: bytes, amount: int) -> None:
        self.rt.workers.reward(operator, amount, SOURCE)

    @rule(who=st.sampled_from((*PEOPLE, OPERATORS[0])), operator=operators)
    def claim(self, who: bytes, operator: bytes) -> None:
        with suppress(Workers.NothingToClaim):
            self.chain.call(who, "Workers", "claim_rewards", operator=operator)

    # Faults

    @rule(place=places)
    def err(self, place: int) -> None:
        """A worker does something that comes to light later, if ever."""
        worker, now = self.team[place], self.rt.timestamp.now
        operator, risk = worker.info.operator, dict[Holder, int]()
        position = self.rt.workers.position[worker.key]
        risk[worker.key, operator] = position.total - position.withdrawable(now)
        for who, delegation in self.rt.workers.delegation.prefix(operator):
            risk[operator, who] = delegation.position.total - delegation.position.withdrawable(now)
        self.faults.append(Fault(place, now, risk))
        self.wait(100)  # so that what is bonded next is bonded later

    @precondition(lambda self: self.faults)
    @rule(data=st.data(), amount=st.sampled_from([1, STAKE // 3, STAKE + 10 * UNIT + 1, 10**30]))
    def punish(self, data: st.DataObject, amount: int) -> None:
        fault = self.faults.pop(data.draw(st.integers(0, len(self.faults) - 1)))
        id, worker = self.rt.slashing.next_slash, self.team[fault.place]
        self.counted += 1
        subject = self.counted.to_bytes(4, "little")
        stake = self.rt.slashing.punish(
            worker.key, SlashReason.WrongOutput, amount, subject=subject, evidence=b"", at=fault.at, reporter=CAROL
        )
        assert stake <= min(amount, sum(fault.risk.values()))
        too_old = fault.at < self.rt.timestamp.now - UNBONDING
        assert not (too_old and stake) and (self.rt.slashing.next_slash == id + bool(stake))
        if stake:
            self.of_slash[id] = fault

    @rule(place=places, who=st.sampled_from((BOB, OPERATORS[0])))
    def report(self, place: int, who: bytes) -> None:
        self.wait(100)
        self.err(place)
        fault, id = self.faults.pop(), self.rt.slashing.next_slash
        self.counted += 1
        with suppress(Slashing.NothingAtRisk):
            report(self.chain, double_receipt(self.team[place], sequence=self.counted), who)
            self.of_slash[id] = fault

    @precondition(lambda self: self.of_slash)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.of_slash)))
        before = self.stakes()
        self.chain.sudo("Slashing", "cancel", slash=id)
        del self.of_slash[id]
        assert self.stakes() == before

    # Time

    @rule(after=st.sampled_from([100, 50_000, DEFER, UNBONDING // 2, UNBONDING]))
    def wait(self, after: int) -> None:
        before = self.stakes()
        self.chain.next_block(after)
        for event in self.chain.events(Slashing.Slashed):
            fault = self.of_slash.pop(event.slash)
            assert event.taken <= sum(fault.risk.values())
            assert event.reward <= event.taken // 10
        # Blocks of this chain carry out two slashes at most; of each holder they took no more than was at risk.
        after_, slashed = self.stakes(), self.chain.events(Slashing.Slashed)
        assert sum(before.values()) - sum(after_.values()) == sum(event.taken for event in slashed)
        if len(slashed) == 1:
            taken = {holder: amount - after_[holder] for holder, amount in before.items() if amount > after_[holder]}
            assert all(amount <= fault.risk.get(holder, 0) for holder, amount in taken.items())
            own = (self.team[fault.place].key, TEAM[fault.place])
            (event,) = slashed
            rewarded = event.reporter not in (None, event.operator)
            assert event.reward == (taken.get(own, 0) // 10 if rewarded else 0)
            spent = any(holder != own for holder in taken)  # then of the operator's own nothing at risk is left
            assert not spent or self.rt.workers.position[own[0]].slashable_at(fault.at) == 0
        assert not (set(before) - set(after_)) or slashed

    def stakes(self) -> Counter[Holder]:
        found = Counter[Holder]()
        for worker in self.team:
            found[worker.key, worker.info.operator] = self.rt.workers.position[worker.key].total
        for operator in OPERATORS[:2]:
            for who, delegation in self.rt.workers.delegation.prefix(operator):
                found[operator, who] = delegation.position.total
        return found

    def wealth(self) -> int:
        accounts = [self.rt.system.account[who].data for who in self.everyone]
        return sum(data.free + data.reserved for data in accounts)

    # What always holds

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        balances = self.rt.balances
        assert balances.total_issuance == self.issuance == self.elsewhere + self.wealth()
        assert balances.free(SLASH_POT) == DEPOSIT
        owed = sum(amount for _, amount in self.rt.workers.owed.items())
        for operator in OPERATORS[:2]:
            index = self.rt.workers.pool[operator].index
            for _, one in self.rt.workers.delegation.prefix(operator):
                owed += one.position.bonded * (index - one.index) // 10**18
        assert balances.free(POT) >= DEPOSIT + owed

    @invariant()
    def what_is_held_is_what_is_staked(self) -> None:
        workers, own, delegated = self.rt.workers, Counter[bytes](), Counter[bytes]()
        for worker in self.team:
            position = workers.position[worker.key]
            assert worker.record.stake == position.total
            assert not (position.bonded and worker.record.state in LEAVING)
            own[worker.info.operator] += position.total
        for operator in OPERATORS[:2]:
            pool, found = workers.pool[operator], dict(workers.delegation.prefix(operator))
            assert pool.delegators == len(found)
            assert pool.delegated == sum(one.position.bonded for one in found.values())
            records = [worker.record for worker in self.team if worker.info.operator == operator]
            assert pool.workers == sum(record.state not in LEAVING for record in records)
            for who, one in found.items():
                assert one.position.parts
                delegated[who] += one.position.total
        for who in (*PEOPLE, OPERATORS[0]):
            assert self.rt.balances.held(Workers.HoldReason.Stake, who) == own[who]
            assert self.rt.balances.held(Workers.HoldReason.Delegation, who) == delegated[who]

    @invariant()
    def every_open_slash_is_due_once(self) -> None:
        slashing, bonds, open_ = self.rt.slashing, Counter[bytes](), Counter[bytes]()
        found = dict(slashing.slash.items())
        assert set(found) == set(self.of_slash)
        assert sorted(slashing.deferred) == sorted((one.due, id) for id, one in found.items())
        for one in found.values():
            open_[one.operator] += 1
            if one.reporter is not None:
                bonds[one.reporter] += one.bond
        for who in (*PEOPLE, OPERATORS[0]):
            assert self.rt.balances.held(Slashing.HoldReason.Report, who) == bonds[who]
            assert self.rt.workers.pool[who].slashes == open_[who]

    def teardown(self) -> None:
        """In the end everyone gets out what is theirs."""
        if not hasattr(self, "elsewhere"):
            return
        for _ in range(len(self.of_slash) + 2):  # two are carried out a block, each may be deferred once more
            self.wait(DEFER)
        assert not self.of_slash
        for worker in self.team:
            while worker.record.load:
                self.rt.workers.finish(worker.key, kept=True)
            if worker.record.state not in LEAVING:
                self.chain.call(worker.info.operator, "Workers", "exit", worker=worker.key)
        for operator in OPERATORS[:2]:
            for who, one in list(self.rt.workers.delegation.prefix(operator)):
                if one.position.bonded:
                    self.chain.call(who, "Workers", "undelegate", operator=operator, amount=10**30)
        self.wait(UNBONDING)
        for worker in self.team:
            if worker.record.state is not WorkerState.Left:
                self.chain.call(worker.info.operator, "Workers", "withdraw", worker=worker.key)
        for operator in OPERATORS[:2]:
            for who, _ in list(self.rt.workers.delegation.prefix(operator)):
                self.chain.call(CAROL, "Workers", "withdraw_delegation", operator=operator, delegator=who)
        assert not +self.stakes()
        for who in (*PEOPLE, OPERATORS[0]):
            self.claim(who, OPERATORS[0])
            assert not self.rt.balances.holds[who]
        assert not any(amount for _, amount in self.rt.workers.owed.items())
        self.no_money_is_made_or_lost()


Stakes.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestStakes = Stakes.TestCase
