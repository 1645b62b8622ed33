"""Quotes and collateral of real and simulated hardware, read and verified."""

from __future__ import annotations

import json
import re
from hashlib import sha256

import pytest

from offchain.simulated_tee import (
    DEV_FMSPC,
    Platform,
    SgxMeasurements,
    TcbStatus,
    TdxMeasurements,
    dev_root,
    dev_tcb,
    mint_quote,
)
from offchain.simulated_tee import Tee as TeeName
from pallets.dcap import (
    CarriesChain,
    Edition,
    InvalidCollateral,
    InvalidQuote,
    model_of,
    read_collateral,
    verify_quote,
)
from pallets.primitives import attestation_record
from pallets.primitives.attestation_record import Tee
from tests.pallets.job_chain import ISSUED, SGX, TDX, TEN_YEARS, dev_collateral
from tests.vectors import vector

NOW = ISSUED + 86_400
GENUINE_NOW = 1_750_413_600  # 2025-06-20, within both samples' validity
REPORT_DATA = bytes(range(64))
TEES: tuple[TeeName, ...] = ("sgx", "tdx")
MEASUREMENTS: dict[TeeName, SgxMeasurements | TdxMeasurements] = {"sgx": SGX, "tdx": TDX}
ARRAY, NUMBER = re.compile(r"(mr_\w+): \[([\d,\s]+)\]"), re.compile(r"isv_(?:prod_id|svn): (\d+)")
both = pytest.mark.parametrize("tee", TEES)


def genuine(tee: TeeName) -> tuple[bytes, bytes]:
    quote = vector(f"attestation/dcap-qvl/{tee}_quote").read_bytes()
    return quote, vector(f"attestation/dcap-qvl/{tee}_quote_collateral.json").read_bytes()


def kind(tee: TeeName) -> Tee:
    return Tee[tee.capitalize()]


@both
def test_simulated_quote_under_the_dev_root(tee: TeeName) -> None:
    quote = mint_quote(REPORT_DATA, MEASUREMENTS[tee])
    assert model_of(quote) == (kind(tee), DEV_FMSPC)
    claims = verify_quote(quote, dev_collateral(tee), dev_root(), NOW)
    assert claims.measurement == MEASUREMENTS[tee].measurement
    assert claims.report_data == REPORT_DATA
    assert (claims.status, claims.advisories, claims.evaluation) == (attestation_record.TcbStatus.UpToDate, [], 1)
    assert (claims.rated, claims.expires) == (ISSUED, ISSUED + TEN_YEARS)


@both
def test_simulated_quote_never_passes_intels_root(tee: TeeName) -> None:
    with pytest.raises(InvalidQuote):
        verify_quote(mint_quote(REPORT_DATA, MEASUREMENTS[tee]), dev_collateral(tee), None, NOW)


@both
def test_genuine_quote_under_intels_root(tee: TeeName) -> None:
    quote, collateral = genuine(tee)
    facts = read_collateral(kind(tee), collateral)
    assert facts.root == vector("attestation/dcap-qvl/TrustedRootCA.der").read_bytes()
    assert model_of(quote) == (kind(tee), facts.fmspc)
    claims = verify_quote(quote, collateral, None, GENUINE_NOW)
    assert claims.expires == facts.expires
    with pytest.raises(InvalidQuote):
        verify_quote(quote, collateral, dev_root(), GENUINE_NOW)


def test_genuine_sgx_quote_says_what_upstream_reads() -> None:
    claims = verify_quote(*genuine("sgx"), None, GENUINE_NOW)
    assert claims.report_data == b"Hello, world!".ljust(64, b"\0")
    assert claims.status is attestation_record.TcbStatus.ConfigurationAndSWHardeningNeeded
    assert claims.advisories == ["INTEL-SA-00289", "INTEL-SA-00615"]
    upstream = vector("attestation/dcap-qvl/verify_quote__could_parse_sgx_quote.snap").read_text()
    found = {name: bytes(map(int, re.findall(r"\d+", numbers))) for name, numbers in ARRAY.findall(upstream)}
    product, version = (int(number).to_bytes(2, "little") for number in NUMBER.findall(upstream))
    assert claims.measurement == found["mr_enclave"] + product + version + found["mr_signer"]


def test_genuine_tdx_measurement_is_dstacks_aggregate() -> None:
    quote, collateral = genuine("tdx")
    body = quote[48 : 48 + 584]
    registers = [body[at : at + 48] for at in (136, 328, 376, 424, 472)]
    assert not any(body[184:328])  # config id, owner, owner config
    claims = verify_quote(quote, collateral, None, GENUINE_NOW)
    assert claims.measurement == sha256(b"".join(registers)).digest()
    assert claims.report_data == body[520:584]


@both
@pytest.mark.parametrize("status", TcbStatus)
def test_every_status_is_known_and_revoked_refused(tee: TeeName, status: TcbStatus) -> None:
    quote = mint_quote(REPORT_DATA, MEASUREMENTS[tee], Platform(tcb=dev_tcb(status)))
    if status is TcbStatus.REVOKED:
        with pytest.raises(InvalidQuote):
            verify_quote(quote, dev_collateral(tee), dev_root(), NOW)
    else:
        assert verify_quote(quote, dev_collateral(tee), dev_root(), NOW).status.name == status.value


@both
def test_debug_enclaves_are_refused(tee: TeeName) -> None:
    debug = type(MEASUREMENTS[tee])(**{**vars(MEASUREMENTS[tee]), "debug": True})
    with pytest.raises(InvalidQuote):
        verify_quote(mint_quote(REPORT_DATA, debug), dev_collateral(tee), dev_root(), NOW)


@both
@pytest.mark.parametrize("now", [ISSUED - 1, ISSUED + TEN_YEARS])
def test_outside_its_time_collateral_is_refused(tee: TeeName, now: int) -> None:
    with pytest.raises(InvalidQuote):
        verify_quote(mint_quote(REPORT_DATA, MEASUREMENTS[tee]), dev_collateral(tee), dev_root(), now)


@both
def test_collateral_says_what_it_is(tee: TeeName) -> None:
    terms = dev_collateral(tee, crl_expires=ISSUED + 7, evaluation_number=5, crl_number=9)
    facts = read_collateral(kind(tee), terms)
    assert (facts.fmspc, facts.root, facts.expires) == (DEV_FMSPC, dev_root(), ISSUED + 7)
    assert facts.edition == Edition(ISSUED, 5, ISSUED, 5, 9, 9)
    with pytest.raises(InvalidCollateral):
        read_collateral(Tee.Tdx if tee == "sgx" else Tee.Sgx, terms)


def test_a_chain_in_the_collateral_is_refused() -> None:
    fields = json.loads(dev_collateral("sgx"))
    for spelt in ('"pck_certificate_chain"', '"pck\\u005fcertificate_chain"'):
        for value in ("null", json.dumps(fields["tcb_info_issuer_chain"])):
            text = json.dumps(fields)[:-1] + f", {spelt}: {value}}}"
            with pytest.raises(CarriesChain):
                read_collateral(Tee.Sgx, text.encode())


def _without(name: str) -> bytes:
    fields = json.loads(dev_collateral("sgx"))
    del fields[name]
    return json.dumps(fields).encode()


def _inside(part: str, **changes: object) -> bytes:
    fields = json.loads(dev_collateral("sgx"))
    fields[part] = json.dumps({**json.loads(fields[part]), **changes})
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    "garbled",
    [
        b"",
        b"\xff",
        b"5",
        b"null",
        b"{}",
        b"[" * 50_000,
        b'["' + b'","'.join([b""] * 9) + b'"]',
        _without("qe_identity"),
        _without("root_ca_crl"),
        _inside("tcb_info", nextUpdate="tomorrow"),
        _inside("tcb_info", nextUpdate="2036-01-01"),
        _inside("tcb_info", issueDate=5),
        _inside("tcb_info", fmspc="00"),
        _inside("tcb_info", tcbEvaluationDataNumber=2**32),
        _inside("qe_identity", issueDate="1969-01-01T00:00:00Z"),
        dev_collateral("sgx").replace(b'"root_ca_crl":"30', b'"root_ca_crl":"31'),
        dev_collateral("sgx").replace(b"BEGIN CERTIFICATE", b"BEGIN NOTHING"),
        dev_collateral("sgx").replace(b'"tcb_info":"{', b'"tcb_info":"' + b"[" * 5_000 + b"{"),
    ],
)
def test_garbled_collateral_is_refused(garbled: bytes) -> None:
    with pytest.raises(InvalidCollateral):
        read_collateral(Tee.Sgx, garbled)


@pytest.mark.parametrize("junk", [b"", b"\0" * 48, b"\x03\0" + bytes(5000), bytes(range(256)) * 16])
def test_junk_is_no_quote(junk: bytes) -> None:
    with pytest.raises(InvalidQuote):
        model_of(junk)


@pytest.mark.parametrize("place", range(6))
def test_an_edition_is_behind_if_any_part_is(place: int) -> None:
    numbers = [5] * 6
    assert not Edition(*numbers).behind(Edition(*numbers))
    numbers[place] = 4
    assert Edition(*numbers).behind(Edition(*[5] * 6))
    assert not Edition(*[5] * 6).behind(Edition(*numbers))
