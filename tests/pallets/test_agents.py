"""Agents: code by its hash, names, policies, treasuries, and the terms they give."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Any

import pytest

from pallets.agents.pallet import MAX_CODE, Agents
from pallets.balances.pallet import Balances
from pallets.frame.events import Token
from pallets.frame.testing import noop
from pallets.jobs.pallet import Jobs
from pallets.jobs.terms import Terms
from pallets.primitives.agent_record import Agent, AgentKind, AgentPolicy
from pallets.primitives.attestation_record import Tee
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.job_record import JobState, Shares
from pallets.primitives.keys import dev_keypair
from pallets.primitives.pots import treasury
from pallets.primitives.scale import DecodeError, EncodeError, compact
from pallets.primitives.worker import memory_word, model_word, region
from pallets.primitives.worker_record import ANY, Requirements
from pallets.workers.pallet import Workers
from tests.pallets.dev_chain import DevChain
from tests.pallets.job_chain import ALICE, BOB, CAROL, CODE, DEPOSIT, POLICY, UNIT, JobChain

HASH = blake2b(CODE, digest_size=32).digest()


@pytest.fixture
def chain() -> JobChain:
    return JobChain()


def create(chain: JobChain, name: bytes = b"echo", policy: AgentPolicy = POLICY, who: bytes = CAROL) -> None:
    chain.call(who, "Agents", "create", name=name, kind=AgentKind.JavaScript, policy=policy)


# Code


def test_upload_code(chain: JobChain) -> None:
    for who in (ALICE, BOB):  # a second upload is fine and changes nothing
        chain.call(who, "Agents", "upload_code", code=CODE)
        assert chain.rt.events[-1] == Agents.CodeUploaded(HASH, len(CODE))
    assert dict(chain.rt.agents.code.items()) == {HASH: CODE}
    assert chain.rt.state.get(storage_prefix("Agents", "Code") + HASH) is not None


def test_code_has_a_byte_and_at_most_512_kib(chain: JobChain) -> None:
    with noop(chain.rt, Agents.EmptyCode):
        chain.call(ALICE, "Agents", "upload_code", code=b"")
    assert MAX_CODE == 524_288
    largest = chain.rt.encode_call(chain.rt.call("Agents", "upload_code", code=bytes(MAX_CODE)))
    assert len(chain.rt.decode_call(largest).arguments[0]) == MAX_CODE
    with pytest.raises(EncodeError):
        chain.rt.encode_call(chain.rt.call("Agents", "upload_code", code=bytes(MAX_CODE + 1)))
    with pytest.raises(DecodeError):
        chain.rt.decode_call(largest[:2] + compact(MAX_CODE + 1) + bytes(MAX_CODE + 1))


# Creation


def test_create(chain: JobChain) -> None:
    create(chain)
    create(chain, b"other")
    assert chain.events(Agents.Created) == [Agents.Created(0, CAROL, b"echo"), Agents.Created(1, CAROL, b"other")]
    assert chain.rt.agents.agent[0] == Agent(CAROL, b"echo", AgentKind.JavaScript, POLICY, None, False)
    assert dict(chain.rt.agents.by_name.items()) == {b"echo": 0, b"other": 1}
    assert chain.rt.balances.free(treasury(0)) == chain.rt.balances.free(treasury(1)) == DEPOSIT
    assert chain.rt.balances.free(CAROL) == 10_000 * UNIT - 2 * DEPOSIT


def test_treasury_is_the_sub_account_of_a_pallet_id() -> None:
    # ("modl", PalletId(*b"fthmagnt"), 7u64), padded with zeros
    assert treasury(7) == b"modl" + b"fthmagnt" + b"\x07" + bytes(7) + bytes(12)
    assert len({treasury(i) for i in (0, 1, 2**64 - 1)}) == 3


@pytest.mark.parametrize("name", [b"", b"7", b"7up", b"-a", b"Echo", b"a b", b"a/b", b"a\n", "é".encode()])
def test_bad_names(chain: JobChain, name: bytes) -> None:
    with noop(chain.rt, Agents.BadName):
        create(chain, name)


def test_names_are_unique_and_bounded(chain: JobChain) -> None:
    create(chain, b"a" * 64)
    with noop(chain.rt, Agents.NameTaken):
        create(chain, b"a" * 64, who=ALICE)
    with pytest.raises(EncodeError):
        chain.rt.encode_call(
            chain.rt.call("Agents", "create", name=b"a" * 65, kind=AgentKind.JavaScript, policy=POLICY)
        )


@pytest.mark.parametrize(
    "shares", [Shares(0, 0, 0, 0), Shares(999_999, 0, 0, 0), Shares(500_000, 500_000, 1, 0), Shares(2**31, 0, 0, 2**31)]
)
def test_shares_add_up(chain: JobChain, shares: Shares) -> None:
    with noop(chain.rt, Agents.SharesDontAddUp):
        create(chain, policy=replace(POLICY, shares=shares))
    create(chain)
    with noop(chain.rt, Agents.SharesDontAddUp):
        chain.call(CAROL, "Agents", "set_policy", agent=0, policy=replace(POLICY, shares=shares))


@pytest.mark.parametrize("max_gas", [0, 10**10 + 1])
def test_gas_limit_is_in_bounds(chain: JobChain, max_gas: int) -> None:
    with noop(chain.rt, Agents.BadGasLimit):
        create(chain, policy=replace(POLICY, max_gas=max_gas))


def test_creator_pays_for_the_treasury(chain: JobChain) -> None:
    poor = b"\x70" * 32
    chain.call(ALICE, "Balances", "transfer_allow_death", dest=poor, value=2 * DEPOSIT - 1)
    with noop(chain.rt, Token("NotExpendable")):
        create(chain, who=poor)


# Government


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("approve_code", {"hash": HASH}),
    ("set_policy", {"policy": POLICY}),
    ("pause", {}),
    ("resume", {}),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_only_the_dao_governs(chain: JobChain, name: str, arguments: dict[str, Any]) -> None:
    with noop(chain.rt, Agents.UnknownAgent):
        chain.call(CAROL, "Agents", name, agent=0, **arguments)
    chain.agent()
    with noop(chain.rt, Agents.NotDao):
        chain.call(ALICE, "Agents", name, agent=0, **arguments)


def test_approve_code(chain: JobChain) -> None:
    create(chain)
    with noop(chain.rt, Agents.UnknownCode):
        chain.call(CAROL, "Agents", "approve_code", agent=0, hash=HASH)
    with noop(chain.rt, Agents.NoApprovedCode):
        chain.rt.agents.terms(0)
    chain.call(ALICE, "Agents", "upload_code", code=CODE)  # anybody may upload: it doesn't count before it is approved
    with noop(chain.rt, Agents.NoApprovedCode):
        chain.rt.agents.terms(0)
    chain.call(CAROL, "Agents", "approve_code", agent=0, hash=HASH)
    assert chain.rt.events[-1] == Agents.CodeApproved(0, HASH)
    assert chain.rt.agents.terms(0) == Terms(HASH, 3, 10**9, POLICY.shares, treasury(0), False, 0)


def test_set_policy(chain: JobChain) -> None:
    agent = chain.agent()
    policy = AgentPolicy(5, 77, Shares(0, 0, 0, 1_000_000), True)
    chain.call(CAROL, "Agents", "set_policy", agent=agent, policy=policy)
    assert chain.rt.events[-1] == Agents.PolicySet(agent)
    assert chain.rt.agents.terms(agent) == Terms(HASH, 5, 77, policy.shares, treasury(agent), True, 0)


def test_pause_and_resume(chain: JobChain) -> None:
    agent = chain.agent()
    with noop(chain.rt, Agents.NotPaused):
        chain.call(CAROL, "Agents", "resume", agent=agent)
    chain.call(CAROL, "Agents", "pause", agent=agent)
    assert chain.rt.events[-1] == Agents.Paused(agent)
    for refused in (lambda: chain.rt.agents.terms(agent), lambda: chain.call(CAROL, "Agents", "pause", agent=agent)):
        with noop(chain.rt, Agents.AgentPaused):
            refused()
    chain.call(CAROL, "Agents", "resume", agent=agent)
    assert chain.events(Agents.Resumed) == [Agents.Resumed(agent)]
    chain.rt.agents.terms(agent)


def test_fund(chain: JobChain) -> None:
    with noop(chain.rt, Agents.UnknownAgent):
        chain.call(ALICE, "Agents", "fund", agent=0, amount=1)
    agent = chain.agent()
    chain.call(ALICE, "Agents", "fund", agent=agent, amount=1)  # below the existential deposit
    assert chain.events(Balances.Transfer)[-1] == Balances.Transfer(ALICE, treasury(agent), 1)
    assert chain.rt.events[-1] == Agents.Funded(agent, ALICE, 1)
    assert chain.rt.balances.free(treasury(agent)) == DEPOSIT + 1
    with noop(chain.rt, Token("NotExpendable")):
        chain.call(ALICE, "Agents", "fund", agent=agent, amount=chain.rt.balances.free(ALICE))


def test_policy_on_the_wire() -> None:
    encoded = codec_of(AgentPolicy).encode(AgentPolicy(1, 2, Shares(3, 4, 5, 6), True))
    numbers = [(1, 16), (2, 8), (3, 4), (4, 4), (5, 4), (6, 4), (1, 1)]
    assert encoded == b"".join(value.to_bytes(width, "little") for value, width in numbers)


def test_create_by_a_signed_transaction() -> None:
    chain, alice = DevChain(), dev_keypair("Alice")
    chain.author(chain.sign(alice, "Agents", "create", name=b"signed", kind=AgentKind.JavaScript, policy=POLICY))
    assert chain.runtime().agents.by_name.get(b"signed") == 0


# Requirements


DE = region("DE")
WANTED = Requirements(Tee.Tdx, 4, False, 1 << 14, DE, [9, model_word("llama")])


def users(chain: JobChain) -> dict[int, int]:
    """How many hold each class open but that of everyone."""
    return {id: each.users for id, each in chain.rt.workers.classes.items() if id}


def require(chain: JobChain, agent: int, requirements: Requirements, who: bytes = CAROL) -> None:
    chain.call(who, "Agents", "set_requirements", agent=agent, requirements=requirements)


def deposit(chain: JobChain) -> int:
    return chain.rt.balances.held(Agents.HoldReason.Requirements, CAROL)


def test_requirements_are_a_class_of_workers(chain: JobChain) -> None:
    for name in (b"one", b"two"):
        chain.agent(name)
        require(chain, chain.rt.agents.by_name.get(name) or 0, WANTED)
    class_ = chain.rt.agents.requirements[0]
    assert chain.rt.events[-1] == Agents.RequirementsSet(1, class_)
    assert chain.rt.agents.terms(0).class_id == chain.rt.agents.terms(1).class_id == class_ != 0
    assert chain.rt.workers.classes[class_].requirements == WANTED.normal()
    assert users(chain) == {class_: 2} and deposit(chain) == 2 * UNIT
    require(chain, 1, replace(WANTED, gpu=True))
    assert sorted(users(chain).values()) == [1, 1] and deposit(chain) == 2 * UNIT
    for agent in (0, 1):
        require(chain, agent, ANY)
        assert chain.rt.agents.terms(agent).class_id == 0
    assert not users(chain) and not deposit(chain) and not dict(chain.rt.agents.requirements.items())


def test_requirements_can_be_set_again_and_change_nothing(chain: JobChain) -> None:
    chain.agent()
    require(chain, 0, ANY)
    assert not users(chain) and not deposit(chain)
    require(chain, 0, WANTED)
    before = users(chain), deposit(chain)
    require(chain, 0, WANTED)
    assert (users(chain), deposit(chain)) == before


def test_requirements_refused(chain: JobChain) -> None:
    chain.agent()
    with noop(chain.rt, Agents.NotDao):
        require(chain, 0, WANTED, BOB)
    with noop(chain.rt, Agents.UnknownAgent):
        require(chain, 1, WANTED)
    with noop(chain.rt, Workers.BadRequirements):
        require(chain, 0, replace(WANTED, confidence=6))
    with pytest.raises(EncodeError):
        chain.rt.encode_call(
            chain.rt.call("Agents", "set_requirements", agent=0, requirements=replace(ANY, features=list(range(9))))
        )
    free = chain.rt.balances.free(CAROL)
    chain.call(CAROL, "Balances", "transfer_keep_alive", dest=BOB, value=free - UNIT)
    with noop(chain.rt, Token("FundsUnavailable")):
        require(chain, 0, WANTED)


def test_there_are_so_many_classes(chain: JobChain) -> None:
    open_already = len(chain.rt.workers.classes)
    for number in range(chain.rt.workers.max_classes - open_already + 1):
        chain.agent(b"agent-%d" % number)
        if number < chain.rt.workers.max_classes - open_already:
            require(chain, number, replace(ANY, memory=number + 1))
    with noop(chain.rt, Workers.TooManyClasses):
        require(chain, number, replace(ANY, memory=number + 1))
    require(chain, number, replace(ANY, memory=1))  # an open class serves any number


def test_nobody_keeps_all_classes_by_jobs(chain: JobChain) -> None:
    workers = chain.rt.workers
    chain.agent()
    for memory in range(1, workers.max_classes):  # one deposit, one agent, a job for each class
        require(chain, 0, replace(ANY, memory=memory))
        chain.submit()
    require(chain, 0, ANY)
    oldest = chain.job(0).class_id
    assert len(workers.classes) == workers.max_classes and not deposit(chain)
    chain.agent(b"honest")
    require(chain, 1, WANTED)
    assert oldest not in workers.classes and len(workers.classes) == workers.max_classes
    worker = chain.worker("w")
    worker.info = replace(worker.info, features=[memory_word(1 << 20)])
    worker.register()
    chain.blocks(4)
    # The job whose class is gone is given to nobody, and comes to its end like any other.
    assert (chain.job(0).state, chain.job(1).state) == (JobState.Queued, JobState.Assigned)
    chain.next_block(59_000)
    chain.next_block(1_000)
    assert [event.refunded for event in chain.events(Jobs.Expired) if event.job == 0] == [UNIT]
    assert len(workers.classes) < workers.max_classes
