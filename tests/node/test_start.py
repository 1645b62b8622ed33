"""What a node loads until it answers: a process pays for every module in time and in memory, used or not."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"Running JSON-RPC server: addr=(\S+)")
IMPORTED = re.compile(r"import time:\s+\d+ \|\s+\d+ \|\s+([\w.]+)$")
LATE = {
    "Crypto",  # Ethereum's hash
    "asyncio",
    "coincurve",  # ECDSA
    "nacl",
    "offchain",
    "pallets.frame.metadata",  # the first client
    "pallets.frame.types_registry",
    "pydantic",
    "rich",  # help texts
    "scalecodec",
    "substrateinterface",
    "wasmtime",
    "zstandard",  # foreign runtimes
}
NEEDED = {"node.service", "pallets.runtime", "rocksdict", "trio"}


def ask(address: str, method: str) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
    request = urllib.request.Request(f"http://{address}", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())["result"]


def imported_until_answered(method: str) -> set[str]:
    """The modules, with the packages that they are in, that a node has imported when it ends after one answer."""
    command = [sys.executable, "-X", "importtime", "-m", "node", "node", "--dev", "--tmp", "--rpc-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            while not (lines and ADDRESS.search(lines[-1])):
                lines.append(process.stderr.readline())
                assert lines[-1], f"the node ended at start:\n{''.join(lines)}"
            address = ADDRESS.search(lines[-1])
            assert address and ask(address[1], method)
            process.send_signal(signal.SIGINT)
            lines += process.stderr.readlines()
        finally:
            process.kill()
    modules = {found[1] for line in lines if (found := IMPORTED.match(line.rstrip()))}
    return modules | {
        ".".join(parts[:count]) for parts in (m.split(".") for m in modules) for count in range(len(parts))
    }


def test_a_bare_node_loads_only_what_it_needs() -> None:
    modules = imported_until_answered("system_health")
    assert modules >= NEEDED
    assert not modules & LATE


def test_metadata_is_loaded_for_who_asks() -> None:
    modules = imported_until_answered("state_getMetadata")
    assert modules & LATE == {"pallets.frame.metadata", "pallets.frame.types_registry"}
