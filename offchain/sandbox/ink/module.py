"""A contract's Wasm module: what is wrong with it, and the module that is run in its place.

Overview
    A contract exports `deploy` and `call`, and imports one memory and functions of the seal interface, nothing else.
    The module that is run has a memory and a counter of its own and no custom sections; and for each function there is
    a second one, in its place, which counts what the first one's frame may take of the native stack before it calls it.
    So a contract that recurses too deep traps at the same call on every machine, far before the real stack ends:

        index       0 … imports | imports … imports + n | imports + n … imports + 2n
        before      imported    | the contract's        |
        after       imported    | guards                | the contract's

    All that names a function by its index, calls, exports, tables, names its guard from then on: no body is rewritten.

Errors
    `InvalidModule`: what no contract is. Types of functions, bodies and segments are left to wasmtime, which is to
    find both the contract's module and the one made of it valid before any of it runs.

Out of scope
    What the imported functions do: `seal`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

MAGIC = b"\0asm\x01\0\0\0"
MAX_PAGES = 64
"""Of a contract's memory, 64 KiB each; Phala's bound, four times that of `pallet-contracts`."""
MAX_IMPORTS, MAX_FUNCTIONS, MAX_LOCALS, MAX_BODY = 128, 8192, 1024, 64 * 1024
MAX_FUNCTION_LOOPS, MAX_LOOPS = 1024, 8192
MAX_FUNCTION_WORK, MAX_WORK = 8 << 20, 32 << 20
"""Of a function, and of all: locals times bytes. The more there are of these and of loops the longer compiling takes,
and no run can interrupt it: within the bounds some seconds at most, of what people write a tenth of one."""
STACK_UNITS = 512 * 1024
"""Of 8 bytes: what the frames of one contract's calls may take of the native stack together."""
FRAME_UNITS = 32
"""Of a frame without locals and its guard's: return addresses, and registers that are saved."""
COUNTER = "stack"
"""The exported counter: above `STACK_UNITS` after a trap, the recursion was too deep."""

_TYPE, _IMPORT, _FUNCTION, _MEMORY, _GLOBAL, _EXPORT, _START, _CODE = 1, 2, 3, 5, 6, 7, 8, 10
_ORDER = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11)
_I32, _I64, _FUNCREF_KIND, _MEMORY_KIND, _GLOBAL_KIND = 0x7F, 0x7E, 0, 2, 3

_LOOP = re.compile(rb"\x03[\x40\x7b-\x7f]")
"""Each loop begins like this, and a number now and then."""

Signature = tuple[str, str]
"""Parameters and results, a letter each: `i` an i32, `I` an i64."""


class InvalidModule(ValueError):
    """The module is no contract's; the message says why."""


class _Reader:
    """Reads a module's bytes from the front."""

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data, self.at, self.end = data, at, len(data) if end is None else end

    def number(self) -> int:
        """An unsigned LEB128 of at most 32 bits."""
        found = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                if found >> 32:
                    break
                return found
        raise InvalidModule("the module has a number that is no u32")

    def byte(self) -> int:
        if self.at >= self.end:
            raise InvalidModule("the module ends inside a section")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, length: int) -> bytes:
        if length > self.end - self.at:
            raise InvalidModule("the module ends inside a section")
        self.at += length
        return self.data[self.at - length : self.at]

    def name(self) -> str:
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise InvalidModule("the module has a name that is not UTF-8") from None

    def rest(self) -> bytes:
        return self.take(self.end - self.at)


class _Import(NamedTuple):
    """An imported function, and the type that it is imported as."""

    module: str
    name: str
    type: int


class _Type(NamedTuple):
    parameters: bytes
    results: bytes


def guarded(wasm: bytes, seals: Mapping[tuple[str, str], Signature]) -> bytes:
    """The module that is run in the place of a contract's. Raises `InvalidModule`.

    `seals` are the functions that may be imported, by module and name. Memory, counter and the two entries are exported
    under the names `memory`, `COUNTER`, `deploy` and `call`.
    """
    sections = _sections(wasm)
    types = list(_types(sections.get(_TYPE, b"\0")))
    functions, pages = _imports(sections.get(_IMPORT, b"\0"), types, seals)
    own = _functions(sections.get(_FUNCTION, b"\0"), types)
    if _START in sections:
        raise InvalidModule("the module has a start function, which would run before anybody calls it")
    if _MEMORY in sections:
        raise InvalidModule("the module has a memory of its own: contracts import `env.memory`")
    entries = _entries(sections.get(_EXPORT, b"\0"), functions, own, types)
    bodies = _bodies(sections.get(_CODE, b"\0"), len(own))
    _check_work(zip((types[type] for type in own), bodies, strict=True))
    count, globals_ = _globals(sections.get(_GLOBAL, b"\0"))
    first = len(functions) + len(own)
    guards = [
        _guard(types[type], body, first + place, count)
        for place, (type, body) in enumerate(zip(own, bodies, strict=True))
    ]
    made = dict(sections)
    made[_IMPORT] = _vector(
        _text(each.module) + _text(each.name) + bytes((_FUNCREF_KIND,)) + _leb(each.type) for each in functions
    )
    made[_FUNCTION] = _vector(_leb(type) for type in (*own, *own))
    made[_MEMORY] = _vector([b"\1" + _leb(pages[0]) + _leb(pages[1])])
    made[_GLOBAL] = _leb(count + 1) + globals_ + bytes((_I32, 1, 0x41, 0, 0x0B))  # (mut i32) (i32.const 0)
    exports = [_text(name) + bytes((_FUNCREF_KIND,)) + _leb(index) for name, index in entries.items()]
    exports += [_text("memory") + bytes((_MEMORY_KIND, 0)), _text(COUNTER) + bytes((_GLOBAL_KIND,)) + _leb(count)]
    made[_EXPORT] = _vector(exports)
    made[_CODE] = _vector(_leb(len(body)) + body for body in (*guards, *bodies))
    return MAGIC + b"".join(bytes((id,)) + _leb(len(made[id])) + made[id] for id in _ORDER if id in made)


def _sections(wasm: bytes) -> dict[int, bytes]:
    if not wasm.startswith(MAGIC):
        raise InvalidModule("it is no Wasm module of version 1")
    reader, found = _Reader(wasm, len(MAGIC)), dict[int, bytes]()
    last = -1
    while reader.at < reader.end:
        id = reader.byte()
        content = reader.take(reader.number())
        if id == 0:
            continue
        place = _ORDER.index(id) if id in _ORDER else -1
        if place <= last:
            raise InvalidModule(f"the module has a section {id} that is unknown, twice there, or out of order")
        last, found[id] = place, content
    return found


def _types(section: bytes) -> Iterator[_Type]:
    reader = _Reader(section)
    for _ in range(reader.number()):
        if reader.byte() != 0x60:
            raise InvalidModule("the module has a type that is no function's")
        parameters = reader.take(reader.number())
        yield _Type(parameters, reader.take(reader.number()))


def _imports(
    section: bytes, types: list[_Type], seals: Mapping[tuple[str, str], Signature]
) -> tuple[list[_Import], tuple[int, int]]:
    """The imported functions, and the memory's least and most pages."""
    reader, found, pages = _Reader(section), list[_Import](), None
    count = reader.number()
    if count > MAX_IMPORTS:
        raise InvalidModule(f"the module imports {count} things, more than {MAX_IMPORTS}")
    for _ in range(count):
        module, name, kind = reader.name(), reader.name(), reader.byte()
        if kind == _FUNCREF_KIND:
            type = reader.number()
            wanted = seals.get((module, name))
            if wanted is None:
                raise InvalidModule(f"the module imports {module}.{name}, which no contract is given")
            if type >= len(types) or _signature(types[type]) != wanted:
                raise InvalidModule(f"the module imports {module}.{name} with other parameters or results than it has")
            found.append(_Import(module, name, type))
        elif kind == _MEMORY_KIND and (module, name) == ("env", "memory") and pages is None:
            pages = _limits(reader)
        else:
            raise InvalidModule(f"the module imports {module}.{name}: contracts import functions and one `env.memory`")
    return found, pages or (1, 1)


def _limits(reader: _Reader) -> tuple[int, int]:
    flags, least = reader.byte(), reader.number()
    most = reader.number() if flags == 1 else MAX_PAGES
    if flags not in (0, 1) or not least <= most <= MAX_PAGES:
        raise InvalidModule(f"the module's memory has to have from 0 to {MAX_PAGES} pages, and not be shared")
    return least, most


def _functions(section: bytes, types: list[_Type]) -> list[int]:
    reader = _Reader(section)
    count = reader.number()
    if count > MAX_FUNCTIONS:
        raise InvalidModule(f"the module has {count} functions, more than {MAX_FUNCTIONS}")
    found = [reader.number() for _ in range(count)]
    if any(type >= len(types) for type in found):
        raise InvalidModule("the module has a function of a type that isn't there")
    return found


def _entries(section: bytes, functions: list[_Import], own: list[int], types: list[_Type]) -> dict[str, int]:
    reader, found = _Reader(section), dict[str, int]()
    for _ in range(reader.number()):
        name, kind, index = reader.name(), reader.byte(), reader.number()
        if name in ("call", "deploy"):
            place = index - len(functions)
            if kind != _FUNCREF_KIND or not 0 <= place < len(own) or types[own[place]] != _Type(b"", b""):
                raise InvalidModule(f"the module exports {name} as something else than a function without parameters")
            found[name] = index
    if len(found) != 2:
        raise InvalidModule("the module does not export both `call` and `deploy`")
    return found


def _globals(section: bytes) -> tuple[int, bytes]:
    """Their number, and the bytes that describe them; none is imported."""
    reader = _Reader(section)
    return reader.number(), reader.rest()


def _bodies(section: bytes, count: int) -> list[bytes]:
    reader = _Reader(section)
    if reader.number() != count:
        raise InvalidModule("the module has not one body for each function")
    found = [reader.take(reader.number()) for _ in range(count)]
    if any(len(body) > MAX_BODY for body in found):
        raise InvalidModule(f"the module has a function of more than {MAX_BODY} bytes")
    return found


def _check_work(functions: Iterable[tuple[_Type, bytes]]) -> None:
    """Raises `InvalidModule` where compiling would take too long."""
    work, loops = 0, 0
    for type, body in functions:
        this = (len(type.parameters) + _locals(body)) * len(body)
        turns = len(_LOOP.findall(body))
        work, loops = work + this, loops + turns
        if this > MAX_FUNCTION_WORK or turns > MAX_FUNCTION_LOOPS or work > MAX_WORK or loops > MAX_LOOPS:
            raise InvalidModule("the module has more locals in large functions, or more loops, than are compiled")


def _guard(type: _Type, body: bytes, index: int, counter: int) -> bytes:
    """Counts the frame of function `index` while it runs, and traps where it would be too deep."""
    cost = FRAME_UNITS + len(type.parameters) + _locals(body) + len(body)  # a byte makes at most one value
    get, add, subtract = b"\x23" + _leb(counter), b"\x41" + _signed(cost) + b"\x6a", b"\x41" + _signed(cost) + b"\x6b"
    put = b"\x24" + _leb(counter)
    enter = get + add + put + get + b"\x41" + _signed(STACK_UNITS) + b"\x4b\x04\x40\x00\x0b"
    arguments = b"".join(b"\x20" + _leb(place) for place in range(len(type.parameters)))
    return b"\0" + enter + arguments + b"\x10" + _leb(index) + get + subtract + put + b"\x0b"


def _locals(body: bytes) -> int:
    reader, found = _Reader(body), 0
    for _ in range(reader.number()):
        found += reader.number()
        reader.byte()
        if found > MAX_LOCALS:
            raise InvalidModule(f"the module has a function with more than {MAX_LOCALS} locals")
    return found


def _signature(type: _Type) -> Signature:
    return _letters(type.parameters), _letters(type.results)


def _letters(kinds: bytes) -> str:
    return "".join({_I32: "i", _I64: "I"}.get(kind, "?") for kind in kinds)


def _vector(items: Iterable[bytes]) -> bytes:
    listed = list(items)
    return _leb(len(listed)) + b"".join(listed)


def _text(name: str) -> bytes:
    return _leb(len(name.encode())) + name.encode()


def _leb(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(found) + bytes((number,))


def _signed(number: int) -> bytes:
    """A positive number as signed LEB128."""
    found = bytearray()
    while number >= 0x40:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(found) + bytes((number,))
