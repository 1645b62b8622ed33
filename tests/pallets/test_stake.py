"""Stake: positions, bonds, delegations, pay by the reward index, and what keeps money from leaving too early."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.frame.events import Token
from pallets.frame.testing import noop
from pallets.primitives.evidence import SlashReason
from pallets.primitives.stake import MAX_PARTS, Part, Position, TooManyParts
from pallets.primitives.worker_record import WorkerState
from pallets.workers.pallet import Workers
from pallets.workers.stake import POT, counted_stake
from tests.pallets.job_chain import ALICE, BOB, CAROL, DEPOSIT, OPERATORS, STAKE, UNIT, JobChain

UNBONDING, DEFER = 3_600_000, 600_000
OPERATOR = OPERATORS[0]
SOURCE = b"modlfthmtest".ljust(32, b"\0")
MILLION = 1_000_000


@pytest.fixture
def chain() -> JobChain:
    made = JobChain()
    made.rt.balances.mint_into(SOURCE, 1_000 * UNIT)
    return made


def delegate(chain: JobChain, who: bytes, amount: int, operator: bytes = OPERATOR) -> None:
    chain.call(who, "Workers", "delegate", operator=operator, amount=amount)


def undelegate(chain: JobChain, who: bytes, amount: int, operator: bytes = OPERATOR) -> None:
    chain.call(who, "Workers", "undelegate", operator=operator, amount=amount)


def withdraw(chain: JobChain, who: bytes, delegator: bytes, operator: bytes = OPERATOR) -> None:
    chain.call(who, "Workers", "withdraw_delegation", operator=operator, delegator=delegator)


def held(chain: JobChain, who: bytes, reason: Any = Workers.HoldReason.Delegation) -> int:
    return chain.rt.balances.held(reason, who)


# Positions

steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "unbond", "take", "withdraw"]),
        st.integers(0, 40),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps)
def test_a_position_says_what_was_at_risk_as_one_that_joins_nothing(walk: list[tuple[str, int, int, int]]) -> None:
    unbonding, now = 50, 100
    position, plain = Position(), Position()
    for step, amount, past, after in walk:
        moment = now - past  # a fault that still counts
        if step == "add":
            position.add(amount, now, horizon=now - unbonding)
            plain.add(amount, now, horizon=-1)
        elif step == "unbond":
            amount = min(amount, position.bonded)
            position.unbond(amount, now + unbonding, horizon=now - unbonding)
            plain.unbond(amount, now + unbonding, horizon=-1)
        elif step == "take":
            amount = min(amount, position.slashable_at(moment))
            before = (position.total, position.slashable_at(moment))
            position.take(amount, moment)
            plain.take(amount, moment)
            assert (position.total, position.slashable_at(moment)) == (before[0] - amount, before[1] - amount)
        else:
            assert position.withdraw(now) == plain.withdraw(now)
        assert all(part.amount for part in position.parts)
        assert (position.total, position.bonded) == (plain.total, plain.bonded)
        for back in range(unbonding):
            assert position.slashable_at(now - back) == plain.slashable_at(now - back)
        now += after


def test_parts_of_a_position_are_joined_when_no_fault_tells_them_apart() -> None:
    position = Position()
    for now in range(MAX_PARTS):
        position.add(10, now, horizon=-1)
    full = Position([Part(part.amount, part.since, part.free_at) for part in position.parts])
    with pytest.raises(TooManyParts):
        position.add(1, MAX_PARTS, horizon=-1)
    with pytest.raises(TooManyParts):
        position.unbond(5, 99, horizon=-1)
    assert position == full
    position.unbond(position.bonded, 99, horizon=-1)  # all of it can be taken out, however divided
    assert (position.bonded, position.withdrawable(98), position.withdrawable(99)) == (0, 0, 10 * MAX_PARTS)
    full.add(1, MAX_PARTS, horizon=MAX_PARTS - 1)
    assert full.parts == [Part(10 * MAX_PARTS, MAX_PARTS - 1), Part(1, MAX_PARTS)]


def test_what_is_free_is_not_at_risk_and_what_is_being_taken_out_goes_first() -> None:
    position = Position([Part(10, 0), Part(10, 5, free_at=20), Part(10, 15)])
    assert [position.slashable_at(moment) for moment in (-1, 0, 5, 15, 19, 20)] == [0, 10, 20, 30, 30, 20]
    position.take(12, 19)
    assert position.parts == [Part(8, 0), Part(10, 15)]


# An operator's own stake


def test_bonds_are_remembered_with_their_moment(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    start = chain.rt.timestamp.now
    chain.next_block(1_000)
    chain.call(OPERATOR, "Workers", "bond_more", worker=worker.key, amount=7)
    position = chain.rt.workers.position[worker.key]
    assert position.parts == [Part(STAKE, start), Part(7, start + 1_000)]
    assert position.total == worker.record.stake == held(chain, OPERATOR, Workers.HoldReason.Stake)


def test_leaving_takes_the_whole_unbonding_and_coming_back_shortens_nothing(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.rt.workers.assign(worker.key)
    chain.rt.workers.finish(worker.key, kept=False)
    chain.call(OPERATOR, "Workers", "exit", worker=worker.key)
    due = chain.rt.timestamp.now + UNBONDING
    assert worker.record.due == due and chain.rt.workers.pool[OPERATOR].workers == 0
    for again in (worker.register, lambda: chain.call(OPERATOR, "Workers", "exit", worker=worker.key)):
        with pytest.raises((Workers.AlreadyRegistered, Workers.NotServing)):
            again()
    with noop(chain.rt, Workers.NotServing):
        chain.call(OPERATOR, "Workers", "bond_more", worker=worker.key, amount=1)
    chain.next_block(UNBONDING - 100)
    with noop(chain.rt, Workers.StillCoolingDown):
        chain.call(OPERATOR, "Workers", "withdraw", worker=worker.key)
    chain.next_block()
    assert chain.rt.timestamp.now == due
    chain.call(OPERATOR, "Workers", "withdraw", worker=worker.key)
    assert held(chain, OPERATOR, Workers.HoldReason.Stake) == 0 and worker.key not in chain.rt.workers.position
    chain.next_block()
    worker.register()
    assert (worker.record.missed, chain.rt.workers.pool[OPERATOR].workers) == (1, 1)


# Delegations


def test_delegation(chain: JobChain) -> None:
    with noop(chain.rt, Workers.NoWorkers):
        delegate(chain, ALICE, UNIT)
    first, second = chain.worker("1").register(), chain.worker("2").register()
    with noop(chain.rt, Workers.DelegationTooLow):
        delegate(chain, ALICE, UNIT - 1)
    with noop(chain.rt, Token("FundsUnavailable")):
        delegate(chain, ALICE, 10_000 * UNIT)
    delegate(chain, ALICE, 50 * UNIT)
    assert chain.events(Workers.Delegated) == [Workers.Delegated(ALICE, OPERATOR, 50 * UNIT)]
    delegate(chain, ALICE, 1)  # what counts is what it has in all
    delegate(chain, BOB, 9 * UNIT - 1)
    pool = chain.rt.workers.pool[OPERATOR]
    assert (pool.workers, pool.delegators, pool.delegated) == (2, 2, 59 * UNIT)
    assert held(chain, ALICE) == 50 * UNIT + 1 and held(chain, BOB) == 9 * UNIT - 1
    assert counted_stake(chain.rt.workers, first.record) == STAKE + 59 * UNIT // 2
    chain.call(OPERATOR, "Workers", "exit", worker=second.key)
    assert counted_stake(chain.rt.workers, first.record) == STAKE + 59 * UNIT
    delegate(chain, BOB, 1_000 * UNIT)
    assert counted_stake(chain.rt.workers, first.record) == chain.rt.workers.max_counted_stake


def test_a_pool_of_delegations_draws_as_own_stake_does(chain: JobChain) -> None:
    rich, backed = chain.worker("r", OPERATORS[1]).register(2 * STAKE), chain.worker("b").register()
    delegate(chain, ALICE, STAKE)
    draws = [chain.rt.workers.draw(bytes((i, 0)), 0, operators=[], rather_not=[]).worker for i in range(200)]
    chain.call(OPERATOR, "Workers", "bond_more", worker=backed.key, amount=STAKE)
    undelegate(chain, ALICE, STAKE)
    assert draws == [chain.rt.workers.draw(bytes((i, 0)), 0, operators=[], rather_not=[]).worker for i in range(200)]
    assert {rich.key, backed.key} <= set(draws)


def test_taking_a_delegation_out(chain: JobChain) -> None:
    chain.worker("w").register()
    for stranger in (undelegate, lambda *given: withdraw(chain, BOB, BOB)):
        with noop(chain.rt, Workers.NotDelegator):
            stranger(chain, BOB, UNIT)
    delegate(chain, ALICE, 10 * UNIT)
    with noop(chain.rt, Workers.DelegationTooLow):
        undelegate(chain, ALICE, 0)
    with noop(chain.rt, Workers.DelegationTooLow):
        undelegate(chain, ALICE, 9 * UNIT + 1)
    undelegate(chain, ALICE, 4 * UNIT)
    free_at = chain.rt.timestamp.now + UNBONDING
    assert chain.events(Workers.Undelegated) == [Workers.Undelegated(ALICE, OPERATOR, 4 * UNIT, free_at)]
    assert chain.rt.workers.pool[OPERATOR].delegated == 6 * UNIT and held(chain, ALICE) == 10 * UNIT
    chain.next_block(UNBONDING - 100)
    undelegate(chain, ALICE, 100 * UNIT)  # at most what is bonded: all of it
    with noop(chain.rt, Workers.NothingFree):
        withdraw(chain, ALICE, ALICE)
    chain.next_block()
    withdraw(chain, BOB, ALICE)  # anyone may make room
    assert held(chain, ALICE) == 6 * UNIT and chain.rt.workers.pool[OPERATOR].delegators == 1
    chain.next_block(UNBONDING)
    withdraw(chain, ALICE, ALICE)
    pool = chain.rt.workers.pool[OPERATOR]
    assert (held(chain, ALICE), pool.delegated, pool.delegators) == (0, 0, 0)
    assert (OPERATOR, ALICE) not in chain.rt.workers.delegation


def test_a_pool_has_room_for_so_many(chain: JobChain) -> None:
    chain.worker("w").register()
    crowd = [bytes((1, i)) * 16 for i in range(chain.rt.workers.max_delegators + 1)]
    for who in crowd:
        chain.rt.balances.mint_into(who, 3 * UNIT)
    for who in crowd[:-1]:
        delegate(chain, who, UNIT)
    with noop(chain.rt, Workers.PoolFull):
        delegate(chain, crowd[-1], UNIT)
    delegate(chain, crowd[0], UNIT)  # who is in may stake more
    undelegate(chain, crowd[1], UNIT)
    chain.next_block(UNBONDING)
    withdraw(chain, CAROL, crowd[1])
    delegate(chain, crowd[-1], UNIT)


# Pay


def test_pay_is_split_by_stake_and_commission(chain: JobChain) -> None:
    workers = chain.rt.workers
    chain.worker("w").register()
    assert workers.earn(OPERATOR, 1_000, SOURCE) == 1_000  # nobody else has staked
    delegate(chain, ALICE, 75 * UNIT)
    delegate(chain, BOB, 25 * UNIT)
    chain.call(OPERATOR, "Workers", "set_commission", commission=MILLION // 5)
    free = chain.rt.balances.free(SOURCE)
    chain.next_block(UNBONDING)
    # Own 100, pool 100: of the pool's half a fifth is the operator's.
    assert workers.earn(OPERATOR, 1_000 * UNIT // 10, SOURCE) == 60 * UNIT
    assert chain.rt.balances.free(SOURCE) == free - 40 * UNIT
    assert chain.events(Workers.DelegatorsPaid) == [Workers.DelegatorsPaid(OPERATOR, 40 * UNIT)]
    for who, amount in ((ALICE, 30 * UNIT), (BOB, 10 * UNIT)):
        before = chain.rt.balances.free(who)
        chain.call(who, "Workers", "claim_rewards", operator=OPERATOR)
        assert chain.rt.balances.free(who) == before + amount
        with noop(chain.rt, Workers.NothingToClaim):
            chain.call(who, "Workers", "claim_rewards", operator=OPERATOR)
    assert chain.rt.balances.free(POT) == DEPOSIT


def test_pay_is_for_who_was_there(chain: JobChain) -> None:
    workers = chain.rt.workers
    chain.worker("w").register()
    delegate(chain, ALICE, 50 * UNIT)
    workers.earn(OPERATOR, 3 * UNIT, SOURCE)
    delegate(chain, BOB, 50 * UNIT)
    undelegate(chain, ALICE, 50 * UNIT)
    workers.earn(OPERATOR, 3 * UNIT, SOURCE)
    delegate(chain, ALICE, 50 * UNIT)
    chain.next_block(UNBONDING)
    withdraw(chain, ALICE, ALICE)
    undelegate(chain, ALICE, 50 * UNIT)
    chain.next_block(UNBONDING)
    withdraw(chain, ALICE, ALICE)  # what it has earned outlives its delegation
    for who in (ALICE, BOB):
        before = chain.rt.balances.free(who)
        chain.call(who, "Workers", "claim_rewards", operator=OPERATOR)
        assert 0 <= UNIT - (chain.rt.balances.free(who) - before) <= 1


def test_a_reward_out_of_a_pot_is_claimed_by_operator_and_delegators(chain: JobChain) -> None:
    chain.worker("w").register()
    delegate(chain, ALICE, 100 * UNIT)
    chain.rt.workers.reward(OPERATOR, 10 * UNIT, SOURCE)
    for who in (OPERATOR, ALICE):
        before = chain.rt.balances.free(who)
        chain.call(who, "Workers", "claim_rewards", operator=OPERATOR)
        assert chain.rt.balances.free(who) == before + 5 * UNIT


def test_pay_for_a_job_reaches_the_delegators(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    delegate(chain, BOB, STAKE)
    chain.agent()
    job = chain.submit(ALICE)
    chain.blocks(3)
    chain.send(worker.commit(job, gas=1_000))
    # 1,000 units of gas at 3, seven tenths of it the worker's: half of that the pool's.
    assert chain.rt.jobs.claimable[OPERATOR] == 1_050
    free = chain.rt.balances.free(BOB)
    chain.call(BOB, "Workers", "claim_rewards", operator=OPERATOR)
    assert chain.rt.balances.free(BOB) == free + 1_050


@settings(max_examples=40, deadline=None)
@given(
    stakes=st.lists(st.integers(UNIT, 10**20), min_size=1, max_size=6),
    pays=st.lists(st.integers(0, 10**18), max_size=6),
)
def test_the_pot_has_what_all_may_claim(stakes: list[int], pays: list[int]) -> None:
    chain = JobChain()
    chain.worker("w").register()
    chain.rt.balances.mint_into(SOURCE, 10**20)
    crowd = [bytes((1, i)) * 16 for i in range(len(stakes))]
    for who, stake in zip(crowd, stakes, strict=True):
        chain.rt.balances.mint_into(who, stake + UNIT)
        delegate(chain, who, stake)
    given, free = 0, chain.rt.balances.free(SOURCE)
    for pay in pays:
        given += pay - chain.rt.workers.earn(OPERATOR, pay, SOURCE)
    assert given == free - chain.rt.balances.free(SOURCE) == chain.rt.balances.free(POT) - DEPOSIT
    for who in crowd:
        try:
            chain.call(who, "Workers", "claim_rewards", operator=OPERATOR)
        except Workers.NothingToClaim:
            continue
    assert 0 <= chain.rt.balances.free(POT) - DEPOSIT <= len(stakes) + len(pays)  # but for what rounding left


def test_a_higher_commission_is_announced(chain: JobChain) -> None:
    with noop(chain.rt, Workers.NoWorkers):
        chain.call(OPERATOR, "Workers", "set_commission", commission=1)
    chain.worker("w").register()
    delegate(chain, ALICE, 100 * UNIT)
    with noop(chain.rt, Workers.CommissionTooHigh):
        chain.call(OPERATOR, "Workers", "set_commission", commission=MILLION + 1)
    chain.call(OPERATOR, "Workers", "set_commission", commission=MILLION)
    since = chain.rt.timestamp.now + UNBONDING
    assert chain.events(Workers.CommissionSet) == [Workers.CommissionSet(OPERATOR, MILLION, since)]
    chain.next_block(UNBONDING - 100)
    assert chain.rt.workers.earn(OPERATOR, 100, SOURCE) == 50
    chain.next_block()
    assert chain.rt.workers.earn(OPERATOR, 100, SOURCE) == 100
    chain.call(OPERATOR, "Workers", "set_commission", commission=MILLION // 2)  # a lower one is taken at once
    assert chain.rt.workers.earn(OPERATOR, 100, SOURCE) == 75


# While a slash is open


def test_nothing_at_risk_leaves_while_a_slash_is_open(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    delegate(chain, ALICE, 10 * UNIT)
    undelegate(chain, ALICE, 10 * UNIT)
    chain.call(OPERATOR, "Workers", "exit", worker=worker.key)
    chain.next_block(UNBONDING - 100)
    at = chain.rt.timestamp.now
    chain.rt.slashing.punish(worker.key, SlashReason.WrongOutput, UNIT, subject=b"", evidence=b"", at=at)
    chain.next_block()
    with noop(chain.rt, Workers.SlashOpen):
        chain.call(OPERATOR, "Workers", "withdraw", worker=worker.key)
    with noop(chain.rt, Workers.SlashOpen):
        withdraw(chain, ALICE, ALICE)
    chain.sudo("Slashing", "cancel", slash=0)
    chain.call(OPERATOR, "Workers", "withdraw", worker=worker.key)
    withdraw(chain, ALICE, ALICE)
    assert worker.record.state is WorkerState.Left
    assert held(chain, ALICE) == held(chain, OPERATOR, Workers.HoldReason.Stake) == 0
