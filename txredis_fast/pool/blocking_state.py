"""The life of a blocking command: one enum, and one table that says which state follows which event.

The difficult case is a command that its caller gives up while the server holds it. Its connection may be used again
only after two replies: that of the command, and that of the ``CLIENT UNBLOCK`` that was sent to end it. An UNBLOCK that
is still on its way would end the connection's next command.

This module must not know of connections or of timers.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "BlockingEvent", "BlockingState"]


class BlockingState(enum.Enum):
    """The states of a blocking command."""

    WAITING = "waiting"  # the command waits for a connection
    SENT = "sent"  # the caller waits for the reply
    GIVEN_UP = "given up"  # nobody waits for the reply; the next UNBLOCK is being prepared
    UNBLOCKING = "unblocking"  # an UNBLOCK was sent; its answer and the command's reply are awaited
    UNBLOCK_UNKNOWN = "unblock unknown"  # the outcome of an UNBLOCK is unknown: the server may still act on it
    ANSWERED = "answered"  # the command has its reply; the answer to the UNBLOCK is awaited
    TAINTED = "tainted"  # the command has its reply, but an UNBLOCK may still come: the connection is closed
    DONE = "done"  # the connection may be used again


class BlockingEvent(enum.Enum):
    """Events in the life of a blocking command."""

    CONNECTED = "connected"  # a connection is there, and the command is sent on it
    GIVE_UP = "give up"  # the caller cancelled the command, or its time limit is over
    TELL = "tell"  # CLIENT UNBLOCK is sent on another connection
    TOLD = "told"  # the server answered the UNBLOCK, or never received it
    LOST_TRACK = "lost track"  # the UNBLOCK's connection was lost before its answer
    REPLY = "reply"  # the command has its reply or its error


_S, _E = BlockingState, BlockingEvent

#: The state that follows. An event that is not listed for a state leaves it as it is.
TRANSITIONS: dict[tuple[BlockingState, BlockingEvent], BlockingState] = {
    (_S.WAITING, _E.CONNECTED): _S.SENT,
    (_S.WAITING, _E.GIVE_UP): _S.DONE,
    (_S.WAITING, _E.REPLY): _S.DONE,
    (_S.SENT, _E.GIVE_UP): _S.GIVEN_UP,
    (_S.SENT, _E.REPLY): _S.DONE,
    (_S.GIVEN_UP, _E.TELL): _S.UNBLOCKING,
    (_S.GIVEN_UP, _E.REPLY): _S.DONE,
    (_S.UNBLOCKING, _E.TOLD): _S.GIVEN_UP,  # the command had not arrived yet: the UNBLOCK is sent again
    (_S.UNBLOCKING, _E.LOST_TRACK): _S.UNBLOCK_UNKNOWN,
    (_S.UNBLOCKING, _E.REPLY): _S.ANSWERED,
    (_S.UNBLOCK_UNKNOWN, _E.REPLY): _S.TAINTED,
    (_S.ANSWERED, _E.TOLD): _S.DONE,
    (_S.ANSWERED, _E.LOST_TRACK): _S.TAINTED,
}
