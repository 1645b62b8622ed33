"""Transactions for chains that were made elsewhere, by their metadata alone."""

from __future__ import annotations

import gzip
from functools import cache

import pytest

from offchain.chain import Head, Versions
from offchain.crossings.errors import BadCall, SpendsTooLittle, Unsupported
from offchain.crossings.other_runtime import InnerCall, OtherRuntime
from offchain.metadata import HEAD
from pallets.primitives.crossing import AsBytes, ByName
from pallets.primitives.extrinsic import Sr25519, UncheckedExtrinsic
from pallets.primitives.keys import dev_keypair, verify_sr25519
from pallets.primitives.metadata_v14 import CODEC, MetadataV14
from pallets.primitives.portable_types import (
    Basic,
    Cases,
    CompactForm,
    Composite,
    Definition,
    Field,
    PortableType,
    Primitive,
    Tuple,
    Type,
)
from pallets.primitives.scale import compact
from tests.pallets.crossing_chain import TRANSFER
from tests.vectors import vector

ALICE, DEST = dev_keypair("Alice"), b"\x77" * 32
GENESIS, BIRTH, PERIOD = b"\x01" * 32, Head(1_000_003, b"\x02" * 32), 64
ERA = bytes.fromhex("3500")
"""64 blocks from 1,000,003 on, as polkadot.js writes it."""
VERSIONS = Versions(1_000_001, 25)
POLKADOT, KUSAMA = "sidecar/polkadotV1000001Metadata.scale.gz", "pjs/v14-kusama.scale.gz"
SUBSTRATE, PHALA = "pjs/v14-substrate.scale.gz", "phala/phala_1291.scale.gz"


@cache
def metadata(name: str) -> bytes:
    return gzip.decompress(vector(f"metadata/{name}").read_bytes())


@cache
def runtime(name: str) -> OtherRuntime:
    return OtherRuntime(metadata(name), VERSIONS)


def changed(name: str) -> MetadataV14:
    """Metadata to be changed."""
    found: MetadataV14 = CODEC.decode_all(metadata(name)[len(HEAD) :])
    return found


def made(changed: MetadataV14) -> OtherRuntime:
    return OtherRuntime(HEAD + CODEC.encode(changed), VERSIONS)


def named(call: str, arguments: str) -> ByName:
    return ByName(call.encode(), arguments.encode())


def transfer(value: object) -> str:
    return f'{{"dest": "0x{DEST.hex()}", "value": {value}}}'


@pytest.mark.parametrize(
    ("name", "pallet", "sent_behind", "signed_behind"),
    [(POLKADOT, 5, b"", b""), (KUSAMA, 4, b"\0", b"\0"), (SUBSTRATE, 6, b"\0\0", b"\0"), (PHALA, 40, b"\0", b"\0")],
)
def test_a_transaction_is_what_the_chain_takes(
    name: str, pallet: int, sent_behind: bytes, signed_behind: bytes
) -> None:
    other = runtime(name)
    call = other.encoded(named("Balances.transfer_keep_alive", transfer('"1000000000000"')))
    assert call == bytes((pallet, 3, 0)) + DEST + compact(10**12)
    assert other.moves(call) == ([InnerCall("Balances.transfer_keep_alive", pallet, 3)], 10**12)
    transaction = other.signed(ALICE, call, 7, GENESIS, BIRTH, PERIOD)
    extra = ERA + compact(7) + compact(0) + sent_behind
    end = len(transaction) - len(extra) - len(call)
    assert transaction[end:] == extra + call and transaction[2:4] == b"\x84\0" and transaction[4:36] == ALICE.account_id
    versions = VERSIONS.spec.to_bytes(4, "little") + VERSIONS.transaction.to_bytes(4, "little")
    payload = call + extra + versions + GENESIS + BIRTH.hash + signed_behind
    assert transaction[36] == Sr25519.variant_index and len(payload) <= 256
    assert verify_sr25519(transaction[37:end], payload, ALICE.public)
    if not sent_behind:
        assert UncheckedExtrinsic.decode(transaction).call == call


def test_an_extension_that_is_not_known_is_refused_by_its_name() -> None:
    strange = changed(POLKADOT)
    for each in strange.extrinsic.extensions:
        if each.identifier == "CheckNonce":
            each.identifier = "CheckTurn"
    with pytest.raises(Unsupported, match="isn't known here: CheckTurn"):
        made(strange).signed(ALICE, b"\0\0", 7, GENESIS, BIRTH, PERIOD)


def test_other_accounts_are_refused_by_their_name() -> None:
    strange = changed(POLKADOT)
    for each in strange.types:
        if each.type.path == ["sp_runtime", "multiaddress", "MultiAddress"]:
            each.type.path = ["account", "AccountId20"]
    with pytest.raises(Unsupported, match="Address is account::AccountId20"):
        made(strange).signed(ALICE, b"\0\0", 7, GENESIS, BIRTH, PERIOD)


def nested(changed: MetadataV14, depth: int, last: Definition) -> int:
    """A type that has twice another, which has twice another, and so on; of `last`, by its number."""
    for level in range(depth + 1):
        definition = last if level == 0 else Tuple([10_000 + level - 1] * 2)
        changed.types.append(PortableType(10_000 + level, Type([], [], definition, [])))
    return 10_000 + depth


@pytest.mark.parametrize("last", [Tuple([]), Tuple([10_003]), Tuple([77_777])], ids=["nothing", "itself", "unknown"])
def test_types_that_an_endpoint_makes_up_hold_nobody_up(last: Definition) -> None:
    strange = changed(POLKADOT)
    extension = next(each for each in strange.extrinsic.extensions if each.identifier == "CheckWeight")
    extension.type = nested(strange, 64, last)
    other = made(strange)
    if last == Tuple([77_777]):
        with pytest.raises(Unsupported, match="makes no sense: KeyError"):
            other.signed(ALICE, b"\0\0", 7, GENESIS, BIRTH, PERIOD)
    else:
        assert other.signed(ALICE, b"\0\0", 7, GENESIS, BIRTH, PERIOD)
    calls = next(each.type for each in strange.types if each.type.path == ["polkadot_runtime", "RuntimeCall"])
    assert isinstance(calls.definition, Cases)
    calls.definition.cases[0].fields[0].type = extension.type
    with pytest.raises(BadCall, match="can't be read"):
        made(strange).moves(b"\0" * 40)


def test_metadata_that_describes_no_transactions_is_unsupported() -> None:
    nameless, typeless = changed(POLKADOT), changed(POLKADOT)
    extrinsic = next(each.type for each in nameless.types if each.id == nameless.extrinsic.type)
    extrinsic.params.clear()
    typeless.extrinsic.type = 77_777
    for other in (made(nameless), made(typeless)):
        with pytest.raises(Unsupported):
            other.encoded(named(TRANSFER, transfer(1)))
        with pytest.raises(Unsupported):
            other.moves(b"\5\3")
        with pytest.raises(Unsupported):
            other.signed(ALICE, b"\0\0", 7, GENESIS, BIRTH, PERIOD)
    with pytest.raises(Unsupported, match="not of version 14"):
        OtherRuntime(b"meta\x0f", VERSIONS)


def test_an_amount_in_a_type_of_its_own_counts() -> None:
    strange = changed(POLKADOT)
    compacts = [each.type.definition for each in strange.types if isinstance(each.type.definition, CompactForm)]
    (amount,) = {each.id for each in strange.types if each.type.definition == Basic(Primitive.u128)}
    strange.types.append(PortableType(10_000, Type([], [], Composite([Field(None, amount)]), [])))
    for each in compacts:
        if each.type == amount:
            each.type = 10_000
    call = runtime(POLKADOT).encoded(named(TRANSFER, transfer(5)))
    assert made(strange).moves(call).amount == 5


def test_all_amounts_count_and_what_has_none_is_refused() -> None:
    other = runtime(POLKADOT)
    one = f'{{"Balances": {{"transfer_keep_alive": {transfer(5)}}}}}'
    batch = other.encoded(named("Utility.batch_all", f'{{"calls": [{one}, {one}]}}'))
    moves = other.moves(batch)
    assert moves.amount == 10
    assert [each.name for each in moves.calls] == ["Balances.transfer_keep_alive"] * 2 + ["Utility.batch_all"]
    bond = other.encoded(named("Staking.bond", '{"value": "7", "payee": "Staked"}'))
    assert other.moves(bond).amount == 7
    everything = other.encoded(named("Balances.transfer_all", f'{{"dest": "0x{DEST.hex()}", "keep_alive": true}}'))
    with pytest.raises(SpendsTooLittle, match="name an amount"):
        other.moves(everything)


def test_what_cannot_be_encoded_says_where() -> None:
    other = runtime(POLKADOT)
    for call, arguments, reason in (
        ("Balances.transfer_keep_alive", "[]", "no JSON object"),
        ("Balances.transfer_keep_alive", "{", "no JSON object"),
        ("Balances.transfer_keep_alive", transfer(-1), "value has to be a whole number"),
        ("Balances.transfer_keep_alive", transfer(1.5), "value has to be a whole number"),
        ("Balances.transfer_keep_alive", '{"dest": "0x00", "value": 1}', "is no address"),
        ("Balances.transfer_now", transfer(1), "not one of"),
        ("Money.transfer", transfer(1), "not one of"),
    ):
        with pytest.raises(BadCall, match=reason):
            other.encoded(named(call, arguments))
    encoded = bytes((5, 3, 0)) + DEST + compact(1)
    assert other.encoded(AsBytes(VERSIONS.spec, encoded)) == encoded
    with pytest.raises(BadCall, match="the chain has 1000001"):
        other.encoded(AsBytes(VERSIONS.spec + 1, encoded))
    for wrong in (encoded[:-1], encoded + b"\0", b"\xff\xff", b""):
        with pytest.raises(BadCall, match="can't be read"):
            other.moves(wrong)
