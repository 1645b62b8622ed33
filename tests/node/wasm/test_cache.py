"""The cache of compiled code: used again, kept to its size, and refused where others could have written it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.wasm import cache as module_of_cache
from node.wasm.cache import CompiledCode
from node.wasm.errors import UntrustedCache
from node.wasm.runtime import Runtime
from tests.node.wasm.stage import module, storage_of

ENTRY = '(func (export "run") (param i32 i32) (result i64) (i64.const {}))'


def files(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def test_code_is_compiled_once(tmp_path: Path) -> None:
    directory, code = tmp_path / "code", module((), ENTRY.format(0))
    cache = CompiledCode(directory, "a")
    Runtime(code, cache)
    made = {path: path.stat().st_mtime_ns for path in files(directory)}
    assert len(made) == 2 and directory.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in made)
    inodes = {path.stat().st_ino for path in made}
    assert Runtime(code, CompiledCode(directory, "a")).call("run", b"", storage_of({})).result == b""
    assert {path.stat().st_ino for path in files(directory)} == inodes
    Runtime(code, CompiledCode(directory, "another configuration"))
    assert len(files(directory)) == 4
    for path in files(directory):
        path.write_bytes(b"not what wasmtime has made")
    assert Runtime(code, cache).call("run", b"", storage_of({})).result == b""


def test_what_others_could_write_is_refused(tmp_path: Path) -> None:
    directory, code = tmp_path / "code", module((), ENTRY.format(0))
    cache = CompiledCode(directory, "a")
    Runtime(code, cache)
    file = files(directory)[0]
    for mode in (0o644, 0o620):
        for each in files(directory):
            each.chmod(mode)
        with pytest.raises(UntrustedCache, match="open to others"):
            Runtime(code, cache)
        for each in files(directory):
            each.chmod(0o600)
    target = tmp_path / "elsewhere"
    for each in files(directory):
        each.rename(target)
        each.symlink_to(target)
    with pytest.raises(UntrustedCache, match="not what the cache made"):
        Runtime(code, cache)
    directory.chmod(0o755)
    with pytest.raises(UntrustedCache, match="open to others"):
        CompiledCode(directory, "a")
    with pytest.raises(UntrustedCache, match="not what the cache made"):
        (tmp_path / "link").symlink_to(directory)
        CompiledCode(tmp_path / "link", "a")
    assert file.is_symlink()


def test_what_was_used_longest_ago_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = CompiledCode(tmp_path / "code", "a")
    codes = [module((), ENTRY.format(number)) for number in range(3)]
    Runtime(codes[0], cache)
    size = sum(path.stat().st_size for path in files(tmp_path / "code"))
    monkeypatch.setattr(module_of_cache, "MAX_BYTES", size * 5 // 2)
    oldest = set(files(tmp_path / "code"))
    for path in oldest:
        os.utime(path, (1, 1))
    Runtime(codes[1], cache)
    assert oldest < set(files(tmp_path / "code"))
    Runtime(codes[2], cache)
    left = set(files(tmp_path / "code"))
    assert oldest - left and len(left - oldest) == 4
