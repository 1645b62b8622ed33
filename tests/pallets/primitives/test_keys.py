"""Keys from seeds, phrases and secret URIs: judged by sp_core, polkadot.js, the Polkadot specification and others."""

from __future__ import annotations

import copy
import dataclasses
import re
import traceback
from hashlib import pbkdf2_hmac

import pytest
import sr25519
from eth_keys.datatypes import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from substrateinterface import Keypair as JudgeKeypair

from pallets.primitives import ss58
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import (
    DEV_ACCOUNTS,
    Keypair,
    Scheme,
    UnknownDevAccount,
    account_id,
    derive_public,
    dev_keypair,
    verify_sr25519,
)
from pallets.primitives.suri import DEV_PHRASE, InvalidFormat, InvalidPath, InvalidPhrase, InvalidSecret, InvalidSeed
from tests.pallets.primitives.crypto_vectors import SECP256K1_ORDER, SEED, literals, rows, unhex
from tests.vectors import vector

MOVIE_PHRASE = "moral movie very draw assault whisper awful rebuild speed purity repeat card"
PHRASE = "seed sock milk update focus rotate barely fade car face mechanic mercy"
SUBSTRATE_SCHEMES = [Scheme.SR25519, Scheme.ED25519, Scheme.ECDSA]


# --- known keys ------------------------------------------------------------------------------------------------------


def test_sp_core_known_keys() -> None:
    known = {row["test"]: row for row in rows("sp_core_known")}
    for test in ("sr25519 derive_soft_known_pair", "sr25519 derive_hard_known_pair"):
        suri = known[test]["suri"].replace("<DEV_PHRASE>", DEV_PHRASE)
        assert Keypair.from_suri(suri).public == unhex(known[test]["public"])
        assert Keypair.from_suri(suri.removeprefix(DEV_PHRASE)) == Keypair.from_suri(suri)
    mini = known["sr_test_vector"]
    assert Keypair.from_seed(unhex(mini["mini_secret"])).public == unhex(mini["public"])
    assert Keypair.from_suri(mini["mini_secret"]).public == unhex(mini["public"])
    assert Keypair.from_seed(SEED).public == unhex(known["seeded_pair"]["public"])


def test_dev_accounts_and_their_secrets() -> None:
    known = [row for row in rows("dev_keys") if row["scheme"] == "sr25519"]
    assert {row["name"].removesuffix("//stash") for row in known} == set(DEV_ACCOUNTS)
    for row in known:
        keypair = dev_keypair(row["name"])
        assert keypair.public == unhex(row["public"]) == keypair.account_id
        assert sr25519.convert_secret_key_to_ed25519(keypair.secret) == unhex(row["secret"])
        assert Keypair.from_ed25519_form(unhex(row["secret"])) == keypair == Keypair.from_suri(row["suri"])


def test_known_uris() -> None:
    for row in rows("suri_derivation"):
        scheme = Scheme(row["scheme"])
        keypair = Keypair.from_suri(row["uri"], scheme)
        assert keypair.public == unhex(row["pk"])
        if scheme != Scheme.ETHEREUM:
            assert ss58.encode(keypair.account_id) == row["ss"]


@pytest.mark.parametrize(
    ("suri", "scheme", "address"),  # polkadot-js/common, keyring/src/index.spec.ts and pair/index.spec.ts
    [
        ("//Alice", "ed25519", "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"),
        (PHRASE, "ed25519", "5DkQP32jP4DVJLWWBRBoZF2tpWjqFrcrTBo6H5NcSk7MxKCC"),
        ("//9007199254740991", "sr25519", "5CDsyNZyqxLpHnTvknr68anUcYoBFjZbFKiEJJf4prB75Uog"),
        ("//900719925474099999", "sr25519", "5GHj2D7RG2m2DXYwGSDpXwuuxn53G987i7p2EQVDqP4NYu4q"),
        ("//Alice", "sr25519", "xw8P6urbSAronL3zZFB7dg8p7LLSgKCUFDUgjohnf1iP434ic"),
        ("//Alice//funding/0", "sr25519", "5ECQNn7UueWHPFda5qUi4fTmTtyCnPvGnuoyVVSj5CboJh9J"),
        (MOVIE_PHRASE, "sr25519", "FSjXNRT2K1R5caeHLPD6WMrqYUpfGZB7ua8W89JFctZ1YqV"),
        (MOVIE_PHRASE, "ed25519", "HSLu2eci2GCfWkRimjjdTXKoFSDL3rBv5Ey2JWCBj68cVZj"),
        (MOVIE_PHRASE, "ecdsa", "DrRE1KAcs4pCicX8yJPh7YxkLPQ2vXnCFSVRPQfx38KjEFe"),
        ("//Alice", "ecdsa", "5C7C2Z5sWbytvHpuLTvzKunnnRwQxft1jiqrLD5rhucQ5S9X"),
    ],
)
def test_keyring_addresses(suri: str, scheme: str, address: str) -> None:
    assert Keypair.from_suri(suri, Scheme(scheme)).account_id == ss58.decode_account(address)


def test_ecdsa_pairs() -> None:
    for row in rows("ecdsa_pairs"):
        keypair = Keypair.from_suri(row["mnemonic"], Scheme.ECDSA)
        assert keypair.secret == unhex(row["secret"])
        assert keypair.public == unhex(row["public_compressed"])
        assert keypair.account_id == unhex(row["account_id_blake2"])
    pair = Keypair.from_seed(unhex("0x3c74be003bd9a876be439949ccf2b292bd966c94959a689173b295b326cd6da7"), Scheme.ECDSA)
    assert pair.public.hex() == "021da683b913fb28c979ba3e5f1881415cef4b1f58a5d05ed3610a2995e7b4943c"


def test_substrate_bip39() -> None:
    assert len(rows("sr25519_substrate_bip39")) == 24
    for row in rows("sr25519_substrate_bip39"):
        keypair = Keypair.from_mnemonic(row["mnemonic"], "Substrate")
        assert keypair == Keypair.from_suri(row["mnemonic"] + "///Substrate")
        assert sr25519.convert_secret_key_to_ed25519(keypair.secret) == unhex(row["secret_expanded"])
        mini_secret = unhex(row["bip39_seed64"])[:32]
        assert Keypair.from_mnemonic(row["mnemonic"], "Substrate", Scheme.ED25519).secret == mini_secret
        assert Keypair.from_mnemonic(row["mnemonic"], "Substrate", Scheme.ECDSA).secret == mini_secret


@pytest.mark.parametrize("password", ["", "x", "ünïcode", "\uff46\uff55\uff4c\uff4c", "😀", "with space", "a" * 300])
def test_passwords_are_not_normalised(password: str) -> None:
    for row in rows("sr25519_substrate_bip39")[:3]:
        salt = b"mnemonic" + password.encode()
        mini_secret = pbkdf2_hmac("sha512", unhex(row["entropy"]), salt, 2048)[:32]
        assert Keypair.from_suri(f"{row['mnemonic']}///{password}", Scheme.ED25519).secret == mini_secret


def test_mnemonic_literals() -> None:
    cases = literals("mnemonic_toMiniSecret")
    assert Keypair.from_mnemonic(PHRASE, scheme=Scheme.ED25519).secret == unhex(cases["(header)"][0])
    korean = (
        "엉덩이 능동적 숫자 팩시밀리 비난 서적 파출소 도움 독창적 인생 상류 먼지 "
        "답변 음반 수박 사업 노란색 공사 우체국 특급 도대체 금지 굉장히 고무신"
    )
    with pytest.raises(InvalidPhrase):
        Keypair.from_mnemonic(korean, "testing")
    keypair = Keypair.from_mnemonic(korean, "testing", Scheme.ED25519, language="ko")
    assert [keypair.secret] == [unhex(x) for x in cases["creates a known minisecret from a non-english mnemonic"]]
    with pytest.raises(InvalidPhrase, match="language tlh"):
        Keypair.from_mnemonic(PHRASE, language="tlh")


def test_keys_of_the_specification() -> None:
    """ext_crypto_{ed25519,sr25519}_generate of the host API conformance tests: a phrase in, a public key out."""
    inputs = vector("trie/w3f/HostApiInputs.jl.txt").read_text().partition("const seed_1 = [")[2].partition("const")[0]
    outputs = vector("trie/w3f/HostApiOutputs.jl.txt").read_text().partition("const seed = [")[2].partition("]")[0]
    phrases = re.findall(r'"([a-z ]+)"', inputs)
    publics = re.findall(r'"([0-9a-f]{64})"', outputs)
    assert len(publics) == 2 * len(phrases) > 0
    found = [Keypair.from_suri(phrase, s).public.hex() for s in (Scheme.ED25519, Scheme.SR25519) for phrase in phrases]
    assert found == publics


def test_soft_derivation_of_public_keys() -> None:
    parent, child = literals("address_derive")["derives a known path"]
    assert derive_public(ss58.decode_account(parent), "/joe/polkadot/0") == ss58.decode_account(child)
    assert derive_public(dev_keypair("Alice").public, "/0/x") == Keypair.from_suri("//Alice/0/x").public
    assert derive_public(dev_keypair("Alice").public, "") == dev_keypair("Alice").public
    [parent] = literals("address_derive")["fails on hard paths"]
    with pytest.raises(InvalidPath, match="soft junctions only"):
        derive_public(ss58.decode_account(parent), "//bob")
    with pytest.raises(InvalidSeed):
        derive_public(b"\xff" * 32, "/a")
    with pytest.raises(InvalidFormat):
        derive_public(ss58.decode_account(parent), "bob")


names = st.text("abcXYZ019 .-ü漢", min_size=1, max_size=40).filter(lambda name: not name.isnumeric())
steps = st.tuples(st.sampled_from(["/", "//"]), names | st.integers(0, (1 << 64) - 1).map(str))


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=4).map(lambda path: "".join(f"{slash}{name}" for slash, name in path)))
def test_random_uris_agree_with_substrate_interface(path: str) -> None:
    keypair = Keypair.from_suri(DEV_PHRASE + path)
    judge = JudgeKeypair.create_from_uri(DEV_PHRASE + path)
    assert keypair.public == judge.public_key
    assert keypair.secret[:32] == judge.private_key[:32]
    assert keypair == Keypair.from_suri(path) == Keypair.from_suri("").derive(path)
    assert ss58.encode(keypair.account_id) == judge.ss58_address
    assert judge.verify(b"message", keypair.sign(b"message"))
    assert verify_sr25519(judge.sign(b"message"), b"message", keypair.public)


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_random_seeds_agree_with_others(seed: bytes) -> None:
    assert Keypair.from_seed(seed).public == JudgeKeypair.create_from_seed(seed).public_key
    assert (
        Keypair.from_seed(seed, Scheme.ED25519).public == JudgeKeypair.create_from_seed(seed, crypto_type=0).public_key
    )
    if 0 < int.from_bytes(seed, "big") < SECP256K1_ORDER:
        judge = PrivateKey(seed).public_key
        assert Keypair.from_seed(seed, Scheme.ECDSA).public == judge.to_compressed_bytes()
        assert Keypair.from_seed(seed, Scheme.ETHEREUM).account_id == judge.to_canonical_address()


@pytest.mark.parametrize(
    ("scheme", "tag"), [(Scheme.ED25519, b"\x2cEd25519HDKD"), (Scheme.ECDSA, b"\x34Secp256k1HDKD")]
)
def test_hard_derivation_chains(scheme: Scheme, tag: bytes) -> None:
    alice = Keypair.from_suri("//Alice", scheme)
    expected = blake2_256(tag + alice.secret + b"\x14stash".ljust(32, b"\0"))
    assert Keypair.from_suri("//Alice//stash", scheme).secret == expected == dev_keypair("Alice//stash", scheme).secret


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_secret_shows_nowhere(scheme: Scheme) -> None:
    keypair = Keypair.from_seed(SEED, scheme)
    for shown in (repr(keypair), str(keypair), f"{keypair}", "%r %s" % (keypair, [keypair]), ascii(keypair)):  # noqa: UP031
        assert keypair.public.hex() in shown
        assert scheme in shown
        assert "secret" not in shown
        assert keypair.secret.hex() not in shown
        assert repr(keypair.secret)[2:-1] not in shown


@pytest.mark.parametrize(
    ("suri", "scheme", "error"),
    [
        ("correct horse battery staple", Scheme.SR25519, InvalidPhrase),
        ("correct.horse", Scheme.SR25519, InvalidFormat),
        ("correct//", Scheme.SR25519, InvalidFormat),
        ("0xc0ffee", Scheme.SR25519, InvalidSeed),
        ("0x" + "00" * 32, Scheme.ECDSA, InvalidSeed),
        (f"0x{SECP256K1_ORDER:x}", Scheme.ECDSA, InvalidSeed),
        ("0x" + "ff" * 32, Scheme.ETHEREUM, InvalidSeed),
        ("//horse/battery", Scheme.ED25519, InvalidPath),
        ("//horse/battery", Scheme.ECDSA, InvalidPath),
        ("//horse", Scheme.ETHEREUM, InvalidPath),
        ("0x" + "11" * 32 + "//horse", Scheme.ETHEREUM, InvalidPath),
        (DEV_PHRASE.replace("walk", "drive"), Scheme.SR25519, InvalidPhrase),
        (DEV_PHRASE.replace("walk", "horse battery"), Scheme.SR25519, InvalidPhrase),
        (DEV_PHRASE.upper(), Scheme.SR25519, InvalidPhrase),
        (" ", Scheme.SR25519, InvalidPhrase),
        ("Alice", Scheme.SR25519, InvalidPhrase),
        ("12345678901234567890123456789012", Scheme.SR25519, InvalidPhrase),
    ],
)
def test_errors_name_the_reason_and_never_the_secret(suri: str, scheme: Scheme, error: type[InvalidSecret]) -> None:
    with pytest.raises(error) as caught:
        Keypair.from_suri(suri, scheme)
    assert caught.type is error
    shown = "".join(traceback.format_exception_only(caught.value))
    for secret in ("horse", "battery", "staple", "obey lake", "c0ffee", "0xff", "11" * 32, f"{SECP256K1_ORDER:x}"):
        assert secret not in shown
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_ed25519_and_ecdsa_say_what_to_write_instead() -> None:
    with pytest.raises(InvalidPath, match="ecdsa keys have hard junctions only: write //name"):
        Keypair.from_suri("/soft", Scheme.ECDSA)


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_seeds_of_another_length(scheme: Scheme, size: int) -> None:
    with pytest.raises(InvalidSeed, match=f"32 bytes, not {size}"):
        Keypair.from_seed(b"\1" * size, scheme)


@pytest.mark.parametrize(("scheme", "size"), [(s, n) for s in Scheme for n in (0, 31, 32, 33, 64, 65)])
def test_secrets_of_another_length_or_range(scheme: Scheme, size: int) -> None:
    expected = 64 if scheme == Scheme.SR25519 else 32
    if size != expected:
        with pytest.raises(InvalidSeed, match=f"{expected} bytes, not {size}"):
            Keypair(scheme, b"\1" * size)
    elif scheme != Scheme.ED25519:
        with pytest.raises(InvalidSeed, match=f"outside the range of {scheme} secret keys"):
            Keypair(scheme, b"\xff" * size)


@pytest.mark.parametrize("secret", [b"", b"\1" * 63, b"\1" * 65, b"\xff" * 64])
def test_bytes_that_are_no_ed25519_form(secret: bytes) -> None:
    with pytest.raises(InvalidSeed):
        Keypair.from_ed25519_form(secret)


def test_a_password_changes_a_phrase_and_no_seed() -> None:
    seed = "0x" + SEED.hex()
    assert Keypair.from_suri(f"{seed}//a///password") == Keypair.from_suri(f"{seed}//a")
    assert Keypair.from_suri("//a///password") != Keypair.from_suri("//a")
    # sp_core: default_phrase_should_be_used
    assert Keypair.from_suri("//Alice///password") == Keypair.from_mnemonic(DEV_PHRASE, "password").derive("//Alice")


def test_keys_are_equal_by_public_key() -> None:
    one, other = Keypair.from_suri("/soft"), Keypair.from_suri("/soft")
    assert one.secret != other.secret  # the nonce is drawn anew
    assert one == other
    assert len({one, other}) == 1
    assert one != Keypair.from_suri("/other")
    assert Keypair.from_seed(SEED, Scheme.ECDSA) != Keypair.from_seed(SEED, Scheme.ETHEREUM)


def test_keys_do_not_change() -> None:
    keypair = dev_keypair("Alice")
    for name in ("scheme", "secret", "public"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(keypair, name, b"")
    assert not hasattr(keypair, "__dict__")
    assert copy.copy(keypair) == keypair
    with pytest.raises(TypeError):
        Keypair(Scheme.SR25519, keypair.secret, public=bytes(32))  # type: ignore[call-arg]


def test_account_identifiers() -> None:
    for scheme in SUBSTRATE_SCHEMES:
        keypair = Keypair.from_seed(SEED, scheme)
        assert keypair.account_id == account_id(scheme, keypair.public)
        assert len(keypair.account_id) == 32
        assert (keypair.account_id == keypair.public) == (scheme != Scheme.ECDSA)
    assert len(Keypair.from_seed(SEED, Scheme.ETHEREUM).account_id) == 20


@pytest.mark.parametrize("name", ["", "alice", "Alice//", "Alice//stash//stash", "//Alice", "Mallory", "Alice/stash"])
def test_dev_accounts_are_a_closed_list(name: str) -> None:
    with pytest.raises(UnknownDevAccount, match="Alice, Bob, Charlie, Dave, Eve, Ferdie"):
        dev_keypair(name)
