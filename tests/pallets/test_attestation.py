"""Worker keys bound to enclaves by quotes that are really verified; every lie refused by its own error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offchain.simulated_tee import Authority, Platform, SgxMeasurements, TcbStatus, TdxMeasurements, dev_root, dev_tcb
from pallets.attestation import Attestation, refusal
from pallets.frame.events import BadOrigin, Error
from pallets.frame.genesis import values_of_patch
from pallets.frame.origin import signed
from pallets.frame.testing import noop
from pallets.primitives import attestation_record
from pallets.primitives.attestation_record import Tee
from pallets.primitives.worker import WorkerInfo
from pallets.trust import Policy, default_policy
from tests.pallets.job_chain import (
    ALICE,
    COLLATERAL,
    ISSUED,
    RUNTIME_ID,
    SGX,
    START,
    TDX,
    TEN_YEARS,
    JobChain,
    JobRuntime,
    TestWorker,
    dev_collateral,
)
from tests.vectors import vector

GENUINE_MS = 1_750_413_600_000
YEAR = 365 * 86_400_000


@pytest.fixture
def chain() -> JobChain:
    return JobChain()


def attest(worker: TestWorker, quote: bytes | None = None, info: WorkerInfo | None = None) -> Any:
    chain = worker.chain
    with chain.rt.transactional():
        return chain.rt.attestation.attest(info or worker.info, worker.quote() if quote is None else quote)


def refused(worker: TestWorker, error: type[Error], quote: bytes | None = None, info: WorkerInfo | None = None) -> None:
    with noop(worker.chain.rt, error):
        attest(worker, quote, info)


@pytest.mark.parametrize(("measurements", "tee"), [(SGX, Tee.Sgx), (TDX, Tee.Tdx)])
def test_attested(chain: JobChain, measurements: SgxMeasurements | TdxMeasurements, tee: Tee) -> None:
    worker = chain.worker("w", measurements=measurements)
    record = attest(worker)
    assert chain.rt.attestation.attested[worker.key] == record
    assert (record.tee, record.measurement, record.runtime_id) == (tee, measurements.measurement, RUNTIME_ID)
    assert (record.status, record.confidence, record.simulated) == (attestation_record.TcbStatus.UpToDate, 1, True)
    assert (record.attested_at, record.expires) == (START, (ISSUED + TEN_YEARS) * 1000)
    assert chain.rt.attestation.fault(worker.key) is None
    assert chain.rt.events[-1] == Attestation.Attested(
        worker.key, measurements.measurement, attestation_record.TcbStatus.UpToDate, 1, True, record.expires
    )


def test_genuine_hardware_is_not_simulated(chain: JobChain) -> None:
    """Intel's own samples verify under Intel's root on a chain of their time; only their report data is no worker's."""
    for name, tee in (("sgx", Tee.Sgx), ("tdx", Tee.Tdx)):
        collateral = vector(f"attestation/dcap-qvl/{name}_quote_collateral.json").read_bytes()
        chain.sudo("Attestation", "set_collateral", tee=tee, collateral=collateral)
        (event,) = chain.events(Attestation.CollateralSet)[-1:]
        assert not event.simulated
        quote = vector(f"attestation/dcap-qvl/{name}_quote").read_bytes()
        worker = chain.worker("w")
        refused(worker, Attestation.CollateralExpired, quote)
        chain.rt.timestamp.now = GENUINE_MS
        refused(worker, Attestation.InfoNotBound, quote)
        chain.rt.timestamp.now = START


# Lies about the worker


def test_quote_of_another_key(chain: JobChain) -> None:
    mine, other = chain.worker("mine"), chain.worker("other")
    refused(mine, Attestation.InfoNotBound, other.quote())
    refused(mine, Attestation.InfoNotBound, mine.quote(), replace(mine.info, worker_key=other.key))


@pytest.mark.parametrize(
    "change", [{"operator": ALICE}, {"seal_key": bytes(32)}, {"endpoint": b"e"}, {"features": [1]}]
)
def test_quote_binds_every_field(chain: JobChain, change: dict[str, Any]) -> None:
    worker = chain.worker("w")
    refused(worker, Attestation.InfoNotBound, worker.quote(), replace(worker.info, **change))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": 2}, Attestation.UnknownInfoVersion),
        ({"genesis": b"\x99" * 32}, Attestation.WrongGenesis),
        ({"runtime_id": b"\x99" * 32}, Attestation.RuntimeNotAllowed),
        ({"features": [2, 1]}, Attestation.UnsortedFeatures),
        ({"features": [1, 1]}, Attestation.UnsortedFeatures),
        ({"features": list(range(65))}, Attestation.TooManyFeatures),
        ({"gpu_evidence": b"\x99" * 32}, Attestation.GpuEvidenceUnsupported),
    ],
)
def test_info_that_no_quote_helps(chain: JobChain, change: dict[str, Any], error: type[Error]) -> None:
    worker = chain.worker("w")
    info = replace(worker.info, **change)
    refused(worker, error, worker.quote(info=info), info)


def test_runtime_listed_later(chain: JobChain) -> None:
    worker = chain.worker("w")
    info = replace(worker.info, runtime_id=b"\x99" * 32)
    chain.sudo("Attestation", "allow_runtime", runtime_id=b"\x99" * 32)
    assert attest(worker, worker.quote(info=info), info).runtime_id == b"\x99" * 32


# Lies about time


def test_block_of_another_chain(chain: JobChain) -> None:
    worker = chain.worker("w")
    for block in (bytes(32), b"\x99" * 32):
        refused(worker, Attestation.StaleQuote, worker.quote(block))


def test_block_is_at_most_ten_minutes_old(chain: JobChain) -> None:
    worker = chain.worker("w")
    chain.next_block()
    block = chain.head  # block 1, at START
    chain.next_block(599_900)
    assert chain.rt.timestamp.now == START + 600_000
    attest(worker, worker.quote(block))
    late = chain.worker("late")
    chain.next_block()
    refused(late, Attestation.StaleQuote, late.quote(block))


def test_genesis_counts_as_block_1(chain: JobChain) -> None:
    genesis = chain.genesis_hash
    attest(chain.worker("in block 1"), chain.worker("in block 1").quote(genesis))
    chain.next_block(600_000)
    attest(chain.worker("in time"), chain.worker("in time").quote(genesis))
    chain.next_block()
    late = chain.worker("late")
    refused(late, Attestation.StaleQuote, late.quote(genesis))


def test_block_must_still_be_in_block_hash(chain: JobChain) -> None:
    system, attestation = chain.rt.system, chain.rt.attestation
    chain.next_block()
    block = chain.head
    while system.block_hash[1] == block:
        last = chain.worker(f"{system.number}")
        attest(last, last.quote(block))
        chain.next_block()
    assert system.number == system.block_hash_count + 3
    refused(chain.worker("w"), Attestation.StaleQuote, chain.worker("w").quote(block))
    assert len(list(attestation.recent)) == system.block_hash_count + 1
    attest(chain.worker("w"))  # genesis itself is never forgotten


# A quote counts once


def test_quote_counts_once(chain: JobChain) -> None:
    chain.next_block()
    worker = chain.worker("w")
    quote = worker.quote()
    attest(worker, quote)
    refused(worker, Attestation.QuoteReused, quote)
    refused(worker, Attestation.QuoteReused, quote + b"trailing bytes that a verifier ignores")
    refused(worker, Attestation.QuoteReused, worker.quote(chain.genesis_hash))
    chain.next_block()
    refused(worker, Attestation.QuoteReused, quote)
    attest(worker)


# Lies about the machine


def test_not_a_quote(chain: JobChain) -> None:
    worker = chain.worker("w")
    refused(worker, Attestation.QuoteRefused, b"")
    refused(worker, Attestation.QuoteRefused, bytes(5000))


def test_tampered_quote(chain: JobChain) -> None:
    worker = chain.worker("w")
    for place in (60, 200, 400, 500):
        quote = bytearray(worker.quote())
        quote[place] ^= 1
        refused(worker, Attestation.QuoteRefused, bytes(quote))


def test_quote_under_a_strangers_root(chain: JobChain) -> None:
    worker = chain.worker("w")
    refused(worker, Attestation.QuoteRefused, worker.quote(authority=Authority(b"stranger")))


def test_model_without_collateral(chain: JobChain) -> None:
    worker = chain.worker("w")
    worker.platform = Platform(fmspc=b"OTHERS")
    refused(worker, Attestation.NoCollateral)


def test_measurement_is_listed(chain: JobChain) -> None:
    worker = chain.worker("w", measurements=SgxMeasurements.of_runtime(b"\x99" * 32))
    refused(worker, Attestation.MeasurementNotAllowed)
    chain.sudo("Attestation", "allow_measurement", measurement=worker.measurements.measurement, name=b"new")
    attest(worker)


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (TcbStatus.UP_TO_DATE, 1),
        (TcbStatus.SW_HARDENING_NEEDED, 2),
        (TcbStatus.CONFIGURATION_NEEDED, 3),
        (TcbStatus.CONFIGURATION_AND_SW_HARDENING_NEEDED, 4),
        (TcbStatus.OUT_OF_DATE, None),
        (TcbStatus.OUT_OF_DATE_CONFIGURATION_NEEDED, None),
    ],
)
def test_status_and_confidence(chain: JobChain, status: TcbStatus, level: int | None) -> None:
    worker = chain.worker("w")
    worker.platform = Platform(tcb=dev_tcb(status))
    if level is None:
        refused(worker, Attestation.StatusNotAllowed)
        grace = START - ISSUED * 1000
        chain.sudo("Attestation", "set_policy", policy=replace(default_policy(), grace=grace - 1))
        refused(worker, Attestation.StatusNotAllowed)
        chain.sudo("Attestation", "set_policy", policy=replace(default_policy(), grace=grace))
    assert attest(worker).confidence == (level or 5)


def test_revoked_status_is_never_taken(chain: JobChain) -> None:
    worker = chain.worker("w")
    worker.platform = Platform(tcb=dev_tcb(TcbStatus.REVOKED))
    refused(worker, Attestation.QuoteRefused)


def test_policy_refuses_advisories_and_old_evaluations(chain: JobChain) -> None:
    worker = chain.worker("w")
    worker.platform = Platform(tcb=dev_tcb(TcbStatus.SW_HARDENING_NEEDED))
    chain.sudo("Attestation", "set_policy", policy=Policy(list(attestation_record.TcbStatus), ["INTEL-SA-00615"], 0, 0))
    refused(worker, Attestation.AdvisoryNotAllowed)
    chain.sudo("Attestation", "set_policy", policy=Policy(list(attestation_record.TcbStatus), [], 0, 2))
    refused(worker, Attestation.EvaluationTooOld)
    newer = dev_collateral("sgx", evaluation_number=2)
    chain.sudo("Attestation", "set_collateral", tee=Tee.Sgx, collateral=newer)
    attest(worker)


# What ends an attestation


def test_disallowed_measurement_and_back(chain: JobChain) -> None:
    worker = chain.worker("w")
    attest(worker)
    chain.sudo("Attestation", "disallow_measurement", measurement=SGX.measurement)
    assert chain.rt.attestation.fault(worker.key) is Attestation.MeasurementNotAllowed
    with noop(chain.rt, Attestation.UnknownMeasurement):
        chain.sudo("Attestation", "disallow_measurement", measurement=SGX.measurement)
    chain.sudo("Attestation", "allow_measurement", measurement=SGX.measurement, name=b"again")
    assert chain.rt.attestation.fault(worker.key) is None


def test_disallowed_runtime_and_back(chain: JobChain) -> None:
    worker = chain.worker("w")
    attest(worker)
    chain.sudo("Attestation", "disallow_runtime", runtime_id=RUNTIME_ID)
    assert chain.rt.events[-1] == Attestation.RuntimeDisallowed(RUNTIME_ID)
    assert chain.rt.attestation.fault(worker.key) is Attestation.RuntimeNotAllowed
    with noop(chain.rt, Attestation.UnknownRuntime):
        chain.sudo("Attestation", "disallow_runtime", runtime_id=RUNTIME_ID)
    chain.next_block()
    refused(worker, Attestation.RuntimeNotAllowed)
    chain.sudo("Attestation", "allow_runtime", runtime_id=RUNTIME_ID)
    assert chain.rt.attestation.fault(worker.key) is None


def test_revoked_for_good(chain: JobChain) -> None:
    worker = chain.worker("w")
    with noop(chain.rt, Attestation.NotAttested):
        chain.sudo("Attestation", "revoke", worker=worker.key)
    attest(worker)
    chain.sudo("Attestation", "revoke", worker=worker.key)
    assert chain.rt.events[-1] == Attestation.Revoked(worker.key)
    assert chain.rt.attestation.fault(worker.key) is Attestation.KeyRevoked
    chain.next_block()
    refused(worker, Attestation.KeyRevoked)


def test_expires_with_its_collateral(chain: JobChain) -> None:
    worker = chain.worker("w")
    assert chain.rt.attestation.fault(worker.key) is Attestation.NotAttested
    attest(worker)
    end = (ISSUED + TEN_YEARS) * 1000
    chain.next_block(end - START - 100)
    assert chain.rt.attestation.fault(worker.key) is None
    chain.next_block()
    assert chain.rt.attestation.fault(worker.key) is Attestation.AttestationExpired
    refused(worker, Attestation.CollateralExpired)


# Governance


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("set_collateral", {"tee": Tee.Sgx, "collateral": COLLATERAL[0][1]}),
        ("set_policy", {"policy": default_policy()}),
        ("allow_measurement", {"measurement": bytes(32), "name": b"n"}),
        ("disallow_measurement", {"measurement": SGX.measurement}),
        ("revoke", {"worker": bytes(32)}),
        ("allow_runtime", {"runtime_id": bytes(32)}),
        ("disallow_runtime", {"runtime_id": RUNTIME_ID}),
    ],
)
def test_calls_are_roots(chain: JobChain, name: str, arguments: dict[str, Any]) -> None:
    with noop(chain.rt, BadOrigin):
        chain.rt.dispatch(chain.rt.call("Attestation", name, **arguments), signed(ALICE))


@pytest.mark.parametrize(
    "older",
    [
        dev_collateral("sgx", issued=ISSUED + 9, evaluation_number=5, crl_number=5),
        dev_collateral("sgx", issued=ISSUED + 10, evaluation_number=4, crl_number=5),
        dev_collateral("sgx", issued=ISSUED + 10, evaluation_number=5, crl_number=4),
    ],
)
def test_collateral_never_goes_back(chain: JobChain, older: bytes) -> None:
    current = dev_collateral("sgx", issued=ISSUED + 10, evaluation_number=5, crl_number=5)
    for _ in range(2):  # the same again is no step back
        chain.sudo("Attestation", "set_collateral", tee=Tee.Sgx, collateral=current)
    with noop(chain.rt, Attestation.CollateralGoesBack):
        chain.sudo("Attestation", "set_collateral", tee=Tee.Sgx, collateral=older)


def test_collateral_that_is_none(chain: JobChain) -> None:
    with noop(chain.rt, Attestation.BadCollateral):
        chain.sudo("Attestation", "set_collateral", tee=Tee.Tdx, collateral=COLLATERAL[0][1])
    with noop(chain.rt, Attestation.CollateralCarriesChain):
        carrying = COLLATERAL[0][1][:-1] + b',"pck_certificate_chain":null}'
        chain.sudo("Attestation", "set_collateral", tee=Tee.Sgx, collateral=carrying)
    with noop(chain.rt, Attestation.BadMeasurement):
        chain.sudo("Attestation", "allow_measurement", measurement=bytes(33), name=b"n")


def test_a_chain_whose_genesis_forbids_it_knows_no_simulated_hardware() -> None:
    chain = JobChain(attestation={"simulated_allowed": False, "collateral": []})
    with noop(chain.rt, Attestation.SimulatedNotAllowed):
        chain.sudo("Attestation", "set_collateral", tee=Tee.Sgx, collateral=COLLATERAL[0][1])
    refused(chain.worker("w"), Attestation.NoCollateral)
    chain = JobChain(attestation={"simulated_allowed": False, "simulated_root": None, "collateral": []})
    chain.sudo("Attestation", "set_collateral", tee=Tee.Sgx, collateral=COLLATERAL[0][1])
    assert not chain.events(Attestation.CollateralSet)[0].simulated
    refused(chain.worker("w"), Attestation.QuoteRefused)


def test_genesis_from_json() -> None:
    patch = {
        "attestation": {
            "simulatedAllowed": True,
            "simulatedRoot": f"0x{dev_root().hex()}",
            "collateral": [["Sgx", COLLATERAL[0][1].decode()]],
            "measurements": [[f"0x{SGX.measurement.hex()}", "dev sgx"]],
            "runtimes": [f"0x{RUNTIME_ID.hex()}"],
            "policy": {"statuses": ["UpToDate"], "refusedAdvisories": [], "grace": 5, "minimumEvaluation": 0},
        },
        "jobs": {"narrow": True},
    }
    values = values_of_patch(JobRuntime, patch)["attestation"]
    assert values == {
        "simulated_allowed": True,
        "simulated_root": dev_root(),
        "collateral": [COLLATERAL[0]],
        "measurements": [(SGX.measurement, b"dev sgx")],
        "runtimes": [RUNTIME_ID],
        "policy": Policy([attestation_record.TcbStatus.UpToDate], [], 5, 0),
    }
    chain = JobChain(attestation=values)
    assert chain.rt.attestation.policy.grace == 5
    attest(chain.worker("w"))


def test_refusals_say_whose_error_it_is(chain: JobChain) -> None:
    own = refusal(chain.rt.workers.TooSoon())
    assert (own.code, own.explanation) == (chain.rt.workers.TooSoon.index, "TooSoon")
    assert refusal(Attestation.KeyRevoked()).code == 128 + Attestation.KeyRevoked.index
    assert len(Attestation.errors) <= 128
