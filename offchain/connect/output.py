"""What commands print: tables for people, JSON for programs.

JSON is exact: an integer that a double can't hold is a string of decimal digits, bytes are `0x` and hex, addresses are
in the chain's format. What a chain says goes to a terminal without the characters that would command it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

MAX_SAFE = (1 << 53) - 1
PIPED_WIDTH = 200
CUT = 400
"""Characters of one value in a table."""


def exact(value: Any) -> Any:
    """A plain value as JSON can hold it without loss."""
    if value is None or isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        return value if -MAX_SAFE <= value <= MAX_SAFE else str(value)
    if isinstance(value, bytes | bytearray):
        return f"0x{value.hex()}"
    if isinstance(value, dict):
        return {str(key): exact(each) for key, each in value.items()}
    return [exact(each) for each in value]


def print_json(value: Any) -> None:
    """One JSON value on a line."""
    print(json.dumps(exact(value), ensure_ascii=False), flush=True)


def printable(text: str) -> str:
    """Text without control characters, which a chain's strings may hold."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def one_line_of(value: Any, cut: int = CUT) -> str:
    """A plain value in a line: JSON without quotes where it is plain."""
    plain = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    text = str(value) if plain else json.dumps(exact(value), ensure_ascii=False)
    text = printable(text).replace("\n", " ")
    return text if len(text) <= cut else f"{text[: cut - 1]}…"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """A table; numbers stand right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = [list(row) for row in rows]
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for place, name in enumerate(columns):
        numeric = bool(made) and all(isinstance(row[place], int) for row in made if row[place] is not None)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in made:
        table.add_row(*(Text("" if each is None else one_line_of(each)) for each in row))
    _console().print(table)


def print_fields(fields: dict[str, Any]) -> None:
    """Names and values, one a line."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        print(f"{name:<{width}}  {one_line_of(value, cut=100_000)}", flush=True)


def print_tree(value: Any, depth: int = 0) -> None:
    """A plain value of any depth, one field a line."""
    pad = "  " * depth
    if isinstance(value, dict):
        for name, each in value.items():
            _branch(f"{pad}{printable(str(name))}:", each, depth)
    elif isinstance(value, list):
        for each in value:
            _branch(f"{pad}-", each, depth)
    else:
        print(f"{pad}{one_line_of(value, cut=100_000)}", flush=True)


def _branch(head: str, value: Any, depth: int) -> None:
    if isinstance(value, dict | list) and value and len(one_line_of(value, cut=100_000)) > 100:
        print(head)
        print_tree(value, depth + 1)
    else:
        print(f"{head} {one_line_of(value, cut=100_000)}", flush=True)


def amount(value: int, token: str, decimals: int) -> str:
    """Money as people write it: `1.5 KSM`."""
    whole, rest = divmod(abs(value), 10**decimals)
    digits = str(rest).rjust(decimals, "0").rstrip("0") if rest else ""
    return f"{'-' if value < 0 else ''}{whole:,}{'.' + digits if digits else ''} {token}"


def _console() -> Any:
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
