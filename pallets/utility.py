"""Many calls in one.

| call | at the first failure |
| --- | --- |
| `batch` | stops; what was done before stays |
| `batch_all` | everything is undone, and the batch fails |
| `force_batch` | goes on |

Each call has its own storage layer and the origin of the batch. Mirrors `pallet_utility`.
"""

from __future__ import annotations

from collections.abc import Callable

from pallets.frame import (
    U32,
    BadOrigin,
    Const,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Origin,
    Pallet,
    PostInfo,
    Weight,
    call,
)
from pallets.frame.runtime import Call, DispatchErrorType, DispatchResult, RuntimeCall
from pallets.system import System


# FRAME's benchmarks, less the two reads of SafeMode and TxPause, which this chain doesn't have.
def _batch_weight(calls: int) -> Weight:
    return Weight(19_388_813 + 4_591_113 * calls)


def _batch_all_weight(calls: int) -> Weight:
    return Weight(22_628_420 + 4_797_007 * calls)


def _force_batch_weight(calls: int) -> Weight:
    return Weight(23_270_604 + 4_570_923 * calls)


def _with_calls(own: Callable[[int], Weight]) -> Callable[[list[Call]], DispatchInfo]:
    """Weight and class of a batch: operational only if no call in it is normal."""

    def info(calls: list[Call]) -> DispatchInfo:
        weight, kind = own(len(calls)), DispatchClass.Operational
        for inner in (each.dispatch_info() for each in calls):
            weight = weight + inner.weight
            if inner.class_ is DispatchClass.Normal:
                kind = inner.class_
        return DispatchInfo(weight, kind)

    return info


class _InBatchAll(Origin):
    """A signed origin inside `batch_all`, which dispatches no further `batch_all`, however deep in other batches."""

    __slots__ = ()


class Utility(Pallet):
    """Batches of calls."""

    constant_names = {"batched_calls_limit": "batched_calls_limit"}

    system: System
    batched_calls_limit: Const[U32] = 10_922
    """The limit on the number of batched calls."""

    class BatchInterrupted(Event):
        """Batch of dispatches did not complete fully.

        Index of first failing dispatch given, as well as the error.
        """

        index_: U32
        error: DispatchErrorType

    class BatchCompleted(Event):
        """Batch of dispatches completed fully with no error."""

    class BatchCompletedWithErrors(Event):
        """Batch of dispatches completed but has errors."""

    class ItemCompleted(Event):
        """A single item within a Batch of dispatches has completed with no error."""

    class ItemFailed(Event):
        """A single item within a Batch of dispatches has completed with error."""

        error: DispatchErrorType

    class DispatchedAs(Event):
        """A call was dispatched."""

        result: DispatchResult

    class IfElseMainSuccess(Event):
        """Main call was dispatched."""

    class IfElseFallbackCalled(Event):
        """The fallback call was dispatched."""

        main_error: DispatchErrorType

    class TooManyCalls(Error):
        """Too many calls batched."""

    @call(0, weight=_with_calls(_batch_weight))
    def batch(self, origin: Origin, calls: list[RuntimeCall]) -> PostInfo:
        """Send a batch of dispatch calls.

        May be called from any origin except `None`.
        """
        self._check(origin, calls)
        weight = Weight()
        for index, each in enumerate(calls):
            error, used = self._dispatch(each, origin)
            weight = weight + used
            if error is not None:
                self.deposit(self.BatchInterrupted(index, error))
                return PostInfo(_batch_weight(index + 1) + weight)
            self.deposit(self.ItemCompleted())
        self.deposit(self.BatchCompleted())
        return PostInfo(_batch_weight(len(calls)) + weight)

    @call(2, weight=_with_calls(_batch_all_weight))
    def batch_all(self, origin: Origin, calls: list[RuntimeCall]) -> PostInfo:
        """Send a batch of dispatch calls and atomically execute them.

        The whole transaction will rollback and fail if any of the calls failed. May be called from any origin except
        `None`.
        """
        self._check(origin, calls)
        inside = origin if origin.kind == "root" else _InBatchAll(*origin)
        weight = Weight()
        for index, each in enumerate(calls):
            error, used = self._dispatch(each, inside)
            weight = weight + used
            if error is not None:
                error.post_info = PostInfo(_batch_all_weight(index + 1) + weight)
                raise error
            self.deposit(self.ItemCompleted())
        self.deposit(self.BatchCompleted())
        return PostInfo(_batch_all_weight(len(calls)) + weight)

    @call(4, weight=_with_calls(_force_batch_weight))
    def force_batch(self, origin: Origin, calls: list[RuntimeCall]) -> PostInfo:
        """Send a batch of dispatch calls.

        Unlike `batch`, it allows errors and won't interrupt. May be called from any origin except `None`.
        """
        self._check(origin, calls)
        weight, failed = Weight(), False
        for each in calls:
            error, used = self._dispatch(each, origin)
            weight = weight + used
            failed = failed or error is not None
            self.deposit(self.ItemCompleted() if error is None else self.ItemFailed(error))
        self.deposit(self.BatchCompletedWithErrors() if failed else self.BatchCompleted())
        return PostInfo(_batch_weight(len(calls)) + weight)

    # Inside

    def _check(self, origin: Origin, calls: list[Call]) -> None:
        if origin.kind == "none":
            raise BadOrigin
        if len(calls) > self.batched_calls_limit:
            raise self.TooManyCalls

    def _dispatch(self, each: Call, origin: Origin) -> tuple[DispatchError | None, Weight]:
        """The outcome of a call in the batch, and the weight it used."""
        declared = each.dispatch_info().weight
        try:
            if isinstance(origin, _InBatchAll) and each.spec.method is Utility.batch_all:
                raise self.system.CallFiltered
            error, post = None, self.runtime.dispatch(each, origin)
        except DispatchError as failure:
            error, post = failure, failure.post_info or PostInfo()
        return error, declared if post.actual_weight is None else post.actual_weight.min(declared)
