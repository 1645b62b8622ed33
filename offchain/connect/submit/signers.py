"""Who signs: a secret URI, a key file of polkadot.js, or somebody elsewhere of whom only the address is here.

Errors: `NoSuchSigner`, `DevelopmentKey`; `InvalidSecret` and `KeyFileError` where a secret can't be read.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from offchain.connect.found import account_bytes
from offchain.connect.submit.errors import DevelopmentKey, NoSuchSigner
from pallets.primitives.key_file import MAX_KEY_FILE_BYTES, KeyFileError, decode_key_file
from pallets.primitives.keys import DEV_ACCOUNTS, Keypair, Scheme, dev_keypair
from pallets.primitives.suri import DEV_PHRASE, parse

MAX_PASSWORD = 4096


def signer_of(suri: str | None, keystore: Path | None, password: Path | None, scheme: Scheme) -> Keypair | None:
    """The key that signs here, `None` where nobody does; asks for a key file's password where no file has it."""
    if suri is not None and keystore is not None:
        raise NoSuchSigner("--suri and --keystore exclude each other")
    if suri is not None:
        return Keypair.from_suri(suri, scheme)
    if keystore is None:
        return None
    content = _read(keystore, MAX_KEY_FILE_BYTES + 1)
    try:
        return decode_key_file(content, _password(password, keystore))
    except KeyFileError as error:
        raise NoSuchSigner(f"{keystore}: {error}") from None


def account_of(signer: Keypair | None, given: str | None) -> bytes:
    """The account whose transaction it is; raises `NoSuchSigner` where it isn't the key's."""
    if signer is None and given is None:
        raise NoSuchSigner("nobody signs: give --suri, --keystore, or --from with --offline or --qr")
    account = None if given is None else account_bytes(given)
    if signer is not None and account not in (None, signer.account_id):
        raise NoSuchSigner("the key is not that of --from")
    return account if signer is None else signer.account_id  # type: ignore[return-value]


def check_not_public(account: bytes, suri: str | None, network: str) -> None:
    """Raises `DevelopmentKey` for a key that everybody has."""
    well_known = {dev_keypair(name + stash, scheme).account_id for name, stash, scheme in _known()}
    if account in well_known or (suri is not None and _is_dev(suri)):
        raise DevelopmentKey(
            f"everybody has this key, and {network} is a live chain: what it holds is anybody's. "
            "Say --yes-i-mean-it if that is meant"
        )


def _known() -> list[tuple[str, str, Scheme]]:
    return [
        (name, stash, scheme)
        for name in DEV_ACCOUNTS
        for stash in ("", "//stash")
        for scheme in (Scheme.SR25519, Scheme.ED25519, Scheme.ECDSA)
    ]


def _is_dev(suri: str) -> bool:
    uri = parse(suri)
    return uri.seed is None and uri.phrase == DEV_PHRASE


def _password(file: Path | None, keystore: Path) -> str:
    if file is not None:
        return _read(file, MAX_PASSWORD).decode(errors="strict").removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise NoSuchSigner(f"{keystore} has a password: give --password-file, or sit at a terminal")
    return getpass.getpass(f"Password of {keystore}: ")


def _read(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(size)
    except OSError as error:
        raise NoSuchSigner(f"{file} can't be read: {error.strerror}") from None
