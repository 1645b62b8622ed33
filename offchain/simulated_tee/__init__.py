"""The simulated TEE of dev chains: genuine quote and collateral formats under a root that anybody can mint under.

# Overview

- `machine`: simulated machines and how their security versions are rated;
- `certificates`: the dev root and all that is certified under it;
- `collateral`: what a verifier needs besides a quote;
- `quote`: quotes, and what enclaves measure.

# Usage

    measurements = TdxMeasurements.of_runtime(runtime_id)
    quote = mint_quote(report_data, measurements)
    terms = collateral("tdx", issued=now, expires=now + ten_years)
    dcap_qvl.verify_with_root_ca(quote, dcap_qvl.QuoteCollateralV3.from_json(terms.decode()), dev_root(), now)

Faults are staged by arguments: a status by `Platform(tcb=dev_tcb(status))`, a stranger's root by `Authority(seed)`,
another model by `Platform(fmspc=…)`, a revoked machine or an ended revocation list by `collateral`, a debug enclave by
`debug=True`.

# Out of scope

Verifying, and deciding what is good enough: that is the chain's, with dcap-qvl.
"""

from __future__ import annotations

from offchain.simulated_tee.certificates import DEV_AUTHORITY, Authority, dev_root
from offchain.simulated_tee.collateral import DEV_EXPIRES, DEV_ISSUED, collateral
from offchain.simulated_tee.machine import (
    DEV_FMSPC,
    DEV_PLATFORM,
    DEV_TCB_LEVELS,
    InvalidPeriod,
    OutOfRange,
    Platform,
    SimulatedTeeError,
    Tcb,
    TcbLevel,
    TcbStatus,
    Tee,
    WrongLength,
    dev_tcb,
)
from offchain.simulated_tee.quote import SgxMeasurements, TdxForm, TdxMeasurements, mint_quote

__all__ = [
    "DEV_AUTHORITY",
    "DEV_EXPIRES",
    "DEV_FMSPC",
    "DEV_ISSUED",
    "DEV_PLATFORM",
    "DEV_TCB_LEVELS",
    "Authority",
    "InvalidPeriod",
    "OutOfRange",
    "Platform",
    "SgxMeasurements",
    "SimulatedTeeError",
    "Tcb",
    "TcbLevel",
    "TcbStatus",
    "TdxMeasurements",
    "TdxForm",
    "Tee",
    "WrongLength",
    "collateral",
    "dev_root",
    "dev_tcb",
    "mint_quote",
]
