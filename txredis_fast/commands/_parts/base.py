"""What every group of commands stands on: the host that sends, and two decorators.

A *host* is anything with ``execute_command``: a connection, a pool, a transaction, a pipeline. A group of
commands is a class without state that calls nothing else, so one set of methods serves them all.
This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred

from ..._types import Argument, Converter

__all__ = ["CommandHost", "blocking", "errors_to_deferred"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Method = TypeVar("_Method", bound=Callable[..., Any])


class CommandHost:
    """Base of the command groups. A host that inherits them defines :meth:`execute_command` itself."""

    __slots__ = ()

    #: Whether the direct answer of a command is its reply, so that a script may be tried by its hash and sent
    #: whole on ``NOSCRIPT``. A host that queues commands (transaction, pipeline) says False: scripts are then
    #: always sent whole, and nothing is chained to the Deferreds that it returns.
    _eval_by_hash: bool = True

    def execute_command(
        self,
        *args: Argument,
        post_proc: Converter | None = None,
        apply_timeout: bool = True,
        blocking: bool = False,
        raw: bool = False,
    ) -> Deferred[Any]:
        """Send one command.

        :param args: the command's name and its arguments.
        :param post_proc: makes the value from the reply; not called for an error reply, nor for the ``QUEUED``
            of a transaction, where it converts the element of EXEC's reply.
        :param apply_timeout: whether the reply must come within ``replyTimeout`` seconds.
        :param blocking: whether the server may keep the connection waiting, so that it must not be shared.
        :param raw: whether the reply's data stays ``bytes``, without charset and number conversion.
        :returns: a Deferred that fires with the value.
        """
        raise NotImplementedError

    def _host_later(self) -> Any:
        """Who is to send what the reply of a command leads to; asked when that command is sent."""
        return self

    def _refuse(self, error: Exception) -> Deferred[Any]:
        """What a command method returns for arguments that make no command."""
        return defer.fail(error)


def errors_to_deferred(method: Callable[_P, Deferred[_T]]) -> Callable[_P, Deferred[_T]]:
    """Let a command method raise: what it raises is what its Deferred fails with.

    Only methods that look at their arguments wear it. The others have nothing that could raise, and save the
    cost of a second call.
    """

    @wraps(method)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
        try:
            return method(*args, **kwargs)
        except Exception as error:  # whatever it is, it belongs to the Deferred
            host: Any = args[0]
            return host._refuse(error)  # type: ignore[no-any-return]

    return guarded


def blocking(method: _Method) -> _Method:
    """Mark a command method whose connection cannot be shared while it waits, by its ``_blocking`` attribute."""
    method._blocking = True  # type: ignore[attr-defined]
    return method
