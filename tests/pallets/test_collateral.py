"""Collateral filed in its parts by anybody, and what each part has to prove."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from offchain.simulated_tee import (
    DEV_AUTHORITY,
    DEV_EXPIRES,
    DEV_FMSPC,
    DEV_ISSUED,
    Authority,
    Platform,
    TcbStatus,
    dev_tcb,
)
from offchain.simulated_tee import Tee as TeeName
from offchain.simulated_tee.certificates import PCK_CA_SERIAL, TCB_SIGNING_SERIAL, pem_chain, sign_raw
from offchain.simulated_tee.machine import LAST_U32
from pallets.attestation.certificates import INTEL_ROOT, SIMULATED_ROOT_HASH
from pallets.attestation.collateral import MAX_MODELS
from pallets.attestation.collateral_parts import MAX_CRL, MAX_DOCUMENT, Bundle, read_bundle
from pallets.attestation.pallet import Attestation
from pallets.frame.events import Error
from pallets.frame.testing import noop
from pallets.primitives.attestation_record import PckCa, Tee, TrustRoot
from tests.pallets.attestation_chain import COLLATERAL, GENUINE_MS, SGX, START, TDX, AttestationChain, dev_collateral
from tests.vectors import vector

MACHINE = Platform(ppid=b"a machine of ours"[:16])


def parts(tee: TeeName = "sgx", **terms: Any) -> Bundle:
    return read_bundle(dev_collateral(tee, **terms))


def file(chain: AttestationChain, bundle: Bundle, *names: str) -> None:
    """Files parts by their own calls, signed by anybody."""
    calls: dict[str, dict[str, Any]] = {
        "set_tcb_info": dict(zip(("tcb_info", "signature", "issuer_chain"), bundle.tcb_info, strict=True)),
        "set_qe_identity": dict(zip(("identity", "signature", "issuer_chain"), bundle.qe_identity, strict=True)),
        "set_root_crl": {"crl": bundle.root_crl},
        "set_pck_crl": dict(zip(("crl", "issuer_chain"), bundle.pck_crl, strict=True)),
    }
    for name in names or calls:
        chain.call(name, **calls[name])


def lacks(chain: AttestationChain, worker: Any) -> str:
    with pytest.raises(Attestation.NoCollateral) as refusal:
        worker.attest()
    return str(refusal.value).partition(" (")[2].removesuffix(")")


@pytest.fixture
def chain() -> AttestationChain:
    return AttestationChain()


@pytest.mark.parametrize(("tee", "measurements"), [("sgx", SGX), ("tdx", TDX)])
def test_a_quote_needs_all_four(tee: TeeName, measurements: Any) -> None:
    chain = AttestationChain(collateral=[])
    worker, bundle = chain.enclave(measurements=measurements), parts(tee)
    model = f"{tee.capitalize()}, FMSPC {DEV_FMSPC.hex()}"
    assert lacks(chain, worker) == f"TCB info under Simulated's root for {model}"
    file(chain, bundle, "set_tcb_info")
    assert "the identity of the quoting enclave" in lacks(chain, worker)
    file(chain, bundle, "set_qe_identity")
    assert lacks(chain, worker) == "the revocation list of Simulated's root"
    file(chain, bundle, "set_root_crl")
    assert lacks(chain, worker) == "the revocation list of machines of the Platform CA under Simulated's root"
    file(chain, bundle, "set_pck_crl")
    worker.attest()
    period = {"issued": DEV_ISSUED * 1000, "expires": DEV_EXPIRES * 1000}
    root, enum = TrustRoot.Simulated, Tee[tee.capitalize()]
    assert chain.rt.events[-5:-1] == [
        Attestation.TcbInfoSet(root=root, tee=enum, fmspc=DEV_FMSPC, evaluation=1, **period),
        Attestation.QeIdentitySet(root=root, tee=enum, evaluation=1, **period),
        Attestation.RootCrlSet(root=root, number=1, **period),
        Attestation.PckCrlSet(root=root, ca=PckCa.Platform, number=1, revoked=0, **period),
    ]


PARTS = ("set_tcb_info", "set_qe_identity", "set_root_crl", "set_pck_crl")
STEPS_BACK = [
    *((name, {"issued": DEV_ISSUED + 9}) for name in PARTS),
    *((name, {"issued": DEV_ISSUED + 10, "evaluation_number": 4}) for name in PARTS[:2]),
    *((name, {"issued": DEV_ISSUED + 10, "crl_number": 4}) for name in PARTS[2:]),
]


@pytest.mark.parametrize(("name", "older"), STEPS_BACK)
def test_each_part_only_grows(chain: AttestationChain, name: str, older: dict[str, Any]) -> None:
    numbers: dict[str, Any] = {"evaluation_number": 5, "crl_number": 5}
    current = parts(issued=DEV_ISSUED + 10, **numbers)
    file(chain, current)
    file(chain, current)  # the same again is no step back
    with noop(chain.rt, Attestation.CollateralGoesBack):
        file(chain, parts(**(numbers | older)), name)
    file(chain, parts(issued=DEV_ISSUED + 11, **numbers))


@pytest.mark.parametrize("name", PARTS)
def test_no_part_is_of_the_future(chain: AttestationChain, name: str) -> None:
    now = START // 1000
    with noop(chain.rt, Attestation.CollateralNotYetValid):
        file(chain, parts(issued=now + 1), name)
    file(chain, parts(issued=now), name)


def test_whichever_part_expires_first_ends_all(chain: AttestationChain) -> None:
    now = START // 1000
    old, young = chain.enclave("old"), chain.enclave("young")
    assert old.attest().expires == DEV_EXPIRES * 1000
    file(chain, parts(issued=DEV_ISSUED + 1, crl_expires=now + 60), "set_pck_crl")
    assert young.attest().expires == (now + 60) * 1000
    chain.next_block(60_000)
    assert (old.fault(), young.fault()) == (None, Attestation.AttestationExpired)  # each at its own end
    chain.enclave("late").refused(Attestation.CollateralExpired)
    file(chain, parts(issued=DEV_ISSUED + 2), "set_pck_crl")
    young.attest()
    assert young.fault() is None


def test_a_machine_revoked_is_out_in_the_same_block(chain: AttestationChain) -> None:
    worker = chain.enclave(platform=MACHINE)
    worker.attest()
    assert worker.fault() is None
    file(chain, parts(crl_number=2, revoked=[MACHINE, Platform()]), "set_pck_crl")
    assert worker.fault() is Attestation.MachineRevoked
    assert len(list(chain.attestation.revoked_machines)) == 2
    chain.next_block()
    worker.refused(Attestation.MachineRevoked)
    other = chain.enclave("on another machine")
    other.attest()
    file(chain, parts(crl_number=3, revoked=[Platform()]), "set_pck_crl")  # an authority takes it back
    assert worker.fault() is None
    assert len(list(chain.attestation.revoked_machines)) == 1


def test_a_machine_is_revoked_at_the_versions_that_its_certificate_names(chain: AttestationChain) -> None:
    """After a repair it has another certificate."""
    file(chain, parts(crl_number=2, revoked=[MACHINE]), "set_pck_crl")
    chain.enclave(platform=MACHINE).refused(Attestation.MachineRevoked)
    repaired = Platform(MACHINE.ppid, tcb=dev_tcb(TcbStatus.SW_HARDENING_NEEDED))
    chain.enclave(platform=repaired).attest()


# Revoked authorities


def test_an_authority_revoked_ends_what_rests_on_it(chain: AttestationChain) -> None:
    """In the same block: the machines that it certified, and those that it rated."""
    worker = chain.enclave()
    worker.attest()
    for serial in (PCK_CA_SERIAL, TCB_SIGNING_SERIAL):
        chain.next_block()
        revoking = parts(crl_number=2 + serial, revoked_authorities=[serial])
        file(chain, revoking, "set_root_crl")
        assert worker.fault() is Attestation.IssuerRevoked
        worker.refused(Attestation.IssuerRevoked)
        assert len(list(chain.attestation.revoked_authorities)) == 1
        file(chain, parts(crl_number=3 + serial), "set_root_crl")  # the root takes it back
        assert worker.fault() is None
        worker.attest()


def test_a_revoked_authority_files_nothing(chain: AttestationChain) -> None:
    file(chain, parts(crl_number=2, revoked_authorities=[PCK_CA_SERIAL, TCB_SIGNING_SERIAL]), "set_root_crl")
    for name in ("set_tcb_info", "set_qe_identity", "set_pck_crl"):
        with noop(chain.rt, Attestation.IssuerRevoked):
            file(chain, parts(issued=DEV_ISSUED + 1, crl_number=3), name)


class Successor(Authority):
    """The dev root's, with a new certificate and key to sign collateral."""

    @cached_property
    def tcb_signing_certificate(self) -> x509.Certificate:
        key = Authority(b"successor").tcb_signing_key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(DEV_AUTHORITY.tcb_signing_certificate.subject)
            .issuer_name(DEV_AUTHORITY.root_certificate.subject)
            .public_key(key)
            .serial_number(99)
            .not_valid_before(datetime.fromtimestamp(DEV_ISSUED, UTC))
            .not_valid_after(datetime.fromtimestamp(DEV_EXPIRES, UTC))
            .sign(DEV_AUTHORITY.root_key, SHA256())
        )

    @cached_property
    def tcb_signing_key(self) -> ec.EllipticCurvePrivateKey:
        return Authority(b"successor").tcb_signing_key

    @cached_property
    def root_certificate(self) -> x509.Certificate:
        return DEV_AUTHORITY.root_certificate


def test_what_a_stolen_key_filed_holds_nothing_back(chain: AttestationChain) -> None:
    """Numbers only grow: who has the key could leave one that nothing outgrows."""
    file(chain, parts(evaluation_number=LAST_U32), *PARTS[:2])
    late = parts(issued=DEV_ISSUED + 9, authority=Successor(b"fathom/simulated-tee/dev"))
    with noop(chain.rt, Attestation.CollateralGoesBack):
        file(chain, late, "set_tcb_info")
    file(chain, parts(crl_number=2, revoked_authorities=[TCB_SIGNING_SERIAL]), "set_root_crl")
    file(chain, late, *PARTS[:2])
    chain.enclave().attest()
    with noop(chain.rt, Attestation.CollateralGoesBack):  # the new one's only grow again
        file(chain, parts(issued=DEV_ISSUED + 8, authority=Successor(b"fathom/simulated-tee/dev")), "set_tcb_info")


# Genuine parts, spelt by a stranger so that the verifier can't read them

NO_CERTIFICATE = b"-----BEGIN X-----\nAAAA\n-----END X-----\n"


def genuine_chain() -> tuple[AttestationChain, Bundle, bytes]:
    """A chain with Intel's collateral on file, the same, and a quote that is good by it but for whose it is."""
    chain = AttestationChain(GENUINE_MS, simulated_allowed=False, simulated_root=None, collateral=[])
    json_file = vector("attestation/dcap-qvl/sgx_quote_collateral.json").read_bytes()
    chain.sudo("set_collateral", tee=Tee.Sgx, collateral=json_file)
    return chain, read_bundle(json_file), vector("attestation/dcap-qvl/sgx_quote").read_bytes()


@pytest.mark.parametrize(
    "spelt",
    [
        lambda pem: NO_CERTIFICATE + pem,
        lambda pem: pem + NO_CERTIFICATE,
        lambda pem: b"Intel's:\n" + pem.replace(b"\n", b"\r\n"),
        lambda pem: pem[:-1] + b"\0",
    ],
)
def test_chains_are_kept_in_one_spelling(spelt: Callable[[bytes], bytes]) -> None:
    """However they came: what stands besides is nothing that is signed, and could stop every quote."""
    chain, bundle, quote = genuine_chain()
    before = chain.attestation.pck_crl[TrustRoot.Intel, PckCa.Processor]
    tcb, qe, pck = bundle.tcb_info, bundle.qe_identity, bundle.pck_crl
    other = Bundle((*tcb[:2], spelt(tcb[2])), (*qe[:2], spelt(qe[2])), bundle.root_crl, (pck[0], spelt(pck[1])), False)
    file(chain, other)
    assert chain.attestation.pck_crl[TrustRoot.Intel, PckCa.Processor] == before
    chain.enclave().refused(Attestation.InfoNotBound, quote)


def test_a_chain_that_is_too_long_to_keep(chain: AttestationChain, monkeypatch: pytest.MonkeyPatch) -> None:
    text, signature, pem = GOOD.tcb_info
    monkeypatch.setattr("pallets.attestation.collateral_parts.MAX_CHAIN", len(pem) - 1)
    with noop(chain.rt, Attestation.BadCollateral):
        chain.call("set_tcb_info", tcb_info=text, signature=signature, issuer_chain=pem[:-1])


def test_a_lists_signature_has_all_its_bits() -> None:
    """The byte that says how many count is not signed; to the verifier the list would be garbled."""
    chain, bundle, quote = genuine_chain()
    der, pem = bundle.pck_crl
    at = len(der) - len(x509.load_der_x509_crl(der).signature) - 1
    for bits in range(1, 8):
        with noop(chain.rt, Attestation.BadCollateral):
            chain.call("set_pck_crl", crl=der[:at] + bytes((bits,)) + der[at + 1 :], issuer_chain=pem)
    chain.enclave().refused(Attestation.InfoNotBound, quote)


def test_what_is_larger_weighs_more(chain: AttestationChain) -> None:
    def weight(name: str, **arguments: Any) -> int:
        return chain.rt.call("Attestation", name, **arguments).dispatch_info().weight.ref_time

    text, signature, pem = GOOD.tcb_info
    small, large = (
        weight("set_tcb_info", tcb_info=each, signature=signature, issuer_chain=pem)
        for each in (text, bytes(MAX_DOCUMENT))
    )
    assert small < 1_200_000_000 and large > 2_000_000_000
    entries = MAX_CRL // 20  # with serials of one byte
    assert weight("set_root_crl", crl=bytes(MAX_CRL)) > entries * chain.rt.system.db_weight.write


def resigned(bundle: Bundle, authority: Authority) -> Bundle:
    """TCB info signed by another authority, which says that its signer is of the dev root."""
    text, _, _ = bundle.tcb_info
    chain = pem_chain(authority.tcb_signing_certificate, DEV_AUTHORITY.root_certificate)
    return bundle._replace(tcb_info=(text, sign_raw(authority.tcb_signing_key, text), chain))


def signed_by_pck_ca(bundle: Bundle) -> Bundle:
    """TCB info signed by the authority that certifies machines, which is none of it."""
    text, _, _ = bundle.tcb_info
    chain = pem_chain(DEV_AUTHORITY.pck_ca_certificate, DEV_AUTHORITY.root_certificate)
    return bundle._replace(tcb_info=(text, sign_raw(DEV_AUTHORITY.pck_ca_key, text), chain))


def crl_of_signer(bundle: Bundle) -> Bundle:
    """A list of machines under the certificate of the signer of TCB info, which may issue nothing."""
    chain = pem_chain(DEV_AUTHORITY.tcb_signing_certificate, DEV_AUTHORITY.root_certificate)
    return bundle._replace(pck_crl=(bundle.pck_crl[0], chain))


GOOD, STRANGER = parts(), Authority(b"stranger")
TEXT, SIGNATURE, CHAIN = GOOD.tcb_info
STRANGE = parts(authority=STRANGER)
ENDED = CHAIN.index(b"-----END CERTIFICATE-----")
WRONG: list[tuple[str, Bundle, type[Error]]] = [
    ("set_tcb_info", STRANGE, Attestation.UnknownRoot),
    ("set_qe_identity", STRANGE, Attestation.UnknownRoot),
    ("set_root_crl", STRANGE, Attestation.CollateralForged),  # of the dev root's name
    ("set_pck_crl", STRANGE, Attestation.UnknownRoot),
    ("set_tcb_info", resigned(GOOD, STRANGER), Attestation.CollateralForged),
    ("set_tcb_info", signed_by_pck_ca(GOOD), Attestation.CollateralForged),
    ("set_pck_crl", crl_of_signer(GOOD), Attestation.CollateralForged),
    ("set_tcb_info", GOOD._replace(tcb_info=GOOD.qe_identity), Attestation.BadCollateral),
    ("set_qe_identity", GOOD._replace(qe_identity=GOOD.tcb_info), Attestation.BadCollateral),
    ("set_root_crl", GOOD._replace(root_crl=GOOD.pck_crl[0]), Attestation.UnknownRoot),
    ("set_pck_crl", GOOD._replace(pck_crl=(GOOD.root_crl, GOOD.pck_crl[1])), Attestation.BadCollateral),
    ("set_root_crl", GOOD._replace(root_crl=GOOD.root_crl[:-1]), Attestation.BadCollateral),
    ("set_root_crl", GOOD._replace(root_crl=GOOD.root_crl[:-1] + b"\0"), Attestation.CollateralForged),
    ("set_tcb_info", GOOD._replace(tcb_info=(b"", SIGNATURE, CHAIN)), Attestation.CollateralForged),
    ("set_tcb_info", GOOD._replace(tcb_info=(TEXT, SIGNATURE, b"")), Attestation.BadCollateral),
    ("set_tcb_info", GOOD._replace(tcb_info=(TEXT, SIGNATURE, CHAIN[:ENDED])), Attestation.BadCollateral),
    (
        "set_tcb_info",
        GOOD._replace(tcb_info=(TEXT, SIGNATURE, b"\xff" + CHAIN)),
        Attestation.BadCollateral,
    ),
]


@pytest.mark.parametrize(("name", "bundle", "error"), WRONG)
def test_what_is_not_filed(chain: AttestationChain, name: str, bundle: Bundle, error: type[Error]) -> None:
    with noop(chain.rt, error):
        file(chain, bundle, name)


SIGNED_NONSENSE = [
    b"",
    b"5",
    b"null",
    b"{}",
    b"[" * 5_000,
    *(
        json.dumps({**json.loads(GOOD.tcb_info[0]), **changes}).encode()
        for changes in (
            {"nextUpdate": "tomorrow"},
            {"nextUpdate": "2036-01-01"},
            {"issueDate": 5},
            {"fmspc": "00"},
            {"id": "SEV"},
            {"id": None},
            {"tcbEvaluationDataNumber": 2**32},
            {"tcbEvaluationDataNumber": -1},
            {"tcbEvaluationDataNumber": "1"},
        )
    ),
]


@pytest.mark.parametrize("text", SIGNED_NONSENSE)
def test_signed_nonsense(chain: AttestationChain, text: bytes) -> None:
    """Anybody has the dev root's keys, so that what is signed may say anything."""
    document = {"signature": sign_raw(DEV_AUTHORITY.tcb_signing_key, text), "issuer_chain": GOOD.tcb_info[2]}
    with noop(chain.rt, Attestation.BadCollateral):
        chain.call("set_tcb_info", tcb_info=text, **document)
    with noop(chain.rt, Attestation.BadCollateral):
        chain.call("set_qe_identity", identity=text, **document)


@pytest.mark.parametrize("emptied", ["tcbLevels", "tdxModule", "tdxModuleIdentities"])
def test_signed_info_without_what_it_is_for(chain: AttestationChain, emptied: str) -> None:
    """It can be filed, by those who can sign it, and then no quote verifies; nothing worse."""
    fields = json.loads(parts("tdx").tcb_info[0]) | {"issueDate": "2026-02-01T00:00:00Z"}
    values: list[Any] = [[], {}, None, "x", [{"tcb": {}}]]
    for value in values:
        text = json.dumps(fields | {emptied: value}).encode()
        signature = sign_raw(DEV_AUTHORITY.tcb_signing_key, text)
        chain.call("set_tcb_info", tcb_info=text, signature=signature, issuer_chain=GOOD.tcb_info[2])
        with pytest.raises((Attestation.QuoteRefused, Attestation.NoMatchingTcbLevel, Attestation.WrongTdxModule)):
            chain.enclave(measurements=TDX).attest()
        if emptied == "tdxModuleIdentities":
            break  # an empty list says that the module has no levels of its own


def test_models_are_bounded(chain: AttestationChain, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_MODELS > 500
    monkeypatch.setattr("pallets.attestation.collateral.MAX_MODELS", 3)  # SGX and TDX of one model are on file
    file(chain, parts(fmspc=b"second"), "set_tcb_info")
    with noop(chain.rt, Attestation.TooManyModels):
        file(chain, parts(fmspc=b"third "), "set_tcb_info")
    file(chain, parts(fmspc=b"second", issued=DEV_ISSUED + 1), "set_tcb_info")


def test_bundle_of_the_wrong_kind(chain: AttestationChain) -> None:
    with noop(chain.rt, Attestation.BadCollateral):
        chain.sudo("set_collateral", tee=Tee.Tdx, collateral=COLLATERAL[0][1])
    for value in ("null", '"-----BEGIN CERTIFICATE-----"'):
        for key in ('"pck_certificate_chain"', '"pck\\u005fcertificate_chain"'):
            carrying = COLLATERAL[0][1][:-1] + f",{key}:{value}}}".encode()
            with noop(chain.rt, Attestation.CollateralCarriesChain):
                chain.sudo("set_collateral", tee=Tee.Sgx, collateral=carrying)


def test_intels_collateral_and_simulated_lie_apart() -> None:
    """Whoever has the dev root's keys, and that is anybody, can't rate genuine machines."""
    genuine = json.loads(vector("attestation/dcap-qvl/sgx_quote_collateral.json").read_bytes())
    model = bytes.fromhex(json.loads(genuine["tcb_info"])["fmspc"])
    chain = AttestationChain()
    chain.sudo("set_collateral", tee=Tee.Sgx, collateral=json.dumps(genuine).encode())
    before = chain.attestation.tcb_info[TrustRoot.Intel, Tee.Sgx, model]
    file(chain, parts(fmspc=model, evaluation_number=99))
    assert chain.attestation.tcb_info[TrustRoot.Intel, Tee.Sgx, model] == before
    assert chain.attestation.tcb_info[TrustRoot.Simulated, Tee.Sgx, model].evaluation == 99


def test_the_pinned_root_is_the_published_one() -> None:
    assert sha256(INTEL_ROOT).hexdigest() == "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
    assert vector("attestation/dcap-qvl/TrustedRootCA.der").read_bytes() == INTEL_ROOT
    dev = DEV_AUTHORITY.root_certificate.public_bytes(Encoding.DER)
    assert sha256(dev).digest() == SIMULATED_ROOT_HASH
