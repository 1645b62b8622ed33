"""Workers, attestations, jobs and agents as third-party clients see them: by metadata alone, through scalecodec."""

from __future__ import annotations

from typing import Any

import pytest
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from pallets.attestation.trust import default_policy
from pallets.frame.metadata import metadata_bytes
from pallets.primitives.agent_record import AgentKind
from pallets.primitives.attestation_record import Tee
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.primitives.job import InlineInput, Mode
from tests.pallets.job_chain import ALICE, CODE, OPERATORS, POLICY, RUNTIME_ID, SGX, STAKE, START, JobChain, JobRuntime


class Client:
    """What a client makes of the chain's metadata."""

    def __init__(self, runtime: JobRuntime) -> None:
        self.runtime = runtime
        self.config = RuntimeConfigurationObject()
        self.config.update_type_registry(load_type_registry_preset("core"))
        self.metadata = self.config.create_scale_object("MetadataVersioned", ScaleBytes(metadata_bytes(runtime, 14)))
        self.metadata.decode()
        self.config.add_portable_registry(self.metadata)

    def call(self, pallet: str, name: str, /, **arguments: Any) -> bytes:
        """A call's bytes, of values as a script writes them."""
        call = self.config.create_scale_object("Call", metadata=self.metadata)
        described = {"call_module": pallet, "call_function": name, "call_args": arguments}
        return bytes(call.encode(described).data)

    def read(self, pallet: str, item: str, key: bytes = b"") -> Any:
        """A storage value; `key` is the hashed key of a map's entry."""
        described = self.metadata.get_metadata_pallet(pallet).get_storage_function(item)
        raw = self.runtime.state.get(storage_prefix(pallet, item) + key)
        assert raw is not None
        return self.config.create_scale_object(
            described.get_value_type_string(), ScaleBytes(raw), metadata=self.metadata
        ).decode()


@pytest.fixture(scope="module")
def chain() -> JobChain:
    return JobChain()


@pytest.fixture(scope="module")
def client(chain: JobChain) -> Client:
    return Client(chain.rt)


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"


def test_register(chain: JobChain, client: Client) -> None:
    worker = chain.worker("w")
    info, quote = worker.info, worker.quote()
    values = {name: getattr(info, name) for name in ("version", "endpoint", "features", "gpu_evidence")}
    hashes = {
        name: hexed(getattr(info, name)) for name in ("worker_key", "seal_key", "operator", "genesis", "runtime_id")
    }
    values |= hashes | {"endpoint": "a:1", "features": [1, 70_000]}
    info.endpoint, info.features = b"a:1", [1, 70_000]
    own = chain.rt.call("Workers", "register", info=info, quote=quote, stake=STAKE)
    assert client.call("Workers", "register", info=values, quote=hexed(quote), stake=STAKE) == chain.rt.encode_call(own)


def test_heartbeat(chain: JobChain, client: Client) -> None:
    own = chain.worker("w").heartbeat()
    worker, number, hash, signature = own.arguments
    arguments = {"worker": hexed(worker), "number": number, "hash": hexed(hash), "signature": hexed(signature)}
    assert client.call("Workers", "heartbeat", **arguments) == chain.rt.encode_call(own)


def test_submit(chain: JobChain, client: Client) -> None:
    rest: dict[str, Any] = {"agent": 1, "replicas": 1, "max_fee": 64, "deadline": 5, "callback": None}
    own = chain.rt.call("Jobs", "submit", input=InlineInput(b"in"), mode=Mode.Deterministic, **rest)
    for spelt in ("in", hexed(b"in")):
        made = client.call("Jobs", "submit", input={"Inline": spelt}, mode="Deterministic", **rest)
        assert made == chain.rt.encode_call(own)


def test_agents(chain: JobChain, client: Client) -> None:
    shares = {"worker": 700_000, "treasury": 200_000, "holders": 50_000, "chain": 50_000}
    policy = {"price": 3, "max_gas": 10**9, "shares": shares, "narrow": False}
    own = chain.rt.call("Agents", "create", name=b"echo", kind=AgentKind.JavaScript, policy=POLICY)
    made = client.call("Agents", "create", name="echo", kind="JavaScript", policy=policy)
    assert made == chain.rt.encode_call(own)
    upload = chain.rt.encode_call(chain.rt.call("Agents", "upload_code", code=CODE))
    assert client.call("Agents", "upload_code", code=CODE.decode()) == upload


def test_governance(chain: JobChain, client: Client) -> None:
    policy = default_policy()
    values = {
        "statuses": [status.name for status in policy.statuses],
        "refused_advisories": ["INTEL-SA-00615"],
        "grace": 5,
        "minimum_evaluation": 0,
    }
    policy.refused_advisories, policy.grace = ["INTEL-SA-00615"], 5
    own = chain.rt.call("Attestation", "set_policy", policy=policy)
    assert client.call("Attestation", "set_policy", policy=values) == chain.rt.encode_call(own)
    own = chain.rt.call("Attestation", "set_collateral", tee=Tee.Tdx, collateral=b"{}")
    assert client.call("Attestation", "set_collateral", tee="Tdx", collateral="{}") == chain.rt.encode_call(own)


def test_a_job_as_clients_read_it(chain: JobChain, client: Client) -> None:
    chain.next_block()
    worker = chain.worker("w").register()
    chain.agent()
    job = chain.submit(input=b"hello")
    chain.blocks(2)
    call = worker.commit(job, b"goodbye", gas=9)
    signature = call.arguments[-1]
    made = client.call(
        "Jobs",
        "commit",
        job=job,
        attempt=1,
        output={"Inline": "goodbye"},
        transcript_root=hexed(bytes(32)),
        gas=9,
        worker=hexed(worker.key),
        signature=hexed(signature),
    )
    assert made == chain.rt.encode_call(call)
    chain.send(call)
    output = hexed(blake2_256(b"goodbye"))
    attested = client.read("Attestation", "Attested", chain.rt.attestation.attested.hasher.apply(worker.key))
    assert (attested["tee"], attested["status"], attested["confidence"]) == ("Sgx", "UpToDate", 1)
    assert attested["simulated"] is True
    assert (attested["measurement"], attested["runtime_id"]) == (hexed(SGX.measurement), hexed(RUNTIME_ID))
    record = client.read("Workers", "Worker", chain.rt.workers.worker.hasher.apply(worker.key))
    assert (record["state"], record["stake"], record["kept"]) == ("Idle", STAKE, 1)
    assert record["info"]["operator"] == hexed(OPERATORS[0])
    key = chain.rt.jobs.job.hasher.apply(job.to_bytes(8, "little"))
    seen = client.read("Jobs", "Job", key)
    assert (seen["state"], seen["submitter"], seen["narrow"], seen["predictable"]) == (
        "Settled",
        hexed(ALICE),
        True,
        True,
    )
    assert (seen["outcome"]["output"], seen["outcome"]["simulated"], seen["outcome"]["gas"]) == (output, True, 9)
    assert client.read("Jobs", "Output", key) == "goodbye"
    assert client.read("Jobs", "NextJob") == 1
    chain.executive.finalize_block()
    events = {
        f"{event['module_id']}.{event['event_id']}": event["attributes"] for event in client.read("System", "Events")
    }
    assert events["Jobs.Assigned"] == {"job": job, "attempt": 1, "workers": [hexed(worker.key)]}
    committed = {"job": job, "attempt": 1, "worker": hexed(worker.key), "output": output, "gas": 9}
    assert events["Jobs.Committed"] == committed
    assert events["Jobs.Settled"] == {"job": job, "output": output, "gas": 9, "fee": 27}
    assert events["Workers.StateChanged"] == {"worker": hexed(worker.key), "old": "Working", "new": "Idle"}
    assert seen["outcome"]["settled_at"] == START + 300
