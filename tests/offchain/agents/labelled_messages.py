"""Messages that are phishing and messages that aren't: those that signs and fit were made with, and those held back.

`messages_held_back.txt` was written once signs, weights and fit were done, about other pretexts,
and nothing was changed by what it showed. All are made up by the authors of the signs; messages of the wild are harder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
KEYWORDS = (
    "verify", "urgent", "immediately", "suspended", "account", "password", "click", "bank", "gift card", "bitcoin",
    "wallet", "confirm", "security", "prize", "refund", "invoice", "login", "sign in", "expire", "claim",
)  # fmt: skip


class Message(NamedTuple):
    """A message and what it is."""

    text: str
    phishing: bool


class Found(NamedTuple):
    """How well something tells them apart."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-9)


def messages(*, held_back: bool) -> list[Message]:
    """One of the two sets."""
    text = (FOLDER / ("messages_held_back.txt" if held_back else "messages.txt")).read_text()
    found = re.findall(r"^=== (phish|ham)\n(.*?)(?=^=== |\Z)", text, re.DOTALL | re.MULTILINE)
    return [Message(text.strip(), kind == "phish") for kind, text in found]


def keywords(text: str) -> int:
    """How many of the words that phishing is known for are in a text: what a filter of keywords counts."""
    return sum(word in text.lower() for word in KEYWORDS)


def compared(said: list[bool], meant: list[bool]) -> Found:
    """Precision and recall of what was said."""
    right = sum(a and b for a, b in zip(said, meant, strict=True))
    return Found(right / max(sum(said), 1), right / sum(meant))


def best_threshold(fitted: list[Message]) -> int:
    """The count of keywords at which F1 is best."""

    meant = [each.phishing for each in fitted]
    return max(range(1, 6), key=lambda n: compared([keywords(each.text) >= n for each in fitted], meant).f1)
