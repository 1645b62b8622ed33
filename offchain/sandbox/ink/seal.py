"""The functions that contracts import: the seal interface of `pallet-contracts`, from ink! 3 to ink! 5.

Overview
    A function has a module (`seal0`, `seal1`, `seal2`), which is its version, and a name, by which it is known with and
    without the prefix `seal_`. Arguments are numbers: values, or addresses in the contract's memory, which are checked
    at every use. Where a function writes, the contract says at a second address how much room it has.

    Of what `pallet-contracts` once offered `restore_to` is absent, so that a contract that imports it is refused by
    name. `call_runtime`, `xcm_execute` and `xcm_send` answer that they failed: an agent calls the chain in its
    submitter's name alone, which a contract has no words for. Depositing, rent and code locks cost nothing here, and
    their functions do nothing.

Errors
    `ContractTrapped` for what ends the contract, such as an address outside its memory or a write in a call that may
    not; return codes (`Code`) for all else, as `pallet-contracts` has them.

Out of scope
    Calls between contracts, and what a trap undoes: `run`. Chain extensions: `pink`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from offchain.sandbox.base import ContractTrapped
from offchain.sandbox.ink import signing
from offchain.sandbox.ink.engine import Functions
from offchain.sandbox.ink.module import Signature
from offchain.sandbox.ink.state import Event
from offchain.sandbox.wasm import Slots
from pallets.primitives.codec import codec_of
from pallets.primitives.effects import MAX_DATA, MAX_KEY, MAX_TOPICS, MAX_VALUE
from pallets.primitives.hashing import blake2_128, blake2_256, keccak_256
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.types import Bytes32

if TYPE_CHECKING:
    from offchain.sandbox.ink.run import ContractRun, Frame

CALL_GAS, BYTE_GAS = 50_000, 20
"""Added where a contract calls the host: about the 10 µs that it takes; and for each byte that is hashed or moved."""
VERIFY_GAS, RECOVER_GAS = 500_000, 1_500_000
MAX_CALL_BYTES = 1 << 20
"""Of input or output of a call between contracts."""
NOWHERE = 0xFFFF_FFFF
"""In the place of an address: the contract doesn't want it."""
TOPICS = codec_of(list[Bytes32])

Method = TypeVar("Method", bound=Callable[..., Any])


class Code(IntEnum):
    """`pallet_contracts::wasm::runtime::ReturnErrorCode`."""

    SUCCESS = 0
    CALLEE_TRAPPED = 1
    CALLEE_REVERTED = 2
    KEY_NOT_FOUND = 3
    TRANSFER_FAILED = 5
    CODE_NOT_FOUND = 7
    NOT_CALLABLE = 8
    CALL_RUNTIME_FAILED = 10
    ECDSA_RECOVERY_FAILED = 11
    SR25519_VERIFY_FAILED = 12
    XCM_EXECUTION_FAILED = 13
    XCM_SEND_FAILED = 14


class Returned(Exception):
    """The contract has returned, from wherever it was."""

    def __init__(self, flags: int, data: bytes) -> None:
        self.flags, self.data = flags, data


_METHODS: list[tuple[str, str, Signature, str]] = []
UNSTABLE = {
    "seal_ecdsa_recover": ("seal0", "ecdsa_recover"),
    "seal_ecdsa_to_eth_address": ("seal0", "ecdsa_to_eth_address"),
    "seal_set_storage": ("seal2", "set_storage"),
    "seal_get_storage": ("seal1", "get_storage"),
    "seal_clear_storage": ("seal1", "clear_storage"),
    "seal_contains_storage": ("seal1", "contains_storage"),
    "take_storage": ("seal0", "take_storage"),
}
"""What ink! 3.0 and 3.1, and 4 before its release, imported from `__unstable__`, and what that became."""


def seal(version: int, signature: str, name: str = "", *, gas: int = CALL_GAS) -> Callable[[Method], Method]:
    """A method that contracts import as `seal<version>.<name>`: `iI->i` takes an i32 and an i64, and answers an i32."""
    parameters, _, results = signature.partition("->")

    def add(method: Method) -> Method:
        _METHODS.append((f"seal{version}", name or method.__name__, (parameters, results), method.__name__))
        GAS[method.__name__] = gas
        return method

    return add


GAS: dict[str, int] = {}


class Seal:
    """Serves the contract that runs now: `run` says which that is."""

    def __init__(self) -> None:
        self.run: ContractRun | None = None

    def functions(self) -> Functions:
        """All that contracts may import."""
        found = dict[tuple[str, str], tuple[Signature, Callable[[Slots], None]]]()
        for module, name, signature, method in _METHODS:
            served = signature, self._served(getattr(self, method), signature, GAS[method])
            found[module, name] = found[module, f"seal_{name.removeprefix('seal_')}"] = served
        return found | {("__unstable__", name): found[became] for name, became in UNSTABLE.items()}

    def _served(self, method: Callable[..., Any], signature: Signature, gas: int) -> Callable[[Slots], None]:
        parameters, results = signature

        def serve(slots: Slots) -> None:
            arguments = [
                slots[place].i64 & 0xFFFF_FFFF_FFFF_FFFF if kind == "I" else slots[place].i32 & 0xFFFF_FFFF
                for place, kind in enumerate(parameters)
            ]
            assert self.run is not None, "a contract runs only in a run"
            frame = self.run.frame
            frame.charge(gas)
            answer = method(frame, *arguments)
            if results == "i":
                slots[0].i32 = int(answer)
            elif results == "I":
                slots[0].i64 = int(answer)

        return serve

    # Storage: keys of 32 bytes at first, later of any length

    @seal(0, "iii->", "set_storage")
    def set_storage_0(self, frame: Frame, key: int, value: int, length: int) -> None:
        self._set(frame, key, 32, value, length)

    @seal(1, "iii->i", "set_storage")
    def set_storage_1(self, frame: Frame, key: int, value: int, length: int) -> int:
        return self._set(frame, key, 32, value, length)

    @seal(2, "iiii->i", "set_storage")
    def set_storage_2(self, frame: Frame, key: int, key_length: int, value: int, length: int) -> int:
        return self._set(frame, key, key_length, value, length)

    @seal(0, "i->", "clear_storage")
    def clear_storage_0(self, frame: Frame, key: int) -> None:
        self._clear(frame, key, 32)

    @seal(1, "ii->i", "clear_storage")
    def clear_storage_1(self, frame: Frame, key: int, key_length: int) -> int:
        return self._clear(frame, key, key_length)

    @seal(0, "iii->i", "get_storage")
    def get_storage_0(self, frame: Frame, key: int, out: int, room: int) -> int:
        return self._get(frame, key, 32, out, room)

    @seal(1, "iiii->i", "get_storage")
    def get_storage_1(self, frame: Frame, key: int, key_length: int, out: int, room: int) -> int:
        return self._get(frame, key, key_length, out, room)

    @seal(0, "i->i", "contains_storage")
    def contains_storage_0(self, frame: Frame, key: int) -> int:
        return _length(frame.get(frame.key(key, 32)))

    @seal(1, "ii->i", "contains_storage")
    def contains_storage_1(self, frame: Frame, key: int, key_length: int) -> int:
        return _length(frame.get(frame.key(key, key_length)))

    @seal(0, "iiii->i")
    def take_storage(self, frame: Frame, key: int, key_length: int, out: int, room: int) -> int:
        frame.may_change()
        name = frame.key(key, key_length)
        found = frame.get(name)
        if found is None:
            return Code.KEY_NOT_FOUND
        frame.answer(out, room, found)
        frame.set(name, None)
        return Code.SUCCESS

    def _set(self, frame: Frame, key: int, key_length: int, value: int, length: int) -> int:
        frame.may_change()
        if length > MAX_VALUE:
            raise ContractTrapped(f"ValueTooLarge: a value of {length} bytes, more than {MAX_VALUE}")
        return _length(frame.set(frame.key(key, key_length), frame.read(value, length)))

    def _clear(self, frame: Frame, key: int, key_length: int) -> int:
        frame.may_change()
        return _length(frame.set(frame.key(key, key_length), None))

    def _get(self, frame: Frame, key: int, key_length: int, out: int, room: int) -> int:
        found = frame.get(frame.key(key, key_length))
        if found is None:
            return Code.KEY_NOT_FOUND
        frame.answer(out, room, found)
        return Code.SUCCESS

    # Input and output

    @seal(0, "ii->")
    def input(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, frame.input(take=False))

    @seal(0, "iii->", "seal_return")
    def seal_return(self, frame: Frame, flags: int, data: int, length: int) -> None:
        if flags & ~1:
            raise ContractTrapped(f"InvalidCallFlags: it returned the flags {flags:#x}")
        raise Returned(flags, frame.read(data, frame.bounded(length)))

    @seal(0, "ii->i")
    def debug_message(self, frame: Frame, text: int, length: int) -> int:
        frame.run.log(frame.read(text, frame.bounded(length)).decode("utf-8", "replace"))
        return Code.SUCCESS

    @seal(0, "iiii->")
    def deposit_event(self, frame: Frame, topics: int, topics_length: int, data: int, length: int) -> None:
        frame.may_change()
        if length > MAX_DATA or topics_length > 1 + 32 * MAX_TOPICS:
            raise ContractTrapped(f"ValueTooLarge: an event of {length} bytes, more than {MAX_DATA}, or of more topics")
        try:
            found = TOPICS.decode_all(frame.read(topics, topics_length)) if topics_length else []
        except DecodeError:
            raise ContractTrapped("DecodingFailed: the event's topics are none") from None
        if len(found) > MAX_TOPICS:
            raise ContractTrapped(f"TooManyTopics: an event of {len(found)} topics, more than {MAX_TOPICS}")
        frame.run.state.emit(Event(frame.contract.account, found, frame.read(data, length)))

    # Who and where

    @seal(0, "ii->")
    def caller(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, frame.caller)

    @seal(0, "ii->")
    def address(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, frame.contract.account)

    @seal(0, "ii->")
    def value_transferred(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, _u128(frame.value))

    @seal(0, "ii->")
    def balance(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, _u128(frame.run.state.balance(frame.contract.account)))

    @seal(0, "ii->")
    def minimum_balance(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, _u128(frame.run.chain.minimum_balance()))

    @seal(0, "ii->")
    def block_number(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, frame.run.chain.block_number().to_bytes(4, "little"))

    @seal(0, "ii->")
    def now(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, frame.run.now_ms.to_bytes(8, "little"))

    @seal(0, "->i")
    def caller_is_origin(self, frame: Frame) -> bool:
        return frame.caller == frame.run.origin

    @seal(0, "->i")
    def caller_is_root(self, frame: Frame) -> bool:
        return False

    @seal(0, "i->i")
    def is_contract(self, frame: Frame, account: int) -> bool:
        return frame.run.state.contract(frame.read(account, 32)) is not None

    @seal(0, "iii->i")
    def code_hash(self, frame: Frame, account: int, out: int, room: int) -> int:
        found = frame.run.state.contract(frame.read(account, 32))
        if found is None:
            return Code.KEY_NOT_FOUND
        frame.answer(out, room, found.code)
        return Code.SUCCESS

    @seal(0, "ii->")
    def own_code_hash(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, frame.contract.code)

    @seal(0, "->i")
    def reentrance_count(self, frame: Frame) -> int:
        return frame.run.count(frame.contract.account) - 1

    @seal(0, "i->i")
    def account_reentrance_count(self, frame: Frame, account: int) -> int:
        return frame.run.count(frame.read(account, 32))

    @seal(0, "->I")
    def instantiation_nonce(self, frame: Frame) -> int:
        return frame.run.chain.block_number() << 16 | frame.run.made  # a salt: other jobs' are others

    # Gas and prices

    @seal(0, "ii->", "gas_left")
    def gas_left_0(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, frame.instance.fuel.to_bytes(8, "little"))

    @seal(1, "ii->", "gas_left")
    def gas_left_1(self, frame: Frame, out: int, room: int) -> None:
        left = compact(frame.instance.fuel)
        frame.answer(out, room, left + left)

    @seal(0, "Iii->", "weight_to_fee")
    def weight_to_fee_0(self, frame: Frame, gas: int, out: int, room: int) -> None:
        frame.answer(out, room, _u128(gas * frame.run.chain.price()))

    @seal(1, "IIii->", "weight_to_fee")
    def weight_to_fee_1(self, frame: Frame, gas: int, proof_size: int, out: int, room: int) -> None:
        frame.answer(out, room, _u128(gas * frame.run.chain.price()))

    @seal(0, "ii->")
    def tombstone_deposit(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, _u128(0))

    @seal(0, "ii->")
    def rent_allowance(self, frame: Frame, out: int, room: int) -> None:
        frame.answer(out, room, _u128((1 << 128) - 1))

    @seal(0, "ii->", "set_rent_allowance")
    def set_rent_allowance_0(self, frame: Frame, value: int, length: int) -> None:
        frame.read(value, 16)

    @seal(1, "i->", "set_rent_allowance")
    def set_rent_allowance_1(self, frame: Frame, value: int) -> None:
        frame.read(value, 16)

    # Hashes, signatures and chance

    @seal(0, "iii->")
    def hash_sha2_256(self, frame: Frame, data: int, length: int, out: int) -> None:
        frame.write(out, sha256(self._hashed(frame, data, length)).digest())

    @seal(0, "iii->")
    def hash_keccak_256(self, frame: Frame, data: int, length: int, out: int) -> None:
        frame.write(out, keccak_256(self._hashed(frame, data, length)))

    @seal(0, "iii->")
    def hash_blake2_256(self, frame: Frame, data: int, length: int, out: int) -> None:
        frame.write(out, blake2_256(self._hashed(frame, data, length)))

    @seal(0, "iii->")
    def hash_blake2_128(self, frame: Frame, data: int, length: int, out: int) -> None:
        frame.write(out, blake2_128(self._hashed(frame, data, length)))

    def _hashed(self, frame: Frame, data: int, length: int) -> bytes:
        frame.charge(BYTE_GAS * length)
        return frame.read(data, length)

    @seal(0, "iii->i", gas=RECOVER_GAS)
    def ecdsa_recover(self, frame: Frame, signature: int, hash: int, out: int) -> int:
        found = signing.recovered(frame.read(signature, 65), frame.read(hash, 32))
        if found is None:
            return Code.ECDSA_RECOVERY_FAILED
        frame.write(out, found)
        return Code.SUCCESS

    @seal(0, "ii->i", gas=RECOVER_GAS)
    def ecdsa_to_eth_address(self, frame: Frame, key: int, out: int) -> int:
        found = signing.ethereum_address(frame.read(key, 33))
        if found is None:
            return Code.ECDSA_RECOVERY_FAILED
        frame.write(out, found)
        return Code.SUCCESS

    @seal(0, "iiii->i", gas=VERIFY_GAS)
    def sr25519_verify(self, frame: Frame, signature: int, key: int, length: int, message: int) -> int:
        frame.charge(BYTE_GAS * length)
        said = frame.read(signature, 64), frame.read(message, length), frame.read(key, 32)
        return Code.SUCCESS if signing.verified("sr25519", *said) else Code.SR25519_VERIFY_FAILED

    @seal(0, "iiii->", "random")
    def random_0(self, frame: Frame, subject: int, length: int, out: int, room: int) -> None:
        frame.answer(out, room, self._random(frame, subject, length))

    @seal(1, "iiii->", "random")
    def random_1(self, frame: Frame, subject: int, length: int, out: int, room: int) -> None:
        number = frame.run.chain.block_number().to_bytes(4, "little")
        frame.answer(out, room, self._random(frame, subject, length) + number)

    def _random(self, frame: Frame, subject: int, length: int) -> bytes:
        return blake2_256(frame.run.seed + self._hashed(frame, subject, frame.bounded(length)))

    # Money

    @seal(0, "iiii->i")
    def transfer(self, frame: Frame, account: int, account_length: int, value: int, value_length: int) -> int:
        frame.may_change()
        to, amount = frame.read(account, 32), frame.u128(value)
        return Code.SUCCESS if frame.run.pay(frame.contract, to, amount) else Code.TRANSFER_FAILED

    @seal(0, "ii->", "terminate")
    def terminate_0(self, frame: Frame, beneficiary: int, length: int) -> None:
        frame.run.terminate(frame, frame.read(beneficiary, 32))

    @seal(1, "i->", "terminate")
    def terminate_1(self, frame: Frame, beneficiary: int) -> None:
        frame.run.terminate(frame, frame.read(beneficiary, 32))

    # Other contracts

    @seal(0, "iiIiiiiii->i", "call")
    def call_0(
        self, frame: Frame, callee: int, _callee_length: int, gas: int, value: int, _value_length: int,
        data: int, length: int, out: int, room: int,
    ) -> int:  # fmt: skip
        return frame.run.call(frame, 0, frame.read(callee, 32), gas, frame.u128(value), (data, length), (out, room))

    @seal(1, "iiIiiiii->i", "call")
    def call_1(
        self, frame: Frame, flags: int, callee: int, gas: int, value: int, data: int, length: int, out: int, room: int
    ) -> int:
        return frame.run.call(frame, flags, frame.read(callee, 32), gas, frame.u128(value), (data, length), (out, room))

    @seal(2, "iiIIiiiiii->i", "call")
    def call_2(
        self, frame: Frame, flags: int, callee: int, gas: int, _proof: int, _deposit: int, value: int,
        data: int, length: int, out: int, room: int,
    ) -> int:  # fmt: skip
        return frame.run.call(frame, flags, frame.read(callee, 32), gas, frame.u128(value), (data, length), (out, room))

    @seal(0, "iiiiii->i")
    def delegate_call(self, frame: Frame, flags: int, code: int, data: int, length: int, out: int, room: int) -> int:
        return frame.run.delegate_call(frame, flags, frame.read(code, 32), (data, length), (out, room))

    @seal(0, "iiIiiiiiiiiii->i", "instantiate")
    def instantiate_0(
        self, frame: Frame, code: int, _code_length: int, gas: int, value: int, _value_length: int,
        data: int, length: int, address: int, address_room: int, out: int, room: int, salt: int, salt_length: int,
    ) -> int:  # fmt: skip
        given = (data, length), frame.read(salt, frame.bounded(salt_length)), (address, address_room), (out, room)
        return frame.run.instantiate(frame, frame.read(code, 32), gas, frame.u128(value), *given)

    @seal(1, "iIiiiiiiiii->i", "instantiate")
    def instantiate_1(
        self, frame: Frame, code: int, gas: int, value: int,
        data: int, length: int, address: int, address_room: int, out: int, room: int, salt: int, salt_length: int,
    ) -> int:  # fmt: skip
        given = (data, length), frame.read(salt, frame.bounded(salt_length)), (address, address_room), (out, room)
        return frame.run.instantiate(frame, frame.read(code, 32), gas, frame.u128(value), *given)

    @seal(2, "iIIiiiiiiiiii->i", "instantiate")
    def instantiate_2(
        self, frame: Frame, code: int, gas: int, _proof: int, _deposit: int, value: int,
        data: int, length: int, address: int, address_room: int, out: int, room: int, salt: int, salt_length: int,
    ) -> int:  # fmt: skip
        given = (data, length), frame.read(salt, frame.bounded(salt_length)), (address, address_room), (out, room)
        return frame.run.instantiate(frame, frame.read(code, 32), gas, frame.u128(value), *given)

    @seal(0, "i->i")
    def set_code_hash(self, frame: Frame, code: int) -> int:
        return frame.run.set_code(frame, frame.read(code, 32))

    @seal(0, "i->")
    def lock_delegate_dependency(self, frame: Frame, code: int) -> None:
        frame.read(code, 32)

    @seal(0, "i->")
    def unlock_delegate_dependency(self, frame: Frame, code: int) -> None:
        frame.read(code, 32)

    @seal(0, "i->")
    def add_delegate_dependency(self, frame: Frame, code: int) -> None:
        frame.read(code, 32)

    @seal(0, "i->")
    def remove_delegate_dependency(self, frame: Frame, code: int) -> None:
        frame.read(code, 32)

    # Beyond contracts

    @seal(0, "iiiii->i")
    def call_chain_extension(self, frame: Frame, id: int, data: int, length: int, out: int, room: int) -> int:
        code, output = frame.run.extension(frame, id, frame.read(data, frame.bounded(length)))
        frame.charge(BYTE_GAS * len(output))
        frame.answer(out, room, output)
        return code

    @seal(0, "ii->i")
    def call_runtime(self, frame: Frame, call: int, length: int) -> int:
        frame.read(call, frame.bounded(length))
        return Code.CALL_RUNTIME_FAILED

    @seal(0, "ii->i")
    def xcm_execute(self, frame: Frame, message: int, length: int) -> int:
        frame.read(message, frame.bounded(length))
        return Code.XCM_EXECUTION_FAILED

    @seal(0, "iiii->i")
    def xcm_send(self, frame: Frame, dest: int, message: int, length: int, out: int) -> int:
        frame.read(message, frame.bounded(length))
        return Code.XCM_SEND_FAILED


def check_key(length: int) -> None:
    """Raises `ContractTrapped` where no key is as long."""
    if length > MAX_KEY:
        raise ContractTrapped(f"DecodingFailed: a key of {length} bytes, more than {MAX_KEY}")


def _length(value: bytes | None) -> int:
    return -1 if value is None else len(value)


def _u128(number: int) -> bytes:
    return min(number, (1 << 128) - 1).to_bytes(16, "little")
