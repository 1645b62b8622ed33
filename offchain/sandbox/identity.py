"""What the sandbox is: every constant that decides what a run yields and costs, and the name made of them.

`runtime_id()` names the sandbox on-chain: where two machines agree in it, their runs agree. It is computed without
loading wasmtime, since a node asks for it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from offchain.sandbox.base import EngineMissing, Limits
from pallets.primitives import worker
from pallets.primitives.job import MAX_STORED

ENGINE = "quickjs-ng"
ENGINE_VERSION = "3.6.2"  # of the npm package quickjs-wasi, which carries the engine's build
ENGINE_WASM = Path(__file__).with_name("quickjs.wasm")
PRELUDE = Path(__file__).with_name("prelude")
"""Its JavaScript files, in the order of their names, are the body of one function: see `host_calls`."""
LATE = PRELUDE / "late"
"""Parts of it that are loaded once a script looks at them: a file, or the files of a directory, for each."""

MAX_WASM_STACK = 64 << 20
"""Four times what the deepest recursion known takes on x86-64. Only `EngineThread` has a stack as deep."""
WASM_CONFIG = ";".join(
    (
        f"wasmtime={version('wasmtime')}",
        "fuel",
        "epoch",
        "nan-canonical",
        "no-threads",
        "no-relaxed-simd",
        f"max-wasm-stack={MAX_WASM_STACK}",
    )
)
"""All of wasmtime that decides gas and results. Fuel is counted on Wasm instructions: optimisation does not enter."""

JS_STACK = 128 * 1024
"""The engine's own limit, which a script meets as a RangeError. The few recursions that the engine forgets to check end
in a trap at the end of the stack it has in guest memory: as exact, but they cost all gas."""
HOST_CALL_GAS = 200_000
"""Added where the guest calls the host: about the 25 to 50 µs that such a call takes."""
JOB_GAS = 40_000
"""Added for each promise job, which the host has to start, and for each time that it asks in vain for the output."""
ASK_BYTE_GAS = 10
"""Added for each byte of an ask and of an answer, on top of the call."""
LOADED_BYTE_GAS = 1
"""Added for each byte of a late part's bytecode: the guest's own reading of it is metered beside."""

PURE_OPS = ("pure_ops.py", "op_arguments.py", "asymmetric_keys.py", "domain_names.py", "wyhash.py")
"""Modules whose source is in the id, with the versions of the libraries whose tables and checks they go by."""

CONTRACTS = Path(__file__).with_name("ink")
"""The engine of contracts, whose source is in the id, with the versions of the libraries that sign for them."""

HOST_REVISION = 4
"""Raised with every change of the host's code outside `PURE_OPS` that changes what a run costs or yields."""


def _source_hash(*names: str) -> str:
    return _hash_of([Path(__file__).with_name(name) for name in names])


def _hash_of(paths: Iterable[Path]) -> str:
    return blake2b(b"".join(path.read_bytes() for path in paths), digest_size=16).hexdigest()


RUNTIME_CONFIG = ";".join(
    (
        WASM_CONFIG,
        f"host={HOST_REVISION}",
        f"pure-ops={_source_hash(*PURE_OPS)}",
        f"contracts={_hash_of(sorted(CONTRACTS.glob('*.py')))}",
        f"coincurve={version('coincurve')}",
        f"sr25519={version('py-sr25519-bindings')}",
        f"ed25519={version('py-ed25519-zebra-bindings')}",
        f"cryptography={version('cryptography')}",
        f"idna={version('idna')}",
        f"js-stack={JS_STACK}",
        f"host-call-gas={HOST_CALL_GAS}",
        f"job-gas={JOB_GAS}",
        f"ask-byte-gas={ASK_BYTE_GAS}",
        f"loaded-byte-gas={LOADED_BYTE_GAS}",
        f"memory={Limits.memory_bytes}",
        f"output={MAX_STORED}",
        f"log={Limits.log_bytes}",
    )
).encode()


def engine_wasm() -> bytes:
    """The engine's Wasm file. Raises `EngineMissing`."""
    try:
        return ENGINE_WASM.read_bytes()
    except FileNotFoundError as error:
        raise EngineMissing(f"{ENGINE_WASM} is absent: run `make build`, which takes it from quickjs-wasi") from error


def prelude() -> bytes:
    """The prelude's source: one JavaScript function."""
    files = sorted(PRELUDE.glob("*.js"))
    return b"(function (host) {\n'use strict';\n" + b"".join(file.read_bytes() for file in files) + b"})"


def late_parts() -> dict[str, bytes]:
    """The source of each part in `LATE`, by its name: one JavaScript function of `shared`."""
    parts = {path.stem: sorted(path.glob("*.js")) if path.is_dir() else [path] for path in sorted(LATE.iterdir())}
    return {
        name: b"(function (shared) {\n'use strict';\n" + b"".join(file.read_bytes() for file in files) + b"})"
        for name, files in parts.items()
    }


def runtime_id() -> bytes:
    """What names this sandbox on-chain, 32 bytes: see `pallets.primitives.worker.runtime_id`."""
    source = prelude() + b"".join(late_parts().values())
    return worker.runtime_id(ENGINE, ENGINE_VERSION, engine_wasm(), source, RUNTIME_CONFIG)
