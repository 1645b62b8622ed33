"""How a chain replaces its own code: which code may, and what the block says of it.

`:code` changes within a block, which is finished by the runtime that began it; the next block is the new runtime's.
Any code that names a later version of this chain's runtime will do here: whether a program can run it is not the
chain's to know, or two programs would make different things of the same block. Mirrors `frame_system`'s
`can_set_code`, `update_code_in_storage` and `validate_code_is_authorized`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.frame import H256, U32, Compact, Error, Pays, PostInfo, struct
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import RuntimeEnvironmentUpdated
from pallets.primitives.runtime_code import CODE_KEY, InvalidRuntimeCode, runtime_version

if TYPE_CHECKING:
    from pallets.system.pallet import System


@struct(path="frame_system::LastRuntimeUpgradeInfo")
class LastRuntimeUpgradeInfo:
    """The runtime that ran last."""

    spec_version: Compact[U32]
    spec_name: str


@struct(path="frame_system::CodeUpgradeAuthorization")
class CodeUpgradeAuthorization:
    """Which code may replace the runtime's, and whether its version has to be a later one."""

    __type_arguments__ = (("T", None),)

    code_hash: H256
    check_version: bool


def check_version(system: System, code: bytes) -> None:
    """Raises an `Error` unless the code is a later version of the same runtime."""
    try:
        new = runtime_version(code)
    except InvalidRuntimeCode as error:
        raise system.FailedToExtractRuntimeVersion(str(error)) from None
    if new is None:
        raise system.FailedToExtractRuntimeVersion
    if new.spec_name != system.version.spec_name:
        raise system.InvalidSpecName
    if new.spec_version <= system.version.spec_version:
        raise system.SpecVersionNeedsToIncrease


def update_code(system: System, code: bytes) -> None:
    """Replaces the code."""
    system.state.put(CODE_KEY, code)
    system.deposit_log(RuntimeEnvironmentUpdated())
    system.deposit(system.CodeUpdated())


def authorize(system: System, code_hash: bytes, *, check_version: bool) -> None:
    """Lets anybody replace the code by the one of this hash; an earlier authorization ends."""
    system.authorized_upgrade = CodeUpgradeAuthorization(code_hash, check_version)
    system.deposit(system.UpgradeAuthorized(code_hash, check_version))


def authorization_of(system: System, code: bytes) -> CodeUpgradeAuthorization:
    """The authorization of this code; raises `NothingAuthorized` or `Unauthorized`."""
    authorized = system.authorized_upgrade
    if authorized is None:
        raise system.NothingAuthorized
    if authorized.code_hash != blake2_256(code):
        raise system.Unauthorized
    return authorized


def apply_authorized(system: System, code: bytes) -> PostInfo:
    """Uses the authorization up, also where the code turns out not to be a later version: it never would be."""
    authorized = authorization_of(system, code)
    del system.authorized_upgrade
    try:
        if authorized.check_version:
            check_version(system, code)
    except Error as error:
        system.deposit(system.RejectedInvalidAuthorizedUpgrade(authorized.code_hash, error))
    else:
        update_code(system, code)
    return PostInfo(pays_fee=Pays.No)
