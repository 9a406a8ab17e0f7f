"""Fail many requests: an exception in one errback does not keep the others pending, and no turn becomes too long.

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
    """Fail all items, in their order.

    :param fail: called with the index and the item. If it raises, it is called once more; a second exception is logged,
        and the next item follows.
    :param turns: fail more than ``FAIL_IN_TURNS_MIN_REQUESTS`` items in several turns of the reactor.
    """
    work = _fail_each(failing, fail)
    if turns and len(failing) > FAIL_IN_TURNS_MIN_REQUESTS:
        in_turns(work).addErrback(lambda _: at_once(work))  # the reactor takes no delayed call
    else:
        at_once(work)


def _fail_each(failing: Collection[_T], fail: Callable[[int, _T], object]) -> Generator[None, None, None]:
    for place, each in enumerate(failing):
        try:
            fail(place, each)
        except BaseException:
            try:
                fail(place, each)
            except AlreadyCalledError:  # the first call had fired it before it raised
                pass
            except BaseException:
                _log.failure("A Deferred could not be fired")
        if not (place + 1) % FAIL_PART_REQUESTS:
            yield


def as_exception(error: BaseException) -> Exception:
    """Make an error a value of a list of replies; wrap it if it is no ``Exception`` (asyncio's ``CancelledError``)."""
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
