"""What surrounds a signed transaction: who may send it, when, how often, at which weight.

## Overview

Each extension adds `extra` (in the transaction) and `implicit` (signed but not sent), and takes part in some of these
steps; one that it doesn't define costs nothing.

```
pool     check · rank
block    check · prepare · the call · settle
```
The executive runs a step of all extensions, in the order of `Runtime.extensions`, before the next step. Clients
hard-code that order and these names: a new extension with data of its own breaks them.

## Out of scope

`ChargeTransactionPayment` lives with its pallet, `pallets.transaction_payment`.
Mirrors `sp_runtime::traits::TransactionExtension` and `frame_system::extensions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pallets.frame.events import DispatchError
from pallets.frame.validity import (
    AncientBirthBlock,
    BadSigner,
    CannotLookup,
    Future,
    Payment,
    Stale,
    TransactionSource,
    ValidTransaction,
)
from pallets.frame.weights import DispatchInfo
from pallets.primitives.annotations import tuple_type
from pallets.primitives.codec import Codec, Codecs
from pallets.primitives.extrinsic import Era
from pallets.primitives.types import H256, U32, Bytes32, Compact, Nonce, UnitEnum

if TYPE_CHECKING:
    from pallets.frame.block_space import BlockSpace
    from pallets.frame.runtime import Call
    from pallets.primitives.runtime_code import RuntimeVersion


class Transaction:
    """A signed transaction on its way through the extensions; `length` is its bytes, prefix included.

    `account` is the signer's record, read before the first extension and written back behind the last one's `prepare`:
    extensions change it as it is. In `settle` it is out of date.
    """

    __slots__ = ("signer", "call", "info", "length", "source", "account")

    def __init__(
        self,
        signer: bytes,
        call: Call,
        info: DispatchInfo,
        length: int,
        source: TransactionSource,
        account: Any,
    ) -> None:
        self.signer, self.call, self.info, self.length = signer, call, info, length
        self.source, self.account = source, account


NOBODY = bytes(32)


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

    def check(self, tx: Transaction, extra: Any) -> Any:
        """Admits the transaction, or raises a `TransactionValidityError`. Changes nothing.

        What it answers comes back as `found` in the next step.
        """

    def rank(self, tx: Transaction, extra: Any, found: Any, order: ValidTransaction) -> None:
        """Adds to how a pool is to order it; raises where `prepare` would."""

    def prepare(self, tx: Transaction, extra: Any, found: Any) -> Any:
        """Last check and first effect before dispatch; what it answers comes back in `settle`."""

    def settle(self, prepared: Any, tx: Transaction, actual: DispatchInfo, error: DispatchError | None) -> None:
        """After dispatch: corrects what `prepare` took by what was really used."""


class SystemState(Protocol):
    """What these extensions ask of the system pallet."""

    version: RuntimeVersion
    number: int
    block_hash: Any
    space: BlockSpace


class CheckNonZeroSender(TransactionExtension):
    """The zero account, which no key has, can't sign."""

    path = "frame_system::extensions::check_non_zero_sender::CheckNonZeroSender"

    def check(self, tx: Transaction, extra: Any) -> None:
        if tx.signer == NOBODY:
            raise BadSigner


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

    def rank(self, tx: Transaction, extra: Era, found: None, order: ValidTransaction) -> None:
        current = self.runtime.system.number
        order.longevity = min(order.longevity, max(extra.death(current) - current, 0))


class CheckNonce(TransactionExtension):
    """In order: the account's transactions are numbered, each number used once."""

    path = "frame_system::extensions::check_nonce::CheckNonce"
    fields = (None,)
    extra = Compact[Nonce]

    def check(self, tx: Transaction, extra: int) -> None:
        account = tx.account
        if not account.providers and not account.sufficients:
            raise Payment
        if extra < account.nonce:
            raise Stale

    def rank(self, tx: Transaction, extra: int, found: None, order: ValidTransaction) -> None:
        if extra > tx.account.nonce:
            order.requires.append(_nonce_tag(tx.signer, extra - 1))
        order.provides.append(_nonce_tag(tx.signer, extra))

    def prepare(self, tx: Transaction, extra: int, found: None) -> None:
        account = tx.account
        if extra != account.nonce:
            raise Future  # a lower one was refused as stale
        account.nonce += 1


def _nonce_tag(who: bytes, nonce: int) -> bytes:
    return who + nonce.to_bytes(4, "little")


class CheckWeight(TransactionExtension):
    """Fits into the block: by weight and by length, each class within its share."""

    path = "frame_system::extensions::check_weight::CheckWeight"

    def check(self, tx: Transaction, extra: None) -> None:
        self.runtime.system.space.check(tx.info, tx.length)

    def prepare(self, tx: Transaction, extra: None, found: None) -> None:
        self.runtime.system.space.reserve(tx.info, tx.length)

    def settle(self, prepared: None, tx: Transaction, actual: DispatchInfo, error: DispatchError | None) -> None:
        if actual is not tx.info:
            self.runtime.system.space.release(tx.info, actual)


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


def extension_codecs(kinds: tuple[type[TransactionExtension], ...], codecs: Codecs) -> tuple[Codec[Any], Codec[Any]]:
    """Codecs of all extras (one value an extension) and of all implicits (one value where there is one)."""
    extras = tuple(kind.extra for kind in kinds)
    implicits = tuple(kind.implicit for kind in kinds if kind.implicit is not type(None))
    return codecs.of(tuple_type(extras)), codecs.of(tuple_type(implicits))
