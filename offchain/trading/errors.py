"""Why a token can't be launched, traded or drawn.

```
TradingError
├── NotAnAmount   a text is no amount of this money or token
├── NotTerms      a file doesn't say what a curve is launched with
├── NoCurve       the agent has no token yet
├── NoQuote       nothing is to be had for that
├── NoPlots       a plot can't be drawn: no matplotlib, or not that kind of file
└── NothingToDraw there are no trades yet
```
The message is what a person reads.
"""

from __future__ import annotations

from offchain.authoring.errors import AuthoringError


class TradingError(AuthoringError):
    """What was asked can't be done; the message says what to do."""


class NotAnAmount(TradingError):
    """A text is no amount of this money or token."""


class NotTerms(TradingError):
    """A file doesn't say what a curve is launched with."""


class NoCurve(TradingError):
    """The agent has no curve."""


class NoQuote(TradingError):
    """Nothing is to be had for that."""


class NoPlots(TradingError):
    """A plot can't be drawn."""


class NothingToDraw(TradingError):
    """Nothing has happened that could be drawn."""
