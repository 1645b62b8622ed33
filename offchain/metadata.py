"""The little that a worker takes from the chain's metadata: a constant, and the names of errors.

Decoding it takes a second of processor time, so nothing that happens often comes here, and scalecodec is imported when
something does.
"""

from __future__ import annotations

from typing import Any


class UnreadableMetadata(ValueError):
    """The bytes are not metadata of version 14, or not events that it describes."""


FAILURE = ("System", "ExtrinsicFailed")


def constant_value(metadata: bytes, pallet: str, name: str) -> bytes:
    """The encoded value of a pallet's constant; raises `KeyError` and `UnreadableMetadata`.

    `metadata` is of version 14, as `state_getMetadata` gives it.
    """
    _, described = _described(metadata)
    found = next((each for each in described.pallets if each.value["name"] == pallet), None)
    constant = next((each for each in found.constants if each.value["name"] == name), None) if found else None
    if constant is None:
        raise KeyError(f"the chain has no constant {pallet}.{name}")
    return bytes(constant.constant_value)


def extrinsic_failure(metadata: bytes, events: bytes, index: int) -> str | None:
    """The error of extrinsic `index` of a block, in words; `None` where it succeeded.

    `events` is the value of `System.Events` after the block. Raises `UnreadableMetadata`.
    """
    from scalecodec.base import ScaleBytes

    runtime, described = _described(metadata)
    try:
        item = described.get_metadata_pallet("System").get_storage_function("Events")
        records = runtime.create_scale_object(item.get_value_type_string(), ScaleBytes(events), metadata=described)
        for record in records.decode():
            if record["extrinsic_idx"] == index and (record["module_id"], record["event_id"]) == FAILURE:
                return _in_words(described, record["attributes"]["dispatch_error"])
    except Exception as error:  # scalecodec has no error of its own for what it can't read
        raise UnreadableMetadata(f"the block's events can't be read: {error!r}") from None
    return None


def _described(metadata: bytes) -> tuple[Any, Any]:
    """A runtime configuration that knows the chain's types, and the decoded metadata."""
    from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
    from scalecodec.type_registry import load_type_registry_preset

    runtime = RuntimeConfigurationObject()
    runtime.update_type_registry(load_type_registry_preset("core"))
    try:
        described = runtime.create_scale_object("MetadataVersioned", ScaleBytes(metadata))
        described.decode()
        runtime.add_portable_registry(described)
    except Exception as error:
        raise UnreadableMetadata(f"the chain's metadata can't be read: {error!r}") from None
    return runtime, described


def _in_words(described: Any, error: Any) -> str:
    """`Workers.StakeTooLow: The stake is below …`; `Token.FundsUnavailable` where it is no pallet's."""
    if not isinstance(error, dict):
        return str(error)
    ((kind, place),) = error.items()
    if kind != "Module":
        return f"{kind}.{place}"
    number = bytes.fromhex(place["error"].removeprefix("0x"))[0]
    found = described.get_module_error(module_index=place["index"], error_index=number)
    pallet = next(each for each in described.pallets if each.value["index"] == place["index"])
    return f"{pallet.value['name']}.{found.name}: {' '.join(found.docs)}"
