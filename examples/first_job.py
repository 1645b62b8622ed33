"""The main job, from outside: deploy an agent, have an attested worker run it, and check all that comes back.

Talks to the chain with py-substrate-interface only, and checks the proofs with PyNaCl and dcap-qvl, so that nothing of
the chain's own code vouches for itself. Run a chain first (`make dev`), then:

    python examples/first_job.py [--url ws://127.0.0.1:9944]

Exits 0 only if everything it claims was checked; the last line is one JSON object of what it did.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import dcap_qvl
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from substrateinterface import ExtrinsicReceipt, Keypair, SubstrateInterface

UNIT = 10**12
SCRIPT = Path(__file__).resolve().parent.parent / "offchain" / "agents" / "feed_ranking" / "agent.js"
FEED = Path(__file__).resolve().parent / "feed.json"
AGENT = "feed-ranking"
PRICE = 1_000  # of a unit of gas
POLICY = {
    "price": PRICE,
    "max_gas": 1_000_000_000,
    "shares": {"worker": 700_000, "treasury": 200_000, "holders": 50_000, "chain": 50_000},
    "narrow": True,
}
MAX_FEE = UNIT
DEADLINE_MS = 60_000
PATIENCE_SECONDS = 90


class NotAsClaimed(Exception):
    """Something came out other than it should."""


def check(holds: bool, claim: str) -> None:
    """Prints a claim that holds; raises `NotAsClaimed` for one that doesn't."""
    if not holds:
        raise NotAsClaimed(claim)
    print(f"  ✓ {claim}")


def blake2_256(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def raw(value: Any) -> bytes:
    """Bytes, as py-substrate-interface shows them: hex, or text where they happen to be printable."""
    return bytes.fromhex(value[2:]) if value.startswith("0x") else value.encode()


def compact(number: int) -> bytes:
    """SCALE's compact form of a length below 2^30."""
    if number < 1 << 6:
        return bytes((number << 2,))
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    return (number << 2 | 2).to_bytes(4, "little")


class Client:
    """A chain, by its own words: calls signed and waited for, what they left, and what the chain has."""

    def __init__(self, url: str) -> None:
        self.chain = SubstrateInterface(url=url)
        self.genesis = raw(self.chain.get_block_hash(0))

    def submit_call(self, signer: Keypair, pallet: str, call: str, **arguments: Any) -> ExtrinsicReceipt:
        """Signs, submits, waits for the block."""
        composed = self.chain.compose_call(pallet, call, arguments)
        signed = self.chain.create_signed_extrinsic(composed, signer)
        return self.chain.submit_extrinsic(signed, wait_for_inclusion=True)

    def send(self, signer: Keypair, pallet: str, call: str, **arguments: Any) -> ExtrinsicReceipt:
        """Signs, submits, waits for the block; raises if the call failed."""
        receipt = self.submit_call(signer, pallet, call, **arguments)
        if not receipt.is_success:
            raise NotAsClaimed(f"{pallet}.{call} failed: {receipt.error_message}")
        return receipt

    def event(self, receipt: ExtrinsicReceipt, pallet: str, name: str) -> dict[str, Any]:
        """The attributes of an event that an extrinsic left."""
        for record in receipt.triggered_events:
            if (record.value["module_id"], record.value["event_id"]) == (pallet, name):
                return dict(record.value["attributes"])
        raise NotAsClaimed(f"the extrinsic left no {pallet}.{name}")

    def query(self, pallet: str, item: str, *keys: Any, at: str | None = None) -> Any:
        return self.chain.query(pallet, item, list(keys), block_hash=at).value

    def free(self, who: Keypair) -> int:
        return int(self.query("System", "Account", who.ss58_address)["data"]["free"])

    def blocks_from(self, number: int) -> Iterator[tuple[int, str]]:
        """Blocks as they come, from a number on; gives up after a while."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            found = self.chain.get_block_hash(number)
            if found is None:
                time.sleep(0.05)
                continue
            yield number, found
            number += 1
        raise NotAsClaimed(f"nothing came of it within {PATIENCE_SECONDS} s: is a worker running?")

    def settled(self, job: int, number: int) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
        """The events of the job's commit and payments, and the block they are in."""
        for height, block in self.blocks_from(number):
            events = [record.value for record in self.chain.get_events(block)]
            mine = [
                (event["event_id"], event["attributes"])
                for event in events
                if event["module_id"] == "Jobs"
                and isinstance(event["attributes"], dict)
                and event["attributes"].get("job") == job
            ]
            for name, attributes in mine:
                if name in ("Assigned", "Requeued"):
                    print(f"    #{height} {name}, attempt {attributes['attempt']}")
                if name == "Expired":
                    raise NotAsClaimed(f"the job expired: {attributes['reason']}")
            named = dict(mine)
            if "Settled" in named:
                payments = [attributes for name, attributes in mine if name == "Paid"]
                print(f"    #{height} committed and settled")
                return {**named["Committed"], "fee": named["Settled"]["fee"]}, payments, block
        raise AssertionError("blocks_from only ends by raising")


class Example(Client):
    """One run against one chain."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.alice, self.bob = (Keypair.create_from_uri(f"//{name}") for name in ("Alice", "Bob"))

    # The steps

    def transfer(self) -> dict[str, Any]:
        print("A transfer")
        before = self.free(self.bob)
        receipt = self.send(self.alice, "Balances", "transfer_keep_alive", dest=self.bob.ss58_address, value=3 * UNIT)
        check(self.free(self.bob) == before + 3 * UNIT, "//Bob has 3 UNIT more")
        return {"block": receipt.block_hash, "fee": receipt.total_fee_amount}

    def deploy(self) -> tuple[int, bytes]:
        """The agent and the hash of its script; deploys it where the chain has none of that name yet."""
        print("The agent")
        script = SCRIPT.read_bytes()
        code = blake2_256(script)
        agent = self.query("Agents", "ByName", AGENT)
        if agent is None:
            if self.query("Agents", "Code", f"0x{code.hex()}") is None:
                uploaded = self.event(
                    self.send(self.alice, "Agents", "upload_code", code=f"0x{script.hex()}"), "Agents", "CodeUploaded"
                )
                check(raw(uploaded["hash"]) == code, f"the script is on-chain under its hash 0x{code.hex()[:8]}…")
            created = self.event(
                self.send(self.alice, "Agents", "create", name=AGENT, kind="JavaScript", policy=POLICY),
                "Agents",
                "Created",
            )
            agent = created["agent"]
            check(created["owner"] == self.alice.ss58_address, f"agent {agent} belongs to //Alice")
            approved = self.event(
                self.send(self.alice, "Agents", "approve_code", agent=agent, hash=f"0x{code.hex()}"),
                "Agents",
                "CodeApproved",
            )
            check(raw(approved["hash"]) == code, "its DAO, for now its creator, approved the script")
        record = self.query("Agents", "Agent", agent)
        check(
            record["code"] is not None and raw(record["code"]) == code,
            "the approved script is the one in this repository",
        )
        return agent, code

    def submit(self, agent: int) -> tuple[int, bytes, int]:
        """The job, its input, and the number of the block it was submitted in."""
        print("The job")
        feed = FEED.read_bytes()
        receipt = self.send(
            self.bob,
            "Jobs",
            "submit",
            agent=agent,
            input={"Inline": f"0x{feed.hex()}"},
            mode="Deterministic",
            replicas=1,
            max_fee=MAX_FEE,
            deadline=DEADLINE_MS,
            callback=None,
        )
        job = self.event(receipt, "Jobs", "Submitted")["job"]
        held = int(self.query("System", "Account", self.bob.ss58_address)["data"]["reserved"])
        check(held >= MAX_FEE, f"job {job} is submitted, its fee is held")
        return job, feed, int(self.chain.get_block_number(receipt.block_hash))

    def verify_output(
        self, job: int, code: bytes, feed: bytes, commit: dict[str, Any], block: str
    ) -> list[dict[str, Any]]:
        """The ranking, once the chain's record, the bytes and the worker's signature agree."""
        print("The output")
        output = raw(self.query("Jobs", "Output", job))
        check(blake2_256(output) == raw(commit["output"]), "the output on-chain has the hash that was committed")
        arguments = self.call_in(block, "Jobs", "commit", job=job)
        runtime_id = raw(self.query("Attestation", "Attested", commit["worker"], at=block)["runtime_id"])
        signed = (
            b"fathom/job-output\x01"
            + self.genesis
            + job.to_bytes(8, "little")
            + commit["attempt"].to_bytes(4, "little")
            + code
            + blake2_256(feed)
            + blake2_256(output)
            + bytes(32)  # no transcript: nothing came from outside
            + commit["gas"].to_bytes(8, "little")
            + runtime_id
        )
        worker = raw(commit["worker"])
        try:
            VerifyKey(worker).verify(signed, raw(arguments["signature"]))
            holds = True
        except BadSignatureError:
            holds = False
        check(holds, "the worker's ed25519 key signed this output for this job, script and input")
        ranking: list[dict[str, Any]] = json.loads(output)["ranking"]
        posts = {post["id"] for post in json.loads(feed)["posts"]}
        check({entry["id"] for entry in ranking} == posts, f"all {len(posts)} posts are ranked")
        scores = [entry["score"] for entry in ranking]
        check(scores == sorted(scores, reverse=True), "best first")
        return ranking

    def collateral(self, tee: str, fmspc: str, authority: str, at: str) -> dict[str, str]:
        """What rates the worker's machine, from the parts that the chain had on file, as dcap-qvl reads it."""
        tcb = self.query("Attestation", "TcbInfo", ("Simulated", tee, fmspc), at=at)
        qe = self.query("Attestation", "QeIdentity", ("Simulated", tee), at=at)
        root_crl = self.query("Attestation", "RootCrl", "Simulated", at=at)
        pck_crl = self.query("Attestation", "PckCrl", ("Simulated", authority), at=at)
        return {
            "tcb_info": raw(tcb["text"]).decode(),
            "tcb_info_signature": raw(tcb["signature"]).hex(),
            "tcb_info_issuer_chain": raw(tcb["issuer_chain"]).decode(),
            "qe_identity": raw(qe["text"]).decode(),
            "qe_identity_signature": raw(qe["signature"]).hex(),
            "qe_identity_issuer_chain": raw(qe["issuer_chain"]).decode(),
            "root_ca_crl": raw(root_crl["der"]).hex(),
            "pck_crl": raw(pck_crl["der"]).hex(),
            "pck_crl_issuer_chain": raw(pck_crl["issuer_chain"]).decode(),
        }

    def verify_quote(self, worker: str, block: str) -> dict[str, Any]:
        """The worker's enclave: its quote verified by dcap-qvl, and bound to the key that signed the output."""
        print("The worker")
        attested = self.query("Attestation", "Attested", worker, at=block)
        found = self.block_of_moment(attested["attested_at"])
        try:
            arguments = self.call_in(found, "Workers", "register", worker=worker)
        except NotAsClaimed:
            arguments = self.call_in(found, "Workers", "reattest", worker=worker)
        quote, info = raw(arguments["quote"]), arguments["info"]
        parsed = dcap_qvl.parse_quote(quote)
        tee = "Tdx" if parsed.is_tdx() else "Sgx"
        collateral = self.collateral(tee, f"0x{parsed.fmspc().lower()}", parsed.ca().capitalize(), at=found)
        root = raw(self.query("Attestation", "SimulatedRoot", at=found))
        now = attested["attested_at"] // 1000
        policy = dcap_qvl.QuotePolicy.claims_only(now)
        claims = json.loads(
            dcap_qvl.QuoteVerifier(root)
            .verify_with_policy(quote, dcap_qvl.QuoteCollateralV3.from_json(json.dumps(collateral)), now, policy)
            .to_json()
        )
        ((kind, body),) = claims["report"].items()
        check(True, f"dcap-qvl verifies its {kind} quote: {claims['tcb']['status']}")
        report_data = bytes.fromhex(body["report_data"])
        check(
            report_data[:32] == blake2_256(self.worker_info(info)),
            "the quote binds the worker's key, operator and chain",
        )
        check(raw(info["worker_key"]) == raw(worker), "it is the key that signed the output")
        named = int(self.chain.get_block_number(f"0x{report_data[32:].hex()}"))
        check(named == attested["block"], f"the quote is fresh: it names block {named}")
        check(attested["simulated"] is True, "the chain says what it is: simulated hardware")
        return {"operator": info["operator"], "tee": tee, "status": claims["tcb"]["status"]}

    def worker_info(self, info: dict[str, Any]) -> bytes:
        """SCALE of a WorkerInfo."""
        endpoint, features = raw(info["endpoint"]), info["features"]
        gpu = info["gpu_evidence"]
        return (
            bytes((info["version"],))
            + raw(info["worker_key"])
            + raw(info["seal_key"])
            + bytes.fromhex(self.chain.ss58_decode(info["operator"]))
            + raw(info["genesis"])
            + raw(info["runtime_id"])
            + compact(len(endpoint))
            + endpoint
            + compact(len(features))
            + b"".join(feature.to_bytes(4, "little") for feature in features)
            + (b"\0" if gpu is None else b"\1" + raw(gpu))
        )

    # Finding things in blocks

    def call_in(self, block: str, pallet: str, name: str, **wanted: Any) -> dict[str, Any]:
        """The arguments of a call in a block; `worker` is looked for in the worker's info too."""
        for extrinsic in self.chain.get_block(block)["extrinsics"]:
            call = extrinsic.value["call"]
            if (call["call_module"], call["call_function"]) != (pallet, name):
                continue
            arguments = {argument["name"]: argument["value"] for argument in call["call_args"]}
            info = arguments.get("info")
            have = {**arguments, "worker": info["worker_key"]} if isinstance(info, dict) else arguments
            if all(have.get(key) == value for key, value in wanted.items()):
                return arguments
        raise NotAsClaimed(f"block {block} has no {pallet}.{name} of {wanted}")

    def block_of_moment(self, moment: int) -> str:
        """The hash of the block whose timestamp this is: a binary search."""
        low, high = 1, int(self.chain.get_block_number(self.chain.get_chain_head()))
        while low < high:
            middle = (low + high) // 2
            if self.query("Timestamp", "Now", at=self.chain.get_block_hash(middle)) < moment:
                low = middle + 1
            else:
                high = middle
        return str(self.chain.get_block_hash(low))


def run(url: str) -> dict[str, Any]:
    """Everything, in order; what was done."""
    example = Example(url)
    print(f"Connected to {example.chain.chain} at {url}\n")
    transfer = example.transfer()
    agent, code = example.deploy()
    job, feed, number = example.submit(agent)
    commit, payments, block = example.settled(job, number)
    ranking = example.verify_output(job, code, feed, commit, block)
    worker = example.verify_quote(commit["worker"], block)
    print("The money")
    fee = int(commit["fee"])
    check(fee == min(commit["gas"] * PRICE, MAX_FEE), f"{commit['gas']:,} gas cost {fee / UNIT} UNIT")
    check(sum(int(payment["amount"]) for payment in payments) == fee, "what was paid adds up to the fee")
    for payment in payments:
        print(f"    {payment['who']}  {int(payment['amount']) / UNIT} UNIT")
    print("\nThe feed, ranked:")
    for place, entry in enumerate(ranking[:5], 1):
        print(f"  {place}. {entry['id']}  {entry['score']}")
    return {
        "agent": agent,
        "job": job,
        "block": block,
        "transfer": transfer,
        "worker": {"key": commit["worker"], **worker},
        "gas": commit["gas"],
        "fee": fee,
        "paid": {payment["who"]: int(payment["amount"]) for payment in payments},
        "ranking": [entry["id"] for entry in ranking],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:9944", help="the chain's WebSocket")
    try:
        done = run(parser.parse_args().url)
    except NotAsClaimed as failure:
        print(f"  ✗ {failure}", file=sys.stderr)
        raise SystemExit(1) from None
    except ConnectionError as failure:
        print(f"No chain answers: {failure}. Run `make dev` first.", file=sys.stderr)
        raise SystemExit(1) from None
    print(json.dumps(done))


if __name__ == "__main__":
    main()
