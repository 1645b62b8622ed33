"""The computed parts of `chain_spec.json`: what the runtime, the sandbox and the simulated hardware decide.

`python -m tests.dev_spec` writes them into the file, after a change of the runtime's version or of the sandbox's
prelude. Any change makes another chain: its genesis hash differs, and old base paths belong to the old one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from offchain.sandbox.identity import runtime_id
from offchain.simulated_tee import SgxMeasurements, TdxMeasurements, collateral, dev_root
from pallets.primitives.runtime_code import native_code
from pallets.runtime import DevRuntime

SPEC = Path(__file__).resolve().parent.parent / "chain_spec.json"
ISSUED = 1_767_225_600  # 2026-01-01
EXPIRES = ISSUED + 10 * 365 * 86_400


def computed() -> dict[str, Any]:
    """`genesis.runtimeGenesis.code`, and the patch of the pallets that rest on the sandbox."""
    runtime = runtime_id()
    return {
        "code": f"0x{native_code(DevRuntime.version).hex()}",
        "attestation": {
            "simulatedAllowed": True,
            "simulatedRoot": f"0x{dev_root().hex()}",
            "collateral": [
                ["Sgx", collateral("sgx", issued=ISSUED, expires=EXPIRES).decode()],
                ["Tdx", collateral("tdx", issued=ISSUED, expires=EXPIRES).decode()],
            ],
            "measurements": [
                [f"0x{SgxMeasurements.of_runtime(runtime).measurement.hex()}", "dev sandbox (SGX)"],
                [f"0x{TdxMeasurements.of_runtime(runtime).measurement.hex()}", "dev sandbox (TDX)"],
            ],
            "runtimes": [f"0x{runtime.hex()}"],
        },
        "jobs": {"narrow": True},
        "cheats": {"allowed": True},
    }


def main() -> None:
    spec = json.loads(SPEC.read_text())
    genesis = spec["genesis"]["runtimeGenesis"]
    parts = computed()
    genesis["code"] = parts.pop("code")
    genesis["patch"].update(parts)
    SPEC.write_text(json.dumps(spec, indent=2) + "\n")


if __name__ == "__main__":
    main()
