"""The chain's clock: one moment a block, set by the author as the block's first inherent.

Mirrors `pallet_timestamp`: same storage, call and constant. What FRAME panics about is an `InvalidBlock` here.
"""

from __future__ import annotations

from typing import Protocol

from pallets.frame import Compact, Const, Moment, NoneOrigin, Pallet, Value, Weight, call
from pallets.frame.executive import InherentData, InvalidBlock
from pallets.frame.runtime import Call
from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError

IDENTIFIER = b"timstap0"
MOMENT = codec_of(Moment)
MAX_DRIFT = 60_000
"""Milliseconds by which a block's time may run ahead of the clock of a node that checks it."""


class OnTimestampSet(Protocol):
    """Who is told the time of the block, and may refuse it by raising `InvalidBlock`."""

    def on_timestamp_set(self, now: int) -> None: ...


class Timestamp(Pallet):
    """The time of the block, in milliseconds since the Unix epoch."""

    inherent_identifier = IDENTIFIER

    minimum_period: Const[Moment]
    """The minimum period between blocks."""
    on_set: OnTimestampSet

    now = Value[Moment](default=0)
    """The current time for the current block."""
    did_update = Value[bool](default=False)
    """Whether the timestamp has been updated in this block.

    This value is updated to `true` upon successful submission of a timestamp by a node.
    It is then checked at the end of each block execution in the `on_finalize` hook.
    """

    def on_finalize(self, number: int) -> None:
        if not self.did_update:
            raise InvalidBlock("the timestamp was not set: put the inherent Timestamp.set first in the block")
        del self.did_update

    def create_inherent(self, data: InherentData) -> Call:
        """The inherent that sets the author's time."""
        return self.runtime.call("Timestamp", "set", now=self._moment_of(data))

    def check_inherent(self, inherent: Call, data: InherentData) -> None:
        """Compares a block's time with one's own clock; raises `InvalidBlock`."""
        (moment,) = inherent.arguments
        clock = self._moment_of(data)
        if moment > clock + MAX_DRIFT:
            raise InvalidBlock(f"the block's time {moment} is over {MAX_DRIFT} ms ahead of the clock, {clock}")
        self._check_period(moment)

    @call(0, weight=Weight(159_128_000, 1_493), inherent=True)
    def set(self, none: NoneOrigin, now: Compact[Moment]) -> None:
        """Set the current time.

        This call should be invoked exactly once per block. The block is invalid at the finalization
        phase, if this call hasn't been invoked by that time.

        The timestamp should be greater than the previous one by the amount specified by `MinimumPeriod`.

        The dispatch origin for this call must be _None_.
        """
        if self.did_update:
            raise InvalidBlock("the timestamp is set twice in one block")
        self._check_period(now)
        self.now = now
        self.did_update = True
        self.on_set.on_timestamp_set(now)

    def _check_period(self, moment: int) -> None:
        last = self.now
        if last and moment < last + self.minimum_period:
            raise InvalidBlock(f"the block's time {moment} is not {self.minimum_period} ms after the last, {last}")

    def _moment_of(self, data: InherentData) -> int:
        try:
            moment: int = MOMENT.decode_all(data[IDENTIFIER])
        except KeyError:
            raise InvalidBlock("the inherent data has no time: add `timstap0`, a u64 of milliseconds") from None
        except DecodeError as error:
            raise InvalidBlock(f"the inherent data's `timstap0` is not a u64 of milliseconds: {error}") from None
        return moment
