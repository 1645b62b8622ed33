"""What one dispatched transfer costs, in sr25519 verifications.

Run it as `python -m tests.bench.dispatch`: it prints one JSON line `{"verify_us", "dispatch_us", "ratio"}`. A dispatch is a
call decoded from its bytes and run in a storage layer of its own, with two accounts written and an event; its accounts
are cold in every cache but the state's dictionary. A verification is over the payload of that same transfer. Figures are
medians of samples taken in turn, so that both see the same machine.
"""

from __future__ import annotations

import json
from statistics import median
from time import perf_counter

from pallets.balances import Balances
from pallets.frame.origin import signed
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import verify_sr25519
from tests.pallets.small_runtime import ALICE_KEY, UNIT, SmallChain

SAMPLES = 60
DISPATCHES = 400
VERIFICATIONS = 20


def measure(samples: int = SAMPLES) -> dict[str, float]:
    """Medians over `samples` samples, in microseconds, and how many verifications a dispatch costs."""
    accounts = [blake2_256(index.to_bytes(4, "little")) for index in range(2 * DISPATCHES)]
    chain = SmallChain(alice=UNIT)
    runtime = chain.rt
    for who in accounts:
        runtime.balances.mint_into(who, 1000 * UNIT)
    message = chain.signed(ALICE_KEY, runtime.call("Balances", "transfer_keep_alive", dest=accounts[0], value=UNIT))
    signature = ALICE_KEY.sign(message)
    verified, dispatched = [], []
    for _ in range(samples):
        started = perf_counter()
        for _ in range(VERIFICATIONS):
            verify_sr25519(signature, message, ALICE_KEY.public)
        verified.append((perf_counter() - started) / VERIFICATIONS)

        runtime.system.account.memo.clear()
        runtime.events.clear()
        transfers = [
            (
                signed(accounts[2 * index]),
                runtime.encode_call(
                    runtime.call("Balances", "transfer_keep_alive", dest=accounts[2 * index + 1], value=UNIT // 10)
                ),
            )
            for index in range(DISPATCHES)
        ]
        started = perf_counter()
        for origin, data in transfers:
            runtime.dispatch(runtime.decode_call(data), origin)
        dispatched.append((perf_counter() - started) / DISPATCHES)
        if not all(isinstance(event, Balances.Transfer) for event in runtime.events):
            raise AssertionError("a dispatched transfer left another event than its own")
        if len(runtime.events) != DISPATCHES:
            raise AssertionError(f"{DISPATCHES} transfers left {len(runtime.events)} events")
    verify_us, dispatch_us = median(verified) * 1e6, median(dispatched) * 1e6
    return {
        "verify_us": round(verify_us, 2),
        "dispatch_us": round(dispatch_us, 2),
        "ratio": round(dispatch_us / verify_us, 3),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
