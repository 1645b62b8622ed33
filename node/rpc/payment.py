"""`payment_*`: what a transaction would cost."""

from __future__ import annotations

from typing import Any

from node.rpc.context import Context, check_length_prefix
from node.rpc.errors import DECODE_ERROR, RUNTIME_ERROR, RpcError, query_error
from node.rpc.registry import Hash, Hex, method
from pallets.frame.weights import DispatchClass, Weight
from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U32, Balance

LENGTH = codec_of(U32)
DISPATCH_INFO = codec_of(tuple[Weight, DispatchClass, Balance])
FEE_DETAILS = codec_of(tuple[tuple[Balance, Balance, Balance] | None, Balance])


@method()
def payment_queryInfo(node: Context, bytes: Hex, hash: Hash | None = None) -> Any:
    """Weight, class and fee of an extrinsic; its signature isn't looked at."""
    data = _query(node, hash, "query_info", bytes, "Unable to query dispatch info.")
    weight, kind, fee = DISPATCH_INFO.decode_all(data)
    return {
        "weight": {"ref_time": weight.ref_time, "proof_size": weight.proof_size},
        "class": kind.name.lower(),
        "partialFee": str(fee),
    }


@method()
def payment_queryFeeDetails(node: Context, bytes: Hex, hash: Hash | None = None) -> Any:
    """The parts of an extrinsic's fee."""
    data = _query(node, hash, "query_fee_details", bytes, "Unable to query fee details.")
    inclusion, _tip = FEE_DETAILS.decode_all(data)
    if inclusion is None:
        return {"inclusionFee": None}
    base, length, weight = (hex(part) for part in inclusion)
    return {"inclusionFee": {"baseFee": base, "lenFee": length, "adjustedWeightFee": weight}}


def _query(node: Context, block: bytes | None, function: str, extrinsic: bytes, failure: str) -> bytes:
    try:
        check_length_prefix(extrinsic)
    except DecodeError as error:
        raise RpcError(DECODE_ERROR, failure, str(error)) from None
    try:
        return node.call(block, f"TransactionPaymentApi_{function}", extrinsic + LENGTH.encode(len(extrinsic)))
    except Exception as error:
        known = query_error(error)
        if known is None:
            raise
        raise RpcError(RUNTIME_ERROR, failure, known.message) from None
