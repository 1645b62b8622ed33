"""Receipts of a real worker on a real chain: the true one, and everything that isn't."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from node.config import NodeConfig
from offchain import records
from offchain.keys import KEY_FILE, WorkerKeys, load_or_create
from offchain.light.errors import LightError
from offchain.light.finalized import Finalized
from offchain.light.receipt_check import ReceiptRefused, batch_proof, check_alone, check_on_chain, check_proof
from offchain.light.receipt_file import BadReceiptFile, BatchPlace, ReceiptFile
from offchain.light.seal import FinalitySeal
from offchain.serving.receipt_records import AGENT, RECEIPT_BATCH, commit_receipts
from pallets.primitives import merkle
from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash, response_hash
from pallets.primitives.receipt import (
    AnsweredLeaf,
    Receipt,
    ReceiptBatch,
    SignedReceipt,
    leaf_bytes,
    receipt_batch_bytes,
    receipt_bytes,
)
from tests.offchain.hearing import PATIENCE
from tests.offchain.real_node import ECHO, SPEC, InlineSandbox, Scene, real_node, scene_of, worker_of

REQUEST = HttpRequest("POST", "/say", "lang=en", [("accept", "*/*")], b"hello")
RESPONSE = HttpResponse(200, [("content-type", "text/plain")], b"hello!")
GAP = 55_000
"""Milliseconds that a chain may jump without putting off what is due."""


class Witness:
    """A worker's keys, a chain that it serves, and what is final there."""

    def __init__(self, scene: Scene, final: Finalized, keys: WorkerKeys, agent: int, runtime_id: bytes) -> None:
        self.scene, self.final, self.keys, self.agent, self.runtime_id = scene, final, keys, agent, runtime_id

    async def signed(self, sequence: int, **changes: Any) -> SignedReceipt:
        """A receipt of what is true at the last final block, but for changes."""
        head = await self.final.refresh()
        receipt = Receipt(
            agent=self.agent,
            code=blake2_256(ECHO),
            request_hash=request_hash(REQUEST),
            response_hash=response_hash(RESPONSE),
            transcript_root=bytes(32),
            gas=1200,
            runtime_id=self.runtime_id,
            sequence=sequence,
            block_number=head.number,
            block_hash=head.hash,
            charge=0,
        )
        receipt = replace(receipt, **changes)
        return SignedReceipt(receipt, self.keys.sign(receipt_bytes(self.final.genesis, receipt)))


@pytest.fixture
async def witness(inline: InlineSandbox, tmp_path: Path) -> AsyncIterator[Witness]:
    """A worker that is attested in a final block, for an agent whose code is approved in it."""
    async with (
        real_node(NodeConfig(SPEC, rpc_port=0, finalize_delay=0.0)) as node,
        scene_of(node) as scene,
        worker_of(node.ws_url, inline, base_path=tmp_path) as running,
    ):
        agent = await scene.deploy(ECHO)
        final = Finalized(scene.chain, FinalitySeal(None, bytes(32), scene.chain.genesis))
        keys = load_or_create(tmp_path / KEY_FILE, bytes)
        assert keys.worker_key == running.worker_key
        with trio.fail_after(PATIENCE):
            while True:
                head = await final.refresh()
                record = await final.read_at(head, AGENT, agent)
                attested = await final.read_at(head, records.ATTESTED, keys.worker_key)
                if record is not None and record.code and attested is not None:
                    break
                await trio.sleep(0.05)
        yield Witness(scene, final, keys, agent, inline.runtime_id)


def lies(genesis: bytes) -> dict[str, dict[str, Any]]:
    """What a worker may sign and commit though it isn't so, by the reason why it is refused."""
    return {
        "`code` was not approved for agent": {"code": bytes(32)},
        "`agent` 77 didn't exist": {"agent": 77},
        "`runtime_id` is not what the worker was attested to run": {"runtime_id": bytes(32)},
        "`block` is not final: block": {"block_hash": bytes(32)},
        ", not 1": {"block_number": 1},
        "`worker` was not attested at block 0": {"block_number": 0, "block_hash": genesis},
    }


async def committed(witness: Witness, changes: list[dict[str, Any]]) -> list[ReceiptFile]:
    """Receipts with these changes in one batch that is final, with its proof."""
    keys, final = witness.keys, witness.final
    signed = [await witness.signed(number, **each) for number, each in enumerate(changes)]
    leaves = [leaf_bytes(final.genesis, AnsweredLeaf(each), each.receipt.sequence) for each in signed]
    batch = ReceiptBatch(keys.worker_key, 0, len(leaves), merkle.root(leaves), total_charge=0)
    call = commit_receipts(batch, keys.sign(receipt_batch_bytes(final.genesis, batch)))
    await witness.scene.chain.submit_bare(call)
    with trio.fail_after(PATIENCE):
        while (proof := await batch_proof(final, keys.worker_key, 0)) is None:
            await trio.sleep(0.05)
            await final.refresh()
    files = []
    for index, each in enumerate(signed):
        place = BatchPlace(0, len(leaves), batch.root, index, tuple(merkle.path(leaves, index)))
        shown = (REQUEST, RESPONSE, place, proof)
        files.append(ReceiptFile(final.genesis, each.receipt, keys.worker_key, each.signature, True, *shown))
    return files


async def verdict(content: bytes, final: Finalized) -> str:
    """Why a file is refused; empty if it isn't."""
    try:
        file = ReceiptFile.parse(content)
        check_alone(file)
        await check_on_chain(file, final)
    except (BadReceiptFile, ReceiptRefused, LightError) as error:
        return str(error)
    return ""


async def test_a_receipt_and_all_that_is_none(witness: Witness, tmp_path: Path) -> None:
    final = witness.final
    reasons = lies(final.genesis)
    *false, good = await committed(witness, [*reasons.values(), {}])
    for file, reason in zip(false, reasons, strict=True):
        assert reason in await verdict(file.to_json(), final)
    content = good.to_json()
    assert ReceiptFile.parse(content) == good
    assert await verdict(content, final) == ""
    bare = replace(good, request=None, response=None, proof=None)
    for same in (bare.to_json(), json.dumps(json.loads(content), indent=2, sort_keys=True).encode()):
        assert await verdict(same, final) == ""
    await no_flip_goes_unseen(content, final)
    await no_byte_of_the_proof_can_be_another(good, final)
    await each_lie_is_named(good, witness)
    await the_command_line(good, witness, tmp_path)
    await a_void_batch_is_none(good, witness)


async def no_flip_goes_unseen(content: bytes, final: Finalized) -> None:
    """One bit of every byte, and of the file's own proof, which only the chain's header judges, of some."""
    proof = content.index(b'"proof"')
    for at in range(len(content)):
        if at > proof and at % 16:
            continue
        changed = bytearray(content)
        changed[at] ^= 1 << at % 7
        assert await verdict(bytes(changed), final), f"byte {at}: {content[at - 20 : at + 20]!r}"


async def no_byte_of_the_proof_can_be_another(good: ReceiptFile, final: Finalized) -> None:
    proof, batch = good.proof, good.batch
    assert proof is not None and batch is not None
    await check_proof(good, batch, proof, final)
    altered = [replace(proof, header=each) for each in flipped(proof.header)]
    altered += [replace(proof, justification=each) for each in flipped(proof.justification)]
    for place, entry in enumerate(proof.storage):
        before, after = proof.storage[:place], proof.storage[place + 1 :]
        altered += [replace(proof, storage=(*before, each, *after)) for each in flipped(entry)]
    for each in altered:
        with pytest.raises(ReceiptRefused, match=r"`proof\."):
            await check_proof(good, batch, each, final)


def flipped(data: bytes) -> list[bytes]:
    """The same with one bit of each byte another."""
    return [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(len(data))]


async def each_lie_is_named(good: ReceiptFile, witness: Witness) -> None:
    """What the worker itself signs, and what is left out or put beside."""
    final = witness.final

    async def refused(content: bytes, reason: str) -> None:
        assert reason in await verdict(content, final)

    fields = json.loads(good.to_json())
    for name in fields:
        rest = {each: fields[each] for each in fields if each != name}
        await refused(json.dumps(rest).encode(), f"`{name}` is missing")
    for name in ("block", "request", "response", "batch", "proof"):
        await refused(json.dumps({**fields, name: {**fields[name], "more": 1}}).encode(), f"`{name}.more` is no field")
    await refused(json.dumps({**fields, "more": 1}).encode(), "`more` is no field")
    await refused(good.to_json().replace(b'"gas":"1200"', b'"gas":"1200","gas":"1200"'), "`gas` is there twice")
    for name, value, reason in (
        ("gas", 1200, "`gas` is not a string"),
        ("gas", "01200", "not a string with a decimal number"),
        ("agent", str(1 << 64), "decimal number of 64 bits"),
        ("version", 2, "this program knows 1"),
        ("version", True, "not a whole number"),
        ("version", 1.0, "a number that no field has"),
        ("code", fields["code"].upper(), "hex in lower case"),
        ("code", fields["code"][:-2], "has 31 bytes"),
        ("simulated", 1, "neither true nor false"),
        ("simulated", False, "`simulated` is not what the chain says"),
        ("origin", "seen by 3 workers", "`origin`"),
        ("request", {**fields["request"], "body": "aGVsbG9="}, "one spelling"),
        ("request", {**fields["request"], "body": "aGVsbG8"}, "not base64"),
        ("request", {**fields["request"], "query": "lang=en&key=00"}, "`request` is not in the form"),
        ("request", {**fields["request"], "method": "\ud800"}, "not JSON"),
        ("response", {**fields["response"], "status": 500}, "`response` doesn't have the hash"),
        ("response", {**fields["response"], "headers": [["a"]]}, "a name and a value"),
        ("batch", None, "`batch` is null"),
        ("genesis", "0x" + "00" * 32, "`id` is not the hash"),
    ):
        await refused(json.dumps({**fields, name: value}).encode(), reason)
    for content, reason in ((b"", "not JSON"), (b"[]", "not a JSON object"), (b"[" * 100_000, "not JSON")):
        await refused(content, reason)

    uncommitted = await witness.signed(99)
    leaf = leaf_bytes(good.genesis, AnsweredLeaf(uncommitted), 99)
    alone = BatchPlace(99, 1, merkle.root([leaf]), 0, ())
    held_back = replace(
        good, receipt=uncommitted.receipt, signature=uncommitted.signature, batch=alone, proof=None
    ).to_json()
    assert good.proof is not None and good.batch is not None
    stray = b"\x00" * 40
    for changed, reason in (
        (held_back, "`batch` is not on the chain"),
        (replace(good, batch=replace(good.batch, index=2)).to_json(), "`batch.index`"),
        (replace(good, batch=replace(good.batch, count=4)).to_json(), "`batch.path`"),
        (replace(good, proof=replace(good.proof, storage=(*good.proof.storage, stray))).to_json(), "`proof.storage`"),
        (replace(good, proof=replace(good.proof, storage=good.proof.storage[:-1])).to_json(), "`proof.storage`"),
        (replace(good, proof=replace(good.proof, header=bytes(9))).to_json(), "`proof.header`"),
    ):
        await refused(changed, reason)
    await witness.scene.node.producer.create_block(create_empty=True)
    with trio.fail_after(PATIENCE):
        while (other := await batch_proof(final, witness.keys.worker_key, 0)) == good.proof:
            await trio.sleep(0.05)
            await final.refresh()
    assert other is not None and await verdict(replace(good, proof=other).to_json(), final) == ""
    mixed = replace(good, proof=replace(other, justification=good.proof.justification))
    await refused(mixed.to_json(), "doesn't make `proof.header` final")


async def a_void_batch_is_none(good: ReceiptFile, witness: Witness) -> None:
    """Nobody showed the leaves that the chain drew: that is so when the batch is long forgotten, too."""
    final, scene = witness.final, witness.scene
    jobs = scene.state.jobs

    async def told(there: bool) -> None:
        await scene.node.producer.create_block(create_empty=True)
        last = scene.node.chain.best
        with trio.fail_after(PATIENCE):
            while (await final.refresh()).number < last.number:  # noqa: ASYNC110  # as its users ask
                await trio.sleep(0.05)
        assert (await final.read(RECEIPT_BATCH, witness.keys.worker_key, 0) is not None) is there
        for file in (good, replace(good, proof=None)):
            assert "`batch` is void on the chain" in await verdict(file.to_json(), final)

    for _ in range(2 + jobs.open_within // GAP):
        await scene.travel(GAP)
    await told(there=True)
    for _ in range(2):
        await scene.travel(jobs.batches_kept + GAP)
    await told(there=False)


async def the_command_line(good: ReceiptFile, witness: Witness, tmp_path: Path) -> None:
    path, url = tmp_path / "receipt.json", witness.scene.node.http_url
    path.write_bytes(good.to_json())
    genesis = f"0x{good.genesis.hex()}"

    async def run(*arguments: str) -> tuple[int, str]:
        done = await trio.run_process(
            [sys.executable, "-m", "node", "verify", str(path), *arguments],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    code, told = await run("--url", url, "--genesis", genesis)
    assert code == 0 and "asserted by one worker" in told and "simulated" in told and "NOT CHECKED" not in told, told
    code, told = await run("--url", url)
    assert code == 0 and "NOT CHECKED" in told
    for arguments, reason in (
        (("--url", url, "--genesis", "0x" + "00" * 32), "genesis"),
        (("--url", "ws://127.0.0.1:1"), "ws://127.0.0.1:1"),
        (("--url", url, "--genesis", "12"), "--genesis takes"),
        ((), "give --url"),
    ):
        code, told = await run(*arguments)
        assert code == 1 and reason in told and len(told.splitlines()) == 1, told
    path.write_bytes(good.to_json().replace(b'"simulated":true', b'"simulated":false'))
    code, told = await run("--url", url, "--genesis", genesis)
    assert code == 1 and told.startswith("Error: `simulated` is not") and len(told.splitlines()) == 1, told
