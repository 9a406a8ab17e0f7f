"""RESP3 push messages of one connection, dispatched by their first word to registered handlers.

A server sends pushes between replies: published messages, invalidated keys and others in later versions. The rooms
above register handlers for the words that they understand. A push without a handler goes to the program, through
``pushReceived``.

This module must not know what any word means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..resp import Push

__all__ = ["PushHandler", "Pushes"]

#: Takes a push; returns False if it does not understand it. Then ``pushReceived`` gets the push.
PushHandler = Callable[[Push], bool]


class _Program(Protocol):
    """The protocol of a connection: it gets the pushes that no handler takes."""

    def pushReceived(self, push: Push) -> object: ...


class Pushes:
    """The handlers of one connection's pushes, by first word."""

    def __init__(self, program: _Program) -> None:
        """Make the registry, empty.

        :param program: its ``pushReceived``, looked up for each push, gets the pushes that no handler takes.
        """
        self._program = program
        self._handlers: dict[str | bytes, PushHandler] = {}

    def register(self, word: bytes, handler: PushHandler) -> None:
        """Register a handler for all pushes whose first word is ``word``.

        :param word: as the server sends it; ASCII.
        :param handler: an exception that it raises closes the connection, as one of ``pushReceived`` does.
        :raises ValueError: the word already has a handler.
        """
        text = word.decode("ascii")
        if word in self._handlers:
            raise ValueError(f"pushes {text!r} have a handler already")
        # Depending on the connection's charset, the reader returns the word as bytes or as str.
        self._handlers[word] = self._handlers[text] = handler

    def deliver(self, push: Push) -> None:
        """Pass a push to its handler, or to ``pushReceived`` if there is none or the handler returns False."""
        word = push[0] if push else None
        handler = self._handlers.get(word) if isinstance(word, (str, bytes)) else None
        if handler is None or not handler(push):
            self._program.pushReceived(push)
