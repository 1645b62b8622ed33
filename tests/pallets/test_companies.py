"""An agent as a company: who governs it, which scripts it had, and whose is what it is paid."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.simulated_tee import SgxMeasurements, TdxMeasurements
from pallets.agents.pallet import Agents
from pallets.dividends import POT as DIVIDENDS
from pallets.dividends import Dividends
from pallets.frame.events import Token
from pallets.frame.testing import noop
from pallets.jobs.end import POT
from pallets.jobs.pallet import Jobs
from pallets.jobs.shares import agent_parts
from pallets.jobs.terms import Owners
from pallets.primitives.agent_record import MAX_SCRIPTS, Approval
from pallets.primitives.codec import codec_of
from pallets.primitives.job_record import MILLION, Shares
from pallets.primitives.pots import dao_account, treasury
from pallets.primitives.scale import EncodeError
from pallets.primitives.service import OPEN_ACCESS, AccessPolicy
from pallets.primitives.worker_record import ANY, EVERYONE, Staff
from tests.pallets.dividend_chain import EPOCH
from tests.pallets.job_chain import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_TREASURY,
    CODE,
    DEPOSIT,
    OPERATORS,
    POLICY,
    SGX,
    START,
    TDX,
    UNIT,
    JobChain,
)
from tests.pallets.receipt_chain import CHARGE, PAYER, Answering, serving_chain, voucher

HASH = blake2b(CODE, digest_size=32).digest()
DAO, TREASURY = dao_account(0), treasury(0)
CURVE = b"modlfthmcurv".ljust(32, b"\0")
GAS = 1_000_003


@pytest.fixture
def chain() -> JobChain:
    """A chain with an agent of Carol's."""
    chain = JobChain()
    chain.agent()
    return chain


def launch(chain: JobChain, amount: int = 10, who: bytes = BOB) -> int:
    """Gives the agent a token, of which somebody has some."""
    token = chain.rt.assets.next_id()
    chain.rt.assets.create_token(token, CURVE, b"Token", b"T", 6)
    chain.rt.dividends.follow(token)
    chain.rt.agents.set_token(0, token)
    if amount:
        chain.rt.assets.mint_into(token, who, amount)
    return token


def upload(chain: JobChain, code: bytes) -> bytes:
    chain.call(ALICE, "Agents", "upload_code", code=code)
    return blake2b(code, digest_size=32).digest()


# Government


def test_holders_govern_while_the_token_circulates(chain: JobChain) -> None:
    agents = chain.rt.agents
    assert (agents.owner(0), agents.dao(0), agents.treasury(0), agents.token(0)) == (CAROL, CAROL, TREASURY, None)
    token = launch(chain, amount=0)
    assert chain.rt.events[-1] == Agents.TokenSet(0, token)
    assert (agents.token(0), agents.agent_of(token), agents.dao(0)) == (token, 0, CAROL)
    chain.call(CAROL, "Agents", "pause", agent=0)
    chain.rt.assets.mint_into(token, CURVE, 10**9)  # a pot's don't count
    chain.call(CAROL, "Agents", "resume", agent=0)
    chain.rt.assets.mint_into(token, BOB, 1)
    assert agents.dao(0) == DAO and agents.owner(0) == CAROL
    calls: list[tuple[str, dict[str, Any]]] = [
        ("approve_code", {"hash": HASH}),
        ("set_policy", {"policy": POLICY}),
        ("pause", {}),
        ("resume", {}),
        ("set_requirements", {"requirements": ANY}),
        ("set_hosts", {"hosts": None}),
        ("set_split", {"creator": 1}),
        ("set_access", {"access": OPEN_ACCESS}),
        ("hire", {"measurements": []}),
        ("ban", {"measurements": []}),
    ]
    for name, arguments in calls:
        for who in (CAROL, BOB, TREASURY, dao_account(1)):
            with noop(chain.rt, Agents.NotDao):
                chain.call(who, "Agents", name, agent=0, **arguments)
        with noop(chain.rt, Agents.UnknownAgent):
            chain.call(DAO, "Agents", name, agent=1, **arguments)
        chain.call(DAO, "Agents", name, agent=0, **arguments)
    chain.rt.assets.burn_from(token, BOB, 1)
    with noop(chain.rt, Agents.NotDao):
        chain.call(DAO, "Agents", "pause", agent=0)
    chain.call(CAROL, "Agents", "pause", agent=0)
    assert agents.is_paused(0)


def test_an_agent_has_one_token_and_a_token_one_agent(chain: JobChain) -> None:
    token = launch(chain, amount=0)
    chain.agent(b"other")
    for agent, another in ((0, token + 1), (0, token), (1, token)):
        with noop(chain.rt, Agents.HasToken):
            chain.rt.agents.set_token(agent, another)
    with noop(chain.rt, Agents.UnknownAgent):
        chain.rt.agents.set_token(2, token + 1)
    assert chain.rt.agents.agent_of(token + 1) is None


def test_accounts_are_sub_accounts_of_pallet_ids() -> None:
    assert b"modl" + b"fthmdaos" + bytes(20) == DAO and dao_account(7)[12] == 7
    assert len({dao_account(i) for i in (0, 1, 2**64 - 1)} | {treasury(i) for i in (0, 1, 2**64 - 1)}) == 6


# Scripts


def test_scripts_are_remembered(chain: JobChain) -> None:
    agents = chain.rt.agents
    assert agents.scripts[0] == [Approval(HASH, START, None)]
    second = upload(chain, b"second")
    chain.next_block()
    agents.approve(0, second, ALICE)
    assert chain.rt.events[-1] == Agents.CodeApproved(0, second)
    chain.call(CAROL, "Agents", "approve_code", agent=0, hash=second)  # it is that already
    assert agents.scripts[0] == [Approval(HASH, START, None), Approval(second, chain.rt.timestamp.now, ALICE)]
    assert agents.has_approved(0, HASH) and agents.has_approved(0, second) and not agents.has_approved(0, bytes(32))
    agents.approve(0, HASH, None)  # back to the first
    assert agents.agent[0].code == HASH == agents.scripts[0][-1].code
    with noop(chain.rt, Agents.UnknownCode):
        agents.approve(0, bytes(32), ALICE)
    for act in (lambda: agents.approve(9, HASH, None), lambda: agents.has_approved(9, HASH)):
        with noop(chain.rt, Agents.UnknownAgent):
            act()


def test_the_oldest_script_is_forgotten(chain: JobChain) -> None:
    agents = chain.rt.agents
    for number in range(MAX_SCRIPTS):
        chain.call(CAROL, "Agents", "approve_code", agent=0, hash=upload(chain, b"%d" % number))
    assert len(agents.scripts[0]) == MAX_SCRIPTS and not agents.has_approved(0, HASH)


# Whose is what it is paid


def settled(chain: JobChain) -> dict[bytes, int]:
    """Has a job done; answers what is owed to whom, and what the holders got."""
    worker = chain.worker("w").register()
    job = chain.submit()
    chain.blocks(2)
    chain.send(worker.commit(job, gas=GAS))
    fee = chain.events(Jobs.Settled)[0].fee
    owed = dict(chain.rt.jobs.claimable.items())
    holders = chain.rt.balances.free(DIVIDENDS) - DEPOSIT
    assert fee == GAS * POLICY.price == sum(owed.values()) + holders
    assert chain.rt.balances.free(POT) - DEPOSIT == sum(owed.values())
    paid = {event.who: event.amount for event in chain.events(Jobs.Paid)}
    assert sum(paid.values()) == fee and paid.get(DIVIDENDS, 0) == holders
    return owed | {DIVIDENDS: holders}


FEE = GAS * POLICY.price
WORKER = FEE - FEE * 250_000 // MILLION - FEE * 50_000 // MILLION


@pytest.mark.parametrize("with_token", [False, True])
def test_without_holders_their_share_is_the_treasurys(chain: JobChain, with_token: bool) -> None:
    if with_token:
        launch(chain, amount=0)
    owed = settled(chain)
    chains = FEE * 50_000 // MILLION
    assert owed == {OPERATORS[0]: WORKER, TREASURY: FEE * 250_000 // MILLION, CHAIN_TREASURY: chains, DIVIDENDS: 0}


def test_holders_and_creator_are_paid_by_jobs(chain: JobChain) -> None:
    chain.call(CAROL, "Agents", "set_split", agent=0, creator=333_333)
    assert chain.rt.events[-1] == Agents.SplitSet(0, 333_333)
    token = launch(chain)
    owed = settled(chain)
    holders = FEE * 50_000 // MILLION
    company = FEE * 250_000 // MILLION - holders
    creator = company * 333_333 // MILLION
    assert (owed[DIVIDENDS], owed[CAROL], owed[TREASURY]) == (holders, creator, company - creator)
    assert owed[OPERATORS[0]] == WORKER and owed[CHAIN_TREASURY] == FEE * 50_000 // MILLION
    now = chain.rt.timestamp.now
    assert chain.events(Dividends.RevenueAdded) == [Dividends.RevenueAdded(token, holders, now + EPOCH)]
    chain.next_block(EPOCH)
    assert chain.rt.dividends.claimable(token, BOB) == holders


def test_holders_and_creator_are_paid_by_vouchers() -> None:
    chain = serving_chain()
    worker = chain.worker("w").register()
    chain.call(CAROL, "Agents", "set_split", agent=0, creator=MILLION)
    token = launch(chain)
    chain.call(PAYER.account_id, "Jobs", "open_channel", worker=worker.key, amount=10 * UNIT)
    chain.call(BOB, "Jobs", "claim_voucher", voucher=voucher(worker, 2 * UNIT))
    assert chain.events(Dividends.RevenueAdded)[0].amount == UNIT // 10
    owed = dict(chain.rt.jobs.claimable.items())
    assert owed == {OPERATORS[0]: 14 * UNIT // 10, CAROL: 4 * UNIT // 10, CHAIN_TREASURY: UNIT // 10}
    shares = {each.who: each.amount for each in chain.events(Jobs.SharePaid)}
    assert shares == owed | {DIVIDENDS: UNIT // 10} and sum(shares.values()) == 2 * UNIT
    assert chain.rt.dividends.stream[token].amount == UNIT // 10


def test_what_the_treasury_pays_for_itself_is_nobodys_income() -> None:
    chain = serving_chain()
    worker = chain.worker("w").register()
    chain.call(CAROL, "Agents", "set_split", agent=0, creator=MILLION)
    token, before = launch(chain), chain.rt.balances.free(TREASURY)
    answering = Answering(worker)
    answering.answer()
    answering.drawn()
    chain.send(answering.open())
    assert chain.events(Jobs.ReceiptsPaid)[0].paid == CHARGE
    owed = {who: amount for who, amount in chain.rt.jobs.claimable.items() if amount}
    assert owed.keys() == {OPERATORS[0], CHAIN_TREASURY} and not chain.rt.dividends.stream[token].amount
    spent = chain.events(Jobs.BudgetSpent)[0].amount
    assert before - chain.rt.balances.free(TREASURY) == sum(owed.values()) == spent
    assert {each.who: each.amount for each in chain.events(Jobs.SharePaid)} == owed


cuts = st.lists(st.integers(0, MILLION), min_size=3, max_size=3).map(sorted)


@given(fee=st.integers(0, 10**6 * UNIT), cut=cuts, split=st.integers(0, MILLION), circulates=st.booleans())
def test_every_fee_is_somebodys_to_the_last_unit(fee: int, cut: list[int], split: int, circulates: bool) -> None:
    shares = Shares(cut[0], cut[1] - cut[0], cut[2] - cut[1], MILLION - cut[2])
    parts = agent_parts(fee, shares, Owners(TREASURY, CAROL, split, 1 if circulates else None))
    to_worker, to_agent, to_chain = shares.split(fee)
    assert sum(parts) == to_agent == fee - to_worker - to_chain and min(parts) >= 0
    assert parts.holders == (fee * shares.holders // MILLION if circulates else 0)
    assert parts.creator == (to_agent - parts.holders) * split // MILLION


def test_splits_and_access_are_in_bounds(chain: JobChain) -> None:
    with noop(chain.rt, Agents.SplitTooLarge):
        chain.call(CAROL, "Agents", "set_split", agent=0, creator=MILLION + 1)
    for access in (AccessPolicy(0, 0, 1), AccessPolicy(0, 1, 0), AccessPolicy(5, 0, 0)):
        with noop(chain.rt, Agents.BadAccess):
            chain.call(CAROL, "Agents", "set_access", agent=0, access=access)
    paid = AccessPolicy(UNIT, 10**6, 3)
    chain.call(CAROL, "Agents", "set_access", agent=0, access=paid)
    assert chain.rt.events[-1] == Agents.AccessSet(0) and chain.rt.agents.access.get(0) == paid
    chain.call(CAROL, "Agents", "set_access", agent=0, access=OPEN_ACCESS)
    chain.call(CAROL, "Agents", "set_split", agent=0, creator=7)
    chain.call(CAROL, "Agents", "set_split", agent=0, creator=0)
    assert not dict(chain.rt.agents.access.items()) and not dict(chain.rt.agents.split.items())


def test_anyone_has_a_treasury_paid(chain: JobChain) -> None:
    with noop(chain.rt, Jobs.NothingToClaim):
        chain.call(ALICE, "Jobs", "collect", agent=0)
    with noop(chain.rt, Agents.UnknownAgent):
        chain.call(ALICE, "Jobs", "collect", agent=1)
    amount = settled(chain)[TREASURY]
    chain.call(ALICE, "Jobs", "collect", agent=0)
    assert chain.rt.events[-1] == Jobs.Claimed(TREASURY, amount)
    assert chain.rt.balances.free(TREASURY) == DEPOSIT + amount and not chain.rt.jobs.claimable[TREASURY]


# Hired and banned


def seats(chain: JobChain) -> set[bytes]:
    """The workers that eight new jobs are given to."""
    jobs = [chain.submit() for _ in range(8)]
    chain.blocks(4)
    return {worker for job in jobs for worker in chain.job(job).workers}


@pytest.mark.parametrize(
    ("call", "measurements", "left"),
    [
        ("hire", SGX, "sgx"),
        ("hire", TDX, "tdx"),
        ("ban", SGX, "tdx"),
        ("ban", TDX, "sgx"),
    ],
)
def test_jobs_are_given_to_who_is_hired_and_not_banned(
    chain: JobChain, call: str, measurements: SgxMeasurements | TdxMeasurements, left: str
) -> None:
    chain.call(CAROL, "Agents", call, agent=0, measurements=[measurements.measurement])
    team = {name: chain.worker(name, OPERATORS[i], kind).register().key for i, (name, kind) in enumerate(KINDS.items())}
    assert seats(chain) == {team[left]}


KINDS: dict[str, SgxMeasurements | TdxMeasurements] = {"sgx": SGX, "tdx": TDX}


def test_lists_and_requirements_are_one_class(chain: JobChain) -> None:
    agents, classes = chain.rt.agents, chain.rt.workers.classes
    wanted = replace(ANY, memory=5)
    chain.call(CAROL, "Agents", "hire", agent=0, measurements=[b"b" * 32, b"a" * 32, b"b" * 32])
    chain.call(CAROL, "Agents", "set_requirements", agent=0, requirements=wanted)
    chain.call(CAROL, "Agents", "ban", agent=0, measurements=[b"c" * 48])
    known = classes[agents.requirements[0]]
    assert (known.requirements, known.staff) == (wanted, Staff([b"a" * 32, b"b" * 32], [b"c" * 48]))
    assert len(classes) == 2 and chain.rt.balances.held(Agents.HoldReason.Requirements, CAROL) == UNIT
    with noop(chain.rt, Agents.HiredAndBanned):
        chain.call(CAROL, "Agents", "ban", agent=0, measurements=[b"a" * 32])
    with pytest.raises(EncodeError):
        chain.rt.encode_call(chain.rt.call("Agents", "hire", agent=0, measurements=[b"m"] * 9))
    for name in ("hire", "ban"):
        chain.call(CAROL, "Agents", name, agent=0, measurements=[])
    chain.call(CAROL, "Agents", "set_requirements", agent=0, requirements=ANY)
    assert agents.requirements[0] == EVERYONE and len(classes) == 1
    assert not chain.rt.balances.held(Agents.HoldReason.Requirements, CAROL)


def test_who_asks_has_the_deposit(chain: JobChain) -> None:
    def held(who: bytes) -> int:
        return chain.rt.balances.held(Agents.HoldReason.Requirements, who)

    chain.call(CAROL, "Agents", "ban", agent=0, measurements=[b"a" * 32])
    token = launch(chain)
    with noop(chain.rt, Token("FundsUnavailable")):
        chain.call(DAO, "Agents", "ban", agent=0, measurements=[b"b" * 32])
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=DAO, value=2 * UNIT)
    chain.call(DAO, "Agents", "ban", agent=0, measurements=[b"b" * 32])
    assert (held(CAROL), held(DAO)) == (0, UNIT)
    chain.call(DAO, "Agents", "hire", agent=0, measurements=[b"c" * 32])
    assert (held(CAROL), held(DAO)) == (0, UNIT)
    chain.rt.assets.burn_from(token, BOB, 10)
    chain.call(CAROL, "Agents", "ban", agent=0, measurements=[])
    assert (held(CAROL), held(DAO)) == (UNIT, 0) and not dict(chain.rt.agents.depositor.items())
    chain.call(CAROL, "Agents", "hire", agent=0, measurements=[])
    assert held(CAROL) == 0 == held(DAO)


def test_on_the_wire(chain: JobChain) -> None:
    calls = {
        spec.index: (spec.name, [name for name, _ in spec.params])
        for spec in chain.rt.tables.calls.values()
        if spec.pallet_name == "Agents"
    }
    assert [calls[index] for index in range(10, 14)] == [
        ("set_split", ["agent", "creator"]),
        ("set_access", ["agent", "access"]),
        ("hire", ["agent", "measurements"]),
        ("ban", ["agent", "measurements"]),
    ]
    assert codec_of(AccessPolicy).encode(AccessPolicy(1, 2, 3)) == b"".join(
        (
            (1).to_bytes(16, "little"),
            b"\1" + (2).to_bytes(16, "little"),
            (3).to_bytes(4, "little"),
        )
    )
