"""Pools: what a swap moves and never takes, and every way to be refused."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.frame import Token
from pallets.frame.runtime_api import ApiDispatcher
from pallets.frame.testing import noop
from pallets.pools import Pools, pot
from pallets.primitives.codec import codec_of
from pallets.primitives.curves import Linear
from pallets.primitives.curves.pool import Pool, Side
from pallets.primitives.curves.presets import Preset
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.pots import dao_account
from pallets.primitives.types import U32, U64, U128
from tests.pallets.curve_market import ALICE, BOB, CAROL, UNIT, Market, market, terms

BUY, SELL = Side
FEE = 3_000
GRADUATING = Preset(Linear(UNIT, 0, 1), terms(3_000_000, 1_000_000), 2)
"""A million units at one each, then as many in the pool."""


def graduated(chain: Market) -> Market:
    """Its curve sold out, half to Alice and half to Bob."""
    chain.buy(ALICE, 500_000)
    chain.buy(BOB, 500_000)
    return chain


def swap(chain: Market, who: bytes, name: str, side: Side, amount: int, limit: int, pool: int = 0) -> None:
    """Swaps an exact amount in or out."""
    words = ("amount_in", "min_out") if name == "swap_exact_in" else ("amount_out", "max_in")
    chain.call(who, "Pools", name, pool=pool, side=side, **dict(zip(words, (amount, limit), strict=True)))


def test_swaps_move_what_the_event_says_and_the_product_never_falls() -> None:
    with market(GRADUATING) as chain:
        graduated(chain)
        pools, events = chain.rt.pools, chain.rt.events
        steps = [
            ("swap_exact_in", BUY, 1_000 * UNIT),
            ("swap_exact_in", SELL, 77_777),
            ("swap_exact_out", BUY, 55_555),
            ("swap_exact_out", SELL, 99 * UNIT + 1),
            ("swap_exact_in", BUY, 5 * UNIT),
        ]
        for name, side, amount in steps:
            exact_in = name == "swap_exact_in"
            record, money, units = pools.pool[0], chain.money(CAROL if side is BUY else ALICE), 0
            who = CAROL if side is BUY else ALICE
            money, units = chain.money(who), chain.units(who)
            quote = (pools.quote_exact_in if exact_in else pools.quote_exact_out)(0, side, amount)
            assert quote
            with noop(chain.rt, Pools.Slippage):
                swap(chain, who, name, side, amount, quote + 1 if exact_in else quote - 1)
            swap(chain, who, name, side, amount, quote)
            given, got = (amount, quote) if exact_in else (quote, amount)
            moved = (chain.money(who) - money, chain.units(who) - units)
            assert moved == ((-given, got) if side is BUY else (got, -given))
            after = pools.pool[0]
            assert events[-1] == Pools.Swapped(0, who, side, given, got, after.base, after.tokens)
            assert (after.base, after.tokens) == chain.pool == (record.base - moved[0], record.tokens - moved[1])
            assert after.base * after.tokens > record.base * record.tokens


reserves = st.one_of(st.integers(1, 50), st.integers(1, U128_MAX))


@settings(max_examples=200)
@given(reserves, reserves, st.sampled_from(Side), reserves)
def test_rounding_is_the_pools(base: int, tokens: int, side: Side, amount: int) -> None:
    pool = Pool(0, base, tokens)
    before, there = pool.reserves(side)
    got = pool.out_for(side, amount, FEE)
    assert 0 <= got < there and (before + amount) * (there - got) >= before * there
    cost = pool.in_for(side, amount, FEE)
    assert (cost is None) == (amount >= there)
    if cost is not None:
        assert (before + cost) * (there - amount) >= before * there
        assert pool.out_for(side, cost, FEE) >= amount > pool.out_for(side, cost - 1, FEE)
    if got:
        back = Pool(0, *((base + amount, tokens - got) if side is BUY else (base - got, tokens + amount)))
        assert back.out_for(SELL if side is BUY else BUY, got, FEE) <= amount
        half = pool.out_for(side, amount // 2, FEE)
        then = Pool(0, *((base + amount // 2, tokens - half) if side is BUY else (base - half, tokens + amount // 2)))
        assert half + then.out_for(side, amount - amount // 2, FEE) <= got  # of two halves
    if cost is not None:
        first = pool.in_for(side, amount // 2, FEE) or 0
        then = Pool(0, *((base + first, tokens - amount // 2) if side is BUY else (base - amount // 2, tokens + first)))
        second = then.in_for(side, amount - amount // 2, FEE)
        assert second is not None and first + second >= cost


def test_a_gift_moves_no_price() -> None:
    with market(GRADUATING) as chain:
        graduated(chain)
        pools = chain.rt.pools
        before = pools.price(0), pools.quote_exact_in(0, SELL, 1_000)
        chain.call(CAROL, "Balances", "transfer_keep_alive", dest=pot(0), value=10**6 * UNIT)
        chain.call(BOB, "Assets", "transfer", id=chain.curve.token, target=pot(0), amount=400_000)
        assert (pools.price(0), pools.quote_exact_in(0, SELL, 1_000)) == before


def test_every_bad_swap_has_its_own_error_and_leaves_no_trace() -> None:
    with market(GRADUATING) as chain:
        for name in ("swap_exact_in", "swap_exact_out"):  # the curve hasn't graduated yet
            with noop(chain.rt, Pools.UnknownPool):
                swap(chain, ALICE, name, BUY, UNIT, 0)
        graduated(chain)
        record = chain.rt.pools.pool[0]
        for name, limit in (("swap_exact_in", 0), ("swap_exact_out", U128_MAX)):
            for side in Side:
                with noop(chain.rt, Pools.UnknownPool):
                    swap(chain, ALICE, name, side, UNIT, limit, pool=(1 << 64) - 1)
                with noop(chain.rt, Pools.ZeroAmount):
                    swap(chain, ALICE, name, side, 0, limit)
                for dealer in (dao_account(0), pot(0)):
                    with noop(chain.rt, Pools.SelfDealing):
                        swap(chain, dealer, name, side, 1_000, limit)
        with noop(chain.rt, Pools.TooSmall):
            swap(chain, ALICE, "swap_exact_in", BUY, 1, 0)
        for side in Side:
            with noop(chain.rt, Pools.TooLarge):
                swap(chain, ALICE, "swap_exact_out", side, record.reserves(side)[1], U128_MAX)
            with noop(chain.rt, Pools.TooLarge):
                swap(chain, ALICE, "swap_exact_out", side, U128_MAX, U128_MAX)
        for amount in (500_001, U128_MAX):
            with noop(chain.rt, Token("FundsUnavailable")):
                swap(chain, ALICE, "swap_exact_in", SELL, amount, 0)


def test_clients_get_quotes_by_state_call() -> None:
    with market(GRADUATING) as chain:
        apis = ApiDispatcher(chain.rt, chain.rt.apis)
        ask, answer = codec_of(tuple[U64, Side, U128]), codec_of(U128 | None)

        def quote(name: str, pool: int, side: Side, amount: int) -> int | None:
            found: int | None = answer.decode_all(
                apis.call(chain.rt, f"PoolsApi_{name}", ask.encode((pool, side, amount)))
            )
            return found

        token = codec_of(U32).encode(chain.curve.token)
        assert apis.call(chain.rt, "PoolsApi_pool_of", token) == b"\0" and quote("quote_exact_in", 0, BUY, 1) is None
        graduated(chain)
        assert apis.call(chain.rt, "PoolsApi_pool_of", token) == b"\1" + bytes(8)
        assert answer.decode_all(apis.call(chain.rt, "PoolsApi_price", bytes(8))) == 100 * UNIT  # of 100 units
        pool = chain.rt.pools.pool[0]
        for side in Side:
            assert quote("quote_exact_in", 0, side, UNIT) == pool.out_for(side, UNIT, FEE)
            assert quote("quote_exact_out", 0, side, 1_000) == pool.in_for(side, 1_000, FEE)
            assert quote("quote_exact_out", 0, side, U128_MAX) is None
