"""What slashing asks of those whom workers work for."""

from __future__ import annotations

from typing import Protocol

from pallets.primitives.receipt_record import BatchRecord


class Market(Protocol):
    """Who knows of jobs and of draws for them: `Jobs`."""

    @property
    def draw_is_known(self) -> bool:
        """Whether it can be foretold what a draw that is still to come will be."""

    def submitted_at(self, job: int) -> int | None:
        """When a job was submitted; `None` of one there is not."""

    def batch_of(self, worker: bytes, first: int) -> BatchRecord | None:
        """A worker's batch of receipts, by its first number."""

    def is_overdue(self, worker: bytes, number: int, moment: int) -> bool:
        """Whether a receipt's number, over a block of that moment, should be in a batch by now and isn't."""
