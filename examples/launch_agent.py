"""An agent as a company, from outside: a token on a curve, holders who decide, revenue that is theirs, a pool at last.

//Alice founds it. //Bob, //Charlie and //Dave buy its token, vote in a script that Bob proposes, and earn by what
//Eve pays for calls; then the curve is sold out, and the token trades in a pool. Talks to the chain with
py-substrate-interface only, and works out prices, votes and shares by itself. Run a chain first (`make dev`), then:

    python examples/launch_agent.py [--url ws://127.0.0.1:9944] [--gateway http://127.0.0.1:8000] [--plot DIR]

Without `--gateway` it is the one of `FATHOM_GATEWAY`, or the usual one if that serves this chain, or none. `--plot`
leaves what came of it in DIR, drawn by `fathom curve`, which needs the extra `plot`: price-over-supply.svg,
price-over-time.svg and revenue.svg. Each run launches an agent of its own. Exits 0 only if everything it claims was
checked; the last line is one JSON object of what it did.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64decode
from typing import Any, NamedTuple

from first_job import PATIENCE_SECONDS, UNIT, Client, NotAsClaimed, blake2_256, check, compact, raw
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from substrateinterface import Keypair

MILLION = 1_000_000
TOKEN = 10**6  # a whole token, in units
USUAL_GATEWAY = "http://127.0.0.1:8000"
PLOTS = {"show": "price-over-supply.svg", "history": "price-over-time.svg", "revenue": "revenue.svg"}

SCRIPT = """
const request = JSON.parse(globalThis.scriptArgs[0]);
const words = request.body.split(/\\s+/);
globalThis.scriptOutput = JSON.stringify({ body: JSON.stringify(%s) });
"""
SCRIPTS = {
    1: (SCRIPT % "{ version: 1, words: words.length }").encode(),
    2: (SCRIPT % "{ version: 2, words: words.length, different: new Set(words).size }").encode(),
}
TEXT = "what a script does is what its holders let it do"
ANSWERS = {1: {"version": 1, "words": 11}, 2: {"version": 2, "words": 11, "different": 10}}

SHARES = {"worker": 500_000, "treasury": 200_000, "holders": 250_000, "chain": 50_000}
POLICY = {"price": 2_000, "max_gas": 500_000_000, "shares": SHARES, "narrow": True}
CREATOR_SPLIT = 100_000  # of what the treasury is paid, in millionths

BASE, TOKENS = 30 * UNIT, 1_073_000_000 * TOKEN  # pump.fun's reserves and supplies
FOR_SALE, MAX_SUPPLY = 793_100_000 * TOKEN, 1_000_000_000 * TOKEN
FEES = {"creator": 5_000, "treasury": 5_000, "holders": 10_000}  # of each trade, in millionths
TERMS = {
    "max_supply": MAX_SUPPLY,
    "fees": FEES,
    "launch_tax": {"start": 0, "duration": 0},
    "graduates_at": FOR_SALE,
}
RULES = {  # shorter than a company would want, so that there is something to see
    "announcement": 1_000,
    "voting": 6_000,
    "time_lock": 3_000,
    "execute_within": 600_000,
    "quorum": 200_000,
    "threshold": 500_000,
    "floor": TOKEN,
    "min_holders": 3,
    "min_age": 2_000,
    "reserve": UNIT,
}


class Quote(NamedTuple):
    """What the chain says that a trade would do."""

    units: int
    gross: int
    fee: int
    net: int
    price_after: int


def up(numerator: int, denominator: int) -> int:
    """A quotient, rounded up."""
    return -(-numerator // denominator)


def reserve(supply: int) -> int:
    """What buys so many units back: a constant product, rounded in the curve's favour."""
    return up(BASE * supply, TOKENS - supply)


def fees(gross: int) -> int:
    return up(gross * sum(FEES.values()), MILLION)


def pot(pallet: bytes, number: int) -> str:
    """The keyless account of one of a pallet's things."""
    return f"0x{(pallet + u64(number)).ljust(32, bytes(1)).hex()}"


def u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def u128(number: int) -> bytes:
    return number.to_bytes(16, "little")


def money(amount: int) -> str:
    return f"{amount / UNIT:,.6f} UNIT"


class Company(Client):
    """One agent, from its launch to its pool."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        people = ("Alice", "Bob", "Charlie", "Dave", "Eve")
        self.alice, self.bob, self.charlie, self.dave, self.eve = map(
            Keypair.create_from_uri, (f"//{p}" for p in people)
        )
        self.holders = {"Bob": self.bob, "Charlie": self.charlie, "Dave": self.dave}
        self.codes = {version: blake2_256(script) for version, script in SCRIPTS.items()}
        self.deposit = int(self.chain.get_constant("Balances", "ExistentialDeposit").value)
        self.paid_to_holders = 0
        self.agent = self.token = self.curve = self.pool = -1

    # What the chain says

    def refused(self, claim: str, why: str, signer: Keypair, pallet: str, call: str, **arguments: Any) -> None:
        """Submits a call that has to fail, with this error."""
        receipt = self.submit_call(signer, pallet, call, **arguments)
        found = "no error" if receipt.is_success else receipt.error_message["name"]
        check(found == why, f"{claim}: {found}")

    def ask(self, api: str, *arguments: bytes, at: str | None = None) -> int | None:
        """The optional balance that a runtime API answers."""
        answer = self.state_call(api, *arguments, at=at)
        return int.from_bytes(answer[1:], "little") if answer[0] else None

    def quote(self, api: str, *arguments: bytes) -> Quote:
        answer = self.state_call(api, *arguments)
        return Quote(*(int.from_bytes(answer[start : start + 16], "little") for start in range(1, 81, 16)))

    def state_call(self, api: str, *arguments: bytes, at: str | None = None) -> bytes:
        return raw(self.chain.rpc_request("state_call", [api, f"0x{b''.join(arguments).hex()}", at])["result"])

    def units(self, who: Keypair) -> int:
        """How much of the token an account has."""
        account = self.query("Assets", "Account", self.token, who.ss58_address)
        return 0 if account is None else int(account["balance"])

    def moment(self, block: str) -> int:
        return int(self.query("Timestamp", "Now", at=block))

    def parent(self, block: str) -> str:
        return str(self.chain.get_block_header(block)["header"]["parentHash"])

    def height(self, block: str) -> int:
        return int(self.chain.get_block_number(block))

    def awaited(self, name: str, proposal: int, number: int) -> tuple[dict[str, Any], str]:
        """What comes of a proposal from a block's number on, and the block it comes in."""
        for _, block in self.blocks_from(number):
            for record in self.chain.get_events(block):
                event, attributes = record.value["event_id"], record.value["attributes"]
                if record.value["module_id"] != "Dao" or attributes.get("proposal") != proposal:
                    continue
                if event == name:
                    return attributes, block
                if event in ("Defeated", "ExecutionFailed", "Abandoned"):
                    raise NotAsClaimed(f"proposal {proposal}: {event} {attributes}")
        raise AssertionError("blocks_from only ends by raising")

    # The steps

    def found(self) -> None:
        print("An agent")
        for script in SCRIPTS.values():
            self.send(self.alice, "Agents", "upload_code", code=f"0x{script.hex()}")
        self.name = f"words-{self.chain.get_block_number(self.chain.get_chain_head())}"
        created = self.send(self.alice, "Agents", "create", name=self.name, kind="JavaScript", policy=POLICY)
        self.agent = int(self.event(created, "Agents", "Created")["agent"])
        self.send(self.alice, "Agents", "approve_code", agent=self.agent, hash=f"0x{self.codes[1].hex()}")
        self.send(self.alice, "Agents", "set_split", agent=self.agent, creator=CREATOR_SPLIT)
        self.send(self.alice, "Agents", "fund", agent=self.agent, amount=5 * UNIT)
        check(self.code() == self.codes[1], f"agent {self.agent}, {self.name}, runs what its creator //Alice approved")

    def code(self, at: str | None = None) -> bytes:
        return raw(self.query("Agents", "Agent", self.agent, at=at)["code"])

    def launch(self) -> None:
        print("Its token")
        shape = {"Product": {"base": BASE, "tokens": TOKENS}}
        of = {"name": "Words", "symbol": "WORD", "decimals": 6}
        curve = {"agent": self.agent, "shape": shape, "terms": TERMS, **of}
        calls = [  # together: the rules are //Alice's to set until somebody buys
            self.chain.compose_call("Dao", "set_rules", {"agent": self.agent, "rules": RULES}),
            self.chain.compose_call("Curves", "create", curve),
        ]
        launched = self.send(self.alice, "Utility", "batch_all", calls=calls)
        created = self.event(launched, "Curves", "Created")
        self.curve, self.token = int(created["curve"]), int(created["token"])
        metadata = self.query("Assets", "Metadata", self.token)
        check(
            (raw(metadata["symbol"]), metadata["decimals"]) == (b"WORD", 6),
            f"asset {self.token} is WORD, for sale on curve {self.curve}",
        )
        price = self.ask("CurvesApi_price", u64(self.curve)) or 0
        check(price == up(TOKEN * BASE, TOKENS), f"it begins at {price / UNIT:.9f} UNIT a token")
        check(self.query("Dao", "Rules", self.agent) == RULES, "its holders will vote by the rules that came with it")

    def sell_to_three(self) -> None:
        print("Three buyers")
        self.buy("Bob", "buy_for", money=20 * UNIT)
        self.buy("Charlie", "buy", units=150_000_000 * TOKEN)
        paid, bought = self.buy("Dave", "buy_for", money=10 * UNIT)
        back = self.quote("CurvesApi_quote_sell", u64(self.curve), u128(bought // 2))
        sold = self.send(self.dave, "Curves", "sell", curve=self.curve, units=bought // 2, min_refund=back.net)
        refund = int(self.event(sold, "Curves", "Sold")["refund"])
        check(refund == back.net < paid, f"//Dave sells half of his back for {money(refund)}")
        level = self.query("Curves", "Level", self.curve)
        held = sum(map(self.units, self.holders.values()))
        check(level["supply"] == held == self.supply(), "what the curve has sold is what the three have")
        dues = sum(level["dues"].values())
        account = self.query("System", "Account", pot(b"modlfthmcurv", self.curve))
        there = account["data"]["free"] - 2 * self.deposit  # its own, and the pool's
        check(there == reserve(held) + dues, f"its pot has {money(reserve(held))} to buy it all back, and the fees")

    def supply(self) -> int:
        return int(self.query("Assets", "Asset", self.token)["supply"])

    def buy(self, name: str, call: str, **wanted: int) -> tuple[int, int]:
        """Buys at exactly the price quoted; the cost with fees, and the units."""
        who, ((argument, amount),) = self.holders[name], wanted.items()
        before, supply = self.free(who), self.supply()
        quote = self.quote(f"CurvesApi_quote_{call}", u64(self.curve), u128(amount))
        gross = reserve(supply + quote.units) - reserve(supply)
        if (quote.gross, quote.fee) != (gross, fees(gross)):
            raise NotAsClaimed(f"{quote} isn't by the curve, at a supply of {supply}")
        limit = {"max_cost": quote.net} if call == "buy" else {"min_units": quote.units}
        receipt = self.send(who, "Curves", call, curve=self.curve, **{argument: amount}, **limit)
        bought = self.event(receipt, "Curves", "Bought")
        spent = before - self.free(who) - receipt.total_fee_amount
        check(
            (bought["units"], bought["cost"], spent) == (quote.units, quote.net, quote.net),
            f"//{name} gets {quote.units / TOKEN:,.0f} WORD for {money(quote.net)}, as quoted and by the curve",
        )
        return quote.net, quote.units

    def propose(self) -> tuple[int, int]:
        """A proposal of the second script, and the number of its block."""
        print("A new script, by vote")
        hash = f"0x{self.codes[2].hex()}"
        alone = "//Alice alone can't change the script any more"
        self.refused(alone, "NotDao", self.alice, "Agents", "approve_code", agent=self.agent, hash=hash)
        for who in self.holders.values():
            self.send(who, "Dao", "lock", agent=self.agent, amount=self.units(who))
        self.send(self.dave, "Dao", "delegate", agent=self.agent, to=self.charlie.ss58_address)
        motion = {"ApproveScript": {"hash": hash, "max_gas": None, "http": None}}
        receipt = self.send(self.bob, "Dao", "propose", agent=self.agent, motion=motion)
        proposed = self.event(receipt, "Dao", "Proposed")
        announced = proposed["opens"] - self.moment(receipt.block_hash)
        check(announced == RULES["announcement"], f"//Bob's proposal is announced for {announced / 1000} s")
        return int(proposed["proposal"]), self.height(receipt.block_hash)

    def vote(self, proposal: int, number: int) -> str:
        """Votes with all three holders' weight; the block in which the vote began."""
        opened, block = self.awaited("VoteOpened", proposal, number)
        bob, charlie, dave = (self.units(who) for who in self.holders.values())
        split = {"aye": charlie, "nay": dave - TOKEN, "abstain": TOKEN}
        self.send(self.bob, "Dao", "vote", proposal=proposal, ballot={"aye": bob, "nay": 0, "abstain": 0})
        self.send(self.charlie, "Dao", "vote", proposal=proposal, ballot=split)
        stays = "what has been voted with stays locked"
        self.refused(stays, "StillVoting", self.bob, "Dao", "unlock", agent=self.agent, amount=1)
        weights = [self.ask("DaoApi_weight", u64(proposal), who.public_key, at=block) for who in self.holders.values()]
        check(weights == [bob, charlie + dave, 0], "all vote with what they had locked, //Charlie with //Dave's too")
        check(opened["quorum"] == up(self.supply() * RULES["quorum"], MILLION), "the quorum is a fifth of all WORD")
        self.tally = {**split, "aye": bob + charlie}
        return block

    def adopt(self, proposal: int, opened: str) -> None:
        """Awaits the vote's end and the time-lock's, and compares scripts before and after."""
        approved, closed = self.awaited("Approved", proposal, self.height(opened))
        ayes = self.tally["aye"] / (self.tally["aye"] + self.tally["nay"])
        took = self.moment(closed) - self.moment(opened)
        check(approved["tally"] == self.tally, f"{ayes:.1%} are for it")
        check(took >= RULES["voting"], f"the vote took {took / 1000} s")
        _, block = self.awaited("Executed", proposal, self.height(closed))
        before = self.parent(block)
        check(
            self.moment(closed) + RULES["time_lock"] == approved["executes"]
            and self.moment(before) < approved["executes"] <= self.moment(block),
            f"it is carried out in block #{self.height(block)}, in which its time-lock of 3 s ends",
        )
        check(
            (self.code(before), self.code(block)) == (self.codes[1], self.codes[2]),
            "the script is the old one before that block, the new one from it on",
        )
        made = self.query("Dao", "Contribution", self.agent, 0)
        check(made["proposer"] == self.bob.ss58_address, "//Bob is remembered as who proposed it")

    def serve(self, version: int) -> int:
        """Has //Eve pay for a job; its fee."""
        request = {"method": "POST", "path": "/", "queries": {}, "headers": {}, "body": TEXT}
        before = self.free(self.eve)
        receipt = self.send(
            self.eve,
            "Jobs",
            "submit",
            agent=self.agent,
            input={"Inline": f"0x{json.dumps(request).encode().hex()}"},
            mode="Deterministic",
            replicas=1,
            max_fee=UNIT,
            deadline=60_000,
            callback=None,
        )
        job = int(self.event(receipt, "Jobs", "Submitted")["job"])
        done, payments, block = self.settled(job, self.height(receipt.block_hash))
        answer = json.loads(json.loads(raw(self.query("Jobs", "Output", job)))["body"])
        check(answer == ANSWERS[version], f"job {job} ran script {version}: {answer}")
        fee, to_holders = int(done["fee"]), self.revenue(self.chain.get_events(block))
        check(
            sum(int(payment["amount"]) for payment in payments) == fee
            and before - self.free(self.eve) - receipt.total_fee_amount == fee,
            f"//Eve paid {money(fee)}, all of it paid out",
        )
        paid = {payment["who"]: int(payment["amount"]) for payment in payments}
        treasury = paid[self.chain.ss58_encode(pot(b"modlfthmagnt", self.agent))]
        holders = paid[self.chain.ss58_encode(pot(b"modlfthmdivi", 0))]
        creator = paid[self.alice.ss58_address]
        agents = fee * (SHARES["treasury"] + SHARES["holders"]) // MILLION
        check(
            (holders, creator) == (fee * SHARES["holders"] // MILLION, (agents - to_holders) * CREATOR_SPLIT // MILLION)
            and holders == to_holders
            and treasury == agents - to_holders - creator,
            f"of it {money(to_holders)} to the holders, {money(creator)} to //Alice, {money(treasury)} to the treasury",
        )
        return fee

    def revenue(self, records: list[Any]) -> int:
        """What events say that the holders were paid."""
        added = sum(
            int(record.value["attributes"]["amount"])
            for record in records
            if (record.value["module_id"], record.value["event_id"]) == ("Dividends", "RevenueAdded")
            and record.value["attributes"]["token"] == self.token
        )
        self.paid_to_holders += added
        return added

    def pay_holders(self) -> dict[str, int]:
        """What the three claim of the fees of calls and trades."""
        print("Dividends")
        collected = self.send(self.eve, "Curves", "collect", curve=self.curve)
        parts = self.event(collected, "Curves", "Collected")
        check(self.revenue(collected.triggered_events) == parts["holders"] > 0, f"of trades {money(parts['holders'])}")
        time.sleep(2)  # revenue flows for ten minutes: let there be some
        claimed = {}
        for name, who in self.holders.items():
            receipt = self.send(who, "Dividends", "claim", token=self.token)
            claimed[name] = int(self.event(receipt, "Dividends", "Claimed")["amount"])
            stream = self.query("Dividends", "Stream", self.token, at=receipt.block_hash)
            index = int(stream["index"])
            flowed = self.paid_to_holders - (stream["amount"] - stream["released"])
            if index * self.supply() + int(stream["rest"]) != flowed << 96:
                raise NotAsClaimed(f"{flowed} have flowed, the index is {index}")
            share = self.units(who) / self.supply()
            check(
                claimed[name] == self.units(who) * index >> 96,
                f"//{name} has {share:.1%} of all WORD and gets {money(claimed[name])} of the {money(flowed)} so far",
            )
        none = "//Alice has none, and nothing to claim"
        self.refused(none, "NothingToClaim", self.alice, "Dividends", "claim", token=self.token)
        return claimed

    def graduate(self) -> None:
        print("The pool")
        left = FOR_SALE - self.supply()
        _, units = self.buy("Charlie", "buy_for", money=500 * UNIT)
        check(units == left, "//Charlie offered 500 UNIT, and got all that was left, and the rest back")
        check(reserve(FOR_SALE) // (UNIT // 1000) == 85_005, "all of it, since the first, cost 85.005 UNIT, fees aside")
        self.pool = int(self.query("Pools", "OfToken", self.token))
        pool = self.query("Pools", "Pool", self.pool)
        check(
            pool["base"] == reserve(FOR_SALE), f"the curve's reserve moved into pool {self.pool}: {money(pool['base'])}"
        )
        stock = pool["base"] * (TOKENS - FOR_SALE) ** 2 // (BASE * TOKENS)
        check(pool["tokens"] == stock, f"and {stock / TOKEN:,.0f} WORD, that much at the last price")
        check(self.supply() == FOR_SALE + stock <= MAX_SUPPLY, "there will never be more")
        price = self.ask("PoolsApi_price", u64(self.pool)) or 0
        last = up(TOKEN * BASE * TOKENS, (TOKENS - FOR_SALE) ** 2)
        check(abs(price - last) <= 1, f"the price stays where it was: {last / UNIT:.9f} UNIT")
        self.refused(
            "the curve sells no more",
            "HasGraduated",
            self.bob,
            "Curves",
            "buy",
            curve=self.curve,
            units=TOKEN,
            max_cost=UNIT,
        )

    def swap(self) -> None:
        for who in (self.bob, self.dave):
            self.send(who, "Dao", "unlock", agent=self.agent, amount=self.units(who))
        pool, given = self.query("Pools", "Pool", self.pool), self.units(self.dave)
        counted = given * (MILLION - 3_000)  # 0.3 % stay in the pool
        due = counted * pool["base"] // (pool["tokens"] * MILLION + counted)
        sold = self.send(self.dave, "Pools", "swap_exact_in", pool=self.pool, side="Sell", amount_in=given, min_out=due)
        got = int(self.event(sold, "Pools", "Swapped")["amount_out"])
        check(got == due and self.units(self.dave) == 0, f"//Dave sells all of his for {money(got)}, by x y = k")
        pool, wanted = self.query("Pools", "Pool", self.pool), 1_000_000 * TOKEN
        cost = up(pool["base"] * wanted * MILLION, (pool["tokens"] - wanted) * (MILLION - 3_000))
        self.send(self.bob, "Pools", "swap_exact_out", pool=self.pool, side="Buy", amount_out=wanted, max_in=cost)
        after = self.query("Pools", "Pool", self.pool)
        check(after["base"] - pool["base"] == cost, f"//Bob buys a million more for {money(cost)}")
        check(
            after["base"] * after["tokens"] > pool["base"] * pool["tokens"], "and the pool has gained by it, for good"
        )

    # Over HTTP

    def call(self, gateway: str) -> str:
        """Calls the agent over HTTP once the script's approval is final, and checks the receipt; its id."""
        print("A call over HTTP")
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, headers, body = fetch(f"{gateway}/agents/{self.name}/", TEXT.encode())
            if status == 200 and json.loads(body) == ANSWERS[2]:
                break
            if time.monotonic() > give_up:
                raise NotAsClaimed(f"{gateway} answers {status} {body!r}")
            time.sleep(0.3)
        id = headers["x-fathom-receipt"]
        receipt = json.loads(fetch(f"{gateway}/receipts/{id}")[2])
        signed = b"fathom/receipt\x01" + self.genesis + signed_fields(receipt)
        answer = receipt["response"]
        check(f"0x{blake2_256(signed).hex()}" == id, f"{json.loads(body)}, with receipt {id[:10]}…")
        check(
            b64decode(answer["body"]) == body and f"0x{response_hash(answer).hex()}" == receipt["response_hash"],
            "which names this answer",
        )
        check(
            raw(receipt["code"]) == self.codes[2] and int(receipt["agent"]) == self.agent, "this agent, and its script"
        )
        attested = self.query("Attestation", "Attested", receipt["worker"])
        check(attested is not None and raw(attested["runtime_id"]) == raw(receipt["runtime_id"]), "an attested worker")
        try:
            VerifyKey(raw(receipt["worker"])).verify(signed, raw(receipt["signature"]))
        except BadSignatureError:
            raise NotAsClaimed("the worker's signature of the receipt isn't valid") from None
        check(True, "and that worker's key signed it")
        return str(id)


def signed_fields(receipt: dict[str, Any]) -> bytes:
    """What a worker signs of a receipt, after its tag and the chain's genesis."""
    hashes = b"".join(raw(receipt[name]) for name in ("code", "request_hash", "response_hash", "transcript_root"))
    return (
        u64(int(receipt["agent"]))
        + hashes
        + u64(int(receipt["gas"]))
        + raw(receipt["runtime_id"])
        + u64(int(receipt["sequence"]))
        + int(receipt["block"]["number"]).to_bytes(4, "little")
        + raw(receipt["block"]["hash"])
        + u128(int(receipt["charge"]))
    )


def response_hash(response: dict[str, Any]) -> bytes:
    """By which a receipt names an answer, as its file shows it."""
    body = b64decode(response["body"])
    texts = [text.encode() for header in response["headers"] for text in header]
    headers = compact(len(response["headers"])) + b"".join(compact(len(text)) + text for text in texts)
    return blake2_256(response["status"].to_bytes(2, "little") + headers + compact(len(body)) + body)


def fetch(url: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=PATIENCE_SECONDS) as answer:
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, {}, refusal.read()


def gateway_of(given: str | None, genesis: bytes) -> str | None:
    """The gateway to ask: the one given, else the usual one if it is there; it has to serve this chain."""
    url = (given or USUAL_GATEWAY).rstrip("/")
    try:
        serves = json.loads(fetch(f"{url}/health")[2])["genesis"] == f"0x{genesis.hex()}"
    except (OSError, ValueError, KeyError):
        serves = False
    if serves:
        return url
    if given:
        raise NotAsClaimed(f"{given} is no gateway of this chain")
    return None


def plot(agent: int, url: str, directory: str) -> list[str]:
    """The files that `fathom curve` draws of an agent's token."""
    beside = os.path.dirname(sys.executable)
    fathom = shutil.which("fathom", path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    check(fathom is not None, "there is a `fathom` to draw with")
    os.makedirs(directory, exist_ok=True)
    drawn = []
    for command, name in PLOTS.items():
        path = os.path.join(directory, name)
        arguments = [str(fathom), "curve", command, str(agent), "--url", url, "--plot", path]
        done = subprocess.run(arguments, capture_output=True, text=True)
        check(done.returncode == 0, f"{path} {done.stderr}".strip())
        drawn.append(path)
    return drawn


def run(url: str, given: str | None, plots: str | None) -> dict[str, Any]:
    """Everything, in order; what was done."""
    company = Company(url)
    print(f"Connected to {company.chain.chain} at {url}\n")
    gateway = gateway_of(given, company.genesis)
    company.found()
    company.launch()
    company.sell_to_three()
    proposal, number = company.propose()
    opened = company.vote(proposal, number)
    revenue = company.serve(1)
    company.adopt(proposal, opened)
    print("Its work")
    revenue += company.serve(2)
    receipt = company.call(gateway) if gateway else print("    no gateway, so no call over HTTP")
    claimed = company.pay_holders()
    company.graduate()
    company.swap()
    drawn = []
    if plots:
        print("Its plots")
        drawn = plot(company.agent, url, plots)
    return {
        "agent": company.agent,
        "name": company.name,
        "token": company.token,
        "curve": company.curve,
        "proposal": proposal,
        "scripts": [code.hex() for code in company.codes.values()],
        "revenue": revenue,
        "receipt": receipt,
        "claimed": claimed,
        "pool": company.pool,
        "reserve": reserve(FOR_SALE),
        "plots": drawn,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:9944", help="the chain's WebSocket")
    parser.add_argument("--gateway", default=os.environ.get("FATHOM_GATEWAY"), help="a gateway of that chain")
    parser.add_argument("--plot", metavar="DIR", help="where to leave plots of price and revenue")
    arguments = parser.parse_args()
    try:
        done = run(arguments.url, arguments.gateway, arguments.plot)
    except NotAsClaimed as failure:
        print(f"  ✗ {failure}", file=sys.stderr)
        raise SystemExit(1) from None
    except ConnectionError as failure:
        print(f"No chain answers: {failure}. Run `make dev` first.", file=sys.stderr)
        raise SystemExit(1) from None
    print(json.dumps(done))


if __name__ == "__main__":
    main()
