"""Inputs and outputs that are too large for the chain: it has their hash, the workers' store has the bytes.

An input by its hash is taken as it is: whether the bytes are to be had is the submitter's affair. A worker that can't
get them abstains, which costs the submitter the attempt, and the worker nothing; the chain can't know who is right.

That an output is given by its hash the worker says before, by a word of its own (`Word.Large`), for what it signs of an
output is the same either way: else whoever carries a commit could leave the bytes of a small one out. The length that
comes with the hash is signed by nobody, and kept nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.primitives.job import MAX_STORED_OUTPUT, HashInput, HashOutput, InlineOutput, Output, most_inline
from pallets.primitives.job_record import Job, Seat
from pallets.primitives.sealed import LEAST_OUTPUT

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def check_output(jobs: Jobs, job: Job, seat: Seat, output: Output) -> bytes | None:
    """The bytes of an output that the chain keeps, `None` of a large one's; raises why it isn't taken."""
    most = most_inline(sealed=job.sealed)
    if isinstance(output, InlineOutput):
        if job.sealed and len(output.data) < LEAST_OUTPUT:
            raise jobs.SealedOutputTooShort
        if len(output.data) > most:
            raise jobs.BadLength
        return output.data
    assert isinstance(output, HashOutput)
    if not seat.large:
        raise jobs.InlineOutputOnly
    if not most < output.length <= MAX_STORED_OUTPUT:
        raise jobs.BadLength
    return None


def has_stored_input(jobs: Jobs, id: int) -> bool:
    """Whether a job that isn't over has its input in the workers' store."""
    return isinstance(jobs.input.get(id), HashInput)
