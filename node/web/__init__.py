"""HTTP/1.1 and WebSocket on trio, for the node, the gateway and the workers.

*Overview.* The protocols know no sockets: `http.py` over h11, `websocket.py` over the sans-IO part of `websockets`.
`transport.py` is bytes over a socket or TLS. `connection.py` is the open WebSocket, `server.py` and `client.py` the
two ways to one. `limits.py` has every bound, `errors.py` every error.

*Out of scope.* What requests and messages mean: nothing in here knows of a chain.
"""

from __future__ import annotations

from node.web.client import connect_websocket, request
from node.web.connection import WebSocket
from node.web.http import Request, Response, is_loopback, loopback_only
from node.web.limits import Limits
from node.web.server import bound_port, open_listeners, serve

__all__ = [
    "Limits",
    "Request",
    "Response",
    "WebSocket",
    "bound_port",
    "connect_websocket",
    "is_loopback",
    "loopback_only",
    "open_listeners",
    "request",
    "serve",
]
