"""The whole chain: its specification, its blocks, its inherents. Its runtime APIs: `test_runtime_apis`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import scalecodec
from substrateinterface import Keypair as JudgesKeypair

from node.testing import Devnet
from pallets.balances.pallet import Balances
from pallets.frame.documentation import class_docs, member_docs
from pallets.frame.executive import Executive, InvalidBlock
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.validity import BadMandatory, MandatoryValidation, TransactionSource
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import bare_extrinsic
from pallets.primitives.hash_onion import IDENTIFIER
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import Header
from pallets.primitives.keys import DEV_ACCOUNTS, Scheme, dev_keypair
from pallets.primitives.runtime_code import CODE_KEY, native_code, runtime_version
from pallets.primitives.ss58 import decode_account
from pallets.primitives.types import Moment
from pallets.runtime import KNOWN_RUNTIMES, UNIT, DevRuntime
from pallets.system.pallet import System
from pallets.workers.liveness import REWARDS
from tests.pallets.dev_chain import FIRST_SLOT, RUNTIME_GENESIS, SPEC, DevChain

PATCH: dict[str, Any] = RUNTIME_GENESIS["patch"]
ALICE, BOB = dev_keypair("Alice"), dev_keypair("Bob")
WIRE = {
    "System": 0,
    "Timestamp": 2,
    "Aura": 3,
    "Grandpa": 4,
    "Balances": 5,
    "TransactionPayment": 6,
    "Sudo": 7,
    "Utility": 8,
    "Session": 9,
    "Multisig": 10,
    "Proxy": 11,
    "Assets": 12,
    "Treasury": 13,
    "Randomness": 14,
    "Workers": 20,
    "Attestation": 21,
    "Jobs": 22,
    "Agents": 23,
    "Curves": 24,
    "Dao": 25,
    "Pools": 26,
    "Slashing": 27,
    "Clusters": 30,
    "Schedules": 31,
    "Dividends": 32,
    "Anchors": 33,
    "Mandates": 34,
    "Crossings": 35,
    "Triggers": 36,
    "Cheats": 200,
}
EXTENSIONS = [
    "CheckNonZeroSender",
    "CheckSpecVersion",
    "CheckTxVersion",
    "CheckGenesis",
    "CheckMortality",
    "CheckNonce",
    "CheckWeight",
    "ChargeTransactionPayment",
    "CheckMetadataHash",
]


def judged(suri: str) -> str:
    """The address of a secret URI, as py-substrate-interface computes it."""
    address: str = JudgesKeypair.create_from_uri(suri, ss58_format=42).ss58_address
    return address


# The specification


def test_the_spec_has_substrates_shape() -> None:
    assert list(SPEC) == [
        "name",
        "id",
        "chainType",
        "bootNodes",
        "telemetryEndpoints",
        "protocolId",
        "properties",
        "codeSubstitutes",
        "genesis",
    ]
    assert (SPEC["id"], SPEC["chainType"]) == ("fathom_dev", "Development")
    assert SPEC["properties"] == {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "UNIT"}
    assert list(SPEC["genesis"]) == ["runtimeGenesis"]
    assert list(RUNTIME_GENESIS) == ["code", "patch"]


def test_no_client_takes_the_chain_for_one_it_knows() -> None:
    """py-substrate-interface looks for a type registry named like the chain, in lower case."""
    presets = {file.stem for file in (Path(scalecodec.__file__).parent / "type_registry").glob("*.json")}
    assert "polkadot" in presets
    assert SPEC["name"] == "Fathom Development"
    assert SPEC["name"].lower().replace(" ", "-") not in presets


def test_the_spec_carries_this_runtimes_code() -> None:
    code = "0x" + native_code(DevRuntime.version).hex()
    assert RUNTIME_GENESIS["code"] == code, f"the runtime's version changed: set genesis.runtimeGenesis.code to {code}"
    assert runtime_version(bytes.fromhex(code[2:])) == DevRuntime.version


def test_the_endowed_are_the_dev_accounts_the_workers_operators_and_the_agents_founder() -> None:
    expected = {judged(f"//{name}{path}"): 1_000_000 * 10**12 for name in DEV_ACCOUNTS for path in ("", "//stash")}
    expected |= {judged(f"//Worker//{number}"): 10_000 * 10**12 for number in range(1, 9)}
    expected[judged("//Founder")] = 1_000_000 * 10**12  # of the agents that come with Fathom
    assert len(expected) == 21
    assert {address: int(amount) for address, amount in PATCH["balances"]["balances"]} == expected
    assert all(isinstance(amount, str) for _, amount in PATCH["balances"]["balances"])


def test_alice_is_everything() -> None:
    alice, finality = judged("//Alice"), "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"  # in every --dev chain
    assert PATCH["aura"] == {"authorities": [alice]}
    assert PATCH["grandpa"] == {"authorities": [[finality, 1]]}
    assert PATCH["sudo"] == {"key": alice}
    assert PATCH["session"] == {"keys": [[alice, alice, {"aura": alice, "grandpa": finality}]]}
    assert [who for who, _, _ in PATCH["randomness"]["commitments"]] == [alice]


def test_genesis_is_as_the_spec_says() -> None:
    chain = DevChain()
    runtime = chain.runtime()
    held = {who: info.data.free + info.data.reserved for who, info in runtime.system.account.items()}
    assert runtime.balances.total_issuance == sum(held.values())
    endowed = {decode_account(address): int(amount) for address, amount in PATCH["balances"]["balances"]}
    assert {who: held[who] for who in endowed} == endowed
    assert held.pop(REWARDS) == runtime.balances.existential_deposit + int(PATCH["workers"]["rewards"])
    keyless = held.keys() - endowed.keys()  # pre-funded, so that a payment out of them can't reap them
    assert all(held[who] == runtime.balances.existential_deposit for who in keyless)
    assert runtime.balances.free(dev_keypair("Ferdie//stash").public) == 1_000_000 * UNIT
    assert runtime.sudo.key == ALICE.public
    assert runtime.aura.authorities == runtime.session.validators == [ALICE.public]
    assert runtime.grandpa.authorities == [(dev_keypair("Alice", Scheme.ED25519).public, 1)]
    assert runtime.session.next_keys[ALICE.public].grandpa == runtime.grandpa.authorities[0][0]
    assert runtime.timestamp.now == runtime.system.number == 0
    assert chain.state[CODE_KEY].startswith(b"\0asm")


# The composition


def test_pallets_stand_where_the_wire_has_them() -> None:
    runtime = DevChain().runtime()
    assert {pallet.wire_name: pallet.index for pallet in runtime.pallets}.items() <= WIRE.items()
    runtime.integrity_test()


def test_all_that_clients_show_is_documented() -> None:
    for pallet in DevChain().runtime().pallets:
        bare = [thing.__qualname__ for thing in (*pallet.events, *pallet.errors) if not class_docs(thing)]
        bare += [item.attribute for item in pallet.items_declared if not member_docs(type(pallet), item.attribute)]
        assert not bare, pallet.wire_name


def test_extensions_stand_in_the_order_clients_hard_code() -> None:
    assert [extension.identifier for extension in DevRuntime.extensions] == EXTENSIONS


def test_the_version_is_that_of_the_contract() -> None:
    version = DevRuntime.version
    assert (version.spec_name, version.impl_name) == ("fathom", "fathom-node")
    assert (version.spec_version, version.impl_version, version.authoring_version) == (1, 1, 1)
    assert (version.transaction_version, version.system_version) == (1, 1)
    assert {1: DevRuntime} == KNOWN_RUNTIMES


def test_constants_fit_the_slots() -> None:
    runtime = DevChain().runtime()
    assert (runtime.aura.slot_duration, runtime.timestamp.minimum_period) == (100, 50)
    assert (runtime.system.block_hash_count, runtime.system.ss58_prefix) == (4096, 42)
    assert runtime.balances.existential_deposit == 1_000_000_000
    assert runtime.system.block_weights.max_block.ref_time == 2 * 10**12
    assert runtime.system.block_length.max.operational == 5 * 1024 * 1024


def test_the_code_is_not_replaced_by_a_version_nobody_can_run() -> None:
    runtime = DevChain().runtime()
    with pytest.raises(System.SpecVersionNeedsToIncrease):
        runtime.system.set_code(None, native_code(DevRuntime.version))


# Blocks


def test_an_empty_block_has_its_inherents_first_and_in_pallet_order() -> None:
    chain = DevChain()
    made = chain.author(slot=FIRST_SLOT)
    assert [extrinsic[1:4] for extrinsic in made.extrinsics] == [b"\x04\x02\x00", b"\x04\x0e\x00"]
    runtime = chain.runtime()
    assert runtime.system.number == 1
    events = runtime.decode_events(chain.state[storage_prefix("System", "Events")])
    assert [type(record.event) for record in events] == [System.ExtrinsicSuccess] * 2
    assert made.header.slot() == FIRST_SLOT


def test_blocks_do_what_their_transactions_say(chain: Devnet) -> None:
    before = chain.balance("Bob")
    chain.as_("Alice").balances.transfer_keep_alive("Bob", "3 UNIT")
    fee = chain.as_("Bob").system.remark_with_event("thanks").fee
    chain.as_("Alice").balances.transfer_keep_alive("Bob", "2 UNIT")
    assert chain.balance("Bob") == before + 5 * UNIT - fee
    assert (chain.nonce("Alice"), chain.nonce("Bob")) == (2, 1)
    transfer = Balances.Transfer(ALICE.public, BOB.public, 2 * UNIT)
    assert transfer in chain.events and transfer not in chain.at(1).events


def test_a_failing_transaction_is_in_the_block_and_pays(chain: Devnet) -> None:
    before = chain.balance("Alice")
    with chain.reverts("Token.FundsUnavailable"):
        chain.as_("Alice").balances.transfer_keep_alive("Bob", 2_000_000 * UNIT)
    chain.at(1).events.one(System.ExtrinsicFailed)
    assert before - UNIT < chain.balance("Alice") < before


def test_another_node_executes_blocks_to_the_same_state() -> None:
    """Author and importer never share a runtime instance, nor any state but their own."""
    author, importer = DevChain(), DevChain()
    for number in range(1, 6):
        transfers = [
            author.sign(ALICE, "Balances", "transfer_keep_alive", nonce=nonce, dest=BOB.public, value=nonce + 1)
            for nonce in (2 * number - 2, 2 * number - 1)
        ]
        made = author.make(*transfers, slot=FIRST_SLOT + 3 * number)
        executed = importer.execute(made.header, made.extrinsics)
        assert executed.header == made.header
        assert executed.changes == made.changes
        author.append(made)
        importer.append(executed)
        assert author.state == importer.state
    assert author.runtime().system.number == 5
    assert author.runtime().system.account[ALICE.public].nonce == 10


def test_a_block_leaves_no_bookkeeping_behind() -> None:
    chain = DevChain()
    chain.author()
    transient = [
        ("System", "ExtrinsicCount"),
        ("System", "AllExtrinsicsLen"),
        ("System", "ExecutionPhase"),
        ("Timestamp", "DidUpdate"),
        ("Randomness", "DidReveal"),
    ]
    assert [pair for pair in transient if storage_prefix(*pair) in chain.state] == []


# Inherents


def execute(chain: DevChain, header: Header, extrinsics: list[bytes]) -> None:
    before = dict(chain.state)
    chain.execute(header, extrinsics)
    assert chain.state == before


def test_a_forgotten_inherent_is_refused() -> None:
    chain = DevChain()
    made = chain.make()
    timestamp, reveal = made.extrinsics
    with pytest.raises(InvalidBlock, match="before the block's time is set"):
        execute(chain, made.header, [reveal])
    with pytest.raises(InvalidBlock, match="didn't reveal"):
        execute(chain, made.header, [timestamp])
    with pytest.raises(InvalidBlock, match="the timestamp was not set"):
        execute(chain, made.header, [])


def test_a_duplicate_inherent_is_refused() -> None:
    chain = DevChain()
    made = chain.make()
    timestamp, reveal = made.extrinsics
    with pytest.raises(InvalidBlock, match="set twice"):
        execute(chain, made.header, [timestamp, timestamp, reveal])
    with pytest.raises(InvalidBlock, match="reveals twice"):
        execute(chain, made.header, [timestamp, reveal, reveal])


def test_an_inherent_behind_a_transaction_is_refused() -> None:
    chain = DevChain()
    transfer = chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=1)
    made = chain.make(transfer)
    timestamp, reveal, _ = made.extrinsics
    with pytest.raises(InvalidBlock, match="extrinsic 2 is an inherent behind transactions"):
        execute(chain, made.header, [timestamp, transfer, reveal])


def test_inherents_of_another_block_are_refused() -> None:
    chain = DevChain()
    first = chain.author()
    following = chain.make()
    with pytest.raises(InvalidBlock, match="the block's time"):
        execute(chain, following.header, [first.extrinsics[0], following.extrinsics[1]])
    with pytest.raises(InvalidBlock, match="doesn't hash"):
        execute(chain, following.header, [following.extrinsics[0], first.extrinsics[1]])


def test_a_block_of_the_same_slot_is_refused() -> None:
    chain = DevChain()
    made = chain.make()
    chain.append(made)
    with pytest.raises(InvalidBlock, match="slot"):
        execute(chain, chain.header(chain.slot), made.extrinsics)


def test_an_inherent_is_no_transaction() -> None:
    chain = DevChain()
    made = chain.make()
    executive = Executive(chain.runtime())
    for extrinsic in made.extrinsics:
        with pytest.raises(MandatoryValidation):
            executive.validate_transaction(TransactionSource.External, extrinsic)
    signed = chain.sign(ALICE, "Timestamp", "set", now=(FIRST_SLOT + 1) * 100)
    with pytest.raises(MandatoryValidation):
        executive.validate_transaction(TransactionSource.External, signed)
    with pytest.raises(BadMandatory):
        chain.make(signed)


def test_an_author_without_data_makes_no_inherent() -> None:
    chain = DevChain()
    executive = Executive(chain.runtime())
    with pytest.raises(InvalidBlock, match="timstap0"):
        executive.create_inherents({})
    clock = codec_of(Moment).encode(FIRST_SLOT * 100)
    assert len(executive.create_inherents({b"timstap0": clock})) == 1
    data = chain.inherent_data(FIRST_SLOT)
    assert list(data) == [b"timstap0", IDENTIFIER]
    assert executive.create_inherents(data) == chain.make(slot=FIRST_SLOT).extrinsics


def test_a_bare_call_that_is_no_inherent_is_refused() -> None:
    chain = DevChain()
    runtime = DevRuntime(Overlay(DictBackend(chain.state)))
    bare = bare_extrinsic(runtime.encode_call(runtime.call("System", "remark", remark=b"")))
    with pytest.raises(Exception, match="NoUnsignedValidator"):
        chain.make(bare)
