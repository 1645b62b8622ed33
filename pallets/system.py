"""Accounts, the block under construction, and the events it leaves.

Mirrors `frame_system`: same storage, calls, events and errors. Every other pallet stands on this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated

from pallets.frame import (
    H256,
    U16,
    U32,
    U128,
    AccountId,
    Balance,
    BlockNumber,
    Compact,
    Const,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Map,
    Nonce,
    Origin,
    Pallet,
    Root,
    Signed,
    Value,
    Weight,
    call,
    struct,
)
from pallets.frame.block_space import BlockSpace
from pallets.frame.events import (
    PHASE,
    ApplyExtrinsic,
    ConsumerRemaining,
    Finalization,
    Initialization,
    NoProviders,
    Phase,
    TooManyConsumers,
    Unavailable,
)
from pallets.frame.runtime import DispatchErrorType, EventRecord
from pallets.frame.weights import BlockLength, BlockWeights, ConsumedWeight, DbWeight
from pallets.primitives.hashing import Twox64Concat, blake2_256
from pallets.primitives.header import Digest, DigestItem, Header, RuntimeEnvironmentUpdated
from pallets.primitives.runtime_code import InvalidRuntimeCode, RuntimeVersion, runtime_version
from pallets.primitives.scale import compact
from pallets.primitives.types import Wrapped

CODE_KEY = b":code"
MAX_CONSUMERS = 128
CODE_CHANGE_REF_TIME = 111_532_094_000
GENESIS_MARKER = b"\x45" * 32  # what FRAME writes as hash of block 0, which can't know itself
NO_TOPICS = b"\0"
NEW_LOGIC = 1 << 127  # AccountData.flags of every account FRAME writes today


ExtraFlags = Annotated[U128, Wrapped("pallet_balances::types::ExtraFlags")]


@struct(path="pallet_balances::types::AccountData")
class AccountData:
    """All balance of an account: spendable, held, and how much of both a freeze covers."""

    __type_arguments__ = (("Balance", Balance),)

    free: Balance = 0
    reserved: Balance = 0
    frozen: Balance = 0
    flags: ExtraFlags = NEW_LOGIC


@struct(path="frame_system::AccountInfo")
class AccountInfo:
    """An account: its nonce, the references that keep it alive, its balance."""

    __type_arguments__ = (("Nonce", Nonce), ("AccountData", AccountData))

    nonce: Nonce = 0
    consumers: U32 = 0
    providers: U32 = 0
    sufficients: U32 = 0
    data: AccountData = field(default_factory=AccountData)


@struct(path="frame_system::LastRuntimeUpgradeInfo")
class LastRuntimeUpgradeInfo:
    """The runtime that ran last."""

    spec_version: Compact[U32]
    spec_name: str


NOTHING_CONSUMED = ConsumedWeight(Weight(), Weight(), Weight())


class System(Pallet):
    """Accounts, the block under construction, and the events it leaves."""

    constant_names = {"ss58_prefix": "SS58Prefix"}

    block_weights: Const[BlockWeights]
    """Block and extrinsics weights: base values and limits."""
    block_length: Const[BlockLength]
    """The maximum length of a block (in bytes)."""
    block_hash_count: Const[BlockNumber]
    """Maximum number of block number to block hash mappings to keep (oldest pruned first)."""
    db_weight: Const[DbWeight]
    """The weight of runtime database operations the runtime can invoke."""
    version: Const[RuntimeVersion]
    """Get the chain's in-code version."""
    ss58_prefix: Const[U16]
    """The designated SS58 prefix of this chain."""
    native_versions: tuple[int, ...] = ()
    """Spec versions that the node could run after an upgrade."""

    # The block under construction, of which nobody sees the state before it is closed. FRAME keeps this there.
    space: BlockSpace = field(init=False, repr=False)
    """What of the block is taken."""
    extrinsic_count: int | None = field(init=False, repr=False, default=None)
    """How many extrinsics were applied; `None` where no block is open."""
    execution_phase: Phase | None = field(init=False, repr=False, default=None)
    """What the block is doing; `None` where none is open."""
    phases: list[tuple[Phase, int]] = field(init=False, repr=False, default_factory=list)
    """What the block was doing up to which of its events."""
    records: list[bytes] = field(init=False, repr=False, default_factory=list)
    """The block's events so far as they will be stored, those of a phase together."""

    class ExtrinsicSuccess(Event):
        """An extrinsic completed successfully."""

        dispatch_info: DispatchInfo

    class ExtrinsicFailed(Event):
        """An extrinsic failed."""

        dispatch_error: DispatchErrorType
        dispatch_info: DispatchInfo

    class CodeUpdated(Event):
        """`:code` was updated."""

    class NewAccount(Event):
        """A new account was created."""

        account: AccountId

    class KilledAccount(Event):
        """An account was reaped."""

        account: AccountId

    class Remarked(Event):
        """On on-chain remark happened."""

        sender: AccountId
        hash: H256

    class UpgradeAuthorized(Event):
        """An upgrade was authorized."""

        code_hash: H256
        check_version: bool

    class RejectedInvalidAuthorizedUpgrade(Event):
        """An invalid authorized upgrade was rejected while trying to apply it."""

        code_hash: H256
        error: DispatchErrorType

    class InvalidSpecName(Error):
        """The name of specification does not match between the current runtime and the new runtime."""

    class SpecVersionNeedsToIncrease(Error):
        """The specification version is not allowed to decrease between the current runtime and the new runtime."""

    class FailedToExtractRuntimeVersion(Error):
        """Failed to extract the runtime version from the new runtime: no or a garbled `runtime_version` section."""

    class NonDefaultComposite(Error):
        """Suicide called when the account has non-default composite data."""

    class NonZeroRefCount(Error):
        """There is a non-zero reference count preventing the account from being purged."""

    class CallFiltered(Error):
        """The origin filter prevent the call to be dispatched."""

    class MultiBlockMigrationsOngoing(Error):
        """A multi-block migration is ongoing and prevents the current code from being replaced."""

    class NothingAuthorized(Error):
        """No upgrade authorized."""

    class Unauthorized(Error):
        """The submitted code is not authorized."""

    account = Map[AccountId, AccountInfo](default=AccountInfo)
    """The full account information for a particular account ID."""
    extrinsic_count_item = Value[U32 | None](name="ExtrinsicCount")
    """Total extrinsics count for the current block."""
    block_weight_item = Value[ConsumedWeight](default=lambda: NOTHING_CONSUMED, name="BlockWeight")
    """The current weight for the block."""
    all_extrinsics_len_item = Value[U32 | None](name="AllExtrinsicsLen")
    """Total length (in bytes) for all extrinsics put together, for the current block."""
    block_hash = Map[BlockNumber, H256](default=bytes(32), hasher=Twox64Concat)
    """Map of block numbers to block hashes."""
    number = Value[BlockNumber](default=0)
    """The current block number being processed."""
    parent_hash = Value[H256](default=bytes(32))
    """Hash of the previous block."""
    digest = Value[Digest](default=list)
    """Digest of the current block, also part of the block header."""
    last_runtime_upgrade = Value[LastRuntimeUpgradeInfo | None]()
    """Stores the `spec_version` and `spec_name` of when the last runtime upgrade happened."""
    execution_phase_item = Value[Phase | None](name="ExecutionPhase")
    """The execution phase of the block."""

    events_item = Value[list[EventRecord]](default=list, name="Events")
    """Events deposited for the current block."""
    event_count = Value[U32](default=0)
    """The number of events in the `Events<T>` list."""

    def __post_init__(self) -> None:
        self.space = BlockSpace(self.block_weights, self.block_length)

    @property
    def block_weight(self) -> ConsumedWeight:
        """The weight used so far."""
        return self.space.consumed()

    @property
    def all_extrinsics_len(self) -> int | None:
        """Bytes of the extrinsics so far."""
        return self.space.length or None

    def genesis(self) -> None:
        self.block_hash[0] = GENESIS_MARKER
        self.parent_hash = GENESIS_MARKER
        self.note_runtime_upgrade()

    # The block, in the order the executive drives it

    def initialize(self, number: int, parent_hash: bytes, digest: list[DigestItem]) -> None:
        """Opens a block; what the last one left of its bookkeeping is cleared."""
        self.execution_phase = Initialization()
        self.extrinsic_count = 0
        self.number = number
        self.digest = digest
        self.parent_hash = parent_hash
        self.block_hash[number - 1] = parent_hash
        self.space.clear()
        del self.events_item
        del self.event_count
        self.phases, self.records = [], []

    def record_events(self) -> None:
        """Encodes the events deposited since the last call, as having happened in the present phase."""
        phase, phases, events = self.execution_phase, self.phases, self.runtime.events
        recorded = phases[-1][1] if phases else 0
        if phase is None or recorded == len(events):
            return
        codecs, head = self.runtime.tables.events, PHASE.encode(phase)
        encoded = [codecs[type(event)].encode(event) for event in events[recorded:]]
        self.records.append(head + (NO_TOPICS + head).join(encoded) + NO_TOPICS)
        phases.append((phase, len(events)))

    def event_records(self) -> Iterator[EventRecord]:
        """The recorded events of the block, or of the one that was closed last."""
        start = 0
        for phase, end in self.phases:
            for event in self.runtime.events[start:end]:
                yield EventRecord(phase, event, [])
            start = end

    def register_weight(self, weight: Weight) -> None:
        """Counts work that no call declared (`register_extra_weight_unchecked`)."""
        self.space.add(DispatchClass.Mandatory, weight)

    def note_finished_initialize(self) -> None:
        """Initialisation hooks are done; extrinsics follow."""
        self.record_events()
        self.execution_phase = ApplyExtrinsic(0)

    def note_applied_extrinsic(self, error: DispatchError | None, info: DispatchInfo) -> None:
        """Deposits an extrinsic's outcome and moves on to the next."""
        self.deposit(self.ExtrinsicSuccess(info) if error is None else self.ExtrinsicFailed(error, info))
        self.record_events()
        self.extrinsic_count = count = (self.extrinsic_count or 0) + 1
        self.execution_phase = ApplyExtrinsic(count)

    def note_finished_extrinsics(self) -> None:
        """Extrinsics are done; closing hooks follow."""
        self.execution_phase = Finalization()

    def finalize(self) -> Header:
        """Closes the block: writes its events, and answers its header with both roots still zero."""
        self.record_events()
        self.event_count = count = self.phases[-1][1] if self.phases else 0
        self.state.put(self.items["events_item"].key, compact(count) + b"".join(self.records))
        self.block_weight_item = self.block_weight
        self.execution_phase = self.extrinsic_count = None
        self.space.length = 0
        oldest = self.number - self.block_hash_count - 1
        if oldest > 0:  # the genesis hash stays: immortal transactions are signed over it
            del self.block_hash[oldest]
        return Header(self.parent_hash, self.number, bytes(32), bytes(32), self.digest)

    def note_runtime_upgrade(self) -> None:
        """Remembers that this runtime's upgrade hooks have run."""
        self.last_runtime_upgrade = LastRuntimeUpgradeInfo(self.version.spec_version, self.version.spec_name)

    def deposit_log(self, item: DigestItem) -> None:
        """Adds an entry to the header's digest."""
        self.digest = [*self.digest, item]

    # Calls

    @call(0, weight=lambda remark: Weight(1_850_000 + 360 * len(remark)))
    def remark(self, origin: Origin, remark: bytes) -> None:
        """Make some on-chain remark.

        Can be executed by every `origin`.
        """

    @call(2, weight=Weight(CODE_CHANGE_REF_TIME, 67_035), dispatch_class=DispatchClass.Operational)
    def set_code(self, root: Root, code: bytes) -> None:
        """Set the new runtime code."""
        try:
            new = runtime_version(code)
        except InvalidRuntimeCode as error:
            raise self.FailedToExtractRuntimeVersion(str(error)) from None
        if new is None:
            raise self.FailedToExtractRuntimeVersion
        if new.spec_name != self.version.spec_name:
            raise self.InvalidSpecName
        if new.spec_version <= self.version.spec_version:
            raise self.SpecVersionNeedsToIncrease
        if new.spec_version not in self.native_versions:
            raise Unavailable(f"this node has no native runtime of spec version {new.spec_version}")
        self.state.put(CODE_KEY, code)
        self.deposit_log(RuntimeEnvironmentUpdated())
        self.deposit(self.CodeUpdated())

    @call(
        4,
        weight=lambda items: Weight(2_038_000 + 1_000_000 * len(items)),
        dispatch_class=DispatchClass.Operational,
    )
    def set_storage(self, root: Root, items: list[tuple[bytes, bytes]]) -> None:
        """Set some items of storage."""
        for key, value in items:
            self.state.put(key, value)

    @call(5, weight=lambda keys: Weight(2_085_000 + 1_000_000 * len(keys)), dispatch_class=DispatchClass.Operational)
    def kill_storage(self, root: Root, keys: list[bytes]) -> None:
        """Kill some items from storage."""
        for key in keys:
            self.state.put(key, None)

    @call(
        6,
        weight=lambda prefix, subkeys: Weight(3_744_000 + 1_000_000 * (subkeys + 1), 69 * (subkeys + 1)),
        dispatch_class=DispatchClass.Operational,
    )
    def kill_prefix(self, root: Root, prefix: bytes, subkeys: U32) -> None:
        """Kill all storage items with a key that starts with the given prefix, at most `subkeys` of them."""
        self.state.clear_prefix(prefix, subkeys)

    @call(7, weight=lambda remark: Weight(5_000_000 + 1_430 * len(remark)))
    def remark_with_event(self, who: Signed, remark: bytes) -> None:
        """Make some on-chain remark and emit event."""
        self.deposit(self.Remarked(who, blake2_256(remark)))

    # What keeps an account alive; mirrors `frame_system::Pallet::{inc,dec}_{providers,consumers,sufficients}`.
    # Each takes the account's record and changes it; the caller writes it back or lets `reap` drop it.

    def inc_providers(self, who: bytes, info: AccountInfo) -> None:
        """One more reason for the account to exist; the first creates it."""
        if not info.providers and not info.sufficients:
            self.deposit(self.NewAccount(who))
        info.providers += 1

    def dec_providers(self, who: bytes, info: AccountInfo) -> bool:
        """One reason fewer; answers whether it was the last and the account is to be reaped.

        Raises `ConsumerRemaining` where something still depends on the account.
        """
        if info.providers <= 1 and info.consumers:
            raise ConsumerRemaining
        if info.providers <= 1 and not info.sufficients:
            info.providers = 0
            return True
        info.providers = max(info.providers - 1, 0)
        return False

    def inc_consumers(self, who: bytes, info: AccountInfo) -> None:
        """One more thing depends on the account; raises `NoProviders` if nothing keeps it, or `TooManyConsumers`."""
        if not info.providers:
            raise NoProviders
        if info.consumers >= MAX_CONSUMERS:
            raise TooManyConsumers
        info.consumers += 1

    def dec_consumers(self, who: bytes, info: AccountInfo) -> None:
        """One thing fewer depends on the account."""
        info.consumers = max(info.consumers - 1, 0)

    def reap(self, who: bytes) -> None:
        """Removes an account that nothing keeps alive."""
        del self.account[who]
        self.deposit(self.KilledAccount(who))
