"""What a transaction would cost and do, asked of the chain before it is sent.

The fee is of `payment_queryInfo`. What it would do is asked in the first of these ways that the endpoint offers:
`dev_dryRun` (Fathom, Chopsticks on request), the runtime's `DryRunApi`, `system_dryRun`, which wants it signed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from offchain.connect.chain import RemoteChain
from offchain.connect.decoder import Decoder, Undecodable
from offchain.connect.errors import MethodMissing, WrongAnswer
from offchain.connect.output import one_line_of
from offchain.connect.portable import PortableDecoder
from offchain.metadata import UnreadableMetadata
from offchain.rpc import CallFailed
from pallets.primitives.hashing import blake2_64
from pallets.primitives.portable_types import Cases

DRY_RUN_API = f"0x{blake2_64(b'DryRunApi').hex()}"
XCM_VERSION = (4).to_bytes(4, "little")


class Outcome(NamedTuple):
    """What a dry run came to."""

    way: str
    """Which of the ways it was asked in."""
    error: str | None
    """None where it would succeed."""
    events: list[str]


class Preview(NamedTuple):
    """What was found out; `None` for what the endpoint doesn't offer."""

    fee: int | None
    outcome: Outcome | None


async def preview(
    chain: RemoteChain, decoder: Decoder, sample: bytes, signed: bytes | None, call: bytes, signer: bytes, at: bytes
) -> Preview:
    """Asks for fee and outcome; `sample` is the extrinsic, signed or not, `signed` only if it is."""
    fee = await _fee(chain, sample)
    methods = await _methods(chain)
    outcome: Outcome | None = None
    if "dev_dryRun" in methods:
        outcome = await _dev(chain, call, signer)
    if outcome is None:
        outcome = await _by_api(chain, call, signer, at)
    if outcome is None and signed is not None and "system_dryRun" in methods:
        outcome = await _system(chain, decoder, signed)
    return Preview(fee, outcome)


async def _fee(chain: RemoteChain, extrinsic: bytes) -> int | None:
    try:
        found = await chain.remote.call("payment_queryInfo", f"0x{extrinsic.hex()}")
        return int(found["partialFee"])
    except (MethodMissing, CallFailed, TypeError, ValueError, LookupError):
        return None


async def _methods(chain: RemoteChain) -> frozenset[str]:
    try:
        found = await chain.remote.call("rpc_methods")
        return frozenset(str(each) for each in found["methods"])
    except (MethodMissing, CallFailed, TypeError, LookupError):
        return frozenset()


async def _dev(chain: RemoteChain, call: bytes, signer: bytes) -> Outcome | None:
    wish = {"extrinsic": {"call": f"0x{call.hex()}", "address": f"0x{signer.hex()}"}}
    try:
        found = await chain.remote.call("dev_dryRun", wish)
    except MethodMissing:
        return None
    except CallFailed as error:
        return Outcome("dev_dryRun", error.message if error.data is None else f"{error.message}: {error.data}", [])
    if not isinstance(found, dict) or "events" not in found:
        return None  # Chopsticks answers the changes alone
    events = [_event_text(each) for each in found["events"]]
    return Outcome("dev_dryRun", _error_text(found.get("error")), events)


async def _by_api(chain: RemoteChain, call: bytes, signer: bytes, at: bytes) -> Outcome | None:
    runtime = await chain.runtime(at)
    if DRY_RUN_API not in runtime.apis:
        return None
    try:
        wrapped = await chain.remote.call("state_call", "Metadata_metadata_at_version", "0x0f000000", f"0x{at.hex()}")
        described = PortableDecoder(bytes.fromhex(wrapped[2:]), chain.properties.prefix)
        output, origin, inputs = _api_types(described)
        arguments = _signed_origin(described, origin, signer) + call + (XCM_VERSION if inputs > 2 else b"")
        answer = await chain.remote.call(
            "state_call", "DryRunApi_dry_run_call", f"0x{arguments.hex()}", f"0x{at.hex()}"
        )
        found = described.typed(output, bytes.fromhex(answer[2:]))
    except (
        CallFailed,
        MethodMissing,
        WrongAnswer,
        UnreadableMetadata,
        Undecodable,
        TypeError,
        ValueError,
        LookupError,
    ):
        return None
    if not isinstance(found, dict) or "Ok" not in found:
        return None
    effects = found["Ok"]
    result, events = effects["execution_result"], effects.get("emitted_events") or []
    failed = result["Err"] if isinstance(result, dict) and "Err" in result else None
    error = None if failed is None else described.error(failed["error"])
    return Outcome("DryRunApi", error, [_nested_event(each) for each in events])


async def _system(chain: RemoteChain, decoder: Decoder, signed: bytes) -> Outcome | None:
    try:
        answer = await chain.remote.call("system_dryRun", f"0x{signed.hex()}")
        data = bytes.fromhex(answer[2:])
    except (CallFailed, MethodMissing, TypeError, ValueError):
        return None
    if data[:2] == b"\0\0":
        return Outcome("system_dryRun", None, [])
    if data[:1] == b"\1":
        return Outcome("system_dryRun", f"it can't be in a block: validity error 0x{data[1:].hex()}", [])
    if data[:3] == b"\0\1\3" and len(data) >= 5 and isinstance(decoder, PortableDecoder):
        return Outcome("system_dryRun", decoder.error({"Module": {"index": data[3], "error": data[4]}}), [])
    return Outcome("system_dryRun", f"dispatch error 0x{data[2:].hex()}", [])


def _api_types(described: PortableDecoder) -> tuple[int, int, int]:
    """The types of the function's output and of its first input, and how many inputs it has."""
    for api in described.schema.content.apis:
        for method in api.methods if api.name == "DryRunApi" else ():
            if method.name == "dry_run_call":
                return int(method.output), int(method.inputs[0].type), len(method.inputs)
    raise LookupError("the metadata doesn't describe DryRunApi.dry_run_call")


def _signed_origin(described: PortableDecoder, origin: int, signer: bytes) -> bytes:
    """`OriginCaller::system(RawOrigin::Signed(account))`."""
    types = described.schema.types
    outer = types[origin].definition
    assert isinstance(outer, Cases)
    system = next(case for case in outer.cases if case.name.lower() == "system")
    inner = types[int(system.fields[0].type)].definition
    assert isinstance(inner, Cases)
    signed = next(case for case in inner.cases if case.name == "Signed")
    return bytes((system.index, signed.index)) + signer


def _error_text(error: Any) -> str | None:
    """Of Fathom's `dev_dryRun`: the error's name, and what it means."""
    if not isinstance(error, dict):
        return None if error is None else str(error)
    docs = error.get("docs")
    return f"{error.get('error')}: {docs}" if docs else str(error.get("error"))


def _event_text(event: Any) -> str:
    if not isinstance(event, dict) or "section" not in event:
        return str(event)
    arguments = ", ".join(f"{name}={one_line_of(value, cut=80)}" for name, value in (event.get("argObj") or {}).items())
    return f"{event['section']}.{event['method']}({arguments})"


def _nested_event(event: Any) -> str:
    if isinstance(event, dict) and len(event) == 1:
        ((pallet, inner),) = event.items()
        return f"{pallet}.{inner if isinstance(inner, str) else next(iter(inner))}"
    return str(event)
