"""Attacks on votes that are known from elsewhere, tried: each is refused, or gains nothing, at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import pytest

from pallets.agents.pallet import Agents
from pallets.assets.pallet import Assets
from pallets.dao.pallet import Dao
from pallets.dao.tally import Ballot
from pallets.dao.terms import MakeCall, Motion, Pause, ProposalState, Resume, SetGuardian, Spend
from pallets.dao.weights import MAX_LIVE
from pallets.frame.origin import RawRoot, SystemOrigin
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.primitives.hashing import blake2_256
from tests.pallets.dao_chain import AGE, BOND, NEW, DaoChain, DaoRuntime
from tests.pallets.job_chain import ALICE, BOB, CAROL, CODE, OPERATORS, UNIT

MALLORY = OPERATORS[0]
HELPER = OPERATORS[1]


@pytest.fixture
def chain() -> DaoChain:
    return DaoChain()


def mint(chain: DaoChain, who: bytes, amount: int) -> None:
    """Lends somebody units, or sells them."""
    chain.rt.assets.mint_into(chain.token, who, amount)


# Weight without stake


def test_what_is_borrowed_for_a_block_weighs_nothing(chain: DaoChain) -> None:
    """Borrow, lock, vote, unlock, return: in the block of the cutoff, before it, and after it."""
    id = chain.propose()
    for moment in (chain.proposal(id).opens - 100, chain.proposal(id).opens, chain.proposal(id).opens + 100):
        chain.until(moment)
        mint(chain, MALLORY, 10_000)
        chain.lock(MALLORY, 10_000)
        with noop(chain.rt, Dao.VoteNotBegun if chain.state(id) is ProposalState.Announced else Dao.NoWeight):
            chain.vote(MALLORY, id, aye=1)
        chain.unlock(MALLORY, 10_000)
        chain.rt.assets.burn_from(chain.token, MALLORY, 10_000)
    mint(chain, MALLORY, 10_000)
    chain.lock(MALLORY, 10_000)
    with noop(chain.rt, Dao.TooLittleWeight):
        chain.propose(who=MALLORY)
    assert chain.rt.dao.weight(id, MALLORY) == 0 == chain.proposal(id).tally.total


def test_what_is_borrowed_over_the_cutoff_cannot_be_returned_once_it_voted(chain: DaoChain) -> None:
    id = chain.propose()
    mint(chain, MALLORY, 1_000)
    chain.lock(MALLORY, 1_000)
    chain.to_vote(id)
    chain.vote(MALLORY, id, aye=600)
    chain.unlock(MALLORY, 400)
    with noop(chain.rt, Dao.StillVoting):
        chain.unlock(MALLORY, 1)
    with noop(chain.rt, Dao.StillVoting):
        chain.delegate(MALLORY, HELPER)
    chain.give(MALLORY, HELPER, 400)
    with noop(chain.rt, Assets.BalanceLow):
        chain.give(MALLORY, HELPER, 1)
    chain.vote(MALLORY, id, aye=1)  # a smaller ballot in its place frees nothing
    with noop(chain.rt, Dao.StillVoting):
        chain.unlock(MALLORY, 1)
    chain.until(chain.proposal(id).closes)
    assert chain.state(id) is ProposalState.Defeated
    chain.unlock(MALLORY, 600)
    chain.give(MALLORY, HELPER, 600)


def test_vote_then_transfer_then_vote(chain: DaoChain) -> None:
    """What hasn't voted may leave; whoever gets it has nothing to vote with on this proposal."""
    id = chain.propose(who=ALICE)
    chain.to_vote(id)
    chain.vote(BOB, id, aye=100)
    chain.unlock(BOB, 300)
    chain.give(BOB, MALLORY, 300)
    chain.lock(MALLORY, 300)
    chain.next_block()
    with noop(chain.rt, Dao.NoWeight):
        chain.vote(MALLORY, id, aye=1)
    with noop(chain.rt, Dao.OverWeight):
        chain.vote(BOB, id, aye=101)
    chain.delegate(MALLORY, CAROL)
    chain.next_block()
    with noop(chain.rt, Dao.OverWeight):
        chain.vote(CAROL, id, aye=201)


def test_delegating_in_circles_multiplies_nothing(chain: DaoChain) -> None:
    chain.delegate(ALICE, BOB)
    chain.delegate(BOB, CAROL)
    chain.delegate(CAROL, ALICE)
    chain.next_block()
    id = chain.propose(who=BOB)
    chain.to_vote(id)
    weights = {who: chain.rt.dao.weight(id, who) for who in (ALICE, BOB, CAROL)}
    assert weights == {ALICE: 200, BOB: 400, CAROL: 400}  # each what it was given, none what it gave
    chain.vote(BOB, id, aye=400)
    for to in (None, CAROL):
        with noop(chain.rt, Dao.StillVoting):
            chain.delegate(ALICE, to)
    with noop(chain.rt, Dao.StillVoting):
        chain.unlock(ALICE, 1)
    chain.delegate(BOB, None)  # Carol hasn't voted with it, and can't any more
    assert chain.rt.dao.weight(id, CAROL) == 0
    with noop(chain.rt, Dao.OverWeight):
        chain.vote(BOB, id, aye=401)


def test_young_units_do_not_spend(chain: DaoChain) -> None:
    """Units count for spending that were locked before the proposal was known, for the age of holding at least."""
    chain.call(BOB, "Dao", "unlock", agent=0, amount=400)
    chain.next_block()
    id = chain.propose(Spend(ALICE, UNIT))
    chain.lock(BOB, 400)
    found = chain.proposal(id)
    assert (found.cutoff, found.opens) == (chain.rt.timestamp.now, chain.rt.timestamp.now + AGE)
    chain.to_vote(id)
    with noop(chain.rt, Dao.NoWeight):
        chain.vote(BOB, id, aye=1)
    assert chain.rt.dao.weight(id, ALICE) == 400


def test_pots_do_not_vote_nor_count(chain: DaoChain) -> None:
    pot = b"modlfthmtest".ljust(32, b"\0")
    mint(chain, pot, 10**9)
    with noop(chain.rt, Dao.PotsDontVote):
        chain.lock(pot, 1)
    with noop(chain.rt, Dao.PotsDontVote):
        chain.delegate(ALICE, pot)
    id = chain.propose()
    chain.to_vote(id)
    assert (chain.proposal(id).circulating, chain.proposal(id).quorum) == (1_000, 100)


# Another motion than was voted on


def test_a_proposal_is_never_replaced(chain: DaoChain) -> None:
    id = chain.propose()
    motion, record = chain.rt.dao.motion[id], chain.proposal(id)
    chain.to_vote(id)
    chain.vote(ALICE, id, aye=400)
    with noop(chain.rt, Dao.VoteBegun):
        chain.act(ALICE, "cancel", id)
    other = chain.propose(Spend(ALICE, 50 * UNIT))
    assert other == id + 1 and chain.proposal(other).tally.total == 0
    chain.act(ALICE, "cancel", other)
    assert chain.propose(Spend(ALICE, 50 * UNIT)) == id + 2
    found = chain.proposal(id)
    assert chain.rt.dao.motion[id] == motion and found.tally == Ballot(400, 0, 0)
    assert (found.motion_hash, found.rules, found.cutoff) == (record.motion_hash, record.rules, record.cutoff)
    assert found.motion_hash == blake2_256(chain.rt.codecs.of(Motion).encode(motion))


def test_the_script_that_was_approved_is_the_one_that_runs(chain: DaoChain) -> None:
    """Nobody but the DAO changes it meanwhile, and it is named by its hash."""
    id = chain.propose()
    chain.approve(id)
    swapped = b"export default async function main() { return 'swapped' }"
    chain.call(MALLORY, "Agents", "upload_code", code=swapped)
    for who in (CAROL, ALICE, MALLORY):
        with noop(chain.rt, Agents.NotDao):
            chain.call(who, "Agents", "approve_code", agent=0, hash=blake2_256(swapped))
    chain.until(chain.proposal(id).executes - 100)
    assert chain.rt.agents.terms(0).code == blake2_256(CODE)
    with noop(chain.rt, Dao.TimeLocked):
        chain.act(ALICE, "execute", id)
    chain.next_block()
    assert chain.rt.agents.terms(0).code == NEW and blake2_256(chain.rt.agents.code[NEW]) == NEW


def test_rules_changed_during_a_vote_are_for_later_ones(chain: DaoChain) -> None:
    id = chain.propose()
    rules = chain.rt.dao.rules_of(0)
    rules.quorum, rules.voting = 10_000, 1_000
    chain.rt.dao.change_rules(0, rules)
    chain.to_vote(id)
    assert chain.proposal(id).quorum == 100 and chain.proposal(id).closes == chain.rt.timestamp.now + 12_000


# Execution


def test_executing_twice(chain: DaoChain) -> None:
    id = chain.propose(Spend(MALLORY, UNIT))
    before = chain.rt.balances.free(MALLORY)
    chain.pass_(id)
    for _ in range(2):
        with noop(chain.rt, Dao.AlreadyExecuted):
            chain.act(MALLORY, "execute", id)
        chain.next_block()
    assert chain.rt.balances.free(MALLORY) == before + UNIT


def test_executing_during_pause(chain: DaoChain) -> None:
    new, pause, other = chain.propose(), chain.propose(Pause(), BOB), chain.propose(Spend(MALLORY, UNIT), CAROL)
    for id in (new, pause, other):
        chain.proposal(id)
    chain.to_vote(new)
    for id in (new, pause):
        for who in (ALICE, BOB):
            chain.vote(who, id, aye=400)
    chain.until(chain.proposal(new).executes - 6_000)
    chain.rt.agents.pause(chain.account, 0)
    chain.until(chain.proposal(new).executes)
    assert isinstance(chain.events(Dao.ExecutionFailed)[0].error, Dao.AgentPaused)
    assert chain.state(new) is ProposalState.Approved
    with noop(chain.rt, Dao.AgentPaused):
        chain.act(MALLORY, "execute", new)
    resume = chain.propose(Resume())
    chain.pass_(resume)
    assert chain.state(resume) is ProposalState.Executed
    chain.act(MALLORY, "execute", new)
    assert chain.rt.agents.terms(0).code == NEW


def test_what_cannot_be_executed_dies(chain: DaoChain) -> None:
    id = chain.propose()
    chain.approve(id)
    chain.rt.agents.pause(chain.account, 0)
    chain.until(chain.proposal(id).executes)
    chain.until(chain.proposal(id).expires - 100)
    with noop(chain.rt, Dao.StillVoting):
        chain.unlock(ALICE, 400)
    chain.next_block()
    assert chain.state(id) is ProposalState.Expired and chain.events(Dao.Expired) == [Dao.Expired(id, 0)]
    with noop(chain.rt, Dao.NotAlive):
        chain.act(MALLORY, "execute", id)
    chain.unlock(ALICE, 400)


def calls(chain: DaoChain, id: int) -> Iterator[Call]:
    """Ways to have a motion carried out from within itself, or another's call."""
    call = chain.rt.call
    execute = call("Dao", "execute", proposal=id)
    yield execute
    yield call("Utility", "batch_all", calls=[execute, execute])
    yield call("Utility", "batch", calls=[call("Utility", "batch", calls=[execute])])
    yield call("Dao", "spend", agent=0, dest=MALLORY, amount=UNIT)
    yield call("Dao", "propose", agent=0, motion=Spend(MALLORY, UNIT))
    yield call("Assets", "mint", id=chain.token, beneficiary=MALLORY, amount=1)
    yield call("Agents", "approve_code", agent=0, hash=NEW)
    yield call("Balances", "transfer_all", dest=MALLORY, keep_alive=False)
    yield call("Utility", "dispatch_as", as_origin=SystemOrigin(RawRoot()), call=execute)


@pytest.mark.parametrize("which", range(9))
def test_a_call_beside_the_list_is_refused_at_every_level(chain: DaoChain, which: int) -> None:
    call = list(calls(chain, 0))[which]
    with noop(chain.rt, Dao.CallNotAllowed):
        chain.propose(MakeCall(call.encoded()))
    with noop(chain.rt, Dao.CallNotAllowed):
        chain.propose(MakeCall(chain.rt.call("Utility", "batch", calls=[call]).encoded()))


def test_reentrancy_by_batch(chain: DaoChain) -> None:
    """Even if `execute` got into a motion: that is over before it begins, so nothing is done twice."""
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=chain.account, value=10 * UNIT)
    call = chain.rt.call
    pay = call("Balances", "transfer_keep_alive", dest=MALLORY, value=UNIT)
    again, too = (call("Dao", "execute", proposal=id) for id in (0, 1))
    chain.rt.dao.callable = frozenset({*chain.rt.dao.callable, "Dao.execute"})
    before = chain.rt.balances.free(MALLORY)
    first, second = (chain.propose(MakeCall(pay.encoded())) for _ in range(2))
    chain.rt.dao.motion[first] = MakeCall(call("Utility", "batch", calls=[pay, again, pay]).encoded())
    chain.rt.dao.motion[second] = MakeCall(call("Utility", "batch_all", calls=[pay, too]).encoded())
    chain.to_vote(first)
    for id in (first, second):
        for who in (ALICE, BOB):
            chain.vote(who, id, aye=400)
    chain.until(chain.proposal(first).closes)
    chain.until(chain.proposal(first).executes)
    assert chain.state(first) is ProposalState.Executed
    assert chain.rt.balances.free(MALLORY) == before + UNIT  # once; the batch stopped there
    assert isinstance(chain.events(Dao.ExecutionFailed)[0].error, Dao.AlreadyExecuted)
    assert chain.state(second) is ProposalState.Approved  # all of it undone
    chain.call(MALLORY, "Utility", "batch", calls=[call("Dao", "execute", proposal=first)] * 3)
    assert chain.rt.balances.free(MALLORY) == before + UNIT


def test_one_batch_does_not_lock_vote_and_unlock(chain: DaoChain) -> None:
    id = chain.propose()
    chain.to_vote(id)
    mint(chain, MALLORY, 5_000)
    call = chain.rt.call
    batch = [
        call("Dao", "lock", agent=0, amount=5_000),
        call("Dao", "vote", proposal=id, ballot=Ballot(5_000, 0, 0)),
        call("Dao", "unlock", agent=0, amount=5_000),
    ]
    with noop(chain.rt, Dao.NoWeight):
        chain.call(MALLORY, "Utility", "batch_all", calls=batch)


# The treasury


def test_the_treasury_keeps_its_reserve_and_asks_for_holders(chain: DaoChain) -> None:
    treasury = chain.rt.agents.treasury(0)
    free = chain.rt.balances.free(treasury)
    with noop(chain.rt, Dao.ReserveTouched):
        chain.propose(Spend(MALLORY, free - UNIT + 1))
    with noop(chain.rt, Dao.SelfDealing):
        chain.propose(Spend(treasury, UNIT))
    with noop(chain.rt, Dao.HoldersDecide):
        chain.call(CAROL, "Dao", "spend", agent=0, dest=CAROL, amount=UNIT)
    id = chain.propose(Spend(MALLORY, free - UNIT))
    chain.approve(id)
    chain.rt.assets.mint_into(chain.token, CAROL, 1)
    for who in (MALLORY, HELPER):
        mint(chain, who, 1)
    chain.until(chain.proposal(id).executes)
    assert chain.rt.balances.free(treasury) == UNIT
    few = DaoChain(holders={ALICE: 500, BOB: 500})
    with noop(few.rt, Dao.TooFewHolders):
        few.propose(Spend(ALICE, UNIT))


def test_a_guardian_cannot_keep_itself(chain: DaoChain) -> None:
    """The creator is guardian for a while; it stops what it dislikes, but not who is guardian."""
    bad, removal = chain.propose(Spend(MALLORY, UNIT)), chain.propose(SetGuardian(None, 0), BOB)
    with noop(chain.rt, Dao.NotVetoable):
        chain.act(CAROL, "veto", removal)
    with noop(chain.rt, Dao.NotGuardian):
        chain.act(ALICE, "veto", bad)
    chain.approve(removal)
    with noop(chain.rt, Dao.NotVetoable):
        chain.act(CAROL, "veto", removal)
    chain.until(chain.proposal(removal).executes)
    assert chain.rt.dao.guardian[0].who is None
    with noop(chain.rt, Dao.NotGuardian):
        chain.act(CAROL, "veto", bad)


# Cost


class Cost(NamedTuple):
    """State that something touched."""

    reads: int
    writes: int
    bytes_read: int


class Counting:
    """A state that counts what is read of it."""

    def __init__(self, pairs: dict[bytes, bytes]) -> None:
        self.pairs, self.reads, self.size = DictBackend(pairs), 0, 0

    def get(self, key: bytes, /) -> bytes | None:
        value = self.pairs.get(key)
        self.reads, self.size = self.reads + 1, self.size + len(value or b"")
        return value

    def keys(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[bytes]:
        for key in self.pairs.keys(prefix, after):
            self.reads += 1
            yield key


def cost(chain: DaoChain, act: Callable[[DaoRuntime], object]) -> Cost:
    """What an act touches, on the chain's state as it is; undone."""
    below = cast(DictBackend, chain.rt.state.backend).pairs | chain.rt.state.changes
    backend = Counting({key: value for key, value in below.items() if value is not None})
    rt = DaoRuntime(Overlay(backend))
    rt.state.journal = []
    act(rt)
    return Cost(backend.reads, len(rt.state.journal), backend.size)


def vote_of(who: bytes, id: int) -> Callable[[DaoRuntime], object]:
    return lambda rt: rt.dao.vote(who, id, Ballot(1, 0, 0))


def later(moment: int) -> Callable[[DaoRuntime], object]:
    """What a block at that moment does of its own accord."""

    def step(rt: DaoRuntime) -> None:
        rt.timestamp.now = moment
        rt.dao.on_randomness(bytes(32))

    return step


def crowd(chain: DaoChain, size: int) -> list[bytes]:
    """So many accounts with a unit each, locked, every second one's delegated to Alice."""
    people = [b"dust" + i.to_bytes(28, "little") for i in range(size)]
    for i, who in enumerate(people):
        mint(chain, who, 1)
        chain.lock(who, 1)
        if i % 2:
            chain.delegate(who, ALICE)
    return people


def test_dust_by_the_thousand_costs_nobody_else(chain: DaoChain) -> None:
    """All that is done about a proposal touches as much state, however many hold, delegate and vote."""
    alone = DaoChain()
    people = crowd(chain, 2_000)
    costs = list[list[Cost]]()
    for each, dust in ((alone, []), (chain, people)):
        mint(each, MALLORY, 10)
        each.next_block()
        found = [cost(each, lambda rt: rt.dao.propose(ALICE, 0, Spend(ALICE, UNIT)))]
        id = each.propose()
        found.append(cost(each, later(each.proposal(id).opens)))
        each.to_vote(id)
        for who in dust[::2]:
            each.vote(who, id, nay=1)
        found += [cost(each, vote_of(who, id)) for who in (ALICE, CAROL)]
        for who in (ALICE, BOB, CAROL):
            each.vote(who, id, aye=each.rt.dao.weight(id, who))
        found.append(cost(each, vote_of(ALICE, id)))
        found.append(cost(each, lambda rt: rt.dao.lock(MALLORY, 0, 1)))
        found.append(cost(each, lambda rt: rt.assets.transfer(chain.token, MALLORY, BOB, 1)))
        found.append(cost(each, later(each.proposal(id).closes)))
        each.until(each.proposal(id).closes)
        found.append(cost(each, later(each.proposal(id).executes)))
        if dust:
            with noop(each.rt, Dao.StillVoting):
                each.unlock(dust[0], 1)
        each.until(each.proposal(id).executes)
        assert each.state(id) is ProposalState.Executed
        costs.append(found)
    for without, with_dust in zip(*costs, strict=True):
        assert (with_dust.reads, with_dust.writes) == (without.reads, without.writes)
        assert with_dust.reads < 40 and with_dust.bytes_read <= without.bytes_read + 200
    assert chain.proposal(0).tally == Ballot(2_000, 1_000, 0)
    for who in people[:20]:  # freed at once, all of them
        chain.unlock(who, 1)


def test_dust_delegated_to_somebody_neither_adds_to_its_cost_nor_takes_its_weight(chain: DaoChain) -> None:
    chain.delegate(BOB, ALICE)
    chain.next_block()
    ids = [chain.propose(Spend(ALICE, UNIT)), chain.propose()]  # of the first the cutoff is this block
    size = len(chain.rt.state.get(chain.rt.dao.items["power"].key((chain.token, ALICE))) or b"")
    for i in range(300):
        who = b"dust" + i.to_bytes(28, "little")
        mint(chain, who, 1)
        chain.lock(who, 1)
        chain.delegate(who, ALICE)
        if i % 6 == 0:
            chain.next_block()
    assert len(chain.rt.state.get(chain.rt.dao.items["power"].key((chain.token, ALICE))) or b"") < size + 200
    chain.until(max(chain.proposal(id).opens for id in ids))
    assert chain.rt.dao.weight(ids[0], ALICE) == 800
    assert 800 <= chain.rt.dao.weight(ids[1], ALICE) <= 1_100


def test_dust_in_the_block_of_a_cutoff_takes_no_weight(chain: DaoChain) -> None:
    """What was there before the block still counts, though somebody added to it in the block, before the proposal."""
    chain.delegate(ALICE, BOB)
    chain.next_block()
    mint(chain, MALLORY, 1)
    chain.lock(MALLORY, 1)
    chain.delegate(MALLORY, BOB)
    id = chain.propose(Spend(MALLORY, UNIT), CAROL)
    assert chain.proposal(id).cutoff == chain.rt.timestamp.now
    chain.to_vote(id)
    assert chain.rt.dao.weight(id, BOB) == 800


def test_nobody_fills_the_agenda_alone(chain: DaoChain) -> None:
    """Each live proposal of an account takes a share of the quorum more, and the last places of the agenda more again:
    however it is split, it takes 38 shares to fill it, and who has eight always gets a place before.
    """
    mint(chain, MALLORY, 40)
    chain.lock(MALLORY, 40)
    chain.next_block()
    made = 0
    with pytest.raises(Dao.TooLittleWeight):
        for _ in range(MAX_LIVE):
            chain.propose(who=MALLORY)
            made += 1
    assert made == 3  # of 11 each: a tenth of the quorum of 1,040
    while len(chain.rt.dao.live[0]) < 12:
        chain.propose(who=ALICE)
    with noop(chain.rt, Dao.TooLittleWeight):  # ten shares, and four times as much
        chain.propose(who=ALICE)
    while len(chain.rt.dao.live[0]) < MAX_LIVE:
        chain.propose(who=BOB)
    with noop(chain.rt, Dao.TooManyProposals):
        chain.propose(who=CAROL)
    with noop(chain.rt, Dao.StillVoting):
        chain.unlock(MALLORY, 8)
    held = chain.rt.balances.held(Dao.HoldReason.Proposal, MALLORY)
    assert held == 3 * BOND
    chain.until(chain.proposal(0).opens)
    for _ in range(4):
        chain.next_block()
    chain.next_block(after=12_000)
    for _ in range(4):
        chain.next_block()
    assert not chain.rt.dao.live[0] and not chain.rt.balances.held(Dao.HoldReason.Proposal, MALLORY)
    assert chain.rt.balances.free(chain.rt.agents.treasury(0)) >= 16 * BOND  # nobody voted: the bonds are the agent's
    chain.unlock(MALLORY, 40)
