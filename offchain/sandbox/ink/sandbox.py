"""ink! contracts as programs of a sandbox: a message in, an answer out.

Overview
    A contract's Wasm is told from a script by its first bytes. A run reads its message, runs the contract with the
    chain's state under it, and where it is a job's and has come to a good end, hands over what it changed. A contract
    that reverts leaves its answer and nothing else; one that traps is a failure.

Usage
    contracts = ContractSandbox()
    outcome = contracts.run(code, input, limits, context, outside)   # on an `EngineThread`

Out of scope
    Threads and processes: `slot`.
"""

from __future__ import annotations

from wasmtime import wat2wasm

from offchain.sandbox.base import (
    Abstained,
    Context,
    Failure,
    Limits,
    Outcome,
    OutputTooLarge,
    Outside,
    ProgramFailure,
    Success,
)
from offchain.sandbox.host_calls import Session
from offchain.sandbox.ink import outside as asks
from offchain.sandbox.ink import signing
from offchain.sandbox.ink.chain import RunChain
from offchain.sandbox.ink.engine import ContractEngine
from offchain.sandbox.ink.messages import (
    NOBODY,
    Message,
    NotFound,
    answered,
    description,
    read_message,
    result,
    returned,
)
from offchain.sandbox.ink.module import MAGIC
from offchain.sandbox.ink.pink import Pink
from offchain.sandbox.ink.run import ContractRun, Interrupted
from offchain.sandbox.ink.seal import Seal
from offchain.sandbox.javascript import OutOfTime
from pallets.primitives.hashing import blake2_256

_NOTHING = '(module (func (export "call")) (func (export "deploy")))'


def is_contract(code: bytes) -> bool:
    """Whether code is Wasm: no script begins like it."""
    return code.startswith(MAGIC[:4])


class ContractSandbox:
    """Runs contracts one at a time. Belongs to one thread."""

    def __init__(self) -> None:
        self._seal = Seal()
        self._engine = ContractEngine(self._seal.functions())

    def load(self) -> None:
        """Have every module loaded that a run needs: later its process may open no file."""
        wasm = bytes(wat2wasm(_NOTHING))
        self._engine.instantiate(blake2_256(wasm), wasm, 1_000_000).close()
        for scheme in ("sr25519", "ed25519", "ecdsa"):
            key = signing.keypair(scheme, b"\1" * 32)
            signing.verified(scheme, signing.signed(key, b"", b""), b"", key.public)
        signing.ethereum_address(key.public)
        signing.signed_digest(key.secret, bytes(32))
        read_message(b'{"method":"GET","path":"/"}')

    def interrupt(self) -> None:
        """Make the run that goes on an abstention. From any thread."""
        self._engine.interrupt()

    def run(self, code: bytes, input: bytes, limits: Limits, context: Context, outside: Outside | None) -> Outcome:
        """Run a contract on a message. Called on an `EngineThread`, by somebody who watches over the wall time."""
        log = _Log(limits.log_bytes)
        run = self._begun(limits, context, outside, log)
        try:
            message = read_message(input)
            output = _finished(run, code, message, limits, log)
            if len(output) > limits.output_bytes:
                raise OutputTooLarge(f"the output has more than {limits.output_bytes} bytes")
            return Success(output, limits.gas - run.gas, tuple(log.lines), "text" if message.is_request else "bytes")
        except NotFound:
            return Success(answered(404, {"error": "not-found", "message": "a contract answers / and /call"}), 0)
        except ProgramFailure as failure:
            reason = type(failure)(failure.message)  # without a traceback, which keeps all alive
            return Failure(reason, limits.gas - run.gas, tuple(log.lines))
        except (Interrupted, OutOfTime) as error:
            return Abstained(str(error))
        finally:
            self._seal.run = None

    def _begun(self, limits: Limits, context: Context, outside: Outside | None, log: _Log) -> ContractRun:
        session = Session(limits, b"")
        session.begin(context, outside)
        asked = asks.Outside(session)
        seed = blake2_256(context.seed)
        return ContractRun(
            engine=self._engine,
            seal=self._seal,
            chain=RunChain(asked),
            outside=asked,
            pink=Pink(asked, has_network=not context.pinned, key=context.derive_key, seed=seed),
            gas=limits.gas,
            now_ms=context.block_time_ms,
            seed=seed,
            log=log.add,
        )


def _finished(run: ContractRun, code: bytes, message: Message, limits: Limits, log: _Log) -> bytes:
    """The output of a run. Raises `ProgramFailure`."""
    chain, submitter = run.chain, run.chain.scope.submitter
    chain.knows(code)
    run.origin = submitter or message.origin or NOBODY
    run.pink.in_job = submitter is not None
    own = run.state.root(blake2_256(code))
    if message.data is None:
        return answered(200, description(own.account, own.code, bool(run.state.deployed(own))))
    ended = run.execute(code, message.deploys, message.data, message.value)
    if submitter is not None and not ended.reverted:
        if message.value:
            chain.take(message.value, own.account)
        chain.leave(run.state.writes, run.state.done, own.account)
    if not message.is_request:
        return returned(*ended)
    return answered(200, result(*ended, limits.gas - run.gas, log.lines, run.state.done))


class _Log:
    """Lines that a contract says, up to a number of bytes, each with 4 of its own."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self._room = room

    def add(self, text: str) -> None:
        """One more, or what there is room for."""
        room = self._room - 4
        if room <= 0:
            return
        kept = text.encode()[:room].decode("utf-8", "ignore")
        self._room -= 4 + len(kept.encode())
        self.lines.append(kept)
