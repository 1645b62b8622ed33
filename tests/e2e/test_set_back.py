"""A chain that is set back, or loaded from a file, with its workers: jobs go on being settled."""

from __future__ import annotations

import random
import re
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import SubstrateInterface

from tests.e2e.conftest import DevChain, dev_chain
from tests.e2e.test_worker_dies import ALICE, BOB, POLICY, UNIT, attribute, send

SCRIPT = b"scriptOutput = scriptArgs[0] + '!'"
PATIENCE = 60
"""Seconds: more than an attempt has, as a job may be given to a key that is about to leave."""
KEY_AND_OPERATOR = re.compile(r"key (0x[0-9a-f]{64}), operator (\w+)")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def connect(url: str) -> SubstrateInterface:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SubstrateInterface(url=url)


def call(client: SubstrateInterface, method: str, *params: Any) -> Any:
    return client.rpc_request(method, list(params))["result"]


def deploy(client: SubstrateInterface) -> int:
    code = attribute(send(client, ALICE, "Agents", "upload_code", code=SCRIPT), "CodeUploaded", "hash")
    created = send(client, ALICE, "Agents", "create", name="echo", kind="JavaScript", policy=POLICY)
    agent: int = attribute(created, "Created", "agent")
    send(client, ALICE, "Agents", "approve_code", agent=agent, hash=code)
    return agent


def all_serve(client: SubstrateInterface, chain: DevChain) -> None:
    """Waits until the chain draws from the keys that the workers have now, and from no others."""
    give_up = time.monotonic() + PATIENCE
    while True:
        keys = {operator: key for key, operator in KEY_AND_OPERATOR.findall(chain.log.read_text())}
        records = {key.value: record.value["state"] for key, record in client.query_map("Workers", "Worker")}
        if {key for key, state in records.items() if state in ("Idle", "Working")} == set(keys.values()):
            return
        assert time.monotonic() < give_up, (keys, records, chain.log.read_text())
        time.sleep(0.05)


def submit(client: SubstrateInterface, agent: int, text: str) -> int:
    """Submits a job; its number."""
    given = {"mode": "Deterministic", "replicas": 1, "max_fee": UNIT, "deadline": 45_000, "callback": None}
    job: int = attribute(
        send(client, BOB, "Jobs", "submit", agent=agent, input={"Inline": text}, **given), "Submitted", "job"
    )
    return job


def settle(client: SubstrateInterface, agent: int, text: str) -> int:
    """Has a job run, and checks its output; its number."""
    job = submit(client, agent, text)
    give_up = time.monotonic() + PATIENCE
    while (record := client.query("Jobs", "Job", [job]).value)["state"] != "Settled":
        assert time.monotonic() < give_up, record
        time.sleep(0.05)
    assert client.query("Jobs", "Output", [job]).value == f"{text}!"
    return job


@pytest.mark.parametrize("workers", [1, 3])
def test_jobs_before_and_after_a_revert(tmp_path: Path, workers: int) -> None:
    with dev_chain(tmp_path, "--workers", str(workers)) as chain:
        client = connect(chain.ws)
        agent = deploy(client)
        snapshot = call(client, "dev_snapshot")
        for text in ("one", "two", "two", "three"):
            jobs = [settle(client, agent, f"{text} {number}") for number in range(3)]
            assert jobs == [0, 1, 2]
            assert call(client, "dev_revert", snapshot)["id"] == snapshot
            assert client.query("Jobs", "NextJob").value == 0
            all_serve(client, chain)
        later = []
        for number in range(3):
            settle(client, agent, str(number))
            later.append(call(client, "dev_snapshot"))
        for number in (2, 0, 1):
            call(client, "dev_revert", later[number])
            all_serve(client, chain)
            assert settle(client, agent, "on") == number + 1
        client.close()


def test_workers_find_their_place_whatever_a_revert_interrupts(tmp_path: Path) -> None:
    rng = random.Random(7)
    with dev_chain(tmp_path, "--workers", "3") as chain:
        client = connect(chain.ws)
        agent = deploy(client)
        snapshots = [call(client, "dev_snapshot")]
        for _ in range(12):
            for _ in range(3):  # while workers register, are attested, and run what was submitted
                match rng.randrange(3):
                    case 0:
                        call(client, "dev_revert", rng.choice(snapshots))
                    case 1:
                        snapshots.append(call(client, "dev_snapshot"))
                    case 2:
                        submit(client, agent, "x")
                time.sleep(rng.choice([0, 0.05, 0.2]))
            all_serve(client, chain)
        client.close()


def test_jobs_after_a_load(tmp_path: Path) -> None:
    state = tmp_path / "state"
    given = ["--workers", "2", "--load-state", str(state), "--dump-state", str(state)]
    for run in range(3):
        with dev_chain(tmp_path, *given) as chain:
            client = connect(chain.ws)
            agent = deploy(client) if not run else 0
            for number in range(3):
                assert settle(client, agent, f"{run} {number}") == 3 * run + number
            client.close()


def test_substrate_interface_across_a_revert(tmp_path: Path) -> None:
    with dev_chain(tmp_path, "--workers", "0") as chain:
        client = connect(chain.ws)
        before = client.query("System", "Account", [BOB.ss58_address]).value
        snapshot = call(client, "dev_snapshot")
        for _ in range(3):
            for _ in range(2):
                send(client, ALICE, "Balances", "transfer_keep_alive", dest=BOB.ss58_address, value=UNIT)
            after = client.query("System", "Account", [BOB.ss58_address]).value
            assert after["data"]["free"] == before["data"]["free"] + 2 * UNIT
            call(client, "dev_revert", snapshot)
            assert client.query("System", "Account", [BOB.ss58_address]).value == before
            assert client.get_account_nonce(ALICE.ss58_address) == 0
        client.close()
