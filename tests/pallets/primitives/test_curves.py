"""Every kind of curve against the sum of its prices by fractions, and the well-known ones against what is published."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.primitives.codec import codec_of
from pallets.primitives.curves import Linear, Piecewise, Product, Quadratic, Segment, Shape
from pallets.primitives.curves.presets import PRESETS, Preset
from pallets.primitives.curves.record import Curve, Level
from pallets.primitives.curves.shape import FallingPrices, UnsoundShape
from pallets.primitives.curves.trade import quote_buy, quote_buy_for, quote_sell, token_price
from pallets.primitives.fixed import U128_MAX

UNIT = 10**12
LAST = 60
"""How far the small curves go that are summed up one by one."""

amounts = st.one_of(st.integers(0, 50), st.integers(0, U128_MAX))
divisors = st.one_of(st.integers(1, 50), st.integers(1, U128_MAX))


@st.composite
def segments(draw: st.DrawFn) -> Piecewise:
    """A piecewise curve, each segment of which begins no lower than the last one ended."""
    found: list[Segment] = []
    for until in [*sorted(draw(st.sets(st.integers(3, LAST), max_size=3))), LAST + 1]:
        start = found[-1].until if found else 0
        drop = draw(amounts) if start > 1 else 0
        segment = Segment(until, draw(amounts), draw(amounts), draw(amounts), drop, draw(divisors))
        floor = Fraction(*found[-1].price(start - 1)) if found else Fraction(0)
        if drop:
            floor = max(floor, Fraction(0))
        missing = floor - Fraction(*segment.price(start))
        if missing > 0:
            segment.base += -(-missing.numerator * segment.divisor // missing.denominator)
        found.append(segment)
    return Piecewise(found)


shapes = st.one_of(
    st.builds(Linear, amounts, amounts, divisors),
    st.builds(Quadratic, amounts, amounts, divisors),
    st.builds(Product, divisors, st.one_of(st.integers(LAST + 2, 500), st.integers(LAST + 2, U128_MAX))),
    segments(),
)


@settings(max_examples=150)
@given(shapes, st.data())
def test_the_integral_is_the_sum_of_the_prices_and_money_goes_exactly_so_far(shape: Shape, data: st.DataObject) -> None:
    shape.check(LAST)
    sums = [Fraction(*shape.integral(units)) for units in range(LAST + 1)]
    steps = [after - before for before, after in pairwise(sums)]
    assert sums[0] == 0 and steps == sorted(steps) and steps[0] >= 0
    for supply, step in enumerate(steps):
        price = Fraction(*shape.price(supply))
        if isinstance(shape, Product):  # at the margin: below the price of a whole unit, above that of the one before
            assert (steps[supply - 1] if supply else 0) < price < step
        else:
            assert price == step
    reserves = [shape.reserve(units) for units in range(LAST + 1)]
    assert reserves == [-(-each.numerator // each.denominator) for each in sums]
    most = data.draw(st.integers(0, LAST))
    wanted = data.draw(st.integers(0, LAST))
    for money in {0, reserves[wanted], max(reserves[wanted] - 1, 0), reserves[wanted] + 1, U128_MAX}:
        assert shape.units_for(money, most) == max(n for n in range(most + 1) if reserves[n] <= money)


@settings(max_examples=150)
@given(st.sampled_from(sorted(PRESETS)), st.data())
def test_money_goes_exactly_so_far_on_large_curves(name: str, data: st.DataObject) -> None:
    shape, terms, _ = PRESETS[name](UNIT)
    money = data.draw(st.integers(0, shape.reserve(terms.last) + UNIT))
    units = shape.units_for(money, terms.last)
    assert shape.reserve(units) <= money
    assert units == terms.last or shape.reserve(units + 1) > money


def price_at(preset: Preset, supply: int) -> Fraction:
    """The price of a whole token in whole money."""
    token: int = 10**preset.decimals
    return Fraction(*preset.shape.price(supply)) * token / UNIT


def test_friend_tech_costs_what_it_did() -> None:
    preset = PRESETS["friend.tech"](UNIT)
    for supply, price in ((10, "0.00625"), (50, "0.15625"), (100, "0.625")):
        assert price_at(preset, supply) == Fraction(price)
        shape = preset.shape
        assert shape.reserve(supply + 1) - shape.reserve(supply) == Fraction(price) * UNIT


def test_pump_fun_completes_at_85_005() -> None:
    shape, terms, _ = preset = PRESETS["pump.fun"](UNIT)
    assert terms.graduates_at == 793_100_000 * 10**6
    assert round(Fraction(shape.reserve(terms.last), UNIT), 3) == Fraction("85.005")
    assert f"{float(price_at(preset, 0)):.3e} {float(price_at(preset, terms.last)):.3e}" == "2.796e-08 4.109e-07"
    pooled = Fraction(shape.reserve(terms.last)) / Fraction(*shape.price(terms.last))
    assert pooled // 10**12 == 206  # of the 206.9 million tokens that are left


def test_virtuals_raises_42_000() -> None:
    shape, terms, _ = PRESETS["virtuals"](UNIT)
    assert shape.reserve(terms.last) == 42_000 * UNIT


def test_agent_wars_saturates() -> None:
    shape, _, _ = preset = PRESETS["agent-wars"](UNIT)
    assert [price_at(preset, n) for n in (20, 199, 200)] == [20, Fraction(199 * 199, 20), 2000]
    for n in (201, 500, 1000, 50_000):
        assert price_at(preset, n) == 4000 + 2000 * 200 * 199 * (Fraction(1, n) - Fraction(1, n - 1))
    assert [round(price_at(preset, n)) for n in (500, 1000)] == [3681, 3920]
    squares = PRESETS["squares"](UNIT).shape
    assert shape.reserve(200) == squares.reserve(200)
    assert shape.reserve(1000) < squares.reserve(1000)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_sound_and_fit_a_balance(name: str) -> None:
    shape, terms, decimals = PRESETS[name](UNIT)
    shape.check(terms.last)
    curve = Curve(0, 0, decimals, 0, terms, shape)
    assert quote_buy(curve, Level(), U128_MAX, 0).net < U128_MAX // 1000
    assert codec_of(Curve).decode_all(codec_of(Curve).encode(curve)) == curve


def test_a_launch_tax_falls_in_a_straight_line() -> None:
    shape, terms, decimals = PRESETS["virtuals"](UNIT)
    curve = Curve(0, 0, decimals, 1_000, terms, shape)
    minute = 60_000
    rates = [terms.tax(1_000, 1_000 + minutes * minute) for minutes in (0, 1, 49, 97, 98, 1_000_000)]
    assert rates == [980_000, 970_000, 490_000, 10_000, 0, 0]
    at_once, later = quote_buy(curve, Level(), 10**24, 1_000), quote_buy(curve, Level(), 10**24, 1_000 + 98 * minute)
    assert at_once.gross == later.gross and at_once.fee == -(-at_once.gross * 99 // 100)
    assert later.fee == -(-at_once.gross // 100)
    for_money = quote_buy_for(curve, Level(), at_once.net, 1_000)
    assert for_money.net == at_once.net and for_money.units >= 10**24  # some more come for nothing


def test_quotes_are_of_what_there_is() -> None:
    shape, terms, decimals = PRESETS["straight"](UNIT)
    curve = Curve(0, 0, decimals, 0, terms, shape)
    assert quote_sell(curve, Level(), 7).units == 0 == quote_sell(curve, Level(), 7).net
    everything = quote_buy(curve, Level(), U128_MAX, 0)
    assert everything.units == terms.max_supply and everything.price_after == token_price(curve, terms.max_supply)
    assert quote_buy_for(curve, Level(), U128_MAX, 0) == everything
    assert quote_buy_for(curve, Level(), 10**11, 0).units == 0  # a tenth, but its fees come on top


SQUARE = Segment(10, 0, 0, 1, 0, 1)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        (Linear(1, 1, 0), UnsoundShape),
        (Quadratic(1, 1, 0), UnsoundShape),
        (Product(0, 100), UnsoundShape),
        (Product(1, LAST), UnsoundShape),
        (Piecewise([]), UnsoundShape),
        (Piecewise([Segment(LAST, 1, 0, 0, 0, 0)]), UnsoundShape),
        (Piecewise([SQUARE]), UnsoundShape),
        (Piecewise([SQUARE, Segment(10, 100, 0, 0, 0, 1), Segment(LAST, 100, 0, 0, 0, 1)]), UnsoundShape),
        (Piecewise([Segment(LAST, 1, 0, 0, 1, 1)]), UnsoundShape),
        (Piecewise([SQUARE, Segment(LAST, 80, 0, 0, 0, 1)]), FallingPrices),
        (Piecewise([SQUARE, Segment(LAST, 100, 0, 0, 100 * 90, 1)]), FallingPrices),
        (Piecewise([Segment(2, 0, 0, 0, 0, 1), Segment(LAST, 1, 0, 0, 3, 1)]), FallingPrices),
    ],
)
def test_what_is_no_curve_is_told(shape: Shape, error: type[UnsoundShape]) -> None:
    with pytest.raises(UnsoundShape) as found:
        shape.check(LAST)
    assert found.type is error
