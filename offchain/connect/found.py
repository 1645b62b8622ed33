"""What the commands of `fathom connect` answer, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio

from offchain.connect.chain import RemoteChain, decoder_of
from offchain.connect.decoder import Decoder, Event, PalletForm, Undecodable, call_of, item_of, known, pallet_of
from offchain.connect.difference import Change, differences
from offchain.connect.errors import MethodMissing, NoSuchBlock
from offchain.connect.guess import Reading, readings
from offchain.connect.networks import network_of
from offchain.connect.output import amount
from offchain.connect.portable import PortableDecoder
from offchain.connect.shown import block_json
from offchain.described import BadValue
from offchain.rpc import CallFailed
from pallets.primitives import ss58


async def overview(chain: RemoteChain) -> dict[str, Any]:
    """Which chain it is, its runtime, and how far it is."""
    best, final = await chain.best(), await chain.finalized()
    runtime = await chain.runtime(best)
    properties = chain.properties
    lease = await chain.remote.lease()
    return {
        "network": chain.remote.network.name,
        "chain": chain.name,
        "genesis": f"0x{chain.remote.genesis.hex()}",
        "endpoint": lease.endpoint.url,
        "node": await _optional(chain, "system_name"),
        "node_version": await _optional(chain, "system_version"),
        "runtime": runtime.name,
        "spec_version": runtime.spec,
        "transaction_version": runtime.transaction,
        "best_number": (await chain.header(best)).number,
        "best_hash": f"0x{best.hex()}",
        "final_number": (await chain.header(final)).number,
        "final_hash": f"0x{final.hex()}",
        "ss58_format": properties.prefix,
        "token": properties.token,
        "decimals": properties.decimals,
    }


async def find_extrinsic(chain: RemoteChain, which: str, at: str | None, depth: int) -> dict[str, Any]:
    """An extrinsic by place or hash, with its block, events, fee and error; raises `NoSuchBlock`."""
    text, dash, place = which.rpartition("-")
    if dash and place.isdecimal():
        decoded = await chain.decoded(await chain.block(await chain.resolve(text)))
        found = block_json(decoded)["extrinsics"]
        if int(place) >= len(found):
            raise NoSuchBlock(f"block {decoded.block.number} has {len(found)} extrinsics, from 0 on")
        return await _with_block(chain, decoded.block.hash, found[int(place)], decoded.block.number)
    try:
        wanted = bytes.fromhex(which.removeprefix("0x"))
    except ValueError:
        wanted = b""
    if len(wanted) != 32:
        raise NoSuchBlock(f"{which!r} names no extrinsic: give BLOCK-INDEX or a hash of 32 bytes")
    hash = await chain.resolve(at)
    for _ in range(depth):
        decoded_block = await chain.block(hash)
        hashes = [_hash(data) for data in decoded_block.extrinsics]
        if wanted in hashes:
            made = block_json(await chain.decoded(decoded_block))["extrinsics"][hashes.index(wanted)]
            return await _with_block(chain, hash, made, decoded_block.number)
        if not decoded_block.number:
            break
        hash = decoded_block.header.parent_hash
    raise NoSuchBlock(f"no extrinsic 0x{wanted.hex()} in the last {depth} blocks: say --at BLOCK, or a larger --depth")


async def named_events(chain: RemoteChain, which: str | None, only: str | None) -> list[Event]:
    """A block's events, those of a name."""
    header = await chain.header(await chain.resolve(which))
    found = await chain.events(header)
    if only is None:
        return found
    pallet, dot, name = only.partition(".")
    _, decoder = await chain.executor(header)
    form = pallet_of(decoder, pallet)
    wanted = known(f"event in {form.name}:", name, [each.name for each in form.events]) if dot else None
    return [each for each in found if each.pallet == form.name and wanted in (None, each.name)]


async def items(chain: RemoteChain, pallet: str | None, at: str | None) -> list[dict[str, Any]]:
    """The storage items of a pallet, or of all."""
    decoder = await chain.decoder(await chain.resolve(at))
    return [
        {
            "item": f"{form.name}.{each.name}",
            "keys": ", ".join(f"{key} ({hasher})" for key, hasher in zip(each.keys, each.hashers, strict=True)),
            "value": each.value + ("?" if each.optional else ""),
            "docs": each.docs,
        }
        for form in _forms(decoder, pallet)
        for each in form.storage
    ]


async def stored(
    chain: RemoteChain, pallet: str, item: str, keys: list[Any], at: str | None, limit: int | None, prove: bool
) -> dict[str, Any]:
    """A storage entry, or the entries under some keys."""
    block = await chain.resolve(at)
    of, form = item_of(await chain.decoder(block), pallet, item)
    if len(keys) == len(form.keys):
        return {"value": await chain.value(of.name, form.name, keys, block, proven=prove)}
    if prove:
        raise BadValue(f"--prove is of one entry: give all {len(form.keys)} keys of {of.name}.{form.name}")
    entries = await chain.entries(of.name, form.name, keys, block, limit)
    return {"entries": [{"keys": found, "value": value} for found, value in entries]}


async def constants_of(
    chain: RemoteChain, pallet: str | None, name: str | None, at: str | None
) -> list[dict[str, Any]]:
    """The constants of a pallet, or of all."""
    decoder = await chain.decoder(await chain.resolve(at))
    found = []
    for form in _forms(decoder, pallet):
        wanted = name and known(f"constant in {form.name}:", name, [each.name for each in form.constants])
        found += [
            {"constant": f"{form.name}.{each.name}", "type": each.type, "value": each.value, "docs": each.docs}
            for each in form.constants
            if wanted in (None, each.name)
        ]
    return found


async def calls_of(chain: RemoteChain, pallet: str | None, name: str | None, at: str | None) -> list[dict[str, Any]]:
    """The calls of a pallet, or of all."""
    decoder = await chain.decoder(await chain.resolve(at))
    wanted = call_of(decoder, pallet, name)[1].name if pallet is not None and name is not None else None
    return [
        {
            "call": f"{form.name}.{each.name}",
            "arguments": ", ".join(f"{argument.name}: {argument.type}" for argument in each.arguments),
            "docs": each.docs,
        }
        for form in _forms(decoder, pallet)
        for each in form.calls
        if wanted in (None, each.name)
    ]


async def account_of(
    chain: RemoteChain, who: str, at: str | None, prove: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """An account, and its money as people write it."""
    block, properties = await chain.resolve(at), chain.properties
    account = account_bytes(who)
    address = ss58.encode(account, properties.prefix)
    record = await chain.value("System", "Account", [address], block, proven=prove)
    found = {"address": address, "public": f"0x{account.hex()}", "block": f"0x{block.hex()}", **record}
    data = record.get("data") if isinstance(record, dict) else None
    money = {
        name: amount(value, properties.token, properties.decimals)
        for name, value in (data or {}).items()
        if isinstance(value, int) and name not in ("flags",)
    }
    if data is not None and money:
        shown = {key: value for key, value in found.items() if key != "data"}
        decoder = await chain.decoder(block)
        locks = await _locks(chain, decoder, address, block)
        return found | ({"locks": locks} if locks else {}), {
            "data": "",
            **{key: str(value) for key, value in shown.items()},
            **money,
        }
    return found, {}


def account_bytes(text: str) -> bytes:
    """The account of an address of any network, or of 32 bytes in hex; raises `BadValue`."""
    if text.startswith("0x"):
        try:
            found = bytes.fromhex(text[2:])
        except ValueError:
            found = b""
        if len(found) != 32:
            raise BadValue(f"{text[:20]}… is no account: give 32 bytes")
        return found
    try:
        return ss58.decode_account(text)
    except ss58.InvalidAddress as error:
        raise BadValue(f"that is no address: {error}") from None


async def decode_bytes(
    chain: RemoteChain, data: bytes, kind: str | None, of: str | None, at: str | None
) -> list[dict[str, Any]]:
    """All readings of bytes by a runtime."""
    decoder = await chain.decoder(await chain.resolve(at))
    return _readings(decoder, data, chain.properties.prefix, kind, of)


def decode_by_file(
    network: str, metadata: bytes, data: bytes, kind: str | None, of: str | None
) -> list[dict[str, Any]]:
    """All readings of bytes by metadata of a file."""
    known_network = network_of(network)
    prefix = 42 if known_network.prefix is None else known_network.prefix
    return _readings(decoder_of(metadata, prefix, known_network.types), data, prefix, kind, of)


async def metadata_shown(chain: RemoteChain, at: str | None) -> list[dict[str, Any]]:
    """The pallets of a runtime, by how much they have."""
    decoder = await chain.decoder(await chain.resolve(at))
    return [
        {
            "index": each.index,
            "pallet": each.name,
            "calls": len(each.calls),
            "events": len(each.events),
            "errors": len(each.errors),
            "storage": len(each.storage),
            "constants": len(each.constants),
        }
        for each in decoder.pallets
    ]


async def metadata_saved(chain: RemoteChain, file: str, at: str | None) -> int:
    """Writes a runtime's metadata; its size."""
    found = await chain.metadata(await chain.resolve(at))
    await trio.to_thread.run_sync(Path(file).write_bytes, found)
    return len(found)


async def metadata_difference(chain: RemoteChain, blocks: tuple[str, str], files: list[bytes | None]) -> list[Change]:
    """What changed between the runtimes of two blocks, or of a block and a file."""
    found = []
    for block, file in zip(blocks, files, strict=True):
        found.append(await chain.metadata(await chain.resolve(block)) if file is None else file)
    return await trio.to_thread.run_sync(difference_of, found)


def difference_of(found: list[bytes]) -> list[Change]:
    """What changed from one metadata to another; raises `UnreadableMetadata`."""
    before, after = (PortableDecoder(each) for each in found)
    return differences(before, after)


# Inside


def _readings(decoder: Decoder, data: bytes, prefix: int, kind: str | None, of: str | None) -> list[dict[str, Any]]:
    if of is not None:
        pallet, dot, item = of.partition(".")
        if not dot:
            raise Undecodable(f"--storage takes PALLET.ITEM, not {of!r}")
        form, entry = item_of(decoder, pallet, item)
        found = [Reading(f"{form.name}.{entry.name}", decoder.value(form.name, entry.name, data))]
    else:
        found = readings(decoder, data, prefix, kind)
    return [{"kind": each.kind, "value": each.value} for each in found]


async def _locks(chain: RemoteChain, decoder: Decoder, address: str, block: bytes) -> Any:
    try:
        item_of(decoder, "Balances", "Locks")
    except LookupError:
        return None
    return await chain.value("Balances", "Locks", [address], block)


async def _optional(chain: RemoteChain, method: str) -> str | None:
    try:
        return str(await chain.remote.call(method))
    except (CallFailed, MethodMissing):
        return None


async def _with_block(chain: RemoteChain, hash: bytes, found: dict[str, Any], number: int) -> dict[str, Any]:
    made = {"block": f"0x{hash.hex()}", "number": number, **found}
    if found.get("success") is False:
        _, decoder = await chain.executor(await chain.header(hash))
        for event in found["events"]:
            if event["name"] == "ExtrinsicFailed":
                fields = event["fields"]
                made["error"] = decoder.error(fields.get("dispatch_error", fields.get("0")))
    return made


def _forms(decoder: Decoder, pallet: str | None) -> list[PalletForm]:
    return decoder.pallets if pallet is None else [pallet_of(decoder, pallet)]


def _hash(data: bytes) -> bytes:
    from pallets.primitives.hashing import blake2_256

    return blake2_256(data)
