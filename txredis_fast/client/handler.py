"""The handler: every command, sent on a connection of the pool.

Each command method is generated from that of ``Commands`` when it is first used, and calls the connection's method of
the same name, so that a protocol subclass may override it. A command that finds no usable connection waits for one.

This module must not know how connections are made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from .._checks import as_text, check_credential
from .._lazy import LazyMethod
from .._tunables import COMMAND_NAME_MAX_CHARACTERS, PLAIN_NAMES_KEPT
from .._types import Argument, Keys, Text, V
from ..batching import (
    Batch,
    Command,
    Pipeline,
    PipelineContext,
    Transaction,
    TransactionContext,
    bind_scope_class,
    check_replies,
    commands_of,
)
from ..commands import Commands
from ..commands._parts import (
    BLOCKING,
    GUARDED,
    Recovery,
    check_alone,
    command_name,
    guarded_arguments,
    longest_wait,
    may_block,
    refusal,
    unknown_keyword,
    unknown_name,
)
from ..connection import RedisProtocol, log_in
from ..exceptions import NotSentError, RedisError
from ..inflight import check_timeout, fast_path_by_name, fast_path_of_pool, limit_error, within
from ..options import RetryPolicy
from ..pool import Pool
from ..resp import fixed_arguments
from ..telemetry import Stats
from .attempts import execute_with_retries
from .batches import send_on_pool
from .calls import HandlerHelpers, as_given, call, has_method, index_of, keys_as_given, lend, no_cache, time_limit
from .views import CachedReads, CommandView, with_namespaces
from .whole_pool import tell_all

if TYPE_CHECKING:
    from ..pubsub.opening import subscriber as _subscriber

__all__ = ["COMMAND_METHODS", "ConnectionHandler", "UnixConnectionHandler"]


_Self = TypeVar("_Self", bound="ConnectionHandler")

#: Commands that :meth:`ConnectionHandler.execute_command` examines, and the names of others that it was given before.
_LOOKED_AT = BLOCKING | GUARDED
_plain_names: set[str] = set()


@with_namespaces
class ConnectionHandler(Commands[V], HandlerHelpers[V], CachedReads[V]):
    """The commands, sent on the connections of a factory. Constructors such as ``Connection()`` make one."""

    def __init__(self, factory: Pool) -> None:
        self._factory = factory
        #: The factory's ``deferred``, which fires with this handler when all its connections are up.
        self._connected = factory.deferred

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()

    def disconnect(self, *, timeout: float | None = None) -> Deferred[Any]:
        """Close each connection after the replies to its commands in flight, and make no new ones.

        :param timeout: seconds until connections that are still open are aborted; None: the option
            ``disconnectTimeout``.
        :returns: fires with None when all are closed.
        """
        factory = self._factory
        return factory.disconnect() if timeout is None else factory.disconnect(timeout=timeout)

    @functools.partial(fast_path_by_name, _plain_names)
    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send any command: ``rc.execute_command("OBJECT", "ENCODING", "key")``.

        Keyword arguments are those of ``RedisProtocol.execute_command``, whose ``timeout`` includes the wait for a
        connection, and ``retry=True``, which :attr:`retrying` sets. A command that would change a shared connection for
        other callers fails, with an error that names the alternative. SELECT and AUTH apply to the whole pool.
        """
        if kwargs.pop("retry", False):
            return self._repeat(args, kwargs, True)
        return self._execute(*args, **kwargs)

    def _execute(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        name = command_name(args)
        is_plain = 0 < len(name) <= COMMAND_NAME_MAX_CHARACTERS and type(args[0]) is str and name not in _LOOKED_AT
        if is_plain and len(_plain_names) < PLAIN_NAMES_KEPT:
            _plain_names.add(args[0])
        if kwargs:
            wrong = limit_error(kwargs.get("timeout"))
            if wrong is not None:
                return fail(wrong)
        if name in BLOCKING:
            if longest_wait(args, name) is not None:
                kwargs["blocking"] = True
        elif name in GUARDED:
            try:
                args = guarded_arguments(args, name)
            except Exception:  # whatever str() of an argument raises
                return fail()
            if name == "SELECT" and len(args) == 2:
                return self.select(index_of(args[1]))
            if name == "AUTH" and len(args) in (2, 3):
                return self.auth(*reversed(args[1:]))
            refused = refusal(args, self._factory.protocol)
            if refused is not None:
                return fail(refused)
        if kwargs.get("blocking"):
            return self._run_blocking("execute_command", args, kwargs)
        return self._run_shared("execute_command", args, kwargs)

    def stats(self) -> Stats:
        """Return the counters since the handler was made, and the present numbers of connections and commands."""
        return self._factory.stats()

    def _repeat(self, args: tuple[Any, ...], kwargs: dict[str, Any], marked: bool) -> Deferred[Any]:
        factory = self._factory
        policy = factory.retryPolicy or RetryPolicy()
        wrong = limit_error(kwargs.get("timeout"))
        if wrong is not None:
            return fail(wrong)
        try:
            args = fixed_arguments(args)
        except Exception:  # whatever str() of an argument raises
            return fail()
        recovery = kwargs.get("post_proc")
        if isinstance(recovery, Recovery):
            # After the last attempt: within each, the attempts of the other command would be multiplied by these.
            kwargs = {**kwargs, "post_proc": recovery.convert}
        sent = execute_with_retries(policy, self._execute, args, kwargs, marked, lambda: factory.disconnectCalled)
        return sent.addErrback(recovery.errback) if isinstance(recovery, Recovery) else sent

    @property
    def raw(self) -> CommandView[bytes]:
        """The same commands, with replies left as bytes: ``yield rc.raw.get("key")``."""
        return CommandView(self, {"raw": True})

    @property
    def retrying(self) -> CommandView[V]:
        """The same commands, marked as safe to execute twice: ``yield rc.retrying.set("k", 1)``.

        They are sent again after a lost connection, by the policy of the option ``retry`` or, without it,
        ``RetryPolicy()``.
        """
        return CommandView(self, {"retry": True})

    def withTimeout(self, seconds: float) -> CommandView[V]:
        """The same commands, each with a time limit: ``yield rc.withTimeout(2).get("key")``.

        :param seconds: from the call to the reply, above 0. A command that has no connection by then fails with
            :exc:`NotSentError`; one that was written fails with :exc:`ReplyTimeoutError`, and its connection is closed.
        :raises ValueError: ``seconds`` is not a number above 0.
        """
        return CommandView(self, {"timeout": check_timeout(seconds)})

    def select(self, index: int) -> Deferred[Text]:
        """Change the database of all connections of the pool, and of later ones.

        A connection that is taken by a transaction or a blocking command follows when it is given back.

        :returns: fires with ``"OK"``; fails with :exc:`ResponseError`, changing nothing, if there is no such database.
        """
        return tell_all(
            self._factory,
            "SELECT",
            lambda connection: connection.select(index),
            functools.partial(self._selected, index),
        )

    def _selected(self, index: int, connections: list[RedisProtocol]) -> None:
        self._factory.dbid = index
        for connection in connections:
            connection.dbid = index
        if self._factory.cache is not None:
            self._factory.cache.tracking.reset(lambda connection: connection.select(index))

    def auth(self, password: Argument, username: Argument | None = None) -> Deferred[Text]:
        """Log in all connections of the pool, and later ones.

        A connection that is taken by a transaction or a blocking command follows when it is given back.

        :param password: the password.
        :param username: the ACL user (Redis 6.0). None or empty means the user ``default``.
        :returns: fires with ``"OK"``; fails with :exc:`AuthenticationError` if the server refuses the login, and then
            later connections log in as before. If no connection is up, as when the server refuses the former password,
            the next ones log in with this one: fires when one has; fails with :exc:`NotSentError` after
            ``poolTimeout`` seconds without one.
        """
        try:
            password = check_credential("password", password, function_allowed=False)
            username = check_credential("username", username, function_allowed=False)
            if password is None:
                raise ValueError("password must not be None")
        except ValueError:
            return fail()
        if not self._factory.size and not self._factory.disconnectCalled:
            self._factory.logInNext(password, username)
            done = "OK" if self._factory.charset is not None else b"OK"
            return self._factory.getConnection(True).addCallback(lambda _: done)
        return tell_all(
            self._factory,
            "AUTH",
            lambda connection: log_in(connection, password, username),
            lambda connections: self._factory.loggedIn(password, username, connections),
        )

    if TYPE_CHECKING:
        subscriber = _subscriber  # a room above, ``pubsub``, sets it

    # -- transactions and pipelines

    def multi(self, keys: Keys | None = None) -> Deferred[Transaction[V]]:
        """Begin a transaction on a connection of its own.

        :param keys: keys to watch before MULTI: a key, or an iterable of keys.
        :returns: fires with a :class:`Transaction`, whose commands answer ``"QUEUED"`` until its ``commit``.
        """
        return self._begin(keys, True)

    def watch(self, keys: Keys) -> Deferred[Transaction[V]]:
        """Begin a transaction by watching keys.

        :param keys: a key, or an iterable of keys.
        :returns: fires with a :class:`Transaction`, whose commands are executed at once until its ``multi``.
        """
        return self._begin(keys, False)

    def _begin(self, keys: Keys | None, multi: bool) -> Deferred[Any]:
        try:
            keys = None if keys is None and multi else keys_as_given(keys)
        except Exception:
            return fail()
        getting: Deferred[RedisProtocol] = self._factory.getConnection()
        try:
            return getting.addCallback(self._begin_on, keys, multi)
        except BaseException:
            getting.addCallback(self._factory.connectionQueue.put)
            raise

    def _begin_on(self, connection: RedisProtocol, keys: Keys | None, multi: bool) -> Deferred[Any]:
        try:
            cls = bind_scope_class(Transaction, type(connection))
            put = self._factory.connectionQueue.put
            transaction = cls(connection, self._sender_on(connection), put, self, check_alone)
            return transaction.begin(keys, multi)
        except BaseException:
            self._factory.connectionQueue.put(connection)
            raise

    def _sender_on(self, connection: RedisProtocol) -> Callable[..., Deferred[Any]]:
        """Return the sender of the commands of a transaction on its connection."""
        return connection.execute_command

    def transaction(self, watch: Keys | None = None) -> TransactionContext[V]:
        """A transaction as a context manager: ``async with rc.transaction(watch=["k"]) as t:``.

        :param watch: keys to watch; then ``await t.multi()`` begins to queue. None: MULTI is open at once.

        Leaving the block commits the queued commands, unless ``t.commit()`` was called; ``t.results`` has the replies.
        An exception or a cancellation discards them.
        """
        return TransactionContext(self, None if watch is None else keys_as_given(watch))

    def transact(
        self, function: Callable[[Transaction[V]], Any], *watched: Keys, retries: int = 16
    ) -> Deferred[list[Any]]:
        """Run a transaction; run it again from its beginning if a watched key has changed before EXEC.

        Each repeat waits for a random time: up to 2, 4, 8 ... 256 times as long as the last run took, and 10 seconds at
        most.

        :param function: called with the transaction; may be a coroutine function. It reads the keys, calls
            ``t.multi()`` (unless no key is watched) and gives the commands, which are committed when it returns.
        :param watched: keys.
        :param retries: maximum number of repeats.
        :returns: fires with EXEC's replies; fails with :exc:`WatchError` after the last repeat.
        """
        try:
            keys = keys_as_given(watched)
        except Exception:
            return fail()
        from .transact import run_transaction  # few programs need it

        return Deferred.fromCoroutine(run_transaction(self, function, keys, retries))

    def pipeline(self) -> Deferred[Pipeline[V]]:
        """Collect commands and send them at once.

        :returns: fires with a :class:`Pipeline`; see its ``execute_pipeline``.
        """
        return succeed(self._make_pipeline())

    def pipelined(self) -> PipelineContext[V]:
        """A pipeline as a context manager: ``async with rc.pipelined() as p:``.

        Leaving the block executes the pipeline, unless that was done; ``p.results`` has the replies. The Deferreds of
        its commands fire then, so do not await them in the block. After an exception or a cancellation no command is
        sent.
        """
        return PipelineContext(self._make_pipeline())

    def batch(
        self, commands: Batch | Iterable[Sequence[Any]], *, raise_on_error: bool = True, timeout: float | None = None
    ) -> Deferred[list[Any]]:
        """Send many commands in one write.

        :param commands: a :class:`Batch`, or an iterable of commands such as ``("SET", "key", 1)``.
        :param raise_on_error: False: error replies are values in the list.
        :param timeout: seconds from the call to the last reply; None: ``poolTimeout`` for the connection, then
            ``replyTimeout`` for the replies.
        :returns: fires with the replies in order; fails as ``Pipeline.execute_pipeline`` does.
        """
        try:
            listed = commands_of(commands)
        except Exception:
            return fail()
        sent = self._send_batch(listed, False, timeout)
        return sent.addCallback(check_replies) if raise_on_error else sent

    def _make_pipeline(self) -> Pipeline[V]:
        cls = bind_scope_class(Pipeline, self._factory.protocol)
        return cls(self._connection_now, self._send_batch, self)

    def commit(self) -> Deferred[Any]:
        """Fails: the transaction that ``multi`` fires with has this method."""
        return fail(RedisError("Not in transaction"))

    def discard(self) -> Deferred[Any]:
        """Fails: the transaction that ``multi`` fires with has this method."""
        return fail(RedisError("Not in transaction"))

    def unwatch(self) -> Deferred[Any]:
        """Has no effect: the transaction that ``watch`` fires with has this method. Fires with ``"OK"``."""
        return self._run_shared("unwatch", (), {})

    def execute_pipeline(self) -> Deferred[Any]:
        """Fails: the pipeline that ``pipeline`` fires with has this method."""
        return fail(RedisError("Not currently pipelining commands, please use pipeline() first"))

    def _connection_now(self) -> RedisProtocol:
        for connection in self._factory.connectionQueue.pending or self._factory.pool:
            return connection
        raise NotSentError("Not connected")

    def _send_batch(
        self, commands: Sequence[Command], alone: bool, timeout: float | None = None
    ) -> Deferred[list[Any]]:
        return send_on_pool(self._factory, commands, alone, timeout)

    # -- sending

    def _run_shared(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        connection = self._factory.connectionQueue.pick()
        if connection is not None:
            return call(connection, name, args, kwargs)
        return self._when_connected(True, call, name, args, kwargs)

    def _run_blocking(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        if name in ("wait", "waitaof") or (name == "execute_command" and command_name(args) in ("WAIT", "WAITAOF")):
            # These wait for the writes of their own connection to be replicated, so they need the shared one.
            connection = self._factory.connectionQueue.take_shared()
            if connection is not None:
                try:
                    return lend(self._factory, connection, call, name, args, kwargs)
                except BaseException:
                    self._factory.connectionQueue.put(connection)
                    raise
        elif self._factory.blockingLane is not None:
            timeout = time_limit(name, kwargs)
            if timeout is not None:
                del kwargs["timeout"]
            try:
                args, kwargs = as_given(name, args, kwargs)
            except Exception:
                return fail()
            return self._factory.blockingLane.run(lambda connection: call(connection, name, args, kwargs), timeout)

        def take(connection: RedisProtocol, *more: object) -> Deferred[Any]:
            return lend(self._factory, connection, call, *more)

        return self._when_connected(False, take, name, args, kwargs)

    def _when_connected(
        self, share: bool, use: Callable[..., Deferred[Any]], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Deferred[Any]:
        try:
            args, kwargs = as_given(name, args, kwargs)
        except Exception:
            return fail()
        getting = self._factory.getConnection(share)
        timeout = time_limit(name, kwargs)
        if timeout is None:
            return getting.addCallback(use, name, args, kwargs)
        return within(
            getting,
            timeout,
            lambda connection, left: use(connection, name, args, {**kwargs, "timeout": left}),
            self._factory.why_not_connected,
        )

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves
        # For the methods that a program's protocol adds.
        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):  # also before __init__, as copy.copy() looks them up
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            if name == "cache":  # the property has raised this already
                raise no_cache()
            if not has_method(self._factory, name):
                protocol = self._factory.protocol
                raise unknown_name(self, name, *([protocol] if isinstance(protocol, type) else ()))
            method = getattr(self._factory.protocol, name, None)
            run = self._run_blocking if getattr(method, "_blocking", False) else self._run_shared

            def command(*args: Any, **kwargs: Any) -> Deferred[Any]:
                return run(name, args, kwargs)

            command.__name__ = name
            return command

    def __repr__(self) -> str:
        return self._repr("Redis Connection", lambda peer: f"{peer.host}:{peer.port}")

    def _repr(self, title: str, address: Callable[[Any], str]) -> str:
        for connection in self._factory.pool:
            if connection.transport is not None:
                peer = connection.transport.getPeer()
                return f"<{title}: {address(peer)} - {self._factory.size} connection(s)>"
        return "<Redis Connection: Not connected>"


class UnixConnectionHandler(ConnectionHandler[V]):
    """The commands, over connections to a unix socket."""

    def __repr__(self) -> str:
        return self._repr("Redis Unix Connection", lambda peer: as_text(peer.name))


def _delegate(name: str, method: Callable[..., Any]) -> Callable[..., Deferred[Any]]:
    if getattr(method, "_blocking", False):

        def run_blocking(self: ConnectionHandler, *args: Any, **kwargs: Any) -> Deferred[Any]:
            run = self._run_blocking if may_block(method, args, kwargs) else self._run_shared
            return run(name, args, kwargs)

        return functools.update_wrapper(run_blocking, method)
    return functools.update_wrapper(fast_path_of_pool(name, method, _call_shared), method)


def _call_shared(
    handler: ConnectionHandler, name: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Deferred[Any]:
    connection = handler._factory.connectionQueue.current
    if connection is None or not connection.link.requests.accepting:
        return handler._run_shared(name, args, kwargs)
    try:
        return getattr(connection, name)(*args, **kwargs)  # type: ignore[no-any-return]
    except Exception as error:
        return fail(unknown_keyword(error, getattr(connection, name, method), kwargs))


#: By name: the function of each command that a handler passes on to a connection. It refuses those of HIMPORT.
COMMAND_METHODS: dict[str, Callable[..., Any]] = {
    name: method
    for name, method in ((each, getattr(Commands, each)) for each in dir(Commands) if each[0] != "_")
    if callable(method) and not name.startswith("himport_") and name not in vars(ConnectionHandler)
}

for _name, _method in COMMAND_METHODS.items():
    setattr(ConnectionHandler, _name, LazyMethod(ConnectionHandler, _delegate, _name, _method))
