"""Failing many requests: each of them, whatever one raises, and in as many turns of the reactor as that needs.

This module must not know what a request is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from typing import TypeVar

from twisted.internet.defer import AlreadyCalledError
from twisted.logger import Logger

from .._tunables import FAIL_IN_TURNS_MIN_REQUESTS, FAIL_PART_REQUESTS
from ..transport import at_once, in_turns

__all__ = ["as_exception", "fail_each"]

_log = Logger()

_T = TypeVar("_T")


def fail_each(failing: Collection[_T], fail: Callable[[int, _T], object], turns: bool) -> None:
    """Fail each of many, in their order.

    :param fail: fails one; called with its place. What it raises keeps no other one from being failed: it is tried once
        more, then logged.
    :param turns: where there are very many, take as many turns of the reactor as they need.
    """
    work = _fail_each(failing, fail)
    if turns and len(failing) > FAIL_IN_TURNS_MIN_REQUESTS:
        in_turns(work).addErrback(lambda _: at_once(work))  # where there is no further turn to be had
    else:
        at_once(work)


def _fail_each(failing: Collection[_T], fail: Callable[[int, _T], object]) -> Generator[None, None, None]:
    for place, each in enumerate(failing):
        try:
            fail(place, each)
        except BaseException:
            try:
                fail(place, each)
            except AlreadyCalledError:  # it had been, before what was raised
                pass
            except BaseException:
                _log.failure("A Deferred could not be fired")
        if not (place + 1) % FAIL_PART_REQUESTS:
            yield


def as_exception(error: BaseException) -> Exception:
    """An error as a value among replies: what is no ``Exception`` (asyncio's ``CancelledError``) becomes one."""
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
