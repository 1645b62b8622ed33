"""Key files of polkadot.js: an account exported as encrypted JSON, opened with its password.

## Overview

`encoded` is, in hex or base64: with scrypt 32 bytes of salt and its parameters N, p, r as `u32`; a nonce of 24 bytes; a
box of XSalsa20-Poly1305. In the box is the secret between the fixed bytes of a PKCS#8 header and divider, then the
public key. Scrypt came with version 3 and the scheme's name with 2; older files hold a seed instead of a secret.

## Usage

```python
keypair = decode_key_file(path.read_bytes(), password)
```

## Errors

```
KeyFileError
├── MalformedKeyFile      not JSON of this shape, or the box holds something else
├── UnsupportedKeyFile    a version, cipher, scheme or cost of scrypt that polkadot.js doesn't write
├── WrongPassword         the box doesn't open
└── KeyFileMismatch       the secret is not that of the public key or address beside it
```
No message repeats what was decrypted.

## Out of scope

Writing such files. Substrate's own directory of keys is `node.keys.keystore`.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from hashlib import scrypt
from typing import Any

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from pallets.primitives import ss58
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import InvalidSeed

MAX_KEY_FILE_BYTES = 65_536
VERSIONS = ("0", "1", "2", "3")
SCRYPT_COSTS = frozenset({(1 << 13, 10), (1 << 14, 5), (1 << 15, 3), (1 << 15, 1), (1 << 16, 2), (1 << 17, 1)})
"""N and p of the files in use, with r = 8; anything else would let a file choose how much memory it takes."""
SCRYPT_BLOCK = 8
SCRYPT_MEMORY = 1 << 28

HEADER = bytes.fromhex("3053020101300506032b657004220420")
DIVIDER = bytes.fromhex("a123032100")
SECRET_SIZES = (64, 32)


class KeyFileError(ValueError):
    """A key file that does not give a key."""


class MalformedKeyFile(KeyFileError):
    """Not a JSON object with `encoded` and `encoding`, cut short, too big, or not a key pair inside."""


class UnsupportedKeyFile(KeyFileError):
    """A version after 3, a cipher other than XSalsa20-Poly1305, a scheme not in `Scheme`, or a cost not allowed."""


class WrongPassword(KeyFileError):
    """The box does not open with this password; a damaged file looks the same."""


class KeyFileMismatch(KeyFileError):
    """The file was put together from two accounts, or its scheme was changed: the secret is that of another account."""


def decode_key_file(document: str | bytes, password: str) -> Keypair:
    """The key of a file's text (at most 64 KiB). Takes up to a second and 128 MiB where the file asks for scrypt.

    Raises `KeyFileError`, its kind saying what is wrong. `Keyring.createFromJson` and `decodePkcs8` of polkadot.js.
    """
    fields, encoding = _read_document(document)
    if encoding.get("version") not in VERSIONS:
        raise UnsupportedKeyFile(f"the key file has a version other than {', '.join(VERSIONS)}")
    schemes = _schemes(_names(encoding, "content"))
    plain = _open(_read_encoded(fields), _names(encoding, "type"), _password_bytes(password))
    secret, public = _split(plain)
    for scheme in schemes:
        keypair = _keypair(scheme, secret)
        if keypair is not None and keypair.public == public:
            _check_address(keypair, fields.get("address"))
            return keypair
    raise KeyFileMismatch("the public key in the key file is not that of its secret")


def _read_document(document: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(document) > MAX_KEY_FILE_BYTES:
        raise MalformedKeyFile(f"the key file is larger than {MAX_KEY_FILE_BYTES} bytes")
    try:
        fields = json.loads(document)
    except (ValueError, RecursionError):
        raise MalformedKeyFile("the key file is not JSON") from None
    encoding = fields.get("encoding") if isinstance(fields, dict) else None
    if not isinstance(encoding, dict):
        raise MalformedKeyFile("the key file is not a JSON object with `encoded` and `encoding`")
    return fields, encoding


def _names(encoding: dict[str, Any], key: str) -> list[str]:
    """A list of names that old versions wrote as one bare name."""
    value = encoding.get(key)
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise MalformedKeyFile(f"`encoding.{key}` of the key file is neither a name nor a list of names")
    return names


def _schemes(content: list[str]) -> list[Scheme]:
    """Which schemes the secret can be of: the one named, or, where old files name none, each."""
    match content:
        case ["pkcs8"]:
            return list(Scheme)
        case ["pkcs8", name] if name in list(Scheme):
            return [Scheme(name)]
    raise UnsupportedKeyFile(f"the key file holds neither PKCS#8 nor a key of {', '.join(Scheme)}")


def _read_encoded(fields: dict[str, Any]) -> bytes:
    text = fields.get("encoded")
    if not isinstance(text, str):
        raise MalformedKeyFile("`encoded` of the key file is not text")
    try:
        return binascii.unhexlify(text[2:]) if text.startswith("0x") else b64decode(text, validate=True)
    except ValueError:
        raise MalformedKeyFile("`encoded` of the key file is neither hex nor base64") from None


def _password_bytes(password: str) -> bytes:
    try:
        return password.encode()
    except UnicodeEncodeError:
        raise WrongPassword("the password is not valid Unicode text") from None


def _open(data: bytes, types: list[str], password: bytes) -> bytes:
    match types:
        case ["none"]:
            return data
        case ["xsalsa20-poly1305"]:
            key = password[:32].ljust(32, b"\0")
        case ["scrypt", "xsalsa20-poly1305"]:
            key, data = _scrypt_key(data, password), data[44:]
        case _:
            raise UnsupportedKeyFile("the key file uses another encryption than XSalsa20-Poly1305, scrypt or none")
    if len(data) < SecretBox.NONCE_SIZE + SecretBox.MACBYTES:
        raise MalformedKeyFile("`encoded` of the key file is cut short")
    try:
        return SecretBox(key).decrypt(data)
    except CryptoError:
        raise WrongPassword("the password does not open the key file") from None


def _scrypt_key(data: bytes, password: bytes) -> bytes:
    if len(data) < 44:
        raise MalformedKeyFile("`encoded` of the key file is cut short")
    n, p, r = (int.from_bytes(data[at : at + 4], "little") for at in (32, 36, 40))
    if r != SCRYPT_BLOCK or (n, p) not in SCRYPT_COSTS:
        raise UnsupportedKeyFile(f"the key file asks for scrypt with N={n}, r={r}, p={p}: polkadot.js never does")
    return scrypt(password, salt=data[:32], n=n, r=r, p=p, maxmem=SCRYPT_MEMORY, dklen=32)


def _split(plain: bytes) -> tuple[bytes, bytes]:
    """Secret and public key: secrets have 64 bytes or 32, and the divider shows which."""
    for size in SECRET_SIZES:
        end = len(HEADER) + size
        if plain.startswith(HEADER) and plain[end : end + len(DIVIDER)] == DIVIDER:
            return plain[len(HEADER) : end], plain[end + len(DIVIDER) :]
    raise MalformedKeyFile("the key file does not hold a key pair of polkadot.js")


def _keypair(scheme: Scheme, secret: bytes) -> Keypair | None:
    """The key of a stored secret, or `None` where a key of this scheme is not stored so."""
    try:
        if scheme == Scheme.SR25519 and len(secret) == 64:
            return Keypair.from_ed25519_form(secret)
        if scheme == Scheme.ED25519 and len(secret) == 64:  # the seed, then the public key once more
            secret = secret[:32]
        return Keypair.from_seed(secret, scheme)
    except InvalidSeed:
        return None


def _check_address(keypair: Keypair, address: object) -> None:
    """The address beside the box is open to change, so it must agree: SS58 or hex, of the account or the public key."""
    if address is None:
        return
    if not isinstance(address, str):
        raise MalformedKeyFile("`address` of the key file is not text")
    try:
        named = bytes.fromhex(address[2:]) if address.startswith("0x") else ss58.decode(address).body
    except ValueError:
        raise MalformedKeyFile("`address` of the key file is neither SS58 nor hex") from None
    if named not in (keypair.public, keypair.account_id):
        raise KeyFileMismatch("the address beside the key is that of another account")
