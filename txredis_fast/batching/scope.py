"""What transactions and pipelines have in common: each is a set of commands that stands in for a connection.

This module must not know what a scope does with its commands.
"""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail

from ..commands import Commands

__all__ = ["Scope", "bind_scope_class"]

_S = TypeVar("_S", bound="Scope")

_BOUND: dict[tuple[type, type], type[Any]] = {}


class Scope(Commands):
    """Commands over their own ``execute_command``; what else is asked of it is read from its connection."""

    _eval_by_hash = False
    #: Whether WATCH or MULTI is open, and whether commands are being collected.
    inTransaction = False
    pipelining = False
    #: Whether commands are being collected, to be executed together.
    collects = False
    #: The first command that was refused before it could be sent.
    _refusal: Exception | None = None

    def _refuse(self, error: Exception) -> Deferred[Any]:
        """Keep in mind that what was meant to happen together is not complete."""
        if self._refusal is None and self.collects:
            self._refusal = error
        return fail(error)

    def _current_connection(self) -> Any:
        """The connection that this stands in for."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._current_connection(), name)

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
    def transport(self, transport: Any) -> None:
        self._current_connection().transport = transport


def bind_scope_class(scope: type[_S], protocol: type) -> type[_S]:
    """Make, once, the class of scopes over connections of a protocol class.

    It inherits from both, so that it has the commands that a protocol subclass adds or changes, and so that
    ``isinstance(t, RedisProtocol)`` holds, as programs written for txredisapi expect.
    """
    key = scope, protocol
    if key not in _BOUND:
        namespace = {"__module__": scope.__module__, "__doc__": scope.__doc__}
        _BOUND[key] = type(scope.__name__, (scope, protocol), namespace)
    return _BOUND[key]
