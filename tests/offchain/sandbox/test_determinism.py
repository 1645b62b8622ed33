from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from offchain.sandbox import identity
from offchain.sandbox.identity import runtime_id
from offchain.sandbox.javascript import JavaScriptSandbox
from tests.offchain.sandbox.running import CONTEXT, LIMITS, succeed

PACKAGE_LOCK = Path(__file__).parents[3] / "package-lock.json"

# Changing one of these figures changes the runtime id too: raise `HOST_REVISION` unless the id changes by itself.
GAS = {
    "scriptOutput = scriptArgs[0]": 87_757,
    "scriptOutput = String(Date.now() + new Date().getHours())": 720_366,
    "(async () => { for (let i = 0; i < 9; i++) await i; scriptOutput = 'done' })()": 667_232,
    "console.log('one', {two: 2}); scriptOutput = String(Math.random())": 573_987,
    "scriptOutput = new TextEncoder().encode('é'.repeat(100))": 314_054,
    "scriptOutput = String(/(a+)+b/.exec('a'.repeat(12)))": 5_957_280,
    "Promise.reject(1); scriptOutput = JSON.stringify(Array.from({length: 50}, (_, i) => ({i})))": 1_014_809,
}
FAILURES = [
    "(function f() { f() })()",
    "globalThis.a = []; for (;;) a.push(new Array(1000).fill(1))",
    "eval('('.repeat(1e5))",
    "throw new Error(Math.random())",
    "let i = [1].values(); for (let n = 0; n < 5e4; n++) i = i.take(3); i.next()",
]
PROGRAM = """
import json, sys
from pathlib import Path
from offchain.sandbox.javascript import JavaScriptSandbox
from tests.offchain.sandbox.running import CONTEXT, LIMITS

sandbox = JavaScriptSandbox(Path(sys.argv[1]) if sys.argv[1] else None)
outcomes = [sandbox.run(script.encode(), b"in", LIMITS, CONTEXT) for script in json.loads(sys.argv[2])]
print(json.dumps([sandbox.runtime_id.hex(), [[o.output.hex(), o.gas, o.logs] for o in outcomes]]))
"""


def in_a_fresh_process(cache: Path | None, scripts: list[str], hash_seed: str) -> object:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(cache or ""), json.dumps(scripts)],
        env={"PYTHONHASHSEED": hash_seed},
        cwd=PACKAGE_LOCK.parent,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return json.loads(finished.stdout)


def test_fresh_processes_agree(sandbox: JavaScriptSandbox, cache: Path) -> None:
    scripts = [*GAS, *FAILURES]
    here = []
    for script in scripts:
        outcome = sandbox.run(script.encode(), b"in", LIMITS, CONTEXT)
        here.append([outcome.output.hex(), outcome.gas, list(outcome.logs)])  # type: ignore[union-attr]
    expected = [runtime_id().hex(), here]
    assert in_a_fresh_process(cache, scripts, "1") == expected  # compiled code from the cache
    assert in_a_fresh_process(None, scripts[::-1], "2") == [expected[0], here[::-1]]  # compiled anew, another order


@pytest.mark.parametrize("script", GAS)
def test_gas_is_what_it_was(sandbox: JavaScriptSandbox, script: str) -> None:
    assert succeed(sandbox, script, b"in").gas == GAS[script]


def test_gas_does_not_depend_on_what_ran_before(sandbox: JavaScriptSandbox) -> None:
    script = "const m = new Map(); for (let i = 0; i < 100; i++) m.set('k' + i, {i}); scriptOutput = String(m.size)"
    first = succeed(sandbox, script)
    for other in (*GAS, *FAILURES):
        sandbox.run(other.encode(), b"in", LIMITS, CONTEXT)
        assert succeed(sandbox, script) == first


def test_five_hundred_runs_are_one(sandbox: JavaScriptSandbox) -> None:
    handler = "'use agent'; let n = 0; globalThis.agent = (input) => input + Math.random() + ++n + Date.now()"
    script = "setTimeout(() => { scriptOutput = scriptArgs[0] + Math.random() + crypto.randomUUID() }, 10)"
    for program in (handler, script):
        outcomes = {succeed(sandbox, program, b"in") for _ in range(250)}
        assert len(outcomes) == 1


def test_gas_is_the_same_whatever_is_remembered(cache: Path) -> None:
    """A program's evaluation is in each run's gas, done now or long ago, or forgotten in between."""
    programs = [
        "'use agent'; let n = 0; for (let i = 0; i < 1e4; i++) n += i; globalThis.agent = () => String(n)",
        "scriptOutput = String(scriptArgs[0].length)" + " + ''" * 1000,
        "'use agent'; globalThis.agent = { fetch: () => new Response('x') }; console.log('evaluated')",
        "Promise.reject(new Error('heard by nobody'))",
    ]
    fresh = JavaScriptSandbox(cache)
    fresh._programs._max_bytes = 0
    remembering = JavaScriptSandbox(cache)
    for program in programs * 2:
        outcomes = [each.run(program.encode(), b"in", LIMITS, CONTEXT) for each in (fresh, remembering, remembering)]
        assert outcomes[0] == outcomes[1] == outcomes[2]
    fresh.close()
    remembering.close()


def test_loading_code_costs_gas(sandbox: JavaScriptSandbox) -> None:
    short = succeed(sandbox, "scriptOutput = ''").gas
    long = succeed(sandbox, "scriptOutput = '';" + "function unused() { return 1 }" * 1000).gas
    assert long > 10 * short


def test_runtime_id_is_the_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = pytest.importorskip("scalecodec.base")
    encoded = b""
    for text in ("quickjs-ng", identity.ENGINE_VERSION):
        encoded += bytes(
            scale.ScaleBytes(scale.RuntimeConfiguration().create_scale_object("Vec<u8>").encode(text).data).data
        )
    source = identity.prelude() + b"".join(identity.late_parts().values())
    for part in (identity.ENGINE_WASM.read_bytes(), source):
        encoded += hashlib.blake2b(part, digest_size=32).digest()
    config = scale.RuntimeConfiguration().create_scale_object("Vec<u8>")
    encoded += bytes(config.encode("0x" + identity.RUNTIME_CONFIG.hex()).data)
    assert runtime_id() == hashlib.blake2b(encoded, digest_size=32).digest()
    assert b"wasmtime=50.0.1;" in identity.RUNTIME_CONFIG
    monkeypatch.setattr(identity, "RUNTIME_CONFIG", identity.RUNTIME_CONFIG + b"!")
    assert runtime_id() != hashlib.blake2b(encoded, digest_size=32).digest()


def test_the_engine_is_the_locked_one() -> None:
    packages = json.loads(PACKAGE_LOCK.read_text())["packages"]
    assert packages["node_modules/quickjs-wasi"]["version"] == identity.ENGINE_VERSION
