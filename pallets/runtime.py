"""The whole chain on one page: which pallets it has, where each stands on the wire, and how they are wired.

`DevRuntime` is the development chain. Pallets run their hooks in the order of their attributes, `index` is the wire;
a pallet that another one is handed to must exist before it.

## Out of scope

Genesis values: `chain_spec.json`. Executing blocks: `pallets.frame.executive`.
"""

from __future__ import annotations

from pallets import runtime_apis, trade_apis
from pallets.agents.pallet import Agents
from pallets.anchors.pallet import Anchors
from pallets.assets.pallet import Assets
from pallets.attestation.pallet import Attestation
from pallets.aura import Aura
from pallets.balances.pallet import Balances
from pallets.cheats import Cheats
from pallets.clusters.pallet import Clusters
from pallets.crossings.pallet import Crossings
from pallets.curves.pallet import Curves
from pallets.dao.api import DaoApi
from pallets.dao.pallet import Dao
from pallets.dividends import Dividends
from pallets.frame.events import DispatchError
from pallets.frame.extensions import (
    CheckGenesis,
    CheckMetadataHash,
    CheckMortality,
    CheckNonce,
    CheckNonZeroSender,
    CheckSpecVersion,
    CheckTxVersion,
    CheckWeight,
)
from pallets.frame.runtime import Runtime
from pallets.frame.runtime_api import api_versions
from pallets.frame.weights import REF_TIME_PER_SECOND, DbWeight, block_length, block_weights
from pallets.grandpa import Grandpa
from pallets.jobs.pallet import Jobs
from pallets.mandates import Mandates
from pallets.multisig.pallet import Multisig
from pallets.pools import Pools
from pallets.primitives.fixed import Permill
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.proxy.pallet import Proxy
from pallets.randomness.pallet import Randomness
from pallets.schedules import Schedules
from pallets.session import Session
from pallets.slashing.pallet import Slashing
from pallets.sudo import Sudo
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.transaction_payment import ChargeTransactionPayment, TransactionPayment
from pallets.treasury import TREASURY, Treasury
from pallets.triggers import Triggers
from pallets.utility import Utility
from pallets.workers.pallet import Workers

SPEC_VERSION = 1
UNIT = 10**12
"""One token in its smallest parts: 12 decimals."""
SLOT_DURATION = 100
"""Milliseconds."""
BLOCK_REF_TIME = 2 * REF_TIME_PER_SECOND
CENT = UNIT // 100
UNLIMITED_PROOF = (1 << 64) - 1
"""No validator of another chain reads this one's proofs, so a block's storage proof has no limit."""
BLOCK_LENGTH = 5 * 1024 * 1024
SS58_PREFIX = 42
MINUTE = 60_000
"""Milliseconds."""
DAY = 24 * 60 * MINUTE
MAX_GAS = 5_000_000_000
"""About a second of a worker's processor."""
CALLABLE_BACK = frozenset(
    (
        "System.remark",
        "System.remark_with_event",
        "Utility.batch",
        "Utility.batch_all",
        "Utility.force_batch",
        "Utility.if_else",
        "Utility.as_derivative",
    )
)
"""What jobs may call back: what carries a result and moves nothing, since anybody chooses it."""
DAO_CALLABLE = frozenset(
    (
        "System.remark",
        "System.remark_with_event",
        "Utility.batch",
        "Utility.batch_all",
        "Utility.force_batch",
        "Balances.transfer_keep_alive",
        "Balances.transfer_allow_death",
        "Balances.transfer_all",
        "Assets.transfer",
        "Assets.transfer_keep_alive",
        "Assets.transfer_all",
        "Agents.set_hosts",
        "Agents.set_requirements",
        "Agents.fund",
        "Anchors.fill",
        "Anchors.set_limits",
        "Jobs.submit",
        "Jobs.cancel",
        "Schedules.schedule",
        "Schedules.unschedule",
        "Triggers.set_trigger",
        "Triggers.remove",
        "Agents.set_calls",
        "Crossings.allow",
        "Crossings.disallow",
        "Crossings.drop_account",
        "Crossings.withdraw",
    )
)
"""What an agent's holders may have their DAO's account call beside the motions of their own: it has what they sent it,
and neither the treasury nor the token is in its reach."""
CHAIN_TREASURY = TREASURY


def deposit(items: int, size: int) -> int:
    """What it takes to keep that many entries of so many bytes in all; returned when they go. Substrate's prices."""
    return items * 15 * CENT + size * 6 * CENT


APIS = (
    runtime_apis.Core,
    runtime_apis.Metadata,
    runtime_apis.BlockBuilder,
    runtime_apis.TaggedTransactionQueue,
    runtime_apis.AccountNonceApi,
    runtime_apis.TransactionPaymentApi,
    runtime_apis.TransactionPaymentCallApi,
    runtime_apis.SessionKeys,
    runtime_apis.AuraApi,
    runtime_apis.GrandpaApi,
    runtime_apis.RandomnessApi,
    runtime_apis.CalendarApi,
    trade_apis.CurvesApi,
    trade_apis.PoolsApi,
    runtime_apis.DividendsApi,
    DaoApi,
)


class DevRuntime(Runtime):
    """The development chain."""

    version = RuntimeVersion(
        spec_name="fathom",
        impl_name="fathom-node",
        authoring_version=1,
        spec_version=SPEC_VERSION,
        impl_version=1,
        apis=api_versions(APIS),
        transaction_version=1,
        system_version=1,
    )
    extensions = (  # clients hard-code this order
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
    apis = APIS

    def compose(self) -> None:
        self.system = System(
            index=0,
            block_weights=block_weights(BLOCK_REF_TIME, UNLIMITED_PROOF),
            block_length=block_length(BLOCK_LENGTH),
            block_hash_count=4096,
            db_weight=DbWeight(25_000_000, 100_000_000),
            version=self.version,
            ss58_prefix=SS58_PREFIX,
        )
        self.aura = Aura(index=3, system=self.system, slot_duration=SLOT_DURATION)
        self.timestamp = Timestamp(index=2, minimum_period=SLOT_DURATION // 2, on_set=self.aura)
        self.grandpa = Grandpa(index=4)
        self.balances = Balances(index=5, system=self.system, existential_deposit=UNIT // 1000)
        self.transaction_payment = TransactionPayment(index=6, system=self.system, currency=self.balances)
        self.sudo = Sudo(index=7)
        self.utility = Utility(index=8, system=self.system)
        self.multisig = Multisig(
            index=10,
            system=self.system,
            currency=self.balances,
            deposit_base=deposit(1, 88),
            deposit_factor=deposit(0, 32),
        )
        self.proxy = Proxy(
            index=11,
            system=self.system,
            currency=self.balances,
            proxy_deposit_base=deposit(1, 8),
            proxy_deposit_factor=deposit(0, 33),
            announcement_deposit_base=deposit(1, 8),
            announcement_deposit_factor=deposit(0, 66),
        )
        self.session = Session(index=9, system=self.system)
        self.attestation = Attestation(
            index=21,
            system=self.system,
            timestamp=self.timestamp,
            max_quote_age=10 * MINUTE,
            on_gpu=lambda worker: self.workers.rematch(worker),
        )
        self.workers = Workers(
            index=20,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            attestation=self.attestation,
            min_stake=100 * UNIT,
            max_counted_stake=400 * UNIT,
            max_load=16,  # what a slot runs in a few blocks; of the largest jobs, a third of ten minutes will do for 16
            heartbeat_interval=10_000,
            heartbeat_window=90_000,
            challenge_interval=40_000,
            challenge_spacing=50,
            challenge_reward=CENT,
            reference_speed=MAX_GAS // 5_000,  # the largest job in five seconds
            unbonding=4 * DAY,
            min_delegation=UNIT,
            max_due=256,
        )
        self.clusters = Clusters(
            index=30,
            system=self.system,
            timestamp=self.timestamp,
            attestation=self.attestation,
            workers=self.workers,
            beacon=lambda: self.randomness,
            max_confidence=2,
            max_volunteers=1 << 16,
            window=30_000,
            look_interval=15_000,
            patience=10 * MINUTE,
            cool_down=10 * MINUTE,
        )
        self.slashing = Slashing(
            index=27,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            attestation=self.attestation,
            workers=self.workers,
            jobs=lambda: self.jobs,
            chain_treasury=CHAIN_TREASURY,
            defer=10 * MINUTE,
            discovery=3 * DAY,  # a job's deadline, its window, and the vote on a challenge; less for receipts
            equivocation=50 * UNIT,
            report_bond=UNIT,
            max_due=8,
        )
        self.assets = Assets(
            index=12,
            system=self.system,
            currency=self.balances,
            listener=lambda: self.dividends,
            freezer=lambda: self.dao,
            asset_deposit=deposit(1, 190),
            asset_account_deposit=deposit(1, 16),
            metadata_deposit_base=deposit(1, 68),
            metadata_deposit_per_byte=deposit(0, 1),
            approval_deposit=self.balances.existential_deposit,
        )
        self.treasury = Treasury(
            index=13,
            system=self.system,
            currency=self.balances,
            tokens=self.assets,
            spend_period=10 * MINUTE // SLOT_DURATION,
            burn=Permill(0),
            payout_period=30 * DAY // SLOT_DURATION,
        )
        self.dividends = Dividends(
            index=32,
            timestamp=self.timestamp,
            currency=self.balances,
            tokens=self.assets,
            epoch=10 * MINUTE,
        )
        self.agents = Agents(
            index=23,
            timestamp=self.timestamp,
            currency=self.balances,
            holders=self.dividends,
            classes=self.workers,
            max_gas=MAX_GAS,
            requirements_deposit=10 * UNIT,
        )
        self.crossings = Crossings(
            index=35,
            system=self.system,
            timestamp=self.timestamp,
            agents=self.agents,
            holders=self.clusters,
            max_chains=16,
            max_waiting=64,
            patience=60 * MINUTE,
            max_due=16,
        )
        self.mandates = Mandates(
            index=34,
            timestamp=self.timestamp,
            currency=self.balances,
            tokens=self.assets,
            curve_token=lambda curve: self.curves.token_of(curve),
            pool_token=lambda pool: self.pools.token_of(pool),
        )
        self.anchors = Anchors(
            index=33,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            agents=self.agents,
            deputies=self.mandates,
            outboxes=lambda: self.crossings,
            max_stored=1 << 20,
        )
        self.jobs = Jobs(
            index=22,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            attestation=self.attestation,
            workers=self.workers,
            payees=self.agents,
            beacon=lambda: self.randomness,
            penalties=self.slashing,
            chain_treasury=CHAIN_TREASURY,
            callable_back=CALLABLE_BACK,
            key_holders=self.clusters,
            effects=self.anchors,
            max_gas=MAX_GAS,
            min_deadline=45_000,
            acknowledge_within=20_000,
            max_window=3 * 60 * MINUTE,
            challenge_bond=UNIT,
            min_slash=10 * UNIT,
            max_deadline=24 * 60 * MINUTE,
            max_due=256,
            receipt_time=60 * MINUTE,
            open_within=10 * MINUTE,
            leaves_drawn=8,
            batch_interval=3_000,
            batches_kept=4 * DAY,
            min_channel=UNIT // 10,
            channel_notice=60 * MINUTE,
        )
        self.schedules = Schedules(
            index=31,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            jobs=self.jobs,
            min_interval=10_000,
            max_ahead=366 * 24 * 60 * MINUTE,
            max_schedules=16,
            max_due=16,
            run_fee=7 * CENT,
            deposit_base=deposit(1, 0),
            deposit_byte=deposit(0, 1),
        )
        self.triggers = Triggers(
            index=36,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            jobs=self.jobs,
            min_interval=1_000,
            max_interval=DAY,
            max_triggers=16,
            max_of_kind=64,
            max_waiting=64,
            max_due=16,
            run_fee=7 * CENT,
            deposit_base=deposit(2, 0),
            deposit_byte=deposit(0, 1),
        )
        self.pools = Pools(index=26, currency=self.balances, tokens=self.assets, fee=3_000)
        self.curves = Curves(
            index=24,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            tokens=self.assets,
            companies=self.agents,
            holders=self.dividends,
            pools=self.pools,
            government=lambda: self.dao,
            chain_treasury=CHAIN_TREASURY,
            max_fees=250_000,
            max_tax_duration=DAY,
        )
        self.dao = Dao(
            index=25,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            tokens=self.assets,
            companies=self.agents,
            holders=self.dividends,
            callable=DAO_CALLABLE,
            bond=UNIT,
            proposer_share=100_000,  # a tenth of the quorum: a hundredth of what circulates, by the usual rules
            min_period=1_000,
            max_period=90 * DAY,
            guardianship=30 * DAY,
            max_guardianship=366 * DAY,
            epoch=10 * MINUTE,
            max_due=32,
        )
        # draws before what falls due, and motions before schedules: these go by what was decided
        listeners = (self.clusters, self.jobs, self.slashing, self.dao, self.schedules, self.triggers, self.crossings)
        self.randomness = Randomness(
            index=14,
            system=self.system,
            authorship=self.aura,
            timestamp=self.timestamp,
            currency=self.balances,
            validators=self.session,
            treasury=CHAIN_TREASURY,
            fine=10 * UNIT,
            session=60 * MINUTE // SLOT_DURATION,
            listeners=listeners,
            queues=(self.jobs, self.clusters),
        )
        self.cheats = Cheats(index=200, currency=self.balances)  # far from FRAME's, and from where the chain grows

    def impersonates(self, signer: bytes) -> bool:
        return self.cheats.impersonates(signer)

    def made_to_fail(self) -> DispatchError | None:
        return self.cheats.made_to_fail()


KNOWN_RUNTIMES: dict[int, type[Runtime]] = {DevRuntime.version.spec_version: DevRuntime}
"""Native runtimes by spec version: a node runs a block by the version its parent's state names, and refuses others."""
