from __future__ import annotations

import dcap_qvl
import orjson

from offchain.attestation import SimulatedEnclave, gpu_evidence, worker_info
from offchain.keys import WorkerKeys
from offchain.simulated_tee import SgxMeasurements, collateral, dev_root
from offchain.simulated_tee.gpu import SimulatedGpu, dev_gpu_root
from pallets.attestation.gpu import verify_gpu
from pallets.primitives.gpu import gpu_nonce
from pallets.primitives.hashing import blake2_256

NOW = 1_790_000_000
OPERATOR, GENESIS, RUNTIME, BLOCK = b"o" * 32, b"g" * 32, b"r" * 32, b"b" * 32


def test_a_quote_binds_key_operator_chain_runtime_and_block() -> None:
    keys = WorkerKeys(b"s" * 32, b"x" * 32)
    info = worker_info(keys, OPERATOR, GENESIS, RUNTIME)
    quote = SimulatedEnclave.of(keys.worker_key, RUNTIME).quote(info.report_data(BLOCK))
    terms = dcap_qvl.QuoteCollateralV3.from_json(collateral("sgx", issued=NOW - 60, expires=NOW + 60).decode())
    policy = dcap_qvl.QuotePolicy.claims_only(NOW)
    claims = orjson.loads(dcap_qvl.QuoteVerifier(dev_root()).verify_with_policy(quote, terms, NOW, policy).to_json())
    report = claims["report"]["SgxEnclave"]
    encoded = b"\1" + keys.worker_key + keys.seal_key + OPERATOR + GENESIS + RUNTIME + b"\0\0\0"
    assert bytes.fromhex(report["report_data"]) == blake2_256(encoded) + BLOCK
    assert report["mr_enclave"] == SgxMeasurements.of_runtime(RUNTIME).mr_enclave.hex()


def test_every_worker_has_a_machine_of_its_own() -> None:
    first, second = (SimulatedEnclave.of(key, RUNTIME) for key in (b"1" * 32, b"2" * 32))
    assert first.platform.ppid != second.platform.ppid
    assert first == SimulatedEnclave.of(b"1" * 32, RUNTIME)
    assert first.measurements == second.measurements


def test_evidence_of_a_gpu_is_named_by_the_info_and_made_for_the_worker() -> None:
    keys = WorkerKeys(b"s" * 32, b"x" * 32)
    evidence = gpu_evidence(SimulatedGpu.of(keys.worker_key), keys.worker_key, GENESIS, BLOCK)
    nonce = blake2_256(b"fathom/gpu" + GENESIS + keys.worker_key + BLOCK)
    assert nonce == gpu_nonce(GENESIS, keys.worker_key, BLOCK)
    assert verify_gpu(evidence, nonce, dev_gpu_root(), NOW).simulated
    assert worker_info(keys, OPERATOR, GENESIS, RUNTIME, evidence).gpu_evidence == evidence.hash
    assert SimulatedGpu.of(keys.worker_key) != SimulatedGpu.of(b"2" * 32)
