"""What an account signs to call an agent free: that it is the one who calls, for a while.

## Overview

A pass says who calls which agent until when. Gateways look up what the account has locked (`service.AccessPolicy`), and
count. Whoever has a pass calls as its account: it is a secret, if a short-lived one, and goes to gateways alone.

Wallets sign nothing that could be a transaction: what they are given they put between `<Bytes>` and `</Bytes>`. A
pass that is signed so counts, too.

## Usage

```python
access = AccessPass(account, agent, expiry)
signed = SignedPass(access, key.sign(pass_bytes(genesis, access)))
is_signed(genesis, signed)
```

## Out of scope

How long a pass may live, and how often it counts: `offchain.gateway.admission`.
"""

from __future__ import annotations

from pallets.primitives.codec import codec_of
from pallets.primitives.keys import verify_sr25519
from pallets.primitives.types import H256, U8, U64, AccountId, Bytes64, Moment, struct
from pallets.primitives.worker import VERSION


@struct(path="fathom_primitives::AccessPass")
class AccessPass:
    """An account's word that it is the one who calls an agent."""

    account: AccountId
    agent: U64
    expiry: Moment
    """The last millisecond in which it counts."""


@struct(path="fathom_primitives::SignedPass")
class SignedPass:
    """A pass, and the account's sr25519 signature of `fathom/pass`."""

    access: AccessPass
    signature: Bytes64


def pass_bytes(genesis: bytes, access: AccessPass) -> bytes:
    """What an account signs to call an agent."""
    return PASS_TAG + HEAD.encode((VERSION, genesis)) + PASS.encode(access)


def is_signed(genesis: bytes, signed: SignedPass) -> bool:
    """Whether a pass is its account's, on the chain of this genesis."""
    content, account = pass_bytes(genesis, signed.access), signed.access.account
    return any(
        verify_sr25519(signed.signature, each, account) for each in (content, b"<Bytes>" + content + b"</Bytes>")
    )


PASS_TAG = b"fathom/pass"
HEAD = codec_of(tuple[U8, H256])
PASS, SIGNED_PASS = codec_of(AccessPass), codec_of(SignedPass)
