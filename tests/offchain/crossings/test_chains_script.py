"""A script that reads another chain and sends something there: two real nodes, real workers, a real sandbox."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from node.config import NodeConfig
from offchain.sandbox.pool import Pool
from pallets.anchors.pallet import Anchors
from pallets.crossings.pallet import Crossings
from pallets.jobs.pallet import Jobs
from pallets.primitives import ss58
from pallets.primitives.crossing import Succeeded
from pallets.primitives.effects import opened
from pallets.primitives.job import Mode
from tests.offchain.command import Fathom
from tests.offchain.crossings.stage import CALLS, DEST, other_spec
from tests.offchain.real_node import ALICE, UNIT, Scene, real_node, scene_of
from tests.offchain.test_outside_jobs import fleet_of, output_of
from tests.pallets.crossing_chain import TRANSFER

SCRIPT = b"""
const tried = (act) => { try { return act(); } catch (error) { return error.name; } };
const { dest, value } = JSON.parse(scriptArgs[0]);
const other = chains.open('other');
const pays = { spends: BigInt(value) + 10n ** 12n };
scriptOutput = JSON.stringify({
  genesis: other.genesis, account: other.account,
  has: other.storage('System', 'Account', dest).data.free,
  raw: other.entry('Timestamp', 'Now').raw.length,
  deposit: other.constant('Balances', 'ExistentialDeposit'),
  errors: [
    () => chains.open('third').account,
    () => chains.open('wrong').storage('Timestamp', 'Now'),
    () => chains.open('dead').storage('Timestamp', 'Now'),
    () => other.storage('Timestamp', 'Then'),
    () => other.storage('System', 'Account'),
    () => other.constant('Balances', 'Nothing'),
    () => other.storage('System', 'BlockHash', '9'.repeat(5000)),
    () => chains.open('x'.repeat(5000)).account,
    () => other.submit('no call', {}, { spends: 1 }),
    () => other.submit('Balances.transfer_keep_alive', {}),
  ].map(tried),
  sent: other.submit('Balances.transfer_keep_alive', { dest, value }, pays) ?? 'queued',
});
"""


async def allow(home: Scene, agent: int, name: str, genesis: bytes, endpoint: str, cap: int = 100 * UNIT) -> None:
    terms = {"name": name.encode(), "endpoints": [endpoint.encode()], "calls": CALLS, "cap": cap, "ss58": 42}
    await home.send(ALICE, "Crossings", "allow", agent=agent, chain=genesis, **terms)


async def test_a_job_reads_another_chain_and_sends_money_there(scene: Scene, pool: Pool, tmp_path: Path) -> None:
    async with (
        real_node(NodeConfig(other_spec(tmp_path), rpc_port=0)) as node,
        scene_of(node) as other,
        fleet_of(scene, pool, tmp_path, 1),
    ):
        genesis, url = other.chain.genesis, node.ws_url
        assert genesis != scene.chain.genesis
        agent = await scene.deploy(SCRIPT, b"bridge")
        fathom = Fathom(scene.node.ws_url, "agent")
        chains, refused = partial(fathom, "chains"), partial(fathom.refused, "chains")
        calls = ["--call", TRANSFER, "--call", "5.0"]
        named = ["allow", "bridge", "other", "--endpoint", url, *calls]
        allowed = await chains(*named, "--cap", 100 * UNIT, suri="//Alice")
        assert allowed["genesis"] == f"0x{genesis.hex()}" and allowed["calls"] == [TRANSFER, "5.0"]
        assert 'fathom dao propose call bridge \'{"Crossings"' in await refused(*named, suri="//Bob")
        assert "serves another chain" in await refused(*named, "--genesis", "01" * 32, suri="//Alice")
        assert "no endpoint" in await refused("allow", "bridge", "far", "--endpoint", "ws://far.example")
        assert "no call" in await refused(*named, "--call", "256.1")
        assert "no chain 'far'" in await refused("account", "bridge", "far")
        await allow(scene, agent, "wrong", b"\x01" * 32, url)
        await allow(scene, agent, "dead", b"\x02" * 32, "ws://127.0.0.1:9")
        announced = await scene.seen(Crossings.AccountAnnounced, chain=genesis)
        shown = await chains("account", "bridge", "other")
        assert ss58.decode_account(shown["account"]) == announced.account and not shown["exposed"]
        await other.send(ALICE, "Balances", "transfer_keep_alive", dest=announced.account, value=50 * UNIT)

        assert "empty" in (await refused("withdraw", "bridge", "other", suri="//Alice")).lower()
        asked = json.dumps({"dest": f"0x{DEST.hex()}", "value": str(3 * UNIT)}).encode()
        job = await scene.submit(agent, asked, mode=Mode.Recorded, deadline=120_000, max_fee=UNIT)
        envelope = opened(await output_of(scene, job))
        assert envelope is not None
        told = json.loads(envelope[1])
        assert told["genesis"] == f"0x{genesis.hex()}" and told["has"] == 0 and told["sent"] == "queued"
        assert told["account"] and told["raw"] == 18 and told["deposit"] == UNIT // 1000
        assert told["errors"] == [
            "ChainNotAllowed",
            "WrongChain",
            "Unreachable",
            "UnknownItem",
            "UnknownItem",
            "UnknownItem",
            "UnknownItem",
            "ChainNotAllowed",
            "BadQuestion",
            "TypeError",
        ]
        queued = await scene.seen(Crossings.Queued, job=job)
        delivered = await scene.seen(Crossings.Delivered, job=job, entry=queued.entry)
        assert delivered.verdict == Succeeded() and other.state.balances.free(DEST) == 3 * UNIT
        (entry,) = await chains("outbox", "bridge", "other")
        assert (entry["state"], entry["job"], entry["verdict"]) == ("delivered", job, "succeeded")
        assert entry["hash"] == f"0x{delivered.hash.hex()}" and entry["seen"] == "asserted by one worker"

        await chains(*named, "--cap", UNIT, suri="//Alice")  # less than was spent today
        job = await scene.submit(agent, asked, mode=Mode.Recorded, deadline=120_000, max_fee=UNIT)
        await scene.seen(Jobs.Settled, job=job)
        told_no = await scene.seen(Anchors.Refused, job=job)
        assert isinstance(told_no.error, Crossings.CapExceeded) and not scene.all(Crossings.Queued, job=job)
