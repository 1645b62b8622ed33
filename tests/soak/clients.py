"""Who listens to the node while it is soaked: those that read, those that stop, and who gives them news to read.

Each transfer is sealed at once, so that every reader has news of it, and how long that took is measured from the
transfer's sending. Those that stop subscribe to everything, ask for much, and read nothing more; the node cuts them off
when they have taken nothing for its stall timeout, and they come again.
"""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import trio

from node.signing import sign_call
from node.web import WebSocket, connect_websocket
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.keys import dev_keypair
from pallets.primitives.ss58 import encode
from pallets.runtime import DevRuntime
from tests.node.web.serving import UPGRADE, frame, read_until
from tests.soak.measured import Window

ALICE, BOB = dev_keypair("Alice"), dev_keypair("Bob")
PERIOD = 0.5
"""Seconds from one transfer to the next."""
WATCHED = 5
"""Each so manieth transfer is watched until it is final."""
READS_FOR, STOPS_FOR = 5.0, 40.0
"""Seconds that one who stops reads, and doesn't, before it comes again; the node's stall timeout is shorter."""
RECEIVE_BUFFER = 4096
METADATA = 64
"""Calls, of which each is answered with about 300 KiB: more than the buffers between us and the node's own take."""

RUNTIME = DevRuntime(Overlay(DictBackend()))
NUMBER_KEY = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"
"""Of `System.Number`, which every block changes."""
KINDS: tuple[tuple[str, list[Any]], ...] = (
    ("chain_subscribeNewHeads", []),
    ("state_subscribeStorage", [[NUMBER_KEY]]),
    ("chainHead_v1_follow", [True]),
    ("chain_subscribeFinalizedHeads", []),
    ("chain_subscribeAllHeads", []),
)
EVERYTHING = (*KINDS, ("state_subscribeStorage", []), ("state_subscribeRuntimeVersion", []))


class Soak:
    """The clients of one node, and what they have been told so far."""

    def __init__(self, url: str, port: int, genesis: bytes) -> None:
        self.url, self.port, self.genesis = url, port, genesis
        self.window: Window | None = None
        """Where what is measured goes; nothing is measured without."""
        self.news: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self._sent = trio.current_time()

    async def send(self) -> None:
        """Transfers to and fro, for ever."""
        async with connect_websocket(self.url) as client:
            ids = count()
            for nonce, payer, payee in self._turns(await _nonces(client)):
                call = RUNTIME.call("Balances", "transfer_keep_alive", dest=payee.account_id, value=1)
                extrinsic = f"0x{sign_call(RUNTIME, call, payer, nonce, self.genesis).hex()}"
                watched = next(ids) % WATCHED == 0
                self._sent = trio.current_time()
                await client.send(
                    _request("author_submitAndWatchExtrinsic" if watched else "author_submitExtrinsic", [extrinsic])
                )
                reply = json.loads(await _next(client))
                if "error" in reply:
                    raise AssertionError(f"a transfer was refused: {reply['error']}")
                while watched and "finalized" not in str((await _news(client))["result"]):
                    pass
                self.counts["transfers"] += 1
                await trio.sleep_until(self._sent + PERIOD)

    def _turns(self, nonces: list[int]) -> Iterator[tuple[int, Any, Any]]:
        for further in count():
            yield nonces[0] + further, ALICE, BOB
            yield nonces[1] + further, BOB, ALICE

    async def read(self, number: int) -> None:
        """One that reads, for ever; its news is measured where it comes of the transfer itself."""
        method, params = KINDS[number % len(KINDS)]
        async with connect_websocket(self.url) as client:
            await client.send(_request(method, params))
            identifier = json.loads(await _next(client))["result"]
            final: list[str] = []
            while True:
                news = (await _news(client))["result"]
                took = trio.current_time() - self._sent
                self.news[method] += 1
                if method == "chainHead_v1_follow":
                    if news["event"] == "stop":
                        raise AssertionError("a follower that reads was stopped")
                    if "finalizedBlockHashes" in news:
                        final += news["finalizedBlockHashes"]
                        hashes = [*news.get("prunedBlockHashes", ()), *final[:-1]]
                        del final[:-1]
                        if hashes:
                            await client.send(_request("chainHead_v1_unpin", [identifier, hashes]))
                    if news["event"] != "bestBlockChanged":
                        continue
                if method != "chain_subscribeFinalizedHeads" and self.window is not None:
                    self.window.told.append(took)

    async def stop_reading(self) -> None:
        """One that stops reading, is cut off, and comes again, for ever."""
        while True:
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                await stream.send_all(UPGRADE)
                await read_until(stream, b"\r\n\r\n")
                for method, params in EVERYTHING:
                    await stream.send_all(frame(_request(method, params).encode()))
                with trio.move_on_after(READS_FOR):
                    while await stream.receive_some():
                        pass
                    raise AssertionError("one that reads was cut off")
                for _ in range(METADATA):
                    await stream.send_all(frame(_request("state_getMetadata", []).encode()))
                await trio.sleep(STOPS_FOR)
                self.counts["cut_off"] += await _is_cut_off(stream)
                self.counts["stops"] += 1


async def _is_cut_off(stream: trio.SocketStream) -> bool:
    """Whether the node has hung up: what it had sent before can still be read."""
    try:
        with trio.fail_after(5):
            while await stream.receive_some():
                pass
    except trio.TooSlowError:
        return False
    except trio.BrokenResourceError:
        pass
    return True


async def _nonces(client: WebSocket) -> list[int]:
    nonces = []
    for each in (ALICE, BOB):
        await client.send(_request("system_accountNextIndex", [encode(each.account_id)]))
        nonces.append(int(json.loads(await _next(client))["result"]))
    return nonces


async def _next(client: WebSocket) -> Any:
    message = await client.receive()
    if message is None:
        raise AssertionError(f"one that reads was cut off: {client.closed}")
    return message


async def _news(client: WebSocket) -> Any:
    """What the next notification holds; replies that come in between are no news."""
    while True:
        message = json.loads(await _next(client))
        if "params" in message:
            return message["params"]


def _request(method: str, params: list[Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
