"""The chain's life as readable lines: one a block, one an extrinsic, errors decoded.

```
🏆 Imported #12 (0x1234…abcd → 0x5678…ef01)
   ✓ 5Grwva…utQY  Balances.transfer_keep_alive(dest=5FHneW…94ty, value=1 UNIT)  fee 0.0012 UNIT
   ✗ 5Grwva…utQY  Balances.transfer_allow_death(…)  Token: FundsUnavailable  fee 0.0012 UNIT
```
Inherents are left out, empty blocks get their one line only, and of full blocks the first transactions are shown. What
is shown of one is bounded, too.
Everything printed is escaped: names and bytes come from strangers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from itertools import islice
from typing import Any, NamedTuple

from node.abbreviated import short_address, short_hash
from node.chain.feed import Imported
from node.chain.tree import Chain
from node.executor import ExtrinsicSummary
from node.state.backend import StateDiscarded, UnknownBlock
from pallets.frame.events import ApplyExtrinsic, DispatchError, Event
from pallets.frame.runtime import Call
from pallets.primitives import ss58
from pallets.primitives.annotations import find_marker, split_annotation, struct_fields
from pallets.primitives.types import AddressForm, FixedBytes, Int, Variant

MAX_TEXT = 120
MAX_BYTES = 8
MAX_NAME = 64
MAX_DEPTH, MAX_EVENTS, MAX_EVENTS_READ, MAX_LINE = 5, 6, 64, 1200  # of one transaction, whatever its sender wrote
MAX_TRANSACTIONS = 8  # of a block; nobody reads hundreds of lines a second, and they cost more than the execution


@dataclass(frozen=True)
class Units:
    """How the chain writes amounts and addresses."""

    decimals: int
    symbol: str
    prefix: int

    @classmethod
    def of(cls, chain_properties: Any) -> Units:
        return cls(
            int(_first(chain_properties.get("tokenDecimals", 12))),
            str(_first(chain_properties.get("tokenSymbol", "UNIT"))),
            int(chain_properties.get("ss58Format", 42)),
        )

    def amount(self, value: int) -> str:
        """`1_200_000_000` as `0.0012 UNIT`."""
        whole, part = divmod(value, 10**self.decimals)
        text = f"{whole:,}"
        if part:
            text += "." + str(part).zfill(self.decimals).rstrip("0")
        return f"{text} {self.symbol}"

    def address(self, account: bytes) -> str:
        """An account's address, shortened."""
        return short_address(ss58.encode(account, self.prefix))


class Line(NamedTuple):
    """One line, and what it says as values for programs: hashes as hex, amounts in the smallest unit."""

    text: str
    fields: dict[str, Any]


class Reporter:
    """Writes lines about the blocks of one chain."""

    def __init__(self, chain: Chain, units: Units) -> None:
        self.chain, self.units = chain, units
        self._fields: dict[type[Event], tuple[tuple[str, Any], ...]] = {}

    def lines(self, block: Imported) -> Iterator[Line]:
        """What there is to say about a block."""
        header = block.header
        number, short, parent = header.number, short_hash(block.hash), header.parent_hash
        told = {"number": number, "hash": f"0x{block.hash.hex()}"}
        if not block.is_new:
            yield Line(f"⏪ Back to #{number} ({short})", told)
            return
        if block.retracted:
            yield self._reorganised(block)
        mark = "🏆" if block.is_best else "🆕"
        fields = {**told, "parent": f"0x{parent.hex()}", "best": block.is_best, "extrinsics": len(block.extrinsics)}
        yield Line(f"{mark} Imported #{number} ({short_hash(parent)} → {short})", fields)
        yield from self._transactions(block)

    def _reorganised(self, block: Imported) -> Line:
        """From which best block to which, and where the two part."""
        number = block.header.number
        fork = number - len(block.enacted) - 1
        old, common = fork + len(block.retracted), self.chain.hash_of(fork) or bytes(32)
        ways = [(old, block.retracted[0]), (number, block.hash), (fork, common)]
        start, end, ancestor = (f"#{at},{short_hash(block_hash)}" for at, block_hash in ways)
        fields = {"from": f"0x{block.retracted[0].hex()}", "to": f"0x{block.hash.hex()}", "common": fork}
        return Line(f"♻️  Reorg on {start} to {end}, common ancestor {ancestor}", fields)

    def _transactions(self, block: Imported) -> Iterator[Line]:
        try:
            runtime = self.chain.runtime_at(block.header.parent_hash)  # which executed it: the block may set another
        except (UnknownBlock, StateDiscarded):
            return  # set back or pruned since
        shown: dict[int, ExtrinsicSummary] = {}
        for index, extrinsic in enumerate(block.extrinsics):
            summary = runtime.describe(extrinsic)
            if not summary.inherent:
                shown[index] = summary
                if len(shown) == MAX_TRANSACTIONS:
                    break
        if not shown:
            return
        last = max(shown)
        events: dict[int, list[Event]] = {}
        for record in block.events:
            if isinstance(record.phase, ApplyExtrinsic):
                if record.phase.index > last:
                    break
                events.setdefault(record.phase.index, []).append(record.event)
        for index, summary in shown.items():
            yield self.extrinsic(block, index, summary, events.get(index, []))
        left = len(block.extrinsics) - last - 1
        if left:
            yield Line(f"   … and {left} more", {"number": block.header.number, "more": left})

    def extrinsic(self, block: Imported, index: int, summary: ExtrinsicSummary, events: list[Event]) -> Line:
        """One extrinsic and what came of it."""
        failure = next(
            (getattr(e, "dispatch_error", None) for e in events if type(e).__name__ == "ExtrinsicFailed"), None
        )
        fee = next((getattr(e, "actual_fee", None) for e in events if type(e).__name__ == "TransactionFeePaid"), None)
        signer = None if summary.signer is None else ss58.encode(summary.signer, self.units.prefix)
        who = "unsigned" if signer is None else short_address(signer)
        given = ", ".join(f"{name}={self.value(kind, value)}" for name, kind, value in summary.arguments)
        parts = [f"   {'✗' if failure else '✓'} {who}  {summary.name}({given})"]
        if failure is not None:
            parts.append(error_text(failure))
        told_events = [text for event in islice(events, MAX_EVENTS_READ) if (text := self.event(event))]
        parts += told_events[:MAX_EVENTS]
        if len(events) > MAX_EVENTS_READ or len(told_events) > MAX_EVENTS:
            parts.append("[…]")
        if fee is not None:
            parts.append(f"fee {self.units.amount(fee)}")
        told = {
            "number": block.header.number,
            "index": index,
            "call": summary.name,
            "signer": signer,
            "success": failure is None,
            "error": None if failure is None else error_text(failure),
            "fee": fee,
        }
        text = "  ".join(parts)
        return Line(text if len(text) <= MAX_LINE else text[:MAX_LINE] + "…", told)

    def event(self, event: Event) -> str | None:
        """An event in short; the ones that every extrinsic leaves are left out."""
        name = type(event).__qualname__
        if name.startswith(("System.Extrinsic", "TransactionPayment.", "Balances.Withdraw", "Balances.Deposit")):
            return None
        event_type = type(event)
        if event_type not in self._fields:
            self._fields[event_type] = tuple(struct_fields(event_type, vars(event_type)))
        given = ", ".join(
            f"{field.rstrip('_')}={self.value(kind, getattr(event, field))}" for field, kind in self._fields[event_type]
        )
        return f"[{name} {given}]" if given else f"[{name}]"

    def value(self, annotation: Any, value: Any, depth: int = 0) -> str:
        """A call's argument, read by its type; what is nested deeper than `MAX_DEPTH` is left out."""
        _, markers = split_annotation(annotation)
        if isinstance(value, bytes) and len(value) == 32:
            fixed = find_marker(markers, FixedBytes)
            if find_marker(markers, AddressForm) or (fixed is not None and "AccountId" in fixed.path):
                return self.units.address(value)
        integer = find_marker(markers, Int)
        if integer is not None and integer.width == 16:
            return self.units.amount(value)
        return self.plain(value, depth)

    def plain(self, value: Any, depth: int = 0) -> str:
        """Any value, short and safe to print."""
        if depth > MAX_DEPTH:
            return "…"
        depth += 1
        if isinstance(value, bytes):
            if value.isascii() and value.decode().isprintable() and 0 < len(value) <= MAX_NAME:
                return repr(value.decode())
            return f"0x{value.hex()}" if len(value) <= MAX_BYTES else f"0x{value[:4].hex()}…({len(value)} bytes)"
        if isinstance(value, DispatchError):
            return error_text(value)
        if isinstance(value, Enum):
            return value.name
        if isinstance(value, Variant):
            inside = ", ".join(self.plain(getattr(value, f.name), depth) for f in fields(value))  # type: ignore[arg-type]
            return f"{value.variant_name}({inside})"
        if isinstance(value, Call):
            given = zip(value.spec.params, value.arguments, strict=True)
            inside = ", ".join(f"{name}={self.value(kind, part, depth)}" for (name, kind), part in given)
            return f"{value.name}({inside})"
        if is_dataclass(value) and not isinstance(value, type):
            inside = ", ".join(f"{f.name}={self.plain(getattr(value, f.name), depth)}" for f in fields(value))
            return f"{type(value).__name__}({inside})"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(self.plain(item, depth) for item in value[:4]) + (", …]" if len(value) > 4 else "]")
        text = repr(value) if isinstance(value, str) else str(value)
        return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def _first(value: Any) -> Any:
    """Chains of several tokens list their properties, the native token's first."""
    return value[0] if isinstance(value, list) and value else value


def error_text(error: DispatchError) -> str:
    """A decoded error with what it means: `Balances.InsufficientBalance: Balance too low to send value.`"""
    doc = (type(error).__doc__ or "").strip().splitlines()
    reason = getattr(error, "reason", None)
    name = type(error).__qualname__ + (f".{reason}" if reason else "")
    return f"{name}: {doc[0]}" if doc and not reason else name
