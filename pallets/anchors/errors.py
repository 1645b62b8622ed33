"""Why the effects of a run are refused, or a call of `Anchors`."""

from __future__ import annotations

from pallets.frame import Error


class AnchorErrors:
    """Errors of `Anchors`."""

    class Malformed(Error):
        """The output begins as an envelope does, and what follows is none, or more than an envelope may have."""

    class Conflict(Error):
        """What the run has read is different now, see `LockLost`: somebody wrote first. Submit the job again."""

    class TooHeavy(Error):
        """The effects weigh more than a job's may: leave fewer writes or actions to one job."""

    class StoreFull(Error):
        """The agent's store would have more than `MaxStored` bytes, keys included: delete something first."""

    class BadCall(Error):
        """The call of an action doesn't decode."""

    class NoCrossings(Error):
        """This chain sends nothing to others."""

    class OverJobLimit(Error):
        """The job pays more than the agent's purse gives to one, see `set_limits`."""

    class OverDayLimit(Error):
        """The agent's purse gives no more today, see `set_limits`; days begin at midnight UTC."""
