"""Methods of a Substrate node that execute to be looked at: `state_traceBlock`, `system_dryRun`, `dev_getBlockStats`.

They are for the node's operator: each executes a block, or a part of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.chain.trace import Tracer, block_of
from node.rpc.context import Context, check_length_prefix, to_hex
from node.rpc.errors import DECODE_ERROR, RUNTIME_ERROR, RpcError, client_error, query_error
from node.rpc.registry import Hash, Hex, method
from node.state.backend import StateDiscarded, UnknownBlock
from node.trial import Step
from pallets.frame.executive import InvalidBlock
from pallets.frame.validity import TransactionValidityError
from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U32

DEFAULT_TARGETS = "pallet,frame,state"
TARGET = "state"
EXTRINSIC_INDEX = b":extrinsic_index"
INDEX = codec_of(U32)
SHOWN_WHOLE, SHOWN_ENDS = 1027, 512
"""Bytes of a value; of one that is longer, each end is shown. As `sp_core::hexdisplay`."""
DRY_RUN_FAILS = "Unable to dry run extrinsic"


@method(unsafe=True)
async def state_traceBlock(
    node: Context,
    block: Hash,
    targets: str | None = None,
    storage_keys: str | None = None,
    methods: str | None = None,
) -> Any:
    """Executes a block again and lists its writes to the state, those too that were undone.

    Each filter is a list of prefixes, separated by commas; an empty or absent one lets everything through. A write of
    `:extrinsic_index` stands before what each extrinsic does, as clients look for it; this runtime has it elsewhere.
    There are no spans: native code isn't instrumented.
    """
    header, _ = block_of(node.chain, block)
    targets = DEFAULT_TARGETS if targets is None else targets
    trace: dict[str, Any] = {
        "blockHash": block.hex(),
        "parentHash": header.parent_hash.hex(),
        "tracingTargets": targets,
        "storageKeys": storage_keys or "",
        "methods": methods or "",
        "spans": [],
        "events": [],
    }
    try:
        steps = await Tracer(node.producer).retrace(block)
    except (TransactionValidityError, DecodeError, InvalidBlock) as error:
        raise client_error(f"Dispatch error: Failed to collect traces and execute block: {error}") from None
    size = 0
    if any(TARGET.startswith(target.partition("=")[0]) for target in targets.split(",")):
        for key, value in _writes(steps):
            event = _put(block[:2], key, value)
            values = event["data"]["stringValues"]
            if _passes(storage_keys, values["key"]) and _passes(methods, values["method"]):
                trace["events"].append(event)
                size += 200 + sum(map(len, values.values()))
            if size > node.max_response:
                return {"traceError": {"error": "Payload likely exceeds max payload size of RPC server."}}
    return {"blockTrace": trace}


@method(aliases=("system_dryRunAt",), unsafe=True)
def system_dryRun(node: Context, extrinsic: Hex, at: Hash | None = None) -> str:
    """Applies an extrinsic in the block after `at` (the best one), and throws it away; its `ApplyExtrinsicResult`."""
    block = node.hash_or_best(at)
    try:
        check_length_prefix(extrinsic)
        result: Any = Tracer(node.producer).try_extrinsic(extrinsic, block).error
    except DecodeError as error:
        raise RpcError(DECODE_ERROR, DRY_RUN_FAILS, str(error)) from None
    except TransactionValidityError as refusal:
        result = refusal
    except InvalidBlock as error:
        raise RpcError(RUNTIME_ERROR, f"{DRY_RUN_FAILS}.", str(error)) from None
    except Exception as error:
        known = query_error(error)
        if known is None:
            raise
        raise RpcError(RUNTIME_ERROR, f"{DRY_RUN_FAILS}.", known.message) from None
    return to_hex(node.runtime(block).applied(result))


@method(unsafe=True)
async def dev_getBlockStats(node: Context, block_hash: Hash) -> Any:
    """Executes a block again and measures the proof this takes; `null` where the block or its parent isn't kept."""
    try:
        stats = await Tracer(node.producer).stats(block_hash)
    except (UnknownBlock, StateDiscarded):
        return None
    return {
        "witnessLen": stats.witness_len,
        "witnessCompactLen": stats.witness_compact_len,
        "blockLen": stats.block_len,
        "numExtrinsics": stats.num_extrinsics,
    }


def _writes(steps: list[Step]) -> Iterator[tuple[bytes, bytes | None]]:
    for step in steps:
        if step.phase == "Finalization":
            yield EXTRINSIC_INDEX, None
        yield from step.writes
        if step.phase == "Initialization":
            yield EXTRINSIC_INDEX, INDEX.encode(0)
        elif isinstance(step.phase, int):
            yield EXTRINSIC_INDEX, INDEX.encode(step.phase + 1)


def _put(ext_id: bytes, key: bytes, value: bytes | None) -> dict[str, Any]:
    """A write as `sp_state_machine` traces it."""
    values = {
        "method": "Put",
        "ext_id": ext_id.hex(),
        "key": _display(key),
        "value": "None" if value is None else f"Some({_display(value)})",
        "value_encoded": _display(b"\0" if value is None else b"\1" + value),
    }
    return {"target": TARGET, "data": {"stringValues": values}, "parentId": None}


def _display(data: bytes) -> str:
    if len(data) < SHOWN_WHOLE:
        return data.hex()
    return f"{data[:SHOWN_ENDS].hex()}...{data[-SHOWN_ENDS:].hex()}"


def _passes(prefixes: str | None, value: str) -> bool:
    return not prefixes or any(value.startswith(prefix) for prefix in prefixes.split(","))
