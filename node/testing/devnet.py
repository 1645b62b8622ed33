"""A whole dev chain in this process, driven call by call: the node's own chain, pool and producer, without the node.

Nothing happens but when it is asked for: no task, no thread, no socket, no disk. Time is the chain's own, and moves
when blocks are mined or by `time_travel`. The same calls on the same seed make the same blocks, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import TracebackType
from typing import Any, Final

from node.chain.authorship import Aura
from node.chain.inherents import RevealedOnion, SlotTimestamp
from node.chain.pool import Pool, PoolError
from node.chain.producer import Order, Producer
from node.chain.snapshots import Snapshots
from node.chain.stored import BlockRef
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.chain_spec import ChainSpec
from node.clock import ChainClock
from node.dev_spec import DEV_SPEC
from node.executor import Executor
from node.signing import Signer, sign_call
from node.state.backend import UnknownBlock
from node.state.memory import MemoryDatabase
from node.testing.accounts import ALICE, Account, Who, account
from node.testing.blocks import Blocks
from node.testing.errors import CallFailed, InvalidAccount, NoSudo, NotIncluded, Refused, described, name_of
from node.testing.events import Events
from node.testing.expected import Raised, WantedError, check_known, is_expected
from node.testing.names import two_levels
from node.testing.receipt import Receipt
from node.testing.sender import Sender, made_call
from node.testing.signatures import Impersonator, SteadyKeypair
from node.testing.view import View
from pallets.cheats import CHEATS, IDENTIFIER, Cheat, Fund, Impersonate
from pallets.frame.genesis import build_genesis, values_of_patch
from pallets.frame.runtime import Call, Runtime
from pallets.frame.validity import TransactionSource, TransactionValidityError
from pallets.primitives.codec import codec_of
from pallets.primitives.hash_onion import DEV_LAYERS, DEV_SECRET, HashOnions
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import Keypair
from pallets.primitives.runtime_code import CODE_KEY, native_code
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U32
from pallets.runtime import DevRuntime

START: Final = 1_767_268_800_000
"""Milliseconds: noon of 2026-01-01, when a devnet's clock starts."""
MAX_EXTRINSIC: Final = 5 * 1024 * 1024
SEEDED_LAYERS: Final = 512
MAX_BLOCKS: Final = 16
"""How many blocks are mined for one transaction: a full pool may be before it."""
NONCE = codec_of(U32)


@cache
def _spec_of(seed: int) -> ChainSpec:
    """The dev chain, or for a seed other than 0 one whose author has committed to the seed's own randomness."""
    spec = ChainSpec.load(DEV_SPEC)
    if not seed:
        return spec
    genesis = spec.document["genesis"]["runtimeGenesis"]
    layer, layers = _onions_of(seed).commitment(0)
    randomness = {"commitments": [[ALICE.address, f"0x{layer.hex()}", layers]]}
    patch = {**genesis["patch"], "randomness": randomness}
    return ChainSpec.of_document({**spec.document, "genesis": {"runtimeGenesis": {**genesis, "patch": patch}}})


def _spec_with(spec: ChainSpec, runtime: type[Runtime], genesis: Mapping[str, Any]) -> ChainSpec:
    """A chain as another, but for its runtime and some pallets' genesis values."""
    patch = {**spec.document["genesis"]["runtimeGenesis"]["patch"], **genesis}
    state = build_genesis(runtime, values_of_patch(runtime, patch)) | {CODE_KEY: native_code(runtime.version)}
    top = {f"0x{key.hex()}": f"0x{value.hex()}" for key, value in state.items()}
    return ChainSpec.of_document({**spec.document, "genesis": {"raw": {"top": top}}})


@cache
def _onions_of(seed: int) -> HashOnions:
    if not seed:
        return HashOnions(DEV_SECRET, DEV_LAYERS)
    return HashOnions(blake2_256(b"devnet" + seed.to_bytes(32, "little", signed=True)), SEEDED_LAYERS)


def devnet(
    seed: int = 0,
    *,
    now: int = START,
    runtime: type[Runtime] = DevRuntime,
    genesis: Mapping[str, Mapping[str, Any]] | None = None,
) -> Devnet:
    """A new chain at its genesis. `seed` decides about the chain's randomness, `now` is its time in milliseconds.

    Seed 0 is the chain that `fathom dev` runs: the same genesis hash. `runtime` is run in place of the dev chain's, of
    which it has all pallets; `genesis` has values of pallets, as `genesis.runtimeGenesis.patch` of a chain spec does,
    in place of the dev chain's. Raises `InvalidGenesis`.
    """
    spec = _spec_of(seed)
    if runtime is not DevRuntime or genesis:
        spec = _spec_with(spec, runtime, genesis or {})
    return Devnet(spec, _onions_of(seed), now, runtime)


class Pending:
    """A transaction that was sent; `receipt` is there once it is in a block."""

    def __init__(self, devnet: Devnet, tx_hash: bytes, since: int) -> None:
        self._devnet, self.hash, self._since = devnet, tx_hash, since

    @property
    def receipt(self) -> Receipt:
        """What came of it, failed or not; raises `NotIncluded`."""
        return self._devnet.receipt(self.hash, self._since)


class Devnet(View):
    """A chain, seen at its best block; `devnet` makes one."""

    def __init__(self, spec: ChainSpec, onions: HashOnions, now: int, runtime: type[Runtime]) -> None:
        runtimes = {runtime.version.spec_version: runtime}
        chain = Chain.open(MemoryDatabase(), spec, Executor(runtimes))
        super().__init__(Blocks(chain, runtimes), None)
        slot_duration = chain.slot_duration_ms()
        self._clock = clock = ChainClock(lambda: now)

        def seconds() -> float:
            return clock.now_ms() / 1000

        self._transactions = Transactions(chain, Pool(), MAX_EXTRINSIC, now=seconds)
        author = ALICE.keypair
        inherents = SlotTimestamp(slot_duration), RevealedOnion(chain, onions, author.public)
        self._producer = Producer(
            chain, self._transactions, clock, Aura(chain, author, slot_duration), inherents, now=seconds
        )
        self._snapshots = Snapshots(chain, self._transactions, clock, self._blocks.forget)

    def __enter__(self) -> Devnet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to be closed: what nobody refers to is gone."""

    def __repr__(self) -> str:
        return f"<devnet at block {self.number}>"

    # Who acts

    def as_(self, who: Who) -> Sender:
        """An account that makes calls: it signs if its key is known, and is impersonated if not.

        The first impersonation seals a block, by whose cheat the mock signature counts as everybody's from then on.
        """
        if isinstance(who, Keypair):
            try:
                pair = SteadyKeypair.of(who)
            except ValueError as error:
                raise InvalidAccount(str(error)) from None
            return Sender(self, f"as {who!r}", lambda call: self._signed(call, pair))
        found = account(who)
        return Sender(self, f"as {found!r}", lambda call: self._signed(call, self._signer(found)))

    def as_root(self) -> Sender:
        """Root, who acts through Sudo, in the name of whoever holds its key."""
        return Sender(self, "as root", self._by_sudo)

    @property
    def call(self) -> Any:
        """Calls as values, for calls that take calls: `call.system.remark(b"hi")`."""
        return two_levels(
            "pallet", "call", self.names.calls, lambda _, spec: lambda *given, **named: made_call(spec, given, named)
        )

    def submit(self, extrinsic: bytes) -> Pending:
        """Puts the bytes of an extrinsic, length prefix included, into the pool; raises `Refused`."""
        try:
            tx_hash = self._transactions.submit(extrinsic, TransactionSource.External)
        except (TransactionValidityError, PoolError, DecodeError) as error:
            raise Refused(f"the transaction was refused: {name_of(error)}: {error}", error) from error
        return Pending(self, tx_hash, self.number)

    def send(self, extrinsic: bytes) -> Receipt:
        """`submit`, and mines; raises `Refused` and `CallFailed`."""
        return self.mined(self.submit(extrinsic))

    def mined(self, pending: Pending) -> Receipt:
        """Mines until a transaction is in a block; raises `CallFailed`, or `NotIncluded` where it can't be."""
        for _ in range(MAX_BLOCKS):
            if pending.hash not in self._transactions.pool:
                break
            self.mine()
        receipt = pending.receipt
        if receipt.error is not None:
            raise CallFailed(self._blocks.told(receipt), receipt, receipt.error)
        return receipt

    def fund(self, who: Who, amount: int) -> None:
        """Gives an account `amount` more, which is new money."""
        self.cheat(Fund(bytes(account(who)), amount))

    def cheat(self, *cheats: Cheat) -> View:
        """Seals a block that changes the state by hand, by `pallets.cheats`, and has nothing of the pool."""
        order = Order(extrinsics=(), inherent_data={IDENTIFIER: CHEATS.encode(list(cheats))})
        self._producer.seal_now(order)
        return self.at(self.number)

    @contextmanager
    def reverts(self, error: WantedError = None) -> Iterator[Raised]:
        """Whatever the block inside sends must fail, and by this error, if one is named; else `AssertionError`."""
        check_known(error, self.names)
        raised = Raised()
        wanted = "an error" if error is None else error if isinstance(error, str) else repr(error)
        try:
            yield raised
        except (CallFailed, Refused) as failure:
            raised.failure = failure
            if is_expected(error, raised.error):
                return
            raise AssertionError(f"{wanted} was expected, what came is {described(raised.error)}") from failure
        raise AssertionError(f"{wanted} was expected, and nothing failed")

    # Blocks and time

    def mine(self, blocks: int = 1, *, every: int | None = None) -> View:
        """Seals blocks with what is in the pool, a slot apart or `every` so many milliseconds; the last one."""
        for _ in range(blocks):
            if every is not None:
                self._clock.advance_to((self.header.slot() or 0) * self._producer.slot_duration_ms + every)
            self._producer.seal_now()
        return self.at(self.number)

    @property
    def now(self) -> int:
        """The chain's clock, in milliseconds since the Unix epoch."""
        return self._clock.now_ms()

    @property
    def pending_timestamp(self) -> int:
        """The time of the next block, in milliseconds; it can be set later: `chain.pending_timestamp += 60_000`."""
        return self._producer.next_slot(self.header) * self._producer.slot_duration_ms

    @pending_timestamp.setter
    def pending_timestamp(self, moment: int) -> None:
        if moment < self.pending_timestamp:
            raise ValueError(f"time goes forward: the next block is at {self.pending_timestamp} ms, not at {moment}")
        self._clock.advance_to(moment)

    def time_travel(self, milliseconds: int) -> None:
        """Moves the clock forward; the next block is that much later, and nothing is mined before it."""
        if milliseconds < 0:
            raise ValueError(f"time goes forward, not by {milliseconds} ms")
        self._clock.advance_to(self.now + milliseconds)

    def at(self, block: int | bytes) -> View:
        """The chain after a block, by number (negative ones from the best) or hash; raises `UnknownBlock`."""
        chain = self._blocks.chain
        if isinstance(block, bytes):
            header = chain.header(block)
            if header is None:
                raise UnknownBlock(block)
            return View(self._blocks, BlockRef(block, header.number))
        number = block if block >= 0 else self.number + 1 + block
        block_hash = chain.hash_of(number)
        if block_hash is None:
            raise LookupError(f"there is no block {block}: the best one is {self.number}")
        return View(self._blocks, BlockRef(block_hash, number))

    # Back again

    def snapshot(self) -> int:
        """Remembers chain and clock as they are; the id to come back with, as often as one likes."""
        return self._snapshots.take().id

    def revert(self, snapshot: int) -> None:
        """Goes back to a snapshot, which stays; what waits in the pool is dropped. Raises `UnknownSnapshot`."""
        self._snapshots.revert_now(snapshot)

    @contextmanager
    def anchor(self) -> Iterator[Devnet]:
        """Whatever happens in the block inside is taken back at its end, and so are the snapshots taken there."""
        snapshot = self.snapshot()
        try:
            yield self
        finally:
            for later in [each.id for each in self._snapshots.list() if each.id > snapshot]:
                self._snapshots.discard(later)
            self.revert(snapshot)
            self._snapshots.discard(snapshot)

    # What happened

    @property
    def events(self) -> Events:
        """What happened on the whole chain, oldest first; `at(n).events` is one block's."""
        return Events([record.event for record in self._blocks.all_events()], self.names.event)

    def receipt(self, tx_hash: bytes, since: int = 0) -> Receipt:
        """What came of a transaction that is in a block above number `since`; raises `NotIncluded`."""
        for number in range(self.number, since, -1):
            found = self._blocks.receipt(self.at(number).block, tx_hash)
            if found is not None:
                return found
        where = "is in no block, and the pool doesn't have it (any more)"
        if tx_hash in self._transactions.pool:
            where = "waits in the pool: mine a block"
        raise NotIncluded(f"transaction 0x{tx_hash.hex()} {where}")

    # Inside

    def _signer(self, who: Account) -> Signer:
        if who.suri is not None:
            return who.keypair
        if not self.query.cheats.everybody():
            self.cheat(Impersonate(None))
        return Impersonator(bytes(who))

    def _signed(self, call: Call, signer: Signer) -> Pending:
        runtime, who = self._blocks.runtime(self.hash), signer.account_id
        nonce = self.nonce(who)
        while self._transactions.pool.provides(who + NONCE.encode(nonce)):
            nonce += 1
        return self.submit(sign_call(runtime, call, signer, nonce, self._blocks.chain.genesis_hash))

    def _by_sudo(self, call: Call) -> Pending:
        holder = self.query.sudo.key()
        if holder is None:
            raise NoSudo("nobody acts as root: Sudo's key was removed")
        return self._signed(self.call.sudo.sudo(call), self._signer(account(holder)))
