"""What commands about keys take: a scheme, a network, a secret or a public key, in text.

What doesn't make sense ends the command with one line that says so (`node.exit.fail`).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated

import typer

from node.commands import options as opt
from node.exit import fail
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import InvalidSecret

SCHEMES = {scheme.value: scheme for scheme in (Scheme.SR25519, Scheme.ED25519, Scheme.ECDSA)}

SchemeName = Annotated[
    str,
    typer.Option(
        "--scheme",
        help="Cryptography scheme: sr25519, ed25519 or ecdsa.",
        metavar="SCHEME",
        rich_help_panel=opt.KEYS,
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--network",
        "-n",
        help="Whose addresses to print: a network's name or its SS58 prefix.",
        metavar="NETWORK",
        show_default="substrate",
    ),
]
OutputType = Annotated[str, typer.Option(help="text or json.", metavar="FORMAT")]
Suri = Annotated[
    str | None,
    typer.Option(
        help="The secret key URI, or a file that holds it; without it you are asked. Others may see an argument in the "
        "list of processes.",
        metavar="SURI",
        rich_help_panel=opt.KEYS,
    ),
]


def scheme_of(name: str) -> Scheme:
    """The scheme of `--scheme`."""
    scheme = SCHEMES.get(name.lower())
    if scheme is None:
        fail(f"--scheme takes {', '.join(SCHEMES)}, not {name!r}")
    return scheme


def prefix_of_network(network: str | None) -> int | None:
    """The SS58 prefix of `--network`; `None` where none was named."""
    from node.keys.networks import UnknownNetwork, prefix_of

    try:
        return None if network is None else prefix_of(network)
    except UnknownNetwork as error:
        fail(str(error))


def is_json(output_type: str) -> bool:
    """Whether `--output-type` asks for JSON."""
    if output_type.lower() not in ("text", "json"):
        fail(f"--output-type takes text or json, not {output_type!r}")
    return output_type.lower() == "json"


def public_key(text: str, scheme: Scheme) -> bytes:
    """The public key of an address, of hex, or of a secret URI."""
    from node.keys.description import PUBLIC_SIZES, NotAKey, public_of_hex
    from pallets.primitives import ss58

    with suppress(NotAKey):
        return public_of_hex(text, scheme)
    try:
        found = ss58.decode(text).body
    except ss58.InvalidAddress:
        try:
            found = Keypair.from_suri(text, scheme).public
        except InvalidSecret:
            fail("Key is an invalid format")
    if len(found) != PUBLIC_SIZES[scheme] and not (scheme == Scheme.ECDSA and len(found) == 32):
        fail("Key is an invalid format")
    return found


def hex_bytes(text: str) -> bytes | None:
    """The bytes of hex, with or without `0x`; `None` of anything else."""
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits) if re.fullmatch(r"(?:[0-9a-fA-F]{2})*", digits) else None
