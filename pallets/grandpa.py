"""The authorities whose votes finalise blocks.

The set is the one of genesis: it would change with a session, and this chain has one session for ever. The votes are
the node's; `pallets.primitives.justification` verifies them. Mirrors `pallet_grandpa`.
"""

from __future__ import annotations

from typing import Annotated

from pallets.frame import U32, U64, BlockNumber, Bound, Const, Error, Event, Map, Pallet, Value, Variant, struct
from pallets.primitives.hashing import Twox64Concat
from pallets.primitives.types import FixedBytes

MAX_AUTHORITIES = 32

GrandpaId = Annotated[bytes, FixedBytes(32, "sp_consensus_grandpa::app::Public")]
"""An authority's ed25519 public key."""
AuthorityList = list[tuple[GrandpaId, U64]]
"""Authorities, each with its weight."""


class StoredState(Variant):
    """What the authority set is doing, or about to do."""

    __type_path__ = "pallet_grandpa::StoredState"
    __type_arguments__ = (("N", BlockNumber),)


@struct
class Live(StoredState):
    """The set votes, and no change is pending."""


@struct
class PendingPause(StoredState):
    """The set will pause `delay` blocks after `scheduled_at`."""

    scheduled_at: BlockNumber
    delay: BlockNumber


@struct
class Paused(StoredState):
    """The set doesn't vote."""


@struct
class PendingResume(StoredState):
    """The set will vote again `delay` blocks after `scheduled_at`."""

    scheduled_at: BlockNumber
    delay: BlockNumber


class Grandpa(Pallet):
    """The authorities whose votes finalise blocks."""

    storage_version = 5

    max_authorities: Const[U32] = MAX_AUTHORITIES
    """Max Authorities in use"""

    class NewAuthorities(Event):
        """New authority set has been applied."""

        authority_set: AuthorityList

    class Paused(Event):
        """Current authority set has been paused."""

    class Resumed(Event):
        """Current authority set has been resumed."""

    class PauseFailed(Error):
        """Attempt to signal GRANDPA pause when the authority set isn't live
        (either paused or already pending pause)."""

    class ResumeFailed(Error):
        """Attempt to signal GRANDPA resume when the authority set isn't paused
        (either live or already pending resume)."""

    class ChangePending(Error):
        """Attempt to signal GRANDPA change with one already pending."""

    class TooSoon(Error):
        """Cannot signal forced change so soon after last."""

    class InvalidKeyOwnershipProof(Error):
        """A key ownership proof provided as part of an equivocation report is invalid."""

    class InvalidEquivocationProof(Error):
        """An equivocation proof provided as part of an equivocation report is invalid."""

    class DuplicateOffenceReport(Error):
        """A given equivocation report is valid but already previously reported."""

    state_item = Value[StoredState](default=Live, name="State")
    """State of the current authority set."""
    current_set_id = Value[U64](default=0)
    """The number of changes (both in terms of keys and underlying economic responsibilities)
    in the "set" of Grandpa validators from genesis."""
    set_id_session = Map[U64, U32](hasher=Twox64Concat)
    """A mapping from grandpa set ID to the index of the *most recent* session for which its
    members were responsible."""
    authorities = Value[Annotated[AuthorityList, Bound(MAX_AUTHORITIES)]](default=list)
    """The current list of authorities."""

    def genesis(self, authorities: AuthorityList | None = None) -> None:
        self.authorities = authorities or []
        self.current_set_id = 0
        self.set_id_session[0] = 0
