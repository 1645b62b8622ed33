"""The benches as a user runs them, on small chains: every key is there, and its value can be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.bench.cli import show
from node.bench.stages import STAGES
from pallets.primitives.curves.presets import PRESETS
from tests.vectors import vector

ROOT = Path(__file__).resolve().parents[3]
ACCOUNTS, COUNT = 50, 20


def fathom_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", "bench", *arguments]
    environment = os.environ | {"XDG_CACHE_HOME": str(ROOT / "build")}  # where a foreign runtime is kept compiled
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, env=environment)


def figures_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    figures: dict[str, Any] = json.loads(line)
    return figures


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the benches of this module keep the chain they share."""
    return tmp_path_factory.mktemp("kept")


def assert_positive(figures: dict[str, Any], *keys: str) -> None:
    assert {key: figures[key] for key in keys if not figures[key] > 0} == {}


def test_transfers(kept: Path) -> None:
    given = ("--accounts", str(ACCOUNTS), "--count", str(COUNT), "--runs", "1", "--functions", "5")
    figures = figures_of(fathom_bench("transfers", *given, "--keep", str(kept), "--json"))
    assert (figures["bench"], figures["accounts"], figures["count"]) == ("transfers", ACCOUNTS, COUNT)
    assert_positive(figures, "verify_us", "tps", "limit_ratio", "limit_ratio_2", "block_tps", "block_ratio", "open_s")
    for rate, ratio in (("tps", "limit_ratio"), ("tps_2", "limit_ratio_2"), ("block_tps", "block_ratio")):
        assert figures[ratio] == pytest.approx(figures[rate] * figures["verify_us"] / 1e6, rel=0.01, abs=1e-4)
    assert 1 <= figures["blocks"] <= COUNT
    assert 0 < figures["rss_mib"] <= figures["rss_peak_mib"]
    stages = dict(figures["cpu_us"])
    total = stages.pop("total")
    assert set(stages) == set(STAGES)
    assert sum(stages.values()) == pytest.approx(total, abs=1)
    assert stages["execute"] > 0
    assert len(figures["functions_us"]) == 5
    assert [entry.name for entry in kept.iterdir()] == [f"accounts-{ACCOUNTS}"]


def test_state(kept: Path) -> None:
    given = ("--accounts", str(ACCOUNTS), "--count", str(COUNT), "--back", "30", "--reads", "40")
    figures = figures_of(fathom_bench("state", *given, "--keep", str(kept), "--json"))
    assert (figures["bench"], figures["back"]) == ("state", 30)
    assert_positive(figures, "get_best_us", "get_past_us", "proof_us", "bytes_per_transfer", "open_s")


def test_rpc(kept: Path) -> None:
    given = ("--accounts", str(ACCOUNTS), "--seconds", "0.2", "--transfers", str(COUNT), "--connections", "5")
    figures = figures_of(fathom_bench("rpc", *given, "--runs", "1", "--keep", str(kept), "--json"))
    assert (figures["bench"], figures["connections"], figures["transfers_per_block"]) == ("rpc", 5, COUNT)
    assert_positive(figures, "verify_us", "storage_rps_50", "storage_rps_1", "p50_us_1", "p99_ms_loaded", "echo_us")
    assert figures["p50_us_1"] <= figures["p99_us_1"]
    assert figures["p50_ms_loaded"] <= figures["p99_ms_loaded"] <= figures["longest_ms_loaded"]


def test_jobs() -> None:
    figures = figures_of(fathom_bench("jobs", "--count", "16", "--under-way", "4", "--workers", "1", "--json"))
    assert (figures["bench"], figures["count"], figures["workers"]) == ("jobs", 16, 1)
    assert_positive(figures, "verify_us", "settled_per_s", "p50_blocks", "blocks_per_s")
    assert 8 <= figures["settled"] <= 16
    assert figures["p50_blocks"] <= figures["p99_blocks"]
    cpu = figures["cpu_us"]
    assert cpu["total"] == pytest.approx(sum(cpu.values()) / 2, abs=5)
    assert_positive(cpu, "node", "workers", "sandboxes")
    refused = fathom_bench("jobs", "--count", "40", "--under-way", "11")
    assert (refused.returncode, refused.stderr) == (1, "Error: 11 jobs under way need at least 44 to be measured by\n")


def test_agents() -> None:
    figures = figures_of(fathom_bench("agents", "--connections", "3", "--seconds", "0.2", "--runs", "1", "--json"))
    assert (figures["bench"], figures["connections"]) == ("agents", 3)
    assert_positive(figures, "verify_us", "requests_per_s", "p50_ms", "sandbox_rps", "sandbox_ratio", "p50_ms_1")
    assert figures["p50_ms"] <= figures["p99_ms"] <= figures["longest_ms"]
    ratio = figures["requests_per_s"] / figures["sandbox_rps"]
    assert figures["sandbox_ratio"] == pytest.approx(ratio, rel=0.01)
    assert figures["receipts_committed"] > figures["receipts"] > 0
    cpu = figures["cpu_us"]
    assert_positive(cpu, "workers", "sandboxes", "gateway")
    assert 0 < figures["limit_per_s"] <= 2e6 / cpu["total"] + 1
    assert_positive(figures["paid_on_disk"], "requests_per_s", "p99_ms", "sandbox_ratio")


def test_workers(kept: Path) -> None:
    given = ("--count", "20", "--jobs", "4", "--blocks", "3", "--seconds", "0.2", "--keep", str(kept))
    figures = figures_of(fathom_bench("workers", *given, "--json"))
    assert (figures["bench"], figures["count"], figures["jobs_per_block"]) == ("workers", 20, 4)
    assert (figures["settled_per_block"], figures["settled_per_block_360"]) == (4, 4)
    assert_positive(figures, "block_ms", "block_ms_360", "block_time_ratio", "reads_per_assignment")
    assert figures["bytes_per_worker"] is None
    assert {entry.name for entry in kept.iterdir()} >= {"workers-20", "workers-360"}


def test_curves() -> None:
    figures = figures_of(fathom_bench("curves", "--traders", "3", "--runs", "1", "--json"))
    assert (figures["bench"], figures["traders"]) == ("curves", 3)
    kinds = ("buy", "buy_for", "sell", "transfer")
    assert_positive(figures, "verify_us", *(f"{kind}_extrinsic_verifications" for kind in kinds))
    for kind in kinds:
        dearest = max(figures[name][f"{kind}_us"] for name in PRESETS)
        assert figures[f"{kind}_us"] == dearest
        assert figures[f"{kind}_verifications"] == pytest.approx(dearest / figures["verify_us"], rel=0.02)


def test_start() -> None:
    figures = figures_of(fathom_bench("start", "--runs", "1", "--workers", "0", "--blocks", "5", "--json"))
    assert figures["bench"] == "start"
    assert_positive(figures, "first_rpc_s", "ready_s", "rss_mib", "empty_block_cpu_ms")


def test_more_transfers_than_the_pool_holds_are_one_clear_line() -> None:
    done = fathom_bench("transfers", "--count", "8001", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: the pool holds 8000 transfers, not 8001\n"


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show({"bench": "start", "runs": 3, "range": [1.5, 2.5], "cpu_us": {"rpc": 1234.5}, "absent": None})
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("bench start", "1.5 … 2.5", "cpu_us · rpc", "1,234.5", "–"))


def test_fork() -> None:
    """On Kusama's Asset Hub: one block takes all transfers, and the figures are of two processes."""
    spec = str(vector("chainspecs/asset-hub-kusama-local.raw.json.gz"))
    figures = figures_of(fathom_bench("fork", spec, "--count", str(COUNT), "--runs", "1", "--json"))
    assert (figures["bench"], figures["count"], figures["blocks"]) == ("fork", COUNT, 1)
    assert_positive(figures, "verify_us", "validate_ms", "apply_ms", "empty_block_ms", f"block_{COUNT}_s")
    assert_positive(figures, "first_answer_s", "rss_mib")
