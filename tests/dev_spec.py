"""The computed parts of `chain_spec.json`: what the runtime, the sandbox and the simulated hardware decide.

`python -m tests.dev_spec` writes them into the file, after a change of the runtime's version or of the sandbox's
prelude. Any change makes another chain: its genesis hash differs, and old base paths belong to the old one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from node.service import NODE_VERSION
from offchain.sandbox.identity import runtime_id
from offchain.simulated_tee import (
    DEV_EXPIRES,
    DEV_ISSUED,
    SgxMeasurements,
    TdxMeasurements,
    collateral,
    dev_root,
)
from offchain.simulated_tee.gpu import dev_gpu_root
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.runtime_code import native_code
from pallets.runtime import UNIT, DevRuntime

SPEC = Path(__file__).resolve().parent.parent / "chain_spec.json"


def computed() -> dict[str, Any]:
    """`genesis.runtimeGenesis.code`, and the patch of the pallets that rest on the sandbox."""
    runtime = runtime_id()
    return {
        "code": f"0x{native_code(DevRuntime.version).hex()}",
        "attestation": {
            "simulatedAllowed": True,
            "simulatedRoot": f"0x{dev_root().hex()}",
            "simulatedGpuRoot": f"0x{dev_gpu_root().hex()}",
            "collateral": [
                ["Sgx", collateral("sgx", issued=DEV_ISSUED, expires=DEV_EXPIRES).decode()],
                ["Tdx", collateral("tdx", issued=DEV_ISSUED, expires=DEV_EXPIRES).decode()],
            ],
            "measurements": [
                [f"0x{SgxMeasurements.of_runtime(runtime).measurement.hex()}", "dev sandbox (SGX)", NODE_VERSION],
                [f"0x{TdxMeasurements.of_runtime(runtime).measurement.hex()}", "dev sandbox (TDX)", NODE_VERSION],
            ],
            "runtimes": [f"0x{runtime.hex()}"],
        },
        "jobs": {"narrow": True},
        "agents": {
            "defaultService": {
                "budget": str(UNIT),
                "gateways": [f"0x{Keypair.from_suri('//Gateway', Scheme.ED25519).public.hex()}"],
                "maxCharge": str(UNIT // 100),
            },
        },
        "dao": {
            "defaultRules": {
                "announcement": 6_000,
                "voting": 12_000,
                "timeLock": 6_000,
                "executeWithin": 600_000,
                "quorum": 100_000,
                "threshold": 500_000,
                "floor": "1",
                "minHolders": 3,
                "minAge": 10_000,
                "reserve": "0",
            },
        },
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
