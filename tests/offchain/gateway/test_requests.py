"""What callers of agents get: real sockets on both sides of the gateway, stub workers behind it."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest
import trio

from offchain.gateway.asked import RequestLimits
from offchain.gateway.cid import BLAKE2B_256, RAW, Cid, sha2_cids
from offchain.gateway.http_connection import ConnectionLimits
from offchain.gateway.messages import VOUCHER
from offchain.serving import wire
from offchain.serving.secret_box import open_secret
from pallets.primitives.http import HttpResponse, request_hash
from pallets.primitives.keys import Keypair, Scheme, verify_ed25519
from pallets.primitives.receipt import SignedVoucher, Voucher, ticket_bytes
from tests.offchain.gateway.stage import GENESIS, NOW_MS, PATIENCE, Say, StubWorker, echo, error_of, said, staged

LOGS = "/logs/all/agents/echo"


async def test_a_request_reaches_the_script_as_it_was_and_comes_back_with_a_receipt() -> None:
    body = bytes(range(256))
    async with staged(echo) as stage, stage.client() as client:
        url = "/agents/echo/a%20b/c?x=1&x=2&%6Bey2=&y"
        answer = await client.request("PATCH", url, content=body, headers=[(b"X-Mine", b"\xe9"), (b"TE", b"trailers")])
        seen = answer.json()
        assert (seen["method"], seen["path"], seen["query"]) == ("PATCH", "/a%20b/c", "x=1&x=2&%6Bey2=&y")
        assert bytes.fromhex(seen["body"]) == body and seen["host"] == f"127.0.0.1:{stage.port}"
        headers = dict(seen["headers"])
        assert headers["x-mine"] == "é" and headers["x-request-id"] == answer.headers["x-request-id"]
        assert not {"te", "connection", "content-length", "transfer-encoding"} & headers.keys()
        [worker] = stage.workers
        assert answer.headers["x-fathom-worker"] == f"0x{worker.keys.worker_key.hex()}"
        assert answer.headers["server-timing"] == "worker;dur=7"
        [receipt] = worker.files
        assert answer.headers["x-fathom-receipt"] == f"0x{receipt.hex()}"
        file = await client.get(f"/receipts/{answer.headers['x-fathom-receipt']}")
        assert file.json() == {"version": 1} and file.headers["content-type"] == "application/json"
        error_of(await client.get("/receipts/" + "00" * 32), 404, "unknown-receipt")
        error_of(await client.get("/receipts/nonsense"), 404, "unknown-receipt")


async def test_agents_are_found_by_number_name_and_cid_without_asking_the_chain() -> None:
    async with staged(echo) as stage, stage.client() as client:
        code = b"scriptOutput = 1"
        hash = stage.deploy(1, b"other", code)
        raw, unixfs = sha2_cids(code)
        paths = {"/agents/1": "/", "/agents/other/x": "/x"}
        for cid in (Cid(RAW, BLAKE2B_256, hash), raw, unixfs):
            paths[f"/ipfs/{cid.text}/x"] = f"/ipfs/{cid.text}/x"
        for path, seen in paths.items():
            answer = (await client.get(path)).json()
            assert (answer["agent"], answer["path"]) == (1, seen)
        assert [ask.code for ask in stage.workers[0].asks] == [None, None, hash, hash, hash]
        asked = stage.chain.questions
        for path in paths:
            await client.get(path)
        assert stage.chain.questions == asked
        listed = (await client.get("/agents")).json()["agents"]
        assert [(agent["id"], agent["name"]) for agent in listed] == [("0", "echo"), ("1", "other")]


async def test_what_was_deployed_a_moment_ago_answers_and_what_is_gone_does_not() -> None:
    async with staged(echo) as stage, stage.client() as client:
        stage.deploy(1, b"fresh", quietly=True)  # the caller knows the block before the gateway does
        assert (await client.get("/agents/fresh/")).json()["agent"] == 1
        error_of(await client.get("/agents/nobody/"), 404, "unknown-agent")
        error_of(await client.get("/agents/99999999999999999999999/"), 404, "unknown-agent")
        error_of(await client.get("/agents/%00%ff/"), 404, "unknown-agent")
        stage.deploy(1, b"fresh", code=b"x", paused=True)
        error_of(await client.get("/agents/1/"), 403, "agent-paused")
        stage.deploy(2, b"bare", approved=False)
        error_of(await client.get("/agents/bare/"), 404, "no-approved-code")
        error_of(await client.get("/ipfs/Qmnonsense"), 404, "unknown-code")
        error_of(await client.get(f"/ipfs/{Cid(RAW, BLAKE2B_256, bytes(32)).text}"), 404, "unknown-code")
        stage.chain.reachable = False
        assert (await client.get("/agents/echo/")).status_code == 200


async def test_methods() -> None:
    async with staged(echo) as stage, stage.client() as client:
        for method in ("GET", "POST", "PATCH", "PUT"):
            assert (await client.request(method, "/agents/echo/")).json()["method"] == method
        head = await client.head("/agents/echo/")
        assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) > 50
        for method in ("DELETE", "TRACE", "PROPFIND"):
            answer = await client.request(method, "/agents/echo/")
            error_of(answer, 405, "method-not-allowed")
            assert "PATCH" in answer.headers["allow"]
        asked = {"origin": "https://a.example", "access-control-request-headers": "x-mine, content-type"}
        preflight = await client.options("/agents/echo/", headers=asked)
        assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == "*"
        assert preflight.headers["access-control-allow-headers"] == "x-mine, content-type"
        assert "x-fathom-receipt" in (await client.get("/agents/echo/")).headers["access-control-expose-headers"]


async def test_limits_of_a_request() -> None:
    async def late(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        await trio.sleep_forever()

    limits = RequestLimits(max_body=1000, max_requests=1, body_seconds=0.2, answer_seconds=0.2)
    connections = ConnectionLimits(max_headers=4096)
    async with staged(late, limits=limits, connections=connections) as stage, stage.client() as client:
        error_of(await client.post("/agents/echo/", content=b"x" * 1001), 413, "body-too-large")

        async def chunks() -> Any:
            for _ in range(20):
                yield b"x" * 100

        error_of(await client.post("/agents/echo/", content=chunks()), 413, "body-too-large")
        assert stage.workers[0].asks == []

        async with trio.open_nursery() as nursery:
            first: list[httpx.Response] = []

            async def ask_first() -> None:
                first.append(await client.get("/agents/echo/"))

            nursery.start_soon(ask_first)
            with trio.fail_after(PATIENCE):
                while not stage.workers[0].asks:  # noqa: ASYNC110
                    await trio.sleep(0.001)
            async with stage.client() as other:
                busy = await other.get("/agents/echo/")
            error_of(busy, 503, "busy")
            assert busy.headers["retry-after"] == "1"
        error_of(first[0], 504, "time-out")
        await stage.workers[0].on_cancel.wait()

        for part in (b"", b"ab"):
            head = b"POST /agents/echo/ HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n"
            slow = await said(stage, head + part)
            assert slow.startswith(b"HTTP/1.1 408 ") and b'"error":"body-too-slow"' in slow
        lengths = b"content-length: 3\r\ntransfer-encoding: chunked\r\n"
        both = b"POST /agents/echo/ HTTP/1.1\r\nhost: x\r\n" + lengths + b"\r\n0\r\n\r\n"
        for request, status in (
            (b"GET /agents/echo/ HTTP/1.1\r\nhost: x\r\na: " + b"b" * 9000 + b"\r\n\r\n", b"431"),
            (b"nonsense\r\n\r\n", b"400"),
            (b"GET /agents/echo/ HTTP/1.1\r\n\r\n", b"400"),
            (both, b"400"),
        ):
            answer = await said(stage, request)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 " + status + b" ") and json.loads(body)["error"]
            assert f"x-request-id: {json.loads(body)['requestId']}".encode() in head


async def test_a_target_may_name_the_host() -> None:
    async with staged(echo) as stage:
        for target, seen in (
            (b"http://agents.example/agents/echo/a?b=1", {"path": "/a", "query": "b=1", "host": "agents.example"}),
            (b"HTTPS://x:1/agents/echo", {"path": "/", "query": "", "host": "x:1"}),
        ):
            answer = await said(stage, b"GET " + target + b" HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n")
            found = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert found.items() >= seen.items() and ["host", seen["host"]] in found["headers"]
        front = await said(stage, b"GET http://x?/agents/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert [agent["name"] for agent in json.loads(front.partition(b"\r\n\r\n")[2])["agents"]] == ["echo"]


async def test_an_answer_that_streams_flows_and_its_receipt_follows() -> None:
    go = trio.Event()

    async def stream(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        headers = [("content-type", "text/event-stream")]
        await say(wire.Head(ask.id, 200, headers))
        await say(wire.Chunk(ask.id, b"data: 1\n\n"))
        await go.wait()
        await trio.sleep(0.02)
        await say(wire.Chunk(ask.id, b"data: 2\n\n"))
        await say(worker.end(ask, HttpResponse(200, headers, b"data: 1\n\ndata: 2\n\n")))

    async with staged(stream) as stage, stage.client() as client:
        parts = []
        with trio.fail_after(PATIENCE):
            async with client.stream("GET", "/agents/echo/") as answer:
                async for part in answer.aiter_raw():
                    parts.append(part)
                    go.set()
        assert parts == [b"data: 1\n\n", b"data: 2\n\n"]
        later = answer.headers["x-fathom-receipt-at"]
        assert (await client.get(later)).json() == {"version": 1}
        raw = await said(stage, b"GET /agents/echo/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        receipt = list(stage.workers[0].files)[-1]
        assert raw.endswith(b"\r\n0\r\nx-fathom-receipt: 0x%s\r\n\r\n" % receipt.hex().encode())
        old = await said(stage, b"GET /agents/echo/ HTTP/1.0\r\n\r\n")
        assert old.endswith(b"\r\n\r\ndata: 1\n\ndata: 2\n\n")


async def test_a_large_answer_comes_in_one_piece_with_its_receipt() -> None:
    async def large(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        await worker.answer(ask, say, HttpResponse(200, [], b"x" * 3_000_000))

    async with staged(large) as stage, stage.client() as client:
        answer = await client.get("/agents/echo/")
        assert len(answer.content) == 3_000_000
        assert {"x-fathom-receipt", "x-fathom-receipt-at"} & answer.headers.keys()


async def test_a_caller_that_goes_away_ends_the_run() -> None:
    async def stream(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        if ask.request.path == "/stream":
            await say(wire.Head(ask.id, 200, [("content-type", "text/event-stream")]))
            await say(wire.Chunk(ask.id, b"data"))
        await trio.sleep_forever()

    async with staged(stream) as stage:
        worker = stage.workers[0]
        for path in ("/stream", "/silent"):
            worker.on_cancel = trio.Event()
            request = b"GET /agents/echo%s HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode()
            with trio.move_on_after(0.2):
                await said(stage, request, until=b"data")
            with trio.fail_after(PATIENCE):
                await worker.on_cancel.wait()
        assert worker.cancelled == [ask.id for ask in worker.asks]


async def test_another_worker_is_asked_as_long_as_nothing_has_come() -> None:
    async def dies(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        await worker.sockets[-1].aclose()

    async def busy(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        await say(wire.Refused(ask.id, 503, "worker-busy", "all slots are taken", None, True))

    async with staged(dies, busy, echo) as stage, stage.client() as client:
        for _ in range(3):
            assert (await client.post("/agents/echo/", content=b"once")).json()["body"] == b"once".hex()
        assert [len(worker.asks) > 0 for worker in stage.workers] == [True, True, True]
        stage.unseat(2)
        error_of(await client.get("/agents/echo/"), 503, "worker-busy")


async def test_a_worker_that_goes_away_in_the_middle_is_not_asked_for_twice() -> None:
    async def half(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        kind = "text/event-stream" if ask.request.path == "/stream" else "text/plain"
        await say(wire.Head(ask.id, 200, [("content-type", kind)]))
        await say(wire.Chunk(ask.id, b"half"))
        await trio.sleep(0.01)
        await worker.sockets[-1].aclose()

    async with staged(half) as stage, stage.client() as client:
        error_of(await client.get("/agents/echo/"), 503, "worker-gone")
        await stage.linked(1)
        raw = await said(stage, b"GET /agents/echo/stream HTTP/1.1\r\nhost: x\r\n\r\n")
        assert raw.endswith(b"\r\n4\r\nhalf\r\n")  # no last chunk: whoever reads knows that it isn't whole
        assert len(stage.workers[0].asks) == 2


async def test_without_workers_and_with_refusals_the_caller_is_told_why() -> None:
    async def refuse(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        await say(wire.Refused(ask.id, 402, "payment-required", "nobody pays for this request", None, False))

    async with staged(limits=RequestLimits(worker_seconds=0.05)) as stage, stage.client() as client:
        error_of(await client.get("/agents/echo/"), 503, "no-worker")
        assert (await client.get("/health")).status_code == 503
        await stage.add_worker(refuse)
        error_of(await client.get("/agents/echo/"), 402, "payment-required")
        log = (await client.get(LOGS)).text
        assert "[ERROR] nobody pays for this request" in log and "END Request: 402 payment-required" in log


async def test_what_is_only_final_a_moment_later_is_waited_for() -> None:
    async def behind(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        if len(worker.asks) < 3:
            await say(wire.Refused(ask.id, 404, "unknown-agent", "there is no agent 0", None, False))
        else:
            await echo(worker, ask, say)

    async with staged(behind) as stage, stage.client() as client:
        assert (await client.get("/agents/echo/")).status_code == 200


async def test_a_script_gets_at_nothing_of_the_origin_that_it_shares() -> None:
    async def hostile(worker: StubWorker, ask: wire.Ask, say: Say) -> None:
        headers = [
            ("Content-Type", "text/html"),
            ("Set-Cookie", "a=1; Path=/; Domain=example.com; HttpOnly"),
            ("X-Fathom-Receipt", "0xforged"),
            ("X-Request-Id", "forged"),
            ("Service-Worker-Allowed", "/"),
            ("Content-Length", "3"),
            ("Transfer-Encoding", "chunked"),
            ("Bad Name", "x"),
            ("X-Bad", "a\r\nx-injected: 1"),
            ("X-Wide", "\u4e2d"),
            ("X-Good", "yes"),
        ]
        await worker.answer(ask, say, HttpResponse(200, headers, b"<script></script>"))

    async with staged(hostile) as stage, stage.client() as client:
        answer = await client.get("/agents/echo/")
        assert answer.headers["content-security-policy"].startswith("sandbox ")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["set-cookie"] == "a=1; HttpOnly; Path=/agents/echo"
        assert answer.headers["x-good"] == "yes" and answer.content == b"<script></script>"
        assert answer.headers["x-fathom-receipt"].startswith("0x") and "forged" not in str(answer.headers)
        dropped = {"x-bad", "x-injected", "x-wide", "bad name", "service-worker-allowed", "transfer-encoding"}
        assert not dropped & answer.headers.keys()


async def test_tickets_and_vouchers() -> None:
    gateway = Keypair.from_suri("//Gateway", Scheme.ED25519)
    async with staged(echo, echo) as stage, stage.client() as client:
        await client.get("/agents/echo/")
        stage.deploy(0, b"echo", price=1)
        await client.get("/agents/echo/")
        stage.pays(0, bytes(32), gateway.public)
        for _ in range(4):
            await client.get("/agents/echo/")
        first, second = stage.workers
        tickets = [ask.ticket for ask in first.asks + second.asks if ask.ticket is not None]
        assert len(first.asks) == len(second.asks) == 3 and len(tickets) == 4
        for worker in stage.workers:
            paid = [ask for ask in worker.asks if ask.ticket is not None]
            for number, ask in enumerate(paid):
                assert ask.ticket is not None
                ticket = ask.ticket.ticket
                assert (ticket.agent, ticket.worker, ticket.nonce) == (0, worker.keys.worker_key, number)
                assert ticket.request_hash == request_hash(ask.request) and ticket.expiry > NOW_MS
                assert ask.ticket.gateway == gateway.public
                assert verify_ed25519(ask.ticket.signature, ticket_bytes(GENESIS, ticket), gateway.public)
        voucher = SignedVoucher(Voucher(bytes(32), 0, second.keys.worker_key, 3, 100, 9), bytes(64))
        for _ in range(2):
            await client.get("/agents/echo/", headers={"x-fathom-voucher": "0x" + VOUCHER.encode(voucher).hex()})
        assert [ask.voucher for ask in second.asks[-2:]] == [voucher, voucher] and len(first.asks) == 3
        assert second.asks[-1].ticket is None and "x-fathom-voucher" not in dict(second.asks[-1].request.headers)
        error_of(await client.get("/agents/echo/", headers={"x-fathom-voucher": "beef"}), 400, "bad-request")


async def test_a_secret_is_sent_sealed_and_its_key_is_written_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with staged(echo) as stage, stage.client() as client:
        code = stage.deploy(1, b"other")
        put = {"agent": "echo", "data": {"apiKey": "hunter2"}}
        words = (await client.post("/vaults", json=put)).json()
        assert words["succeed"] is True and len(words["key"]) == len(words["token"]) == 16
        answer = await client.get(f"/agents/echo/x?a=1&%6bey={words['key']}&b=2")
        assert answer.json()["query"] == "a=1&b=2"
        sealed = stage.workers[0].asks[-1].sealed
        assert sealed is not None and b"hunter2" not in sealed.box
        data = open_secret(sealed, stage.cluster.open, agent=0, code=bytes(32))
        assert json.loads(data) == {"apiKey": "hunter2"}
        error_of(await client.get(f"/agents/other/?key={words['key']}"), 401, "unknown-secret")
        error_of(await client.get("/agents/echo/?key=0000"), 401, "unknown-secret")
        for_code = (await client.post("/vaults", json={"agent": "other", "data": {}, "bind": "code"})).json()
        assert (await client.get(f"/agents/1/?key={for_code['key']}")).status_code == 200
        stage.deploy(1, b"other", code=b"changed")
        error_of(await client.get(f"/agents/1/?key={for_code['key']}"), 401, "unknown-secret")
        assert code != bytes(32)
        log = (await client.get(LOGS)).text
        assert "GET /x?a=1&b=2" in log and "[INFO] a script's line" in log
        assert log.splitlines()[0].endswith("ms") and "START" in log.splitlines()[-1]  # newest first
        written = log + "\n".join(
            record.getMessage() for record in caplog.records if record.name.startswith(("offchain", "node"))
        )
        for secret in (words["key"], words["token"], "hunter2"):
            assert secret not in written
