"""What changed from one runtime's metadata to another's: pallets, calls, events, errors, storage, constants.

    for change in differences(before, after):
        print(change.sign, change.what)         # "+ call Balances.burn(value: Compact<Balance>, keep_alive: bool)"

Forms are compared by index, and names and types of arguments. A type whose name stays and whose content changes is told
as such, by its parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from offchain.connect.decoder import Argument, PalletForm
from offchain.connect.portable import PortableDecoder
from pallets.primitives.portable_types import Cases, Composite


class Change(NamedTuple):
    """`sign` is `+`, `-`, or `~` for what is there and different."""

    sign: str
    kind: str
    pallet: str
    name: str
    before: str | None
    after: str | None

    @property
    def text(self) -> str:
        """The change in a line."""
        whole = f"{self.pallet}.{self.name}" if self.name else self.pallet
        if self.sign == "~":
            return f"~ {self.kind} {whole}: {self.before} -> {self.after}"
        form = self.after if self.sign == "+" else self.before
        return f"{self.sign} {self.kind} {whole}{form or ''}"


def differences(before: PortableDecoder, after: PortableDecoder) -> list[Change]:
    """All changes, pallet by pallet."""
    old, new = ({each.name: each for each in decoder.pallets} for decoder in (before, after))
    found: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            found.append(Change("-", "pallet", name, "", "", None))
        elif name not in old:
            found.append(Change("+", "pallet", name, "", None, f" (index {new[name].index})"))
        else:
            found += _in_pallet(old[name], new[name])
    found += _parts("extension", "", _extensions(before), _extensions(after))
    found += _parts("type", "", _types(before), _types(after))
    return found


def _in_pallet(old: PalletForm, new: PalletForm) -> Iterator[Change]:
    if old.index != new.index:
        yield Change("~", "pallet", old.name, "", f"index {old.index}", f"index {new.index}")
    for kind, forms in (("call", _calls), ("event", _events), ("error", _errors), ("storage", _storage)):
        yield from _parts(kind, old.name, forms(old), forms(new))
    yield from _parts("constant", old.name, _constants(old), _constants(new))


def _parts(kind: str, pallet: str, old: dict[str, str], new: dict[str, str]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after:
            sign = "+" if before is None else "-" if after is None else "~"
            yield Change(sign, kind, pallet or name, name if pallet else "", before, after)


def _calls(pallet: PalletForm) -> dict[str, str]:
    return {each.name: f"({_listed(each.arguments)}) (index {each.index})" for each in pallet.calls}


def _events(pallet: PalletForm) -> dict[str, str]:
    return {each.name: f"({_listed(each.fields)}) (index {each.index})" for each in pallet.events}


def _errors(pallet: PalletForm) -> dict[str, str]:
    return {each.name: f" (index {each.index})" for each in pallet.errors}


def _storage(pallet: PalletForm) -> dict[str, str]:
    made = {}
    for each in pallet.storage:
        keys = ", ".join(f"{hasher} {key}" for hasher, key in zip(each.hashers, each.keys, strict=True))
        made[each.name] = f"({keys}) -> {each.value}{'?' if each.optional else ''}"
    return made


def _constants(pallet: PalletForm) -> dict[str, str]:
    return {each.name: f" {each.type} = {each.value}" for each in pallet.constants}


def _extensions(decoder: PortableDecoder) -> dict[str, str]:
    return {each.identifier: f" (place {place})" for place, each in enumerate(decoder.schema.extensions)}


def _types(decoder: PortableDecoder) -> dict[str, str]:
    """The parts of types that have a path; several types of one path are told apart by their parts."""
    made: dict[str, set[str]] = {}
    for type in decoder.schema.types.values():
        if len(type.path) > 1 and not type.params and not _is_outer(type.path):
            made.setdefault("::".join(type.path), set()).add(_content(type.definition))
    return {path: " | ".join(sorted(contents)) for path, contents in made.items() if len(contents) == 1}


def _content(definition: Any) -> str:
    match definition:
        case Composite(fields):
            return " {" + ", ".join(f"{each.name or ''}: {each.type_name or '?'}" for each in fields) + "}"
        case Cases(cases):
            return " [" + ", ".join(f"{case.name}({len(case.fields)})" for case in cases) + "]"
    return f" {definition.__class__.__name__}"


def _is_outer(path: list[str]) -> bool:
    """Calls, events and errors of pallets are told as such."""
    return path[-1] in ("Call", "Event", "Error", "RuntimeCall", "RuntimeEvent", "RuntimeError", "OriginCaller") or (
        path[-1].startswith("Runtime")
    )


def _listed(arguments: list[Argument]) -> str:
    return ", ".join(f"{each.name}: {each.resolved}" for each in arguments)
