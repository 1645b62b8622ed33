"""The bounds on everything that a peer can make grow or wait."""

from __future__ import annotations

import math
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds of one server, or of one connection of a client. Sizes in bytes, times in seconds.

    The sizes are Substrate's defaults (`--rpc-max-connections`, `--rpc-max-request-size`).
    """

    max_connections: int = 100
    """Connections open at once; the next one is answered 503."""
    max_headers: int = 16 * 1024
    """Request line and headers together; more is answered 431."""
    max_request_size: int = 15 * MIB
    """Body of an HTTP request; more is answered 413."""
    max_message_size: int = 15 * MIB
    """One WebSocket message, its fragments together; more closes with 1009."""
    send_buffer: int = 1 * MIB
    """Unsent bytes from which a WebSocket's senders wait. A message is taken whole, so one may exceed this."""

    header_timeout: float = 10.0
    """From a request's first byte (on a new connection: from its opening) to the end of its headers."""
    body_timeout: float = 60.0
    """From the end of the headers to the end of the body."""
    idle_timeout: float = 120.0
    """Between two requests of a kept-alive connection."""
    stall_timeout: float = 30.0
    """How long a peer may take nothing of what is being sent to it."""
    close_timeout: float = 2.0
    """How long a closing connection waits for the peer's part."""
    ping_interval: float = 30.0
    """Silence after which a WebSocket peer is pinged."""
    silence_limit: float = math.inf
    """Silence, pings included, after which a WebSocket peer is given up. Endless by default, because a synchronous
    client answers pings only inside its next call; a dead host is noticed by TCP keep-alive."""
