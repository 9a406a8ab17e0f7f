"""Runs one coroutine in the reactor, from which a signal is a cancellation: so that whatever it began, it ends.

Knows nothing of Redis.
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

    :ivar status: the exit status that tells of it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def silence_logging() -> None:
    """Keep Twisted's log off the screen: what went wrong is told by the program itself."""
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)


def run_reactor(main: Callable[[], Coroutine[Deferred[Any], Any, None]]) -> None:
    """Run a coroutine to its end; once for a process.

    :raises Interrupted: it was cancelled by a signal.
    :raises Exception: what it raised.
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

        # Only now: the reactor has just set its own, which would stop it with everything left as it is.
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
                signal.signal(number, interrupt)
        running.addBoth(outcome.append)
        # One turn later, in which connections that were aborted are closed.
        running.addBoth(lambda _: reactor.callLater(0, reactor.stop))

    reactor.callWhenRunning(start)
    reactor.run()
    if signals:
        raise Interrupted(signals[0])
    if not outcome:  # a signal in the moment before the reactor ran
        raise Interrupted(signal.SIGINT)
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
