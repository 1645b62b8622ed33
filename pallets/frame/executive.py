"""The order of a block and of a transaction: the one place that knows it.

## Overview

```
initialize_block   upgrade hook if the version changed · on_initialize of every pallet
apply_extrinsic    inherents first, then transactions:
                   decode · signature · extensions validate and prepare · dispatch · extensions settle · outcome event
finalize_block     on_idle with the weight that is left · on_finalize · events written · header
```
Both roots of the header are the caller's to fill in: the state root from the overlay's changes, the extrinsics root
from the bodies. `validate_transaction` runs the same steps up to the dispatch, as if the next block were open.

## Errors

`apply_extrinsic` answers a `DispatchError` (or `None`) for what was included, and raises a `TransactionValidityError`
for what must not be. `InvalidBlock` says that a block from elsewhere breaks a rule.

Mirrors `frame_executive`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from pallets.frame.events import DispatchError
from pallets.frame.extensions import Extensions, Transaction, release_block_weight, reserve_block_space
from pallets.frame.origin import NONE, signed
from pallets.frame.pallet import PostInfo
from pallets.frame.runtime import Call, Runtime
from pallets.frame.validity import (
    BadMandatory,
    BadProof,
    CannotLookup,
    Custom,
    MandatoryValidation,
    NoUnsignedValidator,
    TransactionSource,
    TransactionValidityError,
    ValidTransaction,
)
from pallets.frame.weights import DispatchClass, DispatchInfo, Pays, Weight
from pallets.primitives.extrinsic import UncheckedExtrinsic, bare_extrinsic, signing_payload
from pallets.primitives.header import DigestItem, Header, PreRuntime
from pallets.primitives.scale import DecodeError, OtherAddress

FAILED_BARE = 255
"""`Custom` code of a bare transaction that was valid and failed."""

InherentData = dict[bytes, bytes]
"""What the author brings into a block, by 8-byte identifier, SCALE-encoded."""


class InvalidBlock(Exception):
    """A block breaks a rule: an inherent is missing, wrong or late, or an extrinsic can't be included."""


class BlockSystem(Protocol):
    """What the executive asks of the system pallet."""

    def initialize(self, number: int, parent_hash: bytes, digest: list[DigestItem]) -> None: ...
    def note_finished_initialize(self) -> None: ...
    def note_applied_extrinsic(self, error: DispatchError | None, info: DispatchInfo) -> None: ...
    def note_finished_extrinsics(self) -> None: ...
    def finalize(self) -> Header: ...


class CheckedExtrinsic(NamedTuple):
    """A decoded extrinsic; `signer` is `None` for a bare one, `length` its bytes with the prefix."""

    signer: bytes | None
    extra: tuple[Any, ...]
    unchecked: UncheckedExtrinsic
    call: Call
    info: DispatchInfo
    length: int


class Executive:
    """A runtime executing blocks. One block at a time; a new instance, or `initialize_block`, starts the next."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.system: Any = runtime.system  # type: ignore[attr-defined]
        self.extensions = Extensions(runtime)

    # A block

    def initialize_block(self, header: Header) -> None:
        """Opens the block of `header`: its number, parent hash and pre-runtime digest are used."""
        runtime = self.runtime
        runtime.events.clear()
        digest = [item for item in header.digest if isinstance(item, PreRuntime)]
        self.system.initialize(header.number, header.parent_hash, list(digest))
        spent = self._run_upgrade()
        for pallet in runtime.pallets:
            hook = getattr(pallet, "on_initialize", None)
            if hook is not None:
                spent = spent + (hook(header.number) or Weight())
        self._register_weight(spent + self.system.block_weights.base_block)
        self.system.note_finished_initialize()

    def apply_extrinsic(self, data: bytes) -> DispatchError | None:
        """Includes one extrinsic; raises `TransactionValidityError` or `DecodeError`, changing nothing, if it can't."""
        checked = self.check(data)
        with self.runtime.transactional():
            if checked.signer is None:
                error, actual = self._apply_bare(checked)
            else:
                error, actual = self._apply_signed(checked)
            self.system.note_applied_extrinsic(error, actual)
        return error

    def finalize_block(self) -> Header:
        """Closes the block and answers its header, both roots zero."""
        self.system.note_finished_extrinsics()
        limits = self.system.block_weights
        remaining = limits.max_block - self.system.block_weight.total()
        number = self.system.number
        for pallet in self.runtime.pallets:
            hook = getattr(pallet, "on_idle", None)
            if hook is not None:
                spent = hook(number, remaining) or Weight()
                self._register_weight(spent)
                remaining = remaining - spent
        for pallet in self.runtime.pallets:
            hook = getattr(pallet, "on_finalize", None)
            if hook is not None:
                hook(number)
        header: Header = self.system.finalize()
        return header

    def execute_block(self, header: Header, extrinsics: list[bytes]) -> Header:
        """Executes somebody else's block; answers the header it should have had, roots zero. Raises `InvalidBlock`."""
        self.initialize_block(header)
        inherents_over = False
        for index, data in enumerate(extrinsics):
            try:
                checked = self.check(data)
                inherent = checked.call.spec.mark.inherent and checked.signer is None
                if inherent and inherents_over:
                    raise InvalidBlock(f"extrinsic {index} is an inherent behind transactions")
                inherents_over = inherents_over or not inherent
                self.apply_extrinsic(data)
            except (TransactionValidityError, DecodeError) as error:
                raise InvalidBlock(f"extrinsic {index} can't be included: {error}") from None
        return self.finalize_block()

    # A transaction

    def check(self, data: bytes) -> CheckedExtrinsic:
        """Decodes an extrinsic and its call; raises `DecodeError`, or `CannotLookup` for an address of another form."""
        unchecked = UncheckedExtrinsic.decode(data, self.extensions.extra_codec)
        call = self.runtime.decode_call(unchecked.call)
        preamble = unchecked.preamble
        if preamble is None:
            return CheckedExtrinsic(None, (), unchecked, call, call.dispatch_info(), len(data))
        if type(preamble.signer) is OtherAddress:
            raise CannotLookup
        return CheckedExtrinsic(preamble.signer, preamble.extra, unchecked, call, call.dispatch_info(), len(data))

    def validate_transaction(self, source: TransactionSource, data: bytes) -> ValidTransaction:
        """Whether the next block could take it, and how the pool should order it; raises `TransactionValidityError`."""
        return self.validate(source, self.check(data))

    def validate(self, source: TransactionSource, checked: CheckedExtrinsic) -> ValidTransaction:
        """`validate_transaction` of what `check` has decoded."""
        if checked.info.class_ is DispatchClass.Mandatory:
            raise MandatoryValidation
        if checked.signer is None:
            return self._validate_bare(source, checked)
        self._verify(checked)
        tx = Transaction(checked.signer, checked.call, checked.info, checked.length, source)
        found = self.extensions.validate(tx, checked.extra)
        return ValidTransaction(found.priority, list(found.requires), list(found.provides), found.longevity, True)

    def create_inherents(self, data: InherentData) -> list[bytes]:
        """The inherents that pallets make of the author's data, as extrinsics in pallet order."""
        extrinsics = []
        for pallet in self.runtime.pallets:
            if pallet.inherent_identifier is not None:
                call = pallet.create_inherent(data)
                if call is not None:
                    extrinsics.append(bare_extrinsic(self.runtime.encode_call(call)))
        return extrinsics

    def check_inherents(self, extrinsics: list[bytes], data: InherentData) -> None:
        """Compares a block's inherents with one's own data; raises `InvalidBlock` naming what is off."""
        for extrinsic in extrinsics:
            checked = self.check(extrinsic)
            if checked.signer is None and checked.call.spec.mark.inherent:
                self.runtime.by_index[checked.call.spec.pallet_index].check_inherent(checked.call, data)

    # The steps

    def _verify(self, checked: CheckedExtrinsic) -> None:
        preamble = checked.unchecked.preamble
        assert preamble is not None
        implicit = self.extensions.implicit(preamble.extra)
        payload = signing_payload(checked.unchecked.call, preamble.extra_bytes, implicit)
        if not self.runtime.verify(preamble.signature, payload, preamble.signer):
            raise BadProof

    def _apply_signed(self, checked: CheckedExtrinsic) -> tuple[DispatchError | None, DispatchInfo]:
        if checked.info.class_ is DispatchClass.Mandatory:
            raise BadMandatory  # a signer can't make a call mandatory
        self._verify(checked)
        assert checked.signer is not None
        tx = Transaction(checked.signer, checked.call, checked.info, checked.length, TransactionSource.InBlock)
        self.extensions.validate(tx, checked.extra)
        prepared = self.extensions.prepare(tx, checked.extra)
        error, actual = self._dispatch(checked, signed(checked.signer))
        self.extensions.settle(prepared, tx, actual, error)
        return error, actual

    def _apply_bare(self, checked: CheckedExtrinsic) -> tuple[DispatchError | None, DispatchInfo]:
        if not checked.call.spec.mark.inherent:
            self._validate_bare(TransactionSource.InBlock, checked)
        reserve_block_space(self.system, checked.info, checked.length)
        error, actual = self._dispatch(checked, NONE)
        if error is not None and checked.info.class_ is DispatchClass.Mandatory:
            raise BadMandatory
        if error is not None:
            raise Custom(FAILED_BARE, str(error))  # nobody pays for it, so it is in a block only if it did something
        release_block_weight(self.system, checked.info, actual)
        return error, actual

    def _validate_bare(self, source: TransactionSource, checked: CheckedExtrinsic) -> ValidTransaction:
        spec = checked.call.spec
        if spec.mark.validate is None:
            raise NoUnsignedValidator
        pallet = self.runtime.by_index[spec.pallet_index]
        found: ValidTransaction = spec.mark.validate(pallet, *checked.call.arguments)
        return found

    def _dispatch(self, checked: CheckedExtrinsic, origin: Any) -> tuple[DispatchError | None, DispatchInfo]:
        """Runs the call; answers its error and what it cost: never more than declared."""
        info = checked.info
        try:
            error, post = None, self.runtime.dispatch(checked.call, origin)
        except DispatchError as failure:
            error, post = failure, getattr(failure, "post_info", None) or PostInfo()
        weight = info.weight if post.actual_weight is None else post.actual_weight.min(info.weight)
        free = Pays.No in (post.pays_fee, info.pays_fee)
        return error, DispatchInfo(weight, info.class_, Pays.No if free else Pays.Yes)

    def _run_upgrade(self) -> Weight:
        last = self.system.last_runtime_upgrade
        version = self.runtime.version
        if last is not None and last.spec_version >= version.spec_version and last.spec_name == version.spec_name:
            return Weight()
        spent = Weight()
        for pallet in self.runtime.pallets:
            hook = getattr(pallet, "on_runtime_upgrade", None)
            if hook is not None:
                spent = spent + (hook() or Weight())
        self.system.note_runtime_upgrade()
        return spent

    def _register_weight(self, weight: Weight) -> None:
        consumed = self.system.block_weight
        consumed.mandatory = consumed.mandatory + weight
        self.system.block_weight = consumed
