"""Runs one coroutine in the reactor. A signal cancels the coroutine, so that it can clean up.

This module must not know Redis.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from .._reactor import current_reactor

__all__ = ["Interrupted", "run_reactor", "silence_logging"]

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupted(Exception):
    """A signal ended the program.

    :ivar status: the exit status, 128 plus the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def silence_logging() -> None:
    """Discard Twisted's log: the program reports its errors itself."""
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)


def run_reactor(main: Callable[[], Coroutine[Deferred[Any], Any, None]]) -> None:
    """Run a coroutine to its end. May be called once per process.

    :raises Interrupted: a signal cancelled it.
    :raises Exception: the exception of the coroutine.
    """
    reactor = current_reactor()
    silence_logging()
    signals: list[int] = []
    outcome: list[Any] = []

    def start() -> None:
        running = Deferred.fromCoroutine(main())

        def interrupt(number: int, frame: object) -> None:
            signals.append(number)
            reactor.callFromThread(running.cancel)

        # The reactor has just installed its own handlers, which would stop it without cleaning up: replace them.
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
                signal.signal(number, interrupt)
        running.addBoth(outcome.append)
        # One turn later, because aborted connections are closed in the next turn.
        running.addBoth(lambda _: reactor.callLater(0, reactor.stop))

    reactor.callWhenRunning(start)
    reactor.run()
    if signals:
        raise Interrupted(signals[0])
    if not outcome:  # a signal arrived before the reactor ran
        raise Interrupted(signal.SIGINT)
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
