"""The worker process: measures the other implementation, on orders from standard input.

The parent starts ``python -m txredis_fast._cli.speed.worker`` with ``TXREDIS_FAST_PUREPYTHON`` set for the wanted
implementation. Orders and answers are JSON, one object a line. The URL is part of the first order, because every user
of the machine can read a command line. The worker ends when its standard input ends. It creates no key.
"""

from __future__ import annotations

import json
import signal
from typing import Any

from twisted.internet import stdio
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

import txredis_fast

from ..._reactor import current_reactor
from ..loop import silence_logging
from .measure import Target, measure

__all__: list[str] = []


class Worker(LineOnlyReceiver):
    """Carries out orders, one per line, and writes one line of answer for each."""

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

    def _say(self, **answer: object) -> None:
        self.sendLine(json.dumps(answer).encode())  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop, because the parent is gone."""
        reactor = current_reactor()
        if reactor.running:
            reactor.stop()


def main() -> None:
    """Run until standard input ends."""
    reactor = current_reactor()
    silence_logging()
    stdio.StandardIO(Worker())
    # Ctrl-C reaches every process of the terminal. The parent decides what ends.
    reactor.callWhenRunning(signal.signal, signal.SIGINT, signal.SIG_IGN)
    reactor.run()


if __name__ == "__main__":
    main()
