"""Handlers that send commands again: a class of its own, so that handlers without a retry policy stay fast.

This module must not know how a command is sent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail

from .._lazy import LazyMethod
from ..commands.control import ScriptingCommands
from .handler import COMMAND_METHODS, ConnectionHandler

__all__ = ["retrying_class"]

_Maker = TypeVar("_Maker", bound=Callable[..., Any])


def retrying_class(cls: _Maker) -> _Maker:
    """Make the class of handlers that send commands again by their factory's policy.

    :param cls: the class of the handler without retries; anything but a class is returned unchanged.

    Commands that a protocol subclass overrides, and scripts by their hash, may send several commands, so that it is
    unknown whether they are safe to repeat. They are repeated only if the caller marks them (``rc.retrying``).
    """
    if not isinstance(cls, type):
        return cls

    def execute_command(self: ConnectionHandler, *args: object, **kwargs: Any) -> Deferred[Any]:
        return self._repeat(args, kwargs, kwargs.pop("retry", False))

    namespace: dict[str, Any] = {
        "__module__": cls.__module__,
        "__doc__": cls.__doc__,
        "execute_command": execute_command,
    }
    again = type(cls.__name__, (cls,), namespace)
    for name, method in COMMAND_METHODS.items():
        home = next((each for each in cls.__mro__ if name in vars(each)), None)
        if home is ConnectionHandler and not hasattr(ScriptingCommands, name):
            setattr(again, name, LazyMethod(again, _repeating, name, method))
    return again  # type: ignore[return-value]


def _repeating(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    stock = getattr(ConnectionHandler, name)

    @functools.wraps(method)
    def run(self: ConnectionHandler, *args: object, **kwargs: object) -> Deferred[Any]:
        if getattr(self._factory.protocol, name, None) is not method:
            return stock(self, *args, **kwargs)  # type: ignore[no-any-return]
        try:
            return method(self, *args, **kwargs)  # type: ignore[no-any-return]
        except Exception:
            return fail()

    return run
