"""Keys and signatures: sr25519, ed25519 and ECDSA over secp256k1, as Substrate's accounts use them.

## Overview

`verify_*` answer for signatures by anyone: garbage is `False`, never an exception. A `Keypair` signs; it comes from a
secret URI, a seed or a phrase, and its secret is in no representation of it.

| scheme | public | secret | signature | signed | account |
| --- | --- | --- | --- | --- | --- |
| sr25519 | 32 | 64: scalar and nonce | 64 | the message in context `substrate` | the public key |
| ed25519 | 32 | 32: seed | 64 | the message | the public key |
| ecdsa | 33, compressed | 32 | 65, recoverable | its BLAKE2b-256 | BLAKE2b-256 of the public key |
| ethereum | 33, compressed | 32 | 65, recoverable | its Keccak-256 | 20 bytes, see `ethereum` |

## Usage

```python
alice = dev_keypair("Alice")
signature = alice.sign(payload)
assert verify_sr25519(signature, payload, alice.public)
stash = Keypair.from_suri("//Alice//stash", Scheme.SR25519)
```

## Errors

Those of `suri`: `InvalidSecret` and its kinds; `UnknownDevAccount` is one more.

## Out of scope

Choosing the scheme of an extrinsic's signature (`extrinsic`), encrypted key files (`key_file`). Soft derivation
and signing of sr25519 draw randomness inside their library: a pallet verifies, only clients and a node's seal sign.

coincurve is imported where it is used: it takes longer to load than the other schemes' libraries, few nodes need it.

Mirrors `sp_core::{sr25519, ed25519, ecdsa}` and `sp_io::crypto`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import bip39
import ed25519_zebra
import sr25519

from pallets.primitives import ethereum
from pallets.primitives.hashing import blake2_256, keccak_256
from pallets.primitives.scale import compact
from pallets.primitives.suri import InvalidPath, InvalidPhrase, InvalidSecret, InvalidSeed, Junction, junctions, parse

DEV_ACCOUNTS = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
"""The names of the publicly known development accounts; each has a `//stash` too."""


class Scheme(StrEnum):
    """A kind of key; the values are polkadot.js's names."""

    SR25519 = "sr25519"
    ED25519 = "ed25519"
    ECDSA = "ecdsa"
    ETHEREUM = "ethereum"


HARD_DERIVATION_TAGS = {Scheme.ED25519: b"Ed25519HDKD", Scheme.ECDSA: b"Secp256k1HDKD"}


class UnknownDevAccount(InvalidSecret):
    """Not a name of `DEV_ACCOUNTS`, with or without `//stash`: nobody funds such an account."""


def verify_sr25519(signature: bytes, message: bytes, public: bytes) -> bool:
    """Whether `signature` (64 bytes) over `message` is by `public` (32); no signature from before schnorrkel 0.8 is."""
    try:
        return bool(sr25519.verify(signature, message, public))
    except ValueError:  # of the wrong length, or not a signature or point at all
        return False


def verify_ed25519(signature: bytes, message: bytes, public: bytes) -> bool:
    """Whether `signature` (64 bytes) over `message` is by `public` (32), by the rules of ZIP-215 as in Substrate."""
    try:
        return bool(ed25519_zebra.ed_verify(signature, message, public))
    except ValueError:
        return False


def verify_ecdsa(signature: bytes, message: bytes, signer: bytes) -> bool:
    """Whether `signature` (65 bytes) over the BLAKE2b-256 of `message` is by `signer`.

    The signer is an account identifier (32 bytes, `MultiSignature::verify`) or a compressed public key (33,
    `ecdsa::Pair::verify`, where the recovery id must be 0 to 3).
    """
    public = recover_ecdsa(signature, blake2_256(message))
    if public is None:
        return False
    return signer == blake2_256(public) or (signer == public and signature[64] < 4)


def verify_ethereum(signature: bytes, message: bytes, address: bytes) -> bool:
    """Whether `signature` (65 bytes) over the Keccak-256 of `message` is by the key of `address` (20)."""
    public = recover_ecdsa(signature, keccak_256(message))
    return public is not None and ethereum.address(public) == address


def recover_ecdsa(signature: bytes, digest: bytes) -> bytes | None:
    """The compressed public key (33 bytes) that made a recoverable signature (65) over a digest (32), if there is one.

    `secp256k1_ecdsa_recover_compressed`, version 2: the last byte is a recovery id of 0 to 3 or Ethereum's 27 to 30.
    """
    if len(signature) != 65 or len(digest) != 32:
        return None
    from coincurve import PublicKey

    recovery = signature[64] - 27 if signature[64] > 26 else signature[64]
    try:
        return PublicKey.from_signature_and_message(signature[:64] + bytes([recovery]), digest, hasher=None).format()
    except ValueError:  # r, s or the recovery id out of range, or no such point
        return None


def account_id(scheme: Scheme, public: bytes) -> bytes:
    """The account of a public key: 32 bytes (`MultiSigner::into_account`), or the 20 of an Ethereum address."""
    match scheme:
        case Scheme.SR25519 | Scheme.ED25519:
            return public
        case Scheme.ECDSA:
            return blake2_256(public)
        case Scheme.ETHEREUM:
            return ethereum.address(public)


@dataclass(frozen=True, slots=True, repr=False)
class Keypair:
    """A secret key and its public key, always computed from it: signing under another public key gives the secret away.

    `secret` is as in the table at the top of this module; `InvalidSeed` is raised where it is no key of the scheme.
    Equal by public key, because soft derivation gives one sr25519 key many nonces.
    """

    scheme: Scheme
    secret: bytes = field(compare=False)
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        size = 64 if self.scheme == Scheme.SR25519 else 32
        if len(self.secret) != size:
            raise InvalidSeed(f"the secret of an {self.scheme} key has {size} bytes, not {len(self.secret)}")
        try:
            public = _public_of(self.scheme, self.secret)
        except ValueError:
            raise InvalidSeed(f"these bytes are outside the range of {self.scheme} secret keys") from None
        object.__setattr__(self, "public", public)

    def __repr__(self) -> str:
        return f"<Keypair {self.scheme} 0x{self.public.hex()}>"

    @classmethod
    def from_suri(cls, suri: str, scheme: Scheme = Scheme.SR25519) -> Keypair:
        """The key of a secret URI: a phrase, a `0x` seed or nothing for `DEV_PHRASE`; junctions; then `///password`.

        Raises `InvalidSecret`, its kind saying what is wrong. A password does not change a seed. `Pair::from_string`.
        """
        uri = parse(suri)
        if uri.seed is None and scheme == Scheme.ETHEREUM:
            return cls(scheme, ethereum.secret_of_phrase(uri.phrase, uri.password, uri.path))
        if uri.seed is None:
            return cls.from_mnemonic(uri.phrase, uri.password, scheme).derive(uri.path)
        return cls.from_seed(uri.seed, scheme).derive(uri.path)

    @classmethod
    def from_mnemonic(
        cls, phrase: str, password: str = "", scheme: Scheme = Scheme.SR25519, language: str = "en"
    ) -> Keypair:
        """The key of a BIP-39 phrase. Not BIP-39's own seed but Substrate's, of the entropy (`substrate_bip39`).

        `language` is the word list: en, zh-hans, zh-hant, fr, it, ja, ko or es. Raises `InvalidPhrase`. The phrase of
        an Ethereum key is English and gives the master key; a path leads on from it in `from_suri`.
        """
        if scheme == Scheme.ETHEREUM:
            return cls(scheme, ethereum.secret_of_phrase(phrase, password, path=""))
        try:
            mini_secret = bip39.bip39_to_mini_secret(phrase, password, language)
        except ValueError:
            raise InvalidPhrase(f"the phrase is no BIP-39 mnemonic in language {language}: check its words") from None
        return cls.from_seed(mini_secret, scheme)

    @classmethod
    def from_seed(cls, seed: bytes, scheme: Scheme = Scheme.SR25519) -> Keypair:
        """The key of a 32-byte seed. Raises `InvalidSeed`. `Pair::from_seed_slice`."""
        if len(seed) != 32:
            raise InvalidSeed(f"a seed has 32 bytes, not {len(seed)}")
        return cls(scheme, sr25519.pair_from_seed(seed)[1] if scheme == Scheme.SR25519 else seed)

    @classmethod
    def from_ed25519_form(cls, secret: bytes) -> Keypair:
        """The sr25519 key of 64 bytes as polkadot.js keeps them: the scalar times eight, and the nonce.

        Raises `InvalidSeed`. `SecretKey::from_ed25519_bytes`.
        """
        try:
            return cls(Scheme.SR25519, sr25519.pair_from_ed25519_secret_key(secret)[1])
        except ValueError:
            raise InvalidSeed("these bytes are not an sr25519 secret in the form of ed25519") from None

    @property
    def account_id(self) -> bytes:
        """The account of this key, see the function of the same name."""
        return account_id(self.scheme, self.public)

    def derive(self, path: str) -> Keypair:
        """The key at a path from this one, e.g. `//stash` or `//hard/soft`; an empty path is this key.

        Raises `InvalidFormat`, and `InvalidPath` for a soft junction where the scheme is not sr25519.
        """
        derived = self
        for junction in junctions(path):
            derived = Keypair(self.scheme, derived._child_secret(junction))
        return derived

    def _child_secret(self, junction: Junction) -> bytes:
        if self.scheme == Scheme.SR25519:
            derive = sr25519.hard_derive_keypair if junction.hard else sr25519.derive_keypair
            child: bytes = derive((junction.chain_code, self.public, self.secret), b"")[2]
            return child
        tag = HARD_DERIVATION_TAGS.get(self.scheme)
        if tag is None:
            raise InvalidPath("an Ethereum key derives from a phrase by a BIP-32 path, and no further")
        if not junction.hard:
            raise InvalidPath(f"{self.scheme} keys have hard junctions only: write //name, not /name")
        return blake2_256(compact(len(tag)) + tag + self.secret + junction.chain_code)

    def sign(self, message: bytes) -> bytes:
        """A signature of 64 bytes, or 65 with ECDSA; the same each time, except that sr25519 draws a nonce.

        The signed payload of an extrinsic over 256 bytes is hashed by the caller: this signs what it is given.
        """
        match self.scheme:
            case Scheme.SR25519:
                return bytes(sr25519.sign((self.public, self.secret), message))
            case Scheme.ED25519:
                return bytes(ed25519_zebra.ed_sign(self.secret, message))
            case Scheme.ECDSA:
                return _secp256k1_sign(self.secret, blake2_256(message))
            case Scheme.ETHEREUM:
                return _secp256k1_sign(self.secret, keccak_256(message))


def derive_public(public: bytes, path: str) -> bytes:
    """The sr25519 public key at a path of soft junctions from `public`, without any secret.

    Raises `InvalidFormat`, `InvalidPath` for a hard junction, `InvalidSeed` where `public` is no key. `Derive::derive`.
    """
    for junction in junctions(path):
        if junction.hard:
            raise InvalidPath("a public key has soft junctions only: write /name, not //name")
        try:
            public = sr25519.derive_pubkey((junction.chain_code, public), b"")[1]
        except ValueError:
            raise InvalidSeed("these bytes are not an sr25519 public key") from None
    return public


def dev_keypair(name: str, scheme: Scheme = Scheme.SR25519) -> Keypair:
    """The key of a development account: `Alice`, or `Alice//stash`. Raises `UnknownDevAccount`."""
    if name.removesuffix("//stash") not in DEV_ACCOUNTS:
        raise UnknownDevAccount(f"the development accounts are {', '.join(DEV_ACCOUNTS)}, each with its //stash")
    return Keypair.from_suri(f"//{name}", scheme)


def _public_of(scheme: Scheme, secret: bytes) -> bytes:
    match scheme:
        case Scheme.SR25519:
            return bytes(sr25519.public_from_secret_key(secret))
        case Scheme.ED25519:
            return bytes(ed25519_zebra.ed_public_from_secret(secret))
        case Scheme.ECDSA | Scheme.ETHEREUM:
            from coincurve import PrivateKey

            return PrivateKey(secret).public_key.format()


def _secp256k1_sign(secret: bytes, digest: bytes) -> bytes:
    from coincurve import PrivateKey

    return PrivateKey(secret).sign_recoverable(digest, hasher=None)
