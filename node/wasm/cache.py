"""Compiled code on disk: what takes seconds once takes a millisecond from then on.

## Overview

A file is named after the runtime's hash, the version of wasmtime, its configuration, and the processor. It is mapped
into memory rather than read. The cache keeps the files used last, as many as fit its size.

Compiled code is native code: loading a file that someone else wrote is running their program. The directory is made
with mode 0700 and refused where it belongs to others or they could write; so is a file in it.

## Errors

`UntrustedCache`.
"""

from __future__ import annotations

import logging
import os
import platform
import stat
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from wasmtime import Engine, Module, WasmtimeError

from node.wasm.errors import UntrustedCache
from pallets.primitives.hashing import blake2_256

MAX_BYTES = 1 << 30
"""Some fifty runtimes."""
SUFFIX = ".cwasm"

_logger = logging.getLogger(__name__)


class CompiledCode:
    """A directory of compiled modules; without one everything is compiled anew."""

    def __init__(self, directory: Path | None, configuration: str) -> None:
        """`configuration` names all that the code's bytes depend on beside the module and wasmtime."""
        self._directory = directory
        self._environment = f"wasmtime {version('wasmtime')};{configuration};{platform.machine()}".encode()
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_unless_ours(directory, stat.S_ISDIR)

    def load(self, engine: Engine, key: bytes) -> Module | None:
        """The code kept under a key, `None` where there is none that this machine can run."""
        path = self._path(key)
        if path is None or not path.exists():
            return None
        _refuse_unless_ours(path, stat.S_ISREG)
        try:
            module = Module.deserialize_file(engine, str(path))
        except WasmtimeError:
            return None  # made for another processor or build of the same version: it will be compiled again
        os.utime(path)
        return module

    def store(self, key: bytes, module: Module) -> None:
        """Keeps code for the next process, where there is room."""
        path = self._path(key)
        if path is None:
            return
        partial = path.with_suffix(f".{os.getpid()}")
        try:
            partial.unlink(missing_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(module.serialize())
            partial.replace(path)
            self._make_room(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            _logger.warning("compiled code can't be kept in %s (%s): it will be compiled again", path.parent, error)

    def _path(self, key: bytes) -> Path | None:
        if self._directory is None:
            return None
        return self._directory / f"{blake2_256(key + self._environment).hex()[:32]}{SUFFIX}"

    def _make_room(self, newest: Path) -> None:
        """Removes the files used longest ago, never the newest."""
        files = sorted(newest.parent.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
        excess = sum(path.stat().st_size for path in files) - MAX_BYTES
        for path in files:
            if excess <= 0:
                break
            if path != newest:
                excess -= path.stat().st_size
                path.unlink()


def _refuse_unless_ours(path: Path, is_expected: Callable[[int], bool]) -> None:
    status = path.lstat()
    if not is_expected(status.st_mode):
        raise UntrustedCache(f"{path} is not what the cache made: remove it")
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise UntrustedCache(f"{path} is open to others: it must be yours, with mode 0700 (files 0600)")
