"""Quotes with one byte changed: `python -m tests.pallets.flips` changes each byte of both genuine samples.

It prints by which names they were refused, one JSON object, and ends with code 1 if one was not.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from offchain.simulated_tee import Tee
from offchain.simulated_tee.faults import flip
from pallets.attestation.certificates import Roots
from pallets.attestation.collateral_parts import Terms, read_bundle, read_rating
from pallets.attestation.dcap import Claims, Machine, verify
from pallets.primitives.quote import DcapError, parse_quote
from tests.vectors import vector

NOW = 1_750_413_600_000
"""2025-06-20: both samples' collateral counts."""
MASKS = (0x01, 0x0A, 0x20, 0x80, 0xFF)
"""One bit, what makes a line feed of a zero, another case of a letter, no ASCII, every bit."""


class Sample(NamedTuple):
    """A genuine quote and what it is judged by."""

    quote: bytes
    terms: Terms
    roots: Roots = Roots()

    @classmethod
    def of(cls, tee: Tee) -> Sample:
        """Intel's own hardware's."""
        collateral = vector(f"attestation/dcap-qvl/{tee}_quote_collateral.json").read_bytes()
        terms = read_rating(read_bundle(collateral), Roots()).terms
        return cls(vector(f"attestation/dcap-qvl/{tee}_quote").read_bytes(), terms)

    def claims(self, quote: bytes, now: int = NOW) -> Claims:
        """What it says; raises why it doesn't hold."""
        parsed = parse_quote(quote)
        return verify(quote, parsed, Machine.of(parsed, self.roots), self.terms, self.roots, now)

    def flipped(self, places: Iterable[int], masks: Iterable[int]) -> Counter[str]:
        """How often a changed quote was refused by which name; `accepted` where it was not."""
        names: Counter[str] = Counter()
        for place in places:
            for mask in masks:
                try:
                    self.claims(flip(self.quote, place, mask))
                except DcapError as error:
                    names[type(error).__name__] += 1
                else:
                    names["accepted"] += 1
        return names


def main() -> None:
    """Changes each byte."""
    found: Counter[str] = Counter()
    for tee in ("sgx", "tdx"):
        sample = Sample.of(tee)
        found += sample.flipped(range(len(sample.quote)), MASKS)
    print(json.dumps(found))
    sys.exit(1 if found["accepted"] else 0)


if __name__ == "__main__":
    main()
