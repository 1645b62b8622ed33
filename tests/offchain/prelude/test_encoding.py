"""TextEncoder and TextDecoder against Python's codec, which follows the same standard."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offchain.sandbox.javascript import JavaScriptSandbox
from tests.offchain.sandbox.running import fail, succeed

DECODE = """
    const parts = JSON.parse(scriptArgs[0]).map(part => new Uint8Array(part));
    const decoder = new TextDecoder('utf-8', {ignoreBOM: true});
    scriptOutput = parts.map(part => decoder.decode(part, {stream: true})).join('') + decoder.decode();
"""
BYTES_THAT_MATTER = st.lists(
    st.sampled_from(b"\x00a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff"),
    max_size=12,
).map(bytes)


@settings(max_examples=120, deadline=None)
@given(st.lists(BYTES_THAT_MATTER, max_size=4))
@example([b"\xf0\x9f", b"\x98\x80"])
@example([b"\xe0\x80\xed\xa0\x80\xf4\x90\x80\x80"])
def test_decoder_agrees_with_python_however_the_bytes_are_cut(sandbox: JavaScriptSandbox, parts: list[bytes]) -> None:
    output = succeed(sandbox, DECODE, json.dumps([list(part) for part in parts]).encode()).output
    assert output == b"".join(parts).decode("utf-8", "replace").encode()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
@example("a\0é€😀\ud800z\udc00")
def test_encoder_agrees_with_python(sandbox: JavaScriptSandbox, text: str) -> None:
    script = "scriptOutput = new TextEncoder().encode(JSON.parse(scriptArgs[0]))"
    well_formed = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert succeed(sandbox, script, json.dumps(text).encode()).output == well_formed.encode()


def test_every_length_of_character(sandbox: JavaScriptSandbox) -> None:
    points = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]
    text = "".join(map(chr, points))
    assert (
        succeed(sandbox, "scriptOutput = new TextEncoder().encode(scriptArgs[0])", text.encode()).output
        == text.encode()
    )
    script = "scriptOutput = new TextDecoder().decode(new TextEncoder().encode(scriptArgs[0]))"
    assert succeed(sandbox, script, text.encode()).output == text.encode()
    assert succeed(sandbox, script, (text * 800).encode()).output == (text * 800).encode()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length", 1),
        ("new TextDecoder('utf8', {ignoreBOM: true}).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length", 2),
        ("new TextDecoder().decode(new Uint8Array([0x61, 0xef, 0xbb, 0xbf])).length", 2),
        ("new TextDecoder().decode()", ""),
        ("new TextDecoder(' UTF-8 ').encoding", "utf-8"),
        ("new TextDecoder().decode(new Uint16Array([0x6261]))", "ab"),
        ("new TextDecoder().decode(new Uint8Array([65, 66, 67, 68]).subarray(1, 3))", "BC"),
        ("new TextDecoder().decode(new Uint8Array([65, 66]).buffer)", "AB"),
        ("new TextEncoder().encoding", "utf-8"),
        ("new TextEncoder().encode().length", 0),
        ("new TextEncoder().encodeInto('aé€😀', new Uint8Array(6))", {"read": 3, "written": 6}),
        ("new TextEncoder().encodeInto('😀', new Uint8Array(3))", {"read": 0, "written": 0}),
        ("new TextEncoder().encodeInto('😀a', new Uint8Array(5))", {"read": 3, "written": 5}),
        ("atob(btoa('\\x00\\xff'))", "\x00\xff"),
        ("Object.keys(globalThis).filter(name => /^(Text|console|atob|btoa)/.test(name)).length", 0),
    ],
)
def test_details(sandbox: JavaScriptSandbox, expression: str, value: object) -> None:
    assert json.loads(succeed(sandbox, f"scriptOutput = JSON.stringify({expression})").output) == value


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("new TextDecoder('koi8-r')", "RangeError: The encoding label provided ('koi8-r') is invalid"),
        ("new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([0xff]))", "TypeError: The encoded data"),
        ("new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([0xe2, 0x82]))", "TypeError: The encoded data"),
        ("new TextDecoder().decode('text')", "TypeError: TextDecoder decodes"),
        ("new TextEncoder().encodeInto('x', [])", "TypeError: encodeInto"),
    ],
)
def test_refusals(sandbox: JavaScriptSandbox, script: str, message: str) -> None:
    assert fail(sandbox, script).reason.message.startswith(message)


def test_a_fatal_decoder_can_be_used_again(sandbox: JavaScriptSandbox) -> None:
    script = """
        const decoder = new TextDecoder('utf-8', {fatal: true});
        try { decoder.decode(new Uint8Array([0xe2]), {stream: true}); decoder.decode(new Uint8Array([0x41])) } catch {}
        scriptOutput = decoder.decode(new Uint8Array([0x42]));
    """
    assert succeed(sandbox, script).output == b"B"
