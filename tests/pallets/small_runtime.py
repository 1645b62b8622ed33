"""A runtime of the plainest pallets, and what a client does to talk to it: keys, payloads, signed bytes."""

from __future__ import annotations

from typing import Any, ClassVar

from pallets.assets.pallet import Assets
from pallets.balances.pallet import Balances
from pallets.frame import AccountId, Balance, Pallet, PostInfo, Reasons, Signed, Weight, call
from pallets.frame.executive import Executive
from pallets.frame.extensions import (
    CheckGenesis,
    CheckMetadataHash,
    CheckMortality,
    CheckNonce,
    CheckNonZeroSender,
    CheckSpecVersion,
    CheckTxVersion,
    CheckWeight,
    MetadataHashMode,
)
from pallets.frame.genesis import build_genesis
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call, Runtime
from pallets.frame.weights import REF_TIME_PER_MILLISECOND, DbWeight, block_length, block_weights
from pallets.multisig.pallet import Multisig
from pallets.primitives.extrinsic import IMMORTAL, Era, Sr25519, signed_extrinsic, signing_payload
from pallets.primitives.header import Header
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.proxy.pallet import Proxy
from pallets.sudo import Sudo
from pallets.system.pallet import System
from pallets.transaction_payment import ChargeTransactionPayment, TransactionPayment
from pallets.utility import Utility

UNIT = 10**12
DEPOSIT = 500
ALICE_KEY, BOB_KEY = dev_keypair("Alice"), dev_keypair("Bob")
ALICE, BOB = ALICE_KEY.account_id, BOB_KEY.account_id
CHARLIE, DAVE = b"\x03" * 32, b"\x04" * 32


class Escrow(Pallet):
    """Another pallet to test with: it holds money, and costs less than it says."""

    balances: Balances

    class HoldReason(Reasons):
        """Why money is held here."""

        Deal = 0
        Bond = 1

    @call(0, weight=Weight(2_000_000_000, 5_000))
    def frugal(self, who: Signed, used: Balance) -> PostInfo:
        """Uses this much of its weight's time."""
        return PostInfo(Weight(used, 0))

    @call(1, weight=Weight(1_000_000_000, 1_000))
    def hold(self, who: Signed, amount: Balance) -> None:
        """Holds the caller's money for the deal."""
        self.balances.hold(self.HoldReason.Deal, who, amount)


class SmallRuntime(Runtime):
    """System, balances, fees, sudo, utility and the escrow."""

    version = RuntimeVersion("small", "small", 1, 7, 1, [], 3, 1)
    extensions = (
        CheckNonZeroSender,
        CheckSpecVersion,
        CheckTxVersion,
        CheckGenesis,
        CheckMortality,
        CheckNonce,
        CheckWeight,
        ChargeTransactionPayment,
        CheckMetadataHash,
    )

    def compose(self) -> None:
        self.system = System(
            index=0,
            block_weights=block_weights(60 * REF_TIME_PER_MILLISECOND, 5_000_000),
            block_length=block_length(1 << 20),
            block_hash_count=16,
            db_weight=DbWeight(25_000_000, 100_000_000),
            version=self.version,
            ss58_prefix=42,
        )
        self.balances = Balances(index=5, system=self.system, existential_deposit=DEPOSIT)
        self.transaction_payment = TransactionPayment(index=6, system=self.system, currency=self.balances)
        self.sudo = Sudo(index=7)
        self.utility = Utility(index=8, system=self.system)
        self.escrow = Escrow(index=9, balances=self.balances)
        self.multisig = Multisig(
            index=10, system=self.system, currency=self.balances, deposit_base=100, deposit_factor=10
        )
        self.proxy = Proxy(
            index=11,
            system=self.system,
            currency=self.balances,
            proxy_deposit_base=100,
            proxy_deposit_factor=10,
            announcement_deposit_base=200,
            announcement_deposit_factor=20,
        )
        self.assets = Assets(
            index=12,
            system=self.system,
            currency=self.balances,
            remove_items_limit=5,
            asset_deposit=100,
            asset_account_deposit=10,
            metadata_deposit_base=10,
            metadata_deposit_per_byte=1,
            approval_deposit=10,
        )


def genesis(**balances: int) -> dict[str, dict[str, Any]]:
    """Genesis values: Alice is sudo, and accounts have what they are said to have."""
    accounts = {"alice": ALICE, "bob": BOB, "charlie": CHARLIE, "dave": DAVE}
    return {
        "balances": {"balances": [(accounts[name], amount) for name, amount in balances.items()]},
        "sudo": {"key": ALICE},
    }


class SmallChain:
    """A chain with a block open on genesis: opens and closes blocks, and signs transactions."""

    runtime: ClassVar[type[SmallRuntime]] = SmallRuntime

    def __init__(self, **balances: int) -> None:
        self.genesis = build_genesis(self.runtime, genesis(**balances))
        self.rt = self.runtime(Overlay(DictBackend(self.genesis)))
        self.executive = Executive(self.rt)
        self.next_block()

    def next_block(self) -> None:
        """Closes the open block, if there is one, and opens the next on top of it."""
        number, parent = self.rt.system.number, b"\x45" * 32
        if number:
            parent = self.executive.finalize_block().hash
        self.executive.initialize_block(Header(parent, number + 1, bytes(32), bytes(32)))

    def nonce(self, who: AccountId) -> int:
        """The next nonce of an account."""
        return self.rt.system.account[who].nonce

    def signed(
        self,
        key: Keypair,
        call: Call,
        *,
        nonce: int | None = None,
        tip: int = 0,
        era: Era = IMMORTAL,
        mode: MetadataHashMode = MetadataHashMode.Disabled,
        implicit: bytes | None = None,
    ) -> bytes:
        """A signed transaction's bytes; nonce and implicit data are the right ones unless given."""
        nonce = self.nonce(key.account_id) if nonce is None else nonce
        extra = (None, None, None, None, era, nonce, None, tip, mode)
        extra_bytes = self.executive.extensions.extra_codec.encode(extra)
        data = self.rt.encode_call(call)
        implicit = self.executive.extensions.implicit(extra) if implicit is None else implicit
        signature = Sr25519(key.sign(signing_payload(data, extra_bytes, implicit)))
        return signed_extrinsic(key.account_id, signature, extra_bytes, data)
