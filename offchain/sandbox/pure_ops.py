"""What the prelude asks of the host that is a pure function of bytes: `host.call(name, ...)` (see `host_calls`).

Overview
    Served in the slot's own process, so nothing of it is in a transcript: equal arguments give equal bytes everywhere.
    Numbers come as decimal text. Kinds of asymmetric keys are WebCrypto's names: P-256, P-384, P-521, Ed25519, X25519;
    a private key is its scalar (big-endian) or seed, a public key an uncompressed point or the 32 bytes of RFC 8032.

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
import re
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import idna
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from offchain.sandbox.wyhash import wyhash64
from pallets.primitives.hashing import keccak_256


class Given(Enum):
    """What the host puts in front of the arguments that the script gave."""

    NOTHING = "nothing"
    KEY = "key"
    """`Context.derive_key`, 32 bytes. A run without one gets an error in the function's place."""
    SEED = "seed"
    """32 bytes that are the run's own: made of `Context.seed`, or while a handler program is evaluated of its hash."""


class BadArgument(ValueError):
    """The script called with what the function does not take; the message is for the script, and in its output."""


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
MAX_DOMAIN = 1024
MAX_LABEL = 63
"""Of a domain's label, in punycode: DNS has no longer ones, and decoding them takes time with their square."""
MAX_DER = 512

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "SHA-1": hashes.SHA1,  # asked for by name in WebCrypto; HMAC and HKDF still stand on it
    "SHA-256": hashes.SHA256,
    "SHA-384": hashes.SHA384,
    "SHA-512": hashes.SHA512,
}
_CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
_ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "P-521": (1 << 521) - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}

_NEW_CHARACTERS = re.compile(
    "[\u0cf3\u0ece\u2ffc-\u2fff\u31ef\U00010efd-\U00010eff\U0001123f-\U00011241\U00011b00-\U00011b09"
    "\U00011f00-\U00011f10\U00011f12-\U00011f3a\U00011f3e-\U00011f59\U0001342f\U00013439-\U00013455\U0001b132"
    "\U0001b155\U0001d2c0-\U0001d2d3\U0001df25-\U0001df2a\U0001e030-\U0001e06d\U0001e08f\U0001e4d0-\U0001e4f9"
    "\U0001f6dc\U0001f774-\U0001f776\U0001f77b-\U0001f77f\U0001f7d9\U0001fa75-\U0001fa77\U0001fa87\U0001fa88"
    "\U0001faad-\U0001faaf\U0001fabb-\U0001fabd\U0001fabf\U0001face\U0001facf\U0001fada\U0001fadb\U0001fae8"
    "\U0001faf7\U0001faf8\U0002b739\U0002ebf0-\U0002ee5d\U00031350-\U000323af]"
)
"""All on which the Unicode data of Python 3.11 (14.0) and of 3.12 and 3.13 (15.0 and 15.1) disagree: new in the latter.
What became a character later yet, all three refuse."""

_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey
_Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | x25519.X25519PublicKey


def _encode(text: bytes) -> bytes:
    return text


def _decode(data: bytes) -> bytes:
    data.decode()
    return data


def _number(text: bytes, least: int, most: int) -> int:
    if not text.isdigit() or len(text) > 20 or not least <= (number := int(text)) <= most:
        raise BadArgument(f"a number from {least} to {most} was expected")
    return number


def _hash(name: bytes) -> hashes.HashAlgorithm:
    if (make := _HASHES.get(name.decode())) is None:
        raise BadArgument("there is no such hash")
    return make()


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
    return hmac.digest(key, data, _hash(name).name)


def _hkdf(name: bytes, secret: bytes, salt: bytes, info: bytes, length: bytes) -> bytes:
    algorithm = _hash(name)
    size = _number(length, 0, 255 * algorithm.digest_size)
    return HKDF(algorithm, size, salt, info).derive(secret) if size else b""


def _random(seed: bytes, count: bytes, length: bytes) -> bytes:
    drawn = _number(count, 0, 1 << 53).to_bytes(8, "little")
    return hashlib.shake_256(seed + drawn).digest(_number(length, 0, MAX_RANDOM))


def _derive(key: bytes, label: bytes, salt: bytes, length: bytes) -> bytes:
    return HKDF(hashes.SHA512(), _number(length, 1, MAX_DERIVED), None, label + b":" + salt).derive(key)


def _aes(key: bytes) -> algorithms.AES:
    if len(key) not in (16, 24, 32):
        raise BadArgument("an AES key has 128, 192 or 256 bits")
    return algorithms.AES(key)


def _aes_gcm_encrypt(key: bytes, iv: bytes, extra: bytes, tag: bytes, data: bytes) -> bytes:
    cipher = Cipher(_aes(key), modes.GCM(_iv(iv))).encryptor()
    cipher.authenticate_additional_data(extra)
    sealed = cipher.update(data) + cipher.finalize()
    return sealed + cipher.tag[: _number(tag, 4, 16)]


def _aes_gcm_decrypt(key: bytes, iv: bytes, extra: bytes, tag: bytes, data: bytes) -> bytes:
    size = _number(tag, 4, 16)
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
    span = 1 << _number(length, 1, 128)
    blocks = -(-len(data) // 16)
    if blocks > span:
        raise BadArgument("the counter would repeat")
    start = int.from_bytes(counter, "big")
    until_wrap = span - start % span
    wrapped = (start - start % span).to_bytes(16, "big")
    first = Cipher(_aes(key), modes.CTR(counter)).encryptor().update(data[: until_wrap * 16])
    return first + Cipher(_aes(key), modes.CTR(wrapped)).encryptor().update(data[until_wrap * 16 :])


def _private(kind: bytes, secret: bytes) -> _Private:
    match kind.decode():
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(secret)
        case "X25519":
            return x25519.X25519PrivateKey.from_private_bytes(secret)
        case curve if curve in _CURVES:
            return ec.derive_private_key(int.from_bytes(secret, "big"), _CURVES[curve])
    raise BadArgument("there is no such kind of key")


def _public(kind: bytes, public: bytes) -> _Public:
    match kind.decode():
        case "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(public)
        case "X25519":
            return x25519.X25519PublicKey.from_public_bytes(public)
        case curve if curve in _CURVES:
            return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve], public)
    raise BadArgument("there is no such kind of key")


def _public_bytes(key: _Public) -> bytes:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return key.public_bytes_raw()


def _private_key(kind: bytes, entropy: bytes) -> bytes:
    """A private key from random bytes: 16 more than it has, so that what is left of the curve's order is even."""
    if (order := _ORDERS.get(kind.decode())) is None:
        return entropy[:32]
    scalar = 1 + int.from_bytes(entropy, "big") % (order - 1)
    return scalar.to_bytes(_scalar_bytes(kind), "big")


def _scalar_bytes(kind: bytes) -> int:
    return (_CURVES[kind.decode()].key_size + 7) // 8


def _public_key(kind: bytes, secret: bytes) -> bytes:
    return _public_bytes(_private(kind, secret).public_key())


def _check_public_key(kind: bytes, public: bytes) -> bytes:
    return _public_bytes(_public(kind, public))


def _key_exchange(kind: bytes, secret: bytes, public: bytes) -> bytes:
    mine, other = _private(kind, secret), _public(kind, public)
    if isinstance(mine, x25519.X25519PrivateKey) and isinstance(other, x25519.X25519PublicKey):
        return mine.exchange(other)
    if isinstance(mine, ec.EllipticCurvePrivateKey) and isinstance(other, ec.EllipticCurvePublicKey):
        return mine.exchange(ec.ECDH(), other)
    raise BadArgument("keys of this kind agree on nothing")


def _is_of(kind: bytes, key: object) -> bool:
    match kind.decode():
        case "Ed25519":
            return isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey)
        case "X25519":
            return isinstance(key, x25519.X25519PrivateKey | x25519.X25519PublicKey)
        case curve:
            if not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
                return False
            return curve in _CURVES and key.curve.name == _CURVES[curve].name


def _short(der: bytes) -> bytes:
    """Longer ones hold keys of other kinds, whose checks take time."""
    if len(der) > MAX_DER:
        raise BadArgument("the key is of another kind")
    return der


def _from_spki(kind: bytes, der: bytes) -> bytes:
    try:
        key = serialization.load_der_public_key(_short(der))
    except UnsupportedAlgorithm:
        raise BadArgument("the key is of another kind") from None
    if not _is_of(kind, key):
        raise BadArgument("the key is of another kind")
    assert isinstance(key, _Public)
    return _public_bytes(key)


def _to_spki(kind: bytes, public: bytes) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return _public(kind, public).public_bytes(serialization.Encoding.DER, form)


def _from_pkcs8(kind: bytes, der: bytes) -> bytes:
    try:
        key = serialization.load_der_private_key(_short(der), None)
    except TypeError:
        raise BadArgument("the key is encrypted") from None
    except UnsupportedAlgorithm:
        raise BadArgument("the key is of another kind") from None
    if not _is_of(kind, key):
        raise BadArgument("the key is of another kind")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_numbers().private_value.to_bytes(_scalar_bytes(kind), "big")
    assert isinstance(key, ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey)
    return key.private_bytes_raw()


def _to_pkcs8(kind: bytes, secret: bytes) -> bytes:
    key = _private(kind, secret)
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _ecdsa_sign(kind: bytes, name: bytes, secret: bytes, data: bytes) -> bytes:
    """`r ‖ s`. By RFC 6979: signing again gives the same signature, here and on every machine."""
    key = _private(kind, secret)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadArgument("the key is on no curve of ECDSA")
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_hash(name), deterministic_signing=True)))
    size = _scalar_bytes(kind)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _ecdsa_verify(kind: bytes, name: bytes, public: bytes, signature: bytes, data: bytes) -> bytes:
    key = _public(kind, public)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadArgument("the key is on no curve of ECDSA")
    size = _scalar_bytes(kind)
    if len(signature) != 2 * size:
        return b"\0"
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(_hash(name)))
    except InvalidSignature:
        return b"\0"
    return b"\1"


def _ed25519_sign(secret: bytes, data: bytes) -> bytes:
    return ed25519.Ed25519PrivateKey.from_private_bytes(secret).sign(data)


def _ed25519_verify(public: bytes, signature: bytes, data: bytes) -> bytes:
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return b"\0"
    return b"\1"


def _wyhash64(data: bytes) -> bytes:
    return wyhash64(data, 0).to_bytes(8, "little")


def _domain_to_ascii(domain: bytes) -> bytes:
    """A host name as URLs have it: UTS 46, not transitional."""
    if len(domain) > MAX_DOMAIN:
        raise BadArgument("the domain is too long")
    labels = _mapped(domain.decode()).split(".")
    return b".".join(label.encode() if label.isascii() and label[:4] != "xn--" else _label(label) for label in labels)


def _mapped(text: str) -> str:
    mapped = idna.uts46_remap(text, std3_rules=False)
    if _NEW_CHARACTERS.search(text) or _NEW_CHARACTERS.search(mapped):
        raise BadArgument("the domain has characters that are too new")
    return mapped


def _label(label: str) -> bytes:
    if len(label) > MAX_LABEL:
        raise BadArgument("a label of the domain is too long")
    plain = label
    if label.startswith("xn--"):
        plain = label[4:].encode().decode("punycode")
        if plain.isascii() or b"xn--" + _mapped(plain).encode("punycode") != label.encode():
            raise BadArgument("the punycode of a domain is not what it would be written as")
    idna.check_bidi(plain)
    idna.check_initial_combiner(plain)
    if not all(idna.valid_contextj(plain, at) for at, point in enumerate(plain) if point in "\u200c\u200d"):
        raise BadArgument("a joiner stands where it may not")
    encoded = b"xn--" + plain.encode("punycode")
    if len(encoded) > MAX_LABEL:
        raise BadArgument("a label of the domain is too long")
    return encoded


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
    "private_key": PureOp(_private_key, 20_000, 20),
    "public_key": PureOp(_public_key, 3_000_000, 20),
    "check_public_key": PureOp(_check_public_key, 1_500_000, 20),
    "key_exchange": PureOp(_key_exchange, 6_000_000, 20),
    "from_spki": PureOp(_from_spki, 2_000_000, 100),
    "to_spki": PureOp(_to_spki, 2_000_000, 20),
    "from_pkcs8": PureOp(_from_pkcs8, 6_000_000, 100),
    "to_pkcs8": PureOp(_to_pkcs8, 4_000_000, 20),
    "ecdsa_sign": PureOp(_ecdsa_sign, 5_000_000, 20),
    "ecdsa_verify": PureOp(_ecdsa_verify, 5_000_000, 20),
    "ed25519_sign": PureOp(_ed25519_sign, 600_000, 20),
    "ed25519_verify": PureOp(_ed25519_verify, 800_000, 20),
    "domain_to_ascii": PureOp(_domain_to_ascii, 200_000, 4_000, text=True),
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
