"""Contracts written by hand: a list of calls of the host, or any text."""

from __future__ import annotations

from collections.abc import Mapping

from wasmtime import wat2wasm

from offchain.sandbox.ink.seal import Seal

SIGNATURES = {f"{module}.{name}": signature for (module, name), (signature, _) in Seal().functions().items()}
RESULTS = 0x4000
"""Where the answer of the n-th call goes, 8 bytes each."""
ENTRIES = '(export "call" (func $call)) (export "deploy" (func $deploy))'
ANSWER = 4096
KINDS = {"i": "i32", "I": "i64"}

Call = tuple[str | int, ...]
"""A function as `seal0.input`, and its arguments."""


def wasm(text: str) -> bytes:
    return bytes(wat2wasm(text))


def contract(
    *calls: Call, data: Mapping[int, bytes] | None = None, deploy: tuple[Call, ...] = (), pages: int = 1
) -> bytes:
    """A contract whose messages make these calls, one after the other, and whose constructor makes `deploy`."""
    used = list(dict.fromkeys(str(name) for name, *_ in (*calls, *deploy)))
    imports = "".join(
        f'(import "{module}" "{name}" (func ${module}.{name} {_type(f"{module}.{name}")}))'
        for module, name in (each.split(".") for each in used)
    )
    segments = "".join(
        f'(data (i32.const {at}) "{"".join(f"{chr(92)}{byte:02x}" for byte in content)}")'
        for at, content in (data or {}).items()
    )
    return wasm(
        f'(module {imports} (import "env" "memory" (memory {pages} {pages})) {ENTRIES}'
        f"(func $call {_body(calls)}) (func $deploy {_body(deploy)}) {segments})"
    )


def returning(at: int, length: int, flags: int = 0) -> Call:
    return ("seal0.seal_return", flags, at, length)


def asking(id: int, data: bytes) -> bytes:
    """Asks the chain extension for a function, and returns its status, and behind it what it wrote: `answered`."""
    at = {0x100: data, 0xF00: ANSWER.to_bytes(4, "little")}
    ask = ("seal0.call_chain_extension", id, 0x100, len(data), RESULTS + 8, 0xF00)
    return contract(ask, returning(RESULTS, 8 + ANSWER), data=at)


def answered(returned: bytes) -> bytes:
    """What a function of the extension wrote, of what `asking` returned; zeros follow."""
    return returned[8:]


def _type(name: str) -> str:
    parameters, results = SIGNATURES[name]
    return f"(param {' '.join(KINDS[kind] for kind in parameters)})" * bool(parameters) + (
        f"(result {KINDS[results]})" if results else ""
    )


def _body(calls: tuple[Call, ...]) -> str:
    parts = []
    for place, (name, *arguments) in enumerate(calls):
        parameters, results = SIGNATURES[str(name)]
        given = " ".join(f"({KINDS[kind]}.const {value})" for kind, value in zip(parameters, arguments, strict=True))
        made = f"(call ${name} {given})"
        if results:
            made = f"({KINDS[results]}.store (i32.const {RESULTS + 8 * place}) {made})"
        parts.append(made)
    return " ".join(parts)
