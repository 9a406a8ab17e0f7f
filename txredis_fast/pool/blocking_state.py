"""The life of a blocking command: one enum, and one table that says which state follows which event.

The difficult part is a command that its caller gives up while the server holds it: the connection may be used again
only when both replies are there, that of the command and that of the ``CLIENT UNBLOCK`` sent to end it. An UNBLOCK that
is still on its way would end the connection's next command.

This module must not know of connections or of timers.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "BlockingEvent", "BlockingState"]


class BlockingState(enum.Enum):
    """What a blocking command is at."""

    WAITING = "waiting"  # for a connection
    SENT = "sent"  # the caller waits for the reply
    GIVEN_UP = "given up"  # nobody waits for the reply; no UNBLOCK is on its way, the next one is being prepared
    UNBLOCKING = "unblocking"  # an UNBLOCK was sent; neither its reply nor that of the command has come
    UNBLOCK_UNKNOWN = "unblock unknown"  # the outcome of an UNBLOCK is unknown: the server may still act on it
    ANSWERED = "answered"  # the command's reply has come before that of the UNBLOCK
    TAINTED = "tainted"  # it is answered, and the outcome of an UNBLOCK is unknown: the connection has to end
    DONE = "done"  # the connection may be used again


class BlockingEvent(enum.Enum):
    """What happens to a blocking command."""

    CONNECTED = "connected"  # it has a connection, on which it is sent
    GIVE_UP = "give up"  # the caller has cancelled it, or its time limit is over
    TELL = "tell"  # CLIENT UNBLOCK is sent on another connection
    TOLD = "told"  # the server has answered the UNBLOCK, or has never received it
    LOST_TRACK = "lost track"  # the connection was lost that the UNBLOCK was sent on
    REPLY = "reply"  # the command is answered, by its reply or by an error; while it waits, only by an error


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
    (_S.UNBLOCKING, _E.TOLD): _S.GIVEN_UP,  # the server had not seen the command yet: it is told again
    (_S.UNBLOCKING, _E.LOST_TRACK): _S.UNBLOCK_UNKNOWN,
    (_S.UNBLOCKING, _E.REPLY): _S.ANSWERED,
    (_S.UNBLOCK_UNKNOWN, _E.REPLY): _S.TAINTED,
    (_S.ANSWERED, _E.TOLD): _S.DONE,
    (_S.ANSWERED, _E.LOST_TRACK): _S.TAINTED,
}
