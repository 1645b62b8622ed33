"""Why `Clusters` refuses: the errors of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import Error


class ClusterErrors:
    """The errors of `Clusters`."""

    class BadSignature(Error):
        """The worker's key, or the cluster's, didn't sign this for this chain, seat and generation."""

    class NotServing(Error):
        """The worker isn't registered, or doesn't serve."""

    class ConfidenceTooLow(Error):
        """The worker's attestation is of a lower confidence than members need."""

    class AlreadyVolunteered(Error):
        """The worker may be drawn already."""

    class AlreadySeated(Error):
        """The worker has a seat."""

    class SeatLostLately(Error):
        """The worker's operator lost a seat less than `CoolDown` ago."""

    class TooManyVolunteers(Error):
        """As many workers wait to be drawn as may, and those looked at for it all still serve: try again."""

    class UnknownBlock(Error):
        """The hash is not that of a block of this number, known and no older than `CoolDown`."""

    class NotSeated(Error):
        """The worker has no seat."""

    class WrongGeneration(Error):
        """Another generation is current."""

    class KeyIsSet(Error):
        """There is a key of this generation: ask for it."""

    class NoKeyYet(Error):
        """There is no key of this generation yet."""

    class KeyUsedBefore(Error):
        """The proposed key is that of an earlier generation."""

    class NotToPropose(Error):
        """Members who know a newer secret are to propose the next key."""

    class BoxWasRefused(Error):
        """The member has complained of a box of this holder's."""

    class WrongState(Error):
        """The seat, or the holder's, is not in the state that this is said in."""
