"""Which outputs the chain itself has judged: one in 64, by the randomness of a later block than the one that has them.

A provisional output is challenged, without a bond (`window`); of a settled `Oracle` job a seat is audited (`audit`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.calendar import due
from pallets.frame import H256
from pallets.jobs.audit import draw_audit
from pallets.jobs.window import challenge
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import JobId
from pallets.randomness.beacon import DRAW_DELAY

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

ONE_IN = 64
"""Of so many outputs the chain has one judged."""
LOT = codec_of(tuple[H256, JobId])


def draw_lots(jobs: Jobs) -> int:
    """Picks the outputs that the chain itself has judged; answers of how many it was drawn."""
    found = due(jobs.lots, jobs.system.number, jobs.max_due)
    for place, (when, id) in enumerate(found):
        settled = jobs.beacon().settled(when - DRAW_DELAY)
        if settled is None:
            return place
        del jobs.lots[when, id]
        lot = blake2_256(LOT.encode((settled.mix, id)))
        hit = int.from_bytes(lot, "little") % ONE_IN == 0
        if id in jobs.audit_input:
            draw_audit(jobs, id, lot, hit=hit)
        elif hit:
            try:
                challenge(jobs, id, None)
            except (jobs.UnknownJob, jobs.NotProvisional, jobs.TooFewOperators):
                continue  # it is judged already, or nobody is there to judge it
    return len(found)
