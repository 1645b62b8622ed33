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
    token = seen["token"]
    assert token["error"] is None
    for event in ("Created", "MetadataSet", "Issued", "Transferred", "ApprovedTransfer"):
        assert f"assets.{event}" in token["events"]
    assert (token["units"], token["approved"], token["symbol"]) == (300, 100, "MNE")
    assert token["approvals"] == [["1337", seen["author"], "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"]]
    assert token["pot"] == "5EYCAe5ijiYfyeZ2JJCGq56LmPyNRAKzpG4QkoQkkQNB5e6Z"
    assert seen["stale"] == "1010: Invalid Transaction: Transaction is outdated"
    assert seen["seenBalances"] >= 3
    assert seen["heads"] == sorted(set(seen["heads"]))
    rarely = seen["rarely"]
    assert rarely["child"] == [[], [None]]
    assert rarely["pairs"] == rarely["keys"] > 1
    assert rarely["migration"] == {"topRemainingToMigrate": 0, "childRemainingToMigrate": 0}
    assert rarely["changes"] >= 2
    assert rarely["offchain"] == "0x02"
    assert rarely["hasAlice"] and rarely["hasRotated"]
    assert rarely["removed"] == []
    assert seen["author"] == "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


def test_cheats_as_chopsticks_has_them(chain: DevChain) -> None:
    seen = run_client("cheats.mjs", chain.ws)
    assert seen["mode"] is None
    assert seen["mined"] == 3
    assert seen["account"] == ["100000", 1]
    assert seen["noSudo"] and seen["sudo"]
    assert seen["travelled"][0] == 2_208_988_800_000
    assert 0 < seen["travelled"][1] - seen["travelled"][0] < 60_000
    assert seen["refused"] == "1010: Invalid Transaction: Transaction has a bad signature"
    success, costs, events = seen["foretold"]
    assert success and costs
    assert "balances.Transfer" in events
    assert events[-1] == "system.ExtrinsicSuccess"
    assert seen["same"]
    assert seen["received"] == str(UNIT)
    assert seen["failed"] == "MadeToFail"
    assert seen["heads"] == [1, True]
