"""`fathom dev` and `fathom node`: a node with a face.

The dev chain comes with workers and a gateway, each a process of its own that knows the chain by JSON-RPC alone. Once
everything answers, the accounts and URLs are printed; then one readable line a block and an extrinsic. As with metrics,
a port of the gateway's that is taken costs the gateway and not the chain.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from subprocess import DEVNULL, PIPE
from typing import Any

import trio

from node.config import NodeConfig
from node.informant import greet, run_informant
from node.listing import list_sandbox
from node.service import Effects, RunningNode, StartError, run_node
from pallets.frame.overlay import Overlay
from pallets.primitives import ss58
from pallets.primitives.keys import DEV_ACCOUNTS, dev_keypair
from pallets.runtime import DevRuntime

START_SECONDS = 120
"""Within which a worker or the gateway is ready."""
COLLECTED = 60
"""Seconds from one look at everything for cycles that nobody has any more to the next."""
GATEWAY = "//Gateway"
"""Whose tickets the dev chain's agents pay for, an ed25519 key of development."""

log = logging.getLogger("node")


async def run_dev(
    config: NodeConfig,
    workers: int,
    gateway_port: int | None,
    json_output: bool,
    *,
    agents: bool = True,
    allow_private: bool = False,
) -> None:
    """Runs chain, workers and gateway until cancelled, without a gateway if its port is None; raises `StartError`.

    The `agents` that come with Fathom are deployed where there are workers, which they need to answer. With
    `allow_private` agents reach this machine and private networks.
    """
    async with trio.open_nursery() as nursery:
        running: RunningNode = await nursery.start(run_node, config, Effects.real())
        async with running.chain.imported.subscribe() as blocks:
            nursery.start_soon(run_informant, running, blocks)
            nursery.start_soon(_collect_calmly)
            greet(running)
            if workers:
                _list_own_sandbox(running)
            deployed = _deploy_agents(running) if workers and agents else None
            gateway: list[str | None] = [None]

            async def start_gateway() -> None:
                gateway[0] = await nursery.start(_gateway, running, gateway_port)

            models = await nursery.start(_models) if workers else ""
            async with trio.open_nursery() as starting:
                if gateway_port is not None:
                    starting.start_soon(start_gateway)
                for number in range(1, workers + 1):
                    told = (running, f"//Worker//{number}", models, allow_private)
                    if config.sealing == "manual":  # nobody can register until somebody seals
                        nursery.start_soon(_worker, *told)
                    else:
                        starting.start_soon(nursery.start, _worker, *told)
            if deployed is not None and config.sealing != "manual":
                await deployed.wait()
            _ready(running, gateway[0], json_output)
            await trio.sleep_forever()


async def run_alone(config: NodeConfig, warnings: Iterable[str] = ()) -> None:
    """Runs a node until cancelled, and warns of this at its start; raises `StartError`."""
    async with trio.open_nursery() as nursery:
        running: RunningNode = await nursery.start(run_node, config, Effects.real())
        async with running.chain.imported.subscribe() as blocks:
            nursery.start_soon(_collect_calmly)
            greet(running, warnings)
            await run_informant(running, blocks)


async def _collect_calmly() -> None:
    """What is loaded by now stays, and little of what a transaction leaves behind is a cycle: look more seldom.

    A runtime that is done with is one, of some hundred objects: once a minute all are found, wherever they have got to.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    while True:
        await trio.sleep(COLLECTED)
        gc.collect()


async def _models(task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    """Keeps one service of models for all workers; started with where they find it."""
    from offchain.ai.on_demand import service_on_demand

    async with service_on_demand() as setting:
        task_status.started(setting)
        await trio.sleep_forever()


async def _worker(
    running: RunningNode,
    suri: str,
    models: str,
    allow_private: bool,
    task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs one worker as a process of its own; started once it has registered."""
    stake = DevRuntime(Overlay(running.chain.states.head)).workers.min_stake
    command = [sys.executable, "-m", "offchain", "worker", "--url", running.ws_url, "--suri", suri, "--json", "--alone"]
    command += ["--stake", str(stake)]  # else the worker has to look it up in the metadata
    command += ["--listen", "127.0.0.1:0", "--ai", models]
    command += ["--allow-private-network"] if allow_private else []
    base = running.config.base_path
    if base is not None:
        command += ["--base-path", str(base / "workers" / suri.strip("/").replace("//", "-"))]
    await _program(command, f"worker {suri}", task_status)


async def _gateway(
    running: RunningNode, port: int, task_status: trio.TaskStatus[str | None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Runs the gateway as a process of its own; started with its URL, or with None where it can't be started."""
    command = [sys.executable, "-m", "offchain.gateway", "--url", running.ws_url, "--port", str(port), "--json"]
    command += ["--suri", GATEWAY]
    base = running.config.base_path
    if base is not None:
        command += ["--base-path", str(base / "gateway")]
    try:
        async with trio.open_nursery() as nursery:
            said: bytes = await nursery.start(_program, command, "gateway")
            task_status.started(json.loads(said)["gateway"])
    except* StartError as group:
        log.warning("⚠️  no gateway is running: %s; choose another --gateway-port", group.exceptions[0])
        task_status.started(None)


async def _program(command: list[str], name: str, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
    """Runs an off-chain program; started with the line that it says once it is ready, before which `StartError`."""
    process = await trio.lowlevel.open_process(command, stdin=DEVNULL, stdout=PIPE)
    try:
        with trio.move_on_after(START_SECONDS) as starting:
            line = b""
            while not line.endswith(b"\n"):
                chunk = await process.stdout.receive_some()  # type: ignore[union-attr]
                if not chunk:
                    raise StartError(f"the {name} ended before it was ready; its lines above say why")
                line += chunk
        if starting.cancelled_caught:
            raise StartError(f"the {name} was not ready within {START_SECONDS} s")
        task_status.started(line)
        await process.wait()
        log.warning("⚠️  the %s has ended with code %s", name, process.returncode)
    finally:
        if process.returncode is None:
            process.terminate()
            with trio.CancelScope(shield=True), trio.move_on_after(3):
                await process.wait()
            if process.returncode is None:
                process.kill()


def _list_own_sandbox(running: RunningNode) -> None:
    from offchain.sandbox.base import SandboxError
    from offchain.sandbox.identity import runtime_id

    try:
        own = runtime_id()
    except SandboxError as error:
        raise StartError(str(error)) from None
    list_sandbox(running, own, lambda: _measurements(own))


def _deploy_agents(running: RunningNode) -> trio.Event:
    """Submits what the agents that come with Fathom lack on this chain; set once it is in a block."""
    from node.shipped_agents import deploy_agents
    from offchain.agents.shipping import OWNER, SHIPPED

    try:
        return deploy_agents(running, SHIPPED, OWNER)
    except FileNotFoundError as error:
        raise StartError(f"{error.filename} was not built: `make build` does, --no-agents does without") from None


def _measurements(runtime_id: bytes) -> Iterator[bytes]:
    """What simulated enclaves around a runtime measure."""
    from offchain.simulated_tee import SgxMeasurements, TdxMeasurements

    for kind in (SgxMeasurements, TdxMeasurements):
        yield kind.of_runtime(runtime_id).measurement


def _ready(running: RunningNode, gateway: str | None, json_output: bool) -> None:
    urls: dict[str, Any] = {
        "rpc": running.ws_url,
        "http": running.http_url,
        "gateway": gateway,
        "metrics": running.metrics_url,
        "pid": os.getpid(),
    }
    if json_output:
        print(json.dumps(urls), flush=True)
        return
    print("\nAccounts, each with its //stash, all public keys of development:\n")
    for name in DEV_ACCOUNTS:
        pair = dev_keypair(name)
        print(f"  //{name:<8} {ss58.encode(pair.account_id, running.spec.properties.get('ss58Format', 42))}")
    print("\nReady")
    print(f"  rpc       {running.ws_url}")
    print(f"  http      {running.http_url}")
    if gateway is not None:
        print(f"  gateway   {gateway}")
    if running.metrics_url is not None:
        print(f"  metrics   {running.metrics_url}")
    print(f"  explorer  https://polkadot.js.org/apps/?rpc={running.ws_url}#/explorer\n", flush=True)
