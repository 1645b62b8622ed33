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
from pallets.primitives.scale import compact
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
