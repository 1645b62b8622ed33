"""Whether a state is what a dictionary says: values, order of keys, trie records, root, Merkle values and proofs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from node.state.backend import State
from node.state.descent import closest_descendant
from node.state.proof import prove
from node.state.trie import Changes, Update
from node.state.view import candidates_from
from pallets.primitives.storage_proof import verify_proof
from tests.node.state.naive_trie import naive_merkle_value, naive_records, naive_root


def after(values: Mapping[bytes, bytes], changes: Changes) -> dict[bytes, bytes]:
    """What a change set makes of a dictionary."""
    merged = {**values, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def assert_is(state: State, model: Mapping[bytes, bytes], asked: list[bytes], paths: Iterable[str] = ()) -> None:
    """The state answers as the model does; `asked` are keys and prefixes, `paths` places of past branches."""
    assert {key: state.get(key) for key in asked} == {key: model.get(key) for key in asked}
    ordered = sorted(model)
    assert list(state.keys()) == ordered
    for prefix in asked:
        assert list(state.keys_from(prefix)) == [key for key in ordered if key >= prefix]
        candidates = list(candidates_from(state, prefix))
        assert candidates == sorted(set(candidates))
        assert [key for key in candidates if state.get(key) is not None] == [key for key in ordered if key >= prefix]
        under = [key for key in ordered if key.startswith(prefix)]
        assert list(state.keys(prefix)) == under
        for bound in asked[::3]:
            assert list(state.keys(prefix, bound)) == [key for key in under if key > bound]
    assert_trie_is(state, model, asked, paths)


def assert_trie_is(state: State, model: Mapping[bytes, bytes], asked: list[bytes], paths: Iterable[str] = ()) -> None:
    """Each record of the trie, none more, the root, and proofs of keys there and not there."""
    records, root = naive_records(model, state.version), naive_root(model, state.version)
    for path in {*records, *paths}:
        assert state.node(path) == records.get(path), path
    assert Update(state, {}).run() == root
    assert verify_proof(root, prove(state, asked), asked) == {key: model.get(key) for key in asked}
    for key in asked:
        assert closest_descendant(state, key) == naive_merkle_value(model, state.version, key)
    for key in asked[:2]:
        assert verify_proof(root, prove(state, [key]), [key]) == {key: model.get(key)}
