"""Asymmetric keys of WebCrypto as functions of bytes, for `pure_ops`: making, DER, agreeing, signing.

Overview
    Kinds are WebCrypto's names: P-256, P-384, P-521, Ed25519, X25519. A private key is its scalar (big-endian) or seed,
    a public key an uncompressed point or the 32 bytes of RFC 8032.

Errors
    `BadArgument`, and other `ValueError`s of libraries.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from offchain.sandbox.op_arguments import BadArgument, hash_of

MAX_DER = 512

_CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
_ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "P-521": (1 << 521) - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}

_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey
_Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | x25519.X25519PublicKey


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


def private_key(kind: bytes, entropy: bytes) -> bytes:
    """A private key from random bytes: 16 more than it has, so that what is left of the curve's order is even."""
    if (order := _ORDERS.get(kind.decode())) is None:
        return entropy[:32]
    scalar = 1 + int.from_bytes(entropy, "big") % (order - 1)
    return scalar.to_bytes(_scalar_bytes(kind), "big")


def _scalar_bytes(kind: bytes) -> int:
    return (_CURVES[kind.decode()].key_size + 7) // 8


def public_key(kind: bytes, secret: bytes) -> bytes:
    """The public key of a private one."""
    return _public_bytes(_private(kind, secret).public_key())


def check_public_key(kind: bytes, public: bytes) -> bytes:
    """A public key that is on its curve."""
    return _public_bytes(_public(kind, public))


def key_exchange(kind: bytes, secret: bytes, public: bytes) -> bytes:
    """What two parties' keys agree on."""
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


def from_spki(kind: bytes, der: bytes) -> bytes:
    """A public key from DER."""
    try:
        key = serialization.load_der_public_key(_short(der))
    except UnsupportedAlgorithm:
        raise BadArgument("the key is of another kind") from None
    if not _is_of(kind, key):
        raise BadArgument("the key is of another kind")
    assert isinstance(key, _Public)
    return _public_bytes(key)


def to_spki(kind: bytes, public: bytes) -> bytes:
    """A public key in DER."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return _public(kind, public).public_bytes(serialization.Encoding.DER, form)


def from_pkcs8(kind: bytes, der: bytes) -> bytes:
    """A private key from DER."""
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


def to_pkcs8(kind: bytes, secret: bytes) -> bytes:
    """A private key in DER."""
    key = _private(kind, secret)
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def ecdsa_sign(kind: bytes, name: bytes, secret: bytes, data: bytes) -> bytes:
    """`r ‖ s`. By RFC 6979: signing again gives the same signature, here and on every machine."""
    key = _private(kind, secret)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadArgument("the key is on no curve of ECDSA")
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hash_of(name), deterministic_signing=True)))
    size = _scalar_bytes(kind)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def ecdsa_verify(kind: bytes, name: bytes, public: bytes, signature: bytes, data: bytes) -> bytes:
    """Whether a signature `r ‖ s` is good: one byte."""
    key = _public(kind, public)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadArgument("the key is on no curve of ECDSA")
    size = _scalar_bytes(kind)
    if len(signature) != 2 * size:
        return b"\0"
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hash_of(name)))
    except InvalidSignature:
        return b"\0"
    return b"\1"


def ed25519_sign(secret: bytes, data: bytes) -> bytes:
    """A signature of RFC 8032."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(secret).sign(data)


def ed25519_verify(public: bytes, signature: bytes, data: bytes) -> bytes:
    """Whether a signature is good: one byte."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return b"\0"
    return b"\1"
