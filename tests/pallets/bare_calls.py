"""Bare calls that are refused, wherever they come from."""

from __future__ import annotations

import pytest

from pallets.attestation.pallet import Attestation
from pallets.frame import Error
from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.frame.validity import BadProof, Custom
from tests.pallets.job_chain import JobChain


def refused(chain: JobChain, call: Call, code: type[Error] | None) -> None:
    """Both the pool and a block refuse it, without a code for its signature; the call itself has no effect."""
    expected = BadProof if code is None else Custom
    with pytest.raises(expected) as block:
        chain.send(call)
    with pytest.raises(expected) as pool:
        chain.validate(call)
    if code is not None:
        offset = 128 if code in Attestation.errors else 0
        assert block.value.code == pool.value.code == code.index + offset, block.value  # type: ignore[attr-defined]
    pallet = next(pallet for pallet in chain.rt.pallets if pallet.wire_name == call.spec.pallet_name)
    bad_signature = next(error for error in pallet.errors if error.__name__ == "BadSignature")
    with noop(chain.rt, code or bad_signature):
        call.spec.method(pallet, None, *call.arguments)
