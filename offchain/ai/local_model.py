"""What `model_program` asks of a model, and what a model may raise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from offchain.ai.provider import JsonObject

Emit = Callable[[JsonObject], bool]
"""Sends a part of an answer; whether nobody wants the rest."""


class Refused(Exception):
    """The model can't take the request; as `provider.InvalidRequest`."""

    def __init__(self, message: str, param: str | None, code: str | None) -> None:
        super().__init__(message)
        self.param, self.code = param, code


class LocalModel(Protocol):
    """A loaded model."""

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        ...

    def answer(self, request: JsonObject, emit: Emit) -> JsonObject:
        """Answer in parts; the end of the answer. Raises `Refused`."""
        ...
