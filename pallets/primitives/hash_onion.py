"""Hash onions: randomness that an author commits to once and reveals a layer a block.

## Overview

An onion is a chain of BLAKE2b-256 hashes around a secret core. Its outermost layer is committed on-chain; each reveal
is the layer below, which anyone checks by one hash and only the author can foretell. Used up, it is followed by the
author's next, whose core comes from the same secret and the next number.

## Usage

```python
onions = HashOnions(secret, layers=1_000_000)
genesis = onions.commitment(0)
data = onions.reveal(onion=0, layers_left=1_000_000)      # inherent data under `IDENTIFIER`
while not onions.prepare(1, steps=4_000):                 # between blocks: the next onion, a slice at a time
    ...
```
Only every 1024th layer is kept: 32 KiB for a million layers, and about two hashes a reveal, since reveals go inwards.

## Out of scope

What the chain makes of a reveal: `pallets.randomness`.
"""

from __future__ import annotations

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import U32, Bytes32, struct

IDENTIFIER = b"hashonio"
NextCommitment = tuple[Bytes32, U32]
"""An onion's outermost layer, and how many lie beneath it."""
REVEAL = codec_of(tuple[Bytes32, NextCommitment | None])
"""The inherent data: the layer revealed, and with the innermost one the commitment to the next onion."""


@struct(path="pallet_randomness::Commitment")
class Commitment:
    """An authority's onion: the layer last revealed, at first the outermost; how many lie beneath it; its number."""

    layer: Bytes32
    layers_left: U32
    onion: U32 = 0


STRIDE = 1024
MAX_LAYERS = 1 << 24
DEV_SECRET = blake2_256(b"//Alice hash onion")
"""Of the dev chain's onions: public by design, like its keys, so its randomness is no secret to anybody."""
DEV_LAYERS = 1 << 14
"""Few, so that a dev node needs no more than 20 ms for an onion when it starts."""


class HashOnion:
    """One onion. Layer 0 is the core, layer n + 1 the hash of layer n."""

    def __init__(self, core: bytes) -> None:
        self._kept = [core]  # layer i × STRIDE
        self._reached = (0, core)
        self._run_start, self._run = 0, [core]  # neighbouring layers, from the last one asked for

    def prepare(self, depth: int, steps: int = MAX_LAYERS) -> bool:
        """Hashes at most `steps` more times towards `depth`; answers whether layers up to there are at hand.

        Raises `ValueError` for a depth outside 0 to `MAX_LAYERS`.
        """
        if not 0 <= depth <= MAX_LAYERS:
            raise ValueError(f"an onion's layers are numbered 0 to {MAX_LAYERS}, there is no layer {depth}")
        reached, layer = self._reached
        last = max(reached, min(depth, reached + steps))
        for at in range(reached + 1, last + 1):
            layer = blake2_256(layer)
            if at % STRIDE == 0:
                self._kept.append(layer)
        self._reached = last, layer
        return last >= depth

    def layer(self, depth: int) -> bytes:
        """The layer `depth` hashes away from the core, 32 bytes."""
        if not self._run_start <= depth < self._run_start + len(self._run):
            self.prepare(depth)
            start = depth // STRIDE
            self._run_start, self._run = start * STRIDE, [self._kept[start]]
            while len(self._run) <= depth - self._run_start:
                self._run.append(blake2_256(self._run[-1]))
        return self._run[depth - self._run_start]


class HashOnions:
    """An author's onions, one after another, all from one secret of 32 bytes; new ones have `layers` layers."""

    def __init__(self, secret: bytes, layers: int) -> None:
        if not 1 <= layers <= MAX_LAYERS:
            raise ValueError(f"an onion has 1 to {MAX_LAYERS} layers, not {layers}")
        self._secret, self._layers = secret, layers
        self._onions: dict[int, HashOnion] = {}

    def commitment(self, onion: int) -> NextCommitment:
        """What commits to onion number `onion`."""
        return self._onion(onion).layer(self._layers), self._layers

    def reveal(self, onion: int, layers_left: int) -> bytes:
        """The inherent data of a block whose author has `layers_left` layers of onion number `onion` unrevealed.

        With the innermost layer comes the commitment to the next onion.
        """
        return self.reveal_with(onion, layers_left, None if layers_left > 1 else onion + 1)

    def reveal_with(self, onion: int, layers_left: int, following: int | None) -> bytes:
        """The inherent data that also commits to onion number `following`; of no layers, 32 zero bytes are revealed."""
        layer = self._onion(onion).layer(layers_left - 1) if layers_left else bytes(32)
        return REVEAL.encode((layer, None if following is None else self.commitment(following)))

    def prepare(self, onion: int, steps: int) -> bool:
        """Computes a whole onion in slices of `steps` hashes (a microsecond each); answers whether it is done."""
        return self._onion(onion).prepare(self._layers, steps)

    def _onion(self, number: int) -> HashOnion:
        found = self._onions.get(number)
        if found is None:
            for old in [known for known in self._onions if abs(known - number) > 1]:
                del self._onions[old]
            found = self._onions[number] = HashOnion(
                blake2_256(b"fathom/hash-onion" + self._secret + number.to_bytes(4, "little"))
            )
        return found
