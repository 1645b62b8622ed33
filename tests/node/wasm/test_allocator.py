"""The allocator, by the cases of `sc_allocator::freeing_bump` and by a model of it, on both paths."""

from __future__ import annotations

import random

import pytest

from node.wasm.errors import AllocationFailed, WasmError
from node.wasm.program import Limits
from tests.node.wasm.stage import HEAP_BASE, Before, ProgramClass, Raw, module, ran, storage_of
from tests.node.wasm.test_limits import run_entry

MALLOC, FREE = "ext_allocator_malloc_version_1", "ext_allocator_free_version_1"
HEADER = 8
START = HEAP_BASE + (-HEAP_BASE % 8) + HEADER + 8
"""Where the first allocation has its header: the call's arguments, of no bytes, have 8 before it."""


def sizes(path: ProgramClass, *asked: int) -> list[int]:
    return [answer.number for answer in ran(path, *((MALLOC, Raw(size)) for size in asked))]


def test_layout(path: ProgramClass) -> None:
    assert sizes(path, 1, 9, 1, 0, 8, 16, 17) == [
        START + HEADER,
        START + 8 + 2 * HEADER,
        START + 8 + 16 + 3 * HEADER,
        START + 8 + 16 + 8 + 4 * HEADER,
        START + 8 + 16 + 16 + 5 * HEADER,
        START + 8 + 16 + 24 + 6 * HEADER,
        START + 8 + 16 + 40 + 7 * HEADER,
    ]


def test_what_was_freed_is_used_again_the_last_first(path: ProgramClass) -> None:
    first, second, _, _, again, and_again, other = ran(
        path,
        (MALLOC, Raw(40)),
        (MALLOC, Raw(64)),
        (FREE, Before(0)),
        (FREE, Before(1)),
        (MALLOC, Raw(33)),
        (MALLOC, Raw(60)),
        (MALLOC, Raw(40)),
    )
    assert (again.number, and_again.number) == (second.number, first.number)
    assert other.number > second.number


def test_against_a_model(path: ProgramClass) -> None:
    chance = random.Random(9)
    calls: list[tuple[str, Raw | Before]] = []
    held: list[tuple[int, int, int]] = []  # place, address, order
    expected: dict[int, int] = {}
    free: dict[int, list[int]] = {}
    bump = START
    for place in range(100):
        if held and chance.random() < 0.4:
            freed, address, order = held.pop(chance.randrange(len(held)))
            free.setdefault(order, []).append(address)
            calls.append((FREE, Before(freed)))
            continue
        size = chance.choice((0, 1, 7, 8, 9, 100, 1000, 5000, 70_000))
        order = max(0, (max(size, 8) - 1).bit_length() - 3)
        if free.get(order):
            address = free[order].pop()
        else:
            address, bump = bump + HEADER, bump + HEADER + (8 << order)
        held.append((place, address, order))
        expected[place] = address
        calls.append((MALLOC, Raw(size)))
    answers = ran(path, *calls)
    assert {place: answers[place].number for place in expected} == expected


def test_growing(path: ProgramClass) -> None:
    """Memory doubles as it has to; 32 MiB is the most of one allocation, and the limit that of all."""
    big = 32 << 20
    *_, last = ran(path, (MALLOC, Raw(big)), (MALLOC, Raw(big)), (MALLOC, Raw(100)))
    assert len(last.memory) >= 2 * big
    for calls, limits in (
        ([(MALLOC, Raw(big + 1))], Limits()),
        ([(MALLOC, Raw(-1))], Limits()),
        ([(MALLOC, Raw(big))] * 5, Limits()),
        ([(MALLOC, Raw(1 << 20))], Limits(heap_pages=8)),
    ):
        with pytest.raises(AllocationFailed):
            ran(path, *calls, limits=limits)


@pytest.mark.parametrize("pointer", [0, 7, 8, HEAP_BASE, 65536, 65540, 1 << 20, 0xFFFF_FFFF])
def test_freeing_what_is_none(path: ProgramClass, pointer: int) -> None:
    with pytest.raises(AllocationFailed):
        ran(path, (FREE, Raw(pointer)))


@pytest.mark.parametrize(
    "link",
    ["(i64.const 0x1_0000_0000)", "(i64.const 65528)", "(i64.const 0xFFFF_FFF0)", "(i64.const 0x1_0000_00FF)"],
)
def test_overwritten_bookkeeping(path: ProgramClass, link: str) -> None:
    """Headers are in the runtime's reach: whatever it writes there, nothing outside its memory is touched."""
    code = module(
        (MALLOC, FREE, "ext_storage_set_version_1", "ext_storage_get_version_1"),
        f"""(func (export "run") (param i32 i32) (result i64) (local $p i32)
         (local.set $p (call ${MALLOC} (i32.const 16)))
         (call ${FREE} (local.get $p))
         (i64.store (i32.sub (local.get $p) (i32.const 8)) {link})
         (drop (call ${MALLOC} (i32.const 16)))
         (drop (call ${MALLOC} (i32.const 16)))
         (drop (call $ext_storage_get_version_1 (i64.const 0)))
         (i64.const 0))""",
    )
    try:
        run_entry(path, code, storage=storage_of({b"": b"0123456789abc"}))
    except WasmError as error:
        assert isinstance(error, AllocationFailed)
