from __future__ import annotations

import dcap_qvl
import orjson

from offchain.attestation import SimulatedEnclave, worker_info
from offchain.keys import WorkerKeys
from offchain.simulated_tee import SgxMeasurements, collateral, dev_root
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
