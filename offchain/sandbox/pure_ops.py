"""What the prelude asks of the host that is a pure function of bytes: `host.call(name, ...)` (see `host_calls`).

Overview
    Served in the slot's own process, so nothing of it is in a transcript: equal arguments give equal bytes everywhere.
    Numbers come as decimal text. Here are the table and what is symmetric; `asymmetric_keys` and `domain_names` have
    the others.

    A slot's process may open no file once it serves, and much here loads modules only at its first use: `load` before.

Errors
    `BadArgument` for what the script did wrong, with the message that it sees. Other `ValueError`s are the script's
    doing too, but their words belong to a library's version: a script sees `FAILED` in their place.

Out of scope
    Who may use a key for what, and key formats other than DER: the prelude's `81-subtle.js`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from offchain.sandbox import asymmetric_keys, domain_names
from offchain.sandbox.op_arguments import BadArgument, hash_of, number
from offchain.sandbox.wyhash import wyhash64
from pallets.primitives.hashing import keccak_256


class Given(Enum):
    """What the host puts in front of the arguments that the script gave."""

    NOTHING = "nothing"
    KEY = "key"
    """`Context.derive_key`, 32 bytes. A run without one gets an error in the function's place."""
    SEED = "seed"
    """32 bytes that are the run's own: made of `Context.seed`, or while a handler program is evaluated of its hash."""


FAILED = "The operation failed for an operation-specific reason"
"""What a script sees of an error that is a library's: the words of WebCrypto's `OperationError`."""


class PureOp(NamedTuple):
    """One function: any number of bytes to bytes.

    `run` raises `ValueError` for what a script did wrong: it is thrown there as an `Error`. It has to be total and
    bounded otherwise: its time is what the gas says, whatever the arguments.
    """

    run: Callable[..., bytes]
    gas: int
    """Of one call, on top of `identity.HOST_CALL_GAS`; 4 to 5 gas are a nanosecond."""
    byte_gas: int
    """Of each byte of arguments and result; at least 1."""
    given: Given = Given.NOTHING
    text: bool = False
    """The result is UTF-8, and comes as a string."""


MAX_RANDOM = 65536
MAX_DERIVED = 64


def _encode(text: bytes) -> bytes:
    return text


def _decode(data: bytes) -> bytes:
    data.decode()
    return data


def _digest(name: bytes, data: bytes) -> bytes:
    match name.decode():
        case "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512" as known:
            return hashlib.new(known.replace("-", ""), data).digest()
        case "blake2b-128" | "blake2b-256" | "blake2b-512" as known:
            return hashlib.blake2b(data, digest_size=int(known[8:]) // 8).digest()
        case "keccak-256":
            return keccak_256(data)
    raise BadArgument("there is no such hash")


def _hmac(name: bytes, key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hash_of(name).name)


def _hkdf(name: bytes, secret: bytes, salt: bytes, info: bytes, length: bytes) -> bytes:
    algorithm = hash_of(name)
    size = number(length, 0, 255 * algorithm.digest_size)
    return HKDF(algorithm, size, salt, info).derive(secret) if size else b""


def _random(seed: bytes, count: bytes, length: bytes) -> bytes:
    drawn = number(count, 0, 1 << 53).to_bytes(8, "little")
    return hashlib.shake_256(seed + drawn).digest(number(length, 0, MAX_RANDOM))


def _derive(key: bytes, label: bytes, salt: bytes, length: bytes) -> bytes:
    return HKDF(hashes.SHA512(), number(length, 1, MAX_DERIVED), None, label + b":" + salt).derive(key)


def _aes(key: bytes) -> algorithms.AES:
    if len(key) not in (16, 24, 32):
        raise BadArgument("an AES key has 128, 192 or 256 bits")
    return algorithms.AES(key)


def _aes_gcm_encrypt(key: bytes, iv: bytes, extra: bytes, tag: bytes, data: bytes) -> bytes:
    cipher = Cipher(_aes(key), modes.GCM(_iv(iv))).encryptor()
    cipher.authenticate_additional_data(extra)
    sealed = cipher.update(data) + cipher.finalize()
    return sealed + cipher.tag[: number(tag, 4, 16)]


def _aes_gcm_decrypt(key: bytes, iv: bytes, extra: bytes, tag: bytes, data: bytes) -> bytes:
    size = number(tag, 4, 16)
    if len(data) < size:
        raise BadArgument("The provided data is too small")
    cipher = Cipher(_aes(key), modes.GCM(_iv(iv), data[-size:], min_tag_length=size)).decryptor()
    cipher.authenticate_additional_data(extra)
    try:
        return cipher.update(data[:-size]) + cipher.finalize()
    except InvalidTag:
        raise BadArgument(FAILED) from None


def _iv(iv: bytes) -> bytes:
    if not 8 <= len(iv) <= 128:
        raise BadArgument("an iv of 8 to 128 bytes is needed")
    return iv


def _cbc(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    if len(iv) != 16:
        raise BadArgument("algorithm.iv must contain exactly 16 bytes")
    return Cipher(_aes(key), modes.CBC(iv))


def _aes_cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    padder = PKCS7(128).padder()
    cipher = _cbc(key, iv).encryptor()
    return cipher.update(padder.update(data) + padder.finalize()) + cipher.finalize()


def _aes_cbc_decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    cipher = _cbc(key, iv).decryptor()
    padding = PKCS7(128).unpadder()
    try:
        return padding.update(cipher.update(data) + cipher.finalize()) + padding.finalize()
    except ValueError:
        raise BadArgument(FAILED) from None


def _aes_ctr(key: bytes, counter: bytes, length: bytes, data: bytes) -> bytes:
    """CTR whose counter is the last `length` bits of its block: it wraps there, and never reaches the nonce before."""
    if len(counter) != 16:
        raise BadArgument("algorithm.counter must contain exactly 16 bytes")
    span = 1 << number(length, 1, 128)
    blocks = -(-len(data) // 16)
    if blocks > span:
        raise BadArgument("the counter would repeat")
    start = int.from_bytes(counter, "big")
    until_wrap = span - start % span
    wrapped = (start - start % span).to_bytes(16, "big")
    first = Cipher(_aes(key), modes.CTR(counter)).encryptor().update(data[: until_wrap * 16])
    return first + Cipher(_aes(key), modes.CTR(wrapped)).encryptor().update(data[until_wrap * 16 :])


def _wyhash64(data: bytes) -> bytes:
    return wyhash64(data, 0).to_bytes(8, "little")


OPS: dict[str, PureOp] = {
    "encode": PureOp(_encode, 10_000, 3),
    "decode": PureOp(_decode, 10_000, 3, text=True),
    "random": PureOp(_random, 20_000, 20, Given.SEED),
    "derive": PureOp(_derive, 200_000, 20, Given.KEY),
    "digest": PureOp(_digest, 30_000, 20),
    "hmac": PureOp(_hmac, 30_000, 20),
    "hkdf": PureOp(_hkdf, 200_000, 40),
    "wyhash64": PureOp(_wyhash64, 50_000, 500),
    "aes_gcm_encrypt": PureOp(_aes_gcm_encrypt, 100_000, 10),
    "aes_gcm_decrypt": PureOp(_aes_gcm_decrypt, 100_000, 10),
    "aes_cbc_encrypt": PureOp(_aes_cbc_encrypt, 100_000, 20),
    "aes_cbc_decrypt": PureOp(_aes_cbc_decrypt, 100_000, 20),
    "aes_ctr": PureOp(_aes_ctr, 100_000, 10),
    "private_key": PureOp(asymmetric_keys.private_key, 20_000, 20),
    "public_key": PureOp(asymmetric_keys.public_key, 3_000_000, 20),
    "check_public_key": PureOp(asymmetric_keys.check_public_key, 1_500_000, 20),
    "key_exchange": PureOp(asymmetric_keys.key_exchange, 6_000_000, 20),
    "from_spki": PureOp(asymmetric_keys.from_spki, 2_000_000, 100),
    "to_spki": PureOp(asymmetric_keys.to_spki, 2_000_000, 20),
    "from_pkcs8": PureOp(asymmetric_keys.from_pkcs8, 6_000_000, 100),
    "to_pkcs8": PureOp(asymmetric_keys.to_pkcs8, 4_000_000, 20),
    "ecdsa_sign": PureOp(asymmetric_keys.ecdsa_sign, 5_000_000, 20),
    "ecdsa_verify": PureOp(asymmetric_keys.ecdsa_verify, 5_000_000, 20),
    "ed25519_sign": PureOp(asymmetric_keys.ed25519_sign, 600_000, 20),
    "ed25519_verify": PureOp(asymmetric_keys.ed25519_verify, 800_000, 20),
    "domain_to_ascii": PureOp(domain_names.domain_to_ascii, 200_000, 4_000, text=True),
}
"""Gas is measured: about 4.5 for a nanosecond of the slowest kind of key that an operation has."""


def load() -> None:
    """Have every module loaded that a function of `OPS` needs only once it is called."""
    for arguments in (
        ("digest", b"SHA-256", b""),
        ("digest", b"keccak-256", b""),
        ("hmac", b"SHA-256", b"", b""),
        ("hkdf", b"SHA-256", b"", b"", b"", b"1"),
        ("derive", bytes(32), b"", b"", b"1"),
        ("aes_gcm_encrypt", bytes(16), bytes(12), b"", b"16", b""),
        ("aes_cbc_encrypt", bytes(16), bytes(16), b""),
        ("aes_ctr", bytes(16), bytes(16), b"64", b""),
        ("domain_to_ascii", "xn--bcher-kva.\u0628\u200c\u0628".encode()),
    ):
        OPS[str(arguments[0])].run(*arguments[1:])
    for kind in (b"P-256", b"P-384", b"P-521", b"Ed25519", b"X25519"):
        secret = OPS["private_key"].run(kind, bytes(82 if kind == b"P-521" else 64))
        public = OPS["public_key"].run(kind, secret)
        OPS["from_spki"].run(kind, OPS["to_spki"].run(kind, public))
        OPS["from_pkcs8"].run(kind, OPS["to_pkcs8"].run(kind, secret))
        if kind != b"Ed25519":
            OPS["key_exchange"].run(kind, secret, public)
        if kind.startswith(b"P"):
            signature = OPS["ecdsa_sign"].run(kind, b"SHA-256", secret, b"")
            OPS["ecdsa_verify"].run(kind, b"SHA-256", public, signature, b"")
