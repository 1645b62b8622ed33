"""@polkadot/api drives the chain."""

from __future__ import annotations

from tests.e2e.conftest import DevChain, run_client

UNIT = 10**12


def test_polkadot_js(chain: DevChain) -> None:
    seen = run_client("polkadot_js.mjs", chain.ws)
    assert seen["chain"] == "Fathom Development"
    assert seen["metadata"] == 16
    assert {"accountNonceApi", "core", "metadata", "taggedTransactionQueue", "transactionPaymentApi"} <= set(
        seen["apis"]
    )
    assert int(seen["fee"]) > 0

    transfer = seen["transfer"]
    assert transfer["error"] is None
    assert transfer["statuses"] == ["Ready", "InBlock", "Finalized"]
    assert transfer["events"] == [
        "balances.Withdraw",
        "balances.Transfer",
        "transactionPayment.TransactionFeePaid",
        "system.ExtrinsicSuccess",
    ]
    assert seen["pastBalance"] == str(1_000_001 * UNIT)
    assert seen["pastEvents"] >= 4

    assert seen["batch"]["error"] is None
    for event in ("system.Remarked", "utility.ItemCompleted", "utility.BatchCompleted"):
        assert event in seen["batch"]["events"]
    assert "system.KilledAccount" in seen["batch"]["events"] or "balances.Transfer" in seen["batch"]["events"]
    assert "sudo.Sudid" in seen["sudo"]["events"]
    assert seen["notSudo"]["error"]["name"] == "RequireSudo"
    assert seen["notSudo"]["events"][-1] == "system.ExtrinsicFailed"
    assert seen["poor"]["error"] is not None
    assert int(seen["balance"]) <= 7 * UNIT
    assert seen["stale"] == "1010: Invalid Transaction: Transaction is outdated"
    assert seen["seenBalances"] >= 3
    assert seen["heads"] == sorted(set(seen["heads"]))
    assert seen["author"] == "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
