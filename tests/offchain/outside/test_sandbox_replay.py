"""A real run's transcript, replayed by the real sandbox without a network: same output, same gas."""

from __future__ import annotations

import json
import ssl

import pytest
import trio

from offchain.outside.network import Network
from offchain.outside.policy import Reach
from offchain.outside.recording import AskedDifferently, AskedTooLittle, AskedTooMuch, Recording, Replaying
from offchain.outside.world import open_world
from offchain.sandbox.base import Context, Limits, Success
from offchain.sandbox.pool import Pool
from pallets.primitives.transcript import TRANSCRIPT, read_transcript, transcript_root
from tests.offchain.outside.servers import Site
from tests.offchain.outside.worlds import Names

LIMITS = Limits(gas=10**10, wall_seconds=30, asks=200, ask_bytes=1 << 20, answer_bytes=1 << 20)
CONTEXT = Context(block_time_ms=1_700_000_000_000, seed=b"drawn")

SCRIPT = b"""
(async () => {
  const { url } = JSON.parse(scriptArgs[0])
  const order = []
  const late = [700, 20, 350].map(async ms => {
    const text = await (await fetch(`${url}/late/${ms}`)).text()
    order.push(ms)
    return text
  })
  const timer = new Promise(resolve => setTimeout(resolve, 200)).then(() => order.push('timer'))
  const [texts] = await Promise.all([Promise.all(late), timer])
  const streamed = await fetch(`${url}/streamed`)
  const reader = streamed.body.getReader()
  const parts = []
  for (let part; !(part = await reader.read()).done;) parts.push(new TextDecoder().decode(part.value))
  const echo = await fetch(`${url}/redirect/307?to=/echo/there`, {
    method: 'POST', body: 'caf\\u00e9', headers: { authorization: 'Bearer secret' },
  })
  const told = await echo.json()
  let refused
  try { await fetch('http://nowhere.invalid/') } catch (error) { refused = `${error}` }
  const text = { returnTextBody: true }
  const batch = pink.batchHttpRequest([{ url: `${url}/late/5000`, ...text }, { url: `${url}/streamed`, ...text }], 500)
  console.log('came in the order', order)
  scriptOutput = JSON.stringify({
    batch: batch.map(answer => [answer.statusCode, answer.body, answer.error]),
    order, texts, stream: parts.join(''), refused,
    echo: [echo.status, echo.url, echo.redirected, told.method, told.body, told.headers.authorization],
    time: Date.now(), random: Math.random(), bytes: [...crypto.getRandomValues(new Uint8Array(4))],
  })
})()
"""


async def test_a_recorded_run_is_replayed_to_the_same_output_and_gas(
    pool: Pool, nursery: trio.Nursery, site: Site
) -> None:
    input = json.dumps({"url": site.url}).encode()
    network = Network(Names(), ssl.create_default_context())
    async with open_world(network, Reach(allow_private=True), start_ms=CONTEXT.block_time_ms) as world:
        recording = Recording(world, CONTEXT)
        recorded = await pool.run(SCRIPT, input, LIMITS, CONTEXT, recording)
    assert isinstance(recorded, Success), recorded
    output = json.loads(recorded.output)
    assert output["order"] == [20, "timer", 350, 700]
    assert output["texts"] == ["after 700 ms", "after 20 ms", "after 350 ms"]
    assert output["stream"] == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert output["echo"] == [200, f"{site.url}/echo/there", True, "POST", "caf\u00e9", "Bearer secret"]
    assert output["batch"] == [[524, "", "the request to site.test timed out"], [200, output["stream"], None]]
    assert output["refused"] == "TypeError: fetch failed: nowhere.invalid has no address that agents may reach"
    assert CONTEXT.block_time_ms + 700 <= output["time"]

    encoded = TRANSCRIPT.encode(recording.transcript)
    transcript, requests = read_transcript(encoded), len(site.seen)
    replaying = Replaying(transcript)
    again = Recording(replaying, CONTEXT)
    replayed = await pool.run(SCRIPT, input, LIMITS, replaying.context(None), again)
    replaying.finish()
    assert replayed == recorded  # output, gas and log
    assert transcript_root(again.transcript) == transcript_root(recording.transcript)
    assert len(site.seen) == requests

    for changed, error in (
        (SCRIPT.replace(b"[700, 20, 350]", b"[701, 20, 350]"), AskedDifferently),
        (SCRIPT.replace(b"let refused", b"await fetch(url); let refused"), AskedDifferently),
        (SCRIPT.replace(b"console.log(", b"await fetch(url); console.log("), AskedTooMuch),
        (SCRIPT.replace(b"let refused", b"throw 1"), AskedTooLittle),
    ):
        assert changed != SCRIPT
        replaying = Replaying(transcript)
        with pytest.raises(error):
            await pool.run(changed, input, LIMITS, CONTEXT, replaying)
            replaying.finish()
    entry = next(entry for entry in transcript.entries if entry.body == b"after 350 ms")
    entry.body = b"after 351 ms"
    forged = await pool.run(SCRIPT, input, LIMITS, CONTEXT, Replaying(transcript))
    assert isinstance(forged, Success) and json.loads(forged.output)["texts"][2] == "after 351 ms"
    assert transcript_root(transcript) != transcript_root(recording.transcript)
