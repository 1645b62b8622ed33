"""A step of execution as people are shown it: cost, events, the error decoded, and what changed, raw and by names.

Events and named changes have the form of Chopsticks: `section` and `method` as polkadot.js writes them, `old` and `new`
as objects by section, method and keys, and their `delta` in jsondiffpatch's form.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from node.executor import ExtrinsicSummary, Runtime
from node.rpc.context import optional_hex, to_hex
from node.trial import Change, Step
from pallets.frame.events import Event
from pallets.frame.json_values import camel, json_of_error, json_of_fields, json_of_value
from pallets.primitives import ss58

JsonDiff = list[list[str | None]]


def step_json(step: Step) -> dict[str, Any]:
    """Outcome, cost and events. The fee is in the smallest units, as a string; `null` where nobody pays."""
    info = step.info
    return {
        "success": step.error is None,
        "error": None if step.error is None else json_of_error(step.error),
        "fee": None if step.fee is None else str(step.fee),
        "weight": info and {"ref_time": info.weight.ref_time, "proof_size": info.weight.proof_size},
        "class": info and info.class_.name.lower(),
        "paysFee": info and info.pays_fee.name == "Yes",
        "events": [event_json(event) for event in step.events],
    }


def event_json(event: Event) -> dict[str, Any]:
    """An event by its names, with its fields in order and by name."""
    section, _, method = type(event).__qualname__.rpartition(".")
    fields = json_of_fields(event)
    return {"section": decapitalised(section), "method": method, "args": list(fields.values()), "argObj": fields}


def extrinsic_json(summary: ExtrinsicSummary) -> dict[str, Any]:
    """An extrinsic's call with its arguments, and who signed it."""
    section, _, method = summary.name.partition(".")
    arguments = {camel(name): json_of_value(kind, value) for name, kind, value in summary.arguments}
    signer = None if summary.signer is None else ss58.encode(summary.signer)
    return {"section": decapitalised(section), "method": camel(method), "argObj": arguments, "signer": signer}


def raw_diff(changes: Iterable[Change]) -> JsonDiff:
    """Changed keys with their new values, `null` where one goes."""
    return [[to_hex(change.key), optional_hex(change.after)] for change in changes]


def named_diff(runtime: Runtime, changes: Iterable[Change]) -> dict[str, Any]:
    """What changed, by names, before and after; what has no names stands under its key."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for change in changes:
        for side, value in ((old, change.before), (new, change.after)):
            if value is not None:
                path, shown = _place(runtime, change.key, value)
                for part in path[:-1]:
                    side = side.setdefault(part, {})
                side[path[-1]] = shown
    return {"old": old, "new": new, "delta": delta(old, new)}


def parsed_entry(runtime: Runtime, key: bytes, value: bytes | None) -> dict[str, Any] | None:
    """An entry by its names, `null` where it has none."""
    entry = runtime.show_entry(key, value)
    if entry is None:
        return None
    names = {"section": decapitalised(entry.pallet), "method": decapitalised(entry.item)}
    return {**names, "key": entry.keys, "value": entry.value}


def delta(old: Any, new: Any) -> Any:
    """The difference of two JSON values: `[new]` came, `[old, new]` changed, `[old, 0, 0]` went; `None` is equal."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return None if old == new else [old, new]
    found: dict[str, Any] = {}
    for key in {**old, **new}:
        if key not in new:
            found[key] = [old[key], 0, 0]
        elif key not in old:
            found[key] = [new[key]]
        elif (inner := delta(old[key], new[key])) is not None:
            found[key] = inner
    return found or None


def decapitalised(name: str) -> str:
    """`TransactionPayment` as `transactionPayment`."""
    return name[:1].lower() + name[1:]


def _place(runtime: Runtime, key: bytes, value: bytes) -> tuple[list[str], Any]:
    entry = parsed_entry(runtime, key, value)
    if entry is None:
        return [to_hex(key)], to_hex(value)
    keys = [part if isinstance(part, str) else json.dumps(part) for part in entry["key"]]
    return [entry["section"], entry["method"], *keys], entry["value"]
