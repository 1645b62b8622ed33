"""Each function that contracts import, called by contracts written by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from offchain.sandbox.base import Failure, Success
from pallets.primitives.contract import CONTRACT_INPUT, CallMessage
from pallets.primitives.ethereum import address
from pallets.primitives.hashing import blake2_128, blake2_256, keccak_256, sha2_256
from pallets.primitives.keys import Scheme, dev_keypair
from tests.offchain.sandbox.ink.ledger import AGENT, ALICE, BOB, CONTEXT, LEAST, LIMITS, PRICE, Ledger, account
from tests.offchain.sandbox.ink.wat import RESULTS, SIGNATURES, Call, contract, returning

NONE = 0xFFFFFFFF
OUT, ROOM = 0x1000, 0x0F00
KEY, LONG, VALUE = b"k" * 32, b"key of any length", b"value"
DATA = {0: KEY, 0x40: LONG, 0x80: VALUE, ROOM: struct.pack("<I", 256)}


def codes(content: bytes) -> list[int]:
    return [number for (number,) in struct.iter_unpack("<I4x", content)]


def answers(ledger: Ledger, *calls: Call, data: dict[int, bytes] = DATA) -> list[int]:
    ledger.install(contract(*calls, returning(RESULTS, 8 * len(calls)), data=data))
    if not ledger.stores[AGENT]:
        ledger.deploy(b"")
    return codes(ledger.call(b"").data)


def answer(ledger: Ledger, name: str, *arguments: int, length: int, **options: int) -> bytes:
    """What a function writes at `OUT`."""
    ledger.install(contract((name, *arguments), returning(OUT, length), data=DATA))
    ledger.deploy(b"") if not ledger.stores[AGENT] else None
    return ledger.call(b"", **options).data


def test_storage_in_all_its_versions(ledger: Ledger) -> None:
    assert answers(
        ledger,
        ("seal1.contains_storage", 0x40, len(LONG)),
        ("seal2.set_storage", 0x40, len(LONG), 0x80, 5),
        ("seal2.set_storage", 0x40, len(LONG), 0x80, 0),
        ("seal1.contains_storage", 0x40, len(LONG)),
        ("seal2.set_storage", 0x40, len(LONG), 0x80, 3),
        ("seal0.set_storage", 0, 0x80, 4),
        ("seal1.set_storage", 0, 0x80, 2),
        ("seal0.contains_storage", 0),
        ("seal0.take_storage", 0x40, len(LONG), OUT, ROOM),
        ("seal1.get_storage", 0x40, len(LONG), OUT, ROOM),
    ) == [NONE, NONE, 5, 0, 0, 0, 4, 2, 0, 3]
    assert ledger.stores[AGENT] == {b"m": ledger.stores[AGENT][b"m"], b"s" + KEY: b"va"}
    assert answers(
        ledger,
        ("seal0.get_storage", 0, OUT, ROOM),
        ("seal0.clear_storage", 0),
        ("seal1.clear_storage", 0, 32),
        ("seal0.get_storage", 0, OUT, ROOM),
    ) == [0, 0, NONE, 3]
    assert list(ledger.stores[AGENT]) == [b"m"]
    unstable = "__unstable__.seal_"
    assert answers(
        ledger,
        (f"{unstable}set_storage", 0x40, len(LONG), 0x80, 5),
        (f"{unstable}contains_storage", 0x40, len(LONG)),
        (f"{unstable}get_storage", 0x40, len(LONG), OUT, ROOM),
        (f"{unstable}clear_storage", 0x40, len(LONG)),
        ("__unstable__.take_storage", 0x40, len(LONG), OUT, ROOM),
    ) == [NONE, 5, 0, 5, 3]


def test_a_key_too_long_for_the_store_goes_by_its_hash(ledger: Ledger) -> None:
    long = bytes(128)
    answers(ledger, ("seal2.set_storage", 0x200, 128, 0x80, 5))
    assert ledger.stores[AGENT][b"h" + blake2_256(long)] == VALUE
    ledger.install(contract(("seal2.set_storage", 0x200, 129, 0x80, 5)))
    assert "129 bytes" in ledger.fails(b"").reason.message
    ledger.install(contract(("seal2.set_storage", 0x200, 5, 0, 16385)))
    assert ledger.fails(b"").reason.message.startswith("ValueTooLarge")


def test_who_and_where(ledger: Ledger) -> None:
    ledger.free[account()] = 500
    hash = answer(ledger, "seal0.own_code_hash", OUT, ROOM, length=32)
    assert hash in ledger.uploaded and hash == blake2_256(ledger.codes[AGENT])
    assert answer(ledger, "seal0.caller", OUT, ROOM, length=32, submitter=BOB) == BOB  # type: ignore[arg-type]
    assert answer(ledger, "seal0.seal_address", OUT, ROOM, length=32) == account()
    assert answer(ledger, "seal0.value_transferred", OUT, ROOM, length=16, value=70) == (70).to_bytes(16, "little")
    assert ledger.taken == [
        {"call": "Balances.transfer_keep_alive", "arguments": {"dest": "0x" + account().hex(), "value": "70"}}
    ]
    assert answer(ledger, "seal0.balance", OUT, ROOM, length=16, value=70) == (570).to_bytes(16, "little")
    assert answer(ledger, "seal0.minimum_balance", OUT, ROOM, length=16) == LEAST.to_bytes(16, "little")
    assert answer(ledger, "seal0.block_number", OUT, ROOM, length=4) == (42).to_bytes(4, "little")
    assert answer(ledger, "seal0.now", OUT, ROOM, length=8) == CONTEXT.block_time_ms.to_bytes(8, "little")
    assert answer(ledger, "seal0.weight_to_fee", 9, OUT, ROOM, length=16) == (9 * PRICE).to_bytes(16, "little")
    assert answer(ledger, "seal1.weight_to_fee", 9, 9, OUT, ROOM, length=16) == (9 * PRICE).to_bytes(16, "little")
    left = int.from_bytes(answer(ledger, "seal0.gas_left", OUT, ROOM, length=8), "little")
    assert LIMITS.gas - 10**7 < left < LIMITS.gas
    drawn = answer(ledger, "seal1.random", 0, 32, OUT, ROOM, length=36)
    assert drawn[32:] == (42).to_bytes(4, "little") and drawn[:32] == answer(
        ledger, "seal0.random", 0, 32, OUT, ROOM, length=32
    )


def test_what_is_told_of_contracts(ledger: Ledger) -> None:
    data = DATA | {0x100: account(), 0x140: ALICE}
    assert answers(
        ledger,
        ("seal0.is_contract", 0x100),
        ("seal0.is_contract", 0x140),
        ("seal0.caller_is_origin",),
        ("seal0.caller_is_root",),
        ("seal0.code_hash", 0x100, OUT, ROOM),
        ("seal0.code_hash", 0x140, OUT, ROOM),
        ("seal0.reentrance_count",),
        ("seal0.account_reentrance_count", 0x100),
        ("seal0.instantiation_nonce",),
        ("seal0.call_runtime", 0, 3),
        ("seal0.xcm_execute", 0, 3),
        ("seal0.xcm_send", 0, 0, 3, OUT),
        ("seal0.debug_message", 0x80, 5),
        data=data,
    ) == [1, 0, 1, 0, 0, 3, 0, 1, 42 << 16, 10, 13, 14, 0]


def test_hashes_and_signatures(ledger: Ledger) -> None:
    for name, function, length in (
        ("hash_sha2_256", sha2_256, 32),
        ("hash_keccak_256", keccak_256, 32),
        ("hash_blake2_256", blake2_256, 32),
        ("hash_blake2_128", blake2_128, 16),
    ):
        assert answer(ledger, f"seal0.{name}", 0x80, 5, OUT, length=length) == function(VALUE)
    ecdsa, schnorr = dev_keypair("Alice", Scheme.ECDSA), dev_keypair("Alice")
    data = DATA | {0x200: ecdsa.sign(VALUE), 0x300: blake2_256(VALUE), 0x340: ecdsa.public}
    data |= {0x400: schnorr.sign(VALUE), 0x440: schnorr.public}
    calls = (
        ("seal0.ecdsa_recover", 0x200, 0x300, OUT),
        ("seal0.ecdsa_to_eth_address", 0x340, OUT + 40),
        ("seal0.sr25519_verify", 0x400, 0x440, 5, 0x80),
        ("seal0.sr25519_verify", 0x400, 0x440, 4, 0x80),
        ("seal0.ecdsa_recover", 0x2000, 0x300, OUT + 80),
        ("seal0.ecdsa_to_eth_address", 0x300, OUT + 80),
    )
    assert answers(ledger, *calls, data=data) == [0, 0, 0, 12, 11, 11]
    ledger.install(contract(*calls, returning(OUT, 60), data=data))
    found = ledger.call(b"").data
    assert found[:33] == ecdsa.public and found[40:] == address(ecdsa.public)


def test_payments_leave_the_purse_and_never_more_than_it_has(ledger: Ledger) -> None:
    ledger.free[account()] = 100
    data = DATA | {0x100: BOB, 0x140: (60).to_bytes(16, "little")}
    pay = ("seal0.transfer", 0x100, 32, 0x140, 16)
    assert answers(ledger, pay, pay, data=data) == [0, 5]
    assert ledger.paid == [(BOB, 60)]
    assert ledger.query(b"")["result"] == {"Ok": {"flags": 0, "data": "0x" + struct.pack("<QQ", 0, 5).hex()}}
    assert ledger.paid == [(BOB, 60)]  # a query pays nothing


def test_events(ledger: Ledger) -> None:
    topics = b"\x08" + b"\1" * 32 + b"\2" * 32
    data = DATA | {0x200: topics}
    answers(ledger, ("seal0.deposit_event", 0x200, 65, 0x80, 5), ("seal0.deposit_event", 0, 0, 0x80, 1), data=data)
    assert ledger.events == [
        {"topics": ["0x" + "01" * 32, "0x" + "02" * 32], "data": "0x" + VALUE.hex()},
        {"topics": [], "data": "0x76"},
    ]
    for call, message in (
        (("seal0.deposit_event", 0x200, 64, 0x80, 5), "DecodingFailed"),
        (("seal0.deposit_event", 0x200, 65, 0, 4097), "ValueTooLarge"),
        (("seal0.deposit_event", 0, 0, 0, 1), "TooManyActions"),
    ):
        ledger.install(contract(*(call for _ in range(17)), data=data))
        assert ledger.fails(b"").reason.message.startswith(message)


def test_a_revert_and_a_trap_undo_everything(ledger: Ledger) -> None:
    ledger.free[account()] = 100
    did: tuple[Call, ...] = (
        ("seal2.set_storage", 0, 32, 0x80, 5),
        ("seal0.deposit_event", 0, 0, 0x80, 5),
        ("seal0.transfer", 0x100, 32, 0x140, 16),
    )
    data = DATA | {0x100: BOB, 0x140: (60).to_bytes(16, "little")}
    ledger.install(contract(*did, returning(0x80, 5, flags=1), data=data, deploy=did))
    ledger.deploy(b"")
    ledger.events.clear()
    ledger.paid.clear()
    ledger.stores[AGENT][b"s" + KEY] = b"before"
    output = ledger.call(b"")
    assert output.reverted and output.data == VALUE
    ledger.install(contract(*did, ("seal0.seal_return", 2, 0, 0), data=data))
    assert ledger.fails(b"").reason.message == "InvalidCallFlags: it returned the flags 0x2"
    assert ledger.stores[AGENT][b"s" + KEY] == b"before" and not ledger.events and not ledger.paid


def test_it_ends_itself_once_and_for_all(ledger: Ledger) -> None:
    ledger.free[account()] = 100
    ledger.install(contract(("seal1.terminate", 0x100), data={0x100: BOB}))
    ledger.deploy(b"")
    ledger.call(b"")
    assert ledger.paid == [(BOB, 100)]
    assert ledger.fails(b"").reason.message.startswith("ContractTerminated")
    assert ledger.fails(b"", deploy=True).reason.message.startswith("ContractTerminated")
    assert ledger.ask("GET", "/")[1]["deployed"] is False


def test_output_needs_room(ledger: Ledger) -> None:
    ledger.install(contract(("seal0.caller", OUT, 0x200), data={0x200: struct.pack("<I", 31)}))
    ledger.deploy(b"")
    assert ledger.fails(b"").reason.message == "OutputBufferTooSmall: it has room for 31 bytes, and is given 32"


def evil() -> Iterator[Call]:
    for name, (parameters, _) in SIGNATURES.items():
        if "seal_" not in name[6:] or name.endswith("seal_return"):
            for value in (0xFFFF_FFF0, 0x7FFF_FFFF, 65_530):
                yield (name, *(value for _ in parameters))


def test_no_pointer_hurts_anybody_else(ledger: Ledger) -> None:
    for call in evil():
        ledger.install(contract(call, data=DATA))
        ledger.stores[AGENT] = {b"m": b"deployed"}
        first, second = (ledger.job(CallMessage(0, b"")) for _ in range(2))
        assert isinstance(first, Success | Failure) and first == second, call
        if isinstance(first, Failure):
            assert first.reason.kind in ("contract-trapped", "out-of-gas"), (call, first)


@pytest.mark.parametrize(
    "input",
    [b"", b"\2\0\0", CONTRACT_INPUT.encode(CallMessage(0, b"")) + b"x", b"{", b'{"a":1']
    + [
        b'{"path":"/call","method":' + each
        for each in (
            b'"GET","queries":null}',
            b'"GET","queries":{"data":[]}}',
            b'"GET","queries":{"data":1}}',
            b'"GET","queries":{"data":["0x"],"deploy":[[1]]}}',
            b'"POST","bodyBase64":null}',
            b'"POST","bodyBase64":"MHj/"}',  # 0x and no digit
            b'"POST","body":"{\\"data\\":\\"0x\\",\\"value\\":\\"' + b"9" * 5000 + b'\\"}"}',
        )
    ],
)
def test_messages_that_are_none(ledger: Ledger, input: bytes) -> None:
    ledger.install(contract())
    outcome = ledger.job(input)
    assert isinstance(outcome, Failure) and outcome.reason.kind == "invalid-input"
