"""The scope of a job's run: it reads the state after the block in which its attempt was given to workers.

All replicas read the same block, and so do those that judge the run later. A worker reads it once it is final.
"""

from __future__ import annotations

from functools import partial

import trio

from offchain.light.errors import NotFinal
from offchain.light.finalized import Finalized
from offchain.serving.run_scope import RunScope
from pallets.primitives.header import Header
from pallets.primitives.job_record import Job

PAUSE = 0.1


def scope_of_job(final: Finalized, id: int, job: Job) -> RunScope:
    """Of job `id`; where it audits another, of that one."""
    return RunScope(
        agent=job.agent,
        header=partial(final_header, final, job.reads_at),
        job=id if job.audits is None else job.audits,
        submitter=job.submitter,
        mode=job.mode,
        may_write=not job.sealed,
    )


async def final_header(final: Finalized, number: int) -> Header:
    """The header of the final block of a number, once there is one. Raises what asking the node raises."""
    while True:
        await final.newest()
        try:
            return await final.at_height(number)
        except NotFinal:
            await trio.sleep(PAUSE)
