"""From a launch to a company: rules that come with the token, and whoever buys its votes to sell them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pallets.curves.pallet import Curves
from pallets.dao.pallet import Dao
from pallets.dao.rules import Guardian, Rules
from pallets.dao.tally import Ballot
from pallets.dao.terms import (
    ApproveScript,
    HttpPolicy,
    MakeCall,
    Motion,
    MotionKind,
    Pause,
    ProposalState,
    SetGuardian,
    SetRules,
    Spend,
)
from pallets.frame import Token
from pallets.frame.testing import noop
from pallets.primitives.hashing import blake2_256
from pallets.primitives.service import ServicePolicy
from tests.pallets.curve_market import ALICE, BOB, CAROL, CREATOR, START, TRADERS, UNIT, Market, market
from tests.pallets.test_curves import straight

MALLORY = TRADERS[3]
RULES = Rules(6_000, 12_000, 6_000, 600_000, 100_000, 500_000, 1_000, 3, 10_000, UNIT)
CODE = b"export default async function main(input) { return 'stolen' }"
FOR_SALE = 10_000


@pytest.fixture
def chain() -> Iterator[Market]:
    with market() as made:
        made.call(CREATOR, "Agents", "fund", agent=0, amount=100 * UNIT)
        yield made


def set_rules(chain: Market, floor: int) -> None:
    """Sets the agent's rules, as its creator."""
    chain.call(CREATOR, "Dao", "set_rules", agent=0, rules=replace(RULES, floor=floor))


def block(chain: Market, after: int = 100) -> None:
    """Begins a block so much later."""
    chain.rt.timestamp.now += after
    chain.rt.dao.on_randomness(bytes(32))


def propose(chain: Market, who: bytes, motion: Motion) -> int:
    id = chain.rt.dao.next_proposal
    chain.call(who, "Dao", "propose", agent=0, motion=motion)
    return id


def carry(chain: Market, *ids: int, who: bytes) -> None:
    """Has proposals of one block voted for by one account, and their time-lock end."""
    block(chain, RULES.announcement)
    for id in ids:
        chain.call(who, "Dao", "vote", proposal=id, ballot=Ballot(chain.rt.dao.weight(id, who), 0, 0))
    block(chain, RULES.voting)
    block(chain, RULES.time_lock)


def test_rules_and_guardian_come_with_the_token(chain: Market) -> None:
    """Together with the launch in a batch or before it; nothing is left to set when the first buyer comes."""
    preset, dao = straight(max_supply=FOR_SALE), chain.rt.dao
    for floor in (FOR_SALE // 2 + 1, (1 << 128) - 1):
        set_rules(chain, floor)
        with noop(chain.rt, Dao.FloorOutOfBounds):
            chain.launch(*preset)
    set_rules(chain, 1_000)
    chain.call(CREATOR, "Dao", "set_guardian", agent=0, guardian=CAROL, term=60_000)
    chain.launch(*preset)
    chain.buy(ALICE, 1_500)
    chain.call(ALICE, "Dao", "lock", agent=0, amount=1_500)
    assert (dao.rules_of(0).floor, dao.guardian[0]) == (1_000, Guardian(CAROL, START + 60_000))
    for late in ("set_rules", "set_guardian"):
        arguments = {"rules": RULES} if late == "set_rules" else {"guardian": None, "term": 0}
        with noop(chain.rt, Dao.HoldersDecide):
            chain.call(CREATOR, "Dao", late, agent=0, **arguments)
    block(chain)
    with noop(chain.rt, Dao.FloorOutOfBounds):
        propose(chain, ALICE, SetRules(replace(RULES, floor=1_001)))
    id = propose(chain, ALICE, SetRules(replace(RULES, reserve=0)))  # which it was
    carry(chain, id, who=ALICE)
    assert chain.rt.events[-1] == Dao.Executed(id, 0, MotionKind.SetRules)


def test_the_usual_floor_is_judged_as_well(chain: Market) -> None:
    """A whole token, which this curve sells a millionth of: its holders couldn't decide anything."""
    shape, terms, _ = straight(max_supply=10)
    with noop(chain.rt, Dao.FloorOutOfBounds):
        chain.launch(shape, terms, decimals=6)
    set_rules(chain, 5)
    chain.launch(shape, terms, decimals=6)


def test_votes_are_not_bought_and_sold_again_in_a_hurry(chain: Market) -> None:
    """Buy, lock, propose, vote, execute, sell: what is voted with stays until it is over, under the guardian's eyes."""
    set_rules(chain, 1_000)
    chain.launch(*straight(max_supply=FOR_SALE))
    chain.buy(ALICE, 500)
    chain.buy(MALLORY, 5_000)
    chain.call(MALLORY, "Dao", "lock", agent=0, amount=5_000)
    chain.call(MALLORY, "Agents", "upload_code", code=CODE)
    theft, script = Spend(MALLORY, 90 * UNIT), ApproveScript(blake2_256(CODE), None, None)
    with noop(chain.rt, Dao.TooLittleWeight):
        propose(chain, MALLORY, script)
    block(chain)
    with noop(chain.rt, Dao.TooFewHolders):
        propose(chain, MALLORY, theft)
    chain.call(MALLORY, "Dao", "unlock", agent=0, amount=2)
    for who in (BOB, CAROL):  # one person has many accounts
        chain.call(MALLORY, "Assets", "transfer", id=chain.curve.token, target=who, amount=1)
    block(chain)
    ids = [propose(chain, MALLORY, motion) for motion in (theft, SetGuardian(None, 0), script, Pause())]
    with noop(chain.rt, Dao.StillVoting):  # what proposes stays too
        chain.call(MALLORY, "Dao", "unlock", agent=0, amount=4_998)
    with noop(chain.rt, Token("Frozen")):
        chain.sell(MALLORY, 1)
    chain.rt.dao.veto(CREATOR, ids[2])
    block(chain, RULES.announcement)
    for id in ids[1::2]:
        chain.call(MALLORY, "Dao", "vote", proposal=id, ballot=Ballot(4_998, 0, 0))
    with noop(chain.rt, Dao.VoteNotBegun):  # of spending the announcement is as long as the age of holding
        chain.call(MALLORY, "Dao", "vote", proposal=ids[0], ballot=Ballot(4_998, 0, 0))
    block(chain, RULES.voting)
    for _ in range(2):
        with noop(chain.rt, Dao.StillVoting):
            chain.call(MALLORY, "Dao", "unlock", agent=0, amount=1)
        chain.rt.timestamp.now += RULES.time_lock // 2 - 100
    chain.rt.dao.veto(CREATOR, ids[0])
    chain.rt.dao.veto(CREATOR, ids[3])
    block(chain, 200)
    states = [chain.rt.dao.proposal[id].state for id in ids]
    assert states == [ProposalState.Vetoed, ProposalState.Executed, ProposalState.Vetoed, ProposalState.Vetoed]
    chain.call(MALLORY, "Dao", "unlock", agent=0, amount=4_998)
    chain.sell(MALLORY, 4_998)
    assert chain.rt.agents.agent[0].code is None
    with noop(chain.rt, Curves.AlreadyLaunched):
        chain.launch(*straight())


def test_without_holders_the_creator_decides_again(chain: Market) -> None:
    set_rules(chain, 100)
    chain.launch(*straight(max_supply=FOR_SALE))
    chain.buy(ALICE, 100)
    chain.call(ALICE, "Dao", "lock", agent=0, amount=100)
    block(chain)
    id = propose(chain, ALICE, Pause())
    chain.call(ALICE, "Dao", "unlock", agent=0, amount=90)  # the rest, a tenth of the floor, stands for the proposal
    chain.sell(ALICE, 90)
    with noop(chain.rt, Dao.StillVoting):
        chain.call(ALICE, "Dao", "unlock", agent=0, amount=1)
    carry(chain, id, who=ALICE)
    assert chain.rt.dao.proposal[id].state is ProposalState.Defeated  # all that circulates, but not the floor
    chain.call(ALICE, "Dao", "unlock", agent=0, amount=10)
    chain.sell(ALICE, 10)
    with noop(chain.rt, Dao.NoHolders):
        propose(chain, ALICE, Pause())
    with noop(chain.rt, Dao.FloorOutOfBounds):
        set_rules(chain, 101)
    set_rules(chain, 100)


def test_paying_for_requests_is_spending(chain: Market) -> None:
    """A budget for one's own gateway would empty the treasury as well as `Spend`, a minute at a time."""
    set_rules(chain, 1_000)
    chain.launch(*straight(max_supply=FOR_SALE))
    chain.buy(MALLORY, 5_000)
    chain.call(MALLORY, "Dao", "lock", agent=0, amount=4_000)
    chain.call(MALLORY, "Agents", "upload_code", code=CODE)
    block(chain)
    mine = ServicePolicy(budget=UNIT, gateways=[MALLORY], max_charge=UNIT)
    script = ApproveScript(blake2_256(CODE), None, HttpPolicy(None, mine))
    with noop(chain.rt, Dao.TooFewHolders):
        propose(chain, MALLORY, script)
    with noop(chain.rt, Dao.CallNotAllowed):
        propose(chain, MALLORY, MakeCall(chain.rt.call("Agents", "set_service", agent=0, service=mine).encoded()))
    for who in (ALICE, BOB):
        chain.call(MALLORY, "Assets", "transfer", id=chain.curve.token, target=who, amount=1)
    found = chain.rt.dao.proposal[propose(chain, MALLORY, script)]
    assert (found.cutoff, found.opens) == (chain.rt.timestamp.now, chain.rt.timestamp.now + RULES.min_age)
