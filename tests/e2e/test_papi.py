"""polkadot-api (PAPI) drives the chain: by the methods of the JSON-RPC specification, and without them."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import DevChain, run_client

UNIT = 10**12


@pytest.mark.parametrize("mode", ["native", "legacy"])
def test_papi(chain: DevChain, mode: str) -> None:
    seen = run_client("papi.mjs", chain.ws, mode)
    specified = {name for name in seen["called"] if "_v1_" in name}
    older = set(seen["called"]) - specified - {"rpc_methods"}
    if mode == "native":
        assert {f"chainHead_v1_{name}" for name in ("follow", "header", "body", "call", "storage", "unpin")} < specified
        assert not older
        assert {f"archive_v1_{name}" for name in ("header", "body", "call", "storage")} < specified
        assert {"transaction_v1_broadcast", "transaction_v1_stop"} < specified
    else:
        assert not specified
        assert "chain_subscribeAllHeads" in older
    assert seen["number"][0] == seen["number"][1]
    assert seen["changes"][0] == seen["accounts"]
    assert len(seen["changes"]) > 1
    assert 1 < seen["past"].pop("accounts") <= seen["accounts"]
    assert seen["past"] == {"free": str(1_000_000 * UNIT), "nonce": 0, "body": 0, "number": 0}
    assert seen["prefix"] == 42
    assert seen["specName"] == "fathom"
    assert seen["coreVersion"] == 1
    assert seen["received"] == str(UNIT)
    assert int(seen["fee"]) > 0
    assert seen["body"] >= 1
    assert seen["transfer"]["ok"] is True
    assert seen["transfer"]["steps"][0] == "signed"
    assert "txBestBlocksState" in seen["transfer"]["steps"]
    assert seen["transfer"]["events"][-1] == "System.ExtrinsicSuccess"
    assert "Balances.Transfer" in seen["transfer"]["events"]
    assert seen["poor"]["ok"] is False
    assert seen["poor"]["events"][-1] == "System.ExtrinsicFailed"
    assert seen["finalized"] == sorted(set(seen["finalized"]))
