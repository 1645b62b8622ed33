"""Blocks, extrinsics and events as values for JSON, and as lines for people."""

from __future__ import annotations

from typing import Any

from offchain.connect.chain import ENGINES, DecodedBlock
from offchain.connect.decoder import Event, Extrinsic
from offchain.connect.output import one_line_of
from pallets.primitives.header import Consensus, Header, Other, PreRuntime, Seal

QUIET_EVENTS = frozenset({("System", "ExtrinsicSuccess"), ("System", "NewAccount"), ("System", "KilledAccount")})


def header_json(header: Header) -> dict[str, Any]:
    """A header, its digest by kinds."""
    return {
        "number": header.number,
        "hash": header.hash,
        "parent_hash": header.parent_hash,
        "state_root": header.state_root,
        "extrinsics_root": header.extrinsics_root,
        "digest": [_digest(item) for item in header.digest],
    }


def event_json(event: Event) -> dict[str, Any]:
    """An event."""
    return {
        "phase": event.phase,
        "extrinsic": event.extrinsic,
        "pallet": event.pallet,
        "name": event.name,
        "fields": event.fields,
        "topics": event.topics,
    }


def extrinsic_json(found: Extrinsic) -> dict[str, Any]:
    """An extrinsic, without what happened to it."""
    made: dict[str, Any] = {"hash": found.hash, "pallet": found.pallet, "call": found.call, "args": found.arguments}
    if found.signer is not None:
        made |= {"signer": _address(found.signer), "signature": found.signature}
        made |= {"era": found.era, "nonce": found.nonce, "tip": found.tip, "extensions": found.extensions}
    return made


def block_json(decoded: DecodedBlock) -> dict[str, Any]:
    """A block with its extrinsics, each with its events and what came of it."""
    events = decoded.events or []
    extrinsics: list[dict[str, Any]] = []
    for index, (data, found) in enumerate(zip(decoded.block.extrinsics, decoded.extrinsics, strict=True)):
        own = [event for event in events if event.extrinsic == index]
        made: dict[str, Any] = {"index": index}
        made |= {"data": data} if found is None else extrinsic_json(found)
        made["success"] = outcome(own)
        made["fee"] = fee(own)
        made["events"] = [event_json(event) for event in own]
        extrinsics.append(made)
    made = header_json(decoded.block.header)
    made["spec_version"] = decoded.spec
    made["extrinsics"] = extrinsics
    made["events"] = [event_json(event) for event in events if event.extrinsic is None]
    return made | ({"problems": decoded.problems} if decoded.problems else {})


def outcome(events: list[Event]) -> bool | None:
    """Whether an extrinsic succeeded, by its events; `None` where they don't say."""
    names = {event.name for event in events if event.pallet == "System"}
    return False if "ExtrinsicFailed" in names else True if "ExtrinsicSuccess" in names else None


def failure(events: list[Event]) -> Any:
    """The plain `DispatchError` of an extrinsic, by its events."""
    for event in events:
        if (event.pallet, event.name) == ("System", "ExtrinsicFailed"):
            return event.fields.get("dispatch_error", event.fields.get("0"))
    return None


def fee(events: list[Event]) -> int | None:
    """What an extrinsic's signer paid, by its events."""
    for event in events:
        if (event.pallet, event.name) == ("TransactionPayment", "TransactionFeePaid"):
            found = event.fields.get("actual_fee", event.fields.get("1"))
            return None if found is None else int(found)
    return None


def head_line(decoded: DecodedBlock) -> str:
    """A block in a line."""
    block, count = decoded.block, len(decoded.block.extrinsics)
    signed = sum(each is not None and each.signer is not None for each in decoded.extrinsics)
    events = "?" if decoded.events is None else len(decoded.events)
    return f"#{block.number:,}  0x{block.hash.hex()}  {count} extrinsics ({signed} signed)  {events} events"


def block_lines(decoded: DecodedBlock, *, all_events: bool) -> list[str]:
    """A block for people: its head, its extrinsics with their events, what the block itself did."""
    lines = [head_line(decoded)]
    events = decoded.events or []
    for index, found in enumerate(decoded.extrinsics):
        own = [event for event in events if event.extrinsic == index]
        lines.append(f"  {index}  " + ("can't be decoded" if found is None else extrinsic_line(found, own)))
        lines += [f"       {event_line(event)}" for event in own if all_events or _is_loud(event)]
    others = [event for event in events if event.extrinsic is None]
    lines += [f"  {event.phase.lower()}: {event_line(event)}" for event in others]
    return lines + [f"  warning: {problem}" for problem in decoded.problems]


def extrinsic_line(found: Extrinsic, events: list[Event]) -> str:
    """An extrinsic in a line."""
    who = "" if found.signer is None else f"  by {one_line_of(_address(found.signer))}"
    done = {True: "", False: "  FAILED", None: ""}[outcome(events)]
    return f"{found.pallet}.{found.call}({fields_line(found.arguments)}){who}{done}"


def event_line(event: Event) -> str:
    """An event in a line."""
    return f"{event.pallet}.{event.name}({fields_line(event.fields)})"


def _is_loud(event: Event) -> bool:
    return (event.pallet, event.name) not in QUIET_EVENTS and event.pallet != "TransactionPayment"


def fields_line(fields: dict[str, Any]) -> str:
    """Named values in a line."""
    return ", ".join(f"{name}={one_line_of(value, cut=120)}" for name, value in fields.items())


def _address(signer: Any) -> Any:
    return signer["Id"] if isinstance(signer, dict) and set(signer) == {"Id"} else signer


def _digest(item: Any) -> dict[str, Any]:
    match item:
        case PreRuntime(engine, data) | Consensus(engine, data) | Seal(engine, data):
            named = ENGINES.get(engine) or f"0x{engine.hex()}"
            return {"kind": item.__class__.__name__, "engine": named, "data": data}
        case Other(data):
            return {"kind": "Other", "data": data}
    return {"kind": item.__class__.__name__}
