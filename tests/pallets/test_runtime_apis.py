from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from pallets import runtime_apis
from pallets.frame.executive import InvalidBlock
from pallets.frame.extrinsic_types import TransactionValidity
from pallets.frame.metadata import metadata_bytes
from pallets.frame.runtime import api_id
from pallets.frame.runtime_api import ApiDispatcher, UnknownRuntimeApi
from pallets.frame.validity import (
    BadProof,
    CannotLookup,
    Stale,
    ValidTransaction,
)
from pallets.frame.weights import Weight
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Era, bare_extrinsic
from pallets.primitives.hash_onion import IDENTIFIER
from pallets.primitives.header import Header, RuntimeEnvironmentUpdated, Seal
from pallets.primitives.keys import Scheme, dev_keypair
from pallets.primitives.scale import DecodeError, compact, read_compact
from pallets.primitives.types import U32
from pallets.runtime import UNIT, DevRuntime
from pallets.transaction_payment import FeeDetails, RuntimeDispatchInfo
from tests.pallets.dev_chain import FIRST_SLOT, DevChain

ALICE, BOB = dev_keypair("Alice"), dev_keypair("Bob")
PUBLISHED_IDS = {  # as clients know them
    "Core": "df6acb689907609b",
    "Metadata": "37e397fc7c91f5e4",
    "BlockBuilder": "40fe3ad401f8959a",
    "TaggedTransactionQueue": "d2bc9897eed08f15",
    "AccountNonceApi": "bc9d89904f5b923f",
    "TransactionPaymentApi": "37c8bb1350a9a2a8",
    "SessionKeys": "ab3c0572291feb8b",
}


class Caller:
    """`state_call` on one runtime instance over the head of a chain."""

    def __init__(self, chain: DevChain) -> None:
        self.chain, self.runtime = chain, chain.runtime()
        self.dispatcher = ApiDispatcher(self.runtime, DevRuntime.apis)

    def __call__(self, name: str, data: bytes = b"") -> bytes:
        return self.dispatcher.call(self.runtime, name, data)

    def decode(self, annotation: Any, data: bytes) -> Any:
        return self.runtime.codecs.of(annotation).decode_all(data)


@pytest.fixture
def chain() -> DevChain:
    return DevChain()


@pytest.fixture
def api(chain: DevChain) -> Caller:
    return Caller(chain)


class Judge:
    """py-scale-codec, knowing the chain by its metadata alone."""

    def __init__(self) -> None:
        self.config = RuntimeConfigurationObject(ss58_format=42, implements_scale_info=True)
        self.config.update_type_registry(load_type_registry_preset("core"))
        self.metadata = self.config.create_scale_object("MetadataVersioned", ScaleBytes(metadata_bytes(DevRuntime, 14)))
        self.metadata.decode()
        self.config.add_portable_registry(self.metadata)

    def __call__(self, type_string: str, data: bytes) -> Any:
        made = self.config.create_scale_object(type_string, ScaleBytes(data), metadata=self.metadata)
        made.decode()
        assert made.data.get_remaining_length() == 0
        return made.value

    def named(self, path: str, data: bytes, parameter: str = "") -> Any:
        """The value of a type by its path, and by the path of its first parameter where the first one is shared."""
        types = [entry["type"].value for entry in self.metadata.portable_registry["types"]]
        for number, described in enumerate(types):
            if "::".join(described["path"]) == path:
                first = types[described["params"][0]["type"]] if parameter else None
                if first is None or "::".join(first["path"]) == parameter:
                    return self(f"scale_info::{number}", data)
        raise LookupError(path)


@cache
def judge() -> Judge:
    return Judge()


# What is there


def test_apis_are_listed_under_the_identifiers_clients_know() -> None:
    listed = dict(DevRuntime.version.apis)
    for name, identifier in PUBLISHED_IDS.items():
        assert api_id(name).hex() == identifier
        assert bytes.fromhex(identifier) in listed
    assert listed[bytes.fromhex("37e397fc7c91f5e4")] == 2


def test_a_function_that_is_not_there_is_named(api: Caller) -> None:
    with pytest.raises(UnknownRuntimeApi, match="GrandpaApi_generate_key_ownership_proof"):
        api("GrandpaApi_generate_key_ownership_proof", bytes(40))


def test_arguments_that_do_not_fit_are_refused(api: Caller) -> None:
    for data in (b"", bytes(31), bytes(33)):
        with pytest.raises(DecodeError):
            api("AccountNonceApi_account_nonce", data)


# Core and Metadata


def test_core_version(api: Caller) -> None:
    value = judge().named("sp_version::RuntimeVersion", api("Core_version"))
    assert (value["spec_name"], value["spec_version"], value["system_version"]) == ("fathom", 1, 1)
    assert ("0xdf6acb689907609b", 5) in [tuple(entry) for entry in value["apis"]]


def test_metadata_comes_in_all_supported_versions(api: Caller) -> None:
    assert api("Metadata_metadata_versions") == codec_of(list[U32]).encode([14, 15, 16])
    for version in (14, 15, 16):
        blob = metadata_bytes(DevRuntime, version)
        answer = api("Metadata_metadata_at_version", version.to_bytes(4, "little"))
        assert answer == b"\1" + compact(len(blob)) + blob
    assert api("Metadata_metadata_at_version", b"\x0d\0\0\0") == b"\0"
    assert api("Metadata_metadata_at_version", b"\xff\xff\xff\xff") == b"\0"
    assert api("Metadata_metadata") == compact(len(metadata_bytes(DevRuntime, 14))) + metadata_bytes(DevRuntime, 14)


def block_bytes(header: Header, extrinsics: list[bytes]) -> bytes:
    return header.encode() + compact(len(extrinsics)) + b"".join(extrinsics)


def test_core_executes_a_block(chain: DevChain, api: Caller) -> None:
    made = chain.make(chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=UNIT))
    assert api("Core_execute_block", block_bytes(made.header, made.extrinsics)) == b""
    assert api.runtime.state.changes == made.changes


def test_core_refuses_a_block_whose_digest_is_made_up(chain: DevChain, api: Caller) -> None:
    made = chain.make()
    made.header.digest.append(Seal(b"aura", bytes(64)))  # a seal is no part of what executing leaves
    api("Core_execute_block", block_bytes(made.header, made.extrinsics))
    made.header.digest.insert(1, RuntimeEnvironmentUpdated())
    with pytest.raises(InvalidBlock, match="digest"):
        Caller(chain)("Core_execute_block", block_bytes(made.header, made.extrinsics))


# BlockBuilder


def test_a_block_is_built_by_calls(chain: DevChain, api: Caller) -> None:
    transfer = chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=UNIT)
    made = chain.make(transfer)
    assert api("Core_initialize_block", chain.header(chain.slot + 1).encode()) == b"\0"
    data = chain.inherent_data(chain.slot + 1)
    pairs = b"".join(key + compact(len(value)) + value for key, value in sorted(data.items()))
    inherents = api("BlockBuilder_inherent_extrinsics", compact(len(data)) + pairs)
    assert inherents == compact(2) + b"".join(made.extrinsics[:2])
    for extrinsic in made.extrinsics:
        assert api("BlockBuilder_apply_extrinsic", extrinsic) == b"\0\0"
    assert api("BlockBuilder_finalize_block") == made.header.encode()
    assert api.runtime.state.changes == made.changes


def test_applying_answers_what_became_of_the_extrinsic(chain: DevChain, api: Caller) -> None:
    api("Core_initialize_block", chain.header(chain.slot + 1).encode())
    failing = chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=2_000_000 * UNIT)
    assert api("BlockBuilder_apply_extrinsic", failing).hex() == "00010700"  # Ok(Err(Token(FundsUnavailable)))
    assert api("BlockBuilder_apply_extrinsic", failing).hex() == "010003"  # Err(Invalid(Stale))
    unsigned = bare_extrinsic(api.runtime.encode_call(api.runtime.call("System", "remark", remark=b"")))
    assert api("BlockBuilder_apply_extrinsic", unsigned).hex() == "010101"  # Err(Unknown(NoUnsignedValidator))


@pytest.mark.parametrize("name", ["BlockBuilder_finalize_block", "BlockBuilder_apply_extrinsic"])
def test_building_needs_an_open_block(chain: DevChain, name: str) -> None:
    chain.author()
    data = chain.make().extrinsics[0] if name.endswith("extrinsic") else b""
    with pytest.raises(runtime_apis.BlockNotOpen, match="Core_initialize_block first"):
        Caller(chain)(name, data)


def test_inherents_are_checked_against_ones_own_clock(chain: DevChain, api: Caller) -> None:
    made = chain.make(slot=FIRST_SLOT)
    block = block_bytes(made.header, made.extrinsics)

    def check(clock: int) -> Any:
        own = compact(1) + b"timstap0" + compact(8) + clock.to_bytes(8, "little")
        return api.decode(runtime_apis.CheckInherentsResult, api("BlockBuilder_check_inherents", block + own))

    fine = check(FIRST_SLOT * 100)
    assert (fine.okay, fine.fatal_error, fine.errors.data.entries) == (True, False, [])
    late = check(FIRST_SLOT * 100 - 60_001)
    assert (late.okay, late.fatal_error) == (False, True)
    ((identifier, reason),) = late.errors.data.entries
    assert identifier == b"timstap0"
    assert "ahead of the clock" in codec_of(str).decode_all(reason)


# The pool's and the wallets' questions


def validated(chain: DevChain, extrinsic: bytes) -> Any:
    caller = Caller(chain)
    answer = caller("TaggedTransactionQueue_validate_transaction", b"\2" + extrinsic + chain.head)
    return caller.decode(TransactionValidity, answer)


def test_a_transaction_is_validated_on_the_head(chain: DevChain, api: Caller) -> None:
    chain.author()
    transfer = chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=1)
    answer = Caller(chain)("TaggedTransactionQueue_validate_transaction", b"\2" + transfer + chain.head)
    found = judge().named("Result", answer, "sp_runtime::transaction_validity::ValidTransaction")["Ok"]
    assert found["provides"] == ["0x" + ALICE.public.hex() + "00000000"]
    assert (found["requires"], found["propagate"]) == ([], True)
    assert found["longevity"] == 2**64 - 1 - 2  # to the end of time from block 2, the one that is open
    assert found["priority"] > 0


def test_a_transaction_born_in_the_head_is_valid(chain: DevChain) -> None:
    """The head's hash is in no state before its successor: validating opens that one."""
    for _ in range(3):
        chain.author()
    era = Era.mortal(16, 3)
    signed = chain.sign(ALICE, "System", "remark", era=era, birth=chain.head, remark=b"")
    found = validated(chain, signed)
    assert isinstance(found, ValidTransaction)
    assert found.longevity == 15  # of 16 blocks, the one that is open is the first
    elsewhere = chain.sign(ALICE, "System", "remark", era=era, birth=bytes(32), remark=b"")
    assert isinstance(validated(chain, elsewhere), BadProof)


def test_refusals_come_as_substrate_has_them(chain: DevChain) -> None:
    chain.author(chain.sign(ALICE, "System", "remark", remark=b""))
    used = chain.sign(ALICE, "System", "remark", nonce=0, remark=b"")
    assert isinstance(validated(chain, used), Stale)
    forged = chain.sign(ALICE, "System", "remark", remark=b"for Bob")[:-3] + b"Eve"
    answer = Caller(chain)("TaggedTransactionQueue_validate_transaction", b"\2" + forged + chain.head)
    assert answer.hex() == "010004"
    assert judge().named("Result", answer, "sp_runtime::transaction_validity::ValidTransaction") == {
        "Err": {"Invalid": "BadProof"}
    }
    inherent = chain.make().extrinsics[0]
    answer = Caller(chain)("TaggedTransactionQueue_validate_transaction", b"\2" + inherent + chain.head)
    assert answer.hex() == "010009"


def test_bytes_that_are_no_extrinsic_are_refused(api: Caller) -> None:
    for data in (b"", b"\0", b"\x08\x84\0", b"\x0c\x04\xff\xff"):
        with pytest.raises(DecodeError):
            api("TaggedTransactionQueue_validate_transaction", b"\2" + data + bytes(32))


def test_the_nonce_is_the_accounts(chain: DevChain) -> None:
    chain.author(chain.sign(ALICE, "System", "remark", remark=b""))
    caller = Caller(chain)
    assert caller("AccountNonceApi_account_nonce", ALICE.public).hex() == "01000000"
    assert caller("AccountNonceApi_account_nonce", b"\x77" * 32).hex() == "00000000"


def test_a_fee_is_told_before_anything_is_signed(chain: DevChain, api: Caller) -> None:
    real = chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=UNIT)
    signature = real.index(ALICE.public) + 32 + 1
    unsigned = real[:signature] + bytes(64) + real[signature + 64 :]
    arguments = unsigned + len(unsigned).to_bytes(4, "little")
    info = judge().named(
        "pallet_transaction_payment::types::RuntimeDispatchInfo", api("TransactionPaymentApi_query_info", arguments)
    )
    assert info["class"] == "Normal"
    assert info["weight"]["ref_time"] > 0
    details = api.decode(FeeDetails, api("TransactionPaymentApi_query_fee_details", arguments))
    included = details.inclusion_fee
    assert included is not None
    assert included.base_fee + included.len_fee + included.adjusted_weight_fee == info["partial_fee"]
    assert details.tip == 0
    before = chain.runtime().balances.free(ALICE.public)
    chain.author(real)
    assert before - chain.runtime().balances.free(ALICE.public) == UNIT + info["partial_fee"]


def test_an_extrinsic_to_an_address_nobody_resolves_has_a_fee(chain: DevChain, api: Caller) -> None:
    real = chain.sign(ALICE, "System", "remark", remark=b"")
    body = real[read_compact(real, 0)[1] :]
    strange = body[:1] + b"\x03" + body[2:]  # MultiAddress::Address32
    whole = compact(len(strange)) + strange
    assert api("TransactionPaymentApi_query_info", whole + len(whole).to_bytes(4, "little"))[-16:] != bytes(16)
    assert isinstance(validated(chain, whole), CannotLookup)


def test_a_bare_extrinsic_costs_nothing(chain: DevChain, api: Caller) -> None:
    inherent = chain.make().extrinsics[0]
    arguments = inherent + len(inherent).to_bytes(4, "little")
    assert api("TransactionPaymentApi_query_info", arguments)[-16:] == bytes(16)
    assert api("TransactionPaymentApi_query_fee_details", arguments) == bytes(17)


def test_a_call_is_priced_like_its_extrinsic(chain: DevChain, api: Caller) -> None:
    signed = chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=UNIT)
    call = api.runtime.encode_call(api.runtime.call("Balances", "transfer_keep_alive", dest=BOB.public, value=UNIT))
    length = len(signed).to_bytes(4, "little")
    for one, other in (("query_info", "query_call_info"), ("query_fee_details", "query_call_fee_details")):
        whole = api(f"TransactionPaymentApi_{one}", signed + length)
        assert api(f"TransactionPaymentCallApi_{other}", call + length) == whole


def test_prices_of_weight_and_length_add_up(chain: DevChain, api: Caller) -> None:
    signed = chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=UNIT)
    length = len(signed).to_bytes(4, "little")
    details = api.decode(FeeDetails, api("TransactionPaymentApi_query_fee_details", signed + length))
    info = api.decode(RuntimeDispatchInfo, api("TransactionPaymentApi_query_info", signed + length))
    weight = codec_of(Weight).encode(info.weight)
    for name in ("TransactionPaymentApi", "TransactionPaymentCallApi"):
        priced = int.from_bytes(api(f"{name}_query_weight_to_fee", weight), "little")
        assert priced == details.inclusion_fee.adjusted_weight_fee
        assert int.from_bytes(api(f"{name}_query_length_to_fee", length), "little") == details.inclusion_fee.len_fee


# Consensus


def test_session_keys_are_taken_apart(api: Caller) -> None:
    grandpa = dev_keypair("Alice", Scheme.ED25519).public
    both = ALICE.public + grandpa
    found = api("SessionKeys_decode_session_keys", compact(64) + both)
    assert found == b"\1\x08" + b"\x80" + ALICE.public + b"aura" + b"\x80" + grandpa + b"gran"
    assert api("SessionKeys_decode_session_keys", compact(63) + both[:63]) == b"\0"


def test_consensus_reads_authorities_and_slots(api: Caller) -> None:
    assert api("AuraApi_slot_duration") == (100).to_bytes(8, "little")
    assert api("AuraApi_authorities") == b"\4" + ALICE.public
    finality = dev_keypair("Alice", Scheme.ED25519).public
    assert api("GrandpaApi_grandpa_authorities") == b"\4" + finality + (1).to_bytes(8, "little")
    assert api("GrandpaApi_current_set_id") == bytes(8)


def test_a_third_party_reads_a_block(chain: DevChain) -> None:
    data = chain.inherent_data(chain.slot + 1)
    made = chain.author(chain.sign(ALICE, "Balances", "transfer_keep_alive", dest=BOB.public, value=UNIT))
    read = [judge()("Extrinsic", extrinsic)["call"] for extrinsic in made.extrinsics]
    assert [f"{call['call_module']}.{call['call_function']}" for call in read] == [
        "Timestamp.set",
        "Randomness.reveal",
        "Balances.transfer_keep_alive",
    ]
    assert read[0]["call_args"][0]["value"] == chain.slot * 100
    assert {argument["name"]: argument["value"] for argument in read[1]["call_args"]} == {
        "reveal": "0x" + data[IDENTIFIER][:32].hex(),
        "next_commitment": None,
    }
