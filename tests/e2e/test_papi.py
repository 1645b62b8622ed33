"""polkadot-api (PAPI) drives the chain."""

from __future__ import annotations

from tests.e2e.conftest import DevChain, run_client

UNIT = 10**12


def test_papi(chain: DevChain) -> None:
    seen = run_client("papi.mjs", chain.ws)
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
