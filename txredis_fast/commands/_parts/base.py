"""The base of all command groups: the host that sends commands, and two decorators.

A *host* is an object with ``execute_command``: a connection, a pool, a transaction, a pipeline. A command group is a
class without state that calls only ``execute_command``, so all hosts share the same methods. This module must not know
how a command is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import unwrap
from typing import Any, Generic, ParamSpec, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..._types import Argument, Converter, Reply, V
from .unknown import unknown_keyword

__all__ = ["CommandHost", "Recovery", "blocking", "blocking_with", "errors_to_deferred", "may_block"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Method = TypeVar("_Method", bound=Callable[..., Any])


class CommandHost(Generic[V]):
    """Base class of the command groups. A host inherits them and defines :meth:`execute_command`."""

    __slots__ = ()

    #: Whether a command's Deferred fires with its reply right away, so that EVAL may try EVALSHA first and send the
    #: script after ``NOSCRIPT``. False on a host that queues commands (transaction, pipeline): it always sends the
    #: script, and adds no callbacks to the Deferreds that it returns.
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

        :param args: the command's name, str or bytes, and its arguments.
        :param post_proc: function from the reply to the value. It is not called for an error reply. In a transaction it
            converts the element of EXEC's reply, not ``QUEUED``.
        :param apply_timeout: whether the reply must arrive within ``replyTimeout`` seconds.
        :param blocking: whether the server may delay the reply (BLPOP ...), so that the command needs a connection of
            its own.
        :param raw: whether the reply's data stays ``bytes``, without charset and number conversion.
        :returns: a Deferred that fires with the value; see :class:`.Commands` for its errors.
        """
        raise NotImplementedError

    def _host_later(self) -> Any:
        """Return the host for follow-up commands (EVAL after NOSCRIPT), captured when the first command is sent."""
        return self

    def _refuse(self, error: Exception) -> Deferred[Any]:
        """Make the failed Deferred that a command method returns for wrong arguments."""
        return defer.fail(error)


class Recovery:
    """A converter that is also called for an error reply, and may answer the request by another command.

    This replaces an errback on the request's Deferred: with one, firing the Deferred takes Twisted's long way, for each
    reply. Hosts that call it as a converter ignore the recovery.

    :ivar convert: the converter of replies that are no error; None: they stay.
    :ivar again: see the constructor.
    :ivar sent: the Deferred of the other command, or None.
    """

    __slots__ = ("again", "convert", "sent")

    def __init__(self, convert: Converter | None, again: Callable[[Exception], Deferred[Any] | None]) -> None:
        """Make the converter of one request.

        :param again: is given the error; returns the Deferred of the other command, or None: the request fails.
        """
        self.convert = convert
        self.again = again
        self.sent: Deferred[Any] | None = None

    def __call__(self, reply: Reply) -> Reply:
        return reply if self.convert is None else self.convert(reply)

    def recover(self, error: Exception, deferred: Deferred[Any]) -> None:
        """Answer a request whose reply is an error.

        :param deferred: the request's, not called yet.
        """
        try:
            sent = self.again(error)
            if sent is not None and not isinstance(sent, Deferred):  # of a program's execute_command
                sent = defer.maybeDeferred(lambda: sent)
        except BaseException:
            deferred.errback()
            return
        if sent is None:
            deferred.errback(error)
        else:
            self.sent = sent
            sent.addBoth(_forward, deferred)

    def errback(self, failure: Failure) -> Failure | Deferred[Any]:
        """Recover on a host that sends the command several times: an errback of the Deferred of its last attempt."""
        error = failure.value
        sent = self.again(error) if isinstance(error, Exception) else None
        return failure if sent is None else sent

    def noting(self, note: Callable[[Exception], object]) -> Recovery:
        """Return the same, but that a function is called with the error first."""

        def again(error: Exception) -> Deferred[Any] | None:
            note(error)
            return self.again(error)

        return Recovery(self.convert, again)

    def cancel(self, note: Callable[[Deferred[Any]], None], deferred: Deferred[Any]) -> None:
        """The canceller of the request's Deferred.

        :param note: the request's own canceller, before the other command is sent.
        """
        if self.sent is None:
            note(deferred)
        else:
            self.sent.cancel()


def _forward(result: object, deferred: Deferred[Any]) -> None:
    if not deferred.called:
        deferred.callback(result)  # a Failure fails it


def errors_to_deferred(method: Callable[_P, Deferred[_T]]) -> Callable[_P, Deferred[_T]]:
    """Decorate a command method that may raise: its exception becomes a failed Deferred.

    Methods that do not inspect their arguments cannot raise. They do without the decorator, which costs a second call.
    """

    @wraps(method)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
        try:
            return method(*args, **kwargs)
        except Exception as error:  # any exception, because a command never raises
            host: Any = args[0]
            return host._refuse(unknown_keyword(error, method, kwargs))  # type: ignore[no-any-return]

    return guarded


def blocking(method: _Method) -> _Method:
    """Mark a command method as blocking (attribute ``_blocking``): it must not run on a shared connection."""
    method._blocking = True  # type: ignore[attr-defined]
    return method


def blocking_with(parameter: str) -> Callable[[_Method], _Method]:
    """Mark a command method that blocks only if a parameter is given, as XREAD with BLOCK; see :func:`may_block`."""

    def mark(method: _Method) -> _Method:
        place = unwrap(method).__code__.co_varnames.index(parameter) - 1  # without self
        method._blocking = (parameter, place)  # type: ignore[attr-defined]
        return method

    return mark


def may_block(method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a call of a command method may block, so that it must not run on a shared connection."""
    marked = getattr(method, "_blocking", False)
    if not isinstance(marked, tuple):
        return bool(marked)
    parameter, place = marked
    return (args[place] if len(args) > place else kwargs.get(parameter)) is not None
