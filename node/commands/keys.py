"""`fathom key …` and `vanity`: Substrate's `subkey`, with its flags and what it prints.

A secret is printed where it was asked for, and nowhere else.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from node.commands import options as opt
from node.commands.key_terms import (
    Network,
    OutputType,
    SchemeName,
    Suri,
    is_json,
    prefix_of_network,
    public_key,
    scheme_of,
)
from node.commands.passwords import read_password, read_uri
from node.exit import fail
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.suri import InvalidSecret

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")
key = typer.Typer(
    help="Generate, inspect and insert keys.\n\n"
    "A secret URI is a phrase, `//hard` and `/soft` junctions, and `///password`; `//Alice` is a key of development.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(key, name="key")

WORDS = (12, 15, 18, 21, 24)


@key.command()
def generate(
    words: Annotated[int, typer.Option("--words", "-w", help="Words of the phrase: 12, 15, 18, 21 or 24.")] = 12,
    network: Network = None,
    output_type: OutputType = "text",
    scheme: SchemeName = "sr25519",
    password: opt.Password = None,
    password_interactive: opt.PasswordInteractive = False,
    password_filename: opt.PasswordFilename = None,
) -> None:
    """Generate a random account.

    Its phrase is printed and kept nowhere: write it down. With a password, the phrase alone is not the account.

    [bold]Example[/bold]

    fathom key generate --words 24 --network polkadot
    """
    import bip39

    if words not in WORDS:
        fail("Invalid number of words given for phrase: must be 12/15/18/21/24")
    secret = read_password(password, password_interactive, password_filename)
    _print_uri(bip39.bip39_generate(words, "en"), secret, scheme, network, output_type)


@key.command()
def inspect(
    uri: Annotated[
        str | None,
        typer.Argument(
            help="A phrase, seed, secret URI, address, or with --public a key in hex; or a file that holds it. Without "
            "it you are asked.",
            metavar="[URI]",
        ),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="The URI is a public key in hex.")] = False,
    expect_public: Annotated[
        str | None,
        typer.Option(help="Fail unless the URI without its junctions has this public key or address.", metavar="KEY"),
    ] = None,
    network: Network = None,
    output_type: OutputType = "text",
    scheme: SchemeName = "sr25519",
    password: opt.Password = None,
    password_interactive: opt.PasswordInteractive = False,
    password_filename: opt.PasswordFilename = None,
) -> None:
    """Print the public key and the address of a secret URI.

    The secret itself is printed too. Of an address or a public key there is no secret to print.

    [bold]Examples[/bold]

    fathom key inspect //Alice

    fathom key inspect --network kusama 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
    """
    from node.keys.description import NotAKey, describe_public

    if public and expect_public is not None:
        fail("--public and --expect-public exclude each other")
    given, kind = read_uri(uri), scheme_of(scheme)
    secret = read_password(password, password_interactive, password_filename)
    if not public:
        if expect_public is not None:
            _check_expected(expect_public, given, secret, kind)
        _print_uri(given, secret, scheme, network, output_type)
        return
    try:
        description = describe_public(given, kind, prefix_of_network(network))
    except NotAKey as error:
        fail(str(error))
    print(description.json() if is_json(output_type) else description.text())


@key.command()
def insert(
    key_type: Annotated[str, typer.Option(help="What the key is for, such as aura or gran.", metavar="TYPE")],
    scheme: Annotated[
        str, typer.Option("--scheme", help="Cryptography scheme: sr25519, ed25519 or ecdsa.", metavar="SCHEME")
    ],
    base_path: Annotated[
        Path | None,
        typer.Option("--base-path", "-d", help="Where the chain is kept.", metavar="PATH", rich_help_panel=opt.STORAGE),
    ] = None,
    chain: opt.Chain = opt.DEV_SPEC,
    suri: Suri = None,
    keystore_path: opt.KeystorePath = None,
    password: opt.Password = None,
    password_interactive: opt.PasswordInteractive = False,
    password_filename: opt.PasswordFilename = None,
) -> None:
    """Insert a key to the keystore of a node.

    A node with --validator authors with the aura key (sr25519) and votes with the gran key (ed25519). It looks for them
    when it starts.

    [bold]Example[/bold]

    fathom key insert -d ./mychain --key-type aura --scheme sr25519 --suri ./phrase.txt
    """
    from node.chain_spec import ChainSpec, InvalidChainSpec
    from node.keys.keystore import Keystore, KeystoreError, with_password

    kind, given = scheme_of(scheme), read_uri(suri)
    secret = read_password(password, password_interactive, password_filename, "Keystore password: ")
    try:
        pair = Keypair.from_suri(with_password(given, secret), kind)
        if keystore_path is None and base_path is None:
            fail("name the --base-path of the chain, or the --keystore-path")
        if base_path is not None:
            keystore_path = keystore_path or base_path / "chains" / ChainSpec.load(chain).id / "keystore"
        Keystore(keystore_path, secret).insert(key_type, given, pair.public)
    except (InvalidSecret, KeystoreError, InvalidChainSpec) as error:
        fail(str(error))


@key.command("generate-node-key")
def generate_node_key(
    file: Annotated[Path | None, typer.Option(help="Where to save it, if not to print it.", metavar="FILE")] = None,
    raw: Annotated[bool, typer.Option("--bin", help="As raw bytes instead of hex.")] = False,
    base_path: Annotated[
        Path | None,
        typer.Option(help="Save it where a node with this base path looks for it.", metavar="PATH"),
    ] = None,
    chain: opt.Chain = opt.DEV_SPEC,
) -> None:
    """Generate a random node key, and write the corresponding peer id to stderr.

    The key goes to stdout, or to a file that only you may read. A key that is there is never overwritten.

    [bold]Example[/bold]

    fathom key generate-node-key --file ./node-key
    """
    from node.chain_spec import ChainSpec, InvalidChainSpec
    from node.keys.node_key import key_file, peer_id

    if file is not None and base_path is not None:
        fail("--file and --base-path exclude each other")
    secret = secrets.token_bytes(32)
    try:
        target = file if base_path is None else key_file(base_path, ChainSpec.load(chain).id)
        data = secret if raw else secret.hex().encode()
        if target is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
                output.write(data)
    except FileExistsError:
        fail(f"a key already exists in {target}")
    except (OSError, InvalidChainSpec) as error:
        fail(str(error))
    print(peer_id(secret), file=sys.stderr)


@key.command("inspect-node-key")
def inspect_node_key(
    file: Annotated[Path | None, typer.Option(help="Where the key is, if not on stdin.", metavar="FILE")] = None,
    raw: Annotated[bool, typer.Option("--bin", help="The key is raw bytes instead of hex.")] = False,
) -> None:
    """Load a node key from a file or stdin and print the corresponding peer id.

    [bold]Example[/bold]

    fathom key inspect-node-key --file ./node-key
    """
    from node.keys.node_key import BadNodeKey, peer_id, read_hex

    try:
        if file is None:
            data = sys.stdin.buffer.read(1024)
        else:
            with open(file, "rb") as source:
                data = source.read(1024)
        print(peer_id(data if raw else read_hex(data)))
    except (OSError, BadNodeKey) as error:
        fail(str(error))


@app.command()
def vanity(
    pattern: Annotated[str, typer.Option(help="What the address should show.", metavar="PATTERN")],
    network: Network = None,
    output_type: OutputType = "text",
    scheme: SchemeName = "sr25519",
) -> None:
    """Generate a seed that provides a vanity address.

    Each character of the pattern takes 58 times longer: three take seconds, five take days.

    [bold]Example[/bold]

    fathom vanity --pattern ab --network polkadot
    """
    from node.keys.networks import DEFAULT
    from node.keys.vanity import search
    from pallets.primitives.ss58 import ALPHABET

    if not pattern:
        fail("Pattern must not be empty")
    if len(pattern) > 40 or not ALPHABET.issuperset(pattern):
        fail("no address shows this pattern: they are shorter than 50 characters, and have none of 0, O, I and l")
    prefix, kind = prefix_of_network(network), scheme_of(scheme)
    seed = search(pattern, kind, DEFAULT if prefix is None else prefix, lambda: secrets.token_bytes(32), _say)
    _print_uri(f"0x{seed.hex()}", None, scheme, network, output_type)


def _print_uri(uri: str, password: str | None, scheme: str, network: str | None, output_type: str) -> None:
    from node.keys.description import NotAKey, describe_uri

    as_json = is_json(output_type)
    try:
        description = describe_uri(uri, password, scheme_of(scheme), prefix_of_network(network))
    except NotAKey as error:
        fail(str(error))
    print(description.json() if as_json else description.text())


def _check_expected(expected: str, uri: str, password: str | None, scheme: Scheme) -> None:
    from node.keys.description import base_public

    try:
        matches = base_public(uri, password, scheme) == public_key(expected, scheme)
    except InvalidSecret as error:
        fail(f"Invalid secret uri: {error}")
    if not matches:
        fail(f"Expected public ({expected}) key does not match.")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
