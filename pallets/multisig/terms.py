"""What is stored of calls that several keys approve, whose account they hold, and what each step weighs.

Mirrors the types and weights of `pallet_multisig`.
"""

from __future__ import annotations

from typing import Annotated

from pallets.frame import U16, U32, AccountId, Balance, BlockNumber, Bound, DispatchInfo, Weight, struct
from pallets.frame.runtime import Call
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256

MAX_SIGNATORIES = 100
DERIVATION = codec_of(tuple[list[AccountId], U16])


# FRAME's benchmarks with RocksDB's access times, less the two reads of SafeMode and TxPause, which this chain doesn't
# have: of `others` signatories beside the sender, and a call of `length` bytes.
def threshold_1_weight(length: int) -> Weight:
    """Of a call that one signatory makes."""
    return Weight(21_362_808 + 432 * length)


def approval_weight(operation: Operation | None, others: int, length: int) -> Weight:
    """Of one that isn't the last: the first opens the operation."""
    if operation is None:
        return Weight(156_518_927 + 115_804 * others + 1_442 * length, 6_811)
    return Weight(142_806_361 + 107_042 * others + 1_491 * length, 6_811)


def complete_weight(others: int, length: int) -> Weight:
    """Of the last: no other approval weighs more."""
    return Weight(293_677_970 + 154_697 * others + 1_534 * length, 6_811)


def threshold_1_info(other_signatories: list[bytes], call: Call) -> DispatchInfo:
    """Of a call that one signatory makes, with the call within."""
    account = Weight(125_000_000)  # which is read and written
    return call.dispatch_info().within(threshold_1_weight(len(call.encoded())) + account)


@struct(path="pallet_multisig::Timepoint")
class Timepoint:
    """A block, and an extrinsic in it."""

    __type_arguments__ = (("BlockNumber", BlockNumber),)

    height: BlockNumber
    """The height of the chain at the point in time."""
    index: U32
    """The index of the extrinsic at the point in time."""


@struct(path="pallet_multisig::Multisig")
class Operation:
    """An open multisig operation."""

    __type_arguments__ = (
        ("BlockNumber", BlockNumber),
        ("Balance", Balance),
        ("AccountId", AccountId),
        ("MaxApprovals", None),
    )

    when: Timepoint
    """The extrinsic when the multisig operation was opened."""
    deposit: Balance
    """The amount held in reserve of the `depositor`, to be returned once the operation ends."""
    depositor: AccountId
    """The account who opened it (i.e. the first to approve it)."""
    approvals: Annotated[list[AccountId], Bound(MAX_SIGNATORIES)]
    """The approvals achieved so far, including the depositor. Always sorted."""


def multi_account(signatories: list[bytes], threshold: int) -> bytes:
    """The account of sorted signatories, of whom `threshold` are needed."""
    return blake2_256(b"modlpy/utilisuba" + DERIVATION.encode((signatories, threshold)))
