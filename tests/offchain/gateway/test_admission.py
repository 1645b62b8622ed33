"""Who calls an agent free: passes under attack, quotas and their bounds, before stub workers and a chain in memory."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from offchain.gateway import admission
from offchain.gateway.messages import VOUCHER
from offchain.gateway.records import ACCESS
from offchain.records import NOW
from pallets.primitives.access_pass import SIGNED_PASS, AccessPass, SignedPass, pass_bytes
from pallets.primitives.keys import Keypair, Scheme, dev_keypair
from pallets.primitives.receipt import SignedVoucher, Voucher
from pallets.primitives.service import AccessPolicy
from tests.offchain.gateway.stage import GATEWAY, GENESIS, NOW_MS, Stage, echo, error_of, staged

BOB, CAROL = dev_keypair("Bob"), dev_keypair("Charlie")
OURS = Keypair.from_suri(GATEWAY, Scheme.ED25519).public
NEEDED, QUOTA, HOUR = 100, 3, 3_600_000
TERMS = AccessPolicy(5, NEEDED, QUOTA)


def signed(
    who: Keypair = BOB, agent: int = 0, expiry: int = NOW_MS + HOUR, genesis: bytes = GENESIS, wrap: bytes = b"%b"
) -> SignedPass:
    access = AccessPass(who.account_id, agent, expiry)
    return SignedPass(access, who.sign(wrap % pass_bytes(genesis, access)))


def shown(made: SignedPass) -> dict[str, str]:
    return {"x-fathom-pass": f"0x{SIGNED_PASS.encode(made).hex()}"}


def charges(stage: Stage, access: AccessPolicy = TERMS, price: int = 2, id: int = 0, name: bytes = b"echo") -> None:
    """An agent that pays this gateway's tickets, and of whose token Bob has enough."""
    stage.deploy(id, name, price=price)
    stage.pays(id, bytes(32), OURS)
    stage.chain.put(ACCESS, access, id)
    stage.chain.settled[id, BOB.account_id] = NEEDED


async def asked(client: httpx.AsyncClient, made: SignedPass | None = None, path: str = "/agents/echo/") -> Any:
    return await client.get(path, headers={} if made is None else shown(made))


async def test_a_pass_lets_call_free_and_nobody_is_told_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with staged(echo) as stage, stage.client() as client:
        charges(stage)
        found = error_of(await asked(client), 402, "payment-required")
        assert found["terms"] == {"gasPrice": "2", "callPrice": "5", "freeTokens": "100", "quota": 3}
        assert "5 a call and 2 a unit" in found["message"] and "x-fathom-voucher" in found["message"]
        assert found["agent"] == 0 and not stage.workers[0].asks
        mine, wallets = signed(), signed(wrap=b"<Bytes>%b</Bytes>")
        for made in (mine, wallets):
            answer = await asked(client, made, "/agents/echo/x?a=1")
            assert answer.status_code == 200
            ask = stage.workers[0].asks[-1]
            assert ask.ticket is not None and ask.ticket.ticket.agent == 0 and ask.voucher is None
            seen = f"{ask.request} {answer.text} {answer.headers} {(await client.get('/logs/all/agents/echo')).text}"
            seen += "".join(each.getMessage() for each in caplog.records if each.name.startswith(("offchain", "node")))
            assert made.signature.hex() not in seen and "x-fathom-pass" not in seen
        voucher = SignedVoucher(Voucher(bytes(32), 0, stage.workers[0].keys.worker_key, 3, 100, 9), bytes(64))
        both = shown(mine) | {"x-fathom-voucher": VOUCHER.encode(voucher).hex()}
        assert (await client.get("/agents/echo/", headers=both)).status_code == 200
        assert (stage.workers[0].asks[-1].voucher, stage.workers[0].asks[-1].ticket) == (voucher, None), (
            "it comes first"
        )
        error_of(await client.get("/agents/echo/", headers={"x-fathom-pass": "0xbeef"}), 400, "bad-request")
        many = [("x-fathom-pass", shown(signed(agent=n))["x-fathom-pass"]) for n in range(40)]
        error_of(await client.get("/agents/echo/", headers=many), 402, "pass-for-another")


def test_the_bytes_of_a_pass() -> None:
    fields = BOB.account_id + (7).to_bytes(8, "little") + (9).to_bytes(8, "little")
    made = signed(agent=7, expiry=9)
    assert pass_bytes(GENESIS, made.access) == b"fathom/pass\x01" + GENESIS + fields
    assert SIGNED_PASS.encode(made) == fields + made.signature


async def test_passes_that_do_not_count() -> None:
    async with staged(echo) as stage, stage.client() as client:
        charges(stage)
        charges(stage, id=1, name=b"other")

        async def refused(error: str, made: SignedPass, path: str = "/agents/echo/") -> None:
            assert error_of(await asked(client, made, path), 402, error)["terms"]["callPrice"] == "5"

        await refused("pass-for-another", signed(agent=1))
        await refused("pass-for-another", signed(), "/agents/other/")
        await refused("pass-not-signed", signed(genesis=bytes(32)))
        await refused("pass-expired", signed(expiry=NOW_MS - 1))
        await refused("pass-too-long", signed(expiry=NOW_MS + admission.MAX_PASS_MS + 1))
        await refused("pass-too-long", signed(expiry=(1 << 64) - 1))
        mine = signed()
        for altered in (
            AccessPass(CAROL.account_id, 0, mine.access.expiry),
            AccessPass(BOB.account_id, 0, mine.access.expiry + 1),
            AccessPass(bytes(32), 0, mine.access.expiry),
        ):
            await refused("pass-not-signed", SignedPass(altered, mine.signature))
        await refused("pass-not-signed", SignedPass(mine.access, bytes(64)))
        assert stage.chain.questions == 0, "the node is asked of nobody who hasn't signed"
        await refused("too-few-tokens", signed(CAROL))
        stage.chain.settled[0, CAROL.account_id] = NEEDED - 1
        await refused("too-few-tokens", signed(CAROL))
        assert not stage.workers[0].asks

        # Whose clock is wrong: the later of the chain's and the gateway's counts.
        stage.chain.put(NOW, NOW_MS + 2 * HOUR)
        await refused("pass-expired", signed())
        assert (await asked(client, signed(expiry=NOW_MS + 2 * HOUR))).status_code == 200
        stage.chain.put(NOW, 0)
        await refused("pass-expired", signed(expiry=NOW_MS - 1))
        await refused("pass-too-long", signed(expiry=NOW_MS + 25 * HOUR))
        assert (await asked(client, signed())).status_code == 200


async def test_other_terms_than_free_calls() -> None:
    async with staged(echo) as stage, stage.client() as client:
        worker = stage.workers[0]
        for access, price, paid in ((TERMS, 0, True), (AccessPolicy(0, NEEDED, QUOTA), 2, True)):
            charges(stage, access, price)
            error_of(await asked(client), 402, "payment-required")
            assert (await asked(client, signed())).status_code == 200
            assert (worker.asks[-1].ticket is not None) is paid
        for access, price, paid in (
            (AccessPolicy(0, NEEDED, QUOTA), 0, False),  # nothing costs anything
            (AccessPolicy(0, None, 7), 2, True),  # open, whatever a quota may mean
        ):
            charges(stage, access, price)
            assert (await asked(client)).status_code == 200
            assert (worker.asks[-1].ticket is not None) is paid
        charges(stage, AccessPolicy(5, None, 0))
        error_of(await asked(client), 402, "payment-required")
        assert "nobody calls it free" in error_of(await asked(client, signed()), 402, "payment-required")["message"]
        charges(stage)
        stage.pays(0, bytes(32))
        assert "to another" in error_of(await asked(client, signed()), 402, "payment-required")["message"]


async def test_what_is_locked_now_counts_and_the_node_is_asked_once_a_block() -> None:
    async with staged(echo) as stage, stage.client() as client:
        charges(stage, AccessPolicy(5, NEEDED, 100))
        mine = signed()
        for _ in range(4):
            assert (await asked(client, mine)).status_code == 200
        assert stage.chain.questions == 1
        stage.chain.settled[0, BOB.account_id] = NEEDED - 1  # unlocked, in the block that follows
        stage.chain.put(NOW, NOW_MS + 1)
        error_of(await asked(client, mine), 402, "too-few-tokens")
        stage.chain.settled[0, BOB.account_id] = NEEDED
        assert (await asked(client, mine)).status_code == 200
        stage.chain.put(ACCESS, AccessPolicy(5, NEEDED, 5), 0)  # the holders have voted: five calls were made
        error_of(await asked(client, mine), 429, "quota-spent")
        stage.chain.put(ACCESS, AccessPolicy(5, NEEDED + 1, 50), 0)
        stage.chain.put(NOW, NOW_MS + 2)
        error_of(await asked(client, mine), 402, "too-few-tokens")


async def test_a_quota_is_an_accounts_whatever_pass_it_shows(jumping_clock: MockClock) -> None:
    async with staged(echo) as stage, stage.client() as client:
        charges(stage)
        made = [signed(expiry=NOW_MS + n) for n in range(8)]
        answers: list[int] = []

        async def call(which: SignedPass) -> None:
            answers.append((await asked(client, which)).status_code)

        async with trio.open_nursery() as nursery:  # at once, before the node has said anything
            for each in made:
                nursery.start_soon(call, each)
        assert sorted(answers) == [200] * QUOTA + [429] * (len(made) - QUOTA)
        assert len(stage.workers[0].asks) == QUOTA
        questions = stage.chain.questions
        stage.chain.put(NOW, NOW_MS - 1)
        late = await asked(client, made[0])  # another block
        assert error_of(late, 429, "quota-spent") and 1 <= int(late.headers["retry-after"]) <= 60
        assert stage.chain.questions == questions, "who has no call left costs no question"
        charges(stage, id=1, name=b"other")
        stage.unseat(0)
        await stage.linked(0)
        for _ in range(QUOTA + 1):
            error_of(await asked(client, signed(agent=1), "/agents/other/"), 503, "no-worker")
        stage.seat(0, stage.workers[0])
        await stage.linked(1)
        assert (await asked(client, signed(agent=1), "/agents/other/")).status_code == 200, (
            "what nobody answered is free"
        )
        await trio.sleep(61)
        stage.chain.put(NOW, NOW_MS)
        for status in [200] * QUOTA + [429]:
            assert (await asked(client, made[0])).status_code == status


async def test_tokens_that_move_on_and_accounts_beyond_number(
    monkeypatch: pytest.MonkeyPatch, jumping_clock: MockClock
) -> None:
    monkeypatch.setattr(admission, "MAX_CALLERS", 4)
    crowd = [Keypair.from_suri(f"//Bob/{n}") for n in range(6)]
    async with staged(echo) as stage, stage.client() as client:
        charges(stage, AccessPolicy(5, NEEDED, 1))
        passes = [signed(who) for who in crowd]
        assert (await asked(client, signed())).status_code == 200
        stage.chain.settled[0, BOB.account_id] = 0  # Bob unlocks, and has the tokens lock elsewhere: not for an epoch
        for made in passes:
            error_of(await asked(client, made), 402, "too-few-tokens")
        for who in crowd:
            stage.chain.settled[0, who.account_id] = NEEDED  # whereas these have tokens of their own
        statuses = [(await asked(client, made)).status_code for made in passes]
        assert statuses == [200, 200, 200, 503, 503, 503], "the table is full: what was counted is kept"
        full = await asked(client, passes[-1])
        assert error_of(full, 503, "busy") and full.headers["retry-after"] == "60"
        error_of(await asked(client, passes[0]), 429, "quota-spent")
        await trio.sleep(61)
        assert [(await asked(client, made)).status_code for made in passes] == [200] * 4 + [503] * 2


async def test_a_node_that_does_not_answer_lets_nobody_in(jumping_clock: MockClock) -> None:
    async with staged(echo) as stage, stage.client() as client:
        charges(stage)
        assert (await asked(client, signed())).status_code == 200
        stage.chain.reachable = False
        assert (await asked(client, signed())).status_code == 200, "it is the same block"
        await trio.sleep(admission.FRESH_SECONDS + 1)
        error_of(await asked(client, signed()), 503, "chain-unreachable")
