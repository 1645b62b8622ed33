"""`fathom replay` of chains that others serve: a node of ours, endpoints that misbehave before it, and Westend's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from typer.testing import CliRunner

from node.cli import app
from node.config import NodeConfig
from node.maintenance import signed_block
from node.maintenance.signed_block import SignedBlock
from node.progress import unseen
from node.replay.block import EVENTS_KEY, RecordedBlock
from node.replay.files import Genesis, recording
from node.replay.history import reach
from node.replay.report import Outcome
from node.replay.run import from_chain
from node.rpc.context import header_json
from node.service import RunningNode
from node.wasm.backend import FullState
from node.wasm.process import open_engine
from node.web import WebSocket
from offchain.connect.session import Target, connected
from pallets.frame.validity import TransactionSource
from tests.node.replay.test_files import FOREIGN, WESTEND, judged
from tests.node.state.served_state import naive_nodes
from tests.node.transfers import signed_transfer
from tests.offchain.connect.misbehaving import endpoint, lies, refuses
from tests.offchain.real_node import SPEC, real_node
from tests.offchain.scripted_node import answer, serving
from tests.vectors import vector

PROOF = "state_getReadProof"


class Fathom:
    """`fathom replay`, as people call it."""

    async def __call__(self, *arguments: str) -> Any:
        done = await trio.to_thread.run_sync(lambda: CliRunner().invoke(app, ["replay", *arguments, "--no-cache"]))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    async def json(self, *arguments: str) -> Any:
        done = await self(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    async def refused(self, *arguments: str) -> str:
        done = await self(*arguments)
        assert done.exit_code == 1 and done.stderr.splitlines()[-1].startswith("Error: "), done.stderr
        return str(done.stderr.splitlines()[-1])


@pytest.fixture
async def node() -> AsyncIterator[RunningNode]:
    async with real_node(NodeConfig(SPEC, rpc_port=0, sealing="manual")) as running:
        await running.producer.create_block(create_empty=True)
        for nonce in range(2):
            sent = signed_transfer(running.chain.genesis_hash, nonce)
            running.transactions.submit(sent, TransactionSource.External)
        await running.producer.create_block(create_empty=False)
        await running.producer.create_block(create_empty=True)
        yield running


async def test_a_block_of_our_own_chain(node: RunningNode, tmp_path: Path) -> None:
    """By its node's RPC with everything proven, and from files: our own pallets execute it, each time the same."""
    fathom = Fathom()
    served = await fathom.json(node.ws_url, "--block", "2", "--trace")
    assert served["matches"] and served["executed_by"] == "pallets"
    assert {each["matches"] for each in served["compared"].values()} == {True}
    steps = {step["step"]: step for step in served["steps"]}
    calls = [step.get("call") for step in served["steps"]]
    assert calls.count("Balances.transfer_keep_alive") == 2, calls
    account = next(c for c in steps["3"]["changes"] if c["item"] == "System.Account" and c["value_after"]["nonce"])
    assert account["value_after"]["nonce"] == account["value_before"]["nonce"] + 1
    blocks = tmp_path / "blocks.json"
    with blocks.open("wb") as file:
        signed_block.write(_exported(node), 3, file, binary=False)
    filed = await fathom.json(str(SPEC), "--blocks", str(blocks), "--block", "2", "--trace")
    assert filed["matches"] and filed["compared"]["events"]["matches"] is None
    assert filed["events"] == served["events"]
    assert [step.get("changes") for step in filed["steps"]] == [step.get("changes") for step in served["steps"]]
    by_hash = await fathom(node.ws_url, "--block", served["hash"])
    assert by_hash.exit_code == 0 and "executed by our own pallets" in by_hash.stdout
    # What can't be done.
    assert f"{node.ws_url} has no block 9" in await fathom.refused(node.ws_url, "--block", "9")
    assert "genesis block" in await fathom.refused(node.ws_url, "--block", "0")
    assert "serves another chain" in await fathom.refused(node.ws_url, "--block", "1", "--genesis", "0x" + "11" * 32)
    assert "say by --blocks FILE" in await fathom.refused(str(SPEC), "--block", "1")
    assert "can't be read" in await fathom.refused(str(SPEC), "--blocks", str(tmp_path / "none"), "--block", "1")
    assert "is no file" in await fathom.refused(node.ws_url, "--blocks", str(blocks), "--block", "1")


async def test_endpoints_that_are_not_to_be_believed(node: RunningNode) -> None:
    fathom = Fathom()
    async with endpoint(node.ws_url) as between:
        between.fault = refuses(PROOF, 4003, "Client error: State already discarded for 0x00")
        assert "has pruned the state of that block" in await fathom.refused(between.url, "--block", "2")
        between.fault = lies(PROOF, lambda found: {**found, "proof": found["proof"][1:]})
        assert "proof" in await fathom.refused(between.url, "--block", "2")
        between.fault = lies("chain_getBlock", lambda found: _without_last(found))
        assert "are not those that its header names" in await fathom.refused(between.url, "--block", "2")
        # Without proofs there is no root, and what is said of the state is believed.
        between.fault = refuses(PROOF, -32601, "Method not found")
        done = await fathom.json(between.url, "--block", "2")
        assert done["matches"] and done["compared"]["events"]["matches"]
        assert done["compared"]["state_root"]["note"] == "no endpoint gives proofs, so it can't be computed"


async def test_a_foreign_chain() -> None:
    """Westend's block 9, its state read over RPC: proven, believed, and with events that are not what it says."""
    genesis, blocks = Genesis.of(vector("chainspecs/westend.raw.json.gz")), recording(vector(WESTEND))
    state = genesis.state()
    async with open_engine(FOREIGN) as engine:
        await reach(engine, state, blocks.leading_to(9, genesis), genesis.hash, unseen)
        before = FullState(dict(state.values()))
        await reach(engine, state, [blocks.blocks[9]], blocks.blocks[8].hash, unseen)

        async def replayed(westend: Westend) -> Outcome:
            async with westend.served() as url:
                return await connected(
                    Target(url, quiet=True), lambda chain: from_chain(engine, chain, "9", None, traced=True)
                )

        westend = Westend(genesis.hash, [blocks.blocks[number] for number in (8, 9)], [before, state])
        outcome = await replayed(westend)
        assert outcome.matches, outcome.difference
        assert judged(outcome)["state root"] and judged(outcome)["events"]
        assert outcome.executed.steps[1].changes and outcome.names.decoder is not None
        other = FullState({**state.values(), EVENTS_KEY: b"\0"})
        outcome = await replayed(Westend(genesis.hash, westend.blocks, [before, other], proves=False))
        assert judged(outcome)["state root"] is None and judged(outcome)["execution"]
        assert "events 1 bytes were said" in outcome.difference


class Westend:
    """Two blocks and the states after them, as an endpoint serves them."""

    def __init__(
        self, genesis: bytes, blocks: list[RecordedBlock], states: list[FullState], *, proves: bool = True
    ) -> None:
        self.genesis, self.blocks, self.proves = genesis, blocks, proves
        self._states = {block.hash: dict(state.values()) for block, state in zip(blocks, states, strict=True)}
        self._nodes = {hash: naive_nodes(values, set())[1] for hash, values in self._states.items()}

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        async with serving(self._serve) as port:
            yield f"ws://127.0.0.1:{port}"

    async def _serve(self, client: WebSocket) -> None:
        async for message in client:
            request = orjson.loads(message)
            method, params = request["method"], request["params"]
            if method == PROOF and not self.proves:
                error = {"code": -32601, "message": "Method not found"}
                await client.send(orjson.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).decode())
            else:
                await client.send(answer(request, self._answer(method, params)))

    def _answer(self, method: str, params: list[Any]) -> Any:
        by_hash = {f"0x{block.hash.hex()}": block for block in self.blocks}
        at = bytes.fromhex(params[-1][2:]) if params and str(params[-1]).startswith("0x") else b""
        match method:
            case "system_chain":
                return "Westend"
            case "system_properties":
                return {"ss58Format": 42}
            case "chain_getBlockHash":
                found = {block.number: hash for hash, block in by_hash.items()} | {0: f"0x{self.genesis.hex()}"}
                return found.get(params[0])
            case "chain_getHeader":
                return header_json(by_hash[params[0]].header)
            case "chain_getBlock":
                block = by_hash[params[0]]
                body = [f"0x{each.hex()}" for each in block.extrinsics]
                return {"block": {"header": header_json(block.header), "extrinsics": body}, "justifications": None}
            case "state_getReadProof":
                return {"at": params[-1], "proof": [f"0x{entry.hex()}" for entry in dict.fromkeys(self._nodes[at])]}
            case "state_getStorage":
                return _hex(self._states[at].get(bytes.fromhex(params[0][2:])))
            case "state_queryStorageAt":
                changes = [[key, _hex(self._states[at].get(bytes.fromhex(key[2:])))] for key in params[0]]
                return [{"block": params[-1], "changes": changes}]
            case "state_getKeysPaged":
                prefix, count, after, _ = params
                under = [f"0x{key.hex()}" for key in sorted(self._states[at])]
                return [key for key in under if key.startswith(prefix) and (after is None or key > after)][:count]
        raise AssertionError(method)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"0x{value.hex()}"


def _without_last(found: Any) -> Any:
    return {**found, "block": {**found["block"], "extrinsics": found["block"]["extrinsics"][:-1]}}


def _exported(node: RunningNode) -> list[SignedBlock]:
    found = []
    for number in (1, 2, 3):
        hash = node.chain.hash_of(number)
        assert hash is not None
        header, body = node.chain.header(hash), node.chain.body(hash)
        assert header is not None and body is not None
        found.append(SignedBlock(header, body))
    return found
