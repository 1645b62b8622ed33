"""Contracts of the vectors on a real chain with a real worker: by job, by HTTP, and two jobs that want one key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import trio
from typer.testing import CliRunner

from node.cli import app
from node.config import NodeConfig
from offchain.authoring.deployment import DEFAULT_POLICY, deploy
from offchain.contracts.errors import NotDone
from offchain.contracts.jobs import Terms, send
from offchain.described import Described, carried_out
from offchain.sandbox.pool import Pool
from pallets.anchors.pallet import Anchors
from pallets.mandates import Transfers
from pallets.primitives import ss58
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.contract import CONTRACT_INPUT, CallMessage, DeployMessage
from pallets.primitives.keys import Keypair
from pallets.primitives.pots import purse
from tests.offchain.command import Fathom
from tests.offchain.gateway.real_gateway import gateway_before
from tests.offchain.real_node import ALICE, BOB, SPEC, UNIT, Scene, real_node, scene_of, worker_of
from tests.offchain.sandbox.ink.vectors import ERC20S, code, metadata
from tests.offchain.sandbox.ink.wat import contract, returning
from tests.vectors import vector


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A chain whose blocks are final at once: a job's run reads the state of one that is."""
    async with real_node(NodeConfig(SPEC, rpc_port=0, finalize_delay=0)) as node, scene_of(node) as scene:
        yield scene


async def test_contracts_live_on_the_chain(scene: Scene, pool: Pool, tmp_path: Path) -> None:
    async with worker_of(scene.node.ws_url, pool, listen=("127.0.0.1", 0)), gateway_before(scene) as gateway:
        fathom = Fathom(scene.node.ws_url, "contract")
        file = tmp_path / "flipper.wasm"
        file.write_bytes(code("flipper-v5"))
        made = await fathom("deploy", path("flipper-v5"), "new", "true", "--wasm", file)
        flipper = made["agent"]
        free = AgentPolicy(0, DEFAULT_POLICY.max_gas, DEFAULT_POLICY.shares, narrow=True)
        await scene.send(ALICE, "Agents", "set_policy", agent=flipper, policy=free)
        await lose_a_race(scene, flipper)

        await pay_and_be_paid(scene)

        token = path("erc20-v4")
        made = await fathom("deploy", token, "new", 1000, "--name", "token")
        assert made["address"] == ss58.encode(purse(made["agent"]))
        alice, bob = (ss58.encode(each.account_id) for each in (ALICE, BOB))
        told = {"event": "Transfer", "fields": {"from": None, "to": hexed(ALICE), "value": 1000}}
        assert made["events"] == [told]
        assert "AlreadyDeployed" in await fathom.refused("deploy", token, "new", 1000, "--name", "token")

        transfer = partial(fathom, "call", "token", "transfer", "-m", token)
        sent = await transfer(bob, 10)
        told = {"event": "Transfer", "fields": {"from": hexed(ALICE), "to": hexed(BOB), "value": 10}}
        assert (sent["result"], sent["reverted"], sent["events"]) == ({"Ok": {}}, False, [told])
        refused = await transfer(alice, 11, suri="//Bob")
        assert (refused["result"], refused["reverted"]) == ({"Err": "InsufficientBalance"}, True)
        assert not refused["events"]
        said = await fathom("events", "token", "-m", token)
        assert [each["event"] for each in said] == ["Transfer"] * 2 and said[-1]["job"] == sent["job"]

        query = ["contract", "query", str(flipper), "get", "-m", path("flipper-v5"), "--gateway", gateway]
        found = await trio.to_thread.run_sync(CliRunner().invoke, app, query)
        assert (found.exit_code, found.stdout) == (0, "false\n")


def path(name: str) -> str:
    return str(vector(f"ink/{name}.contract.json" if name in ERC20S else f"ink/{name}.json"))


def hexed(who: Keypair) -> str:
    return f"0x{who.account_id.hex()}"


async def lose_a_race(scene: Scene, agent: int) -> None:
    """Two jobs are given to workers in one block, so both read the same state, and both flip it."""
    described = await Described.at(scene.chain)
    data = CONTRACT_INPUT.encode(CallMessage(0, metadata("flipper-v5").message("flip").encode([])))
    terms = {"mode": "Deterministic", "replicas": 1, "max_fee": UNIT // 10, "deadline": 60_000, "callback": None}
    submit = {"Jobs": {"submit": {"agent": agent, "input": {"Inline": data}, **terms}}}
    before = len(scene.all(Anchors.Applied))
    events = await carried_out(
        scene.chain, ALICE, described.encode_call({"Utility": {"batch_all": {"calls": [submit] * 2}}})
    )
    jobs = {each.fields["job"] for each in events if each.name == "Submitted"}
    refused = await scene.seen(Anchors.Refused)
    lost = await scene.seen(Anchors.LockLost)
    (won,) = scene.all(Anchors.Applied)[before:]
    assert {won.job, refused.job} == jobs and lost.job == refused.job and lost.key == b"s" + bytes(4)


async def pay_and_be_paid(scene: Scene) -> None:
    """A constructor is paid out of its caller's account, under a mandate, and pays out of its purse, within limits."""
    amounts = {0x00: BOB.account_id, 0x40: (2 * UNIT).to_bytes(16, "little"), 0x80: (16).to_bytes(4, "little")}
    balance = ("seal0.balance", 0x100, 0x80)
    wasm = contract(deploy=(("seal0.transfer", 0, 32, 0x40, 16), balance, returning(0x100, 16)), data=amounts)
    agent = (await deploy(scene.chain, ALICE, "till", wasm, None, AgentKind.Ink)).agent
    message, terms = DeployMessage(5 * UNIT, b""), Terms(UNIT // 10)
    await scene.send(ALICE, "Anchors", "set_limits", agent=agent, per_job=2 * UNIT, per_day=9 * UNIT)
    with pytest.raises(NotDone, match=r"Mandates\."):
        await send(scene.chain, ALICE, agent, message, terms)
    assert scene.state.balances.free(purse(agent)) == 0
    grant = {"agent": agent, "allowance": 5 * UNIT, "until": scene.state.timestamp.now + 10**9}
    await scene.send(ALICE, "Mandates", "grant", kinds=[Transfers()], **grant)
    before = scene.state.balances.free(BOB.account_id)
    done = await send(scene.chain, ALICE, agent, message, terms)
    assert int.from_bytes(done.output.data, "little") == 3 * UNIT == scene.state.balances.free(purse(agent))
    assert scene.state.balances.free(BOB.account_id) == before + 2 * UNIT
