"""What the calls of `Assets` weigh: FRAME's benchmarks with RocksDB's access times."""

from __future__ import annotations

from pallets.frame import Weight

READ, WRITE = 25_000_000, 100_000_000


def _weight(ref_time: int, reads: int, writes: int, proof_size: int = 3_675) -> Weight:
    return Weight(ref_time + reads * READ + writes * WRITE, proof_size)


CREATE = _weight(33_908_000, 3, 2)
FORCE_CREATE = _weight(13_580_000, 2, 1)
START_DESTROY = _weight(13_287_000, 1, 1)
FINISH_DESTROY = _weight(13_097_000, 2, 1)
MINT = _weight(23_273_000, 2, 2)
BURN = _weight(31_800_000, 2, 2)
TRANSFER = _weight(44_794_000, 4, 4, 6_208)
TRANSFER_KEEP_ALIVE = _weight(40_059_000, 4, 4, 6_208)
FORCE_TRANSFER = _weight(44_995_000, 4, 4, 6_208)
TRANSFER_ALL = _weight(56_227_000, 4, 4, 6_208)
FREEZE = _weight(16_414_000, 2, 1)
THAW = _weight(16_449_000, 2, 1)
FREEZE_ASSET = _weight(12_138_000, 1, 1)
THAW_ASSET = _weight(12_058_000, 1, 1)
TRANSFER_OWNERSHIP = _weight(13_686_000, 2, 1)
SET_TEAM = _weight(12_060_000, 1, 1)
CLEAR_METADATA = _weight(28_541_000, 2, 1)
FORCE_CLEAR_METADATA = _weight(28_333_000, 2, 1)
FORCE_ASSET_STATUS = _weight(11_934_000, 1, 1)
APPROVE_TRANSFER = _weight(31_624_000, 2, 2)
TRANSFER_APPROVED = _weight(66_145_000, 5, 5, 6_208)
CANCEL_APPROVAL = _weight(33_634_000, 2, 2)
FORCE_CANCEL_APPROVAL = _weight(34_440_000, 2, 2)
TOUCH = _weight(33_861_000, 3, 3)
TOUCH_OTHER = _weight(31_940_000, 2, 2)
REFUND = _weight(30_840_000, 3, 3)
REFUND_OTHER = _weight(29_580_000, 2, 2)
SET_MIN_BALANCE = _weight(12_870_000, 1, 1)
BLOCK = _weight(16_415_000, 2, 1)


def set_metadata(id: int, name: bytes, symbol: bytes, decimals: int) -> Weight:
    return _weight(27_543_545 + 4_967 * len(name) + 3_698 * len(symbol), 2, 1)


def force_set_metadata(id: int, name: bytes, symbol: bytes, decimals: int, is_frozen: bool) -> Weight:
    return _weight(13_057_891 + 1_831 * len(name) + 2_387 * len(symbol), 2, 1)


def destroy_accounts(count: int) -> Weight:
    return _weight(16_370_000 + 13_217_179 * count, 2 + 2 * count, 1 + 2 * count, 3_675 + 2_609 * count)


def destroy_approvals(count: int) -> Weight:
    return _weight(17_066_000 + 14_436_592 * count, 2 + count, 1 + count, 3_675 + 2_623 * count)
