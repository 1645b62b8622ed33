from __future__ import annotations

import os
from pathlib import Path

import pytest
from wasmtime import Engine, Linker, Module, wat2wasm

from offchain.sandbox.base import UntrustedCache
from offchain.sandbox.wasm import CorruptGuest, Instance, compile_module, metered_engine

WAT = """
(module
  (memory (export "memory") 1)
  (global (export "__stack_pointer") (mut i32) (i32.const 1000))
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "half") (param f64) (result f64) local.get 0 f64.const 0.5 f64.mul))
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return metered_engine()


@pytest.fixture(scope="module")
def wasm() -> bytes:
    return bytes(wat2wasm(WAT))


def exports(module: Module) -> list[str | None]:
    return [export.name for export in module.exports]


class TestInstance:
    @pytest.fixture
    def instance(self, engine: Engine, wasm: bytes) -> Instance:
        return Instance(engine, Linker(engine).instantiate_pre(Module(engine, wasm)), 3 * 65536, 1000)

    def test_calls(self, instance: Instance) -> None:
        assert instance.call("add", 2, -5) == -3
        assert instance.call_f64("half", 3.0) == 1.5
        with pytest.raises(KeyError, match="no missing"):
            instance.call("missing")

    def test_fuel(self, instance: Instance) -> None:
        instance.call("add", 1, 1)
        used = 1000 - instance.fuel
        assert used > 0
        instance.call("add", 1, 1)
        assert instance.fuel == 1000 - 2 * used
        instance.burn(10**6)
        assert instance.fuel == 0

    def test_memory_is_checked(self, instance: Instance) -> None:
        instance.write(65530, b"abcdef")
        assert instance.read(65530, 6) == b"abcdef"
        assert instance.read_u32(65530) == int.from_bytes(b"abcd", "little")
        for address, length in ((65531, 6), (-1, 1), (0, -1), (1 << 31, 1), (0, 65537)):
            with pytest.raises(CorruptGuest):
                instance.read(address, length)
        with pytest.raises(CorruptGuest):
            instance.write(65535, b"ab")

    def test_memory_grows_to_its_limit(self, instance: Instance) -> None:
        instance.grow_to(3 * 65536)
        assert instance.memory_bytes == 3 * 65536
        assert instance.read(65536, 5) == bytes(5)
        with pytest.raises(Exception, match="memory"):
            instance.grow_to(4 * 65536)

    def test_stack_pointer(self, instance: Instance) -> None:
        assert instance.stack_pointer == 1000
        instance.stack_pointer = 77
        assert instance.stack_pointer == 77


class TestCache:
    def test_is_made_for_us_alone_and_used(self, engine: Engine, wasm: bytes, tmp_path: Path) -> None:
        cache = tmp_path / "new" / "cache"
        compiled = exports(compile_module(engine, wasm, cache))
        (file,) = cache.iterdir()
        assert cache.stat().st_mode & 0o777 == 0o700
        assert file.stat().st_mode & 0o777 == 0o600
        other = Module(engine, '(module (func (export "other")))')
        file.write_bytes(bytes(other.serialize()))
        assert exports(compile_module(engine, wasm, cache)) == ["other"] != compiled

    def test_keys_tell_modules_apart(self, engine: Engine, wasm: bytes, tmp_path: Path) -> None:
        compile_module(engine, wasm, tmp_path / "cache")
        compile_module(engine, bytes(wat2wasm("(module)")), tmp_path / "cache")
        assert len(list((tmp_path / "cache").iterdir())) == 2

    def test_a_damaged_file_is_compiled_anew(self, engine: Engine, wasm: bytes, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        expected = exports(compile_module(engine, wasm, cache))
        (file,) = cache.iterdir()
        whole = file.read_bytes()
        file.write_bytes(b"not compiled code")
        assert exports(compile_module(engine, wasm, cache)) == expected
        assert file.read_bytes() == whole

    @pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
    def test_a_directory_open_to_others_is_refused(
        self, engine: Engine, wasm: bytes, tmp_path: Path, mode: int
    ) -> None:
        cache = tmp_path / "cache"
        cache.mkdir()
        cache.chmod(mode)
        with pytest.raises(UntrustedCache, match="0700"):
            compile_module(engine, wasm, cache)
        assert not list(cache.iterdir())

    def test_a_file_open_to_others_is_refused(self, engine: Engine, wasm: bytes, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        compile_module(engine, wasm, cache)
        (file,) = cache.iterdir()
        file.chmod(0o660)
        with pytest.raises(UntrustedCache, match="0600"):
            compile_module(engine, wasm, cache)

    def test_links_are_refused(self, engine: Engine, wasm: bytes, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        compile_module(engine, wasm, cache)
        (file,) = cache.iterdir()
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UntrustedCache, match="plain file"):
            compile_module(engine, wasm, cache)
        (tmp_path / "link").symlink_to(cache)
        with pytest.raises(UntrustedCache):
            compile_module(engine, wasm, tmp_path / "link")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a directory away")
    def test_another_users_directory_is_refused(self, engine: Engine, wasm: bytes, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        cache.mkdir(mode=0o700)
        os.chown(cache, 65534, 65534)
        with pytest.raises(UntrustedCache):
            compile_module(engine, wasm, cache)
