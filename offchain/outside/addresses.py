"""Which addresses are the public internet's.

Overview
    A script that could reach the loopback device or the private network would speak with the worker's own place in the
    world: its databases, routers, the cloud's metadata service. What is refused is written down here, rather than asked
    of `ipaddress.is_global`, whose answer changes with the version of Python.

Source
    IANA's registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and its successors). Of IPv6 only global
    unicast (2000::/3) is public, and of that nothing that stands for an IPv4 address: 6to4 and Teredo are in it,
    IPv4-mapped, IPv4-compatible and NAT64 addresses, unique-local, link-local and multicast ones are not.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_SPECIAL_4 = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this network; 0.0.0.0 connects to the machine itself
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's metadata service at an address that looks public
        "169.254.0.0/16",  # link-local; most clouds' metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_UNICAST_6 = ip_network("2000::/3")
_SPECIAL_6 = tuple(
    ip_network(each)
    for each in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a URL's host is, without brackets; `None` for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one that anybody on the internet would reach the same server by."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    if address.scope_id is not None:
        return False
    return address in _GLOBAL_UNICAST_6 and not any(address in network for network in _SPECIAL_6)
