"""A devnet is the real chain, the same each time, and says what is wrong with what it is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.chain.importer import Importer
from node.chain_spec import ChainSpec
from node.clock import ChainClock
from node.dev_spec import DEV_SPEC
from node.state.backend import UnknownBlock
from node.testing import (
    ALICE,
    BOB,
    EVE,
    UNIT,
    Account,
    CallFailed,
    Devnet,
    InvalidAccount,
    InvalidArgument,
    NoSecretKey,
    NoSudo,
    NotIncluded,
    Refused,
    UnknownName,
    Who,
    account,
    devnet,
)
from node.testing.expected import WantedError
from node.testing.signatures import SteadyKeypair
from pallets.balances.pallet import Balances
from pallets.cheats import FailNext, SetStorage
from pallets.frame.events import Arithmetic, BadOrigin
from pallets.frame.validity import BadProof, Payment
from pallets.primitives.keys import Keypair, Scheme, verify_sr25519
from pallets.proxy.terms import ProxyType
from pallets.system.pallet import System
from tests.node.transfers import signed_transfer

STRANGER = account(b"\7" * 32)
PAIRS = st.sampled_from([Keypair.from_suri(suri) for suri in ("//Alice", "//Bob//stash", "0x" + "11" * 32, "//a/b")])


def lively(chain: Devnet) -> None:
    """Something of everything."""
    chain.as_(ALICE).balances.transfer_keep_alive(BOB, UNIT)
    chain.as_("//Newcomer")
    chain.fund("//Newcomer", 5 * UNIT)
    chain.fund(STRANGER, 5 * UNIT)
    chain.as_(STRANGER).system.remark_with_event("from nobody")
    chain.as_root().system.set_storage([("0x1234", b"x")])
    chain.cheat(SetStorage([(b"k", b"v")]), FailNext(1))
    with chain.reverts("Cheats.MadeToFail"):
        chain.as_(EVE).system.remark("")
    chain.time_travel(30_000)
    chain.mine(5, every=1_000)


# The chain


def test_the_same_calls_make_the_same_blocks_and_another_seed_others() -> None:
    chains = [devnet(), devnet(), devnet(seed=7), devnet(seed=7)]
    for chain in chains:
        lively(chain)
    first, second, seeded, again = ([chain.at(number).hash for number in range(chain.number + 1)] for chain in chains)
    assert first == second and seeded == again
    assert not set(first) & set(seeded)
    assert chains[0].query.randomness.mix() != chains[2].query.randomness.mix()
    assert first[0] == ChainSpec.load(DEV_SPEC).genesis_header().hash


def test_any_node_comes_to_the_same_roots(chain: Devnet) -> None:
    lively(chain)
    importer = Importer(chain._blocks.chain, chain._transactions, ChainClock(lambda: chain.now))
    for number in range(1, chain.number + 1):
        importer.check(chain.at(number).hash)  # seal, roots, digest and every signature


def test_what_is_taken_back_is_gone_and_comes_again_the_same(chain: Devnet) -> None:
    before = chain.hash, chain.now, len(chain.events)
    with chain.anchor():
        chain.as_(ALICE).balances.transfer_keep_alive.submit(BOB, 1)
        lively(chain)
        view, inside = chain.at(-1), chain.hash
        inner = chain.snapshot()
        chain.as_(ALICE).balances.transfer_keep_alive.submit(BOB, 1)
    assert (chain.hash, chain.now, len(chain.events)) == before
    for read in (lambda: view.query.system.account(ALICE), lambda: view.extrinsics, lambda: view.events):
        with pytest.raises(UnknownBlock):
            read()
    with pytest.raises(LookupError):
        chain.revert(inner)
    assert chain.mine().extrinsics == chain.at(1).extrinsics and len(chain.extrinsics) == 2, "the pool was emptied"
    chain.revert(chain.snapshot())
    with chain.anchor():
        chain.mine()
    chain.as_(ALICE).balances.transfer_keep_alive.submit(BOB, 1)
    lively(chain)
    assert chain.hash != inside, "a block later than the first time"


@pytest.mark.parametrize("time", [1, 2])
def test_each_test_finds_the_chain_at_its_genesis(chain: Devnet, time: int) -> None:
    assert (chain.number, chain.nonce(ALICE)) == (0, 0)
    lively(chain)


async def test_it_needs_no_event_loop_and_minds_none(chain: Devnet) -> None:
    threads = threading.active_count()
    lively(chain)
    assert threading.active_count() == threads


def test_time_only_goes_forward(chain: Devnet) -> None:
    start = chain.now
    chain.mine()
    assert chain.now == chain.timestamp == start
    with pytest.raises(ValueError, match="time goes forward, not by -1 ms"):
        chain.time_travel(-1)
    with pytest.raises(ValueError, match="the next block is at"):
        chain.pending_timestamp -= 100
    chain.pending_timestamp += 950
    assert chain.mine().timestamp == start + 1_100, "the next slot's start"


def test_the_plugin_costs_a_run_of_pytest_nothing() -> None:
    script = "import sys, node.pytest_plugin; print({'trio', 'node.testing', 'pallets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Accounts and signatures


@given(PAIRS, st.binary(max_size=700))
def test_signatures_without_chance_are_real_ones(pair: Keypair, message: bytes) -> None:
    steady = SteadyKeypair.of(pair)
    signature = steady.sign(message)
    assert verify_sr25519(signature, message, pair.public) and signature == steady.sign(message)
    assert not verify_sr25519(signature, message + b"\0", pair.public)
    assert signature[:32] != steady.sign(message + b"\0")[:32], "a nonce used twice gives the key away"


def test_an_account_by_any_of_its_names() -> None:
    names: list[Who] = [
        ALICE,
        bytes(ALICE),
        "Alice",
        "alice",
        "//Alice",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        "0x" + ALICE.hex(),
        Keypair.from_suri("//Alice"),
    ]
    assert {account(name) for name in names} == {ALICE}
    assert all(account(name).suri == "//Alice" for name in names)
    assert account("Bob//stash") == Keypair.from_suri("//Bob//stash").account_id
    assert (ALICE.address, repr(ALICE)) == (names[5], "<Account //Alice>")
    assert repr(STRANGER) == f"<Account {STRANGER.address}>"
    with pytest.raises(NoSecretKey, match="no key to sign with"):
        STRANGER.keypair  # noqa: B018
    for wrong in ("Alicia", "0x12", b"short", "0xzz", 5, "5Grwva"):
        with pytest.raises(InvalidAccount):
            account(wrong)  # type: ignore[arg-type]


def test_a_key_pair_of_ones_own_signs(chain: Devnet) -> None:
    pair = Keypair.from_seed(b"\5" * 32)
    chain.fund(pair, 5 * UNIT)
    receipt = chain.as_(pair).system.remark_with_event(b"mine")
    assert receipt.events.one(System.Remarked).sender == pair.account_id == receipt.signer
    with pytest.raises(InvalidAccount, match="sr25519"):
        chain.as_(Keypair.from_seed(b"\5" * 32, Scheme.ED25519))


def test_who_has_no_key_pays_and_counts_as_any_other(chain: Devnet) -> None:
    chain.fund(STRANGER, 5 * UNIT)
    assert not chain.query.cheats.everybody()
    receipts = [chain.as_(STRANGER).balances.transfer_allow_death(BOB, UNIT) for _ in range(2)]
    assert chain.balance(STRANGER) == 3 * UNIT - sum(receipt.fee for receipt in receipts)
    assert chain.nonce(STRANGER) == 2 and receipts[0].fee > 0
    assert [receipt.block.number for receipt in receipts] == [3, 4], "one block more, the first time"


def test_root_acts_by_whoever_holds_sudos_key(chain: Devnet) -> None:
    with pytest.raises(
        CallFailed, match=r"Sudo\.sudo\(call=Balances\.transfer_all\(.*by <Account //Alice>.*BadOrigin"
    ) as failed:
        chain.as_root().balances.transfer_all(BOB, keep_alive=False)
    assert isinstance(failed.value.error, BadOrigin)
    chain.as_(ALICE).sudo.set_key(STRANGER)
    chain.fund(STRANGER, UNIT)
    receipt = chain.as_root().balances.force_set_balance(BOB, 7 * UNIT)
    assert chain.balance(BOB) == 7 * UNIT and receipt.signer == STRANGER
    chain.as_(STRANGER).sudo.remove_key()
    with pytest.raises(NoSudo):
        chain.as_root().system.remark(b"")


# Calls


def test_values_as_people_write_them(chain: Devnet) -> None:
    alice = chain.as_(ALICE)
    alice.proxy.add_proxy(delegate="Bob", proxy_type="NonTransfer", delay=0)
    alice.proxy.remove_proxy(BOB, ProxyType.NonTransfer, 0)
    remarks = [chain.call.system.remark(text) for text in ("text", b"bytes", "0x00ff")]
    assert [call.arguments for call in remarks] == [(b"text",), (b"bytes",), (b"\0\xff",)]
    assert chain.call.balances.transfer_keep_alive(BOB, "0.000000000001 UNIT").arguments == (BOB, 1)
    assert alice.utility.batch(remarks).call.arguments == (remarks,)


@pytest.mark.parametrize(
    ("pallet", "call", "arguments", "message"),
    [
        ("balances", "transfer_keep_alive", {"dest": BOB}, "(dest, value): value is missing"),
        ("balances", "transfer_keep_alive", {"dest": BOB, "vale": 1}, "did you mean 'value'?"),
        ("balances", "transfer_keep_alive", {"dest": "Bobb", "value": 1}, "dest: 'Bobb' is no account"),
        ("balances", "transfer_keep_alive", {"dest": BOB, "value": -1}, "value is a u128, which -1 is out of"),
        ("balances", "transfer_keep_alive", {"dest": BOB, "value": 1.5}, "value takes a whole number, not 1.5"),
        ("balances", "transfer_keep_alive", {"dest": BOB, "value": "1 KSM"}, "value takes a whole number"),
        ("balances", "transfer_all", {"dest": BOB, "keep_alive": 1}, "keep_alive takes True or False, not 1"),
        ("system", "remark", {"remark": 5}, "remark takes bytes, 0x hex or text, not 5"),
        ("system", "remark", {"remark": "0xzz"}, "remark: '0xzz' is no hex"),
        ("agents", "create", {"name": b"n" * 65, "kind": "JavaScript", "policy": {}}, "name takes at most 64, not 65"),
        ("agents", "create", {"name": "", "kind": "JavaScript", "policy": {"cost": 1}}, "policy: there is no field of"),
        ("agents", "create", {"name": "", "kind": "JavaScript", "policy": {"price": 1}}, "policy: "),
        ("agents", "create", {"name": "", "kind": "JavaScript", "policy": {"price": -1}}, "policy.price is a u128"),
        ("agents", "approve_code", {"agent": 0, "hash": b"short"}, "hash takes 32 bytes, not 5"),
        ("utility", "batch", {"calls": [b"\0\0"]}, "calls[0] takes a call, as chain.call.system.remark"),
        ("utility", "batch", {"calls": b"\0\0"}, "calls takes a list"),
        ("proxy", "add_proxy", {"delegate": BOB, "proxy_type": "NonTransfr", "delay": 0}, "'NonTransfer'"),
    ],
)
def test_values_that_do_not_fit(chain: Devnet, pallet: str, call: str, arguments: Any, message: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        getattr(getattr(chain.call, pallet), call)(**arguments)
    assert message in str(refused.value)


def test_names_there_are_none_of(chain: Devnet) -> None:
    for find, message in (
        (lambda: chain.as_(ALICE).balance, "no pallet 'balance': did you mean 'balances'"),
        (lambda: chain.call.balances.transfer_keep, "no call of balances 'transfer_keep': did you mean"),
        (lambda: chain.query.system.acount, "no storage item of system 'acount': did you mean 'account'"),
        (lambda: chain.constants.balances.existential, "did you mean 'existential_deposit'"),
        (lambda: chain.api.account_nonce, "no runtime API 'account_nonce': did you mean 'account_nonce_api'"),
        (lambda: chain.api.core.versio, "no function of core 'versio'"),
        (lambda: chain.events.of("Balances.Transfers"), "did you mean 'Balances.Transfer'"),
        (lambda: chain.events.of(Balances.Transfer, too=BOB), "no field of Balances.Transfer 'too': did you mean 'to'"),
        (lambda: chain.reverts("Balances.InsufficientBalances").__enter__(), "'Balances.InsufficientBalance'"),
    ):
        with pytest.raises(UnknownName) as unknown:
            find()
        assert message in str(unknown.value)
    assert not hasattr(chain.call, "nothing") and "transfer_all" in dir(chain.call.balances)


def test_what_fails_says_why_and_leaves_its_fee(chain: Devnet) -> None:
    with pytest.raises(CallFailed) as failed:
        chain.as_(EVE).balances.transfer_keep_alive(BOB, 10**30)
    receipt = failed.value.receipt
    assert not receipt.ok and receipt.error == failed.value.error == Arithmetic("Underflow")
    assert "by <Account //Eve> failed in block 1: Arithmetic.Underflow" in str(failed.value)
    assert chain.balance(EVE) == chain.at(0).balance(EVE) - receipt.fee and receipt.fee > 0
    with pytest.raises(Refused, match="Payment") as refused:
        chain.as_("//Penniless").system.remark("")
    assert isinstance(refused.value.reason, Payment) and chain.number == 1


def test_expecting_the_wrong_failure_fails(chain: Devnet) -> None:
    poor = chain.as_("//Penniless").system.remark
    right: list[WantedError] = ["Payment", Payment, Payment(), None]
    wrong: list[WantedError] = ["BadProof", BadProof, Arithmetic("Underflow"), "Balances.InsufficientBalance"]
    for wanted in right:
        with chain.reverts(wanted) as caught:
            poor("")
        assert isinstance(caught.error, Payment)
    for wanted in wrong:
        with pytest.raises(AssertionError, match="was expected, what came is Payment"), chain.reverts(wanted):
            poor("")
    with pytest.raises(AssertionError, match="an error was expected, and nothing failed"), chain.reverts():
        chain.as_(ALICE).system.remark("")
    with pytest.raises(ZeroDivisionError), chain.reverts():
        1 / 0  # noqa: B018


def test_extrinsics_made_elsewhere(chain: Devnet) -> None:
    genesis = chain.at(0).hash
    receipt = chain.send(signed_transfer(genesis, nonce=0))
    assert receipt.signer == ALICE and receipt.events.one(Balances.Transfer).to == BOB
    with pytest.raises(Refused, match="Stale"):
        chain.send(signed_transfer(genesis, nonce=0, value=2))
    with pytest.raises(Refused, match="DecodeError"):
        chain.send(b"\0\0")
    ahead = chain.submit(signed_transfer(genesis, nonce=2))
    with pytest.raises(NotIncluded, match="waits in the pool"):
        chain.mined(ahead)
    chain.send(signed_transfer(genesis, nonce=1))
    assert ahead.receipt.block == chain.block
    with chain.anchor():
        spent = chain.as_(EVE).balances.transfer_allow_death.submit(BOB, UNIT)
        chain.mine()
    with pytest.raises(NotIncluded, match="doesn't have it"):
        _ = spent.receipt


# Reading


def test_storage_by_key_and_by_prefix(chain: Devnet) -> None:
    chain.as_(ALICE).proxy.add_proxy(BOB, "Any", 0)
    assert chain.query.system.account("Alice").nonce == 1 == chain.query.system.account(ALICE.address).nonce
    assert chain.query.system.account("//Nobody").data.free == 0
    others = sorted([BOB, EVE])
    proposed = chain.as_(ALICE).multisig.as_multi(
        threshold=2,
        other_signatories=others,
        maybe_timepoint=None,
        call=chain.call.system.remark(""),
        max_weight={"ref_time": 10**9, "proof_size": 10**5},
    )
    multisig = proposed.events.one("Multisig.NewMultisig").multisig
    (operation,) = chain.query.multisig.multisigs.entries(multisig).items()
    assert {(multisig, operation[0]): operation[1]} == chain.query.multisig.multisigs.entries()
    assert chain.query.multisig.multisigs(multisig, operation[0]) == operation[1]
    assert chain.query.multisig.multisigs(multisig, bytes(32)) is None
    assert chain.query.workers.classes.count() == 1
    assert chain.query.system.account.count() == len(chain.query.system.account.entries()) > 12
    with pytest.raises(InvalidArgument, match=r"query.system.account takes 1 keys, not 0; .entries\(\) has all"):
        chain.query.system.account()
    with pytest.raises(InvalidArgument, match="for maps"):
        chain.query.sudo.key.entries()
    assert chain.api.core.version().spec_name == "fathom"
    with pytest.raises(InvalidArgument, match="account is missing"):
        chain.api.account_nonce_api.account_nonce()


def test_events_of_block_transaction_and_chain(chain: Devnet) -> None:
    alice = chain.as_(ALICE)
    first = alice.balances.transfer_keep_alive(BOB, 1)
    alice.balances.transfer_keep_alive(BOB, 2)
    transfers = [Balances.Transfer(from_=ALICE, to=BOB, amount=amount) for amount in (1, 2)]
    assert chain.events.of("Balances.Transfer", from_=ALICE) == transfers == chain.events.of(Balances.Transfer)
    assert chain.at(1).events.of(Balances.Transfer) == transfers[:1] == first.events.of(Balances.Transfer)
    assert chain.events[: len(chain.at(1).events)] == list(chain.at(1).events)
    with pytest.raises(AssertionError, match=r"2 events are Balances\.Transfer"):
        chain.events.one(Balances.Transfer)
    with pytest.raises(AssertionError, match=r"0 events are Balances\.Transfer"):
        chain.events.one(Balances.Transfer, amount=3)
    assert isinstance(first.signer, Account) and first.weight.ref_time > 0
    assert chain.at(1).header.number == 1


def test_blocks_there_are_none_of(chain: Devnet) -> None:
    chain.mine(2)
    assert chain.at(chain.at(1).hash).number == 1 and chain.at(-3).number == 0
    for wrong in (3, -4):
        with pytest.raises(LookupError, match=f"there is no block {wrong}: the best one is 2"):
            chain.at(wrong)
    with pytest.raises(UnknownBlock):
        chain.at(bytes(32))
