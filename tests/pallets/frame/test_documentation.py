"""Documentation is what stands in the source, under the declaration it is about."""

from __future__ import annotations

from pallets.frame import U32, Balance, Const, Error, Event, Pallet, Signed, Value, call
from pallets.frame.documentation import class_docs, member_docs


class Documented(Pallet):
    """Says what it is.

        Indented.

    Not.
    """

    first: Const[U32]
    """The first."""
    second: Const[U32]
    third: Const[U32] = 3
    "The third."

    class Silent(Event):
        number: U32

    class Said(Error):
        """Said."""

    stored = Value[Balance](default=0)
    """Stored."""

    @call(0)
    def act(self, who: Signed) -> None:
        """Act."""


def test_documentation_is_what_stands_in_the_source() -> None:
    class Local:
        """Within a function."""

        field: U32
        """A field."""

    assert class_docs(Documented) == ["Says what it is.", "", "    Indented.", "", "Not."]
    assert member_docs(Documented, "first") == ["The first."]
    assert member_docs(Documented, "second") == []
    assert member_docs(Documented, "third") == ["The third."]
    assert member_docs(Documented, "stored") == ["Stored."]
    assert class_docs(Documented.Silent) == [], "the docstring that dataclass makes up is none"
    assert class_docs(Documented.Said) == ["Said."]
    assert (class_docs(Local), member_docs(Local, "field")) == (["Within a function."], ["A field."])


def test_without_source_there_is_no_documentation() -> None:
    made = type("Made", (), {"__doc__": "Made.", "__module__": "nowhere"})
    assert (class_docs(made), member_docs(made, "x")) == ([], [])
