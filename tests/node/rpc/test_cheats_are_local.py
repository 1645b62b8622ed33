"""`dev_*` answers programs and pages of this machine, whoever else may use the port."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Any

import pytest
import trio
from trio.testing import MockClock
from websockets.sync.client import connect

from node.config import KNOWN_EXPLORERS
from node.rpc.errors import METHOD_NOT_FOUND
from node.service import RunningNode
from tests.node.nodes import running_node
from tests.node.rpc.client import JSON, PATIENCE, post
from tests.node.scratch import scratch_directory

EXPLORERS = KNOWN_EXPLORERS
LOCAL: tuple[dict[str, str], ...] = (
    {},
    {"Host": "localhost:9944"},
    {"Host": "127.0.0.1"},
    {"Host": "[::1]:9944"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://127.0.0.1"},
)
STRANGE = (
    *({"Origin": origin} for origin in EXPLORERS),
    {"Host": "node.example:9944"},
    {"Host": "192.168.1.7"},
    {"Host": "localhost.evil.example"},
    {"Host": "localhost:9944", "Origin": "https://evil.example"},
    {"Host": "node.example", "Origin": "http://localhost"},
)
CALLS: tuple[tuple[str, list[Any]], ...] = (("dev_snapshot", []), ("dev_revert", [1]), ("dev_listSnapshots", []))


def body(method: str, params: list[Any], id: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def by_http(port: int, headers: dict[str, str], message: Any) -> Any:
    """One request with exactly these headers, written out."""
    data = json.dumps(message).encode()
    given = {"Host": f"127.0.0.1:{port}", **headers, "Content-Length": str(len(data)), "Connection": "close"}
    head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items()) + "\r\n"
    with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)) as peer:
        peer.sendall(head.encode() + data)
        with peer.makefile("rb") as answer:
            return json.loads(answer.read().partition(b"\r\n\r\n")[2])


def by_websocket(port: int, headers: dict[str, str], message: Any) -> Any:
    peer = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    host, origin = headers.get("Host", f"127.0.0.1:{port}"), headers.get("Origin")
    with connect(f"ws://{host}/", sock=peer, origin=origin) as link:  # type: ignore[arg-type]
        link.send(json.dumps(message))
        return json.loads(link.recv(timeout=PATIENCE))


@pytest.fixture
def clock() -> MockClock:
    """Trio's virtual clock, which doesn't jump here: who asks is a thread, and slow on a busy machine."""
    return MockClock(rate=1.0)


@pytest.mark.parametrize("send", [by_http, by_websocket])
async def test_by_host_and_origin(clock: MockClock, send: Any) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", rpc_external=True) as node:
            for headers in LOCAL:
                for method, params in CALLS:
                    reply = await ask(send, node, headers, body(method, params))
                    assert "error" not in reply, (headers, reply)
            taken = len(LOCAL)
            for headers in STRANGE:
                for method, params in CALLS:
                    reply = await ask(send, node, headers, body(method, params))
                    assert reply["error"] == {
                        "code": METHOD_NOT_FOUND,
                        "message": f"{method} is only for programs and pages of this machine",
                    }, headers
                batch = [body("dev_snapshot", []), body("chain_getBlockHash", [], 2)]
                first, second = await ask(send, node, headers, batch)
                assert first["error"]["code"] == METHOD_NOT_FOUND
                assert second["result"] == f"0x{node.chain.best.hash.hex()}"
            assert node.snapshots is not None
            assert len(node.snapshots.list()) == taken


async def ask(send: Any, node: RunningNode, headers: dict[str, str], message: Any) -> Any:
    return await trio.to_thread.run_sync(send, node.rpc_port, headers, message)


async def test_the_explorers_pages_may_use_all_else(clock: MockClock, node: RunningNode) -> None:
    listed = json.loads((await post(node, body("rpc_methods", []))).body)["result"]["methods"]
    for origin in EXPLORERS:
        response = await post(node, body("dev_snapshot", []), (*JSON, ("origin", origin)))
        assert (response.status, json.loads(response.body)["error"]["code"]) == (200, METHOD_NOT_FOUND)
        assert response.header("access-control-allow-origin") == origin
        names = [name for name in listed if name.startswith("dev_") and name != "dev_getBlockStats"]
        assert {"dev_setStorage", "dev_impersonate", "dev_dryRun"} <= set(names)
        for name in names:
            response = await post(node, body(name, []), (*JSON, ("origin", origin)))
            refusal = json.loads(response.body)["error"]["message"]
            assert refusal in ("Invalid params", f"{name} is only for programs and pages of this machine")
        assert not node.chain.best.number
    for origin in EXPLORERS:
        response = await post(node, body("engine_createBlock", [True, False]), (*JSON, ("origin", origin)))
        assert "error" not in json.loads(response.body)
    assert node.snapshots is not None
    assert not node.snapshots.list()
