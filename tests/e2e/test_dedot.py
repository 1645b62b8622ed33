"""dedot drives the chain, in both of its modes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import DevChain, run_client

UNIT = 10**12
PAID = ["Balances.Withdraw", "Balances.Transfer", "TransactionPayment.TransactionFeePaid", "System.ExtrinsicSuccess"]
REFUSALS: dict[str, tuple[str, str]] = {
    "v2": ("Invalid Tx: Invalid - Stale", "Invalid Tx: Invalid - Payment"),
    "legacy": ('1010: Invalid Transaction: "Transaction is outdated', '1010: Invalid Transaction: "Inability to pay'),
}


@pytest.mark.parametrize("mode", ["v2", "legacy"])
def test_dedot(chain: DevChain, mode: str) -> None:
    seen = run_client("dedot.mjs", chain.ws, mode)
    assert (seen["mode"], seen["metadata"], seen["chain"]) == (mode, "V16", "Fathom Development")
    assert (seen["prefix"], seen["version"]) == (42, "fathom")
    assert seen["accounts"] > 3
    assert seen["page"] == (3 if mode == "legacy" else None)
    assert seen["nonce"] == seen["already"] + 2

    steps = ["Validated", *(["Broadcasting"] if mode == "v2" else []), "BestChainBlockIncluded", "Finalized"]
    sent: list[dict[str, Any]] = [seen["transfer"], seen["batch"], seen["denied"]]
    assert [one["statuses"] for one in sent] == [steps] * 3
    assert [one["error"] for one in sent] == [None, None, "RequireSudo"]
    assert seen["transfer"]["events"] == PAID
    assert {"System.Remarked", "Utility.BatchCompleted"} <= set(seen["batch"]["events"])
    assert seen["denied"]["events"][-1] == "System.ExtrinsicFailed"
    assert seen["fee"] > 0

    before, at_transfer, now = seen["received"]
    assert (before, at_transfer) == (0, UNIT)
    assert UNIT < now < 2 * UNIT  # Bob paid for what was denied him
    assert seen["seen"] == [0, UNIT, 2 * UNIT, now]
    assert seen["pastEvents"][-4:] == PAID
    in_header, in_status, best = seen["number"]
    assert in_header == in_status <= best == seen["heads"][-1]
    assert seen["heads"] == sorted(set(seen["heads"]))
    for given, wanted in zip((seen["stale"], seen["poor"]), REFUSALS[mode], strict=True):
        assert given.startswith(wanted)
