"""Commands on the connection itself, and the end of reconnecting that goes with some."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._credentials import sendable
from ..._types import Argument, Text
from .._parts import CommandHost

__all__ = ["ConnectionCommands", "StopsTrying"]


class StopsTrying(CommandHost):
    """A host that can be told that it shall not connect again: QUIT and SHUTDOWN do so."""

    __slots__ = ()

    def _stop_trying(self) -> None:
        """Stop reconnecting: calls ``stopTrying`` of the host's factory, where it has one that has this."""
        stop_trying = getattr(getattr(self, "factory", None), "stopTrying", None)
        if stop_trying is not None:
            stop_trying()


class ConnectionCommands(StopsTrying):
    """Commands of Redis's group "connection"."""

    __slots__ = ()

    def quit(self) -> Deferred[Text]:
        """Let the server close the connection; this client does not connect again.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/quit/, since 1.0.0
        """
        self._stop_trying()
        return self.execute_command("QUIT")

    def auth(self, password: Argument, username: Argument | None = None) -> Deferred[Text]:
        """Log in. A pool does this itself with the password it was made with.

        :param password: the password, and so the user name: sent as UTF-8 whatever the charset; bytes as they are.
        :param username: the ACL user (Redis 6.0). None or empty means the user ``default``.
        :returns: fires with ``"OK"``; fails with :exc:`.AuthenticationError` if they do not match.

        https://redis.io/commands/auth/, since 1.0.0
        """
        if username:
            return self.execute_command("AUTH", sendable(username), sendable(password))
        return self.execute_command("AUTH", sendable(password))

    def ping(self, *, message: Argument | None = None) -> Deferred[Any]:
        """Ask the server for an answer.

        :param message: what the server shall answer (Redis 2.8).
        :returns: fires with *message*, or with ``"PONG"`` if it is None.

        https://redis.io/commands/ping/, since 1.0.0
        """
        if message is None:
            return self.execute_command("PING")
        return self.execute_command("PING", message)

    def select(self, index: int) -> Deferred[Text]:
        """Choose the database that this connection works on.

        :param index: its number; a new connection has 0.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if there is no such database.

        https://redis.io/commands/select/, since 1.0.0
        """
        return self.execute_command("SELECT", index)
