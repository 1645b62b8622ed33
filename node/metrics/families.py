"""The metrics of one node, as they are now.

## Overview

Names, types, labels and help texts are Substrate's (`sc_service::metrics`, `sc_transaction_pool`,
`sc_proposer_metrics`, `sc_rpc_server`). What begins with `fathom_` is read from the state of the best block, where the
pallets keep counts: since a reorg can take them back, they are gauges.

## Out of scope

What this node doesn't have: peers, a state cache, tokio. Counts that no pallet keeps: finding them would be a walk over
all there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.counts import PoolCounts, ProposerCounts, RpcCounts
from node.metrics.exposition import Family, Labels, Value
from node.state.backend import State
from pallets.agents.pallet import Agents
from pallets.frame.storage import Item
from pallets.jobs.pallet import Jobs
from pallets.primitives.job_record import JobState
from pallets.primitives.types import UnitEnum
from pallets.primitives.worker_record import EVERYONE, WorkerState
from pallets.workers.pallet import Workers

ROLE_FULL, ROLE_AUTHORITY = 1, 4


@dataclass(frozen=True)
class NodeMetrics:
    """Where one node's metrics come from."""

    chain: Chain
    transactions: Transactions
    rpc: RpcCounts
    proposer: ProposerCounts | None
    """Of a node that seals blocks."""
    chain_id: str
    name: str
    """What this node is called."""
    version: str
    started_at_ms: int
    """When the node was started, by the wall clock."""

    @property
    def labels(self) -> Labels:
        """What every sample is labelled with."""
        return {"chain": self.chain_id}

    def families(self) -> Iterator[Family]:
        """All metrics."""
        yield from self._about()
        yield from _chain(self.chain)
        yield gauge(
            "substrate_ready_transactions_number",
            "Number of transactions in the ready queue",
            self.transactions.pool.ready_count,
        )
        yield from _pool(self.transactions.counts)
        if self.proposer is not None:
            yield from _proposer(self.proposer)
        yield from rpc_families(self.rpc)
        yield from _fathom(self.chain.states.head)

    def _about(self) -> Iterator[Family]:
        yield Family(
            "substrate_build_info",
            "gauge",
            "A metric with a constant '1' value labeled by name, version",
            (({"name": self.name, "version": self.version}, 1),),
        )
        role = ROLE_FULL if self.proposer is None else ROLE_AUTHORITY
        yield gauge("substrate_node_roles", "The roles the node is running as", role)
        yield gauge(
            "substrate_process_start_time_seconds",
            "Number of seconds between the UNIX epoch and the moment the process started",
            self.started_at_ms // 1000,
        )


def gauge(name: str, help: str, value: Value) -> Family:
    return Family(name, "gauge", help, (({}, value),))


def counter(name: str, help: str, value: Value) -> Family:
    return Family(name, "counter", help, (({}, value),))


def histogram(name: str, help: str, value: Value) -> Family:
    return Family(name, "histogram", help, (({}, value),))


def _chain(chain: Chain) -> Iterator[Family]:
    best, final = chain.best.number, chain.finalized.number
    heights = (({"status": "best"}, best), ({"status": "finalized"}, final), ({"status": "sync_target"}, best))
    yield Family("substrate_block_height", "gauge", "Block height info of the chain", heights)
    yield gauge("substrate_number_leaves", "Number of known chain leaves (aka forks)", len(chain.leaves()))
    yield gauge("substrate_database_cache_bytes", "RocksDB cache size in bytes", chain.db.cache_bytes)
    # a block is voted on once, in the round of its number
    yield gauge("substrate_finality_grandpa_round", "Highest completed GRANDPA round.", final)


def _pool(counts: PoolCounts) -> Iterator[Family]:
    for name, help, value in (
        ("submitted_transactions", "Total number of transactions submitted", counts.submitted),
        ("validations_scheduled", "Total number of transactions scheduled for validation", counts.scheduled),
        ("validations_finished", "Total number of transactions that finished validation", counts.finished),
        (
            "validations_invalid",
            "Total number of transactions that were removed from the pool as invalid",
            counts.invalid,
        ),
        (
            "block_transactions_pruned",
            "Total number of transactions that was requested to be pruned by block events",
            counts.pruned,
        ),
        (
            "block_transactions_resubmitted",
            "Total number of transactions that was requested to be resubmitted by block events",
            counts.resubmitted,
        ),
    ):
        yield counter(f"substrate_sub_txpool_{name}", help, value)


def _proposer(counts: ProposerCounts) -> Iterator[Family]:
    yield histogram(
        "substrate_proposer_block_constructed", "Histogram of time taken to construct new block", counts.constructed
    )
    yield gauge(
        "substrate_proposer_number_of_transactions", "Number of transactions included in block", counts.transactions
    )
    yield histogram(
        "substrate_proposer_create_inherents_time",
        "Histogram of time taken to execute create inherents",
        counts.inherents,
    )
    yield histogram(
        "substrate_proposer_block_proposal_time",
        "Histogram of time taken to construct a block and prepare it for proposal",
        counts.proposal,
    )
    reasons = (("no_more_transactions", counts.ran_out), ("hit_block_weight_limit", counts.filled))
    yield Family(
        "substrate_proposer_end_proposal_reason",
        "counter",
        "The reason why the block proposing was ended. This doesn't include errors.",
        tuple(({"reason": reason}, count) for reason, count in reasons),
    )


def rpc_families(counts: RpcCounts) -> Iterator[Family]:
    """What `sc_rpc_server` has."""
    times: list[tuple[Labels, Value]] = []
    started: list[tuple[Labels, Value]] = []
    finished: list[tuple[Labels, Value]] = []
    for protocol, calls in (("ws", counts.ws), ("http", counts.http)):
        for name, call in calls:
            labels = {"protocol": protocol, "method": name}
            started.append((labels, call.started))
            for place, count in enumerate(call.ended):
                if count:
                    is_rate_limited, is_error = divmod(place, 2)
                    ended = {"is_error": _bool(is_error), "is_rate_limited": _bool(is_rate_limited)}
                    finished.append(({**labels, **ended}, count))
            for is_rate_limited, observed in enumerate(call.times):
                if any(observed.counts):
                    times.append(({**labels, "is_rate_limited": _bool(is_rate_limited)}, observed))
    unbatched = "RPC calls (unique un-batched requests)"
    yield Family("substrate_rpc_calls_time", "histogram", "Total time [μs] of processed RPC calls", tuple(times))
    yield Family("substrate_rpc_calls_started", "counter", f"Number of received {unbatched}", tuple(started))
    yield Family("substrate_rpc_calls_finished", "counter", f"Number of processed {unbatched}", tuple(finished))
    opened, closed = counts.sessions_opened, counts.sessions_closed
    yield counter("substrate_rpc_sessions_opened", "Number of persistent RPC sessions opened", opened)
    yield counter("substrate_rpc_sessions_closed", "Number of persistent RPC sessions closed", closed)
    yield Family(
        "substrate_rpc_sessions_time",
        "histogram",
        "Total time [s] for each websocket session",
        (({"protocol": "ws"}, counts.session_times),),
    )


def _bool(value: int) -> str:
    return "true" if value else "false"


def _fathom(state: State) -> Iterator[Family]:
    everyone = EVERYONE.to_bytes(4, "little")
    for name, help, key in (
        ("workers_eligible", "Workers that may be drawn for a job", _key(Workers.eligible_count) + everyone),
        ("workers_operators", "Operators who have an eligible worker", _key(Workers.eligible_operators) + everyone),
        ("workers_arrivals", "How many times a worker has become eligible", _key(Workers.arrivals)),
        ("jobs_submitted", "Jobs that were ever submitted", _key(Jobs.next_job)),
        ("agents", "Agents that were created", _key(Agents.next_agent)),
    ):
        yield gauge(f"fathom_{name}", help, _number(state, key))
    yield _by_state(state, "workers", Workers.in_state, WorkerState)
    yield _by_state(state, "jobs", Jobs.in_state, JobState)


def _by_state(state: State, what: str, counts: Item, kinds: type[UnitEnum]) -> Family:
    prefix = _key(counts)
    samples = tuple(({"state": kind.name}, _number(state, prefix + bytes((kind.value,)))) for kind in kinds)
    return Family(f"fathom_{what}", "gauge", f"How many {what} are in each state", samples)


def _number(state: State, key: bytes) -> int:
    return int.from_bytes(state.get(key) or b"", "little")


def _key(value: Item) -> bytes:
    return value.prefix
