"""all-MiniLM-L6-v2 in numpy: a BERT of six layers that makes a vector of a sentence.

Overview
    Tokens -> embeddings -> six times (attention, feed forward), each added and normalised -> mean over the tokens ->
    unit length; as Reimers and Gurevych's sentence-transformers does with the files of this model. The weights are
    mapped, not read: processes share them, and of the table of words only the rows in use are ever touched.

Out of scope
    Batches: on one thread they win nothing, and what is alone in a batch is the same wherever it stands.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from offchain.ai.installed import MINILM, MINILM_TOKENIZER, package_file
from offchain.ai.local_model import Emit
from offchain.ai.provider import JsonObject

MAX_TOKENS = 256
"""What the model was trained on; longer texts are cut, as sentence-transformers cuts them."""
_HEADS = 12
_NORM_EPSILON = np.float32(1e-12)

Floats: TypeAlias = NDArray[np.float32]


class MiniLM:
    """The loaded model."""

    weights: Path

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        self.weights = package_file(MINILM)
        self._tensors = dict(_tensors(self.weights))
        self._layers = len({name.split(".")[2] for name in self._tensors if name.startswith("encoder.layer.")})
        self._tokenizer = Tokenizer.from_file(str(package_file(MINILM_TOKENIZER)))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def answer(self, request: JsonObject, emit: Emit) -> JsonObject:
        """Embed `texts`: emits for each its `vector`, 32-bit floats in base64, and its number of `tokens`."""
        for text in request["texts"]:
            ids = self._tokenizer.encode(text).ids
            vector = self._forward(np.array(ids)).astype("<f4")
            if emit({"vector": base64.b64encode(vector.tobytes()).decode(), "tokens": len(ids)}):
                break
        return {}

    def embed(self, text: str) -> Floats:
        """The vector of one text, of length 1."""
        return self._forward(np.array(self._tokenizer.encode(text).ids))

    def _forward(self, ids: NDArray[Any]) -> Floats:
        words, places, kinds = (
            self._tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        x = self._norm(words[ids] + places[: len(ids)] + kinds[0], "embeddings.LayerNorm")
        for number in range(self._layers):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attention(x, layer), f"{layer}.attention.output.dense")
            x = self._norm(x + attended, f"{layer}.attention.output.LayerNorm")
            widened = _gelu(self._linear(x, f"{layer}.intermediate.dense"))
            x = self._norm(x + self._linear(widened, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean: Floats = x.mean(axis=0)
        unit: Floats = mean / np.linalg.norm(mean)
        return unit

    def _attention(self, x: Floats, layer: str) -> Floats:
        """Every token's view of all, in twelve heads side by side."""
        length, width = x.shape
        query, key, value = (
            self._linear(x, f"{layer}.attention.self.{name}").reshape(length, _HEADS, -1).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        weights: Floats = query @ key.transpose(0, 2, 1)
        weights /= math.sqrt(width // _HEADS)
        weights -= weights.max(axis=-1, keepdims=True)  # in place: for long texts, fresh memory is half the time
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed: Floats = weights @ value
        return mixed.transpose(1, 0, 2).reshape(length, width)

    def _linear(self, x: Floats, name: str) -> Floats:
        out: Floats = x @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]
        return out

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + _NORM_EPSILON)
        out: Floats = centred / scale * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
        return out


def _gelu(x: Floats) -> Floats:
    """x times the normal distribution's share below x; its error function as Abramowitz and Stegun 7.1.26 (1.5e-7)."""
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    error = np.copysign(1 - series * np.exp(-z * z), x)
    out: Floats = x * (1 + error) * np.float32(0.5)
    return out


def _tensors(path: Path) -> Iterator[tuple[str, Floats]]:
    """The tensors of a safetensors file: u64 length, JSON of that length, then the numbers that it points to."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    numbers = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    for name, entry in entries.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            yield name, numbers[begin:end].view("<f4").reshape(entry["shape"])
