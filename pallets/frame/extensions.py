"""What surrounds a signed transaction: who may send it, when, how often, at which weight.

## Overview

Each extension adds `extra` (in the transaction) and `implicit` (signed but not sent), validates, prepares before
dispatch and settles after it. The executive runs them in the order of `Runtime.extensions`; a step that an extension
doesn't define costs nothing. Clients hard-code that order and these names: a new extension with data of its own breaks
them.

## Out of scope

`ChargeTransactionPayment` lives with its pallet, `pallets.transaction_payment`.
Mirrors `sp_runtime::traits::TransactionExtension` and `frame_system::extensions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from pallets.frame.events import DispatchError
from pallets.frame.validity import (
    MAX_LONGEVITY,
    MAX_PRIORITY,
    AncientBirthBlock,
    BadSigner,
    CannotLookup,
    ExhaustsResources,
    Future,
    Payment,
    Stale,
    TransactionSource,
)
from pallets.frame.weights import BlockLength, BlockWeights, ConsumedWeight, DispatchInfo, sum_of
from pallets.primitives.annotations import tuple_type
from pallets.primitives.codec import Codec, Codecs
from pallets.primitives.extrinsic import Era
from pallets.primitives.types import H256, U32, Bytes32, Compact, Nonce, UnitEnum

if TYPE_CHECKING:
    from pallets.frame.runtime import Call, Runtime
    from pallets.primitives.runtime_code import RuntimeVersion


class Transaction(NamedTuple):
    """A signed transaction on its way through the extensions; `length` is its bytes, prefix included."""

    signer: bytes
    call: Call
    info: DispatchInfo
    length: int
    source: TransactionSource


class Validity(NamedTuple):
    """What one extension contributes to a `ValidTransaction`; `found` is for its `prepare`."""

    priority: int = 0
    requires: tuple[bytes, ...] = ()
    provides: tuple[bytes, ...] = ()
    longevity: int = MAX_LONGEVITY
    found: Any = None


UNCONDITIONAL = Validity()
NOBODY = bytes(32)
MAX_IMPLICITS = 1024  # remembered in a block: there is one for each birth block of a mortal transaction


class TransactionExtension:
    """Base of all extensions: adds nothing, allows everything."""

    identifier: ClassVar[str]
    path: ClassVar[str]
    fields: ClassVar[tuple[str | None, ...]] = ()  # names of the extra's fields in the metadata
    extra: ClassVar[Any] = type(None)
    implicit: ClassVar[Any] = type(None)

    def __init__(self, runtime: Any) -> None:
        self.runtime: Any = runtime

    def __init_subclass__(cls) -> None:
        cls.identifier = cls.__name__

    def implicit_value(self, extra: Any) -> Any:
        """The value that is signed but not sent; raises a `TransactionValidityError` where there is none.

        The same for all transactions of a block that have the same extra here.
        """
        return None

    def validate(self, tx: Transaction, extra: Any) -> Validity:
        """Admits the transaction, or raises a `TransactionValidityError`. Changes nothing.

        In a block (`TransactionSource.InBlock`) nobody asks how a pool would order it, and `prepare` follows at once:
        what only one of these needs may be left out then.
        """
        return UNCONDITIONAL

    def prepare(self, tx: Transaction, extra: Any, found: Any) -> Any:
        """Last check and first effect before dispatch; what it answers comes back in `settle`.

        `found` is what `validate` found a moment ago: other extensions may have prepared since, no call has run.
        """
        return None

    def settle(self, prepared: Any, tx: Transaction, actual: DispatchInfo, error: DispatchError | None) -> None:
        """After dispatch: corrects what `prepare` took by what was really used."""


class SystemState(Protocol):
    """What these extensions ask of the system pallet."""

    version: RuntimeVersion
    number: int
    block_hash: Any
    account: Any
    block_weights: BlockWeights
    block_length: BlockLength
    block_weight: ConsumedWeight
    all_extrinsics_len: int | None


class CheckNonZeroSender(TransactionExtension):
    """The zero account, which no key has, can't sign."""

    path = "frame_system::extensions::check_non_zero_sender::CheckNonZeroSender"

    def validate(self, tx: Transaction, extra: Any) -> Validity:
        if tx.signer == NOBODY:
            raise BadSigner
        return UNCONDITIONAL


class CheckSpecVersion(TransactionExtension):
    """Signed for this runtime's spec version."""

    path = "frame_system::extensions::check_spec_version::CheckSpecVersion"
    implicit = U32

    def implicit_value(self, extra: Any) -> int:
        return int(self.runtime.version.spec_version)


class CheckTxVersion(TransactionExtension):
    """Signed for this runtime's transaction version."""

    path = "frame_system::extensions::check_tx_version::CheckTxVersion"
    implicit = U32

    def implicit_value(self, extra: Any) -> int:
        return int(self.runtime.version.transaction_version)


class CheckGenesis(TransactionExtension):
    """Signed for this chain."""

    path = "frame_system::extensions::check_genesis::CheckGenesis"
    implicit = H256

    def implicit_value(self, extra: Any) -> bytes:
        return bytes(self.runtime.system.block_hash[0])


class CheckMortality(TransactionExtension):
    """Alive: the era's birth block is known to the chain, and its end not reached."""

    path = "frame_system::extensions::check_mortality::CheckMortality"
    fields = (None,)
    extra = Era
    implicit = H256

    def implicit_value(self, extra: Era) -> bytes:
        system: SystemState = self.runtime.system
        found = system.block_hash.get(extra.birth(system.number))
        if found is None:
            raise AncientBirthBlock
        return bytes(found)

    def validate(self, tx: Transaction, extra: Era) -> Validity:
        if tx.source is TransactionSource.InBlock:
            return UNCONDITIONAL
        current = self.runtime.system.number
        return Validity(longevity=min(max(extra.death(current) - current, 0), MAX_LONGEVITY))


class CheckNonce(TransactionExtension):
    """In order: the account's transactions are numbered, each number used once."""

    path = "frame_system::extensions::check_nonce::CheckNonce"
    fields = (None,)
    extra = Compact[Nonce]

    def validate(self, tx: Transaction, extra: int) -> Validity:
        account = self.runtime.system.account[tx.signer]
        if not account.providers and not account.sufficients:
            raise Payment
        if extra < account.nonce:
            raise Stale
        requires = (_nonce_tag(tx.signer, extra - 1),) if extra > account.nonce else ()
        return Validity(0, requires, (_nonce_tag(tx.signer, extra),), MAX_LONGEVITY, account)

    def prepare(self, tx: Transaction, extra: int, found: Any) -> None:
        if extra != found.nonce:
            raise Future  # a lower one was refused as stale
        found.nonce += 1
        self.runtime.system.account[tx.signer] = found


def _nonce_tag(who: bytes, nonce: int) -> bytes:
    return who + nonce.to_bytes(4, "little")


class CheckWeight(TransactionExtension):
    """Fits into the block: by weight and by length, each class within its share."""

    path = "frame_system::extensions::check_weight::CheckWeight"

    def validate(self, tx: Transaction, extra: Any) -> Validity:
        system: SystemState = self.runtime.system
        largest = system.block_weights.per_class.of(tx.info.class_).max_extrinsic
        if largest is not None and tx.info.weight.any_gt(largest):
            raise ExhaustsResources
        if tx.length > system.block_length.max.of(tx.info.class_):
            raise ExhaustsResources
        return UNCONDITIONAL

    def prepare(self, tx: Transaction, extra: Any, found: Any) -> None:
        reserve_block_space(self.runtime.system, tx.info, tx.length)

    def settle(self, prepared: None, tx: Transaction, actual: DispatchInfo, error: DispatchError | None) -> None:
        release_block_weight(self.runtime.system, tx.info, actual)


def reserve_block_space(system: SystemState, info: DispatchInfo, length: int) -> None:
    """Counts an extrinsic and its class's base weight into the block; raises `ExhaustsResources` if it doesn't fit."""
    kind = info.class_
    limits = system.block_weights.per_class.of(kind)
    total_length = (system.all_extrinsics_len or 0) + length
    if total_length > system.block_length.max.of(kind):
        raise ExhaustsResources
    consumed = system.block_weight
    used = sum_of(consumed.of(kind), info.weight, limits.base_extrinsic)
    if limits.max_total is not None and used.any_gt(limits.max_total):
        raise ExhaustsResources
    consumed = consumed.replaced(kind, used)
    full = consumed.total().any_gt(system.block_weights.max_block)
    if full and limits.reserved is not None and used.any_gt(limits.reserved):
        raise ExhaustsResources  # beyond the block's whole a class still has what is reserved for it alone
    system.block_weight = consumed
    system.all_extrinsics_len = total_length


def release_block_weight(system: SystemState, info: DispatchInfo, actual: DispatchInfo) -> None:
    """Gives back the weight that a call declared and didn't use."""
    if actual is not info:
        consumed, kind = system.block_weight, info.class_
        system.block_weight = consumed.replaced(kind, consumed.of(kind) - (info.weight - actual.weight))


class MetadataHashMode(UnitEnum):
    """Whether the signer vouches for the metadata its wallet showed."""

    __type_path__ = "frame_metadata_hash_extension::Mode"
    Disabled = 0
    Enabled = 1


class CheckMetadataHash(TransactionExtension):
    """The metadata hash, which this runtime doesn't embed: signing with it can't be verified."""

    path = "frame_metadata_hash_extension::CheckMetadataHash"
    fields = ("mode",)
    extra = MetadataHashMode
    implicit = Bytes32 | None

    def implicit_value(self, extra: MetadataHashMode) -> None:
        if extra is MetadataHashMode.Enabled:
            raise CannotLookup
        return


class Extensions:
    """A runtime's extensions at work: their codecs, and each step over those that take part in it."""

    def __init__(self, runtime: Runtime) -> None:
        self.extra_codec, self.implicit_codec = extension_codecs(runtime.extensions, runtime.codecs)
        found = tuple(enumerate(kind(runtime) for kind in runtime.extensions))
        self._implying = tuple((i, each.implicit_value) for i, each in found if each.implicit is not type(None))
        self._validating = tuple((i, each.validate) for i, each in found if _defines(each, "validate"))
        self._preparing = tuple((i, each.prepare) for i, each in found if _defines(each, "prepare"))
        self._settling = tuple((i, each.settle) for i, each in found if _defines(each, "settle"))
        self._implicits: dict[tuple[Any, ...], bytes] = {}

    def open_block(self) -> None:
        """Another block, another implicit data."""
        self._implicits.clear()

    def implicit(self, extra: tuple[Any, ...]) -> bytes:
        """The implicit bytes for this extra; raises a `TransactionValidityError`."""
        known = tuple([extra[i] for i, _ in self._implying])
        found = self._implicits.get(known)
        if found is None:
            found = self.implicit_codec.encode(tuple([value_of(extra[i]) for i, value_of in self._implying]))
            if len(self._implicits) >= MAX_IMPLICITS:
                self._implicits.clear()
            self._implicits[known] = found
        return found

    def validate(self, tx: Transaction, extra: tuple[Any, ...]) -> Validity:
        """All checks; the contributions joined, `found` by extension. Raises a `TransactionValidityError`."""
        priority, longevity = 0, MAX_LONGEVITY
        requires: tuple[bytes, ...] = ()
        provides: tuple[bytes, ...] = ()
        found: dict[int, Any] = {}
        for i, validate in self._validating:
            validity = validate(tx, extra[i])
            if validity is not UNCONDITIONAL:
                priority += validity.priority
                requires += validity.requires
                provides += validity.provides
                if validity.longevity < longevity:
                    longevity = validity.longevity
                found[i] = validity.found
        return Validity(min(priority, MAX_PRIORITY), requires, provides, longevity, found)

    def prepare(self, tx: Transaction, extra: tuple[Any, ...], validity: Validity) -> dict[int, Any]:
        """First effects, in order, and what is to be settled. Raises a `TransactionValidityError`; roll back then."""
        found = validity.found
        return {i: prepare(tx, extra[i], found.get(i)) for i, prepare in self._preparing}

    def settle(
        self, prepared: dict[int, Any], tx: Transaction, actual: DispatchInfo, error: DispatchError | None
    ) -> None:
        """Corrections after dispatch, in order."""
        for i, settle in self._settling:
            settle(prepared.get(i), tx, actual, error)


def _defines(extension: TransactionExtension, step: str) -> bool:
    return getattr(type(extension), step) is not getattr(TransactionExtension, step)


def extension_codecs(kinds: tuple[type[TransactionExtension], ...], codecs: Codecs) -> tuple[Codec[Any], Codec[Any]]:
    """Codecs of all extras (one value an extension) and of all implicits (one value where there is one)."""
    extras = tuple(kind.extra for kind in kinds)
    implicits = tuple(kind.implicit for kind in kinds if kind.implicit is not type(None))
    return codecs.of(tuple_type(extras)), codecs.of(tuple_type(implicits))
