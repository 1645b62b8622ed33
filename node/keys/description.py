"""What is told of a key: the figures that `subkey inspect` prints, in its words.

## Usage

```python
description = describe_uri("//Alice", None, Scheme.SR25519, None)
print(description.text())
```

## Errors

`NotAKey` where a text is neither a secret nor a public key of the scheme. No message repeats it. Mirrors
`sc_cli::utils::{print_from_uri, print_from_public}`.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass

import bip39

from node.keys.keystore import with_password
from node.keys.mini_secret import derived_seed
from node.keys.networks import DEFAULT, name_of
from pallets.primitives import ss58
from pallets.primitives.keys import Keypair, Scheme, account_id, derive_public
from pallets.primitives.suri import InvalidPhrase, InvalidSecret, SecretUri, parse

SECRET_WIDTH, PUBLIC_WIDTH = 19, 20
PUBLIC_SIZES = {Scheme.SR25519: 32, Scheme.ED25519: 32, Scheme.ECDSA: 33}


class NotAKey(ValueError):
    """Not a key of this scheme, in any of the forms that the command takes."""


@dataclass(frozen=True, repr=False)
class Description:
    """A key as it is printed; secrets among it only if it was described by its secret."""

    heading: str
    fields: tuple[tuple[str, str, str], ...]
    """What each is called in text and in JSON, and its value."""
    origin: tuple[str, str]
    """What the heading says, as it is called in JSON."""
    width: int
    """Of the labels in text."""

    def text(self) -> str:
        """Lines as `subkey` prints them."""
        lines = (f"{label + ':':<{self.width}}{value}" for label, _, value in self.fields)
        return "\n  ".join([self.heading, *lines])

    def json(self) -> str:
        """An object as `subkey --output-type json` prints it, its keys in alphabetical order."""
        values = {name: value for _, name, value in self.fields} | dict([self.origin])
        return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)


def describe_uri(uri: str, password: str | None, scheme: Scheme, prefix: int | None) -> Description:
    """A phrase, a secret URI, an address, or an address with soft junctions; raises `NotAKey`.

    The password takes the place of the one in the URI; `prefix` of `None` is the address's own, else 42.
    """
    with suppress(InvalidSecret):
        return _of_secret(uri, password, scheme, DEFAULT if prefix is None else prefix)
    address, slash, rest = uri.partition("/")
    try:
        found, public = ss58.decode(address)
        if slash:
            public = derive_public(public, slash + rest)
    except (ss58.InvalidAddress, InvalidSecret):
        raise NotAKey("Invalid phrase/URI given") from None
    if len(public) != PUBLIC_SIZES[scheme]:
        raise NotAKey("Invalid phrase/URI given")
    used = found if prefix is None else prefix
    heading = f"Public Key URI `{uri}` is account:"
    return Description(heading, _public_fields(public, scheme, used), ("publicKeyUri", uri), PUBLIC_WIDTH)


def describe_public(text: str, scheme: Scheme, prefix: int | None) -> Description:
    """A public key in hex; raises `NotAKey`."""
    public = public_of_hex(text, scheme)
    (label, _, value), *fields = _public_fields(public, scheme, DEFAULT if prefix is None else prefix)
    return Description(f"{label}: {value}", tuple(fields), ("networkId", value), PUBLIC_WIDTH)


def public_of_hex(text: str, scheme: Scheme) -> bytes:
    """The bytes of a public key in hex, with or without `0x`; raises `NotAKey`."""
    digits = text.removeprefix("0x")
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", digits) or len(digits) // 2 != PUBLIC_SIZES[scheme]:
        raise NotAKey("Failed to construct public key from given hex")
    return bytes.fromhex(digits)


def base_public(uri: str, password: str | None, scheme: Scheme) -> bytes:
    """The public key of a secret URI without its junctions; raises `InvalidSecret`."""
    parts = parse(with_password(uri, password))
    return Keypair.from_seed(_base_seed(parts), scheme).public


def _of_secret(uri: str, password: str | None, scheme: Scheme, prefix: int) -> Description:
    parts = parse(with_password(uri, password))
    pair = Keypair.from_suri(with_password(uri, password), scheme)
    seed = derived_seed(_base_seed(parts), parts.path) if scheme == Scheme.SR25519 else pair.secret
    is_phrase = parts.seed is None and uri == parts.phrase
    fields = (
        ("Network ID", "networkId", name_of(prefix)),
        ("Secret seed", "secretSeed", "n/a" if seed is None else f"0x{seed.hex()}"),
        ("Public key (hex)", "publicKey", f"0x{pair.public.hex()}"),
        ("Account ID", "accountId", f"0x{pair.account_id.hex()}"),
        ("Public key (SS58)", "ss58PublicKey", ss58.encode(pair.public, prefix)),
        ("SS58 Address", "ss58Address", ss58.encode(pair.account_id, prefix)),
    )
    if is_phrase:
        return Description(f"Secret phrase:       {uri}", fields, ("secretPhrase", uri), SECRET_WIDTH)
    return Description(f"Secret Key URI `{uri}` is account:", fields, ("secretKeyUri", uri), SECRET_WIDTH)


def _base_seed(parts: SecretUri) -> bytes:
    if parts.seed is not None:
        return parts.seed
    try:
        return bytes(bip39.bip39_to_mini_secret(parts.phrase, parts.password, "en"))
    except ValueError:
        raise InvalidPhrase("the phrase is not a BIP-39 mnemonic") from None


def _public_fields(public: bytes, scheme: Scheme, prefix: int) -> tuple[tuple[str, str, str], ...]:
    address = ss58.encode(public, prefix)
    return (
        ("Network ID/Version", "networkId", name_of(prefix)),
        ("Public key (hex)", "publicKey", f"0x{public.hex()}"),
        ("Account ID", "accountId", f"0x{account_id(scheme, public).hex()}"),
        ("Public key (SS58)", "ss58PublicKey", address),
        ("SS58 Address", "ss58Address", address),
    )
