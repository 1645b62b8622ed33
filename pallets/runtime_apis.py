"""The runtime APIs of this chain: what clients reach by `state_call`, and the node itself uses.

Names, versions, signatures and encodings are Substrate's; metadata V15 and V16 describe them from these declarations.

| API | differs from Substrate in |
| --- | --- |
| `Core`, `BlockBuilder` | roots: a header made here has both zero, and none is compared: the trie is the node's |
| `BlockBuilder.check_inherents` | an error is the text of why, under the identifier of its inherent |
| `SessionKeys` | no `generate_session_keys`: the keystore is the node's |
| `GrandpaApi` | no equivocation reports: there is no session history to prove ownership of a key by |

A call may leave changes in the overlay (`validate_transaction` opens the next block): who only asks throws the
overlay away. `BlockNotOpen` is raised where a block is needed and none was initialized in this runtime instance.
"""

from __future__ import annotations

from typing import Annotated

from pallets import session
from pallets.aura import AuraId, Slot
from pallets.frame import (
    H256,
    U32,
    U64,
    AccountId,
    Balance,
    DispatchInfo,
    Nonce,
    UnitEnum,
    Weight,
    struct,
)
from pallets.frame.executive import Executive, InvalidBlock
from pallets.frame.extensions import extension_codecs
from pallets.frame.extrinsic_types import ApplyExtrinsicResult, OpaqueExtrinsic, TransactionValidity
from pallets.frame.runtime import RuntimeCall
from pallets.frame.runtime_api import RuntimeApi
from pallets.frame.validity import TransactionSource, TransactionValidityError
from pallets.fungibles import AssetId
from pallets.grandpa import AuthorityList
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import UncheckedExtrinsic
from pallets.primitives.hash_onion import Commitment
from pallets.primitives.header import Header, Seal
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import FixedBytes, Wrapped
from pallets.randomness.beacon import NextReveal
from pallets.transaction_payment import FeeDetails, RuntimeDispatchInfo, TransactionPayment

STATE_METADATA_VERSION = 14  # of `Metadata_metadata`, whatever later ones there are
SESSION_KEYS = codec_of(session.SessionKeys)

OpaqueMetadata = Annotated[bytes, Wrapped("sp_core::OpaqueMetadata")]
SlotDuration = Annotated[U64, Wrapped("sp_consensus_slots::SlotDuration")]
InherentIdentifier = Annotated[bytes, FixedBytes(8)]


class BlockNotOpen(Exception):
    """`Core_initialize_block` comes first, on the same runtime instance."""


class ExtrinsicInclusionMode(UnitEnum):
    """What may be put into the block that was just opened."""

    __type_path__ = "sp_runtime::ExtrinsicInclusionMode"
    AllExtrinsics = 0
    OnlyInherents = 1


@struct(path="sp_runtime::generic::block::Block")
class Block:
    """A header and the extrinsics of its block."""

    __type_arguments__ = (("Header", Header), ("Extrinsic", OpaqueExtrinsic))

    header: Header
    extrinsics: list[OpaqueExtrinsic]


@struct(path="BTreeMap")
class InherentMap:
    """Bytes by inherent."""

    __unnamed__ = True
    __type_arguments__ = (("K", InherentIdentifier), ("V", bytes))

    entries: list[tuple[InherentIdentifier, bytes]]


@struct(path="sp_inherents::InherentData")
class InherentData:
    """What an author brings into a block, by inherent."""

    data: InherentMap


@struct(path="sp_inherents::CheckInherentsResult")
class CheckInherentsResult:
    """Whether a block's inherents are acceptable, and by inherent why not."""

    okay: bool
    fatal_error: bool
    errors: InherentData


class Core(RuntimeApi, version=5):
    """The `Core` runtime api that every Substrate runtime needs to implement."""

    def version(self) -> RuntimeVersion:
        """Returns the version of the runtime."""
        version: RuntimeVersion = self.runtime.version
        return version

    def execute_block(self, block: Block) -> None:
        """Execute the given block."""
        made = Executive(self.runtime).execute_block(block.header, block.extrinsics)
        if made.digest != [item for item in block.header.digest if not isinstance(item, Seal)]:
            raise InvalidBlock("the digest of the header is not what executing the block leaves")

    def initialize_block(self, header: Header) -> ExtrinsicInclusionMode:
        """Initialize a block with the given header and return the runtime executive mode."""
        Executive(self.runtime).initialize_block(header)
        return ExtrinsicInclusionMode.AllExtrinsics


class Metadata(RuntimeApi, version=2):
    """The `Metadata` api trait that returns metadata for the runtime."""

    # Imported when asked for: describing types takes a fifth of all our code, and blocks need none of it.

    def metadata(self) -> OpaqueMetadata:
        """Returns the metadata of a runtime."""
        from pallets.frame.metadata import metadata_bytes

        return metadata_bytes(self.runtime, STATE_METADATA_VERSION)

    def metadata_at_version(self, version: U32) -> OpaqueMetadata | None:
        """Returns the metadata at a given version.

        If the given `version` isn't supported, this will return `None`.
        Use `metadata_versions` to find out about supported metadata version of the runtime.
        """
        from pallets.frame.metadata import SUPPORTED, metadata_bytes

        return metadata_bytes(self.runtime, version) if version in SUPPORTED else None

    def metadata_versions(self) -> list[U32]:
        """Returns the supported metadata versions.

        This can be used to call `metadata_at_version`.
        """
        from pallets.frame.metadata import SUPPORTED

        return list(SUPPORTED)


class BlockBuilder(RuntimeApi, version=6):
    """The `BlockBuilder` api trait that provides the required functionality for building a block."""

    def apply_extrinsic(self, extrinsic: OpaqueExtrinsic) -> ApplyExtrinsicResult:
        """Apply the given extrinsic.

        Returns an inclusion outcome which specifies if this extrinsic is included in
        this block or not.
        """
        try:
            return self._open_block().apply_extrinsic(extrinsic)
        except TransactionValidityError as refusal:
            return refusal

    def finalize_block(self) -> Header:
        """Finish the current block."""
        return self._open_block().finalize_block()

    def inherent_extrinsics(self, inherent: InherentData) -> list[OpaqueExtrinsic]:
        """Generate inherent extrinsics. The inherent data will vary from chain to chain."""
        return Executive(self.runtime).create_inherents(dict(inherent.data.entries))

    def check_inherents(self, block: Block, data: InherentData) -> CheckInherentsResult:
        """Check that the inherents are valid. The inherent data will vary from chain to chain."""
        executive, own = Executive(self.runtime), dict(data.data.entries)
        errors = {}
        for extrinsic in block.extrinsics:
            try:
                executive.check_inherents([extrinsic], own)
            except InvalidBlock as error:
                pallet = self.runtime.by_index[executive.check(extrinsic).call.spec.pallet_index]
                errors[pallet.inherent_identifier] = codec_of(str).encode(str(error))
        return CheckInherentsResult(not errors, bool(errors), InherentData(InherentMap(sorted(errors.items()))))

    def _open_block(self) -> Executive:
        if self.runtime.system.execution_phase is None:
            raise BlockNotOpen("no block is open: call Core_initialize_block first, on the same runtime instance")
        return Executive(self.runtime)


class TaggedTransactionQueue(RuntimeApi, version=3):
    """The `TaggedTransactionQueue` api trait for interfering with the transaction queue."""

    def validate_transaction(
        self, source: TransactionSource, tx: OpaqueExtrinsic, block_hash: H256
    ) -> TransactionValidity:
        """Validate the transaction.

        This method is invoked by the transaction pool to learn details about given transaction.
        The implementation should make sure to verify the correctness of the transaction
        against current state. The given `block_hash` corresponds to the hash of the block
        that is used as current state.
        """
        system = self.runtime.system
        system.initialize(system.number + 1, block_hash, [])
        try:
            return Executive(self.runtime).validate_transaction(source, tx)
        except TransactionValidityError as refusal:
            return refusal


class AccountNonceApi(RuntimeApi, version=1):
    """The API to query account nonce."""

    def account_nonce(self, account: AccountId) -> Nonce:
        """Get current account nonce of given `AccountId`."""
        nonce: int = self.runtime.system.account[account].nonce
        return nonce


class TransactionPaymentApi(RuntimeApi, version=4):
    """What an extrinsic costs. Its signature is not verified: wallets ask before they sign."""

    def query_info(self, uxt: OpaqueExtrinsic, len_: U32) -> RuntimeDispatchInfo:
        """Weight, class and fee of an extrinsic of `len` bytes; a bare one pays none."""
        bare, info = self._dispatch_info(uxt)
        if bare:
            return RuntimeDispatchInfo(info.weight, info.class_, 0)
        return _payment(self).runtime_dispatch_info(len_, info)

    def query_fee_details(self, uxt: OpaqueExtrinsic, len_: U32) -> FeeDetails:
        """The fee of an extrinsic of `len` bytes by its parts, without a tip."""
        bare, info = self._dispatch_info(uxt)
        return FeeDetails(None, 0) if bare else _payment(self).fee_details(len_, info)

    def query_weight_to_fee(self, weight: Weight) -> Balance:
        """The price of a weight."""
        return _payment(self).weight_to_fee(weight)

    def query_length_to_fee(self, length: U32) -> Balance:
        """The price of an extrinsic's bytes."""
        return _payment(self).length_to_fee(length)

    def _dispatch_info(self, uxt: bytes) -> tuple[bool, DispatchInfo]:
        extra, _ = extension_codecs(self.runtime.extensions, self.runtime.codecs)
        unchecked = UncheckedExtrinsic.decode(uxt, extra)
        return unchecked.preamble is None, self.runtime.decode_call(unchecked.call).dispatch_info()


class TransactionPaymentCallApi(RuntimeApi, version=3):
    """What a call costs, as part of a signed extrinsic."""

    def query_call_info(self, call: RuntimeCall, len_: U32) -> RuntimeDispatchInfo:
        """Query information of a dispatch class, weight, and fee of a given encoded `Call`."""
        return _payment(self).runtime_dispatch_info(len_, call.dispatch_info())

    def query_call_fee_details(self, call: RuntimeCall, len_: U32) -> FeeDetails:
        """Query fee details of a given encoded `Call`."""
        return _payment(self).fee_details(len_, call.dispatch_info())

    def query_weight_to_fee(self, weight: Weight) -> Balance:
        """Query the output of the current `WeightToFee` given some input."""
        return _payment(self).weight_to_fee(weight)

    def query_length_to_fee(self, length: U32) -> Balance:
        """Query the output of the current `LengthToFee` given some input."""
        return _payment(self).length_to_fee(length)


def _payment(api: RuntimeApi) -> TransactionPayment:
    payment: TransactionPayment = api.runtime.transaction_payment
    return payment


class SessionKeys(RuntimeApi, version=1):
    """Session keys runtime api."""

    def decode_session_keys(self, encoded: bytes) -> list[tuple[bytes, session.KeyTypeId]] | None:
        """Decode the given public session keys.

        Returns the list of public raw public keys + key type.
        """
        try:
            keys, _ = SESSION_KEYS.decode(encoded, 0)
        except DecodeError:
            return None
        return [(key, kind) for kind, key in keys.by_type()]


class AuraApi(RuntimeApi, version=1):
    """API necessary for block authorship with aura."""

    def slot_duration(self) -> SlotDuration:
        """Returns the slot duration for Aura."""
        duration: int = self.runtime.aura.slot_duration
        return duration

    def authorities(self) -> list[AuraId]:
        """Return the current set of authorities."""
        found: list[bytes] = self.runtime.aura.authorities
        return found


class GrandpaApi(RuntimeApi, version=3):
    """APIs for integrating the GRANDPA finality gadget into runtimes."""

    def grandpa_authorities(self) -> AuthorityList:
        """Get the current GRANDPA authorities and weights. This should not change except
        for when changes are scheduled and the corresponding delay has passed.

        When called at block B, it will return the set of authorities that should be
        used to finalize descendants of this block (B+1, B+2, ...). The block B itself
        is finalized by the authorities from block B-1.
        """
        found: AuthorityList = self.runtime.grandpa.authorities
        return found

    def current_set_id(self) -> U64:
        """Get current GRANDPA authority set id."""
        number: int = self.runtime.grandpa.current_set_id
        return number


class RandomnessApi(RuntimeApi, version=1):
    """What an author needs to reveal the next layer of its hash onion."""

    def next_reveal(self, authority: AuraId, slot: Slot) -> NextReveal | None:
        """What an authority reveals and commits to in the block after this one, made in this slot; if anything."""
        found: NextReveal | None = self.runtime.randomness.next_reveal(authority, slot)
        return found

    def commitment(self, authority: AuraId) -> Commitment | None:
        """What an authority has committed to, if anything."""
        found: Commitment | None = self.runtime.randomness.commitment.get(authority)
        return found


class DividendsApi(RuntimeApi, version=1):
    """What holding a token has earned."""

    def claimable(self, token: AssetId, who: AccountId) -> Balance:
        """What `Dividends.claim` would pay an account in this block's state; 0 where there is nothing to claim."""
        amount: int = self.runtime.dividends.claimable(token, who)
        return amount


class CalendarApi(RuntimeApi, version=1):
    """What the chain has to do of its own accord, and when."""

    def next_due(self) -> U64 | None:
        """When something is due next, in milliseconds of chain time: a block then, or later, does it."""
        runtime = self.runtime
        calendars = (
            runtime.jobs,
            runtime.schedules,
            runtime.clusters,
            runtime.slashing,
            runtime.dao,
            runtime.crossings,
            runtime.triggers,
        )
        found = [calendar.next_due() for calendar in calendars]
        return min((when for when in found if when is not None), default=None)
