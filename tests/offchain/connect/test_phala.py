"""Phala's workers, sessions, pools, clusters and contracts as they are shown, recorded, and mirrored to a dev chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from typer.testing import CliRunner

from node.cli import app
from node.config import NodeConfig
from offchain.connect.mirror.population import BadSnapshot, load
from offchain.connect.mirror.registry import MIRRORED
from pallets.frame.overlay import Overlay
from pallets.primitives import ss58
from pallets.primitives.hashing import blake2_256
from pallets.primitives.worker_record import EVERYONE, WorkerState
from pallets.runtime import UNIT, DevRuntime
from tests.offchain.connect.phala_stage import PHA, PhalaStage, served
from tests.offchain.real_node import SPEC, real_node

OWNER, CLUSTER, CONTRACT = 77, "0x" + "01" * 32, "0x" + "02" * 32


async def fathom(*arguments: str) -> Any:
    """What a command leaves."""
    done = await trio.to_thread.run_sync(CliRunner().invoke, app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


async def shown(url: str, *arguments: str) -> Any:
    """The JSON of a command on the stage's Phala."""
    done = await fathom("connect", "--endpoint", url, "phala", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def stage() -> PhalaStage:
    made = PhalaStage()
    states = ("WorkerIdle", "WorkerIdle", "WorkerUnresponsive", "WorkerCoolingDown", None, "WorkerIdle")
    for number, state in enumerate(states):
        made.worker(
            number, confidence=(1, 5, 128)[number % 3], score=None if number == 4 else 1000 + 500 * number, state=state
        )
    return made


async def test_phalas_own_pallets_are_shown(stage: PhalaStage) -> None:
    owner = stage.account(OWNER)
    base = {
        "pid": 3,
        "owner": owner,
        "total_shares": 2**80,
        "total_value": 9 * PHA,
        "withdraw_queue": [],
        "value_subscribers": [],
        "cid": 10_003,
        "pool_account_id": owner,
    }
    pool = {"payout_commission": 50_000, "cap": None, "workers": [stage.key(0)], "cd_workers": []}
    accounts = {"lock_account": owner, "owner_reward_account": owner}
    stage.put("PhalaBasePool", "Pools", [3], {"StakePool": {"basepool": base, **pool, **accounts}})
    vault = {"last_share_price_checkpoint": 1, "commission": None, "owner_shares": 0, "invest_pools": [3]}
    stage.put("PhalaBasePool", "Pools", [4], {"Vault": {"basepool": {**base, "pid": 4}, **vault}})
    terms = {"gas_price": 2, "deposit_per_item": 3, "deposit_per_byte": 4}
    cluster = {"owner": owner, "permission": "Public", "system_contract": CONTRACT, **terms}
    stage.put("PhalaPhatContracts", "Clusters", [CLUSTER], cluster)
    stage.put("PhalaPhatContracts", "ClusterContracts", [CLUSTER], [CONTRACT])
    stage.put("PhalaPhatContracts", "ClusterWorkers", [CLUSTER], [stage.key(0)])
    stage.put("PhalaPhatContracts", "Contracts", [CONTRACT], {"deployer": owner, "cluster": CLUSTER})
    async with served(stage) as url:
        workers = {each["pubkey"]: each for each in await shown(url, "workers")}
        assert len(workers) == 6
        first = workers[stage.key(0)]
        assert (
            first | {"operator": stage.account(0), "provider": "Ias", "confidence": 1, "initial_score": 1000} == first
        )
        assert first | {"state": "WorkerIdle", "v": 5.5, "instant_score": 1900, "pool": 3, "features": [4, 1]} == first
        assert first["stake"] == 5000 * PHA
        assert workers[stage.key(4)]["session"] is None and workers[stage.key(4)]["initial_score"] is None
        assert len(await shown(url, "workers", "--limit", "2")) == 2
        sessions = {each["worker"]: each for each in await shown(url, "sessions")}
        assert sessions[stage.key(2)]["state"] == "WorkerUnresponsive"
        assert sessions[stage.key(2)]["total_reward"] == str(2**100)
        pools = await shown(url, "pools")
        assert [(each["pool"], each["kind"], each["workers"]) for each in pools] == [
            (3, "StakePool", 1),
            (4, "Vault", 0),
        ]
        assert pools[0]["total_shares"] == str(2**80) and pools[0]["owner"] == owner
        (found,) = await shown(url, "clusters")
        assert found | {"cluster": CLUSTER, "permission": "Public", "contracts": 1, "workers": [stage.key(0)]} == found
        (contract,) = await shown(url, "contracts")
        assert contract | {"contract": CONTRACT, "cluster": CLUSTER, "deployer": owner} == contract
        table = await fathom("connect", "--endpoint", url, "phala", "workers")
        assert "WorkerUnresponsive" in table.stdout and "6 in all" in table.stdout


async def test_the_population_is_recorded_and_mirrored(stage: PhalaStage, tmp_path: Path) -> None:
    """Real records in a dev chain's registry: listed, weighed, drawn, their operators' stake held, issuance right."""
    file = tmp_path / "phala.json.gz"
    async with served(stage) as url:
        done = await fathom("mirror", "phala", "--workers", "--endpoint", url, "--record", str(file))
        assert done.exit_code == 0 and "6 workers of phala at block 1" in done.stdout, done.stderr
    recorded = load(file)
    assert recorded.genesis == f"0x{stage.genesis.hex()}" and recorded.spec == 1291 and len(recorded.workers) == 6
    async with real_node(NodeConfig(SPEC, rpc_port=0, sealing="manual")) as node:
        before = DevRuntime(Overlay(node.chain.states.head))
        issued = before.balances.total_issuance
        arguments = ("mirror", "phala", "--workers", "--snapshot", str(file), "--url", node.ws_url, "--json")
        done = await fathom(*arguments)
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout) | {"written": 6, "drawable": 3, "known": 0} == json.loads(done.stdout)
        runtime = DevRuntime(Overlay(node.chain.states.head))
        workers = runtime.workers
        assert workers.eligible_count[EVERYONE] == 3
        assert workers.eligible_operators[EVERYONE] == 2
        held = 0
        for number, each in enumerate(sorted(recorded.workers, key=lambda each: each.last_updated)):
            key = bytes.fromhex(each.pubkey[2:])
            record, attested = workers.worker[key], runtime.attestation.attested[key]
            expected = (WorkerState.Idle, WorkerState.Idle, WorkerState.Unresponsive, WorkerState.CoolingDown)
            assert record.state is (*expected, WorkerState.Registered, WorkerState.Idle)[number]
            assert record.simulated and attested.simulated and MIRRORED in record.info.features
            assert record.confidence == attested.confidence == (1, 5, 5)[number % 3]
            assert attested.measurement == f"mirrored:{each.provider}".encode()
            assert runtime.attestation.fault(key) is None
            assert ss58.encode(record.info.operator, 30) == each.operator
            assert record.stake == (each.stake or 0) == workers.position[key].total
            held += record.stake
        best = workers.worker[bytes.fromhex(stage.key(5)[2:])]
        assert best.speed == 1000 and workers.worker[bytes.fromhex(stage.key(0)[2:])].speed == 1000 * 1000 // 3500
        drawn = {
            workers.draw(blake2_256(bytes((seed,))), EVERYONE, operators=[], rather_not=[]).worker for seed in range(64)
        }
        assert drawn - {None} == {bytes.fromhex(stage.key(number)[2:]) for number in (0, 1, 5)}
        operators = {workers.worker[bytes.fromhex(each.pubkey[2:])].info.operator for each in recorded.workers}
        accounts = [runtime.system.account[each] for each in operators]
        assert sum(each.data.reserved for each in accounts) == held
        assert runtime.balances.total_issuance - issued == held + len(operators) * UNIT
        runtime.workers.integrity_test()
        again = await fathom(*arguments)
        assert json.loads(again.stdout) | {"written": 0, "known": 6} == json.loads(again.stdout)


async def test_what_is_no_snapshot_or_no_dev_chain_is_one_line(stage: PhalaStage, tmp_path: Path) -> None:
    for content in (b"", b"{}", b'{"form": "fathom/workers@1"}', b'{"form": 7}', b"[1]", b"\xff"):
        file = tmp_path / "broken.json"
        file.write_bytes(content)
        with pytest.raises(BadSnapshot):
            load(file)
        done = await fathom("mirror", "phala", "--workers", "--snapshot", str(file))
        assert done.exit_code == 1 and done.stderr.count("\n") == 1
    async with served(stage) as url:
        done = await fathom("mirror", "phala", "--workers", "--endpoint", url, "--url", url)
        assert (
            done.exit_code == 1
            and done.stderr == "Error: the chain allows no runtime of workers: is it a Fathom dev chain?\n"
        )
