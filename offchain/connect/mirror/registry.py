"""Phala's workers as records of a Fathom dev chain's registry.

## What is carried over, and how

| of Phala | here |
| --- | --- |
| public key, operator | the same 32 bytes; a worker without an operator is its own |
| attestation provider | the measurement: `mirrored:Ias`, `mirrored:Dcap`, …, each allowed on the chain under its name |
| confidence 1 to 5 | the same, and the TCB status that stands for it; 128 (nothing attested) is 5 |
| initial score `p` | speed: in thousandths of the population's best, 250 at least; 500 where there is none |
| stake | the same, held in the operator's account, which is made with it; new money |
| features | the same words, ascending, and `MIRRORED` |
| session's state | `WorkerIdle`: Idle, to be drawn; `WorkerUnresponsive`, `WorkerCoolingDown`: those; else Registered |

All are marked `simulated`. Not carried over: their ECDH keys, `V`, rewards, pools and delegations, clusters, contracts,
their history. They run nothing: a job that one is drawn for runs into its time-out and goes on to the next. They aren't
challenged, so they stay as they are; they are in the class of everyone alone, and their attestation lasts `LASTS`.

Errors: `NotADevChain`; those of `offchain.chain`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

from offchain.chain import ACCOUNT, AccountData, AccountInfo, Chain, StorageItem
from offchain.connect.errors import RemoteError
from offchain.connect.mirror.population import Population
from offchain.connect.phala import UNATTESTED, PhalaWorker
from offchain.records import ATTESTED, NOW, WORKER
from offchain.rpc import CallFailed
from pallets.primitives import ss58
from pallets.primitives.attestation_record import MAX_MEASUREMENT, TcbStatus, Tee, WorkerAttestation
from pallets.primitives.hashing import Blake2_128Concat, Identity
from pallets.primitives.stake import Part, Pool, Position
from pallets.primitives.types import H256, U32, U64, AccountId, Balance, FixedBytes
from pallets.primitives.worker import MAX_FEATURES, VERSION, WorkerInfo, WorkerKey
from pallets.primitives.worker_record import (
    EVERYONE,
    FULL_SPEED,
    LEAST_SPEED,
    UNKNOWN_SPEED,
    ClassId,
    Worker,
    WorkerState,
)

MIRRORED = 0x504841
"""The feature of all of them: "PHA", among the free codes."""
LASTS = 365 * 86_400_000
"""Milliseconds for which their attestation holds."""
LEAST_CONFIDENCE = 5
HELD_FOR_STAKE = bytes((20, 0))
"""`RuntimeHoldReason::Workers(HoldReason::Stake)`."""
USABLE = 1_000_000_000_000
"""What an operator has besides its stake, so that its account lives."""
NEW_ACCOUNT_FLAGS = 1 << 127
"""Of accounts whose balance is of the form after the fungible traits."""
AT_ONCE = 400
"""Workers that one block writes."""

STATUS = dict(enumerate(list(TcbStatus)[:5], 1))
STATES = {
    "WorkerIdle": WorkerState.Idle,
    "WorkerUnresponsive": WorkerState.Unresponsive,
    "WorkerCoolingDown": WorkerState.CoolingDown,
}

IN_STATE: StorageItem[int] = StorageItem("Workers", "InState", U32, (WorkerState, Identity))
POSITION: StorageItem[Position] = StorageItem("Workers", "Position", Position, (WorkerKey, Blake2_128Concat))
POOL: StorageItem[Pool] = StorageItem("Workers", "Pool", Pool, (AccountId, Blake2_128Concat))
ELIGIBLE: StorageItem[bytes] = StorageItem("Workers", "Eligible", WorkerKey, (tuple[ClassId, U32], Identity))
PLACE: StorageItem[int] = StorageItem("Workers", "Place", U32, (tuple[ClassId, WorkerKey], Blake2_128Concat))
COUNT: StorageItem[int] = StorageItem("Workers", "EligibleCount", U32, (ClassId, Identity))
OF_OPERATOR: StorageItem[int] = StorageItem("Workers", "EligibleOf", U32, (tuple[ClassId, AccountId], Blake2_128Concat))
OPERATORS: StorageItem[int] = StorageItem("Workers", "EligibleOperators", U32, (ClassId, Identity))
ARRIVALS: StorageItem[int] = StorageItem("Workers", "Arrivals", U64)
CHANGES: StorageItem[int] = StorageItem("Workers", "ClassChanges", U32)
RUNTIMES: StorageItem[None] = StorageItem("Attestation", "Runtimes", None, (H256, Identity))
MEASUREMENTS: StorageItem[tuple[str, str]] = StorageItem(
    "Attestation", "Measurements", tuple[str, str], (bytes, Blake2_128Concat)
)
HOLDS: StorageItem[list[tuple[bytes, int]]] = StorageItem(
    "Balances", "Holds", list[tuple[Annotated[bytes, FixedBytes(2)], Balance]], (AccountId, Blake2_128Concat)
)
ISSUANCE: StorageItem[int] = StorageItem("Balances", "TotalIssuance", Balance)

Pairs = list[tuple[bytes, bytes]]


class NotADevChain(RemoteError):
    """The chain has no workers, or lets nobody write its storage."""


class Mirrored(NamedTuple):
    """How many were written, of which how many may be drawn, and how many were left out."""

    written: int
    drawable: int
    known: int
    """Left out: the chain has them already, or their operators have accounts there."""


@dataclass
class Lists:
    """The chain's lists of whom may be drawn, as they stand."""

    moment: int
    runtime_id: bytes
    changes: int
    eligible: int
    operators: int
    arrivals: int
    issuance: int
    in_state: Counter[WorkerState]

    @classmethod
    async def of(cls, chain: Chain, runtime_id: bytes) -> Lists:
        """Read from a chain."""
        counts: Counter[WorkerState] = Counter()
        for state in WorkerState:
            counts[state] = await _number(chain, IN_STATE, state)
        return cls(
            await _number(chain, NOW),
            runtime_id,
            await _number(chain, CHANGES),
            await _number(chain, COUNT, EVERYONE),
            await _number(chain, OPERATORS, EVERYONE),
            await _number(chain, ARRIVALS),
            await _number(chain, ISSUANCE),
            counts,
        )

    def totals(self) -> Pairs:
        """What of them is written anew with every page."""
        pairs = [_pair(IN_STATE, count, state) for state, count in self.in_state.items() if count]
        if self.eligible:
            pairs += [_pair(COUNT, self.eligible, EVERYONE), _pair(OPERATORS, self.operators, EVERYONE)]
        return [*pairs, _pair(ARRIVALS, self.arrivals), _pair(ISSUANCE, self.issuance)]


async def write(chain: Chain, population: Population, seen: Callable[[int], object]) -> Mirrored:
    """Puts a population into a dev chain's registry, page by page, each with totals that agree.

    Raises `NotADevChain`.
    """
    runtimes = await chain.keys_under(RUNTIMES.prefix, 1)
    if not runtimes:
        raise NotADevChain("the chain allows no runtime of workers: is it a Fathom dev chain?")
    best = max((each.initial_score or 0 for each in population.workers), default=0)
    least = int.from_bytes(await chain.constant("Workers", "MinStake"), "little")
    origin = f"{population.network} {population.number}"
    providers = sorted({_provider(each) for each in population.workers})
    await _set(chain, [_pair(MEASUREMENTS, (name, origin), name.encode()) for name in providers])
    lists = await Lists.of(chain, runtimes[0][32:])  # now: a chain at its genesis had no time before that block
    written = drawable = known = 0
    for page in _pages(population.workers):
        pairs: Pairs = []
        there = await _known(chain, page)
        for operator, workers in page.items():
            if operator in there:
                known += len(workers)
                continue
            made, could = _of_operator(lists, operator, workers, best, least)
            pairs += made
            written, drawable = written + len(workers), drawable + could
        if pairs:
            await _set(chain, pairs + lists.totals())
        seen(written)
    return Mirrored(written, drawable, known)


def _of_operator(lists: Lists, operator: bytes, workers: list[PhalaWorker], best: int, least: int) -> tuple[Pairs, int]:
    """The entries of an operator's workers, and how many of these may be drawn."""
    pairs: Pairs = []
    drawable, staked, serving = 0, 0, 0
    for each in workers:
        key, record = bytes.fromhex(each.pubkey[2:]), _record(lists, operator, each, best, least)
        lists.in_state[record.state] += 1
        staked += record.stake
        serving += record.state is not WorkerState.CoolingDown
        if record.state is WorkerState.Idle:
            place = (EVERYONE, lists.eligible)
            pairs += [_pair(ELIGIBLE, key, place), _pair(PLACE, lists.eligible, (EVERYONE, key))]
            lists.eligible += 1
            lists.arrivals += 1
            drawable += 1
        pairs += [_pair(WORKER, record, key), _pair(ATTESTED, _attestation(lists, record, each), key)]
        if record.stake:
            pairs.append(_pair(POSITION, Position([Part(record.stake, lists.moment)]), key))
    if drawable:
        lists.operators += 1
        pairs.append(_pair(OF_OPERATOR, drawable, (EVERYONE, operator)))
    if staked:
        pairs.append(_pair(HOLDS, [(HELD_FOR_STAKE, staked)], operator))
    data = AccountData(USABLE, staked, 0, NEW_ACCOUNT_FLAGS)
    pairs += [
        _pair(POOL, Pool(serving), operator),
        _pair(ACCOUNT, AccountInfo(0, int(staked > 0), 1, 0, data), operator),
    ]
    lists.issuance += USABLE + staked
    return pairs, drawable


def _record(lists: Lists, operator: bytes, each: PhalaWorker, best: int, least: int) -> Worker:
    stake = each.stake or 0
    state = STATES.get(each.state or "", WorkerState.Registered)
    if state is WorkerState.Idle and stake < least:
        state = WorkerState.Registered
    features = sorted({MIRRORED, *(word for word in each.features if 0 <= word < 1 << 32)})[:MAX_FEATURES]
    key = bytes.fromhex(each.pubkey[2:])
    info = WorkerInfo(VERSION, key, bytes(32), operator, bytes(32), lists.runtime_id, b"", features)
    speed, moment = UNKNOWN_SPEED, lists.moment
    if each.initial_score is not None and best:
        speed = max(LEAST_SPEED, FULL_SPEED * each.initial_score // best)
    registered = min(each.last_updated * 1000, moment)
    record = Worker(
        info, stake, state, _confidence(each), True, registered, moment, 0, moment, speed=speed, speed_at=moment
    )
    return replace(record, classes=[EVERYONE], matched=lists.changes)


def _attestation(lists: Lists, record: Worker, each: PhalaWorker) -> WorkerAttestation:
    return WorkerAttestation(
        tee=Tee.Sgx,
        measurement=_provider(each).encode(),
        status=STATUS[record.confidence],
        confidence=record.confidence,
        simulated=True,
        runtime_id=lists.runtime_id,
        attested_at=lists.moment,
        expires=lists.moment + LASTS,
        block=0,
    )


def _provider(each: PhalaWorker) -> str:
    return f"mirrored:{each.provider or 'none'}"[:MAX_MEASUREMENT]


def _confidence(each: PhalaWorker) -> int:
    return (
        each.confidence
        if 1 <= each.confidence <= LEAST_CONFIDENCE and each.confidence != UNATTESTED
        else LEAST_CONFIDENCE
    )


def _operator(each: PhalaWorker) -> bytes:
    return bytes.fromhex(each.pubkey[2:]) if each.operator is None else ss58.decode_account(each.operator)


def _pages(workers: list[PhalaWorker]) -> Iterator[dict[bytes, list[PhalaWorker]]]:
    """All workers by their operators, none of whom is in two pages."""
    operators: dict[bytes, list[PhalaWorker]] = {}
    for each in workers:
        operators.setdefault(_operator(each), []).append(each)
    page: dict[bytes, list[PhalaWorker]] = {}
    for operator, own in operators.items():
        page[operator] = own
        if sum(map(len, page.values())) >= AT_ONCE:
            yield page
            page = {}
    if page:
        yield page


async def _known(chain: Chain, page: dict[bytes, list[PhalaWorker]]) -> set[bytes]:
    """The operators that the chain has an account or a worker of."""
    asked = [(operator, ACCOUNT.key(operator)) for operator in page]
    asked += [(name, WORKER.key(bytes.fromhex(each.pubkey[2:]))) for name, own in page.items() for each in own]
    values = await chain.get_all([key for _, key in asked])
    return {operator for (operator, _), value in zip(asked, values, strict=True) if value is not None}


async def _set(chain: Chain, pairs: Pairs) -> None:
    values = [[f"0x{key.hex()}", f"0x{value.hex()}"] for key, value in pairs]
    try:
        await chain.client.call("dev_setStorage", values)
    except CallFailed as error:
        raise NotADevChain(f"the chain lets nobody write its storage: {error.message}") from None


async def _number(chain: Chain, item: StorageItem[int], *keys: object) -> int:
    return item.decode(await chain.get(item.key(*keys))) or 0


def _pair(item: StorageItem[Any], value: object, *keys: object) -> tuple[bytes, bytes]:
    return item.key(*keys), item.codec.encode(value)
