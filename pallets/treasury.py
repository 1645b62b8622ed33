"""The chain's own money: where fines and unclaimed rewards go, and what root spends of it.

## Overview

The pot is a keyless account that anybody pays by a transfer. Root approves: by `spend_local` an amount of the native
token, which is paid at the end of a spend period as soon as the pot has enough; by `spend` an amount of any token, to
be paid by anyone's `payout` from a block on, for `PayoutPeriod` blocks. What the pot has counts as inactive issuance.

Mirrors `pallet_treasury`: calls, events, errors, storage and constants are FRAME's. What that chain chooses:

- Whoever approves or rejects is root, so that no amount is too large (`InsufficientPermission`).
- A payment is a transfer from the pot, which keeps its existential deposit; it succeeds or fails at once, so none is
  `Inconclusive` and `PaymentFailed` never happens. An approval that can't be paid (too much, or to an account that it
  couldn't create) stays in the queue until it can be, or root removes it.
- Nothing is converted: `FailedToConvertBalance` is of a token that there isn't.

## Out of scope

Who may spend without root, bounties, and funding: a share of fees or an inflation.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pallets.frame import (
    U32,
    AccountId,
    Address,
    Balance,
    BlockNumber,
    Bound,
    Compact,
    Const,
    DispatchClass,
    DispatchError,
    Error,
    Event,
    Map,
    Pallet,
    Pays,
    PostInfo,
    Root,
    Signed,
    Value,
    Variant,
    Weight,
    call,
    struct,
)
from pallets.fungible import Currency
from pallets.fungibles import AssetId, Fungibles
from pallets.primitives.fixed import MILLION, Permill
from pallets.primitives.hashing import Twox64Concat
from pallets.primitives.pots import pot_account
from pallets.primitives.types import FixedBytes
from pallets.system.pallet import System

MAX_APPROVALS = 100
PALLET_ID = b"py/trsry"
TREASURY: AccountId = pot_account(PALLET_ID)
"""The keyless account of FRAME's treasury."""

POT_WEIGHT = Weight(10_000_000 + 250_000_000, 1_887)
PERIOD_WEIGHT = Weight(35_000_000 + 425_000_000, 1_887)
PAYMENT_WEIGHT = Weight(55_000_000 + 375_000_000, 5_206)
"""Of what is approved, each time that its payment is tried."""

PalletId = Annotated[bytes, FixedBytes(8, "frame_support::PalletId")]


class TreasuryCurrency(Currency, Protocol):
    """What `Treasury` asks of the native token."""

    def set_inactive(self, old: Balance, new: Balance) -> None:
        """What the treasury keeps out of circulation was `old` and is `new`."""


class NativeOrWithId(Variant):
    """A kind of money."""

    __type_path__ = "frame_support::traits::tokens::fungible::union_of::NativeOrWithId"
    __type_arguments__ = (("AssetId", AssetId),)
    __unnamed__ = True


@struct
class Native(NativeOrWithId):
    """The native token."""


@struct
class WithId(NativeOrWithId):
    """A token of `Assets`."""

    id: AssetId


class PaymentState(Variant):
    """What became of a spend."""

    __type_path__ = "pallet_treasury::PaymentState"
    __type_arguments__ = (("Id", type(None)),)


@struct
class Pending(PaymentState):
    """Nobody has asked for its payment."""


@struct
class Attempted(PaymentState):
    """It was paid."""

    id: None = None


@struct
class Failed(PaymentState):
    """Its payment failed."""


@struct(path="pallet_treasury::Proposal")
class Proposal:
    """What is paid at the end of a spend period."""

    __type_arguments__ = (("AccountId", AccountId), ("Balance", Balance))

    proposer: AccountId
    value: Balance
    beneficiary: AccountId
    bond: Balance


@struct(path="pallet_treasury::SpendStatus")
class SpendStatus:
    """What anyone may have paid."""

    __type_arguments__ = (
        ("AssetKind", NativeOrWithId),
        ("AssetBalance", Balance),
        ("Beneficiary", AccountId),
        ("BlockNumber", BlockNumber),
        ("PaymentId", type(None)),
    )

    asset_kind: NativeOrWithId
    amount: Balance
    beneficiary: AccountId
    valid_from: BlockNumber
    """The block from which it can be claimed."""
    expire_at: BlockNumber
    """The block by which it has to be claimed."""
    status: PaymentState


class Treasury(Pallet):
    """The chain's own money."""

    constant_names = {"pot_account": "pot_account"}

    system: System
    currency: TreasuryCurrency
    tokens: Fungibles
    spend_period: Const[BlockNumber]
    """Period between successive spends."""
    burn: Const[Permill]
    """Percentage of spare funds (if any) that are burnt per spend period."""
    pallet_id: Const[PalletId] = PALLET_ID
    """The treasury's pallet id, used for deriving its sovereign account ID."""
    max_approvals: Const[U32] = MAX_APPROVALS
    """DEPRECATED: associated with `spend_local` call.

    The maximum number of approvals that can wait in the spending queue.
    """
    payout_period: Const[BlockNumber]
    """The period during which an approved treasury spend has to be claimed."""
    pot_account: Const[AccountId] = TREASURY
    """Gets this pallet's derived pot account."""

    class Spending(Event):
        """We have ended a spend period and will now allocate funds."""

        budget_remaining: Balance

    class Awarded(Event):
        """Some funds have been allocated."""

        proposal_index: U32
        award: Balance
        account: AccountId

    class Burnt(Event):
        """Some of our funds have been burnt."""

        burnt_funds: Balance

    class Rollover(Event):
        """Spending has finished; this is the amount that rolls over until next spend."""

        rollover_balance: Balance

    class Deposit(Event):
        """Some funds have been deposited."""

        value: Balance

    class SpendApproved(Event):
        """A new spend proposal has been approved."""

        proposal_index: U32
        amount: Balance
        beneficiary: AccountId

    class UpdatedInactive(Event):
        """The inactive funds of the pallet have been updated."""

        reactivated: Balance
        deactivated: Balance

    class AssetSpendApproved(Event):
        """A new asset spend proposal has been approved."""

        index_: U32
        asset_kind: NativeOrWithId
        amount: Balance
        beneficiary: AccountId
        valid_from: BlockNumber
        expire_at: BlockNumber

    class AssetSpendVoided(Event):
        """An approved spend was voided."""

        index_: U32

    class Paid(Event):
        """A payment happened."""

        index_: U32
        payment_id: None

    class PaymentFailed(Event):
        """A payment failed and can be retried."""

        index_: U32
        payment_id: None

    class SpendProcessed(Event):
        """A spend was processed and removed from the storage. It might have been successfully paid or it may have
        expired.
        """

        index_: U32

    class InvalidIndex(Error):
        """No proposal, bounty or spend at that index."""

    class TooManyApprovals(Error):
        """Too many approvals in the queue."""

    class InsufficientPermission(Error):
        """The spend origin is valid but the amount it is allowed to spend is lower than the amount to be spent."""

    class ProposalNotApproved(Error):
        """Proposal has not been approved."""

    class FailedToConvertBalance(Error):
        """The balance of the asset kind is not convertible to the balance of the native asset."""

    class SpendExpired(Error):
        """The spend has expired and cannot be claimed."""

    class EarlyPayout(Error):
        """The spend is not yet eligible for payout."""

    class AlreadyAttempted(Error):
        """The payment has already been attempted."""

    class PayoutError(Error):
        """There was some issue with the mechanism of payment."""

    class NotAttempted(Error):
        """The payout was not yet attempted/claimed."""

    class Inconclusive(Error):
        """The payment has neither failed nor succeeded yet."""

    proposal_count = Value[U32](default=0)
    """DEPRECATED: associated with `spend_local` call.

    Number of proposals that have been made.
    """
    proposals = Map[U32, Proposal](hasher=Twox64Concat)
    """DEPRECATED: associated with `spend_local` call.

    Proposals that have been made.
    """
    deactivated = Value[Balance](default=0)
    """The amount which has been reported as inactive to Currency."""
    approvals = Value[Annotated[list[U32], Bound(MAX_APPROVALS)]](default=list)
    """DEPRECATED: associated with `spend_local` call.

    Proposal indices that have been approved but not yet awarded.
    """
    spend_count = Value[U32](default=0)
    """The count of spends that have been made."""
    spends = Map[U32, SpendStatus](missing=InvalidIndex, hasher=Twox64Concat)
    """Spends that have been approved and being processed."""
    last_spend_period = Value[BlockNumber | None]()
    """The blocknumber for the last triggered spend period."""

    def genesis(self) -> None:
        if self.currency.free(self.pot_account) < self.currency.existential_deposit:
            self.currency.mint_into(self.pot_account, self.currency.existential_deposit)

    def on_initialize(self, number: int) -> Weight:
        pot, known = self.pot(), self.deactivated
        if pot != known:
            self.currency.set_inactive(known, pot)
            self.deactivated = pot
            self.deposit(self.UpdatedInactive(known, pot))
        last, period = self.last_spend_period, max(self.spend_period, 1)
        if last is None:
            last = self.last_spend_period = number - (number % period or period)
        if number - last >= period:
            self.last_spend_period = number - (number - last) % period
            return POT_WEIGHT + PERIOD_WEIGHT + PAYMENT_WEIGHT * self._spend_funds()
        return POT_WEIGHT

    # Calls; weights are FRAME's benchmarks with RocksDB's access times

    @call(3, weight=Weight(12_681_000 + 350_000_000, 1_887))
    def spend_local(self, root: Root, amount: Compact[Balance], beneficiary: Address) -> None:
        """Propose and approve a spend of treasury funds.

        ### Parameters
        - `amount`: The amount to be transferred from the treasury to the `beneficiary`.
        - `beneficiary`: The destination account for the transfer.
        """
        approvals, index = self.approvals, self.proposal_count
        if len(approvals) >= self.max_approvals:
            raise self.TooManyApprovals
        self.approvals = [*approvals, index]
        self.proposals[index] = Proposal(beneficiary, amount, beneficiary, 0)
        self.proposal_count = index + 1
        self.deposit(self.SpendApproved(index, amount, beneficiary))

    @call(4, weight=Weight(6_567_000 + 125_000_000, 1_887), dispatch_class=DispatchClass.Operational)
    def remove_approval(self, root: Root, proposal_id: Compact[U32]) -> None:
        """Force a previously approved proposal to be removed from the approval queue.

        ### Parameters
        - `proposal_id`: The index of a proposal
        """
        approvals = self.approvals
        if proposal_id not in approvals:
            raise self.ProposalNotApproved
        approvals.remove(proposal_id)
        self.approvals = approvals

    @call(5, weight=Weight(14_842_000 + 250_000_000, 3_501))
    def spend(
        self,
        root: Root,
        asset_kind: NativeOrWithId,
        amount: Compact[Balance],
        beneficiary: Address,
        valid_from: BlockNumber | None,
    ) -> None:
        """Propose and approve a spend of treasury funds, to be claimed by `payout` within the `PayoutPeriod`.

        ### Parameters
        - `asset_kind`: An indicator of the specific asset class to be spent.
        - `amount`: The amount to be transferred from the treasury to the `beneficiary`.
        - `beneficiary`: The beneficiary of the spend.
        - `valid_from`: The block number from which the spend can be claimed. It can refer to the past if the resulting
          spend has not yet expired according to the `PayoutPeriod`. If `None`, the spend can be claimed immediately
          after approval.
        """
        now, index = self.system.number, self.spend_count
        first = now if valid_from is None else valid_from
        expire_at = min(first + self.payout_period, (1 << 32) - 1)
        if expire_at <= now:
            raise self.SpendExpired
        if isinstance(asset_kind, WithId) and not self.tokens.exists(asset_kind.id):
            raise self.FailedToConvertBalance
        self.spends[index] = SpendStatus(asset_kind, amount, beneficiary, first, expire_at, Pending())
        self.spend_count = index + 1
        self.deposit(self.AssetSpendApproved(index, asset_kind, amount, beneficiary, first, expire_at))

    @call(6, weight=Weight(61_291_000 + 625_000_000, 6_208))
    def payout(self, who: Signed, index: U32) -> None:
        """Claim a spend: within one `PayoutPeriod` from its `valid_from` block, whoever asks.

        ### Parameters
        - `index`: The spend index.
        """
        spend, now = self.spends[index], self.system.number
        if now < spend.valid_from:
            raise self.EarlyPayout
        if spend.expire_at <= now:
            raise self.SpendExpired
        if isinstance(spend.status, Attempted):
            raise self.AlreadyAttempted
        try:
            with self.runtime.transactional():
                self._pay(spend.asset_kind, spend.beneficiary, spend.amount)
        except DispatchError:
            raise self.PayoutError from None
        spend.status = Attempted()
        self.spends[index] = spend
        self.deposit(self.Paid(index, None))

    @call(7, weight=Weight(12_480_000 + 125_000_000, 3_538))
    def check_status(self, who: Signed, index: U32) -> PostInfo:
        """Check the status of the spend and remove it from the storage if it was paid or has expired: then for free.

        ### Parameters
        - `index`: The spend index.
        """
        spend = self.spends[index]
        if not isinstance(spend.status, Attempted) and self.system.number <= spend.expire_at:
            raise self.NotAttempted
        del self.spends[index]
        self.deposit(self.SpendProcessed(index))
        return PostInfo(pays_fee=Pays.No)

    @call(8, weight=Weight(11_427_000 + 125_000_000, 3_538))
    def void_spend(self, root: Root, index: U32) -> None:
        """Void previously approved spend, of which the payout has not been attempted yet.

        ### Parameters
        - `index`: The spend index.
        """
        if isinstance(self.spends[index].status, Attempted):
            raise self.AlreadyAttempted
        del self.spends[index]
        self.deposit(self.AssetSpendVoided(index))

    # What others may ask

    def pot(self) -> Balance:
        """What there is to spend: the existential deposit stays."""
        return max(self.currency.free(self.pot_account) - self.currency.existential_deposit, 0)

    # Inside

    def _spend_funds(self) -> int:
        """The end of a spend period: pays what was approved, as far as there is money, and burns a share of the rest.

        No block is left out, so that no more than one period can have passed. Answers how many payments were tried.
        """
        self.deposit(self.Spending(self.pot()))
        approved, missed = self.approvals, []
        for index in approved:
            proposal = self.proposals.get(index)
            if proposal is None:
                continue
            try:
                with self.runtime.transactional():
                    self._pay(Native(), proposal.beneficiary, proposal.value)
            except DispatchError:
                missed.append(index)
                continue
            del self.proposals[index]
            self.deposit(self.Awarded(index, proposal.value, proposal.beneficiary))
        self.approvals = missed
        if self.burn.parts and not missed:
            left = self.pot()
            burnt = left - Permill(MILLION - self.burn.parts).of(left)
            self.currency.burn_from(self.pot_account, burnt, keep_alive=True)
            self.deposit(self.Burnt(burnt))
        self.deposit(self.Rollover(self.pot()))
        return len(approved)

    def _pay(self, kind: NativeOrWithId, beneficiary: AccountId, amount: Balance) -> None:
        if isinstance(kind, WithId):
            self.tokens.transfer(kind.id, self.pot_account, beneficiary, amount)
        else:
            self.currency.transfer(self.pot_account, beneficiary, amount, keep_alive=True)
