"""Why something a node says of its chain isn't believed.

```
LightError (a ChainError)
├── WrongGenesis     the node has another genesis block than the one that is trusted
├── NotProven        an answer is not what was asked for, or comes with no proof that holds
├── NotFinal         a block's justification doesn't make it final
├── StateGone        the node has no state of the block any more: the answer can't be proven
├── WentBack         the node's final blocks don't lead on from those known before
├── OtherChain       what was sealed before is of another chain
└── TooFarBehind     the set of authorities has changed more often than is followed at once
```
"""

from __future__ import annotations

from offchain.chain import ChainError


class LightError(ChainError):
    """The node doesn't show what it says to be true."""


class WrongGenesis(LightError):
    """The node serves another chain than the one whose genesis hash is trusted."""


class NotProven(LightError):
    """A header, a value or a proof isn't what was asked for: the node is wrong, or lies."""


class NotFinal(LightError):
    """More than two thirds of the authorities are not shown to have voted for the block."""


class StateGone(LightError):
    """The node has pruned the state of a block, or doesn't know the block: an archive node would."""


class WentBack(LightError):
    """The node's last final block is before, or beside, one that was final already."""


class OtherChain(LightError):
    """The finality sealed for this key is of a chain with another genesis."""


class TooFarBehind(LightError):
    """The set of authorities changed more often than is followed at once; the next try goes on from there."""
