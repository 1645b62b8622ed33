"""What execution costs, and how much of it a block holds.

`ref_time` is picoseconds on Substrate's reference machine, `proof_size` bytes of storage proof.
Mirrors `sp_weights::Weight`, `frame_support::dispatch` and `frame_system::limits`.
"""

from __future__ import annotations

from pallets.primitives.types import U32, U64, Compact, UnitEnum, struct

MAX_WEIGHT = (1 << 64) - 1


@struct(path="sp_weights::weight_v2::Weight")
class Weight:
    """Two-dimensional weight."""

    ref_time: Compact[U64] = 0
    proof_size: Compact[U64] = 0

    def __add__(self, other: Weight) -> Weight:
        """Saturates in each dimension."""
        return Weight(
            min(self.ref_time + other.ref_time, MAX_WEIGHT), min(self.proof_size + other.proof_size, MAX_WEIGHT)
        )

    def __sub__(self, other: Weight) -> Weight:
        """Saturates at zero in each dimension."""
        return Weight(max(self.ref_time - other.ref_time, 0), max(self.proof_size - other.proof_size, 0))

    def __mul__(self, times: int) -> Weight:
        """Saturates in each dimension."""
        return Weight(min(self.ref_time * times, MAX_WEIGHT), min(self.proof_size * times, MAX_WEIGHT))

    def any_gt(self, other: Weight) -> bool:
        """Whether either dimension is larger."""
        return self.ref_time > other.ref_time or self.proof_size > other.proof_size

    def min(self, other: Weight) -> Weight:
        """The smaller of each dimension."""
        return Weight(min(self.ref_time, other.ref_time), min(self.proof_size, other.proof_size))


class DispatchClass(UnitEnum):
    """Which share of a block a call may use."""

    __type_path__ = "frame_support::dispatch::DispatchClass"
    Normal = 0
    Operational = 1
    Mandatory = 2


class Pays(UnitEnum):
    """Whether the sender pays a fee for a call."""

    __type_path__ = "frame_support::dispatch::Pays"
    Yes = 0
    No = 1


@struct(path="frame_system::DispatchEventInfo")
class DispatchInfo:
    """What is known of a call before it runs."""

    weight: Weight
    class_: DispatchClass = DispatchClass.Normal
    pays_fee: Pays = Pays.Yes

    def within(self, own: Weight) -> DispatchInfo:
        """Of a call that makes this one, and weighs `own` itself."""
        return DispatchInfo(own + self.weight, self.class_)


@struct(path="frame_system::limits::WeightsPerClass")
class WeightsPerClass:
    """Limits of one dispatch class; `None` is unlimited."""

    base_extrinsic: Weight
    max_extrinsic: Weight | None
    max_total: Weight | None
    reserved: Weight | None


@struct(path="frame_support::dispatch::PerDispatchClass")
class ClassWeights:
    """Weight limits by class."""

    __type_arguments__ = (("T", WeightsPerClass),)

    normal: WeightsPerClass
    operational: WeightsPerClass
    mandatory: WeightsPerClass

    def of(self, kind: DispatchClass) -> WeightsPerClass:
        if kind is DispatchClass.Normal:
            return self.normal
        return self.operational if kind is DispatchClass.Operational else self.mandatory


@struct(path="frame_system::limits::BlockWeights")
class BlockWeights:
    """Weight limits of a block."""

    base_block: Weight
    max_block: Weight
    per_class: ClassWeights


@struct(path="frame_support::dispatch::PerDispatchClass")
class ClassLengths:
    """Byte limits by class."""

    __type_arguments__ = (("T", U32),)

    normal: U32
    operational: U32
    mandatory: U32

    def of(self, kind: DispatchClass) -> int:
        if kind is DispatchClass.Normal:
            return self.normal
        return self.operational if kind is DispatchClass.Operational else self.mandatory


@struct(path="frame_system::limits::BlockLength")
class BlockLength:
    """Length limits of a block, in bytes of extrinsics."""

    max: ClassLengths


@struct(path="frame_support::dispatch::PerDispatchClass")
class ConsumedWeight:
    """Weight used so far in a block, by class."""

    __type_arguments__ = (("T", Weight),)

    normal: Weight
    operational: Weight
    mandatory: Weight

    def total(self) -> Weight:
        """Of all classes."""
        return self.normal + self.operational + self.mandatory


@struct(path="sp_weights::RuntimeDbWeight")
class DbWeight:
    """Weight of one database read and one write, in `ref_time`."""

    read: U64
    write: U64


REF_TIME_PER_SECOND = 1_000_000_000_000
REF_TIME_PER_MILLISECOND = 1_000_000_000


def block_weights(max_ref_time: int, max_proof_size: int, normal_ratio_percent: int = 75) -> BlockWeights:
    """Limits as `node-template` sets them: normal calls get a share, operational ones all, mandatory ones no limit."""
    base_block, base_extrinsic = Weight(390_584_000), Weight(124_414_000)
    whole = Weight(max_ref_time, max_proof_size)
    normal = Weight(max_ref_time * normal_ratio_percent // 100, max_proof_size * normal_ratio_percent // 100)
    none = Weight()
    return BlockWeights(
        base_block,
        whole,
        ClassWeights(
            WeightsPerClass(base_extrinsic, normal - base_extrinsic, normal, none),
            WeightsPerClass(base_extrinsic, whole - base_extrinsic, whole, whole - normal),
            WeightsPerClass(base_extrinsic, None, None, None),
        ),
    )


def block_length(maximum: int, normal_ratio_percent: int = 75) -> BlockLength:
    """At most `maximum` bytes of extrinsics in a block, a share of them for normal calls."""
    return BlockLength(ClassLengths(maximum * normal_ratio_percent // 100, maximum, maximum))
