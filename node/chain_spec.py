"""Chain specifications: who the chain is, and its genesis.

## Overview

A *plain* spec says genesis in human form (`genesis.runtimeGenesis.{code, patch}`) and needs the native runtime it is
for; a *raw* spec lists every storage entry (`genesis.raw.top`) and can be of any chain. Both have Substrate's JSON
shape. The genesis block follows from the spec alone: number 0, the state's root, no extrinsics, no digest.

## Errors

`InvalidChainSpec` names the field that is wrong.

## Out of scope

Child tries other than default ones. Mirrors `sc_chain_spec`.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from node.state import trie
from pallets.frame.events import DispatchError
from pallets.frame.genesis import InvalidGenesis, build_genesis, values_of_patch
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import Header
from pallets.primitives.runtime_code import CODE_KEY, InvalidRuntimeCode, runtime_version
from pallets.primitives.scale import EncodeError
from pallets.runtime import KNOWN_RUNTIMES

SIMULATED_ALLOWED = storage_prefix("Attestation", "SimulatedAllowed")
CHEATS_ALLOWED = storage_prefix("Cheats", "Allowed")
CHILD_PREFIX = b":child_storage:default:"
JSON_NAMES: Final = {str: "a string", dict: "an object", list: "a list"}
T = TypeVar("T", str, dict[str, Any], list[Any])
GZIP_MAGIC = b"\x1f\x8b"


class InvalidChainSpec(ValueError):
    """The file isn't a chain spec this program understands; the message names the field."""


@dataclass(frozen=True)
class ChainSpec:
    """A chain's name and genesis; `document` is the JSON it was read from."""

    name: str
    id: str
    chain_type: str
    properties: Mapping[str, Any]
    boot_nodes: tuple[str, ...]
    genesis: Mapping[bytes, bytes] = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> ChainSpec:
        """Reads a spec file, plain or raw, gzipped or not; raises `InvalidChainSpec`."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidChainSpec(f"{path} can't be read: {error.strerror}") from None
        try:
            if data.startswith(GZIP_MAGIC):
                data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidChainSpec(f"{path} can't be unpacked: {error}") from None
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InvalidChainSpec(f"{path} is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise InvalidChainSpec(f"{path} should hold a JSON object")
        return cls.of_document(document)

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> ChainSpec:
        """The spec of a JSON document; raises `InvalidChainSpec`."""
        for key in ("name", "id", "genesis"):
            if key not in document:
                raise InvalidChainSpec(f"the spec has no {key!r}")
        genesis = _genesis_state(document["genesis"])
        chain_type = _chain_type(document.get("chainType", "Live"))
        if chain_type == "Live" and genesis.get(SIMULATED_ALLOWED, b"\0") != b"\0":
            raise InvalidChainSpec(
                "a chain of type 'Live' can't allow simulated enclaves: set attestation.simulatedAllowed to false"
            )
        if chain_type != "Development" and genesis.get(CHEATS_ALLOWED, b"\0") != b"\0":
            raise InvalidChainSpec(
                f"a chain of type {chain_type!r} can't allow cheats, only 'Development' can: "
                "set cheats.allowed to false"
            )
        return cls(
            _of_type(document, "name", str),
            _identifier(_of_type(document, "id", str)),
            chain_type,
            _of_type(document, "properties", dict),
            tuple(_of_type(document, "bootNodes", list)),
            genesis,
            document,
        )

    @cached_property
    def state_version(self) -> int:
        """The trie version of the state, as the runtime in `:code` says; 0 where it is too old to say."""
        return _state_version(self.genesis)

    def genesis_header(self) -> Header:
        """The header of block 0."""
        return Header(bytes(32), 0, self._state_root, trie.EMPTY_ROOT, [])

    @cached_property
    def _state_root(self) -> bytes:
        return trie.root(self.genesis, self.state_version)

    def raw_document(self) -> dict[str, Any]:
        """The spec with its genesis as raw storage, the form to hand on."""
        top = {f"0x{key.hex()}": f"0x{value.hex()}" for key, value in sorted(self.genesis.items())}
        return {**self.document, "genesis": {"raw": {"top": top, "childrenDefault": {}}}}


def _of_type(document: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """A member of the spec; an absent one, or `null`, is the empty value of its type."""
    value = document.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise InvalidChainSpec(f"{key!r} should be {JSON_NAMES[kind]}, not {str(value)[:80]!r}")
    return value


def _identifier(text: str) -> str:
    """The chain's id, which names the directory it is kept in."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise InvalidChainSpec(f"'id' should be letters, digits, '.', '_' and '-', at most 100, not {text[:100]!r}")
    return text


def _state_version(state: Mapping[bytes, bytes]) -> int:
    code = state.get(CODE_KEY)
    if not code:
        raise InvalidChainSpec("the genesis state has no `:code`")
    try:
        version = runtime_version(code)
    except InvalidRuntimeCode as error:
        raise InvalidChainSpec(f"genesis `:code`: {error}") from None
    return 0 if version is None else min(version.system_version, 1)


def _genesis_state(genesis: Any) -> dict[bytes, bytes]:
    if not isinstance(genesis, dict):
        raise InvalidChainSpec("'genesis' should be an object")
    if "raw" in genesis:
        return _raw_state(genesis["raw"])
    if "runtimeGenesis" in genesis:
        return _plain_state(genesis["runtimeGenesis"])
    raise InvalidChainSpec(
        f"'genesis' should hold 'raw' or 'runtimeGenesis', it has {', '.join(map(repr, genesis)) or 'nothing'}"
    )


def _raw_state(raw: Any) -> dict[bytes, bytes]:
    if not isinstance(raw, dict) or not isinstance(raw.get("top"), dict):
        raise InvalidChainSpec("'genesis.raw.top' should be an object of storage entries")
    state = {_hex(key, "genesis.raw.top"): _hex(value, f"genesis.raw.top.{key}") for key, value in raw["top"].items()}
    for child, entries in _of_type(raw, "childrenDefault", dict).items():
        where = f"genesis.raw.childrenDefault.{child}"
        if not isinstance(entries, dict):
            raise InvalidChainSpec(f"{where!r} should be an object of storage entries")
        if entries:
            pairs = [(_hex(key, where), _hex(value, where)) for key, value in entries.items()]
            state[CHILD_PREFIX + _hex(child, "genesis.raw.childrenDefault")] = trie.root(pairs, _state_version(state))
    return state


def _plain_state(genesis: Any) -> dict[bytes, bytes]:
    if not isinstance(genesis, dict) or "code" not in genesis or "patch" not in genesis:
        raise InvalidChainSpec("'genesis.runtimeGenesis' should hold 'code' and 'patch'")
    patch = _of_type(genesis, "patch", dict)
    patch = {pallet: _of_type(patch, pallet, dict) for pallet in patch}
    code = _hex(genesis["code"], "genesis.runtimeGenesis.code")
    try:
        version = runtime_version(code)
    except InvalidRuntimeCode as error:
        raise InvalidChainSpec(f"genesis.runtimeGenesis.code: {error}") from None
    native = None if version is None else KNOWN_RUNTIMES.get(version.spec_version)
    if native is None or version is None or version.spec_name != native.version.spec_name:
        raise InvalidChainSpec(
            "the spec is plain, and its runtime isn't one of this program's: only its raw form can be read"
        )
    try:
        state = build_genesis(native, values_of_patch(native, patch))
    except (InvalidGenesis, EncodeError, DispatchError) as error:
        raise InvalidChainSpec(f"genesis.runtimeGenesis.patch: {error}") from None
    return {**state, CODE_KEY: code}


def _chain_type(value: Any) -> str:
    return value if isinstance(value, str) else next(iter(value), "Custom") if isinstance(value, dict) else "Custom"


def _hex(text: Any, where: str) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise InvalidChainSpec(f"{where}: {text!r} should be hex that starts with 0x"[:200])
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        raise InvalidChainSpec(f"{where}: {text!r} is not hex"[:200]) from None
