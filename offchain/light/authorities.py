"""The authorities that make blocks final, and how one set hands over to the next.

A set is known from genesis; the last block that it makes final announces the next one in its header's digest, so that
every set is trusted because the one before it was. Mirrors `sc_consensus_grandpa`'s light clients: changes without
delay are followed, as sessions make them; delayed and forced ones are not.

```python
following = authorities.accept(header, justification)   # raises `NotFinal`
```
"""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain import StorageItem
from offchain.light.errors import NotFinal
from pallets.primitives.codec import codec_of
from pallets.primitives.header import GRANDPA_ENGINE, Consensus, Header
from pallets.primitives.justification import InvalidJustification, Justification
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U32, U64, Bytes32

AUTHORITIES: StorageItem[list[tuple[bytes, int]]] = StorageItem("Grandpa", "Authorities", list[tuple[Bytes32, U64]])
"""Where the runtime keeps the set; in the state of genesis it is set 0."""
SCHEDULED, FORCED = 1, 2
"""Kinds of `sp_consensus_grandpa::ConsensusLog` that change the set."""
CHANGE = codec_of(tuple[list[tuple[Bytes32, U64]], U32])


@dataclass(frozen=True, slots=True)
class AuthoritySet:
    """Keys (ed25519) and weights, and the number of the set; genesis has number 0."""

    authorities: tuple[tuple[bytes, int], ...]
    set_id: int

    def accept(self, header: Header, justification: bytes) -> AuthoritySet:
        """The set that makes final what follows `header`; raises `NotFinal` unless this set has made it final."""
        try:
            decoded = Justification.decode(justification)
            if (decoded.commit.target_hash, decoded.commit.target_number) != (header.hash, header.number):
                raise NotFinal(f"the justification is not of block {header.number}, 0x{header.hash.hex()}")
            decoded.verify(self.authorities, self.set_id)
        except DecodeError as error:
            raise NotFinal(f"the justification of block {header.number} can't be read: {error}") from None
        except InvalidJustification as error:
            raise NotFinal(f"block {header.number} is not shown to be final: {error}") from None
        return self._after(header)

    def _after(self, header: Header) -> AuthoritySet:
        for item in header.digest:
            if not isinstance(item, Consensus) or item.engine != GRANDPA_ENGINE or item.data[:1] == b"":
                continue
            if item.data[0] == FORCED:
                raise NotFinal(f"block {header.number} forces a change of authorities, which nobody can prove")
            if item.data[0] == SCHEDULED:
                return self._following(header, item.data[1:])
        return self

    def _following(self, header: Header, change: bytes) -> AuthoritySet:
        try:
            authorities, delay = CHANGE.decode_all(change)
        except DecodeError as error:
            raise NotFinal(f"the change of authorities in block {header.number} can't be read: {error}") from None
        if delay:
            raise NotFinal(f"block {header.number} changes the authorities {delay} blocks later, which isn't followed")
        return AuthoritySet(tuple(authorities), self.set_id + 1)
