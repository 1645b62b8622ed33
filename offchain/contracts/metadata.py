"""A contract's metadata, as `cargo contract build` writes it for ink! 3, 4 and 5: messages in, results and events out.

## Overview

`Metadata` reads `metadata.json`, or a `.contract` file, which has the Wasm too. Arguments, results and events are plain
values as `offchain.described` has them; `plain_json` makes JSON of these. An `AccountId` is an SS58 address or hex.

## Usage

```python
metadata = Metadata.read(Path("erc20.contract"))
data = metadata.message("transfer").encode(["5Grw…", 10])
metadata.message("transfer").decode(returned)        # {"Ok": ()}, of the message's own result
name, fields = metadata.event(topics, data)
```

## Errors

`BadMetadata`, `NoCode`, `NoSuchMessage`, `BadArguments`; see `errors`.

Source: `ink_metadata`, whose `ContractMetadata` has version 3, under `"V3"`, 4 and 5.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offchain.contracts.errors import BadArguments, BadMetadata, NoCode, NoSuchMessage
from offchain.described import ACCOUNT, BadValue, Described
from offchain.metadata import Registry
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
    Tuple,
    Type,
    VariantCase,
)
from pallets.primitives.portable_types import Sequence as SequenceOf
from pallets.primitives.portable_writing import Writer
from pallets.primitives.scale import DecodeError

ACCOUNTS = (
    ["ink_env", "types", "AccountId"],
    ["ink_primitives", "AccountId"],
    ["ink_primitives", "types", "AccountId"],
)
VERSIONS = (3, 4, 5)


class ContractTypes(Described):
    """The types of a contract, whose values are read and written as the chain's are."""

    def __init__(self, types: list[PortableType]) -> None:
        self._types = {each.id: each.type for each in types}
        self._registry = Registry(types)
        self._writer = Writer(self._types)

    def is_message_result(self, type: int) -> bool:
        """Whether a result is wrapped in one that says if the message was understood."""
        params = [each.type for each in self._types[type].params]
        return any(each is not None and self._types[each].path[-1:] == ["LangError"] for each in params)


@dataclass(frozen=True)
class Message:
    """A constructor or a message."""

    label: str
    selector: bytes
    arguments: list[tuple[str, int]]
    """Names and types."""
    result: int | None
    mutates: bool
    payable: bool
    types: ContractTypes

    def encode(self, arguments: Sequence[Any]) -> bytes:
        """Selector and arguments. Raises `BadArguments`."""
        if len(arguments) != len(self.arguments):
            wanted = ", ".join(name for name, _ in self.arguments) or "nothing"
            raise BadArguments(f"{self.label} takes {wanted}, not {len(arguments)} arguments")
        try:
            parts = [
                self.types.encode(type, value, name)
                for (name, type), value in zip(self.arguments, arguments, strict=True)
            ]
        except BadValue as error:
            raise BadArguments(f"{self.label}: {error}") from None
        return self.selector + b"".join(parts)

    def decode(self, data: bytes) -> Any:
        """What the contract returned, out of the `MessageResult` of ink! 4 and 5; raises `DecodeError`."""
        if self.result is None:
            return None
        if self.types.is_message_result(self.result):
            found = self.types.decode(self.result, data)
            return found["Ok"] if isinstance(found, dict) and "Ok" in found else None if found == "Ok" else found
        try:
            return self.types.decode(self.result, data)
        except DecodeError:
            if data[:1] != b"\0":
                raise
            return self.types.decode(self.result, data[1:])  # first versions of ink! 4 don't say that they wrap it


class Metadata:
    """A contract as its metadata describes it."""

    def __init__(self, told: Any) -> None:
        """Raises `BadMetadata`."""
        try:
            self.name = str(told["contract"]["name"])
            self.version, body = _body(told)
            wasm = told.get("source", {}).get("wasm")
            self.wasm = None if wasm is None else bytes.fromhex(wasm[2:])
            types = [_type(each) for each in body["types"]]
            self._events: list[tuple[str, list[str], int, bytes | None]] = []
            for event in body["spec"]["events"]:
                id = len(types) + max((each.id for each in types), default=0) + 1
                fields = [int(each["type"]["type"]) for each in event["args"]]
                types.append(PortableType(id, Type([], [], Tuple(fields))))
                topic = event.get("signature_topic")
                names = [str(each["label"]) for each in event["args"]]
                self._events.append((event["label"], names, id, topic and bytes.fromhex(topic[2:])))
            self.types = ContractTypes(types)
            spec = body["spec"]
            self.constructors = {each["label"]: self._message(each) for each in spec["constructors"]}
            self.messages = {each["label"]: self._message(each) for each in spec["messages"]}
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise BadMetadata(f"this is no metadata of a contract: {error!r}") from None

    @classmethod
    def read(cls, path: Path) -> Metadata:
        """Of a file. Raises `BadMetadata` and `OSError`."""
        try:
            return cls(json.loads(path.read_bytes()))
        except ValueError:
            raise BadMetadata(f"{path} is no JSON: give metadata.json, or a .contract file") from None

    def code(self, wasm: Path | None = None) -> bytes:
        """The contract's Wasm, of a file of its own or the metadata's. Raises `NoCode` and `OSError`."""
        if wasm is not None:
            return wasm.read_bytes()
        if self.wasm is None:
            raise NoCode(f"the metadata of {self.name} has no Wasm: give the .contract file, or --wasm FILE")
        return self.wasm

    def constructor(self, label: str) -> Message:
        """A constructor by its name. Raises `NoSuchMessage`."""
        return _named(self.constructors, label, "constructor")

    def message(self, label: str) -> Message:
        """A message by its name. Raises `NoSuchMessage`."""
        return _named(self.messages, label, "message")

    def event(self, topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]] | None:
        """Name and fields of an event of this contract's; `None` where it is none of them.

        From ink! 5 on its first topic says which it is, before that its first byte.
        """
        for place, (label, names, type, topic) in enumerate(self._events):
            if self.version >= 5:
                body = data if topic is not None and topic in topics else None
            else:
                body = data[1:] if data[:1] == bytes((place,)) else None
            if body is not None:
                try:
                    found = self.types.decode(type, body)
                except DecodeError:
                    return None
                return label, dict(zip(names, found if len(names) != 1 else [found], strict=True)) if names else {}
        return None

    def _message(self, told: Any) -> Message:
        result = told.get("returnType")
        return Message(
            told["label"],
            bytes.fromhex(told["selector"][2:]),
            [(str(each["label"]), int(each["type"]["type"])) for each in told["args"]],
            None if result is None else int(result["type"]),
            bool(told.get("mutates", True)),
            bool(told.get("payable", False)),
            self.types,
        )


def _body(told: Any) -> tuple[int, Any]:
    """The version, and what has types and messages."""
    for version in VERSIONS:
        if f"V{version}" in told:
            return version, told[f"V{version}"]
    version = int(told.get("version", 0))
    if version not in VERSIONS:
        raise BadMetadata(f"the metadata has version {version or 'none'}: versions 3, 4 and 5 are read")
    return version, told


def _named(messages: dict[str, Message], label: str, kind: str) -> Message:
    found = messages.get(label)
    if found is None:
        raise NoSuchMessage(f"the contract has no {kind} {label!r}, but {', '.join(messages) or 'none'}")
    return found


def _type(told: Any) -> PortableType:
    inner = told["type"]
    path = [str(part) for part in inner.get("path", ())]
    params = [Parameter(each["name"], each.get("type")) for each in inner.get("params", ())]
    return PortableType(told["id"], Type(ACCOUNT if path in ACCOUNTS else path, params, _definition(inner["def"])))


def _definition(told: Any) -> Definition:
    ((kind, body),) = told.items()
    match kind:
        case "primitive":
            return Basic(Primitive[body])
        case "composite":
            return Composite(_fields(body.get("fields", ())))
        case "variant":
            return Cases(
                [
                    VariantCase(each["name"], _fields(each.get("fields", ())), each["index"])
                    for each in body.get("variants", ())
                ]
            )
        case "array":
            return Array(body["len"], body["type"])
        case "sequence":
            return SequenceOf(body["type"])
        case "tuple":
            return Tuple(list(body))
        case "compact":
            return CompactForm(body["type"])
    raise BadMetadata(f"the metadata has a type of the kind {kind!r}")


def _fields(told: Any) -> list[Field]:
    return [Field(each.get("name"), each["type"]) for each in told]
