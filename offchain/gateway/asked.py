"""A request on its way through the gateway, and the bounds of all requests."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.gateway.admission import Payer
from offchain.gateway.agent_entry import AgentEntry
from offchain.gateway.http_connection import Scope, Send
from offchain.gateway.request_logs import RequestLog
from offchain.gateway.trees import Tree
from offchain.serving.secret_box import SealedSecret
from offchain.serving.wire import MAX_REQUEST_BODY
from pallets.primitives.http import HttpRequest
from pallets.primitives.receipt import SignedVoucher


@dataclass(frozen=True)
class RequestLimits:
    """Bounds of one request, in bytes and seconds, and of all."""

    max_body: int = 1 << 20
    max_requests: int = 256
    """Requests under way at once; the next one is answered 503."""
    body_seconds: float = 30.0
    """From a request's headers to the end of its body."""
    worker_seconds: float = 3.0
    """For which a worker is waited for where there is none."""
    answer_seconds: float = 75.0
    """From the end of the body to the first of the answer. A worker ends a run after 60, and says why: a gateway that
    waits no longer than that never hears it."""
    stream_seconds: float = 600.0
    """From there to its end."""

    def __post_init__(self) -> None:
        if self.max_body > MAX_REQUEST_BODY:
            raise ValueError(f"workers take bodies of {MAX_REQUEST_BODY} bytes at most")


class BrokenOff(Exception):
    """The caller's connection ends here: it has gone, or what it has been told of an answer can't be finished."""


@dataclass(slots=True)
class Asked:
    """A request to an agent, and its caller."""

    id: str
    agent: AgentEntry
    code: bytes | None
    """Where the caller named it."""
    request: HttpRequest
    hash: bytes
    host: str
    sealed: SealedSecret | None
    voucher: SignedVoucher | None
    payer: Payer
    prefix: str
    """The path that the agent is found under."""
    log: RequestLog
    scope: Scope
    send: Send
    tree: Tree
    """What it may cost and call."""
    begun: bool = False
    """Whether the caller has had something of an answer."""

    @property
    def only(self) -> bytes | None:
        """The one worker that a voucher names."""
        return None if self.voucher is None else self.voucher.voucher.worker
