"""Of what a run is, for the hosts that answer it inside the worker: which agent, at which block, for whom, how deep.

Overview
    A scoped host is made anew for each run that opens a world, and answers URLs of its own by their beginning, such as
    `https://chain.fathom/`. An agent's list of hosts doesn't bind it, and no redirect leads there.

Usage
    way_out = WayOut().within(chain_hosts, agent_hosts)   # each a `ScopedHosts`
    way_out.open(hosts, context, RunScope(agent=7, header=header))

Out of scope
    What the hosts answer: `offchain.effects` has the chain's state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from offchain.outside.fetching import VirtualHost
from offchain.serving.wire import Answered, NotAnswered
from pallets.primitives.header import Header
from pallets.primitives.http import HttpRequest
from pallets.primitives.job import Mode


@dataclass(frozen=True, kw_only=True)
class RunScope:
    """One run."""

    agent: int
    header: Callable[[], Awaitable[Header]]
    """The final block whose state the run reads, always the same; waits until it is final.

    Raises what asking the node raises.
    """
    job: int | None = None
    """The job's number; of a run that judges or audits another, the other's. `None` for a request by HTTP."""
    submitter: bytes | None = None
    """The account that submitted the job."""
    mode: Mode | None = None
    """The job's."""
    may_write: bool = False
    """Whether what it leaves for the chain gets there: a job's, unless it is sealed."""
    depth: int = 0
    """How many calls of agents lie above it: 0 where nobody's script called."""
    line: CallLine | None = None
    """Who takes its calls of agents: the gateway that brought the request. `None` of a job, which looks for one."""
    lend: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """To be held while the run only waits for another: somebody else may have its place. Raises `PoolFull`."""


CallLine = Callable[[str, HttpRequest, int | None], Awaitable[Answered | NotAnswered]]
"""`async (name or number of an agent, request, what it may cost) -> what became of it`. Raises `lines.LineLost`."""
ScopedHosts = Callable[[RunScope], Mapping[str, VirtualHost]]
"""The hosts of one run, by the beginnings of their URLs."""
