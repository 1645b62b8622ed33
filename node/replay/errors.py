"""Why a block can't be executed again, one class a reason.

```
ReplayError
├── UnreadableRecording  the file is none of the kinds that blocks are recorded in
├── UnrecordedBlock      the recording hasn't the block, or nothing to execute it on
├── OtherNetwork         the blocks are not of the chain that the spec begins
├── NotItsHash           the recording has a block under a hash that isn't its header's, or a body that isn't
├── BrokenHistory        a block before it doesn't leave the state that its header names
└── NoRuntime            the state before the block has no runtime that can be executed
```
That executing the block itself fails, or leaves something else than was said, is no error but the outcome.
"""

from __future__ import annotations


class ReplayError(Exception):
    """The block can't be executed again; the message is one line that says why."""


class UnreadableRecording(ReplayError):
    """The file can't be read, or holds no blocks in a form that is known."""


class UnrecordedBlock(ReplayError):
    """The recording has no such block, or not the state or the blocks before it."""


class OtherNetwork(ReplayError):
    """The blocks follow on another genesis than the spec's."""


class NotItsHash(ReplayError):
    """A recorded block is not what its hash, or its header, says."""


class BrokenHistory(ReplayError):
    """Executing a block before the one that is meant leaves another state than its header names."""


class NoRuntime(ReplayError):
    """The state before the block has no `:code`, or none that can be run."""
