"""A lane for blocking commands: connections beyond the pool's, so that a BLPOP holds up nobody.

Theory of operation. A connection of the lane is made when a blocking command finds none idle, to the endpoint and with
the protocol class of the pool, up to a number; it serves one command at a time, rests idle for a while and is then
closed. It is in neither ``factory.pool`` nor ``factory.size``.

A command that is given up (cancelled, or out of its caller's time) has to leave the server as soon as possible, and
without taking an element with it. Closing the connection could lose one that is on its way, so the server is told over
another connection to unblock this one (``CLIENT UNBLOCK``), and the reply is waited for: nil, or an element that had
been popped already, which goes to ``factory.onUnclaimedReply``. The server may see the UNBLOCK before the command
itself, and says so; then it is told again, a bounded number of times, before the connection is closed after all. So it
is where the connection is lost that was to tell it.

UNBLOCK names a client by its number, and numbers are of one server. Behind a balancer, or a name with several
addresses, the other connection may lead to another server, where the number is a stranger's. So each connection of the
lane has a random name (``CLIENT SETNAME``), and the other one is asked first who that number is (``CLIENT LIST ID``).
Where it is not this connection, or that cannot be asked, this connection is closed.

This module must not know single commands, nor how an endpoint connects.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._checks import seconds_or
from .._reactor import current_reactor
from .._tunables import BLOCKING_IDLE_SECONDS, CONNECT_TIMEOUT_SECONDS
from ..commands._parts import command_name, is_read_only
from ..connection import RedisProtocol
from ..exceptions import ConnectionError, MaybeExecutedError, NotSentError, RedisError, ResponseError
from ..transport import cancel_timer, connect_for
from .blocking_command import BlockingCommand
from .dispatch import ConnectionQueue
from .slot import PoolProtocols

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["BlockingLane"]

_log = Logger()


class BlockingLane:
    """The connections of a factory that blocking commands have for themselves.

    :ivar connections: all that are being made ready, idle or busy.
    :ivar waiting: how many commands wait for one.
    """

    def __init__(self, factory: Pool, endpoint: IStreamClientEndpoint, limit: int) -> None:
        """Make one.

        :param endpoint: where to connect to.
        :param limit: how many connections there may be.
        """
        self._factory = factory
        self._endpoint = endpoint
        self._limit = limit
        self._queue = ConnectionQueue(self._timeout, self.why_not_connected, factory.reset_connection, factory.observer)
        self.connections: list[RedisProtocol] = []
        #: By connection: its number at the server; None where the server does not tell.
        self._ids: dict[RedisProtocol, int | None] = {}
        #: By connection: its name at the server, and the connections that are known to lead to the same server.
        self._names: dict[RedisProtocol, bytes] = {}
        self._same_server: dict[RedisProtocol, WeakSet[RedisProtocol]] = {}
        #: By idle connection: since when.
        self._idle: dict[RedisProtocol, float] = {}
        self._attempts: set[Deferred[object]] = set()
        self.waiting = 0
        #: Attempts that failed since one succeeded.
        self._failures = 0
        #: How often a connection was made and lost before it could be used, since one could.
        self._dropped = 0
        #: Why the last of them did.
        self._last_reason = ""
        self._retry: IDelayedCall | None = None
        self._idle_timer: IDelayedCall | None = None
        self._closed: list[Deferred[None]] = []
        self._closing = False

    def run(
        self,
        send: Callable[[RedisProtocol], Deferred[Any]],
        timeout: float | None = None,
        batch: Sequence[Sequence[Any]] | None = None,
    ) -> Deferred[Any]:
        """Send a blocking command on a connection of its own.

        :param send: sends it on the connection given, and returns the Deferred of its reply.
        :param timeout: seconds that all of it may take; None: what ``poolTimeout`` and the command itself say.
        :param batch: the commands, where it sends several whose replies come in one list.
        :returns: fires as that Deferred does. Cancelling it gives the command up.
        """
        return BlockingCommand(self, send, timeout, batch).deferred

    # -- connections for commands

    def get(self) -> Deferred[RedisProtocol]:
        """Fires with a connection that nobody else uses until :meth:`put`."""
        if self._closing or not self._factory.may_wait:
            return fail(NotSentError("Not connected"))
        getting = self._queue.get()
        self.waiting += 1
        try:
            if not getting.called:
                self._connect_as_needed()
            return getting.addBoth(self._got)
        except BaseException:
            self.waiting -= 1
            getting.addCallbacks(self._queue.put, lambda _: None)
            getting.cancel()
            raise

    def _got(self, result: RedisProtocol | Failure) -> RedisProtocol | Failure:
        self.waiting -= 1
        try:
            if not isinstance(result, Failure):
                self._idle.pop(result, None)
                self._factory.reset_connection(result)  # again, for one that has rested
        except BaseException as error:
            if not isinstance(result, Failure):
                result.link.tear(error)  # nobody knows what state it is in
            raise
        return result

    def put(self, connection: RedisProtocol) -> None:
        """A command has its reply: let the next one have the connection, or let it rest."""
        if self._closing:
            return
        try:
            self._idle[connection] = current_reactor().seconds()
            self._queue.put(connection)
            if connection not in self._queue.pending:
                self._idle.pop(connection, None)
            elif self._idle_timer is None:
                self._idle_timer = current_reactor().callLater(self._idle_time(), self._close_idle)
        except BaseException as error:
            connection.link.tear(error)  # perhaps nobody has it, and it does not rest either
            raise

    def _timeout(self) -> float | None:
        timeout: float | None = self._factory.pool_timeout()
        if timeout == 0 and self._factory.size and len(self.connections) < self._limit:
            return self._factory.connectTimeout or CONNECT_TIMEOUT_SECONDS  # one has to be made first
        return timeout

    def why_not_connected(self) -> str:
        """What to tell who has waited in vain."""
        if len(self.connections) >= self._limit:
            return f"Not connected: all {self._limit} connections for blocking commands are taken"
        if self._failures and self._last_reason:
            return f"Not connected: {self._last_reason}"
        return str(self._factory.why_not_connected())

    # -- making and losing them

    def _connect_as_needed(self) -> None:
        if self._retry is not None or self._closing:
            return
        unready = sum(connection not in self._ids for connection in self.connections)
        coming = len(self._attempts) + unready
        total = len(self._attempts) + len(self.connections)
        for _ in range(min(self.waiting - coming, self._limit - total)):
            attempt = connect_for(self._factory, self._endpoint, PoolProtocols(self._factory, self))
            try:
                self._attempts.add(attempt)
                attempt.addBoth(self._attempted, attempt)
            except BaseException:
                attempt.addBoth(self._attempted, attempt)
                raise

    def _attempted(self, result: object, attempt: Deferred[object]) -> None:
        try:
            self._attempts.discard(attempt)
        except BaseException:
            self._attempts.discard(attempt)  # while it is there, no other one is made
            raise
        if isinstance(result, Failure) and not self._closing:
            self._last_reason = result.getErrorMessage()
            self._factory.noteReason(self._last_reason)
            self._failed()
        self._tell_if_closed()

    def made(self, connection: RedisProtocol) -> None:
        """A protocol was built, whose transport is to come."""
        self.connections.append(connection)

    def ready(self, connection: RedisProtocol) -> None:
        """The handshake of a connection is done: learn its number, for CLIENT UNBLOCK."""
        self._failures = 0
        if self._closing:
            _close(connection)
            return
        try:
            name = f"{self._factory.clientName or 'txredis_fast'}-{secrets.token_hex(8)}"
            asked = [
                # A server before Redis 5.0 does not tell, or an ACL forbids it.
                maybeDeferred(connection.execute_command, *command).addErrback(lambda failure: failure.trap(RedisError))
                for command in (("CLIENT", "SETNAME", name), ("CLIENT", "ID"))
            ]
            identified = gatherResults(asked, consumeErrors=True).addCallback(self._identified, connection, name)
            identified.addErrback(_tear, connection)
        except BaseException as error:
            connection.link.tear(error)
            raise

    def _identified(self, answers: list[Any], connection: RedisProtocol, name: str) -> None:
        if connection in self.connections:
            number = answers[1]
            self._dropped = 0
            self._ids[connection] = number if isinstance(number, int) else None
            self._names[connection] = name.encode()
            self._same_server[connection] = WeakSet()
            self.put(connection)

    def forsaken(self, connection: RedisProtocol) -> None:
        """A protocol that was built will have no transport."""
        if connection in self.connections:
            self.connections.remove(connection)

    def lost(self, connection: RedisProtocol) -> None:
        """A connection was lost."""
        if connection not in self.connections:
            return
        self.connections.remove(connection)
        never_used = self._ids.pop(connection, _NEVER) is _NEVER
        self._names.pop(connection, None)
        self._same_server.pop(connection, None)
        self._idle.pop(connection, None)
        self._queue.remove(connection)
        if never_used and not self._closing:
            self._failed(self._factory.was_dropped(connection))
        else:
            self._connect_as_needed()
        self._tell_if_closed()

    def _failed(self, dropped: bool = False) -> None:
        """An attempt failed: try again after a delay for those who wait, where the pool would."""
        self._failures += 1
        if not self.waiting or self._retry is not None:
            return
        if not self._factory.keeps_trying:
            self._queue.fail_waiting(NotSentError(self.why_not_connected()))
            return
        self._dropped += dropped
        delay = self._factory.delay_before(self._failures, self._dropped)
        self._retry = current_reactor().callLater(delay, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._connect_as_needed()

    def _idle_time(self) -> float:
        return float(seconds_or(self._factory.blockingIdleTime, BLOCKING_IDLE_SECONDS))

    def _close_idle(self) -> None:
        self._idle_timer = None
        now, limit = current_reactor().seconds(), self._idle_time()
        for connection, since in list(self._idle.items()):
            if since + limit <= now:
                del self._idle[connection]
                self._queue.remove(connection)
                _close(connection)
        if self._idle:
            oldest = min(self._idle.values())
            self._idle_timer = current_reactor().callLater(oldest + limit - now, self._close_idle)

    def drop(self, reason: Exception) -> None:
        """End every connection: they lead to a server that is no longer the right one."""
        for connection in list(self.connections):
            connection.link.abort(reason)

    def close_idle_now(self) -> None:
        """Close what rests: the next ones log in anew."""
        for connection in list(self._idle):
            self._idle[connection] = float("-inf")
        cancel_timer(self._idle_timer)
        self._close_idle()

    def close(self) -> Deferred[None]:
        """Make no more connections and close all; waiting commands fail.

        :returns: fires when all are closed.
        """
        self._closing = True
        cancel_timer(self._retry)
        cancel_timer(self._idle_timer)
        self._retry = self._idle_timer = None
        self._queue.fail_waiting(NotSentError("Not connected"))
        for attempt in list(self._attempts):
            attempt.cancel()
        for connection in list(self.connections):
            _close(connection)
        if not self.connections and not self._attempts:
            return succeed(None)
        deferred: Deferred[None] = Deferred(self._closed.remove)
        self._closed.append(deferred)
        return deferred

    def fail_waiting(self, error: Exception) -> None:
        """Fail all who wait for a connection."""
        self._queue.fail_waiting(error)

    def _tell_if_closed(self) -> None:
        if self._closing and not self.connections and not self._attempts:
            closed, self._closed = self._closed, []
            for deferred in closed:
                deferred.callback(None)

    # -- commands that were given up

    def messenger_for(self, connection: RedisProtocol) -> Deferred[RedisProtocol | None]:
        """Find who can tell the server to end the command that a connection waits for.

        :returns: fires with another connection to the same server, or with None if one was lost while it was asked;
            fails where there is none.
        """
        if self._ids.get(connection) is None:
            return fail(ConnectionError("a blocking command was cancelled"))
        # Waiting for a shared connection is better than closing this one, which may have an element on its way.
        idle = next(iter(self._idle), None)
        messenger = self._factory.connectionQueue.pick() or idle
        getting = self._factory.getConnection(True) if messenger is None else succeed(messenger)
        return getting.addCallback(self._check_server, connection)

    def _check_server(
        self, messenger: RedisProtocol, connection: RedisProtocol
    ) -> RedisProtocol | Deferred[RedisProtocol | None]:
        same = self._same_server.get(connection)
        if same is None:
            raise ConnectionError("the connection was lost")
        if messenger in same or _same_socket(messenger, connection):
            return messenger
        number, name = self._ids[connection], self._names[connection]
        self._keep_idle(messenger)

        def ask(*words: object) -> Deferred[Any]:
            return maybeDeferred(messenger.execute_command, "CLIENT", "LIST", *words, raw=True)

        def check(clients: object) -> RedisProtocol:
            known = clients.split() if isinstance(clients, bytes) else ()
            if b"name=" + name not in known:
                raise ConnectionError("the connections lead to different servers")
            same.add(messenger)
            return messenger

        # Before Redis 6.2 there is only the list of all clients.
        asked = ask("ID", number).addErrback(lambda failure: failure.trap(ResponseError) and ask())
        return asked.addCallbacks(check, lambda failure: failure.trap(ConnectionError) and None)

    def _keep_idle(self, connection: RedisProtocol) -> None:
        if connection in self._idle:
            self._idle[connection] = current_reactor().seconds()  # it is not to be closed meanwhile

    def unblock(self, messenger: RedisProtocol, connection: RedisProtocol) -> Deferred[bool | None]:
        """Tell the server to end the command that a connection waits for.

        :param messenger: the connection to tell it on.
        :returns: fires with False if the server has not seen it yet, or has answered it, or was not told; with None if
            the connection was lost that was to tell it, and nobody knows; fails where it cannot be told.
        """
        number = self._ids.get(connection)
        if number is None or not (messenger in self._idle or messenger in self._factory.connectionQueue.pending):
            return succeed(False)  # somebody has taken it meanwhile
        self._keep_idle(messenger)
        answered: Deferred[Any] = maybeDeferred(messenger.execute_command, "CLIENT", "UNBLOCK", number)
        return answered.addCallbacks(bool, _not_answered)

    def unclaimed(self, command: Sequence[Any], reply: object) -> None:
        """A command that was given up has its reply: hand on what it had taken out of the database."""
        if reply is None or reply == [] or isinstance(reply, Failure) or is_read_only(command):
            return
        hook = self._factory.onUnclaimedReply
        if hook is None:
            _log.warn(
                "{name} was given up when the server had answered it already; what it took is dropped "
                "(the option onUnclaimedReply is given such replies)",
                name=command_name(command),
            )
            return
        try:
            hook(command, reply)
        except Exception:  # the connection is not to suffer from it
            _log.failure("onUnclaimedReply raised an exception")


_NEVER = object()


def _close(connection: RedisProtocol) -> None:
    if connection.transport is not None:
        connection.transport.loseConnection()


def _tear(failure: Failure, connection: RedisProtocol) -> None:
    connection.link.tear(failure.value or ConnectionError("the connection could not be identified"))


def _not_answered(failure: Failure) -> bool | None:
    failure.trap(ConnectionError)
    return None if failure.check(MaybeExecutedError) else False


def _same_socket(one: RedisProtocol, other: RedisProtocol) -> bool:
    """Whether two connections lead to one unix socket, and so to one server."""
    peers = [getattr(each.transport, "getPeer", lambda: None)() for each in (one, other)]
    return isinstance(peers[0], UNIXAddress) and bool(peers[0].name) and peers[0] == peers[1]
