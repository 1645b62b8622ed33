"""What `Jobs` tells: the events of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import H256, U8, U32, U64, AccountId, Balance, Bytes32, Event
from pallets.frame.runtime import DispatchErrorType, DispatchResult
from pallets.primitives.job import JobId
from pallets.primitives.job_record import ExpiryReason, SeatPhase
from pallets.primitives.worker import WorkerKey


class JobEvents:
    """The events of `Jobs`."""

    class Submitted(Event):
        """A job was submitted, its fee is held."""

        job: JobId
        agent: U64
        who: AccountId

    class Assigned(Event):
        """A job was given to workers."""

        job: JobId
        attempt: U32
        workers: list[WorkerKey]

    class Committed(Event):
        """A worker committed a job's output, of which this is the hash."""

        job: JobId
        attempt: U32
        worker: WorkerKey
        output: H256
        gas: U64

    class Acknowledged(Event):
        """A worker is at work on a job."""

        job: JobId
        attempt: U32
        worker: WorkerKey

    class HashCommitted(Event):
        """A worker committed to a hash; what of is secret until it reveals it."""

        job: JobId
        attempt: U32
        worker: WorkerKey
        hash: H256

    class Revealed(Event):
        """A worker revealed the output that it had committed to, of which this is the hash."""

        job: JobId
        attempt: U32
        worker: WorkerKey
        output: H256
        gas: U64

    class Vacated(Event):
        """A worker lost its seat at a job, as the phase says."""

        job: JobId
        attempt: U32
        worker: WorkerKey
        phase: SeatPhase

    class Disputed(Event):
        """A job's outputs differ, or its output was challenged: more seats decide, in this round."""

        job: JobId
        round: U8

    class Challenged(Event):
        """A job's provisional output is judged by others: on whose bond, or on the chain's own account."""

        job: JobId
        who: AccountId | None
        bond: Balance

    class WindowSet(Event):
        """How long outputs are provisional from now on, in milliseconds."""

        window: U64

    class Settled(Event):
        """A job is done: the hash of its output, the gas it used, what it cost."""

        job: JobId
        output: H256
        gas: U64
        fee: Balance

    class Paid(Event):
        """A share of a job's fee was credited, to be claimed; the holders' went to the pot of `Dividends`.

        All of a job's are its fee, with what `Workers.DelegatorsPaid` says before them.
        """

        job: JobId
        who: AccountId
        amount: Balance

    class Requeued(Event):
        """A job's attempt ended without an output; this is the next."""

        job: JobId
        attempt: U32

    class Expired(Event):
        """A job was given up; this much of its fee was released."""

        job: JobId
        refunded: Balance
        reason: ExpiryReason

    class Claimed(Event):
        """What was owed to an account was paid out."""

        who: AccountId
        amount: Balance

    class CalledBack(Event):
        """A settled job's callback was made, with this result."""

        job: JobId
        result: DispatchResult

    class BoxGiven(Event):
        """A worker was given a box of a sealed input, by the submitter's account or another worker's key."""

        job: JobId
        worker: WorkerKey
        by: Bytes32

    class Abandoned(Event):
        """What fell due for a job couldn't be done, for this reason, and won't be tried again."""

        job: JobId
        error: DispatchErrorType

    class Recorded(Event):
        """A leader said which transcript the others replay."""

        job: JobId
        attempt: U32
        worker: WorkerKey
        transcript_root: H256

    class Audited(Event):
        """The chain has it checked whether a worker's run of a settled job was what its transcript says, by a job."""

        job: JobId
        audit: JobId
        worker: WorkerKey
