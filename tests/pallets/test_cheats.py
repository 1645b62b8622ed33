"""Cheats are part of their block, on chains that allow them, and by nobody but an author."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.cheats import (
    CHEATS,
    IDENTIFIER,
    Cheat,
    Cheats,
    FailNext,
    Fund,
    Impersonate,
    KillPrefix,
    SetStorage,
    StopImpersonating,
)
from pallets.frame.events import BadOrigin
from pallets.frame.executive import Executive, InvalidBlock
from pallets.frame.origin import NONE, ROOT, RawNone, SystemOrigin, signed
from pallets.frame.validity import (
    BadMandatory,
    BadProof,
    MandatoryValidation,
    TransactionSource,
    TransactionValidityError,
)
from pallets.primitives.extrinsic import Ed25519, Sr25519, bare_extrinsic, is_mock, mock_signature
from pallets.primitives.keys import dev_keypair
from pallets.utility import Utility
from tests.pallets.dev_chain import DevChain, Made

ALICE, BOB = dev_keypair("Alice"), dev_keypair("Bob")
UNIT = 10**12


def made_with(chain: DevChain, *cheats: Cheat) -> Made:
    """The next block with an author's cheats; the chain stays as it is."""
    slot = chain.slot + 1
    runtime = chain.runtime()
    executive = Executive(runtime)
    executive.initialize_block(chain.header(slot))
    data = {**chain.inherent_data(slot), IDENTIFIER: CHEATS.encode(list(cheats))}
    extrinsics = executive.create_inherents(data)
    for extrinsic in extrinsics:
        executive.apply_extrinsic(extrinsic)
    return Made(executive.finalize_block(), extrinsics, runtime.state.changes)


def test_who_executes_the_block_comes_to_the_same_state() -> None:
    chain = DevChain()
    cheats = (Fund(b"\x07" * 32, UNIT), SetStorage([(b"a", b"1"), (b"ab", b"2"), (b"b", None)]), FailNext(3))
    made = made_with(chain, *cheats)
    assert chain.execute(made.header, made.extrinsics).changes == made.changes
    chain.append(made)
    assert (chain.state[b"a"], chain.state[b"ab"]) == (b"1", b"2")
    assert chain.runtime().balances.free(b"\x07" * 32) == UNIT
    chain.append(made_with(chain, KillPrefix(b"a"), FailNext(0)))
    assert not {b"a", b"ab"} & chain.state.keys()
    assert b"Cheats" not in chain.state  # nothing but what it declares
    assert chain.runtime().made_to_fail() is None


def test_a_chain_that_does_not_allow_them_has_none() -> None:
    allowed, other = DevChain(), DevChain(cheats={"allowed": False})
    made = made_with(allowed, FailNext(1))
    with pytest.raises(InvalidBlock, match="allows no cheats"):
        made_with(other, FailNext(1))
    with pytest.raises(InvalidBlock, match="allows no cheats"):
        other.execute(made.header, made.extrinsics)
    bare = DevChain(cheats={})
    with pytest.raises(InvalidBlock, match="allows no cheats"):  # not allowed unless genesis says so
        made_with(bare)
    for key in (Cheats.everybody.prefix, Cheats.failing.prefix):
        other.state[key] = b"\1\0\0\0"
    assert not other.runtime().impersonates(ALICE.account_id)


def test_nobody_but_an_author_reaches_them() -> None:
    chain = DevChain()
    runtime = chain.runtime()
    call = runtime.call("Cheats", "apply", cheats=[FailNext(1)])
    for origin in (ROOT, signed(ALICE.account_id)):
        with pytest.raises(BadOrigin):
            runtime.dispatch(call, origin)
    runtime.dispatch(call, NONE)
    by_alice = chain.sign(ALICE, "Cheats", "apply", cheats=[FailNext(1)])
    with pytest.raises(BadMandatory):
        chain.make(by_alice)
    executive = Executive(chain.runtime())
    for extrinsic in (by_alice, bare_extrinsic(runtime.encode_call(call))):
        with pytest.raises(MandatoryValidation):
            executive.validate_transaction(TransactionSource.External, extrinsic)
    with pytest.raises(BadMandatory):
        chain.make(chain.sign(ALICE, "Sudo", "sudo", call=call))
    chain.author(chain.sign(ALICE, "Utility", "batch", calls=[call]))
    as_nobody = runtime.call("Utility", "dispatch_as", as_origin=SystemOrigin(RawNone()), call=call)
    as_root = runtime.call("Sudo", "sudo", call=as_nobody)
    chain.author(chain.sign(ALICE, "Utility", "batch", calls=[as_root]))
    events = [record.event for record in chain.runtime().system.events_item]
    (outcome,) = [event.result for event in events if isinstance(event, Utility.DispatchedAs)]
    assert isinstance(outcome, BadOrigin)
    assert chain.runtime().made_to_fail() is None
    behind = chain.make(chain.sign(ALICE, "System", "remark", remark=b""))
    with pytest.raises(InvalidBlock, match="behind transactions"):
        chain.execute(behind.header, [*behind.extrinsics, bare_extrinsic(runtime.encode_call(call))])


@pytest.mark.parametrize(
    ("cheat", "says"),
    [
        (SetStorage([(b":code", b"")]), "System.set_code"),
        (KillPrefix(b""), "which stays"),
        (KillPrefix(b":co"), "which stays"),
        (Fund(b"\x07" * 32, 1), "BelowMinimum"),
        (Fund(ALICE.account_id, (1 << 128) - 1), "Overflow"),
    ],
)
def test_one_that_fails_leaves_no_block(cheat: Cheat, says: str) -> None:
    with pytest.raises(InvalidBlock, match=says):
        made_with(DevChain(), FailNext(1), cheat)


def test_the_mock_signature() -> None:
    assert mock_signature() == bytes.fromhex("deadbeef" + "cd" * 60)
    assert is_mock(Sr25519(mock_signature())) and is_mock(Ed25519(mock_signature()))
    assert not is_mock(Sr25519(mock_signature()[:-1] + b"\xce"))
    assert not is_mock(Sr25519(bytes(64)))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["alice", "bob", "all", "none"]), max_size=6))
def test_for_whom_the_mock_signature_counts(orders: list[str]) -> None:
    chain = DevChain()
    expected: set[bytes] = set()
    everybody = {ALICE.account_id, BOB.account_id}
    for order in orders:
        if order == "none":
            expected = set()
            chain.append(made_with(chain, StopImpersonating()))
        else:
            who = {"alice": ALICE.account_id, "bob": BOB.account_id, "all": None}[order]
            expected |= everybody if who is None else {who}
            chain.append(made_with(chain, Impersonate(who)))
    executive = Executive(chain.runtime())
    for pair in (ALICE, BOB):
        extrinsic = chain.sign(pair, "System", "remark", remark=b"")
        at = extrinsic.index(pair.account_id) + 33
        forged = extrinsic[:at] + mock_signature() + extrinsic[at + 64 :]
        try:
            executive.validate_transaction(TransactionSource.External, forged)
            assert pair.account_id in expected
        except TransactionValidityError as refusal:
            assert isinstance(refusal, BadProof)
            assert pair.account_id not in expected
