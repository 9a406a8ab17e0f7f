"""Work that would make one turn of the reactor too long, spread over as many turns as it needs.

This module must not know what the work is.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from .._reactor import current_reactor
from .._tunables import WORK_SLICE_SECONDS
from . import flood

__all__ = ["at_once", "in_turns"]

_T = TypeVar("_T")


def in_turns(work: Generator[None, None, _T]) -> Deferred[_T]:
    """Run a generator to its end: for a slice of time now, then for one in each later turn of the reactor.

    :param work: yields where it may be interrupted, every few milliseconds.
    :returns: fires with its result, fails with its exception. Cancelling does not end the work.
    """
    done: Deferred[_T] = Deferred()
    _run(work, done)
    return done


def at_once(work: Generator[None, None, _T]) -> _T:
    """Run a generator to its end, all of it now.

    :returns: its result.
    """
    try:
        while True:
            next(work)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def _run(work: Generator[None, None, Any], done: Deferred[Any]) -> None:
    end = flood.seconds() + WORK_SLICE_SECONDS
    try:
        while True:
            next(work)
            if flood.seconds() >= end:
                current_reactor().callLater(0, _run, work, done)
                return
    except StopIteration as stop:
        result = stop.value
    except BaseException:  # the caller is the reactor, so the Deferred must tell
        done.errback()
        return
    done.callback(result)
