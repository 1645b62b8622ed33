"""The agents that come with Fathom on a dev chain: deployed once, in one block, and left to who governs them."""

from __future__ import annotations

from dataclasses import dataclass

import trio
from trio.testing import MockClock

from node.service import RunningNode
from node.shipped_agents import FUNDS, deploy_agents
from node.signing import sign_call
from offchain.agents.shipping import OWNER, SHIPPED, ShippedAgent
from pallets.frame.overlay import Overlay
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import Keypair
from pallets.primitives.pots import purse, treasury
from pallets.runtime import UNIT, DevRuntime
from tests.node.nodes import next_block, running_node, send
from tests.node.scratch import scratch_directory

FOUNDER = Keypair.from_suri(OWNER)


@dataclass(frozen=True)
class Newer(ShippedAgent):
    """One of them with another script."""

    def code(self) -> bytes:
        return super().code() + b"// newer"


def state_of(node: RunningNode) -> DevRuntime:
    return DevRuntime(Overlay(node.chain.states.head))


def newer(agent: ShippedAgent) -> Newer:
    return Newer(agent.name, agent.symbol, agent.curve, agent.price, agent.purse)


async def test_all_are_in_the_first_block_each_with_money_and_a_token(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory, trio.fail_after(60):
        async with running_node(directory) as node:
            await deploy_agents(node, SHIPPED, OWNER).wait()
            assert node.chain.best.number == 1
            runtime = state_of(node)
            for number, shipped in enumerate(SHIPPED):
                assert runtime.agents.by_name[shipped.name.encode()] == number
                record = runtime.agents.agent[number]
                assert (record.owner, record.code) == (FOUNDER.account_id, blake2_256(shipped.code()))
                assert runtime.agents.hosts.get(number) == shipped.hosts()
                assert runtime.system.account[treasury(number)].data.free >= FUNDS
                token = runtime.curves.curve[runtime.curves.of_agent[number]].token
                assert runtime.assets.metadata[token].symbol == shipped.symbol.encode()
                limits, given = runtime.anchors.limits[number], shipped.purse
                assert (limits.per_job, limits.per_day) == (
                    (0, 0) if given is None else (given.per_job * UNIT, given.per_day * UNIT)
                )
                held = runtime.system.account[purse(number)].data.free
                assert held == (0 if given is None else given.fill * UNIT)
            assert deploy_agents(node, SHIPPED, OWNER).is_set() and not node.transactions.has_ready()


async def test_a_newer_script_is_approved_until_somebody_holds_the_token(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory, trio.fail_after(60):
        async with running_node(directory) as node:
            bought, other = SHIPPED[:2]
            await deploy_agents(node, SHIPPED, OWNER).wait()
            runtime = state_of(node)
            nonce = runtime.system.account[FOUNDER.account_id].nonce
            buy = runtime.call("Curves", "buy", curve=runtime.curves.of_agent[0], units=1, max_cost=UNIT)
            send(node, sign_call(runtime, buy, FOUNDER, nonce, node.chain.genesis_hash))
            await next_block(node)
            await deploy_agents(node, (newer(bought), newer(other)), OWNER).wait()
            codes = [state_of(node).agents.agent[number].code for number in (0, 1)]
            assert codes == [blake2_256(bought.code()), blake2_256(newer(other).code())]


async def test_who_has_nothing_deploys_nothing(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory, trio.fail_after(60):
        async with running_node(directory) as node:
            assert deploy_agents(node, SHIPPED, "//Nobody").is_set()
            assert not node.transactions.has_ready() and state_of(node).agents.next_agent == 0
