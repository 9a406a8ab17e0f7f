"""The other implementation, in a process of its own: measures slices as it is told on standard input.

Started as ``python -m txredis_fast._cli.speed.worker``, with ``TXREDIS_FAST_PUREPYTHON`` saying which implementation.
Speaks JSON lines: the URL comes in here, because a command line can be read by everyone on the machine. It ends when
its standard input does. Creates no key.
"""

from __future__ import annotations

import json
import signal
from typing import Any

from twisted.internet import stdio
from twisted.internet.defer import Deferred
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

import txredis_fast

from ..._reactor import current_reactor
from ..loop import silence_logging
from .measure import Target, measure

__all__: list[str] = []


class Worker(LineOnlyReceiver):
    """Takes orders, one line each, and answers each with one line."""

    delimiter = b"\n"

    def __init__(self) -> None:
        self._target: Target | None = None

    def lineReceived(self, line: bytes) -> None:
        """Carry out one order."""
        Deferred.fromCoroutine(self._obey(json.loads(line))).addErrback(self._failed)

    async def _obey(self, order: dict[str, Any]) -> None:
        if self._target is None:
            rc = await txredis_fast.from_url(order["url"], **order["options"])
            self._target = Target(rc, order["key"])
            self._say(implementation=txredis_fast.IMPLEMENTATION)
        else:
            sample = await measure(order["way"], self._target, order["duration"])
            self._say(rate=sample.rate)

    def _failed(self, failure: Failure) -> None:
        self._say(error=failure.getErrorMessage())

    def _say(self, **answer: Any) -> None:
        self.sendLine(json.dumps(answer).encode())  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = None) -> None:
        """Whoever gave the orders is gone."""
        reactor = current_reactor()
        if reactor.running:
            reactor.stop()


def main() -> None:
    """Run until standard input ends."""
    reactor = current_reactor()
    silence_logging()
    stdio.StandardIO(Worker())
    # A Ctrl-C reaches every process of the terminal; the one that gives the orders decides.
    reactor.callWhenRunning(signal.signal, signal.SIGINT, signal.SIG_IGN)
    reactor.run()


if __name__ == "__main__":
    main()
