"""A long turn of a program, over connections in memory: its timers are due, and then the reactor reads.

What servers and links do goes on meanwhile, and lies in the program's sockets when the turn ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from testbed.scripted import MemoryLink
from testbed.ways import Way
from twisted.internet.protocol import Protocol

#: Calls of links and of servers' sessions: not the program's.
_OTHERS = (MemoryLink, Way, Protocol)


def long_turn(
    clock: Any, links: Sequence[MemoryLink], seconds: float, run: Callable[..., object]
) -> dict[MemoryLink, bytes]:
    """Let the program be busy for some seconds.

    :param links: all of the program's that are up.
    :param run: called with a function and its arguments, calls it; may keep what is raised, as a reactor does.
    :returns: what lay in the socket of each link in the end; it has been read by now.
    """
    for link in links:
        link.hold()
    _let_others_go_on(clock, clock.rightNow + seconds)
    for call in sorted(_due(clock), key=lambda each: each.getTime()):
        if call.active():  # none before it has cancelled it
            clock.calls.remove(call)
            call.called = 1
            run(call.func, *call.args, **call.kw)
    come = {link: b"".join(link.client.held or ()) for link in links}
    for link in links:
        run(link.read)
    return come


def _due(clock: Any) -> list[Any]:
    return [call for call in clock.getDelayedCalls() if call.getTime() <= clock.rightNow]


def _let_others_go_on(clock: Any, until: float) -> None:
    while True:
        theirs = [
            call
            for call in clock.getDelayedCalls()
            if call.getTime() <= until and isinstance(getattr(call.func, "__self__", None), _OTHERS)
        ]
        if not theirs:
            clock.rightNow = until
            return
        call = min(theirs, key=lambda each: each.getTime())
        clock.rightNow = max(clock.rightNow, call.getTime())
        clock.calls.remove(call)
        call.called = 1
        call.func(*call.args, **call.kw)
