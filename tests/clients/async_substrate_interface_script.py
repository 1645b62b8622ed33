"""async-substrate-interface, unchanged: reads, subscribes, signs, submits, watches to finality, decodes events.

Runs in an environment of its own: the client brings another package of the name `scalecodec`. Takes the node's URL and
prints one JSON object of what it saw.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any

import sr25519
from async_substrate_interface import AsyncSubstrateInterface, SubstrateInterface
from async_substrate_interface.errors import SubstrateRequestException
from scalecodec.utils.ss58 import ss58_encode

UNIT = 10**12


@dataclass(frozen=True)
class Keypair:
    """What the client asks of a key: it brings none itself."""

    seed: bytes
    crypto_type: int = 1  # sr25519
    ss58_format: int = 42

    @property
    def public_key(self) -> bytes:
        return bytes(sr25519.pair_from_seed(self.seed)[0])

    @property
    def ss58_address(self) -> str:
        return str(ss58_encode(self.public_key, self.ss58_format))

    def sign(self, data: bytes | bytearray | str) -> bytes:
        message = bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else bytes(data)
        return bytes(sr25519.sign(sr25519.pair_from_seed(self.seed), message))


ALICE = Keypair(bytes.fromhex("e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"))
BOB = Keypair(bytes.fromhex("398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89"))
NOBODY = Keypair(bytes(32))


def names(events: list[Any]) -> list[str]:
    return [f"{event['event']['module_id']}.{event['event']['event_id']}" for event in events]


async def driven(url: str) -> dict[str, Any]:
    async with AsyncSubstrateInterface(url, ss58_format=42) as client:

        async def free(block: str | None = None) -> int:
            account = await client.query("System", "Account", [BOB.ss58_address], block_hash=block)
            return int(account["data"]["free"])

        async def send(call: Any, signer: Keypair, **options: Any) -> Any:
            extrinsic = await client.create_signed_extrinsic(call, signer, era={"period": 64}, **options)
            return await client.submit_extrinsic(extrinsic, wait_for_inclusion=True, wait_for_finalization=True)

        async def refusal(call: Any, signer: Keypair, **options: Any) -> str:
            try:
                await send(call, signer, **options)
            except SubstrateRequestException as error:
                return str(error)
            return ""

        balances: asyncio.Queue[int] = asyncio.Queue()
        key = await client.create_storage_key("System", "Account", [BOB.ss58_address])

        async def on_balance(_key: Any, account: Any, _subscription: str) -> None:
            balances.put_nowait(account["data"]["free"])

        watching = asyncio.create_task(client.subscribe_storage([key], on_balance))
        before = await balances.get()

        pay = await client.compose_call("Balances", "transfer_keep_alive", {"dest": BOB.ss58_address, "value": UNIT})
        take_over = await client.compose_call("Sudo", "set_key", {"new": BOB.ss58_address})
        fee = await client.get_payment_info(pay, ALICE, era={"period": 64})
        paid = await send(pay, ALICE)
        after = await balances.get()
        watching.cancel()  # the client can't read its own answer when a handler ends the subscription
        denied = await send(take_over, BOB)
        header = await client.get_block_header(paid.block_hash)
        block = await client.get_block(paid.block_hash)
        accounts = await client.query_map("System", "Account", page_size=3, block_hash=paid.block_hash)
        exhausted = await client.query_map("System", "Account", fully_exhaust=True, block_hash=paid.block_hash)
        return {
            "chain": (await client.rpc_request("system_chain", []))["result"],
            "existential": (await client.get_constant("Balances", "ExistentialDeposit")).value,
            "version": (await client.runtime_call("Core", "version"))["spec_name"],
            "nonce": [
                await client.get_account_nonce(ALICE.ss58_address),
                await client.get_account_next_index(ALICE.ss58_address, use_cache=False),
            ],
            "fee": fee["partial_fee"],
            "paid_fee": await paid.total_fee_amount,
            "success": await paid.is_success,
            "finalized": paid.finalized,
            "events": names(await paid.triggered_events),
            "block_events": names(await client.get_events(paid.block_hash)),
            "received": await free(paid.block_hash) - before,
            "past": await free(header["header"]["parentHash"]) - before,
            "seen": after - before,
            "extrinsics": len(block["extrinsics"]),
            "accounts": [len([key async for key, _ in accounts]), len(exhausted.records)],
            "denied": [await denied.is_success, (await denied.error_message)["name"]],
            "stale": await refusal(pay, ALICE, nonce=0),
            "broke": await refusal(pay, NOBODY),
        }


def in_turn(url: str) -> dict[str, Any]:
    """The same package's blocking client."""
    with SubstrateInterface(url, ss58_format=42) as client:
        call = client.compose_call("System", "remark_with_event", {"remark": b"asi"})
        receipt = client.submit_extrinsic(client.create_signed_extrinsic(call, BOB), wait_for_inclusion=True)
        return {"success": receipt.is_success, "number": client.get_block_number(receipt.block_hash)}


if __name__ == "__main__":
    print(json.dumps({**asyncio.run(driven(sys.argv[1])), "blocking": in_turn(sys.argv[1])}))
