"""A run that fetches from OpenAI meets the models of the machine's service, and its transcript says which."""

from __future__ import annotations

import json

from offchain.ai.opening import open_provider
from offchain.ai.virtual import URL, virtual_hosts
from offchain.outside.network import Network, SystemResolver, public_roots
from offchain.outside.policy import Reach
from offchain.outside.recording import Recording
from offchain.outside.world import open_world
from offchain.sandbox.base import Context
from tests.offchain.outside.worlds import Run

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is gravity?"}], "max_tokens": 4}


async def test_a_fetch_finds_the_models_and_the_transcript_says_which(service: str) -> None:
    network, reach = Network(SystemResolver(), public_roots()), Reach(hosts=("api.openai.com",))
    async with (
        open_provider(service) as provider,
        open_world(network, reach, start_ms=0, virtual=virtual_hosts(provider)) as world,
    ):
        recording = Recording(world, Context(block_time_ms=0, seed=b""))
        run = Run(recording)
        whole = await run.fetch(f"{URL}chat/completions", method="POST", body=json.dumps(CHAT).encode())
        streaming = json.dumps({**CHAT, "stream": True}).encode()
        stream = await run.fetch(f"{URL}chat/completions", method="POST", body=streaming)
        assert (await run.fetch(f"{URL}files")).status == 404

        abandoned = json.dumps({**CHAT, "stream": True, "max_tokens": 1500}).encode()
        head = await run.head(f"{URL}chat/completions", method="POST", body=abandoned)
        await run.answered(run.ask("cancel", {"stream": head["stream"]}))
        assert (await run.fetch(f"{URL}chat/completions", method="POST", body=streaming)).body == stream.body

    text = whole.json["choices"][0]["message"]["content"]
    events = [json.loads(line[6:]) for line in stream.body.splitlines() if line.startswith(b"data: {")]
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == text != ""
    assert stream.body.endswith(b"data: [DONE]\n\n")
    named = [dict(json.loads(entry.head)["headers"])["x-fathom-model"] for entry in recording.transcript.entries[:1]]
    assert named[0].startswith("SmolLM2-135M-Instruct@0x")
