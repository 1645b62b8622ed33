"""The agents that come with Fathom, deployed on a fresh dev chain, each with a token on a curve and so with a DAO.

All that is missing goes into one transaction of //Founder, whom genesis funds. An agent that a kept base path has is
left alone; where its script is an older one, the new one is approved as long as its creator may. A chain on which
//Founder has nothing gets none.

Out of scope: which agents there are (`offchain.agents.shipping`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import trio

from node.chain.pool import PoolError
from node.chain.transactions import Status
from node.service import RunningNode
from node.signing import sign_call
from pallets.frame.overlay import Overlay
from pallets.frame.runtime import Call
from pallets.frame.validity import TransactionSource, TransactionValidityError
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.curves.presets import PRESETS
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import Shares
from pallets.primitives.keys import Keypair
from pallets.runtime import UNIT, DevRuntime

if TYPE_CHECKING:
    from offchain.agents.shipping import ShippedAgent

MAX_GAS = 4_000_000_000
SHARES = Shares(worker=600_000, treasury=200_000, holders=150_000, chain=50_000)
FUNDS = 10 * UNIT
"""What each treasury begins with, which pays for requests over HTTP."""

log = logging.getLogger("node")


def deploy_agents(running: RunningNode, shipped: Iterable[ShippedAgent], owner: str) -> trio.Event:
    """Submits what is missing, signed by the `owner`, a secret URI; the event is set once it is in a block."""
    done = trio.Event()
    runtime, founder = DevRuntime(Overlay(running.chain.states.head)), Keypair.from_suri(owner)
    calls = _missing(runtime, shipped, founder.account_id)
    if not calls or not runtime.system.account[founder.account_id].data.free:
        done.set()
        return done

    def on_status(status: Status) -> None:
        if status.name == "inBlock" or status.is_last:
            done.set()

    nonce = runtime.system.account[founder.account_id].nonce
    batch = runtime.call("Utility", "batch_all", calls=calls)
    data = sign_call(runtime, batch, founder, nonce, running.chain.genesis_hash)
    try:
        running.transactions.submit(data, TransactionSource.Local, on_status)
    except (TransactionValidityError, PoolError) as error:
        log.warning("⚠️  the agents that come with Fathom aren't deployed: %s", error)
        done.set()
    return done


def _missing(runtime: DevRuntime, shipped: Iterable[ShippedAgent], founder: bytes) -> list[Call]:
    calls: list[Call] = []
    next_agent = runtime.agents.next_agent
    for each in shipped:
        agent = runtime.agents.by_name.get(each.name.encode())
        if agent is None:
            log.info("🤖 %s is agent %d", each.name, next_agent)
            calls += _script(runtime, each, next_agent, _created(runtime, each)) + _company(runtime, each, next_agent)
            next_agent += 1
        elif runtime.agents.agent[agent].code != blake2_256(each.code()):
            try:
                runtime.agents.governed(founder, agent)
            except runtime.agents.NotDao:
                log.info("🤖 %s keeps its script: who deployed it decides no more", each.name)
            else:
                log.info("🤖 %s gets its new script", each.name)
                calls += _script(runtime, each, agent, [])
    return calls


def _created(runtime: DevRuntime, each: ShippedAgent) -> list[Call]:
    policy = AgentPolicy(each.price, MAX_GAS, SHARES, narrow=True)
    create = runtime.call("Agents", "create", name=each.name.encode(), kind=AgentKind.JavaScript, policy=policy)
    return [create]


def _script(runtime: DevRuntime, each: ShippedAgent, agent: int, created: list[Call]) -> list[Call]:
    """What makes its script the agent's, which is `created` in between."""
    code = each.code()
    return [
        runtime.call("Agents", "upload_code", code=code),
        *created,
        runtime.call("Agents", "approve_code", agent=agent, hash=blake2_256(code)),
        runtime.call("Agents", "set_hosts", agent=agent, hosts=each.hosts()),
    ]


def _company(runtime: DevRuntime, each: ShippedAgent, agent: int) -> list[Call]:
    """Its money, and its token."""
    curve, name, symbol = PRESETS[each.curve](UNIT), each.name.encode(), each.symbol.encode()
    calls = [runtime.call("Agents", "fund", agent=agent, amount=FUNDS)]
    of_token = {"name": name, "symbol": symbol, "decimals": curve.decimals}
    calls.append(runtime.call("Curves", "create", agent=agent, shape=curve.shape, terms=curve.terms, **of_token))
    if each.purse is not None:
        per_job, per_day = each.purse.per_job * UNIT, each.purse.per_day * UNIT
        calls.append(runtime.call("Anchors", "fill", agent=agent, amount=each.purse.fill * UNIT))
        calls.append(runtime.call("Anchors", "set_limits", agent=agent, per_job=per_job, per_day=per_day))
    return calls
