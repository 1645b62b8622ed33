"""Worker keys bound to enclaves by quotes that are really verified; every lie refused by its own error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offchain.simulated_tee import (
    DEV_EXPIRES,
    DEV_ISSUED,
    Platform,
    SgxMeasurements,
    TcbStatus,
    TdxForm,
    TdxMeasurements,
    dev_root,
    dev_tcb,
)
from offchain.simulated_tee.faults import FAULTS, Impostor, corrupt
from pallets.attestation import dcap_errors
from pallets.attestation.pallet import AllowedMeasurement, Attestation, refusal
from pallets.attestation.trust import Policy, default_policy
from pallets.frame.events import BadOrigin, Error
from pallets.frame.genesis import values_of_patch
from pallets.frame.origin import signed
from pallets.frame.testing import noop
from pallets.primitives import attestation_record
from pallets.primitives.attestation_record import Tee
from pallets.primitives.quote import DcapError
from pallets.workers.pallet import Workers
from tests.pallets.attestation_chain import (
    ALICE,
    COLLATERAL,
    GENUINE_MS,
    RUNTIME_ID,
    SGX,
    START,
    TDX,
    AttestationChain,
    AttestationRuntime,
    dev_collateral,
)
from tests.vectors import vector

SAMPLES = (("sgx", Tee.Sgx), ("tdx", Tee.Tdx))


@pytest.fixture
def chain() -> AttestationChain:
    return AttestationChain()


@pytest.mark.parametrize(
    ("measurements", "form", "tee"),
    [(SGX, "4", Tee.Sgx), (TDX, "4", Tee.Tdx), (TDX, "5", Tee.Tdx), (TDX, "5/1.5", Tee.Tdx)],
)
def test_attested(
    chain: AttestationChain, measurements: SgxMeasurements | TdxMeasurements, form: TdxForm, tee: Tee
) -> None:
    worker = chain.enclave(measurements=measurements)
    record = worker.attest(worker.quote(form=form))
    assert chain.attestation.attested[worker.key] == record
    assert (record.tee, record.measurement, record.runtime_id) == (tee, measurements.measurement, RUNTIME_ID)
    assert (record.status, record.confidence, record.simulated) == (attestation_record.TcbStatus.UpToDate, 1, True)
    assert (record.attested_at, record.expires) == (START, DEV_EXPIRES * 1000)
    assert worker.fault() is None
    assert chain.rt.events[-1] == Attestation.Attested(
        worker.key, measurements.measurement, attestation_record.TcbStatus.UpToDate, 1, True, record.expires
    )


def test_genuine_hardware_on_a_chain_that_knows_no_other() -> None:
    """Intel's own samples verify at their time, as far as they are a worker's: their report data is none's."""
    chain = AttestationChain(GENUINE_MS, simulated_allowed=False, simulated_root=None, collateral=[])
    for name, tee in SAMPLES:
        collateral = vector(f"attestation/dcap-qvl/{name}_quote_collateral.json").read_bytes()
        chain.sudo("set_collateral", tee=tee, collateral=collateral)
        quote = vector(f"attestation/dcap-qvl/{name}_quote").read_bytes()
        worker = chain.enclave()
        worker.refused(Attestation.InfoNotBound, quote)
        with chain.at(START):
            worker.refused(Attestation.CollateralExpired, quote)
        with chain.at(GENUINE_MS - 10 * 86_400_000):
            worker.refused(Attestation.CollateralNotYetValid, quote)
        for place in (60, 300, len(quote) - 1):
            worker.refused(Attestation.NotAQuote if place > 300 else Attestation.QuoteForged, corrupted(quote, place))
        worker.refused(Attestation.SimulatedNotAllowed)
    assert {event.root for event in chain.events(Attestation.TcbInfoSet)} == {attestation_record.TrustRoot.Intel}
    assert [event.revoked for event in chain.events(Attestation.PckCrlSet)] == [0, 44]
    assert len(list(chain.attestation.revoked_machines)) == 44


def corrupted(quote: bytes, place: int) -> bytes:
    return quote[:place] + bytes((quote[place] ^ 1,)) + quote[place + 1 :]


@pytest.mark.parametrize("measurements", [SGX, TDX], ids=["sgx", "tdx"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_error(fault: str, measurements: SgxMeasurements | TdxMeasurements) -> None:
    tee = "sgx" if measurements is SGX else "tdx"
    if FAULTS[fault].tee not in (None, tee):
        return
    chain = AttestationChain()
    worker = chain.enclave(measurements=measurements)
    error, bad = getattr(Attestation, FAULTS[fault].error), corrupt(worker.quote(), fault, START // 1000)
    if error in (Attestation.BadCollateral, Attestation.CollateralForged, Attestation.CollateralNotYetValid):
        with noop(chain.rt, error):
            chain.sudo("set_collateral", tee=Tee[tee.capitalize()], collateral=bad.collateral)
    else:
        if bad.collateral is not None:
            chain.sudo("set_collateral", tee=Tee[tee.capitalize()], collateral=bad.collateral)
        worker.refused(error, bad.quote)
        worker.refused(error, bad.quote)  # nothing is remembered of what was refused


def test_each_reason_of_formats_is_an_error_of_the_pallet() -> None:
    reasons = [kind for kind in vars(dcap_errors).values() if isinstance(kind, type) and issubclass(kind, DcapError)]
    assert len(reasons) > 15
    for kind in reasons:
        assert kind is DcapError or issubclass(getattr(Attestation, kind.__name__), Error)


# Lies about the worker


def test_quote_of_another_key(chain: AttestationChain) -> None:
    mine, other = chain.enclave("mine"), chain.enclave("other")
    mine.refused(Attestation.InfoNotBound, other.quote())
    mine.refused(Attestation.InfoNotBound, mine.quote(), replace(mine.info, worker_key=other.key))


@pytest.mark.parametrize(
    "change", [{"operator": ALICE}, {"seal_key": bytes(32)}, {"endpoint": b"e"}, {"features": [1]}]
)
def test_quote_binds_every_field(chain: AttestationChain, change: dict[str, Any]) -> None:
    worker = chain.enclave()
    worker.refused(Attestation.InfoNotBound, worker.quote(), replace(worker.info, **change))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": 2}, Attestation.UnknownInfoVersion),
        ({"genesis": b"\x99" * 32}, Attestation.WrongGenesis),
        ({"runtime_id": b"\x99" * 32}, Attestation.RuntimeNotAllowed),
        ({"features": [2, 1]}, Attestation.UnsortedFeatures),
        ({"features": [1, 1]}, Attestation.UnsortedFeatures),
        ({"features": list(range(65))}, Attestation.TooManyFeatures),
    ],
)
def test_info_that_no_quote_helps(chain: AttestationChain, change: dict[str, Any], error: type[Error]) -> None:
    worker = chain.enclave()
    info = replace(worker.info, **change)
    worker.refused(error, worker.quote(info=info), info)


def test_runtime_listed_later(chain: AttestationChain) -> None:
    worker = chain.enclave()
    info = replace(worker.info, runtime_id=b"\x99" * 32)
    chain.sudo("allow_runtime", runtime_id=b"\x99" * 32)
    assert worker.attest(worker.quote(info=info), info).runtime_id == b"\x99" * 32


# Lies about time


def test_block_of_another_chain(chain: AttestationChain) -> None:
    worker = chain.enclave()
    for block in (bytes(32), b"\x99" * 32):
        worker.refused(Attestation.StaleQuote, worker.quote(block))


def test_block_is_at_most_ten_minutes_old(chain: AttestationChain) -> None:
    worker = chain.enclave()
    chain.next_block()
    block = chain.head  # block 1, at START
    chain.next_block(599_900)
    assert chain.rt.timestamp.now == START + 600_000
    worker.attest(worker.quote(block))
    late = chain.enclave("late")
    chain.next_block()
    late.refused(Attestation.StaleQuote, late.quote(block))


def test_genesis_counts_as_block_1(chain: AttestationChain) -> None:
    genesis = chain.genesis_hash
    chain.enclave("in block 1").attest(chain.enclave("in block 1").quote(genesis))
    chain.next_block(600_000)
    chain.enclave("in time").attest(chain.enclave("in time").quote(genesis))
    chain.next_block()
    late = chain.enclave("late")
    late.refused(Attestation.StaleQuote, late.quote(genesis))


def test_block_must_still_be_in_block_hash(chain: AttestationChain) -> None:
    system, attestation = chain.rt.system, chain.attestation
    chain.next_block()
    block = chain.head
    while system.block_hash[1] == block:
        last = chain.enclave(f"{system.number}")
        last.attest(last.quote(block))
        chain.next_block()
    assert system.number == system.block_hash_count + 3
    chain.enclave().refused(Attestation.StaleQuote, chain.enclave().quote(block))
    assert len(list(attestation.recent)) == system.block_hash_count + 1
    chain.enclave().attest()  # genesis itself is never forgotten


# A quote counts once


def test_quote_counts_once(chain: AttestationChain) -> None:
    chain.next_block()
    worker = chain.enclave()
    quote = worker.quote()
    worker.attest(quote)
    worker.refused(Attestation.QuoteReused, quote)
    worker.refused(Attestation.QuoteReused, quote + bytes(70))  # a driver's buffer is longer than the quote
    worker.refused(Attestation.QuoteReused, worker.quote(chain.genesis_hash))
    chain.next_block()
    worker.refused(Attestation.QuoteReused, quote)
    worker.attest()


# Lies about the machine


@pytest.mark.parametrize("junk", [b"", b"\0" * 48, b"\3\0" + bytes(5000), b"\3\0\2\0" + bytes(44), bytes(5000)])
def test_not_a_quote(chain: AttestationChain, junk: bytes) -> None:
    with pytest.raises((Attestation.NotAQuote, Attestation.UnsupportedQuote)):
        chain.enclave().attest(junk)


def test_forged_model(chain: AttestationChain) -> None:
    """Who forges a certificate may name any model; the forgery counts for more than the lack of collateral."""
    worker = chain.enclave()
    worker.platform = Platform(fmspc=b"OTHERS")
    worker.refused(Attestation.NoCollateral)
    worker.refused(Attestation.QuoteForged, worker.quote(authority=Impostor(b"impostor")))


def test_measurement_is_listed(chain: AttestationChain) -> None:
    worker = chain.enclave(measurements=SgxMeasurements.of_runtime(b"\x99" * 32))
    worker.refused(Attestation.MeasurementNotAllowed)
    chain.sudo("allow_measurement", measurement=worker.measurements.measurement, name=b"new", version=b"2")
    assert chain.attestation.measurements[worker.measurements.measurement] == AllowedMeasurement(b"new", b"2")
    worker.attest()


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
def test_status_and_confidence(chain: AttestationChain, status: TcbStatus, level: int | None) -> None:
    worker = chain.enclave()
    worker.platform = Platform(tcb=dev_tcb(status))
    if level is None:
        worker.refused(Attestation.StatusNotAllowed)
        grace = START - DEV_ISSUED * 1000
        chain.sudo("set_policy", policy=replace(default_policy(), grace=grace - 1))
        worker.refused(Attestation.StatusNotAllowed)
        chain.sudo("set_policy", policy=replace(default_policy(), grace=grace))
    record = worker.attest()
    assert record.confidence == (level or 5)
    if level is None:
        assert (record.expires, worker.fault()) == (START + 1, None)
        chain.next_block()
        assert worker.fault() is Attestation.AttestationExpired  # what was accepted within the grace ends with it
        worker.refused(Attestation.StatusNotAllowed)


@pytest.mark.parametrize("allowed", attestation_record.TcbStatus)
@pytest.mark.parametrize("status", [status for status in TcbStatus if status is not TcbStatus.REVOKED])
def test_policy_takes_the_statuses_it_lists(
    chain: AttestationChain, allowed: attestation_record.TcbStatus, status: TcbStatus
) -> None:
    worker = chain.enclave(platform=Platform(tcb=dev_tcb(status)))
    chain.sudo("set_policy", policy=Policy([allowed], [], 0, 0))
    if status.value == allowed.name:
        assert worker.attest().status is allowed
    else:
        worker.refused(Attestation.StatusNotAllowed)


def test_policy_refuses_advisories_and_old_evaluations(chain: AttestationChain) -> None:
    worker = chain.enclave()
    worker.platform = Platform(tcb=dev_tcb(TcbStatus.SW_HARDENING_NEEDED))
    chain.sudo("set_policy", policy=Policy(list(attestation_record.TcbStatus), ["INTEL-SA-00615"], 0, 0))
    worker.refused(Attestation.AdvisoryNotAllowed)
    chain.sudo("set_policy", policy=Policy(list(attestation_record.TcbStatus), [], 0, 2))
    worker.refused(Attestation.EvaluationTooOld)
    newer = dev_collateral("sgx", evaluation_number=2)
    chain.sudo("set_collateral", tee=Tee.Sgx, collateral=newer)
    worker.attest()


# What ends an attestation


def test_disallowed_measurement_and_back(chain: AttestationChain) -> None:
    worker = chain.enclave()
    worker.attest()
    chain.sudo("disallow_measurement", measurement=SGX.measurement)
    assert worker.fault() is Attestation.MeasurementNotAllowed
    with noop(chain.rt, Attestation.UnknownMeasurement):
        chain.sudo("disallow_measurement", measurement=SGX.measurement)
    chain.sudo("allow_measurement", measurement=SGX.measurement, name=b"again", version=b"1")
    assert worker.fault() is None


def test_disallowed_runtime_and_back(chain: AttestationChain) -> None:
    worker = chain.enclave()
    worker.attest()
    chain.sudo("disallow_runtime", runtime_id=RUNTIME_ID)
    assert chain.rt.events[-1] == Attestation.RuntimeDisallowed(RUNTIME_ID)
    assert worker.fault() is Attestation.RuntimeNotAllowed
    with noop(chain.rt, Attestation.UnknownRuntime):
        chain.sudo("disallow_runtime", runtime_id=RUNTIME_ID)
    chain.next_block()
    worker.refused(Attestation.RuntimeNotAllowed)
    chain.sudo("allow_runtime", runtime_id=RUNTIME_ID)
    assert worker.fault() is None


def test_revoked_for_good(chain: AttestationChain) -> None:
    worker = chain.enclave()
    with noop(chain.rt, Attestation.NotAttested):
        chain.sudo("revoke", worker=worker.key)
    worker.attest()
    chain.sudo("revoke", worker=worker.key)
    assert chain.rt.events[-1] == Attestation.Revoked(worker.key)
    assert worker.fault() is Attestation.KeyRevoked
    chain.next_block()
    worker.refused(Attestation.KeyRevoked)


def test_expires_with_its_collateral(chain: AttestationChain) -> None:
    worker = chain.enclave()
    assert worker.fault() is Attestation.NotAttested
    worker.attest()
    end = DEV_EXPIRES * 1000
    chain.next_block(end - START - 100)
    assert worker.fault() is None
    chain.next_block()
    assert worker.fault() is Attestation.AttestationExpired
    worker.refused(Attestation.CollateralExpired)


def test_what_governance_did_counts_for_more_than_time(chain: AttestationChain) -> None:
    """An attestation that has expired is forgiven to who reveals; that it was ended is not."""
    worker = chain.enclave()
    worker.attest()
    with chain.at(DEV_EXPIRES * 1000):
        assert worker.fault() is Attestation.AttestationExpired
        chain.sudo("disallow_runtime", runtime_id=RUNTIME_ID)
        assert worker.fault() is Attestation.RuntimeNotAllowed
        chain.sudo("disallow_measurement", measurement=SGX.measurement)
        assert worker.fault() is Attestation.MeasurementNotAllowed


# Governance


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("set_collateral", {"tee": Tee.Sgx, "collateral": COLLATERAL[0][1]}),
        ("set_policy", {"policy": default_policy()}),
        ("allow_measurement", {"measurement": bytes(32), "name": b"n", "version": b"1"}),
        ("disallow_measurement", {"measurement": SGX.measurement}),
        ("revoke", {"worker": bytes(32)}),
        ("allow_runtime", {"runtime_id": bytes(32)}),
        ("disallow_runtime", {"runtime_id": RUNTIME_ID}),
    ],
)
def test_calls_are_roots(chain: AttestationChain, name: str, arguments: dict[str, Any]) -> None:
    with noop(chain.rt, BadOrigin):
        chain.rt.dispatch(chain.rt.call("Attestation", name, **arguments), signed(ALICE))


@pytest.mark.parametrize(
    "older",
    [
        dev_collateral("sgx", issued=DEV_ISSUED + 9, evaluation_number=5, crl_number=5),
        dev_collateral("sgx", issued=DEV_ISSUED + 10, evaluation_number=4, crl_number=5),
        dev_collateral("sgx", issued=DEV_ISSUED + 10, evaluation_number=5, crl_number=4),
    ],
)
def test_collateral_never_goes_back(chain: AttestationChain, older: bytes) -> None:
    current = dev_collateral("sgx", issued=DEV_ISSUED + 10, evaluation_number=5, crl_number=5)
    for _ in range(2):  # the same again is no step back
        chain.sudo("set_collateral", tee=Tee.Sgx, collateral=current)
    with noop(chain.rt, Attestation.CollateralGoesBack):
        chain.sudo("set_collateral", tee=Tee.Sgx, collateral=older)


def test_collateral_that_is_none(chain: AttestationChain) -> None:
    with noop(chain.rt, Attestation.BadCollateral):
        chain.sudo("set_collateral", tee=Tee.Tdx, collateral=COLLATERAL[0][1])
    with noop(chain.rt, Attestation.CollateralCarriesChain):
        carrying = COLLATERAL[0][1][:-1] + b',"pck_certificate_chain":null}'
        chain.sudo("set_collateral", tee=Tee.Sgx, collateral=carrying)
    with noop(chain.rt, Attestation.BadMeasurement):
        chain.sudo("allow_measurement", measurement=bytes(33), name=b"n", version=b"1")


@pytest.mark.parametrize("root", [dev_root(), None], ids=["root known", "no root"])
def test_a_chain_whose_genesis_forbids_it_knows_no_simulated_hardware(root: bytes | None) -> None:
    chain = AttestationChain(simulated_allowed=False, simulated_root=root, collateral=[])
    with noop(chain.rt, Attestation.SimulatedNotAllowed):
        chain.sudo("set_collateral", tee=Tee.Sgx, collateral=COLLATERAL[0][1])
    chain.enclave().refused(Attestation.SimulatedNotAllowed)


def test_genesis_from_json() -> None:
    patch = {
        "attestation": {
            "simulatedAllowed": True,
            "simulatedRoot": f"0x{dev_root().hex()}",
            "collateral": [["Sgx", COLLATERAL[0][1].decode()]],
            "measurements": [[f"0x{SGX.measurement.hex()}", "dev sgx", "1"]],
            "runtimes": [f"0x{RUNTIME_ID.hex()}"],
            "policy": {"statuses": ["UpToDate"], "refusedAdvisories": [], "grace": 5, "minimumEvaluation": 0},
        },
    }
    values = values_of_patch(AttestationRuntime, patch)["attestation"]
    assert values == {
        "simulated_allowed": True,
        "simulated_root": dev_root(),
        "collateral": [COLLATERAL[0]],
        "measurements": [(SGX.measurement, b"dev sgx", b"1")],
        "runtimes": [RUNTIME_ID],
        "policy": Policy([attestation_record.TcbStatus.UpToDate], [], 5, 0),
    }
    chain = AttestationChain(**values)
    assert chain.attestation.policy.grace == 5
    chain.enclave().attest()


def test_refusals_say_whose_error_it_is() -> None:
    own = refusal(Workers.TooSoon())
    assert (own.code, own.explanation) == (Workers.TooSoon.index, "TooSoon")
    assert refusal(Attestation.KeyRevoked()).code == 128 + Attestation.KeyRevoked.index
    assert len(Attestation.errors) <= 128
