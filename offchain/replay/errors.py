"""Why something can't be run again.

```
CannotReplay
├── NoSuchJob          the chain has no job of this number
├── NoOutput           the job has no output: it isn't over, or has expired
├── InputSealed        only the job's workers can read what it was run on
├── InputGone          nobody has the job's input any more
├── OtherInput         the file that was given isn't the job's input
├── StateGone          the node has dropped the state of a block that has to be read
├── OtherChain         the receipt is of another chain than the node's
├── NoSuchAgent        the receipt's block knows no such agent
├── CodeGone           the chain doesn't have the code, or other bytes
├── OtherRuntime       it was run in another engine or configuration than this one
├── TranscriptGone     nobody has what came from outside
├── OtherTranscript    the file that was given isn't the transcript that was signed
├── NoRequest          the receipt's file doesn't say what was asked, or what no script can be told
├── KeyNeeded          the run could derive secrets, and finds something else without its key
└── Interrupted        the run had no end here
```
That a replay finds something else isn't an error: see `Replay.differences`.
"""

from __future__ import annotations


class CannotReplay(Exception):
    """There is nothing to compare; the message says why."""


class NoSuchJob(CannotReplay):
    """No job has this number."""


class NoOutput(CannotReplay):
    """The job has no output that could be compared."""


class InputSealed(CannotReplay):
    """Input and output are for the job's workers and its submitter alone."""


class StateGone(CannotReplay):
    """Old states are needed: ask a node that keeps them."""


class OtherChain(CannotReplay):
    """Code and agent would be another chain's."""


class NoSuchAgent(CannotReplay):
    """Its terms can't be read."""


class InputGone(CannotReplay):
    """What the job was run on can't be read."""


class OtherInput(CannotReplay):
    """It has another hash, and says nothing about this job."""


class CodeGone(CannotReplay):
    """The code can't be read."""


class OtherRuntime(CannotReplay):
    """Output and gas are those of another sandbox: take the version that the worker had."""


class TranscriptGone(CannotReplay):
    """What came from outside can't be had: give it as a file."""


class OtherTranscript(CannotReplay):
    """It has another root, and says nothing about this run."""


class KeyNeeded(CannotReplay):
    """Only workers hold agents' keys."""


class NoRequest(CannotReplay):
    """The file has hashes alone: ask a gateway for the receipt again."""


class Interrupted(CannotReplay):
    """The sandbox gave up: time, or its process."""
