"""The lane: connections beside the pool's for blocking commands, so that a BLPOP delays no other command.

Theory of operation. The lane opens a connection when a blocking command finds no idle one, up to
``maxBlockingConnections``. It connects to the pool's endpoint, with the pool's protocol class. A connection serves one
command at a time and is closed after ``blockingIdleTime`` seconds without one. It is in neither ``factory.pool`` nor
``factory.size``.

A command that its caller has given up (cancelled, or beyond its time limit) must leave the server soon, and must not
lose an element. Closing its connection could lose an element that the server has just sent. So the lane sends ``CLIENT
UNBLOCK`` on another connection, the *messenger*, and awaits the command's reply. That is nil, or an element that the
server had popped before, which goes to ``onUnclaimedReply``. The UNBLOCK may overtake the command on its way to the
server, whose answer tells so; then the UNBLOCK is sent again. After ``UNBLOCK_MAX_TRIES`` of these the lane closes the
command's connection. If the messenger is lost before it has the answer, nobody knows whether the server still acts on
the UNBLOCK; then the command's connection is closed after the command's reply.

UNBLOCK names a client by its ID, which is unique within one server only. Behind a load balancer, or a host name with
several addresses, the messenger may be connected to another server, where the ID is another client's. So each
connection of the lane has a random name (``CLIENT SETNAME``), and the messenger first asks its server for the name of
that ID (``CLIENT LIST ID``). If the names differ, or the server does not tell, the lane closes the command's
connection instead.

This module must not know single commands, nor how an endpoint connects.
"""

from __future__ import annotations

import os
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
from ..transport import cancel_timer, connect_for, reason_of
from .blocking_command import BlockingCommand
from .dispatch import ConnectionQueue
from .slot import PoolProtocols

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["BlockingLane"]

_log = Logger()


class BlockingLane:
    """The connections of a pool that only blocking commands use.

    :ivar connections: all of them: in their handshake, idle or busy.
    :ivar waiting: number of commands that wait for a connection.
    """

    def __init__(self, factory: Pool, endpoint: IStreamClientEndpoint, limit: int) -> None:
        """Make a lane without connections.

        :param endpoint: of the server.
        :param limit: maximum number of connections.
        """
        self._factory = factory
        self._endpoint = endpoint
        self._limit = limit
        self._queue = ConnectionQueue(self._timeout, self.why_not_connected, factory.reset_connection, factory.observer)
        self.connections: list[RedisProtocol] = []
        #: By connection: its client ID at the server; None if the server does not tell.
        self._ids: dict[RedisProtocol, int | None] = {}
        #: By connection: its name at the server, and the messengers known to be connected to the same server.
        self._names: dict[RedisProtocol, bytes] = {}
        self._same_server: dict[RedisProtocol, WeakSet[RedisProtocol]] = {}
        #: By idle connection: reactor time at which it became idle.
        self._idle: dict[RedisProtocol, float] = {}
        self._attempts: set[Deferred[object]] = set()
        self.waiting = 0
        #: Number of attempts that failed since the last one that succeeded.
        self._failures = 0
        #: Number of connections that were lost before they were usable, since the last usable one.
        self._dropped = 0
        #: Why the last attempt failed.
        self._last_reason = ""
        self._retry: IDelayedCall | None = None
        self._idle_timer: IDelayedCall | None = None
        self._grace_timer: IDelayedCall | None = None
        self._closed: list[Deferred[None]] = []
        self._closing = False

    def run(
        self,
        send: Callable[[RedisProtocol], Deferred[Any]],
        timeout: float | None = None,
        batch: Sequence[Sequence[Any]] | None = None,
    ) -> Deferred[Any]:
        """Send a blocking command on a connection of its own.

        :param send: called with the connection; sends the command and returns the Deferred of its reply.
        :param timeout: seconds from now to the reply; None: the limits are ``poolTimeout`` and the command's own.
        :param batch: the commands, if ``send`` sends several, whose replies come as one list.
        :returns: fires as the Deferred of ``send`` does. Cancelling it gives the command up.
        """
        return BlockingCommand(self, send, timeout, batch).deferred

    # -- connections for commands

    def get(self) -> Deferred[RedisProtocol]:
        """Fires with a connection, which is the caller's alone until :meth:`put`."""
        if self._closing or not self._factory.may_wait:
            return fail(NotSentError(self._factory.why_not_connected()))
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
                self._factory.reset_connection(result)  # the login may have changed while it was idle
        except BaseException as error:
            if not isinstance(result, Failure):
                result.link.tear(error)  # its state is unknown
            raise
        return result

    def put(self, connection: RedisProtocol) -> None:
        """A command has its reply: give its connection to the next command, or let it idle."""
        if self._closing:
            connection.link.close()
            return
        try:
            self._idle[connection] = current_reactor().seconds()
            self._queue.put(connection)
            if connection not in self._queue.pending:
                self._idle.pop(connection, None)
            elif self._idle_timer is None:
                self._idle_timer = current_reactor().callLater(self._idle_time(), self._close_idle)
        except BaseException as error:
            connection.link.tear(error)  # it may belong to no command and not be idle either
            raise

    def _timeout(self) -> float | None:
        timeout: float | None = self._factory.pool_timeout()
        if timeout == 0 and self._factory.size and len(self.connections) < self._limit:
            return (
                self._factory.connectTimeout or CONNECT_TIMEOUT_SECONDS
            )  # the command has to wait for a new connection
        return timeout

    def why_not_connected(self) -> str:
        """Return the text of the error for callers that got no connection."""
        if len(self.connections) >= self._limit:
            return f"Not connected: all {self._limit} connections for blocking commands are taken"
        if self._failures and self._last_reason:
            return str(self._factory.why_not_connected(self._last_reason))
        return str(self._factory.why_not_connected())

    # -- making and losing connections

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
            self._attempts.discard(attempt)  # an attempt that stays in the set keeps others from being begun
            raise
        if isinstance(result, Failure) and not self._closing:
            self._last_reason = reason_of(result)
            self._factory.attemptFailed(self._last_reason)
            self._failed()
        self._tell_if_closed()

    def made(self, connection: RedisProtocol) -> None:
        """A protocol was built; its transport follows."""
        self.connections.append(connection)

    def ready(self, connection: RedisProtocol) -> None:
        """A connection's handshake is done: set its name and ask for its client ID, for CLIENT UNBLOCK."""
        self._failures = 0
        if self._closing:
            connection.link.close()
            return
        try:
            name = f"{self._factory.clientName or 'txredis_fast'}-{os.urandom(8).hex()}"
            asked = [
                # Redis before 5.0 does not know CLIENT ID, and an ACL may forbid it.
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
            try:
                self.put(connection)
            except BaseException:
                del self._ids[connection]  # it was never used: the next attempt comes after a delay
                raise
            connection.link.arrived()

    def forsaken(self, connection: RedisProtocol) -> None:
        """The attempt that a protocol was built for has failed: it gets no transport."""
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
        """An attempt failed: if commands wait and the pool reconnects, try again after a delay."""
        self._failures += 1
        if not self.waiting or self._retry is not None:
            return
        if not self._factory.keeps_trying:
            self._queue.fail_waiting(NotSentError(self.why_not_connected()))
            return
        self._dropped += dropped
        delay = self._factory.next_delay(self._failures, self._dropped)
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
                connection.link.close()
        if self._idle:
            oldest = min(self._idle.values())
            self._idle_timer = current_reactor().callLater(oldest + limit - now, self._close_idle)

    def drop(self, reason: Exception) -> None:
        """Abort every connection: the server is no longer the right one."""
        for connection in list(self.connections):
            connection.link.abort(reason)

    def close_idle_now(self) -> None:
        """Close the idle connections without waiting for ``blockingIdleTime``."""
        for connection in list(self._idle):
            self._idle[connection] = float("-inf")
        cancel_timer(self._idle_timer)
        self._close_idle()

    def close(self, grace: float = 0.0) -> Deferred[None]:
        """Close all connections and make no more; waiting commands fail with ``NotSentError``.

        :param grace: seconds that commands in flight get for their replies; 0: they are not awaited.
        :returns: fires when all are closed.
        """
        self._closing = True
        cancel_timer(self._retry)
        cancel_timer(self._idle_timer)
        self._retry = self._idle_timer = None
        self._queue.fail_waiting(NotSentError("Not connected"))
        for attempt in list(self._attempts):
            attempt.cancel()
        timer, self._grace_timer = self._grace_timer, None
        cancel_timer(timer)
        if grace:
            for connection in list(self._idle):
                del self._idle[connection]
                self._queue.remove(connection)
                connection.link.close()
            if self.connections:
                self._grace_timer = current_reactor().callLater(grace, self._close_all)
        else:
            self._close_all()
        if not self.connections and not self._attempts:
            return succeed(None)
        deferred: Deferred[None] = Deferred(self._closed.remove)
        self._closed.append(deferred)
        return deferred

    def _close_all(self) -> None:
        self._grace_timer = None
        for connection in list(self.connections):
            connection.link.close()

    def fail_waiting(self, error: Exception) -> None:
        """Fail all commands that wait for a connection."""
        self._queue.fail_waiting(error)

    def _tell_if_closed(self) -> None:
        if self._closing and not self.connections and not self._attempts:
            timer, self._grace_timer = self._grace_timer, None
            cancel_timer(timer)
            closed, self._closed = self._closed, []
            for deferred in closed:
                deferred.callback(None)

    # -- commands that were given up

    def messenger_for(self, connection: RedisProtocol) -> Deferred[RedisProtocol | None]:
        """Find a messenger: another connection to the same server, to send CLIENT UNBLOCK on.

        :param connection: the one whose command was given up.
        :returns: fires with the messenger, or with None if it was lost while its server was asked; fails if there is
            none.
        """
        if self._ids.get(connection) is None:
            return fail(ConnectionError("a blocking command was cancelled"))
        # Waiting for a shared connection is better than closing this one: an element may be on its way.
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

        # Redis before 6.2 only lists all clients.
        asked = ask("ID", number).addErrback(lambda failure: failure.trap(ResponseError) and ask())
        return asked.addCallbacks(check, lambda failure: failure.trap(ConnectionError) and None)

    def _keep_idle(self, connection: RedisProtocol) -> None:
        if connection in self._idle:
            self._idle[connection] = (
                current_reactor().seconds()
            )  # else it could be closed before it has sent the UNBLOCK

    def unblock(self, messenger: RedisProtocol, connection: RedisProtocol) -> Deferred[bool | None]:
        """Send CLIENT UNBLOCK for the command of a connection.

        :param messenger: the connection to send it on.
        :returns: fires with True if the server has ended the command; with False if the command had not arrived or was
            answered already, or the UNBLOCK was not sent; with None if the messenger was lost, so that the outcome is
            unknown. Fails if the server refuses.
        """
        number = self._ids.get(connection)
        if number is None or not (messenger in self._idle or messenger in self._factory.connectionQueue.pending):
            return succeed(False)  # another caller has taken the messenger
        self._keep_idle(messenger)
        answered: Deferred[Any] = maybeDeferred(messenger.execute_command, "CLIENT", "UNBLOCK", number)
        return answered.addCallbacks(bool, _not_answered)

    def unclaimed(self, command: Sequence[Any], reply: object) -> None:
        """A command that was given up has its reply: pass the popped value to ``onUnclaimedReply``."""
        if reply is None or reply == [] or isinstance(reply, Failure) or is_read_only(command):
            return
        hook = self._factory.onUnclaimedReply
        if hook is None:
            if command_name(command) == "XREADGROUP" and not any(command_name((each,)) == "NOACK" for each in command):
                return  # its entries stay pending: nothing is lost
            _log.warn(
                "{name} was given up when the server had answered it already; what it took is dropped "
                "(the option onUnclaimedReply is given such replies)",
                name=command_name(command),
            )
            return
        try:
            hook(command, reply)
        except Exception:  # the connection stays usable
            _log.failure("onUnclaimedReply raised an exception")


_NEVER = object()


def _tear(failure: Failure, connection: RedisProtocol) -> None:
    connection.link.tear(failure.value or ConnectionError("the connection could not be identified"))


def _not_answered(failure: Failure) -> bool | None:
    failure.trap(ConnectionError)
    return None if failure.check(MaybeExecutedError) else False


def _same_socket(one: RedisProtocol, other: RedisProtocol) -> bool:
    """Whether two connections have the same unix socket as their peer, and so the same server."""
    peers = [getattr(each.transport, "getPeer", lambda: None)() for each in (one, other)]
    return isinstance(peers[0], UNIXAddress) and bool(peers[0].name) and peers[0] == peers[1]
