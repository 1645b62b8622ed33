"""What went wrong with a transaction that is in a block: its error by name, read from the block's events.

The one place where a worker needs the chain's metadata, and it is slow to decode (half a second): for failures only.
"""

from __future__ import annotations

from typing import Any

from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

FAILURE = ("System", "ExtrinsicFailed")


def extrinsic_failure(metadata: bytes, events: bytes, index: int) -> str | None:
    """The error of extrinsic `index` of a block, in words; `None` where it succeeded.

    `metadata` is version 14 as `state_getMetadata` gives it, `events` the value of `System.Events` after the block.
    """
    runtime = RuntimeConfigurationObject()
    runtime.update_type_registry(load_type_registry_preset("core"))
    described = runtime.create_scale_object("MetadataVersioned", ScaleBytes(metadata))
    described.decode()
    runtime.add_portable_registry(described)
    item = described.get_metadata_pallet("System").get_storage_function("Events")
    records = runtime.create_scale_object(item.get_value_type_string(), ScaleBytes(events), metadata=described)
    for record in records.decode():
        if record["extrinsic_idx"] == index and (record["module_id"], record["event_id"]) == FAILURE:
            return _in_words(described, record["attributes"]["dispatch_error"])
    return None


def _in_words(metadata: Any, error: Any) -> str:
    """`Workers.StakeTooLow: The stake is below …`, or the error as it stands where it is no pallet's."""
    if not isinstance(error, dict) or "Module" not in error:
        return f"{error}"
    place = error["Module"]
    number = bytes.fromhex(place["error"].removeprefix("0x"))[0]
    found = metadata.get_module_error(module_index=place["index"], error_index=number)
    pallet = next(pallet for pallet in metadata.pallets if pallet.value["index"] == place["index"])
    return f"{pallet.value['name']}.{found.name}: {' '.join(found.docs)}"
