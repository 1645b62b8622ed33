"""Passwords and secrets that a command asks for: from an argument, a file, or whoever sits at the terminal."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from node.exit import fail

MAX_SECRET_BYTES = 4096


def read_password(
    given: str | None, interactive: bool, file: Path | None, prompt: str = "Key password: "
) -> str | None:
    """The password of `--password`, `--password-interactive` or `--password-filename`, `None` without any."""
    if sum((given is not None, interactive, file is not None)) > 1:
        fail("--password, --password-interactive and --password-filename exclude each other")
    if interactive:
        return getpass.getpass(prompt)
    return _first_line(file) if file is not None else given


def read_uri(given: str | None, prompt: str = "URI: ") -> str:
    """A secret or public URI: as given, the content of a file of that name, or asked for."""
    if given is None:
        return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline(MAX_SECRET_BYTES).rstrip("\r\n")
    try:
        is_file = Path(given).is_file()
    except (OSError, ValueError):  # a phrase longer than any file's name
        is_file = False
    return _first_line(Path(given)).rstrip() if is_file else given


def _first_line(file: Path) -> str:
    """What a file holds, without the line break at its end."""
    try:
        with open(file, "rb") as source:
            text = source.read(MAX_SECRET_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        fail(f"{file} can't be read: {reason}")
    if len(text) > MAX_SECRET_BYTES:
        fail(f"{file} is too long for a secret")
    return text.removesuffix("\n").removesuffix("\r")
