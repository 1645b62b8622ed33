"""Why `Jobs` refuses: the errors of its page, which has no room for them."""

from __future__ import annotations

from pallets.frame import Error


class JobErrors:
    """The errors of `Jobs`."""

    class UnknownJob(Error):
        """No job has this number."""

    class BadReplicas(Error):
        """The number of replicas is odd, and at most nine."""

    class BadCallback(Error):
        """A callback is a call's encoding without its last argument, which is a `Vec<u8>` with room for any result."""

    class DeadlineTooShort(Error):
        """The deadline is shorter than `MinDeadline`."""

    class DeadlineTooLong(Error):
        """The deadline is longer than `MaxDeadline`."""

    class FeeTooLow(Error):
        """The fee doesn't buy one unit of gas."""

    class TooFewOperators(Error):
        """Fewer operators than a draw needs have eligible workers, and neither genesis nor the agent allows so few."""

    class NotSubmitter(Error):
        """Somebody else submitted the job."""

    class NotQueued(Error):
        """Only a job that waits for a worker can be cancelled."""

    class BadSignature(Error):
        """The worker's key didn't sign this output for this job, attempt, code, input and chain."""

    class AlreadyCommitted(Error):
        """The worker has committed this attempt's output."""

    class NotAssigned(Error):
        """No worker has the job now: it waits for one, or is over."""

    class WrongAttempt(Error):
        """The job is at another attempt."""

    class WrongWorker(Error):
        """The job was given to another worker."""

    class TooLate(Error):
        """The attempt's time is up."""

    class GasAboveLimit(Error):
        """The output cost more gas than the job's limit."""

    class InlineOutputOnly(Error):
        """An output is given by its hash only by a worker that has said before that it is too large: `Word.Large`."""

    class UnexpectedTranscript(Error):
        """A deterministic run has no transcript: its root is 32 zero bytes."""

    class NothingToClaim(Error):
        """Nothing is owed to the signer, or to the agent."""

    class HashesFirst(Error):
        """Several workers vote on the output: commit to its hash by `commit_hash`, then `reveal`."""

    class NoVote(Error):
        """One worker has the job: it commits its output by `commit`."""

    class NothingCommitted(Error):
        """The worker has committed to nothing that it could reveal."""

    class WrongReveal(Error):
        """Output, gas and salt are not what the worker committed to."""

    class TooEarly(Error):
        """Not every worker that votes has committed yet: reveal once `Assignments` asks for it."""

    class AlreadyRevealed(Error):
        """The worker has revealed its output."""

    class AlreadyAcknowledged(Error):
        """The worker has acknowledged the job."""

    class NotProvisional(Error):
        """The job has no output that can be challenged: its window has ended, or it had none, or it is judged."""

    class WindowTooLong(Error):
        """The window is longer than `MaxWindow`."""

    class CallbackTooLong(Error):
        """A callback has at most 1024 bytes, the result left out."""

    class CallbackNotAllowed(Error):
        """The callback, or a call in it, is not on the runtime's list of what may be called back."""

    class CallbackTooHeavy(Error):
        """With the longest result the callback would weigh more than a callback may."""

    class TooManyBoxes(Error):
        """More boxes come with a job than four, or a seat was given two by other workers."""

    class NotSealed(Error):
        """The job's input isn't sealed."""

    class NoBoxes(Error):
        """No box was given."""

    class NotSeated(Error):
        """The worker that the box is for doesn't wait for one: it wasn't drawn, or has said what it had to."""

    class AlreadyResealed(Error):
        """The worker has given the other one a box of this job."""

    class SealedOutputTooShort(Error):
        """The output of a sealed job is a hash of 32 bytes, then a box of at least 48."""

    class MissingTranscript(Error):
        """A run that may reach the world outside has a transcript: its root is not zero."""

    class WrongTranscript(Error):
        """The run is to replay the transcript that was recorded, and no other."""

    class NothingToRecord(Error):
        """The job has no leader: that have `Recorded` ones of several replicas."""

    class NotLeader(Error):
        """Another worker leads: it is the first of the job's seats."""

    class AlreadyRecorded(Error):
        """The leader has said which transcript the others replay."""

    class NothingRecorded(Error):
        """There is nothing yet for the worker to replay."""

    class NoGas(Error):
        """No run comes at no gas: only those who replay can find that there is none of that transcript."""

    class BadLength(Error):
        """An output of at most 64 KiB is given inline, a longer one, of at most 4 MiB, by its hash."""
