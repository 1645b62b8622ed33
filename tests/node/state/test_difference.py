"""Where two states differ, against two dicts; and that what they have in common isn't read."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from node.state.difference import differences
from node.state.trie import Trie
from tests.node.state.test_trie_model import changes, expected_keys, keys, values, versions


@settings(max_examples=200)
@given(
    start=st.dictionaries(keys, values, max_size=20),
    changed=changes,
    version=versions,
    prefix=keys,
    after=st.none() | keys,
)
def test_the_keys_in_which_two_states_differ(
    start: dict[bytes, bytes],
    changed: dict[bytes, bytes | None],
    version: int,
    prefix: bytes,
    after: bytes | None,
) -> None:
    end = {key: value for key, value in (start | changed).items() if value is not None}
    differing = [key for key in {**start, **end} if start.get(key) != end.get(key)]
    one, other = Trie(dict(start), version), Trie(dict(end), version)
    for left, right in ((one, other), (other, one)):
        assert list(differences(left, right)) == [(key, left.get(key), right.get(key)) for key in sorted(differing)]
        found = [key for key, _, _ in differences(left, right, prefix, after)]
        assert found == expected_keys(differing, prefix, after)
        assert list(differences(left, left)) == []


class Counting:
    """A view that counts what is read of it."""

    def __init__(self, trie: Trie) -> None:
        self.version, self._trie, self.reads = trie.version, trie, 0

    def get(self, key: bytes, /) -> bytes | None:
        self.reads += 1
        return self._trie.get(key)

    def node(self, path: str) -> bytes | None:
        self.reads += 1
        return self._trie.node(path)

    def keys_from(self, start: bytes) -> Iterator[bytes]:
        self.reads += 1
        return self._trie.keys_from(start)


def test_what_two_large_states_have_in_common_is_not_read() -> None:
    entries = {number.to_bytes(4, "big") * 8: bytes(40) for number in range(20_000)}
    gone, new = (7).to_bytes(4, "big") * 8, b"\xff" * 32
    other = {key: value for key, value in entries.items() if key != gone} | {new: b"x"}
    before, now = Counting(Trie(dict(entries), 1)), Counting(Trie(other, 1))
    assert [key for key, _, _ in differences(before, now)] == [gone, new]
    assert before.reads + now.reads < 60
