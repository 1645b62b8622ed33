"""The gateway that `fathom dev` starts, in front of real workers: what `docs/gateway.md` says, line by line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from node.web import request
from offchain.chain import Chain
from offchain.gateway.service import GatewayConfig, StartError, run_gateway
from offchain.serving.receipt_records import AGENT_BY_NAME
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import Shares
from tests.e2e.conftest import DevChain, dev_chain
from tests.offchain.hearing import PATIENCE
from tests.offchain.real_node import ALICE, call_bytes, chain_of

DOC = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```\n```\n(.*?)```", DOC, re.DOTALL)
HELLO = b"""
const { method, path, queries, body, secret } = JSON.parse(scriptArgs[0]);
console.log('asked for ' + path);
if (path === '/throw') throw new Error('asked to');
scriptOutput = JSON.stringify({ body: JSON.stringify({ method, path, queries, body, secret }) });
"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    path = tmp_path_factory.mktemp("gateway")
    given = ("--workers", "2", "--gateway-port", "0", "--finalize-delay-sec", "0", "--base-path", str(path / "chain"))
    with dev_chain(path, *given) as running:
        yield running


async def test_what_the_documentation_says(chain: DevChain) -> None:
    gateway = chain.urls["gateway"]
    assert len(EXAMPLES) == 6
    async with chain_of(chain.ws) as client:
        await deploy(client)  # it charges for gas: the gateway's tickets pay
    with trio.fail_after(PATIENCE):
        while b"no-cluster-key" in (await put_secret(gateway)):  # noqa: ASYNC110
            await trio.sleep(0.05)
    for commands, expected in EXAMPLES:
        script = "set -e\n" + commands.replace("http://127.0.0.1:8000", gateway)
        done = await trio.run_process(["bash", "-c", script], capture_stdout=True, capture_stderr=True)
        printed = done.stdout.decode()
        for line in expected.splitlines():
            assert line in printed, f"{commands}\n{printed}"
    log = (await request(f"{gateway}/logs/all/agents/hello")).body
    assert b"s3cret" not in log and b"key=" not in log


async def deploy(client: Chain) -> None:
    policy = AgentPolicy(2, 10**9, Shares(1_000_000, 0, 0, 0), narrow=True)
    for call in (
        call_bytes("Agents", "upload_code", code=HELLO),
        call_bytes("Agents", "create", name=b"hello", kind=AgentKind.JavaScript, policy=policy),
    ):
        await client.submit_signed(ALICE, call)
    agent = await client.read(AGENT_BY_NAME, b"hello")
    await client.submit_signed(ALICE, call_bytes("Agents", "approve_code", agent=agent, hash=blake2_256(HELLO)))


async def put_secret(gateway: str) -> bytes:
    body = b'{"agent": "hello", "data": {}}'
    return (await request(f"{gateway}/vaults", "POST", body=body)).body


async def test_a_port_that_is_taken_costs_the_gateway_and_not_the_chain(chain: DevChain, tmp_path: Path) -> None:
    port = chain.urls["gateway"].rpartition(":")[2]
    with dev_chain(tmp_path, "--workers", "0", "--gateway-port", port) as other:
        assert other.urls["gateway"] is None
        assert "choose another --gateway-port" in other.log.read_text()


async def test_an_error_at_start_is_one_line() -> None:
    with pytest.raises(StartError, match=r"cannot connect to 127\.0\.0\.1:1"):
        await run_gateway(GatewayConfig("ws://127.0.0.1:1", port=0))
    with pytest.raises(StartError, match="BIP-39"):
        await run_gateway(GatewayConfig("ws://127.0.0.1:1", port=0, suri="not a phrase"))


def test_the_command_says_what_it_can_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "node", "gateway", "--help"], capture_output=True, text=True, check=False
    )
    for flag in re.findall(r"`(--[a-z-]+)`", DOC.split("## Run one")[1]):
        assert flag in done.stdout
