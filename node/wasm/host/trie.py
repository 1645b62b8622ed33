"""`ext_trie_*`: roots of tries that the runtime puts together, and proofs of their entries. Mirrors `sp_io::trie`.

State versions are bytes; of one that is neither 0 nor 1 the call traps. The versions of functions before there were
state versions are of state version 0.
"""

from __future__ import annotations

from collections.abc import Callable

from node.state.node_codec import inline_limit
from node.state.trie import ordered_root, root
from node.wasm.call import Call
from node.wasm.host.declaration import U32, Bytes32, NewBytes, Slice, host_function
from node.wasm.host.scale import BYTE_LISTS, PAIRS, decoded
from node.wasm.mixed_trie import mixed_root
from node.wasm.trie_proof import proves
from pallets.primitives.hashing import blake2_256, keccak_256
from pallets.primitives.scale import compact


@host_function
def ext_trie_blake2_256_root_version_1(call: Call, pairs: Slice) -> NewBytes:
    return root(decoded(PAIRS, pairs, "pairs"), 0)


@host_function
def ext_trie_blake2_256_root_version_2(call: Call, pairs: Slice, version: U32) -> NewBytes:
    return root(decoded(PAIRS, pairs, "pairs"), version)


@host_function
def ext_trie_blake2_256_ordered_root_version_1(call: Call, values: Slice) -> NewBytes:
    return ordered_root(decoded(BYTE_LISTS, values, "values"), 0)


@host_function
def ext_trie_blake2_256_ordered_root_version_2(call: Call, values: Slice, version: U32) -> NewBytes:
    return ordered_root(decoded(BYTE_LISTS, values, "values"), version)


@host_function
def ext_trie_keccak_256_root_version_1(call: Call, pairs: Slice) -> NewBytes:
    return _keccak_root(decoded(PAIRS, pairs, "pairs"), 0)


@host_function
def ext_trie_keccak_256_root_version_2(call: Call, pairs: Slice, version: U32) -> NewBytes:
    return _keccak_root(decoded(PAIRS, pairs, "pairs"), version)


@host_function
def ext_trie_keccak_256_ordered_root_version_1(call: Call, values: Slice) -> NewBytes:
    return _keccak_root(_numbered(values), 0)


@host_function
def ext_trie_keccak_256_ordered_root_version_2(call: Call, values: Slice, version: U32) -> NewBytes:
    return _keccak_root(_numbered(values), version)


@host_function
def ext_trie_blake2_256_verify_proof_version_1(
    call: Call, root: Bytes32, proof: Slice, key: Slice, value: Slice
) -> U32:
    return _proves(root, proof, key, value, 0, blake2_256)


@host_function
def ext_trie_blake2_256_verify_proof_version_2(
    call: Call, root: Bytes32, proof: Slice, key: Slice, value: Slice, version: U32
) -> U32:
    return _proves(root, proof, key, value, version, blake2_256)


@host_function
def ext_trie_keccak_256_verify_proof_version_1(
    call: Call, root: Bytes32, proof: Slice, key: Slice, value: Slice
) -> U32:
    return _proves(root, proof, key, value, 0, keccak_256)


@host_function
def ext_trie_keccak_256_verify_proof_version_2(
    call: Call, root: Bytes32, proof: Slice, key: Slice, value: Slice, version: U32
) -> U32:
    return _proves(root, proof, key, value, version, keccak_256)


def _numbered(values: bytes) -> list[tuple[bytes, bytes]]:
    return [(compact(at), value) for at, value in enumerate(decoded(BYTE_LISTS, values, "values"))]


def _keccak_root(pairs: list[tuple[bytes, bytes]], version: int) -> bytes:
    values, limit = dict(pairs), inline_limit(version)
    return mixed_root(values.items(), lambda key: len(values[key]) > limit, keccak_256)


def _proves(
    root: bytes, proof: bytes, key: bytes, value: bytes, version: int, digest: Callable[[bytes], bytes]
) -> bool:
    nodes = decoded(BYTE_LISTS, proof, "a proof")
    return proves(root, nodes, key, value, inline_limit(version), digest)
