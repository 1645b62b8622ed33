"""Contracts in a slot's process: as in this one, and no way to take the slot down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import trio

from offchain.sandbox import identity
from offchain.sandbox.base import PINNED_URL, Abstained, Answer, Ask, Limits, Success
from offchain.sandbox.identity import runtime_id
from offchain.sandbox.ink.pink import RESPONSE, HttpRequest
from offchain.sandbox.pool import open_pool
from offchain.serving.run_scope import RunScope
from offchain.serving.worlds import WayOut
from pallets.primitives.codec import codec_of
from pallets.primitives.contract import CONTRACT_INPUT, CallMessage, DeployMessage
from pallets.primitives.http import Headers
from tests.offchain.sandbox.ink.ledger import AGENT, CONTEXT, LIMITS, Ledger, output_of, world_of
from tests.offchain.sandbox.ink.vectors import code, metadata
from tests.offchain.sandbox.ink.wat import ENTRIES, answered, asking, wasm

Told = tuple[int, Headers, AsyncGenerator[bytes, None]]
CALL = CONTRACT_INPUT.encode(CallMessage(0, b""))


class World:
    def __init__(self, ledger: Ledger) -> None:
        self._run = world_of(ledger)

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        return self._run.turn(asks)


async def test_the_same_outcomes_as_in_this_process(ledger: Ledger, cache: Path) -> None:
    token = metadata("erc20-v5")
    ledger.install(code("erc20-v5"))
    deploy = CONTRACT_INPUT.encode(DeployMessage(0, token.constructor("new").encode([1000])))
    too_deep = wasm(f'(module (import "env" "memory" (memory 1 1)) {ENTRIES} (func $call (call $call)) (func $deploy))')
    endless = wasm(f"(module {ENTRIES} (func $call (loop (br 0))) (func $deploy))")
    async with open_pool(slots=1, waiting=0, cache=cache) as pool:
        pids = pool.pids
        there = await pool.run(code("erc20-v5"), deploy, LIMITS, CONTEXT, World(ledger))
        assert there == ledger.sandbox.run(code("erc20-v5"), deploy, LIMITS, CONTEXT, world_of(ledger).turn)
        assert isinstance(there, Success)
        ledger.stores[AGENT] = {b"m": b"deployed"}
        for program in (too_deep, b"\0asm", b"\0asm\1\0\0\0\xff"):
            there = await pool.run(program, CALL, LIMITS, CONTEXT, World(ledger))
            assert there == ledger.sandbox.run(program, CALL, LIMITS, CONTEXT, world_of(ledger).turn)
        patience = Limits(gas=1 << 62, wall_seconds=0.2, asks=9, ask_bytes=9999, answer_bytes=9999)
        assert isinstance(await pool.run(endless, CALL, patience, CONTEXT, World(ledger)), Abstained)
        assert isinstance(await pool.run(b"scriptOutput = 'still here'", b"", LIMITS, CONTEXT), Success)
        assert pool.pids == pids


def test_the_runtime_id_names_the_engine_of_contracts() -> None:
    sources = sorted(identity.CONTRACTS.glob("*.py"))
    assert {"module.py", "run.py", "seal.py", "pink.py"} <= {path.name for path in sources}
    named = f"contracts={identity._hash_of(sources)}"
    assert named.encode() in identity.RUNTIME_CONFIG and len(runtime_id()) == 32


async def test_pink_fetches_by_the_same_way_out_as_scripts(ledger: Ledger, cache: Path) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        head = await stream.receive_some()
        body = head.split(b"\r\n")[0] + b"|" + head.split(b"\r\n\r\n")[1]
        await stream.send_all(b"HTTP/1.1 201 Created\r\nx-a: 1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await stream.aclose()

    async def chain(method: str, target: str, _: Headers, body: bytes) -> Told:
        status, found = run.answer(method, "https://chain.fathom" + target, body)
        return status, [("content-length", str(len(found)))], parts(found)

    async def parts(body: bytes) -> AsyncGenerator[bytes, None]:
        yield body

    async with trio.open_nursery() as nursery, open_pool(slots=1, waiting=0, cache=cache) as pool:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/path?a=1"
        asked = HttpRequest(url, "POST", [("x-b", "2")], b"body")
        scope = RunScope(agent=AGENT, header=trio.sleep_forever)
        ledger.stores[AGENT] = {b"m": b"deployed"}
        for allowed in (True, False):
            run = world_of(ledger)
            way_out = WayOut(allow_private=allowed).within(lambda scope: {PINNED_URL: chain})
            program = asking(1, codec_of(HttpRequest).encode(asked))
            async with way_out.open(None, CONTEXT, scope) as world:
                outcome = await pool.run(program, CALL, LIMITS, CONTEXT, world)
            response = RESPONSE.decode(answered(output_of(outcome).data), 0)[0]
            if allowed:
                assert (response.status_code, response.reason_phrase) == (201, "Created")
                assert ("x-a", "1") in response.headers and response.body == b"POST /path?a=1 HTTP/1.1|body"
            else:
                assert (response.status_code, response.reason_phrase) == (523, "Unreachable")
        nursery.cancel_scope.cancel()
