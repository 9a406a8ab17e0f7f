"""The life of a connection: one enum, and one table that says which state follows which event.

:attr:`Lifecycle.accepts` tells whether the connection accepts a command; :attr:`Lifecycle.usable` tells whether a pool
may lend it. Both depend on the state and on ``marked_down``: a program may set ``connected`` to 0. Sending a command
tests only one flag, ``accepting`` of the request queue. It is true if the connection accepts commands and no
transaction or pipeline of its own collects them.

This module must not know of transports or of replies.
"""

from __future__ import annotations

import enum

from ..exceptions import ConnectionError
from ..inflight import RequestQueue

__all__ = ["ACCEPTING", "DELIVERING", "TORN", "TRANSITIONS", "ConnectionEvent", "ConnectionState", "Lifecycle"]

#: Reason for closing while the actual one is unknown, or cannot be formatted.
TORN = ConnectionError("an exception was raised while a command was sent or a reply was delivered")


class ConnectionState(enum.Enum):
    """The phases of a connection's life."""

    NEW = "new"  # no transport yet
    HANDSHAKE = "handshake"  # AUTH, CLIENT and SELECT are in flight; a program may already write commands behind them
    READY = "ready"
    DRAINING = "draining"  # accepts no commands, and closes when those in flight are answered
    ABORTING = "aborting"  # closed by this side: writes nothing, delivers no replies
    LOST = "lost"


class ConnectionEvent(enum.Enum):
    """Events that change the state of a connection."""

    MADE = "made"  # the transport is connected
    HANDSHAKEN = "handshaken"  # the handshake has succeeded
    DRAIN = "drain"
    ABORT = "abort"
    LOST = "lost"


_NEW, _HANDSHAKE, _READY = ConnectionState.NEW, ConnectionState.HANDSHAKE, ConnectionState.READY
_DRAINING, _ABORTING, _LOST = ConnectionState.DRAINING, ConnectionState.ABORTING, ConnectionState.LOST

#: The next state. An event that is not listed for a state does not change it.
TRANSITIONS: dict[tuple[ConnectionState, ConnectionEvent], ConnectionState] = {
    (_NEW, ConnectionEvent.MADE): _HANDSHAKE,
    (_NEW, ConnectionEvent.HANDSHAKEN): _READY,  # a program calls connectionMade itself
    (_HANDSHAKE, ConnectionEvent.HANDSHAKEN): _READY,
    **{(state, ConnectionEvent.DRAIN): _DRAINING for state in (_NEW, _HANDSHAKE, _READY)},
    **{(state, ConnectionEvent.ABORT): _ABORTING for state in (_NEW, _HANDSHAKE, _READY, _DRAINING)},
    **{(state, ConnectionEvent.LOST): _LOST for state in (_NEW, _HANDSHAKE, _READY, _DRAINING, _ABORTING)},
}

#: The states in which commands are accepted, and those in which replies are delivered.
ACCEPTING = (_HANDSHAKE, _READY)
DELIVERING = (_HANDSHAKE, _READY, _DRAINING)


class Lifecycle:
    """The state of one connection.

    :ivar state: changed by :meth:`enter`. While an exception is handled, when a call may raise, the connection sets it
        directly.
    :ivar marked_down: whether a program has set ``connected`` to 0.
    :ivar collecting: whether a transaction or pipeline on the connection itself gets the commands.
    """

    def __init__(self, requests: RequestQueue) -> None:
        """Make one.

        :param requests: the connection's queue; its ``accepting`` follows the state.
        """
        self.state = _NEW
        self.requests = requests
        self.marked_down = self.collecting = False

    @property
    def accepts(self) -> bool:
        """Whether the connection accepts commands."""
        return self.state in ACCEPTING and not self.marked_down and not self.requests.torn

    @property
    def usable(self) -> bool:
        """Whether a pool may lend the connection: its handshake is done, and it is not being closed."""
        return self.state is _READY and not self.marked_down and not self.requests.torn

    def enter(self, event: ConnectionEvent) -> None:
        """Apply the transition of an event, if the table has one."""
        state = TRANSITIONS.get((self.state, event))
        if state is not None:
            self.state = state
            self._settle()

    def mark(self, up: bool) -> None:
        """Apply a value that a program has set ``connected`` to."""
        self.marked_down = not up
        if up:
            self.enter(ConnectionEvent.MADE)
        self._settle()

    def _settle(self) -> None:
        self.requests.accepting = self.accepts and not self.collecting
