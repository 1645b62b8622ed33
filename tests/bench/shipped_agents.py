"""`make bench-agents`: what typical calls of the agents that come with Fathom take, on a fresh `fathom dev`.

## Overview

Each agent's folder has its typical calls in `calls.json`: a `name`, `method`, `path` and `body`, which is sent as JSON;
a value `"@posts"` in it stands for the posts of `examples/feed.json`. Each is made once unmeasured, then `runs` times,
one after the other, through the gateway. One JSON line an agent:

    {"agent": "migorithms", "runs": 30,
     "calls": [{"name": "its page", "p50_ms": 4.1, "p99_ms": 9.0, "gas": 24108596, "cost": "0.000024 UNIT"}]}

With `--write` a table of these goes into the agent's README, between the two comments that mark its place.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from node.bench import process
from offchain.agents.shipping import SHIPPED, ShippedAgent
from pallets.runtime import UNIT

FEED = Path(__file__).resolve().parents[2] / "examples" / "feed.json"
WORKERS = 1
PATIENCE_SECONDS = 60.0
BLOCK = re.compile(r"<!-- figures: .* -->\n.*?<!-- end of figures -->", re.DOTALL)
START, END = "<!-- figures: written by `make bench-agents ARGS=--write` -->", "<!-- end of figures -->"


def measure(runs: int) -> Iterator[tuple[ShippedAgent, dict[str, Any]]]:
    """The figures of each agent that has calls."""
    with (
        TemporaryDirectory(prefix="fathom-bench-") as directory,
        process.dev(WORKERS, Path(directory) / "dev.log", agents=True) as dev,
        httpx.Client(timeout=PATIENCE_SECONDS) as client,
    ):
        for agent in SHIPPED:
            calls = agent.folder / "calls.json"
            if calls.exists():
                base = f"{dev.ready['gateway']}/agents/{agent.name}"
                figures = [_call(client, base, call, runs) for call in json.loads(calls.read_text())]
                yield agent, {"agent": agent.name, "runs": runs, "calls": figures}


def write(agent: ShippedAgent, figures: dict[str, Any]) -> None:
    """Puts the figures into the README's marked block, or under a heading at its end where it has none."""
    path = agent.folder / "README.md"
    text = path.read_text()
    if not BLOCK.search(text):
        text = f"{text.rstrip()}\n\n## Figures\n\n{START}\n{END}\nOn one worker of a busy two-core machine.\n"
    rows = [
        f"| {each['name']} | {each['p50_ms']} | {each['p99_ms']} | {each['gas'] / 1e6:.0f} | {each['cost']} |"
        for each in figures["calls"]
    ]
    head = ["| call | ms, p50 | p99 | million gas | cost |", "| --- | --- | --- | --- | --- |"]
    block = "\n".join([START, *head, *rows, END])
    path.write_text(BLOCK.sub(lambda _: block, text))


def _call(client: httpx.Client, base: str, call: dict[str, Any], runs: int) -> dict[str, Any]:
    took, receipt = [], ""
    for run in range(runs + 1):
        began = time.perf_counter()
        answer = _answered(client, base, call)
        if run:
            took.append((time.perf_counter() - began) * 1e3)
        receipt = answer.headers["x-fathom-receipt"]
    gateway = base.partition("/agents/")[0]
    file = client.get(f"{gateway}/receipts/{receipt}").json()
    took.sort()
    return {
        "name": call["name"],
        "p50_ms": round(took[len(took) // 2], 1),
        "p99_ms": round(took[max(0, -(-len(took) * 99 // 100) - 1)], 1),
        "gas": int(file["gas"]),
        "cost": f"{int(file['charge']) / UNIT:.6f} UNIT",
    }


def _answered(client: httpx.Client, base: str, call: dict[str, Any]) -> httpx.Response:
    """An answer that is none of the gateway's own."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    body = None if "body" not in call else json.dumps(_filled(call["body"])).encode()
    while True:
        answer = client.request(call.get("method", "GET"), base + call["path"], content=body)
        if answer.status_code != 503:
            if answer.status_code != call.get("status", 200):
                raise ValueError(f"{call['name']}: {answer.status_code} {answer.text}")
            return answer
        if time.monotonic() > give_up:
            raise ValueError(f"{call['name']}: {answer.text}")
        time.sleep(0.05)


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each) for each in value]
    return json.loads(FEED.read_text())["posts"] if value == "@posts" else value


def main() -> None:
    parser = argparse.ArgumentParser(description="What typical calls of the agents that come with Fathom take.")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="put the figures into the agents' READMEs")
    given = parser.parse_args()
    for agent, figures in measure(given.runs):
        print(json.dumps(figures), flush=True)
        if given.write:
            write(agent, figures)


if __name__ == "__main__":
    main()
