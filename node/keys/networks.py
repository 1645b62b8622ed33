"""SS58 prefixes by the names that Substrate's tools know them by, from the public SS58 registry."""

from __future__ import annotations

from pallets.primitives.ss58 import MAX_PREFIX, RESERVED_PREFIXES

DEFAULT = 42
PREFIXES = {
    "polkadot": 0,
    "BareSr25519": 1,
    "kusama": 2,
    "BareEd25519": 3,
    "astar": 5,
    "bifrost": 6,
    "edgeware": 7,
    "karura": 8,
    "acala": 10,
    "polymesh": 12,
    "substratee": 13,
    "robonomics": 32,
    "phala": 30,
    "centrifuge": 36,
    "nodle": 37,
    "substrate": 42,
    "BareSecp256k1": 43,
    "interlay": 2032,
    "kintsugi": 2092,
    "hydradx": 63,
    "zeitgeist": 73,
    "moonbeam": 1284,
    "moonriver": 1285,
    "peaq": 3338,
}
NAMES = {prefix: name for name, prefix in PREFIXES.items()}


class UnknownNetwork(ValueError):
    """Neither a name of `PREFIXES` nor a prefix that exists."""


def prefix_of(network: str) -> int:
    """The prefix of a network by its name, or by the number itself; raises `UnknownNetwork`."""
    known = {name.lower(): prefix for name, prefix in PREFIXES.items()}.get(network.lower())
    if known is not None:
        return known
    if network.isdecimal() and len(network) < 6:
        number = int(network)
        if number <= MAX_PREFIX and number not in RESERVED_PREFIXES:
            return number
    raise UnknownNetwork(f"{network!r} is no network: give a prefix as a number, or one of {', '.join(PREFIXES)}")


def name_of(prefix: int) -> str:
    """The name of a network, its prefix where there is none."""
    return NAMES.get(prefix, str(prefix))
