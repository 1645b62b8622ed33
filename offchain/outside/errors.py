"""Why something that a script asked of the world outside failed.

Overview
    What a script may catch, as an error with this text (`fetch` says "fetch failed: " before it); `reason` is the word
    for programs:

        AskFailed
        ├── InvalidRequest      invalid-request      the script asks for what HTTP has no form for
        ├── HostNotAllowed      host-not-allowed     the agent's list of hosts leaves it out
        ├── PortNotAllowed      port-not-allowed     a port on which no web server should be
        ├── NoAddress           no-address           the host has no address that scripts may reach
        ├── ConnectionFailed    connection-failed    none of its addresses took the connection
        ├── TlsFailed           tls-failed           the server didn't prove that it is the host
        ├── ConnectionBroken    connection-broken    it ended too early, or spoke something else than HTTP
        ├── TimedOut            timed-out            the exchange took longer than it may
        ├── RedirectRefused     redirect-refused     not wanted, one too many, or to nowhere
        ├── TooLarge            too-large            request, response or headers exceed their bound
        ├── TooMany             too-many             the run has sent as many requests as it may
        ├── UnreadableBody      unreadable-body      the body isn't what its `content-encoding` says
        ├── NoSuchStream        no-such-stream       the run reads a body that it wasn't given, or to its end
        ├── Aborted             aborted              the script gave it up
        ├── CallRefused         (its own)            a call of an agent has no answer
        ├── InvalidAsk          invalid-ask          not an ask as the sandbox makes them
        └── NobodyListens       nobody-listens       a part of an answer that has nobody to go to

    What a run's host did wrong, or a slot that isn't itself any more: it ends the run.

        WorldError
        ├── BadAsk              an ask that no run makes: a number used twice, too many at once
        └── NothingAsked        an answer is awaited where nothing is open

Out of scope
    What a replay finds: `recording`.
"""

from __future__ import annotations

from typing import ClassVar


class AskFailed(Exception):
    """What a script asked for failed. The text is for the script: no address of ours is ever in it."""

    reason: ClassVar[str]


class InvalidRequest(AskFailed):
    """A URL, method, header or option that HTTP has no form for, or that scripts may not use."""

    reason = "invalid-request"


class HostNotAllowed(AskFailed):
    """The agent has a list of hosts, and this one isn't on it. Nothing was resolved."""

    reason = "host-not-allowed"


class PortNotAllowed(AskFailed):
    """The port is neither 80 nor 443 nor above 1023, or belongs to another protocol."""

    reason = "port-not-allowed"


class NoAddress(AskFailed):
    """The host's name isn't known, or all its addresses are ones that scripts may not reach: which, isn't told."""

    reason = "no-address"


class ConnectionFailed(AskFailed):
    """Nobody took the connection at any of the host's addresses."""

    reason = "connection-failed"


class TlsFailed(AskFailed):
    """The server has no valid certificate for the host, or doesn't speak TLS."""

    reason = "tls-failed"


class ConnectionBroken(AskFailed):
    """The server hung up in the middle, or sent what isn't HTTP."""

    reason = "connection-broken"


class TimedOut(AskFailed):
    """The exchange, or its beginning, took longer than the script or the operator allow."""

    reason = "timed-out"


class RedirectRefused(AskFailed):
    """A redirect where the script wants none, one too many, or one to what isn't a URL."""

    reason = "redirect-refused"


class TooLarge(AskFailed):
    """A request, a response, its headers, or all that the run received exceed their bound."""

    reason = "too-large"


class TooMany(AskFailed):
    """The run has sent as many requests as it may; each redirect is one."""

    reason = "too-many"


class UnreadableBody(AskFailed):
    """The body doesn't decompress, or is compressed in a way that wasn't asked for."""

    reason = "unreadable-body"


class NoSuchStream(AskFailed):
    """No body has this number, or none any more."""

    reason = "no-such-stream"


class Aborted(AskFailed):
    """The script cancelled it."""

    reason = "aborted"


class CallRefused(AskFailed):
    """A call of an agent has no answer; the reason is whoever's who refused it, see docs/agent-calls.md."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason  # type: ignore[misc]


class InvalidAsk(AskFailed):
    """The head of an ask isn't the JSON that its operation has."""

    reason = "invalid-ask"


class NobodyListens(AskFailed):
    """A part of a streamed answer where the caller has gone, or was never one for parts."""

    reason = "nobody-listens"


class WorldError(Exception):
    """The run's host broke the rules by which a run and its world take turns."""


class BadAsk(WorldError):
    """An ask that no run makes."""


class NothingAsked(WorldError):
    """An answer is awaited, and no ask is open."""
