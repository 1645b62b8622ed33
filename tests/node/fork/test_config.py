"""Chopsticks' configurations, as its users have them, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.commands.chopsticks import ForkFile, InvalidConfig, read_fork_file

KUSAMA = """
endpoint:
  - wss://kusama-rpc.n.dwellir.com
  - wss://kusama-rpc.polkadot.io
mock-signature-host: true
block: ${env.KUSAMA_BLOCK_NUMBER}
db: ./db.sqlite
build-block-mode: Manual
port: 8005
max-memory-block-count: 100
runtime-log-level: 4
wasm-override: new.wasm
import-storage:
  System:
    Account:
      - - [5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY]
        - {providers: 1, data: {free: 340282366920938463463374607431768211455}}
"""


def test_kusama(tmp_path: Path) -> None:
    file = tmp_path / "kusama.yml"
    file.write_text(KUSAMA)
    found = read_fork_file(file, lambda name: {"KUSAMA_BLOCK_NUMBER": "22000000"}[name])
    assert found.endpoints == ("wss://kusama-rpc.n.dwellir.com", "wss://kusama-rpc.polkadot.io")
    assert (found.block, found.port, found.sealing) == ("22000000", 8005, "manual")
    assert (found.mock_signatures, found.runtime_log_level) == (True, 4)
    assert (found.cache, found.wasm_override) == (tmp_path / "db.sqlite", tmp_path / "new.wasm")
    ((_, account),) = found.import_storage["System"]["Account"]
    assert account["data"]["free"] == (1 << 128) - 1
    assert found.unknown == ("max-memory-block-count",)
    assert read_fork_file(file, lambda name: None).block is None


def test_a_chain_spec_and_storage_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"Sudo": {"Key": null}}')
    file = tmp_path / "local.yml"
    file.write_text("genesis: spec.json\nimport-storage: state.json\nbuild-block-mode: Batch\n")
    found = read_fork_file(file, lambda name: None)
    assert found == ForkFile(
        sealing="instant", import_storage={"Sudo": {"Key": None}}, spec=tmp_path / "spec.json", unknown=()
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "settings by name"),
        ("port: many", "'port'"),
        ("port: 70000", "'port'"),
        ("build-block-mode: Never", "'build-block-mode'"),
        ("mock-signature-host: 3", "'mock-signature-host'"),
        ("endpoint: {a: b}", "'endpoint'"),
        ("import-storage: [1]", "'import-storage'"),
        ("import-storage: none.json", "can't be read"),
        ("wasm-override: https://example.org/a.wasm", "'wasm-override'"),
        ("a: [", "can't be read"),
        ("!!python/object/apply:os.getcwd []", "can't be read"),
    ],
)
def test_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "fork.yml"
    file.write_text(text)
    with pytest.raises(InvalidConfig, match=said):
        read_fork_file(file, lambda name: None)
