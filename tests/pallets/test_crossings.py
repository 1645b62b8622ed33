"""Crossings: what is allowed, what is queued, and what workers may say of it."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.agents.pallet import Agents
from pallets.crossings.outbox import DAY, KEPT
from pallets.crossings.pallet import Crossings
from pallets.frame.testing import noop
from pallets.primitives.cluster import SeatState
from pallets.primitives.crossing import (
    LEASE,
    MAX_SENDING,
    SENDING,
    AsBytes,
    ByName,
    Failed,
    Named,
    Reason,
    turn_of,
)
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import Keypair
from tests.pallets.bare_calls import refused
from tests.pallets.crossing_chain import (
    CAP,
    MAX_WAITING,
    OTHER,
    PATIENCE,
    CrossingChain,
    included,
    invalid,
)
from tests.pallets.job_chain import ALICE


@pytest.fixture
def chain() -> CrossingChain:
    chain = CrossingChain()
    chain.allow()
    chain.send(chain.announce())
    return chain


def told(chain: CrossingChain, *kinds: type[Any]) -> list[Any]:
    return [event for event in chain.rt.events if isinstance(event, kinds)]


def busy(chain: CrossingChain) -> bool:
    return (chain.agent_number, OTHER) in chain.rt.crossings.busy


# What is allowed


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"who": ALICE}, Agents.NotDao),
        ({"name": b"Other"}, Crossings.BadName),
        ({"chain": blake2_256(b"a third"), "name": b"other"}, Crossings.NameTaken),
        ({"chain": blake2_256(b"a genesis block")}, Crossings.OwnChain),
        ({"endpoints": []}, Crossings.BadEndpoint),
        ({"endpoints": [b"ws://other.example"]}, Crossings.BadEndpoint),
        ({"endpoints": [b"ws://127.0.0.1.example"]}, Crossings.BadEndpoint),
        ({"endpoints": [b"ws://127.0.0.1:9944@example.com"]}, Crossings.BadEndpoint),
        ({"endpoints": [b"https://other.example"]}, Crossings.BadEndpoint),
        ({"calls": [Named(b"balances transfer")]}, Crossings.BadCallName),
    ],
)
def test_a_chain_that_cannot_be_allowed(chain: CrossingChain, changes: dict[str, Any], error: type[Exception]) -> None:
    with noop(chain.rt, error):  # type: ignore[arg-type]
        chain.allow(**changes)


def test_a_chain_is_known_by_name_and_there_are_few(chain: CrossingChain) -> None:
    crossings, agent = chain.rt.crossings, chain.agent_number
    chain.allow(name=b"kusama")
    assert crossings.by_name.get(agent, b"kusama") == OTHER and crossings.by_name.get(agent, b"other") is None
    third, fourth = blake2_256(b"a third"), blake2_256(b"a fourth")
    chain.allow(chain=third)
    with noop(chain.rt, Crossings.TooManyChains):
        chain.allow(chain=fourth, name=b"fourth")
    chain.govern("disallow")
    assert told(chain, Crossings.ChainDisallowed)
    chain.allow(chain=fourth, name=b"kusama")
    with noop(chain.rt, Crossings.ChainNotAllowed):
        chain.queue()
    for allowed in (third, fourth):
        chain.govern("disallow", chain=allowed)
    assert not list(crossings.allowed.items()) and not list(crossings.by_name.items())
    assert not list(crossings.busy.items()) and not list(crossings.chains_of.items())


def test_governing_is_the_daos(chain: CrossingChain) -> None:
    chain.queue()
    for name in ("disallow", "drop_account", "withdraw"):
        with noop(chain.rt, Agents.NotDao):
            chain.govern(name, who=ALICE)


# Accounts


def test_an_account_is_announced_by_a_holder_that_has_its_key() -> None:
    chain = CrossingChain(1)
    stranger = chain.member(9)
    refused(chain, chain.announce(), Crossings.ChainNotAllowed)
    chain.allow()
    assert busy(chain)
    other = Keypair.from_seed(bytes(32))
    refused(chain, chain.announce(account=other.account_id), None)
    refused(chain, chain.announce(proof=bytes(64)), None)
    refused(chain, chain.announce(stranger), Crossings.NotHolder)
    chain.send(chain.announce())
    assert not busy(chain)
    refused(chain, chain.announce(key=other), Crossings.HasAccount)


def test_an_account_outlives_the_secret_and_is_dropped_by_the_dao(chain: CrossingChain) -> None:
    first, second = chain.holders
    number = chain.queue()
    chain.send(chain.signs(number))
    chain.sudo("Attestation", "revoke", worker=second.key)
    chain.advance(16_000)
    assert chain.generation == 2
    refused(chain, chain.reports(number, included(), first), Crossings.NotHolder)  # hasn't got the new secret yet
    chain.send(first.propose(b"the second"))
    assert first.seat is not None and first.seat.state is SeatState.Holder
    refused(chain, chain.reports(number, included(), second), Crossings.NotHolder)
    with noop(chain.rt, Crossings.InFlight):
        chain.govern("drop_account")
    chain.send(chain.reports(number, included(), first))
    account = chain.rt.crossings.account.get(chain.agent_number, OTHER)
    assert account is not None and account.generation == 1
    chain.govern("drop_account")
    assert told(chain, Crossings.AccountDropped)[0].account == account.account and busy(chain)
    chain.queue()
    refused(chain, chain.signs(1, holder=first), Crossings.NoAccount)
    refused(chain, chain.announce(first, generation=1), None)
    chain.send(chain.announce(first))
    chain.send(chain.signs(1, birth=0, holder=first))  # of another account nothing is known


# What is sent


def test_what_the_dao_has_not_allowed_is_not_queued(chain: CrossingChain) -> None:
    chain.queue(sending=AsBytes(7, b"\x05\x03rest"))
    for other in (ByName(b"Balances.transfer_all", b"{}"), AsBytes(7, b"\x05\x04rest")):
        with noop(chain.rt, Crossings.CallNotAllowed):
            chain.queue(sending=other)
    for sending in (b"", b"\x02", AsBytes(7, b"\x05"), SENDING.encode(AsBytes(7, b"\x05\x03")) + bytes(MAX_SENDING)):
        with noop(chain.rt, Crossings.BadSending):
            chain.queue(sending=sending)
    with noop(chain.rt, Crossings.ChainNotAllowed):
        chain.queue(chain=bytes(32))


def test_the_cap_is_a_days(chain: CrossingChain) -> None:
    chain.queue(CAP - 1)
    with noop(chain.rt, Crossings.CapExceeded):
        chain.queue(2)
    chain.queue(1)
    chain.send(chain.reports(0, invalid(Reason.Unfunded)))  # nothing was sent: it may be spent again today
    chain.queue(CAP - 1)
    chain.send(chain.signs(1))
    chain.send(chain.reports(1, included(verdict=Failed(b"Token.Frozen"))))  # that cost its fee: this is spent
    with noop(chain.rt, Crossings.CapExceeded):
        chain.queue(1)
    chain.next_block(DAY - chain.rt.timestamp.now % DAY)
    chain.queue(CAP)
    assert chain.entry(2).outcome is not None  # it waited too long
    assert chain.box().spent == CAP  # what an entry of yesterday gives back is not today's


def test_an_outbox_is_full(chain: CrossingChain) -> None:
    for _ in range(MAX_WAITING):
        chain.queue(1)
    with noop(chain.rt, Crossings.OutboxFull):
        chain.queue(1)
    with noop(chain.rt, Crossings.InFlight):
        chain.govern("disallow")
    for _ in range(MAX_WAITING):
        chain.govern("withdraw")
    with noop(chain.rt, Crossings.NothingToWithdraw):
        chain.govern("withdraw")
    assert not busy(chain) and not list(chain.rt.crossings.waits) and not chain.box().spent


# How it goes on


def test_one_after_the_other_and_what_is_fixed_stays(chain: CrossingChain) -> None:
    first, second = chain.queue(), chain.queue()
    refused(chain, chain.signs(second), Crossings.NotHead)
    refused(chain, chain.reports(first, included()), Crossings.BadOutcome)
    refused(chain, chain.signs(first, transaction=b"of another", death=10), Crossings.BadEra)
    refused(chain, chain.signs(first, signature=chain.signs(first, nonce=1).arguments[-1]), None)
    refused(chain, chain.signs(first, attempt=1), Crossings.WrongAttempt)
    chain.send(chain.signs(first, nonce=5))
    (sent,) = told(chain, Crossings.Sent)
    assert (sent.entry, sent.job, sent.nonce, sent.hash) == (first, 1, 5, blake2_256(b"signed bytes"))
    refused(chain, chain.signs(first, holder=chain.holders[1]), Crossings.AlreadySigned)
    for outcome in (invalid(Reason.Unreachable), included(10), included(74)):
        refused(chain, chain.reports(first, outcome), Crossings.BadOutcome)
    chain.send(chain.reports(first, included(73)))
    (delivered,) = told(chain, Crossings.Delivered)
    assert (delivered.entry, delivered.job, delivered.number, delivered.extrinsic) == (first, 1, 73, 2)
    refused(chain, chain.reports(first, included(73)), Crossings.NotHead)
    refused(chain, chain.signs(second, nonce=6, birth=72, death=90), Crossings.BadEra)
    chain.send(chain.signs(second, nonce=6, birth=73, death=90))
    chain.send(chain.reports(second, included(74)))
    assert not busy(chain) and chain.entry(first).outcome == included(73)


def test_a_dead_transaction_is_signed_again_with_its_nonce(chain: CrossingChain) -> None:
    number = chain.queue()
    for attempt in range(3):
        birth = 10 + 64 * attempt
        if attempt:
            refused(chain, chain.signs(number, nonce=8, birth=birth, death=birth + 64), Crossings.WrongNonce)
        chain.send(chain.signs(number, nonce=7, birth=birth, death=birth + 64))
        chain.send(chain.reports(number, invalid(Reason.EraDied)))
        assert bool(told(chain, Crossings.Retried)) is (attempt < 2)
    (failed,) = told(chain, Crossings.Failed)
    assert (failed.reason, failed.detail, failed.by) == (Reason.EraDied, b"so it is", chain.holders[-1].key)
    assert chain.box().spent == 100  # only a worker says that it died
    after = chain.queue()  # the nonce is still to be used, unless it is found to be
    refused(chain, chain.signs(after, nonce=8, birth=300, death=400), Crossings.WrongNonce)
    chain.send(chain.reports(after, invalid(Reason.NonceMoved)))
    assert told(chain, Crossings.NonceReleased)[0].nonce == 7 and not chain.entry(after).outcome
    refused(chain, chain.reports(after, invalid(Reason.NonceMoved)), Crossings.BadOutcome)
    chain.send(chain.signs(after, nonce=8, birth=300, death=400))


def test_a_withdrawn_transaction_leaves_its_nonce(chain: CrossingChain) -> None:
    first, second = chain.queue(), chain.queue()
    chain.send(chain.signs(first, nonce=7))
    chain.govern("withdraw")
    assert told(chain, Crossings.Failed)[0].reason is Reason.Withdrawn and chain.box().spent == 200
    refused(chain, chain.signs(second, nonce=8), Crossings.WrongNonce)
    chain.send(chain.signs(second, nonce=7))


def test_what_can_never_be_delivered_fails_and_the_next_comes(chain: CrossingChain) -> None:
    first, second = chain.queue(), chain.queue()
    for trouble in (Reason.Unreachable, Reason.WrongChain):
        chain.send(chain.reports(first, invalid(trouble)))
        assert not told(chain, Crossings.Failed)
    chain.send(chain.reports(first, invalid(Reason.Unreachable)))
    chain.send(chain.reports(second, invalid(Reason.BadCall, b"no such call")))
    assert [(each.entry, each.reason) for each in told(chain, Crossings.Failed)] == [
        (first, Reason.Unreachable),
        (second, Reason.BadCall),
    ]
    assert not busy(chain) and not list(chain.rt.crossings.waits)


def test_what_nobody_signs_in_time_fails_and_what_is_signed_waits(chain: CrossingChain) -> None:
    first, second = chain.queue(), chain.queue()
    chain.next_block(PATIENCE // 2)
    assert chain.rt.crossings.next_due() == chain.entry(first).since + PATIENCE
    chain.next_block(PATIENCE // 2)
    assert chain.entry(first).outcome == invalid(Reason.Late, b"")
    chain.send(chain.signs(second))
    assert chain.rt.crossings.next_due() is None
    chain.advance(2 * PATIENCE)
    assert chain.entry(second).outcome is None


def test_the_last_entries_are_kept(chain: CrossingChain) -> None:
    for _ in range(KEPT + 2):
        chain.queue(1)
        chain.govern("withdraw")
    kept = sorted(number for _, number in (place for place, _ in chain.rt.crossings.entry.prefix(chain.agent_number)))
    assert kept == list(range(2, KEPT + 2))


def test_whose_turn_it_is() -> None:
    holders = [b"a", b"b", b"c"]
    turns = [turn_of(holders, entry, 1000, 1000 + late * LEASE) for entry, late in ((0, 0), (0, 1), (1, 0), (2, 1))]
    assert turns == [b"a", b"b", b"b", b"a"] and turn_of(holders, 0, 1000, 0) == b"a"
    assert turn_of([], 0, 0, 0) is None
