"""`fathom sign` and `verify`: Substrate's `subkey`, with its flags and what it prints."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from node.commands import options as opt
from node.commands.key_terms import SchemeName, Suri, hex_bytes, public_key, scheme_of
from node.commands.passwords import read_password, read_uri
from node.exit import fail
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import InvalidSecret

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")

MAX_MESSAGE = 64 * 1024 * 1024

Message = Annotated[str | None, typer.Option(help="The message; without it, all of stdin.", metavar="MESSAGE")]
Hex = Annotated[bool, typer.Option("--hex", help="The message is in hex.")]


@app.command()
def sign(
    suri: Suri = None,
    message: Message = None,
    hex_message: Hex = False,
    scheme: SchemeName = "sr25519",
    password: opt.Password = None,
    password_interactive: opt.PasswordInteractive = False,
    password_filename: opt.PasswordFilename = None,
) -> None:
    """Sign a message, with a given (secret) key.

    [bold]Example[/bold]

    fathom sign --suri //Alice --message "I am Alice"
    """
    from node.keys.keystore import with_password

    kind, data = scheme_of(scheme), _message(message, hex_message)
    secret = read_password(password, password_interactive, password_filename)
    try:
        pair = Keypair.from_suri(with_password(read_uri(suri), secret), kind)
    except InvalidSecret as error:
        fail(f"Invalid phrase: {error}")
    print(f"0x{pair.sign(data).hex()}")


@app.command()
def verify(
    sig: Annotated[str, typer.Argument(help="Signature, in hex; or a receipt's file.", metavar="SIG|FILE")],
    uri: Annotated[
        str | None,
        typer.Argument(
            help="Address, public key in hex, or secret URI of the signer; or a file that holds it.", metavar="[URI]"
        ),
    ] = None,
    message: Message = None,
    hex_message: Hex = False,
    scheme: SchemeName = "sr25519",
    url: Annotated[
        str | None, typer.Option(help="Of a receipt: the RPC of any node, which is trusted for nothing.", metavar="URL")
    ] = None,
    genesis: Annotated[
        str | None,
        typer.Option(help="Of a receipt: the hash of the chain's first block, which everything else is proven from."),
    ] = None,
) -> None:
    """Verify a signature for a message, with a given (public or secret) key; or an agent's receipt, against its chain.

    The exit code is 0 only if the signature is the signer's, or all of the receipt holds.

    [bold]Examples[/bold]

    fathom verify 0x4eb2…3e81 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY --message "test message"

    fathom verify receipt.json --url ws://127.0.0.1:9944 --genesis 0x91b1…90c3
    """
    from node.commands.receipts import is_receipt, verify_receipt

    if url is not None or genesis is not None or is_receipt(sig):
        verify_receipt(sig, url, genesis)
        return
    from pallets.primitives.keys import verify_ecdsa, verify_ed25519, verify_sr25519

    kind, data = scheme_of(scheme), _message(message, hex_message)
    signature = hex_bytes(sig)
    if signature is None or len(signature) != (65 if kind == Scheme.ECDSA else 64):
        fail("Signature is an invalid format")
    signer = public_key(read_uri(uri), kind)
    judge = {Scheme.SR25519: verify_sr25519, Scheme.ED25519: verify_ed25519, Scheme.ECDSA: verify_ecdsa}[kind]
    if not judge(signature, data, signer):
        fail("Signature verification failed")
    print("Signature verifies correctly.")


def _message(given: str | None, in_hex: bool) -> bytes:
    data = sys.stdin.buffer.read(MAX_MESSAGE + 1) if given is None else given.encode(errors="surrogateescape")
    if len(data) > MAX_MESSAGE:
        fail(f"the message is longer than {MAX_MESSAGE} bytes")
    if not in_hex:
        return data
    decoded = hex_bytes(data.decode(errors="replace").strip())
    if decoded is None:
        fail("the message is not hex")
    return decoded
