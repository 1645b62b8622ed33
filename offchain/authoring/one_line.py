"""What a person can mend is one line on stderr, and exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from offchain.authoring.errors import AuthoringError


@contextmanager
def one_line() -> Iterator[None]:
    """Ends the command with one line where there is something to mend, out of whatever groups it comes in."""
    refusal: str | None = None
    try:
        yield
    except (AuthoringError, OSError) as error:
        refusal = str(error)
    except Exception as error:
        refusal = _mendable(error)
        if refusal is None:
            raise
    if refusal is not None:
        fail(refusal)


def fail(message: str) -> NoReturn:
    """Ends the command."""
    print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(1)


def _mendable(error: BaseException) -> str | None:
    from node.web.errors import WebError
    from offchain.chain import ChainError
    from offchain.described import BadValue
    from offchain.metadata import UnreadableMetadata
    from offchain.rpc import RpcError
    from pallets.primitives.suri import InvalidSecret

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    kinds = (AuthoringError, WebError, ChainError, RpcError, BadValue, UnreadableMetadata, InvalidSecret, OSError)
    return str(error) if isinstance(error, kinds) else None
