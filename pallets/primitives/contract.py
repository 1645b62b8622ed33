"""What a contract's job is on the wire: the message that goes in, and what the contract returned.

A job's input is a `ContractInput`. None begins like JSON, in which the same message is said over HTTP. What a job of a
contract leaves is, behind its effects (`effects.opened`), a `ContractOutput`.

Encoding of arguments and results: ink!'s metadata, of which the chain knows nothing. The contract's account is the
agent's purse (`pots`).
"""

from __future__ import annotations

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.pots import purse
from pallets.primitives.scale import compact
from pallets.primitives.types import U32, AccountId, Balance, Compact, Variant, struct

REVERT = 1
"""The flag of a message that undid all it did."""


class ContractInput(Variant):
    """A message to a contract. `data` are selector and arguments, `value` what the caller pays the contract for it."""


@struct(name="Call")
class CallMessage(ContractInput):
    """To a contract that is deployed."""

    value: Compact[Balance]
    data: bytes


@struct(name="Deploy")
class DeployMessage(ContractInput):
    """To a constructor, once in an agent's life."""

    value: Compact[Balance]
    data: bytes


@struct(path="fathom_primitives::ContractOutput")
class ContractOutput:
    """What a contract returned; `pallet_contracts_primitives::ExecReturnValue`."""

    flags: U32
    data: bytes

    @property
    def reverted(self) -> bool:
        """Whether the contract undid all that it did."""
        return bool(self.flags & REVERT)


CONTRACT_INPUT, CONTRACT_OUTPUT = codec_of(ContractInput), codec_of(ContractOutput)


def instance_account(deployer: AccountId, code: bytes, data: bytes, salt: bytes) -> AccountId:
    """Of a contract that another one made, as `pallet_contracts::DefaultAddressGenerator` has it."""
    return blake2_256(b"contract_addr_v1" + deployer + code + compact(len(data)) + data + compact(len(salt)) + salt)


def agent_of(account: AccountId) -> int | None:
    """Whose contract stands at an account, if it is an agent's purse."""
    agent = int.from_bytes(account[12:20], "little")
    return agent if account == purse(agent) else None
