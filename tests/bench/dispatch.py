"""What one dispatched transfer costs, in sr25519 verifications.

Run as `python -m tests.bench.dispatch`, it prints one JSON line `{"verify_us", "dispatch_us", "ratio"}`. A dispatch is
a call decoded from its bytes and run in a storage layer of its own: two accounts read and written, one event. A
verification is that of the same transfer's signature. Figures are medians of short samples of processor time, taken in
turn so that both see the same machine. As in a node, each sample has a runtime of its own, and the storage keys of
accounts met before are remembered.
"""

from __future__ import annotations

import json
from statistics import median
from time import process_time

from pallets.balances.pallet import Balances
from pallets.frame.origin import signed
from pallets.primitives.extrinsic import UncheckedExtrinsic, signing_payload
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import verify_sr25519
from tests.pallets.small_runtime import ALICE_KEY, UNIT, SmallChain, SmallRuntime

SAMPLES = 150
DISPATCHES = 200
VERIFICATIONS = 40


def measure(samples: int = SAMPLES) -> dict[str, float]:
    """Microseconds of a verification and of a dispatch, and how many of the one the other costs."""
    chain = SmallChain(alice=UNIT)
    accounts = [blake2_256(index.to_bytes(4, "little")) for index in range(2 * DISPATCHES)]
    for who in accounts:
        chain.rt.balances.mint_into(who, 1000 * UNIT)
    pairs = list(zip(accounts[::2], accounts[1::2], strict=True))
    calls = [chain.rt.call("Balances", "transfer_keep_alive", dest=dest, value=UNIT // 10) for _, dest in pairs]
    transfers = [(signed(source), chain.rt.encode_call(call)) for (source, _), call in zip(pairs, calls, strict=True)]
    signature, payload = _signature_and_payload(chain)
    verified, dispatched = [], []
    for _ in range(samples):
        started = process_time()
        for _ in range(VERIFICATIONS):
            verify_sr25519(signature, payload, ALICE_KEY.public)
        verified.append((process_time() - started) / VERIFICATIONS)

        runtime = SmallRuntime(chain.rt.state)
        started = process_time()
        for origin, data in transfers:
            runtime.dispatch(runtime.decode_call(data), origin)
        dispatched.append((process_time() - started) / DISPATCHES)
        if [type(event) for event in runtime.events] != [Balances.Transfer] * DISPATCHES:
            raise AssertionError("a transfer left other events than its own")
    verify_us, dispatch_us = median(verified) * 1e6, median(dispatched) * 1e6
    return {
        "verify_us": round(verify_us, 2),
        "dispatch_us": round(dispatch_us, 2),
        "ratio": round(dispatch_us / verify_us, 3),
    }


def _signature_and_payload(chain: SmallChain) -> tuple[bytes, bytes]:
    call = chain.rt.call("Balances", "transfer_keep_alive", dest=ALICE_KEY.account_id, value=UNIT // 10)
    unchecked = UncheckedExtrinsic.decode(chain.signed(ALICE_KEY, call), chain.executive.extensions.extra_codec)
    assert unchecked.preamble is not None
    implicit = chain.executive.extensions.implicit(unchecked.preamble.extra)
    payload = signing_payload(unchecked.call, unchecked.preamble.extra_bytes, implicit)
    signature = unchecked.preamble.signature.signature  # type: ignore[attr-defined]
    if not verify_sr25519(signature, payload, ALICE_KEY.public):
        raise AssertionError("the signature to be timed doesn't verify")
    return signature, payload


if __name__ == "__main__":
    print(json.dumps(measure()))
