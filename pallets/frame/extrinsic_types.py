"""The extrinsic as runtime APIs carry it, and what applying and validating one answers.

An extrinsic is opaque: its bytes begin with their own compact length, so it takes no second prefix as an argument or
in a list. Both answers are Rust `Result`s; in Python success and failure tell themselves apart by type. Mirrors
`sp_runtime::{OpaqueExtrinsic, ApplyExtrinsicResult, transaction_validity::TransactionValidity}`.
"""

from __future__ import annotations

from typing import Annotated

from pallets.frame import validity
from pallets.frame.events import DispatchError
from pallets.frame.validity import VALID_TRANSACTION, Custom, TransactionValidityError, ValidTransaction
from pallets.primitives.codec import RuntimeCodec
from pallets.primitives.scale import DecodeError, read_compact
from pallets.primitives.types import RuntimeType

OpaqueExtrinsic = Annotated[bytes, RuntimeType("UncheckedExtrinsic")]
"""An extrinsic's bytes, length prefix included."""
TransactionValidity = Annotated[ValidTransaction | TransactionValidityError, RuntimeType("TransactionValidity")]
ApplyExtrinsicResult = Annotated[DispatchError | TransactionValidityError | None, RuntimeType("ApplyExtrinsicResult")]
"""`None`: included and successful; a `DispatchError`: included and failed; the rest: not included."""

REFUSALS: dict[bytes, type[TransactionValidityError]] = {
    bytes((refusal.kind, refusal.index)): refusal
    for refusal in vars(validity).values()
    if isinstance(refusal, type) and issubclass(refusal, TransactionValidityError) and "index" in vars(refusal)
}


def extrinsic_codecs(dispatch_result: RuntimeCodec) -> dict[str, RuntimeCodec]:
    """Codecs of the three types by name, for a runtime's table; `dispatch_result` is that of its `DispatchResult`."""

    def encode_applied(result: DispatchError | TransactionValidityError | None) -> bytes:
        if isinstance(result, TransactionValidityError):
            return b"\1" + result.encode()
        return b"\0" + dispatch_result.encode(result)

    def decode_applied(data: bytes, at: int) -> tuple[DispatchError | TransactionValidityError | None, int]:
        return dispatch_result.decode(data, at + 1) if _is_ok(data, at) else decode_refusal(data, at + 1)

    return {
        "UncheckedExtrinsic": RuntimeCodec(bytes, _read_extrinsic),
        "TransactionValidity": RuntimeCodec(_encode_validity, _decode_validity),
        "ApplyExtrinsicResult": RuntimeCodec(encode_applied, decode_applied),
    }


def decode_refusal(data: bytes, at: int) -> tuple[TransactionValidityError, int]:
    """The `TransactionValidityError` at `at`, and the offset behind it; raises `DecodeError`."""
    refusal = REFUSALS.get(data[at : at + 2])
    if refusal is None:
        raise DecodeError(f"no TransactionValidityError at byte {at}")
    if refusal is not Custom:
        return refusal(), at + 2
    if at + 2 >= len(data):
        raise DecodeError("the data ends where the number of a custom error should stand")
    return Custom(data[at + 2]), at + 3


def _read_extrinsic(data: bytes, at: int) -> tuple[bytes, int]:
    length, start = read_compact(data, at)
    if start + length > len(data):
        raise DecodeError(f"an extrinsic of {length} bytes does not fit the {len(data) - start} bytes left")
    return data[at : start + length], start + length


def _encode_validity(result: ValidTransaction | TransactionValidityError) -> bytes:
    if isinstance(result, TransactionValidityError):
        return b"\1" + result.encode()
    return b"\0" + VALID_TRANSACTION.encode(result)


def _decode_validity(data: bytes, at: int) -> tuple[ValidTransaction | TransactionValidityError, int]:
    return VALID_TRANSACTION.decode(data, at + 1) if _is_ok(data, at) else decode_refusal(data, at + 1)


def _is_ok(data: bytes, at: int) -> bool:
    if data[at : at + 1] not in (b"\0", b"\1"):
        raise DecodeError(f"no Result at byte {at}")
    return data[at] == 0
