"""Evidence of real and simulated GPUs, read and verified; every lie refused by its own error.

`python -m tests.pallets.test_gpu` flips every byte of both kinds, where the test flips some: two minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from offchain.attestation import gpu_evidence
from offchain.simulated_tee.gpu import GpuAuthority, SimulatedGpu, dev_gpu_root, sign_raw_p384
from pallets.attestation.gpu import (
    NVIDIA_ROOT,
    REQUEST_SIZE,
    SIGNATURE_SIZE,
    BrokenGpuChain,
    GarbledGpuEvidence,
    GpuClaims,
    GpuError,
    NotAGpu,
    WrongGpuNonce,
    WrongGpuRoot,
    WrongGpuSignature,
    read_report,
    verify_gpu,
)
from pallets.attestation.pallet import Attestation
from pallets.frame.events import Error
from pallets.frame.testing import noop
from pallets.primitives.attestation_record import TcbStatus, Tee, WorkerAttestation
from pallets.primitives.gpu import EVIDENCE, MAX_CHAIN, Gpu, GpuEvidence, gpu_nonce
from tests.pallets.job_chain import ALICE, JobChain, TestWorker
from tests.vectors import vector

NOW = 1_790_000_000
NONCE = bytes(range(32))
GENUINE_NONCE = bytes.fromhex("931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb")
GPU = SimulatedGpu(bytes(range(16)))
ROOT = dev_gpu_root()


@cache
def simulated() -> GpuEvidence:
    return GpuEvidence(bytes(32), GPU.report(NONCE), GPU.certificates())


@cache
def genuine() -> GpuEvidence:
    """A Hopper GPU's report, as NVIDIA's own verifier has it for a sample, with the chain it came with."""
    report = bytes.fromhex(vector("attestation/nvidia/hopperAttestationReport.txt").read_text().strip())
    chain = x509.load_pem_x509_certificates(vector("attestation/nvidia/hopperCertChain.txt").read_bytes())
    return GpuEvidence(bytes(32), report, [certificate.public_bytes(Encoding.DER) for certificate in chain])


def verify(evidence: GpuEvidence, nonce: bytes = NONCE, root: bytes | None = ROOT, now: int = NOW) -> GpuClaims:
    return verify_gpu(evidence, nonce, root, now)


def refused(error: type[GpuError], evidence: GpuEvidence, **asked: object) -> None:
    with pytest.raises(error) as raised:
        verify(evidence, **asked)  # type: ignore[arg-type]
    assert type(raised.value) is error


def with_report(change: Callable[[bytes], bytes], gpu: SimulatedGpu = GPU) -> GpuEvidence:
    """Evidence whose report says something else, and is signed again."""
    signed = change(gpu.report(NONCE)[:-SIGNATURE_SIZE])
    signature = sign_raw_p384(gpu.authority.key(gpu.firmware_role), signed)
    return GpuEvidence(bytes(32), signed + signature, gpu.certificates())


# What holds


def test_a_genuine_gpu_under_nvidias_root() -> None:
    expected = orjson.loads(vector("attestation/nvidia/detached_claims_local.json").read_bytes())
    assert GENUINE_NONCE.hex() == expected["eat_nonce"]
    claims = verify(genuine(), GENUINE_NONCE)
    assert (claims.model, claims.simulated) == (expected["hwmodel"].split()[0], False)
    assert claims.vbios == expected["x-nvidia-gpu-vbios-version"]
    assert claims.driver == "550.90.07"
    assert claims == verify(genuine(), GENUINE_NONCE, root=None)
    pinned = x509.load_pem_x509_certificate(vector("attestation/nvidia/verifier_device_root.pem").read_bytes())
    assert sha256(pinned.public_bytes(Encoding.DER)).digest() == NVIDIA_ROOT


def test_a_simulated_gpu_under_the_simulated_root() -> None:
    claims = verify(simulated())
    assert (claims.model, claims.driver, claims.vbios) == ("GH100", "550.90.07", "96.00.9F.00.01")
    assert claims.simulated
    assert EVIDENCE.decode_all(EVIDENCE.encode(simulated())) == simulated()
    again = GpuEvidence(bytes(32), GPU.report(NONCE), GPU.certificates())
    assert again.hash == simulated().hash


def test_a_device_is_known_again_whatever_it_runs() -> None:
    newer = replace(GPU, driver="580.1", vbios=b"\x97\0\0\0\2")
    claims = verify(GpuEvidence(bytes(32), newer.report(NONCE), newer.certificates()))
    assert claims.device == verify(simulated()).device
    assert claims.measurements != verify(simulated()).measurements
    other = SimulatedGpu(bytes(16))
    assert verify(GpuEvidence(bytes(32), other.report(NONCE), other.certificates())).device != claims.device


def test_both_kinds_of_report_are_laid_out_alike() -> None:
    ours, theirs = read_report(simulated().report), read_report(genuine().report)
    assert len(ours.measurements) == len(theirs.measurements)
    assert set(ours.opaque) < set(theirs.opaque)
    assert all(len(ours.opaque[kind]) == len(theirs.opaque[kind]) for kind in ours.opaque)
    assert [ours.signed[at] for at in (0, 1, 2, 3, 36, 37, 38, 41)] == [
        theirs.signed[at] for at in (0, 1, 2, 3, 36, 37, 38, 41)
    ]


def test_a_nonce_names_chain_worker_and_block() -> None:
    g, w, b, x = (letter * 32 for letter in (b"g", b"w", b"b", b"x"))
    assert len({gpu_nonce(*parts) for parts in ((g, w, b), (x, w, b), (g, x, b), (g, w, x))}) == 4


# Lies


def test_another_nonce() -> None:
    refused(WrongGpuNonce, simulated(), nonce=bytes(32))
    refused(WrongGpuNonce, genuine(), nonce=NONCE)


def test_a_root_that_nobody_trusts() -> None:
    gpu = replace(GPU, authority=GpuAuthority(b"a stranger"))
    refused(WrongGpuRoot, GpuEvidence(bytes(32), gpu.report(NONCE), gpu.certificates()))
    refused(WrongGpuRoot, simulated(), root=None)
    refused(WrongGpuRoot, replace(simulated(), chain=simulated().chain[:-1]))


def test_a_strangers_chain_with_the_trusted_root_at_its_end() -> None:
    gpu = replace(GPU, authority=GpuAuthority(b"a stranger"))
    refused(BrokenGpuChain, GpuEvidence(bytes(32), gpu.report(NONCE), [*gpu.certificates()[:-1], ROOT]))


def test_certificates_out_of_their_places() -> None:
    leaf, device, identity, root = simulated().chain
    for chain in ([device, leaf, identity, root], [leaf, identity, root], [leaf, leaf, device, identity, root]):
        refused(BrokenGpuChain, replace(simulated(), chain=chain))


def test_keys_that_issue_certificates_sign_no_reports() -> None:
    signed = simulated().report[:-SIGNATURE_SIZE]
    report = signed + sign_raw_p384(GPU.authority.key(GPU.device_role), signed)
    refused(BrokenGpuChain, replace(simulated(), report=report, chain=simulated().chain[1:]))


def test_keys_that_sign_reports_issue_no_certificates() -> None:
    """Who holds a GPU's signing key can't make himself another GPU."""
    leaf = x509.load_der_x509_certificate(simulated().chain[0])
    own = ec.derive_private_key(5, ec.SECP384R1())
    forged = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(leaf.subject)
        .public_key(own.public_key())
        .serial_number(7)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .add_extension(leaf.extensions.get_extension_for_class(x509.KeyUsage).value, critical=True)
        .sign(GPU.authority.key(GPU.firmware_role), SHA384())
    )
    signed = simulated().report[:-SIGNATURE_SIZE]
    chain = [forged.public_bytes(Encoding.DER), *simulated().chain]
    refused(BrokenGpuChain, GpuEvidence(bytes(32), signed + sign_raw_p384(own, signed), chain))


def test_certificates_out_of_time() -> None:
    refused(BrokenGpuChain, genuine(), nonce=GENUINE_NONCE, now=1_600_000_000)  # 2020: before the first GH100
    refused(BrokenGpuChain, simulated(), now=-1)


def test_another_device_of_the_same_maker() -> None:
    switch = replace(GPU, model="LS10")
    refused(NotAGpu, GpuEvidence(bytes(32), switch.report(NONCE), switch.certificates()))


def test_a_report_that_another_gpu_signed() -> None:
    refused(WrongGpuSignature, replace(simulated(), report=SimulatedGpu(bytes(16)).report(NONCE)))
    signature = bytes(SIGNATURE_SIZE)
    refused(WrongGpuSignature, replace(simulated(), report=simulated().report[:-SIGNATURE_SIZE] + signature))


def test_a_report_by_other_firmware_than_the_keys() -> None:
    refused(WrongGpuSignature, with_report(lambda signed: signed.replace(GPU.firmware_id, bytes(48))))


@pytest.mark.parametrize(
    "change",
    [
        lambda signed: b"",
        lambda signed: signed[:REQUEST_SIZE],
        lambda signed: signed + b"\0",
        lambda signed: signed[:-1],
        lambda signed: b"\x12" + signed[1:],  # another version of SPDM, whose signatures cover something else
        lambda signed: signed[:3] + b"\1" + signed[4:],  # asked for one measurement alone
        lambda signed: signed[: REQUEST_SIZE + 1] + b"\x7f" + signed[REQUEST_SIZE + 2 :],  # an error's code
        lambda signed: signed[: REQUEST_SIZE + 4] + b"\x41" + signed[REQUEST_SIZE + 5 :],  # one measurement more
        lambda signed: signed[: REQUEST_SIZE + 4] + b"\x3f" + signed[REQUEST_SIZE + 5 :],  # one less
        lambda signed: signed[: REQUEST_SIZE + 5] + b"\xff\xff\xff" + signed[REQUEST_SIZE + 8 :],
        lambda signed: signed[: REQUEST_SIZE + 9] + b"\2" + signed[REQUEST_SIZE + 10 :],  # not DMTF's
        lambda signed: signed.replace(b"\x03\0\x0a\x00550.90.07", b"\x06\0\x0a\x00550.90.07"),  # a field twice
        lambda signed: signed.replace(b"550.90.07", b"550\n90.07"),
        lambda signed: signed.replace(b"\x06\0\x08\0", b"\x06\0\x07\0"),
    ],
)
def test_garbled_reports(change: Callable[[bytes], bytes]) -> None:
    refused(GarbledGpuEvidence, with_report(change))


@pytest.mark.parametrize("chain", [[], [ROOT], [b"", ROOT], [b"\x30\x80", ROOT], [ROOT + b"\0", ROOT]])
def test_garbled_chains(chain: list[bytes]) -> None:
    refused(GarbledGpuEvidence, replace(simulated(), chain=chain))


def test_evidence_is_bounded() -> None:
    for big in (
        replace(simulated(), report=bytes(8193)),
        replace(simulated(), chain=[bytes(2049)]),
        replace(simulated(), chain=[b""] * (MAX_CHAIN + 1)),
    ):
        with pytest.raises(ValueError):
            EVIDENCE.decode_all(EVIDENCE.encode(big))


# One byte


def flipped(evidence: GpuEvidence, at: int, mask: int) -> GpuEvidence:
    """Evidence with one byte of report or chain changed."""
    parts = [evidence.report, *evidence.chain]
    for place, part in enumerate(parts):
        if at < len(part):
            parts[place] = part[:at] + bytes((part[at] ^ mask,)) + part[at + 1 :]
            break
        at -= len(part)
    return GpuEvidence(evidence.block, parts[0], parts[1:])


def size(evidence: GpuEvidence) -> int:
    return len(evidence.report) + sum(map(len, evidence.chain))


def refused_flips(evidence: GpuEvidence, nonce: bytes, step: int) -> None:
    for at in range(0, size(evidence), step):
        with pytest.raises(GpuError):
            verify(flipped(evidence, at, 1 << at % 8), nonce)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_flipped_byte_is_refused() -> None:
    refused_flips(simulated(), NONCE, step=31)
    refused_flips(genuine(), GENUINE_NONCE, step=61)


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("of", ["simulated", "genuine"])
def test_a_signature_has_all_its_bits(of: str, place: int) -> None:
    """The byte that says otherwise is one which nothing signs."""
    evidence, nonce = (simulated(), NONCE) if of == "simulated" else (genuine(), GENUINE_NONCE)
    if place == len(evidence.chain):
        return
    der = evidence.chain[place]
    at = len(der) - len(x509.load_der_x509_certificate(der).signature) - 1
    for bits in range(1, 8):
        chain = [*evidence.chain]
        chain[place] = der[:at] + bytes((bits,)) + der[at + 1 :]
        with pytest.raises(GpuError):
            verify(replace(evidence, chain=chain), nonce)


def test_beyond_the_last_date_no_certificate_holds() -> None:
    """Chains can be made to travel there."""
    for now in (253_402_300_800, 1 << 62):
        with pytest.raises(BrokenGpuChain):
            verify(simulated(), now=now)


@given(st.binary(max_size=300), st.lists(st.binary(max_size=100), max_size=3), st.integers(0, 3400))
def test_junk_is_refused_by_name(junk: bytes, chain: list[bytes], at: int) -> None:
    report = simulated().report
    for each in (
        GpuEvidence(bytes(32), junk, chain),
        replace(simulated(), report=report[:at] + junk + report[at + len(junk) + 1 :]),
        replace(simulated(), chain=[*chain, junk, ROOT]),
    ):
        with pytest.raises(GpuError):
            verify(each)


# On a chain


@pytest.fixture
def chain() -> JobChain:
    chain = JobChain()
    chain.next_block()
    return chain


def shown(worker: TestWorker, gpu: SimulatedGpu = GPU) -> GpuEvidence:
    """Evidence for a worker, of the last block; from now on the worker's info names it."""
    evidence = gpu_evidence(gpu, worker.key, worker.chain.genesis_hash, worker.chain.head)
    worker.info = replace(worker.info, gpu_evidence=evidence.hash)
    return evidence


def attest(worker: TestWorker) -> None:
    with worker.chain.rt.transactional():
        worker.chain.rt.attestation.attest(worker.info, worker.quote())


def show(worker: TestWorker, evidence: GpuEvidence) -> None:
    worker.chain.call(ALICE, "Attestation", "attest_gpu", worker=worker.key, evidence=evidence)


def refused_on_chain(error: type[Error], worker: TestWorker, evidence: GpuEvidence) -> None:
    with noop(worker.chain.rt, error):
        show(worker, evidence)


def gpu_of(worker: TestWorker) -> Gpu | None:
    attestation = worker.chain.rt.attestation
    gpu = attestation.attested[worker.key].gpu
    assert (gpu is None) == all(attestation.gpu_holder[device] != worker.key for device in attestation.gpu_holder)
    assert gpu is None or attestation.gpu_holder[gpu.device] == worker.key
    return gpu


def test_every_reason_has_its_error() -> None:
    assert all(issubclass(getattr(Attestation, reason.__name__), Error) for reason in GpuError.__subclasses__())


def test_anybody_shows_a_workers_gpu(chain: JobChain) -> None:
    worker = chain.worker("w")
    evidence = shown(worker)
    attest(worker)
    assert gpu_of(worker) is None
    show(worker, evidence)
    gpu = gpu_of(worker)
    assert gpu is not None
    assert (gpu.model, gpu.simulated, gpu.block) == ("GH100", True, chain.rt.system.number - 1)
    assert chain.rt.events[-1] == Attestation.GpuAttested(worker.key, gpu)
    show(worker, evidence)
    assert gpu_of(worker) == gpu


def test_evidence_that_the_quote_does_not_name(chain: JobChain) -> None:
    worker, other = chain.worker("w"), chain.worker("other")
    evidence = shown(worker)
    refused_on_chain(Attestation.NotAttested, worker, evidence)
    attest(other)
    refused_on_chain(Attestation.OtherGpuEvidence, other, evidence)
    other.info = replace(other.info, gpu_evidence=evidence.hash)
    chain.next_block()
    attest(other)
    refused_on_chain(Attestation.WrongGpuNonce, other, evidence)  # its nonce names the first worker's key


def test_evidence_is_of_a_recent_block_of_this_chain(chain: JobChain) -> None:
    worker = chain.worker("w")
    foreign = gpu_evidence(GPU, worker.key, chain.genesis_hash, b"\x99" * 32)
    other_genesis = gpu_evidence(GPU, worker.key, b"\x99" * 32, chain.head)
    for evidence, error in ((foreign, Attestation.StaleGpuEvidence), (other_genesis, Attestation.WrongGpuNonce)):
        worker.info = replace(worker.info, gpu_evidence=evidence.hash)
        chain.next_block()
        attest(worker)
        refused_on_chain(error, worker, evidence)
    evidence = shown(worker)
    chain.next_block(599_900)  # the evidence's block is one slot older
    attest(worker)
    show(worker, evidence)
    chain.next_block()
    refused_on_chain(Attestation.StaleGpuEvidence, worker, evidence)


def test_what_does_not_verify_is_refused_by_its_name(chain: JobChain) -> None:
    worker = chain.worker("w")
    stranger, switch = replace(GPU, authority=GpuAuthority(b"a stranger")), replace(GPU, model="LS10")
    good = shown(worker)
    for evidence, error in (
        (shown(worker, stranger), Attestation.WrongGpuRoot),
        (replace(shown(worker, stranger), chain=[*stranger.certificates()[:-1], ROOT]), Attestation.BrokenGpuChain),
        (shown(worker, switch), Attestation.NotAGpu),
        (replace(good, report=good.report[:-1] + b"\0"), Attestation.WrongGpuSignature),
        (replace(good, report=good.report + b"\0"), Attestation.GarbledGpuEvidence),
    ):
        worker.info = replace(worker.info, gpu_evidence=evidence.hash)
        chain.next_block()
        attest(worker)
        refused_on_chain(error, worker, evidence)


def test_a_chain_of_real_hardware_takes_no_simulated_gpu() -> None:
    terms: dict[str, Any] = {"simulated_allowed": False, "simulated_root": None, "collateral": []}
    chain = JobChain(attestation=terms)
    chain.next_block()
    worker = chain.worker("w")
    evidence = shown(worker)
    chain.rt.attestation.attested[worker.key] = WorkerAttestation(
        Tee.Sgx, b"", TcbStatus.UpToDate, 1, False, bytes(32), 0, 1 << 60, 1, gpu_evidence=evidence.hash
    )
    refused_on_chain(Attestation.WrongGpuRoot, worker, evidence)


def test_a_new_attestation_keeps_the_gpu_if_it_names_the_same_evidence(chain: JobChain) -> None:
    worker = chain.worker("w")
    evidence = shown(worker)
    attest(worker)
    show(worker, evidence)
    gpu = gpu_of(worker)
    chain.next_block(600_000)
    chain.next_block(600_000)
    attest(worker)
    assert gpu is not None
    assert gpu_of(worker) == gpu
    worker.info = replace(worker.info, gpu_evidence=None)
    chain.next_block()
    attest(worker)
    assert gpu_of(worker) is None
    assert chain.events(Attestation.GpuLost) == [Attestation.GpuLost(worker.key, gpu.device)]
    refused_on_chain(Attestation.OtherGpuEvidence, worker, evidence)


def test_new_evidence_takes_the_place_of_the_old(chain: JobChain) -> None:
    worker = chain.worker("w")
    for gpu in (GPU, SimulatedGpu(bytes(16))):
        evidence = shown(worker, gpu)
        chain.next_block()
        attest(worker)
        assert gpu_of(worker) is None
        show(worker, evidence)
        assert gpu_of(worker) is not None
    assert len(list(chain.rt.attestation.gpu_holder)) == 1


def test_a_gpu_serves_one_worker(chain: JobChain) -> None:
    """It goes with the later evidence, and no replay of the older brings it back."""
    first, second = chain.worker("first"), chain.worker("second")
    older = shown(first)
    attest(first)
    show(first, older)
    rival = shown(second)
    attest(second)
    refused_on_chain(Attestation.GpuElsewhere, second, rival)
    chain.next_block()
    newer = shown(second)
    attest(second)
    show(second, newer)
    assert gpu_of(first) is None
    gpu = gpu_of(second)
    assert gpu is not None
    assert chain.events(Attestation.GpuLost) == [Attestation.GpuLost(first.key, gpu.device)]
    refused_on_chain(Attestation.GpuElsewhere, first, older)


def test_a_revoked_worker_shows_nothing(chain: JobChain) -> None:
    worker = chain.worker("w")
    evidence = shown(worker)
    attest(worker)
    chain.sudo("Attestation", "revoke", worker=worker.key)
    refused_on_chain(Attestation.KeyRevoked, worker, evidence)


if __name__ == "__main__":
    refused_flips(simulated(), NONCE, step=1)
    refused_flips(genuine(), GENUINE_NONCE, step=1)
