from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from wasmtime import Engine, Module, Trap, wat2wasm

from offchain.sandbox.base import UntrustedCache
from offchain.sandbox.memory import KEPT_BYTES, RecycledMemory
from offchain.sandbox.wasm import PAGE, CorruptGuest, Instance, MeteredModule, Slots, compile_module, metered_engine

WAT = """
(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (import "env" "unknown" (func $unknown))
  (memory (export "memory") 1)
  (global (export "__stack_pointer") (mut i32) (i32.const 1000))
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "half") (param i32) (result f64) local.get 0 f64.convert_i32_s f64.const 0.5 f64.mul)
  (func (export "floor") (param f64) (result i32) local.get 0 i32.trunc_f64_s)
  (func (export "plus") (param i32 i64) (result i64) local.get 0 i64.extend_i32_s local.get 1 i64.add)
  (func (export "load") (param i32) (result i32) local.get 0 i32.load8_u)
  (func (export "grow") (param i32) (result i32) local.get 0 memory.grow)
  (func (export "twice") (param i32) (result i32) local.get 0 call $host local.get 0 call $host i32.add)
  (func (export "unknown") call $unknown))
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return metered_engine(RecycledMemory())


@pytest.fixture(scope="module")
def wasm() -> bytes:
    return bytes(wat2wasm(WAT))


def exports(module: Module) -> list[str | None]:
    return [export.name for export in module.exports]


def host(slots: Slots) -> None:
    if slots[0].i32 == 13:
        raise LookupError("thirteen")
    slots[0].i32 *= 10


@pytest.fixture(scope="module")
def module(wasm: bytes) -> MeteredModule:
    return MeteredModule(wasm, None, {"host": host})


class TestInstance:
    @pytest.fixture
    def instance(self, module: MeteredModule) -> Iterator[Instance]:
        instance = module.instantiate(3 * PAGE, 1000)
        yield instance
        instance.close()

    def test_calls(self, instance: Instance) -> None:
        assert instance.call("add", 2, -5) == -3
        assert instance.call_f64("half", 3) == 1.5
        assert instance.call_of_f64("floor", 2.75) == 2
        assert instance.call_i64("plus", -1, -(1 << 62)) == -(1 << 62) - 1
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
        assert instance.call("grow", 1) == -1

    def test_stack_pointer(self, instance: Instance) -> None:
        assert instance.stack_pointer == 1000
        instance.stack_pointer = 77
        assert instance.stack_pointer == 77


class TestHostFunctions:
    @pytest.fixture
    def instance(self, module: MeteredModule) -> Iterator[Instance]:
        instance = module.instantiate(3 * PAGE, 1000)
        yield instance
        instance.close()

    def test_are_called(self, instance: Instance) -> None:
        assert instance.call("twice", 7) == 140

    def test_what_they_raise_comes_out_of_the_call(self, instance: Instance) -> None:
        for _ in range(2):
            with pytest.raises(LookupError, match="thirteen"):
                instance.call("twice", 13)
        assert instance.call("twice", 1) == 20

    def test_those_that_are_not_given_trap(self, instance: Instance) -> None:
        with pytest.raises(Exception, match="unknown import"):
            instance.call("unknown")


class TestRecycledMemory:
    """What one instance wrote, the next neither sees nor reaches."""

    def fill(self, module: MeteredModule, size: int) -> int:
        instance = module.instantiate(64 * 1024 * PAGE, 10**6)
        instance.grow_to(size)
        instance.write(0, b"\x55" * size)
        base = instance._base
        instance.close()
        return base

    @pytest.mark.parametrize("size", [PAGE, 3 * PAGE, KEPT_BYTES, KEPT_BYTES + 5 * PAGE])
    def test_is_the_same_and_blank(self, module: MeteredModule, size: int) -> None:
        base = self.fill(module, size)
        again = module.instantiate(1024 * PAGE, 10**6)
        assert again._base == base
        assert again.memory_bytes == PAGE
        assert again.read(0, PAGE) == bytes(PAGE)
        with pytest.raises(Trap, match="out of bounds"):
            again.call("load", PAGE)
        assert again.call("grow", (size - PAGE) // PAGE + 1) == 1
        assert again.read(0, size + PAGE) == bytes(size + PAGE)
        with pytest.raises(Trap, match="out of bounds"):
            again.call("load", size + PAGE)
        again.close()

    def test_what_will_be_overwritten_is_not_cleared_twice(self, module: MeteredModule) -> None:
        self.fill(module, 4 * PAGE)
        again = module.instantiate(1024 * PAGE, 10**6, overwritten=2 * PAGE)
        again.grow_to(3 * PAGE)
        assert again.read(PAGE, PAGE) == b"\x55" * PAGE
        assert again.read(2 * PAGE, PAGE) == bytes(PAGE)
        again.close()
        third = module.instantiate(1024 * PAGE, 10**6)
        third.grow_to(4 * PAGE)
        assert third.read(0, 4 * PAGE) == bytes(4 * PAGE)
        third.close()

    def test_instances_side_by_side_share_nothing(self, module: MeteredModule) -> None:
        one, other = module.instantiate(3 * PAGE, 1000), module.instantiate(3 * PAGE, 1000)
        one.write(0, b"one")
        assert other.read(0, 3) == bytes(3)
        one.close()
        other.close()

    def test_a_closed_instance_reads_nothing(self, module: MeteredModule) -> None:
        instance = module.instantiate(3 * PAGE, 1000)
        instance.close()
        with pytest.raises(AttributeError):
            instance.read(0, 1)
        with pytest.raises(AttributeError):
            instance.call("grow", 0)


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
