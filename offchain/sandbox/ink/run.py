"""One run of a contract, and of those that it calls: frames, gas, and what a trap or a revert undoes.

Overview
    Each message runs in an instance of its own, a frame. What it has done is undone if it traps or reverts; then who
    called it hears of that by a return code. Gas is wasmtime fuel and the charges of `seal`; a call gets what its
    caller has left, or less if it says so, and gives back the rest.

    The agent's contract may call contracts that it made, and write through them; contracts of other agents it may call
    too, but they change nothing: see `state`. A contract's code is what its agent's DAO has approved, for one that was
    made what it was made of, or has chosen since.

Errors
    `ProgramFailure` where the contract is at fault; all is undone then. `Interrupted` where time is up.

Out of scope
    Messages and results on the wire: `messages`. Telling the chain: `chain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from wasmtime import Trap, TrapCode, WasmtimeError

from offchain.sandbox.base import ContractTrapped, InvalidCode, InvalidInput, OutOfGas, ProgramFailure, StackOverflow
from offchain.sandbox.ink.chain import RunChain
from offchain.sandbox.ink.engine import ContractEngine
from offchain.sandbox.ink.module import COUNTER, STACK_UNITS, InvalidModule
from offchain.sandbox.ink.outside import Outside
from offchain.sandbox.ink.pink import Pink
from offchain.sandbox.ink.seal import BYTE_GAS, MAX_CALL_BYTES, NOWHERE, Code, Returned, Seal, check_key
from offchain.sandbox.ink.state import Contract, State
from offchain.sandbox.wasm import CorruptGuest, Instance
from pallets.primitives.contract import REVERT, agent_of, instance_account
from pallets.primitives.hashing import blake2_256

MAX_DEPTH = 8
"""Frames on top of each other."""
INSTANCE_GAS, CODE_BYTE_GAS = 500_000, 400
"""Of each message, and of each byte of the code that it runs: some of what compiling takes, whoever comes first."""
FORWARD_INPUT, CLONE_INPUT, TAIL_CALL, ALLOW_REENTRY, READ_ONLY = 1, 2, 4, 8, 16

Place = tuple[int, int]
"""Two numbers of a contract's: where bytes are and how many; or where they go, and where it says how much room is."""


class Interrupted(Exception):
    """The run took too long."""


class Ended(NamedTuple):
    """What a message came to."""

    flags: int
    data: bytes

    @property
    def reverted(self) -> bool:
        """Whether all that it did is undone."""
        return bool(self.flags & REVERT)


@dataclass(kw_only=True)
class Frame:
    """A message that runs."""

    run: ContractRun
    contract: Contract
    caller: bytes
    value: int
    data: bytes | None
    """`None` once it was handed on."""
    read_only: bool
    instance: Instance
    allows_reentry: bool = True

    # Memory

    def read(self, address: int, length: int) -> bytes:
        """Bytes of the contract's memory."""
        return self.instance.read(address, length)

    def write(self, address: int, content: bytes) -> None:
        """Put bytes into the contract's memory."""
        self.instance.write(address, content)

    def answer(self, out: int, room: int, content: bytes) -> None:
        """Give the contract bytes of any length, if it has room for them."""
        has = self.instance.read_u32(room)
        if has < len(content):
            raise ContractTrapped(f"OutputBufferTooSmall: it has room for {has} bytes, and is given {len(content)}")
        self.instance.write(out, content)
        self.instance.write(room, len(content).to_bytes(4, "little"))

    def key(self, address: int, length: int) -> bytes:
        """A key of its storage."""
        check_key(length)
        return self.read(address, length)

    def u128(self, address: int) -> int:
        """A balance."""
        return int.from_bytes(self.read(address, 16), "little")

    def bounded(self, length: int) -> int:
        """The same length, if so many bytes may be copied; they are charged."""
        self.charge(length)
        if length > MAX_CALL_BYTES:
            raise ContractTrapped(f"OutOfBounds: {length} bytes, more than {MAX_CALL_BYTES}")
        return length

    def input(self, *, take: bool) -> bytes:
        """The message's bytes."""
        found = self.data
        if found is None:
            raise ContractTrapped("InputForwarded: it asked for its input after it handed it on")
        if take:
            self.data = None
        return found

    # State

    def may_change(self) -> None:
        """Raises where nothing may be changed."""
        if self.read_only:
            raise ContractTrapped("StateChangeDenied: nothing may be changed in this call")

    def get(self, key: bytes) -> bytes | None:
        """A value of its storage."""
        found = self.run.state.get(self.contract, key)
        self.charge(BYTE_GAS * len(found or b""))
        return found

    def set(self, key: bytes, value: bytes | None) -> bytes | None:
        """Write a value of its storage; answers the one before."""
        self.charge(BYTE_GAS * len(value or b""))
        return self.run.state.set(self.contract, key, value)

    def charge(self, gas: int) -> None:
        """Take gas for what the host does."""
        left = self.instance.fuel - gas
        self.instance.fuel = max(left, 0)
        if left < 0:
            raise OutOfGas("the contract used all its gas")


@dataclass(kw_only=True)
class ContractRun:
    """One run. `execute` it once."""

    engine: ContractEngine
    seal: Seal
    chain: RunChain
    outside: Outside
    pink: Pink
    gas: int
    """What is left, while no frame runs."""
    now_ms: int
    seed: bytes
    log: Callable[[str], None]
    origin: bytes = bytes(32)
    """Who sent the message; all zero where nobody says so."""
    state: State = field(init=False)
    made: int = 0
    """Contracts that were made."""
    _frames: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = State(self.chain)
        self.outside.charge = self.charge

    @property
    def frame(self) -> Frame:
        """The message that runs now."""
        return self._frames[-1]

    def charge(self, gas: int) -> None:
        """Take gas, of the frame that runs or of what is left."""
        if self._frames:
            self.frame.charge(gas)
            return
        self.gas -= gas
        if self.gas < 0:
            self.gas = 0
            raise OutOfGas("the contract used all its gas")

    def count(self, account: bytes) -> int:
        """How many frames are of a contract."""
        return sum(frame.contract.account == account for frame in self._frames)

    def execute(self, code: bytes, deploys: bool, data: bytes, value: int) -> Ended:
        """The message to the agent's own contract, whose code this is. Raises `ProgramFailure`, `Interrupted`."""
        hash = blake2_256(code)
        contract = self.state.root(hash)
        entry = self.state.deployed(contract)
        if entry == b"":
            raise InvalidInput("ContractTerminated: the contract has ended itself, for good")
        if deploys and entry is not None:
            raise InvalidInput("AlreadyDeployed: the contract's constructor has run; send a call")
        if not deploys and entry is None:
            raise InvalidInput("NotDeployed: the contract's constructor has not run yet; deploy it")
        if deploys:
            self.state.deploy(contract, hash)
        if value:
            self.state.move(contract.account, value)
        return self._message(contract, code, deploys, self.origin, value, data, False, 0)

    # What contracts ask for: see `seal`

    def call(self, frame: Frame, flags: int, to: bytes, gas: int, value: int, data: Place, out: Place) -> int:
        """Call the contract at an account."""
        input = self._input(frame, flags, data)
        read_only = frame.read_only or bool(flags & READ_ONLY)
        if value:
            frame.may_change()
        frame.allows_reentry = bool(flags & ALLOW_REENTRY)
        try:
            contract = self.state.contract(to)
            if contract is None:
                return Code.NOT_CALLABLE
            if any(each.contract.account == to and not each.allows_reentry for each in self._frames):
                raise ContractTrapped("ReentranceDenied: a contract was called that waits for this call to end")
            if value:
                return Code.TRANSFER_FAILED  # a made contract has no purse, and another agent's may not act on it
            code = self.chain.code(contract.code)
            if code is None:
                return Code.CODE_NOT_FOUND
            read_only = read_only or not contract.is_own
            message = contract, code, False, frame.contract.account, value, input, read_only, gas
            return self._answered(frame, flags, out, message)
        finally:
            frame.allows_reentry = True

    def delegate_call(self, frame: Frame, flags: int, hash: bytes, data: Place, out: Place) -> int:
        """Run other code in the place of the contract's own."""
        input, code = self._input(frame, flags, data), self.chain.code(hash)
        if code is None:
            return Code.CODE_NOT_FOUND
        message = frame.contract, code, False, frame.caller, frame.value, input, frame.read_only, 0
        return self._answered(frame, flags, out, message, hash)

    def instantiate(
        self, frame: Frame, hash: bytes, gas: int, value: int, data: Place, salt: bytes, address: Place, out: Place
    ) -> int:
        """Make a contract, which is the agent's and lives in its store."""
        frame.may_change()
        input, code = frame.read(data[0], frame.bounded(data[1])), self.chain.code(hash)
        if code is None:
            return Code.CODE_NOT_FOUND
        if value:
            return Code.TRANSFER_FAILED
        account = instance_account(frame.contract.account, hash, input, salt)
        if self.state.is_taken(account):
            raise ContractTrapped("DuplicateContract: the same deployer made one of the same code, input and salt")
        mark = self.state.mark()
        contract = self.state.add(account, hash)
        self.made += 1
        message = contract, code, True, frame.contract.account, value, input, False, gas
        answer = self._answered(frame, 0, out, message)
        if answer != Code.SUCCESS:
            self.state.undo(mark)
        elif address[0] != NOWHERE:
            frame.answer(*address, account)
        return answer

    def pay(self, contract: Contract, to: bytes, amount: int) -> bool:
        """Pay out of an agent's purse, where its contract stands. Contracts that it made neither pay nor are paid."""
        if agent_of(contract.account) is None or (agent_of(to) is None and self.state.contract(to) is not None):
            return False
        return self.state.pay(contract.account, to, amount)

    def terminate(self, frame: Frame, beneficiary: bytes) -> None:
        """End the contract, and pay out what it has."""
        frame.may_change()
        if self.count(frame.contract.account) > 1:
            raise ContractTrapped("TerminatedWhileReentrant: it is called by itself")
        self.state.deploy(frame.contract, b"")
        self.pay(frame.contract, beneficiary, self.state.balance(frame.contract.account))
        raise Returned(0, b"")

    def set_code(self, frame: Frame, hash: bytes) -> int:
        """Have a contract run other code from the next call on."""
        frame.may_change()
        if agent_of(frame.contract.account) is not None:
            raise ContractTrapped("CodeRejected: the agent's DAO decides what code its contract runs")
        if self.chain.code(hash) is None:
            return Code.CODE_NOT_FOUND
        self.state.deploy(frame.contract, hash)
        return Code.SUCCESS

    def extension(self, frame: Frame, id: int, data: bytes) -> tuple[int, bytes]:
        """Call the chain extension: its status and output."""
        return self.pink.serve(frame, id, data)

    # Inside

    def _input(self, frame: Frame, flags: int, data: Place) -> bytes:
        if flags >> 5 or (flags & FORWARD_INPUT and flags & CLONE_INPUT):
            raise ContractTrapped(f"InvalidCallFlags: {flags:#x}")
        if flags & (FORWARD_INPUT | CLONE_INPUT):
            return frame.input(take=bool(flags & FORWARD_INPUT))
        return frame.read(data[0], frame.bounded(data[1]))

    def _answered(
        self,
        frame: Frame,
        flags: int,
        out: Place,
        message: tuple[Contract, bytes, bool, bytes, int, bytes, bool, int],
        hash: bytes | None = None,
    ) -> int:
        """A message to a contract, and what the caller hears of it."""
        try:
            ended = self._message(*message, hash)
        except ProgramFailure as failure:
            self.log(f"a called contract failed: {failure.kind}: {failure.message}")
            return Code.CALLEE_TRAPPED
        if flags & TAIL_CALL:
            raise Returned(*ended)
        if out[0] != NOWHERE:
            frame.answer(*out, ended.data)
        return Code.CALLEE_REVERTED if ended.reverted else Code.SUCCESS

    def _message(
        self,
        contract: Contract,
        code: bytes,
        deploys: bool,
        caller: bytes,
        value: int,
        data: bytes,
        read_only: bool,
        gas: int,
        hash: bytes | None = None,
    ) -> Ended:
        """Run a message in a frame of its own; what it did is undone where it fails or reverts."""
        self.charge(INSTANCE_GAS + CODE_BYTE_GAS * len(code))
        if len(self._frames) >= MAX_DEPTH:
            raise ContractTrapped(f"MaxCallDepthReached: {MAX_DEPTH} calls are on top of each other")
        mark = self.state.mark()
        try:
            with self._instance(hash or contract.code, code, gas) as instance:
                frame = Frame(
                    run=self,
                    instance=instance,
                    contract=contract,
                    caller=caller,
                    value=value,
                    data=data,
                    read_only=read_only,
                )
                ended = self._run(frame, "deploy" if deploys else "call")
        except BaseException:
            self.state.undo(mark)
            raise
        if ended.reverted:
            self.state.undo(mark)
        return ended

    @contextmanager
    def _instance(self, hash: bytes, code: bytes, gas: int) -> Iterator[Instance]:
        """An instance with the gas that is left, or as much of it as is said; the rest comes back."""
        left = self.frame.instance.fuel if self._frames else self.gas
        given = min(gas or left, left)
        try:
            instance = self.engine.instantiate(hash, code, given)
        except InvalidModule as error:
            raise InvalidCode(f"InvalidModule: {error}") from None
        except (Trap, WasmtimeError):
            raise InvalidCode("InvalidModule: its data or table doesn't fit") from None
        try:
            yield instance
        finally:
            spent = given - instance.fuel
            if self._frames:
                self.frame.instance.fuel = left - spent
            else:
                self.gas = left - spent
            instance.close()

    def _run(self, frame: Frame, entry: str) -> Ended:
        self._frames.append(frame)
        self.seal.run = self
        try:
            frame.instance.call(entry)
            return Ended(0, b"")
        except Returned as returned:
            return Ended(returned.flags, returned.data)
        except CorruptGuest as error:
            raise ContractTrapped(f"OutOfBounds: {error}") from None
        except Trap as trap:
            raise self._failure(trap, frame.instance) from None
        finally:
            self._frames.pop()

    def _failure(self, trap: Trap, instance: Instance) -> Exception:
        match trap.trap_code:
            case TrapCode.OUT_OF_FUEL:
                return OutOfGas("the contract used all its gas")
            case TrapCode.INTERRUPT:
                return Interrupted("the contract ran too long")
            case TrapCode.STACK_OVERFLOW:  # guards trap long before
                return Interrupted("the engine reached the end of the native stack")
            case TrapCode.UNREACHABLE if instance.read_global(COUNTER) > STACK_UNITS:
                return StackOverflow("the contract recursed too deep")
            case code:
                name = code.name.lower().replace("_", " ") if code else "a trap without a name"
                return ContractTrapped(f"ContractTrapped: {name}" + (", as after a panic" * (name == "unreachable")))
