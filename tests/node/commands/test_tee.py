"""`fathom tee`: quotes minted, inspected and corrupted; whatever file it is given, it answers."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.commands.tee_inspection import inspect, quote_bytes
from offchain.simulated_tee import DEV_ISSUED, SgxMeasurements, TcbStatus, TdxMeasurements, collateral, mint_quote
from offchain.simulated_tee.faults import FAULTS
from tests.node.commands.conftest import Fathom
from tests.vectors import vector

AT = DEV_ISSUED + 86_400
GENUINE_AT = 1_750_413_600
KEYS = ["tee", "version", "root", "status", "advisories", "measurement", "report_data", "ok", "error"]
TEES = ("sgx", "tdx")


def inspected(fathom: Fathom, quote: Path, *options: object) -> dict[str, Any]:
    """What is printed of a quote; the exit code says whether it holds."""
    outcome = fathom("tee", "inspect", str(quote), "--json", *map(str, options))
    found: dict[str, Any] = json.loads(outcome.out)
    assert list(found) == KEYS
    assert (outcome.code, outcome.err) == (0 if found["ok"] else 1, "")
    assert found["ok"] == (found["error"] is None)
    return found


@pytest.mark.parametrize("tee", TEES)
def test_a_genuine_quote(fathom: Fathom, tee: str) -> None:
    quote = vector(f"attestation/dcap-qvl/{tee}_quote")
    terms = "--collateral", vector(f"attestation/dcap-qvl/{tee}_quote_collateral.json")
    found = inspected(fathom, quote, *terms, "--at", GENUINE_AT)
    sgx = tee == "sgx"
    assert (found["tee"], found["version"], found["root"]) == (tee, 3 if sgx else 4, "intel")
    assert found["status"] == ("ConfigurationAndSWHardeningNeeded" if sgx else "UpToDate")
    assert found["advisories"] == (["INTEL-SA-00289", "INTEL-SA-00615"] if sgx else [])
    assert len(found["measurement"]) == 2 + 2 * (68 if sgx else 32)
    today = inspected(fathom, quote, *terms)
    assert today == found | {
        "ok": False,
        "status": None,
        "advisories": [],
        "error": "CollateralExpired: the collateral had expired at the time of inspection",
    }
    assert inspected(fathom, quote)["error"].startswith("NoCollateral: a quote of genuine hardware needs collateral")
    other = vector(f"attestation/dcap-qvl/{TEES[sgx]}_quote_collateral.json")
    assert "the collateral is for" in inspected(fathom, quote, "--collateral", other, "--at", GENUINE_AT)["error"]


def test_collateral_as_newer_tools_fetch_it(fathom: Fathom, tmp_path: Path) -> None:
    """With the machine's certificates, which count for nothing: the quote's own do."""
    fields = json.loads(vector("attestation/dcap-qvl/sgx_quote_collateral.json").read_bytes())
    file = tmp_path / "collateral.json"
    file.write_text(json.dumps(fields | {"pck_certificate_chain": "-----BEGIN NONSENSE-----"}))
    quote = vector("attestation/dcap-qvl/sgx_quote")
    assert inspected(fathom, quote, "--collateral", file, "--at", GENUINE_AT)["ok"]


@pytest.mark.parametrize(("tee", "form"), [("sgx", "4"), ("tdx", "4"), ("tdx", "5"), ("tdx", "5/1.5")])
@pytest.mark.parametrize("status", TcbStatus)
def test_minted(fathom: Fathom, tmp_path: Path, tee: str, form: str, status: TcbStatus) -> None:
    quote, terms = tmp_path / "quote", tmp_path / "terms"
    options = [
        "--tee",
        tee,
        "--form",
        form,
        "--status",
        status,
        "--report-data",
        "48656c6c6f",
        "--fmspc",
        "0x010203040506",
    ]
    assert fathom("tee", "mint", *options, "--output", str(quote), "--collateral", str(terms)).good == ""
    found = inspected(fathom, quote, "--collateral", terms, "--at", AT)
    assert (found["tee"], found["version"], found["root"]) == (tee, 3 if tee == "sgx" else int(form[0]), "simulated")
    assert found["report_data"] == "0x" + b"Hello".ljust(64, b"\0").hex()
    assert found["status"] == status.value
    assert found["ok"] == (status is not TcbStatus.REVOKED)
    assert inspected(fathom, quote, "--at", AT) == found  # the dev chain's collateral, for any model


def test_what_is_minted_depends_on_what_is_asked_for(fathom: Fathom) -> None:
    mint = fathom("tee", "mint").good
    assert mint == fathom("tee", "mint").good
    changes = [["--machine", "another"], ["--debug"], ["--runtime-id", "11" * 32], ["--certified-until", "1893456000"]]
    assert len({mint, *(fathom("tee", "mint", *change).good for change in changes)}) == 5
    measured = SgxMeasurements.of_runtime(bytes(32)).measurement
    assert inspect(mint.encode(), None, AT).measurement == f"0x{measured.hex()}"


def test_options_that_make_no_quote(fathom: Fathom) -> None:
    for options in (["--status", "Fine"], ["--report-data", "xyz"], ["--report-data", "00" * 65], ["--fmspc", "00"]):
        assert fathom("tee", "mint", *options).error
    assert "2 is" not in fathom("tee", "mint", "--certified-from", "5", "--certified-until", "5").error


@pytest.mark.parametrize("tee", TEES)
def test_every_fault(fathom: Fathom, tmp_path: Path, tee: str) -> None:
    good, bad, terms = tmp_path / "good", tmp_path / "bad", tmp_path / "terms"
    assert fathom("tee", "mint", "--tee", tee, "--output", str(good)).good == ""
    for name, fault in FAULTS.items():
        terms.unlink(missing_ok=True)
        outcome = fathom(
            "tee", "corrupt", name, str(good), "--output", str(bad), "--collateral", str(terms), "--at", str(AT)
        )
        if fault.tee not in (None, tee):
            assert "can't be wrong in this way" in outcome.error
            continue
        assert outcome.good == ""
        options = ["--collateral", terms] if terms.exists() else []
        found = inspected(fathom, bad, *options, "--at", AT)
        if name != "model":  # `inspect` makes collateral for any simulated model
            assert found["error"].partition(":")[0] == fault.error, name
            assert found["root"] == (
                "unknown" if fault.error in ("NotAQuote", "UnsupportedQuote", "UnknownRoot") else "simulated"
            )


def test_a_flipped_byte(fathom: Fathom, tmp_path: Path) -> None:
    good, bad = vector("attestation/dcap-qvl/tdx_quote"), tmp_path / "bad"
    terms = vector("attestation/dcap-qvl/tdx_quote_collateral.json")
    for place in (0, 60, 700, 3000, -1):
        assert (
            fathom("tee", "corrupt", "flip", str(good), "--place", str(place), "--mask", "255", "-o", str(bad)).good
            == ""
        )
        assert not inspected(fathom, bad, "--collateral", terms, "--at", GENUINE_AT)["ok"]
    assert "there is no byte" in fathom("tee", "corrupt", "flip", str(good), "--place", "5006").error
    assert "only its bytes can be changed" in fathom("tee", "corrupt", "debug", str(good)).error
    assert "is none of" in fathom("tee", "corrupt", "nonsense", str(good)).error
    assert "can't be read" in fathom("tee", "corrupt", "flip", str(tmp_path / "nothing")).error
    minted = tmp_path / "minted"
    minted.write_text(fathom("tee", "mint").good)
    assert "say with --collateral where" in fathom("tee", "corrupt", "machine-revoked", str(minted)).error


def test_people_read_it_without_json(fathom: Fathom, tmp_path: Path) -> None:
    quote = tmp_path / "quote"
    quote.write_text(fathom("tee", "mint", "--status", "OutOfDate").good)
    lines = fathom("tee", "inspect", str(quote), "--at", str(AT)).good.splitlines()
    assert [line.split() for line in lines][:5] == [
        ["tee", "sgx"],
        ["version", "3"],
        ["root", "simulated"],
        ["status", "OutOfDate"],
        ["advisories", "INTEL-SA-00828"],
    ]
    assert lines[-1].split() == ["ok", "yes"]


# Any file


QUOTE = mint_quote(bytes(64), TdxMeasurements.of_runtime(bytes(32)))


@pytest.mark.parametrize(
    "spelt",
    [
        QUOTE,
        QUOTE.hex().encode(),
        b"0x" + QUOTE.hex().upper().encode() + b"\n",
        b"0X" + QUOTE.hex().encode() + b"\r\n",
        base64.b64encode(QUOTE),
        base64.encodebytes(QUOTE),
        base64.urlsafe_b64encode(QUOTE).rstrip(b"="),
    ],
)
def test_a_quote_in_each_spelling(spelt: bytes) -> None:
    assert quote_bytes(spelt) == QUOTE
    assert inspect(spelt, None, AT).ok


def test_no_file(fathom: Fathom, tmp_path: Path) -> None:
    assert "can't be read" in inspected(fathom, tmp_path / "nothing")["error"]
    assert "can't be read" in inspected(fathom, tmp_path)["error"]
    assert inspected(fathom, Path("/dev/null"))["error"].startswith("NotAQuote")
    long = tmp_path / "long"
    long.write_bytes(QUOTE.ljust(1 << 20, b"\0"))
    assert inspected(fathom, long, "--at", AT)["ok"]
    long.write_bytes(long.read_bytes() + b"\1")  # no byte goes unread
    assert inspected(fathom, long, "--at", AT)["error"] == f"{long} can't be read: File too large"
    assert "File too large" in fathom("tee", "corrupt", "flip", str(long)).error


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=600),
        st.text(max_size=200).map(str.encode),
        st.builds(
            lambda at, junk: QUOTE[:at] + junk + QUOTE[at + len(junk) :], st.integers(0, 4200), st.binary(max_size=9)
        ),
    ),
    st.one_of(st.none(), st.binary(max_size=50), st.just(collateral("tdx", issued=DEV_ISSUED, expires=AT + 9))),
)
def test_whatever_it_is_given_it_answers(file: bytes, terms: bytes | None) -> None:
    found = inspect(file, terms, AT)
    assert found.ok == (found.error is None)
    if found.ok:
        assert quote_bytes(file).rstrip(b"\0").startswith(QUOTE.rstrip(b"\0"))
