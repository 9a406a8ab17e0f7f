"""What a program holds: every command, sent on a connection of the factory's pool.

Each command method is made once from the one of ``Commands`` and calls the method of the same name of a connection,
so that what a protocol subclass overrides or adds is honoured. Without a usable connection a command waits in line.

This module must not know how connections are made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, FirstError, fail, gatherResults, maybeDeferred, succeed
from twisted.python.failure import Failure

from ._types import Text
from .batch import Batch, commands_of
from .commands import Commands
from .commands.flags import BLOCKING, command_name, longest_wait
from .exceptions import NotSentError, RedisError, WatchError
from .pipeline import Command, Pipeline, check_replies
from .protocol import BaseRedisProtocol
from .scope import bind_scope_class
from .stats import Stats
from .transaction import Transaction

__all__ = ["ConnectionHandler", "RawView", "UnixConnectionHandler"]


class ConnectionHandler(Commands):
    """The commands, over the connections of a factory. Constructors such as ``Connection()`` give you one."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        #: The factory's ``deferred``, which fires with this handler when all its connections are up.
        self._connected = factory.deferred

    def disconnect(self) -> Deferred[Any]:
        """Close all connections and make no new ones; fires when they are closed."""
        return self._factory.disconnect()  # type: ignore[no-any-return]

    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send any command: ``rc.execute_command("OBJECT", "ENCODING", "key")``.

        Keyword arguments are those of ``RedisProtocol.execute_command``.
        """
        name = command_name(args)
        if name in BLOCKING and longest_wait(args, name) is not None:
            kwargs["blocking"] = True
        if kwargs.get("blocking"):
            return self._run_blocking("execute_command", args, kwargs)
        return self._run_shared("execute_command", args, kwargs)

    def stats(self) -> Stats:
        """Return what was counted since the handler was made, and what is going on; see :class:`Stats`."""
        return self._factory.stats()  # type: ignore[no-any-return]

    @property
    def raw(self) -> RawView:
        """The same commands, with replies left as bytes: ``yield rc.raw.get("key")``."""
        return RawView(self)

    def select(self, index: int) -> Deferred[Text]:
        """Change the database of all connections of the pool, and of those that it will make.

        One that is taken by a transaction or a blocking command follows when it is given back.

        :returns: fires with ``"OK"``; fails with :exc:`ResponseError`, changing nothing, if there is no such database.
        """
        factory = self._factory

        def select_on_all(_: Any) -> Deferred[Any]:
            free = list(factory.connectionQueue.pending)
            return gatherResults([connection.select(index) for connection in free], consumeErrors=True).addCallbacks(
                selected, refused, callbackArgs=(free,)
            )

        def selected(replies: list[Any], connections: list[Any]) -> Any:
            factory.dbid = index
            for connection in connections:
                connection.dbid = index
            return replies[0]

        def refused(failure: Failure) -> Failure:
            return failure.value.subFailure if isinstance(failure.value, FirstError) else failure

        return factory.getConnection(True).addCallback(select_on_all)  # type: ignore[no-any-return]

    # -- transactions and pipelines

    def multi(self, keys: Any = None) -> Deferred[Any]:
        """Begin a transaction on a connection taken for it.

        :param keys: to watch before that: a key, or an iterable of keys.
        :returns: fires with a :class:`Transaction`, whose commands answer ``"QUEUED"`` until its ``commit``.
        """
        return self._begin(keys, True)

    def watch(self, keys: Any) -> Deferred[Any]:
        """Begin a transaction by watching keys.

        :param keys: a key, or an iterable of keys.
        :returns: fires with a :class:`Transaction`, whose commands are executed at once until its ``multi``.
        """
        return self._begin(keys, False)

    def _begin(self, keys: Any, multi: bool) -> Deferred[Any]:
        return self._factory.getConnection().addCallback(self._begin_on, keys, multi)  # type: ignore[no-any-return]

    def _begin_on(self, connection: Any, keys: Any, multi: bool) -> Deferred[Any]:
        cls = bind_scope_class(Transaction, type(connection))
        transaction = cls(connection, connection.execute_command, self._factory.connectionQueue.put, self)
        return transaction.begin(keys, multi)

    def transaction(self, watch: Any = None) -> _TransactionContext:
        """A transaction as a context manager: ``async with rc.transaction(watch=["k"]) as t:``.

        :param watch: keys to watch; then ``await t.multi()`` begins to queue. Without them MULTI is open at once.

        Leaving the block commits what was queued, unless that was done; ``t.results`` has the replies. An exception
        or a cancellation discards.
        """
        return _TransactionContext(self, watch)

    async def _transact(self, function: Callable[[Any], Any], watched: tuple[Any, ...], retries: int) -> list[Any]:
        for attempt in range(retries + 1):
            try:
                async with self.transaction(watch=watched or None) as transaction:
                    await maybeDeferred(function, transaction)
            except WatchError:
                if attempt == retries:
                    raise
            else:
                return transaction.results or []
        raise AssertionError("unreachable")  # pragma: no cover

    def transact(self, function: Callable[[Any], Any], *watched: Any, retries: int = 16) -> Deferred[list[Any]]:
        """Run a transaction, again from its beginning whenever a watched key has changed meanwhile.

        :param function: called with the transaction; reads what it needs, calls ``t.multi()`` (unless nothing is
            watched) and gives the commands; may be a coroutine function. What it queued is committed for it.
        :param watched: keys.
        :param retries: how often it is run again before it fails.
        :returns: fires with EXEC's replies; fails with :exc:`WatchError` after the last try.
        """
        return Deferred.fromCoroutine(self._transact(function, watched, retries))

    def pipeline(self) -> Deferred[Any]:
        """Collect commands and send them at once.

        :returns: fires with a :class:`Pipeline`; see its ``execute_pipeline``.
        """
        return succeed(self._make_pipeline())

    def pipelined(self) -> _PipelineContext:
        """A pipeline as a context manager: ``async with rc.pipelined() as p:``.

        Leaving the block executes it, unless that was done; ``p.results`` has the replies. An exception or a
        cancellation sends nothing.
        """
        return _PipelineContext(self._make_pipeline())

    def batch(self, commands: Batch | Iterable[Sequence[Any]], *, raise_on_error: bool = True) -> Deferred[list[Any]]:
        """Send many commands in one write.

        :param commands: a :class:`Batch`, or an iterable of commands such as ``("SET", "key", 1)``.
        :param raise_on_error: False: error replies are values in the list.
        :returns: fires with the replies in order; fails as ``Pipeline.execute_pipeline`` does.
        """
        try:
            listed = commands_of(commands)
        except Exception:
            return fail()
        sent = self._send_batch(listed, False)
        return sent.addCallback(check_replies) if raise_on_error else sent

    def _make_pipeline(self) -> Any:
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

    def _connection_now(self) -> Any:
        for connection in self._factory.connectionQueue.pending or self._factory.pool:
            return connection
        raise NotSentError("Not connected")

    def _send_batch(self, commands: Sequence[Command], alone: bool) -> Deferred[list[Any]]:
        lane = (
            self._factory.blockingLane
            if alone and any(longest_wait(each[0]) is not None for each in commands)
            else None
        )
        if lane is not None:
            sent = functools.partial(send_batch, commands=commands)
            return lane.run(sent, batch=[each[0] for each in commands])  # type: ignore[no-any-return]
        if alone:
            return self._factory.getConnection().addCallback(  # type: ignore[no-any-return]
                self._lend, send_batch, (commands,), {}
            )
        return self._factory.getConnection(True).addCallback(send_batch, commands)  # type: ignore[no-any-return]

    # -- sending

    def _run_shared(self, name: str, args: Any, kwargs: Any) -> Deferred[Any]:
        connection = self._factory.connectionQueue.pick()
        if connection is not None:
            return call(connection, name, args, kwargs)
        return self._factory.getConnection(True).addCallback(call, name, args, kwargs)  # type: ignore[no-any-return]

    def _run_blocking(self, name: str, args: Any, kwargs: Any) -> Deferred[Any]:
        if name == "execute_command" and command_name(args) in ("WAIT", "WAITAOF"):
            # These are about the writes of their own connection: the one that commands have shared.
            connection = self._factory.connectionQueue.take_shared()
            if connection is not None:
                return self._lend(connection, call, (name, args, kwargs), {})
        elif self._factory.blockingLane is not None:
            return self._factory.blockingLane.run(  # type: ignore[no-any-return]
                lambda connection: call(connection, name, args, kwargs)
            )
        return self._factory.getConnection().addCallback(self._lend, call, (name, args, kwargs), {})  # type: ignore[no-any-return]

    def _lend(self, connection: Any, function: Callable[..., Deferred[Any]], args: Any, kwargs: Any) -> Deferred[Any]:
        def give_back(result: Any) -> Any:
            self._factory.connectionQueue.put(connection)
            return result

        return function(connection, *args, **kwargs).addBoth(give_back)

    # A name that is no command is not known to be wrong before a connection's class has been asked.
    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
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
            peer = connection.transport.getPeer()
            return f"<{title}: {address(peer)} - {self._factory.size} connection(s)>"
        return "<Redis Connection: Not connected>"


class UnixConnectionHandler(ConnectionHandler):
    """The commands, over connections to a unix socket."""

    def __repr__(self) -> str:
        return self._repr("Redis Unix Connection", lambda peer: _socket_path(peer.name))


def _socket_path(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


class RawView(Commands):
    """The commands of a handler, with replies left as bytes."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """As the handler's, with ``raw=True``."""
        return self._host.execute_command(*args, **{**kwargs, "raw": True})  # type: ignore[no-any-return]


def call(connection: Any, name: str, args: Any, kwargs: Any) -> Deferred[Any]:
    """Call a method of a connection; what it raises is what the Deferred fails with."""
    try:
        result = getattr(connection, name)(*args, **kwargs)
    except Exception:
        return fail()
    return result if isinstance(result, Deferred) else maybeDeferred(lambda: result)


def send_batch(connection: Any, commands: Sequence[Command]) -> Deferred[list[Any]]:
    """Send commands in one write; by way of ``execute_command`` where a protocol subclass wants to see each."""
    if type(connection).execute_command is BaseRedisProtocol.execute_command:
        return connection.execute_batch(commands)  # type: ignore[no-any-return]
    connection.pipeline()
    for args, post_proc, raw in commands:
        connection.execute_command(*args, post_proc=post_proc, raw=raw)
    return connection.execute_pipeline(raise_on_error=False)  # type: ignore[no-any-return]


class _TransactionContext:
    def __init__(self, handler: ConnectionHandler, watch: Any) -> None:
        self._handler = handler
        self._watch = watch
        self._transaction: Any = None

    async def __aenter__(self) -> Any:
        begun = self._handler.multi() if self._watch is None else self._handler.watch(self._watch)
        self._transaction = await begun
        return self._transaction

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        transaction = self._transaction
        if not transaction.inTransaction:
            return
        if error is not None:
            transaction.abandon()
        elif transaction.collects:
            await transaction.commit()
        else:
            await transaction.unwatch()


class _PipelineContext:
    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    async def __aenter__(self) -> Any:
        return self._pipeline

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None:
            self._pipeline.abandon()
        elif self._pipeline.pipelining:
            await self._pipeline.execute_pipeline()


def _delegate(name: str, method: Callable[..., Any]) -> Callable[..., Deferred[Any]]:
    if getattr(method, "_blocking", False):

        @functools.wraps(method)
        def run_blocking(self: ConnectionHandler, *args: Any, **kwargs: Any) -> Deferred[Any]:
            return self._run_blocking(name, args, kwargs)

        return run_blocking

    @functools.wraps(method)
    def run_shared(self: ConnectionHandler, *args: Any, **kwargs: Any) -> Deferred[Any]:
        connection = self._factory.connectionQueue.current
        if connection is None or not connection._ready:
            return self._run_shared(name, args, kwargs)
        try:
            if kwargs:
                return getattr(connection, name)(*args, **kwargs)  # type: ignore[no-any-return]
            return getattr(connection, name)(*args)  # type: ignore[no-any-return]
        except Exception:
            return fail()

    return run_shared


def _command_methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in dir(Commands):
        method = getattr(Commands, name)
        if not name.startswith("_") and callable(method) and name not in vars(ConnectionHandler):
            yield name, method


for _name, _method in _command_methods():
    setattr(ConnectionHandler, _name, _delegate(_name, _method))
