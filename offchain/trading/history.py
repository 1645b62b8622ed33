"""What happened to an agent's token, out of the chain's events: trades and their prices, and what the agent earned.

Every block since the curve was created is asked for its events, three questions a block: on a long chain say from where
on. The node has to have the states, as it has unless it prunes them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import trio

from offchain.chain import EVENTS_KEY, BlockGone, Chain
from offchain.described import Described, Happened
from offchain.metadata import UnreadableMetadata
from offchain.records import JOB, NOW
from offchain.trading.market import LEVEL, POOL, Market
from pallets.primitives import ss58
from pallets.primitives.curves.pool import Pool
from pallets.primitives.curves.record import MILLION, Level
from pallets.primitives.curves.trade import token_price

SLICE = 64
"""Blocks that are asked for at a time."""
TRADES, WORK, HOLDERS = "trades", "work", "holders"


class Traded(NamedTuple):
    """A trade."""

    block: int
    at: int
    """Milliseconds since 1970, of its block."""
    kind: str
    """`buy` or `sell`."""
    who: str
    units: int
    money: int
    """What a purchase cost, or a sale paid, in all."""
    price: int
    """Of a whole token at the margin afterwards, without fees."""
    pool: int | None
    """Where it was; none for the curve."""


class Earned(NamedTuple):
    """Money that an agent earned, or that its holders were given of it."""

    block: int
    at: int
    source: str
    """`trades`: its curve's fees, launch tax aside. `work`: what jobs and vouchers paid, its workers' share included.
    `holders`: what of both streams to holders.
    """
    amount: int


class History(NamedTuple):
    """All of it, in order."""

    trades: list[Traded]
    earned: list[Earned]


async def history_of(market: Market, start: int | None = None) -> History:
    """Since the curve was created, or from block `start` on; raises `BlockGone` where the node has no states of it."""
    chain = market.chain
    end = await chain.best()
    first = await _created(market, end.number) if start is None else start
    book = await _Book.before(market, first)
    async for number, at, events in _blocks(chain, first, end.number):
        for happened in events:
            await book.note(number, at, happened)
    return History(book.trades, book.earned)


class _Book:
    """What is known so far."""

    def __init__(self, market: Market, supply: int, pool: Pool | None) -> None:
        self._market, self._curve, self._supply, self._pool = market, market.curve, supply, pool
        self._jobs: dict[int, bool] = {}
        self.trades: list[Traded] = []
        self.earned: list[Earned] = []

    @classmethod
    async def before(cls, market: Market, first: int) -> _Book:
        """As the block before the first one left it."""
        block = await market.chain.hash_of(first - 1) if first else None
        level: Level | None = None
        pool: Pool | None = None
        if block is not None:
            level = await market.chain.read(LEVEL, market.id, at=block)
        if level is not None and level.pool is not None:
            pool = await market.chain.read(POOL, level.pool, at=block)
        return cls(market, 0 if level is None else level.supply, pool)

    async def note(self, block: int, at: int, happened: Happened) -> None:
        """Notes an event, if it has to do with this agent."""
        told, curve = happened.fields, self._curve
        match happened.pallet, happened.name:
            case "Curves", "Bought" | "Sold" if told["curve"] == self._market.id:
                bought = happened.name == "Bought"
                self._supply += told["units"] if bought else -told["units"]
                money = told["cost"] if bought else told["refund"]
                price = token_price(curve, self._supply)
                kind = "buy" if bought else "sell"
                self.trades.append(Traded(block, at, kind, ss58.encode(told["who"]), told["units"], money, price, None))
                self._earn(block, at, TRADES, told["fee"] - (self._tax(at, money - told["fee"]) if bought else 0))
            case "Curves", "Stocked" if told["curve"] == self._market.id:
                self._pool = Pool(curve.token, told["base"], told["tokens"])
            case "Pools", "Swapped" if told["pool"] == self._market.level.pool and self._pool is not None:
                self.trades.append(self._swapped(block, at, told, self._pool))
            case "Dividends", "RevenueAdded" if told["token"] == curve.token:
                self._earn(block, at, HOLDERS, told["amount"])
            case "Jobs", "Submitted":
                self._jobs[told["job"]] = told["agent"] == self._market.agent
            case "Jobs", "Settled" if await self._is_ours(told["job"]):
                self._earn(block, at, WORK, told["fee"])
            case "Jobs", "VoucherClaimed" if told["agent"] == self._market.agent:
                self._earn(block, at, WORK, told["amount"])

    def _tax(self, at: int, gross: int) -> int:
        """What of a purchase's fees is launch tax, which is the pool's."""
        return gross * self._curve.terms.tax(self._curve.created_at, at) // MILLION

    def _swapped(self, block: int, at: int, told: dict[str, Any], pool: Pool) -> Traded:
        given, got, bought = told["amount_in"], told["amount_out"], told["side"] == "Buy"
        units, money = (got, given) if bought else (given, got)
        pool.base += money if bought else -money
        pool.tokens += -units if bought else units
        price = -(-pool.base * self._market.token.whole // pool.tokens)
        kind = "buy" if bought else "sell"
        return Traded(block, at, kind, ss58.encode(told["who"]), units, money, price, told["pool"])

    def _earn(self, block: int, at: int, source: str, amount: int) -> None:
        if amount:
            self.earned.append(Earned(block, at, source, amount))

    async def _is_ours(self, job: int) -> bool:
        if job not in self._jobs:  # it was submitted before the first block
            record = await self._market.chain.read(JOB, job)
            self._jobs[job] = record is not None and record.agent == self._market.agent
        return self._jobs.pop(job)


async def _created(market: Market, end: int) -> int:
    """The block in which the curve was created."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        block = await market.chain.hash_of(middle)
        if block is not None and await market.chain.get(LEVEL.key(market.id), block) is not None:
            high = middle
        else:
            low = middle + 1
    return low


async def _blocks(chain: Chain, first: int, last: int) -> AsyncIterator[tuple[int, int, list[Happened]]]:
    """Number, time and events of each block, both ends among them."""
    described = await Described.at(chain)
    for start in range(first, last + 1, SLICE):
        numbers = range(start, min(start + SLICE, last + 1))
        found: dict[int, tuple[bytes, int, bytes | None]] = {}

        async def ask(number: int, found: dict[int, tuple[bytes, int, bytes | None]] = found) -> None:
            block = await chain.hash_of(number)
            if block is None:
                raise BlockGone(f"the node has no block {number} any more")
            now = await chain.read(NOW, at=block)
            found[number] = (block, now or 0, await chain.get(EVENTS_KEY, block))

        async with trio.open_nursery() as nursery:
            for number in numbers:
                nursery.start_soon(ask, number)
        for number in numbers:
            block, at, data = found[number]
            try:
                events = described.events(data)
            except UnreadableMetadata:  # of another runtime
                described = await Described.at(chain, block)
                events = described.events(data)
            yield number, at, events
