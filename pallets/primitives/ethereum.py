"""Ethereum's addresses and key derivation, for chains whose accounts are Ethereum's.

A secret comes from a BIP-39 seed down a BIP-32 path (`m/44'/60'/0'/0/0` by BIP-44); an address is the last 20 bytes of
the Keccak of the uncompressed public key, in hex whose capitals are its checksum (EIP-55). As polkadot.js does for its
scheme `ethereum`, except that the password of a phrase counts. Fathom's own accounts are not of this kind.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from hashlib import pbkdf2_hmac

import bip39

from pallets.primitives.hashing import keccak_256
from pallets.primitives.suri import InvalidPath, InvalidPhrase, InvalidSeed

HARDENED = 1 << 31
PATH = re.compile(r"/m(?:/[0-9]{1,10}'?)*")


def secret_of_phrase(phrase: str, password: str, path: str) -> bytes:
    """The 32-byte secret of an English BIP-39 phrase at `/m/44'/60'/0'/0/0`; the master secret for an empty path.

    Raises `InvalidPhrase`, `InvalidPath`, and `InvalidSeed` in the one case of 2**127 where BIP-32 has no key.
    """
    words = " ".join(phrase.split())
    if not bip39.bip39_validate(words, "en"):
        raise InvalidPhrase("the phrase is not a BIP-39 mnemonic: check its words and their order")
    salt = "mnemonic" + unicodedata.normalize("NFKD", password)
    seed = pbkdf2_hmac("sha512", words.encode(), salt.encode(), 2048)
    digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for index in _indices(path):
        digest = _child(digest[:32], digest[32:], index)
    return digest[:32]


def address(public: bytes) -> bytes:
    """The 20-byte address of a public key, compressed (33 bytes) or not (65); `ValueError` for anything else."""
    from coincurve import PublicKey

    return keccak_256(PublicKey(public).format(compressed=False)[1:])[12:]


def checksum_address(raw: bytes) -> str:
    """A 20-byte address as text: `0x`, and hex digits that are capitals where the hash of the hex says so."""
    digits = raw.hex()
    capitals = keccak_256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if capital > "7" else digit for digit, capital in zip(digits, capitals, strict=False)
    )


def _indices(path: str) -> list[int]:
    """The numbers of a BIP-32 path, hardened ones with the top bit set."""
    if not path:
        return []
    if not PATH.fullmatch(path):
        raise InvalidPath("an Ethereum key is derived by a BIP-32 path, e.g. /m/44'/60'/0'/0/0")
    indices = []
    for part in path.split("/")[2:]:
        index = int(part.removesuffix("'"))
        if index >= HARDENED:
            raise InvalidPath(f"a number of a BIP-32 path is below 2**31, not {index}")
        indices.append(index | HARDENED if part.endswith("'") else index)
    return indices


def _child(secret: bytes, chain_code: bytes, index: int) -> bytes:
    """BIP-32's CKDpriv: the child's secret and chain code."""
    from coincurve import PrivateKey

    try:
        parent = PrivateKey(secret)
        material = b"\0" + secret if index >= HARDENED else parent.public_key.format()
        digest = hmac.digest(chain_code, material + index.to_bytes(4, "big"), "sha512")
        return parent.add(digest[:32]).secret + digest[32:]
    except ValueError:
        raise InvalidSeed("this path has no key by BIP-32; take the next number") from None
