"""The write cork of one connection: one enum, and one table that says which state follows which event.

A write is a system call, so a corked connection collects commands and writes them together. Three holders cork it:
the delivery of replies, whose callbacks send commands; a long burst of commands; a block ``with corked():``. Where the
collected commands exceed ``WRITE_CHUNK_BYTES``, the cork is draining: a producer passes them to the transport in
pieces, and later commands wait behind them.

This module must not know of transports.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "CorkEvent", "CorkState"]


class CorkState(enum.Enum):
    """The treatment of the next command."""

    __hash__ = object.__hash__  # Enum's is a Python function, and each delivery of replies calls it twice

    THROUGH = "through"  # write it at once
    CORKED = "corked"  # collect it, for one write
    DRAINING = "draining"  # collect it, behind the commands that a producer is writing


class CorkEvent(enum.Enum):
    """Events that change the state of a cork."""

    __hash__ = object.__hash__

    HOLD = "hold"  # a block begins, or a callback of a reply or a burst sends its first command
    WRITTEN = "written"  # the collected commands are written; with nested holders, by the first that ends
    OVERFLOW = "overflow"  # the collected commands exceed one write; a producer writes them
    DRAINED = "drained"  # the producer has written everything
    DRAINED_HELD = "drained while held"  # the same, and a delivery of replies is still collecting


_THROUGH, _CORKED, _DRAINING = CorkState.THROUGH, CorkState.CORKED, CorkState.DRAINING

#: The next state. An event that is not listed for a state does not change it.
TRANSITIONS: dict[tuple[CorkState, CorkEvent], CorkState] = {
    (_THROUGH, CorkEvent.HOLD): _CORKED,
    (_CORKED, CorkEvent.WRITTEN): _THROUGH,
    (_CORKED, CorkEvent.OVERFLOW): _DRAINING,
    (_DRAINING, CorkEvent.DRAINED): _THROUGH,
    (_DRAINING, CorkEvent.DRAINED_HELD): _CORKED,
}
