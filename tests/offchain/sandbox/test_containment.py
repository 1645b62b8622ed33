"""Programs that mean harm, in a real slot's process: each is contained and charged, and the next request is served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from offchain.sandbox.base import Abstained, Answer, Ask, Context, Failure, Limits, Success
from offchain.sandbox.pool import Pool, open_pool

CONTEXT = Context(block_time_ms=1_767_225_600_000, seed=b"seed", derive_key=bytes(32))
LIMITS = Limits(gas=2 * 10**8, wall_seconds=30, asks=20, ask_bytes=1 << 16, answer_bytes=1 << 16)
REQUEST = b'{"method":"GET","path":"/","url":"http://agent.example/"}'
INNOCENT = b"""'use agent';
let served = 0;
globalThis.agent = async (request) => JSON.stringify([++served, JSON.parse(request).path, globalThis.spoilt ?? null,
  Object.keys({}), [...new Map([[1, 2]])], Symbol.for('mark').description, localStorage.length, Math.random()]);
"""
ATTACKS = {
    # time
    "for (;;);": "out-of-gas",
    "/^(a+)+$/.test('a'.repeat(40) + 'b')": "out-of-gas",
    "/(.*)*(.*)*x/.exec('a'.repeat(1e5))": "out-of-gas",
    "(function f() { return Promise.resolve().then(f) })()": "out-of-gas",
    "const t = { then(r) { r(t) } }; scriptOutput = Promise.resolve(t)": "out-of-gas",
    "setInterval(() => {}, 1)": "out-of-gas",
    "(function f() { setTimeout(f, 0) })()": "out-of-gas",
    "for (let b = 2n; ; ) b = b * b": "out-of-gas",
    "const r = new FinalizationRegistry(() => { for (;;); }); (() => r.register({}, 1))()": "out-of-gas",
    "Object.defineProperty(globalThis, 'scriptOutput', { get() { Promise.resolve().then(() => {}) } })": "out-of-gas",
    # memory
    "const a = []; for (;;) a.push(new Uint8Array(1 << 20))": "out-of-memory",
    "scriptOutput = 'x'.repeat(2 ** 29)": "out-of-memory",
    "scriptOutput = 'x'.repeat(2 ** 30)": "uncaught-error",
    "new Uint8Array(2 ** 30)": "out-of-memory",
    "for (let s = 'x'; ; ) s += s": "uncaught-error",
    "scriptOutput = 'x'.repeat(70000)": "output-too-large",
    # depth
    "(function f() { f() })()": "stack-overflow",
    "JSON.parse('['.repeat(1e6))": "stack-overflow",
    "eval('('.repeat(1e5))": "stack-overflow",
    "const p = new Proxy({}, { getPrototypeOf: () => p instanceof Object }); p instanceof Object": "stack-overflow",
    "const o = { get a() { return this.a } }; o.a": "stack-overflow",
    "'use agent'; globalThis.agent = { get default() { return globalThis.agent.default } }": "stack-overflow",
    "new RegExp('('.repeat(50000) + ')'.repeat(50000))": "uncaught-error",
    # the doors, with built-ins of the script's making
    "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { for (;;); } }); throw e": "out-of-gas",
    "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw e } }); throw e": "uncaught-error",
    "const e = new Error('x'); e.toString = () => ({}); throw e": "uncaught-error",
    "throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })": "uncaught-error",
    "Error.isError = () => true; throw 5": "uncaught-error",
    "String.prototype.trimEnd = () => ({}); throw new Error('x')": "uncaught-error",
    "throw new Error('\\ud800')": "uncaught-error",
    "String = () => ({}); crypto.randomUUID()": "uncaught-error",
    "Map.prototype.values = () => [{ due: { valueOf() { throw 1 } }, keeps: 1 }]; setTimeout(() => {})": "no-output",
    "Date.now = () => NaN; setTimeout(() => {}, 1)": "no-output",
    "Date.now = () => 1e14; setTimeout(() => {}, 1); Date.now = () => 0": "uncaught-error",
    "JSON.parse = () => { throw new Error('mine') }; fetch('http://x/')": "uncaught-error",
    "'use agent'; globalThis.agent = new Proxy({}, { get() { throw new Error('mine') } })": "uncaught-error",
    "const a = [1]; for (let i = 0; i < 1e4; i++) a[0] = [a[0]]; structuredClone(a)": "stack-overflow",
    "structuredClone({ get a() { for (;;); } })": "out-of-gas",
    "let a = {}; for (let i = 0; i < 4; i++) a = { ...Array(100).fill(a) }; console.log(a)": "out-of-gas",
    "for (;;) console.log('x'.repeat(1000))": "out-of-gas",
    "Object.defineProperty(Promise.prototype, 'then', { get() { for (;;); } }); scriptOutput = fetch": "no-output",
    "scriptOutput = new Proxy({}, { getPrototypeOf() { for (;;); } })": "out-of-gas",
    "var module = new Proxy({}, { get() { for (;;); } })": "out-of-gas",
    "Object.defineProperty(globalThis, 'module', { get() { throw new Error('mine') } })": "uncaught-error",
    "const h = new Headers(); for (let i = 0; ; i++) h.append('x' + i, 'y')": "out-of-gas",
    "Object.defineProperty(Uint8Array, Symbol.species, { get() { for (;;); } }); Buffer.of(1).slice()": "out-of-gas",
    "function* g() { yield* g() } for (const x of g());": "stack-overflow",
    "const o = { toJSON: () => JSON.stringify(o) }; JSON.stringify(o)": "stack-overflow",
    "Array.prototype[Symbol.iterator] = function* () { for (;;) yield 1 }; require('crypto')": "out-of-gas",
    "const p = new (require('stream').PassThrough)(); for (;;) p.write('x')": "out-of-gas",
    "const { port1, port2 } = new MessageChannel(); port2.onmessage = () => port1.postMessage(1); port2.onmessage()": (
        "out-of-gas"
    ),
    # the world
    "for (let i = 0; i < 100; i++) pink.httpRequest({ url: 'http://x/' })": "uncaught-error",
    "pink.httpRequest({ url: 'http://x/' + 'y'.repeat(1e5) })": "uncaught-error",
    "scriptOutput = new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(9)) } }))": "uncaught-error",
    "scriptOutput = new Response(new ReadableStream({ pull(c) { c.enqueue('text') } }))": "uncaught-error",
    "scriptOutput = new Response(new ReadableStream({ pull() { return new Promise(() => {}) } }))": "no-output",
    # what the next request would see
    """'use agent'; globalThis.agent = () => { Promise.prototype.then = () => { throw 1 };
        JSON.parse = JSON.stringify = Map.prototype.get = Function.prototype.apply = () => 'hacked';
        Array.prototype[Symbol.iterator] = Object.defineProperty = () => { throw 1 };
        Object.prototype.spoilt = globalThis.spoilt = 1; Symbol.for('mark'); localStorage.setItem('k', 'v');
        setInterval(() => { globalThis.spoilt = 2 }, 1); Math.random = () => 4; throw 'done' }""": "uncaught-error",
}


class Willing:
    """A world that answers everything at once, and nothing with much."""

    def __init__(self, now_ms: int = 0) -> None:
        self._open: list[Ask] = []
        self._now_ms = now_ms

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        await trio.lowlevel.checkpoint()
        self._open += asks
        head = b'{"status":200,"status_text":"","headers":[],"url":"http://x/","redirected":false,"stream":null}'
        return Answer(self._open.pop(0).id, True, head, now_ms=self._now_ms)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled") / "cache"


@pytest.fixture
async def pool(cache: Path) -> AsyncIterator[Pool]:
    async with open_pool(slots=1, waiting=4, cache=cache) as pool:
        yield pool


async def test_attacks_are_contained_and_charged(pool: Pool) -> None:
    pids = pool.pids
    served = await pool.run(INNOCENT, REQUEST, LIMITS, CONTEXT)
    assert isinstance(served, Success)
    assert served.output.startswith(b'[1,"/",null,[],[[1,2]],"mark",0,')
    for program, kind in ATTACKS.items():
        world = Willing() if "http" in program or "Response" in program else None
        outcome = await pool.run(program.encode(), REQUEST, LIMITS, CONTEXT, world)
        assert isinstance(outcome, Failure), (program, outcome)
        assert outcome.reason.kind == kind, (program, outcome)
        assert outcome.gas == LIMITS.gas if kind == "out-of-gas" else outcome.gas > 10_000
        assert await pool.run(INNOCENT, REQUEST, LIMITS, CONTEXT) == served, program
    assert pool.pids == pids


async def test_a_timer_is_due_before_the_clocks_end(pool: Pool) -> None:
    program = b"(function f() { setTimeout(f, 2 ** 31 - 1) })()"
    outcome = await pool.run(program, b"", replace(LIMITS, gas=4 * 10**9), CONTEXT)
    assert isinstance(outcome, Failure)
    assert "the clock can't show" in outcome.reason.message


async def test_a_world_beyond_the_clocks_end_is_no_world(pool: Pool) -> None:
    pids = pool.pids
    outcome = await pool.run(b"fetch('http://x/')", b"", LIMITS, CONTEXT, Willing(now_ms=1 << 62))
    assert isinstance(outcome, Abstained)
    assert "beyond a run's clock" in outcome.reason
    assert pool.pids == pids


async def test_no_function_of_the_host_can_be_got_at(pool: Pool) -> None:
    program = b"""
    const found = [];
    Error.prepareStackTrace = (_, frames) => { for (const frame of frames) found.push(frame.getFunction()) };
    for (const call of ['apply', 'call', 'bind']) {
      const { [call]: real } = Function.prototype;
      Function.prototype[call] = function (...all) { found.push(all[0]?.ask); return Reflect.apply(real, this, all) };
    }
    for (const attempt of [() => Wapo.hash('nope', ''), () => crypto.getRandomValues(5), () => Wapo.deriveSecret(5),
      () => pink.httpRequest({ url: 'http://x/' }), () => Wapo.hash('sha256', 'x'), () => new URL('http://\\u00fc.de'),
      () => Buffer.from('x'), () => require('crypto').createHash('sha1').update('x').digest(), () => require('none')])
      try { attempt() } catch (error) { String(error.stack) }
    scriptOutput = found.length > 9 ? String(found.filter((value) => value !== undefined)) : 'nothing was looked at';
    """
    outcome = await pool.run(program, b"", LIMITS, CONTEXT)
    assert isinstance(outcome, Success)
    assert outcome.output == b""


async def test_a_slot_has_loaded_all_that_pure_functions_need(pool: Pool) -> None:
    program = b"""'use agent'; globalThis.agent = async () => {
      const out = [], { subtle } = crypto, data = new Uint8Array(64);
      for (const name of ['sha256', 'keccak256', 'blake2b128']) out.push(Wapo.hash(name, 'x').length);
      for (const host of ['b\\u00fccher.de', 'xn--bcher-kva.de', 'xn--a', '\\u0628\\u200c\\u0628.de', '\\u{31350}.de'])
        out.push(URL.parse('http://' + host)?.host.length);
      for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
        const kind = { name: 'ECDSA', namedCurve, hash: 'SHA-512' };
        const { privateKey, publicKey } = await subtle.generateKey(kind, true, ['sign', 'verify']);
        out.push(await subtle.verify(kind, publicKey, await subtle.sign(kind, privateKey, data), data));
        const exported = await subtle.exportKey('pkcs8', privateKey);
        const again = await subtle.importKey('pkcs8', exported, kind, true, ['sign']);
        out.push(again.type, await subtle.importKey('spki', data, kind, true, ['verify']).catch((error) => error.name));
      }
      for (const name of ['AES-GCM', 'AES-CBC', 'AES-CTR']) {
        const key = await subtle.generateKey({ name, length: 256 }, true, ['encrypt', 'decrypt']);
        const how = { name, iv: data.slice(48), counter: data.slice(48), length: 64 };
        out.push((await subtle.decrypt(how, key, await subtle.encrypt(how, key, data))).byteLength);
      }
      out.push(Wapo.deriveSecret('x').length, Wapo.workerSign('x').length);
      out.push(Wapo.nonCryptographicHash('wyhash64', 'x').length);
      return JSON.stringify([out, '\\ud800'.length]) + '\\ud800';
    }"""
    pids = pool.pids
    outcome = await pool.run(program, REQUEST, replace(LIMITS, gas=10**9), CONTEXT)
    assert isinstance(outcome, Success), outcome
    ecdsa = ',true,"private","DataError"' * 3
    expected = f"[[32,32,16,16,16,null,15,null{ecdsa},64,64,64,64,64,8],1]\ufffd"
    assert outcome.output.decode() == expected
    assert pool.pids == pids
