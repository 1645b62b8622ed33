"""A runtime of tokens and dividends alone, its clock in the test's hands; and these two for other runtimes."""

from __future__ import annotations

from typing import Any, cast

from pallets.assets.pallet import Assets
from pallets.balances.pallet import Balances
from pallets.dividends import POT, SCALE, Dividends
from pallets.frame.genesis import build_genesis
from pallets.frame.origin import signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime
from pallets.frame.weights import REF_TIME_PER_SECOND, DbWeight, block_length, block_weights
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, UNIT

DEPOSIT = UNIT // 1000
EPOCH = 600_000
START = 1_772_323_200_000
PEOPLE = (ALICE, BOB, CHARLIE, DAVE)
PAYER = b"modlpayerpot".ljust(32, b"\0")
POOL = b"modlfthmpool".ljust(32, b"\0")
ISSUER = b"modlfthmcurv".ljust(32, b"\0")


class Untimed:
    """Nobody asks when the time is set."""

    def on_timestamp_set(self, now: int) -> None:
        pass


class TokenRuntime(Runtime):
    """Of which tokens and dividends are a part."""

    system: System
    timestamp: Timestamp
    balances: Balances

    def compose_tokens(self) -> None:
        """Once there is what they stand on."""
        self.assets = Assets(
            index=12,
            system=self.system,
            currency=self.balances,
            listener=lambda: self.dividends,
            asset_deposit=UNIT,
            asset_account_deposit=UNIT,
            metadata_deposit_base=UNIT,
            metadata_deposit_per_byte=UNIT,
            approval_deposit=UNIT,
        )
        self.dividends = Dividends(
            index=32, timestamp=self.timestamp, currency=self.balances, tokens=self.assets, epoch=EPOCH
        )


class DividendRuntime(TokenRuntime):
    """System, time, money, tokens and what they earn."""

    version = RuntimeVersion("dividends", "dividends", 1, 1, 1, [], 1, 1)

    def compose(self) -> None:
        self.system = System(
            index=0,
            block_weights=block_weights(REF_TIME_PER_SECOND, 5_000_000),
            block_length=block_length(1 << 20),
            block_hash_count=16,
            db_weight=DbWeight(25_000_000, 100_000_000),
            version=self.version,
            ss58_prefix=42,
        )
        self.timestamp = Timestamp(index=2, minimum_period=50, on_set=Untimed())
        self.balances = Balances(index=5, system=self.system, existential_deposit=DEPOSIT)
        self.compose_tokens()


class DividendChain:
    """A block that stays open. The payer has money, and `token` a followed token that nobody has yet."""

    def __init__(self, money: int = 10**9 * UNIT, tokens: int = 1) -> None:
        holders = [(PAYER, money), *((who, DEPOSIT) for who in PEOPLE)]
        genesis: dict[str, dict[str, Any]] = {"balances": {"balances": holders}}
        self.rt = DividendRuntime(Overlay(DictBackend(build_genesis(DividendRuntime, genesis))))
        self.rt.integrity_test()
        self.rt.system.initialize(1, bytes(32), [])
        self.rt.timestamp.now = START
        self.tokens = [self.create() for _ in range(tokens)]
        self.token = self.tokens[0]

    def create(self) -> int:
        """A new token that is followed."""
        token = self.rt.assets.next_id()
        self.rt.assets.create_token(token, ISSUER, b"Token", b"T", 6)
        self.rt.dividends.follow(token)
        return token

    def wait(self, time: int) -> None:
        """Lets so many milliseconds pass."""
        self.rt.timestamp.now += time

    def mint(self, who: bytes, amount: int, token: int | None = None) -> None:
        self.rt.assets.mint_into(self.token if token is None else token, who, amount)

    def pay(self, amount: int, token: int | None = None) -> None:
        """Has the payer pay the holders."""
        self.rt.dividends.pay_in(self.token if token is None else token, PAYER, amount)

    def claim(self, who: bytes, token: int | None = None) -> None:
        """A signed call; raises what it raises."""
        call = self.rt.call("Dividends", "claim", token=self.token if token is None else token)
        self.rt.dispatch(call, signed(who))

    def claimable(self, who: bytes, token: int | None = None) -> int:
        return self.rt.dividends.claimable(self.token if token is None else token, who)

    def state(self) -> dict[bytes, bytes | None]:
        """All that is stored, and what was deleted."""
        backend = cast(DictBackend, self.rt.state.backend)
        return backend.pairs | self.rt.state.changes

    def pot(self) -> int:
        """What the pot has beside its deposit."""
        return self.rt.balances.free(POT) - DEPOSIT

    def accounted(self, token: int, *holders: bytes) -> int:
        """What the books say the pot must have for a token, in parts: earned, flowed without owner, still to flow."""
        stream = self.rt.dividends.stream[token]
        stream.flow(self.rt.timestamp.now)
        parts = stream.rest + stream.left * SCALE
        for who in holders:
            earned = self.rt.dividends.earned[token, who]
            earned.note(self.rt.assets.balance(token, who), stream.index)
            parts += earned.parts
        return parts
