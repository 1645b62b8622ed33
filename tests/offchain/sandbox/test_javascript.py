from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wasmtime import Store

from offchain.sandbox import identity
from offchain.sandbox.base import Abstained, Context, EngineMissing, Limits, Success
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.quickjs import Machine
from tests.offchain.sandbox.running import CONTEXT, LIMITS, fail, succeed


class TestOutput:
    @pytest.mark.parametrize(
        ("script", "output"),
        [
            ("scriptOutput = 'a' + scriptArgs[0] + scriptArgs.length", b"ahi1"),
            ("scriptOutput = ''", b""),
            ("scriptOutput = 'é😀'", "é😀".encode()),
            ("scriptOutput = new Uint8Array([0, 255, 7])", b"\x00\xff\x07"),
            ("scriptOutput = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)", b"\x02\x03"),
            ("scriptOutput = new (class extends Uint8Array {})(2)", b"\x00\x00"),
            ("scriptOutput = new Uint8Array([5, 6]).buffer", b"\x05\x06"),
            ("scriptOutput = new Uint8Array(0)", b""),
            ("scriptOutput = new ArrayBuffer(0)", b""),
            ("var scriptOutput = 'var'", b"var"),
            ("Promise.resolve(1).then(x => x + 1).then(x => { scriptOutput = String(x) })", b"2"),
            ("(async () => { for (let i = 0; i < 9; i++) await i; scriptOutput = 'done' })()", b"done"),
            ("scriptOutput = Promise.resolve('x')", b"x"),
            ("queueMicrotask(() => queueMicrotask(() => { scriptOutput = 'later' }))", b"later"),
            ("scriptOutput = 'first'; Promise.resolve().then(() => { scriptOutput = 'last' })", b"last"),
            ("Promise.reject(1); scriptOutput = 'a stray rejection fails nobody'", b"a stray rejection fails nobody"),
        ],
    )
    def test_values_with_bytes(self, sandbox: JavaScriptSandbox, script: str, output: bytes) -> None:
        assert succeed(sandbox, script, b"hi").output == output

    @pytest.mark.parametrize(
        ("script", "found"),
        [
            ("scriptOutput = 5", "a number"),
            ("scriptOutput = null", "null"),
            ("scriptOutput = true", "a boolean"),
            ("scriptOutput = 5n", "a bigint"),
            ("scriptOutput = Symbol('x')", "a symbol"),
            ("scriptOutput = () => 1", "a function"),
            ("scriptOutput = {toString() { return 'no' }}", "an object"),
            ("scriptOutput = new Uint16Array(2)", "an object"),
            ("scriptOutput = Object.create(Uint8Array.prototype)", "an object"),
        ],
    )
    def test_values_without_bytes(self, sandbox: JavaScriptSandbox, script: str, found: str) -> None:
        failure = fail(sandbox, script)
        assert failure.reason.kind == "no-output"
        assert failure.reason.message.startswith(f"scriptOutput is {found}:")

    @pytest.mark.parametrize(
        ("script", "output"),
        [
            ("1; 'last'", b"last"),
            ("new Uint8Array([1, 2])", b"\1\2"),
            ("scriptOutput = 'set'; 'last'", b"set"),
            ("setTimeout(() => { scriptOutput = 'later' }, 5); 'last'", b"later"),
        ],
    )
    def test_last_expression_where_nothing_is_set(self, sandbox: JavaScriptSandbox, script: str, output: bytes) -> None:
        assert succeed(sandbox, script).output == output

    @pytest.mark.parametrize(
        ("entry", "output"),
        [
            ("module.exports = () => 'sync'", b"sync"),
            ("module.exports = async () => { await 1; return new Uint8Array([1]) }", b"\1"),
            ("module.exports = async () => { await new Promise(f => setTimeout(f, 9)); scriptOutput = 'set' }", b"set"),
            ("module.exports = { default: input => input }", b"in"),
            ("module.exports = { default: { fetch: r => new Response(r.method) } }", b'"body":"GET"}'),
            ("module.exports = { a: 1 }; scriptOutput = 'mere data'", b"mere data"),
        ],
    )
    def test_exported_entry(self, sandbox: JavaScriptSandbox, entry: str, output: bytes) -> None:
        script = f"var module = module || {{ exports: {{}} }}; {entry}"
        given = b'{"method": "GET"}' if b"GET" in output else b"in"
        assert succeed(sandbox, script, given).output.endswith(output)

    def test_exported_entry_that_throws(self, sandbox: JavaScriptSandbox) -> None:
        script = "var module = { exports: async () => { await 1; throw new Error('no') } }"
        assert fail(sandbox, script).reason.message.startswith("Error: no")

    @pytest.mark.parametrize("script", ["", "1 + 1", "new Promise(() => {}).then(() => { scriptOutput = 'x' })"])
    def test_none(self, sandbox: JavaScriptSandbox, script: str) -> None:
        assert fail(sandbox, script).reason.message == "the script ended and did not set scriptOutput"

    def test_zero_characters_survive_both_ways(self, sandbox: JavaScriptSandbox) -> None:
        text = "\0a\0é\0😀\0".encode()
        assert succeed(sandbox, "scriptOutput = scriptArgs[0]", text).output == text
        assert succeed(sandbox, "scriptOutput = String(scriptArgs[0].length)", text).output == b"8"
        assert succeed(sandbox, "scriptOutput = '\0x'").output == b"\0x"

    def test_lone_surrogates_become_replacement_characters(self, sandbox: JavaScriptSandbox) -> None:
        script = r"scriptOutput = '\ud800\ud800x\udc00\ud83d\ude00'"
        assert succeed(sandbox, script).output.decode() == "\ufffd\ufffdx\ufffd😀"

    @settings(max_examples=40, deadline=None)
    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_text_comes_back(self, sandbox: JavaScriptSandbox, text: str) -> None:
        assert succeed(sandbox, "scriptOutput = scriptArgs[0]", text.encode()).output == text.encode()

    @pytest.mark.parametrize("make", ["'x'.repeat(N)", "new Uint8Array(N)", "new ArrayBuffer(N)"])
    def test_size_limit_is_exact(self, sandbox: JavaScriptSandbox, make: str) -> None:
        script = "scriptOutput = " + make
        assert len(succeed(sandbox, script.replace("N", "65536")).output) == 65536
        assert fail(sandbox, script.replace("N", "65537")).reason.kind == "output-too-large"

    def test_size_is_counted_in_bytes(self, sandbox: JavaScriptSandbox) -> None:
        assert fail(sandbox, "scriptOutput = 'é'.repeat(40000)").reason.kind == "output-too-large"

    @pytest.mark.parametrize("script", ["'y'.repeat(10e6)", "new Uint8Array(50e6)"])
    def test_giant_output_is_not_copied(self, sandbox: JavaScriptSandbox, script: str) -> None:
        assert fail(sandbox, f"scriptOutput = {script}").reason.kind == "output-too-large"


class TestFailure:
    @pytest.mark.parametrize(
        ("script", "message"),
        [
            ("throw new TypeError('bad')", "TypeError: bad at <eval> (agent.js:1:"),
            ("function f() { null.x }\nf()", "TypeError: cannot read property 'x' of null at f (agent.js:1:"),
            ("let x = ;", "SyntaxError: unexpected token in expression: ';' at agent.js:1:9"),
            ("throw 'text'", "thrown: text"),
            ("throw {code: 7}", "thrown: { code: 7 }"),
            ("throw undefined", "thrown: undefined"),
            ("throw Symbol('s')", "thrown: Symbol(s)"),
            ("throw {get [Symbol.toStringTag]() { throw 1 }}", "thrown: "),
            ("(async () => { throw new Error('later') })()", "Error: later at <anonymous> (agent.js:1:26)"),
            ("Promise.reject(new Error('nobody listens')).then(() => {})", "Error: nobody listens at"),
            ("scriptOutput = 'x'; queueMicrotask(() => { throw new Error('job') })", "Error: job at"),
            ("Object.defineProperty(globalThis, 'scriptOutput', {get() { throw new Error('got') }})", "Error: got at"),
            ("import('fs').then(m => { scriptOutput = 'no' })", "ReferenceError: could not load module 'fs'"),
        ],
    )
    def test_uncaught(self, sandbox: JavaScriptSandbox, script: str, message: str) -> None:
        failure = fail(sandbox, script)
        assert failure.reason.kind == "uncaught-error"
        assert failure.reason.message.startswith(message)
        assert json.loads(failure.output) == {"error": "uncaught-error", "message": failure.reason.message}
        assert 0 < failure.gas < LIMITS.gas

    def test_a_rejection_that_is_heard_late_explains_nothing(self, sandbox: JavaScriptSandbox) -> None:
        script = "const p = Promise.reject(new Error('late')); Promise.resolve().then(() => p.catch(() => 0))"
        assert fail(sandbox, script).reason.kind == "no-output"

    def test_messages_are_bounded(self, sandbox: JavaScriptSandbox) -> None:
        assert len(fail(sandbox, "throw new Error('x'.repeat(1e6))").output) < 1100
        assert len(fail(sandbox, "throw '\\x01'.repeat(1e6)").output) < 6100

    def test_text_that_is_not_utf8(self, sandbox: JavaScriptSandbox) -> None:
        code = fail(sandbox, b"scriptOutput = '\xff'")
        assert (code.reason.kind, code.gas) == ("invalid-code", 0)
        assert "byte 16" in code.reason.message
        assert fail(sandbox, "scriptOutput = ''", b"ab\x80").reason.kind == "invalid-input"

    @pytest.mark.parametrize(
        "script", ["for (;;);", "for (;;) try { for (;;); } catch {}", "const f = () => queueMicrotask(f); f()"]
    )
    def test_out_of_gas_is_charged_in_full(self, sandbox: JavaScriptSandbox, script: str) -> None:
        failure = fail(sandbox, "console.log('began'); " + script)
        assert (failure.reason.kind, failure.gas) == ("out-of-gas", LIMITS.gas)
        assert failure.logs == ("began",)

    def test_exactly_enough_gas(self, sandbox: JavaScriptSandbox) -> None:
        script = "let n = 0; for (let i = 0; i < 1000; i++) n += i; scriptOutput = String(n)"
        gas = succeed(sandbox, script).gas
        assert succeed(sandbox, script, limits=replace(LIMITS, gas=gas)).gas == gas
        assert fail(sandbox, script, limits=replace(LIMITS, gas=gas - 1000)).reason.kind == "out-of-gas"

    def test_no_gas_at_all(self, sandbox: JavaScriptSandbox) -> None:
        assert fail(sandbox, "", limits=replace(LIMITS, gas=0)).reason.kind == "out-of-gas"

    def test_regular_expression_that_backtracks_for_ever(self, sandbox: JavaScriptSandbox) -> None:
        started = monotonic()
        assert fail(sandbox, "/^(a+)+$/.test('a'.repeat(40) + 'b')").reason.kind == "out-of-gas"
        assert monotonic() - started < 20

    @pytest.mark.parametrize(
        "script",
        [
            "globalThis.a = []; for (;;) a.push(new Array(1000).fill(1))",
            "globalThis.a = []; for (;;) a.push({})",
            "globalThis.a = []; for (;;) a.push(new ArrayBuffer(1e6))",
            "new ArrayBuffer(1e9)",
            "let s = 'x'; for (;;) s = [s, s].join()",
        ],
    )
    def test_memory_bombs(self, sandbox: JavaScriptSandbox, script: str) -> None:
        limits = replace(LIMITS, memory_bytes=8 << 20)
        assert fail(sandbox, script, limits=limits).reason.kind == "out-of-memory"

    @pytest.mark.parametrize(
        ("script", "kind"),
        [
            ("scriptOutput = 'x'.repeat(2 ** 30)", "uncaught-error"),  # the engine's strings end at 2^30 - 1 characters
            ("scriptOutput = 'x'.repeat(1e8)", "out-of-memory"),
            ("let s = 'x'; for (;;) s += s", "uncaught-error"),
            ("scriptOutput = 'é'.padEnd(2 ** 30)", "uncaught-error"),
        ],
    )
    def test_giant_strings(self, sandbox: JavaScriptSandbox, script: str, kind: str) -> None:
        assert fail(sandbox, script).reason.kind == kind

    def test_the_least_memory_is_enough_for_something(self, sandbox: JavaScriptSandbox) -> None:
        limits = replace(LIMITS, memory_bytes=Limits.MIN_MEMORY)
        assert succeed(sandbox, "scriptOutput = scriptArgs[0]", bytes(65536), limits).output == bytes(65536)

    @pytest.mark.parametrize("input_bytes", [1_500_000, 5_000_000])
    def test_no_room_to_begin(self, sandbox: JavaScriptSandbox, input_bytes: int) -> None:
        limits = replace(LIMITS, memory_bytes=Limits.MIN_MEMORY)
        assert fail(sandbox, "", bytes(input_bytes), limits).reason.kind == "out-of-memory"

    def test_a_script_may_catch_its_memory_bomb(self, sandbox: JavaScriptSandbox) -> None:
        assert (
            succeed(sandbox, "try { new ArrayBuffer(1e9) } catch (e) { scriptOutput = e.message }").output
            == b"out of memory"
        )

    @pytest.mark.parametrize(
        "script",
        [
            "(function f() { f() })()",
            "JSON.parse('['.repeat(1e5))",
            "const o = {toJSON: () => JSON.stringify(o)}; JSON.stringify(o)",
            "let a = []; for (let i = 0; i < 5e4; i++) a = [a]; String(a)",
            "eval('('.repeat(1e5))",
            "eval('['.repeat(1e5))",
            "eval('`${'.repeat(1e5))",
            "const f = () => [2, 1].sort(f); f()",
            "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
            "let i = [1].values(); for (let n = 0; n < 2e4; n++) i = i.map(x => x); i.next()",
        ],
    )
    def test_deep_recursion(self, sandbox: JavaScriptSandbox, script: str) -> None:
        assert fail(sandbox, script).reason.kind == "stack-overflow"

    def test_a_recursion_that_the_engine_does_not_check_is_still_a_result(self, sandbox: JavaScriptSandbox) -> None:
        failure = fail(sandbox, "let i = [1].values(); for (let n = 0; n < 5e4; n++) i = i.take(3); i.next()")
        assert (failure.reason.kind, failure.gas) == ("engine-trap", LIMITS.gas)

    def test_failed_runs_keep_no_instance_alive(self, sandbox: JavaScriptSandbox) -> None:
        kept = [fail(sandbox, "throw 1"), fail(sandbox, "for (;;);", limits=replace(LIMITS, gas=10**6))]
        gc.collect()
        assert not [alive for alive in gc.get_objects() if isinstance(alive, Store)]
        assert len(kept) == 2


class TestWorld:
    @pytest.mark.parametrize("name", ["module", "exports", "std", "os", "WebAssembly", "host", "doors", "prepare"])
    def test_no_ambient_authority(self, sandbox: JavaScriptSandbox, name: str) -> None:
        script = f"this.constructor.constructor('return {name}')()"
        assert fail(sandbox, script).reason.message.startswith(f"ReferenceError: {name} is not defined")

    def test_the_clock_is_the_blocks_and_stands_still(self, sandbox: JavaScriptSandbox) -> None:
        script = """
            const before = Date.now();
            for (let i = 0; i < 1e5; i++);
            const zone = new Date().getTimezoneOffset();
            scriptOutput = [before, Date.now() - before, zone, new Date().toISOString()].join(' ');
        """
        assert succeed(sandbox, script).output == b"1767225600000 0 0 2026-01-01T00:00:00.000Z"

    def test_chance_comes_from_the_seed(self, sandbox: JavaScriptSandbox) -> None:
        script = b"scriptOutput = JSON.stringify(Array.from({length: 1000}, Math.random))"

        def draw(seed: bytes) -> list[float]:
            outcome = sandbox.run(script, b"", LIMITS, Context(block_time_ms=0, seed=seed))
            assert isinstance(outcome, Success)
            values: list[float] = json.loads(outcome.output)
            return values

        first = draw(b"one")
        assert first == draw(b"one") != draw(b"two")
        assert len(set(first)) == 1000
        assert all(0 <= value < 1 for value in first)
        assert 0.45 < sum(first) / 1000 < 0.55

    def test_no_run_sees_another(self, sandbox: JavaScriptSandbox) -> None:
        succeed(sandbox, "globalThis.left = 1; Array.prototype.map = () => 'broken'; Math.PI2 = 6; scriptOutput = ''")
        script = "scriptOutput = [typeof left, typeof Math.PI2, [1].map(x => x + 1)].join()"
        assert succeed(sandbox, script).output == b"undefined,undefined,2"

    def test_polluted_prototypes_stay_in_their_run(self, sandbox: JavaScriptSandbox) -> None:
        pollute = (
            "JSON.parse('{\"__proto__\": 1}'); Object.prototype.admin = true; Array.prototype.push = () => 'stolen';"
            "Promise.prototype.then = () => { throw 1 }; Function.prototype.call = () => 'stolen';"
            "globalThis.secret = scriptArgs[0]; scriptOutput = 'done'"
        )
        look = (
            "'use agent'; globalThis.agent = () => JSON.stringify("
            "[typeof {}.admin, [].push(1), typeof secret, (() => 5).call(), typeof scriptOutput])"
        )
        before = succeed(sandbox, look)
        assert succeed(sandbox, pollute, b"password").output == b"done"
        assert succeed(sandbox, look) == before
        assert json.loads(before.output) == ["undefined", 1, "undefined", 5, "undefined"]

    def test_memory_holds_nothing_of_the_run_before(self, sandbox: JavaScriptSandbox) -> None:
        """What one run fills its memory with, on the engine's stack and heap, is gone before the next begins."""
        fill = "const a = []; for (let i = 0; i < 40; i++) a.push('sesame'.repeat(1e5) + i); scriptOutput = 'x'"
        recurse = "(function f(n) { const s = ['sesame', n]; return n ? f(n - 1) + s[0].length : 0 })(300)"
        clean = succeed(sandbox, "scriptOutput = ''")
        image = sandbox._image
        succeed(sandbox, f"{recurse}; {fill}")
        instance = sandbox._module.instantiate(64 << 20, 10**9, image.size)
        Machine(instance, image)
        assert instance.memory_bytes == image.size
        assert instance.read(0, image.size) == bytes(image.blank) + image.content
        instance.grow_to(48 << 20)
        assert instance.read(image.size, (48 << 20) - image.size).count(0) == (48 << 20) - image.size
        instance.close()
        assert succeed(sandbox, "scriptOutput = ''") == clean

    def test_spoilt_built_ins_spoil_their_own_run_alone(self, sandbox: JavaScriptSandbox) -> None:
        spoil = (
            "for (const o of [Array, String, Object, Error, Math, JSON]) for (const k of Object.getOwnPropertyNames("
        )
        spoil += "o.prototype ?? o)) try { (o.prototype ?? o)[k] = () => { throw 1 } } catch {}; "
        before = succeed(sandbox, "scriptOutput = 'x'")
        assert succeed(sandbox, spoil + "scriptOutput = 'x'").output == b"x"
        assert fail(sandbox, spoil + "throw new Error('x')").reason.kind == "uncaught-error"
        assert succeed(sandbox, "scriptOutput = 'x'") == before


class TestWallGuard:
    def test_abstains(self, sandbox: JavaScriptSandbox) -> None:
        started = monotonic()
        outcome = sandbox.run(b"for (;;);", b"", Limits(gas=1 << 62, wall_seconds=0.2), CONTEXT)
        assert isinstance(outcome, Abstained)
        assert 0.2 <= monotonic() - started < 10
        assert "0.2 s" in outcome.reason
        assert succeed(sandbox, "scriptOutput = 'goes on'").output == b"goes on"

    def test_abstains_even_when_time_is_up_before_the_start(self, sandbox: JavaScriptSandbox) -> None:
        for _ in range(50):  # the interrupt comes at another moment each time
            outcome = sandbox.run(b"for (;;);", b"", Limits(gas=1 << 62, wall_seconds=1e-9), CONTEXT)
            assert isinstance(outcome, Abstained)


class TestLogs:
    def test_lines(self, sandbox: JavaScriptSandbox) -> None:
        script = """
            console.log('a', 1, null, undefined, [1, {b: 'c'}], 5n, Symbol('s'));
            console.error('\\0é😀'); console.warn(); console.info({}); console.debug(new Error('E').message);
            const circle = {}; circle.circle = circle; console.log(circle);
            scriptOutput = '';
        """
        circle = "<ref *1> { circle: [Circular *1] }"
        expected = ("a 1 null undefined [ 1, { b: 'c' } ] 5n Symbol(s)", "\0é😀", "", "{}", "E", circle)
        assert succeed(sandbox, script).logs == expected

    def test_errors_bring_their_stack(self, sandbox: JavaScriptSandbox) -> None:
        (line,) = fail(sandbox, "function deep() { throw new Error('x') }\nfunction f() { deep() }\nf()").logs
        assert line.splitlines()[0] == "Error: x"
        assert [where.split("(")[0].strip() for where in line.splitlines()[1:]] == ["at deep", "at f", "at <eval>"]

    def test_are_cut_off(self, sandbox: JavaScriptSandbox) -> None:
        limits = replace(LIMITS, log_bytes=20)
        script = "console.log('12345678'); console.log('é'.repeat(100)); console.log('more'); scriptOutput = ''"
        assert succeed(sandbox, script, limits=limits).logs == ("12345678", "éé", "[the log is cut off at 20 bytes]")
        endless = fail(sandbox, "for (let i = 0; ; i++) console.log('line', i)", limits=limits)
        assert endless.logs == ("line 0", "line 1", "[the log is cut off at 20 bytes]")

    def test_none(self, sandbox: JavaScriptSandbox) -> None:
        script = "console.log('x'); scriptOutput = ''"
        assert succeed(sandbox, script, limits=replace(LIMITS, log_bytes=0)).logs == (
            "[the log is cut off at 0 bytes]",
        )


def test_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(identity, "ENGINE_WASM", tmp_path / "quickjs.wasm")
    with pytest.raises(EngineMissing, match="make build"):
        JavaScriptSandbox(None)
