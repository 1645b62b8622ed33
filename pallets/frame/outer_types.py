"""Descriptions of the types that only a composed runtime knows.

The enums that gather all pallets' calls, events, errors and hold reasons; each pallet's own; and what dispatching and
validating answer. `RUNTIME_TYPES` is the table: a `RuntimeType("Name")` in an annotation is described by its entry.

Mirrors what `construct_runtime!` and `#[pallet]` derive, and `sp_runtime::{DispatchError, transaction_validity}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

from pallets.frame import validity
from pallets.frame.documentation import class_docs, lines
from pallets.frame.events import NESTED_ERRORS, PLAIN_ERRORS, ModuleError
from pallets.frame.pallet import Pallet
from pallets.frame.runtime import DispatchErrorType, DispatchResult, Runtime, RuntimeCall
from pallets.frame.types_registry import TypesRegistry, pallet_crate
from pallets.primitives.extrinsic import MultiSignature
from pallets.primitives.portable_types import Cases, Composite, Definition, Field, VariantCase
from pallets.primitives.types import U8, Address, FixedBytes

ErrorBytes = Annotated[bytes, FixedBytes(4)]
UNCHECKED_EXTRINSIC = "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic"
NESTED_PATHS = {
    "Token": "sp_runtime::TokenError",
    "Arithmetic": "sp_arithmetic::ArithmeticError",
    "Transactional": "sp_runtime::TransactionalError",
}


def registry_of(runtime: Runtime) -> TypesRegistry:
    """An empty registry that knows the runtime's own types."""
    return TypesRegistry({name: partial(describe, runtime) for name, describe in RUNTIME_TYPES.items()})


# One pallet's enums


def crate_of(pallet: Pallet) -> str:
    """`pallet_balances`; the first segment of a pallet's paths."""
    return pallet_crate(type(pallet).__module__, type(pallet).__name__)


def call_type(runtime: Runtime, registry: TypesRegistry, pallet: Pallet) -> int | None:
    """A pallet's `Call`, or `None` where it has no calls."""
    specs = [spec for (index, _), spec in sorted(runtime.tables.calls.items()) if index == pallet.index]
    names = vars(type(pallet))

    def make() -> Definition:
        cases = []
        for spec in specs:
            raw = {name.rstrip("_"): kind for name, kind in spec.method.__annotations__.items()}
            fields = [registry.field(name, kind, raw.get(name), names=names) for name, kind in spec.params]
            cases.append(VariantCase(spec.name, fields, spec.index, lines(spec.method.__doc__)))
        return Cases(cases)

    docs = ["Contains a variant per dispatchable extrinsic that this pallet has."]
    return _pallet_enum(registry, pallet, "Call", make, docs) if specs else None


def event_type(runtime: Runtime, registry: TypesRegistry, pallet: Pallet) -> int | None:
    """A pallet's `Event`, or `None` where it has no events."""

    def make() -> Definition:
        names = vars(type(pallet))
        return Cases(
            [VariantCase(e.__name__, registry.fields(e, names), e.index, class_docs(e)) for e in pallet.events]
        )

    docs = ["The `Event` enum of this pallet"]
    return _pallet_enum(registry, pallet, "Event", make, docs) if pallet.events else None


def error_type(runtime: Runtime, registry: TypesRegistry, pallet: Pallet) -> int | None:
    """A pallet's `Error`, or `None` where it has no errors."""

    def make() -> Definition:
        return Cases([VariantCase(e.__name__, [], e.index, class_docs(e)) for e in pallet.errors])

    docs = ["The `Error` enum of this pallet."]
    return _pallet_enum(registry, pallet, "Error", make, docs) if pallet.errors else None


def hold_reason_type(runtime: Runtime, registry: TypesRegistry, pallet: Pallet) -> int | None:
    """A pallet's `HoldReason`, or `None` where it holds nothing."""
    return None if pallet.hold_reasons is None else registry.id_of(pallet.hold_reasons)


def _pallet_enum(
    registry: TypesRegistry, pallet: Pallet, name: str, make: Callable[[], Definition], docs: list[str]
) -> int:
    path = f"{crate_of(pallet)}::pallet::{name}"
    return registry.define((name, type(pallet)), make, path, (("T", None),), docs)


# All pallets' enums together


def _outer_enum(
    runtime: Runtime,
    registry: TypesRegistry,
    *,
    name: str,
    inner: Callable[[Runtime, TypesRegistry, Pallet], int | None],
    type_name: str,
) -> int:
    def make() -> Definition:
        found = [(pallet, inner(runtime, registry, pallet)) for pallet in runtime.pallets]
        return Cases(
            [
                VariantCase(p.wire_name, [Field(None, type, type_name.format(crate_of(p)))], p.index)
                for p, type in found
                if type is not None
            ]
        )

    return registry.define(("runtime", name), make, f"{runtime.crate}::{name}")


def _runtime_struct(runtime: Runtime, registry: TypesRegistry) -> int:
    return registry.define(("runtime", "Runtime"), lambda: Composite([]), f"{runtime.crate}::Runtime")


# What dispatching answers


def _dispatch_error(runtime: Runtime, registry: TypesRegistry) -> int:
    def make() -> Definition:
        cases = [VariantCase(error.__name__, [], index, class_docs(error)) for index, error in PLAIN_ERRORS.items()]
        cases.append(VariantCase("Module", [Field(None, _module_error(registry), "ModuleError")], ModuleError.variant))
        for index, nested in NESTED_ERRORS.items():
            path = NESTED_PATHS[nested.__name__]
            reasons = [VariantCase(reason, [], at) for at, reason in enumerate(nested.reasons)]
            number = registry.define(nested, partial(Cases, reasons), path)
            cases.append(
                VariantCase(nested.__name__, [Field(None, number, path.split("::")[-1])], index, class_docs(nested))
            )
        return Cases(sorted(cases, key=lambda case: case.index))

    return registry.define(("runtime", "DispatchError"), make, "sp_runtime::DispatchError")


def _module_error(registry: TypesRegistry) -> int:
    def make() -> Definition:
        return Composite([registry.field("index", U8), registry.field("error", ErrorBytes)])

    return registry.define(ModuleError, make, "sp_runtime::ModuleError")


def _dispatch_result(runtime: Runtime, registry: TypesRegistry) -> int:
    return registry.result(registry.id_of(None), registry.id_of(DispatchErrorType))


# What validating answers


def _validity_error(runtime: Runtime, registry: TypesRegistry) -> int:
    def make() -> Definition:
        kinds = {"Invalid": validity.InvalidTransaction, "Unknown": validity.UnknownTransaction}
        return Cases(
            [
                VariantCase(name, [Field(None, _refusals(registry, base), base.__name__)], base.kind, class_docs(base))
                for name, base in kinds.items()
            ]
        )

    path = "sp_runtime::transaction_validity::TransactionValidityError"
    return registry.define(("runtime", "TransactionValidityError"), make, path)


def _refusals(registry: TypesRegistry, base: type[validity.TransactionValidityError]) -> int:
    def make() -> Definition:
        declared = [c for c in vars(validity).values() if isinstance(c, type) and issubclass(c, base) and c is not base]
        code = [registry.field(None, U8)]
        return Cases(
            [VariantCase(c.__name__, code if c is validity.Custom else [], c.index, class_docs(c)) for c in declared]
        )

    return registry.define(base, make, f"sp_runtime::transaction_validity::{base.__name__}")


def _transaction_validity(runtime: Runtime, registry: TypesRegistry) -> int:
    return registry.result(registry.id_of(validity.ValidTransaction), _validity_error(runtime, registry))


def _apply_extrinsic_result(runtime: Runtime, registry: TypesRegistry) -> int:
    return registry.result(registry.id_of(DispatchResult), _validity_error(runtime, registry))


# The extrinsic: opaque bytes, whose parts clients find in its parameters


def extension_type(registry: TypesRegistry, extension: type[Any]) -> int:
    """A transaction extension: the part of an extrinsic's extra that is its own."""

    def make() -> Definition:
        kinds: tuple[Any, ...] = ()
        if extension.extra is not type(None):
            kinds = (extension.extra,) if len(extension.fields) == 1 else extension.extra.__args__
        named = zip(extension.fields, kinds, strict=True)
        return Composite([registry.field(name, kind) for name, kind in named])

    return registry.define(extension, make, extension.path, (("T", None),), class_docs(extension))


def extra_type(runtime: Runtime, registry: TypesRegistry) -> int:
    """The tuple of all extensions."""
    return registry.tuple_of(tuple(extension_type(registry, extension) for extension in runtime.extensions))


def _unchecked_extrinsic(runtime: Runtime, registry: TypesRegistry) -> int:
    params = (
        ("Address", registry.id_of(Address)),
        ("Call", registry.id_of(RuntimeCall)),
        ("Signature", registry.id_of(MultiSignature)),
        ("Extra", extra_type(runtime, registry)),
    )
    return registry.define(
        ("runtime", "UncheckedExtrinsic"), lambda: Composite([registry.field(None, bytes)]), UNCHECKED_EXTRINSIC, params
    )


RUNTIME_TYPES: Mapping[str, Callable[[Runtime, TypesRegistry], int]] = {
    "Runtime": _runtime_struct,
    "RuntimeCall": partial(_outer_enum, name="RuntimeCall", inner=call_type, type_name="{}::Call<Runtime>"),
    "RuntimeEvent": partial(_outer_enum, name="RuntimeEvent", inner=event_type, type_name="{}::Event<Runtime>"),
    "RuntimeError": partial(_outer_enum, name="RuntimeError", inner=error_type, type_name="{}::Error<Runtime>"),
    "RuntimeHoldReason": partial(
        _outer_enum, name="RuntimeHoldReason", inner=hold_reason_type, type_name="{}::HoldReason"
    ),
    "DispatchError": _dispatch_error,
    "DispatchResult": _dispatch_result,
    "TransactionValidityError": _validity_error,
    "TransactionValidity": _transaction_validity,
    "ApplyExtrinsicResult": _apply_extrinsic_result,
    "UncheckedExtrinsic": _unchecked_extrinsic,
}
