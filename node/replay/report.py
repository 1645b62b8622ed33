"""What `fathom replay` tells: plain values for programs, tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from node.replay.block import Change, Executed, RecordedBlock, Step
from node.replay.comparison import Compared
from node.replay.names import Names
from node.wasm.call import Timing
from offchain.connect.decoder import Event
from offchain.connect.output import one_line_of, print_table, printable
from offchain.connect.shown import event_json, failure

MILLION = 1e6
INSIDE = "–"
"""The time of host functions that run inside Wasm, and are counted alone."""
SHOWN_FUNCTIONS = 16
MARKS = {True: "same", False: "DIFFERENT", None: "not compared"}


@dataclass(frozen=True)
class Outcome:
    """A block that was executed again."""

    block: RecordedBlock
    executed: Executed
    compared: Sequence[Compared]
    read_names: Callable[[], tuple[Names, str | None]]
    """`Names.of` the runtime's metadata, which takes a while."""
    traced: bool

    @property
    def names(self) -> Names:
        """What the runtime's metadata says of storage, calls and events."""
        return self._named[0]

    @property
    def problem(self) -> str | None:
        """Why nothing is called by its name."""
        return self._named[1]

    @cached_property
    def _named(self) -> tuple[Names, str | None]:
        return self.read_names()

    @property
    def matches(self) -> bool:
        """Whether nothing came out otherwise than was said."""
        return all(each.matches is not False for each in self.compared)

    @property
    def difference(self) -> str:
        """What came out otherwise, in one line."""
        wrong = [each for each in self.compared if each.matches is False]
        reasons = (
            f"{each.what} {each.note or f'is {each.found}, the header says {each.said}'}"
            if each.what != "execution"
            else f"{each.note}"
            for each in wrong
        )
        return f"block {self.block.number} doesn't come out as it was: {'; '.join(reasons)}"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome in plain values; times in milliseconds of processor time."""
    block, executed = outcome.block, outcome.executed
    whole, events = executed.whole, outcome.names.events(executed.events)
    made: dict[str, Any] = {
        "block": block.number,
        "hash": block.hash,
        "parent_hash": block.header.parent_hash,
        "runtime": executed.runtime,
        "spec_version": executed.spec_version,
        "executed_by": "pallets" if executed.is_native else "wasm",
        "matches": outcome.matches,
        "compared": {each.what.replace(" ", "_"): _compared(each) for each in outcome.compared},
        "events": None if events is None else [event_json(event) for event in events],
        "milliseconds": _milliseconds(outcome),
        "fuel": whole.fuel if whole else None,
        "memory_bytes": whole.memory_bytes if whole else None,
        "host_functions": [
            {"name": name, "calls": timing.calls, "milliseconds": timing.nanoseconds / MILLION}
            for name, timing in _functions(executed)
        ],
        "steps": [_step(outcome, step, events) for step in executed.steps],
    }
    return made | ({"problem": outcome.problem} if outcome.problem else {})


def _compared(each: Compared) -> dict[str, Any]:
    made = {"matches": each.matches, "said": each.said, "found": each.found, "note": each.note}
    return {name: value for name, value in made.items() if value is not None or name == "matches"}


def _step(outcome: Outcome, step: Step, events: list[Event] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"step": step.name, "milliseconds": step.nanoseconds / MILLION}
    if step.name.isdecimal():
        made |= {"call": outcome.names.call(outcome.block.extrinsics[int(step.name)]), "result": step.result}
        made["failure"] = _failure(outcome, step, events)
    if step.error is not None:
        made["error"] = step.error
    if outcome.traced:
        made["changes"] = [_change(outcome.names, change) for change in step.changes]
    return made


def _change(names: Names, change: Change) -> dict[str, Any]:
    made: dict[str, Any] = {"key": change.key, "before": change.before, "after": change.after}
    if change.child is not None:
        return {"child": change.child, **made}
    name = names.name(change.key)
    plain = {
        "value_before": names.value(change.key, change.before),
        "value_after": names.value(change.key, change.after),
    }
    return {"item": name.item, "keys": name.keys, **made, **plain}


def _failure(outcome: Outcome, step: Step, events: list[Event] | None) -> str | None:
    """What an included extrinsic failed with, in words."""
    found = failure([event for event in events or () if event.extrinsic == int(step.name)])
    if found is not None and outcome.names.decoder is not None:
        return outcome.names.decoder.error(found)
    return f"0x{step.result.hex()}" if step.result[:2] == b"\0\1" else None


def _milliseconds(outcome: Outcome) -> float:
    executed = outcome.executed
    if executed.whole is not None and executed.whole.error is None:
        return executed.whole.nanoseconds / MILLION
    return sum(step.nanoseconds for step in executed.steps) / MILLION


def _functions(executed: Executed) -> list[tuple[str, Timing]]:
    """Host functions of the whole block, or of its steps: those that took longest first."""
    found: dict[str, Timing] = {}
    if executed.whole is not None and executed.whole.error is None:
        found = dict(executed.whole.host_functions)
    else:
        for step in executed.steps:
            for name, (calls, nanoseconds) in step.host_functions.items():
                before = found.get(name, Timing(0, 0))
                found[name] = Timing(before.calls + calls, before.nanoseconds + nanoseconds)
    return sorted(found.items(), key=lambda item: (-item[1].nanoseconds, -item[1].calls))


def show(outcome: Outcome) -> None:
    """Prints the outcome for people."""
    block, executed = outcome.block, outcome.executed
    by = "our own pallets" if executed.is_native else "its own Wasm"
    runtime = f"{printable(executed.runtime)} {executed.spec_version}"
    print(f"#{block.number:,}  0x{block.hash.hex()}  {runtime}, executed by {by}")
    rows = [(each.what, MARKS[each.matches], *_said(each)) for each in outcome.compared]
    print_table(("compared", "", "said", "came out"), rows)
    if outcome.problem is not None:
        print(f"Keys and events are shown as they are: {printable(outcome.problem)}")
    events = outcome.names.events(executed.events)
    steps = [
        (step.name, *_told(outcome, step, events), f"{step.nanoseconds / MILLION:.3f}", len(step.changes))
        for step in executed.steps
    ]
    columns = ("step", "call", "result", "ms", "changes")[: 5 if outcome.traced else 4]
    print_table(columns, [row[: len(columns)] for row in steps])
    if outcome.traced:
        for step in executed.steps:
            _show_changes(outcome.names, step)
    _show_functions(outcome)


def _said(each: Compared) -> tuple[str, str]:
    if each.matches is True:
        return each.found or "", ""
    return (each.note or each.said or "", "" if each.note else each.found or "")


def _told(outcome: Outcome, step: Step, events: list[Event] | None) -> tuple[str, str]:
    if not step.name.isdecimal():
        return "", step.error or ""
    call = outcome.names.call(outcome.block.extrinsics[int(step.name)]) or ""
    return call, step.error or _failure(outcome, step, events) or "ok"


def _show_changes(names: Names, step: Step) -> None:
    rows = [
        (
            f"0x{change.child.hex()}: 0x{change.key.hex()}"
            if change.child is not None
            else str(names.name(change.key)),
            *(_value(names, change, data) for data in (change.before, change.after)),
        )
        for change in step.changes
    ]
    if rows:
        print_table(("storage", "before", "after"), rows, title=_title(step.name))


def _title(name: str) -> str:
    return f"extrinsic {name}" if name.isdecimal() else name


def _value(names: Names, change: Change, data: bytes | None) -> str:
    if data is None:
        return INSIDE
    plain = data if change.child is not None else names.value(change.key, data)
    return one_line_of(f"0x{plain.hex()}" if isinstance(plain, bytes) else plain, 120)


def _show_functions(outcome: Outcome) -> None:
    executed, functions = outcome.executed, _functions(outcome.executed)
    total = _milliseconds(outcome)
    if not functions:
        print(f"{total:.3f} ms")
        return
    inside = sum(timing.nanoseconds for _, timing in functions) / MILLION
    rows: list[tuple[str, int | None, str]] = [
        (name, timing.calls, f"{timing.nanoseconds / MILLION:.3f}" if timing.nanoseconds else INSIDE)
        for name, timing in functions[:SHOWN_FUNCTIONS]
    ]
    if len(functions) > SHOWN_FUNCTIONS:
        rest = functions[SHOWN_FUNCTIONS:]
        took = sum(timing.nanoseconds for _, timing in rest) / MILLION
        rows.append((f"{len(rest)} others", sum(timing.calls for _, timing in rest), f"{took:.3f}"))
    rows += [("the runtime itself", None, f"{total - inside:.3f}"), ("in all", None, f"{total:.3f}")]
    print_table(("host function", "calls", "ms"), rows)
    if executed.whole is not None and executed.whole.error is None:
        print(f"{executed.whole.fuel:,} instructions, {executed.whole.memory_bytes >> 10:,} KiB of memory")
