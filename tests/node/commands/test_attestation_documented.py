"""`docs/attestation.md` does what it says, and names every error there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pallets.attestation import dcap_errors
from pallets.attestation.pallet import Attestation
from pallets.primitives.quote import DcapError
from tests.node.commands.conftest import Fathom

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "attestation.md").read_text()


def test_the_commands(fathom: Fathom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    outcomes = [fathom(*line.split()[1:]) for line in block.strip().splitlines()]
    assert [outcome.code for outcome in outcomes] == [0, 0, 0, 1]
    assert '"status": "SWHardeningNeeded"' in outcomes[1].out
    assert "DebugEnclave" in outcomes[3].out


def test_the_script() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "docs/attestation.md", "exec"), {})


def test_every_reason_is_on_the_page() -> None:
    reasons = [kind for kind in vars(dcap_errors).values() if isinstance(kind, type) and issubclass(kind, DcapError)]
    for name in {kind.__name__ for kind in reasons} - {"DcapError", "CollateralCarriesChain"}:
        assert f"`{name}`" in PAGE, name
    for name in re.findall(r"`([A-Z][a-z]\w+)`", PAGE.partition("## Statuses")[0]):
        assert hasattr(Attestation, name), name
