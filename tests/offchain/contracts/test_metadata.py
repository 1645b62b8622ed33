"""Messages, results and events of metadata, with py-substrate-interface as the judge of every encoding."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset
from substrateinterface.contracts import ContractMetadata

from offchain.contracts.errors import BadArguments, BadMetadata, NoCode, NoSuchMessage
from offchain.contracts.metadata import Metadata
from pallets.primitives import ss58
from tests.offchain.sandbox.ink.vectors import ERC20S, FLIPPERS, metadata, told

ACCOUNT = bytes(range(32))


class Offline:
    """What of `SubstrateInterface` the judge uses."""

    def __init__(self) -> None:
        self.runtime_config = RuntimeConfigurationObject(ss58_format=42, implements_scale_info=True)
        self.runtime_config.update_type_registry(load_type_registry_preset("core"))

    def init_runtime(self) -> None:
        """There is no runtime: contracts bring their own types."""

    def encode_scale(self, type_string: str, value: Any) -> ScaleBytes:
        return self.create_scale_object(type_string).encode(value)

    def create_scale_object(self, type_string: str, data: ScaleBytes | None = None) -> Any:
        return self.runtime_config.create_scale_object(type_string, data)


def judge(name: str) -> ContractMetadata:
    return ContractMetadata(copy.deepcopy(told(name)), Offline())


@pytest.mark.parametrize("name", (*FLIPPERS, *ERC20S))
def test_selectors_and_arguments(name: str) -> None:
    mine, theirs = metadata(name), judge(name)
    values = {"init_value": True, "total_supply": 1 << 100, "value": 77}
    values |= dict.fromkeys(("owner", "spender", "to", "from"), ss58.encode(ACCOUNT))  # type: ignore[arg-type]
    for messages, generate in (
        (mine.constructors, theirs.generate_constructor_data),
        (mine.messages, theirs.generate_message_data),
    ):
        for label, message in messages.items():
            given = {argument: values[argument] for argument, _ in message.arguments}
            assert message.encode(list(given.values())) == bytes(generate(label, given).data), label


@pytest.mark.parametrize("name", ERC20S)
def test_results(name: str) -> None:
    mine, theirs = metadata(name), judge(name)
    for label, data, expected in (
        ("balance_of", b"\0" + (5).to_bytes(16, "little"), 5),
        ("transfer", b"\0\0", {"Ok": {}}),
        ("transfer", b"\0\1\0", {"Err": "InsufficientBalance"}),
    ):
        assert mine.message(label).decode(data) == expected
        found = theirs.substrate.create_scale_object(
            theirs.get_return_type_string_for_message(label), ScaleBytes(bytearray(data))
        ).decode()
        assert found["Ok"] in (expected, {"Ok": None}, {"Ok": ()}), (label, found)
    assert mine.message("transfer").decode(b"\1\1") == {"Err": "CouldNotReadInput"}


def test_arguments_that_are_not_taken() -> None:
    transfer = metadata("erc20-v5").message("transfer")
    for arguments in ([], ["0x00", 1], [ACCOUNT, -1], [ACCOUNT, 1 << 128], [ACCOUNT, "much"]):
        with pytest.raises(BadArguments):
            transfer.encode(arguments)
    with pytest.raises(NoSuchMessage, match="flip, get"):
        metadata("flipper").message("flop")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 6}', '{"contract": {"name": "x"}, "version": "2"}'])
def test_files_that_are_no_metadata(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(text)
    with pytest.raises(BadMetadata):
        Metadata.read(path)


def test_metadata_without_code(tmp_path: Path) -> None:
    path = tmp_path / "flipper.json"
    path.write_text(json.dumps(told("flipper")))
    with pytest.raises(NoCode, match="--wasm"):
        Metadata.read(path).code()
    assert metadata("erc20-v4").code().startswith(b"\0asm")
