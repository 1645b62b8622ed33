"""What `Workers` tells: the events of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import U8, U32, AccountId, Balance, Event, Moment
from pallets.frame.runtime import DispatchErrorType
from pallets.primitives.worker import WorkerKey
from pallets.primitives.worker_record import WorkerState


class WorkerEvents:
    """The events of `Workers`."""

    class Registered(Event):
        """A worker began to serve."""

        worker: WorkerKey
        operator: AccountId
        confidence: U8
        simulated: bool

    class StateChanged(Event):
        """A worker's state changed."""

        worker: WorkerKey
        old: WorkerState
        new: WorkerState

    class Challenged(Event):
        """A worker is to send a heartbeat by then."""

        worker: WorkerKey
        until: Moment

    class Benchmarked(Event):
        """A worker reported how fast it is; the score, in thousandths of the reference machine."""

        worker: WorkerKey
        speed: U32

    class Bonded(Event):
        """More was staked on a worker."""

        worker: WorkerKey
        amount: Balance

    class Withdrawn(Event):
        """A worker's stake was released."""

        worker: WorkerKey
        amount: Balance

    class Abandoned(Event):
        """What fell due for a worker couldn't be done, for this reason, and won't be tried again."""

        worker: WorkerKey
        error: DispatchErrorType

    class Delegated(Event):
        """More was delegated to an operator."""

        who: AccountId
        operator: AccountId
        amount: Balance

    class Undelegated(Event):
        """A delegation, or a part of it, is being taken out."""

        who: AccountId
        operator: AccountId
        amount: Balance
        free_at: Moment

    class DelegationWithdrawn(Event):
        """What had been taken out of a delegation was released."""

        who: AccountId
        operator: AccountId
        amount: Balance

    class CommissionSet(Event):
        """An operator's commission will be so many millionths from a moment on."""

        operator: AccountId
        commission: U32
        since: Moment

    class DelegatorsPaid(Event):
        """An operator's delegators have earned so much together, each by its stake."""

        operator: AccountId
        amount: Balance

    class RewardsClaimed(Event):
        """What somebody had earned with stake was paid out."""

        who: AccountId
        amount: Balance

    class NotTaken(Event):
        """What a slash was to take of somebody couldn't be moved, for this reason, and stays where it was."""

        who: AccountId
        amount: Balance
        error: DispatchErrorType
