"""`fathom bench fork`: what another chain's own runtime costs here, a transaction and a block at a time.

## Overview

`fathom fork` of the spec, in which the bench has funded its accounts; it seals by hand. Figures are those of two
processes, the node and the engine that runs the runtime: processor time, and memory. A first start, which may have to
compile the runtime, isn't counted. Each run is another start; figures are the medians of the runs.

Each of the transfers is signed by an account of its own, and goes to another one that isn't there yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from node.bench.accounts import Accounts
from node.bench.client import Call, Client
from node.bench.errors import BenchError
from node.bench.process import Node, answering, children, cpu_seconds, free_port, resident_mib
from node.bench.verification import verify_us
from node.chain_spec import ChainSpec, InvalidChainSpec
from offchain.connect.chain import decoder_of
from offchain.connect.portable import PortableDecoder
from offchain.connect.submit.payload import Payload, Terms, payload
from pallets.primitives import ss58
from pallets.primitives.extrinsic import IMMORTAL, Sr25519, signed_extrinsic, signing_payload
from pallets.primitives.hashing import blake2_256

VALUE = 10**12
GENERIC_PREFIX = 42
WARM_UP, EMPTY_BLOCKS = 3, 20
BATCH = 100
"""Transfers sent at a time."""
ENGINE = "node.wasm.child"
Figures = dict[str, float]


def measure(spec: Path, count: int, runs: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """The figures of `count` transfers on the chain of a spec."""
    accounts = Accounts(count)
    with TemporaryDirectory(prefix="fathom-bench-") as name:
        scratch = Path(name)
        funded, log = scratch / "funded.json", scratch / "node.log"
        funded.write_text(json.dumps(_funded(spec, accounts)))
        progress("compiling the runtime")
        with _forked(funded, log) as node, Client.connect(node.port) as client:
            progress(f"signing {count:,} transfers")
            signed = _signed(client, accounts)
        taken = []
        for run in range(runs):
            progress(f"run {run + 1} of {runs}")
            verification = verify_us()
            with _forked(funded, log) as node, Client.connect(node.port) as client:
                taken.append({"verify_us": verification, **_run(node, client, signed)})
    figures = {name: round(median(each[name] for each in taken), 3) for name in taken[0]}
    return {"count": count, **figures}


def _funded(spec: Path, accounts: Accounts) -> dict[str, Any]:
    """The spec, raw, with the bench's accounts."""
    try:
        document = ChainSpec.load(spec).document
    except InvalidChainSpec as error:
        raise BenchError(str(error)) from None
    raw = document["genesis"].get("raw")
    if raw is None:
        raise BenchError(f"{spec} is plain: give a raw spec, of another chain")
    top = raw["top"] | {f"0x{key.hex()}": f"0x{value.hex()}" for key, value in accounts.records()}
    return {**document, "genesis": {"raw": {**raw, "top": top}}}


@contextmanager
def _forked(spec: Path, log: Path) -> Iterator[Node]:
    port = free_port()
    command = ["node", "fork", str(spec), "--rpc-port", str(port), "--sealing", "manual", "-l", "warn"]
    with answering(command, port, log) as node:
        yield node


def _signed(client: Client, accounts: Accounts) -> list[Call]:
    """A transfer by each account, as the chain's metadata has them made."""
    genesis = bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
    version = client.call("state_getRuntimeVersion")
    decoder = decoder_of(bytes.fromhex(client.call("state_getMetadata")[2:]), GENERIC_PREFIX)
    if not isinstance(decoder, PortableDecoder):
        raise BenchError("the runtime is too old: its metadata doesn't describe its transactions")
    sample = _digest(0)
    call = {"Balances": {"transfer_keep_alive": {"dest": {"Id": ss58.encode(sample)}, "value": VALUE}}}
    terms = Terms(0, 0, IMMORTAL, genesis, 0, genesis, version["specVersion"], version["transactionVersion"])
    made = payload(decoder, call, terms)
    return [("author_submitExtrinsic", [_transfer(accounts, number, made, sample)]) for number in range(accounts.count)]


def _transfer(accounts: Accounts, number: int, made: Payload, sample: bytes) -> str:
    pair, call = accounts.keypair(number), made.call.replace(sample, _digest(number))
    signature = Sr25519(pair.sign(signing_payload(call, made.extra, made.implicit)))
    return f"0x{signed_extrinsic(pair.account_id, signature, made.extra, call).hex()}"


def _digest(number: int) -> bytes:
    """An account that isn't there."""
    return blake2_256(b"bench recipient" + number.to_bytes(4, "little"))


def _run(node: Node, client: Client, signed: list[Call]) -> Figures:
    engine = next((pid for pid, command in children(node.process.pid).items() if ENGINE in command), None)
    if engine is None:
        raise BenchError("the node has no engine process: is the spec that of another chain?")
    both = (node.process.pid, engine)

    def spent() -> float:
        return sum(map(cpu_seconds, both))

    empty: list[Call] = [("engine_createBlock", [True, False])]
    client.pipeline(empty * WARM_UP)
    began = spent()
    client.pipeline(empty * EMPTY_BLOCKS)
    empty_block = (spent() - began) / EMPTY_BLOCKS
    began = spent()
    for start in range(0, len(signed), BATCH):
        client.pipeline(signed[start : start + BATCH])
    validate = (spent() - began) / len(signed)
    blocks, began, started = 0, spent(), perf_counter()
    while client.call("author_pendingExtrinsics"):
        client.call("engine_createBlock", False, False)
        blocks += 1
    block, apply = perf_counter() - started, (spent() - began - empty_block) / len(signed)
    return {
        "validate_ms": validate * 1e3,
        "apply_ms": apply * 1e3,
        "empty_block_ms": empty_block * 1e3,
        f"block_{len(signed)}_s": block,
        "blocks": blocks,
        "first_answer_s": node.first_answer_s,
        "rss_mib": sum(map(resident_mib, both)),
    }
