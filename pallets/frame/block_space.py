"""How much of a block is taken, and what still fits: by weight and by length, each class within its share.

## Overview

One `BlockSpace` a block, in plain integers, since every extrinsic asks it. What a call declares is reserved before it
runs, and what it didn't use released afterwards.

## Errors

`ExhaustsResources`: it doesn't fit, into this block or into any.

Mirrors `frame_system::{limits, CheckWeight}`.
"""

from __future__ import annotations

from pallets.frame.validity import ExhaustsResources
from pallets.frame.weights import (
    MAX_WEIGHT,
    BlockLength,
    BlockWeights,
    ConsumedWeight,
    DispatchClass,
    DispatchInfo,
    Weight,
)

NOTHING = (0,) * 6


class _Share:
    """The limits of one class, a weight that is unlimited as the largest; `at` is the place of its weight in `used`."""

    __slots__ = ("at", "base", "largest", "total", "reserved", "length")

    def __init__(self, kind: DispatchClass, weights: BlockWeights, length: BlockLength) -> None:
        limits = weights.per_class.of(kind)
        unlimited = Weight(MAX_WEIGHT, MAX_WEIGHT)
        self.at: int = 2 * kind.value
        self.base = limits.base_extrinsic
        self.largest = limits.max_extrinsic or unlimited
        self.total = limits.max_total or unlimited
        self.reserved = limits.reserved or unlimited
        self.length = length.max.of(kind)


class BlockSpace:
    """What of a block under construction is taken.

    `used` has ref time and proof size of each class in turn; it is replaced, never changed, so that who keeps it can
    put it back. `length` is in bytes of extrinsics.
    """

    __slots__ = ("used", "length", "_shares", "_whole")

    def __init__(self, weights: BlockWeights, length: BlockLength) -> None:
        self._shares = {kind: _Share(kind, weights, length) for kind in DispatchClass}
        self._whole = weights.max_block
        self.used: tuple[int, ...] = NOTHING
        self.length = 0

    def clear(self) -> None:
        """The next block."""
        self.used, self.length = NOTHING, 0

    def check(self, info: DispatchInfo, length: int) -> None:
        """Raises where it wouldn't fit into an empty block; `length` is the extrinsic's bytes, prefix included."""
        share = self._shares[info.class_]
        if info.weight.any_gt(share.largest) or length > share.length:
            raise ExhaustsResources

    def reserve(self, info: DispatchInfo, length: int) -> None:
        """Counts an extrinsic with its class's base weight; raises where it doesn't fit any more."""
        share, used, weight = self._shares[info.class_], self.used, info.weight
        length += self.length
        if length > share.length:
            raise ExhaustsResources
        at, base, total, whole = share.at, share.base, share.total, self._whole
        ref_time = used[at] + weight.ref_time + base.ref_time
        proof_size = used[at + 1] + weight.proof_size + base.proof_size
        if ref_time > total.ref_time < MAX_WEIGHT or proof_size > total.proof_size < MAX_WEIGHT:
            raise ExhaustsResources
        used = _replaced(used, at, ref_time, proof_size)
        if (
            used[0] + used[2] + used[4] > whole.ref_time < MAX_WEIGHT
            or used[1] + used[3] + used[5] > whole.proof_size < MAX_WEIGHT
        ):
            reserved = share.reserved  # beyond the block's whole a class still has what is reserved for it alone
            if used[at] > reserved.ref_time or used[at + 1] > reserved.proof_size:
                raise ExhaustsResources
        self.used, self.length = used, length

    def release(self, info: DispatchInfo, actual: DispatchInfo) -> None:
        """Gives back the weight that a call declared and didn't use."""
        spared, at = info.weight - actual.weight, self._shares[info.class_].at
        used = self.used
        left = Weight(used[at], used[at + 1]) - spared
        self.used = _replaced(used, at, left.ref_time, left.proof_size)

    def add(self, kind: DispatchClass, weight: Weight) -> None:
        """Counts work that no extrinsic declared, be there room for it or not."""
        at, used = self._shares[kind].at, self.used
        self.used = _replaced(used, at, used[at] + weight.ref_time, used[at + 1] + weight.proof_size)

    def consumed(self) -> ConsumedWeight:
        """The weight used so far, as the state keeps it."""
        used = self.used
        return ConsumedWeight(Weight(*used[:2]), Weight(*used[2:4]), Weight(*used[4:]))


def _replaced(used: tuple[int, ...], at: int, ref_time: int, proof_size: int) -> tuple[int, ...]:
    """`used` with another weight at a place; saturates in each dimension."""
    return (
        *used[:at],
        ref_time if ref_time < MAX_WEIGHT else MAX_WEIGHT,
        proof_size if proof_size < MAX_WEIGHT else MAX_WEIGHT,
        *used[at + 2 :],
    )
