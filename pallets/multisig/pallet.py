"""Accounts that several keys hold together: a call is made once enough of them have approved it.

## Overview

The signatories, sorted, and the threshold make the account; no key signs for it, and nobody has to register it. The
first approval opens an operation under the hash of the call and reserves a deposit, further ones name the block and
extrinsic of the first, its `Timepoint`, and the last brings the call itself. A threshold of one needs none of that.

The call is made as the account, whatever narrowed the origin of who approved it. Mirrors `pallet_multisig`.
"""

from __future__ import annotations

from bisect import insort

from pallets.frame import (
    U16,
    U32,
    AccountId,
    Balance,
    Bytes32,
    Const,
    DispatchError,
    DoubleMap,
    Error,
    Event,
    Pallet,
    Pays,
    PostInfo,
    Signed,
    Weight,
    call,
)
from pallets.frame.origin import signed
from pallets.frame.runtime import Call, DispatchResult, RuntimeCall
from pallets.fungible import ReservableCurrency
from pallets.multisig.terms import (
    MAX_SIGNATORIES,
    Operation,
    Timepoint,
    approval_weight,
    complete_weight,
    multi_account,
    threshold_1_info,
    threshold_1_weight,
)
from pallets.primitives.hashing import Blake2_128Concat, Twox64Concat, blake2_256
from pallets.system.pallet import System


class Multisig(Pallet):
    """Accounts that several keys hold together."""

    storage_version = 1

    system: System
    currency: ReservableCurrency
    deposit_base: Const[Balance]
    """The base amount of currency needed to reserve for creating a multisig execution or to store a dispatch call for
    later.
    """
    deposit_factor: Const[Balance]
    """The amount of currency needed per unit threshold when creating a multisig execution."""
    max_signatories: Const[U32] = MAX_SIGNATORIES
    """The maximum amount of signatories allowed in the multisig."""

    class NewMultisig(Event):
        """A new multisig operation has begun."""

        approving: AccountId
        multisig: AccountId
        call_hash: Bytes32

    class MultisigApproval(Event):
        """A multisig operation has been approved by someone."""

        approving: AccountId
        timepoint: Timepoint
        multisig: AccountId
        call_hash: Bytes32

    class MultisigExecuted(Event):
        """A multisig operation has been executed."""

        approving: AccountId
        timepoint: Timepoint
        multisig: AccountId
        call_hash: Bytes32
        result: DispatchResult

    class MultisigCancelled(Event):
        """A multisig operation has been cancelled."""

        cancelling: AccountId
        timepoint: Timepoint
        multisig: AccountId
        call_hash: Bytes32

    class DepositPoked(Event):
        """The deposit for a multisig operation has been updated/poked."""

        who: AccountId
        call_hash: Bytes32
        old_deposit: Balance
        new_deposit: Balance

    class MinimumThreshold(Error):
        """Threshold must be 2 or greater."""

    class AlreadyApproved(Error):
        """Call is already approved by this signatory."""

    class NoApprovalsNeeded(Error):
        """Call doesn't need any (more) approvals."""

    class TooFewSignatories(Error):
        """There are too few signatories in the list."""

    class TooManySignatories(Error):
        """There are too many signatories in the list."""

    class SignatoriesOutOfOrder(Error):
        """The signatories were provided out of order; they should be ordered."""

    class SenderInSignatories(Error):
        """The sender was contained in the other signatories; it shouldn't be."""

    class NotFound(Error):
        """Multisig operation not found in storage."""

    class NotOwner(Error):
        """Only the account that originally created the multisig is able to cancel it or update its deposits."""

    class NoTimepoint(Error):
        """No timepoint was given, yet the multisig operation is already underway."""

    class WrongTimepoint(Error):
        """A different timepoint was given to the multisig operation that is underway."""

    class UnexpectedTimepoint(Error):
        """A timepoint was given, yet no multisig operation is underway."""

    class MaxWeightTooLow(Error):
        """The maximum weight information provided was too low."""

    class AlreadyStored(Error):
        """The data to be stored is already stored."""

    multisigs = DoubleMap[AccountId, Bytes32, Operation](missing=NotFound, hashers=(Twox64Concat, Blake2_128Concat))
    """The set of open multisig operations."""

    # Calls

    @call(0, weight=threshold_1_info)
    def as_multi_threshold_1(self, who: Signed, other_signatories: list[AccountId], call: RuntimeCall) -> PostInfo:
        """Immediately dispatch a multi-signature call using a single approval from the caller.

        - `other_signatories`: The accounts (other than the sender) who are part of the multi-signature, but do not
          participate in the approval process.
        - `call`: The call to be executed.
        """
        account, data = self._account(who, other_signatories), call.encoded()
        error, actual = self._dispatch(call, account)
        post = PostInfo(None if actual is None else threshold_1_weight(len(data)) + actual)
        if error is not None:
            error.post_info = post
            raise error
        self.deposit(self.MultisigExecuted(who, self.timepoint(), account, blake2_256(data), None))
        return post

    @call(
        1,
        weight=lambda threshold, other_signatories, maybe_timepoint, call, max_weight: (
            complete_weight(len(other_signatories), len(call.encoded())) + max_weight
        ),
    )
    def as_multi(
        self,
        who: Signed,
        threshold: U16,
        other_signatories: list[AccountId],
        maybe_timepoint: Timepoint | None,
        call: RuntimeCall,
        max_weight: Weight,
    ) -> PostInfo:
        """Register approval for a dispatch to be made from a deterministic composite account if approved by a total of
        `threshold - 1` of `other_signatories`. If there are enough, then dispatch the call.

        - `threshold`: The total number of approvals for this dispatch before it is executed.
        - `other_signatories`: The accounts (other than the sender) who can approve this dispatch. May not be empty.
        - `maybe_timepoint`: If this is the first approval, then this must be `None`. If it is not the first approval,
          then it must be `Some`, with the timepoint (block number and transaction index) of the first approval
          transaction.
        - `call`: The call to be executed.
        - `max_weight`: The most that the call may declare to weigh.

        The first approval reserves `DepositBase` plus `threshold` times `DepositFactor`, until the call is made or
        cancelled. Unless this is the final approval, you will generally want to use `approve_as_multi` instead, since
        it only requires a hash of the call. How the call went is in `MultisigExecuted`.
        """
        data, others = call.encoded(), len(other_signatories)
        call_hash = blake2_256(data)
        account, operation = self._underway(who, threshold, other_signatories, maybe_timepoint, call_hash)
        if operation is None or not self._is_enough(operation, who, threshold):
            self._approve(who, threshold, account, call_hash, operation)
            return PostInfo(approval_weight(operation, others, len(data)))
        if call.dispatch_info().weight.any_gt(max_weight):
            raise self.MaxWeightTooLow
        del self.multisigs[account, call_hash]  # before the call, which may come back here
        self.currency.unreserve(operation.depositor, operation.deposit)
        error, actual = self._dispatch(call, account)
        self.deposit(self.MultisigExecuted(who, operation.when, account, call_hash, error))
        return PostInfo(None if actual is None else complete_weight(others, len(data)) + actual)

    @call(
        2,
        weight=lambda threshold, other_signatories, maybe_timepoint, call_hash, max_weight: (
            Weight(155_317_105 + 109_792 * len(other_signatories), 6_811) + max_weight
        ),
    )
    def approve_as_multi(
        self,
        who: Signed,
        threshold: U16,
        other_signatories: list[AccountId],
        maybe_timepoint: Timepoint | None,
        call_hash: Bytes32,
        max_weight: Weight,
    ) -> PostInfo:
        """Register approval for a dispatch to be made from a deterministic composite account if approved by a total of
        `threshold - 1` of `other_signatories`.

        As `as_multi`, but of the call's hash. If this is the final approval, you will want to use `as_multi` instead.
        """
        account, operation = self._underway(who, threshold, other_signatories, maybe_timepoint, call_hash)
        self._approve(who, threshold, account, call_hash, operation)
        return PostInfo(approval_weight(operation, len(other_signatories), 0))

    @call(
        3,
        weight=lambda threshold, other_signatories, timepoint, call_hash: Weight(
            157_003_421 + 108_567 * len(other_signatories), 6_811
        ),
    )
    def cancel_as_multi(
        self,
        who: Signed,
        threshold: U16,
        other_signatories: list[AccountId],
        timepoint: Timepoint,
        call_hash: Bytes32,
    ) -> None:
        """Cancel a pre-existing, on-going multisig transaction. Any deposit reserved previously for this operation will
        be unreserved on success.

        - `timepoint`: The timepoint (block number and transaction index) of the first approval transaction for this
          dispatch.
        - `call_hash`: The hash of the call to be executed.
        """
        account = self._account(who, other_signatories, threshold)
        operation = self.multisigs[account, call_hash]
        if operation.when != timepoint:
            raise self.WrongTimepoint
        if operation.depositor != who:
            raise self.NotOwner
        self.currency.unreserve(who, operation.deposit)
        del self.multisigs[account, call_hash]
        self.deposit(self.MultisigCancelled(who, timepoint, account, call_hash))

    @call(
        4,
        weight=lambda threshold, other_signatories, call_hash: Weight(
            159_135_440 + 161_074 * len(other_signatories), 6_811
        ),
    )
    def poke_deposit(
        self, who: Signed, threshold: U16, other_signatories: list[AccountId], call_hash: Bytes32
    ) -> PostInfo:
        """Poke the deposit reserved for an existing multisig operation, by who made it.

        The transaction fee is waived if the deposit amount has changed.
        """
        account = self._account(who, other_signatories, threshold)
        operation = self.multisigs[account, call_hash]
        if operation.depositor != who:
            raise self.NotOwner
        old, new = operation.deposit, self._deposit_of(threshold)
        if new == old:
            return PostInfo()
        if new > old:
            self.currency.reserve(who, new - old)
        else:
            self.currency.unreserve(who, old - new)
        operation.deposit = new
        self.multisigs[account, call_hash] = operation
        self.deposit(self.DepositPoked(who, call_hash, old, new))
        return PostInfo(pays_fee=Pays.No)

    def timepoint(self) -> Timepoint:
        """The block and extrinsic under way."""
        return Timepoint(self.system.number, self.system.extrinsic_count or 0)

    # Inside

    def _account(self, who: bytes, others: list[bytes], threshold: int | None = None) -> bytes:
        """The account of the sender and the others; a threshold must be two or more, without one it is one."""
        if threshold is not None and threshold < 2:
            raise self.MinimumThreshold
        if not others:
            raise self.TooFewSignatories
        if len(others) >= self.max_signatories:
            raise self.TooManySignatories
        last = b""
        for other in others:
            if other <= last:
                raise self.SignatoriesOutOfOrder
            if other == who:
                raise self.SenderInSignatories
            last = other
        return multi_account(sorted([*others, who]), threshold or 1)

    def _underway(
        self, who: bytes, threshold: int, others: list[bytes], timepoint: Timepoint | None, call_hash: bytes
    ) -> tuple[bytes, Operation | None]:
        """The account, and the operation that is open under this hash; the timepoint given must agree with it."""
        account = self._account(who, others, threshold)
        operation = self.multisigs.get(account, call_hash)
        if operation is None:
            if timepoint is not None:
                raise self.UnexpectedTimepoint
        elif timepoint is None:
            raise self.NoTimepoint
        elif operation.when != timepoint:
            raise self.WrongTimepoint
        return account, operation

    def _is_enough(self, operation: Operation, who: bytes, threshold: int) -> bool:
        """Whether with this approval there are as many as needed."""
        return len(operation.approvals) + (who not in operation.approvals) >= threshold

    def _approve(
        self, who: bytes, threshold: int, account: bytes, call_hash: bytes, operation: Operation | None
    ) -> None:
        """Opens an operation, or adds an approval to the one that is open."""
        if operation is None:
            deposit = self._deposit_of(threshold)
            self.currency.reserve(who, deposit)
            self.multisigs[account, call_hash] = Operation(self.timepoint(), deposit, who, [who])
            self.deposit(self.NewMultisig(who, account, call_hash))
            return
        if who in operation.approvals or len(operation.approvals) >= threshold:
            raise self.AlreadyApproved
        insort(operation.approvals, who)
        self.multisigs[account, call_hash] = operation
        self.deposit(self.MultisigApproval(who, operation.when, account, call_hash))

    def _deposit_of(self, threshold: int) -> Balance:
        return self.deposit_base + self.deposit_factor * threshold

    def _dispatch(self, call: Call, account: bytes) -> tuple[DispatchError | None, Weight | None]:
        """The outcome of a call by the account, and the weight it says to have used."""
        try:
            return None, self.runtime.dispatch(call, signed(account)).actual_weight
        except DispatchError as error:
            return error, error.post_info and error.post_info.actual_weight
