"""Host names of URLs, for `pure_ops`: UTS 46 by tables on which every Python agrees."""

from __future__ import annotations

import re

import idna

from offchain.sandbox.op_arguments import BadArgument

MAX_DOMAIN = 1024
MAX_LABEL = 63
"""Of a domain's label, in punycode: DNS has no longer ones, and decoding them takes time with their square."""

_NEW_CHARACTERS = re.compile(
    "[\u0cf3\u0ece\u2ffc-\u2fff\u31ef\U00010efd-\U00010eff\U0001123f-\U00011241\U00011b00-\U00011b09"
    "\U00011f00-\U00011f10\U00011f12-\U00011f3a\U00011f3e-\U00011f59\U0001342f\U00013439-\U00013455\U0001b132"
    "\U0001b155\U0001d2c0-\U0001d2d3\U0001df25-\U0001df2a\U0001e030-\U0001e06d\U0001e08f\U0001e4d0-\U0001e4f9"
    "\U0001f6dc\U0001f774-\U0001f776\U0001f77b-\U0001f77f\U0001f7d9\U0001fa75-\U0001fa77\U0001fa87\U0001fa88"
    "\U0001faad-\U0001faaf\U0001fabb-\U0001fabd\U0001fabf\U0001face\U0001facf\U0001fada\U0001fadb\U0001fae8"
    "\U0001faf7\U0001faf8\U0002b739\U0002ebf0-\U0002ee5d\U00031350-\U000323af]"
)
"""All on which the Unicode data of Python 3.11 (14.0) and of 3.12 and 3.13 (15.0 and 15.1) disagree: new in the latter.
What became a character later yet, all three refuse."""


def domain_to_ascii(domain: bytes) -> bytes:
    """A host name as URLs have it: UTS 46, not transitional."""
    if len(domain) > MAX_DOMAIN:
        raise BadArgument("the domain is too long")
    labels = _mapped(domain.decode()).split(".")
    return b".".join(label.encode() if label.isascii() and label[:4] != "xn--" else _label(label) for label in labels)


def _mapped(text: str) -> str:
    mapped = idna.uts46_remap(text, std3_rules=False)
    if _NEW_CHARACTERS.search(text) or _NEW_CHARACTERS.search(mapped):
        raise BadArgument("the domain has characters that are too new")
    return mapped


def _label(label: str) -> bytes:
    if len(label) > MAX_LABEL:
        raise BadArgument("a label of the domain is too long")
    plain = label
    if label.startswith("xn--"):
        plain = label[4:].encode().decode("punycode")
        if plain.isascii() or b"xn--" + _mapped(plain).encode("punycode") != label.encode():
            raise BadArgument("the punycode of a domain is not what it would be written as")
    idna.check_bidi(plain)
    idna.check_initial_combiner(plain)
    if not all(idna.valid_contextj(plain, at) for at, point in enumerate(plain) if point in "\u200c\u200d"):
        raise BadArgument("a joiner stands where it may not")
    encoded = b"xn--" + plain.encode("punycode")
    if len(encoded) > MAX_LABEL:
        raise BadArgument("a label of the domain is too long")
    return encoded
