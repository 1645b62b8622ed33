"""A simulated machine: what its processor, firmware and quoting enclave claim to be, and how that is rated.

A quote names the security versions of the machine that made it; collateral rates them. The ladder `DEV_TCB_LEVELS` has
one rung for every status Intel gives, so one collateral serves all of them and a status is staged by the machine alone:
`Platform(tcb=dev_tcb(TcbStatus.OUT_OF_DATE))`. Versions below the lowest rung match no level.

Errors raised by this package:

    SimulatedTeeError
    ├── WrongLength
    ├── OutOfRange
    └── InvalidPeriod
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Literal

Tee = Literal["sgx", "tdx"]
"""The two kinds of enclave that DCAP quotes."""


class SimulatedTeeError(ValueError):
    """What was asked for can't be written in the formats of a quote or its collateral."""


class WrongLength(SimulatedTeeError):
    """A field of fixed width was given other than its number of bytes."""


class OutOfRange(SimulatedTeeError):
    """A number does not fit its field."""


class InvalidPeriod(SimulatedTeeError):
    """What expires must begin before, both from 1970 to 9999."""


def require_length(field: str, value: bytes, length: int) -> None:
    """Raise `WrongLength` unless `value` is `length` bytes."""
    if len(value) != length:
        raise WrongLength(f"{field} has {len(value)} bytes, the format holds exactly {length}")


def require_range(field: str, value: int, last: int) -> None:
    """Raise `OutOfRange` unless `value` is 0 to `last`."""
    if not 0 <= value <= last:
        raise OutOfRange(f"{field} is {value}, the format holds 0 to {last}")


LAST_U16, LAST_U32 = 0xFFFF, 0xFFFF_FFFF
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that X.509 and RFC 3339 can write


class TcbStatus(StrEnum):
    """How Intel rates a set of security versions; the values are the wire's."""

    UP_TO_DATE = "UpToDate"
    SW_HARDENING_NEEDED = "SWHardeningNeeded"
    CONFIGURATION_NEEDED = "ConfigurationNeeded"
    CONFIGURATION_AND_SW_HARDENING_NEEDED = "ConfigurationAndSWHardeningNeeded"
    OUT_OF_DATE = "OutOfDate"
    OUT_OF_DATE_CONFIGURATION_NEEDED = "OutOfDateConfigurationNeeded"
    REVOKED = "Revoked"


TDX_MODULE_ISVSVN = 6
TDX_MODULE_VERSION = 1


@dataclass(frozen=True)
class Tcb:
    """The security versions of a machine, or those that a level asks for at least.

    `sgx`: 16 component versions, one byte each (CPUSVN). `pce`: version of the provisioning certification enclave, 16
    bits. `tdx`: 16 bytes of TEE_TCB_SVN, the first two of which are the TDX module's ISVSVN and version; SGX has none.
    """

    sgx: bytes
    pce: int
    tdx: bytes = bytes((TDX_MODULE_ISVSVN, TDX_MODULE_VERSION, 3)) + bytes(13)

    def __post_init__(self) -> None:
        require_length("Tcb.sgx", self.sgx, 16)
        require_range("Tcb.pce", self.pce, LAST_U16)
        require_length("Tcb.tdx", self.tdx, 16)


@dataclass(frozen=True)
class TcbLevel:
    """One entry of `tcbLevels`: machines with at least `tcb` in every component have this `status`.

    `date` is the level's `tcbDate` in unix seconds, the collateral's issue date where None.
    """

    status: TcbStatus
    tcb: Tcb
    advisories: tuple[str, ...] = ()
    date: int | None = None

    def __post_init__(self) -> None:
        if self.date is not None:
            require_range("TcbLevel.date", self.date, LAST_SECOND)


def _rung(svn: int, status: TcbStatus, *advisories: str) -> TcbLevel:
    return TcbLevel(status, Tcb(sgx=bytes((svn,)) * 16, pce=svn), advisories)


# The advisories are genuine identifiers, so that rules about them (Phala's confidence 3 or 4) are met in either way.
DEV_TCB_LEVELS: tuple[TcbLevel, ...] = (
    _rung(16, TcbStatus.UP_TO_DATE),
    _rung(14, TcbStatus.SW_HARDENING_NEEDED, "INTEL-SA-00615"),
    _rung(12, TcbStatus.CONFIGURATION_NEEDED, "INTEL-SA-00219"),
    _rung(10, TcbStatus.CONFIGURATION_AND_SW_HARDENING_NEEDED, "INTEL-SA-00289", "INTEL-SA-00615"),
    _rung(8, TcbStatus.OUT_OF_DATE, "INTEL-SA-00828"),
    _rung(6, TcbStatus.OUT_OF_DATE_CONFIGURATION_NEEDED, "INTEL-SA-00289", "INTEL-SA-00828"),
    _rung(4, TcbStatus.REVOKED, "INTEL-SA-00614"),
)
"""The levels of the dev chain's collateral, best first: one for each status."""


def dev_tcb(status: TcbStatus) -> Tcb:
    """The versions that `DEV_TCB_LEVELS` rates as `status`."""
    return next(level.tcb for level in DEV_TCB_LEVELS if level.status == status)


DEV_FMSPC = b"FATHOM"
"""Family, model, stepping, platform and SKU of the simulated processor, 6 bytes: what collateral is filed under."""


@dataclass(frozen=True)
class Platform:
    """A simulated machine: `ppid` (16 bytes) tells it from others, `fmspc` (6 bytes) is its model.

    `valid_from`, `valid_until`: the dates of its certificate, in unix seconds. `current_tdx`: the TDX versions that run
    now (16 bytes), where those of `tcb` launched the domain; only reports of TDX 1.5 have them.
    """

    ppid: bytes = sha256(b"fathom/simulated-tee/ppid").digest()[:16]
    fmspc: bytes = DEV_FMSPC
    tcb: Tcb = DEV_TCB_LEVELS[0].tcb
    valid_from: int = 0
    valid_until: int = LAST_SECOND
    current_tdx: bytes | None = None

    def __post_init__(self) -> None:
        require_length("Platform.ppid", self.ppid, 16)
        require_length("Platform.fmspc", self.fmspc, 6)
        if self.current_tdx is not None:
            require_length("Platform.current_tdx", self.current_tdx, 16)
        if not 0 <= self.valid_from < self.valid_until <= LAST_SECOND:
            raise InvalidPeriod(f"a certificate from {self.valid_from} until {self.valid_until}: give unix seconds")


DEV_PLATFORM = Platform()
"""The machine that quotes are minted on unless told otherwise."""
