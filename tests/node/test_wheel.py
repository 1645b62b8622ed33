"""What is installed from a wheel runs without the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[2]


def test_a_wheel_has_all_that_a_dev_chain_needs(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in ("node", "pallets", "offchain"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "chain_spec.json"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    pure = {**os.environ, "FATHOM_PURE": "1"}
    subprocess.run([*build, str(source)], env=pure, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    ZipFile(wheel).extractall(installed)
    assert (installed / "node" / "chain_spec.json").read_bytes() == (ROOT / "chain_spec.json").read_bytes()
    told = subprocess.run(
        [sys.executable, "-m", "node", "chain-info", "--json"],
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(told.stdout)["id"] == "fathom_dev"
