"""Chopsticks' configuration, read as it is, so that its users can come over: YAML, or JSON, which is YAML too.

Whole numbers are exact, however large. `${env.NAME}` stands for a variable of the environment. What isn't known here is
named, so that nobody believes in a setting that has no effect.

Errors: `InvalidConfig`, with the key that is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from node.config import Sealing

KNOWN = {
    "endpoint",
    "block",
    "port",
    "build-block-mode",
    "import-storage",
    "mock-signature-host",
    "wasm-override",
    "genesis",
    "chain-spec",
    "db",
    "runtime-log-level",
}
MODES: dict[str, Sealing] = {"batch": "instant", "instant": "instant", "manual": "manual"}
VARIABLE = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")
MAX_BYTES = 64 << 20


class InvalidConfig(ValueError):
    """The file is no configuration of a fork; the message names the key."""


@dataclass(frozen=True)
class ForkFile:
    """What a file says; `None` where it says nothing."""

    endpoints: tuple[str, ...] = ()
    block: str | None = None
    port: int | None = None
    sealing: Sealing | None = None
    import_storage: Mapping[str, Any] = field(default_factory=dict)
    mock_signatures: bool = False
    wasm_override: Path | None = None
    spec: Path | None = None
    cache: Path | None = None
    runtime_log_level: int | None = None
    unknown: tuple[str, ...] = ()
    """Keys that mean nothing here."""


def read_fork_file(path: Path, variable: Callable[[str], str | None]) -> ForkFile:
    """Reads a file; relative paths in it count from where it is. Raises `InvalidConfig`."""
    document = _document(path)
    if not isinstance(document, dict):
        raise InvalidConfig(f"{path} should hold settings by name")
    given = {
        str(key).replace("_", "-"): _with_variables(value, variable)
        for key, value in document.items()
        if value is not None
    }
    here = path.parent
    spec = given.get("chain-spec", given.get("genesis"))
    storage = given.get("import-storage", {})
    if isinstance(storage, str):
        storage = _document(here / storage)
    if not isinstance(storage, dict):
        raise InvalidConfig("'import-storage' should be entries by pallet and item, or a file of them")
    endpoint = given.get("endpoint", [])
    endpoints = [endpoint] if isinstance(endpoint, str) else endpoint
    if not isinstance(endpoints, list) or not all(isinstance(each, str) for each in endpoints):
        raise InvalidConfig("'endpoint' should be a URL, or a list of them")
    block = given.get("block") or None
    return ForkFile(
        tuple(endpoints),
        None if block is None else str(block),
        _whole(given, "port", 65535),
        _sealing(given.get("build-block-mode")),
        storage,
        _flag(given, "mock-signature-host"),
        _path(given, "wasm-override", here),
        None if spec is None else _path({"genesis": spec}, "genesis", here),
        _path(given, "db", here),
        _whole(given, "runtime-log-level", 5),
        tuple(sorted(set(given) - KNOWN)),
    )


def _document(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidConfig(f"{path} is larger than {MAX_BYTES:,} bytes")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidConfig(f"{path} can't be read: {' '.join(str(error).split())}") from None


def _with_variables(value: Any, variable: Callable[[str], str | None]) -> Any:
    return VARIABLE.sub(lambda found: variable(found[1]) or "", value) if isinstance(value, str) else value


def _whole(given: Mapping[str, Any], key: str, most: int) -> int | None:
    value = given.get(key)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most):
        raise InvalidConfig(f"'{key}' should be a whole number up to {most}, not {value!r}")
    return value


def _flag(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise InvalidConfig(f"'{key}' should be true or false, not {value!r}")
    return value


def _path(given: Mapping[str, Any], key: str, here: Path) -> Path | None:
    value = given.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or "://" in value:
        raise InvalidConfig(f"'{key}' should be the path of a file, not {str(value)[:80]!r}")
    return here / value


def _sealing(value: Any) -> Sealing | None:
    if value is None:
        return None
    mode = MODES.get(value.lower()) if isinstance(value, str) else None
    if mode is None:
        raise InvalidConfig(f"'build-block-mode' should be Batch, Instant or Manual, not {value!r}")
    return mode
