"""The scenario that checks whether ``_cdeferred`` fires Deferreds exactly as Twisted does.

It is run twice at import, with Deferreds of Twisted and with those of ``_cdeferred``. The compiled way is used only if
both runs record the same events. This module must not know how ``_cdeferred`` works.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.python.failure import Failure

__all__ = ["answering_coroutine", "answering_generator", "story", "yields"]


def story(make: Callable[[Any], Any], fire: Callable[[Any, Any], object], callbacks: str) -> object:
    """Fire Deferreds in all ways that ``_cdeferred`` distinguishes.

    :param make: makes a Deferred; takes its canceller.
    :param fire: fires a Deferred with a value.
    :param callbacks: name of the attribute that has a Deferred's list of callbacks.
    :returns: the recorded events, for comparison.
    """
    seen: list[Any] = []
    inner: Deferred[str] = Deferred()
    plain: list[Callable[[Any], Any]] = [
        lambda value: value + 1, lambda value: 1 / 0, lambda value: inner, lambda value: None
    ]  # fmt: skip
    for callback in plain:
        deferred = make(None)
        deferred.addCallback(callback)
        fire(deferred, 1)
        deferred.addErrback(lambda failure: failure.type)
        deferred.addCallback(seen.append)
        seen.append((deferred.called, deferred.paused, len(getattr(deferred, callbacks)), deferred._canceller))
    inner.callback("inner")
    nested = make(None)
    nested.addCallback(lambda value: nested.addCallback(seen.append) and "added while running")
    fire(nested, 1)
    lonely = make(None)
    fire(lonely, 1)
    lonely.addCallback(seen.append)
    for waiter in (_coroutine, _generator):
        awaited = [make(None) for _ in range(4)]
        finished = waiter(awaited, seen)
        finished.addBoth(lambda result: seen.append(result.type if isinstance(result, Failure) else result))
        for deferred in awaited:
            fire(deferred, awaited.index(deferred))
            seen.append((deferred.result, deferred.called, len(getattr(deferred, callbacks))))
    for waiter in (_coroutine, _generator):
        failing = make(None)
        finished = waiter([failing], seen)
        fire(failing, Failure(LookupError("failed")))
        finished.addBoth(lambda result: seen.append((result.type, result.value.args)))
        seen.append((failing.result, failing.called, failing._debugInfo))
    awaited = [make(None) for _ in range(2)]
    finished = _coroutine(awaited, seen)
    fire(awaited[0], 1)
    finished.cancel()
    finished.addErrback(lambda failure: seen.append(failure.type))
    seen.append([deferred.called for deferred in awaited])
    for answering in (answering_coroutine, answering_generator, _Answers, lambda: "no coroutine"):
        answer: Any = answering()
        awaited = [make(None)]
        fired: Any = inlineCallbacks(yields)(awaited[0], answer)
        fire(awaited[0], 1)
        seen.append((fired.called, awaited[0].result, "as it was" if fired.result is answer else repr(fired.result)))
        if hasattr(answer, "close"):
            answer.close()  # else Python warns where Twisted has not run the coroutine
    return seen


def yields(*values: object) -> Generator[Any, Any, Any]:
    """Yield values, and return the result of the last one."""
    got = None
    for value in values:
        got = yield value
    return got


async def answering_coroutine() -> str:
    """Return at once."""
    return "of a coroutine"


def answering_generator() -> Generator[Any, Any, str]:
    """Return at once."""
    return "of a generator"
    yield


class _Answers(Coroutine[Any, Any, str]):
    """A coroutine that is no native coroutine object, as in compiled code."""

    def send(self, value: object) -> object:
        raise StopIteration("of an object")

    def throw(self, *error: Any) -> object:
        raise error[0]

    def close(self) -> None:
        pass

    def __await__(self) -> Generator[Any, Any, str]:
        return answering_generator()


def _coroutine(awaited: Sequence[Deferred[Any]], seen: list[Any]) -> Deferred[Any]:
    async def run() -> object:
        for number, deferred in enumerate(awaited):
            value = await deferred
            seen.append((number, value))
        return len(seen)

    coroutine: Coroutine[Deferred[Any], Any, Any] = run()
    return Deferred.fromCoroutine(coroutine)


@inlineCallbacks
def _generator(awaited: Sequence[Deferred[Any]], seen: list[Any]) -> Generator[Deferred[Any], Any, Any]:
    for number, deferred in enumerate(awaited):
        value = yield deferred
        seen.append((number, value))
    raise KeyError(len(seen))
