"""The companion of a runtime: the module that holds its memory, its allocator, and the hashes that it asks for most.

## Overview

Nine of ten host calls of a transaction allocate, free or hash. Answered inside Wasm they cost 2 ns, not a microsecond.
Memory 0 is the runtime's own; memory 1 is out of its reach, and holds the allocator's state and the counts of calls.
The host allocates through the same functions, so there is one allocator.

Mirrors `sc_allocator::FreeingBumpHeapAllocator` (for calls on the chain), `sp_core::hashing`.

## Format

The allocator: an allocation has 8 bytes of header in front, and one of 23 *orders* of size (8 bytes to 32 MiB, each
twice the one before). A header in use is `1 << 32 | order`, a free one links to the next free header of its order. What
was freed is used again, the last first; new space comes from the bump pointer, and memory doubles when that passes its
end.

Memory 1: the bump pointer (u32), from `HEADS` on the first free header of each order (u32, `NIL` for none), scratch of
BLAKE2b, and from `COUNTS` on how often each of `FUNCTIONS` was called (u32).
"""

from __future__ import annotations

from collections.abc import Iterable

HEADS, STATE, BLOCK, COUNTS = 64, 256, 384, 512
ORDERS = 23
MAX_ALLOCATION = 8 << ORDERS - 1
NIL = 0xFFFF_FFFF

MALLOC, FREE = "ext_allocator_malloc_version_1", "ext_allocator_free_version_1"
TWOX = {f"ext_hashing_twox_{bits}_version_1": bits // 8 for bits in (64, 128, 256)}
BLAKE2 = {f"ext_hashing_blake2_{bits}_version_1": bits // 8 for bits in (128, 256)}
FUNCTIONS = (MALLOC, FREE, *TWOX, *BLAKE2)
"""The host functions that it answers, by their names in the host API."""

P1, P2, P3, P4, P5 = (
    *(11400714785074694791, 14029467366897019727, 1609587929392839161),
    *(9650029242287828579, 2870177450012600261),
)
BLAKE2B_IV = (
    *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
    *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
)
SIGMA = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
MIXES = (
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),
)


def companion(memory_pages: int) -> str:
    """The module in Wasm's text form, for a runtime whose memory has at least so many pages, without its data."""
    return "\n".join(
        (
            "(module $companion",
            f'(memory $m (export "memory") {memory_pages})',
            '(memory $s (export "state") 1)',
            *_allocator(),
            _xxhash64(),
            *(_twox(name, size) for name, size in TWOX.items()),
            *_compress(),
            *(_blake2(name, size) for name, size in BLAKE2.items()),
            ")",
        )
    )


def _allocator() -> Iterable[str]:
    yield f"""
(func (export "start_heap") (param $base i32)
 (i32.store $s (i32.const 0) (i32.and (i32.add (local.get $base) (i32.const 7)) (i32.const -8)))
 (memory.fill $s (i32.const {HEADS}) (i32.const 255) (i32.const {4 * ORDERS})))
(func $malloc (export "allocate") (param $size i32) (result i32)
 (local $order i32) (local $head i32) (local $header i32) (local $word i64) (local $end i64) (local $pages i32)
 (if (i32.gt_u (local.get $size) (i32.const {MAX_ALLOCATION})) (then unreachable))
 (if (i32.gt_u (local.get $size) (i32.const 8)) (then
  (local.set $order (i32.sub (i32.const 29) (i32.clz (i32.sub (local.get $size) (i32.const 1)))))))
 (local.set $head (i32.shl (local.get $order) (i32.const 2)))
 (local.set $header (i32.load $s offset={HEADS} (local.get $head)))
 (if (i32.ne (local.get $header) (i32.const {NIL - (1 << 32)})) (then
  (local.set $end (i64.add (i64.extend_i32_u (local.get $header))
   (i64.extend_i32_u (i32.add (i32.shl (i32.const 8) (local.get $order)) (i32.const 8)))))
  (if (i64.gt_u (local.get $end) (i64.shl (i64.extend_i32_u (memory.size $m)) (i64.const 16))) (then unreachable))
  (local.set $word (i64.load $m (local.get $header)))
  (if (i64.ne (i64.and (local.get $word) (i64.const {1 << 32})) (i64.const 0)) (then unreachable))
  (i32.store $s offset={HEADS} (local.get $head) (i32.wrap_i64 (local.get $word))))
 (else
  (local.set $header (i32.load $s (i32.const 0)))
  (local.set $end (i64.add (i64.extend_i32_u (local.get $header))
   (i64.extend_i32_u (i32.add (i32.shl (i32.const 8) (local.get $order)) (i32.const 8)))))
  (call $make_room (local.get $end))
  (i32.store $s (i32.const 0) (i32.wrap_i64 (local.get $end)))))
 (i64.store $m (local.get $header) (i64.or (i64.const {1 << 32}) (i64.extend_i32_u (local.get $order))))
 (i32.add (local.get $header) (i32.const 8)))
(func $make_room (param $end i64) (local $pages i32) (local $needed i64)
 (local.set $pages (memory.size $m))
 (local.set $needed (i64.shr_u (i64.add (local.get $end) (i64.const 65535)) (i64.const 16)))
 (if (i64.le_u (local.get $needed) (i64.extend_i32_u (local.get $pages))) (then return))
 (if (i64.gt_u (local.get $end) (i64.const {NIL})) (then unreachable))
 (if (i32.ne (memory.grow $m (local.get $pages)) (i32.const -1)) (then
  (if (i64.le_u (local.get $needed) (i64.extend_i32_u (memory.size $m))) (then return))))
 (if (i32.eq (i32.const -1) (memory.grow $m (i32.sub (i32.wrap_i64 (local.get $needed)) (memory.size $m))))
  (then unreachable)))
(func (export "{MALLOC}") (param $size i32) (result i32)
 {_count(MALLOC)}
 (call $malloc (local.get $size)))
(func $free (export "{FREE}") (param $pointer i32) (local $header i32) (local $word i64) (local $order i32)
 {_count(FREE)}
 (if (i32.lt_u (local.get $pointer) (i32.const 8)) (then unreachable))
 (local.set $header (i32.sub (local.get $pointer) (i32.const 8)))
 (local.set $word (i64.load $m (local.get $header)))
 (local.set $order (i32.wrap_i64 (local.get $word)))
 (if (i64.eqz (i64.and (local.get $word) (i64.const {1 << 32}))) (then unreachable))
 (if (i32.ge_u (local.get $order) (i32.const {ORDERS})) (then unreachable))
 (i64.store $m (local.get $header)
  (i64.load32_u $s offset={HEADS} (i32.shl (local.get $order) (i32.const 2))))
 (i32.store $s offset={HEADS} (i32.shl (local.get $order) (i32.const 2)) (local.get $header)))"""


def _count(name: str) -> str:
    """Counts a call of an exported function."""
    at = f"$s offset={COUNTS + 4 * FUNCTIONS.index(name)} (i32.const 0)"
    return f"(i32.store {at} (i32.add (i32.load {at}) (i32.const 1)))"


def _u64(number: int) -> str:
    number &= (1 << 64) - 1
    return f"(i64.const {number - (1 << 64) if number >> 63 else number})"


def _get(name: str) -> str:
    return f"(local.get ${name})"


def _round(accumulator: str, lane: str) -> str:
    return f"(i64.mul (i64.rotl (i64.add {accumulator} (i64.mul {lane} {_u64(P2)})) (i64.const 31)) {_u64(P1)})"


def _xxhash64() -> str:
    def lane(offset: int) -> str:
        return f"(i64.load $m offset={offset} (local.get $at))"

    def merged(value: str) -> str:
        merge = f"(i64.xor {_get('hash')} {_round('(i64.const 0)', _get(value))})"
        return f"(local.set $hash (i64.add (i64.mul {merge} {_u64(P1)}) {_u64(P4)}))"

    def rotated(value: str, bits: int) -> str:
        return f"(i64.rotl {_get(value)} (i64.const {bits}))"

    rest = "(i32.sub (local.get $end) (local.get $at))"
    eight = f"(i64.xor {_get('hash')} {_round('(i64.const 0)', lane(0))})"
    four = f"(i64.xor {_get('hash')} (i64.mul (i64.load32_u $m (local.get $at)) {_u64(P1)}))"
    one = f"(i64.xor {_get('hash')} (i64.mul (i64.load8_u $m (local.get $at)) {_u64(P5)}))"
    return f"""
(func $xxhash64 (param $at i32) (param $length i32) (param $seed i64) (result i64)
 (local $hash i64) (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $end i32)
 (local.set $end (i32.add (local.get $at) (local.get $length)))
 (if (i32.ge_u (local.get $length) (i32.const 32)) (then
  (local.set $a (i64.add (local.get $seed) {_u64(P1 + P2)}))
  (local.set $b (i64.add (local.get $seed) {_u64(P2)}))
  (local.set $c (local.get $seed))
  (local.set $d (i64.sub (local.get $seed) {_u64(P1)}))
  (loop $stripes
   (local.set $a {_round(_get("a"), lane(0))})
   (local.set $b {_round(_get("b"), lane(8))})
   (local.set $c {_round(_get("c"), lane(16))})
   (local.set $d {_round(_get("d"), lane(24))})
   (local.set $at (i32.add (local.get $at) (i32.const 32)))
   (br_if $stripes (i32.ge_u {rest} (i32.const 32))))
  (local.set $hash (i64.add
   (i64.add {rotated("a", 1)} {rotated("b", 7)}) (i64.add {rotated("c", 12)} {rotated("d", 18)})))
  {merged("a")} {merged("b")} {merged("c")} {merged("d")})
 (else (local.set $hash (i64.add (local.get $seed) {_u64(P5)}))))
 (local.set $hash (i64.add (local.get $hash) (i64.extend_i32_u (local.get $length))))
 (block $no_eight (loop $eights
  (br_if $no_eight (i32.lt_u {rest} (i32.const 8)))
  (local.set $hash (i64.add (i64.mul (i64.rotl {eight} (i64.const 27)) {_u64(P1)}) {_u64(P4)}))
  (local.set $at (i32.add (local.get $at) (i32.const 8)))
  (br $eights)))
 (if (i32.ge_u {rest} (i32.const 4)) (then
  (local.set $hash (i64.add (i64.mul (i64.rotl {four} (i64.const 23)) {_u64(P2)}) {_u64(P3)}))
  (local.set $at (i32.add (local.get $at) (i32.const 4)))))
 (block $no_one (loop $ones
  (br_if $no_one (i32.ge_u (local.get $at) (local.get $end)))
  (local.set $hash (i64.mul (i64.rotl {one} (i64.const 11)) {_u64(P1)}))
  (local.set $at (i32.add (local.get $at) (i32.const 1)))
  (br $ones)))
 (local.set $hash (i64.mul (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 33))) {_u64(P2)}))
 (local.set $hash (i64.mul (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 29))) {_u64(P3)}))
 (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 32))))"""


ADDRESS = "(i32.wrap_i64 (local.get $data))"
LENGTH = "(i32.wrap_i64 (i64.shr_u (local.get $data) (i64.const 32)))"
# A span that wraps around the end of the address space would be hashed as far as it lasts, not refused.
IN_BOUNDS = f"""(if (i64.gt_u (i64.add (i64.extend_i32_u {ADDRESS}) (i64.shr_u (local.get $data) (i64.const 32)))
  (i64.shl (i64.extend_i32_u (memory.size $m)) (i64.const 16))) (then unreachable))"""


def _twox(name: str, size: int) -> str:
    words = "\n".join(
        f" (i64.store $m offset={8 * seed} (local.get $out) (call $xxhash64 {ADDRESS} {LENGTH} (i64.const {seed})))"
        for seed in range(size // 8)
    )
    return f"""
(func (export "{name}") (param $data i64) (result i32) (local $out i32)
 {_count(name)}
 {IN_BOUNDS}
 (local.set $out (call $malloc (i32.const {size})))
{words}
 (local.get $out))"""


def _compress() -> Iterable[str]:
    """BLAKE2b's compression of the block in memory 1, all rounds written out so that it stays in registers."""
    words = " ".join(f"(local $v{i} i64) (local $m{i} i64)" for i in range(16))
    yield f"(func $compress (param $count i64) (param $last i32) {words}"
    for i in range(16):
        yield f"(local.set $m{i} (i64.load $s offset={BLOCK + 8 * i} (i32.const 0)))"
    for i in range(8):
        yield f"(local.set $v{i} (i64.load $s offset={STATE + 8 * i} (i32.const 0)))"
        yield f"(local.set $v{8 + i} {_u64(BLAKE2B_IV[i])})"
    yield "(local.set $v12 (i64.xor (local.get $v12) (local.get $count)))"
    yield "(if (local.get $last) (then (local.set $v14 (i64.xor (local.get $v14) (i64.const -1)))))"
    for turn in range(12):
        order = SIGMA[turn % 10]
        for i, (a, b, c, d) in enumerate(MIXES):
            yield _mixed(a, b, c, d, order[2 * i], 32, 24)
            yield _mixed(a, b, c, d, order[2 * i + 1], 16, 63)
    for i in range(8):
        at = f"$s offset={STATE + 8 * i} (i32.const 0)"
        both = f"(i64.xor (local.get $v{i}) (local.get $v{i + 8}))"
        yield f"(i64.store {at} (i64.xor (i64.load {at}) {both}))"
    yield ")"


def _mixed(a: int, b: int, c: int, d: int, word: int, first: int, second: int) -> str:
    """Half of BLAKE2b's function G."""
    va, vb, vc, vd = (_get(f"v{i}") for i in (a, b, c, d))
    return (
        f"(local.set $v{a} (i64.add (i64.add {va} {vb}) (local.get $m{word})))"
        f"(local.set $v{d} (i64.rotr (i64.xor {vd} {va}) (i64.const {first})))"
        f"(local.set $v{c} (i64.add {vc} {vd}))"
        f"(local.set $v{b} (i64.rotr (i64.xor {vb} {vc}) (i64.const {second})))"
    )


def _blake2(name: str, size: int) -> str:
    first, *others = BLAKE2B_IV
    state = "\n".join(
        f" (i64.store $s offset={STATE + 8 * i} (i32.const 0) {_u64(word)})"
        for i, word in enumerate((first ^ 0x01010000 ^ size, *others))
    )
    return f"""
(func (export "{name}") (param $data i64) (result i32)
 (local $out i32) (local $at i32) (local $rest i32) (local $count i64)
 {_count(name)}
 {IN_BOUNDS}
{state}
 (local.set $at {ADDRESS})
 (local.set $rest {LENGTH})
 (block $one_left (loop $blocks
  (br_if $one_left (i32.le_u (local.get $rest) (i32.const 128)))
  (memory.copy $s $m (i32.const {BLOCK}) (local.get $at) (i32.const 128))
  (local.set $count (i64.add (local.get $count) (i64.const 128)))
  (call $compress (local.get $count) (i32.const 0))
  (local.set $at (i32.add (local.get $at) (i32.const 128)))
  (local.set $rest (i32.sub (local.get $rest) (i32.const 128)))
  (br $blocks)))
 (memory.fill $s (i32.const {BLOCK}) (i32.const 0) (i32.const 128))
 (memory.copy $s $m (i32.const {BLOCK}) (local.get $at) (local.get $rest))
 (call $compress (i64.add (local.get $count) (i64.extend_i32_u (local.get $rest))) (i32.const 1))
 (local.set $out (call $malloc (i32.const {size})))
 (memory.copy $m $s (local.get $out) (i32.const {STATE}) (i32.const {size}))
 (local.get $out))"""
