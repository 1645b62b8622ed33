"""Quotes verified under both roots; every byte of them counts, and every refusal has its name."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from offchain.simulated_tee import (
    DEV_AUTHORITY,
    DEV_EXPIRES,
    DEV_FMSPC,
    DEV_ISSUED,
    DEV_TCB_LEVELS,
    Platform,
    SgxMeasurements,
    TcbLevel,
    TcbStatus,
    TdxForm,
    TdxMeasurements,
    dev_root,
    dev_tcb,
    mint_quote,
)
from offchain.simulated_tee import Tee as TeeName
from offchain.simulated_tee.certificates import sign_raw
from offchain.simulated_tee.machine import Tcb
from pallets.attestation import dcap
from pallets.attestation.certificates import Roots
from pallets.attestation.collateral_parts import read_bundle, read_rating
from pallets.attestation.dcap_diagnosis import reason
from pallets.attestation.dcap_errors import (
    CertificateExpired,
    NoMatchingTcbLevel,
    QuoteForged,
    SimulatedNotAllowed,
    TcbRevoked,
    UnknownRoot,
    WrongTdxModule,
)
from pallets.primitives import attestation_record
from pallets.primitives.attestation_record import PckCa, Tee, TrustRoot
from pallets.primitives.quote import (
    TD_HARMLESS_ATTRIBUTES,
    DcapError,
    DomainReport,
    NotAQuote,
    UnsupportedQuote,
    parse_quote,
)
from tests.pallets.attestation_chain import SGX, TDX, dev_collateral
from tests.pallets.flips import MASKS, NOW, Sample
from tests.vectors import vector

REPORT_DATA = bytes(range(64))
TEES: tuple[TeeName, ...] = ("sgx", "tdx")
MEASUREMENTS: dict[TeeName, SgxMeasurements | TdxMeasurements] = {"sgx": SGX, "tdx": TDX}
ROOTS = Roots(dev_root(), allowed=True)
DEV_NOW = (DEV_ISSUED + 86_400) * 1000
ARRAY, NUMBER = re.compile(r"(mr_\w+): \[([\d,\s]+)\]"), re.compile(r"isv_(?:prod_id|svn): (\d+)")
both = pytest.mark.parametrize("tee", TEES)


def simulated(tee: TeeName, platform: Platform = Platform(), form: TdxForm = "4") -> Sample:
    quote = mint_quote(REPORT_DATA, MEASUREMENTS[tee], platform, form=form)
    terms = read_rating(read_bundle(dev_collateral(tee)), ROOTS).terms
    return Sample(quote, terms, ROOTS)


@pytest.mark.parametrize(("tee", "form"), [("sgx", "4"), ("tdx", "4"), ("tdx", "5"), ("tdx", "5/1.5")])
def test_simulated_quote_under_the_dev_root(tee: TeeName, form: TdxForm) -> None:
    sample = simulated(tee, form=form)
    quote = parse_quote(sample.quote)
    machine = dcap.Machine.of(quote, ROOTS)
    assert (machine.root, machine.ca, machine.fmspc) == (TrustRoot.Simulated, PckCa.Platform, DEV_FMSPC)
    assert (quote.version, quote.tee) == (3 if tee == "sgx" else int(form[0]), Tee[tee.capitalize()])
    assert (quote.measurement, quote.report_data) == (MEASUREMENTS[tee].measurement, REPORT_DATA)
    if isinstance(quote.report, DomainReport):
        assert len(quote.report.service) == (48 if form == "5/1.5" else 0)
    claims = sample.claims(sample.quote, DEV_NOW)
    assert (claims.status, claims.advisories, claims.evaluation) == (attestation_record.TcbStatus.UpToDate, [], 1)
    assert (claims.rated, claims.starts, claims.expires) == tuple(
        second * 1000 for second in (DEV_ISSUED, DEV_ISSUED, DEV_EXPIRES)
    )


@both
def test_simulated_quote_never_passes_intels_root(tee: TeeName) -> None:
    for roots in (Roots(), Roots(dev_root(), allowed=False), Roots(b"another", allowed=True)):
        with pytest.raises(SimulatedNotAllowed):
            simulated(tee)._replace(roots=roots).claims(simulated(tee).quote, DEV_NOW)


def test_genuine_sgx_quote_says_what_upstream_reads() -> None:
    sample = Sample.of("sgx")
    quote = parse_quote(sample.quote)
    machine, claims = dcap.Machine.of(quote, Roots()), sample.claims(sample.quote)
    assert (machine.root, machine.ca, machine.fmspc.hex()) == (TrustRoot.Intel, PckCa.Processor, "00a067110000")
    assert quote.report_data == b"Hello, world!".ljust(64, b"\0")
    assert claims.status is attestation_record.TcbStatus.ConfigurationAndSWHardeningNeeded
    assert claims.advisories == ["INTEL-SA-00289", "INTEL-SA-00615"]
    assert (claims.evaluation, claims.rated, claims.expires) == (17, 1_710_288_000_000, 1_752_919_278_000)
    upstream = vector("attestation/dcap-qvl/verify_quote__could_parse_sgx_quote.snap").read_text()
    found = {name: bytes(map(int, re.findall(r"\d+", numbers))) for name, numbers in ARRAY.findall(upstream)}
    product, version = (int(number).to_bytes(2, "little") for number in NUMBER.findall(upstream))
    assert quote.measurement == found["mr_enclave"] + product + version + found["mr_signer"]


def test_genuine_tdx_measurement_is_dstacks_aggregate() -> None:
    sample = Sample.of("tdx")
    quote, body = parse_quote(sample.quote), sample.quote[48 : 48 + 584]
    registers = [body[at : at + 48] for at in (136, 328, 376, 424, 472)]
    assert not any(body[184:328])  # config id, owner, owner config
    assert quote.measurement == sha256(b"".join(registers)).digest()
    assert quote.report_data == body[520:584]
    machine, claims = dcap.Machine.of(quote, Roots()), sample.claims(sample.quote)
    assert (machine.root, machine.ca, machine.fmspc.hex()) == (TrustRoot.Intel, PckCa.Platform, "b0c06f000000")
    assert (claims.status, claims.advisories) == (attestation_record.TcbStatus.UpToDate, [])


# Every byte counts


def regions(quote: bytes) -> list[int]:
    """The first and last byte of every part of a quote, and all bytes of its lengths and types."""
    parsed = parse_quote(quote)
    parts = (parsed.signature, parsed.attestation_key, parsed.qe_report, parsed.qe_signature, parsed.chain)
    ends = [at for part in parts for at in (quote.index(part), quote.index(part) + len(part) - 1)]
    chain, signed, key = quote.index(parsed.chain), len(parsed.signed), quote.index(parsed.qe_report)
    lengths = [*range(signed, signed + 4), *range(chain - 6, chain), *range(key - 6, key)]
    authentication = quote.index(parsed.qe_authentication)
    return [*range(54), signed - 1, *ends, *lengths, authentication - 2, authentication - 1, len(quote) - 1]


@both
def test_one_byte_flipped_in_a_genuine_quote(tee: TeeName) -> None:
    sample = Sample.of(tee)
    assert sample.flipped(regions(sample.quote), (1, 0xFF))["accepted"] == 0
    places = random.Random(5).sample(range(len(sample.quote)), 150)
    found = sample.flipped(places, (MASKS[tee == "sgx"],))
    assert set(found) <= {"NotAQuote", "UnsupportedQuote", "QuoteForged", "UnknownRoot"}
    assert found["QuoteForged"] > 40 and found["NotAQuote"] > 20


@pytest.mark.parametrize(("tee", "form"), [("sgx", "4"), ("tdx", "5"), ("tdx", "5/1.5")])
def test_one_byte_flipped_in_a_simulated_quote(tee: TeeName, form: TdxForm) -> None:
    sample = simulated(tee, form=form)
    places = [*regions(sample.quote), *random.Random(6).sample(range(len(sample.quote)), 60)]
    for place in places:
        quote = bytearray(sample.quote)
        quote[place] ^= 0x10
        with pytest.raises(DcapError):
            sample.claims(bytes(quote), DEV_NOW)


def test_what_may_follow_a_quote() -> None:
    sample = simulated("sgx")
    assert sample.claims(sample.quote + bytes(70), DEV_NOW) == sample.claims(sample.quote, DEV_NOW)
    for tail in (b"\1", b"\0\0\1\0", sample.quote):
        with pytest.raises(NotAQuote):
            parse_quote(sample.quote + tail)


@both
def test_cut_anywhere(tee: TeeName) -> None:
    quote = simulated(tee).quote
    for length in range(0, len(quote), 7):
        with pytest.raises(NotAQuote):
            parse_quote(quote[:length])


@pytest.mark.parametrize("junk", [b"", b"\0" * 48, b"\x03\0" + bytes(5000), bytes(range(256)) * 16])
def test_junk_is_no_quote(junk: bytes) -> None:
    with pytest.raises((NotAQuote, UnsupportedQuote)):
        parse_quote(junk)


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "a word before": lambda pem: b"x" + pem,
    "a line between": lambda pem: pem.replace(b"-----END", b"\n-----END", 1),
    "without its root": lambda pem: pem[: pem.rindex(b"-----BEGIN")],
    "its root twice": lambda pem: pem + pem[pem.rindex(b"-----BEGIN") :],
    "none at all": lambda pem: b"",
    "two zeros": lambda pem: pem + b"\0\0",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_certificates_are_spelt_in_one_way(spelling: str) -> None:
    sample = Sample.of("tdx")
    parsed = parse_quote(sample.quote)
    other = parsed._replace(chain=SPELLINGS[spelling](parsed.chain.rstrip(b"\0")))
    with pytest.raises(NotAQuote):
        dcap.Machine.of(other, Roots())
    for ending in (b"", b"\0"):  # as quoting enclaves end them
        dcap.Machine.of(parsed._replace(chain=parsed.chain.rstrip(b"\0") + ending), Roots())


# The reason


@both
@pytest.mark.parametrize("status", TcbStatus)
def test_every_status_is_known_and_revoked_refused(tee: TeeName, status: TcbStatus) -> None:
    sample = simulated(tee, Platform(tcb=dev_tcb(status)))
    if status is TcbStatus.REVOKED:
        with pytest.raises(TcbRevoked):
            sample.claims(sample.quote, DEV_NOW)
    else:
        assert sample.claims(sample.quote, DEV_NOW).status.name == status.value


def test_a_domain_launched_by_an_older_module() -> None:
    """A report of TDX 1.5 says which module launched the domain, and which one runs now."""
    newest = DEV_TCB_LEVELS[0]
    older = replace(newest.tcb, tdx=newest.tcb.tdx[:2] + b"\2" + bytes(13))
    levels = (newest, TcbLevel(TcbStatus.OUT_OF_DATE, older))
    terms = read_rating(read_bundle(dev_collateral("tdx", levels=levels)), ROOTS).terms
    for current, status in ((None, "OutOfDate"), (newest.tcb.tdx, "TDRelaunchAdvised")):
        sample = simulated("tdx", Platform(tcb=older, current_tdx=current), form="5/1.5")._replace(terms=terms)
        assert sample.claims(sample.quote, DEV_NOW).status.name == status


@pytest.mark.parametrize(
    ("current", "error"), [(b"\6\1\0", NoMatchingTcbLevel), (b"\5\1\3", WrongTdxModule), (b"\6\x09\3", WrongTdxModule)]
)
def test_the_module_that_runs_now_counts_too(current: bytes, error: type[DcapError]) -> None:
    sample = simulated("tdx", Platform(current_tdx=current + bytes(13)), form="5/1.5")
    with pytest.raises(error):
        sample.claims(sample.quote, DEV_NOW)


@pytest.mark.parametrize("form", ["4", "5", "5/1.5"])
def test_each_attribute_of_a_domain(form: TdxForm) -> None:
    """The reason's name goes by the verifier's own choice of attributes, be the quote good otherwise or not."""
    good, old = (simulated("tdx", Platform(tcb=tcb), form) for tcb in (DEV_TCB_LEVELS[0].tcb, Tcb(bytes(16), 0)))
    signed = len(parse_quote(good.quote).signed)
    at = 48 + (0 if form == "4" else 6) + 120
    for bit in range(64):
        names = []
        for sample in (good, old):
            quote = bytearray(sample.quote)
            quote[at + bit // 8] |= 1 << bit % 8
            key = DEV_AUTHORITY.attestation_key(Platform())
            quote[signed + 4 : signed + 68] = sign_raw(key, bytes(quote[:signed]))
            try:
                sample.claims(bytes(quote), DEV_NOW)
            except DcapError as error:
                names.append(type(error).__name__)
        harmless = TD_HARMLESS_ATTRIBUTES >> bit & 1
        assert names == (["NoMatchingTcbLevel"] if harmless else ["UnsafeDomain" if bit else "DebugEnclave"] * 2)


def test_an_old_quoting_enclave_dates_the_machine() -> None:
    """So that a grace begins when the older of both went out of date."""
    fields = json.loads(dev_collateral("sgx"))
    identity = json.loads(fields["qe_identity"])
    level = identity["tcbLevels"][0]
    identity["tcbLevels"] = [level | {"tcbStatus": "OutOfDate", "tcbDate": "2025-01-01T00:00:00Z"}]
    text = json.dumps(identity)
    fields |= {
        "qe_identity": text,
        "qe_identity_signature": sign_raw(DEV_AUTHORITY.tcb_signing_key, text.encode()).hex(),
    }
    sample = simulated("sgx")
    claims = sample._replace(terms=read_rating(read_bundle(json.dumps(fields).encode()), ROOTS).terms).claims(
        sample.quote, DEV_NOW
    )
    assert (claims.status, claims.rated) == (attestation_record.TcbStatus.OutOfDate, 1_735_689_600_000)


def test_a_genuine_quote_on_older_levels() -> None:
    """Its machine's versions, by TCB info that asks for more: a level is never guessed."""
    sample = Sample.of("sgx")
    quote = parse_quote(sample.quote)
    machine = dcap.Machine.of(quote, Roots())._replace(pce_svn=0)
    found = reason(quote, machine.chain, machine.cpu_svn, machine.pce_svn, sample.terms, NOW)
    assert isinstance(found, NoMatchingTcbLevel)
    assert reason(quote, machine.chain, machine.cpu_svn, 13, sample.terms, NOW) is None


def test_the_first_reason_counts() -> None:
    """A forged quote is forged, whatever else is wrong with it."""
    platform = Platform(tcb=dev_tcb(TcbStatus.REVOKED), valid_until=DEV_ISSUED)
    sample = simulated("sgx", platform)
    with pytest.raises(CertificateExpired):
        sample.claims(sample.quote, DEV_NOW)
    broken = bytearray(sample.quote)
    broken[100] ^= 1
    with pytest.raises(QuoteForged):
        sample.claims(bytes(broken), DEV_NOW)


def test_collateral_of_another_root_helps_no_quote() -> None:
    genuine, dev = Sample.of("sgx"), simulated("sgx")
    for one, other in ((genuine, dev), (dev, genuine)):
        with pytest.raises(DcapError):
            one._replace(terms=other.terms, roots=ROOTS).claims(one.quote, NOW)
    with pytest.raises(UnknownRoot):
        Roots().of(dcap.Machine.of(parse_quote(genuine.quote), Roots()).chain[0])


# Memory


def test_memory_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dcap, "_remembered", {})
    monkeypatch.setattr(dcap, "REMEMBERED", 3)
    asked: list[int] = []
    verified = dcap._verified

    def counted(*arguments: Any) -> dcap.Claims:
        asked.append(arguments[-1])
        return verified(*arguments)

    monkeypatch.setattr(dcap, "_verified", counted)
    sample = simulated("sgx", Platform(valid_until=DEV_ISSUED + 100_000))
    first, last = DEV_NOW, (DEV_ISSUED + 100_000) * 1000 - 1
    assert sample.claims(sample.quote, first) is sample.claims(sample.quote, last)
    assert asked == [first]
    for beyond in (last + 1, DEV_ISSUED * 1000 - 1):  # outside of what it says of itself it isn't taken
        with pytest.raises(DcapError):
            sample.claims(sample.quote, beyond)
    assert sample.claims(sample.quote, last).expires == last + 1
    assert asked == [first, last + 1, DEV_ISSUED * 1000 - 1]
    others = [simulated("sgx", Platform(ppid=bytes((number,)) * 16)) for number in range(3)]
    for other in others:
        other.claims(other.quote, first)
    assert len(dcap._remembered) == 3  # the oldest is forgotten
    sample.claims(sample.quote, first)
    assert len(asked) == 7


def test_memory_knows_collateral_and_root_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dcap, "_remembered", {})
    sample = simulated("sgx")
    assert sample.claims(sample.quote, DEV_NOW).evaluation == 1
    newer = read_rating(read_bundle(dev_collateral("sgx", evaluation_number=2)), ROOTS).terms
    assert sample._replace(terms=newer).claims(sample.quote, DEV_NOW).evaluation == 2
    revoking = read_rating(read_bundle(dev_collateral("sgx", revoked=[Platform()])), ROOTS).terms
    with pytest.raises(DcapError):
        sample._replace(terms=revoking).claims(sample.quote, DEV_NOW)
    with pytest.raises(SimulatedNotAllowed):
        sample._replace(roots=Roots()).claims(sample.quote, DEV_NOW)
    assert len(dcap._remembered) == 2
