"""What a job is run on that an event has caused: a request in JSON, as handlers take it, with the event in its body.

## Overview

Inputs of scripts are text, so what is bytes is hex behind `0x`:

```json
{"method":"POST","path":"/on-bought","headers":{"content-type":"application/json"},
 "body":"{\\"trigger\\":7,\\"block\\":1207,\\"place\\":3,\\"event\\":\\"0x1801…\\"}"}
```
`event` is the SCALE of the runtime's event: index of the pallet, of the event, then its fields in their order. `block`
is the block that it happened in, `place` its place among that block's events, as in `System.Events`.
"""

from __future__ import annotations

import json
from typing import Annotated

from pallets.primitives.types import U32, BlockNumber, Bound, struct

MAX_EVENT = 4096
"""Bytes of an event that causes a job."""
MAX_PATH = 256


@struct(path="fathom_primitives::TriggerEvent")
class TriggerEvent:
    """An event, and where it happened."""

    block: BlockNumber
    place: U32
    event: Annotated[bytes, Bound(MAX_EVENT)]
    """SCALE of the runtime's event."""


def trigger_input(trigger: int, path: str, found: TriggerEvent) -> bytes:
    """The input of the job that this event causes, UTF-8."""
    told = {"trigger": trigger, "block": found.block, "place": found.place, "event": f"0x{found.event.hex()}"}
    request = {
        "method": "POST",
        "path": path,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(told, separators=(",", ":")),
    }
    return json.dumps(request, separators=(",", ":")).encode()


def read_trigger_input(input: bytes) -> tuple[int, TriggerEvent]:
    """The trigger's number and the event, of what `trigger_input` made; raises `ValueError`."""
    try:
        told = json.loads(json.loads(input)["body"])
        event = bytes.fromhex(told["event"].removeprefix("0x"))
        return int(told["trigger"]), TriggerEvent(int(told["block"]), int(told["place"]), event)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no input of a triggered job: {error}") from None
