"""Annotations in, the portable type registry of the metadata out.

## Overview

`id_of(annotation)` describes a type and everything it is made of, each once, and answers its number. It walks the same
annotations as `codec`, so what clients are told and what the node writes can't drift apart:

| annotation | description |
| --- | --- |
| `U32`, `bool`, `str` | primitive |
| `Compact[U32]` | compact |
| `bytes`, `list[T]`, `tuple[...]`, `T \\| None` | sequence of u8, sequence, tuple, `Option` |
| with `Bound` | `BoundedVec` |
| `FixedBytes`, `BigEndian` | array of u8, inside a composite where it has a path |
| `Wrapped` | composite of that path around the one field |
| `@struct`, `Variant`, `UnitEnum` | composite, variant |
| `RuntimeType` | whatever the table handed in describes under that name (`outer_types`) |

What a class may say about itself, in its body:

- `__type_path__ = "crate::module::Name"`; else the path follows from the module: `pallet_jobs::Job` for `pallets.jobs`,
  `fathom_primitives::job::Job` for `pallets.primitives.job`, `pallet_jobs::pallet::HoldReason` in a pallet's body.
- `__unnamed__ = True`: the fields have no names on the wire, as in a Rust tuple struct; a `Variant` says it for all its
  variants.
- `__type_arguments__ = (("T", Weight),)`: generic parameters. Two types of one path must differ in them.

## Out of scope

Encoding (`codec`), and the metadata around the registry (`metadata`). Mirrors `scale_info::Registry`.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

from pallets.frame.documentation import LOCALS, class_docs, member_docs
from pallets.primitives.annotations import option_of, split_annotation, struct_fields
from pallets.primitives.extrinsic import Era
from pallets.primitives.portable_types import (
    Array,
    Basic,
    Cases,
    CompactForm,
    Composite,
    Definition,
    Field,
    Parameter,
    PortableType,
    Primitive,
    Sequence,
    Tuple,
    Type,
    VariantCase,
)
from pallets.primitives.types import (
    U8,
    AccountId,
    AddressForm,
    BigEndian,
    Bound,
    Bytes32,
    Compacted,
    FixedBytes,
    Int,
    RuntimeType,
    UnitEnum,
    Variant,
    Wrapped,
)

Names = Mapping[str, Any] | None
Bytes20 = Annotated[bytes, FixedBytes(20)]
NoIndex = Annotated[tuple[()], Compacted()]
BOUNDED_VEC = "bounded_collections::bounded_vec::BoundedVec"
MULTI_ADDRESS = "sp_runtime::multiaddress::MultiAddress"

_ANNOTATED: Any = Annotated  # to put back together what was taken apart

RUST_NAMES = {
    **{f"U{bits}": f"u{bits}" for bits in (8, 16, 32, 64, 128, 256)},
    "bytes": "Vec<u8>",
    "str": "String",
    "None": "()",
    "Address": "AccountIdLookupOf<T>",
    "Bytes32": "[u8; 32]",
    "Bytes64": "[u8; 64]",
    "DueKey": "[u8; 8]",
    "DispatchErrorType": "DispatchError",
}


class TypesRegistry:
    """Described types, in the order of their numbers; `runtime_types` describes what only a composed runtime knows."""

    def __init__(self, runtime_types: Mapping[str, Callable[[TypesRegistry], int]] | None = None) -> None:
        self.runtime_types = dict(runtime_types or {})
        self.types: list[PortableType] = []
        self.ids: dict[Any, int] = {}  # by annotation
        self._defined: dict[Any, int] = {}  # by what makes a description unique
        self._named: dict[Any, Any] = {}  # key by path and parameters

    def id_of(self, annotation: Any, names: Names = None) -> int:
        """The number of a type, described at first use; `names` are further names that forward references may use."""
        found = self.ids.get(annotation)
        if found is None:
            found = self.ids[annotation] = self._describe(annotation, names)
        return found

    def runtime_type(self, name: str) -> int:
        """The number of a type that only a composed runtime knows."""
        if name not in self.runtime_types:
            raise TypeError(f"no description of {name}: add it to outer_types.RUNTIME_TYPES")
        return self.runtime_types[name](self)

    def define(
        self,
        key: Any,
        make: Callable[[], Definition],
        path: str = "",
        params: tuple[tuple[str, int | None], ...] = (),
        docs: list[str] | None = None,
    ) -> int:
        """The number of the description under `key`; given before `make` runs, so that a type may contain itself."""
        found = self._defined.get(key)
        if found is not None:
            return found
        if path and self._named.setdefault((path, params), key) != key:
            raise TypeError(f"{key} and {self._named[path, params]} are both {path}: clients couldn't tell them apart")
        number = self._defined[key] = len(self.types)
        segments = path.split("::") if path else []
        described = Type(segments, [Parameter(name, type) for name, type in params], Tuple([]), docs or [])
        self.types.append(PortableType(number, described))
        described.definition = make()
        return number

    def fields(self, cls: type[Any], names: Names = None) -> list[Field]:
        """The fields of a `@struct` or an event."""
        raw, unnamed = _raw_annotations(cls), getattr(cls, "__unnamed__", False)
        return [
            self.field(None if unnamed else name.rstrip("_"), kind, raw.get(name), member_docs(cls, name), names)
            for name, kind in struct_fields(cls, names)
        ]

    def field(
        self, name: str | None, annotation: Any, raw: object = None, docs: list[str] | None = None, names: Names = None
    ) -> Field:
        """One field; `raw` is its annotation as it was written, which says `Balance` where the type says `u128`."""
        number = self.id_of(annotation, names)
        return Field(name, number, rust_name(raw) or self.spell(number), docs or [])

    def spell(self, number: int) -> str:
        """A type's name as Rust writes it, for fields whose annotation has none of its own."""
        described = self.types[number].type
        if described.path:
            inner = [self.spell(p.type) for p in described.params if p.type is not None]
            generic = described.path[-1] in ("Option", "Result", "BoundedVec")
            return described.path[-1] + (f"<{', '.join(inner)}>" if generic else "")
        made = described.definition
        if isinstance(made, Basic):
            return made.primitive.name
        if isinstance(made, CompactForm):
            return self.spell(made.type)
        if isinstance(made, Sequence):
            return f"Vec<{self.spell(made.type)}>"
        if isinstance(made, Array):
            return f"[{self.spell(made.type)}; {made.length}]"
        assert isinstance(made, Tuple)
        return f"({', '.join(map(self.spell, made.types))})"

    def result(self, ok: int, error: int) -> int:
        """`Result<ok, error>`, by their numbers."""
        cases = [VariantCase("Ok", [Field(None, ok)], 0), VariantCase("Err", [Field(None, error)], 1)]
        return self.define(("result", ok, error), lambda: Cases(cases), "Result", (("T", ok), ("E", error)))

    def tuple_of(self, members: tuple[int, ...]) -> int:
        """A tuple of types, by their numbers; of none it is `()`."""
        return self.define(("tuple", members), lambda: Tuple(list(members)))

    def _describe(self, annotation: Any, names: Names) -> int:
        base, markers = split_annotation(annotation)
        if not markers:
            return self._plain(base, names)
        *within, marker = markers
        inner = _ANNOTATED[(base, *within)] if within else base
        if isinstance(marker, RuntimeType):
            return self.runtime_type(marker.name)
        if isinstance(marker, Int):
            return self.define(marker.name, lambda: Basic(Primitive[marker.name]))
        if isinstance(marker, Compacted):
            number = self.id_of(inner, names)
            return self.define(("compact", number), lambda: CompactForm(number))
        if isinstance(marker, Wrapped):
            number = self.id_of(inner, names)
            content = Field(marker.field, number, self.spell(number))
            return self.define(("wrapped", marker, number), lambda: Composite([content]), marker.path)
        if isinstance(marker, FixedBytes | BigEndian):
            return self._fixed_bytes(marker)
        if isinstance(marker, AddressForm):
            return self._address()
        number = self.id_of(inner, names)
        sequence = self.types[number].type.definition
        if isinstance(marker, Bound) and isinstance(sequence, Sequence):
            content = Field(None, number, "Vec<T>")
            params = (("T", sequence.type), ("S", None))
            return self.define(("bounded", number), lambda: Composite([content]), BOUNDED_VEC, params)
        return number  # other markers don't change the type

    def _plain(self, base: Any, names: Names) -> int:
        option = option_of(base)
        if option is not None:
            inner = self.id_of(option, names)
            cases = [VariantCase("None", [], 0), VariantCase("Some", [Field(None, inner)], 1)]
            return self.define(("option", inner), lambda: Cases(cases), "Option", (("T", inner),))
        if base is bool or base is str:
            return self.define(base.__name__, lambda: Basic(Primitive[base.__name__]))
        if base is bytes or get_origin(base) is list:
            element = self.id_of(U8 if base is bytes else get_args(base)[0], names)
            return self.define(("sequence", element), lambda: Sequence(element))
        if get_origin(base) is tuple or base is type(None) or base is None:
            return self.tuple_of(tuple(self.id_of(part, names) for part in get_args(base)))
        if base is Era:
            return self.define(Era, self._era, Era.__type_path__)
        if not isinstance(base, type) or hasattr(base, "__scale_decode__"):
            raise TypeError(f"no description of {base!r}")
        return self._class(base, names)

    def _class(self, cls: type[Any], names: Names) -> int:
        def make() -> Definition:
            if issubclass(cls, UnitEnum):
                return Cases([VariantCase(m.name, [], m.value, member_docs(cls, m.name)) for m in cls])
            if issubclass(cls, Variant) and Variant in cls.__bases__:
                return Cases(
                    [
                        VariantCase(case.variant_name, self.fields(case, names), index, class_docs(case))
                        for index, case in cls.variants.items()
                    ]
                )
            return Composite(self.fields(cls, names))

        if not (issubclass(cls, UnitEnum | Variant) or dataclasses.is_dataclass(cls)):
            raise TypeError(f"no description of {cls.__qualname__}: it is no @struct, Variant or UnitEnum")
        arguments = vars(cls).get("__type_arguments__", ())
        params = tuple((name, None if kind is None else self.id_of(kind, names)) for name, kind in arguments)
        return self.define(cls, make, path_of(cls), params, class_docs(cls))

    def _fixed_bytes(self, marker: FixedBytes | BigEndian) -> int:
        length = marker.size if isinstance(marker, FixedBytes) else marker.width
        byte = self.id_of(U8)
        array = self.define(("array", length, byte), lambda: Array(length, byte))
        if isinstance(marker, BigEndian) or not marker.path:
            return array
        content = Field(None, array, f"[u8; {length}]")
        return self.define(marker, lambda: Composite([content]), marker.path)

    def _address(self) -> int:
        account, index = self.id_of(AccountId), self.id_of(tuple[()])
        kinds = {"Id": AccountId, "Index": NoIndex, "Raw": bytes, "Address32": Bytes32, "Address20": Bytes20}
        cases = [VariantCase(name, [self.field(None, kind)], at) for at, (name, kind) in enumerate(kinds.items())]
        params = (("AccountId", account), ("AccountIndex", index))
        return self.define(MULTI_ADDRESS, lambda: Cases(cases), MULTI_ADDRESS, params)

    def _era(self) -> Definition:
        """A mortal era's two bytes, as `sp_runtime` describes them: one picks the variant, the other is its field."""
        second = Field(None, self.id_of(U8))
        return Cases([VariantCase("Immortal", [], 0), *(VariantCase(f"Mortal{i}", [second], i) for i in range(1, 256))])


def path_of(cls: type[Any]) -> str:
    """The path of a class: its `__type_path__`, or what its module implies."""
    own: str | None = vars(cls).get("__type_path__")
    if own is not None:
        return own
    *owners, name = cls.__qualname__.split(".")
    owner = owners[-1] if owners and owners[-1] != LOCALS else None
    top, _, rest = cls.__module__.partition(".")
    if owner is not None:
        return f"{pallet_crate(cls.__module__, owner)}::pallet::{name}"
    if top == "pallets":
        area, *within = (part for part in rest.split(".") if part != "pallet")
        crate = f"fathom_{area}" if area in ("primitives", "frame") else pallet_crate(cls.__module__, "")
        return "::".join([crate, *within, name])
    return "::".join([*cls.__module__.split("."), name])


def pallet_crate(module: str, pallet: str) -> str:
    """The crate a pallet would be in FRAME: by module for ours, by class name for pallets from elsewhere."""
    top, _, rest = module.partition(".")
    if top == "pallets":
        area = rest.split(".")[0]
        return "frame_system" if area == "system" else f"pallet_{area}"
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in pallet)
    return f"pallet{words if words.startswith('_') else '_' + words}"


def rust_name(raw: object) -> str | None:
    """An annotation's source as Rust would write it; `None` where it has no name of its own."""
    if not isinstance(raw, str):
        return None
    return _rust(ast.parse(raw, mode="eval").body)


def _rust(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return RUST_NAMES.get(name, name)
    if isinstance(node, ast.Constant):
        return "()" if node.value is None else None
    if isinstance(node, ast.BinOp):
        inner = _rust(node.left)
        return None if inner is None else f"Option<{inner}>"
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    given = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    parts = [_rust(part) for part in given]
    if node.value.id == "Annotated" or None in parts:
        return None
    joined = ", ".join(part for part in parts if part is not None)
    forms = {"Compact": joined, "Const": joined, "list": f"Vec<{joined}>", "tuple": f"({joined})"}
    return forms.get(node.value.id)


def _raw_annotations(cls: type[Any]) -> dict[str, object]:
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base).get("__annotations__", {}))
    return found
