"""Stake: what operators bond on their workers, what others delegate to them, and what a slash takes of both.

## Overview

A worker has its operator's own stake; an operator has a pool of delegations, at most `MaxDelegators` of them. In a draw
a worker counts with its own stake and an even part of the pool. Whoever takes money out waits for `Unbonding`, and
until then it can be slashed for what happened while it was at stake. While a slash is open against the operator, it
waits for that as well.

Pay is split between the operator's own stake and the pool as they stand; of the pool's part the operator keeps its
commission. The rest goes to all delegators at once, by an index of what a unit of stake has earned. A higher commission
is announced one `Unbonding` before it is taken.

All money is held in the account of whom it belongs to; only what is earned and not claimed yet lies in `POT`.

## Out of scope

Why and when there is a slash (`pallets.slashing`). The functions are parts of `Workers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pallets.frame import AccountId, DispatchError
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.pots import pot_account
from pallets.primitives.stake import (
    INDEX_SCALE,
    MILLION,
    CommissionNotice,
    Delegation,
    Pool,
    TooManyParts,
)
from pallets.primitives.worker_record import SERVING, Worker, WorkerState

if TYPE_CHECKING:
    from pallets.workers.pallet import Workers

POT: AccountId = pot_account(b"fthmstak")
"""The keyless account that holds what was earned and not claimed."""


# An operator's own stake


def bond(workers: Workers, operator: bytes, worker: bytes, amount: int) -> None:
    """Holds more of the operator's money for a worker."""
    position = workers.position[worker]
    try:
        position.add(amount, workers.timestamp.now, horizon=_horizon(workers, workers.pool[operator]))
    except TooManyParts:
        raise workers.TooManyParts from None
    workers.currency.hold(workers.HoldReason.Stake, operator, amount, keep_alive=True)
    workers.position[worker] = position


def enter_pool(workers: Workers, operator: bytes, worker: bytes, amount: int) -> None:
    """A worker begins to serve, with so much staked on it."""
    bond(workers, operator, worker, amount)
    pool = workers.pool[operator]
    pool.workers += 1
    workers.pool[operator] = pool


def leave_pool(workers: Workers, operator: bytes, worker: bytes) -> int:
    """A worker leaves; answers when its stake is free."""
    position, pool = workers.position[worker], workers.pool[operator]
    free_at = workers.timestamp.now + workers.unbonding
    position.unbond(position.bonded, free_at, horizon=_horizon(workers, pool))
    workers.position[worker] = position
    pool.workers -= 1
    workers.pool[operator] = pool
    return free_at


def release_stake(workers: Workers, operator: bytes, worker: bytes) -> int:
    """Releases all that is staked on a worker, whose time is over; answers how much that was."""
    _check_no_slash(workers, workers.pool[operator])
    amount = workers.position[worker].total
    del workers.position[worker]
    if amount:
        workers.currency.release(workers.HoldReason.Stake, operator, amount)
    return amount


def counted_stake(workers: Workers, record: Worker) -> int:
    """What a worker counts with in a draw, `MaxCountedStake` at most: its own stake and its part of the pool."""
    pool = workers.pool[record.info.operator]
    return min(record.stake + pool.delegated // max(pool.workers, 1), workers.max_counted_stake)


# Delegations


def delegate(workers: Workers, who: bytes, operator: bytes, amount: int) -> None:
    """`Workers.delegate`."""
    pool = workers.pool[operator]
    if not pool.workers:
        raise workers.NoWorkers
    delegation = workers.delegation.get(operator, who)
    if delegation is None:
        if pool.delegators >= workers.max_delegators:
            raise workers.PoolFull
        delegation = Delegation(index=pool.index)
        pool.delegators += 1
    _credit(workers, pool, who, delegation)
    try:
        delegation.position.add(amount, workers.timestamp.now, horizon=_horizon(workers, pool))
    except TooManyParts:
        raise workers.TooManyParts from None
    if delegation.position.bonded < workers.min_delegation:
        raise workers.DelegationTooLow
    workers.currency.hold(workers.HoldReason.Delegation, who, amount, keep_alive=True)
    pool.delegated += amount
    workers.pool[operator] = pool
    workers.delegation[operator, who] = delegation
    workers.deposit(workers.Delegated(who, operator, amount))


def undelegate(workers: Workers, who: bytes, operator: bytes, amount: int) -> None:
    """`Workers.undelegate`."""
    pool, delegation = workers.pool[operator], _delegation(workers, operator, who)
    bonded = delegation.position.bonded
    amount = min(amount, bonded)
    if not amount or 0 < bonded - amount < workers.min_delegation:
        raise workers.DelegationTooLow
    _credit(workers, pool, who, delegation)
    free_at = workers.timestamp.now + workers.unbonding
    try:
        delegation.position.unbond(amount, free_at, horizon=_horizon(workers, pool))
    except TooManyParts:
        raise workers.TooManyParts from None
    pool.delegated -= amount
    workers.pool[operator] = pool
    workers.delegation[operator, who] = delegation
    workers.deposit(workers.Undelegated(who, operator, amount, free_at))


def withdraw_delegation(workers: Workers, operator: bytes, delegator: bytes) -> None:
    """`Workers.withdraw_delegation`."""
    pool, delegation = workers.pool[operator], _delegation(workers, operator, delegator)
    _check_no_slash(workers, pool)
    amount = delegation.position.withdraw(workers.timestamp.now)
    if not amount:
        raise workers.NothingFree
    _keep(workers, pool, operator, delegator, delegation)
    workers.pool[operator] = pool
    workers.currency.release(workers.HoldReason.Delegation, delegator, amount)
    workers.deposit(workers.DelegationWithdrawn(delegator, operator, amount))


def set_commission(workers: Workers, who: bytes, commission: int) -> None:
    """`Workers.set_commission`."""
    pool, now = workers.pool[who], workers.timestamp.now
    if not pool.workers:
        raise workers.NoWorkers
    if commission > MILLION:
        raise workers.CommissionTooHigh
    pool.commission, pool.announced = pool.commission_at(now), None
    since = now
    if commission > pool.commission:
        since += workers.unbonding
        pool.announced = CommissionNotice(commission, since)
    else:
        pool.commission = commission
    workers.pool[who] = pool
    workers.deposit(workers.CommissionSet(who, commission, since))


# Pay


def earn(workers: Workers, operator: bytes, amount: int, source: bytes) -> int:
    """`Workers.earn`."""
    pool = workers.pool[operator]
    if not pool.delegated:
        return amount
    own = workers.currency.held(workers.HoldReason.Stake, operator)
    part = amount * pool.delegated // (own + pool.delegated)
    part -= part * pool.commission_at(workers.timestamp.now) // MILLION
    step = part * INDEX_SCALE // pool.delegated
    if not step or pool.index + step > U128_MAX:
        return amount
    moved = -(-step * pool.delegated // INDEX_SCALE)  # no less than all delegators can claim of it
    workers.currency.transfer(source, POT, moved, keep_alive=True)
    pool.index += step
    workers.pool[operator] = pool
    workers.deposit(workers.DelegatorsPaid(operator, moved))
    return amount - moved


def reward(workers: Workers, operator: bytes, amount: int, source: bytes) -> None:
    """`Workers.reward`."""
    rest = earn(workers, operator, amount, source)
    if rest:
        workers.currency.transfer(source, POT, rest, keep_alive=True)
        workers.owed[operator] += rest


def claim_rewards(workers: Workers, who: bytes, operator: bytes) -> None:
    """`Workers.claim_rewards`."""
    delegation = workers.delegation.get(operator, who)
    if delegation is not None:
        _credit(workers, workers.pool[operator], who, delegation)
        workers.delegation[operator, who] = delegation
    amount = workers.owed[who]
    if not amount:
        raise workers.NothingToClaim
    del workers.owed[who]
    workers.currency.transfer(POT, who, amount, keep_alive=True)
    workers.deposit(workers.RewardsClaimed(who, amount))


# Slashes


def watch_pool(workers: Workers, operator: bytes, *, opened: bool) -> None:
    """Notes that a slash against one of the operator's workers was opened, or has ended."""
    pool = workers.pool[operator]
    pool.slashes += 1 if opened else -1
    workers.pool[operator] = pool


def at_risk(workers: Workers, operator: bytes, worker: bytes, moment: int) -> int:
    """What could be slashed for what the worker did at a moment: bonded by then, and there still."""
    pooled = sum(delegation.position.slashable_at(moment) for _, delegation in workers.delegation.prefix(operator))
    return workers.position[worker].slashable_at(moment) + pooled


class Taken(NamedTuple):
    """What a slash has taken, of the operator and of its delegators."""

    own: int
    delegated: int


def slash(workers: Workers, operator: bytes, worker: bytes, amount: int, moment: int, into: bytes) -> Taken:
    """Takes at most `amount` of what was at risk at a moment: the operator's first, then of all delegators pro rata.

    The money goes to the account `into`. What can't be moved isn't taken.
    """
    own, delegated = _slash_own(workers, operator, worker, amount, moment, into), 0
    shares = [(who, entry.position.slashable_at(moment)) for who, entry in workers.delegation.prefix(operator)]
    total = sum(risk for _, risk in shares)
    rest = min(amount - own, total)
    before = passed = 0
    for who, risk in shares if rest else ():
        passed += risk
        until = rest * passed // total
        delegated += _slash_delegation(workers, operator, who, until - before, moment, into)
        before = until
    return Taken(own, delegated)


def _slash_own(workers: Workers, operator: bytes, worker: bytes, amount: int, moment: int, into: bytes) -> int:
    position, record = workers.position[worker], workers.worker.get(worker)
    part = min(amount, position.slashable_at(moment))
    if not _move(workers, workers.HoldReason.Stake, operator, into, part):
        part = 0
    position.take(part, moment)
    if part:
        workers.position[worker] = position
    if record is not None:
        record.stake -= part
        record.slashed += 1
        poor = record.state in SERVING and record.stake < workers.min_stake
        workers.enter(worker, record, WorkerState.Registered if poor else record.state)
    return part


def _slash_delegation(workers: Workers, operator: bytes, who: bytes, part: int, moment: int, into: bytes) -> int:
    if not _move(workers, workers.HoldReason.Delegation, who, into, part):
        return 0
    pool, delegation = workers.pool[operator], workers.delegation[operator, who]
    _credit(workers, pool, who, delegation)
    bonded = delegation.position.bonded
    delegation.position.take(part, moment)
    pool.delegated -= bonded - delegation.position.bonded
    _keep(workers, pool, operator, who, delegation)
    workers.pool[operator] = pool
    return part


def _move(workers: Workers, reason: Workers.HoldReason, who: bytes, into: bytes, amount: int) -> bool:
    """Takes held money; whether that could be done."""
    if not amount:
        return False
    try:
        with workers.runtime.transactional():
            workers.currency.transfer_held(reason, who, into, amount)
    except DispatchError as error:
        workers.deposit(workers.NotTaken(who, amount, error))
        return False
    return True


# What these have in common


def _horizon(workers: Workers, pool: Pool) -> int:
    """Faults up to here don't count any more; while a slash is open, none is taken for too old."""
    return 0 if pool.slashes else workers.timestamp.now - workers.unbonding


def _check_no_slash(workers: Workers, pool: Pool) -> None:
    if pool.slashes:
        raise workers.SlashOpen


def _delegation(workers: Workers, operator: bytes, who: bytes) -> Delegation:
    found = workers.delegation.get(operator, who)
    if found is None:
        raise workers.NotDelegator
    return found


def _credit(workers: Workers, pool: Pool, who: bytes, delegation: Delegation) -> None:
    """Credits what a delegation has earned since it was last looked at."""
    earned = delegation.position.bonded * (pool.index - delegation.index) // INDEX_SCALE
    delegation.index = pool.index
    if earned:
        workers.owed[who] += earned


def _keep(workers: Workers, pool: Pool, operator: bytes, who: bytes, delegation: Delegation) -> None:
    """Writes a delegation, or drops it where nothing is left of it; the caller writes the pool."""
    if delegation.position.parts:
        workers.delegation[operator, who] = delegation
    else:
        del workers.delegation[operator, who]
        pool.delegators -= 1
