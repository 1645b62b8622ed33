"""Contracts that call, make and become other contracts."""

from __future__ import annotations

import struct
from functools import cache

from pallets.primitives.contract import instance_account
from pallets.primitives.hashing import blake2_256
from pallets.primitives.pots import purse
from tests.offchain.sandbox.ink.ledger import AGENT, ALICE, LIMITS, Ledger, account
from tests.offchain.sandbox.ink.wat import RESULTS, Call, contract, returning
from tests.vectors import vector

OTHER = 8
OUT, ROOM, ADDRESS, ADDRESS_ROOM = 0x1000, 0x0F00, 0x1800, 0x0F08
NEW, FLIP, GET = (bytes.fromhex(each) for each in ("9bae9d5e01", "633aa551", "2f865bd9"))
DATA = {
    0: purse(OTHER),
    0x20: GET,
    0x28: FLIP,
    0x30: NEW,
    0x40: bytes(16),
    0x51: b"\1\2\3\4",
    0x60: account(),
    ROOM: struct.pack("<I", 256),
    ADDRESS_ROOM: struct.pack("<I", 32),
}
NONE = 0xFFFFFFFF
REENTRY, READ_ONLY, TAIL, FORWARD, CLONE = 8, 16, 4, 1, 2


@cache
def flipper() -> bytes:
    return vector("ink/flipper-v5.wasm").read_bytes()


def call(data: int, length: int = 4, *, to: int = 0, flags: int = 0, gas: int = 0, out: int = OUT) -> Call:
    return ("seal1.call", flags, to, gas, 0x40, data, length, out, ROOM)


def codes(content: bytes) -> list[int]:
    return [number for (number,) in struct.iter_unpack("<I4x", content)]


def run(ledger: Ledger, *calls: Call, data: dict[int, bytes] = DATA) -> tuple[list[int], bytes]:
    """What each call answered, and what the last one left at `OUT`."""
    made = returning(RESULTS, 8 * len(calls)), returning(OUT, 2)
    found = []
    for last in made:
        ledger.install(contract(*calls, last, data=data))
        ledger.stores[AGENT].setdefault(b"m", b"deployed")
        found.append(ledger.call(b"").data)
    return codes(found[0]), found[1]


class TestOtherAgents:
    """Their contracts answer, and change nothing."""

    def begun(self, ledger: Ledger) -> None:
        ledger.install(flipper(), OTHER)
        ledger.deploy(NEW, agent=OTHER)

    def test_are_read(self, ledger: Ledger) -> None:
        self.begun(ledger)
        assert run(ledger, call(0x20)) == ([0], b"\0\1")
        version_0 = ("seal0.call", 0, 32, 0, 0x40, 16, 0x20, 4, OUT, ROOM)
        version_2 = ("seal2.call", 0, 0, 0, 0, 0xFFFFFFFF, 0x40, 0x20, 4, OUT, ROOM)
        assert run(ledger, version_0, version_2) == ([0, 0], b"\0\1")

    def test_are_not_written(self, ledger: Ledger) -> None:
        self.begun(ledger)
        before = dict(ledger.stores[OTHER])
        assert run(ledger, call(0x28), call(0x20)) == ([1, 0], b"\0\1")
        assert ledger.stores[OTHER] == before and not ledger.paid
        outcome = ledger.query(b"")
        assert "StateChangeDenied" in outcome["debugMessage"]

    def test_that_have_none_are_not_called(self, ledger: Ledger) -> None:
        assert run(ledger, call(0x20))[0] == [8]
        ledger.install(flipper(), OTHER)
        assert run(ledger, call(0x20))[0] == [8]  # not deployed

    def test_are_not_paid_by_a_call(self, ledger: Ledger) -> None:
        self.begun(ledger)
        ledger.free[account()] = 100
        assert run(ledger, call(0x20), data=DATA | {0x40: (5).to_bytes(16, "little")})[0] == [5]
        assert not ledger.paid

    def test_get_no_more_gas_than_they_are_given(self, ledger: Ledger) -> None:
        self.begun(ledger)
        assert run(ledger, call(0x20, gas=1000), call(0x20))[0] == [1, 0]


class TestMade:
    """Contracts that a contract makes live in its agent's store."""

    def instantiate(self, salt: int = 0) -> Call:
        out = OUT, ROOM
        return ("seal1.instantiate", 0x80, 0, 0x40, 0x30, 5, ADDRESS, ADDRESS_ROOM, *out, salt, 1)

    def data(self, ledger: Ledger) -> dict[int, bytes]:
        return DATA | {0x80: ledger.upload(flipper())}

    def test_live_on(self, ledger: Ledger) -> None:
        data = self.data(ledger)
        ledger.install(contract(self.instantiate(), returning(ADDRESS, 32), data=data))
        ledger.stores[AGENT][b"m"] = b"deployed"
        made = ledger.call(b"").data
        assert made == instance_account(account(), blake2_256(flipper()), NEW, data[0][:1])
        assert {key for key in ledger.stores[AGENT] if key != b"m"} == {
            b"c" + made + b"m",
            b"c" + made + b"s" + bytes(4),
        }
        data[0] = made
        ledger.free[account()] = 100
        paid = ("seal0.transfer", 0, 32, 0xA0, 16)
        assert run(ledger, paid, data=data | {0xA0: (5).to_bytes(16, "little")})[0] == [5]  # it could never pay it out
        assert run(ledger, call(0x20), data=data | {0x40: (5).to_bytes(16, "little")})[0] == [5] and not ledger.paid
        flipped_twice = run(ledger, call(0x20), call(0x28, out=NONE), call(0x20), data=data)
        assert flipped_twice == ([0, 0, 0], b"\0\1")
        assert ledger.events[-1]["topics"][-1] == "0x" + made.hex()  # whose event it is
        again = contract(self.instantiate(), data=data | {0: purse(OTHER)})
        ledger.install(again)
        assert ledger.fails(b"").reason.message.startswith("DuplicateContract")

    def test_in_all_versions(self, ledger: Ledger) -> None:
        versions = (
            ("seal0.instantiate", 0x80, 32, 0, 0x40, 16, 0x30, 5, ADDRESS, ADDRESS_ROOM, OUT, ROOM, 0x28, 1),
            ("seal2.instantiate", 0x80, 0, 0, NONE, 0x40, 0x30, 5, NONE, NONE, NONE, NONE, 0x29, 1),
            ("seal1.instantiate", 0xA0, 0, 0x40, 0x30, 5, ADDRESS, ADDRESS_ROOM, OUT, ROOM, 0, 1),
        )
        ledger.install(contract(*versions, returning(RESULTS, 24), data=self.data(ledger)))
        ledger.stores[AGENT][b"m"] = b"deployed"
        assert codes(ledger.call(b"").data) == [0, 0, 7]
        assert len(ledger.stores[AGENT]) == 5

    def test_leave_nothing_where_their_constructor_reverts(self, ledger: Ledger) -> None:
        reverts = contract(deploy=(("seal2.set_storage", 0, 4, 0, 4), returning(0, 2, flags=1)), data={0: b"\7\7"})
        data = DATA | {0x80: ledger.upload(reverts)}
        assert run(ledger, self.instantiate(), data=data) == ([2], b"\7\7")
        assert list(ledger.stores[AGENT]) == [b"m"]

    def test_may_change_their_code_and_end(self, ledger: Ledger) -> None:
        hash = ledger.upload(flipper())
        child = contract(("seal0.set_code_hash", 0), deploy=(), data={0: hash})
        data = DATA | {0x80: ledger.upload(child)}
        ledger.install(contract(self.instantiate(), returning(ADDRESS, 32), data=data))
        ledger.stores[AGENT][b"m"] = b"deployed"
        made = ledger.call(b"").data
        run(ledger, call(0x20), data=DATA | {0: made})
        assert ledger.stores[AGENT][b"c" + made + b"m"] == hash
        ledger.install(contract(("seal0.set_code_hash", 0x80), data=DATA | {0x80: hash}))
        assert ledger.fails(b"").reason.message.startswith("CodeRejected")  # the DAO's to decide

    def test_leave_their_account_to_nobody(self, ledger: Ledger) -> None:
        """What one has stored is there after its end: who came next would find it."""
        data = DATA | {0x80: ledger.upload(contract(("seal1.terminate", 0)))}
        ledger.install(contract(self.instantiate(), returning(ADDRESS, 32), data=data))
        ledger.stores[AGENT][b"m"] = b"deployed"
        made = ledger.call(b"").data
        assert run(ledger, call(0x20), data=DATA | {0: made})[0] == [0]
        assert ledger.stores[AGENT][b"c" + made + b"m"] == b""
        ledger.install(contract(self.instantiate(), data=data))
        assert ledger.fails(b"").reason.message.startswith("DuplicateContract")


def test_a_callee_that_fails_undoes_its_own_doing_alone(ledger: Ledger) -> None:
    reverting = ledger.upload(contract(*_writes(2), returning(0x20, 2, flags=1), data=DATA))
    trapping = ledger.upload(contract(*_writes(3), ("seal0.seal_return", 9, 0, 0), data=DATA))
    fine = ledger.upload(contract(*_writes(4), returning(0x20, 2), data=DATA))
    delegate = [("seal0.delegate_call", 0, at, 0x20, 4, OUT, ROOM) for at in (0x80, 0xA0, 0xC0)]
    data = DATA | {0x80: reverting, 0xA0: trapping, 0xC0: fine}
    answered, output = run(ledger, *_writes(1), *delegate, data=data)
    assert answered[1:] == [2, 1, 0] and output == GET[:2]
    assert set(ledger.stores[AGENT]) == {b"m", b"s\1", b"s\4"}


def _writes(value: int) -> tuple[Call, ...]:
    """One write, under a key of one byte: 1 to 4 stand at 0x50."""
    return (("seal2.set_storage", 0x50 + value, 1, 0x20, 4),)


def test_delegated_code_has_the_contracts_place(ledger: Ledger) -> None:
    library = contract(("seal0.caller", OUT, ROOM), returning(OUT, 32), data={ROOM: struct.pack("<I", 32)})
    data = DATA | {0x80: ledger.upload(library)}
    ledger.install(
        contract(("seal0.delegate_call", 0, 0x80, 0x20, 4, OUT, ROOM), returning(OUT, 32), data=data),
    )
    ledger.stores[AGENT][b"m"] = b"deployed"
    assert ledger.call(b"").data == ALICE
    ledger.install(contract(("seal0.delegate_call", TAIL | CLONE, 0x80, 0, 0, OUT, ROOM), data=data))
    assert ledger.call(b"").data == ALICE
    ledger.install(
        contract(("seal0.delegate_call", FORWARD, 0x80, 0, 0, OUT, ROOM), ("seal0.input", OUT, ROOM), data=data)
    )
    assert ledger.fails(b"").reason.message.startswith("InputForwarded")


def test_a_contract_calls_itself_only_as_deep_as_it_may(ledger: Ledger) -> None:
    itself = call(0x20, to=0x60, flags=REENTRY)
    assert run(ledger, itself)[0] == [0]
    assert "MaxCallDepthReached" in ledger.query(b"")["debugMessage"]
    ledger.install(contract(call(0x20, to=0x60), data=DATA))
    assert ledger.fails(b"").reason.message.startswith("ReentranceDenied")


def test_gas_is_the_same_each_time(ledger: Ledger) -> None:
    ledger.install(flipper(), OTHER)
    ledger.deploy(NEW, agent=OTHER)
    run(ledger, call(0x20), call(0x28))
    gas = {ledger.query(b"")["gasConsumed"]["refTime"] for _ in range(5)}
    assert len(gas) == 1 and LIMITS.gas not in gas
