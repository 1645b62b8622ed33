"""Why something can't be run again.

```
CannotReplay
├── NoSuchJob          the chain has no job of this number
├── NoOutput           the job has no output: it isn't over, or has expired
├── InputGone          the job's input is sealed, or nobody has it any more
├── CodeGone           the chain doesn't have the code, or other bytes
├── OtherRuntime       it was run in another engine or configuration than this one
├── TranscriptGone     nobody has what came from outside
├── NoRequest          the receipt's file doesn't say what was asked
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


class InputGone(CannotReplay):
    """What the job was run on can't be read."""


class CodeGone(CannotReplay):
    """The code can't be read."""


class OtherRuntime(CannotReplay):
    """Output and gas are those of another sandbox: take the version that the worker had."""


class TranscriptGone(CannotReplay):
    """What came from outside can't be had: give it as a file."""


class NoRequest(CannotReplay):
    """The file has hashes alone: ask a gateway for the receipt again."""


class Interrupted(CannotReplay):
    """The sandbox gave up: time, or its process."""
