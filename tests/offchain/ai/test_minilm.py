"""all-MiniLM-L6-v2 in numpy, judged by llama.cpp's BERT and by what its authors say of it."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="the models aren't installed: `make test` installs them unless AI=0")

BY_LLAMA_CPP = json.loads(Path(__file__).with_name("minilm_by_llama_cpp.json").read_text())
"""Vectors that llama.cpp made of the same weights as a GGUF of 32-bit floats, with its own tokenizer."""


@pytest.fixture(scope="module")
def minilm(models: None) -> Any:
    from offchain.ai.minilm import MiniLM

    return MiniLM()


@pytest.mark.parametrize("text", BY_LLAMA_CPP)
def test_llama_cpp_has_the_same_vector(minilm: Any, text: str) -> None:
    theirs = np.frombuffer(base64.b64decode(BY_LLAMA_CPP[text]), "<f4")
    ours = minilm.embed(text)
    assert float(ours @ theirs) > 0.99999  # its GELU is a table of 16-bit floats
    assert np.abs(ours - theirs).max() < 1e-3


def test_the_known_similarities_of_three_sentences(minilm: Any) -> None:
    person, *others = (
        minilm.embed(f"{text}")
        for text in (
            "That is a happy person",
            "That is a happy dog",
            "That is a very happy person",
            "Today is a sunny day",
        )
    )
    assert [round(float(person @ other), 3) for other in others] == [0.695, 0.943, 0.257]


def test_vectors_have_length_one_and_long_texts_are_cut(minilm: Any) -> None:
    whole, longer = minilm.embed("word " * 254), minilm.embed("word " * 1000)
    assert float(np.linalg.norm(whole)) == pytest.approx(1, abs=1e-6)
    assert whole.shape == (384,) and (whole == longer).all()


def test_the_activation_is_gelu_with_the_exact_error_function() -> None:
    from offchain.ai.minilm import _gelu

    x = np.linspace(-6, 6, 4001, dtype=np.float32)
    exact = [value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x.tolist()]
    assert np.abs(_gelu(x) - np.array(exact)).max() < 2e-6
