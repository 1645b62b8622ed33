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
    "scriptOutput = scriptArgs[0]": 69_635,
    "scriptOutput = String(Date.now() + new Date().getHours())": 700_602,
    "(async () => { for (let i = 0; i < 9; i++) await i; scriptOutput = 'done' })()": 648_776,
    "console.log('one', {two: 2}); scriptOutput = String(Math.random())": 244_584,
    "scriptOutput = new TextEncoder().encode('é'.repeat(100))": 828_872,
    "scriptOutput = String(/(a+)+b/.exec('a'.repeat(12)))": 5_937_299,
    "Promise.reject(1); scriptOutput = JSON.stringify(Array.from({length: 50}, (_, i) => ({i})))": 1_003_634,
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
    for file in (identity.ENGINE_WASM, identity.PRELUDE):
        encoded += hashlib.blake2b(file.read_bytes(), digest_size=32).digest()
    config = scale.RuntimeConfiguration().create_scale_object("Vec<u8>")
    encoded += bytes(config.encode("0x" + identity.RUNTIME_CONFIG.hex()).data)
    assert runtime_id() == hashlib.blake2b(encoded, digest_size=32).digest()
    assert b"wasmtime=50.0.1;" in identity.RUNTIME_CONFIG
    monkeypatch.setattr(identity, "RUNTIME_CONFIG", identity.RUNTIME_CONFIG + b"!")
    assert runtime_id() != hashlib.blake2b(encoded, digest_size=32).digest()


def test_the_engine_is_the_locked_one() -> None:
    packages = json.loads(PACKAGE_LOCK.read_text())["packages"]
    assert packages["node_modules/quickjs-wasi"]["version"] == identity.ENGINE_VERSION
