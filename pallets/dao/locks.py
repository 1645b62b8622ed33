"""Locked units from pool to pool: what `lock`, `unlock` and `delegate` have in common; parts of `Dao`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.dao.terms import LiveProposal
from pallets.dao.weights import Power

if TYPE_CHECKING:
    from pallets.dao.pallet import Dao


def move(dao: Dao, agent: int, token: int, who: bytes, by: int) -> None:
    """Adds to what is voted with for an account, or takes from it: in its own pool, or in what its delegate received.

    Raises `StillVoting` where that has been voted with.
    """
    delegate = dao.power[token, who].delegate
    voter = who if delegate is None else delegate
    power, live = dao.power[token, voter], dao.live[agent]
    pool = power.own if delegate is None else power.received
    if pool.amount + by < pool.pledged({each.id for each in live}):
        raise dao.StillVoting
    pool.change(pool.amount + by, dao.timestamp.now)
    keep(dao, token, voter, power, live)


def note(dao: Dao, agent: int, token: int, who: bytes, total: int) -> None:
    """Notes how much an account has locked from now on, whoever votes with it."""
    power = dao.power[token, who]
    power.lock.change(total, dao.timestamp.now)
    if total:
        dao.locked[token, who] = total
    else:
        del dao.locked[token, who]
        power.delegate = None
    keep(dao, token, who, power, dao.live[agent])


def keep(dao: Dao, token: int, who: bytes, power: Power, live: list[LiveProposal]) -> None:
    """Stores what an account votes with, but for what nobody will ask for."""
    now = dao.timestamp.now
    epoch = now - now % dao.epoch
    power.keep_for({each.id: each.cutoff for each in live}, now)
    power.lock.keep_for({epoch - dao.epoch, epoch}, ())
    if power.is_blank:
        del dao.power[token, who]
    else:
        dao.power[token, who] = power
