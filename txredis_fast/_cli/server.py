"""The tour's own server: that of :mod:`txredis_fast.testing`, with the errors of the command line."""

from __future__ import annotations

from ..testing.embedded import EmbeddedServer as Server
from ..testing.embedded import NoServerError
from . import CommandLineError

__all__ = ["EmbeddedServer"]


class EmbeddedServer(Server):
    """A server on a free port of 127.0.0.1, without persistence. A context manager: leaving it stops the server."""

    def __init__(self) -> None:
        """Find a server program.

        :raises CommandLineError: none is installed; the message says how to install one.
        """
        try:
            super().__init__()
        except NoServerError as error:
            raise CommandLineError(f"{error}; or use your own: --url redis://user:password@host:6379/0") from None

    def start(self) -> None:
        """Start it.

        :raises CommandLineError: it did not start; the message has its last words.
        """
        try:
            super().start()
        except NoServerError as error:
            raise CommandLineError(str(error)) from None
