"""The market of an agent's token: its curve, or the pool that has taken its place; what a trade costs, and trades.

Who trades needn't know which of the two it is. Limits are money with all fees; without one, what a quote says now and
a percentage on top of it, or off it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from offchain.authoring.channels import agent_number
from offchain.authoring.deployment import AGENT
from offchain.chain import Chain, StorageItem
from offchain.described import Happened, carried_out
from offchain.trading.amounts import Unit
from offchain.trading.errors import NoCurve, NoQuote
from pallets.primitives.agent_record import Agent, AgentId
from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.curves.pool import Pool, Side
from pallets.primitives.curves.presets import Preset
from pallets.primitives.curves.record import MILLION, Curve, CurveId, CurveTerms, Level, PoolId
from pallets.primitives.curves.shape import Shape
from pallets.primitives.curves.trade import Quote
from pallets.primitives.hashing import Blake2_128Concat
from pallets.primitives.keys import Keypair
from pallets.primitives.types import U8, U32, AccountId, Balance, Compact, struct

CURVES, POOLS, DIVIDENDS = 24, 26, 32


@struct
class TokenMetadata:
    """`pallet_assets::AssetMetadata`."""

    deposit: Balance
    name: bytes
    symbol: bytes
    decimals: U8
    is_frozen: bool


NEXT_CURVE: StorageItem[int] = StorageItem("Curves", "NextCurve", CurveId)
CURVE: StorageItem[Curve] = StorageItem("Curves", "Curve", Curve, (CurveId, Blake2_128Concat))
LEVEL: StorageItem[Level] = StorageItem("Curves", "Level", Level, (CurveId, Blake2_128Concat))
OF_AGENT: StorageItem[int] = StorageItem("Curves", "OfAgent", CurveId, (AgentId, Blake2_128Concat))
POOL: StorageItem[Pool] = StorageItem("Pools", "Pool", Pool, (PoolId, Blake2_128Concat))
TOKEN: StorageItem[TokenMetadata] = StorageItem("Assets", "Metadata", TokenMetadata, (U32, Blake2_128Concat))

CREATE = codec_of(tuple[AgentId, Shape, CurveTerms, bytes, bytes, U8])
TRADE = codec_of(tuple[CurveId, Compact[Balance], Compact[Balance]])
SWAP = codec_of(tuple[PoolId, Side, Compact[Balance], Compact[Balance]])
NUMBER, TOKEN_ID = codec_of(CurveId), codec_of(U32)
ASK_CURVE, ASK_POOL = codec_of(tuple[CurveId, Balance]), codec_of(tuple[PoolId, Side, Balance])
ASK_HOLDER = codec_of(tuple[U32, AccountId])
QUOTE: Codec[Any] = codec_of(Quote | None)
AMOUNT: Codec[Any] = codec_of(Balance | None)
SURE_AMOUNT = codec_of(Balance)


class Offer(NamedTuple):
    """What a trade would do now."""

    units: int
    money: int
    """What a purchase costs, or a sale pays, in all."""
    fee: int | None
    """What of that the curve's fees are; a pool's stays in it."""


class Trade(NamedTuple):
    """What a trade did."""

    units: int
    money: int
    fee: int | None
    pool: int | None
    """Where it was; none for the curve."""
    graduated: bool
    """Whether it ended the curve."""


@dataclass
class Market:
    """Where an agent's token trades."""

    chain: Chain
    agent: int
    record: Agent
    id: int
    """The curve's."""
    curve: Curve
    level: Level
    pool: Pool | None
    money: Unit
    token: Unit

    @classmethod
    async def of(cls, chain: Chain, agent: str) -> Market:
        """Of an agent by its name or number; raises `NoSuchAgent` and `NoCurve`."""
        number = await agent_number(chain, agent)
        id = await chain.read(OF_AGENT, number)
        if id is None:
            raise NoCurve(f"{agent} has no token yet: its creator launches one with `fathom curve create {agent}`")
        record = await chain.read(AGENT, number)
        curve, level = await chain.read(CURVE, id), await chain.read(LEVEL, id)
        if record is None or curve is None or level is None:
            raise NoCurve(f"there is no curve {id} any more: was the chain set back?")
        pool: Pool | None = None
        if level.pool is not None:
            pool = await chain.read(POOL, level.pool)
        token = await token_of(chain, curve.token) or Unit("", curve.decimals)
        return cls(chain, number, record, id, curve, level, pool, await money_of(chain), token)

    # Asking

    async def price(self) -> int:
        """Of a whole token at the margin, without fees."""
        if self.level.pool is None:
            found = await self._ask("CurvesApi_price", NUMBER.encode(self.id), AMOUNT)
        else:
            found = await self._ask("PoolsApi_price", NUMBER.encode(self.level.pool), AMOUNT)
        return int(found or 0)

    async def offer_to_buy(self, units: int) -> Offer:
        """What so many units cost, or those that the curve has left; raises `NoQuote`."""
        if self.level.pool is None:
            return await self._curve_offer("buy", units)
        cost = await self._pool_offer("out", Side.Buy, units)
        if cost is None:
            raise NoQuote(f"the pool has {self._tokens_left}, and never sells all of that")
        return Offer(units, cost, None)

    async def offer_to_buy_for(self, money: int) -> Offer:
        """What so much money buys; raises `NoQuote`."""
        if self.level.pool is None:
            return await self._curve_offer("buy_for", money)
        return Offer(_something(await self._pool_offer("in", Side.Buy, money)), money, None)

    async def offer_to_sell(self, units: int) -> Offer:
        """What so many units fetch; raises `NoQuote`."""
        if self.level.pool is None:
            return await self._curve_offer("sell", units)
        return Offer(units, _something(await self._pool_offer("in", Side.Sell, units)), None)

    async def claimable(self, who: bytes) -> int:
        """What an account has earned by holding the token, and not claimed."""
        asked = ASK_HOLDER.encode((self.curve.token, who))
        return int(await self._ask("DividendsApi_claimable", asked, SURE_AMOUNT))

    # Trading

    async def buy(self, who: Keypair, units: int, limit: int | None, slippage: int) -> Trade:
        """Buys units for at most `limit`, or for `slippage` millionths more than an offer says."""
        if limit is None:
            offer = await self.offer_to_buy(units)
            wanted = offer.money * units // max(offer.units, 1)  # the limit is for all, and the price is what is judged
            limit = wanted + -(-wanted * slippage // MILLION) + 1
        if self.level.pool is None:
            return await self._trade(who, 1, units, limit)
        return await self._swap(who, 1, Side.Buy, units, limit)

    async def buy_for(self, who: Keypair, money: int, limit: int | None, slippage: int) -> Trade:
        """Spends at most so much money on at least `limit` units, or `slippage` millionths less than an offer says."""
        if limit is None:
            offer = await self.offer_to_buy_for(money)
            limit = offer.units * (MILLION - slippage) // MILLION
        if self.level.pool is None:
            return await self._trade(who, 2, money, limit)
        return await self._swap(who, 0, Side.Buy, money, limit)

    async def sell(self, who: Keypair, units: int, limit: int | None, slippage: int) -> Trade:
        """Sells units for at least `limit`, or for `slippage` millionths less than an offer says."""
        if limit is None:
            limit = (await self.offer_to_sell(units)).money * (MILLION - slippage) // MILLION
        if self.level.pool is None:
            return await self._trade(who, 3, units, limit)
        return await self._swap(who, 0, Side.Sell, units, limit)

    async def collect(self, who: Keypair) -> dict[str, int]:
        """Pays out the curve's fees, to whom they are due; how much each got."""
        events = await carried_out(self.chain, who, bytes((CURVES, 4)) + NUMBER.encode(self.id))
        told = _first(events, "Curves", "Collected")
        return {name: told[name] for name in ("creator", "treasury", "holders", "chain")}

    async def claim(self, who: Keypair) -> int:
        """Pays an account what it has earned; how much that was."""
        events = await carried_out(self.chain, who, bytes((DIVIDENDS, 0)) + TOKEN_ID.encode(self.curve.token))
        return int(_first(events, "Dividends", "Claimed")["amount"])

    # Inside

    @property
    def _tokens_left(self) -> str:
        return self.token.text(0 if self.pool is None else self.pool.tokens)

    async def _ask(self, function: str, argument: bytes, codec: Codec[Any]) -> Any:
        return codec.decode_all(await self.chain.ask(function, argument))

    async def _curve_offer(self, kind: str, amount: int) -> Offer:
        quote = await self._ask(f"CurvesApi_quote_{kind}", ASK_CURVE.encode((self.id, amount)), QUOTE)
        if quote is None:
            raise NoQuote("the curve has just graduated: ask again, the token trades in a pool now")
        if not quote.units:
            raise NoQuote(
                "that is too little for one unit"
                if kind == "buy_for" and self.level.supply < self.curve.terms.last
                else "the curve has sold all its units"
                if kind != "sell"
                else "no units are there to be sold back"
            )
        return Offer(quote.units, quote.net, quote.fee)

    async def _pool_offer(self, exact: str, side: Side, amount: int) -> int | None:
        asked = ASK_POOL.encode((self.level.pool, side, amount))
        found = await self._ask(f"PoolsApi_quote_exact_{exact}", asked, AMOUNT)
        return None if found is None else int(found)

    async def _trade(self, who: Keypair, call: int, amount: int, limit: int) -> Trade:
        events = await carried_out(self.chain, who, bytes((CURVES, call)) + TRADE.encode((self.id, amount, limit)))
        graduated = any((each.pallet, each.name) == ("Curves", "Graduated") for each in events)
        if call == 3:
            told = _first(events, "Curves", "Sold")
            return Trade(told["units"], told["refund"], told["fee"], None, graduated)
        told = _first(events, "Curves", "Bought")
        return Trade(told["units"], told["cost"], told["fee"], None, graduated)

    async def _swap(self, who: Keypair, call: int, side: Side, amount: int, limit: int) -> Trade:
        swap = SWAP.encode((self.level.pool, side, amount, limit))
        told = _first(await carried_out(self.chain, who, bytes((POOLS, call)) + swap), "Pools", "Swapped")
        given, got = told["amount_in"], told["amount_out"]
        units, money = (got, given) if side is Side.Buy else (given, got)
        return Trade(units, money, None, self.level.pool, False)


async def launch(chain: Chain, creator: Keypair, agent: str, terms: Preset, name: str, symbol: str) -> Market:
    """Launches the token of an agent of the creator's; answers its market."""
    number = await agent_number(chain, agent)
    arguments = (number, terms.shape, terms.terms, name.encode(), symbol.encode(), terms.decimals)
    await carried_out(chain, creator, bytes((CURVES, 0)) + CREATE.encode(arguments))
    return await Market.of(chain, str(number))


async def token_of(chain: Chain, id: int) -> Unit | None:
    """A token as it is written; `None` where nothing describes it."""
    named = await chain.read(TOKEN, id)
    return None if named is None else Unit(named.symbol.decode("utf-8", "replace"), named.decimals)


async def money_of(chain: Chain) -> Unit:
    """The chain's own money."""
    found = await chain.client.call("system_properties")
    told = found if isinstance(found, dict) else {}
    symbol, decimals = told.get("tokenSymbol"), told.get("tokenDecimals")
    return Unit(symbol if isinstance(symbol, str) else "", decimals if isinstance(decimals, int) else 0)


def _first(events: list[Happened], pallet: str, name: str) -> dict[str, Any]:
    for each in events:
        if (each.pallet, each.name) == (pallet, name):
            return each.fields
    raise NoQuote(f"the transaction is in a block, but nothing says {pallet}.{name}: is this another kind of chain?")


def _something(amount: int | None) -> int:
    if not amount:
        raise NoQuote("that is worth less than one unit in the pool")
    return amount
