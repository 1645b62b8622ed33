"""The gateway's own paths: the vault, the logs, and who may not see them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import trio

from offchain.cluster_records import GENERATION, KEY
from offchain.gateway.keys import COUNTS_FILE, KEY_FILE, Tickets, gateway_keys
from offchain.gateway.request_logs import MAX_LINES, RequestLog
from offchain.gateway.vault import DIRECTORY
from offchain.keys import ExposedKeyFile
from pallets.primitives.cluster import ClusterKey
from tests.offchain.gateway.stage import GENESIS, echo, said, staged

FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:1"},
    {"host": "evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


async def test_a_vault_gives_back_what_its_token_opens_and_survives_a_restart(tmp_path: Path) -> None:
    put = {"agent": "echo", "data": {"name": "värde", "list": [1, None]}}
    async with staged(echo, base_path=tmp_path) as stage, stage.client() as client:
        words = (await client.post("/vaults", json=put)).json()
    files = [tmp_path / KEY_FILE, *(tmp_path / DIRECTORY).iterdir()]
    assert len(files) == 2
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600
        assert words["token"] not in file.read_text() and "värde" not in file.read_text()
    path = f"/vaults/{words['key']}/{words['token']}"
    async with staged(echo, base_path=tmp_path) as stage, stage.client() as client:
        answer = await client.get(path)
        assert answer.json() == {"data": put["data"], "succeed": True}
        assert answer.headers["cache-control"] == "no-store" and "access-control-allow-origin" not in answer.headers
        assert (await client.get(f"/agents/echo/?key={words['key']}")).status_code == 200
        for wrong in (f"/vaults/{words['key']}/0000", f"/vaults/0000/{words['token']}"):
            assert (await client.get(wrong)).status_code == 401
        stage.chain.put(GENERATION, 2)
        stage.chain.put(KEY, ClusterKey(stage.cluster.seal_key, bytes(32), bytes(32), 0), 2)
        assert (await client.get(path)).json()["exposed"] is True
        assert (await client.delete(path)).json() == {"succeed": True}
        assert (await client.get(path)).status_code == 401
    assert not list((tmp_path / DIRECTORY).iterdir())


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"nonsense", 400),
        (b"[]", 400),
        (b'{"data": {}}', 400),
        (b'{"agent": "echo"}', 400),
        (b'{"agent": "echo", "data": 1}', 400),
        (b'{"agent": "echo", "cid": "x", "data": {}}', 400),
        (b'{"agent": "echo", "data": {}, "bind": "world"}', 400),
        (b'{"agent": "echo", "data": {"a": "' + b"x" * 70_000 + b'"}}', 400),
        (b'{"agent": "nobody", "data": {}}', 404),
        (b'{"cid": "local", "data": {}}', 404),
        (b"x" * ((1 << 20) + 1), 413),
    ],
)
async def test_what_is_no_secret_is_refused(content: bytes, status: int) -> None:
    async with staged() as stage, stage.client() as client:
        answer = await client.post("/vaults", content=content)
        assert answer.status_code == status and answer.json()["requestId"] == answer.headers["x-request-id"]


async def test_until_the_cluster_has_a_key_nothing_can_be_sealed() -> None:
    async with staged() as stage, stage.client() as client:
        stage.chain.put(KEY, None, 1)
        answer = await client.post("/vaults", json={"agent": "echo", "data": {}})
        assert (answer.status_code, answer.json()["error"]) == (503, "no-cluster-key")
        assert answer.headers["retry-after"] == "5"


async def test_pages_of_other_origins_see_neither_vault_nor_logs() -> None:
    async with staged(echo) as stage, stage.client() as client:
        words = (await client.post("/vaults", json={"agent": "echo", "data": {"a": 1}})).json()
        secret, logs = f"/vaults/{words['key']}/{words['token']}", "/logs/all/agents/echo"
        for headers in FOREIGN:
            for answer in (
                await client.get(secret, headers=headers),
                await client.delete(secret, headers=headers),
                await client.post("/vaults", json={"agent": "echo", "data": {}}, headers=headers),
                await client.get(logs, headers=headers),
                await client.get(logs + "?follow", headers=headers),
            ):
                assert answer.status_code == 403 and answer.json()["error"] == "not-from-here"
                assert "access-control-allow-origin" not in answer.headers
            assert (await client.get("/health", headers=headers)).status_code == 200
        assert (await client.options("/vaults", headers=FOREIGN[0])).status_code == 405
        own = {"origin": stage.url, "sec-fetch-site": "same-origin"}
        assert (await client.get(secret, headers=own)).json()["data"] == {"a": 1}


async def test_paths_and_methods_that_are_not_there() -> None:
    async with staged() as stage, stage.client() as client:
        for path in ("/nothing", "/vaults/a", "/logs/all/else/x", "/agents/echo/../../vaults", "/agent/echo"):
            answer = await client.get(httpx.URL(stage.url + path))
            assert answer.status_code in (404, 405), path
            assert answer.json()["message"] and answer.headers["content-type"] == "application/json"
        answer = await client.post("/health")
        assert answer.status_code == 405 and "GET" in answer.headers["allow"]
        assert (await client.get("/%3Cscript%3E")).headers["content-type"] == "application/json"


async def test_the_front_page_lists_agents_whatever_they_are_called() -> None:
    async with staged(echo) as stage, stage.client() as client:
        name = b'x"><script>alert(1)</script>'
        stage.deploy(1, name)
        page = await client.get("/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert '<a href="/agents/echo/">echo</a>' in page.text and "<script" not in page.text
        assert (
            '"/agents/x%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E/"' in page.text and "&lt;script&gt;" in page.text
        )
        for headers in ({}, {"accept": "application/json"}):
            assert (await client.get("/", headers=headers)).json() == (await client.get("/agents")).json()


async def test_logs_are_followed_as_they_come() -> None:
    async with staged(echo) as stage, stage.client() as client:
        followed = b""

        async def follow() -> None:
            nonlocal followed
            request = b"GET /logs/all/agents/0?follow HTTP/1.1\r\nhost: localhost\r\n\r\n"
            followed = await said(stage, request, until=b"END Request: 200")

        await client.get("/agents/echo/before")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            while not followed:
                await client.get("/agents/echo/one")
        head, _, lines = followed.decode().partition("\r\n\r\n")
        assert "content-type: text/plain" in head and "before" not in lines


async def test_a_log_is_bounded_and_shows_no_control_characters() -> None:
    log = RequestLog(lambda: 0.0)
    log.add("id", "INFO", ["\x1b[2J\u202eevil\n\x9b", "x" * 5000])
    lines = log.newest_first()
    assert lines[1] == "1970-01-01T00:00:00.000Z [id] [INFO] \\x1b[2J\\u202eevil\\x0a\\x9b\n" and len(lines[0]) < 1100
    for number in range(2 * MAX_LINES):
        log.add("id", "INFO", [f"{number} " + "y" * 500])
    lines = log.newest_first()
    assert sum(map(len, lines)) < 200_000 and f" {2 * MAX_LINES - 1} " in lines[0]


def test_tickets_are_counted_on_behind_a_crash(tmp_path: Path) -> None:
    entropy = bytes
    keys = gateway_keys(tmp_path, None, entropy)
    assert gateway_keys(tmp_path, None, lambda n: b"\1" * n).ticket == keys.ticket
    worker = bytes(32)

    def numbers(count: int, close: bool) -> list[int]:
        tickets = Tickets(GENESIS, keys.ticket, tmp_path)
        made = [tickets.make_out(0, bytes(32), worker, 0).ticket.nonce for _ in range(count)]
        if close:
            tickets.close()
        return made

    assert numbers(3, close=True) == [0, 1, 2] and numbers(2, close=False) == [3, 4]
    assert min(numbers(1, close=True)) > 4
    other_chain = Tickets(bytes(32), keys.ticket, tmp_path)
    assert other_chain.make_out(0, bytes(32), worker, 0).ticket.nonce == 0
    (tmp_path / COUNTS_FILE).chmod(0o644)
    with pytest.raises(ExposedKeyFile):
        Tickets(GENESIS, keys.ticket, tmp_path)
