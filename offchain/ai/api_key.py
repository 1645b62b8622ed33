"""The operator's key for a server of models."""

from __future__ import annotations

import os
from pathlib import Path

from offchain.ai.provider import AiSettingError


class ApiKey:
    """A secret that shows itself to nobody but `secret`'s caller."""

    def __init__(self, secret: str) -> None:
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise AiSettingError("the key for the AI server must be one word of printable ASCII")
        self.secret = secret

    def __repr__(self) -> str:
        return "ApiKey(…)"

    @classmethod
    def from_environment(cls, name: str) -> ApiKey:
        """The value of an environment variable. Raises `AiSettingError`."""
        if not (value := os.environ.get(name, "").strip()):
            raise AiSettingError(f"the environment variable {name} is to hold the key for the AI server, and is empty")
        return cls(value)

    @classmethod
    def from_file(cls, path: Path) -> ApiKey:
        """The content of a file, white space around it left out. Raises `AiSettingError`."""
        try:
            return cls(path.read_text().strip())
        except (OSError, UnicodeDecodeError) as error:
            raise AiSettingError(f"the key for the AI server can't be read from {path}: {error}") from None
