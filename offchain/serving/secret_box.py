"""What a script is told in secret: sealed to the cluster key, and good for one agent or one code alone.

## Overview

A secret's box is libsodium's sealed box (`pallets.primitives.sealed`) to the cluster's seal key of a generation. In it
is SCALE of what the secret is bound to, an agent's number or a code's hash, and the bytes that the script gets as
`secret`. The binding is inside, so that whoever comes by a box can't have another agent's script read it.

## Usage

```python
sealed = seal_secret(cluster_key.seal_key, generation, ToAgent(7), b'{"apiKey": "..."}', entropy(32))
data = open_secret(sealed, secret.open, agent=7, code=code_hash)
```

## Errors

`pallets.primitives.sealed.NotSealed`: the box doesn't open. `BoundElsewhere`, its subclass: it opens, and is bound to
another agent or code.

## Out of scope

Where boxes are kept (the gateway's vault), and what a script makes of a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.scale import DecodeError
from pallets.primitives.sealed import BOX_OVERHEAD, NotSealed, seal
from pallets.primitives.types import U32, U64, Bound, Bytes32, Variant, struct

MAX_SECRET = 64 * 1024
"""Bytes of a secret."""
MAX_BOX = BOX_OVERHEAD + 64 + MAX_SECRET


class BoundElsewhere(NotSealed):
    """The secret is another agent's, or another code's."""


class Binding(Variant):
    """Whose secret it is."""


@struct
class ToAgent(Binding):
    """An agent's, whatever code it runs."""

    agent: U64


@struct
class ToCode(Binding):
    """That of code of this hash, whichever agent runs it."""

    code: Bytes32


@struct
class SealedSecret:
    """A secret as it is kept and sent."""

    generation: U32
    """Of the cluster's key that it is sealed to."""
    box: Annotated[bytes, Bound(MAX_BOX)]


@struct
class Content:
    """What is in the box."""

    bound_to: Binding
    data: Annotated[bytes, Bound(MAX_SECRET)]
    """JSON, UTF-8."""


def seal_secret(
    seal_key: bytes, generation: int, bound_to: ToAgent | ToCode, data: bytes, entropy: bytes
) -> SealedSecret:
    """Seals a secret to the cluster's X25519 key; `entropy` is 32 bytes of this box alone. Raises `NotSealed`."""
    return SealedSecret(generation, seal(CONTENT.encode(Content(bound_to, data)), seal_key, entropy))


def open_secret(sealed: SealedSecret, open_box: Callable[[bytes], bytes], *, agent: int, code: bytes) -> bytes:
    """A secret's data for this agent, which runs this code. Raises `NotSealed` or `BoundElsewhere`."""
    try:
        content: Content = CONTENT.decode_all(open_box(sealed.box))
    except DecodeError:
        raise NotSealed("what is in the box is no secret") from None
    if content.bound_to not in (ToAgent(agent), ToCode(code)):
        raise BoundElsewhere("the secret is bound to another agent or another code")
    return content.data


CONTENT = codec_of(Content)
