"""Well-known curves, by name, in the money of any chain.

| name | price | ends |
| --- | --- | --- |
| `friend.tech` | k²/16000 a key | never |
| `squares` | k²/20 a key: Agent Wars' first segment for ever | never |
| `agent-wars` | k²/20 to 200 keys, then 4000 - 79.6 million/(k (k - 1)), which tends to 4000 | never |
| `pump.fun` | constant product of 30 and 1,073,000,000 tokens | at 793.1 million tokens and 85.005 |
| `virtuals` | constant product of 6000 and 1,000,000,000 tokens | at 875 million tokens and 42,000 |
| `straight` | a tenth, and a hundredth more for every key | never |

Fees are those of the originals: friend.tech 5 % to the protocol, here the agent's treasury, and 5 % to the creator;
Agent Wars 10 % to the creator; pump.fun and Virtuals 1 %. Virtuals begins with a launch tax, so that both make 99 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pallets.primitives.curves.linear import Linear
from pallets.primitives.curves.piecewise import Piecewise, Segment
from pallets.primitives.curves.product import Product
from pallets.primitives.curves.quadratic import Quadratic
from pallets.primitives.curves.record import CurveTerms, Fees, LaunchTax
from pallets.primitives.curves.shape import Shape

MINUTE = 60_000
KEYS = 1_000_000
"""How many keys a curve has at most that knows no end."""
NO_TAX = LaunchTax(0, 0)


class Preset(NamedTuple):
    """What `Curves.create` takes of a curve."""

    shape: Shape
    terms: CurveTerms
    decimals: int


def friend_tech(unit: int) -> Preset:
    """k²/16000; the first key is free."""
    return Preset(Quadratic(0, unit, 16_000), CurveTerms(KEYS, Fees(50_000, 50_000, 0), NO_TAX), 0)


def squares(unit: int) -> Preset:
    """k²/20."""
    return Preset(Quadratic(0, unit, 20), CurveTerms(KEYS, Fees(100_000, 0, 0), NO_TAX), 0)


def agent_wars(unit: int) -> Preset:
    """k²/20 to 200 keys, then 4000 + 2000 x 200 x 199 x (1/k - 1/(k - 1)): both are 2000 there."""
    segments = [
        Segment(200, base=0, slope=0, coefficient=unit, drop=0, divisor=20),
        Segment(KEYS, base=4000 * unit, slope=0, coefficient=0, drop=2000 * 200 * 199 * unit, divisor=1),
    ]
    return Preset(Piecewise(segments), CurveTerms(KEYS, Fees(100_000, 0, 0), NO_TAX), 0)


def pump_fun(unit: int) -> Preset:
    """x y = k from 30 and 1,073,000,000 tokens of 6 decimals."""
    million = 10**6 * 10**6
    terms = CurveTerms(1_000 * million, Fees(0, 10_000, 0), NO_TAX, graduates_at=793_100_000 * 10**6)
    return Preset(Product(30 * unit, 1_073 * million), terms, 6)


def virtuals(unit: int) -> Preset:
    """x y = k from 6000 and 1,000,000,000 tokens of 18 decimals."""
    million = 10**6 * 10**18
    tax = LaunchTax(980_000, 98 * MINUTE)
    terms = CurveTerms(1_000 * million, Fees(0, 10_000, 0), tax, graduates_at=875 * million)
    return Preset(Product(6_000 * unit, 1_000 * million), terms, 18)


def straight(unit: int) -> Preset:
    """(10 + k)/100."""
    return Preset(Linear(10 * unit, unit, 100), CurveTerms(KEYS, Fees(20_000, 10_000, 20_000), NO_TAX), 0)


PRESETS: Mapping[str, Callable[[int], Preset]] = {
    "friend.tech": friend_tech,
    "squares": squares,
    "agent-wars": agent_wars,
    "pump.fun": pump_fun,
    "virtuals": virtuals,
    "straight": straight,
}
"""From the size of one unit of money, in its smallest parts."""
