"""The chain's life as readable lines: one a block, one an extrinsic, errors decoded.

```
🏆 Imported #12 (0x1234…abcd → 0x5678…ef01)
   ✓ 5Grwva…utQY  Balances.transfer_keep_alive(dest=5FHneW…94ty, value=1 UNIT)  fee 0.0012 UNIT
   ✗ 5Grwva…utQY  Balances.transfer_allow_death(…)  Token: FundsUnavailable  fee 0.0012 UNIT
```
Inherents are left out, empty blocks get their one line only, and of full blocks the first transactions are shown.
Everything printed is escaped: names and bytes come from strangers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from node.chain.feed import Imported
from node.chain.tree import Chain
from node.executor import ExtrinsicSummary
from pallets.frame.events import ApplyExtrinsic, DispatchError, Event
from pallets.frame.runtime import Call
from pallets.primitives import ss58
from pallets.primitives.annotations import find_marker, split_annotation, struct_fields
from pallets.primitives.types import AddressForm, FixedBytes, Int, Variant

MAX_TEXT = 120
MAX_BYTES = 8
MAX_NAME = 64
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
        full = ss58.encode(account, self.prefix)
        return f"{full[:6]}…{full[-4:]}"


class Reporter:
    """Writes lines about the blocks of one chain."""

    def __init__(self, chain: Chain, units: Units) -> None:
        self.chain, self.units = chain, units
        self._fields: dict[str, tuple[tuple[str, Any], ...]] = {}

    def lines(self, block: Imported) -> Iterator[str]:
        """What there is to say about a block."""
        number, short = block.header.number, short_hash(block.hash)
        if not block.is_new:
            yield f"⏪ Back to #{number} ({short})"
            return
        if block.retracted:
            yield f"♻️  Reorg: {len(block.retracted)} retracted, {len(block.enacted) + 1} enacted, up to #{number}"
        mark = "🏆" if block.is_best else "🆕"
        yield f"{mark} Imported #{number} ({short_hash(block.header.parent_hash)} → {short})"
        yield from self._transactions(block)

    def _transactions(self, block: Imported) -> Iterator[str]:
        runtime = self.chain.executor.runtime_at(self.chain.states.head)
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
            yield self.extrinsic(summary, events.get(index, []))
        left = len(block.extrinsics) - last - 1
        if left:
            yield f"   … and {left} more"

    def extrinsic(self, summary: ExtrinsicSummary, events: list[Event]) -> str:
        """One extrinsic and what came of it."""
        failure = next(
            (getattr(e, "dispatch_error", None) for e in events if type(e).__name__ == "ExtrinsicFailed"), None
        )
        fee = next((getattr(e, "actual_fee", None) for e in events if type(e).__name__ == "TransactionFeePaid"), None)
        who = "unsigned" if summary.signer is None else self.units.address(summary.signer)
        given = ", ".join(f"{name}={self.value(kind, value)}" for name, kind, value in summary.arguments)
        parts = [f"   {'✗' if failure else '✓'} {who}  {summary.name}({given})"]
        if failure is not None:
            parts.append(error_text(failure))
        parts += [text for event in events if (text := self.event(event))]
        if fee is not None:
            parts.append(f"fee {self.units.amount(fee)}")
        return "  ".join(parts)

    def event(self, event: Event) -> str | None:
        """An event in short; the ones that every extrinsic leaves are left out."""
        name = type(event).__qualname__
        if name.startswith(("System.Extrinsic", "TransactionPayment.", "Balances.Withdraw", "Balances.Deposit")):
            return None
        if name not in self._fields:
            self._fields[name] = tuple(struct_fields(type(event), vars(type(event))))
        given = ", ".join(
            f"{field.rstrip('_')}={self.value(kind, getattr(event, field))}" for field, kind in self._fields[name]
        )
        return f"[{name} {given}]" if given else f"[{name}]"

    def value(self, annotation: Any, value: Any) -> str:
        """A call's argument, read by its type."""
        _, markers = split_annotation(annotation)
        if isinstance(value, bytes) and len(value) == 32:
            fixed = find_marker(markers, FixedBytes)
            if find_marker(markers, AddressForm) or (fixed is not None and "AccountId" in fixed.path):
                return self.units.address(value)
        integer = find_marker(markers, Int)
        if integer is not None and integer.width == 16:
            return self.units.amount(value)
        return self.plain(value)

    def plain(self, value: Any) -> str:
        """Any value, short and safe to print."""
        if isinstance(value, bytes):
            if value.isascii() and value.decode().isprintable() and 0 < len(value) <= MAX_NAME:
                return repr(value.decode())
            return f"0x{value.hex()}" if len(value) <= MAX_BYTES else f"0x{value[:4].hex()}…({len(value)} bytes)"
        if isinstance(value, DispatchError):
            return error_text(value)
        if isinstance(value, Enum):
            return value.name
        if isinstance(value, Variant):
            inside = ", ".join(self.plain(getattr(value, f.name)) for f in fields(value))  # type: ignore[arg-type]
            return f"{value.variant_name}({inside})"
        if isinstance(value, Call):
            given = zip(value.spec.params, value.arguments, strict=True)
            return f"{value.name}({', '.join(f'{name}={self.value(kind, part)}' for (name, kind), part in given)})"
        if is_dataclass(value) and not isinstance(value, type):
            inside = ", ".join(f"{f.name}={self.plain(getattr(value, f.name))}" for f in fields(value))
            return f"{type(value).__name__}({inside})"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(self.plain(item) for item in value[:4]) + (", …]" if len(value) > 4 else "]")
        text = repr(value) if isinstance(value, str) else str(value)
        return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def _first(value: Any) -> Any:
    """Chains of several tokens list their properties, the native token's first."""
    return value[0] if isinstance(value, list) and value else value


def short_hash(block_hash: bytes) -> str:
    """`0x1234…abcd`."""
    return f"0x{block_hash[:2].hex()}…{block_hash[-2:].hex()}"


def error_text(error: DispatchError) -> str:
    """A decoded error with what it means: `Balances.InsufficientBalance: Balance too low to send value.`"""
    doc = (type(error).__doc__ or "").strip().splitlines()
    reason = getattr(error, "reason", None)
    name = type(error).__qualname__ + (f".{reason}" if reason else "")
    return f"{name}: {doc[0]}" if doc and not reason else name
