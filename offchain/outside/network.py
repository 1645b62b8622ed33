"""Connections to checked addresses, and to no others.

Overview
    A host's name is resolved here, each of its addresses is checked, and the connection is made to one of those very
    addresses: no name is resolved a second time, so an answer that changes in between (rebinding) changes nothing. This
    holds for every connection, so for every redirect. TLS is checked against the name.

Usage
    network = Network(SystemResolver(), public_roots())      # one a worker
    stream = await network.connect(url, allow_private=False, seconds=10.0)

Errors
    `NoAddress`, `ConnectionFailed`, `TlsFailed`.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

import certifi
import trio

from offchain.outside.addresses import is_public, literal
from offchain.outside.errors import ConnectionFailed, NoAddress, TlsFailed
from offchain.outside.urls import Url

MAX_ADDRESSES = 4
"""Of one host that are tried."""

_logger = logging.getLogger(__name__)


class Resolver(Protocol):
    """Knows hosts' addresses."""

    async def resolve(self, host: str) -> Sequence[str]:
        """A name's IP addresses as text, best first. Raises `OSError` where it has none."""


class SystemResolver:
    """Asks the operating system, as every program does."""

    async def resolve(self, host: str) -> Sequence[str]:
        found = await trio.socket.getaddrinfo(host, None, type=trio.socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


def public_roots() -> ssl.SSLContext:
    """TLS that trusts the certificate authorities of Mozilla's list."""
    return ssl.create_default_context(cafile=certifi.where())


@dataclass(frozen=True)
class Network:
    """The way out, the same for all runs."""

    resolver: Resolver
    tls: ssl.SSLContext

    async def connect(self, url: Url, *, allow_private: bool, seconds: float) -> trio.abc.Stream:
        """A connection to a URL's host, with TLS for `https`; each of its addresses has that many seconds."""
        for address in await self._addresses(url.host, allow_private):
            try:
                with trio.fail_after(seconds):
                    stream = await trio.open_tcp_stream(address, url.port)
            except (OSError, trio.TooSlowError) as error:
                _logger.debug("%s at %s took no connection: %s", url.authority, address, error)
                continue
            if allow_private or not _is_own(stream):
                return stream if url.scheme == "http" else await self._secured(stream, url.host)
            await trio.aclose_forcefully(stream)
        raise ConnectionFailed(f"{url.host} took no connection at port {url.port}")

    async def _addresses(self, host: str, allow_private: bool) -> list[str]:
        found: Sequence[str] = ()
        try:
            found = [host] if literal(host) is not None else await self.resolver.resolve(host)
        except (OSError, UnicodeError) as error:
            _logger.debug("%s was not resolved: %s", host, error)
        usable = [each for each in found if allow_private or is_public(ip_address(each))][:MAX_ADDRESSES]
        if not usable:
            _logger.debug("%s has no address that scripts may reach among %s", host, found)
            raise NoAddress(f"{host} has no address that agents may reach")  # one text: it isn't ours to tell why
        return usable

    async def _secured(self, stream: trio.SocketStream, host: str) -> trio.abc.Stream:
        secured = trio.SSLStream(stream, self.tls, server_hostname=host, https_compatible=True)
        try:
            await secured.do_handshake()
        except BaseException as error:
            await trio.aclose_forcefully(stream)
            if isinstance(error, trio.BrokenResourceError):
                why = getattr(error.__cause__, "verify_message", "") or "it doesn't speak TLS as it must"
                raise TlsFailed(f"{host} didn't prove who it is: {why}") from error
            raise
        return secured


def _is_own(stream: trio.SocketStream) -> bool:
    """Whether a connection's other end is this machine, at a public address of its own."""
    return bool(stream.socket.getsockname()[0] == stream.socket.getpeername()[0])
