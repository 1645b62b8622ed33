"""`fathom job replay` and `fathom receipt replay`: the right verdict, or why there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from typer.testing import CliRunner, Result

from node.config import NodeConfig
from offchain.light.receipt_file import ReceiptFile
from offchain.replay.cli import app
from offchain.replay.errors import (
    InputGone,
    InputSealed,
    KeyNeeded,
    NoOutput,
    NoRequest,
    OtherChain,
    OtherRuntime,
    OtherTranscript,
    StateGone,
    TranscriptGone,
)
from offchain.replay.job import replay_job
from offchain.replay.receipt import replay_receipt
from offchain.sandbox.pool import Pool
from pallets.jobs.pallet import Jobs
from pallets.primitives.agent_record import AgentPolicy
from pallets.primitives.http import HttpRequest
from pallets.primitives.job import Mode
from pallets.primitives.job_record import Shares
from pallets.primitives.transcript import TRANSCRIPT, read_transcript
from tests.offchain.hearing import PATIENCE
from tests.offchain.real_node import ALICE, ECHO, SPEC, InlineSandbox, Scene, real_node, scene_of, worker_of
from tests.offchain.serving.gateway import Answered, Gateway, eventually, gateway_to
from tests.offchain.test_sealed_jobs import provide, submit

SCRIPT = b"""
const asked = JSON.parse(scriptArgs[0]);
const answers = {
  '/text': () => 'hello ' + Math.random(),
  '/throw': () => { throw new Error('no such luck'); },
  '/loop': () => { for (;;); },
  '/bearer': () => asked.headers.authorization ?? 'nobody',
  '/key': () => { try { return String(Wapo.deriveSecret('salt').length) } catch (e) { return 'no key' } },
  '/parts': () => new Response(new ReadableStream({
    start(controller) { for (const part of ['a', 'b', 'c']) controller.enqueue(new TextEncoder().encode(part));
      controller.close(); }}), {status: 201, headers: {'x-kind': 'parts'}}),
};
scriptOutput = answers[asked.path]();
"""


async def fathom(*arguments: str) -> Result:
    """The command, as a terminal runs it."""
    return await trio.to_thread.run_sync(lambda: CliRunner().invoke(app, list(arguments)))


async def test_replays_of_receipts(scene: Scene, pool: Pool, tmp_path: Path) -> None:
    agent = await scene.deploy(SCRIPT, price=0)
    await scene.send(ALICE, "Agents", "set_policy", agent=agent, policy=policy(10**8))
    url = scene.node.ws_url
    async with (
        worker_of(url, pool, listen=("127.0.0.1", 0)) as worker,
        gateway_to(worker.endpoint, scene.chain.genesis, worker.worker_key) as gateway,
    ):

        async def known() -> bool:
            return isinstance(await gateway.ask(agent, "/text"), Answered)

        await eventually(known)

        async def asked(path: str, *headers: tuple[str, str]) -> ReceiptFile:
            return await receipt(gateway, agent, HttpRequest("GET", path, "", [("host", "h"), *headers], b""))

        async def differences(file: ReceiptFile, **given: Any) -> list[str]:
            return (await replay_receipt(scene.chain, file, pool, **given)).differences

        loop, text = await asked("/loop"), await asked("/text")
        assert loop.receipt.gas == 10**8
        await scene.send(ALICE, "Agents", "set_policy", agent=agent, policy=policy(10**9))
        for path in ("/throw", "/parts"):
            assert await differences(await asked(path)) == [], path
        assert await differences(loop) == [] and await differences(text) == []  # with the gas of then

        bearer = await asked("/bearer", ("authorization", "me"))
        assert await differences(bearer, credentials=[("authorization", "me")]) == []
        lacking = await differences_of_lacking(scene, bearer, pool)
        assert "with another hash" in lacking

        root = text.receipt.transcript_root
        data = await gateway.transcript(root)
        assert data is not None
        transcript = read_transcript(data)
        if transcript.keyed:
            with pytest.raises(KeyNeeded, match="could derive secrets"):
                await differences(await asked("/key"))
        with pytest.raises(OtherTranscript):
            await differences(text, transcript=replace(transcript, seed=bytes(32)))
        with pytest.raises(OtherChain):
            await differences(replace(text, genesis=bytes(32)))
        with pytest.raises(OtherRuntime):
            await differences(replace(text, receipt=replace(text.receipt, runtime_id=bytes(32))))
        with pytest.raises(NoRequest):
            await differences(replace(text, request=None))
        with pytest.raises(StateGone, match="state-pruning archive"):
            await differences(replace(text, receipt=replace(text.receipt, block_hash=bytes(32))))
        assert text.request is not None
        other = replace(text, request=replace(text.request, path="/throw"))
        assert "the request has another hash" in "; ".join(await differences_or_key(scene, other, pool))

        saved = tmp_path / "receipt.json"
        saved.write_bytes(text.to_json())
        said = await fathom("receipt", "replay", str(saved), "--url", url, "--json")
        assert said.exit_code == 0 and json.loads(said.stdout)["same"] is True
        saved.write_bytes(bearer.to_json())
        said = await fathom("receipt", "replay", str(saved), "--url", url, "-H", "Authorization: me")
        assert said.exit_code == 0 and "as said" in said.stdout
        for wrong in (("--secret", "{"), ("-H", "nothing")):
            refused = await fathom("receipt", "replay", str(saved), "--url", url, *wrong)
            assert refused.exit_code == 2 and refused.stderr.startswith("Error: ")
    (tmp_path / "transcript").write_bytes(TRANSCRIPT.encode(transcript))
    with pytest.raises(TranscriptGone):
        await differences(text)
    assert await differences(text, transcript=transcript) == []


async def differences_or_key(scene: Scene, file: ReceiptFile, pool: Pool) -> list[str]:
    """What differs; of a run with a key, what the refusal says."""
    try:
        return (await replay_receipt(scene.chain, file, pool)).differences
    except KeyNeeded as error:
        return [str(error)]


async def differences_of_lacking(scene: Scene, file: ReceiptFile, pool: Pool) -> str:
    return "; ".join(await differences_or_key(scene, file, pool))


async def receipt(gateway: Gateway, agent: int, request: HttpRequest) -> ReceiptFile:
    file = await gateway.file(gateway.id_of(await gateway.answer(agent, request)))
    assert file is not None
    return file


def policy(max_gas: int) -> AgentPolicy:
    return AgentPolicy(0, max_gas, Shares(700_000, 200_000, 0, 100_000), narrow=True)


async def test_what_of_a_job_cannot_be_run_again(pool: Pool, inline: InlineSandbox) -> None:
    async with real_node(NodeConfig(SPEC, rpc_port=0, state_pruning=64)) as node, scene_of(node) as scene:
        agent = await scene.deploy(ECHO)
        sealed = await submit(scene, agent)
        async with worker_of(node.ws_url, inline) as worker:
            await scene.seen(Jobs.Assigned, job=sealed)
            await provide(scene, sealed, agent, worker.worker_key)
            id = await scene.submit(agent, b"hello")
            for each in (sealed, id):
                await scene.seen(Jobs.Settled, job=each)
        url = node.ws_url
        with pytest.raises(InputSealed):
            await replay_job(scene.chain, sealed, pool)
        said = await fathom("job", "replay", str(id), "--url", url, "--json")
        assert said.exit_code == 0 and json.loads(said.stdout) == {
            "same": True,
            "gas": scene.state.jobs.job[id].outcome.gas,  # type: ignore[union-attr]
            "output": "hello!",
            "differences": [],
        }
        waiting = await scene.submit(agent, b"", mode=Mode.Oracle)
        with pytest.raises(NoOutput, match="Queued"):
            await replay_job(scene.chain, waiting, pool)
        with pytest.raises(InputGone, match="state-pruning archive"), trio.fail_after(PATIENCE):
            while True:  # until the node has dropped the state
                await node.producer.create_block(create_empty=True)
                await replay_job(scene.chain, id, pool)
        refused = await fathom("job", "replay", "99", "--url", url, "--json")
        assert (refused.exit_code, refused.stdout) == (2, "") and "there is no job 99" in refused.stderr
        assert (await fathom("job", "replay", "0", "--url", "ws://127.0.0.1:1")).exit_code == 2
