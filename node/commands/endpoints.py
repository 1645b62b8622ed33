"""A live chain's endpoints, asked for the state of a fork; failover, rates and retries are those of `connect`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from node.state.remote import AnswerTooLarge, Ask, MethodRefused, NotProven, WrongAnswer
from offchain.connect import errors
from offchain.connect.remote import Remote
from offchain.rpc import CallFailed

T = TypeVar("T")
TOO_LARGE, TOO_LARGE_WORDS = -32008, re.compile(r"too (big|large)|exceeded max", re.IGNORECASE)
"""Answers over the server's bound, as jsonrpsee numbers them, and as others put it."""


def ask_of(remote: Remote) -> Ask:
    """Asks whichever endpoint of a chain answers. Raises `RemoteError` for what is the matter with all of them."""

    async def ask(method: str, *params: Any, check: Callable[[Any], T]) -> T:
        def checked(found: Any) -> T:
            try:
                return check(found)
            except NotProven as error:
                raise errors.NotProven(str(error)) from None
            except WrongAnswer as error:
                raise errors.WrongAnswer(str(error)) from None

        try:
            return await remote.call(method, *params, check=checked)  # type: ignore[no-any-return]
        except errors.NotProven as error:
            raise NotProven(str(error)) from None
        except errors.WrongAnswer as error:
            raise WrongAnswer(str(error)) from None
        except errors.MethodMissing as error:
            raise MethodRefused(str(error)) from None
        except CallFailed as error:
            if error.code == TOO_LARGE or TOO_LARGE_WORDS.search(error.message):
                raise AnswerTooLarge(str(error)) from None
            raise

    return ask
