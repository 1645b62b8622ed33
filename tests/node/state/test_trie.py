"""The trie against roots that others published."""

from __future__ import annotations

import re

import pytest
import yaml

from node.state.node_codec import UnknownStateVersion
from node.state.trie import EMPTY_ROOT, Trie, ordered_root, root
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import compact
from tests.node.state.recorded import genesis_values, load_json, phala_blocks, unhex
from tests.vectors import vector

# Chain specification, state version, and the ends of the state root that the collection lists.
GENESIS = [
    ("westend.raw.json.gz", 0, "7e92439a", "746f"),
    ("khala.raw.json.gz", 0, "fd2e3e07", "490b"),
    ("dot-coretime.raw.json.gz", 1, "6e2af5f6", "947a"),
    ("substrate-node-template.raw.json", 0, "28a2db05", "87a6"),
    ("asset-hub-kusama-local.raw.json.gz", 0, "ccd27357", "e04b"),
    ("phala-poc6.raw.json.gz", 0, "2265d38c", "ee3e"),
]


@pytest.mark.parametrize(("name", "version", "first", "last"), GENESIS)
def test_genesis_roots(name: str, version: int, first: str, last: str) -> None:
    values = genesis_values(name)
    built = root(values, version).hex()
    assert (built[:8], built[-4:]) == (first, last)
    grown = Trie({}, version)
    for key in sorted(values, key=blake2_256):
        grown.update({key: values[key]})
    assert grown.root.hex() == built


@pytest.mark.parametrize("name", ["westend", "khala", "dot-coretime"])
def test_published_genesis_hashes(name: str) -> None:
    expected = load_json("chainspecs/genesis_hashes.json")[name]
    values = genesis_values(f"{name}.raw.json.gz")
    state_root = root(values.items(), expected["state_version"])
    assert len(values) == expected["keys"]
    assert state_root == unhex(expected["state_root"])
    no_digest = b"\0"
    header = bytes(32) + compact(0) + state_root + EMPTY_ROOT + no_digest
    assert blake2_256(header) == unhex(expected["genesis_hash"])
    assert root(values, 1 - expected["state_version"]) != state_root


def test_phala_blocks_incrementally_rebuilt_and_undone() -> None:
    values, change_sets, roots = phala_blocks()
    assert len(roots) == 51
    trie = Trie(values, 0)
    undo: list[dict[bytes, bytes | None]] = []
    before = [trie.root]
    for changes, expected in zip(change_sets, roots, strict=False):
        undo.append({key: values.get(key) for key in changes})
        assert trie.update(changes) == expected
        assert trie.root == root(values, 0) == expected
        before.append(expected)
    while undo:
        assert trie.root == before.pop()
        trie.update(undo.pop())
    assert trie.root == before.pop()


def test_w3f_conformance_inputs() -> None:
    expected = load_json("trie/w3f/computed_roots.json")["roots"]
    for name, entry in expected.items():
        stem, _, flag = name.partition(" ")
        document = yaml.load(vector(f"trie/w3f/{stem}.yaml").read_text(), yaml.BaseLoader)
        keys = [unhex(key) if flag == "--keys-in-hex" else key.encode() for key in document["keys"]]
        values = [value.encode() for value in document["values"]]
        state = dict(zip(keys, values, strict=True))
        assert len(keys) == entry["n"], name
        assert root(zip(keys, values, strict=True), 0) == unhex(entry["root_v0"]), name
        assert Trie({}, 0).update({key: state[key] for key in reversed(state)}) == unhex(entry["root_v0"]), name


def julia_strings(file: str, name: str) -> list[str]:
    """The string literals of one `const` of a Julia source, comments left out."""
    text = vector(f"trie/w3f/{file}.jl.txt").read_text()
    match = re.search(rf"const {name} = \[(.*?)(?:\n\s*const |\nend)", text, re.DOTALL)
    assert match is not None
    lines = (line for line in match[1].splitlines() if not line.strip().startswith("#"))
    return [literal.removesuffix("\\n") for line in lines for literal in re.findall(r'"([^"]*)"', line)]


def host_api_pairs(column: int) -> list[tuple[bytes, bytes]]:
    texts = [text.encode() for text in julia_strings("HostApiInputs", f"key_value_{column}")]
    assert len(texts) == 20
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_w3f_host_api_trie_roots() -> None:
    expected = julia_strings("HostApiOutputs", "key_value_key_value_key_value")
    cases = list(zip(host_api_pairs(1), host_api_pairs(2), host_api_pairs(3), strict=True))
    assert [root(pairs, 0).hex() for pairs in cases] == expected


def test_w3f_host_api_storage_roots_and_next_keys() -> None:
    outputs = julia_strings("HostApiOutputs", "key_value_key_value")
    assert len(outputs) == 30  # of append, root and next_key
    child_outputs = julia_strings("HostApiOutputs", "child_key_value_key_value")
    assert len(child_outputs) == 20  # of root and next_key
    for case, pairs in enumerate(zip(host_api_pairs(1), host_api_pairs(2), strict=True)):
        host_state = {b":code": b""}  # what the tester's own storage holds besides
        trie = Trie(host_state, 0)
        trie.update(dict(pairs))
        assert trie.root.hex() == outputs[10 + case]
        assert root(pairs, 0).hex() == child_outputs[case]
        assert trie.next_key(min(dict(pairs))) == outputs[20 + case].encode() == child_outputs[10 + case].encode()


def test_w3f_host_api_ordered_roots() -> None:
    columns = [[text.encode() for text in julia_strings("HostApiInputs", f"value_{column}")] for column in (1, 2, 3)]
    expected = julia_strings("HostApiOutputs", "value_value_value")
    assert [ordered_root(values).hex() for values in zip(*columns, strict=True)] == expected


def test_westend_extrinsics_roots() -> None:
    blocks = load_json("recorded/westend/westend_blocks_1_256.decoded.json.gz")
    assert len(blocks) == 256
    for block in blocks:
        extrinsics = [unhex(extrinsic) for extrinsic in block["extrinsics"]]
        assert ordered_root(extrinsics) == unhex(block["extrinsics_root"]), block["number"]


@pytest.mark.parametrize("number", [18468942, 3356195])
def test_sidecar_extrinsics_roots(number: int) -> None:
    block = load_json(f"recorded/sidecar/block{number}.json")
    extrinsics = [unhex(extrinsic) for extrinsic in block["extrinsics"]]
    expected = unhex(block["header"]["extrinsicsRoot"])
    assert ordered_root(extrinsics) == expected
    assert ordered_root(extrinsics, 1) != expected


def test_what_holds_nothing_has_the_empty_root() -> None:
    assert EMPTY_ROOT.hex() == "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"
    assert root({}, 0) == root([], 1) == ordered_root([]) == EMPTY_ROOT
    trie = Trie({b"a": b"1", b"b": b"2"}, 1)
    assert trie.update({b"a": None, b"b": None, b"c": None}) == EMPTY_ROOT
    assert list(trie.keys()) == [] and trie.next_key(b"") is None


def test_of_pairs_with_one_key_the_last_counts() -> None:
    assert root([(b"a", b"1"), (b"a", b"2")], 0) == root({b"a": b"2"}, 0)


@pytest.mark.parametrize("version", [-1, 2])
def test_unknown_state_versions_are_refused(version: int) -> None:
    with pytest.raises(UnknownStateVersion, match=f"state version {version} is unknown"):
        root({}, version)
