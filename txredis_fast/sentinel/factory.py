"""Pools whose server the Sentinels name; each connection checks that the server has the wanted role.

After a fail-over, a Sentinel may name the former master for some time. So each server is asked for its role, and when
the Sentinels name another master, all connections to the former one are aborted.

This module must not know how the Sentinels are asked.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector, IProtocolFactory, IStreamClientEndpoint
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from .._checks import as_text
from .._tunables import SENTINEL_CONNECT_TIMEOUT_SECONDS, SENTINEL_CROWD_CONNECTIONS
from .._types import Argument
from ..client import RedisFactory
from ..connection import RedisProtocol
from ..exceptions import ConnectionError, RedisError, ResponseError
from ..pubsub import MessageProtocol
from ..transport import name_of_peer, named, tcp_endpoint
from .answers import Address
from .shared import SharedQuestion

__all__ = ["SentinelConnectionFactory", "SentinelEndpoint", "SentinelRedisProtocol"]


_P = TypeVar("_P", bound=RedisProtocol)


class SentinelRedisProtocol(RedisProtocol):
    """A connection that becomes usable only if the server has the role that the factory wants."""

    handshakeTimeout = SENTINEL_CONNECT_TIMEOUT_SECONDS
    #: Whether the server said that it is not a master, although a master is wanted.
    _is_no_master = False

    @property
    def wants_master(self) -> bool:
        """Whether the server must be a master."""
        return bool(getattr(self.factory, "is_master", False))

    def _handshake_checks(self) -> list[tuple[str, Deferred[Any]]]:
        if not self.wants_master:
            return []
        return [("could not use the server as master", self.role().addCallback(self._check_master))]

    def _check_master(self, role: object) -> None:
        said = role[0] if isinstance(role, list) and role else role
        if said not in ("master", b"master"):
            self._is_no_master = True
            raise _NotMasterError(f"its role is {as_text(said):.40}")


class SentinelSubscriberProtocol(SentinelRedisProtocol, MessageProtocol):
    """The same for the connection of a subscriber."""

    @property
    def wants_master(self) -> bool:
        """Whether the server must be a master: if the handler's pool wants one."""
        return bool(getattr(self.factory.parent, "is_master", False))


class Manager(Protocol):
    """Asks the Sentinels: a :class:`Sentinel`, or an object of the program's own."""

    def discover_master(self, service_name: Argument) -> Deferred[Address]:
        """Ask for a service's master."""

    def discover_slaves(self, service_name: Argument) -> Deferred[list[Address]]:
        """Ask for a service's replicas."""


class SentinelConnectionFactory(RedisFactory):
    """A pool of connections to a service's current master, or to its replicas.

    Started by ``startConnecting(SentinelEndpoint(factory))``. Under a Twisted connector, each attempt except the first
    goes to the address from the Sentinels, too. Programs may pass a subclass to :meth:`Sentinel.master_for`.
    """

    initialDelay = 0.1
    #: The delay grows until this attempt, to about 0.7 seconds, and no further, to find a new master soon.
    longestDelayAttempt = 3
    protocol: type[RedisProtocol] = SentinelRedisProtocol
    subscriber_protocol: type[RedisProtocol] | None = SentinelSubscriberProtocol
    #: See :class:`~txredis_fast.ConnectionOptions`.
    ssl_context_factory: object = False

    def __init__(
        self, sentinel_manager: Manager, service_name: Argument, is_master: bool, *args: Any, **kwargs: Any
    ) -> None:
        """Make one, which connects when it is started.

        :param sentinel_manager: the :class:`Sentinel` to ask.
        :param service_name: the service to ask for.
        :param is_master: True: connect to its master; False: to its replicas.

        Further arguments are those of :class:`~txredis_fast.RedisFactory`.
        """
        super().__init__(*args, **kwargs)
        self.sentinel_manager = sentinel_manager
        self.service_name = service_name
        self.is_master = is_master
        self._master: Address | None = None
        #: How often the master has changed; a connection made in an earlier epoch leads to a former master.
        self._epoch = 0
        self._next_replica = 0
        self._has_told_no_replica = False
        self._asking_for_master = SharedQuestion(self._ask_for_master)
        self._asking_for_replicas = SharedQuestion(self._ask_for_replicas)

    @property
    def connect_limit(self) -> float:
        """``connectTimeout``, or its default, in seconds."""
        return SENTINEL_CONNECT_TIMEOUT_SECONDS if self.connectTimeout is None else self.connectTimeout

    def discover(self) -> Deferred[Address]:
        """Ask for the address of the next connection.

        :returns: fires with host and port; fails with :exc:`MasterNotFoundError`.
        """
        if self.is_master:
            return self._discover_master()
        return self._asking_for_replicas.ask().addCallback(self._choose_replica)

    def _discover_master(self, anew: bool = False) -> Deferred[Address]:
        return self._asking_for_master.ask(anew=anew)

    def _ask_for_master(self) -> Deferred[Address]:
        discovered = self.sentinel_manager.discover_master(self.service_name)
        return discovered.addCallbacks(self._master_found, self._master_not_found)

    def _ask_for_replicas(self) -> Deferred[list[Address]]:
        return self.sentinel_manager.discover_slaves(self.service_name).addCallback(self._replicas_found)

    def _replicas_found(self, addresses: list[Address]) -> list[Address]:
        if not addresses and not self._has_told_no_replica:
            log.msg(f"Redis: no replica of {as_text(self.service_name)} is up, so its master is used")
        self._has_told_no_replica = not addresses
        return addresses

    def _choose_replica(self, addresses: list[Address]) -> Address | Deferred[Address]:
        if not addresses:
            return self._discover_master()
        chosen = addresses[self._next_replica % len(addresses)]
        self._next_replica += 1
        return chosen

    def _master_found(self, address: Address) -> Address:
        former, self._master = self._master, address
        if self.is_master and former not in (None, address):
            log.msg(f"Redis: the master of {as_text(self.service_name)} is now at {address[0]}:{address[1]}")
            self._epoch += 1
            for connection in list(self.pool):
                # Not loseConnection, which waits until all data is written: a machine that is down never takes it.
                connection.link.abort(_master_has_changed())
            if self.lane is not None:
                self.lane.drop(_master_has_changed())
            for companion in list(self.companions):
                companion.drop(_master_has_changed())
        return address

    def _master_not_found(self, failure: Failure) -> Failure:
        # Logged as what it is for the pool: an attempt that failed, and perhaps an outage.
        return failure

    def known_reason(self) -> str:
        """Why there is no connection, as far as it is known; before the first answer, why no Sentinel has answered."""
        asked = getattr(self.sentinel_manager, "sentinels", ())  # a program's own manager may lack it
        told = [named(str(each._factory.uuid), each._factory.known_reason()) for each in asked]
        if self.last_reason or not told:
            return super().known_reason()
        return f"no Sentinel has answered yet: {'; '.join(f'Sentinel {each}' for each in told)}"

    def leads_elsewhere(self, address: Address) -> bool:
        """Whether the master is known to have another address than this one."""
        return self.is_master and self._master is not None and address != self._master

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make the protocol of a new connection, which joins the pool once it is usable."""
        protocol = super().buildProtocol(addr)
        protocol._epoch = self._epoch
        return protocol

    def addConnection(self, conn: RedisProtocol) -> None:
        """Put a usable connection into the pool; abort it if the master has changed since it was made."""
        if getattr(conn, "_epoch", self._epoch) != self._epoch:
            conn.link.abort(_master_has_changed())
            return
        super().addConnection(conn)
        watch = getattr(self.sentinel_manager, "watch", None)  # a program's own manager may lack it
        if watch is not None and self.is_master:
            watch(self)

    def found_replica(self, connection: RedisProtocol, error: ResponseError) -> None:
        """An error reply shows that a connection leads to a replica. Ignored if replicas are wanted.

        Otherwise all connections are ended, because they lead to the same server.
        """
        if self.is_master:
            others = [*self.pool, *(() if self.lane is None else self.lane.connections)]
            for each in [connection, *others]:
                if each.link.usable:
                    super().found_replica(each, error)

    def masterSwitched(self) -> None:
        """A Sentinel has published a new master of the service: ask for its address, and drop the former master."""
        if not self.disconnectCalled and self.is_master:
            # A failure is logged already, and lost connections ask again.
            self._discover_master(anew=True).addErrback(lambda _: None)

    def handshakeFailed(self, message: str, error: BaseException, connection: RedisProtocol | None = None) -> None:
        """A step of the handshake failed. A wrong role is temporary: the Sentinels will name the new master soon."""
        if isinstance(error, _NotMasterError):
            self.attemptFailed(message.removeprefix("Redis error: "))
        else:
            server = None if connection is None else name_of_peer(connection.transport)
            told = f"{message} (the server {server})" if server else message  # a Sentinel has a login of its own
            super().handshakeFailed(told, error, connection)

    def refusal_passes(self, error: BaseException, first: bool) -> bool:
        """Whether the next handshake may succeed. A wrong role is temporary: the Sentinels will name the new master."""
        return isinstance(error, _NotMasterError) or super().refusal_passes(error, first)

    def try_to_connect(self, connector: IConnector, force_master: bool = False, nodelay: bool = False) -> None:
        """Have a Twisted connector, as ``reactor.connectTCP`` returns one, connect to the address from the Sentinels.

        :param connector: its ``host`` and ``port`` are set, and ``connect()`` is called.
        :param force_master: True: connect to the master even if replicas are wanted.
        :param nodelay: True: at once; False: after the delay of the next attempt.
        """
        if not self.keeps_trying:
            return
        if not nodelay:
            self.retry(connector)
            return
        found = self._discover_master() if force_master else self.discover()
        # A failure is logged already.
        found.addCallbacks(self._lead, lambda _: self.retry(connector), callbackArgs=(connector,))

    def connect_again(self, connector: IConnector) -> None:
        """Begin a connector's next attempt, to the address from the Sentinels."""
        self.try_to_connect(connector, nodelay=True)

    def _lead(self, address: Address, connector: IConnector) -> None:
        if self.keeps_trying:
            connector.host, connector.port = address  # type: ignore[attr-defined]
            connector.connect()

    def retryDelay(self, attempt: int) -> float:
        """Seconds to wait before an attempt to connect: 0 before the first, which may lead to another server.

        :param attempt: how many attempts have failed since a connection was last usable, from 1.
        """
        if self.handshake_refused:
            return super().retryDelay(attempt)
        if attempt <= 1:
            return 0
        delay = super().retryDelay(min(attempt, self.longestDelayAttempt))
        crowd = max(1.0, self.poolsize / SENTINEL_CROWD_CONNECTIONS) if attempt >= self.longestDelayAttempt else 1.0
        return min(delay * crowd, self.maxDelay)

    def delay_before(self, attempt: int, dropped: int) -> float:
        """As :meth:`retryDelay`, but after connections lost before they were of use the back-off goes on growing.

        The Sentinels name that server, and will not name another one soon.
        """
        delay = self.retryDelay(attempt)
        return max(delay, super().retryDelay(dropped)) if dropped else delay

    def was_dropped(self, protocol: RedisProtocol) -> bool:
        """Whether a connection was lost before it was of use, except those that this side left for another server."""
        left = getattr(protocol, "_is_no_master", False) or isinstance(protocol.link.end_reason, _MasterChangedError)
        return not left


@implementer(IStreamClientEndpoint)
class SentinelEndpoint:
    """An endpoint that asks the Sentinels for the address at each attempt."""

    def __init__(self, factory: SentinelConnectionFactory) -> None:
        """Make one.

        :param factory: the pool, which knows the Sentinels, the service, and the options of connections.
        """
        self._factory = factory

    def __repr__(self) -> str:
        role = "master" if self._factory.is_master else "replicas"
        return f"<{role} of {as_text(self._factory.service_name)} by {self._factory.sentinel_manager!r}>"

    @property
    def attempt_limit(self) -> float:
        """Seconds for one attempt, one more than the time limits of asking and of connecting together."""
        asking = getattr(self._factory.sentinel_manager, "discovery_timeout", SENTINEL_CONNECT_TIMEOUT_SECONDS)
        return float(asking) + self._factory.connect_limit + 1

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Ask the Sentinels, then connect; cancelling ends either."""
        return self._factory.discover().addCallback(self._connect, protocolFactory)

    def _connect(self, address: Address, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        factory = self._factory
        endpoint = tcp_endpoint(*address, factory.connect_limit, factory.ssl_context_factory)
        connecting: Deferred[Any] = endpoint.connect(protocolFactory)
        return connecting.addCallback(self._connected, address)

    def _connected(self, protocol: _P, address: Address) -> _P:
        if self._factory.leads_elsewhere(address):
            protocol.link.abort(_master_has_changed())
        return protocol


class _NotMasterError(RedisError):
    """The server is not the master."""


class _MasterChangedError(ConnectionError):
    """This side has ended the connection, to a former master."""


def _master_has_changed() -> ConnectionError:
    return _MasterChangedError("the master has changed")
