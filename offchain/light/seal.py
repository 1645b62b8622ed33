"""The newest final block that a worker knew, and who makes the next ones final: what a restart doesn't take away.

Kept under the worker's key and the chain's genesis in a file of the base path, mode 0600, replaced as a whole. A node
that shows less than what is sealed is refused, so that nobody takes a worker back to what the chain has left behind.

Errors: `OtherChain`, and those of `offchain.keys`: `KeyFileError` or `OSError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from offchain.chain import Head
from offchain.keys import MalformedKeyFile, read_private, write_private
from offchain.light.authorities import AuthoritySet
from offchain.light.errors import OtherChain

FINALITY_FILE = "finality.json"
MAX_FILE = 1 << 20
VERSION = 1


@dataclass(frozen=True, slots=True)
class Sealed:
    """A final block, and the set that makes final what follows it."""

    block: Head
    authorities: AuthoritySet


class FinalitySeal:
    """What is sealed for one worker key on one chain, in a file or in memory."""

    def __init__(self, path: Path | None, worker: bytes, genesis: bytes) -> None:
        """Takes over what the file holds for this worker key; raises `OtherChain`."""
        self._path, self._worker, self._genesis = path, worker, genesis
        self.sealed = None if path is None else _load(path, worker, genesis)

    def keep(self, sealed: Sealed) -> None:
        """Seals this in place of what was; it is on disk when this returns."""
        if self._path is not None:
            fields = {
                "version": VERSION,
                "worker": self._worker.hex(),
                "genesis": self._genesis.hex(),
                "number": sealed.block.number,
                "hash": sealed.block.hash.hex(),
                "setId": sealed.authorities.set_id,
                "authorities": [[key.hex(), weight] for key, weight in sealed.authorities.authorities],
            }
            write_private(self._path, fields)
        self.sealed = sealed


def _load(path: Path, worker: bytes, genesis: bytes) -> Sealed | None:
    try:
        content = read_private(path, MAX_FILE)
    except FileNotFoundError:
        return None
    try:
        fields = orjson.loads(content)
        if fields["version"] != VERSION:
            raise MalformedKeyFile(f"{path} is of another version than {VERSION}")
        if fields["worker"] != worker.hex():
            return None  # another key's, which signs no more
        authorities = tuple((bytes.fromhex(key), int(weight)) for key, weight in fields["authorities"])
        sealed = Sealed(
            Head(int(fields["number"]), bytes.fromhex(fields["hash"])), AuthoritySet(authorities, int(fields["setId"]))
        )
        of = bytes.fromhex(fields["genesis"])
    except (ValueError, TypeError, KeyError) as error:
        if isinstance(error, MalformedKeyFile):
            raise
        raise MalformedKeyFile(f"{path} says nothing of a final block: take a fresh --base-path") from None
    if of != genesis:
        raise OtherChain(f"this key has served a chain with genesis 0x{of.hex()}, not 0x{genesis.hex()}")
    return sealed
