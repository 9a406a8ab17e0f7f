"""Fail many requests: an exception in one errback does not keep the others pending, and no turn becomes too long.

Where the Deferred of a whole unit (a transaction, a pipeline) tells of a failure, those of its commands do not log it
once more if the program has dropped them.

This module must not know what a request is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from typing import Any, TypeVar

from twisted.internet.defer import AlreadyCalledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._tunables import FAIL_IN_TURNS_MIN_REQUESTS, FAIL_PART_REQUESTS
from ..transport import at_once, in_turns

__all__ = ["as_exception", "fail_each", "keep_out_of_log"]

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


def keep_out_of_log(deferred: Deferred[Any], error: BaseException) -> None:
    """Let a failed Deferred be dropped without Twisted's "Unhandled error in Deferred".

    The Deferred keeps its failure for callbacks that are added later. Nothing changes if a callback has replaced it.

    :param error: the exception that it has failed with.
    """
    result = getattr(deferred, "result", None)
    # Twisted has no public way: an errback would take the failure away from a program that awaits the Deferred later.
    report = deferred._debugInfo
    if report is not None and isinstance(result, Failure) and result.value is error:
        report.failResult = None
