"""Judged by polkadot.js and subkey (literals), the SS58 registry, and scalecodec."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from itertools import pairwise

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scalecodec.utils.ss58 import ss58_decode, ss58_encode

from pallets.primitives import ss58
from pallets.primitives.hashing import blake2_256
from tests.pallets.primitives.crypto_vectors import literals, rows, unhex

ALICE = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
ALICE_ED25519 = bytes.fromhex("d172a74cda4c865912c32ba0a80a57ae69abae410e5ccb59dee84e2f4432db4f")
ALICE_ADDRESS = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

prefixes = st.integers(0, 16_383).filter(lambda prefix: prefix not in (46, 47))
bodies = st.sampled_from([1, 2, 4, 8, 32, 33]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


def checksum(payload: bytes) -> bytes:
    return blake2b(b"SS58PRE" + payload).digest()


# --- known addresses -------------------------------------------------------------------------------------------------

SUBKEY_PREFIXES = {  # the networks that subkey made the addresses of the vectors for
    "5DA4": 42, "cLtA": 65, "cTGS": 66, "cnVR": 69, "xw5g": 252, "yGF4": 255, "yGDY": 255, "mHm8": 4242, "r6Gr": 14269,
}  # fmt: skip


def test_addresses_made_by_subkey() -> None:
    header = literals("address_encode")["(header)"]
    pairs = [(a, unhex(b)) for a, b in pairwise(header) if b.startswith("0x")]
    pairs = [(address, public) for address, public in pairs if not address.startswith("0x")]
    assert len(pairs) == len(SUBKEY_PREFIXES)
    for address, public in pairs:
        assert ss58.decode(address) == (SUBKEY_PREFIXES[address[:4]], public)
        assert ss58.encode(public, SUBKEY_PREFIXES[address[:4]]) == address


@pytest.mark.parametrize(
    ("body", "prefix", "address"),  # polkadot-js/common, util-crypto/src/address/encode.spec.ts
    [
        ("01", 42, "F7NZ"),
        ("01", 2, "g4b"),
        ("0001", 2, "3xygo"),
        ("01020304", 2, "zswfoZa"),
        ("2a2c0a0000000000", 2, "848Gh2GcGaZia"),
        (
            "035676109c54b9a16d271abeb4954316a40a32bcce023ac14c8e26e958aa68fba9",
            200,
            "4pbsSkWcBaYoFHrKJZp5fDVUKbqSYD9dhZZGvpp3vQ5ysVs5ybV",
        ),
        (
            "03b9dc646dd71118e5f7fda681ad9eca36eb3ee96f344f582fbe7b5bcdebb13077",
            42,
            "KWCv1L3QX9LDPwY4VzvLmarEmXjVJidUzZcinvVnmxAJJCBou",
        ),
    ],
)
def test_other_lengths(body: str, prefix: int, address: str) -> None:
    assert ss58.encode(bytes.fromhex(body), prefix) == address
    assert ss58.decode(address) == (prefix, bytes.fromhex(body))


def test_reencoding_for_other_networks() -> None:
    cases = literals("address_encode")
    for test, prefix in (("can re-encode an address", 2), ("can re-encode an address to Polkadot live", 0)):
        generic, specific = cases[test]
        assert ss58.encode(ss58.decode_account(generic), prefix) == specific
        assert ss58.decode_account(specific, prefix) == ALICE
    assert [ss58.encode(ALICE_ED25519, 42)] == cases["encodes an address to a valid value"]
    assert [ss58.encode(ALICE_ED25519, 255)] == cases["encodes with 2 byte prefix"]
    [address, body] = reversed(cases["encodes an 33-byte address"])
    assert ss58.encode(unhex(body)) == address


def test_decoding_known_addresses() -> None:
    cases = literals("address_decode")
    assert ss58.decode(cases["decodes an address"][0]) == (42, ALICE)
    assert ss58.decode_account(cases["decodes the council address"][0], 2) == b"modlpy/trsry".ljust(32, b"\0")
    for test, prefix in (("33-byte address", 42), *((f"2-byte prefix ({p})", p) for p in (65, 69, 252))):
        address, body = cases[f"decodes a {test}"]
        assert ss58.decode(address) == (prefix, unhex(body))
    specific, generic = cases["decodes a 2-byte prefix (255)"]
    assert ss58.decode(specific) == (255, ss58.decode_account(generic))


def test_evm_addresses() -> None:
    [address, evm] = literals("address_addressToEvm")["creates a valid known EVM address"]
    assert "0x" + ss58.decode(address).body[:20].hex() == evm
    [evm, address] = literals("address_evmToAddress")["creates a valid known SS58 address"]
    assert ss58.encode(blake2_256(b"evm:" + unhex(evm))) == address


def test_every_registered_network() -> None:
    refused = []
    for row in rows("ss58registry"):
        prefix = row["prefix"]
        if prefix in (46, 47) or prefix > 16_383:
            refused.append(prefix)
            with pytest.raises(ss58.BadPrefix, match=f"{prefix} is not an SS58 prefix"):
                ss58.encode(ALICE, prefix)
            continue
        for body in (ALICE, b"\x02" + ALICE):
            address = ss58.encode(body, prefix)
            assert address == ss58_encode(body, prefix)
            assert ss58.decode(address) == (prefix, body)
            assert ss58_decode(address, valid_ss58_format=prefix) == body.hex()
    assert refused == [46, 47, 29_972]  # the last has more bits than the format


@given(bodies, prefixes)
def test_agrees_with_scalecodec(body: bytes, prefix: int) -> None:
    address = ss58.encode(body, prefix)
    assert address == ss58_encode(body, prefix)
    assert ss58.decode(address) == (prefix, body)
    assert len(address) <= ss58.MAX_ADDRESS_CHARACTERS


@given(bodies, st.integers(0, 63).filter(lambda prefix: prefix not in (46, 47)), st.integers(1, 9))
def test_longer_checksums_of_account_indices(body: bytes, prefix: int, size: int) -> None:
    payload = bytes([prefix]) + body
    address = base58.b58encode(payload + checksum(payload)[:size]).decode()
    if size in ss58.CHECKSUM_SIZES[len(body)]:
        assert ss58.decode(address) == (prefix, body)
        assert ss58_decode(address) == body.hex()
    else:  # reads as another form, and then the checksum is wrong, unless a short one fits by chance
        with suppress(ss58.BadLength, ss58.BadChecksum):
            assert ss58.decode(address) != (prefix, body)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_wrong_length_and_checksum_literals() -> None:
    cases = literals("address_decode")
    with pytest.raises(ss58.BadLength):
        ss58.decode(cases["fails when length is invalid"][0])
    for address in cases["fails when the checksum does not match"]:
        with pytest.raises(ss58.BadChecksum, match="typed or copied wrongly"):
            ss58.decode(address)


def test_every_single_typing_error_is_found() -> None:
    for position, right in enumerate(ALICE_ADDRESS):
        for wrong in BASE58.replace(right, ""):
            typed = ALICE_ADDRESS[:position] + wrong + ALICE_ADDRESS[position + 1 :]
            with pytest.raises(ss58.InvalidAddress):
                ss58.decode(typed)


def test_swapped_neighbours_are_found() -> None:
    for at in range(len(ALICE_ADDRESS) - 1):
        swapped = ALICE_ADDRESS[:at] + ALICE_ADDRESS[at + 1] + ALICE_ADDRESS[at] + ALICE_ADDRESS[at + 2 :]
        if swapped != ALICE_ADDRESS:
            with pytest.raises(ss58.InvalidAddress):
                ss58.decode(swapped)


@pytest.mark.parametrize(
    ("address", "position"),
    [
        ("F3opIRbN5ZbjJNU511Kj2TLuzFcDq9BGduA9TgiECafpg29", 5),
        (ALICE_ADDRESS[:-1] + "0", 48),
        (ALICE_ADDRESS + " ", 49),
        (" " + ALICE_ADDRESS, 1),
        (ALICE_ADDRESS + "\n", 49),
        ("0x01020304", 1),
        ("0x" + ALICE.hex()[:40], 1),
        ("5Grwv\u0430" + ALICE_ADDRESS[6:], 6),  # a Cyrillic a
        ("Ω", 1),
    ],
)
def test_characters_outside_base58(address: str, position: int) -> None:
    with pytest.raises(ss58.BadBase58, match=f"character {position} "):
        ss58.decode(address)


@pytest.mark.parametrize("address", ["", "1", "11", "z", "zz", ALICE_ADDRESS[:-1], "1" * 51])
def test_impossible_lengths(address: str) -> None:
    with pytest.raises((ss58.BadLength, ss58.BadPrefix)):
        ss58.decode(address)


def test_length_is_bounded_before_any_work() -> None:
    with pytest.raises(ss58.BadLength, match="1000000 characters"):
        ss58.decode("z" * 1_000_000)


@pytest.mark.parametrize("size", [0, 3, 5, 7, 9, 16, 31, 34, 64])
def test_bodies_without_a_form(size: int) -> None:
    with pytest.raises(ss58.BadLength, match=f"^{size} bytes"):
        ss58.encode(bytes(size))


@pytest.mark.parametrize("prefix", [-1, 46, 47, 16_384, 65_535, 1 << 40])
def test_prefixes_out_of_range(prefix: int) -> None:
    with pytest.raises(ss58.BadPrefix):
        ss58.encode(ALICE, prefix)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (bytes([46]), "reserved"),
        (bytes([47]), "reserved"),
        (bytes([128]), "does not start with byte 128"),
        (bytes([255]), "does not start with byte 255"),
        (bytes([0x40 | 42 >> 2, (42 & 3) << 6]), "not canonical"),
    ],
)
def test_prefixes_that_no_network_has(head: bytes, reason: str) -> None:
    payload = head + ALICE
    address = base58.b58encode(payload + checksum(payload)[:2]).decode()
    with pytest.raises(ss58.BadPrefix, match=reason):
        ss58.decode(address)


def test_an_account_of_another_network_or_kind() -> None:
    with pytest.raises(ss58.WrongPrefix, match="prefix 42, this network has 30"):
        ss58.decode_account(ALICE_ADDRESS, 30)
    with pytest.raises(ss58.BadLength, match="33 bytes, an account identifier has 32"):
        ss58.decode_account(ss58.encode(b"\2" + ALICE))
    with pytest.raises(ss58.BadLength, match="8 bytes"):
        ss58.decode_account(ss58.encode(bytes(8)), 42)


@given(st.text(max_size=80) | st.text(BASE58, max_size=60))
def test_garbage_is_refused_or_reads_back(text: str) -> None:
    try:
        prefix, body = ss58.decode(text)
    except ss58.InvalidAddress as error:
        message = str(error)
    else:
        message = ""
        assert ss58.decode(ss58.encode(body, prefix)) == (prefix, body)
    assert len(text) < 12 or text not in message
