"""The networks that have a name, with their public endpoints: `networks.json`; and URLs, which need none.

    network = network_of("kusama")                       # or an alias, or wss://…
    network = network_of("kusama", ["wss://mine"])       # other endpoints of the same chain

A network's genesis is pinned where the list has it, so that an endpoint of another chain is refused. A URL is whatever
it serves, unless a genesis is given; a genesis of the list makes it that network.

Errors: `UnknownNetwork`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from offchain.connect.errors import UnknownNetwork

LIST = Path(__file__).with_name("networks.json")
SCHEMES = ("ws", "wss")


@dataclass(frozen=True)
class Network:
    """A chain and where it is served."""

    name: str
    title: str
    endpoints: tuple[str, ...]
    genesis: bytes | None
    """None for whatever the endpoint serves."""
    prefix: int | None = None
    """None for what the endpoint says."""
    token: str | None = None
    decimals: int | None = None
    live: bool = True
    """Whether its money is worth something; of what isn't known that is supposed."""
    types: str | None = None
    """scalecodec's list of the types that runtimes before metadata 14 had."""
    aliases: tuple[str, ...] = ()


@cache
def networks() -> dict[str, Network]:
    """All networks of the list, by name."""
    found: dict[str, Network] = {}
    for name, each in json.loads(LIST.read_text()).items():
        genesis = each.pop("genesis")
        endpoints, aliases = tuple(each.pop("endpoints")), tuple(each.pop("aliases", ()))
        pinned = None if genesis is None else bytes.fromhex(genesis[2:])
        found[name] = Network(name, each.pop("title"), endpoints, pinned, **each, aliases=aliases)
    return found


def network_of(given: str, endpoints: Sequence[str] = (), genesis: bytes | None = None) -> Network:
    """The network of a name or a URL; `endpoints` are asked instead of the list's, `genesis` has to be theirs."""
    for url in endpoints:
        _check_url(url)
    found = _named(given)
    if found is None:
        _check_url(given)
        found = Network(given, given, (given,), None)
    if genesis is not None:
        if found.genesis not in (None, genesis):
            raise UnknownNetwork(f"{found.name}'s genesis is 0x{found.genesis.hex()}, not 0x{genesis.hex()}")
        found = _of_genesis(genesis, found)
    more = endpoints if _named(given) is not None else (given, *endpoints)
    return replace(found, endpoints=tuple(dict.fromkeys(more))) if endpoints else found


def identified(network: Network, genesis: bytes) -> Network:
    """What is known of a network once its genesis is: a URL of Kusama's is Kusama."""
    return _of_genesis(genesis, network) if network.genesis is None else network


def _named(given: str) -> Network | None:
    wanted = given.lower()
    for each in networks().values():
        if wanted == each.name or wanted in each.aliases:
            return each
    return None


def _of_genesis(genesis: bytes, network: Network) -> Network:
    for each in networks().values():
        if each.genesis == genesis:
            return replace(each, endpoints=network.endpoints)
    return replace(network, genesis=genesis)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:
        is_url = False
    if is_url:
        return
    if url.startswith(("http://", "https://")):
        raise UnknownNetwork(f"{url} has no subscriptions: give the endpoint's WebSocket, ws:// or wss://")
    raise UnknownNetwork(f"{url!r} is no network: give a URL (ws:// or wss://), or one of {', '.join(networks())}")
