"""Write a large amount of data as fast as the transport takes it.

A transport keeps all data written to it in memory until its socket takes it. :class:`Outlet` writes the next chunk when
the transport asks for more. Until then commands stay in the list of encoded commands, and later ones are appended to
it.

This module must not know of commands or of replies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from .._tunables import WRITE_CHUNK_BYTES

if TYPE_CHECKING:
    from .._types import Transport

__all__ = ["Outlet", "forget_unsent"]


@implementer(IPushProducer)
class Outlet:
    """Writes a list of encoded commands to a transport, chunk by chunk, and removes the written ones from it."""

    def __init__(self, transport: Transport, outgoing: list[bytes], done: Callable[[], object]) -> None:
        """Make one, which writes nothing before ``start()``.

        :param outgoing: the encoded commands; more may be appended until the list is empty.
        :param done: called when the list is empty.
        """
        self._transport = transport
        self._outgoing = outgoing
        self._done = done
        self._paused = False
        self._writing = False
        self._open = True

    def start(self) -> None:
        """Write the first chunks; or all at once if the transport has another producer, or does not support any."""
        if self._register():
            self.resumeProducing()
            return
        self._open = False
        outgoing, self._outgoing[:] = self._outgoing[:], []
        self._transport.write(b"".join(outgoing))
        self._done()

    def _register(self) -> bool:
        register = getattr(self._transport, "registerProducer", None)
        if register is None:
            return False
        try:
            register(self, True)
        except RuntimeError:  # there is another producer
            return False
        return True

    def stop(self) -> None:
        """Write no more."""
        if self._open:
            self._open = False
            self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport has enough for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The transport asks for more: write until it pauses this producer, or nothing is left."""
        self._paused = False
        if self._writing:  # by a transport that asks for more within its write
            return
        self._writing = True
        try:
            while self._open and not self._paused and self._outgoing:
                if getattr(self._transport, "disconnecting", False):
                    self.stop()  # Twisted closes the transport when its producer has unregistered
                    return
                self._transport.write(self._take())
        finally:
            self._writing = False
        if self._open and not self._outgoing:
            self.stop()
            self._done()

    def stopProducing(self) -> None:
        """The connection is lost."""
        self._open = False

    def _take(self) -> bytes:
        """Remove the next chunk: many short commands joined, or one long command as it is."""
        size = end = 0
        for data in self._outgoing:
            if end and size + len(data) > WRITE_CHUNK_BYTES:
                break
            size += len(data)
            end += 1
        taken = self._outgoing[:end]
        del self._outgoing[:end]
        return b"".join(taken) if end > 1 else taken[0]


def forget_unsent(transport: object) -> None:
    """Free the data that a lost connection has not written.

    Twisted's transports keep it, and are in reference cycles, so that it would stay until a garbage collection. This
    touches private attributes of Twisted; where they are missing, nothing is done.
    """
    abstract = sys.modules.get("twisted.internet.abstract")
    while abstract is not None and transport is not None:
        if isinstance(transport, abstract.FileDescriptor):
            if transport.disconnected and isinstance(getattr(transport, "_tempDataBuffer", None), list):
                transport.dataBuffer = b""
                transport.offset = 0
                transport._tempDataBuffer = []
                transport._tempDataLen = 0
            return
        # TLS has the socket's transport below it.
        transport = vars(transport).get("transport") if hasattr(transport, "__dict__") else None
