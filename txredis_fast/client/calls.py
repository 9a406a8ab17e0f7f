"""A call of a connection's method: copies of its arguments, its errors, and giving the connection back after it.

This module must not know which connection a call goes to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred

from .._types import Result, V
from ..commands import Commands
from ..commands._parts import one_or_many, unknown_keyword
from ..connection import RedisProtocol
from ..exceptions import RedisError
from ..helpers import RegisteredScripts, ScanIterators
from ..pool import Pool
from ..resp import fix_argument, fixed_arguments, fixed_values

if TYPE_CHECKING:
    from ..streaming.consuming import consume as _consume
    from .handler import ConnectionHandler

__all__ = [
    "HandlerHelpers",
    "as_given",
    "call",
    "has_method",
    "index_of",
    "keys_as_given",
    "lend",
    "no_cache",
    "time_limit",
    "unless_overridden",
]

_Method = TypeVar("_Method", bound=Callable[..., Any])


class _NoCacheError(RedisError, AttributeError):
    """A handler has no cache. Also an ``AttributeError``, which mocks and ``hasattr`` look for."""


def no_cache() -> RedisError:
    """Make the error of ``rc.cache`` and ``rc.cached()`` without the option ``cache``."""
    return _NoCacheError("This handler has no cache: make it with cache=txredis_fast.ClientCache()")


def call(connection: RedisProtocol, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Deferred[Any]:
    """Call a method of a connection; the Deferred fails with the exception that the method raises."""
    try:
        result = getattr(connection, name)(*args, **kwargs)
    except Exception as error:
        return fail(unknown_keyword(error, getattr(connection, name, call), kwargs))
    return result if isinstance(result, Deferred) else maybeDeferred(lambda: result)


def has_method(pool: Pool, name: str) -> bool:
    """Whether the pool's connections may have a method that the handler does not have: one that a program has added.

    It may be in the program's protocol class, in connections that its ``buildProtocol`` prepares, or made on demand by
    a ``__getattr__``. While no connection is up, only the first is certain, so the others get the benefit of the doubt.
    """
    protocol = pool.protocol
    if not isinstance(protocol, type) or hasattr(protocol, name) or hasattr(protocol, "__getattr__"):
        return True
    if pool.pool:
        return any(hasattr(connection, name) for connection in pool.pool)
    return not getattr(pool.buildProtocol, "__module__", "").startswith(f"{__package__.partition('.')[0]}.")


def unless_overridden(method: _Method) -> _Method:
    """Make a method of handlers that is no command; if a program's protocol class has one of its name, that is called.

    Programs for txredisapi find the methods that they have added to their protocol on the handler, too.
    """
    name = method.__name__

    @wraps(method)
    def choose(self: ConnectionHandler, *args: object, **kwargs: object) -> object:
        if getattr(self._factory.protocol, name, method) is method:
            return method(self, *args, **kwargs)
        return self._run_shared(name, args, kwargs)

    return choose  # type: ignore[return-value]


class HandlerHelpers(ScanIterators[V], RegisteredScripts):
    """The methods of a handler that are no commands, but made of them."""

    if TYPE_CHECKING:
        consume = _consume  # a room above, ``streaming``, sets it


for _name, _function in {**vars(ScanIterators), **vars(RegisteredScripts)}.items():
    if not _name.startswith("_"):
        setattr(HandlerHelpers, _name, unless_overridden(_function))


def lend(pool: Pool, connection: RedisProtocol, function: Callable[..., Deferred[Any]], *args: object) -> Deferred[Any]:
    """Call a function with a connection that was taken from the pool; give the connection back after the reply.

    :param function: called with the connection and ``args``. If it raises, the connection is given back, too.
    :returns: fires as that of the function.
    """
    put = pool.connectionQueue.put

    def give_back(result: Result) -> Result:
        put(connection)
        return result

    try:
        return function(connection, *args).addBoth(give_back)
    except BaseException:
        put(connection)
        raise


def time_limit(name: str, kwargs: Mapping[str, Any]) -> float | None:
    """Return the time limit of a call in seconds; None if it has none.

    In calls of other methods than ``execute_command``, ``timeout`` is an argument of the command, such as BLPOP's.
    """
    return kwargs.get("timeout") if name == "execute_command" else None


def as_given(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return copies of the arguments of a call that has to wait, because the program may change them before it is sent.

    A method that a program has added to its protocol gets its own arguments: they need not be those of a command.
    """
    if name == "execute_command":
        return fixed_arguments(args), kwargs
    if not hasattr(Commands, name):
        return args, kwargs
    return tuple(map(fixed_values, args)), {key: fixed_values(value) for key, value in kwargs.items()}


def keys_as_given(keys: Any) -> tuple[Any, ...]:
    """Return copies of the keys to watch.

    :param keys: a key, or an iterable of keys.
    :raises TypeError: ``keys`` is neither.
    """
    return tuple(map(fix_argument, one_or_many(keys)))


def index_of(argument: Any) -> Any:
    """Return a database index as an int if it is one, else the argument itself."""
    try:
        return int(argument)
    except (TypeError, ValueError):
        return argument
