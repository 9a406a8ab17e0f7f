"""The life of a pool: one enum, and one table that says which state follows which event.

The state says how the pool treats its connections; how many are usable is the length of its list, ``pool``. Two
questions are answered by it, each in one place only: :attr:`.Pool.keeps_trying` (are lost connections made again?)
and :attr:`.Pool.may_wait` (may a command wait for a connection?).

That no connection is made again is not a state: it is ``reconnect``, which Twisted calls ``continueTrying``. A program
may set it at any time, or replace it by a descriptor that ignores being set, so it is read afresh each time.

This module must not know of connections.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "PoolEvent", "PoolLife", "PoolState"]


class PoolState(enum.Enum):
    """The states of a pool."""

    FIRST = "first"  # no connection has been usable yet
    UP = "up"  # at least one connection is usable
    RETRYING = "retrying"  # the last usable connection was lost; attempts go on if ``reconnect`` says so
    REFUSED = "refused"  # the server refused the last handshake: the next attempt waits for the longest delay
    CLOSING = "closing"  # disconnect() was called: commands fail, connections close after their last replies
    CLOSED = "closed"


class PoolEvent(enum.Enum):
    """Events in the life of a pool."""

    ADDED = "added"  # a connection has joined the pool
    EMPTIED = "emptied"  # the last usable connection was lost
    REFUSED = "refused"  # the server refused a handshake for a reason that does not pass by itself
    NEW_LOGIN = "new login"  # the program changed the password: the refusal of the former one is void
    CLOSE = "close"  # disconnect()
    ENDED = "ended"  # the last connection is closed
    REOPEN = "reopen"  # a program sets ``disconnectCalled`` to False


_S, _E = PoolState, PoolEvent
_OPEN = (_S.FIRST, _S.UP, _S.RETRYING, _S.REFUSED)
_CLOSING = (_S.CLOSING, _S.CLOSED)

#: The state that follows. An event that is not listed for a state leaves it as it is.
TRANSITIONS: dict[tuple[PoolState, PoolEvent], PoolState] = {
    **{(state, _E.ADDED): _S.UP for state in _OPEN},
    (_S.UP, _E.EMPTIED): _S.RETRYING,
    **{(state, _E.REFUSED): _S.REFUSED for state in _OPEN},
    (_S.REFUSED, _E.NEW_LOGIN): _S.RETRYING,
    **{(state, _E.CLOSE): _S.CLOSING for state in _OPEN},
    (_S.CLOSING, _E.ENDED): _S.CLOSED,
    **{(state, _E.REOPEN): _S.RETRYING for state in _CLOSING},
}


class PoolLife:
    """The state of one pool."""

    def __init__(self) -> None:
        self.state = _S.FIRST

    @property
    def closing(self) -> bool:
        """Whether :meth:`.Pool.disconnect` was called: the pool lends and makes no connections."""
        return self.state in _CLOSING

    @property
    def refused(self) -> bool:
        """Whether the server refused the last handshake."""
        return self.state is _S.REFUSED

    def enter(self, event: PoolEvent) -> None:
        """Take the transition of an event, if the table has one."""
        self.state = TRANSITIONS.get((self.state, event), self.state)
