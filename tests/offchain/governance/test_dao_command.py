"""`fathom dao` before a real node: from the creator alone to holders who decide, and every way to get it wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offchain.authoring.deployment import deploy
from offchain.authoring.errors import HoldersDecide
from pallets.dao.pallet import Dao
from pallets.primitives.hashing import blake2_256
from pallets.primitives.pots import treasury
from tests.offchain.command import Fathom
from tests.offchain.real_node import ALICE, ECHO, UNIT, Scene
from tests.offchain.trading.test_curve_command import TERMS

NEW = b"scriptOutput = 'new'"
MEASUREMENT = "0x" + "ab" * 32


async def passed(scene: Scene, dao: Fathom, proposal: dict[str, Any]) -> None:
    """Bob and Charlie vote for it, and its time comes."""
    await scene.travel(proposal["opens"] - scene.state.timestamp.now + 1)
    for voter in ("//Bob", "//Charlie"):
        await dao("vote", proposal["id"], "--aye", "all", suri=voter)
    found = await dao("proposal", proposal["id"])
    await scene.travel(found["closes"] - scene.state.timestamp.now + 1)
    found = await dao("proposal", proposal["id"])
    assert found["state"] == "Approved"
    await scene.travel(found["executes"] - scene.state.timestamp.now + 1)


async def test_from_the_creator_alone_to_holders_who_decide(scene: Scene, tmp_path: Path) -> None:
    dao, curve = Fathom(scene.node.ws_url, "dao"), Fathom(scene.node.ws_url, "curve")
    agent = await scene.deploy(ECHO)

    # nobody holds anything: the creator decides
    shown = await dao("show", "echo")
    assert not shown["holders_decide"] and shown["rules"]["floor"] == 1
    assert "has no token" in await dao.refused("lock", "echo", "5")
    await scene.send(ALICE, "Balances", "transfer_keep_alive", dest=treasury(agent), value=50 * UNIT)
    assert await dao("spend", "echo", "//Dave", "2UNIT", suri="//Alice") == {"amount": 2 * UNIT}
    rules = await dao("set-rules", "echo", "--reserve", "3UNIT", "--voting", "20s", suri="//Alice")
    assert (await dao("show", "echo"))["rules"] == rules and rules["voting"] == 20_000
    assert "say at least one rule" in await dao.refused("set-rules", "echo", suri="//Alice")
    assert "Dao.QuorumOutOfBounds" in await dao.refused("set-rules", "echo", "--quorum", "90%", suri="//Alice")
    assert "Dao.NotCreator" in await dao.refused("set-guardian", "echo", "//Eve", suri="//Bob")
    assert "no account" in await dao.refused("set-guardian", "echo", "Eve", suri="//Alice")

    # they buy, lock, and so it is theirs
    terms = tmp_path / "terms.json"
    terms.write_text(json.dumps(TERMS))
    await curve("create", "echo", "--terms", terms, "--symbol", "ECH", suri="//Alice")
    for who, units in (("//Bob", 6), ("//Charlie", 4), ("//Dave", 2)):
        await curve("buy", "echo", f"{units}ECH", suri=who)
        assert await dao("lock", "echo", f"{units}ECH", suri=who) == {"locked": units}
    with pytest.raises(HoldersDecide, match="propose script echo --bundle dist/index"):
        await deploy(scene.chain, ALICE, "echo", NEW, None)
    assert "Dao.HoldersDecide" in await dao.refused("spend", "echo", "//Dave", "2UNIT", suri="//Alice")
    assert (await dao("delegate", "echo", "//Charlie", suri="//Dave"))["amount"] == 2
    shown = await dao("show", "echo", "--who", "//Bob")
    assert shown["holders_decide"] and shown["account"]["locked"] == 6

    # a new script, uploaded with the proposal; who votes, and with how much
    bundle = tmp_path / "index.js"
    bundle.write_bytes(NEW)
    proposed = ("propose", "script", "echo", "--bundle", bundle, "--host", "example.com")
    assert "Dao.TooLittleWeight" in await dao.refused(*proposed, suri="//Alice")
    proposal = await dao(*proposed, "--budget", "1UNIT", suri="//Bob")
    motion = proposal["motion"]["ApproveScript"]
    assert proposal["state"] == "Announced" and motion["http"]["service"]["budget"] == UNIT
    assert "Dao.VoteNotBegun" in await dao.refused("vote", 0, "--aye", "1ECH")
    await passed(scene, dao, proposal)
    assert scene.state.agents.agent[agent].code == blake2_256(NEW)
    assert scene.state.agents.hosts[agent] == [b"example.com"]
    shown = await dao("show", "echo")
    assert [each["code"] for each in shown["scripts"]] == [f"0x{blake2_256(code).hex()}" for code in (ECHO, NEW)]
    assert (await dao("proposal", 0))["tally"] == {"aye": 12, "nay": 0, "abstain": 0}
    assert "Dao.AlreadyExecuted" in await dao.refused("execute", 0)

    # each kind of motion arrives as the chain reads it
    kinds: list[tuple[tuple[str, ...], str, dict[str, Any]]] = [
        (("roll-back", "echo", f"0x{blake2_256(ECHO).hex()}"), "RollBack", {"hash": f"0x{blake2_256(ECHO).hex()}"}),
        (("spend", "echo", "dao", "2UNIT"), "Spend", {"amount": 2 * UNIT}),
        (("reward", "echo", "0", "1UNIT"), "Reward", {"contribution": 0, "amount": UNIT}),
        (("guardian", "echo", "none"), "SetGuardian", {"who": None}),
        (("rules", "echo", "--quorum", "20%"), "SetRules", {"rules": {**rules, "quorum": 200_000}}),
        (
            ("terms", "echo", "--split", "5%", "--free-tokens", "2ECH", "--quota", "9", "--price", "3"),
            "SetTerms",
            {"split": 50_000, "access": {"call_price": 0, "free_tokens": 2, "quota": 9}},
        ),
    ]
    for number, (said, name, fields) in enumerate(kinds, 1):
        proposal = await dao("propose", *said, suri="//Bob")
        assert proposal["id"] == number and proposal["motion"][name].items() >= fields.items()
    assert (await dao("cancel", 6, suri="//Bob"))["state"] == "Cancelled"
    assert (await dao("veto", 2, suri="//Alice"))["state"] == "Vetoed"
    assert "Dao.NotVetoable" in await dao.refused("veto", 4, suri="//Alice")
    remark = {"System": {"remark_with_event": {"remark": "we were here"}}}
    made = await dao("propose", "call", "echo", json.dumps(remark), suri="//Bob")
    assert made["motion"] == {
        "Call": {"call": {"System": {"remark_with_event": {"remark": "0x" + b"we were here".hex()}}}}
    }
    assert (await dao("propose", "pause", "echo", suri="//Bob"))["motion"] == "Pause"

    # what can't be is one line, and the chain's reason where it is the chain's
    sudo = {"Sudo": {"sudo": {"call": remark}}}
    assert "Dao.CallNotAllowed" in await dao.refused("propose", "call", "echo", json.dumps(sudo), suri="//Charlie")
    assert "no JSON" in await dao.refused("propose", "call", "echo", "{", suri="//Charlie")
    assert "remark_with_event has to have remark" in await dao.refused(
        "propose", "call", "echo", '{"System": {"remark_with_event": {}}}', suri="//Charlie"
    )
    assert "Agents.NotPaused" in await dao.refused("propose", "resume", "echo", suri="//Charlie")
    assert "not bytes in hex" in await dao.refused("propose", "ban", "echo", "enclave", suri="//Charlie")
    no_deposit = await dao.refused("propose", "hire", "echo", MEASUREMENT, suri="//Charlie")
    assert no_deposit == "Token.FundsUnavailable"  # the DAO's account has to have the deposit first
    assert "no proposal 99" in await dao.refused("vote", 99, "--aye", "all")
    assert "say --aye" in await dao.refused("vote", 1, "--aye", "all", "--nay", "1ECH")

    # a ballot split, and what it holds back
    await scene.travel((await dao("proposal", 1))["opens"] - scene.state.timestamp.now + 1)
    assert await dao("vote", 1, "--aye", "3ECH", "--nay", "2ECH", "--abstain", "1ECH", suri="//Bob") == {
        "aye": 3,
        "nay": 2,
        "abstain": 1,
    }
    assert "Dao.StillVoting" in await dao.refused("unlock", "echo", "6ECH", suri="//Bob")
    await scene.seen(Dao.Voted, 3)
    text = await dao.text("show", "echo", "--who", "//Charlie")
    assert "its holders decide, of 12 ECH" in text and "votes on proposal 1 with 6 ECH" in text
