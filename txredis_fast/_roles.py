"""What error replies tell of a server's role, and how often a connection to a wrong one is made anew.

Theory. After a fail-over that closes no connection, a pool goes on with a server that is a replica by now, and nothing
but the replies to writes tells. A connection that was told so ends, once what is in flight on it is answered, so that
the next one is made where the name leads, or the Sentinels say, by then. But a program may well use a replica, read
from it and try a write now and then; and a managed service may take its time to move the name. So there are rounds: in
each of them a connection is replaced at most once, and the next begins after a delay that grows as the back-off does.

This module must not know how connections are made or closed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .exceptions import ResponseError

__all__ = ["Rounds", "is_of_replica", "telling_of_replica"]

#: How a write is refused, where another error has that as its reason: EXECABORT, or that of a script before Redis 7.
_REFUSED_WRITE = "READONLY You can't write against a read only "

#: Why a blocking command was ended, where the server has become a replica; CLIENT UNBLOCK has another text.
_UNBLOCKED = "instance state changed"


def is_of_replica(error: ResponseError) -> bool:
    """Whether an error reply tells that the server is a replica."""
    code = error.code
    if code in ("READONLY", "MASTERDOWN"):
        return True
    text = str(error)
    if code == "UNBLOCKED":
        return _UNBLOCKED in text
    return code in ("EXECABORT", "ERR") and _REFUSED_WRITE in text


def telling_of_replica(protocol: Any) -> Callable[[ResponseError], None]:
    """A reader's ``on_error``: tells the factory of a usable connection when an error reply is of a replica.

    It does not keep the protocol.
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
    """When the connections of a factory are to be replaced that lead to a replica.

    :ivar number: of this round. A connection is of the round that it was made in.
    """

    def __init__(self, pause: Callable[[int], float], seconds: Callable[[], float], calm: Callable[[], float]) -> None:
        """Make it.

        :param pause: seconds from the beginning of a round to the next, given how many came one upon the other.
        :param seconds: tells the time.
        :param calm: seconds without a reason for another round, after which the pauses begin with the shortest.
        """
        self.number = 0
        self._pause = pause
        self._seconds = seconds
        self._calm = calm
        self._in_a_row = 0
        #: When the next round may begin.
        self._next: float | None = None

    def replaces(self, number: Any) -> bool:
        """Whether a connection of this number is to be replaced, now that it was found to lead to a replica."""
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
