"""What a gateway keeps secret, and how far it has counted: its key for tickets, its key to the vault.

One file in the base path, mode 0600; without a base path both keys last as long as the process.

Errors: `offchain.keys.KeyFileError`, `pallets.primitives.suri.InvalidSecret`, `OSError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import orjson
from nacl.signing import SigningKey

from offchain.keys import Entropy, MalformedKeyFile, read_private, write_private
from offchain.serving.wire import TakesCalls, takes_calls_bytes
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.receipt import SignedTicket, Ticket, ticket_bytes

KEY_FILE, COUNTS_FILE = "gateway-key.json", "tickets.json"
VERSION = 1
TICKET_SECONDS = 120
"""How long a ticket lives; requests are bounded by less."""
TAKES_CALLS_SECONDS = 365 * 24 * 3600
"""A connection doesn't last for longer."""
RESERVED = 1024
"""Tickets for a worker that one write to the disk allows for: a gateway that was killed goes on behind them."""
MAX_COUNTED = 1024
"""Workers whose tickets are counted; beyond, those counted longest ago are forgotten."""
MAX_COUNTS_FILE = 1 << 20


@dataclass(frozen=True, slots=True, repr=False)
class GatewayKeys:
    """An ed25519 seed that signs tickets, and the vault's symmetric key, 32 bytes each."""

    ticket: bytes = field(compare=False)
    vault: bytes = field(compare=False)

    def __repr__(self) -> str:
        return "<GatewayKeys>"


def gateway_keys(base_path: Path | None, suri: str | None, entropy: Entropy) -> GatewayKeys:
    """The keys of the base path, made where there are none; a `suri` says the one for tickets, and isn't kept."""
    given = None if suri is None else Keypair.from_suri(suri, Scheme.ED25519).secret
    kept = _kept(base_path, entropy)
    return GatewayKeys(given or kept.ticket, kept.vault)


def _kept(base_path: Path | None, entropy: Entropy) -> GatewayKeys:
    if base_path is None:
        return GatewayKeys(entropy(32), entropy(32))
    path = base_path / KEY_FILE
    try:
        fields = orjson.loads(read_private(path))
        keys = GatewayKeys(bytes.fromhex(fields["ticket"]), bytes.fromhex(fields["vault"]))
    except FileNotFoundError:
        keys = GatewayKeys(entropy(32), entropy(32))
        write_private(path, {"version": VERSION, "ticket": keys.ticket.hex(), "vault": keys.vault.hex()})
        return keys
    except (ValueError, TypeError, KeyError):
        raise MalformedKeyFile(f"{path} is no key file of a gateway: remove it, and what is in its vault") from None
    if fields.get("version") != VERSION or (len(keys.ticket), len(keys.vault)) != (32, 32):
        raise MalformedKeyFile(f"{path} is of another version than {VERSION}, or cut short")
    return keys


class Tickets:
    """Makes out tickets: words that an agent pays for one request at one worker, counted for each worker."""

    def __init__(self, genesis: bytes, seed: bytes, base_path: Path | None) -> None:
        self._genesis, self._key = genesis, SigningKey(seed)
        self.public = self._key.verify_key.encode()
        """The gateway's name, 32 bytes."""
        self._path = None if base_path is None else base_path / COUNTS_FILE
        self._next: dict[bytes, int] = self._load()
        self._reserved = dict(self._next)

    def make_out(self, agent: int, request_hash: bytes, worker: bytes, now_ms: int) -> SignedTicket:
        """A ticket that was never made out before. Raises `OSError` where the count can't be kept."""
        number = self._next.get(worker, 0)
        if self._path is not None and number >= self._reserved.get(worker, 0):
            self._save(self._reserved | {worker: number + RESERVED})
        self._next[worker] = number + 1
        while len(self._next) > MAX_COUNTED:
            del self._next[next(iter(self._next))]
        ticket = Ticket(agent, request_hash, worker, number, now_ms + TICKET_SECONDS * 1000)
        return SignedTicket(ticket, self.public, self._key.sign(ticket_bytes(self._genesis, ticket)).signature)

    def takes_calls(self, worker: bytes, now_ms: int) -> TakesCalls:
        """What tells a worker that whoever signs these tickets takes calls of its jobs."""
        expiry = now_ms + TAKES_CALLS_SECONDS * 1000
        signature = self._key.sign(takes_calls_bytes(self._genesis, worker, expiry)).signature
        return TakesCalls(self.public, expiry, signature)

    def close(self) -> None:
        """Keeps the exact counts."""
        if self._path is not None and self._next:
            self._save(self._reserved | self._next)

    def _save(self, counts: dict[bytes, int]) -> None:
        assert self._path is not None
        counts = dict(list(counts.items())[-MAX_COUNTED:])
        kept = {worker.hex(): count for worker, count in counts.items()}
        fields = {"version": VERSION, "genesis": self._genesis.hex(), "gateway": self.public.hex(), "counts": kept}
        write_private(self._path, fields)
        self._reserved = counts

    def _load(self) -> dict[bytes, int]:
        if self._path is None:
            return {}
        try:
            fields = orjson.loads(read_private(self._path, MAX_COUNTS_FILE))
            if (fields["genesis"], fields["gateway"]) != (self._genesis.hex(), self.public.hex()):
                return {}  # counted for another chain, or under another name
            return {bytes.fromhex(worker): int(count) for worker, count in fields["counts"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise MalformedKeyFile(f"{self._path} holds no counts of tickets: remove it to count anew") from None
