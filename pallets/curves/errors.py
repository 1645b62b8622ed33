"""Why `Curves` refuses: the errors of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import Error


class CurveErrors:
    """The errors of `Curves`."""

    class UnknownCurve(Error):
        """No curve has this number."""

    class NotCreator(Error):
        """Only who created an agent launches its token."""

    class AlreadyLaunched(Error):
        """The agent has a curve: it has one for good."""

    class NoSupply(Error):
        """A curve has at least one unit."""

    class UnsoundShape(Error):
        """A divisor is zero, a constant product ends before the supply, or segments don't ascend up to it."""

    class FallingPrices(Error):
        """The price falls somewhere, or is below zero: a curve's never does."""

    class BeyondBalance(Error):
        """All units together with their fees, or a whole token at the end, would cost more than a balance can hold."""

    class FeesTooHigh(Error):
        """The fees are more than `MaxFees`."""

    class TaxTooHigh(Error):
        """Fees and launch tax are more than 99 % together."""

    class TaxTooLong(Error):
        """A launch tax lasts at least a millisecond, and at most `MaxTaxDuration`."""

    class TaxWithoutPool(Error):
        """A launch tax goes to the pool, so the curve must graduate."""

    class CannotStockPool(Error):
        """The curve would graduate with no money, or without tokens enough to put beside it at the last price."""

    class ZeroUnits(Error):
        """A trade is of at least one unit."""

    class ZeroMoney(Error):
        """Nothing is to be had for no money."""

    class TooLittleMoney(Error):
        """The money doesn't pay for a single unit."""

    class OverCap(Error):
        """The curve hasn't that many units left to sell."""

    class TooLittleSupply(Error):
        """There aren't that many units to be sold back."""

    class AgentPaused(Error):
        """The agent is paused, so nobody buys its token; to sell is always possible."""

    class HasGraduated(Error):
        """The curve is over: the token trades in the pool that `Pools.OfToken` names."""

    class SelfDealing(Error):
        """An account of a pallet, such as an agent's DAO, trades no tokens."""

    class Slippage(Error):
        """The price moved past the signer's limit."""

    class NothingDue(Error):
        """No fees are there that could be paid out."""
