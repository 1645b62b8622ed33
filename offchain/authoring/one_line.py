"""What a person can mend is one line on stderr, and exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from node.exit import fail
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


def _mendable(error: BaseException) -> str | None:
    from node.web.errors import WebError
    from offchain.chain import ChainError
    from offchain.described import BadValue
    from offchain.metadata import UnreadableMetadata
    from offchain.rpc import RpcError
    from pallets.primitives.scale import ScaleError
    from pallets.primitives.suri import InvalidSecret

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    kinds: tuple[type[Exception], ...] = (AuthoringError, WebError, ChainError, RpcError, InvalidSecret, OSError)
    kinds += (BadValue, UnreadableMetadata, ScaleError)  # numbers and bytes that can't be the chain's
    return str(error) if isinstance(error, kinds) else None
