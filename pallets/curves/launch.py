"""What a curve must be like to be launched: sound, payable in a balance, and able to stock its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.primitives.curves.record import MAX_CHARGE, Curve
from pallets.primitives.curves.shape import FallingPrices, UnsoundShape
from pallets.primitives.curves.trade import charge, token_price
from pallets.primitives.fixed import U128_MAX

if TYPE_CHECKING:
    from pallets.curves.pallet import Curves


def check_launch(curves: Curves, curve: Curve) -> None:
    """Raises one of `CurveErrors` unless everybody could always buy and sell along the curve, to its very end."""
    terms = curve.terms
    if not terms.max_supply:
        raise curves.NoSupply
    _check_charges(curves, curve)
    if terms.graduates_at is not None and terms.graduates_at >= terms.max_supply:
        raise curves.CannotStockPool
    try:
        curve.shape.check(terms.last)
    except FallingPrices:
        raise curves.FallingPrices from None
    except UnsoundShape:
        raise curves.UnsoundShape from None
    reserve = curve.shape.reserve(terms.last)
    rate = terms.fees.total + terms.launch_tax.start
    if reserve + charge(reserve, rate) > U128_MAX or token_price(curve, terms.last) > U128_MAX:
        raise curves.BeyondBalance
    if terms.graduates_at is not None:
        price, per = curve.shape.price(terms.graduates_at)
        room = terms.max_supply - terms.graduates_at
        if reserve * per < price or reserve * per > room * price or not price:
            raise curves.CannotStockPool


def _check_charges(curves: Curves, curve: Curve) -> None:
    fees, tax = curve.terms.fees.total, curve.terms.launch_tax
    if fees > curves.max_fees:
        raise curves.FeesTooHigh
    if not tax.start:
        return
    if fees + tax.start > MAX_CHARGE:
        raise curves.TaxTooHigh
    if curve.terms.graduates_at is None:
        raise curves.TaxWithoutPool
    if not 0 < tax.duration <= curves.max_tax_duration:
        raise curves.TaxTooLong
