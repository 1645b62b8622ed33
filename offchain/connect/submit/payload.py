"""What is signed, and the extrinsic that comes of it, for a chain as its metadata describes it.

## Overview

A signature covers the call, what the chain's extensions put into the extrinsic (`extra`: era, nonce, tip), and what
they only have signed (`implicit`: versions, genesis, the era's first block), in the metadata's order. Extensions that
aren't known here are left empty where their types allow it: nothing, no value, or `Disabled`.

Written by `offchain.described`, and read again by scalecodec: what both don't read alike is not signed.

## Errors

`UnknownExtension`, `NotTheSame`, `NoSuchSigner`; `BadValue` names the argument that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offchain.connect.decoder import Undecodable
from offchain.connect.named import NamedDecoder
from offchain.connect.portable import PortableDecoder
from offchain.connect.submit.errors import NoSuchSigner, NotTheSame, UnknownExtension
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Ecdsa, Ed25519, Era, MultiSignature, Sr25519, signed_extrinsic, signing_payload
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.metadata_schema import rewritten
from pallets.primitives.portable_types import Cases, Composite, Tuple
from pallets.primitives.scale import compact
from pallets.primitives.types import U32

MULTI_ADDRESS = ["sp_runtime", "multiaddress", "MultiAddress"]
ERA, VERSION = codec_of(Era), codec_of(U32)
SIGNATURES: dict[Scheme, tuple[type[MultiSignature], int]] = {
    Scheme.SR25519: (Sr25519, 64),
    Scheme.ED25519: (Ed25519, 64),
    Scheme.ECDSA: (Ecdsa, 65),
}


@dataclass(frozen=True)
class Terms:
    """What a signature covers besides the call."""

    nonce: int
    tip: int
    era: Era
    birth: bytes
    """The hash of the era's first block; of an immortal one that of the genesis."""
    birth_number: int
    genesis: bytes
    spec: int
    transaction: int


@dataclass(frozen=True)
class Payload:
    """A transaction before its signature."""

    call: bytes
    extra: bytes
    implicit: bytes
    terms: Terms

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return signing_payload(self.call, self.extra, self.implicit)

    def extrinsic(self, signer: bytes, signature: bytes, scheme: Scheme) -> bytes:
        """The bytes that are submitted; raises `NoSuchSigner` for a signature of another length than the scheme's."""
        kind, size = _signature(scheme)
        if len(signature) != size:
            raise NoSuchSigner(f"a signature of {scheme} has {size} bytes, not {len(signature)}")
        return signed_extrinsic(signer, kind(signature), self.extra, self.call)  # type: ignore[call-arg]

    def sample(self, signer: bytes) -> bytes:
        """As it will be, signed by nobody: what its fee is asked for by."""
        return signed_extrinsic(signer, Sr25519(bytes(64)), self.extra, self.call)


def payload(decoder: PortableDecoder, value: dict[str, Any], terms: Terms) -> Payload:
    """A call of its plain value, made ready to be signed. Takes some 200 ms, for the second codec."""
    _check_address(decoder)
    call = decoder.encode_call(value)
    _check_same(decoder, call)
    extra, implicit = b"", b""
    for extension in decoder.schema.extensions:
        own_extra, own_implicit = _data(
            decoder, extension.identifier, extension.type, extension.additional_signed, terms
        )
        extra += own_extra
        implicit += own_implicit
    return Payload(call, extra, implicit, terms)


def sign(made: Payload, signer: Keypair) -> bytes:
    """The extrinsic, signed. Raises `NoSuchSigner`."""
    _signature(signer.scheme)
    return made.extrinsic(signer.account_id, signer.sign(made.signed), signer.scheme)


def _signature(scheme: Scheme) -> tuple[type[MultiSignature], int]:
    if scheme not in SIGNATURES:
        raise NoSuchSigner(f"chains of Substrate take no signatures of {scheme}: give a key of another scheme")
    return SIGNATURES[scheme]


def _check_address(decoder: PortableDecoder) -> None:
    path = decoder.schema.types[decoder.schema.address].path
    if path != MULTI_ADDRESS:
        raise UnknownExtension(f"the chain's addresses are {'::'.join(path) or 'of no name'}, not MultiAddress")


def _check_same(decoder: PortableDecoder, call: bytes) -> None:
    """Has the call read by both codecs."""
    ours = decoder.call(call)
    try:
        theirs = NamedDecoder(rewritten(decoder.schema), decoder.prefix).call(call)
    except Undecodable as error:
        raise NotTheSame(f"scalecodec can't read the call that was written: {error}") from None
    if ours != theirs:
        raise NotTheSame(f"two codecs read the call differently: {ours!r:.200} and {theirs!r:.200}")


def _data(decoder: PortableDecoder, name: str, extra: int, implicit: int, terms: Terms) -> tuple[bytes, bytes]:
    """What an extension has in the extrinsic, and what it only has signed."""
    match name:
        case "CheckMortality" | "CheckEra":
            return ERA.encode(terms.era), terms.birth
        case "CheckNonce":
            return compact(terms.nonce), b""
        case "ChargeTransactionPayment":
            return compact(terms.tip), b""
        case "ChargeAssetTxPayment":
            return compact(terms.tip) + b"\0", b""
        case "CheckSpecVersion":
            return b"", VERSION.encode(terms.spec)
        case "CheckTxVersion":
            return b"", VERSION.encode(terms.transaction)
        case "CheckGenesis":
            return b"", terms.genesis
        case "CheckMetadataHash":
            return b"\0", b"\0"
    return _empty(decoder, name, extra), _empty(decoder, name, implicit)


def _empty(decoder: PortableDecoder, name: str, type: int, depth: int = 16) -> bytes:
    described = decoder.schema.types.get(type)
    definition = None if described is None else described.definition
    if not depth or described is None:
        raise UnknownExtension(f"the chain's extension {name} is nothing that can be left empty")
    if described.path == ["Option"]:
        return b"\0"
    match definition:
        case Composite(fields):
            return b"".join(_empty(decoder, name, int(each.type), depth - 1) for each in fields)
        case Tuple(types):
            return b"".join(_empty(decoder, name, int(each), depth - 1) for each in types)
        case Cases(cases):
            for case in cases:
                if case.name in ("Disabled", "None") and not case.fields:
                    return bytes((case.index,))
    raise UnknownExtension(f"the chain's transactions carry {name}, which isn't known here and can't be left empty")
