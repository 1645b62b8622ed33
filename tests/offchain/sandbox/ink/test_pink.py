"""Phala's chain extension, asked by contracts written by hand; arguments and results are SCALE."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from offchain.sandbox.base import Failure
from offchain.sandbox.ink.pink import RESPONSE, HttpRequest, HttpResponse
from offchain.serving.pink_hosts import MAX_AGENT_BYTES, PinkHosts
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import recover_ecdsa, verify_ed25519, verify_sr25519
from pallets.primitives.types import U8, U64, U128
from tests.offchain.sandbox.ink.ledger import AGENT, CONTEXT, LEAST, Ledger, account
from tests.offchain.sandbox.ink.wat import answered, asking

REQUESTS = codec_of(tuple[list[HttpRequest], U64])
BYTES, OPTION = codec_of(bytes), codec_of(bytes | None)
KEY = b"\7" * 32


def ask(ledger: Ledger, id: int, data: bytes = b"") -> tuple[int, bytes]:
    """A query's status and output, followed by zeros."""
    ledger.install(asking(id, data))
    ledger.stores[AGENT] = {b"m": b"deployed"}
    found = bytes.fromhex(ledger.query(b"")["result"]["Ok"]["data"][2:])
    return int.from_bytes(found[:4], "little"), answered(found)


def ask_in_job(ledger: Ledger, id: int, data: bytes = b"", mode: str = "Deterministic") -> tuple[int, bytes]:
    ledger.install(asking(id, data))
    ledger.stores[AGENT] = {b"m": b"deployed"}
    found = ledger.call(b"", mode=mode).data
    return int.from_bytes(found[:4], "little"), answered(found)


def scale(*values: Any) -> bytes:
    kinds = {bytes: bytes, str: str, bool: bool}
    return b"".join(codec_of(kinds[type(value)]).encode(value) for value in values)


def taken(found: bytes, codec: Any = BYTES) -> Any:
    return codec.decode(found, 0)[0]


class TestHttp:
    request = HttpRequest("https://example.com/a", "GET", [("x-a", "1")], b"")
    encoded = codec_of(HttpRequest).encode(request)

    def test_in_a_query_and_in_a_job_with_a_world(self, ledger: Ledger) -> None:
        ledger.elsewhere["GET https://example.com/a"] = (200, b"hello")
        for status, found in (ask(ledger, 1, self.encoded), ask_in_job(ledger, 1, self.encoded, "Recorded")):
            assert status == 0 and taken(found, RESPONSE) == HttpResponse(200, "OK", [], b"hello")

    def test_in_a_job_without(self, ledger: Ledger) -> None:
        status, found = ask_in_job(ledger, 1, self.encoded)
        body = b"HTTP request is not supported in transaction"
        assert status == 0 and taken(found, RESPONSE) == HttpResponse(523, "API Unavailable", [], body)
        assert ask_in_job(ledger, 22, REQUESTS.encode(([self.request], 1000)))[0] == 7  # NotAllowed

    def test_several_at_once(self, ledger: Ledger) -> None:
        ledger.elsewhere |= {f"GET https://example.com/{name}": (200, name.encode()) for name in "ab"}
        bad = HttpRequest("ftp://example.com", "GET", [], b"")
        requests = [self.request, bad, HttpRequest("https://example.com/b", "GET", [], b"")]
        status, found = ask(ledger, 22, REQUESTS.encode((requests, 1000)))
        first, last = (RESPONSE.encode(HttpResponse(200, "OK", [], name)) for name in (b"a", b"b"))
        assert status == 0 and found.startswith(b"\x0c\0" + first + b"\1\0\0" + last)
        assert ask(ledger, 22, REQUESTS.encode(([self.request] * 6, 1000)))[0] == 8  # TooManyRequests

    def test_of_no_url(self, ledger: Ledger) -> None:
        ledger.install(asking(1, codec_of(HttpRequest).encode(HttpRequest("nowhere", "GET", [], b""))))
        ledger.stores[AGENT] = {b"m": b"deployed"}
        failure = ledger.fails(b"", mode="Oracle")
        assert failure.reason.message == "Invalid URL"

    @pytest.mark.parametrize("url", ["https://chain.fathom/pay", "http://CHAIN.fathom.:443/pay", "https://x.fathom"])
    def test_of_a_host_within_the_worker(self, ledger: Ledger, url: str) -> None:
        """Else a contract of another agent's, which was only called, would pay from the purse of who called it."""
        request = HttpRequest(url, "POST", [], b'{"to": "0x' + KEY.hex().encode() + b'", "amount": 1}')
        for status, found in (
            ask(ledger, 1, codec_of(HttpRequest).encode(request)),
            ask_in_job(ledger, 1, codec_of(HttpRequest).encode(request), "Recorded"),
        ):
            assert status == 0 and taken(found, RESPONSE) == HttpResponse(524, "IO Error", [], b"NotAllowed")
        status, found = ask_in_job(ledger, 22, REQUESTS.encode(([request], 1000)), "Oracle")
        assert status == 0 and found.startswith(b"\4\1\6") and not ledger.paid
        assert not any("POST" in asked for asked in ledger.asked)


class TestKeys:
    @pytest.mark.parametrize("scheme", [0, 1, 2])
    def test_signatures_verify(self, ledger: Ledger, scheme: int) -> None:
        kind = bytes((scheme,))
        public = taken(ask(ledger, 5, kind + scale(KEY))[1])
        signature = taken(ask(ledger, 2, kind + scale(KEY, b"message"))[1])
        assert ask(ledger, 3, kind + scale(public, b"message", signature))[1][0] == 1
        assert ask(ledger, 3, kind + scale(public, b"massage", signature))[1][0] == 0
        assert taken(ask(ledger, 2, kind + scale(KEY, b"message"))[1]) == signature  # a run can be repeated
        if scheme == 0:
            assert verify_ed25519(signature, b"message", public)
        elif scheme == 1:
            assert verify_sr25519(signature, b"message", public)
        else:
            assert recover_ecdsa(signature, blake2_256(b"message")) == public
        expected = b"" if scheme == 1 else signature
        assert taken(ask_in_job(ledger, 2, kind + scale(KEY, b"message"))[1]) == expected

    def test_derived(self, ledger: Ledger) -> None:
        first, second = (taken(ask(ledger, 4, scale(salt))[1]) for salt in (b"a", b"b"))
        assert len(first) == 64 and first != second
        public = taken(ask(ledger, 5, b"\1" + scale(first))[1])
        signature = taken(ask(ledger, 2, b"\1" + scale(first, b"message"))[1])
        assert verify_sr25519(signature, b"message", public)
        ledger.install(asking(4, scale(b"a")))
        assert ledger.fails(b"").reason.message.startswith("KeySeedMissing")

    def test_digests(self, ledger: Ledger) -> None:
        digest = blake2_256(b"message")
        signature = ask(ledger, 13, scale(KEY) + digest)[1][:65]
        public = recover_ecdsa(signature, digest)
        assert public is not None
        assert ask(ledger, 14, signature + digest + public)[1][0] == 1
        assert ask(ledger, 14, signature + digest + b"\2" * 33)[1][0] == 0


class TestTheRun:
    def test_says_what_it_is(self, ledger: Ledger) -> None:
        ledger.free[account()] = LEAST
        assert ask(ledger, 12)[1][0] == 0 and ask_in_job(ledger, 12)[1][0] == 1
        millis = CONTEXT.block_time_ms.to_bytes(8, "little")
        assert ask(ledger, 18)[1][:8] == millis and ask_in_job(ledger, 18)[1][:8] == bytes(8)
        assert taken(ask(ledger, 16, account())[1], codec_of(tuple[U128, U128])) == (LEAST, LEAST)
        assert ask(ledger, 19, ledger.upload(b"\0asm") + b"\0")[1][0] == 1
        assert ask(ledger, 19, bytes(32) + b"\0")[1][0] == 0
        assert ask(ledger, 21)[1][:8] == struct.pack("<II", 1, 4)
        assert ask(ledger, 25) == ask(ledger, 25) and ask(ledger, 25)[1][0] == 0
        drawn = taken(ask(ledger, 11, b"\x10")[1])
        assert len(drawn) == 16 and taken(ask_in_job(ledger, 11, b"\x10")[1]) == b""

    def test_logs(self, ledger: Ledger) -> None:
        ledger.install(asking(10, codec_of(tuple[U8, str]).encode((2, "careful"))))
        ledger.stores[AGENT] = {b"m": b"deployed"}
        assert ledger.query(b"")["debugMessage"] == "warn: careful"

    @pytest.mark.parametrize(
        "id, data", [(1 << 16 | 1, b""), (15, b""), (24, b""), (99, b""), (1, b"\xff"), (2, b"\3\0\0")]
    )
    def test_refuses_what_is_not_there(self, ledger: Ledger, id: int, data: bytes) -> None:
        ledger.install(asking(id, data))
        ledger.stores[AGENT] = {b"m": b"deployed"}
        failure = ledger.fails(b"")
        assert isinstance(failure, Failure) and failure.reason.kind == "contract-trapped"


class TestCache:
    """Of one worker, in queries alone."""

    async def test_host(self) -> None:
        now = 0
        hosts = PinkHosts(b"w" * 32, lambda: now)

        async def answer(agent: int, method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
            status, _, parts = await hosts._answer(agent, method, target, [], body)
            return status, b"".join([part async for part in parts])

        assert await answer(1, "GET", "/worker") == (200, b"w" * 32)
        assert await answer(1, "GET", "/cache/aa/bb") == (404, b"")
        assert (await answer(1, "PUT", "/cache/aa/bb", b"value"))[0] == 204
        assert await answer(1, "GET", "/cache/aa/bb") == (200, b"value")
        assert await answer(2, "GET", "/cache/aa/bb") == (404, b"")  # another agent's is another
        assert (await answer(1, "PATCH", "/cache/aa/bb", b"5"))[0] == 204
        now = 5_000
        assert await answer(1, "GET", "/cache/aa/bb") == (404, b"")
        assert (await answer(1, "PUT", "/cache/aa/bb", bytes(MAX_AGENT_BYTES)))[0] == 507
        for agent in range(30):  # the longest unread go first
            assert (await answer(agent, "PUT", "/cache/a/b", bytes(MAX_AGENT_BYTES - 1000)))[0] == 204
        assert await answer(0, "GET", "/cache/a/b") == (404, b"")
        assert (await answer(29, "DELETE", "/cache/a/b"))[0] == 200
        assert await answer(29, "GET", "/cache/a/b") == (404, b"")
        assert (await answer(1, "POST", "/elsewhere"))[0] == 404

    def test_contracts_ask_it_in_queries_alone(self, ledger: Ledger) -> None:
        url = f"https://pink.fathom/cache/{account().hex()}/6b"
        ledger.elsewhere |= {f"PUT {url}": (204, b""), f"GET {url}": (200, b"v"), f"DELETE {url}": (404, b"")}
        ledger.elsewhere |= {f"PATCH {url}": (204, b""), "GET https://pink.fathom/worker": (200, b"w" * 32)}
        assert ask(ledger, 6, scale(b"k", b"v"))[0] == 0
        assert ask(ledger, 7, scale(b"k") + (5).to_bytes(8, "little"))[0] == 0
        assert taken(ask(ledger, 8, scale(b"k"))[1], OPTION) == b"v"
        assert taken(ask(ledger, 9, scale(b"k"))[1], OPTION) is None
        assert ask(ledger, 17)[1][:32] == b"w" * 32
        ledger.elsewhere[f"PUT {url}"] = (507, b"")
        assert ask(ledger, 6, scale(b"k", b"v"))[0] == 1
        ledger.asked.clear()
        assert ask_in_job(ledger, 6, scale(b"k", b"v"))[0] == 0
        assert taken(ask_in_job(ledger, 8, scale(b"k"))[1], OPTION) is None
        assert ask_in_job(ledger, 17)[1][:32] == bytes(32)
        assert not any("pink.fathom" in line for line in ledger.asked)
