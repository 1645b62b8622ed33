"""How far a run reaches: hosts, addresses, times, sizes, counts."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Where an agent's scripts may go."""

    hosts: tuple[str, ...] | None = None
    """`example.com` is that host, `*.example.com` all below it; `None` any host. As the chain has it of the agent."""
    allow_private: bool = False
    """Whether addresses count that aren't the public internet's: the operator's word, never the agent's."""

    def allows(self, host: str) -> bool:
        """Whether requests may go to a host, lower case without a dot at its end."""
        return self.hosts is None or any(_matches(pattern.lower().removesuffix("."), host) for pattern in self.hosts)


def _matches(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) and len(host) >= len(pattern) if pattern.startswith("*.") else host == pattern


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """Bounds of what one run exchanges with the world outside."""

    requests: int = 64
    """Requests sent; a redirect that is followed is one more."""
    at_once: int = 8
    """Requests whose answer hasn't begun; further ones wait, and their time runs."""
    redirects: int = 20
    """Of one fetch, as in the fetch standard."""
    request_bytes: int = 2 * MEBIBYTE
    """A request's body."""
    response_bytes: int = 8 * MEBIBYTE
    """A response's body, as sent and decompressed each."""
    total_bytes: int = 32 * MEBIBYTE
    """All responses' bodies together, decompressed."""
    header_bytes: int = 32 * 1024
    """Names and values of a request, and of a response."""
    headers: int = 256
    """Number of a request's, and of a response's."""
    head_seconds: float = 60.0
    """Until a response begins, redirects and waiting for one's turn included."""
    exchange_seconds: float = 300.0
    """Until a response has ended."""
    connect_seconds: float = 10.0
    """For one address to take a connection."""
