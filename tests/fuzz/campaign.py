"""Nonsense for one node, and what it has to answer: always, with the right code, on a connection that lives.

## Errors

`AssertionError`, with what was sent and what came back; a line of the node's log at ERROR is one, too.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any

from node.logs import LOG_FILTER
from node.rpc import dev, dev_trace, engine
from node.rpc.registry import Method, Registry
from node.rpc.serving.server import ALWAYS
from node.service import RunningNode
from tests.fuzz.nonsense import NOT_JSON, Nonsense, namespace, text_of
from tests.node.extrinsics import ALICE, BOB, UNIT, account, keypair, remark, signed, transfer
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient, connected, post
from tests.node.scratch import scratch_directory

OF_REQUESTS = {-32700, -32600, -32601, -32602}
POOL = {1001, 1002, *range(1010, 1020)}
OF_NAMESPACE: dict[str, set[int]] = {
    "account": {1},
    "archive": set(),
    "author": {*POOL, 1040, 4003},
    "chain": {4003},
    "chainHead": {-32800, -32801, -32802, -32803, -32804},
    "chainSpec": set(),
    "childstate": {4003},
    "dev": {1, 4003},
    "engine": {15000, 4003},
    "grandpa": {1, 4},
    "offchain": {5001},
    "payment": {1, 2},
    "rpc": set(),
    "state": {4001, 4002, 4003},
    "subscribe": set(),
    "system": {1, 2},
    "transaction": set(),
    "transactionWatch": set(),
    "unsubscribe": set(),
}
"""What a call may be refused with, beside -32602. -32603, a defect of ours, is in none."""
TOO_MUCH = {-32006, -32008}
"""Of subscriptions, and of an answer."""
LONGEST = 1000
"""Characters of an error: what was sent isn't sent back."""
STATES_KEPT = 4
BLOCKS = 12


class Campaign:
    """One node that is sent nonsense, over one connection after the other."""

    def __init__(self, node: RunningNode, seed: int) -> None:
        self.node, self.seed = node, seed
        registry = Registry()
        for module in (*ALWAYS, engine, dev, dev_trace):
            registry.add_module(module)
        self.methods = sorted(registry.methods.values(), key=lambda method: method.name)
        self.known = {*registry.names, "rpc_methods"}
        self.told: Counter[int] = Counter()
        """Answers, by the codes of errors; 0 are results."""
        self.followed = ""
        self._ids = count(1000)
        self.said_here = self._said_here()
        self._begin("")

    def _said_here(self) -> tuple[list[bytes], list[bytes], list[str]]:
        chain = self.node.chain
        blocks = [chain.hash_of(number) or b"" for number in range(chain.best.number + 1)]
        extrinsics = [
            signed(chain.genesis_hash, call, nonce) for nonce, call in enumerate([transfer(BOB, UNIT), remark(b"x")])
        ]
        words = [
            *sorted(self.known),
            "Core_version",
            "Metadata_metadata",
            "aura",
            "//Alice",
            "PERSISTENT",
            "LOCAL",
            "paused",
        ]
        words += [
            "0000000000000001",
            "0",
            "txpool=debug",
            keypair(ALICE).ss58_address,
            "0x" + account(BOB).hex(),
            "Manual",
        ]
        return blocks, extrinsics, words

    def _begin(self, method: str) -> None:
        """A new method leaves the others' nonsense as it was."""
        self.random = Random(f"{self.seed} {method}")
        self.nonsense = Nonsense(self.random, *self.said_here)

    async def run(self, rounds: int) -> None:
        """So many times each kind of nonsense, of each method where it is about one."""
        async with connected(self.node) as witness:
            assert set((await witness.call("rpc_methods"))["methods"]) == self.known
            for method in self.methods:  # first, while nothing else may change anything
                self._begin(method.name)
                for _ in range(rounds):
                    await self._malformed(witness, method)
            for method in self.methods:
                self._begin(f"{method.name} again")
                async with connected(self.node) as rpc, connected(self.node) as other:
                    if namespace(method.name) == "chainHead":  # there is a follow for it to be about
                        self.followed = await rpc.call("chainHead_v1_follow", True)
                    for _ in range(rounds):
                        await self._strange(rpc, method)
                        await self._documents(rpc)
                        await self._garbled(other, method)
                    await self._over_http(method)
                    await self._lives(rpc)
                    await self._lives(other)
                await self._lives(witness)
            await self._no_json(witness)
            await self._lives(witness)

    async def _malformed(self, rpc: RpcClient, method: Method) -> None:
        """Malformed parameters are invalid ones, and change nothing."""
        before = self._traces()
        request = self._request(method, self.nonsense.malformed(method))
        reply = await self._ask(rpc, request)
        self._check(request, reply)
        assert "error" in reply, (request, reply)
        by_itself = {1} if namespace(method.name) == "dev" else set()  # for what a cheat makes of its own parameters
        assert reply["error"]["code"] in {-32602} | by_itself, (request, reply)
        changed = [(old, new) for old, new in zip(before, self._traces(), strict=True) if old != new]
        assert not changed, (request, changed)

    async def _strange(self, rpc: RpcClient, method: Method) -> None:
        """Parameters that mean nothing are answered, or refused with a code of the namespace."""
        params = self.nonsense.strange(method)
        if namespace(method.name) == "chainHead" and isinstance(params, list) and self.random.random() < 0.8:
            params[0] = self.followed
        request = self._request(method, params)
        self._check(request, await self._ask(rpc, request))

    async def _over_http(self, method: Method) -> None:
        """The same where there is no connection to speak of."""
        for made in (self.nonsense.malformed(method), self.nonsense.strange(method)):
            request = self._request(method, made)
            answer = await post(self.node, text_of(request).encode())
            assert answer.status == 200, (request, answer)
            reply = json.loads(answer.body)
            if method.notification is not None or method.of_session:
                assert reply["error"]["code"] in {-32601, -32602}, (request, reply)
            else:
                self._check(request, reply)

    async def _documents(self, rpc: RpcClient) -> None:
        """Any JSON at all, alone and in batches, over both transports."""
        made = self.nonsense.document()
        if self.random.random() < 0.3:
            made = [
                *(self.nonsense.document(1) for _ in range(self.random.randrange(4))),
                {"id": 1, "method": "system_chain"},
            ]
        is_batch = isinstance(made, list) and bool(made)
        due = [each for each in (made if is_batch else [made]) if _is_answered(each)]
        if self.random.random() < 0.3:
            answer = await post(self.node, text_of(made).encode())
            assert answer.status == (200 if due else 204), (made, answer)
            found = json.loads(answer.body) if due else []
        else:
            await rpc.socket.send(text_of(made))
            found = await _reply(rpc) if due else []
        replies = found if is_batch or not due else [found]
        assert len(replies) == len(due), (made, replies)
        for request, reply in zip(due, replies, strict=True):
            self._check(request, reply)

    async def _garbled(self, rpc: RpcClient, method: Method) -> None:
        """A request with a few wrong characters never hurts the next; its own reply may come late."""
        text = self.nonsense.garbled({"jsonrpc": "2.0", "id": 1, "method": method.name, "params": [["0x00"], None]})
        await rpc.socket.send(text)
        last = next(self._ids)
        await rpc.socket.send(json.dumps({"id": last, "method": "system_chain"}))
        while (reply := await _reply(rpc)).get("id") != last:
            assert reply.get("error", {"code": -32700})["code"] in OF_REQUESTS | _codes(method.name), (text, reply)

    async def _no_json(self, rpc: RpcClient) -> None:
        """What is no JSON is a parse error, as text and as bytes, and over HTTP."""
        sent: list[str | bytes] = [*NOT_JSON, *(text.encode() for text in NOT_JSON)]
        sent += [b"\xff" + self.random.randbytes(self.random.randrange(50)) for _ in range(50)]
        for each in sent:
            await rpc.socket.send(each)
            assert (await _reply(rpc))["error"]["code"] == -32700, each[:80]
            if isinstance(each, bytes):
                answer = await post(self.node, each)
                assert (answer.status, json.loads(answer.body)["error"]["code"]) == (200, -32700), each[:80]

    async def _lives(self, rpc: RpcClient) -> None:
        """A good call is answered as ever."""
        reply = await self._ask(rpc, {"jsonrpc": "2.0", "id": next(self._ids), "method": "system_chain"})
        assert reply["result"] == self.node.spec.name

    def _request(self, method: Method, params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method.name, "params": params}

    async def _ask(self, rpc: RpcClient, request: dict[str, Any]) -> Any:
        """The reply to a request; what comes before is notifications, and late replies."""
        await rpc.socket.send(text_of(request))
        while (reply := await _reply(rpc)).get("id") != request["id"]:
            pass
        return reply

    def _check(self, request: Any, reply: Any) -> None:
        """Checks the form of a reply, and that its code is one for this request."""
        assert reply["jsonrpc"] == "2.0", (request, reply)
        assert len(reply) == 3, (request, reply)
        error = reply.get("error")
        self.told[0 if error is None else error["code"]] += 1
        wrong = _wrong_in(request)
        if wrong is not None:
            assert error is not None, (request, reply)
            assert error["code"] == wrong, (request, reply)
            return
        assert reply["id"] == request["id"], (request, reply)
        if request["method"] not in self.known:
            assert error is not None, (request, reply)
            assert error["code"] == -32601, (request, reply)
        elif error is not None:
            assert set(error) <= {"code", "message", "data"}, (request, reply)
            assert error["code"] in {-32601, -32602} | TOO_MUCH | _codes(request["method"]), (request, reply)
            assert "Traceback" not in str(error), (request, reply)
            assert len(str(error)) < LONGEST, (request, reply)

    def _traces(self) -> tuple[Any, ...]:
        """What a call would leave behind in the node."""
        node = self.node
        assert node.snapshots is not None
        pool = tuple(tx.data for tx in node.transactions.pool.transactions())
        keys = node.keystore.path
        files = sorted(path.name for path in keys.iterdir()) if keys is not None and keys.is_dir() else []
        kept = list(node.chain.db.items_from("meta"))
        return (
            node.chain.best,
            pool,
            len(node.snapshots.list()),
            files,
            node.producer.sealing,
            node.finalizer.delay,
            kept,
        )


async def _reply(rpc: RpcClient) -> Any:
    """The next message that isn't a notification."""
    while True:
        reply = await rpc.receive()
        if isinstance(reply, list) or "method" not in reply:
            return reply


def _codes(method: str) -> set[int]:
    return OF_NAMESPACE.get(namespace(method), set())


def _wrong_in(request: Any) -> int | None:
    """The code for what is no request, `None` where it is one."""
    if not isinstance(request, dict):
        return -32600
    given = request.get("id")
    is_id = given is None or isinstance(given, str) or (isinstance(given, int) and not isinstance(given, bool))
    too_long = isinstance(given, int) and given >= 1 << 64
    return None if is_id and not too_long and isinstance(request.get("method"), str) else -32600


def _is_answered(request: Any) -> bool:
    return _wrong_in(request) is not None or "id" in request


class Errors(logging.Handler):
    """What is logged at ERROR: a defect of the node's."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def no_errors() -> Iterator[None]:
    """Raises at the end of the block where the node has logged an error meanwhile."""
    errors, logger = Errors(), logging.getLogger("node")
    logger.addHandler(errors)
    try:
        yield
        assert not errors.lines, "\n".join(errors.lines)
    finally:
        logger.removeHandler(errors)
        LOG_FILTER.reset()


async def campaign(seed: int, rounds: int) -> Counter[int]:
    """Nonsense for a new node that keeps a few states of a few blocks; the answers by their codes."""
    with scratch_directory() as directory, no_errors():
        async with running_node(directory, sealing="manual", state_pruning=STATES_KEPT) as node:
            async with connected(node) as rpc:
                for _ in range(BLOCKS):
                    await rpc.call("engine_createBlock", True, True)
                await rpc.call("engine_createBlock", True, False)
            found = Campaign(node, seed)
            await found.run(rounds)
    return found.told
