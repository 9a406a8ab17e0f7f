"""RESP3 push messages of one connection: each goes to the handler that is registered for its first word.

A server sends pushes between replies: published messages, invalidated keys and whatever later versions add. The rooms
above register for the words that they understand; what nobody takes is the program's, by ``pushReceived``.

This module must not know what any word means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..resp import Push

__all__ = ["PushHandler", "Pushes"]

#: Is given a push; returns False where it does not understand that one, which ``pushReceived`` is given then.
PushHandler = Callable[[Push], bool]


class _Program(Protocol):
    """A connection's protocol, where pushes that no handler takes go."""

    def pushReceived(self, push: Push) -> object: ...


class Pushes:
    """The handlers of one connection's pushes, by first word."""

    def __init__(self, program: _Program) -> None:
        """Make the registry, empty.

        :param program: its ``pushReceived``, looked up for each push, is given what no handler takes.
        """
        self._program = program
        self._handlers: dict[str | bytes, PushHandler] = {}

    def register(self, word: bytes, handler: PushHandler) -> None:
        """Have all pushes that begin with a word given to a handler.

        :param word: as the server sends it; ASCII.
        :param handler: an exception that it raises ends the connection, as one of ``pushReceived`` does.
        :raises ValueError: the word has a handler.
        """
        text = word.decode("ascii")
        if word in self._handlers:
            raise ValueError(f"pushes {text!r} have a handler already")
        # The reader leaves strings as bytes or decodes them, as the connection's charset says.
        self._handlers[word] = self._handlers[text] = handler

    def deliver(self, push: Push) -> None:
        """Give a push to its handler; to the program where there is none, or where that does not take it."""
        word = push[0] if push else None
        handler = self._handlers.get(word) if isinstance(word, (str, bytes)) else None
        if handler is None or not handler(push):
            self._program.pushReceived(push)
