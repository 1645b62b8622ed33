"""Fetches from a real server: what is sent, redirects, bodies, and who is let out at all."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import trio.testing

from offchain.outside.network import Network
from offchain.outside.policy import FetchLimits, Reach
from offchain.outside.world import open_world
from pallets.primitives.http import Headers
from tests.offchain.outside.servers import Hostile, Site
from tests.offchain.outside.worlds import Failed, Names, Run

NEAR = Reach(allow_private=True)


async def test_a_request_is_sent_as_asked_and_the_connection_stays_ours(site: Site, network: Network) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        forged = [
            ["Host", "other.test"],
            ["Content-Length", "1"],
            ["Connection", "close"],
            ["Proxy-Authorization", "x"],
        ]
        fetched = await run.fetch(
            f"{site.url}/echo/a%20b?q=1&r=é#part",
            method="PUT",
            headers=[["X-Own", " 1 "], ["Authorization", "Bearer t"], *forged],
            body=b"hello",
        )
        again = await run.fetch(f"{site.url}/redirect/302?to=/echo")
    told = fetched.json
    assert (fetched.status, fetched.redirected, fetched.url) == (200, False, f"{site.url}/echo/a%20b?q=1&r=%C3%A9")
    assert (told["method"], told["path"], told["query"], told["body"]) == ("PUT", "/echo/a b", "q=1&r=%C3%A9", "hello")
    assert told["headers"] == {
        "host": f"site.test:{site.port}",
        "content-length": "5",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "user-agent": "fathom",
        "x-own": "1",
        "authorization": "Bearer t",
    }
    assert again.status == 200 and len(site.connections) == 1  # one connection for all three


async def test_a_run_has_connections_of_its_own(site: Site, network: Network) -> None:
    for _ in range(2):
        async with open_world(network, NEAR, start_ms=0) as world:
            await Run(world).fetch(f"{site.url}/echo")
    assert len(site.connections) == 2


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (302, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ],
)
async def test_redirects_rewrite_methods_as_the_standard_has_it(
    site: Site, network: Network, status: int, method: str, then: str
) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        fetched = await Run(world).fetch(
            f"{site.url}/redirect/{status}?to=../echo",
            method=method,
            body=b"data",
            headers=[["content-type", "text/plain"], ["authorization", "Bearer t"], ["cookie", "a=1"]],
        )
    told = fetched.json
    assert fetched.redirected and fetched.url == f"{site.url}/echo"
    kept = then == method
    assert (told["method"], told["body"]) == (then, "data" if kept else "")
    assert ("content-type" in told["headers"], "content-length" in told["headers"]) == (kept, kept)
    assert told["headers"]["authorization"] == "Bearer t" and told["headers"]["cookie"] == "a=1"  # the same origin


async def test_credentials_stay_with_their_origin(site: Site, network: Network) -> None:
    secrets = [["authorization", "Bearer t"], ["cookie", "a=1"], ["x-api-key", "k"], ["x-own", "1"]]
    async with open_world(network, NEAR, start_ms=0) as world:
        there = f"http://other.test:{site.port}/redirect/307?to={site.url}/echo"
        fetched = await Run(world).fetch(there, headers=secrets)
    assert set(fetched.json["headers"]) & {name for name, _ in secrets} == {"x-own"}


async def test_redirects_are_followed_only_as_the_script_says(site: Site, network: Network) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        manual = await run.fetch(f"{site.url}/redirect/302?to=/echo", redirect="manual")
        assert (manual.status, manual.headers["location"], manual.redirected) == (302, "/echo", False)
        with pytest.raises(Failed) as refused:
            await run.fetch(f"{site.url}/redirect/302?to=/echo", redirect="error")
        assert refused.value.reason == "redirect-refused"
        assert "/echo" not in site.seen
        with pytest.raises(Failed) as refused:
            await run.fetch(f"{site.url}/loop")
        assert refused.value.reason == "redirect-refused"
        assert site.seen.count("/loop") == 21


async def test_a_runs_own_hosts_answer_it_and_no_servers_redirect(site: Site, network: Network) -> None:
    asked: list[str] = []

    async def answer(
        method: str, target: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        async def parts() -> AsyncGenerator[bytes, None]:
            yield b"ours"

        asked.append(f"{method} {target}")
        return 200, [], parts()

    only = Reach(hosts=("site.test",), allow_private=True)  # a list that says nothing of it
    async with open_world(network, only, start_ms=0, own={"https://chain.fathom/": answer}) as world:
        run = Run(world)
        assert (await run.fetch("https://chain.fathom/run")).body == b"ours" and asked == ["GET /run"]
        for status in (302, 307):
            with pytest.raises(Failed) as refused:
                await run.fetch(f"{site.url}/redirect/{status}?to=https://chain.fathom/pay", method="POST", body=b"{}")
            assert refused.value.reason == "redirect-refused"
        for other in ("http://chain.fathom/run", "https://chain.fathom:8443/run", "https://a.chain.fathom/run"):
            with pytest.raises(Failed) as refused:
                await run.fetch(other)
            assert refused.value.reason == "host-not-allowed"
    assert asked == ["GET /run"]


@pytest.mark.parametrize("form", ["gzip", "members", "zlib", "raw"])
async def test_bodies_are_decompressed(site: Site, network: Network, form: str) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        fetched = await Run(world).fetch(f"{site.url}/packed/{form}")
    assert fetched.body == b"compressible " * 20_000


async def test_a_short_body_comes_with_its_head_and_a_stream_as_it_is_read(site: Site, network: Network) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        assert (await run.fetch(f"{site.url}/echo")).reads == 0
        streamed = await run.fetch(f"{site.url}/streamed")
        assert streamed.reads >= 2 and streamed.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        empty = await run.fetch(f"{site.url}/status/204")
        assert (empty.status, empty.body, empty.reads) == (204, b"", 0)
        head = await run.fetch(f"{site.url}/late/0", method="HEAD")
        assert (head.headers["content-length"], head.body) == ("10", b"")


async def test_a_server_waits_for_the_reader_and_a_cancelled_body_is_closed(site: Site, network: Network) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        stream = (await run.head(f"{site.url}/endless"))["stream"]
        assert await run.read(stream)
        await trio.testing.wait_all_tasks_blocked(0.05)
        full = site.sent
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert site.sent == full  # what the sockets hold, no more
        assert await run.answered(run.ask("cancel", {"stream": stream})) == ({}, b"")
        with pytest.raises(Failed) as gone:
            await run.read(stream)
        assert gone.value.reason == "aborted"
        with pytest.raises(Failed) as unknown:
            await run.read(99)
        assert unknown.value.reason == "no-such-stream"


async def test_a_fetch_is_cancelled_before_its_head(network: Network, hostile: Hostile) -> None:
    async with open_world(network, NEAR, start_ms=0) as world:
        run = Run(world)
        fetch = run.fetch_ask(hostile.url("silent"))
        assert (await world.turn([fetch, run.ask("cancel", {"fetch": fetch.id})])).id == 1
        gone = await world.turn([])
        assert (gone.id, gone.ok, json.loads(gone.head)["reason"]) == (0, False, "aborted")
        with pytest.raises(Failed) as unknown:
            await run.answered(run.ask("cancel", {"fetch": 99}))
        assert unknown.value.reason == "no-such-stream"


async def test_only_hosts_of_the_list_are_reached_redirects_included(site: Site) -> None:
    names = Names()
    reach = Reach(hosts=("Site.test", "*.deep.test"), allow_private=True)
    async with open_world(Network(names, ssl.create_default_context()), reach, start_ms=0) as world:
        run = Run(world)
        assert (await run.fetch(f"{site.url}/echo")).status == 200
        assert (await run.fetch(f"http://SITE.test.:{site.port}/echo")).status == 200
        assert (await run.fetch(f"http://a.b.deep.test:{site.port}/echo")).status == 200
        for host in ("deep.test", "other.test", "xsite.test", "site.test.evil.test", "xdeep.test", "127.0.0.1"):
            for url in (
                f"http://{host}:{site.port}/echo",
                f"{site.url}/redirect/307?to=http://{host}:{site.port}/echo",
            ):
                with pytest.raises(Failed) as refused:
                    await run.fetch(url)
                assert refused.value.reason == "host-not-allowed"
    assert set(names.asked) == {
        "site.test",
        "a.b.deep.test",
    }  # names aren't even resolved: that would tell the resolver


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0", "0"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
        *("[2002:7f00:1::]", "[fe80::1]", "10.0.0.1", "169.254.169.254", "nowhere.invalid", "inside.example"),
    ],
)
async def test_nothing_private_is_reached_nor_told_apart_from_what_is_not_there(hostile: Hostile, host: str) -> None:
    network = Network(Names(inside_example=[["10.1.2.3", "fd00::1"]]), ssl.create_default_context())

    async def redirecting(
        method: str, path: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        return 302, [("location", f"http://{host}:{hostile.port}/endless")], nothing()

    async def nothing() -> AsyncGenerator[bytes, None]:
        return
        yield

    async with open_world(network, Reach(), start_ms=0, virtual={"https://start.example/": redirecting}) as world:
        run = Run(world)
        for url in (f"http://{host}:{hostile.port}/endless", "https://start.example/"):
            with pytest.raises(Failed) as refused:
                await run.fetch(url)
            assert refused.value.reason == "no-address"
            assert refused.value.text == f"{host.strip('[]')} has no address that agents may reach"
    assert hostile.reached == []


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        ("ftp://site.test/", {}, "invalid-request"),
        ("file:///etc/passwd", {}, "invalid-request"),
        ("/relative", {}, "invalid-request"),
        ("http://user:pass@site.test/", {}, "invalid-request"),
        ("http://site.test\\@evil.test/", {}, "invalid-request"),
        ("http://exämple.test/", {}, "invalid-request"),
        ("http://[::1/", {}, "invalid-request"),
        ("http://site.test:99999/", {}, "invalid-request"),
        ("http://site.test:25/", {}, "port-not-allowed"),
        ("http://site.test:22/", {}, "port-not-allowed"),
        ("http://site.test:6667/", {}, "port-not-allowed"),
        ("http://site.test/", {"method": "CONNECT"}, "invalid-request"),
        ("http://site.test/", {"method": "GET / HTTP/1.1\r\nx:"}, "invalid-request"),
        ("http://site.test/", {"body": b"of a GET"}, "invalid-request"),
        ("http://site.test/", {"headers": [["x", "a\r\nhost: evil"]]}, "invalid-request"),
        ("http://site.test/", {"headers": [["x y", "a"]]}, "invalid-request"),
        ("http://site.test/", {"headers": [["x", "\u20ac"]]}, "invalid-request"),
        ("http://site.test/", {"headers": {"x": "a"}}, "invalid-request"),
        ("http://site.test/", {"headers": [["x", "a" * 40_000]]}, "too-large"),
        ("http://site.test/", {"method": "POST", "body": bytes(3 << 20)}, "too-large"),
        ("http://site.test/", {"redirect": "sometimes"}, "invalid-request"),
        ("http://site.test/", {"timeout_ms": "soon"}, "invalid-request"),
    ],
)
async def test_what_http_has_no_form_for_is_refused(url: str, options: dict[str, Any], reason: str) -> None:
    names = Names()
    async with open_world(Network(names, ssl.create_default_context()), NEAR, start_ms=0) as world:
        with pytest.raises(Failed) as refused:
            await Run(world).fetch(url, **options)
    assert refused.value.reason == reason
    assert names.asked == []


async def test_a_virtual_host_answers_in_this_process_and_is_bounded_like_others(network: Network) -> None:
    asked: list[tuple[str, str, Headers, bytes]] = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield b"first "
        yield b"second"

    async def answer(
        method: str, path: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        asked.append((method, path, headers, body))
        return 200, [("content-type", "text/event-stream")], chunks()

    virtual = {"https://api.openai.com/v1/": answer}
    url = "https://api.openai.com/v1/chat/completions?a=1"
    async with open_world(network, Reach(), start_ms=0, virtual=virtual) as world:
        fetched = await Run(world).fetch(url, method="POST", body=b"{}", headers=[["Authorization", "Bearer t"]])
    assert (fetched.status, fetched.body) == (200, b"first second")
    assert asked == [("POST", "/v1/chat/completions?a=1", [("authorization", "Bearer t")], b"{}")]
    for reach, limits, reason in (
        (Reach(hosts=("example.com",)), FetchLimits(), "host-not-allowed"),
        (Reach(), FetchLimits(response_bytes=10), "too-large"),
        (Reach(), FetchLimits(requests=0), "too-many"),
    ):
        async with open_world(network, reach, start_ms=0, limits=limits, virtual=virtual) as world:
            with pytest.raises(Failed) as refused:
                await Run(world).fetch(url)
            assert refused.value.reason == reason
