"""`payment_*`: what a transaction would cost."""

from __future__ import annotations

from typing import Any

from node.rpc.context import Context
from node.rpc.registry import Hash, Hex, method
from pallets.frame.weights import DispatchClass, Weight
from pallets.primitives.codec import codec_of
from pallets.primitives.types import U32, Balance

LENGTH = codec_of(U32)
DISPATCH_INFO = codec_of(tuple[Weight, DispatchClass, Balance])
FEE_DETAILS = codec_of(tuple[tuple[Balance, Balance, Balance] | None, Balance])


@method()
def payment_queryInfo(node: Context, bytes: Hex, hash: Hash | None = None) -> Any:
    """Weight, class and fee of an extrinsic; its signature isn't looked at."""
    data = node.call(hash, "TransactionPaymentApi_query_info", bytes + LENGTH.encode(len(bytes)))
    weight, kind, fee = DISPATCH_INFO.decode_all(data)
    return {
        "weight": {"ref_time": weight.ref_time, "proof_size": weight.proof_size},
        "class": kind.name.lower(),
        "partialFee": str(fee),
    }


@method()
def payment_queryFeeDetails(node: Context, bytes: Hex, hash: Hash | None = None) -> Any:
    """The parts of an extrinsic's fee."""
    data = node.call(hash, "TransactionPaymentApi_query_fee_details", bytes + LENGTH.encode(len(bytes)))
    inclusion, _tip = FEE_DETAILS.decode_all(data)
    if inclusion is None:
        return {"inclusionFee": None}
    base, length, weight = (hex(part) for part in inclusion)
    return {"inclusionFee": {"baseFee": base, "lenFee": length, "adjustedWeightFee": weight}}
