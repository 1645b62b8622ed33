"""Modules that are no contract's, and contracts that take all they can get."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offchain.sandbox.base import Abstained, Answer, Failure, Limits, Outside
from pallets.primitives.contract import CallMessage
from tests.offchain.sandbox.ink.ledger import AGENT, CONTEXT, LIMITS, Ledger, account
from tests.offchain.sandbox.ink.wat import ENTRIES, contract, returning, wasm

EMPTY = "(func $call) (func $deploy)"
DEEP_ENTRIES = '(export "call" (func $enter)) (export "deploy" (func $deploy))'
MEMORY = '(import "env" "memory" (memory 1 1))'


@pytest.mark.parametrize(
    "text, message",
    [
        (f'(module (import "seal0" "input" (func)) {ENTRIES} {EMPTY})', "other parameters"),
        (f'(module (import "env" "gas" (func)) {ENTRIES} {EMPTY})', "env.gas, which no contract is given"),
        (f'(module (import "seal0" "restore_to" (func)) {ENTRIES} {EMPTY})', "restore_to, which no contract is given"),
        (f'(module (import "env" "table" (table 1 funcref)) {ENTRIES} {EMPTY})', "functions and one `env.memory`"),
        (f'(module (import "env" "memory" (memory 1 65)) {ENTRIES} {EMPTY})', "from 0 to 64 pages"),
        (f'(module (import "env" "other" (memory 1 1)) {ENTRIES} {EMPTY})', "functions and one `env.memory`"),
        (f"(module (memory 1) {ENTRIES} {EMPTY})", "a memory of its own"),
        (f"(module {ENTRIES} {EMPTY} (start $call))", "a start function"),
        ('(module (export "call" (func $call)) (func $call))', "not export both"),
        (f"(module {ENTRIES} (func $call (param i32)) (func $deploy))", "a function without parameters"),
        (f"(module {ENTRIES} {EMPTY} (func (local {'i32 ' * 1025})))", "more than 1024 locals"),
        (f"(module {ENTRIES} {EMPTY} (func (local {'i32 ' * 1024}) {'(drop (local.get 0))' * 3000}))", "are compiled"),
        (f"(module {ENTRIES} {EMPTY} (func {'(loop)' * 1025}))", "are compiled"),
        (f"(module {ENTRIES} {EMPTY} {('(func ' + '(loop)' * 1000 + ')') * 9})", "are compiled"),
        (f'(module {MEMORY} {ENTRIES} {EMPTY} (data (i32.const 65536) "x"))', "doesn't fit"),
        (f"(module {ENTRIES} {EMPTY} (table 30000 funcref))", "doesn't fit"),
        (f"(module {ENTRIES} {EMPTY} (func (result i32 i32) (i32.const 0) (i32.const 0)))", "not valid Wasm"),
        (f"(module {ENTRIES} {EMPTY} (func (result v128) (v128.const i32x4 0 0 0 0)))", "not valid Wasm"),
    ],
)
def test_what_is_no_contract_is_refused_by_name(ledger: Ledger, text: str, message: str) -> None:
    ledger.install(wasm(text))
    failure = ledger.fails(b"", deploy=True)
    assert failure.reason.kind == "invalid-code" and message in failure.reason.message


def test_no_cut_or_flipped_byte_gets_through_as_something_else(ledger: Ledger) -> None:
    sound = contract(("seal0.input", 0, 64), returning(0, 4), data={0: b"abcd"})
    for at in range(8, len(sound)):
        for broken in (sound[:at], sound[:at] + bytes((sound[at] ^ 0x55,)) + sound[at + 1 :]):
            ledger.install(broken)
            ledger.stores[AGENT] = {b"m": b"deployed"}
            ledger.job(CallMessage(0, b""))  # it raises nothing, whatever it comes to


def test_the_guards_counter_is_out_of_reach(ledger: Ledger) -> None:
    """Global 0 and function 2 are there only once the module is guarded: naming them is no way around the guards."""
    body = (
        b"\0asm\1\0\0\0"
        b"\1\4\1\x60\0\0"  # a type: () -> ()
        b"\3\3\2\0\0"  # two functions
        b"\7\x11\2\4call\0\0\6deploy\0\1"
        b"\x0a" + bytes((1 + 2 * 7,)) + b"\2"
    )
    for reaches in (b"\6\0\x41\0\x24\0\x0b", b"\6\0\x10\2\x01\x01\x0b"):  # global.set 0; call 2
        ledger.install(body + reaches + b"\6\0\x01\x01\x01\x01\x0b")
        assert "not valid Wasm" in ledger.fails(b"", deploy=True).reason.message


def test_a_runaway_pays_for_all_of_it(ledger: Ledger) -> None:
    ledger.install(wasm(f"(module {MEMORY} {ENTRIES} (func $call (loop (br 0))) (func $deploy))"))
    ledger.deploy(b"")
    failure = ledger.fails(b"", limits=replace(LIMITS, gas=10**7))
    assert failure.reason.kind == "out-of-gas" and failure.gas == 10**7


def test_a_run_that_takes_too_long_is_an_abstention(ledger: Ledger) -> None:
    ledger.install(wasm(f"(module {MEMORY} {ENTRIES} (func $call (loop (br 0))) (func $deploy))"))
    ledger.deploy(b"")
    limits = Limits(gas=1 << 62, wall_seconds=0.1, asks=256, ask_bytes=1 << 20, answer_bytes=4 << 20)
    assert isinstance(ledger.job(CallMessage(0, b""), limits=limits), Abstained)


@pytest.mark.parametrize("locals", ["", "i64 " * 900])
def test_recursion_ends_at_the_same_call_each_time(ledger: Ledger, locals: str) -> None:
    deep = (
        f"(func $call (call $down (i64.const 1)) drop) (func $deploy)"
        f"(func $down (param i64) (result i64) (local {locals})"
        " (i64.add (call $down (i64.add (local.get 0) (i64.const 1))) (local.get 0)))"
    )
    ledger.install(wasm(f"(module {MEMORY} {ENTRIES} {deep})"))
    ledger.deploy(b"")
    first, second = ledger.fails(b""), ledger.fails(b"")
    assert first == second and first.reason.kind == "stack-overflow" and first.gas < LIMITS.gas // 10


def test_contracts_on_top_of_each_other_have_stack_enough(ledger: Ledger) -> None:
    """Each recurses until a call before it would be too deep, with frames as large as they get, and calls itself."""
    many, start = "(param " + "i64 " * 100 + ")", "(i64.const 600) " * 100
    rest = " ".join(f"(i64.add (local.get {place}) (i64.const 1))" for place in range(1, 100))
    call = "(call $call (i32.const 8) (i32.const 0) (i64.const 0) (i32.const 32)" + " (i32.const 0)" * 4 + ")"
    bytes_ = "".join(f"{chr(92)}{byte:02x}" for byte in account())
    deep = (
        '(import "seal1" "call" (func $call (param i32 i32 i64 i32 i32 i32 i32 i32) (result i32)))'
        f" {MEMORY} {DEEP_ENTRIES} (func $deploy) (func $enter (call $down {start}))"
        f" (func $down {many} (if (i64.eqz (local.get 0)) (then (drop {call})) (else"
        f" (call $down (i64.sub (local.get 0) (i64.const 1)) {rest}))))"
        f' (data (i32.const 0) "{bytes_}")'
    )
    ledger.install(wasm(f"(module {deep})"))
    ledger.deploy(b"")
    first, second = ledger.query(b""), ledger.query(b"")
    assert first == second and "MaxCallDepthReached" in first["debugMessage"]


def test_memory_grows_as_far_as_it_says(ledger: Ledger) -> None:
    grow = (
        '(import "seal0" "seal_return" (func $return (param i32 i32 i32))) (import "env" "memory" (memory 1 4))'
        f"{ENTRIES} (func $deploy) (func $call (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))"
        " (i32.store (i32.const 0) (memory.size)) (call $return (i32.const 0) (i32.const 0) (i32.const 4)))"
    )
    ledger.install(wasm(f"(module {grow})"))
    ledger.deploy(b"")
    assert ledger.call(b"").data == (4).to_bytes(4, "little")


def test_a_panic_is_a_trap(ledger: Ledger) -> None:
    ledger.install(wasm(f"(module {MEMORY} {ENTRIES} (func $call unreachable) (func $deploy))"))
    ledger.deploy(b"")
    failure = ledger.fails(b"")
    assert failure.reason.message == "ContractTrapped: unreachable, as after a panic" and failure.gas < LIMITS.gas


def test_nothing_of_one_run_is_seen_by_the_next(ledger: Ledger) -> None:
    ledger.install(contract(returning(0x8000, 8), deploy=(("seal0.hash_sha2_256", 0, 1, 0x8000),)))
    ledger.deploy(b"")
    assert ledger.call(b"").data == bytes(8)


def test_without_a_world_there_is_no_state(ledger: Ledger) -> None:
    code = contract()
    outcome = ledger.sandbox.run(code, b"\0\0\0", LIMITS, CONTEXT, None)
    assert "this run has no world" in str(outcome)


@pytest.mark.parametrize(
    "head", [b"", b"[]", b"{}", b'{"status": "x", "headers": []}', b'{"status": 200, "headers": [1]}']
)
def test_a_world_that_answers_nonsense_is_no_crash(ledger: Ledger, head: bytes) -> None:
    for body in (b"", b"{}", b'{"agent": 7, "block": {"number": 1}, "job": {"submitter": "x"}}'):
        for heads in ([head], [b'{"status": 200, "headers": []}', head]):
            outcome = ledger.sandbox.run(contract(), b"\0\0\0", LIMITS, CONTEXT, _answering(heads * 9, body))
            assert isinstance(outcome, Failure) and outcome.reason.kind == "contract-trapped"


def _answering(heads: list[bytes], body: bytes) -> Outside:
    left = iter(heads)
    return lambda asks: Answer(asks[0].id, True, next(left), body)
