"""The order of a block and of a transaction: the one place that knows it.

## Overview

```
initialize_block   upgrade hooks if the version changed · on_initialize of every pallet
apply_extrinsic    inherents first, then transactions:
                   decode · signature · extensions check and prepare · dispatch · extensions settle · outcome event
finalize_block     on_idle with the weight that is left · on_finalize · events written · header
```
Both roots of the header are the caller's to fill in: the state root from the overlay's changes, the extrinsics root
from the bodies. `validate_transaction` runs the same steps up to the dispatch, as if the next block were open.

An extrinsic is decoded once, by `check`: what comes of it serves any instance of the same runtime class, and remembers
over which implicit data its signature has been verified. Only where the chain asks for other data (another era's birth
block, another runtime version, another genesis) is the signature looked at again.

## Errors

`apply_extrinsic` answers a `DispatchError` (or `None`) for what was included, and raises a `TransactionValidityError`
for what must not be. `InvalidBlock` says that a block from elsewhere breaks a rule.

Mirrors `frame_executive`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from pallets.frame.events import DispatchError
from pallets.frame.extension_steps import Extensions
from pallets.frame.extensions import Transaction
from pallets.frame.origin import NONE, signed
from pallets.frame.runtime import PLAIN, Call, Runtime
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
from pallets.primitives.extrinsic import (
    MultiSignature,
    UncheckedExtrinsic,
    bare_extrinsic,
    is_mock,
    signing_payload,
)
from pallets.primitives.header import DigestItem, Header, PreRuntime
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import DecodeError, OtherAddress

FAILED_BARE, UNFIT_CODE = 255, 254
"""`Custom` codes: a bare transaction that was valid failed; the author couldn't go on from a new `:code`."""

InherentData = dict[bytes, bytes]
"""What the author brings into a block, by 8-byte identifier, SCALE-encoded."""


class InvalidBlock(Exception):
    """A block breaks a rule: an inherent is missing, wrong or late, or an extrinsic can't be included."""


class BlockSystem(Protocol):
    """What the executive asks of the system pallet."""

    def initialize(self, number: int, parent_hash: bytes, digest: list[DigestItem]) -> None: ...
    def note_finished_initialize(self) -> None: ...
    def note_applied_extrinsic(self, error: DispatchError | None, info: DispatchInfo) -> None: ...
    def register_weight(self, weight: Weight) -> None: ...
    def note_finished_extrinsics(self) -> None: ...
    def finalize(self) -> Header: ...


class CheckedExtrinsic:
    """A decoded extrinsic; `signer` is `None` for a bare one, `length` its bytes with the prefix.

    `proven` is the implicit data over which its signature is known to be good. A call may keep its arguments and change
    them, so one that `was_dispatched` is to be decoded anew before it is used again: `Executive.renew`.
    """

    __slots__ = ("signer", "extra", "unchecked", "call", "info", "length", "proven", "was_dispatched")

    def __init__(self, unchecked: UncheckedExtrinsic, call: Call, length: int) -> None:
        preamble = unchecked.preamble
        self.signer: bytes | None = None if preamble is None else preamble.signer
        self.extra: tuple[Any, ...] = () if preamble is None else preamble.extra
        self.unchecked, self.call, self.info, self.length = unchecked, call, call.dispatch_info(), length
        self.proven: bytes | None = None
        self.was_dispatched = False


class Claim(NamedTuple):
    """What has to be verified of an extrinsic: that `signer` made `signature` over `payload`."""

    signature: MultiSignature
    payload: bytes
    signer: bytes
    checked: CheckedExtrinsic
    implicit: bytes

    def prove(self) -> None:
        """The signature is good."""
        self.checked.proven = self.implicit


Check = Callable[[bytes], CheckedExtrinsic]
Refusal = Callable[[bytes | None], str | None]
"""Why a program couldn't go on from a `:code`, `None` where it could."""


class Executive:
    """A runtime executing blocks. One block at a time; a new instance, or `initialize_block`, starts the next."""

    def __init__(self, runtime: Runtime, refusal: Refusal | None = None) -> None:
        """An author gives its `refusal`: an extrinsic that changes `:code` to what it refuses isn't included."""
        self.runtime, self._refusal = runtime, refusal
        self.system: Any = runtime.system  # type: ignore[attr-defined]
        self.extensions = Extensions(runtime)

    # A block

    def initialize_block(self, header: Header) -> None:
        """Opens the block of `header`: its number, parent hash and pre-runtime digest are used."""
        runtime = self.runtime
        runtime.events.clear()
        self.extensions.open_block()
        spent = self._run_upgrade()  # the hooks see the block before, as FRAME's do
        digest = [item for item in header.digest if isinstance(item, PreRuntime)]
        self.system.initialize(header.number, header.parent_hash, list(digest))
        for pallet in runtime.pallets:
            hook = getattr(pallet, "on_initialize", None)
            if hook is not None:
                spent = spent + (hook(header.number) or Weight())
        self.system.register_weight(spent + self.system.block_weights.base_block)
        self.system.note_finished_initialize()

    def apply_extrinsic(self, data: bytes) -> DispatchError | None:
        """Includes one extrinsic; raises `TransactionValidityError` or `DecodeError`, changing nothing, if it can't."""
        return self.apply(self.check(data))

    def apply(self, checked: CheckedExtrinsic) -> DispatchError | None:
        """`apply_extrinsic` of what `check` has decoded."""
        runtime, system = self.runtime, self.system
        space = system.space
        mark, used, length = len(runtime.events), space.used, space.length
        runtime.state.begin()
        try:
            signer = checked.signer
            error, actual = self._apply_bare(checked) if signer is None else self._apply_signed(checked, signer)
            if self._refusal is not None and CODE_KEY in runtime.state.changes:
                self._check_code(self._refusal)
            system.note_applied_extrinsic(error, actual)
        except BaseException:
            runtime.state.rollback()
            del runtime.events[mark:]
            space.used, space.length = used, length
            raise
        runtime.state.commit()
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
                self.system.register_weight(spent)
                remaining = remaining - spent
        for pallet in self.runtime.pallets:
            hook = getattr(pallet, "on_finalize", None)
            if hook is not None:
                hook(number)
        header: Header = self.system.finalize()
        return header

    def execute_block(self, header: Header, extrinsics: list[bytes], check: Check | None = None) -> Header:
        """Executes somebody else's block; answers the header it should have had, roots zero. Raises `InvalidBlock`.

        `check` decodes, where the caller has decoded some of the extrinsics before.
        """
        check = check or self.check
        self.initialize_block(header)
        inherents_over = False
        for index, data in enumerate(extrinsics):
            try:
                checked = check(data)
                inherent = checked.call.spec.mark.inherent and checked.signer is None
                if inherent and inherents_over:
                    raise InvalidBlock(f"extrinsic {index} is an inherent behind transactions")
                inherents_over = inherents_over or not inherent
                self.apply(checked)
            except (TransactionValidityError, DecodeError) as error:
                raise InvalidBlock(f"extrinsic {index} can't be included: {error}") from None
        return self.finalize_block()

    # A transaction

    def check(self, data: bytes) -> CheckedExtrinsic:
        """Decodes an extrinsic and its call; raises `DecodeError`, or `CannotLookup` for an address of another form."""
        unchecked = UncheckedExtrinsic.decode(data, self.extensions.extra_codec)
        call = self.runtime.decode_call(unchecked.call)
        if unchecked.preamble is not None and type(unchecked.preamble.signer) is OtherAddress:
            raise CannotLookup
        return CheckedExtrinsic(unchecked, call, len(data))

    def renew(self, checked: CheckedExtrinsic) -> CheckedExtrinsic:
        """The same extrinsic, its call decoded anew."""
        checked.call, checked.was_dispatched = self.runtime.decode_call(checked.unchecked.call), False
        return checked

    def claim(self, checked: CheckedExtrinsic) -> Claim | None:
        """What is to be verified before anything else is asked; `None` where there is nothing, or it is proven.

        Raises a `TransactionValidityError` where what should be signed can't be known.
        """
        preamble = checked.unchecked.preamble
        if preamble is None or checked.info.class_ is DispatchClass.Mandatory:
            return None
        implicit = self.extensions.implicit(preamble.extra)
        if implicit == checked.proven:
            return None
        if is_mock(preamble.signature) and self.runtime.impersonates(preamble.signer):
            return None  # for this state: asked again, the answer may be another
        payload = signing_payload(checked.unchecked.call, preamble.extra_bytes, implicit)
        return Claim(preamble.signature, payload, preamble.signer, checked, implicit)

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
        account = self.system.account[checked.signer]
        tx = Transaction(checked.signer, checked.call, checked.info, checked.length, source, account)
        found = self.extensions.check(tx, checked.extra)
        return self.extensions.rank(tx, checked.extra, found)

    def create_inherents(self, data: InherentData) -> list[bytes]:
        """The inherents that pallets make of the author's data, as extrinsics in pallet order."""
        extrinsics = []
        for pallet in self.runtime.pallets:
            if pallet.inherent_identifier is not None:
                call = pallet.create_inherent(data)
                if call is not None:
                    extrinsics.append(bare_extrinsic(self.runtime.encode_call(call)))
        return extrinsics

    def check_inherents(self, extrinsics: list[bytes], data: InherentData, check: Check | None = None) -> None:
        """Compares a block's inherents with one's own data; raises `InvalidBlock` naming what is off."""
        for extrinsic in extrinsics:
            checked = (check or self.check)(extrinsic)
            if checked.signer is None and checked.call.spec.mark.inherent:
                self.runtime.by_index[checked.call.spec.pallet_index].check_inherent(checked.call, data)

    # The steps

    def _verify(self, checked: CheckedExtrinsic) -> None:
        if checked.proven == self.extensions.implicit(checked.extra):
            return
        claim = self.claim(checked)
        if claim is not None:
            if not self.runtime.verify(claim.signature, claim.payload, claim.signer):
                raise BadProof
            claim.prove()

    def _apply_signed(self, checked: CheckedExtrinsic, signer: bytes) -> tuple[DispatchError | None, DispatchInfo]:
        if checked.info.class_ is DispatchClass.Mandatory:
            raise BadMandatory  # a signer can't make a call mandatory
        self._verify(checked)
        accounts, extensions = self.system.account, self.extensions
        account = accounts[signer]
        tx = Transaction(signer, checked.call, checked.info, checked.length, TransactionSource.InBlock, account)
        found = extensions.check(tx, checked.extra)
        prepared = extensions.prepare(tx, checked.extra, found)
        accounts[signer] = account
        error, actual = self.runtime.made_to_fail(), checked.info
        if error is None:
            error, actual = self._dispatch(checked, signed(signer))
        extensions.settle(prepared, tx, actual, error)
        return error, actual

    def _apply_bare(self, checked: CheckedExtrinsic) -> tuple[DispatchError | None, DispatchInfo]:
        if not checked.call.spec.mark.inherent:
            self._validate_bare(TransactionSource.InBlock, checked)
        self.system.space.reserve(checked.info, checked.length)
        error: DispatchError | None
        error, actual = self._dispatch(checked, NONE)
        if error is not None:
            if checked.info.class_ is DispatchClass.Mandatory:
                raise BadMandatory
            raise Custom(FAILED_BARE, str(error))  # nobody pays for it, so it is in a block only if it did something
        if actual is not checked.info:
            self.system.space.release(checked.info, actual)
        return error, actual

    def _validate_bare(self, source: TransactionSource, checked: CheckedExtrinsic) -> ValidTransaction:
        spec = checked.call.spec
        if spec.mark.validate is None:
            raise NoUnsignedValidator
        pallet = self.runtime.by_index[spec.pallet_index]
        found: ValidTransaction = spec.mark.validate(pallet, *checked.call.arguments)
        return found

    def _dispatch(self, checked: CheckedExtrinsic, origin: Any) -> tuple[DispatchError | None, DispatchInfo]:
        """Runs the call; answers its error and what it cost: never more than declared, `checked.info` if just that."""
        info, checked.was_dispatched = checked.info, True
        error: DispatchError | None = None
        try:
            post = self.runtime.dispatch(checked.call, origin)
        except DispatchError as failure:
            error, post = failure, failure.post_info or PLAIN
        if post is PLAIN:
            return error, info
        weight = info.weight if post.actual_weight is None else post.actual_weight.min(info.weight)
        free = Pays.No in (post.pays_fee, info.pays_fee)
        return error, DispatchInfo(weight, info.class_, Pays.No if free else Pays.Yes)

    def _check_code(self, refusal: Refusal) -> None:
        reason = refusal(self.runtime.state.get(CODE_KEY))
        if reason is not None:
            raise Custom(UNFIT_CODE, reason)

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
