"""The command line itself: help that teaches, completion, and flags that become a node's configuration."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.cli import COMMANDS
from node.config import KNOWN_EXPLORERS, MIB, NodeConfig, PoolConfig, PrometheusConfig, RpcConfig
from node.dev_spec import DEV_SPEC
from tests.node.commands.conftest import Fathom

ROOT = Path(__file__).resolve().parents[3]
GROUPS = {
    "devdo": ("explain", "fix", "test", "generate"),
    "contract": ("deploy", "call", "query", "events"),
    "agent": (
        *("new", "build", "run", "test", "deploy", "call", "logs"),
        *("schedule", "trigger", "schedules", "take-back", "calls"),
    ),
    "channel": ("open", "top-up", "close", "voucher"),
    "curve": (
        *("presets", "create", "show", "quote", "buy", "buy-for", "sell", "collect", "claim", "history", "revenue"),
    ),
    "dao": (
        *("show", "proposal", "lock", "unlock", "delegate", "vote", "execute", "cancel", "veto", "spend"),
        *("set-rules", "set-guardian", "propose script", "propose roll-back", "propose terms", "propose spend"),
        *("propose reward", "propose rules", "propose guardian", "propose pause", "propose resume", "propose hire"),
        *("propose ban", "propose call"),
    ),
    "job": ("replay", "tree"),
    "receipt": ("replay", "tree"),
    "key": ("generate", "inspect", "insert", "generate-node-key", "inspect-node-key"),
    "tee": ("mint", "inspect", "corrupt"),
}


# Help and completion


def test_every_command_is_listed_without_being_loaded() -> None:
    code = "import sys; from node.cli import app\ntry: app(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert all(re.search(rf"^│ {name} ", done.stdout, re.MULTILINE) for name in COMMANDS)
    loaded = set(done.stderr.split())
    assert not {"trio", "orjson", "node.service", "node.chain_spec", "pallets.runtime"} & loaded
    assert not {name for name in loaded if name.startswith("node.commands.")}


@pytest.mark.parametrize(
    "command",
    [name for name in COMMANDS if name not in ("bench", "worker", *GROUPS)]
    + [f"{group} {name}" for group, names in GROUPS.items() for name in names],
)
def test_each_command_teaches_by_an_example(fathom: Fathom, command: str) -> None:
    text = fathom(*command.split(), "--help").good
    usage, _, rest = text.partition("\n\n")
    assert f"Usage: fathom {command}" in usage + rest
    example = re.search(rf"^ Examples?\s*\n\s*\n fathom {command}.*", text, re.MULTILINE)
    assert example is not None, text


def test_completion_knows_commands_and_their_options() -> None:
    def completed(line: str) -> set[str]:
        environment = {
            "_FATHOM_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        }
        code = "from node.cli import app; app(prog_name='fathom')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
        return set(done.stdout.split())

    assert completed("fathom ex") == {"export-blocks", "export-chain-spec", "export-state"}
    assert completed("fathom node --rpc-m") >= {"--rpc-methods", "--rpc-max-connections"}
    assert completed("fathom key in") == {"inspect", "insert", "inspect-node-key"}
    assert "--from" in completed("fathom export-blocks --fr")


def test_what_completion_a_shell_is_given(fathom: Fathom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "_FATHOM_COMPLETE=complete_bash" in fathom("--show-completion", "bash").out


# Flags


@pytest.fixture
def configured(fathom: Fathom, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a node would be started with, and what it would warn of."""
    started: list[tuple[NodeConfig, list[str]]] = []

    async def run_alone(config: NodeConfig, warnings: list[str]) -> None:
        started.append((config, warnings))

    monkeypatch.setattr("node.dev.run_alone", run_alone)
    monkeypatch.setattr("node.logs.set_up", lambda *_, **__: None)

    def of(arguments: str) -> tuple[NodeConfig, list[str]]:
        done = fathom("node", *arguments.split())
        assert (done.code, done.err) == (0, "")
        return started.pop()

    return of


def test_the_defaults_are_substrates(configured: Any) -> None:
    config, warnings = configured("--tmp --verifiers 0 --name fathom")
    assert config == NodeConfig(
        DEV_SPEC, author=False, authority=None, prometheus=PrometheusConfig(9615, external=False)
    )
    assert config.rpc == RpcConfig("auto", KNOWN_EXPLORERS, 100, 15 * MIB, 15 * MIB, 1024, 1024, None, 64)
    assert config.pool == PoolConfig(8192, 20 * MIB, 1800)
    assert warnings == []
    config, warnings = configured("--dev")
    assert (config.author, config.authority, config.rpc.cors, config.pool.ban_seconds) == (True, "//Alice", "all", 0)
    assert warnings == ["Running in --dev mode, RPC CORS has been disabled."]
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{4}", config.name)


def test_every_flag_reaches_the_node(configured: Any, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("quiet\n")
    config, warnings = configured(
        f"--base-path {tmp_path} --chain dev --bob --rpc-port 1 --rpc-external --rpc-methods Unsafe --rpc-cors "
        "https://a.example,null --rpc-max-connections 2 --rpc-max-request-size 3 --rpc-max-response-size 4 "
        "--rpc-max-subscriptions-per-connection 5 --rpc-max-batch-request-len 6 --rpc-rate-limit 7 "
        "--rpc-message-buffer-capacity-per-connection 8 --pool-limit 90 --pool-kbytes 10 --tx-ban-seconds 11 "
        "--finalize-delay-sec 0.5 --pruning 12 --sealing 13 --keystore-path keys --verifiers 2 "
        f"--password-filename {tmp_path}/password --prometheus-port 14 --prometheus-external"
    )
    assert config == NodeConfig(
        chain=DEV_SPEC,
        base_path=tmp_path,
        rpc_port=1,
        rpc_external=True,
        sealing=13,
        authority="//Bob",
        keystore_path=Path("keys"),
        keystore_password="quiet",
        name="Bob",
        finalize_delay=0.5,
        pool=PoolConfig(90, 10 * 1024, 11),
        state_pruning=12,
        verifiers=2,
        rpc=RpcConfig("unsafe", ("https://a.example", "null"), 2, 3 * MIB, 4 * MIB, 5, 6, 7, 8),
        prometheus=PrometheusConfig(14, external=True),
    )
    assert len(warnings) == 1 and "expose RPC publicly" in warnings[0]
    assert "quiet" not in repr(config) and "//Bob" not in repr(config)
    config, _ = configured("--tmp --validator --rpc-disable-batch-requests --no-prometheus --unsafe-rpc-external")
    assert (config.author, config.authority, config.rpc.max_batch, config.prometheus) == (True, None, 0, None)
    assert config.rpc_host == "0.0.0.0"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "name a --base-path"),
        ("--tmp --base-path x", "exclude each other"),
        ("--tmp --alice --ferdie", "--alice and --ferdie exclude each other"),
        ("--tmp --validator --rpc-external", "if the node is running as a validator"),
        ("--tmp --rpc-methods most", "auto, safe or unsafe"),
        ("--tmp --rpc-cors example.org", "origins such as https://example.org"),
        ("--tmp --rpc-disable-batch-requests --rpc-max-batch-request-len 2", "exclude each other"),
        ("--tmp --name a.b", "Invalid node name 'a.b'"),
        (f"--tmp --name {'n' * 64}", "Node name too long"),
        ("--tmp --sealing sometimes", "--sealing takes"),
        ("--tmp --pruning 0", "--state-pruning takes"),
        ("--tmp --password a --password-interactive", "exclude each other"),
        ("--tmp --password-filename /nowhere/password", "can't be read: No such file"),
        ("--tmp -l txpool=loud", "levels are error, warn, info, debug, trace and off"),
    ],
)
def test_flags_that_contradict_each_other(fathom: Fathom, arguments: str, reason: str) -> None:
    assert reason in fathom("node", *arguments.split()).error


@pytest.mark.parametrize(
    "arguments", ["--rpc-port 65536", "--rpc-rate-limit 0", "--pool-limit 1", "--finalize-delay-sec -1"]
)
def test_numbers_out_of_range(fathom: Fathom, arguments: str) -> None:
    done = fathom("node", "--tmp", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert f"Invalid value for '{arguments.split()[0]}'" in done.err and "is not in the range of" in done.err


def test_a_spec_without_its_boot_nodes(fathom: Fathom, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(fathom("build-spec").good.replace('"bootNodes": []', '"bootNodes": ["/dns/boot/tcp/30333"]'))
    assert "/dns/boot" in fathom("build-spec", "--chain", spec).good
    assert '"bootNodes": []' in fathom("build-spec", "--chain", spec, "--raw", "--disable-default-bootnode").good


def test_an_impatient_end_is_clean_too() -> None:
    command = [
        sys.executable,
        "-m",
        "node",
        "node",
        "--dev",
        "--tmp",
        "--rpc-port",
        "0",
        "--no-prometheus",
        "--json-logs",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stderr is not None
            lines = [process.stderr.readline()]
            while "Imported #1" not in lines[-1]:
                lines.append(process.stderr.readline())
                assert lines[-1], lines
            for _ in range(3):
                process.send_signal(signal.SIGINT)
            lines += process.stderr.readlines()
            assert process.wait(60) == 0, lines
        finally:
            process.kill()
    told = [json.loads(line) for line in lines]  # no traceback among them
    assert {line["target"] for line in told} == {"substrate", "aura"}
    assert told[0]["message"] == "Fathom Node"
    assert next(line["fields"] for line in told if "Imported #1" in line["message"])["number"] == 1
