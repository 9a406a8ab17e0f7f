"""The life of a connection: one enum, and one table that says which state follows which event.

A connection may be given a command where :attr:`Lifecycle.accepts` says so, and a pool may lend it where
:attr:`Lifecycle.usable` does. Both follow from the state, and from a mark: a program may set ``connected`` to 0. The
flag ``accepting`` of the request queue says whether a command may be written without a further question: it is
accepted, and no transaction of the connection's own collects it.

This module must not know of transports or of replies.
"""

from __future__ import annotations

import enum

from ..inflight import RequestQueue

__all__ = ["ACCEPTING", "DELIVERING", "TRANSITIONS", "ConnectionEvent", "ConnectionState", "Lifecycle"]


class ConnectionState(enum.Enum):
    """What a connection is at."""

    NEW = "new"  # it has no transport yet
    HANDSHAKE = "handshake"  # login, name and database are being told; a program may write commands behind them
    READY = "ready"
    DRAINING = "draining"  # it takes no command, and closes when those in flight have their replies
    ABORTING = "aborting"  # this side ends it: nothing is written, and no reply is handed on
    LOST = "lost"


class ConnectionEvent(enum.Enum):
    """What happens to a connection."""

    MADE = "made"  # the transport is there
    HANDSHAKEN = "handshaken"  # the server has accepted the login and the database
    DRAIN = "drain"
    ABORT = "abort"
    LOST = "lost"


_NEW, _HANDSHAKE, _READY = ConnectionState.NEW, ConnectionState.HANDSHAKE, ConnectionState.READY
_DRAINING, _ABORTING, _LOST = ConnectionState.DRAINING, ConnectionState.ABORTING, ConnectionState.LOST

#: The state that follows. An event that is not listed for a state leaves it as it is.
TRANSITIONS: dict[tuple[ConnectionState, ConnectionEvent], ConnectionState] = {
    (_NEW, ConnectionEvent.MADE): _HANDSHAKE,
    (_NEW, ConnectionEvent.HANDSHAKEN): _READY,  # a program calls connectionMade itself
    (_HANDSHAKE, ConnectionEvent.HANDSHAKEN): _READY,
    **{(state, ConnectionEvent.DRAIN): _DRAINING for state in (_NEW, _HANDSHAKE, _READY)},
    **{(state, ConnectionEvent.ABORT): _ABORTING for state in (_NEW, _HANDSHAKE, _READY, _DRAINING)},
    **{(state, ConnectionEvent.LOST): _LOST for state in (_NEW, _HANDSHAKE, _READY, _DRAINING, _ABORTING)},
}

#: The states in which a command may be given, and those in which replies are handed on.
ACCEPTING = (_HANDSHAKE, _READY)
DELIVERING = (_HANDSHAKE, _READY, _DRAINING)


class Lifecycle:
    """The state of one connection.

    :ivar state: changed by :meth:`enter`; in the middle of an exception, where no call is safe, by the connection.
    :ivar marked_down: whether a program has set ``connected`` to 0.
    :ivar collecting: whether a transaction or pipeline of the connection's own is given the commands.
    """

    def __init__(self, requests: RequestQueue) -> None:
        """Make one.

        :param requests: the connection's queue, whose ``accepting`` is kept up to date.
        """
        self.state = _NEW
        self.requests = requests
        self.marked_down = self.collecting = False

    @property
    def accepts(self) -> bool:
        """Whether a command may be given."""
        return self.state in ACCEPTING and not self.marked_down and not self.requests.torn

    @property
    def usable(self) -> bool:
        """Whether a pool may lend it: its handshake is done, and it is not being ended."""
        return self.state is _READY and not self.marked_down and not self.requests.torn

    def enter(self, event: ConnectionEvent) -> None:
        """Take the transition of an event, if the table has one."""
        state = TRANSITIONS.get((self.state, event))
        if state is not None:
            self.state = state
            self._settle()

    def mark(self, up: bool) -> None:
        """A program says whether the connection is up, by its attribute ``connected``."""
        self.marked_down = not up
        if up:
            self.enter(ConnectionEvent.MADE)
        self._settle()

    def _settle(self) -> None:
        self.requests.accepting = self.accepts and not self.collecting
