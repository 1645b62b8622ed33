"""A worker is killed in the middle of a job: another one gets it, and is paid."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import ExtrinsicReceipt, Keypair, SubstrateInterface

from tests.e2e.conftest import ROOT, dev_chain
from tests.e2e.substrate_client import connect

UNIT = 10**12
ALICE, BOB = (Keypair.create_from_uri(f"//{name}") for name in ("Alice", "Bob"))
BURNS_ITS_GAS = b"for (;;) {}"  # long enough to die in; out of gas is an output like any other
POLICY = {
    "price": 1,
    "max_gas": 4_000_000_000,
    "shares": {"worker": 1_000_000, "treasury": 0, "holders": 0, "chain": 0},
    "narrow": True,
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@contextmanager
def worker(url: str, suri: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A worker's key and process, once it has registered."""
    command = [sys.executable, "-m", "offchain", "worker", "--url", url, "--suri", suri, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["worker"], process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def send(client: SubstrateInterface, signer: Keypair, pallet: str, call: str, **arguments: Any) -> ExtrinsicReceipt:
    composed = client.compose_call(pallet, call, arguments)
    receipt = client.submit_extrinsic(client.create_signed_extrinsic(composed, signer), wait_for_inclusion=True)
    assert receipt.is_success, receipt.error_message
    return receipt


def attribute(receipt: ExtrinsicReceipt, event: str, name: str) -> Any:
    return next(e.value["attributes"][name] for e in receipt.triggered_events if e.value["event_id"] == event)


def job_events(client: SubstrateInterface, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The job market's events, as they happen, from a block on."""
    give_up = time.monotonic() + 90
    while time.monotonic() < give_up:
        block = client.get_block_hash(number)
        if block is None:
            time.sleep(0.02)
            continue
        for record in client.get_events(block):
            if record.value["module_id"] == "Jobs":
                yield record.value["event_id"], record.value["attributes"]
        number += 1
    raise AssertionError("nothing came of the job")


def test_a_killed_workers_job_goes_to_another(tmp_path: Path) -> None:
    with (
        dev_chain(tmp_path, "--workers", "0") as chain,
        worker(chain.ws, "//Worker//1") as first,
        worker(chain.ws, "//Worker//2") as second,
    ):
        processes = dict((first, second))
        client = connect(chain.ws)
        code = attribute(send(client, ALICE, "Agents", "upload_code", code=BURNS_ITS_GAS), "CodeUploaded", "hash")
        created = send(client, ALICE, "Agents", "create", name="burner", kind="JavaScript", policy=POLICY)
        agent = attribute(created, "Created", "agent")
        send(client, ALICE, "Agents", "approve_code", agent=agent, hash=code)
        submitted = send(
            client,
            BOB,
            "Jobs",
            "submit",
            agent=agent,
            input={"Inline": "0x"},
            mode="Deterministic",
            replicas=1,
            max_fee=UNIT,
            deadline=45_000,
            callback=None,
        )
        seen: list[str] = []
        assigned: list[str] = []
        for name, values in job_events(client, client.get_block_number(submitted.block_hash)):
            seen.append(name)
            if name == "Assigned":
                assigned += values["workers"]
                if len(assigned) == 1:
                    processes[assigned[0]].kill()
            if name == "Settled":
                break
        life = [name for name in seen if name not in ("Paid", "Acknowledged")]
        assert life == ["Submitted", "Assigned", "Requeued", "Assigned", "Committed", "Settled"]
        assert len(set(assigned)) == 2, "the second attempt prefers another worker"
        job = attribute(submitted, "Submitted", "job")
        output = client.query("Jobs", "Output", [job]).value
        assert json.loads(bytes.fromhex(output[2:]) if output.startswith("0x") else output)["error"] == "out-of-gas"
        record = client.query("Workers", "Worker", [assigned[0]]).value
        assert record["missed"] == 1
        client.close()
