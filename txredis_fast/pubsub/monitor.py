"""Monitors: connections on which the server sends every command that it executes, and the factory that keeps one.

This module must not know how connections are made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from .._types import Reply
from ..client import ConnectionHandler, RedisFactory
from ..connection import RedisProtocol
from ..inflight import PostProc
from ..options import FactoryOptions, shows_options
from .inbox import call_hook
from .subscriptions import Converter, command_name

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["MonitorFactory", "MonitorProtocol"]


class _BeginsMonitor(Converter):
    """Marks the MONITOR command."""


#: The beginning of a line of a monitor: the time, the database and the client.
_MONITOR_LINE = re.compile(r"[0-9]+\.[0-9]+ \[[0-9]+ ")


class MonitorProtocol(RedisProtocol):
    """A connection that receives every command that the server executes: override :meth:`messageReceived`.

    A monitor costs the server much of its speed.
    """

    _monitoring = False
    answersPing = False
    readsMessages = True

    def messageReceived(self, message: Any) -> None:
        """The server has executed a command; override it. An exception that it raises is logged.

        :param message: ``'1339518083.107412 [0 127.0.0.1:60866] "keys" "*"'``; and ``"OK"``, when it begins.
        """

    def monitor(self) -> Deferred[Any]:
        """Begin to receive commands.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/monitor/, since 1.0.0
        """
        return self.execute_command("MONITOR")

    def stop(self) -> None:
        """Close the connection."""
        self.link.close()

    def execute_command(self, *args: object, post_proc: PostProc | None = None, **kwargs: Any) -> Deferred[Any]:
        """Send a command; see ``RedisProtocol.execute_command``."""
        if command_name(args) == "monitor":
            post_proc = _BeginsMonitor(post_proc)
        return super().execute_command(*args, post_proc=post_proc, **kwargs)

    def replyReceived(self, reply: Reply) -> None:
        """Handle a line of the monitor, or the reply to a command."""
        waiting = self.link.requests.waiting
        if not waiting or (self._monitoring and _is_monitor_line(reply)):
            call_hook(self.messageReceived, reply)
            return
        begins = isinstance(waiting[0].post_proc, _BeginsMonitor)
        if begins and not isinstance(reply, Exception):
            self._monitoring = True
            call_hook(self.messageReceived, reply)
        super().replyReceived(reply)


def _is_monitor_line(reply: object) -> bool:
    text = reply.decode("latin-1") if isinstance(reply, bytes) else reply
    return isinstance(text, str) and _MONITOR_LINE.match(text) is not None


class MonitorFactory(RedisFactory):
    """Keeps one connection that monitors; ``protocol`` is to be a subclass of :class:`MonitorProtocol`.

    Works with ``reactor.connectTCP(host, port, factory)`` and with ``startConnecting(endpoint)``.
    """

    protocol = MonitorProtocol

    @shows_options(FactoryOptions)
    def __init__(
        self,
        isLazy: bool = False,
        handler: Callable[[Any], Any] = ConnectionHandler,
        *,
        dbid: int | None = None,
        **options: Unpack[FactoryOptions],
    ) -> None:
        """Parameters: see :class:`RedisFactory`."""
        super().__init__(None, dbid, 1, isLazy, handler, **options)

    def start_cache(self) -> None:
        """Nothing that is received here is kept: there is no tracked connection."""
