"""Accounts, the block under construction, and the events it leaves.

Mirrors `frame_system`: same storage, calls, events and errors. Every other pallet stands on this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from pallets.frame import (
    H256,
    U16,
    U32,
    AccountId,
    BlockNumber,
    Const,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Root,
    Signed,
    Value,
    Weight,
    call,
)
from pallets.frame.block_space import BlockSpace
from pallets.frame.events import (
    PHASE,
    ApplyExtrinsic,
    Finalization,
    Initialization,
    Phase,
)
from pallets.frame.runtime import DispatchErrorType, EventRecord
from pallets.frame.validity import MAX_LONGEVITY, MAX_PRIORITY, ValidTransaction
from pallets.frame.validity import Call as CallNotExpected
from pallets.frame.weights import BlockLength, BlockWeights, ConsumedWeight, DbWeight
from pallets.primitives.hashing import Twox64Concat, blake2_256
from pallets.primitives.header import Digest, DigestItem, Header
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.primitives.scale import compact
from pallets.system.account import AccountInfo
from pallets.system.code_upgrade import (
    CodeUpgradeAuthorization,
    LastRuntimeUpgradeInfo,
    apply_authorized,
    authorization_of,
    authorize,
    check_version,
    update_code,
)

GENESIS_MARKER = b"\x45" * 32  # what FRAME writes as hash of block 0, which can't know itself
NO_TOPICS = b"\0"


CODE_CHANGE = Weight(111_532_094_000, 67_035)
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
    authorized_upgrade = Value[CodeUpgradeAuthorization | None]()
    """`Some` if a code upgrade has been authorized."""

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

    @call(2, weight=CODE_CHANGE, dispatch_class=DispatchClass.Operational)
    def set_code(self, root: Root, code: bytes) -> None:
        """Set the new runtime code."""
        check_version(self, code)
        update_code(self, code)

    @call(3, weight=CODE_CHANGE, dispatch_class=DispatchClass.Operational)
    def set_code_without_checks(self, root: Root, code: bytes) -> None:
        """Set the new runtime code without doing any checks of the given `code`.

        Note that runtime upgrades will not run if this is called with a not-increasing spec version!
        """
        update_code(self, code)

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

    @call(9, weight=Weight(133_027_000), dispatch_class=DispatchClass.Operational)
    def authorize_upgrade(self, root: Root, code_hash: H256) -> None:
        """Authorize an upgrade to a given `code_hash` for the runtime. The runtime can be supplied later.

        This call requires Root origin.
        """
        authorize(self, code_hash, check_version=True)

    @call(10, weight=Weight(133_027_000), dispatch_class=DispatchClass.Operational)
    def authorize_upgrade_without_checks(self, root: Root, code_hash: H256) -> None:
        """Authorize an upgrade to a given `code_hash` for the runtime. The runtime can be supplied later.

        WARNING: This authorizes an upgrade that will take place without any safety checks, for example that the spec
        name remains the same and that the version number increases. Not recommended for normal use. Use
        `authorize_upgrade` instead.

        This call requires Root origin.
        """
        authorize(self, code_hash, check_version=False)

    def validate_upgrade(self, code: bytes) -> ValidTransaction:
        """Admits the code that is authorized."""
        try:
            authorized = authorization_of(self, code)
        except Error:
            raise CallNotExpected from None
        return ValidTransaction(MAX_PRIORITY, [], [authorized.code_hash], MAX_LONGEVITY, True)

    @call(
        11,
        weight=Weight(118_451_992_000, 67_035),
        dispatch_class=DispatchClass.Operational,
        validate=validate_upgrade,
    )
    def apply_authorized_upgrade(self, origin: Origin, code: bytes) -> PostInfo:
        """Provide the preimage (runtime binary) `code` for an upgrade that has been authorized.

        If the authorization required a version check, this call will ensure the spec name remains unchanged and that
        the spec version has increased.

        All origins are allowed.
        """
        return apply_authorized(self, code)

    # What keeps an account alive

    def inc_providers(self, who: bytes, info: AccountInfo) -> None:
        """One more reason for the account to exist; the first creates it."""
        if not info.providers and not info.sufficients:
            self.deposit(self.NewAccount(who))
        info.providers += 1

    def inc_sufficients(self, who: bytes, info: AccountInfo) -> None:
        """One more thing that the account has and that is reason enough for it to exist; may create it."""
        if not info.providers and not info.sufficients:
            self.deposit(self.NewAccount(who))
        info.sufficients += 1

    def dec_sufficients(self, who: bytes) -> None:
        """One such thing fewer; may be the end of the account."""
        info = self.account[who]
        info.sufficients = max(info.sufficients - 1, 0)
        if info.sufficients or info.providers:
            self.account[who] = info
        else:
            self.reap(who)

    def reap(self, who: bytes) -> None:
        """Removes an account that nothing keeps alive."""
        del self.account[who]
        self.deposit(self.KilledAccount(who))
