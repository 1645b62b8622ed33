"""Simulated quotes and collateral, judged by dcap-qvl beside genuine samples of both kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from offchain.simulated_tee import (
    DEV_AUTHORITY,
    DEV_FMSPC,
    DEV_PLATFORM,
    DEV_TCB_LEVELS,
    Authority,
    InvalidPeriod,
    OutOfRange,
    Platform,
    SgxMeasurements,
    Tcb,
    TcbLevel,
    TcbStatus,
    TdxMeasurements,
    Tee,
    WrongLength,
    collateral,
    dev_root,
    dev_tcb,
    mint_quote,
)
from offchain.simulated_tee.certificates import sign_raw
from tests.vectors import vector

ISSUED = 1_767_225_600  # 2026-01-01
NOW = ISSUED + 86_400
EXPIRES = ISSUED + 10 * 365 * 86_400
GENUINE_NOW = 1_750_413_600  # 2025-06-20, within both samples' validity

RUNTIME_ID = bytes(range(32))
REPORT_DATA = bytes(range(64))

TEES: tuple[Tee, ...] = ("sgx", "tdx")
both = pytest.mark.parametrize("tee", TEES)


class Layout(NamedTuple):
    signed: int  # bytes of header and body
    report: str  # the body's name in dcap-qvl's JSON
    version: int
    tee_type: int


LAYOUTS: dict[Tee, Layout] = {
    "sgx": Layout(48 + 384, "SgxEnclave", 3, 0),
    "tdx": Layout(48 + 584, "TD10", 4, 129),
}


def measurements(tee: Tee, runtime_id: bytes = RUNTIME_ID) -> SgxMeasurements | TdxMeasurements:
    kind = SgxMeasurements if tee == "sgx" else TdxMeasurements
    return kind.of_runtime(runtime_id)


def mint(tee: Tee, platform: Platform = DEV_PLATFORM, authority: Authority = DEV_AUTHORITY) -> bytes:
    return mint_quote(REPORT_DATA, measurements(tee), platform, authority)


@cache
def terms(tee: Tee) -> dcap_qvl.QuoteCollateralV3:
    return parsed(collateral(tee, issued=ISSUED, expires=EXPIRES))


def parsed(collateral_json: bytes) -> dcap_qvl.QuoteCollateralV3:
    return dcap_qvl.QuoteCollateralV3.from_json(collateral_json.decode())


def verify(
    quote: bytes, held: dcap_qvl.QuoteCollateralV3, *, root: bytes | None = None, now: int = NOW
) -> dict[str, Any]:
    report = dcap_qvl.verify_with_root_ca(quote, held, dev_root() if root is None else root, now)
    fields: dict[str, Any] = json.loads(report.to_json())
    return fields


def claims(quote: bytes, held: dcap_qvl.QuoteCollateralV3, policy: dcap_qvl.QuotePolicy) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(
        dcap_qvl.QuoteVerifier(dev_root()).verify_with_policy(quote, held, NOW, policy).to_json()
    )
    return fields


def genuine(tee: Tee) -> tuple[bytes, dcap_qvl.QuoteCollateralV3]:
    quote = vector(f"attestation/dcap-qvl/{tee}_quote").read_bytes()
    return quote, parsed(vector(f"attestation/dcap-qvl/{tee}_quote_collateral.json").read_bytes())


def intel_root() -> bytes:
    return vector("attestation/dcap-qvl/TrustedRootCA.der").read_bytes()


@both
def test_verifies_under_the_dev_root(tee: Tee) -> None:
    verified = verify(mint(tee), terms(tee))
    assert verified["status"] == "UpToDate"
    assert verified["advisory_ids"] == []
    assert verified["report"][LAYOUTS[tee].report]["report_data"] == REPORT_DATA.hex()


@both
def test_passes_the_strictest_policy(tee: Tee) -> None:
    made = claims(mint(tee), terms(tee), dcap_qvl.QuotePolicy.strict(NOW))
    assert (made["header"]["version"], made["tee_type"]) == LAYOUTS[tee][2:]
    assert made["tcb"] == {"status": "UpToDate", "advisory_ids": [], "eval_data_number": 1}
    assert bytes(made["platform"]["pck"]["fmspc"]) == DEV_FMSPC
    assert bytes(made["platform"]["pck"]["ppid"]) == DEV_PLATFORM.ppid
    assert made["earliest_expiration_date"] == EXPIRES


@both
def test_intels_root_rejects(tee: Tee) -> None:
    with pytest.raises(ValueError, match="InvalidCrlSignatureForPublicKey"):
        dcap_qvl.verify(mint(tee), terms(tee), NOW)
    with pytest.raises(ValueError, match="InvalidCrlSignatureForPublicKey"):
        verify(mint(tee), terms(tee), root=intel_root())
    _, genuine_terms = genuine(tee)
    with pytest.raises(ValueError, match=r"UnknownIssuer|InvalidSignatureForPublicKey"):
        verify(mint(tee), genuine_terms, root=intel_root(), now=GENUINE_NOW)


@both
def test_genuine_quotes_need_intels_root(tee: Tee) -> None:
    quote, genuine_terms = genuine(tee)
    assert (
        verify(quote, genuine_terms, root=intel_root(), now=GENUINE_NOW)["status"]
        == {
            "sgx": "ConfigurationAndSWHardeningNeeded",
            "tdx": "UpToDate",
        }[tee]
    )
    with pytest.raises(ValueError, match="InvalidCrlSignatureForPublicKey"):
        verify(quote, genuine_terms, now=GENUINE_NOW)
    with pytest.raises(ValueError, match=r"UnknownIssuer|InvalidSignatureForPublicKey"):
        verify(quote, terms(tee))


@both
def test_has_the_form_of_a_genuine_quote(tee: Tee) -> None:
    ours, theirs = dcap_qvl.parse_quote(mint(tee)), dcap_qvl.parse_quote(genuine(tee)[0])
    for field in ("version", "attestation_key_type", "tee_type", "qe_vendor_id"):
        assert getattr(ours.header, field) == getattr(theirs.header, field)
    assert type(ours.report) is type(theirs.report)
    for field in {"sgx": ("attributes",), "tdx": ("td_attributes", "xfam", "seam_attributes", "mr_signer_seam")}[tee]:
        assert getattr(ours.report, field) == getattr(theirs.report, field)
    our_chain, their_chain = (
        x509.load_pem_x509_certificates(quote.cert_chain_pem_bytes() or b"") for quote in (ours, theirs)
    )
    assert len(our_chain) == len(their_chain) == 3
    for leaf, issuer in pairwise(our_chain):
        leaf.verify_directly_issued_by(issuer)
    assert our_chain[-1].public_bytes(Encoding.DER) == dev_root()


@both
def test_collateral_has_the_fields_of_a_genuine_one(tee: Tee) -> None:
    ours = json.loads(collateral(tee, issued=ISSUED, expires=EXPIRES))
    theirs = json.loads(vector(f"attestation/dcap-qvl/{tee}_quote_collateral.json").read_bytes())
    assert ours.keys() == theirs.keys()
    for document in ("tcb_info", "qe_identity"):
        assert json.loads(ours[document]).keys() == json.loads(theirs[document]).keys()


def test_verifiers_read_the_machine_from_its_certificate() -> None:
    platform = Platform(ppid=bytes(range(16)), fmspc=b"abcdef", tcb=Tcb(sgx=bytes(range(120, 136)), pce=300))
    quote = dcap_qvl.parse_quote(mint("tdx", platform))
    extension = quote.pck_extension()
    assert extension is not None
    assert (extension.ppid, extension.fmspc, extension.cpu_svn, extension.pce_svn, extension.pce_id) == (
        platform.ppid,
        platform.fmspc,
        platform.tcb.sgx,
        platform.tcb.pce,
        b"\0\0",
    )
    for index, svn in enumerate(platform.tcb.sgx, start=1):
        assert int.from_bytes(extension.get_value(f"1.2.840.113741.1.13.1.2.{index}") or b"", "big") == svn
    assert quote.ca() == "platform"


@both
@pytest.mark.parametrize("level", DEV_TCB_LEVELS, ids=lambda level: str(level.status))
def test_every_status_can_be_staged_on_one_collateral(tee: Tee, level: TcbLevel) -> None:
    quote = mint(tee, Platform(tcb=dev_tcb(level.status)))
    if level.status is TcbStatus.REVOKED:
        with pytest.raises(ValueError, match="TCB status is invalid: Revoked"):
            verify(quote, terms(tee))
        return
    verified = verify(quote, terms(tee))
    assert verified["status"] == level.status.value
    assert verified["advisory_ids"] == list(level.advisories)


def test_the_dev_levels_cover_every_status() -> None:
    assert [level.status for level in DEV_TCB_LEVELS] == list(TcbStatus)


@both
def test_own_levels_rate_in_any_order(tee: Tee) -> None:
    tcb = DEV_PLATFORM.tcb
    levels = (
        TcbLevel(TcbStatus.OUT_OF_DATE, replace(tcb, pce=1), ("INTEL-SA-00001",), date=NOW - 40 * 86_400),
        TcbLevel(TcbStatus.UP_TO_DATE, replace(tcb, pce=tcb.pce + 1)),
    )
    own = parsed(collateral(tee, issued=ISSUED, expires=EXPIRES, levels=levels))
    assert verify(mint(tee, Platform(tcb=replace(tcb, pce=tcb.pce + 1))), own)["status"] == "UpToDate"
    outdated = mint(tee)
    assert verify(outdated, own)["advisory_ids"] == ["INTEL-SA-00001"]

    def within_grace(days: int) -> dcap_qvl.QuotePolicy:
        return dcap_qvl.QuotePolicy.strict(NOW).allow_status("OutOfDate").platform_grace_period(days * 86_400)

    assert claims(outdated, own, within_grace(50))["tcb"]["status"] == "OutOfDate"
    with pytest.raises(ValueError, match="Platform TCB too old"):
        claims(outdated, own, within_grace(30))


def stranger(tee: Tee) -> bytes:
    return mint(tee, authority=Authority(b"a root that nobody trusts"))


def other_model(tee: Tee) -> bytes:
    return mint(tee, Platform(fmspc=b"\0\0\0\0\0\1"))


def below_every_level(tee: Tee) -> bytes:
    return mint(tee, Platform(tcb=Tcb(sgx=bytes(16), pce=0)))


def debug_enclave(tee: Tee) -> bytes:
    return mint_quote(REPORT_DATA, replace(measurements(tee), debug=True))


def truncated(tee: Tee) -> bytes:
    return mint(tee)[:-1]


def empty(_: Tee) -> bytes:
    return b""


@both
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (stranger, "InvalidSignatureForPublicKey"),
        (other_model, "Fmspc mismatch"),
        (below_every_level, "No matching TCB level found"),
        (debug_enclave, "Debug mode is enabled"),
        (truncated, "Failed to decode quote"),
        (empty, "Failed to decode quote"),
    ],
)
def test_faulty_quotes_are_rejected_for_their_fault(tee: Tee, fault: Callable[[Tee], bytes], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        verify(fault(tee), terms(tee))


def test_an_unknown_or_old_tdx_module_is_rejected() -> None:
    good = DEV_PLATFORM.tcb
    with pytest.raises(ValueError, match="ISVSVN 5 is below minimum"):
        verify(mint("tdx", Platform(tcb=replace(good, tdx=b"\x05" + good.tdx[1:]))), terms("tdx"))
    with pytest.raises(ValueError, match="TDX_02"):
        verify(mint("tdx", Platform(tcb=replace(good, tdx=good.tdx[:1] + b"\x02" + good.tdx[2:]))), terms("tdx"))


@both
def test_a_stranger_is_sound_under_its_own_root(tee: Tee) -> None:
    authority = Authority(b"a root that nobody trusts")
    own = parsed(collateral(tee, issued=ISSUED, expires=EXPIRES, authority=authority))
    root = authority.root_certificate.public_bytes(Encoding.DER)
    assert verify(stranger(tee), own, root=root)["status"] == "UpToDate"
    with pytest.raises(ValueError, match="InvalidCrlSignatureForPublicKey"):
        verify(stranger(tee), own)


@both
def test_collateral_holds_from_issue_until_expiry(tee: Tee) -> None:
    quote = mint(tee)
    for now in (ISSUED, EXPIRES - 1):
        assert verify(quote, terms(tee), now=now)["status"] == "UpToDate"
    with pytest.raises(ValueError, match="issue date is in the future"):
        verify(quote, terms(tee), now=ISSUED - 1)
    with pytest.raises(ValueError, match="CrlExpired"):
        verify(quote, terms(tee), now=EXPIRES)


@both
def test_works_at_any_time_of_a_chain(tee: Tee) -> None:
    for issued in (0, 4_102_444_800):  # 1970 and 2100
        ages = parsed(collateral(tee, issued=issued, expires=issued + 100))
        assert verify(mint(tee), ages, now=issued + 1)["status"] == "UpToDate"


@both
def test_revocation_lists_end_by_themselves(tee: Tee) -> None:
    sooner = parsed(collateral(tee, issued=ISSUED, expires=EXPIRES, crl_expires=NOW))
    with pytest.raises(ValueError, match="CrlExpired"):
        verify(mint(tee), sooner)
    later = parsed(collateral(tee, issued=ISSUED, expires=NOW - 1, crl_expires=EXPIRES))
    with pytest.raises(ValueError, match="TCBInfo expired"):
        verify(mint(tee), later)


@both
def test_a_revoked_machine_stops_alone(tee: Tee) -> None:
    revoked = Platform(ppid=b"\1" * 16)
    held = parsed(collateral(tee, issued=ISSUED, expires=EXPIRES, revoked=[revoked]))
    assert verify(mint(tee, revoked), terms(tee))["status"] == "UpToDate"
    with pytest.raises(ValueError, match="CertRevoked"):
        verify(mint(tee, revoked), held)
    assert verify(mint(tee), held)["status"] == "UpToDate"


def test_collateral_of_the_other_kind_does_not_serve() -> None:
    for tee, other in (TEES, TEES[::-1]):
        with pytest.raises(ValueError, match="Unsupported QE Identity"):
            verify(mint(tee), terms(other))


@both
def test_numbers_of_collateral_reach_the_verifier(tee: Tee) -> None:
    held = parsed(collateral(tee, issued=ISSUED, expires=EXPIRES, evaluation_number=19, crl_number=7))
    made = claims(mint(tee), held, dcap_qvl.QuotePolicy.claims_only(NOW))
    assert made["tcb"]["eval_data_number"] == made["qe"]["tcb_eval_data_number"] == 19
    assert made["platform"]["pck_crl_num"] == made["platform"]["root_ca_crl_num"] == 7


@both
@given(data=st.data())
def test_a_changed_bit_is_rejected(tee: Tee, data: st.DataObject) -> None:
    quote = mint(tee)
    last = quote.index(b"-----BEGIN") - 1
    offset = data.draw(st.integers(0, last).filter(lambda at: tee == "sgx" or at not in (764, 765)))  # see below
    changed = bytearray(quote)
    changed[offset] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match="Verification failed"):
        verify(bytes(changed), terms(tee))


@both
def test_what_verifiers_leave_open_lies_outside_the_signed_part(tee: Tee) -> None:
    # A quote has many spellings: one that counts once is told by its header and body, never by all of its bytes.
    quote, signed = mint(tee), LAYOUTS[tee].signed
    spellings = [quote + b"trailing", quote[:-1] + b" "]
    if tee == "tdx":
        spellings.append(quote[:764] + b"\xff\xff" + quote[766:])  # kind of the outer certification data
    for spelling in spellings:
        assert verify(spelling, terms(tee)) == verify(quote, terms(tee))
        assert spelling[:signed] == quote[:signed]


@both
def test_measurement_is_that_of_the_verified_report(tee: Tee) -> None:
    measured = measurements(tee)
    if isinstance(measured, SgxMeasurements):
        measured = replace(measured, isv_prod_id=0x0102, isv_svn=0x0304)
    report = verify(mint_quote(REPORT_DATA, measured), terms(tee))["report"][LAYOUTS[tee].report]
    if tee == "sgx":
        assert (report["isv_prod_id"], report["isv_svn"]) == (0x0102, 0x0304)
        expected = bytes.fromhex(report["mr_enclave"] + "02010403" + report["mr_signer"])
    else:
        assert {report[field] for field in ("mr_config_id", "mr_owner", "mr_owner_config")} == {"00" * 48}
        registers = (report[field] for field in ("mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"))
        expected = sha256(bytes.fromhex("".join(registers))).digest()
    assert measured.measurement == expected


def test_measurement_tells_every_part_apart() -> None:
    sgx, tdx = SgxMeasurements.of_runtime(RUNTIME_ID), TdxMeasurements.of_runtime(RUNTIME_ID)
    variants: list[SgxMeasurements | TdxMeasurements] = [
        sgx,
        SgxMeasurements.of_runtime(bytes(32)),
        replace(sgx, mr_signer=bytes(32)),
        replace(sgx, isv_prod_id=1),
        replace(sgx, isv_svn=1),
        tdx,
        TdxMeasurements.of_runtime(bytes(32)),
        replace(tdx, mr_td=bytes(48)),
        replace(tdx, rtmr0=bytes(48)),
        replace(tdx, rtmr1=bytes(48)),
        replace(tdx, rtmr2=bytes(48)),
    ]
    assert len({variant.measurement for variant in variants}) == len(variants)
    assert {len(variant.measurement) for variant in variants} == {68, 32}


@pytest.mark.parametrize(
    ("message", "r", "s"),
    [
        (
            b"sample",
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        (
            b"test",
            "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
            "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
        ),
    ],
)
def test_signatures_are_those_of_rfc_6979(message: bytes, r: str, s: str) -> None:
    scalar = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721  # RFC 6979 A.2.5
    assert sign_raw(ec.derive_private_key(scalar, ec.SECP256R1()), message).hex().upper() == r + s


@both
def test_equal_arguments_give_equal_bytes(tee: Tee) -> None:
    twin = Authority(b"fathom/simulated-tee/dev")  # nothing cached
    assert mint(tee, authority=twin) == mint(tee)
    assert collateral(tee, issued=ISSUED, expires=EXPIRES, authority=twin) == collateral(
        tee, issued=ISSUED, expires=EXPIRES
    )


def test_bytes_are_the_same_on_every_machine() -> None:
    # The root's are compiled into chains; the others hold still so that a genesis that carries them does.
    made = {
        "root": dev_root(),
        **{f"{tee} quote": mint(tee) for tee in TEES},
        **{f"{tee} collateral": collateral(tee, issued=ISSUED, expires=EXPIRES) for tee in TEES},
    }
    assert {name: sha256(octets).hexdigest() for name, octets in made.items()} == {
        "root": "2d82f52352135ab5317ff56458924d8c4a11fd554e9613533c41ac524fea478a",
        "sgx quote": "4de40880a3f3078c5fc0ed4fbcb2914ff0972cf3dbabb9dabceebead63e5ad5d",
        "tdx quote": "5b09ec35427e8014ee55563c8aa04cd90795e5c5752a6d3b7dd3406351a718e1",
        "sgx collateral": "1abb393b6f7a285d18bd3e2e801e64b1ce921dafab464d64bc483c32c41ea300",
        "tdx collateral": "06df3355c8a80dad4274957fcfc29afef015cdd133edc86fc611f28a46dfc1d5",
    }


def test_report_data_and_machines_change_the_quote() -> None:
    quotes = {
        mint("tdx"),
        mint("tdx", Platform(ppid=b"\2" * 16)),
        mint_quote(bytes(64), measurements("tdx")),
        mint_quote(REPORT_DATA, measurements("tdx", bytes(32))),
    }
    assert len(quotes) == 4


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: mint_quote(bytes(63), measurements("sgx")), WrongLength),
        (lambda: SgxMeasurements.of_runtime(bytes(31)), WrongLength),
        (lambda: TdxMeasurements.of_runtime(bytes(33)), WrongLength),
        (lambda: SgxMeasurements(bytes(31), bytes(32)), WrongLength),
        (lambda: SgxMeasurements(bytes(32), bytes(33)), WrongLength),
        (lambda: replace(TdxMeasurements.of_runtime(bytes(32)), rtmr3=b""), WrongLength),
        (lambda: SgxMeasurements(bytes(32), bytes(32), isv_svn=0x10000), OutOfRange),
        (lambda: Platform(ppid=bytes(15)), WrongLength),
        (lambda: Platform(fmspc=bytes(7)), WrongLength),
        (lambda: Tcb(sgx=bytes(15), pce=0), WrongLength),
        (lambda: Tcb(sgx=bytes(16), pce=-1), OutOfRange),
        (lambda: TcbLevel(TcbStatus.OUT_OF_DATE, DEV_PLATFORM.tcb, date=-1), OutOfRange),
        (lambda: collateral("sgx", issued=5, expires=5), InvalidPeriod),
        (lambda: collateral("sgx", issued=-1, expires=5), InvalidPeriod),
        (lambda: collateral("sgx", issued=0, expires=253_402_300_800), InvalidPeriod),
        (lambda: collateral("sgx", issued=5, expires=9, crl_expires=5), InvalidPeriod),
        (lambda: collateral("sgx", issued=0, expires=9, fmspc=b""), WrongLength),
        (lambda: collateral("sgx", issued=0, expires=9, evaluation_number=1 << 32), OutOfRange),
        (lambda: collateral("sgx", issued=0, expires=9, crl_number=-1), OutOfRange),
    ],
)
def test_what_the_formats_cannot_hold_is_refused(make: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()
