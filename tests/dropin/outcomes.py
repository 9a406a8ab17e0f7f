"""What a call came to (a value, an error, or nothing at all), and when two outcomes are the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, FirstError, ensureDeferred, fail
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

#: Seconds after which a call counts as one that is never answered, unless told otherwise.
HANG_LIMIT = 1.0


@dataclass(frozen=True)
class Fired:
    """The Deferred fired with a value."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """The Deferred failed, or the call raised, which counts as the same."""

    error: Exception


@dataclass(frozen=True)
class Hung:
    """Nothing came in time."""


@dataclass(frozen=True)
class Warned:
    """An outcome, after a warning to the caller."""

    warning: str
    outcome: Any


Outcome = Fired | Failed | Hung | Warned


async def outcome_of(call: Callable[[], Any], limit: float = HANG_LIMIT) -> Outcome:
    """Make a call and wait for what comes of it.

    :param call: returns a Deferred, a coroutine, or the value itself.
    :param limit: seconds after which it counts as never answered.
    """
    from twisted.internet import reactor

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as error:
            result = fail(error)
    outcome: Outcome = Fired(result)
    if isinstance(result, Deferred | Coroutine):
        deferred = result if isinstance(result, Deferred) else ensureDeferred(result)
        # Each waits on a Deferred of its own: txredisapi's go on to use theirs, cancelled or not.
        waiting: Deferred[Any] = Deferred()
        deferred.addBoth(lambda result: None if waiting.called else waiting.callback(result))
        waiting.addTimeout(limit, reactor)
        try:
            outcome = Fired(await waiting)
        except DeferredTimeoutError:
            outcome = Hung()
        except Exception as error:
            outcome = Failed(error)
    ours = [str(warning.message) for warning in caught if warning.category is DeprecationWarning]
    return Warned("\n".join(ours), outcome) if ours else outcome


def same(ours: Any, theirs: Any) -> bool:
    """Whether two outcomes or values are the same: values with their types to any depth, errors as same_error()."""
    if isinstance(ours, Exception) and isinstance(theirs, Exception):
        return same_error(ours, theirs)
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, Fired):
        return same(ours.value, theirs.value)
    if isinstance(ours, Failed):
        return same_error(ours.error, theirs.error)
    if isinstance(ours, Warned):
        return ours.warning == theirs.warning and same(ours.outcome, theirs.outcome)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, dict):
        return same(sorted(ours.items(), key=repr), sorted(theirs.items(), key=repr))
    if isinstance(ours, set):
        return same(sorted(ours, key=repr), sorted(theirs, key=repr))
    return bool(ours == theirs)


def same_error(ours: Exception, theirs: Exception) -> bool:
    """Whether whoever catches their error catches ours, and reads the same where that is the server's text."""
    names = {cls.__name__ for cls in type(ours).__mro__}
    if type(theirs).__name__ not in names:
        return False
    if isinstance(theirs, FirstError):
        return isinstance(ours, FirstError) and same_error(ours.subFailure.value, theirs.subFailure.value)
    return type(theirs).__name__ != "ResponseError" or str(ours) == str(theirs)
