"""Many calls in one, and calls by another origin.

| call | at the first failure |
| --- | --- |
| `batch` | stops; what was done before stays |
| `batch_all` | everything is undone, and the batch fails |
| `force_batch` | goes on |
| `if_else` | does the other call instead |

Each call has its own storage layer and the origin of the batch. `as_derivative` calls as one of the signer's 65,536
further accounts, under the same filters; root calls as whoever it likes. Mirrors `pallet_utility`.
"""

from __future__ import annotations

from collections.abc import Callable

from pallets.frame import (
    U16,
    U32,
    AccountId,
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
    Root,
    Weight,
    call,
)
from pallets.frame.origin import ROOT, OriginCaller, origin_of
from pallets.frame.runtime import Call, DispatchErrorType, DispatchResult, RuntimeCall
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.system.pallet import System

DERIVATIVE = b"modlpy/utilisuba"
DERIVATION = codec_of(tuple[AccountId, U16])


# FRAME's benchmarks, less the two reads of SafeMode and TxPause, which this chain doesn't have.
def _batch_weight(calls: int) -> Weight:
    return Weight(19_388_813 + 4_591_113 * calls)


def _batch_all_weight(calls: int) -> Weight:
    return Weight(22_628_420 + 4_797_007 * calls)


def _force_batch_weight(calls: int) -> Weight:
    return Weight(23_270_604 + 4_570_923 * calls)


AS_DERIVATIVE = Weight(10_896_000 + 125_000_000)  # the account is read and written
DISPATCH_AS = Weight(6_985_000)
DISPATCH_AS_FALLIBLE = Weight(7_434_000)
IF_ELSE = Weight(23_143_000)


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


def _if_else(main: Call, fallback: Call) -> DispatchInfo:
    first, second = main.dispatch_info(), fallback.dispatch_info()
    kind = first.class_ if first.class_ is second.class_ else DispatchClass.Normal
    return DispatchInfo(IF_ELSE + first.weight + second.weight, kind)


def derivative_account(who: bytes, index: int) -> bytes:
    """One of an account's further accounts, that no key signs for but the account's own."""
    return blake2_256(DERIVATIVE + DERIVATION.encode((who, index)))


class Utility(Pallet):
    """Batches of calls, and calls by another origin."""

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

    @call(1, weight=lambda index, call: call.dispatch_info().within(AS_DERIVATIVE))
    def as_derivative(self, origin: Origin, index: U16, call: RuntimeCall) -> PostInfo:
        """Send a call through an indexed pseudonym of the sender.

        Filters of the origin are passed along. To get rid of them where they concern accounts, because `proxy` was used
        before, use `as_multi_threshold_1` in the Multisig pallet instead.
        """
        if origin.who is None:
            raise BadOrigin
        error, used = self._dispatch(call, origin._replace(who=derivative_account(origin.who, index)))
        post = PostInfo(AS_DERIVATIVE + used)
        if error is not None:
            error.post_info = post
            raise error
        return post

    @call(2, weight=_with_calls(_batch_all_weight))
    def batch_all(self, origin: Origin, calls: list[RuntimeCall]) -> PostInfo:
        """Send a batch of dispatch calls and atomically execute them.

        The whole transaction will rollback and fail if any of the calls failed. May be called from any origin except
        `None`.
        """
        self._check(origin, calls)
        inside = origin if origin.kind == "root" else origin.narrowed(self._refuse_batch_all)
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

    @call(3, weight=lambda as_origin, call: call.dispatch_info().within(DISPATCH_AS))
    def dispatch_as(self, root: Root, as_origin: OriginCaller, call: RuntimeCall) -> None:
        """Dispatches a function call with a provided origin."""
        error, _ = self._dispatch(call, origin_of(as_origin))
        self.deposit(self.DispatchedAs(error))

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

    @call(5, weight=lambda call, weight: DispatchInfo(weight, call.dispatch_info().class_))
    def with_weight(self, root: Root, call: RuntimeCall, weight: Weight) -> None:
        """Dispatch a function call with a specified weight.

        This function does not check the weight of the call, and instead allows the Root origin to specify the weight of
        the call.
        """
        self._forward(call, ROOT)

    @call(6, weight=_if_else)
    def if_else(self, origin: Origin, main: RuntimeCall, fallback: RuntimeCall) -> PostInfo:
        """Dispatch a fallback call in the event the main call fails to execute.

        May be called from any origin except `None`. If both fail, the whole call fails with the error of the fallback.
        """
        if origin.kind == "none":
            raise BadOrigin
        main_error, used = self._dispatch(main, origin)
        if main_error is None:
            self.deposit(self.IfElseMainSuccess())
            return PostInfo(IF_ELSE + used)
        error, more = self._dispatch(fallback, origin)
        post = PostInfo(IF_ELSE + used + more)
        if error is not None:
            error.post_info = post
            raise error
        self.deposit(self.IfElseFallbackCalled(main_error))
        return post

    @call(7, weight=lambda as_origin, call: call.dispatch_info().within(DISPATCH_AS_FALLIBLE))
    def dispatch_as_fallible(self, root: Root, as_origin: OriginCaller, call: RuntimeCall) -> None:
        """Dispatches a function call with a provided origin.

        Almost the same as `dispatch_as`, but forwards any error of the inner call.
        """
        self._forward(call, origin_of(as_origin))
        self.deposit(self.DispatchedAs(None))

    # Inside

    def _check(self, origin: Origin, calls: list[Call]) -> None:
        if origin.kind == "none":
            raise BadOrigin
        if len(calls) > self.batched_calls_limit:
            raise self.TooManyCalls

    def _dispatch(self, each: Call, origin: Origin) -> tuple[DispatchError | None, Weight]:
        """The outcome of a call, and the weight it used."""
        declared = each.dispatch_info().weight
        try:
            error, post = None, self.runtime.dispatch(each, origin)
        except DispatchError as failure:
            error, post = failure, failure.post_info or PostInfo()
        return error, declared if post.actual_weight is None else post.actual_weight.min(declared)

    def _forward(self, call: Call, origin: Origin) -> None:
        """Runs a call whose error is this call's own, and costs what this call declared."""
        error, _ = self._dispatch(call, origin)
        if error is not None:
            error.post_info = None
            raise error

    def _refuse_batch_all(self, call: Call) -> None:
        """Inside `batch_all` a signer dispatches no further `batch_all`, however deep in other calls."""
        if call.spec.method is Utility.batch_all:
            raise self.system.CallFiltered
