"""`dev_*` that look at execution: what a call would do, and what an extrinsic did.

`dev_dryRun` and `dev_runBlock` have Chopsticks' parameters and answers; the first answers more than that.
"""

from __future__ import annotations

from typing import Any

from node.chain.trace import Tracer, block_of
from node.rpc.context import DIGEST_ITEM, Context, optional_hex, to_hex
from node.rpc.dev_parameters import REFUSED, account_id, bytes_of, hash_in, object_of
from node.rpc.errors import RpcError, invalid_params, query_error
from node.rpc.registry import Hash, method
from node.rpc.step_json import extrinsic_json, named_diff, parsed_entry, raw_diff, step_json
from node.trial import Step
from pallets.frame.executive import InvalidBlock
from pallets.frame.validity import TransactionValidityError
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import Header, Seal
from pallets.primitives.scale import DecodeError

EVENTS = storage_prefix("System", "Events")
"""Left out of blocks' changes: it says what the events say."""
ROOT = "root"


@method()
def dev_dryRun(node: Context, params: Any) -> Any:
    """What an extrinsic would do in the block after `at` (the best one): fee, events, decoded error and changes.

    `extrinsic` is a signed one, or `{call, address}`: a call as an account would send it, unsigned, or `root` makes it.
    With `raw` the answer is the raw changes alone. One that can't be in a block is an error that says why.
    """
    wish = object_of(params, "extrinsic", "at", "raw")
    at = node.hash_or_best(hash_in(wish, "at"))
    given = wish.get("extrinsic")
    if given is None:
        raise RpcError(REFUSED, "No extrinsic to run")
    tracer = Tracer(node.producer)
    try:
        if isinstance(given, dict):
            call, signer = _call_by(given)
            step = tracer.try_call(call, signer, at)
        else:
            step = tracer.try_extrinsic(bytes_of(given, "extrinsic"), at)
    except (TransactionValidityError, DecodeError, InvalidBlock) as error:
        raise RpcError(REFUSED, str(error)) from None
    if wish.get("raw"):
        return raw_diff(step.changes)
    return _report(node, at, step)


@method()
async def dev_traceExtrinsic(node: Context, hash: Hash, index: int) -> Any:
    """What an extrinsic of a block did, found by executing the block again: as `dev_dryRun`, and which it is."""
    header, body = block_of(node.chain, hash)
    if index >= len(body):
        raise RpcError(REFUSED, f"block 0x{hash.hex()} has {len(body)} extrinsics: there is no {index}")
    steps = await _retraced(node, hash, index)
    summary = node.runtime(header.parent_hash).describe(body[index])
    return {
        "blockHash": to_hex(hash),
        "index": index,
        "extrinsic": extrinsic_json(summary),
        **_report(node, header.parent_hash, steps[-1]),
    }


@method()
async def dev_traceBlock(node: Context, hash: Hash) -> Any:
    """What a block did, step by step: the phases of `dev_runBlock`, and of each extrinsic what it is and came to."""
    header, body = block_of(node.chain, hash)
    runtime = node.runtime(header.parent_hash)
    phases = []
    for step in await _retraced(node, hash):
        phase = _phase(node, header.parent_hash, step, raw=True, parsed=True)
        if isinstance(step.phase, int):
            phase["extrinsic"] = extrinsic_json(runtime.describe(body[step.phase]))
            phase |= step_json(step)
        phases.append(phase)
    parent = to_hex(header.parent_hash)
    return {"blockHash": to_hex(hash), "parentHash": parent, "number": header.number, "phases": phases}


@method()
async def dev_runBlock(node: Context, params: Any) -> Any:
    """Executes any block on a parent (the best block), and tells what each phase changed; nothing is imported."""
    wish = object_of(params, "includeRaw", "includeParsed", "includeBlockDetails", "parent", "block")
    parent = node.hash_or_best(hash_in(wish, "parent"))
    block = wish.get("block")
    if not isinstance(block, dict) or not isinstance(block.get("extrinsics"), list):
        raise invalid_params("'block' should be {header, extrinsics}")
    header = _header(block.get("header"), parent, node.header(parent).number + 1)
    extrinsics = [bytes_of(extrinsic, "extrinsics") for extrinsic in block["extrinsics"]]
    raw, parsed = wish.get("includeRaw", True), wish.get("includeParsed", False)
    try:
        steps = await Tracer(node.producer).trace(parent, header, extrinsics)
    except (TransactionValidityError, DecodeError, InvalidBlock) as error:
        raise RpcError(REFUSED, str(error)) from None
    answer: dict[str, Any] = {"phases": [_phase(node, parent, step, raw=raw, parsed=parsed) for step in steps]}
    if wish.get("includeBlockDetails"):
        answer["blockDetails"] = _details(node, parent, steps, extrinsics)
    return answer


async def _retraced(node: Context, block: bytes, last: int | None = None) -> list[Step]:
    try:
        return await Tracer(node.producer).retrace(block, last)
    except (TransactionValidityError, DecodeError, InvalidBlock) as error:
        raise RpcError(REFUSED, f"the block can't be executed again: {error}") from None
    except Exception as error:
        raise (query_error(error) or error) from None


def _report(node: Context, parent: bytes, step: Step) -> dict[str, Any]:
    changes = named_diff(node.runtime(parent), step.changes)
    return {**step_json(step), "storageDiff": raw_diff(step.changes), **changes}


def _phase(node: Context, parent: bytes, step: Step, *, raw: bool, parsed: bool) -> dict[str, Any]:
    runtime, entries = node.runtime(parent), []
    for change in step.changes:
        if change.key == EVENTS:
            continue
        entry: dict[str, Any] = {}
        if raw:
            entry["raw"] = {"key": to_hex(change.key), "value": optional_hex(change.after)}
        if parsed and (names := parsed_entry(runtime, change.key, change.after)) is not None:
            entry["parsed"] = names
        entries.append(entry)
    return {"phase": step.phase, "storageDiff": entries}


def _details(node: Context, parent: bytes, steps: list[Step], extrinsics: list[bytes]) -> dict[str, Any]:
    runtime, applied = node.runtime(parent), [step for step in steps if isinstance(step.phase, int)]
    shown = [step_json(step) for step in steps]
    events = [
        {"phase": step.phase, **event} for step, part in zip(steps, shown, strict=True) for event in part["events"]
    ]
    timestamp = storage_prefix("Timestamp", "Now")
    moments = [change.after for step in steps for change in step.changes if change.key == timestamp]
    return {
        "timestamp": str(int.from_bytes(moments[-1] or b"", "little")) if moments else None,
        "events": events,
        "extrinsics": [
            {**extrinsic_json(runtime.describe(extrinsic)), "success": step.error is None}
            for step, extrinsic in zip(applied, extrinsics, strict=True)
        ],
    }


def _call_by(given: dict[str, Any]) -> tuple[bytes, bytes | None]:
    """A call, and who makes it: `None` is root."""
    wish = object_of(given, "call", "address")
    call, address = bytes_of(wish.get("call"), "call"), wish.get("address")
    if address == ROOT:
        return call, None
    try:
        return call, account_id(address)
    except ValueError as error:
        raise invalid_params(f"'address' is an account, or {ROOT!r}: {error}") from None


def _header(given: Any, parent: bytes, number: int) -> Header:
    """What executing needs of a header's JSON: its digest without the seal."""
    logs = (
        given.get("digest", {}).get("logs")
        if isinstance(given, dict) and isinstance(given.get("digest"), dict)
        else None
    )
    if not isinstance(logs, list):
        raise invalid_params("'header' should be one as chain_getHeader answers it")
    try:
        digest = [DIGEST_ITEM.decode_all(bytes_of(item, "logs")) for item in logs]
    except DecodeError as error:
        raise invalid_params(f"the header's digest can't be read: {error}") from None
    return Header(parent, number, bytes(32), bytes(32), [item for item in digest if not isinstance(item, Seal)])
