"""What a runtime's Wasm says about itself without being run.

`:code` is Wasm, often compressed with zstd behind an 8-byte magic. Custom section `runtime_version` holds a SCALE
`RuntimeVersion` without its APIs, `runtime_apis` the APIs. Mirrors `sc_executor_common::runtime_blob` and
`sp_maybe_compressed_blob`.
"""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U8, U32, FixedBytes, struct

CODE_KEY = b":code"
"""Where every Substrate chain's state has its runtime."""
COMPRESSED = bytes.fromhex("52bc537646db8e05")
WASM_MAGIC = b"\0asm\1\0\0\0"
MAX_CODE_SIZE = 50 * 1024 * 1024

ApiId = Annotated[bytes, FixedBytes(8)]


class InvalidRuntimeCode(ValueError):
    """The bytes are not a runtime: not Wasm, too large when decompressed, or a garbled version section."""


@struct(path="sp_version::RuntimeVersion")
class RuntimeVersion:
    """What a runtime calls itself; `apis` pairs BLAKE2b-64 of a runtime API's name with its version."""

    spec_name: str
    impl_name: str
    authoring_version: U32
    spec_version: U32
    impl_version: U32
    apis: list[tuple[ApiId, U32]]
    transaction_version: U32
    system_version: U8


VERSION = codec_of(RuntimeVersion)
CORE_VERSION = codec_of(tuple[str, str, U32, U32, U32, list[tuple[ApiId, U32]]])
"""The fields every runtime has had; later ones follow."""


def decompress(code: bytes) -> bytes:
    """The plain Wasm of `:code`; raises `InvalidRuntimeCode`."""
    if not code.startswith(COMPRESSED):
        return code
    import zstandard  # our own runtime's code is not compressed

    try:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(code[len(COMPRESSED) :])
        plain = reader.read(MAX_CODE_SIZE + 1)
    except zstandard.ZstdError as error:
        raise InvalidRuntimeCode(f"the compressed runtime can't be decompressed: {error}") from None
    if len(plain) > MAX_CODE_SIZE:
        raise InvalidRuntimeCode(f"the runtime is larger than {MAX_CODE_SIZE} bytes when decompressed")
    return bytes(plain)


def custom_sections(wasm: bytes) -> dict[str, bytes]:
    """Custom sections of a Wasm module by name; raises `InvalidRuntimeCode`."""
    if not wasm.startswith(WASM_MAGIC):
        raise InvalidRuntimeCode("the runtime is not a Wasm module of version 1")
    sections: dict[str, bytes] = {}
    at = len(WASM_MAGIC)
    while at < len(wasm):
        kind = wasm[at]
        size, start = _leb128(wasm, at + 1)
        end = start + size
        if end > len(wasm):
            raise InvalidRuntimeCode(f"section {kind} at byte {at} runs past the end of the module")
        if kind == 0:
            length, name_at = _leb128(wasm, start)
            if name_at + length > end:
                raise InvalidRuntimeCode(f"the custom section at byte {at} has a name longer than itself")
            name = wasm[name_at : name_at + length].decode("utf-8", "replace")
            sections[name] = wasm[name_at + length : end]
        at = end
    return sections


def runtime_version(code: bytes) -> RuntimeVersion | None:
    """The version embedded in `:code`, APIs included; `None` where the runtime is too old to embed one.

    Fields that older runtimes lack read as 0; raises `InvalidRuntimeCode`.
    """
    sections = custom_sections(decompress(code))
    if "runtime_version" not in sections:
        return None
    try:
        data = sections["runtime_version"]
        (spec, impl, authoring, spec_version, impl_version, apis), at = CORE_VERSION.decode(data, 0)
        listed = sections.get("runtime_apis", b"")
        apis = apis or [
            (listed[i : i + 8], int.from_bytes(listed[i + 8 : i + 12], "little")) for i in range(0, len(listed), 12)
        ]
        transaction = int.from_bytes(data[at : at + 4], "little")
        system = data[at + 4] if len(data) > at + 4 else 0
    except DecodeError as error:
        raise InvalidRuntimeCode(f"the runtime_version section is garbled: {error}") from None
    return RuntimeVersion(spec, impl, authoring, spec_version, impl_version, apis, transaction, system)


def native_code(version: RuntimeVersion) -> bytes:
    """A Wasm module that only names its version: the `:code` of a chain whose runtime the node runs natively.

    It exports an empty memory and `__heap_base`, so that Wasm tools open it; it has no entry points.
    """
    bare = RuntimeVersion(
        version.spec_name,
        version.impl_name,
        version.authoring_version,
        version.spec_version,
        version.impl_version,
        [],
        version.transaction_version,
        version.system_version,
    )
    apis = b"".join(api + number.to_bytes(4, "little") for api, number in version.apis)
    memory = b"\5\3\1\0\x11"  # one memory, at least 17 pages
    heap_base = b"\6\x09\1\x7f\0\x41\x80\x80\xc0\0\x0b"  # one immutable i32 global: 1 MiB
    exports = b"\2\6memory\2\0\x0b__heap_base\3\0"
    return (
        WASM_MAGIC
        + memory
        + heap_base
        + b"\7"
        + _to_leb128(len(exports))
        + exports
        + _custom("runtime_version", VERSION.encode(bare))
        + _custom("runtime_apis", apis)
    )


def _custom(name: str, content: bytes) -> bytes:
    payload = _to_leb128(len(name)) + name.encode() + content
    return b"\0" + _to_leb128(len(payload)) + payload


def _to_leb128(number: int) -> bytes:
    out = bytearray()
    while True:
        low, number = number & 0x7F, number >> 7
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while shift < 35:
        if at >= len(data):
            raise InvalidRuntimeCode("the module ends inside a number")
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if not byte & 0x80:
            return number, at
        shift += 7
    raise InvalidRuntimeCode(f"the number at byte {at} is longer than 32 bits")
