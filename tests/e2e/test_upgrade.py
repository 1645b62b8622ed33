"""@polkadot/api upgrades a chain to a runtime that the node knows, and goes on with it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import trio

from node.config import NodeConfig
from node.dev_spec import DEV_SPEC
from node.service import Effects, run_node
from tests.e2e.conftest import run_client
from tests.node.later_runtime import BOTH, LATER_CODE, UNKNOWN_CODE


async def driven(base_path: Path) -> dict[str, Any]:
    """What the client saw of a node of this process that knows spec 2, which the product doesn't."""
    effects = Effects(lambda: time.time_ns() // 1_000_000)
    config = NodeConfig(chain=DEV_SPEC, base_path=base_path, rpc_port=0, authority="//Alice")
    async with trio.open_nursery() as nursery:
        node = await nursery.start(partial(run_node, config, effects, runtimes=BOTH))
        codes = (f"0x{code.hex()}" for code in (LATER_CODE, UNKNOWN_CODE))
        seen = await trio.to_thread.run_sync(partial(run_client, "upgrade.mjs", node.ws_url, *codes, timeout=60))
        nursery.cancel_scope.cancel()
    return seen


def test_polkadot_js_upgrades_the_chain(tmp_path: Path) -> None:
    seen = trio.run(driven, tmp_path)
    assert seen["refused"] == {"statuses": ["Ready", "Invalid"]}
    assert seen["codeKept"] is True
    assert seen["before"] == {"spec": 1, "notes": False}
    assert {"system.CodeUpdated", "sudo.Sudid", "system.ExtrinsicSuccess"} <= set(seen["upgraded"]["events"])
    assert seen["logs"] == ["PreRuntime", "RuntimeEnvironmentUpdated", "Seal"]
    assert "notes.Noted" in seen["left"]["events"]
    assert seen["note"] == "a note of spec 2"
    assert (seen["past"]["spec"], seen["past"]["notes"]) == (1, False)
    assert "system.ExtrinsicSuccess" in seen["past"]["events"]
    assert seen["same"]["spec"] == 2
    assert "notes.Noted" in seen["same"]["events"]
    assert seen["migratedAfter"] == 0
    assert seen["round"]["best"]["totalWeight"] == 1
    assert seen["proven"] is True
