"""The factory of connections: keeps them, counts them, makes lost ones again.

:class:`RedisFactory` has two faces, because programs written for txredisapi use both:

* it is a ``ReconnectingClientFactory``, for ``reactor.connectTCP(host, port, factory)``: then Twisted's connectors
  make the connections, and a usable one is in the pool when ``connectionMade`` returns;
* ``startConnecting(endpoint)`` keeps ``poolsize`` connections to an endpoint; a usable one is in the pool one reactor
  turn later, so that no user code runs in the middle of an endpoint's own bookkeeping.

This module must not know single commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.python import log
from twisted.python.failure import Failure

from .._checks import Credential, check_seconds, check_truth, seconds_or, shown
from .._credentials import CredentialsError
from .._reactor import current_reactor
from ..commands._parts import FOREIGN_LOGIN, UNKNOWN_DATABASE
from ..connection import RedisProtocol
from ..exceptions import (
    AuthenticationError,
    BusyError,
    ConnectionError,
    ConnectionFailedError,
    LoadingError,
    MasterDownError,
    NotSentError,
    ReadOnlyError,
    ResponseError,
)
from ..options import (
    DEFAULT_POOL_TIMEOUT,
    ConnectionOptions,
    ConvertNumbers,
    FactoryOptions,
    MoreFactoryOptions,
    refuse_others,
    shows_options,
)
from ..pool import BlockingLane, ConnectionQueue, HealthCheck, PoolSlot, Reconnecting, keep_alive
from ..telemetry import Observer, Stats
from ..transport import endpoint_of_connector, guard_connection, guard_factory
from .handler import ConnectionHandler
from .retrying import retrying_class

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RedisFactory"]

#: A refusal of the handshake with one of these passes by itself.
_PASSING = (LoadingError, BusyError, MasterDownError, ReadOnlyError)


class RedisFactory(Reconnecting):
    """Keeps the connections of one handler.

    :ivar pool: the usable connections; :ivar size: their number.
    :ivar handler: has the commands.
    :ivar deferred: fires with the handler when ``poolsize`` connections are usable; None after that.
    """

    #: Seconds that a connection for blocking commands rests before it is closed.
    blockingIdleTime = 30.0
    #: Seconds for the handshake of a new connection; None: 30.
    connectTimeout: float | None = None
    protocol: Any = RedisProtocol
    handler: Any
    observer: Observer

    @shows_options(MoreFactoryOptions)
    def __init__(
        self,
        uuid: str | None,
        dbid: int | None,
        poolsize: int,
        isLazy: bool = False,
        handler: Callable[[Any], Any] = ConnectionHandler,
        charset: str | None = "utf-8",
        password: Credential | None = None,
        replyTimeout: float | None = None,
        convertNumbers: ConvertNumbers = True,
        username: Credential | None = None,
        **more: Unpack[MoreFactoryOptions],
    ) -> None:
        """Make one.

        :param uuid: names the server in a ring of shards: ``"host:port"`` or the path of its socket.
        :param isLazy: whether the caller has the handler already, so that failures are logged rather than told to
            ``deferred``.
        :param handler: makes the handler; called with this factory.
        :raises ValueError: ``dbid``, ``poolsize`` or another option has a wrong type.

        The others: see :class:`~txredis_fast.ConnectionOptions`.
        """
        refuse_others(f"{type(self).__name__}()", more, MoreFactoryOptions)
        options = ConnectionOptions(
            dbid=dbid,
            poolsize=poolsize,
            charset=charset,
            username=username,
            password=password,
            replyTimeout=replyTimeout,
            convertNumbers=convertNumbers,
            **more,
        )
        self.uuid = uuid if isinstance(uuid, str | bytes | None) else shown(uuid)
        self.dbid = options.dbid
        self.poolsize = options.poolsize
        self.isLazy = check_truth("isLazy", isLazy)
        self.charset = options.charset
        self.username = options.username
        self.password = options.password
        self.clientName = options.clientName
        self.replyTimeout = options.replyTimeout
        self.convertNumbers = options.convertNumbers
        self.poolTimeout = options.pool_timeout
        self.strict = options.strict
        self.limits = dict(options.limits)
        if options.connectTimeout is not None:
            self.connectTimeout = options.connectTimeout
        self.maxBlockingConnections = options.max_blocking_connections
        self.onUnclaimedReply = options.onUnclaimedReply
        self.disconnectTimeout = options.disconnectTimeout
        self.healthCheckInterval = options.healthCheckInterval
        self.maxInFlight = options.maxInFlight
        self.maxQueuedBytes = options.maxQueuedBytes
        Reconnecting.__init__(self)
        #: See :class:`~txredis_fast.ConnectionOptions`; ``retry`` is a method here, as in Twisted.
        self.retryPolicy = options.retry
        self.size = 0
        self.pool: list[Any] = []
        self.slots: list[PoolSlot] = []
        self.disconnectCalled = False
        self.observer = Observer(self, options.hooks, options.slowCommandThreshold)
        self.connectionQueue = ConnectionQueue(
            self.pool_timeout, self.why_not_connected, self.prepare, self.observer, options.whenFull == "fail"
        )
        #: How often ``auth`` has changed the login.
        self._login = 0
        self._endpoint: Any = None
        self.lane: BlockingLane | None = None
        self._waiting_for_empty_pool: list[Deferred[None]] = []
        self._last_reason = ""
        self._refused = False
        self.deferred: Deferred[Any] | None = Deferred(self._cancel_connecting)
        self.handler = (handler if options.retry is None else retrying_class(handler))(self)
        guard_factory(self)

    @staticmethod
    def arguments(uuid: str | None, options: ConnectionOptions, isLazy: bool) -> dict[str, Any]:
        """Keyword arguments for the constructor. ``reconnect`` is not among them, but an attribute."""
        taken = ("dbid", "poolsize", *FactoryOptions.__annotations__)
        return {"uuid": uuid, "isLazy": isLazy} | {name: getattr(options, name) for name in taken}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.uuid or ''} {self.size}/{self.poolsize} connections>"

    # -- making connections

    def startConnecting(self, endpoint: Any) -> None:
        """Make and keep ``poolsize`` connections to an ``IStreamClientEndpoint``."""
        self._endpoint = endpoint
        for _ in range(self.poolsize):
            slot = PoolSlot(self, endpoint)
            self.slots.append(slot)
            slot.start()

    def buildProtocol(self, addr: Any) -> Any:
        """Make the protocol of a new connection, which joins the pool once it is usable."""
        protocol = self.protocol(
            self.charset,
            replyTimeout=self.replyTimeout,
            password=self.password,
            dbid=self.dbid,
            convertNumbers=self.convertNumbers,
            username=self.username,
        )
        self.builtProtocols.add(protocol)
        link = protocol.link
        link.login = self._login
        link.round = self.rounds.number
        protocol.factory = self
        queue = self.connectionQueue
        link.on_busy, link.on_room = queue.rebalance, queue.has_room
        if queue.fails_when_full:
            link.why_full = lambda: f"The connection has as much in flight as it may: {self._limits()}"
        link.requests.limit(self.maxInFlight, self.maxQueuedBytes, lambda: queue.filled(protocol))
        if self.connectTimeout is not None:
            protocol.handshakeTimeout = self.connectTimeout
        if self.strict:
            protocol.strict = True
        if self.limits:
            protocol.limits = self.limits
        if self.clientName is not None:
            protocol.clientName = self.clientName
        self.observer.built(protocol)
        guard_connection(protocol)
        protocol.whenConnected().addCallback(self._connection_ready)
        return protocol

    def _connection_ready(self, connection: Any) -> None:
        try:
            self._take_in(connection)
        except BaseException as error:
            connection.link.tear(error)  # else it would be up, and nobody would be given it
            raise

    def _take_in(self, connection: Any) -> None:
        interval = seconds_or(self.healthCheckInterval, 0)
        if interval:
            keep_alive(connection.transport, interval)
        slot = connection.link.slot
        if slot is None:
            self.addConnection(connection)
        else:
            current_reactor().callLater(0, slot.ready, connection)

    def stopTrying(self) -> Deferred[Any]:
        """Make no further connection; those that are up stay until they are closed.

        :returns: fires when nothing is being tried any more.
        """
        self.continueTrying = 0
        self.cancelRetries()
        stopping = [slot.stop_trying() for slot in self.slots] if not self.keeps_trying else []
        return gatherResults(stopping, consumeErrors=True)

    def disconnect(self, *, timeout: float | None = None) -> Deferred[Any]:
        """Make no further connection, and close each when it has the replies to what is in flight.

        Commands given from here on, and those that wait for a connection, fail with ``NotSentError``. Blocking commands
        are not waited for.

        :param timeout: seconds until what is not closed is aborted; None: as the option ``disconnectTimeout``.
        :returns: fires with None when the pool is empty.
        """
        if timeout is not None:
            try:
                timeout = check_seconds("timeout", timeout)
            except ValueError:
                return fail()
        self.disconnectCalled = True
        self.continueTrying = 0
        self.cancelRetries()
        for connector in list(self.knownConnectors):
            if getattr(connector, "state", "") == "connecting":
                connector.stopConnecting()
        self.connectionQueue.close(NotSentError("Not connected"))
        deferred, self.deferred = self.deferred, None
        if deferred is not None and not self.isLazy and not deferred.called:
            deferred.errback(ConnectionFailedError("disconnected before it was connected"))
        finishing = list(self.pool)
        for connection in finishing:
            connection.link.drain(seconds_or(self.disconnectTimeout, 5.0) if timeout is None else timeout)
        # The others stop when their connections are closed.
        ending = [slot.stop() for slot in self.slots if not slot.holds(finishing)]
        if self.lane is not None:
            ending.append(self.lane.close())
        stopping: Deferred[Any] = gatherResults(ending, consumeErrors=True)
        stopping.addCallback(lambda _: self.waitForEmptyPool())
        stopping.addCallback(lambda _: gatherResults([slot.stop() for slot in self.slots], consumeErrors=True))
        return stopping.addCallback(lambda _: None)

    def _cancel_connecting(self, deferred: Deferred[Any]) -> None:
        self.deferred = None
        self.disconnect()

    # -- what happens to connections

    def addConnection(self, conn: Any) -> None:
        """A connection is usable: put it into the pool."""
        if self.disconnectCalled:
            conn.transport.loseConnection()
            return
        if not conn.connected:
            return
        try:
            self._add(conn)
        except BaseException as error:
            conn.link.tear(error)  # else it would be up, and nobody would be given it
            raise
        if self.deferred is not None and self.size == self.poolsize:
            deferred, self.deferred = self.deferred, None
            deferred.callback(self.handler)

    def _add(self, conn: Any) -> None:
        conn.whenDisconnected().addCallback(self.delConnection)
        self.pool.append(conn)
        self.size = len(self.pool)
        self._refused = False
        conn.link.was_pooled = True
        interval = seconds_or(self.healthCheckInterval, 0)
        if interval and conn.answersPing:
            HealthCheck(conn, interval, lambda each: each in self.connectionQueue.pending)
        self.connectionQueue.put(conn)

    def delConnection(self, conn: Any) -> None:
        """A connection was lost: take it out of the pool."""
        try:
            self._remove(conn)
        except BaseException:
            self._remove(conn)  # no step of it has to be left out; those that are done do nothing
            raise

    def _remove(self, conn: Any) -> None:
        if conn in self.pool:
            self.pool.remove(conn)
        self.size = len(self.pool)
        self.connectionQueue.remove(conn)
        if self.size:
            return
        if not self.keeps_trying:
            self.fail_waiting(NotSentError("Not connected"))
        waiting, self._waiting_for_empty_pool = self._waiting_for_empty_pool, []
        for deferred in waiting:
            deferred.callback(None)

    def stats(self) -> Stats:
        """Return what was counted so far."""
        return self.observer.stats()

    def waitForEmptyPool(self) -> Deferred[None]:
        """Fires with None when no connection is left in the pool."""
        if not self.size:
            return succeed(None)
        deferred: Deferred[None] = Deferred(self._waiting_for_empty_pool.remove)
        self._waiting_for_empty_pool.append(deferred)
        return deferred

    def connectionError(self, why: str) -> None:
        """The first connection failed for good: tell ``deferred``, or the log if the caller has the handler."""
        deferred, self.deferred = self.deferred, None
        if deferred is None:
            return
        deferred.errback(ConnectionFailedError(why))
        if self.isLazy:
            log.msg(why)
            deferred.addErrback(lambda _: None)

    def noteReason(self, reason: str) -> None:
        """Remember why the last attempt failed or the last connection was lost, for the errors of who waits."""
        self._last_reason = reason

    def firstAttemptFailed(self, slot: PoolSlot, failure: Failure) -> None:
        """The only attempt of a slot failed: nothing will be tried again."""
        self.noteReason(failure.getErrorMessage())
        self.gaveUp(slot)

    def gaveUp(self, slot: PoolSlot) -> None:
        """A slot has ended, for the last reason noted, while ``deferred`` waits for all of them."""
        if self.deferred is None:
            return
        why = f"Redis error: could not connect: {self._last_reason}"
        if self.isLazy:
            slot.stop()
            if not self.size:
                self.fail_waiting(NotSentError(f"Not connected: {self._last_reason}"))
            self.connectionError(why)
        else:
            # Nobody will get the handler, so nobody else could close what did connect.
            self.connectionError(why)
            self.disconnect()

    def handshakeFailed(self, message: str, error: BaseException, connection: Any = None) -> None:
        """AUTH, SELECT or another step after connecting was refused; the protocol closes the connection next.

        What passes by itself (the server is loading, or has too many clients) is tried again. Other refusals fail
        those who wait; they end the first connection of a constructor, and otherwise are tried again as slowly as
        there is. A password that is wanted and not known, or that a function of the program did not give, ends the
        former only.
        """
        self.noteReason(message)
        first = self.deferred is not None and not self.isLazy
        unknown = not first and (
            isinstance(error, CredentialsError) or (isinstance(error, AuthenticationError) and error.code == "NOAUTH")
        )
        # An attempt that was under way with the former password says nothing about the new one.
        outdated = connection is not None and connection.link.login not in (None, self._login)
        if isinstance(error, _PASSING) or unknown or outdated or "max number of clients" in str(error):
            log.msg(message)
            return
        self._refused = True
        if first:
            self.stopTrying()
            self.connectionError(message)
        else:
            log.msg(message)
        self.fail_waiting(NotSentError(f"Not connected: {message}"))

    # -- giving connections out

    def getConnection(self, peek: bool = False) -> Deferred[Any]:
        """Fires with a usable connection, as soon as there is one.

        :param peek: True: to share it. False: to have it alone, until ``connectionQueue.put(connection)``.
        :returns: fails with :exc:`NotSentError` after ``poolTimeout`` seconds, or at once if none will come.
        """
        if self.disconnectCalled or not self.may_connect:
            return fail(NotSentError("Not connected"))
        return self.connectionQueue.peek() if peek else self.connectionQueue.get()

    def pool_timeout(self) -> float | None:
        """Seconds that a command may wait for a connection now; None: any time."""
        timeout = self.poolTimeout
        return timeout if timeout is None else float(seconds_or(timeout, DEFAULT_POOL_TIMEOUT))

    @property
    def blockingLane(self) -> BlockingLane | None:
        """The connections for blocking commands; None where it is not known how to make any, or none are wanted."""
        if self.lane is None and self.maxBlockingConnections and not self.disconnectCalled:
            endpoint = self._endpoint or next(filter(None, map(endpoint_of_connector, self.knownConnectors)), None)
            if endpoint is not None:
                self.lane = BlockingLane(self, endpoint, self.maxBlockingConnections)
        return self.lane

    def prepare(self, connection: Any) -> None:
        """Bring a connection to the pool's state before others use it.

        The pool's database and login may have changed while it was taken or made; and whoever had it taken may have
        left a transaction open on it, or another database.
        """
        scope, connection.link.scope = connection.link.scope, None
        if scope is not None:
            scope.abandon()
        if connection.link.replica_error is not None:
            self._end_in_order(connection)
            connection.link.close_if_idle()
            return
        login = connection.link.login
        if login == FOREIGN_LOGIN:  # what it was before cannot always be had again
            connection.link.drain(0)
            connection.transport.loseConnection()
            return
        dbid = 0 if self.dbid is None and connection.dbid == UNKNOWN_DATABASE else self.dbid
        if login not in (None, self._login):
            connection.link.login = self._login
            connection.auth(self.password, self.username).addErrback(
                lambda failure: connection.link.abort(failure.value)
            )
        if dbid is not None and connection.dbid != dbid:
            connection.dbid = dbid
            connection.select(dbid).addErrback(_abort, connection)

    def found_replica(self, connection: Any, error: ResponseError) -> None:
        """An error reply told that a connection leads to a replica: end it in order, so that it is made anew.

        Once in each round, see :mod:`.roles`. One that somebody has alone ends when it is given back.
        """
        if self.keeps_trying and self.rounds.replaces(connection.link.round):
            connection.link.replica_error = ConnectionError(f"the server is a replica ({error.code})")
            if connection in self.connectionQueue.pending:
                self._end_in_order(connection)

    def _end_in_order(self, connection: Any) -> None:
        connection.link.drain_when_delivered(self.disconnectTimeout or 5.0, connection.link.replica_error)

    def loggedIn(self, password: Any, username: Any, connections: list[Any]) -> None:
        """``auth`` succeeded on these connections: log in the others, too, before they are used again."""
        self.password, self.username = password, username
        self._login += 1
        for connection in connections:
            connection.link.login = self._login

    def logInNext(self, password: Any, username: Any) -> None:
        """There is no connection: log in the next ones with this, without the delay that a refusal has brought."""
        self.loggedIn(password, username, [])
        self.resetDelay()

    def fail_waiting(self, error: Exception) -> None:
        """Fail all who wait for a connection."""
        self.connectionQueue.fail_waiting(error)
        if self.lane is not None:
            self.lane.fail_waiting(error)

    def failWaitingInVain(self) -> None:
        """Fail who waits for a connection, if none may come any more."""
        if not self.may_connect:
            self.fail_waiting(NotSentError(self.why_not_connected()))

    @property
    def may_connect(self) -> bool:
        """Whether there is a connection, or one may still come: by a new attempt, or because one is in progress."""
        if self.size or self.disconnectCalled:
            return bool(self.size)
        in_progress = any(slot.alive for slot in self.slots) or any(
            getattr(connector, "state", "disconnected") != "disconnected" for connector in self.knownConnectors
        )
        return in_progress or self.keeps_trying

    def why_not_connected(self) -> str:
        """What to tell who has waited in vain."""
        if self.connectionQueue.full:
            return f"Every connection ({self.size}) has as much in flight as it may: {self._limits()}"
        if self.size:
            return f"Not connected: all {self.size} connections are taken by transactions or blocking commands"
        return f"Not connected: {self._last_reason}" if self._last_reason else "Not connected"

    def _limits(self) -> str:
        limits = {"maxInFlight": self.maxInFlight, "maxQueuedBytes": self.maxQueuedBytes}
        return ", ".join(f"{name} is {limit}" for name, limit in limits.items() if limit is not None)


def _abort(failure: Failure, connection: Any) -> None:
    connection.link.abort(failure.value)
