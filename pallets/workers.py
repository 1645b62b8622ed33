"""The workers: who serves, with what stake, and whether they live.

## Overview

```
register -> Idle <-> Working          drawn from a list of the eligible, O(1) however many there are
              |  heartbeat missing
              v
         Unresponsive                 a heartbeat brings it back
Registered                            attestation found not to hold: attest again, or beat once it holds
exit -> CoolingDown -> withdraw -> Left
```
Eligible are those Idle or Working with room for one more job. A worker is drawn with a chance that grows with stake, record and
confidence, by rejection: a random place of the list, taken with the weight's probability, at most 64 tries. One that turns
out to be unattested on the way leaves the list.

Silence is noticed by calendar, at the start of a block, a bounded number a block. What fell due while the chain stood still for
over a minute (`excused_until`) is armed again instead of punished.

## Refused heartbeats

A bare heartbeat that isn't admitted answers `BadProof` where the signature is wrong, else `Custom`: the index of the error
here, or 128 + the index of an error of `Attestation`.

## Out of scope

Quotes (`pallets.attestation`), jobs (`pallets.jobs`), slashing.
"""

from __future__ import annotations

from typing import Annotated

from pallets.attestation import VERIFICATION_REF_TIME, Attestation, refusal
from pallets.calendar import GAP, due, first_due
from pallets.dcap import Quote
from pallets.frame import (
    H256,
    U8,
    U32,
    U64,
    AccountId,
    Balance,
    BlockNumber,
    Bytes64,
    Compact,
    Const,
    CountedMap,
    DueKey,
    Error,
    Event,
    Map,
    Moment,
    NoneOrigin,
    Pallet,
    Reasons,
    Signed,
    UnitEnum,
    ValidTransaction,
    Value,
    Weight,
    call,
    struct,
)
from pallets.frame.validity import BadProof
from pallets.fungible import Currency
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import Identity, blake2_256
from pallets.primitives.worker import WorkerInfo, WorkerKey, heartbeat_bytes
from pallets.system import System
from pallets.timestamp import Timestamp

MAX_TRIES = 64
SCORE = 1000
SCORE_FLOOR = 125
CONFIDENCE_WEIGHT = (10, 10, 10, 8, 7)  # of levels 1 to 5, in tenths: Phala's score multipliers
HEARTBEAT_LONGEVITY = 64
SIGNATURE_REF_TIME = 100_000_000
