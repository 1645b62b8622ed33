"""Contracts that ink! 3, 4 and 5 have compiled: deployed, called, queried; what they say and what they undo."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offchain.contracts.metadata import Metadata
from offchain.sandbox.base import Failure, Success
from tests.offchain.sandbox.ink.ledger import AGENT, ALICE, BOB, Ledger
from tests.offchain.sandbox.ink.vectors import ERC20S, FLIPPERS, code, metadata, told


def query(ledger: Ledger, described: Metadata, label: str, *arguments: Any, **fields: Any) -> Any:
    message = described.message(label)
    found = ledger.query(message.encode(arguments), **fields)["result"]["Ok"]
    return message.decode(bytes.fromhex(found["data"][2:]))


def events(ledger: Ledger, described: Metadata) -> list[Any]:
    found = [
        described.event([bytes.fromhex(topic[2:]) for topic in each["topics"]], bytes.fromhex(each["data"][2:]))
        for each in ledger.events
    ]
    ledger.events.clear()
    return found


@pytest.mark.parametrize("name", FLIPPERS)
def test_flipper(ledger: Ledger, name: str) -> None:
    described = metadata(name)
    ledger.install(code(name))
    assert ledger.ask("GET", "/")[1]["deployed"] is False
    assert ledger.fails(described.message("get").encode([])).reason.message.startswith("NotDeployed")
    deploy = described.constructor("new").encode([True])
    assert not ledger.deploy(deploy).reverted
    assert ledger.fails(deploy, deploy=True).reason.message.startswith("AlreadyDeployed")
    assert query(ledger, described, "get") is True
    gas = set()
    for value in (False, True):
        before = dict(ledger.stores[AGENT])
        gas.add(ledger.query(described.message("flip").encode([]))["gasConsumed"]["refTime"])
        assert ledger.stores[AGENT] == before
        ledger.call(described.message("flip").encode([]))
        assert query(ledger, described, "get") is value
    assert len(gas) == 1
    said = events(ledger, described)
    if name == "flipper":
        assert said == [("Flipped", {"new_value": False}), ("Flipped", {"new_value": True})]
    elif name == "flipper-v5":
        assert [label for label, _ in said] == [event["label"] for event in told(name)["spec"]["events"][:2]] * 2
    if name == "flipper":
        assert ledger.fails(b"\0\0\0\0").reason.kind == "contract-trapped"
    else:
        unheard = ledger.call(b"\0\0\0\0")
        assert unheard.reverted and unheard.data == b"\1\1"  # LangError::CouldNotReadInput


@pytest.mark.parametrize("name", ERC20S)
def test_erc20(ledger: Ledger, name: str) -> None:
    described = metadata(name)
    ledger.install(code(name))
    ledger.deploy(described.constructor("new").encode([1000]))
    transfer = described.message("transfer")
    minted = ("Transfer", {"from": None, "to": ALICE, "value": 1000})
    assert events(ledger, described) == [minted]
    assert not ledger.call(transfer.encode([BOB, 10])).reverted
    assert events(ledger, described) == [("Transfer", {"from": ALICE, "to": BOB, "value": 10})]
    assert [query(ledger, described, "balance_of", who) for who in (ALICE, BOB)] == [990, 10]
    assert query(ledger, described, "total_supply") == 1000
    before = dict(ledger.stores[AGENT])
    refused = ledger.call(transfer.encode([BOB, 991]))
    assert refused.reverted and transfer.decode(refused.data) == {"Err": "InsufficientBalance"}
    assert ledger.stores[AGENT] == before and not ledger.events
    ledger.call(described.message("approve").encode([BOB, 100]))
    ledger.call(described.message("transfer_from").encode([ALICE, BOB, 60]), submitter=BOB)
    assert query(ledger, described, "allowance", ALICE, BOB) == 40
    assert query(ledger, described, "transfer", ALICE, 70, origin="0x" + BOB.hex()) == {"Ok": {}}
    assert query(ledger, described, "transfer", ALICE, 71, origin="0x" + BOB.hex()) == {"Err": "InsufficientBalance"}


def test_two_jobs_of_one_state_write_what_each_has_read(ledger: Ledger) -> None:
    """What a run leaves is from the state that it read: which of two gets there is the chain's to say."""
    described = metadata("flipper-v5")
    ledger.install(code("flipper-v5"))
    ledger.deploy(described.constructor("new").encode([True]))
    asked = [line for line in ledger.asked if "/kv/" in line]
    assert asked == [f"GET https://chain.fathom/kv/0x{key.hex()}" for key in (b"m", b"s" + bytes(4))] + [
        f"PUT https://chain.fathom/kv/0x{key.hex()}" for key in (b"m", b"s" + bytes(4))
    ]


def test_a_job_may_bring_a_request(ledger: Ledger) -> None:
    """As `fathom agent send` submits one: the same message in JSON, and here it writes."""
    described = metadata("flipper-v5")
    ledger.install(code("flipper-v5"))
    for label, deploys in (("new", True), ("flip", False)):
        message = described.constructor(label) if deploys else described.message(label)
        body = json.dumps({"data": "0x" + message.encode([True] if deploys else []).hex(), "deploy": deploys})
        outcome = ledger.job(json.dumps({"method": "POST", "path": "/call", "body": body}).encode())
        assert isinstance(outcome, Success), outcome
        assert json.loads(json.loads(outcome.output)["body"])["result"]["Ok"]["flags"] == 0
    assert query(ledger, described, "get") is False
    data = "0x" + described.message("get").encode([]).hex()
    assert ledger.ask("GET", "/call", data=data)[1]["result"]["Ok"]["data"] == "0x0000"
    assert ledger.ask("POST", "/call", data)[1]["result"]["Ok"]["data"] == "0x0000"
    assert ledger.ask("GET", "/elsewhere")[0] == 404
    deploy = "0x" + described.constructor("new").encode([True]).hex()
    outcome = ledger.asks("GET", "/call", data=deploy, deploy="true")
    assert isinstance(outcome, Failure) and outcome.reason.message.startswith("AlreadyDeployed")
