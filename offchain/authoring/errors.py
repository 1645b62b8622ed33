"""Why an agent can't be written, bundled or deployed.

```
AuthoringError
├── ProjectExists     a directory with that name is there
├── BadName           no agent can have that name
├── NoProject         there is no agent.json, or it doesn't say what it should
├── NoBundler         esbuild isn't installed
├── BundleFailed      esbuild refuses the source; what it says
├── BundleTooLarge    the bundle is more than a chain takes
├── NotTheOwner       the name belongs to another account's agent
├── HoldersDecide     the agent has holders, who vote on its script
├── BadCase           a test case is not what a case is
├── BadTerms          an agent can't be called on such terms
├── NoChannel         there is no such channel, or it can't be paid from like that
├── JobNotDone        a job has come to nothing, or to what isn't on the chain
├── NoSuchAgent       nobody has created an agent of that name or number
└── CallFailed        the gateway can't be reached
```
The message is what a person reads.
"""

from __future__ import annotations


class AuthoringError(Exception):
    """Something about the project, the tools or the chain; the message says what to do."""


class ProjectExists(AuthoringError):
    """The directory is there, and not empty."""


class BadName(AuthoringError):
    """Agents' names are lower-case letters, digits and dashes, begin with a letter, and have at most 64 characters."""


class NoProject(AuthoringError):
    """The directory has no `agent.json`, or one that can't be read."""


class NoBundler(AuthoringError):
    """`esbuild` is neither in the project's node_modules nor on the path."""


class BundleFailed(AuthoringError):
    """The bundler found an error in the source."""


class BundleTooLarge(AuthoringError):
    """The bundle is larger than code may be on-chain."""


class NotTheOwner(AuthoringError):
    """An agent of this name exists, and somebody else decides on its code."""


class HoldersDecide(AuthoringError):
    """Somebody has the agent's token: its DAO approves scripts."""


class BadCase(AuthoringError):
    """A file of test cases can't be read, or says what no case can."""


class BadTerms(AuthoringError):
    """What calls are to cost, or who is to call free, is said in part."""


class NoChannel(AuthoringError):
    """The chain has no channel of this number, or it is another payer's or worker's."""


class JobNotDone(AuthoringError):
    """A job has come to nothing, or to what isn't on the chain."""


class NoSuchAgent(AuthoringError):
    """The chain has no agent of this name or number."""


class CallFailed(AuthoringError):
    """There was no answer from the gateway."""
