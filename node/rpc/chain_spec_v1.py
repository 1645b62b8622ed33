"""`chainSpec_v1_*`: what the chain's specification says, which never changes while the node runs."""

from __future__ import annotations

from typing import Any

from node.rpc.context import Context, to_hex
from node.rpc.registry import method


@method()
def chainSpec_v1_chainName(node: Context) -> str:
    """The chain's name."""
    return node.spec.name


@method()
def chainSpec_v1_genesisHash(node: Context) -> str:
    """The hash of the first block."""
    return to_hex(node.chain.genesis_hash)


@method()
def chainSpec_v1_properties(node: Context) -> Any:
    """Address format, token symbol and decimals, as the specification has them."""
    return dict(node.spec.properties)
