"""The pool: opens the connections to one server, lends them, reopens lost ones, and closes them.

A pool is usable by itself: ``Pool(options, endpoint)``, then :meth:`Pool.startConnecting`.
:class:`~txredis_fast.RedisFactory` is a pool with the interface of txredisapi, and that of Twisted's connectors.

A connection over an endpoint joins the pool one reactor turn after its handshake, so that no user code runs in the
middle of the endpoint's own bookkeeping. If an exception is raised while it joins, the connection is closed: it would
be up and never used.

More than 500 lines, because a pool is one class: each of its steps reads or changes the same state.

This module must not know single commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from .._checks import Credential, as_text, check_seconds, check_truth, seconds_or, shown
from .._reactor import current_reactor, is_stopping
from .._roles import Rounds
from .._tunables import BLOCKING_IDLE_SECONDS
from .._types import Argument
from ..connection import RedisProtocol, log_in
from ..exceptions import ConnectionError, ConnectionFailedError, NotSentError, ResponseError
from ..options import DEFAULT_POOL_TIMEOUT, ConnectionOptions
from ..telemetry import CacheStats, Observer, Stats
from ..transport import guard_connection, name_of_peer, named, place_of, reason_of
from .backoff import Backoff, Reconnect
from .blocking import BlockingLane
from .dispatch import ConnectionQueue
from .health import HealthChecks, keep_alive
from .refusals import passes_by_itself
from .reset import end_in_order, reset
from .slot import PoolSlot
from .state import PoolEvent, PoolLife

__all__ = ["Caching", "Companion", "Pool"]


class Tracking(Protocol):
    """Whether the server tells a cache of every change; the pool reports the events that bear on that."""

    def watch(self, connection: RedisProtocol, /) -> None:
        """A connection was made: its commands may change kept values."""

    def start(self) -> None:
        """The pool has a connection."""

    def reset(self, tell: Callable[[RedisProtocol], Deferred[Any]], /) -> None:
        """The database or the login has changed; ``tell`` has a connection follow."""

    def drop(self, reason: Exception, /) -> None:
        """The server is another one."""


class Caching(Protocol):
    """A cache of values of the pool's server, as far as the pool knows it."""

    tracking: Tracking

    def stats(self) -> CacheStats:
        """Its counters."""


class Companion(Protocol):
    """Has connections of its own to a pool's server, and ends with the pool: a subscriber."""

    def pool_ends(self, seconds: float) -> Deferred[Any]:
        """Close them; called again if the pool is to end sooner than it was said before.

        :param seconds: until commands that still wait for a reply are aborted.
        :returns: fires when they are closed.
        """

    def drop(self, reason: Exception) -> None:
        """Close them at once, so that they are made anew: the server has changed."""


#: A password or a user's name, as an option has it, or as an argument of ``auth``.
_Login: TypeAlias = Credential | Argument | None

#: How txredisapi's texts of failed handshakes begin.
_PREFIX = "Redis error: "


class Pool(Backoff, Factory):
    """The connections of one server.

    :ivar pool: the usable connections; :ivar size: their number.
    :ivar handler: sends the follow-up commands of connections, such as EVAL after NOSCRIPT.
    :ivar deferred: fires with the handler when ``poolsize`` connections are usable; None after that.
    :ivar life: the pool's state; see :mod:`.state`.
    :ivar companions: objects with connections of their own to the same server, which end with the pool.
    :ivar login_number: number of changes of the login; a connection with another number has to log in again.
    """

    #: Seconds that an idle connection for blocking commands stays open.
    blockingIdleTime = BLOCKING_IDLE_SECONDS
    #: Seconds for the handshake of a new connection; None: 30.
    connectTimeout: float | None = None
    #: Whether a lost connection is made again. Set to True, it also makes those that were lost while it was False.
    reconnect: Any = Reconnect(True)
    noisy = False
    protocol: type[RedisProtocol] = RedisProtocol  # type: ignore[assignment]
    #: Protocol class of the connections of ``rc.subscriber()``; None: the package's own.
    subscriber_protocol: type[RedisProtocol] | None = None
    #: Protocol class of the tracked connection of the option ``cache``; None: that of the other connections.
    tracked_protocol: type[RedisProtocol] | None = None
    handler: Any
    observer: Observer
    #: The cache of ``rc.cached()``; None without the option ``cache``. A room above makes it.
    cache: Caching | Any = None

    def __init__(
        self,
        options: ConnectionOptions,
        endpoint: IStreamClientEndpoint | None = None,
        *,
        uuid: str | None = None,
        isLazy: bool = False,
        handler: Callable[[Any], Any] | None = None,
    ) -> None:
        """Make a pool without connections; :meth:`startConnecting` opens them.

        :param options: all but the server's address.
        :param endpoint: an ``IStreamClientEndpoint`` of the server.
        :param uuid: the server's name, for logs and statistics.
        :param isLazy: False: the caller waits for ``deferred``, which fails where a first connection fails for good.
            True: such failures are logged, and attempts go on after a refused login.
        :param handler: called with the pool to make the handler. None: the pool is its own handler.
        :raises ValueError: ``isLazy`` is neither True nor False.
        """
        self.uuid = uuid if isinstance(uuid, str | bytes | None) else shown(uuid)
        self.isLazy = check_truth("isLazy", isLazy)
        self._take_options(options)
        self.life = PoolLife()
        self.size = 0
        self.pool: list[RedisProtocol] = []
        self.slots: list[PoolSlot] = []
        self.observer = Observer(self, options.hooks, options.slowCommandThreshold)
        self.connectionQueue = ConnectionQueue(
            self.pool_timeout, self.why_not_connected, self.reset_connection, self.observer, options.whenFull == "fail"
        )
        self._health = HealthChecks(lambda connection: connection in self.connectionQueue.pending)
        self.rounds = Rounds(self.longest_delay, self.reactor_seconds, lambda: self.maxDelay)
        self.login_number = 0
        self.lane: BlockingLane | None = None
        self.companions: set[Companion] = set()
        self._endpoint = endpoint
        #: Whether ``deferred`` has failed: its caller has the reason, and never gets the handler.
        self._has_failed_caller = False
        self._waiting_for_empty_pool: list[Deferred[None]] = []
        self.last_reason = ""
        self.deferred: Deferred[Any] | Any = Deferred(self._cancel_connecting)
        self.handler = self if handler is None else handler(self)

    def _take_options(self, options: ConnectionOptions) -> None:
        """Copy the options to attributes, which programs may change from then on."""
        self.dbid = options.dbid
        self.poolsize = options.poolsize
        self.charset = options.charset
        self.undecodable = options.undecodable
        self.username = options.username
        self.password = options.password
        self.clientName = options.clientName
        #: The option ``protocol``; a factory's ``protocol`` is a class, as in Twisted.
        self.respVersion = options.protocol
        self.replyTimeout = options.replyTimeout
        self.convertNumbers = options.convertNumbers
        self.poolTimeout = options.pool_timeout
        self.strict = options.strict
        self.limits = dict(options.limits)
        if options.connectTimeout is not None:
            self.connectTimeout = options.connectTimeout
        if not options.reconnect:
            self.reconnect = False
        self.maxBlockingConnections = options.max_blocking_connections
        self.onUnclaimedReply = options.onUnclaimedReply
        self.disconnectTimeout = options.disconnectTimeout
        self.healthCheckInterval = options.healthCheckInterval
        self.maxInFlight = options.maxInFlight
        self.maxQueuedBytes = options.maxQueuedBytes
        #: The option ``retry``; a factory's ``retry`` is a method, as in Twisted.
        self.retryPolicy = options.retry

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.uuid or ''} {self.size}/{self.poolsize} connections>"

    def place_of_server(self) -> str:
        """Where the endpoint leads, or the connections, for texts; empty if neither is known."""
        return place_of(self._endpoint) or next(filter(None, (_peer(each) for each in self.pool)), "")

    # -- consequences of the state

    @property
    def disconnectCalled(self) -> bool:
        """Whether :meth:`disconnect` was called."""
        return self.life.closing

    @disconnectCalled.setter
    def disconnectCalled(self, called: bool) -> None:
        was_closing = self.life.closing
        self.life.enter(PoolEvent.CLOSE if called else PoolEvent.REOPEN)
        if was_closing and not called:
            self.connectionQueue.reopen()
            self.lane = None  # the next one is another

    @property
    def handshake_refused(self) -> bool:
        """Whether the server refused the last handshake, so that the next attempt has to wait for the longest delay."""
        return self.life.refused

    @property
    def keeps_trying(self) -> bool:
        """Whether lost connections are made again; read afresh each time."""
        return not self.life.closing and bool(self.reconnect)

    @property
    def attempts_in_progress(self) -> bool:
        """Whether an attempt to connect is in progress, or a connection is up."""
        return any(slot.alive for slot in self.slots)

    @property
    def may_wait(self) -> bool:
        """Whether a command may wait for a connection: there is one, or one may still come."""
        return not self.life.closing and (self.size > 0 or self.attempts_in_progress or self.keeps_trying)

    # -- making connections

    def startConnecting(self, endpoint: IStreamClientEndpoint | Any | None = None) -> None:
        """Make and keep ``poolsize`` connections.

        :param endpoint: an ``IStreamClientEndpoint``; None: the one that the pool was made with.
        :raises ValueError: it was made with none.
        """
        if endpoint is not None:
            self._endpoint = endpoint
        if self._endpoint is None:
            raise ValueError("there is no endpoint to connect to")
        for _ in range(self.poolsize):
            self._add_slot(self._endpoint)

    def grow(self, poolsize: int) -> None:
        """Keep more connections from here on.

        :param poolsize: how many.
        """
        self.poolsize = poolsize
        while self._endpoint is not None and not self.life.closing and len(self.slots) < poolsize:
            self._add_slot(self._endpoint)

    def _add_slot(self, endpoint: IStreamClientEndpoint) -> None:
        slot = PoolSlot(self, endpoint)
        self.slots.append(slot)
        slot.start()

    @property
    def has_given_up(self) -> bool:
        """Whether a connection was lost that is not made again, because ``reconnect`` was False then."""
        return any(not slot.alive for slot in self.slots)

    def reconnect_changed(self) -> None:
        """``reconnect`` was set: if it is True, make the connections again that were lost while it was False.

        One turn later, because a program may set it while a connection is being lost.
        """
        if hasattr(self, "slots") and self.keeps_trying and self.has_given_up:
            current_reactor().callLater(0, self._connect_given_up)

    def _connect_given_up(self) -> None:
        if self.keeps_trying:
            self.connect_given_up()

    def connect_given_up(self) -> None:
        """Make the connections again that were lost while ``reconnect`` was False."""
        given_up = [slot for slot in self.slots if not slot.alive]
        for slot in given_up:
            self.slots.remove(slot)
            self._add_slot(slot.endpoint)

    def buildProtocol(self, addr: IAddress | None) -> RedisProtocol:  # type: ignore[override]
        """Make the protocol of a new connection, which joins the pool once it is usable."""
        protocol = self.protocol(
            self.charset,
            replyTimeout=self.replyTimeout,
            password=self.password,
            dbid=self.dbid,
            convertNumbers=self.convertNumbers,
            username=self.username,
        )
        link = protocol.link
        link.login = self.login_number
        link.round = self.rounds.number
        protocol.factory = self
        if self.cache is not None:
            self.cache.tracking.watch(protocol)
        queue = self.connectionQueue
        link.on_busy, link.on_room = queue.rebalance, queue.has_room  # type: ignore[assignment]
        if queue.fails_when_full:
            link.why_full = lambda: f"The connection has as much in flight as it may: {self._limits()}"
        link.requests.limit(self.maxInFlight, self.maxQueuedBytes, lambda: queue.filled(protocol))
        if self.connectTimeout is not None:
            protocol.handshakeTimeout = self.connectTimeout
        if self.undecodable is not None:
            protocol.undecodable = self.undecodable
        if self.strict:
            protocol.strict = True
        if self.limits:
            protocol.limits = self.limits
        if self.clientName is not None:
            protocol.clientName = self.clientName
        if self.respVersion != 2:
            protocol.respVersion = self.respVersion
        self.observer.built(protocol)
        guard_connection(protocol)
        link.on_ready = self._connection_ready
        return protocol

    def _connection_ready(self, connection: RedisProtocol) -> None:
        interval = seconds_or(self.healthCheckInterval, 0)
        if interval:
            keep_alive(connection.transport, interval)
        slot = connection.link.slot
        if slot is None:
            self.addConnection(connection)
            connection.link.arrived()
        else:
            current_reactor().callLater(0, slot.ready, connection)

    def stopTrying(self) -> Deferred[Any]:
        """Make no further connection; those that are up stay until they are closed.

        :returns: fires when no attempt is in progress any more.
        """
        self.reconnect = False
        self.cancel_attempts(False)
        stopping = [slot.stop_trying() for slot in self.slots] if not self.keeps_trying else []
        return gatherResults(stopping, consumeErrors=True)

    def cancel_attempts(self, running: bool) -> None:
        """Cancel the attempts to connect that slots do not make; a pool by itself has none.

        :param running: True: also attempts in progress; False: only those that wait for their delay.
        """

    def disconnect(self, *, timeout: float | None = None) -> Deferred[Any]:
        """Close each connection after the replies to its commands in flight, and make no further connection.

        Later commands, and those that wait for a connection, fail with ``NotSentError``. Replies to blocking commands
        are not awaited.

        :param timeout: seconds until connections that are still open are aborted; None: the option
            ``disconnectTimeout``.
        :returns: fires with None when the pool is empty; fails with ``ValueError`` if ``timeout`` is none.
        """
        if timeout is not None:
            try:
                timeout = check_seconds("timeout", timeout)
            except ValueError:
                return fail()
        return self._end(seconds_or(self.disconnectTimeout, 5.0) if timeout is None else timeout, 0.0)

    def leave(self, seconds: float) -> Deferred[Any]:
        """As :meth:`disconnect`, from a server that has lost its role: replies to blocking commands are awaited, too.

        Such a server refuses the commands that it has blocked, and they are executed elsewhere.

        :param seconds: until connections that are still open are closed or aborted.
        """
        return self._end(seconds, seconds)

    def _end(self, timeout: float, blocking_grace: float) -> Deferred[Any]:
        self.life.enter(PoolEvent.CLOSE)
        self.observer.closed()
        self.reconnect = False
        self.cancel_attempts(True)
        self.connectionQueue.close(NotSentError("Not connected"))
        deferred, self.deferred = self.deferred, None
        if deferred is not None and not self.isLazy and not deferred.called:
            deferred.errback(ConnectionFailedError("disconnected before it was connected"))
        finishing = list(self.pool)
        for connection in finishing:
            connection.link.drain(timeout)
        # Slots of connections that drain are stopped when the pool is empty.
        ending = [slot.stop() for slot in self.slots if not slot.holds(finishing)]
        if self.lane is not None:
            ending.append(self.lane.close(blocking_grace))
        ending += [companion.pool_ends(timeout) for companion in list(self.companions)]
        stopping: Deferred[Any] = gatherResults(ending, consumeErrors=True)
        stopping.addCallback(lambda _: self.waitForEmptyPool())
        stopping.addCallback(lambda _: gatherResults([slot.stop() for slot in self.slots], consumeErrors=True))
        return stopping.addCallback(lambda _: self.life.enter(PoolEvent.ENDED))

    def _cancel_connecting(self, deferred: Deferred[Any]) -> None:
        self.deferred = None
        self.disconnect()

    # -- events of connections

    def addConnection(self, conn: RedisProtocol) -> None:
        """A connection is usable: put it into the pool."""
        if self.life.closing:
            conn.link.close()
            return
        if not conn.connected:
            return
        try:
            self._add(conn)
        except BaseException as error:
            conn.link.tear(error)
            raise
        if self.deferred is not None and self.size == self.poolsize:
            deferred, self.deferred = self.deferred, None
            deferred.callback(self.handler)

    def _add(self, conn: RedisProtocol) -> None:
        conn.whenDisconnected().addCallback(self.delConnection)
        new = not conn.link.was_pooled
        self.pool.append(conn)
        self.size = len(self.pool)
        self.life.enter(PoolEvent.ADDED)
        self.observer.outage_over()
        conn.link.was_pooled = True
        interval = seconds_or(self.healthCheckInterval, 0)
        if interval and conn.answersPing:
            self._health.add(conn, interval)
        self.connectionQueue.put(conn, new)
        self.start_cache()

    def start_cache(self) -> None:
        """There is a connection: the cache may have its own."""
        if self.cache is not None:
            self.cache.tracking.start()

    def delConnection(self, conn: RedisProtocol) -> None:
        """A connection was lost: take it out of the pool."""
        try:
            self._remove(conn)
        except BaseException:
            self._remove(conn)  # every step has to be done, and may be done twice
            raise

    def _remove(self, conn: RedisProtocol) -> None:
        if conn in self.pool:
            self.pool.remove(conn)
        self.size = len(self.pool)
        self.connectionQueue.remove(conn)
        if self.size:
            return
        self.life.enter(PoolEvent.EMPTIED)
        if not self.keeps_trying:
            self.fail_waiting(NotSentError(self.why_not_connected(conn.link.lost_because)))
        if self.keeps_trying or not conn.link.quit_sent:  # else the program has ended it
            self.noteOutage(conn.link.lost_because or self.last_reason)
        waiting, self._waiting_for_empty_pool = self._waiting_for_empty_pool, []
        for deferred in waiting:
            deferred.callback(None)

    def stats(self) -> Stats:
        """Return the counters and the state of now."""
        return self.observer.stats()

    def waitForEmptyPool(self) -> Deferred[None]:
        """Fires with None when no connection is left in the pool."""
        if not self.size:
            return succeed(None)
        deferred: Deferred[None] = Deferred(self._waiting_for_empty_pool.remove)
        self._waiting_for_empty_pool.append(deferred)
        return deferred

    # -- failures

    def connectionError(self, why: str) -> None:
        """The first connection failed for good: fail ``deferred``. A lazy pool has no caller that waits for it."""
        deferred, self.deferred = self.deferred, None
        if deferred is None:
            return
        self._has_failed_caller = not self.isLazy
        deferred.errback(ConnectionFailedError(why))
        if self.isLazy:
            deferred.addErrback(lambda _: None)

    def noteReason(self, reason: str) -> None:
        """Remember why the last attempt failed or the last connection was lost, for the errors of waiting callers."""
        self.last_reason = reason.removeprefix(_PREFIX)

    def attemptFailed(self, reason: str) -> None:
        """An attempt to connect failed, or the server refused a handshake."""
        self.noteReason(reason)
        self.observer.attempt_failed(reason)
        self.noteOutage(reason)

    @property
    def reaches_server(self) -> bool:
        """Whether a connection to the server is usable, so that the loss of others is no outage."""
        return bool(self.size)

    def noteOutage(self, reason: str) -> None:
        """Log that an outage begins, if no connection is usable, unless the program learns of it otherwise."""
        awaited = self.deferred is not None and not self.isLazy
        told = self._has_failed_caller or (awaited and not self.keeps_trying)
        if not (self.reaches_server or self.life.closing or told or is_stopping()):
            self.observer.outage(reason.removeprefix(_PREFIX), self.keeps_trying, awaited)

    def firstAttemptFailed(self, slot: PoolSlot, failure: Failure) -> None:
        """The only attempt of a slot failed, and the pool does not reconnect."""
        self.noteReason(reason_of(failure))
        if self.isLazy and not self.keeps_trying:
            slot.stop()  # each slot, not only the first whose failure the caller is told
        self.gaveUp(slot)

    def gaveUp(self, slot: PoolSlot) -> None:
        """A slot has ended. ``deferred`` fails with the last reason noted, if it waits for the first connections."""
        if self.deferred is None:
            return
        why = f"Redis error: could not connect: {named(self.observer.server, self.last_reason)}"
        if self.isLazy:
            slot.stop()
            if not self.size:
                self.fail_waiting(NotSentError(self.why_not_connected()))
            self.connectionError(why)
        else:
            # The caller gets no handler, so it could not close the connections that are up.
            self.connectionError(why)
            self.disconnect()

    def handshakeFailed(self, message: str, error: BaseException, connection: RedisProtocol | None = None) -> None:
        """The server refused AUTH, SELECT or another step of a handshake; the protocol closes the connection next.

        A refusal that passes by itself (the server is loading, or has too many clients) changes nothing: the attempts
        go on. Any other fails the callers that wait. It ends the attempts where a constructor's caller waits for the
        first connections; else the next attempt comes after the longest delay.
        """
        reason = message.removeprefix(_PREFIX)
        self.noteReason(reason)
        self.observer.refused(reason, self.reaches_server)
        first = self.deferred is not None and not self.isLazy
        # A refusal of the former password says nothing about the new one.
        outdated = connection is not None and connection.link.login not in (None, self.login_number)
        if outdated or self.refusal_passes(error, first):
            self.noteOutage(reason)
            return
        self.life.enter(PoolEvent.REFUSED)
        if first:
            self.stopTrying()
            self.connectionError(f"{message} ({self.observer.server})" if self.observer.server else message)
        else:
            self.noteOutage(reason)
        self.fail_waiting(NotSentError(self.why_not_connected(reason)))

    def helloRefused(self, version: int, reason: str) -> None:
        """The server refused HELLO on a connection, which is used with RESP2."""
        self.observer.protocol_refused(version, reason)

    def refusal_passes(self, error: BaseException, first: bool) -> bool:
        """Whether the next handshake may succeed although this one was refused.

        :param error: the error of a step of the handshake.
        :param first: whether the caller of a constructor waits for the first connections.
        """
        return passes_by_itself(error, first)

    # -- lending connections

    def getConnection(self, peek: bool = False) -> Deferred[RedisProtocol]:
        """Fires with a usable connection, as soon as there is one.

        :param peek: True: a connection that other callers share. False: one that is the caller's alone until
            ``connectionQueue.put(connection)``.
        :returns: fails with :exc:`NotSentError` after ``poolTimeout`` seconds, or at once if no connection can come.
        """
        if not self.may_wait:
            return fail(NotSentError(self.why_not_connected()))
        queue = self.connectionQueue
        if not queue.pending and not queue.waiting:  # the first that has to wait: one in use may only seem to be in use
            for connection in self.pool:
                connection.link.end_if_torn()
        return queue.peek() if peek else queue.get()

    def execute_command(self, *args: object, **kwargs: Any) -> Deferred[Any]:
        """Send a command on a connection that others share, as soon as there is one.

        Parameters and result: see ``RedisProtocol.execute_command``. A handler does more: it refuses what would change
        the connection for others, and gives blocking commands connections of their own.
        """
        connection = self.connectionQueue.pick()
        getting = self.getConnection(True) if connection is None else succeed(connection)
        return getting.addCallback(lambda connection: connection.execute_command(*args, **kwargs))

    def pool_timeout(self) -> float | None:
        """Return the seconds that a command may wait for a connection; None: no limit."""
        timeout = self.poolTimeout
        return timeout if timeout is None else float(seconds_or(timeout, DEFAULT_POOL_TIMEOUT))

    @property
    def blockingLane(self) -> BlockingLane | None:
        """The connections for blocking commands; None if the option turns them off or the endpoint is unknown."""
        if self.lane is None and self.maxBlockingConnections and not self.life.closing:
            endpoint = self.endpoint_of_lane()
            if endpoint is not None:
                self.lane = BlockingLane(self, endpoint, self.maxBlockingConnections)
        return self.lane

    def endpoint_of_lane(self) -> IStreamClientEndpoint | None:
        """Return the endpoint for blocking commands; None if it is not known."""
        return self._endpoint

    def reset_connection(self, connection: RedisProtocol) -> None:
        """Bring a connection to the pool's state before others use it; see :func:`.reset.reset`."""
        reset(self, connection)

    def found_replica(self, connection: RedisProtocol, error: ResponseError) -> None:
        """An error reply says that the server is a replica: close the connection gracefully, so that it is made anew.

        Once in each round, see :mod:`txredis_fast._roles`. A connection that is lent is closed when it is given back.
        """
        if self.keeps_trying and self.rounds.replaces(connection.link.round):
            reason = ConnectionError(f"the server is a replica ({error.code})")
            connection.link.replica_error = reason
            if self.cache is not None:
                self.cache.tracking.drop(reason)  # the next connections may lead to another server
            if connection in self.connectionQueue.pending:
                end_in_order(self, connection, reason)

    def loggedIn(self, password: _Login, username: _Login, connections: list[RedisProtocol]) -> None:
        """``auth`` succeeded on these connections; the others log in before they are used again."""
        self.password, self.username = password, username  # type: ignore[assignment]
        self.login_number += 1
        for connection in connections:
            connection.link.login = self.login_number
        if self.cache is not None:
            self.cache.tracking.reset(lambda connection: log_in(connection, password, username))  # type: ignore[arg-type]

    def logInNext(self, password: _Login, username: _Login) -> None:
        """No connection is up: log in the next ones with this, without the delay of a former refusal."""
        self.loggedIn(password, username, [])
        self.resetDelay()

    def resetDelay(self) -> None:
        """Let the next attempt not wait for the longest delay, which follows a refused login."""
        self.life.enter(PoolEvent.NEW_LOGIN)

    def fail_waiting(self, error: Exception) -> None:
        """Fail all callers that wait for a connection."""
        self.connectionQueue.fail_waiting(error)
        if self.lane is not None:
            self.lane.fail_waiting(error)

    def failWaitingInVain(self) -> None:
        """Fail all callers that wait for a connection, if none can come any more."""
        if not self.may_wait:
            self.fail_waiting(NotSentError(self.why_not_connected()))

    def why_not_connected(self, reason: str = "") -> str:
        """Return the text of the error for callers that got no connection.

        :param reason: why there is none; empty: the reason noted last, or that all are taken.
        """
        if reason:
            return f"Not connected: {named(self.observer.server, reason)}"
        if self.life.closing:
            return "Not connected"
        if self.connectionQueue.full:
            return f"Every connection ({self.size}) has as much in flight as it may: {self._limits()}"
        if self.size:
            return f"Not connected: all {self.size} connections are taken by transactions or blocking commands"
        why = self.known_reason()
        return f"Not connected: {named(self.observer.server, why)}" if why else "Not connected"

    def known_reason(self) -> str:
        """Why there is no connection, as far as it is known; empty if nothing is."""
        return self.last_reason or ("no attempt to connect has ended yet" if self.attempts_in_progress else "")

    def _limits(self) -> str:
        limits = {"maxInFlight": self.maxInFlight, "maxQueuedBytes": self.maxQueuedBytes}
        return ", ".join(f"{name} is {limit}" for name, limit in limits.items() if limit is not None)


def _peer(connection: RedisProtocol) -> str:
    transport = connection.transport
    peer = transport.getPeer() if transport is not None else None
    return name_of_peer(transport) or as_text(getattr(peer, "name", None) or "")
