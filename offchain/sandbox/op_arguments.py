"""What `pure_ops` and the modules of its functions read arguments with."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import hashes


class BadArgument(ValueError):
    """The script called with what the function does not take; the message is for the script, and in its output."""


_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "SHA-1": hashes.SHA1,  # asked for by name in WebCrypto; HMAC and HKDF still stand on it
    "SHA-256": hashes.SHA256,
    "SHA-384": hashes.SHA384,
    "SHA-512": hashes.SHA512,
}


def number(text: bytes, least: int, most: int) -> int:
    """A number in decimal. Raises `BadArgument`."""
    if not text.isdigit() or len(text) > 20 or not least <= (found := int(text)) <= most:
        raise BadArgument(f"a number from {least} to {most} was expected")
    return found


def hash_of(name: bytes) -> hashes.HashAlgorithm:
    """A hash by WebCrypto's name. Raises `BadArgument`."""
    if (make := _HASHES.get(name.decode())) is None:
        raise BadArgument("there is no such hash")
    return make()
