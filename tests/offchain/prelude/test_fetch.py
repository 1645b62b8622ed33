"""fetch, and what stands on it, against a world of a few pages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offchain.sandbox.javascript import JavaScriptSandbox
from tests.offchain.prelude.web import CONTEXT, LIMITS, Page, Web, run, value

CHAT = "https://api.openai.com/v1/chat/completions"
EMBEDDINGS = "https://api.openai.com/v1/embeddings"


def test_what_is_asked_and_answered(sandbox: JavaScriptSandbox) -> None:
    web = Web({"https://a/x?y=%C3%A9": Page(b"\xc3\xa9", 404, [("a", "1"), ("set-cookie", "b"), ("set-cookie", "c")])})
    expression = """fetch(new Request('https://A/x?y=é#frag', {method: 'put', body: new Uint8Array([0, 255]),
        redirect: 'manual', headers: {'X-H': 'v'}})).then(async r =>
        [r.status, r.ok, r.url, r.headers.getSetCookie(), await r.text(), r.type])"""
    assert value(sandbox, expression, web) == [404, False, "https://a/x?y=%C3%A9", ["b", "c"], "é", "basic"]
    head = {"method": "PUT", "url": "https://a/x?y=%C3%A9", "headers": [["x-h", "v"], ["accept", "*/*"]]}
    assert web.asked == [(head | {"redirect": "manual"}, b"\0\xff")]


def test_a_body_that_is_a_stream_is_sent_whole(sandbox: JavaScriptSandbox) -> None:
    web = Web({"https://a/": Page(b"ok")})
    body = "ReadableStream.from(['a', 'b']).pipeThrough(new TextEncoderStream())"
    value(sandbox, f"fetch('https://a/', {{method: 'POST', body: {body}, duplex: 'half'}}).then(r => r.text())", web)
    assert web.asked[0][1] == b"ab"


def test_streams_are_read_as_far_as_wanted(sandbox: JavaScriptSandbox) -> None:
    web = Web({"https://a/": Page([b"one", b"two", b"three"])})
    expression = """fetch('https://a/').then(async r => { const all = []; for await (const part of r.body) {
        all.push(new TextDecoder().decode(part)); if (all.length === 2) break } return all })"""
    assert value(sandbox, expression, web) == ["one", "two"]
    assert web.cancelled == [0]


def test_side_by_side(sandbox: JavaScriptSandbox) -> None:
    web = Web({f"https://a/{n}": Page([b"%d" % n, b"!"]) for n in range(3)})
    expression = "Promise.all([0, 1, 2].map(n => fetch('https://a/' + n).then(r => r.text())))"
    assert value(sandbox, expression, web) == ["0!", "1!", "2!"]


NOBODY = "fetch('https://nobody/').catch(e => [e.name, e.message, e.cause.message])"
TOO_LATE = "fetch('https://slow/', {signal: AbortSignal.timeout(50)}).catch(e => e.name)"
ENOUGH = """(() => { const c = new AbortController(); setTimeout(() => c.abort('enough'), 5);
    return fetch('https://slow/', {signal: c.signal}).catch(e => e) })()"""


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        (NOBODY, ["TypeError", "fetch failed: nobody is at https://nobody/", "nobody is at https://nobody/"]),
        (TOO_LATE, "TimeoutError"),
        (ENOUGH, "enough"),
        ("fetch('https://b/').then(async r => [r.status, r.body, await r.text()])", [204, None, ""]),
    ],
)
def test_ends(sandbox: JavaScriptSandbox, expression: str, answer: object) -> None:
    class Slow(Web):
        """Never answers for one page, so that only the clock moves."""

        def __call__(self, asks: Any) -> Any:
            return super().__call__([ask for ask in asks if b"https://slow/" not in ask.head])

    assert value(sandbox, expression, web := Slow({"https://b/": Page(b"", 204)})) == answer
    if "slow" in expression:
        assert value(sandbox, f"{expression}.then(() => fetch('https://b/')).then(r => r.status)", web) == 204
        assert web.cancelled == [0]


def test_abort_in_the_middle(sandbox: JavaScriptSandbox) -> None:
    web = Web({"https://a/": Page([b"one", b"two"])})
    expression = """(async () => { const c = new AbortController();
        const reader = (await fetch('https://a/', {signal: c.signal})).body.getReader(); await reader.read();
        c.abort(); return reader.read().catch(e => e.name) })()"""
    assert value(sandbox, expression, web) == "AbortError"


class TestAi:
    def test_chat(self, sandbox: JavaScriptSandbox) -> None:
        web = Web({CHAT: Page(json.dumps({"choices": [{"message": {"content": "hi"}}]}).encode())})
        expression = "ai.chat('hello', {temperature: 0}).then(answer => answer.choices[0].message.content)"
        assert value(sandbox, expression, web) == "hi"
        sent = {"temperature": 0, "messages": [{"role": "user", "content": "hello"}], "model": "default"}
        assert json.loads(web.asked[0][1]) == sent

    def test_streamed(self, sandbox: JavaScriptSandbox) -> None:
        web = Web({CHAT: Page([b'data: {"n":', b'1}\n\ndata: {"n":2}\n\nda', b"ta: [DONE]\n\n"])})
        expression = """(async () => { const all = []; const parts = await ai.chat([{role: 'user', content: 'x'}],
            {stream: true}); for await (const part of parts) all.push(part.n); return all })()"""
        assert value(sandbox, expression, web) == [1, 2]

    def test_embed(self, sandbox: JavaScriptSandbox) -> None:
        data = [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]
        web = Web({EMBEDDINGS: Page(json.dumps({"data": data}).encode())})
        assert value(sandbox, "Promise.all([ai.embed(['a', 'b']), ai.embed('a')])", web) == [[[1], [2]], [1]]

    def test_refused(self, sandbox: JavaScriptSandbox) -> None:
        web = Web({CHAT: Page(b'{"error":{"message":"no model"}}', 404)})
        assert value(sandbox, "ai.chat('x').catch(e => e.message)", web) == "the model answered 404: no model"


def test_patched_built_ins_spoil_their_own_run_only(sandbox: JavaScriptSandbox) -> None:
    web = Web({"https://a/": Page(b"fine")})
    spoil = """for (const type of [Array, Map, Set, String, Promise, Object, Uint8Array, Function, Iterator, Symbol]) {
        for (const name of Object.getOwnPropertyNames(type.prototype)) {
            try { type.prototype[name] = () => { throw 1 } } catch {} } }
        JSON.stringify = JSON.parse = atob = btoa = decodeURIComponent = undefined; delete globalThis.fetch;"""
    sandbox.run((spoil + "scriptOutput = 'x'").encode(), b"", LIMITS, CONTEXT, web)
    expression = "fetch('https://a/').then(r => r.text())"
    assert value(sandbox, expression, web) == "fine"


def test_a_run_remembers_nothing(sandbox: JavaScriptSandbox) -> None:
    script = """localStorage.setItem('a', 1); localStorage.b = '2'; globalThis.kept = (globalThis.kept ?? 0) + 1;
        scriptOutput = JSON.stringify([kept, localStorage.length, localStorage.getItem('b'), localStorage.none ?? null,
        Object.keys(localStorage)])"""
    for _ in range(2):
        assert json.loads(run(sandbox, script).output) == [1, 2, "2", None, ["a", "b"]]


def test_random_bytes_follow_from_the_seed(sandbox: JavaScriptSandbox) -> None:
    script = (
        "scriptOutput = crypto.randomUUID() + crypto.getRandomValues(new Uint8Array(4)).toHex() + crypto.randomUUID()"
    )
    first = run(sandbox, script).output
    assert first == run(sandbox, script).output
    assert first[:36] != first[-36:]


def test_timers_of_a_run_that_waits_for_nothing_else(sandbox: JavaScriptSandbox) -> None:
    web = Web({})
    script = """const t = performance.now(); setTimeout(() => { throw new Error('late') }, 60_000).unref();
        AbortSignal.timeout(90_000); setTimeout(() => { scriptOutput = String(performance.now() - t) }, 1500)"""
    assert run(sandbox, script, web=web).output == b"1500"
    assert run(sandbox, script).output == b"1500"


def test_texts_with_nul_and_beyond(sandbox: JavaScriptSandbox) -> None:
    text = "a\0b" + "é😀\0" * 2000
    assert (
        run(sandbox, "scriptOutput = scriptArgs[0] + scriptArgs[0].length", text).output.decode()[: len(text)] == text
    )
    echo = "scriptOutput = new Response(new TextEncoder().encode(scriptArgs[0])).text()"
    assert run(sandbox, echo, text).output.decode() == text


def test_console(sandbox: JavaScriptSandbox) -> None:
    script = """console.log('%s has %d of %o, %j%%', 'Ann', 3, [1], {a: 1}, 'rest'); console.group('g');
        console.warn({m: new Map([['k', [1]]])}); console.groupEnd(); console.table([{a: 1, b: 'x'}, {a: 22}]);
        console.count(); console.count('n'); console.count(); console.assert(1 > 2, 'no', 5); console.time('t');
        console.timeEnd('t'); console.dir({a: {b: {}}}, {depth: 0}); console.error(new TypeError('bad'));
        scriptOutput = ''"""
    logs = run(sandbox, script).logs
    assert logs[:2] == ('Ann has 3 of [ 1 ], {"a":1}% rest', "g")
    assert logs[2] == "  { m: Map(1) { 'k' => [ 1 ] } }"
    assert logs[3].splitlines() == ["(index) | a  | b", "------- | -- | ---", "0       | 1  | 'x'", "1       | 22 |"]
    assert logs[4:10] == ("default: 1", "n: 1", "default: 2", "Assertion failed: no 5", "t: 0ms", "{ a: [Object] }")
    assert logs[10].startswith("TypeError: bad\n")
