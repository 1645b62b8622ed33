"""What can go wrong in reading a forked chain's state, one class a reason; the tree is in the package's docstring."""

from __future__ import annotations


class RemoteStateError(Exception):
    """The state of the forked chain can't be had."""


class NotProven(RemoteStateError):
    """An endpoint's proof doesn't lead from the state root to what was asked for; it is not to be believed."""


class WrongAnswer(RemoteStateError):
    """An endpoint's answer is not of the shape that its method has."""


class MethodRefused(RemoteStateError):
    """No endpoint knows the method, or lets everybody call it."""


class AnswerTooLarge(RemoteStateError):
    """The endpoint would have to answer with more than it may: ask for less at once."""


class NoProofs(RemoteStateError):
    """No endpoint gives read proofs: values are what it says, and blocks on top of them have no true state root."""


class CacheExhausted(RemoteStateError):
    """One piece of work needs more of the state than the cache holds: give it more room."""
