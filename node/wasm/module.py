"""A runtime's Wasm binary, rearranged so that instances of it are cheap.

## Overview

Runtimes import their memory (old ones define it) and copy their data into it whenever they are instantiated: 0.5 ms a
call. Here the memory and the data segments move into a second module, the companion (`companion`): its memory's initial
content then is a copy-on-write image, and an instance costs 0.1 ms. Function indices stay as they are. Data that can't
be moved (passive segments, computed offsets) stays.

## Errors

`InvalidRuntime` for what isn't Wasm, or has no memory that could be the runtime's. wasmtime validates the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from node.wasm.errors import InvalidRuntime
from pallets.primitives.runtime_code import WASM_MAGIC

CUSTOM, TYPE, IMPORT, MEMORY, DATA, DATA_COUNT = 0, 1, 2, 5, 11, 12
FUNCTION_KIND, TABLE_KIND, MEMORY_KIND, GLOBAL_KIND, TAG_KIND = range(5)
NO_MAXIMUM = b"\0"
I32_CONST, END = 0x41, 0x0B


class Rearranged(NamedTuple):
    """A runtime that imports its memory, and what that memory is."""

    wasm: bytes
    memory_pages: int
    """The least the memory has; what a maximum the runtime states is not heeded, as in `sc-executor`."""
    data: bytes
    """The data section's content, for the companion; none where it stayed."""


class Section(NamedTuple):
    """A part of a module."""

    kind: int
    content: bytes


def rearrange(wasm: bytes) -> Rearranged:
    """Take memory and data out of a runtime; raises `InvalidRuntime`."""
    if not wasm.startswith(WASM_MAGIC):
        raise InvalidRuntime("the runtime is not a Wasm module of version 1")
    sections = list(_sections(wasm))
    defined = next((section for section in sections if section.kind == MEMORY), None)
    imports = next((section.content for section in sections if section.kind == IMPORT), b"\0")
    if defined is None:
        imports, pages = _without_maximum(imports)
    else:
        pages = _defined_pages(defined.content)
        count, at = _number(imports, 0)
        imports = leb128(count + 1) + imports[at:] + _name("env") + _name("memory") + _memory_import(pages)
    data = next((section.content for section in sections if section.kind == DATA), b"\0")
    movable = not any(section.kind == DATA_COUNT for section in sections) and _is_plain(data)
    kept = [
        section
        for section in sections
        if section.kind not in (IMPORT, MEMORY) and not (movable and section.kind == DATA)
    ]
    after_types = next((at for at, section in enumerate(kept) if section.kind > TYPE), len(kept))
    kept.insert(after_types, Section(IMPORT, imports))
    return Rearranged(WASM_MAGIC + b"".join(map(encoded, kept)), pages, data if movable else b"\0")


def encoded(section: Section) -> bytes:
    """A section as it stands in a module."""
    return bytes((section.kind,)) + leb128(len(section.content)) + section.content


def leb128(number: int) -> bytes:
    """An unsigned number as Wasm writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _sections(wasm: bytes) -> Iterator[Section]:
    at = len(WASM_MAGIC)
    while at < len(wasm):
        size, start = _number(wasm, at + 1)
        if start + size > len(wasm):
            raise InvalidRuntime(f"section {wasm[at]} at byte {at} runs past the end of the module")
        yield Section(wasm[at], wasm[start : start + size])
        at = start + size


def _without_maximum(imports: bytes) -> tuple[bytes, int]:
    """The import section, in which the memory has no maximum, and the memory's least pages."""
    count, at = _number(imports, 0)
    for _ in range(count):
        for _ in range(2):  # the module's name, and the import's
            length, at = _number(imports, at)
            at += length
        kind, at = _byte(imports, at)
        if kind == MEMORY_KIND:
            pages, end = _limits(imports, at)
            return imports[:at] + NO_MAXIMUM + leb128(pages) + imports[end:], pages
        if kind == FUNCTION_KIND:
            _, at = _number(imports, at)
        elif kind == TABLE_KIND:
            _, at = _limits(imports, at + 1)
        elif kind == GLOBAL_KIND:
            at += 2
        elif kind == TAG_KIND:
            _, at = _number(imports, at + 1)
        else:
            raise InvalidRuntime(f"an import of the runtime is of kind {kind}, which no Wasm of version 1 has")
    raise InvalidRuntime("the runtime neither imports nor defines a memory")


def _defined_pages(memories: bytes) -> int:
    count, at = _number(memories, 0)
    if count != 1:
        raise InvalidRuntime(f"the runtime defines {count} memories: a runtime has one")
    return _limits(memories, at)[0]


def _limits(data: bytes, at: int) -> tuple[int, int]:
    """The minimum of limits, and where they end."""
    flags, at = _byte(data, at)
    if flags > 1:
        raise InvalidRuntime("the runtime's memory is shared, or of 64 bits: a runtime's is neither")
    minimum, at = _number(data, at)
    if flags:
        _, at = _number(data, at)
    return minimum, at


def _memory_import(pages: int) -> bytes:
    return bytes((MEMORY_KIND,)) + NO_MAXIMUM + leb128(pages)


def _is_plain(data: bytes) -> bool:
    """Whether all segments go to places that are written down as numbers."""
    count, at = _number(data, 0)
    for _ in range(count):
        flags, at = _number(data, at)
        opcode, at = _byte(data, at)
        if flags or opcode != I32_CONST:
            return False
        _, at = _number(data, at)  # signed, but as long
        end, at = _byte(data, at)
        if end != END:
            return False
        length, at = _number(data, at)
        at += length
    return True


def _name(name: str) -> bytes:
    return leb128(len(name)) + name.encode()


def _byte(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise InvalidRuntime("the module ends inside a section")
    return data[at], at + 1


def _number(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 35, 7):
        byte, at = _byte(data, at)
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, at
    raise InvalidRuntime(f"the number before byte {at} of a section is longer than 32 bits")
