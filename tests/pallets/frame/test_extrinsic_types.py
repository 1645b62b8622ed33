from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pallets.frame.events import Arithmetic, BadOrigin, DispatchError, Token
from pallets.frame.extrinsic_types import REFUSALS, ApplyExtrinsicResult, OpaqueExtrinsic, TransactionValidity
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.validity import (
    AncientBirthBlock,
    BadProof,
    CannotLookup,
    Custom,
    NoUnsignedValidator,
    TransactionValidityError,
    ValidTransaction,
)
from pallets.primitives.scale import DecodeError, compact
from pallets.runtime import DevRuntime

CODECS = DevRuntime(Overlay(DictBackend())).codecs
CODEC = CODECS.of(ApplyExtrinsicResult)

APPLIED: list[tuple[DispatchError | TransactionValidityError | None, str]] = [
    (None, "0000"),
    (BadOrigin(), "000102"),
    (Token("Frozen"), "00010705"),
    (Arithmetic("Overflow"), "00010801"),
    (BadProof(), "010004"),
    (AncientBirthBlock(), "010005"),
    (Custom(7), "01000707"),
    (CannotLookup(), "010100"),
    (NoUnsignedValidator(), "010101"),
]


@pytest.mark.parametrize(("value", "encoded"), APPLIED)
def test_apply_extrinsic_result(value: DispatchError | TransactionValidityError | None, encoded: str) -> None:
    assert CODEC.encode(value).hex() == encoded
    found = CODEC.decode_all(bytes.fromhex(encoded))
    assert type(found) is type(value)
    assert CODEC.encode(found).hex() == encoded


@pytest.mark.parametrize("encoded", ["", "02", "01", "0100", "01000d", "010007", "010102", "0102", "0001", "00010e"])
def test_what_is_no_result_is_refused(encoded: str) -> None:
    with pytest.raises(DecodeError):
        CODEC.decode_all(bytes.fromhex(encoded))


@given(
    st.builds(
        ValidTransaction,
        st.integers(0, 2**64 - 1),
        st.lists(st.binary(max_size=40), max_size=3),
        st.lists(st.binary(max_size=40), max_size=3),
        st.integers(0, 2**64 - 1),
        st.booleans(),
    )
)
def test_a_valid_transaction_comes_back(value: ValidTransaction) -> None:
    codec = CODECS.of(TransactionValidity)
    encoded = codec.encode(value)
    assert encoded[:9] == b"\0" + value.priority.to_bytes(8, "little")
    assert codec.decode_all(encoded) == value


def test_every_refusal_comes_back() -> None:
    codec = CODECS.of(TransactionValidity)
    assert len(REFUSALS) == 15
    for head, refusal in REFUSALS.items():
        value = Custom(9) if refusal is Custom else refusal()
        assert codec.encode(value)[:3] == b"\1" + head
        assert type(codec.decode_all(codec.encode(value))) is refusal


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_extrinsics_take_no_second_prefix(bodies: list[bytes]) -> None:
    extrinsics = [compact(len(body)) + body for body in bodies]
    codec = CODECS.of(list[OpaqueExtrinsic])
    assert codec.encode(extrinsics) == compact(len(extrinsics)) + b"".join(extrinsics)
    assert codec.decode_all(codec.encode(extrinsics)) == extrinsics


@pytest.mark.parametrize(
    ("cut", "reason"), [("", "ends"), ("fe", "ends"), ("08", "does not fit"), ("0804", "does not fit")]
)
def test_a_cut_extrinsic_is_refused(cut: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        CODECS.of(OpaqueExtrinsic).decode_all(bytes.fromhex(cut))
