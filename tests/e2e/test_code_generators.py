"""The command lines of polkadot-api and of dedot make types of the chain, and what they make works."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, DevChain, run_client

UNIT = 10**12
USE_OF_TYPES = """
import { DedotClient, WsProvider } from 'dedot';
import type { FathomApi } from './fathom/index.js';
const client = await DedotClient.new<FathomApi>(new WsProvider('ws://127.0.0.1'));
const free: bigint = (await client.query.system.account('5F')).data.free;
client.tx.balances.transferKeepAlive('5F', free);
// @ts-expect-error: it is a number, so these are the chain's types and not `any`
const prefix: string = client.consts.system.ss58Prefix;
"""
COMPILER = {"strict": True, "noEmit": True, "skipLibCheck": True, "module": "nodenext", "target": "es2022", "types": []}

Tool = Callable[..., str]


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Runs a command line of `node_modules` in a directory of its own; answers what it prints."""
    modules = ROOT / "node_modules"
    if not (modules / "dedot").exists():
        pytest.skip("the JavaScript clients are not installed: run `make test`, or `npm ci`")
    (tmp_path / "node_modules").symlink_to(modules)

    def run(name: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(modules / ".bin" / name), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={**os.environ, "NODE_OPTIONS": "--experimental-websocket"},  # Node.js 20 has it by no other way
            check=False,
        )
        assert done.returncode == 0, f"{name} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


def test_papi_add(chain: DevChain, tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / ".papi").mkdir()
    without_package = {"noDescriptorsPackage": True}  # else it would install one
    config = {"version": 0, "descriptorPath": ".papi/descriptors", "entries": {}, "options": without_package}
    (tmp_path / ".papi" / "polkadot-api.json").write_text(json.dumps(config))
    assert "Compilation successful" in tool("papi", "add", "fathom", "-w", chain.ws)

    seen = run_client("papi_typed.mjs", chain.ws, str(tmp_path / ".papi" / "descriptors" / "dist" / "index.js"))
    assert seen["compatible"] == [True] * 5
    assert seen["existential"] == str(UNIT // 1000)
    assert seen["amount"] == str(UNIT)
    assert seen["number"][0] == seen["number"][1]
    assert seen["values"] == 70  # more than the operations that may run at once
    assert seen["nonce"] == 1


def test_dedot_chaintypes(chain: DevChain, tool: Tool, tmp_path: Path) -> None:
    tool("dedot", "chaintypes", "-w", chain.ws, "-o", str(tmp_path))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "use.ts").write_text(USE_OF_TYPES)
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": COMPILER, "files": ["use.ts"]}))
    assert tool("tsc", "-p", "tsconfig.json") == ""
