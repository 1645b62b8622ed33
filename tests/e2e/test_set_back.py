"""A chain that is set back, or loaded from a file, with its workers: jobs go on being settled."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import Keypair, SubstrateInterface

from tests.e2e.conftest import DevChain, dev_chain
from tests.e2e.substrate_client import connect
from tests.e2e.test_worker_dies import ALICE, BOB, POLICY, UNIT, attribute, send

FERDIE = Keypair.create_from_uri("//Ferdie")  # has no jobs
SCRIPT = b"scriptOutput = scriptArgs[0] + '!'"
PATIENCE = 60
"""Seconds."""
KEY_AND_OPERATOR = re.compile(r"key (0x[0-9a-f]{64}), operator (\w+)")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@dataclass
class Market:
    """A dev chain with an agent, and who has signed the output of which job."""

    chain: DevChain
    client: SubstrateInterface
    agent: int
    signers: dict[int, str] = field(default_factory=dict)

    @classmethod
    def open(cls, chain: DevChain) -> Market:
        """A market whose agent is the chain's first, deployed where there is none."""
        client = connect(chain.ws)
        if client.query("Agents", "NextAgent").value == 0:
            deploy(client)
        return cls(chain, client, 0)

    def next_job(self) -> int:
        return int(self.client.query("Jobs", "NextJob").value)

    def submit(self, text: str) -> int:
        """Submits a job; its number."""
        given = {"mode": "Deterministic", "replicas": 1, "max_fee": UNIT, "deadline": 45_000, "callback": None}
        sent = send(self.client, BOB, "Jobs", "submit", agent=self.agent, input={"Inline": text}, **given)
        return int(attribute(sent, "Submitted", "job"))

    def settle(self, text: str) -> int:
        """Has a job run, and checks its output; its number."""
        job = self.submit(text)
        give_up = time.monotonic() + PATIENCE
        while (record := self.client.query("Jobs", "Job", [job]).value)["state"] != "Settled":
            assert time.monotonic() < give_up, record
            time.sleep(0.05)
        assert self.client.query("Jobs", "Output", [job]).value == f"{text}!"
        self.signers[job] = record["outcome"]["worker"]
        return job

    def snapshot(self) -> Any:
        return call(self.client, "dev_snapshot")

    def revert(self, snapshot: Any) -> Any:
        """Sets the chain back, and waits until its workers have found their places."""
        done = call(self.client, "dev_revert", snapshot)
        self.all_serve()
        return done

    def all_serve(self) -> None:
        """Waits until the chain draws from the keys that the workers have now, and from no others.

        A key that has signed for a job that is gone must have been replaced.
        """
        first_gone = self.next_job()
        contradicted = {key for job, key in self.signers.items() if job >= first_gone}
        give_up = time.monotonic() + PATIENCE
        while True:
            keys = {operator: key for key, operator in KEY_AND_OPERATOR.findall(self.chain.log.read_text())}
            records = {key.value: record.value["state"] for key, record in self.client.query_map("Workers", "Worker")}
            serving = {key for key, state in records.items() if state in ("Idle", "Working")}
            if serving == set(keys.values()) and not serving & contradicted:
                break
            assert time.monotonic() < give_up, (keys, records, self.chain.log.read_text())
            time.sleep(0.05)
        self.signers = {job: key for job, key in self.signers.items() if job < first_gone}


def call(client: SubstrateInterface, method: str, *params: Any) -> Any:
    return client.rpc_request(method, list(params))["result"]


def deploy(client: SubstrateInterface) -> None:
    code = attribute(send(client, ALICE, "Agents", "upload_code", code=SCRIPT), "CodeUploaded", "hash")
    created = send(client, ALICE, "Agents", "create", name="echo", kind="JavaScript", policy=POLICY)
    send(client, ALICE, "Agents", "approve_code", agent=attribute(created, "Created", "agent"), hash=code)


@pytest.fixture(scope="module")
def market(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One chain with so many workers for the tests of this module, each of which goes on where another has ended."""
    with dev_chain(tmp_path_factory.mktemp("chain"), "--workers", str(request.param), "--no-agents") as chain:
        made = Market.open(chain)
        yield made
        made.client.close()


@pytest.mark.parametrize("market", [1, 3], indirect=True)
def test_jobs_before_and_after_a_revert(market: Market) -> None:
    first, snapshot = market.next_job(), market.snapshot()
    for text in ("one", "two", "two", "three"):
        jobs = [market.settle(f"{text} {number}") for number in range(3)]
        assert jobs == [first, first + 1, first + 2]
        assert market.revert(snapshot)["id"] == snapshot
        assert market.next_job() == first
    later = []
    for number in range(3):
        market.settle(str(number))
        later.append(market.snapshot())
    for number in (2, 0, 1):
        market.revert(later[number])
        assert market.settle("on") == first + number + 1


@pytest.mark.parametrize("market", [3], indirect=True)
def test_workers_find_their_place_whatever_a_revert_interrupts(market: Market) -> None:
    rng = random.Random(7)
    snapshots = [market.snapshot()]
    for _ in range(12):
        for _ in range(3):  # while workers register, are attested, and run what was submitted
            match rng.randrange(3):
                case 0:
                    call(market.client, "dev_revert", rng.choice(snapshots))
                case 1:
                    snapshots.append(market.snapshot())
                case 2:
                    market.submit("x")
            time.sleep(rng.choice([0, 0.05, 0.2]))
        market.all_serve()


def test_jobs_after_a_load(tmp_path: Path) -> None:
    state = tmp_path / "state"
    given = ["--workers", "2", "--no-agents", "--load-state", str(state), "--dump-state", str(state)]
    for run in range(3):
        with dev_chain(tmp_path, *given) as chain:
            market = Market.open(chain)
            for number in range(3):
                assert market.settle(f"{run} {number}") == 3 * run + number
            market.client.close()


@pytest.mark.parametrize("market", [3], indirect=True)
def test_substrate_interface_across_a_revert(market: Market) -> None:
    client = market.client
    before = client.query("System", "Account", [FERDIE.ss58_address]).value
    nonce = client.get_account_nonce(ALICE.ss58_address)
    snapshot = market.snapshot()
    for _ in range(3):
        for _ in range(2):
            send(client, ALICE, "Balances", "transfer_keep_alive", dest=FERDIE.ss58_address, value=UNIT)
        after = client.query("System", "Account", [FERDIE.ss58_address]).value
        assert after["data"]["free"] == before["data"]["free"] + 2 * UNIT
        call(client, "dev_revert", snapshot)
        assert client.query("System", "Account", [FERDIE.ss58_address]).value == before
        assert client.get_account_nonce(ALICE.ss58_address) == nonce
