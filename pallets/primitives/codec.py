"""Annotation in, straight-line SCALE encoder and decoder out.

## Overview

`codec_of(U32)`, `codec_of(AccountInfo)`, `codec_of(list[Bounded])` each compile a type into two Python functions, once,
when one of these is first used. Nested composites are inlined; neighbouring fixed-width fields share one `struct` call.
That makes them 50 to 120 times faster than a codec that interprets a type registry, which matters because every storage
read and write passes here.

## Usage

```python
codec = codec_of(AccountInfo)
data = codec.encode(AccountInfo(nonce=1))
value, end = codec.decode(data, 0)
value = codec.decode_all(data)      # refuses trailing bytes
```

Types that only a composed runtime knows (`RuntimeCall`, ...) need a `Codecs` of that runtime, which resolves them. A
class whose wire form no annotation can say (`Era`) brings its own `__scale_encode__(value)` and
`__scale_decode__(data, at)`.

## Out of scope

Describing types to clients: `pallets.frame.types_registry` walks the same annotations.
Format: the SCALE codec of `parity-scale-codec`, canonical forms only.
"""

from __future__ import annotations

import dataclasses
import struct as _struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, get_args, get_origin

from pallets.primitives.annotations import find_marker, has_own_codec, option_of, split_annotation, struct_fields
from pallets.primitives.record import is_record
from pallets.primitives.scale import DecodeError, EncodeError, OtherAddress, compact, read_address, read_compact
from pallets.primitives.types import (
    AddressForm,
    BigEndian,
    Bound,
    Compacted,
    FixedBytes,
    Int,
    RuntimeType,
    UnitEnum,
    Variant,
)

T = TypeVar("T")

STRUCT_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
LOW_64 = (1 << 64) - 1


class Codec(Generic[T]):
    """The two functions of one type. `size` is the fixed width in bytes, or `None`; `source` is what was compiled.

    All four are made when one of them is first asked for: a program uses a part of the types that it declares.
    """

    __slots__ = ("annotation", "encode", "decode", "size", "source", "_make")

    annotation: Any
    encode: Callable[[T], bytes]
    decode: Callable[..., tuple[T, int]]
    size: int | None
    source: str

    def __init__(self, annotation: Any, make: Callable[[], Compiled]) -> None:
        self.annotation, self._make = annotation, make

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # of an empty slot
            if name not in Compiled._fields:
                raise AttributeError(f"a codec has no {name!r}")
            self.encode, self.decode, self.size, self.source = self._make()
            return getattr(self, name)

    def decode_all(self, data: bytes) -> T:
        """The value of exactly these bytes; raises `DecodeError` where some are left over."""
        value, end = self.decode(data, 0)
        if end != len(data):
            raise DecodeError(f"{len(data) - end} bytes follow the value of {end}")
        return value


class Compiled(NamedTuple):
    """What a codec is made of."""

    encode: Callable[[Any], bytes]
    decode: Callable[..., tuple[Any, int]]
    size: int | None = None
    source: str = ""


class Budget:
    """How many list elements may still be decoded: a short input can ask for millions of empty ones.

    Unlimited but inside `limited_to`, which bounds everything that is decoded in its block together.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left: int | None = None

    def spend(self, elements: int) -> None:
        """Takes note of a list; raises `DecodeError` where that is too much."""
        if self.left is not None:
            self.left -= elements
            if self.left < 0:
                raise DecodeError("the data has more list elements than are decoded at once")

    @contextmanager
    def limited_to(self, elements: int) -> Iterator[None]:
        before, self.left = self.left, elements
        try:
            yield
        finally:
            self.left = before


class RuntimeCodec(NamedTuple):
    """How a runtime writes and reads one of its own types; `decode(data, at) -> (value, end)`."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes, int], tuple[Any, int]]


class Codecs:
    """Codecs, one per type; `runtime_types` resolves what only a composed runtime knows."""

    def __init__(self, runtime_types: Mapping[str, RuntimeCodec] | None = None) -> None:
        self.runtime_types = dict(runtime_types or {})
        self.budget = Budget()
        self._codecs: dict[Any, Codec[Any]] = {}

    def of(self, annotation: Any, names: Mapping[str, Any] | None = None) -> Codec[Any]:
        """The codec of a type; `names` are further names its forward references may use."""
        found = self._codecs.get(annotation)
        if found is None:
            found = self._codecs[annotation] = Codec(annotation, lambda: _Compiler(self, names).compile(annotation))
        return found

    def tagged(self, tag: bytes, annotation: Any, names: Mapping[str, Any] | None = None) -> Codec[Any]:
        """The codec of a composite behind a tag: it writes both, and reads what follows the tag that has led to it."""
        return Codec(annotation, lambda: _Compiler(self, names).compile(annotation, tag))


class _Compiler:
    """Writes the source of one type's encoder and decoder, then compiles it."""

    def __init__(self, codecs: Codecs, names: Mapping[str, Any] | None) -> None:
        self.codecs, self.names = codecs, names
        self.scope: dict[str, Any] = {
            "DecodeError": DecodeError,
            "EncodeError": EncodeError,
            "StructError": _struct.error,
            "OtherAddress": OtherAddress,
            "compact": compact,
            "read_compact": read_compact,
            "new": object.__new__,
        }
        self.count = 0
        self.checks: list[str] = []  # statements of the encoder
        self.parts: list[tuple[str, list[str]] | str] = []  # fixed run (format, arguments) or bytes expression
        self.lines: list[str] = []  # statements of the decoder
        self.run: list[tuple[str, str]] = []  # pending fixed fields of the decoder: (format, name)
        self.made: list[str] = []  # statements of the decoder that put records together, when all is read

    def compile(self, annotation: Any, tag: bytes = b"") -> Compiled:
        base, markers = split_annotation(annotation)
        runtime = find_marker(markers, RuntimeType)
        if runtime is not None:
            found = self.codecs.runtime_types.get(runtime.name)
            if found is None:
                raise TypeError(f"{runtime.name} is known to a composed runtime only")
            return Compiled(found.encode, found.decode)
        if isinstance(base, type) and issubclass(base, Variant) and Variant in base.__bases__:
            return self.variant(base)
        if hasattr(base, "__scale_decode__"):
            return Compiled(base.__scale_encode__, base.__scale_decode__)
        if tag:
            self.fixed(f"{len(tag)}s", repr(tag))
        self.write(annotation, "x")
        value = self.read(annotation)
        self.flush()
        self.lines += self.made
        size = None
        if len(self.lines) - len(self.made) <= 1 and not any(isinstance(p, str) for p in self.parts):
            size = sum(_struct.calcsize("<" + p[0]) for p in self.parts)
        label = getattr(base, "__name__", type(base).__name__)
        source = "\n".join(
            [
                "def encode(x):",
                "    try:",
                *(f"        {line}" for line in self.checks),
                f"        return {self.joined()}",
                "    except (StructError, OverflowError, UnicodeEncodeError) as error:",
                f"        raise EncodeError(f'{label}: {{error}}') from None",
                "def decode(b, p=0):",
                "    try:",
                *(f"        {line}" for line in self.lines),
                f"        return {value}, p",
                "    except (StructError, IndexError, KeyError, UnicodeDecodeError) as error:",
                f"        raise DecodeError(f'{label} at byte {{p}} of {{len(b)}}: {{error!r}}') from None",
            ]
        )
        exec(compile(source, f"<scale {label}>", "exec"), self.scope)
        return Compiled(self.scope["encode"], self.scope["decode"], size, source)

    def variant(self, base: type[Variant]) -> Compiled:
        """One byte of index, then the fields of that variant."""
        table = {index: self.codecs.tagged(bytes((index,)), cls, self.names) for index, cls in base.variants.items()}
        decoders = {index: codec.decode for index, codec in table.items()}
        encoders = {cls: table[index].encode for index, cls in base.variants.items()}

        def encode(value: Variant) -> bytes:
            found = encoders.get(type(value))
            if found is None:
                raise EncodeError(f"{type(value).__name__} is not a variant of {base.__name__}")
            return found(value)

        def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
            if at >= len(data):
                raise DecodeError(f"the data ends where a {base.__name__} should start")
            found = decoders.get(data[at])
            if found is None:
                raise DecodeError(f"{base.__name__} has no variant {data[at]}")
            return found(data, at + 1)

        return Compiled(encode, decode)

    # encoding: `x` is the expression of the value

    def write(self, annotation: Any, x: str) -> None:
        base, markers = split_annotation(annotation)
        option = option_of(base)
        if (fixed := find_marker(markers, BigEndian)) is not None:
            self.parts.append(f"{x}.to_bytes({fixed.width}, 'big')")
        elif find_marker(markers, RuntimeType) is not None:
            self.parts.append(f"{self.bind(self.codecs.of(annotation).encode)}({x})")
        elif find_marker(markers, Compacted) is not None:
            if (integer := find_marker(markers, Int)) is not None:
                self.check(f"{x} >> {integer.width * 8}", f"{{{x}}} is no {integer.name}")
            self.parts.append(f"compact({x})")
        elif find_marker(markers, AddressForm) is not None:
            self.check(f"type({x}) is not OtherAddress and len({x}) != 32", f"32 bytes expected, got {{len({x})}}")
            self.parts.append(f"({x} if type({x}) is OtherAddress else b'\\0' + {x})")
        elif (integer := find_marker(markers, Int)) is not None:
            if integer.width == 16:
                self.fixed("QQ", f"{x} & {LOW_64}", f"{x} >> 64")
            elif integer.width == 32:
                self.parts.append(f"{x}.to_bytes(32, 'little')")
            else:
                self.fixed(STRUCT_CODES[integer.width], x)
        elif (raw := find_marker(markers, FixedBytes)) is not None:
            self.check(f"len({x}) != {raw.size}", f"{raw.size} bytes expected, got {{len({x})}}")
            self.fixed(f"{raw.size}s", x)
        elif base is bool:
            self.fixed("?", x)
        elif base in (bytes, str, list) or get_origin(base) is list:
            self.sequence(base, x, find_marker(markers, Bound))
        elif option is not None:
            inner = self.bind(self.codecs.of(option, self.names).encode)
            self.parts.append(f"(b'\\0' if {x} is None else b'\\1' + {inner}({x}))")
        elif get_origin(base) is tuple:
            parts = get_args(base)
            self.check(f"len({x}) != {len(parts)}", f"a tuple of {len(parts)} expected, got {{len({x})}}")
            for i, part in enumerate(parts):
                self.write(part, f"{x}[{i}]")
        elif isinstance(base, type) and issubclass(base, UnitEnum):
            self.fixed("B", f"{x}._value_")  # `value` is a property, ten times slower
        elif has_own_codec(base):
            self.parts.append(f"{self.bind(self.codecs.of(base, self.names).encode)}({x})")
        elif dataclasses.is_dataclass(base):
            if not x.isidentifier():
                self.checks.append(f"{(local := self.name())} = {x}")
                x = local
            for name, part in struct_fields(base, self.names):
                self.write(part, f"{x}.{name}")
        elif base is not type(None) and base is not None:
            raise TypeError(f"no SCALE form for {annotation!r}")

    def sequence(self, base: Any, x: str, bound: Bound | None) -> None:
        if base is str:
            local = self.name()
            self.checks.append(f"{local} = {x}.encode()")
            base, x = bytes, local
        if bound is not None:
            self.check(f"len({x}) > {bound.limit}", f"at most {bound.limit} allowed, got {{len({x})}}")
        if base is bytes:
            self.parts += [f"compact(len({x}))", x]
        else:
            inner = self.bind(self.codecs.of(get_args(base)[0], self.names).encode)
            self.parts.append(f"compact(len({x})) + b''.join(map({inner}, {x}))")

    def fixed(self, form: str, *arguments: str) -> None:
        if self.parts and not isinstance(self.parts[-1], str):
            before, given = self.parts[-1]
            self.parts[-1] = (before + form, given + list(arguments))
        else:
            self.parts.append((form, list(arguments)))

    def check(self, condition: str, message: str) -> None:
        self.checks.append(f"if {condition}: raise EncodeError(f'{message}')")

    def joined(self) -> str:
        out = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
            else:
                out.append(f"{self.bind(_struct.Struct('<' + part[0]).pack)}({', '.join(part[1])})")
        return " + ".join(out) or "b''"

    # decoding: returns the expression of the value; fixed fields wait in `run` for one common unpack

    def read(self, annotation: Any) -> str:
        base, markers = split_annotation(annotation)
        option = option_of(base)
        if (big := find_marker(markers, BigEndian)) is not None:
            return f"int.from_bytes({self.take(f'{big.width}s')}, 'big')"
        if find_marker(markers, RuntimeType) is not None:
            return self.called(self.codecs.of(annotation))
        if find_marker(markers, Compacted) is not None:
            return self.compact_number(find_marker(markers, Int))
        if find_marker(markers, AddressForm) is not None:
            return self.address()
        if (integer := find_marker(markers, Int)) is not None:
            if integer.width == 16:
                low, high = self.take("Q"), self.take("Q")
                return f"({low} | {high} << 64 if {high} else {low})"
            if integer.width == 32:
                return f"int.from_bytes({self.take('32s')}, 'little')"
            return self.take(STRUCT_CODES[integer.width])
        if (raw := find_marker(markers, FixedBytes)) is not None:
            return self.take(f"{raw.size}s")
        if base is bool:
            return f"{self.bind({0: False, 1: True})}[{self.take('B')}]"
        if base in (bytes, str) or get_origin(base) is list:
            bound = find_marker(markers, Bound)
            return self.elements(base, None if bound is None else bound.limit)
        if option is not None:
            return self.option(option)
        if get_origin(base) is tuple:
            return "(" + "".join(f"{self.read(part)}, " for part in get_args(base)) + ")"
        if isinstance(base, type) and issubclass(base, UnitEnum):
            return f"{self.bind({member.value: member for member in base})}[{self.take('B')}]"
        if has_own_codec(base):
            return self.called(self.codecs.of(base, self.names))
        if dataclasses.is_dataclass(base):
            return self.record(base)
        return "None"

    def record(self, base: Any) -> str:
        values = [(name, self.read(part)) for name, part in struct_fields(base, self.names)]
        if not is_record(base):
            return f"{self.bind(base)}({', '.join(value for _, value in values)})"
        local = self.name()
        self.made.append(f"{local} = new({self.bind(base)})")  # `__init__` would cost as much as all the rest
        self.made += [f"{local}.{name} = {value}" for name, value in values]
        return local

    def take(self, form: str) -> str:
        self.run.append((form, self.name()))
        return self.run[-1][1]

    def flush(self) -> None:
        if self.run:
            layout = _struct.Struct("<" + "".join(form for form, _ in self.run))
            names = ", ".join(name for _, name in self.run)
            self.lines.append(f"{names}, = {self.bind(layout.unpack_from)}(b, p); p += {layout.size}")
            self.run.clear()

    def called(self, codec: Codec[Any]) -> str:
        self.flush()
        local = self.name()
        self.lines.append(f"{local}, p = {self.bind(codec.decode)}(b, p)")
        return local

    def compact_number(self, integer: Int | None) -> str:
        self.flush()
        n = self.name()
        self.lines.append(f"{n} = b[p]")
        self.lines.append(f"if {n} & 3: {n}, p = read_compact(b, p)")
        self.lines.append(f"else: {n} >>= 2; p += 1")
        if integer is not None:
            message = f"a compact {integer.name} is out of range"
            self.lines.append(f"if {n} >> {integer.width * 8}: raise DecodeError('{message}')")
        return n

    def address(self) -> str:
        self.flush()
        local = self.name()
        self.lines.append(f"{local}, p = {self.bind(read_address)}(b, p)")
        return local

    def elements(self, base: Any, limit: int | None) -> str:
        n = self.compact_number(None)
        local = self.name()
        if limit is not None:
            self.lines.append(f"if {n} > {limit}: raise DecodeError(f'at most {limit} allowed, got {{{n}}}')")
        self.lines.append(
            f"if {n} > len(b) - p: raise DecodeError(f'{{{n}}} elements do not fit the {{len(b) - p}} bytes left')"
        )
        if base in (bytes, str):
            self.lines.append(f"{local} = b[p:p + {n}]; p += {n}")
            return local if base is bytes else f"{local}.decode()"
        inner = self.codecs.of(get_args(base)[0], self.names)
        if inner.size == 0:
            raise TypeError(f"a list of {get_args(base)[0]} could not be bounded by its bytes")
        item, budget = self.name(), self.bind(self.codecs.budget)
        self.lines.append(f"{budget}.spend({n})")
        self.lines.append(f"{local} = []")
        self.lines.append(f"for _ in range({n}): {item}, p = {self.bind(inner.decode)}(b, p); {local}.append({item})")
        return local

    def option(self, inner: Any) -> str:
        self.flush()
        local = self.name()
        decode = self.bind(self.codecs.of(inner, self.names).decode)
        self.lines.append(f"if b[p] == 1: {local}, p = {decode}(b, p + 1)")
        self.lines.append(f"elif b[p] == 0: {local} = None; p += 1")
        self.lines.append("else: raise DecodeError(f'an option starts with 0 or 1, not {b[p]}')")
        return local

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def bind(self, thing: Any) -> str:
        name = f"g{len(self.scope)}"
        self.scope[name] = thing
        return name


STANDARD = Codecs()
"""Codecs of every type that needs no runtime."""


def codec_of(annotation: Any) -> Codec[Any]:
    """The codec of a type that needs no runtime; compiled at first use."""
    return STANDARD.of(annotation)
