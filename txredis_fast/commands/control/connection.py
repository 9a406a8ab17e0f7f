"""Commands on the connection itself. QUIT and SHUTDOWN also end reconnecting."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._credentials import sendable
from ..._types import Argument, Text, V
from .._parts import CommandHost

__all__ = ["ConnectionCommands", "StopsTrying"]


class StopsTrying(CommandHost[V]):
    """Base class of the commands after which the client must not reconnect: QUIT and SHUTDOWN."""

    __slots__ = ()

    def _stop_trying(self) -> None:
        """Call ``stopTrying`` of the host's factory, if it has both."""
        stop_trying = getattr(getattr(self, "factory", None), "stopTrying", None)
        if stop_trying is not None:
            stop_trying()


class ConnectionCommands(StopsTrying[V]):
    """Commands of Redis's group "connection"."""

    __slots__ = ()

    def quit(self) -> Deferred[Text]:
        """Ask the server to close the connection. The client does not reconnect.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/quit/, since 1.0.0
        """
        self._stop_trying()
        return self.execute_command("QUIT")

    def auth(self, password: Argument, username: Argument | None = None) -> Deferred[Text]:
        """Log in. A pool sends AUTH by itself, with its option ``password``, on each new connection.

        :param password: the password; str is sent as UTF-8 whatever the charset, bytes unchanged.
        :param username: the ACL user (Redis 6.0), str or bytes like the password. None or empty: the user ``default``.
        :returns: fires with ``"OK"``; fails with :exc:`.AuthenticationError` if the server refuses them.

        https://redis.io/commands/auth/, since 1.0.0
        """
        if username:
            return self.execute_command("AUTH", sendable(username), sendable(password))
        return self.execute_command("AUTH", sendable(password))

    def ping(self, *, message: Argument | None = None) -> Deferred[Any]:
        """Test the connection.

        :param message: text that the server sends back (Redis 2.8).
        :returns: fires with *message*, or with ``"PONG"`` if *message* is None.

        https://redis.io/commands/ping/, since 1.0.0
        """
        if message is None:
            return self.execute_command("PING")
        return self.execute_command("PING", message)

    def echo(self, value: Argument) -> Deferred[V]:
        """Let the server send a text back.

        :param value: the text.
        :returns: fires with it.

        https://redis.io/commands/echo/, since 1.0.0
        """
        return self.execute_command("ECHO", value)

    def select(self, index: int) -> Deferred[Text]:
        """Select the database of the connection; on a pool, of all its connections.

        :param index: number of the database; the server's default is 0.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if there is no such database.

        https://redis.io/commands/select/, since 1.0.0
        """
        return self.execute_command("SELECT", index)
