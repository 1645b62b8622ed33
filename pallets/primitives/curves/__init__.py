"""Bonding curves: what a unit of a token costs, by how many there are. Integers only, and no pallet is needed.

## Overview

| module | its part |
| --- | --- |
| `shape` | what every kind of curve answers |
| `linear`, `quadratic`, `product`, `piecewise` | the kinds |
| `record` | a curve as the chain remembers it: its terms, and how far it is |
| `trade` | what a trade costs and pays, with its fees |
| `pool` | what comes after a curve: a pool's record, and what a swap costs |
| `presets` | well-known curves by name |

A curve's *reserve* at a supply is the sum of the prices of all units up to it, rounded up once. A purchase costs the
difference of two reserves and a sale pays it, so neither splitting a trade nor a round trip gains anything, and the
reserve always pays for everybody's exit.

## Out of scope

Who may trade, where the money lies, graduation: `pallets.curves`.
"""

from pallets.primitives.curves.linear import Linear
from pallets.primitives.curves.piecewise import Piecewise, Segment
from pallets.primitives.curves.product import Product
from pallets.primitives.curves.quadratic import Quadratic
from pallets.primitives.curves.shape import Shape

__all__ = ["Linear", "Piecewise", "Product", "Quadratic", "Segment", "Shape"]
