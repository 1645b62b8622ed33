"""What can go wrong between us and a chain that others serve, one class a reason.

```
RemoteError
├── UnknownNetwork       the name is in no list, and is no URL
├── Unreachable          no endpoint could be connected to; says of each why
├── WrongNetwork         the endpoint serves another chain than the one that is meant
├── EndpointStalled      the connection is open, and no answer comes
├── EndpointDropped      the connection ends again and again
├── EndpointBabbles      what comes is not JSON-RPC, or answers what wasn't asked
├── RateLimited          the endpoint wants to be asked less often
├── StateDiscarded       the endpoint has pruned the state that is asked for
├── NoSuchBlock          the chain has no such block, or not yet
├── MethodMissing        the endpoint doesn't know the method
├── WrongAnswer          an answer that can't be: of another shape, or a block of another hash
├── NotProven            an endpoint's proof doesn't hold
├── ForkedHistory        a block that was final isn't part of the chain any more
└── MissingPallet        the chain has no such pallet, so there is nothing to be shown
```
An endpoint's own errors that have no class here come as `offchain.rpc.CallFailed`.
"""

from __future__ import annotations

import re
from typing import Any

from offchain.rpc import CallFailed, ConnectionLost, NodeSilent, NotJsonRpc, StrayAnswer

LIMIT_CODES = frozenset({429, -32005, -32029, -32097, -32098, -32099})
"""Of providers that limit how often they are asked: HTTP's, Infura's and Alchemy's, and OnFinality's."""
LIMIT_WORDS = re.compile(
    r"rate.?limit|too many requests|exceeded.{0,30}(quota|limit|capacity)|slow down", re.IGNORECASE
)
PRUNED_WORDS = re.compile(r"state already discarded|state is pruned|pruned state|state discarded", re.IGNORECASE)
UNKNOWN_WORDS = re.compile(r"unknown ?block|header was not found|block not found|unknown block", re.IGNORECASE)
METHOD_NOT_FOUND = -32601
LONGEST_REST = 3600.0


class RemoteError(Exception):
    """Something that an endpoint, or all of a chain's, can't or doesn't do."""


class UnknownNetwork(RemoteError):
    """The name is in no list, and is no URL of a WebSocket."""


class Unreachable(RemoteError):
    """No endpoint could be connected to."""


class WrongNetwork(RemoteError):
    """The endpoint's genesis is another one than the network's."""


class EndpointStalled(RemoteError):
    """The connection is open, and no answer comes in the time there is."""


class EndpointDropped(RemoteError):
    """The connection ended before an answer came, also those that followed it."""


class EndpointBabbles(RemoteError):
    """What came is no JSON-RPC, or answers a question that wasn't asked."""


class RateLimited(RemoteError):
    """The endpoint wants to be asked less often; `seconds` is for how long it wants not to be asked, if it said so."""

    def __init__(self, text: str, seconds: float | None = None) -> None:
        super().__init__(text)
        self.seconds = seconds


class StateDiscarded(RemoteError):
    """The state of the block was pruned; an archive node has it."""


class NoSuchBlock(RemoteError):
    """The chain has no block of this number or hash, or not yet."""


class MethodMissing(RemoteError):
    """The endpoint doesn't know the method, or doesn't let everybody call it."""


class WrongAnswer(RemoteError):
    """An answer that can't be right: not of the method's shape, or a block whose hash is another one."""


class NotProven(RemoteError):
    """The endpoint's proof of what it says does not hold."""


class ForkedHistory(RemoteError):
    """A block that was taken for final is not part of the chain any more: endpoints of different chains, or worse."""


class MissingPallet(RemoteError):
    """The chain has no pallet that this could be shown of."""


PASSING = (Unreachable, EndpointStalled, EndpointDropped, EndpointBabbles, RateLimited)
"""What may be over in a while."""


def lost(error: ConnectionLost, url: str) -> RemoteError:
    """Why a connection was lost, in this package's classes."""
    if isinstance(error, NodeSilent):
        return EndpointStalled(f"{url} stalls: {error}")
    if isinstance(error, NotJsonRpc | StrayAnswer):
        return EndpointBabbles(f"{url} answers wrongly: {error}")
    return EndpointDropped(f"{url} dropped the connection: {error}")


def meant(error: CallFailed, url: str) -> RemoteError | None:
    """What an endpoint's error says of the endpoint; `None` where it is about what was asked of it."""
    text = f"{error.message} {error.data if isinstance(error.data, str) else ''}"
    if error.code in LIMIT_CODES or LIMIT_WORDS.search(text):
        seconds = _seconds(error.data)
        return RateLimited(f"{url} limits how often it is asked: {error.message}", seconds)
    if PRUNED_WORDS.search(text):
        return StateDiscarded(f"{url} has pruned the state of that block: name an archive endpoint by --endpoint")
    if error.code == METHOD_NOT_FOUND:
        return MethodMissing(f"{url} doesn't offer {error.method}: {error.message}")
    return None


def retry_after(text: str | None) -> float | None:
    """Seconds of a `Retry-After`; of a date nothing, for clocks differ."""
    try:
        seconds = float(text) if text is not None else None
    except ValueError:
        return None
    return None if seconds is None or not 0 <= seconds < float("inf") else min(seconds, LONGEST_REST)


def _seconds(data: Any) -> float | None:
    """How long to wait, as providers say it in an error's data."""
    if not isinstance(data, dict):
        return None
    for name in ("retry_after", "retryAfter", "try_again_in", "backoff_seconds"):
        if name in data:
            return retry_after(str(data[name]).removesuffix("s"))
    return _seconds(data.get("rate"))
