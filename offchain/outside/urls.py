"""A URL that a script asks for, read once: what is checked is what is connected to.

Scripts hand over URLs that the sandbox's WHATWG parser has put in order; what servers redirect to comes as it is. Both
are read strictly here, and refused where two readers might differ: user names, backslashes, hosts that aren't ASCII.

Errors: `InvalidRequest`, `PortNotAllowed`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from offchain.outside.addresses import literal
from offchain.outside.errors import InvalidRequest, PortNotAllowed

MAX_URL = 16_384
DEFAULT_PORTS = {"http": 80, "https": 443}
OTHER_PROTOCOLS = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)
)
"""Ports above 1023 that the fetch standard blocks ("bad port")."""

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_UNWRITTEN = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class Url:
    """Where a request goes."""

    scheme: str
    """`http` or `https`."""
    host: str
    """Lower case ASCII without a dot at its end; an IPv6 address without brackets."""
    port: int
    target: str
    """Path and query, ASCII."""
    fragment: str = ""

    @property
    def authority(self) -> str:
        """What the `host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: credentials for one are for no other."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        """The URL without its fragment."""
        return self.origin + self.target

    def joined(self, location: str) -> Url:
        """Where a `location` header leads from here. Raises what `read_url` does."""
        try:
            there = urljoin(str(self), location)
        except ValueError as error:
            raise InvalidRequest("a redirect leads to what isn't a URL") from error
        url = read_url(there)
        return url if url.fragment else Url(url.scheme, url.host, url.port, url.target, self.fragment)


def read_url(text: str) -> Url:
    """An absolute URL. Raises `InvalidRequest`, `PortNotAllowed`."""
    if len(text) > MAX_URL:
        raise InvalidRequest(f"the URL has {len(text)} characters: at most {MAX_URL} are sent")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidRequest("the URL has no valid host and port") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise InvalidRequest("only http: and https: URLs can be fetched")
    if "@" in parts.netloc:
        raise InvalidRequest("a URL with a user name can't be fetched: use an authorization header")
    host = (parts.hostname or "").removesuffix(".")
    if literal(host) is None and _NAME.fullmatch(host) is None:
        raise InvalidRequest("the URL has no valid host")
    if port is None:
        port = DEFAULT_PORTS[parts.scheme]
    if port in OTHER_PROTOCOLS or (port < 1024 and port not in DEFAULT_PORTS.values()):
        raise PortNotAllowed(f"port {port} is none of a web server: 80, 443, or one above 1023")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, host, port, quote(target, safe=_UNWRITTEN), parts.fragment)
