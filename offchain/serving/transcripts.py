"""Transcripts as workers keep them, and finding one by its root at the endpoints of workers that may have it.

A transcript is kept under the root that the chain has of it: in the open, or of a sealed job so that only who knows the
input's salt can read it. What is found has the root; that it is of the run that it should be of is left to who replays
it.
"""

from __future__ import annotations

from collections.abc import Iterable

from offchain.chain import Chain
from offchain.serving.asking import endpoints_of, first_answer
from offchain.serving.store import MAX_ENTRY
from offchain.serving.wire import GetTranscript
from pallets.primitives.scale import DecodeError
from pallets.primitives.sealed import NotSealed, SealedRequest, open_transcript, seal_transcript, sealed_root
from pallets.primitives.transcript import TRANSCRIPT, Transcript, read_transcript, transcript_root


class OpenForm:
    """A transcript that anybody reads."""

    def root(self, transcript: Transcript) -> bytes:
        """What the chain has of it."""
        return transcript_root(transcript)

    def kept(self, transcript: Transcript) -> bytes:
        """The bytes that workers keep and give."""
        return TRANSCRIPT.encode(transcript)

    def read(self, root: bytes, data: bytes | None) -> Transcript | None:
        """What somebody gave for a root, if it is that."""
        if data is None:
            return None
        try:
            transcript = read_transcript(data)
        except DecodeError:
            return None
        return transcript if self.root(transcript) == root else None


class SealedForm(OpenForm):
    """A transcript of a sealed job."""

    def __init__(self, request: SealedRequest, job: int) -> None:
        self._salt, self._job = request.salt, job

    def root(self, transcript: Transcript) -> bytes:
        return sealed_root(self._salt, self._job, transcript_root(transcript))

    def kept(self, transcript: Transcript) -> bytes:
        return seal_transcript(self._salt, self._job, TRANSCRIPT.encode(transcript))

    def read(self, root: bytes, data: bytes | None) -> Transcript | None:
        try:
            return super().read(root, None if data is None else open_transcript(self._salt, self._job, data))
        except NotSealed:
            return None


OPEN = OpenForm()


async def find_transcript(
    chain: Chain, root: bytes, workers: Iterable[bytes], max_bytes: int = MAX_ENTRY, form: OpenForm = OPEN
) -> Transcript | None:
    """The transcript of a root, from whichever of these workers has it first."""
    endpoints = await endpoints_of(chain, workers)
    return await first_answer(endpoints, GetTranscript(1, root), max_bytes, lambda data: form.read(root, data))
