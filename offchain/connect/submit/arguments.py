"""A call's arguments from words: by place, or `name=value`; JSON for what is nested; money with its unit.

    value = call_value(decoder, "balances", "transfer_keep_alive", ["5Grw…", "value=1.5KSM"], "KSM", 12)

`1.5KSM`, `1.5 mKSM` and `100 uKSM` are so many of the smallest unit, wherever they stand. A word that is JSON is read
as JSON, with integers of any size; any other is text, which is an address, bytes, or an alternative's name.

Errors: `BadArguments`; `Unknown` where the chain has no such call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from offchain.connect.decoder import CallForm, Decoder, call_of
from offchain.connect.options import plain_argument
from offchain.connect.submit.errors import BadArguments

SCALES = {"": 0, "k": 3, "M": 6, "m": -3, "u": -6, "µ": -6, "n": -9}
NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
MAX_DIGITS = 60


def call_value(
    decoder: Decoder, pallet: str, call: str, words: Sequence[str], token: str, decimals: int
) -> dict[str, Any]:
    """The plain value of a call: `{pallet: {call: arguments}}`."""
    of, form = call_of(decoder, pallet, call)
    values = {name: in_units(plain_argument(word), token, decimals) for name, word in _matched(form, words).items()}
    return {of.name: {form.name: values}}


def in_units(value: Any, token: str, decimals: int) -> Any:
    """A plain value, its amounts of money in the smallest unit; raises `BadArguments` for one that is smaller."""
    if isinstance(value, dict):
        return {name: in_units(each, token, decimals) for name, each in value.items()}
    if isinstance(value, list):
        return [in_units(each, token, decimals) for each in value]
    if not isinstance(value, str):
        return value
    found = re.fullmatch(rf"([0-9][0-9_,]*(?:\.[0-9]+)?) ?([kMmuµn]?){re.escape(token)}", value)
    if found is None or len(found[1]) > MAX_DIGITS:
        return value
    amount = Decimal(found[1].replace("_", "").replace(",", "")).scaleb(decimals + SCALES[found[2]])
    if amount != int(amount):
        raise BadArguments(f"{value} is less than the smallest unit: {token} has {decimals} decimals")
    return int(amount)


def _matched(form: CallForm, words: Sequence[str]) -> dict[str, str]:
    names = [each.name for each in form.arguments]
    takes = ", ".join(f"{each.name}: {each.type}" for each in form.arguments) or "nothing"
    found: dict[str, str] = {}
    left = list(names)
    for word in words:
        named = NAMED.fullmatch(word)
        if named is not None and named[1] in names:
            name, word = named[1], named[2]
            if name in found:
                raise BadArguments(f"{form.name}: {name} is given twice")
        elif not left:
            raise BadArguments(f"{form.name} takes {takes}: {word[:40]!r} is one too many")
        else:
            name = left[0]
        found[name] = word
        left.remove(name)
    if left:
        raise BadArguments(f"{form.name} takes {takes}: {', '.join(left)} {'is' if len(left) == 1 else 'are'} missing")
    return found
