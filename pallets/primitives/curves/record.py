"""A curve as the chain remembers it: what was chosen at its launch, and how far it is."""

from __future__ import annotations

from dataclasses import field

from pallets.primitives.agent_record import AgentId
from pallets.primitives.curves.shape import Shape
from pallets.primitives.types import U8, U32, U64, Balance, Moment, struct

MILLION = 1_000_000
MAX_CHARGE = 990_000
"""All fees with the launch tax, in millionths of a trade."""

CurveId = U64
PoolId = U64


@struct(path="pallet_curves::Fees")
class Fees:
    """Who gets how many millionths of each trade: on top of what a purchase costs, off what a sale pays."""

    creator: U32
    treasury: U32
    holders: U32

    @property
    def total(self) -> int:
        """Of all."""
        return self.creator + self.treasury + self.holders


@struct(path="pallet_curves::LaunchTax")
class LaunchTax:
    """What purchases pay besides at first, for the pool: it falls to nothing in a straight line."""

    start: U32
    """In millionths of a purchase."""
    duration: U64
    """In milliseconds."""


@struct(path="pallet_curves::CurveTerms")
class CurveTerms:
    """What an agent chooses once and for all."""

    max_supply: Balance
    """All units that there will ever be, the pool's among them."""
    fees: Fees
    launch_tax: LaunchTax
    graduates_at: Balance | None = None
    """How many are sold by the curve when it ends and a pool opens; if it ever does."""

    @property
    def last(self) -> int:
        """How many units the curve sells."""
        return self.max_supply if self.graduates_at is None else self.graduates_at

    def tax(self, created_at: int, now: int) -> int:
        """The launch tax at a time, in millionths."""
        tax = self.launch_tax
        left = tax.duration - (now - created_at)
        return tax.start * left // tax.duration if left > 0 else 0


@struct(path="pallet_curves::Dues")
class Dues:
    """What of a curve's pot is others'."""

    creator: Balance = 0
    treasury: Balance = 0
    """The agent's."""
    holders: Balance = 0
    chain: Balance = 0
    """The chain's treasury's: launch tax that no token was left for."""

    @property
    def total(self) -> int:
        """Of all."""
        return self.creator + self.treasury + self.holders + self.chain


@struct(path="pallet_curves::Curve")
class Curve:
    """What was chosen of a curve when it was launched; it never changes."""

    agent: AgentId
    token: U32
    decimals: U8
    created_at: Moment
    terms: CurveTerms
    shape: Shape


@struct(path="pallet_curves::Level")
class Level:
    """How far a curve is. Its pot has `reserve + liquidity + dues.total`, and what keeps it and its pool alive."""

    supply: Balance = 0
    """How many units are sold and not sold back."""
    reserve: Balance = 0
    """What pays for selling them all back; `shape.reserve(supply)`."""
    liquidity: Balance = 0
    """Launch tax so far, for the pool."""
    dues: Dues = field(default_factory=Dues)
    pool: PoolId | None = None
    """Where the token trades since the curve has graduated."""
