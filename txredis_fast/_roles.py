"""Detect by error replies that a server is a replica, and limit how often connections are replaced for that reason.

Theory. A fail-over may close no connection. Then a pool keeps using a server that is now a replica, and only error
replies to writes show it. Such a connection is drained and closed, so that the next one resolves the name, or asks the
Sentinels, anew. But a program may use a replica on purpose and try a write now and then, and a managed service may need
time to change the name. So there are rounds: in each round a connection is replaced at most once, and the delay until
the next round grows like the back-off.

This module must not know how connections are made or closed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .exceptions import ResponseError

__all__ = ["Rounds", "is_of_replica", "telling_of_replica"]

#: The text of a refused write inside other errors: EXECABORT, and errors of scripts before Redis 7.
_REFUSED_WRITE = "READONLY You can't write against a read only "

#: The text of UNBLOCKED if the server has become a replica; after CLIENT UNBLOCK it is another one.
_UNBLOCKED = "instance state changed"


def is_of_replica(error: ResponseError) -> bool:
    """Whether an error reply shows that the server is a replica."""
    code = error.code
    if code in ("READONLY", "MASTERDOWN"):
        return True
    text = str(error)
    if code == "UNBLOCKED":
        return _UNBLOCKED in text
    return code in ("EXECABORT", "ERR") and _REFUSED_WRITE in text


def telling_of_replica(protocol: Any) -> Callable[[ResponseError], None]:
    """Make the ``on_error`` of a reader: it calls the factory's ``found_replica`` when an error reply is a replica's.

    It keeps a weak reference to the protocol only.
    """
    known = weakref.ref(protocol)

    def tell(error: ResponseError) -> None:
        protocol = known()
        if protocol is not None and protocol.link.usable and is_of_replica(error):
            found_replica = getattr(protocol.factory, "found_replica", None)
            if found_replica is not None:
                found_replica(protocol, error)

    return tell


class Rounds:
    """Decides when a pool's connections that lead to a replica are replaced.

    :ivar number: of the present round. A connection belongs to the round in which it was made.
    """

    def __init__(self, pause: Callable[[int], float], seconds: Callable[[], float], calm: Callable[[], float]) -> None:
        """Begin the first round.

        :param pause: returns the seconds from the beginning of a round to the next; called with the number of rounds in
            succession.
        :param seconds: returns the time in seconds.
        :param calm: returns the seconds without a reason for another round, after which the shortest pause is used
        again.
        """
        self.number = 0
        self._pause = pause
        self._seconds = seconds
        self._calm = calm
        self._in_a_row = 0
        #: When the next round may begin.
        self._next: float | None = None

    def replaces(self, number: int) -> bool:
        """Whether a connection that leads to a replica is to be replaced now.

        :param number: the round in which it was made.
        """
        if number != self.number:
            return True
        now = self._seconds()
        if self._next is not None and now < self._next:
            return False
        if self._next is None or now >= self._next + self._calm():
            self._in_a_row = 0
        self._in_a_row += 1
        self._next = now + self._pause(self._in_a_row)
        self.number += 1
        return True
