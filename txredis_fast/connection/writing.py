"""The writing side of one connection: write commands at once, corked in one write, or in pieces by a producer.

:class:`Writing` changes the cork's state and ``requests.outgoing``, the list of corked commands, which is None while
none is collected. Its compiled twin for a small reply, :mod:`._creading`, does so too; nothing else does.
This module must not know of commands, nor of replies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from .._tunables import BUSY_MIN_REQUESTS, WRITE_CHUNK_BYTES
from ..transport import Outlet, direct_sender
from .cork import TRANSITIONS, CorkEvent, CorkState

if TYPE_CHECKING:
    from .._types import Transport
    from .link import Link

__all__ = ["Writing"]

#: Members of the enums; see :mod:`.link`.
CORKED = CorkState.CORKED
HOLD, WRITTEN, OVERFLOW = CorkEvent.HOLD, CorkEvent.WRITTEN, CorkEvent.OVERFLOW
DRAINED, DRAINED_HELD = CorkEvent.DRAINED, CorkEvent.DRAINED_HELD


class Writing:
    """Writes the commands of the request queue.

    :ivar state: the state of the cork.
    """

    __slots__ = ("_link", "_outlet", "state")

    def __init__(self, link: Link) -> None:
        """Make the writing side of a connection."""
        self.state = CorkState.THROUGH
        self._link = link
        #: The producer at work on commands that exceed one write, or None.
        self._outlet: Outlet | None = None

    def use(self, transport: Transport | None) -> None:
        """Write all further commands to a transport."""
        requests = self._link.requests
        requests.send_now = None
        requests.transport = transport
        requests.send_now = direct_sender(transport)

    def write_with_others(self, data: bytes) -> None:
        """Collect a command that is probably one of many, to save calls of ``transport.write``.

        A command that a callback of a reply sends is written when the delivery of replies ends. If more than
        ``BURST_MIN_REQUESTS`` are in flight, it is probably one of a burst, and is written in the next turn of the
        reactor; or at once, where the transport has no reactor.
        """
        link = self._link
        requests = link.requests
        if requests.delivering:
            requests.outgoing = [data]
            self.state = CORKED
            return
        transport = requests.transport
        if link.on_busy is not None and len(requests.waiting) > BUSY_MIN_REQUESTS:
            link.on_busy(link.protocol)
        if requests.send_now is not None:
            requests.outgoing = [data]
            self._enter(HOLD)
            clock = transport.reactor  # type: ignore[union-attr]
            clock.callLater(0, self._flush_held, clock.seconds, clock.seconds())
        else:
            transport.write(data)  # type: ignore[union-attr]

    def flush(self) -> None:
        """Write the collected commands, or leave them to a producer if they exceed one write."""
        link = self._link
        if link.end_reason is not None:
            return  # the unwritten commands fail with NotSentError
        requests = link.requests
        outgoing = requests.outgoing
        try:
            if (
                outgoing
                and (requests.bytes_in_flight > WRITE_CHUNK_BYTES or self._outlet is not None)
                and self._is_much(outgoing)
            ):
                return
            requests.outgoing = None
            self.state = TRANSITIONS.get((self.state, WRITTEN), self.state)
            if outgoing:
                data = b"".join(outgoing) if len(outgoing) > 1 else outgoing[0]
                if requests.send_now is not None:
                    requests.send_now(data)
                else:
                    requests.transport.write(data)  # type: ignore[union-attr]
        except BaseException as error:
            link.tear(error)
            raise

    def _flush_held(self, seconds: Callable[[], float], since: float) -> None:
        """Write the commands collected for this turn of the reactor."""
        self._link.requests.turn_was_long(seconds() - since)
        self.flush()

    @contextlib.contextmanager
    def corked(self) -> Generator[None, None, None]:
        """Collect the commands of the block, and write them together at its end. Blocks may be nested."""
        requests = self._link.requests
        if requests.outgoing is not None or requests.delivering:
            yield
            return
        try:
            requests.outgoing = []
            self._enter(HOLD)
            yield
        except BaseException as error:
            if requests.outgoing:
                self._link.tear(error)  # these commands are never written
            self._let_through(WRITTEN)
            raise
        self.flush()

    def stop(self) -> None:
        """Stop writing: the connection is being closed, or is lost."""
        if self._outlet is not None:
            self._outlet.stop()

    def _enter(self, event: CorkEvent) -> None:
        self.state = TRANSITIONS.get((self.state, event), self.state)

    def _let_through(self, event: CorkEvent) -> None:
        self._link.requests.outgoing = None
        self._enter(event)

    def _is_much(self, outgoing: list[bytes]) -> bool:
        """Leave the commands to an outlet if one is at work, or if they exceed one write; return whether that is so."""
        if self._outlet is None:
            if len(outgoing) == 1 or sum(map(len, outgoing)) <= WRITE_CHUNK_BYTES:
                return False
            self._outlet = Outlet(self._link.requests.transport, outgoing, self._all_written)  # type: ignore[arg-type]
            self._enter(OVERFLOW)
            self._outlet.start()
        return True

    def _all_written(self) -> None:
        self._outlet = None
        # A fake transport answers inside its write(), and callbacks then send more; their delivery flushes it.
        if self._link.requests.delivering or self._link.requests.outgoing:
            self._enter(DRAINED_HELD)
        else:
            self._let_through(DRAINED)
