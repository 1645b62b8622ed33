"""Fees: what a transaction costs, who pays it and when.

## Overview

```
inclusion fee = base fee + length fee + multiplier × weight fee
fee           = inclusion fee + tip             of a call that pays none: the tip alone
```
The whole fee is withdrawn before dispatch. Afterwards what the call left of its weight, or the inclusion fee of a call
that turned out free, is refunded, and the rest is burned.

Both rates are linear, and the weight fee is by `ref_time` alone. The multiplier is one and stays one: on this chain
congestion doesn't raise fees (`ConstFeeMultiplier`), and a tip is what puts a transaction ahead of others.

Mirrors `pallet_transaction_payment` with `FungibleAdapter<Balances, ()>`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol

from pallets.frame import (
    U8,
    U128,
    AccountId,
    Balance,
    Compact,
    Const,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    Event,
    Pallet,
    Pays,
    UnitEnum,
    Value,
    Weight,
    struct,
)
from pallets.frame.extensions import Transaction, TransactionExtension
from pallets.frame.validity import MAX_PRIORITY, Payment, TransactionSource, ValidTransaction
from pallets.primitives.fixed import ONE, U128_MAX, FixedU128
from pallets.system.account import AccountInfo
from pallets.system.pallet import System

MAX_FEES = 1024


class Balanced(Protocol):
    """What fees ask of a token: amounts out of and into accounts, for which the issuance is put right at the end."""

    def can_withdraw(self, info: AccountInfo, amount: Balance) -> bool:
        """Whether a free amount can be taken and the account lives on."""

    def withdraw(self, who: AccountId, info: AccountInfo, amount: Balance) -> None:
        """Takes a free amount of an account that must live on; raises `DispatchError` where it can't.

        `info` is the account's record: it is changed, and the caller writes it back.
        """

    def refund(self, who: AccountId, amount: Balance) -> Balance:
        """Gives back some of what was withdrawn; answers how much the account could take."""

    def drop_credit(self, amount: Balance) -> None:
        """Burns what was withdrawn and not refunded."""


class Releases(UnitEnum):
    """Storage releases of the pallet."""

    __type_path__ = "pallet_transaction_payment::Releases"
    V1Ancient = 0
    V2 = 1


@struct(path="pallet_transaction_payment::types::InclusionFee")
class InclusionFee:
    """What inclusion in a block costs."""

    __type_arguments__ = (("Balance", Balance),)

    base_fee: Balance
    len_fee: Balance
    adjusted_weight_fee: Balance


@struct(path="pallet_transaction_payment::types::FeeDetails")
class FeeDetails:
    """A fee by its parts; without an inclusion fee where the call pays none."""

    __type_arguments__ = (("Balance", Balance),)

    inclusion_fee: InclusionFee | None
    tip: Balance


@struct(path="pallet_transaction_payment::types::RuntimeDispatchInfo")
class RuntimeDispatchInfo:
    """Weight, class and inclusion fee of a call."""

    __type_arguments__ = (("Balance", Balance), ("Weight", Weight))

    weight: Weight
    class_: DispatchClass
    partial_fee: Balance


class TransactionPayment(Pallet):
    """Fees of signed transactions."""

    system: System
    currency: Balanced
    operational_fee_multiplier: Const[U8] = 5
    """A fee multiplier for `Operational` extrinsics to compute "virtual tip" to boost their `priority`"""
    fee_per_ref_time: Balance = 10
    """Price of a picosecond of weight."""
    fee_per_byte: Balance = 1_000_000
    """Price of a byte of the extrinsic."""
    _fees: dict[tuple[bytes | None, int, DispatchClass, int], Balance] = field(
        init=False, repr=False, default_factory=dict
    )
    """Fees without a tip that were worked out before, by the multiplier and what differs between extrinsics."""

    class TransactionFeePaid(Event):
        """A transaction fee `actual_fee`, of which `tip` was added to the minimum inclusion fee,
        has been paid by `who`.
        """

        who: AccountId
        actual_fee: Balance
        tip: Balance

    next_fee_multiplier = Value[FixedU128](default=lambda: FixedU128(ONE))
    """The factor of the weight fee."""
    releases = Value[Releases](default=Releases.V1Ancient, name="StorageVersion")
    """The release whose storage this is."""

    def genesis(self, multiplier: U128 = ONE) -> None:
        self.releases = Releases.V2
        self.next_fee_multiplier = FixedU128(multiplier)

    def on_finalize(self, number: int) -> None:
        """The constant multiplier, whatever the block's was."""
        self.next_fee_multiplier = FixedU128(ONE)

    # What others may ask

    def compute_fee(self, length: int, info: DispatchInfo, tip: Balance) -> Balance:
        """The fee of a transaction of `length` bytes: by its declared info before dispatch, by its actual one after."""
        if info.pays_fee is Pays.No:
            return tip
        multiplier = self.state.get(self.items["next_fee_multiplier"].key)
        alike = multiplier, length, info.class_, info.weight.ref_time
        fee = self._fees.get(alike)
        if fee is None:
            if len(self._fees) >= MAX_FEES:
                self._fees.clear()
            fee = self._fees[alike] = sum(self._inclusion_fee(length, info))
        return min(fee + tip, U128_MAX)

    def fee_details(self, length: int, info: DispatchInfo, tip: Balance = 0) -> FeeDetails:
        """The fee by its parts (`compute_fee_details`)."""
        if info.pays_fee is Pays.No:
            return FeeDetails(None, tip)
        return FeeDetails(InclusionFee(*self._inclusion_fee(length, info)), tip)

    def runtime_dispatch_info(self, length: int, info: DispatchInfo) -> RuntimeDispatchInfo:
        """What a signed transaction would cost without a tip (`query_info`)."""
        return RuntimeDispatchInfo(info.weight, info.class_, self.compute_fee(length, info, 0))

    def weight_to_fee(self, weight: Weight) -> Balance:
        """The price of a weight, before the multiplier; no weight costs more than the whole block's."""
        return min(weight.ref_time, self.system.block_weights.max_block.ref_time) * self.fee_per_ref_time

    def length_to_fee(self, length: int) -> Balance:
        """The price of an extrinsic's bytes."""
        return length * self.fee_per_byte

    def priority(self, length: int, info: DispatchInfo, tip: Balance, fee: Balance) -> int:
        """A transaction's rank in the pool: its tip times how many like it would fill a block (`get_priority`)."""
        block, longest = self.system.block_weights.max_block, self.system.block_length.max.of(info.class_)
        by_length = longest // max(length, 1)
        by_time = block.ref_time // max(info.weight.ref_time, 1)
        by_proof = block.proof_size // max(info.weight.proof_size, 1)
        per_block = max(min(by_length, by_time, by_proof), 1)
        priority = min((tip + 1) * per_block, U128_MAX)  # plus one: of two without a tip the smaller goes first
        if info.class_ is DispatchClass.Operational:
            priority += min(fee * self.operational_fee_multiplier, U128_MAX) * per_block
        return min(priority, MAX_PRIORITY)

    def _inclusion_fee(self, length: int, info: DispatchInfo) -> tuple[Balance, Balance, Balance]:
        """The fee without a tip, by its parts."""
        base = self.system.block_weights.per_class.of(info.class_).base_extrinsic
        weight_fee = self.next_fee_multiplier.mul_int(self.weight_to_fee(info.weight))
        return self.weight_to_fee(base), self.length_to_fee(length), weight_fee


class ChargeTransactionPayment(TransactionExtension):
    """The sender pays; the tip is in the transaction."""

    path = "pallet_transaction_payment::ChargeTransactionPayment"
    fields = (None,)
    extra = Compact[Balance]

    def check(self, tx: Transaction, extra: Balance) -> Balance:
        """Answers the fee."""
        payment: TransactionPayment = self.runtime.transaction_payment
        return payment.compute_fee(tx.length, tx.info, extra)

    def rank(self, tx: Transaction, extra: Balance, found: Balance, order: ValidTransaction) -> None:
        payment: TransactionPayment = self.runtime.transaction_payment
        if tx.source is not TransactionSource.InBlock and not payment.currency.can_withdraw(tx.account, found):
            raise Payment  # in a block, what comes before it may bring what it needs
        order.priority = min(order.priority + payment.priority(tx.length, tx.info, extra, found), MAX_PRIORITY)

    def prepare(self, tx: Transaction, extra: Balance, found: Balance) -> tuple[Balance, Balance]:
        """Withdraws the fee; answers it and the tip in it."""
        payment: TransactionPayment = self.runtime.transaction_payment
        if found:
            try:
                payment.currency.withdraw(tx.signer, tx.account, found)
            except DispatchError:
                raise Payment from None
        return found, extra

    def settle(
        self, prepared: tuple[Balance, Balance], tx: Transaction, actual: DispatchInfo, error: DispatchError | None
    ) -> None:
        paid, tip = prepared
        payment: TransactionPayment = self.runtime.transaction_payment
        fee = paid if actual is tx.info else payment.compute_fee(tx.length, actual, tip)
        if paid:
            refunded = payment.currency.refund(tx.signer, paid - fee) if paid > fee else 0
            payment.currency.drop_credit(paid - refunded)
        payment.deposit(payment.TransactionFeePaid(tx.signer, fee, tip))
