"""async-substrate-interface drives the chain, from an environment of its own."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.e2e.conftest import CLIENTS, ROOT, DevChain

UNIT = 10**12
PYTHON = ROOT / ".venv-asi" / "bin" / "python"


def test_async_substrate_interface(chain: DevChain) -> None:
    if not PYTHON.exists():
        pytest.skip("async-substrate-interface is not installed: run `make test`")
    script = CLIENTS / "async_substrate_interface_script.py"
    done = subprocess.run(
        [str(PYTHON), "-I", str(script), chain.ws], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    seen = json.loads(done.stdout.strip().splitlines()[-1])

    assert (seen["chain"], seen["version"]) == ("Fathom Development", "fathom")
    assert seen["existential"] == UNIT // 1000
    assert (seen["success"], seen["finalized"]) == (True, True)
    assert seen["events"] == [
        "Balances.Withdraw",
        "Balances.Transfer",
        "TransactionPayment.TransactionFeePaid",
        "System.ExtrinsicSuccess",
    ]
    assert seen["block_events"][-4:] == seen["events"]
    assert seen["extrinsics"] == 3
    assert seen["paid_fee"] == seen["fee"] > 0
    assert (seen["received"], seen["past"], seen["seen"]) == (UNIT, 0, UNIT)
    assert seen["accounts"][0] == seen["accounts"][1] > 3
    assert seen["nonce"] == [1, 1]
    assert seen["denied"] == [False, "RequireSudo"]
    assert "Transaction is outdated" in seen["stale"]
    assert "Inability to pay some fees" in seen["broke"]
    assert seen["blocking"]["success"] is True
