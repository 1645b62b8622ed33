"""Another chain's runtime, by its metadata: calls encoded and judged, and transactions signed as it takes them.

## Overview

Nothing is known of the chain but what its metadata (version 14) says. Transactions are those of version 4, by accounts
of 32 bytes and sr25519. Of their extensions those below are known; one that neither sends nor signs anything needs no
knowledge, and any other is refused by its name.

| extension | sent | signed besides |
| --- | --- | --- |
| `CheckMortality`, `CheckEra` | the era | the hash of the block it begins with |
| `CheckNonce` | the nonce | |
| `ChargeTransactionPayment` | no tip | |
| `ChargeAssetTxPayment` | no tip, the chain's own money | |
| `CheckMetadataHash` | that there is none | that there is none |
| `CheckSpecVersion`, `CheckTxVersion`, `CheckGenesis` | | version, version, genesis hash |

What a call moves is taken to be every amount in its arguments, at any depth: all integers of 128 bits and more. So an
amount of an asset counts as if it were the chain's own money. Calls that move what they don't name are refused
(`UNBOUNDED`); what a call may do else is for the agent's DAO to know, which allows it by name.

## Errors

`BadCall`, `SpendsTooLittle`; `Unsupported`, metadata that makes no sense included: it is whatever an endpoint says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

from offchain.chain import ChainError, Head, Versions
from offchain.crossings.errors import BadCall, CrossingError, SpendsTooLittle, Unsupported
from offchain.described import ADDRESS, BadValue, Described
from offchain.metadata import Registry, decoded
from pallets.primitives.codec import codec_of
from pallets.primitives.crossing import AsBytes, ByName, Sending
from pallets.primitives.extrinsic import Era, Sr25519, signed_extrinsic, signing_payload
from pallets.primitives.keys import Keypair
from pallets.primitives.metadata_v14 import MetadataV14
from pallets.primitives.portable_types import Basic, CompactForm, Composite, PortableType, Primitive, Tuple
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.types import U32

AMOUNTS = (Primitive.u128, Primitive.u256)
UNBOUNDED = frozenset({"Balances.transfer_all", "Assets.transfer_all", "ForeignAssets.transfer_all"})
"""Calls that move all there is."""
MAX_WRAPPED = 4
"""Types around an amount, one within another, that are seen through."""
MAX_READ = 100_000
"""Values that a call is made of at most: types can make any number of no bytes."""
SIGNATURE = ["sp_runtime", "MultiSignature"]
ERA, VERSION = codec_of(Era), codec_of(U32)


@contextmanager
def understood() -> Iterator[None]:
    """What fails because an endpoint's metadata makes no sense is `Unsupported`, and nobody else's trouble."""
    try:
        yield
    except CrossingError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, StopIteration, TypeError, ValueError) as error:
        raise Unsupported(f"the chain's metadata makes no sense: {error!r:.200}") from None


class InnerCall(NamedTuple):
    """A call, or one within another."""

    name: str
    """`Pallet.call`."""
    pallet: int
    call: int


class Moves(NamedTuple):
    """What a call does, as far as its bytes tell."""

    calls: list[InnerCall]
    amount: int


class OtherRuntime:
    """One version of another chain's runtime."""

    @understood()
    def __init__(self, metadata: bytes, versions: Versions) -> None:
        """Decoding takes tens to hundreds of milliseconds: for a thread."""
        self.versions = versions
        self.described = Described(metadata)
        self._metadata = decoded(metadata)

    @understood()
    def encoded(self, sending: Sending) -> bytes:
        """The bytes of a call."""
        if isinstance(sending, AsBytes):
            if sending.spec_version != self.versions.spec:
                raise BadCall(
                    f"the call was encoded for version {sending.spec_version}, the chain has {self.versions.spec}"
                )
            return sending.call
        assert isinstance(sending, ByName)
        pallet, _, name = sending.call.decode("ascii", "replace").partition(".")
        try:
            arguments = orjson.loads(sending.arguments)
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            raise BadCall("the arguments are no JSON object")
        try:
            return self.described.encode_call({pallet: {name: arguments}})
        except (BadValue, ChainError) as error:
            raise BadCall(str(error)) from None

    @understood()
    def moves(self, call: bytes) -> Moves:
        """What a call is made of."""
        reader = _Amounts(self._metadata, _parameter(self._metadata, "Call"))
        try:
            reader.decode_all(reader.call_type, call)
        except (DecodeError, LookupError) as error:
            raise BadCall(f"the call can't be read: {error}") from None
        unbounded = [each.name for each in reader.calls if each.name in UNBOUNDED]
        if unbounded:
            raise SpendsTooLittle(f"{unbounded[0]} moves all there is: name an amount")
        return Moves(reader.calls, reader.amount)

    @understood()
    def signed(self, signer: Keypair, call: bytes, nonce: int, genesis: bytes, birth: Head, period: int) -> bytes:
        """A transaction, signed, that is good for `period` blocks behind `birth`."""
        self._check_form()
        era = Era.mortal(period, birth.number)
        sent = {
            "CheckMortality": ERA.encode(era),
            "CheckEra": ERA.encode(era),
            "CheckNonce": compact(nonce),
            "ChargeTransactionPayment": compact(0),
            "ChargeAssetTxPayment": compact(0) + b"\0",
            "CheckMetadataHash": b"\0",
        }
        besides = {
            "CheckSpecVersion": VERSION.encode(self.versions.spec),
            "CheckTxVersion": VERSION.encode(self.versions.transaction),
            "CheckGenesis": genesis,
            "CheckMortality": birth.hash,
            "CheckEra": birth.hash,
            "CheckMetadataHash": b"\0",
        }
        extra, implicit = b"", b""
        for each in self._metadata.extrinsic.extensions:
            extra += self._part(each.identifier, each.type, sent)
            implicit += self._part(each.identifier, each.additional_signed, besides)
        signature = Sr25519(signer.sign(signing_payload(call, extra, implicit)))
        return signed_extrinsic(signer.account_id, signature, extra, call)

    # Inside

    def _check_form(self) -> None:
        """That transactions are of the form that is known here."""
        if self._metadata.extrinsic.version != 4:
            raise Unsupported(f"the chain's transactions are of version {self._metadata.extrinsic.version}, not 4")
        paths = {each.id: each.type.path for each in self._metadata.types}
        for name, expected in (("Address", ADDRESS), ("Signature", SIGNATURE)):
            found = paths[_parameter(self._metadata, name)]
            if found != expected:
                raise Unsupported(f"the chain's {name} is {'::'.join(found) or 'nameless'}, not {'::'.join(expected)}")

    def _part(self, extension: str, type: int, known: dict[str, bytes]) -> bytes:
        if self._is_empty(type):
            return b""
        if extension not in known:
            raise Unsupported(f"the chain's transactions have an extension that isn't known here: {extension}")
        return known[extension]

    def _is_empty(self, type: int) -> bool:
        """Whether values of a type have no bytes; each type that it is made of is looked at once."""
        definitions = {each.id: each.type.definition for each in self._metadata.types}
        found = [type]
        for each in found:
            match definitions[each]:
                case Tuple(parts):
                    pass
                case Composite(fields):
                    parts = [field.type for field in fields]
                case _:
                    return False
            found += [part for part in dict.fromkeys(parts) if part not in found]
        return True


class _Amounts(Registry):
    """Reads a call, and notes the calls and amounts in it."""

    def __init__(self, metadata: MetadataV14, call_type: int) -> None:
        super().__init__(metadata.types)
        self.call_type = call_type
        self.calls: list[InnerCall] = []
        self.amount = self._count = 0
        self._amounts = _amount_types(metadata.types)

    def _read(self, type: int, data: bytes, at: int) -> tuple[Any, int]:
        self._count += 1
        if self._count > MAX_READ:
            raise DecodeError(f"it is of more than {MAX_READ} values")
        value, end = super()._read(type, data, at)
        if type == self.call_type:
            pallet, fields = value
            self.calls.append(InnerCall(f"{pallet}.{fields[0][0]}", data[at], data[at + 1]))
        elif type in self._amounts:
            self.amount += value
        return value, end


def _amount_types(types: Sequence[PortableType]) -> frozenset[int]:
    """The types that are amounts, or compact ones."""
    definitions = {each.id: each.type.definition for each in types}
    plain = {id for id, each in definitions.items() if isinstance(each, Basic) and each.primitive in AMOUNTS}
    wrapped = set(plain)  # a compact one may be of a type that has nothing but an amount
    for _ in range(MAX_WRAPPED):
        wrapped |= {
            id
            for id, each in definitions.items()
            if isinstance(each, Composite) and [field.type in wrapped for field in each.fields] == [True]
        }
    short = {id for id, each in definitions.items() if isinstance(each, CompactForm) and each.type in wrapped}
    return frozenset(plain | short)


def _parameter(metadata: MetadataV14, name: str) -> int:
    """The type of a parameter of the chain's extrinsic: `Address`, `Call`, `Signature`."""
    extrinsic = next(each.type for each in metadata.types if each.id == metadata.extrinsic.type)
    for each in extrinsic.params:
        if each.name == name and each.type is not None:
            return int(each.type)
    raise Unsupported(f"the chain doesn't say what the {name} of its transactions is")
