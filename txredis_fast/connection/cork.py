"""The write cork of one connection: one enum, and one table that says which state follows which event.

A corked connection collects the commands given to it, so that they go out in one write: those that callbacks send
while replies are delivered, those of a long burst, those of a block ``with corked():``. Commands that are more than
one write's worth are drained: a producer hands them to the transport piece by piece, and later ones wait behind them.

This module must not know of transports.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "CorkEvent", "CorkState"]


class CorkState(enum.Enum):
    """What becomes of a command that is given now."""

    __hash__ = object.__hash__  # that of Enum is a Python function, and each delivery of replies looks twice

    THROUGH = "through"  # it is written at once
    CORKED = "corked"  # it is collected, for one write
    DRAINING = "draining"  # it is collected, behind what a producer is writing


class CorkEvent(enum.Enum):
    """What happens to a cork."""

    __hash__ = object.__hash__

    HOLD = "hold"  # delivery of replies, a burst or a block begins
    WRITTEN = "written"  # what was collected is written; the first of nested holders to end does it for all
    OVERFLOW = "overflow"  # what was collected is more than one write's worth: a producer writes it
    DRAINED = "drained"  # the producer has written all
    DRAINED_HELD = "drained while held"  # the producer has written all, and delivery of replies goes on collecting


_THROUGH, _CORKED, _DRAINING = CorkState.THROUGH, CorkState.CORKED, CorkState.DRAINING

#: The state that follows. An event that is not listed for a state leaves it as it is.
TRANSITIONS: dict[tuple[CorkState, CorkEvent], CorkState] = {
    (_THROUGH, CorkEvent.HOLD): _CORKED,
    (_CORKED, CorkEvent.WRITTEN): _THROUGH,
    (_CORKED, CorkEvent.OVERFLOW): _DRAINING,
    (_DRAINING, CorkEvent.DRAINED): _THROUGH,
    (_DRAINING, CorkEvent.DRAINED_HELD): _CORKED,
}
