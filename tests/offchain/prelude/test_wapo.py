"""`Wapo` and `pink`, against the same functions in Python and what Phala documents of its own."""

from __future__ import annotations

import json
from hashlib import blake2b, sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from offchain.sandbox.base import Context, Failure
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.wyhash import wyhash64
from pallets.primitives.hashing import keccak_256
from tests.offchain.prelude.web import CONTEXT, LIMITS, Page, Web, run, value

MESSAGE = b"a\0\xc3\xa9"


@pytest.mark.parametrize("library", ["Wapo", "pink"])
def test_hashes(sandbox: JavaScriptSandbox, library: str) -> None:
    names = ["blake2b128", "blake2b256", "blake2b512", "sha256", "keccak256"]
    bytes_of = f"new Uint8Array({list(MESSAGE)})"
    found = value(
        sandbox,
        f"{names}.map(n => [{library}.hash(n, 'a\\0é').toHex(), {library}.hash(n, {bytes_of}).toHex()])",
    )
    right = [*(blake2b(MESSAGE, digest_size=n).hexdigest() for n in (16, 32, 64)), sha256(MESSAGE).hexdigest()]
    assert found == [[digest, digest] for digest in (*right, keccak_256(MESSAGE).hex())]


# From the tests of the hash's reference implementation.
@pytest.mark.parametrize(
    ("text", "seed", "digest"),
    [
        ("", 0, 0x0409638EE2BDE459),
        ("a", 1, 0xA8412D091B5FE0A9),
        ("abc", 2, 0x32DD92E4B2915153),
        ("message digest", 4, 0xA2608B1B6EC6EBBF),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 6, 0xD730106570676F54),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 7, 0x02E9C2F693249CA6),
        ("1234567890" * 8, 8, 0x3C353B8B0B931BB0),
    ],
)
def test_wyhash(text: str, seed: int, digest: int) -> None:
    assert wyhash64(text.encode(), seed) == digest


def test_wyhash_for_scripts(sandbox: JavaScriptSandbox) -> None:
    found = value(sandbox, "Wapo.nonCryptographicHash('wyhash64', '').toHex()")
    assert found == (0x0409638EE2BDE459).to_bytes(8, "little").hex()


def test_secrets_hang_on_key_salt_and_purpose(sandbox: JavaScriptSandbox) -> None:
    expression = """['a', 'b', new Uint8Array([97])].map(salt => Wapo.deriveSecret(salt).toHex())
        .concat(pink.deriveSecret('a').toHex(), pink.deriveSecret('0x61').toHex(), pink.vrf('a').toHex())"""
    found = value(sandbox, expression)
    assert [len(secret) for secret in found] == [128, 128, 128, 64, 64, 128]
    assert found[0] == found[2]
    assert found[3] == found[4]
    assert len({secret[:64] for secret in found}) == 4
    assert value(sandbox, expression) == found
    other = Context(block_time_ms=0, seed=b"", derive_key=bytes(32))
    script = "scriptOutput = Wapo.deriveSecret('a').toHex()"
    assert sandbox.run(script.encode(), b"", LIMITS, other).output.decode() not in found  # type: ignore[union-attr]


def test_without_a_key_there_are_no_secrets(sandbox: JavaScriptSandbox) -> None:
    outcome = sandbox.run(b"Wapo.deriveSecret('a')", b"", LIMITS, Context(block_time_ms=0, seed=b""))
    assert isinstance(outcome, Failure)
    assert outcome.reason.kind == "uncaught-error"


def test_signature(sandbox: JavaScriptSandbox) -> None:
    public, signature = value(sandbox, "[Wapo.workerPublicKey().toHex(), Wapo.workerSign('m\\0').toHex()]")
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), b"m\0")


@pytest.mark.parametrize(
    ("types", "of", "given", "encoded"),
    [
        ("#u8\n#str\n(0,1)", "2", "[1, 'hello']", "011468656c6c6f"),
        ("#u8\n<Ok:0,Err:1>\n", "1", "{Ok: 9}", "0009"),
        ("#bool\n<Ok:0:2,None::7>", "1", "{None: null}", "07"),
        ("#u8\n[0]", "1", "new Uint8Array([1, 2])", "080102"),
        ("#u8\n[0;2]", "1", "new Uint8Array([1, 2])", "0102"),
        ("#str\n[0]", "1", "['a', '']", "08046100"),
        ("Age = u32\nPerson = {\n name:str,\n age:Age,\n}", "'Person'", "{name: 'T', age: 9}", "045409000000"),
        ("", "'{a:u128,b:@u128}'", "{a: 1n, b: 1n << 64n}", "01" + "00" * 15 + "17000000000000000001"),
        ("", "'{c:@u32,d:i16}'", "{c: 16384, d: -2}", "02000100feff"),
        ("", "['u8', 'str']", "[1, 'é']", "0108c3a9"),
        ("", "'()'", "[]", ""),
        ("", "'(bool,(u64,i8))'", "[true, [18446744073709551615n, -1]]", "01ffffffffffffffffff"),
    ],
)  # fmt: skip
def test_scale(sandbox: JavaScriptSandbox, types: str, of: str, given: str, encoded: str) -> None:
    show = "v => JSON.stringify(v, (k, x) => typeof x === 'bigint' ? x + 'n' : x instanceof Uint8Array ? [...x] : x)"
    found = value(
        sandbox,
        f"""(() => {{ const codec = pink.SCALE.codec({of}, Wapo.SCALE.parseTypes({types!r})); const show = {show};
        const bytes = codec.encode({given}); return [bytes.toHex(), show(codec.decode(bytes)), show({given})] }})()""",
    )
    assert found == [encoded, found[2], found[2]]


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("Wapo.hash('md5', '')", "unsupported hash algorithm"),
        ("Wapo.SCALE.encode(256, 'u8')", "out of the range of u8"),
        ("Wapo.SCALE.encode({}, '{a:u8}')", "the field a is missing"),
        ("Wapo.SCALE.encode('C', '<A,B>')", "none of A, B"),
        ("Wapo.SCALE.decode(new Uint8Array([8, 1]), '[u8]')", "end too early"),
        ("Wapo.SCALE.decode(new Uint8Array([255, 255, 255, 255]), '[u64]')", "end too early"),
        ("Wapo.SCALE.codec(0, 'A = A')", ""),
        ("Wapo.SCALE.parseTypes('[u8')", "is missing"),
    ],
)
def test_refusals(sandbox: JavaScriptSandbox, expression: str, error: str) -> None:
    script = f"try {{ {expression}; scriptOutput = 'fine' }} catch (e) {{ scriptOutput = e.message }}"
    outcome = sandbox.run(script.encode(), b"", LIMITS, CONTEXT)
    assert error in outcome.output.decode(), outcome  # type: ignore[union-attr]


def test_http_that_stands_still(sandbox: JavaScriptSandbox) -> None:
    def echo(head: dict[str, Any], body: bytes) -> Page:
        return Page(head["method"].encode() + b" " + body, 201, [("x-a", "1"), ("X-A", "2")])

    web = Web({"https://a/": echo, "https://b/": Page([b"str", b"eam\xff"])})
    found = value(
        sandbox,
        """(() => { const text = {returnTextBody: true};
        const one = pink.httpRequest({url: 'https://a/', method: 'POST', body: 'é', headers: {h: 'v'}, ...text});
        const all = pink.batchHttpRequest([{url: 'https://b/'}, {url: 'https://c/', ...text},
            {url: 'https://a/', body: new Uint8Array([65]), ...text}], 500);
        return [one, ...all.map(a => ({...a, body: typeof a.body === 'string' ? a.body : [...a.body]}))] })()""",
        web,
    )
    first = {"statusCode": 201, "reasonPhrase": "", "headers": {"x-a": "1, 2"}, "body": "POST é"}
    assert found[0] == first
    assert found[1]["body"] == [*b"stream\xff"]
    assert found[2]["error"] == "nobody is at https://c/"
    assert found[3] == first | {"body": "GET A"}
    assert [head["timeout_ms"] for head, _ in web.asked] == [10_000, 500, 500, 500]
    assert web.asked[0][0]["headers"] == [["h", "v"]]


def test_bytes_and_absent_functions(sandbox: JavaScriptSandbox) -> None:
    assert value(sandbox, "[...Wapo.concatU8a([new Uint8Array([1]), new Uint8Array([2, 3])])]") == [1, 2, 3]
    absent = ["httpsListen", "queryListen", "tryLock", "sgxQuote", "bootData", "exit"]
    assert value(sandbox, f"{absent}.map(name => name in Wapo)") == [False] * len(absent)
    assert value(sandbox, "'invokeContract' in pink") is False


def test_other_scripts_are_refused_as_to_guests(sandbox: JavaScriptSandbox) -> None:
    refusal = "isolateEval is disabled: an agent runs no other script, deploy it as an agent and fetch it"
    evaluated = (
        "(() => { try { Wapo.isolateEval({scripts: ['1']}, () => {}) } catch (error) { return error.message } })()"
    )
    assert value(sandbox, evaluated) == refusal
    assert value(sandbox, "Wapo.run('1')") == {"isOk": False, "isError": True, "error": refusal, "logs": []}


def test_environment_has_the_secret(sandbox: JavaScriptSandbox) -> None:
    script = (
        "const first = process.env.secret; {} scriptOutput = JSON.stringify([process.env.secret, {...process.env}])"
    )
    given = json.dumps({"secret": {"key": "é"}}, ensure_ascii=False)
    secret = '{"key":"é"}'
    assert json.loads(run(sandbox, script, given).output) == [secret, {"secret": secret}]
    assert json.loads(run(sandbox, script, "{}").output) == ['""', {"secret": '""'}]
    handler = "'use agent'; const before = process.env.secret; globalThis.agent = () => before + process.env.secret"
    assert run(sandbox, handler, given).output.decode() == '""' + secret
