"""`ext_hashing_*` but for what the companion answers (`node.wasm.companion`). Mirrors `sp_io::hashing`."""

from __future__ import annotations

from hashlib import sha256

from node.wasm.call import Call
from node.wasm.host.declaration import NewBytes, Slice, host_function
from pallets.primitives.hashing import keccak_256


@host_function
def ext_hashing_keccak_256_version_1(call: Call, data: Slice) -> NewBytes:
    return keccak_256(data)


@host_function
def ext_hashing_keccak_512_version_1(call: Call, data: Slice) -> NewBytes:
    from Crypto.Hash import keccak  # see `pallets.primitives.hashing`

    return keccak.new(data=data, digest_bits=512).digest()


@host_function
def ext_hashing_sha2_256_version_1(call: Call, data: Slice) -> NewBytes:
    return sha256(data).digest()
