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
from pallets.frame.extensions import Transaction, TransactionExtension, Validity
from pallets.frame.validity import Payment
from pallets.primitives.fixed import ONE, U128_MAX, FixedU128
from pallets.system import System

PRIORITY_MAX = (1 << 64) - 1


class Balanced(Protocol):
    """What fees ask of a token: amounts out of and into accounts, for which the issuance is put right at the end."""

    def can_withdraw(self, who: AccountId, amount: Balance) -> bool:
        """Whether a free amount can be taken and the account lives on."""

    def withdraw(self, who: AccountId, amount: Balance) -> None:
        """Takes a free amount of an account that must live on; raises `DispatchError` where it can't."""

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

    def total(self) -> Balance:
        """All of it."""
        fee = self.inclusion_fee
        included = 0 if fee is None else fee.base_fee + fee.len_fee + fee.adjusted_weight_fee
        return min(included + self.tip, U128_MAX)


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
        return self.fee_details(length, info, tip).total()

    def fee_details(self, length: int, info: DispatchInfo, tip: Balance = 0) -> FeeDetails:
        """The fee by its parts (`compute_fee_details`)."""
        if info.pays_fee is Pays.No:
            return FeeDetails(None, tip)
        base = self.system.block_weights.per_class.of(info.class_).base_extrinsic
        weight_fee = self.next_fee_multiplier.mul_int(self.weight_to_fee(info.weight))
        return FeeDetails(InclusionFee(self.weight_to_fee(base), self.length_to_fee(length), weight_fee), tip)

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
        per_block = min(
            _how_many(length, longest),
            _how_many(info.weight.ref_time, block.ref_time),
            _how_many(info.weight.proof_size, block.proof_size),
        )
        priority = min((tip + 1) * per_block, U128_MAX)  # plus one: of two without a tip the smaller goes first
        if info.class_ is DispatchClass.Operational:
            priority += min(fee * self.operational_fee_multiplier, U128_MAX) * per_block
        return min(priority, PRIORITY_MAX)


def _how_many(part: int, whole: int) -> int:
    return max(whole // max(part, 1), 1)


class ChargeTransactionPayment(TransactionExtension):
    """The sender pays; the tip is in the transaction."""

    path = "pallet_transaction_payment::ChargeTransactionPayment"
    fields = (None,)
    extra = Compact[Balance]

    def validate(self, tx: Transaction, extra: Balance) -> Validity:
        payment: TransactionPayment = self.runtime.transaction_payment
        fee = payment.compute_fee(tx.length, tx.info, extra)
        if not payment.currency.can_withdraw(tx.signer, fee):
            raise Payment
        return Validity(priority=payment.priority(tx.length, tx.info, extra, fee))

    def prepare(self, tx: Transaction, extra: Balance) -> tuple[Balance, Balance]:
        """Withdraws the fee; answers it and the tip in it."""
        payment: TransactionPayment = self.runtime.transaction_payment
        fee = payment.compute_fee(tx.length, tx.info, extra)
        if fee:
            try:
                payment.currency.withdraw(tx.signer, fee)
            except DispatchError:
                raise Payment from None
        return fee, extra

    def settle(
        self, prepared: tuple[Balance, Balance], tx: Transaction, actual: DispatchInfo, error: DispatchError | None
    ) -> None:
        paid, tip = prepared
        payment: TransactionPayment = self.runtime.transaction_payment
        fee = payment.compute_fee(tx.length, actual, tip)
        if paid:
            refunded = payment.currency.refund(tx.signer, paid - fee) if paid > fee else 0
            payment.currency.drop_credit(paid - refunded)
        payment.deposit(payment.TransactionFeePaid(tx.signer, fee, tip))
