"""A transaction that somebody wants, and how it is carried out: made, tried, asked about, signed, sent, followed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import trio

from offchain.connect.chain import RemoteChain
from offchain.connect.errors import MethodMissing
from offchain.connect.output import amount
from offchain.connect.portable import PortableDecoder
from offchain.connect.shown import event_json, event_line
from offchain.connect.submit.arguments import call_value, in_units
from offchain.connect.submit.dry_run import Preview, preview
from offchain.connect.submit.errors import BadArguments, DispatchFailed, NoSuchSigner, NotAnswered, WouldFail
from offchain.connect.submit.life import follow_life, is_live
from offchain.connect.submit.payload import Payload, Terms, payload, sign
from offchain.connect.submit.signers import account_of, check_not_public, signer_of
from offchain.connect.submit.vault import qr_text, vault_frames
from offchain.metadata import UnreadableMetadata
from offchain.rpc import CallFailed
from pallets.primitives import ss58
from pallets.primitives.extrinsic import IMMORTAL, Era
from pallets.primitives.hashing import blake2_256
from pallets.primitives.keys import Scheme

MOST_PERIOD = 1 << 16


@dataclass(frozen=True)
class Wish:
    """What was said on the command line."""

    pallet: str
    call: str
    words: list[str]
    suri: str | None
    keystore: Path | None
    password: Path | None
    scheme: str
    sender: str | None
    offline: bool
    qr: bool
    signature: str | None
    nonce: int | None
    era: str
    tip: str
    dry_run: bool
    yes: bool
    mean_it: bool
    final: bool


class Shows(Protocol):
    """How it is told."""

    def say(self, line: str) -> None:
        """A line."""

    def show(self, name: str, value: Any) -> None:
        """A named value."""

    def result(self, value: dict[str, Any]) -> None:
        """What came of it, for programs."""

    def ask(self, question: str) -> bool:
        """Whether somebody says yes."""
        ...

    def line(self, prompt: str) -> str:
        """A line that somebody types."""
        ...


async def carry_out(chain: RemoteChain, wish: Wish, shown: Shows) -> None:
    """Does it, or as much of it as is wanted; raises `SubmitError` and what else goes wrong."""
    if wish.scheme not in list(Scheme):
        raise NoSuchSigner(f"--scheme {wish.scheme!r} is none of {', '.join(Scheme)}")
    signer = None if wish.offline else signer_of(wish.suri, wish.keystore, wish.password, Scheme(wish.scheme))
    if wish.offline and (wish.suri is not None or wish.keystore is not None) and wish.sender is None:
        raise NoSuchSigner("--offline and --qr sign elsewhere: give --from, and no key")
    account = account_of(signer, wish.sender)
    if await is_live(chain) and not wish.mean_it:
        check_not_public(account, wish.suri, chain.remote.network.title)
    best = await chain.best()
    made, value, decoder = await _made(chain, wish, account, best)
    signed = None if signer is None else sign(made, signer)
    found = await preview(chain, decoder, signed or made.sample(account), signed, made.call, account, best)
    _show(chain, wish, shown, value, made, account, found)
    if wish.dry_run:
        shown.result(_preview_json(made, value, found))
    if found.outcome is not None and found.outcome.error is not None:
        raise WouldFail(f"it would fail: {found.outcome.error}")
    if wish.dry_run:
        return
    if signed is None:
        signed = _signed_elsewhere(wish, made, account, shown)
    elif not wish.yes and not shown.ask(f"Send it to {chain.remote.network.title}?"):
        raise NotAnswered("nobody said yes: nothing was sent (--yes doesn't ask)")
    await _send(chain, wish, shown, made, signed, best)


async def _send(chain: RemoteChain, wish: Wish, shown: Shows, made: Payload, signed: bytes, best: bytes) -> None:
    terms = made.terms
    death = terms.era.death(terms.birth_number) if terms.era.period else None
    since = int((await chain.header(best)).number)
    found = await follow_life(chain, signed, since, death, shown.say, final=wish.final)
    properties = chain.properties
    shown.show("block", f"#{found.number:,} 0x{found.block.hex()}, extrinsic {found.index}")
    if found.fee is not None:
        shown.show("fee", amount(found.fee, properties.token, properties.decimals))
    for event in found.events:
        shown.say(f"  {event_line(event)}")
    shown.result(
        {
            "hash": found.hash,
            "block": found.block,
            "number": found.number,
            "index": found.index,
            "final": found.final,
            "success": found.error is None,
            "error": found.error,
            "fee": found.fee,
            "events": [event_json(event) for event in found.events],
        }
    )
    if found.error is not None:
        raise DispatchFailed(f"the transaction is in block {found.number}, and its call failed: {found.error}")


async def _made(
    chain: RemoteChain, wish: Wish, account: bytes, best: bytes
) -> tuple[Payload, dict[str, Any], PortableDecoder]:
    decoder = await chain.decoder(best)
    if not isinstance(decoder, PortableDecoder) or decoder.version != 14:
        raise UnreadableMetadata(
            f"transactions are made by metadata of version 14, this is of version {decoder.version}"
        )
    token, decimals = chain.properties.token, chain.properties.decimals
    value = call_value(decoder, wish.pallet, wish.call, wish.words, token, decimals)
    tip = in_units(int(wish.tip) if wish.tip.isdecimal() else wish.tip, token, decimals)
    if not isinstance(tip, int):
        raise BadArguments(f"--tip {wish.tip!r} is no amount: give 0.1{token}, or a whole number of the smallest unit")
    terms = await _terms(chain, wish, account, best, tip)
    made = await trio.to_thread.run_sync(payload, decoder, value, terms)
    return made, decoder.call(made.call), decoder  # shown is what will be signed, not what was typed


async def _terms(chain: RemoteChain, wish: Wish, account: bytes, best: bytes, tip: int) -> Terms:
    runtime, genesis = await chain.runtime(best), chain.remote.genesis
    nonce = await _nonce(chain, account, best) if wish.nonce is None else wish.nonce
    if wish.era == "immortal":
        return Terms(nonce, tip, IMMORTAL, genesis, 0, genesis, runtime.spec, runtime.transaction)
    period, colon, start = wish.era.partition(":")
    if not period.isdecimal() or (colon and not start.isdecimal()) or not 4 <= int(period) <= MOST_PERIOD:
        raise BadArguments(
            f"--era {wish.era!r} is none of immortal, PERIOD and PERIOD:BLOCK, PERIOD being 4 to {MOST_PERIOD}"
        )
    current = int(start) if colon else int((await chain.header(await chain.finalized())).number)
    era = Era.mortal(int(period), current)
    number = era.birth(current)
    return Terms(nonce, tip, era, await chain.hash_of(number), number, genesis, runtime.spec, runtime.transaction)


async def _nonce(chain: RemoteChain, account: bytes, best: bytes) -> int:
    address = ss58.encode(account, chain.properties.prefix)
    try:
        return int(await chain.remote.call("system_accountNextIndex", address))
    except (MethodMissing, CallFailed):
        return int((await chain.value("System", "Account", [address], best))["nonce"])


def _show(
    chain: RemoteChain, wish: Wish, shown: Shows, value: dict[str, Any], made: Payload, account: bytes, found: Preview
) -> None:
    token, decimals = chain.properties.token, chain.properties.decimals
    ((pallet, call),) = value.items()
    name, arguments = (call, {}) if isinstance(call, str) else next(iter(call.items()))
    shown.show("chain", f"{chain.remote.network.title} ({chain.name})")
    shown.show("call", f"{pallet}.{name}")
    for each, argument in arguments.items():
        shown.show(f"  {each}", argument)
    shown.show("from", ss58.encode(account, chain.properties.prefix))
    era = made.terms.era
    lives = f"until block {era.death(made.terms.birth_number):,}" if era.period else "for ever"
    shown.show("nonce", f"{made.terms.nonce}, lives {lives}")
    if made.terms.tip:
        shown.show("tip", amount(made.terms.tip, token, decimals))
    shown.show("fee", "the endpoint doesn't say" if found.fee is None else amount(found.fee, token, decimals))
    if found.outcome is None:
        shown.show("dry run", "the endpoint offers none")
        return
    shown.show("dry run", found.outcome.error or f"succeeds ({found.outcome.way})")
    for event in found.outcome.events:
        shown.say(f"  {event}")


def _preview_json(made: Payload, value: dict[str, Any], found: Preview) -> dict[str, Any]:
    outcome = found.outcome
    return {
        "call": value,
        "encoded_call": made.call,
        "call_hash": blake2_256(made.call),
        "nonce": made.terms.nonce,
        "fee": found.fee,
        "dry_run": None if outcome is None else outcome._asdict(),
    }


def _signed_elsewhere(wish: Wish, made: Payload, account: bytes, shown: Shows) -> bytes:
    """Shows what is to be signed, and takes the signature."""
    text = wish.signature
    if text is None:
        terms = made.terms
        again = "immortal" if not terms.era.period else f"{terms.era.period}:{terms.birth_number}"
        shown.show("to sign", f"0x{made.signed.hex()}")
        shown.show("of", f"call 0x{made.call.hex()}, extra 0x{made.extra.hex()}, signed 0x{made.implicit.hex()}")
        shown.show("the same by", f"--nonce {terms.nonce} --era {again} --signature 0x…")
        if wish.qr:
            frames = vault_frames(made, account, Scheme(wish.scheme))
            for place, frame in enumerate(frames, 1):
                shown.say(qr_text(frame))
                if place < len(frames):
                    shown.line(f"frame {place} of {len(frames)}, the next one by Enter ")
        text = shown.line("signature: ")
    scheme = Scheme(wish.scheme)
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        data = b""
    if not data:
        raise NotAnswered("there is no signature: nothing was sent")
    if len(data) in (65, 66) and _is_tagged(data, scheme):
        data = data[1:]  # with the number of its scheme, as Vault shows it
    extrinsic = made.extrinsic(account, data, scheme)
    if not _verifies(scheme, data, made.signed, account):
        raise NoSuchSigner("the signature is not by --from over this: the nonce and the era have to be the same")
    return extrinsic


def _is_tagged(data: bytes, scheme: Scheme) -> bool:
    numbers = {Scheme.ED25519: (0, 65), Scheme.SR25519: (1, 65), Scheme.ECDSA: (2, 66)}
    return (data[0], len(data)) == numbers.get(scheme)


def _verifies(scheme: Scheme, signature: bytes, message: bytes, account: bytes) -> bool:
    from pallets.primitives.keys import verify_ecdsa, verify_ed25519, verify_sr25519

    verify = {Scheme.SR25519: verify_sr25519, Scheme.ED25519: verify_ed25519, Scheme.ECDSA: verify_ecdsa}
    return verify[scheme](signature, message, account)
