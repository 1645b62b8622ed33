"""What Polkadot Vault reads from a screen: a transaction as the frames of a QR code.

A frame is `00`, the number of frames and its place (two bytes each, high one first), and a part of: `53`, the scheme,
`00` for a mortal transaction or `02` for an immortal one, the account, the call with its length, `extra` and
`implicit`, and the genesis. As polkadot.js shows it, which Vault was made for.
"""

from __future__ import annotations

import io

from offchain.connect.submit.errors import NoSuchSigner
from offchain.connect.submit.payload import Payload
from pallets.primitives.keys import Scheme
from pallets.primitives.scale import compact

SUBSTRATE = b"\x53"
SCHEMES = {Scheme.ED25519: 0, Scheme.SR25519: 1, Scheme.ECDSA: 2}
MORTAL, IMMORTAL = 0, 2
FRAME_BYTES = 1024


def vault_frames(payload: Payload, account: bytes, scheme: Scheme) -> list[bytes]:
    """The frames, each the content of a QR code; raises `NoSuchSigner` for a scheme that Vault doesn't sign by."""
    if scheme not in SCHEMES:
        raise NoSuchSigner(f"Polkadot Vault makes no signatures of {scheme}")
    command = MORTAL if payload.terms.era.period else IMMORTAL
    signed = compact(len(payload.call)) + payload.call + payload.extra + payload.implicit
    whole = SUBSTRATE + bytes((SCHEMES[scheme], command)) + account + signed + payload.terms.genesis
    parts = [whole[at : at + FRAME_BYTES] for at in range(0, len(whole), FRAME_BYTES)]
    head = b"\0" + len(parts).to_bytes(2, "big")
    return [head + place.to_bytes(2, "big") + part for place, part in enumerate(parts)]


def qr_text(frame: bytes) -> str:
    """A QR code for a terminal, made of blocks of half a character's height."""
    import segno

    made = io.StringIO()
    segno.make(frame, mode="byte", micro=False, error="m").terminal(out=made, compact=True, border=2)
    return made.getvalue()
