"""Random values of a runtime's types, from two sides.

`values_of` draws what our annotations allow; `foreign_values` draws what scalecodec's own view of the registry allows,
in its terms, without looking at an annotation.
"""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pallets.frame.events import NESTED_ERRORS, PLAIN_ERRORS, DispatchError, ModuleError
from pallets.frame.extrinsic_types import REFUSALS
from pallets.frame.runtime import Call
from pallets.frame.types_registry import path_of
from pallets.frame.validity import Custom, ValidTransaction
from pallets.primitives.annotations import find_marker, option_of, split_annotation, struct_fields
from pallets.primitives.extrinsic import Era, bare_extrinsic
from pallets.primitives.types import AddressForm, BigEndian, Bound, FixedBytes, Int, RuntimeType, UnitEnum, Variant
from tests.pallets.frame.scalecodec_judge import Judge, hexed

MAX_ITEMS = 3
MAX_DEPTH = 2  # of calls and events inside calls


def values_of(judge: Judge, annotation: Any, depth: int = 0) -> SearchStrategy[Any]:
    """Random values of one of our types."""
    found = judge.strategies.get((annotation, depth))
    if found is None:
        found = judge.strategies[annotation, depth] = _values_of(judge, annotation, depth)
    return found


def _values_of(judge: Judge, annotation: Any, depth: int) -> SearchStrategy[Any]:
    base, markers = split_annotation(annotation)
    runtime = find_marker(markers, RuntimeType)
    if runtime is not None:
        return runtime_values(judge, runtime.name, depth)
    if (big := find_marker(markers, BigEndian)) is not None:
        return st.integers(0, (1 << 8 * big.width) - 1)
    if (integer := find_marker(markers, Int)) is not None:
        return st.integers(0, (1 << 8 * integer.width) - 1)
    if find_marker(markers, AddressForm) is not None:
        return st.binary(min_size=32, max_size=32)
    if (fixed := find_marker(markers, FixedBytes)) is not None:
        return st.binary(min_size=fixed.size, max_size=fixed.size)
    bound = find_marker(markers, Bound)
    longest = MAX_ITEMS if bound is None else min(MAX_ITEMS, bound.limit)
    option = option_of(base)
    if option is not None:
        return st.none() | values_of(judge, option, depth)
    if base is bool:
        return st.booleans()
    if base is str:
        return st.text(max_size=4).filter(lambda text: not text.startswith("0x"))  # the judge takes that for hex
    if base is bytes:
        return st.binary(max_size=5)
    if get_origin(base) is list:
        return lists(values_of(judge, get_args(base)[0], depth), longest)
    if get_origin(base) is tuple:
        return st.tuples(*(values_of(judge, kind, depth) for kind in get_args(base)))
    if base is type(None):
        return st.none()
    if base is Era:
        return eras()
    if issubclass(base, UnitEnum):
        return one_of_these(list(base))
    if issubclass(base, Variant) and Variant in base.__bases__:
        return st.one_of([struct_values(judge, case, depth) for case in base.variants.values()])
    if path_of(base) == "BTreeMap":  # canonical: sorted, each key once
        ((_, entries),) = struct_fields(base, judge.names)
        key, value = get_args(get_args(entries)[0])
        pairs = st.dictionaries(values_of(judge, key, depth), values_of(judge, value, depth), max_size=longest)
        return pairs.map(lambda found: base(sorted(found.items())))
    return struct_values(judge, base, depth)


def lists(elements: SearchStrategy[Any], longest: int) -> SearchStrategy[list[Any]]:
    """Lists of up to so many; of a type without values only the empty one."""
    return st.lists(elements, max_size=0 if elements.is_empty else longest)


def one_of_these(values: list[Any]) -> SearchStrategy[Any]:
    return st.sampled_from(values) if values else st.nothing()


def struct_values(judge: Judge, cls: Any, depth: int) -> SearchStrategy[Any]:
    fields = [values_of(judge, kind, depth) for _, kind in struct_fields(cls, judge.names)]
    return st.tuples(*fields).map(lambda values: cls(*values))


def eras() -> SearchStrategy[Era]:
    periods = st.integers(2, 16).map(lambda exponent: 1 << exponent)
    return st.just(Era()) | st.builds(Era.mortal, periods, st.integers(0, 1 << 20))


def runtime_values(judge: Judge, name: str, depth: int) -> SearchStrategy[Any]:
    """Random values of a type that only the runtime knows."""
    tables = judge.runtime.tables
    if name == "RuntimeCall":
        specs = [s for s in tables.calls.values() if depth < MAX_DEPTH or not _holds_calls(judge, s.params)]
        return st.deferred(lambda: st.one_of([call_values(judge, spec, depth) for spec in specs]))
    if name == "RuntimeEvent":
        return st.deferred(lambda: st.one_of([struct_values(judge, event, depth + 1) for event in tables.events]))
    if name == "RuntimeHoldReason":
        return one_of_these([r for p in judge.runtime.pallets if p.hold_reasons is not None for r in p.hold_reasons])
    if name == "UncheckedExtrinsic":
        return st.binary(max_size=20).map(bare_extrinsic)
    errors = dispatch_errors(judge)
    refusals = st.sampled_from([r for r in REFUSALS.values() if r is not Custom]).map(lambda kind: kind())
    refusals = refusals | st.integers(0, 255).map(Custom)
    return {
        "DispatchError": errors,
        "DispatchResult": st.none() | errors,
        "TransactionValidity": refusals | struct_values(judge, ValidTransaction, depth),
        "ApplyExtrinsicResult": st.none() | errors | refusals,
    }[name]


def dispatch_errors(judge: Judge) -> SearchStrategy[DispatchError]:
    kinds: list[DispatchError] = [kind() for kind in PLAIN_ERRORS.values()]
    kinds += [kind(reason) for kind in NESTED_ERRORS.values() for reason in kind.reasons]
    if not judge.module_errors:
        return st.sampled_from(kinds)
    kinds += [kind() for kind in judge.runtime.tables.errors.values()]
    return st.sampled_from(kinds) | st.builds(ModuleError, st.just(251), st.binary(min_size=4, max_size=4))


def call_values(judge: Judge, spec: Any, depth: int) -> SearchStrategy[Call]:
    arguments = [values_of(judge, kind, depth + 1) for _, kind in spec.params]
    return st.tuples(*arguments).map(lambda values: Call(spec, values))


def _holds_calls(judge: Judge, params: Any) -> bool:
    """Whether calls, or events that have them, are anywhere inside of these."""
    seen: set[Any] = set()
    waiting = [kind for _, kind in params]
    while waiting:
        base, markers = split_annotation(waiting.pop())
        runtime = find_marker(markers, RuntimeType)
        if runtime is not None and runtime.name in ("RuntimeCall", "RuntimeEvent"):
            return True
        if base in seen:
            continue
        seen.add(base)
        if isinstance(base, type) and issubclass(base, Variant) and Variant in base.__bases__:
            waiting += base.variants.values()
        elif dataclasses.is_dataclass(base) and isinstance(base, type):
            waiting += [kind for _, kind in struct_fields(base, judge.names)]
        waiting += get_args(base)
    return False


# Values of the judge's own


def foreign_values(judge: Judge, number: int, depth: int = 0) -> SearchStrategy[Any]:
    """Random values in scalecodec's terms, from the definitions it decoded; nothing of ours is asked."""
    found = judge.strategies.get((number, depth))
    if found is None:
        found = judge.strategies[number, depth] = _foreign_values(judge, number, depth)
    return found


def _foreign_values(judge: Judge, number: int, depth: int) -> SearchStrategy[Any]:
    described = judge.types[number]
    path, made = "::".join(described["path"]), described["def"]
    special = _special_values(judge, number, path, depth)
    if special is not None:
        return special
    if "primitive" in made:
        return _primitive_values(made["primitive"])
    if "compact" in made:
        return foreign_values(judge, innermost(judge, made["compact"]["type"]), depth)
    if "array" in made:
        return st.binary(min_size=made["array"]["len"], max_size=made["array"]["len"]).map(hexed)
    if "sequence" in made:
        if judge.types[made["sequence"]["type"]]["def"] == {"primitive": "u8"}:
            return st.binary(max_size=5)
        return lists(foreign_values(judge, made["sequence"]["type"], depth), MAX_ITEMS)
    if "tuple" in made:
        return st.tuples(*(foreign_values(judge, member, depth) for member in made["tuple"])).map(list)
    if "composite" in made:
        return _field_values(judge, made["composite"]["fields"], depth)
    cases = made["variant"]["variants"]
    if depth > MAX_DEPTH:
        cases = [case for case in cases if not case["fields"]] or cases
    return st.deferred(lambda: st.one_of([_case_values(judge, case, depth) for case in cases]))


def innermost(judge: Judge, number: int) -> int:
    """The integer inside what is compact."""
    made = judge.types[number]["def"]
    return innermost(judge, made["composite"]["fields"][0]["type"]) if "composite" in made else number


def _special_values(judge: Judge, number: int, path: str, depth: int) -> SearchStrategy[Any] | None:
    if path in ("sp_core::crypto::AccountId32", "primitive_types::H256"):
        return st.binary(min_size=32, max_size=32).map(hexed)
    if path == "sp_runtime::generic::era::Era":
        return eras().map(lambda era: (era.period, era.phase) if era.period else "00")
    if path == "Option":
        return st.none() | foreign_values(judge, judge.types[number]["params"][0]["type"], depth)
    if path == "sp_runtime::multiaddress::MultiAddress":
        cases = judge.types[number]["def"]["variant"]["variants"]
        return st.one_of([_case_values(judge, case, depth) for case in cases if case["name"] != "Index"])
    if path.endswith("::RuntimeCall"):
        if depth > MAX_DEPTH:
            return st.just({"call_module": "System", "call_function": "remark", "call_args": {"remark": b"deep"}})
        pallets = judge.types[number]["def"]["variant"]["variants"]
        return st.deferred(lambda: st.one_of([_foreign_calls(judge, pallet, depth) for pallet in pallets]))
    if path.endswith("::RuntimeEvent") and depth > MAX_DEPTH:
        return st.just({"System": "CodeUpdated"})
    return None


def _foreign_calls(judge: Judge, pallet: dict[str, Any], depth: int) -> SearchStrategy[Any]:
    calls = judge.types[pallet["fields"][0]["type"]]["def"]["variant"]["variants"]
    return st.one_of(
        [
            st.fixed_dictionaries(
                {
                    "call_module": st.just(pallet["name"]),
                    "call_function": st.just(call["name"]),
                    "call_args": st.fixed_dictionaries(
                        {field["name"]: foreign_values(judge, field["type"], depth + 1) for field in call["fields"]}
                    ),
                }
            )
            for call in calls
        ]
    )


def _primitive_values(name: str) -> SearchStrategy[Any]:
    if name == "bool":
        return st.booleans()
    if name == "str":
        return st.text(max_size=4).filter(lambda text: not text.startswith("0x"))
    return st.integers(0, (1 << int(name.removeprefix("u"))) - 1)


def _case_values(judge: Judge, case: dict[str, Any], depth: int) -> SearchStrategy[Any]:
    if not case["fields"]:
        return st.just(case["name"])
    if len(case["fields"]) == 1 and not case["fields"][0]["name"]:
        only = foreign_values(judge, case["fields"][0]["type"], depth + 1)
        return only.map(lambda value: {case["name"]: value})
    return _field_values(judge, case["fields"], depth + 1).map(lambda content: {case["name"]: content})


def _field_values(judge: Judge, fields: list[dict[str, Any]], depth: int) -> SearchStrategy[Any]:
    if fields and fields[0]["name"]:
        return st.fixed_dictionaries({field["name"]: foreign_values(judge, field["type"], depth) for field in fields})
    values = st.tuples(*(foreign_values(judge, field["type"], depth) for field in fields))
    return values.map(list) if fields else st.just({})
