"""A server that answers as a Phala node would: Phala's own metadata, and storage in its own encoding, at one block."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from node.web import WebSocket
from offchain.connect.decoder import item_of
from offchain.connect.networks import networks
from offchain.connect.portable import PortableDecoder
from pallets.primitives import ss58
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import Header
from pallets.primitives.metadata_v14 import Map, Plain
from tests.offchain.scripted_node import serving
from tests.vectors import vector

PREFIX = 30
PHA = 10**12
LIMIT = 1000


class PhalaStage:
    """The state of a chain of Phala's, written entry by entry."""

    def __init__(self) -> None:
        self.metadata = gzip.decompress(vector("metadata/phala/phala_1291.scale.gz").read_bytes())
        self.decoder = PortableDecoder(self.metadata, PREFIX)
        self.state: dict[bytes, bytes] = {}
        self.header = Header(bytes(32), 1, bytes(32), bytes(32))
        self.genesis = networks()["phala"].genesis or b""

    def put(self, pallet: str, item: str, keys: list[Any], value: Any) -> None:
        """An entry, of its plain value."""
        of, form = item_of(self.decoder, pallet, item)
        entry = next(
            each
            for one in self.decoder.schema.pallets
            if one.name == of.name and one.storage is not None
            for each in one.storage.entries
            if each.name == form.name
        )
        type = (
            entry.type.value if isinstance(entry.type, Map) else entry.type.type if isinstance(entry.type, Plain) else 0
        )
        self.state[self.decoder.key(pallet, item, keys)] = self.decoder.described.encode(type, value)

    def worker(
        self,
        number: int,
        *,
        confidence: int = 1,
        score: int | None = 2000,
        state: str | None = "WorkerIdle",
        pool: int = 3,
    ) -> str:
        """A worker with its session, its stake and its pool; its key."""
        key, operator, session = self.key(number), self.account(number // 2), self.account(1000 + number)
        self.put(
            "PhalaRegistry",
            "Workers",
            [key],
            {
                "pubkey": key,
                "ecdh_pubkey": self.key(10_000 + number),
                "runtime_version": 2003,
                "last_updated": 1_700_000_000 + number,
                "operator": operator,
                "attestation_provider": ("Ias", "Dcap", "Root")[number % 3],
                "confidence_level": confidence,
                "initial_score": score,
                "features": [4, 1],
            },
        )
        if state is not None:
            self.put("PhalaComputation", "WorkerBindings", [key], session)
            self.put("PhalaComputation", "SessionBindings", [session], key)
            self.put("PhalaComputation", "Stakes", [session], (5000 + number) * PHA)
            benchmark = {
                "p_init": 2000,
                "p_instant": 1900,
                "iterations": 7,
                "working_start_time": 1,
                "challenge_time_last": 2,
            }
            self.put(
                "PhalaComputation",
                "Sessions",
                [session],
                {
                    "state": state,
                    "ve": 3 << 64,
                    "v": (5 << 64) + (1 << 63),
                    "v_updated_at": 9,
                    "benchmark": benchmark,
                    "cool_down_start": 0,
                    "stats": {"total_reward": 2**100},
                },
            )
        self.put("PhalaStakePoolv2", "WorkerAssignments", [key], pool)
        return key

    def key(self, number: int) -> str:
        """32 bytes of a worker."""
        return f"0x{blake2_256(b'phala worker' + number.to_bytes(4, 'little')).hex()}"

    def account(self, number: int) -> str:
        """An address of the chain's."""
        return ss58.encode(blake2_256(b"phala account" + number.to_bytes(4, "little")), PREFIX)

    def answer(self, method: str, params: list[Any]) -> Any:
        """What a node answers."""
        block = f"0x{self.header.hash.hex()}"
        match method:
            case "chain_getBlockHash":
                return f"0x{self.genesis.hex()}" if params and params[0] == 0 else block
            case "chain_getFinalizedHead":
                return block
            case "chain_getHeader":
                zero = "0x" + "00" * 32
                roots = {"parentHash": zero, "stateRoot": zero, "extrinsicsRoot": zero}
                return {**roots, "number": hex(self.header.number), "digest": {"logs": []}}
            case "system_chain":
                return "Phala"
            case "system_properties":
                return {"ss58Format": PREFIX, "tokenDecimals": 12, "tokenSymbol": "PHA"}
            case "state_getRuntimeVersion":
                return {"specName": "phala", "specVersion": 1291, "transactionVersion": 8, "apis": []}
            case "state_getMetadata":
                return f"0x{self.metadata.hex()}"
            case "state_getStorage":
                found = self.state.get(bytes.fromhex(params[0][2:]))
                return None if found is None else f"0x{found.hex()}"
            case "state_getKeysPaged":
                prefix = bytes.fromhex(params[0][2:])
                start = bytes.fromhex(params[2][2:]) if len(params) > 2 else b""
                keys = sorted(key for key in self.state if key.startswith(prefix) and key > start)
                return [f"0x{key.hex()}" for key in keys[: min(params[1], LIMIT)]]
            case "state_queryStorageAt":
                found_all = [(key, self.state.get(bytes.fromhex(key[2:]))) for key in params[0]]
                return [{"block": block, "changes": [[key, value and f"0x{value.hex()}"] for key, value in found_all]}]
        raise LookupError(method)


@asynccontextmanager
async def served(stage: PhalaStage) -> AsyncIterator[str]:
    """The URL at which it is served."""

    async def serve(socket: WebSocket) -> None:
        async for message in socket:
            question = orjson.loads(message)
            try:
                body: dict[str, Any] = {"result": stage.answer(question["method"], question["params"])}
            except LookupError:
                body = {"error": {"code": -32601, "message": "Method not found"}}
            await socket.send(orjson.dumps({"jsonrpc": "2.0", "id": question["id"], **body}).decode())

    async with serving(serve) as port:
        yield f"ws://127.0.0.1:{port}"
