"""The common base of transactions and pipelines: an object with all commands, used in place of a connection.

This module must not know what a scope does with its commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import ITransport

from .._types import Keys, Result
from ..commands import Commands
from ..commands._parts import unknown_name
from ..exceptions import NotSentError

__all__ = ["Outside", "Scope", "bind_scope_class"]

_S = TypeVar("_S", bound="Scope")

_BOUND: dict[tuple[type, type], type[Any]] = {}


class Outside(Protocol):
    """The object whose methods a scope calls when it is over: a handler, or the connection."""

    @property
    def execute_command(self) -> Callable[..., Deferred[Result]]:
        """Send a command."""

    def multi(self, keys: Keys | None, /) -> Deferred[Any]:
        """Begin another transaction."""

    def watch(self, keys: Keys, /) -> Deferred[Any]:
        """Begin another transaction by WATCH."""

    def pipeline(self) -> Deferred[Any]:
        """Begin another pipeline."""


class Scope(Commands):
    """All commands, over its own ``execute_command``; every other attribute is read from its connection."""

    _eval_by_hash = False
    #: Whether WATCH or MULTI is open; and whether a pipeline is open.
    inTransaction = False
    pipelining = False
    #: Whether commands are being collected for execution as one unit.
    collects = False
    #: Error of the first command that was refused before it was sent.
    _refusal: Exception | None = None

    def _refuse(self, error: Exception) -> Deferred[Result]:
        """Fail a command that cannot be sent, and keep the error: the unit must not be executed without it."""
        if self._refusal is None and self.collects:
            self._refusal = error
        return fail(error)

    @property
    def _collects_now(self) -> bool:
        return self.collects

    def _current_connection(self) -> Any:
        """The connection of this scope."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            connection = self._current_connection()
        except NotSentError as error:
            raise unknown_name(self, name) from error
        try:
            return getattr(connection, name)
        except AttributeError as error:
            if error.name != name or error.obj is not connection:  # raised inside a property
                raise
        raise unknown_name(self, name)

    @property
    def connected(self) -> Any:
        """Whether the connection is up."""
        return self._current_connection().connected

    @property
    def factory(self) -> Any:
        """The connection's factory."""
        return self._current_connection().factory

    @property
    def transport(self) -> Any:
        """The connection's transport; may be replaced."""
        return self._current_connection().transport

    @transport.setter
    def transport(self, transport: ITransport | None) -> None:
        self._current_connection().transport = transport


def bind_scope_class(scope: type[_S], protocol: type) -> type[_S]:
    """Make the class of scopes over connections of a protocol class; it is cached.

    It inherits from both classes. So it has the commands that a protocol subclass adds or changes, and
    ``isinstance(t, RedisProtocol)`` holds, as programs written for txredisapi expect.
    """
    key = scope, protocol
    if key not in _BOUND:
        namespace = {"__module__": scope.__module__, "__doc__": scope.__doc__}
        _BOUND[key] = type(scope.__name__, (scope, protocol), namespace)
    return _BOUND[key]
