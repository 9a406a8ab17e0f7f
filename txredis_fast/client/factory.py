"""The factory: a pool with the interfaces of txredisapi and of Twisted's connectors.

:class:`RedisFactory` has two ways to connect, because programs written for txredisapi use both:

* it is a ``ReconnectingClientFactory``, for ``reactor.connectTCP(host, port, factory)``: then Twisted's connectors
  make the connections, and a usable one is in the pool when ``connectionMade`` returns;
* ``startConnecting(endpoint)`` keeps ``poolsize`` connections to an endpoint; a usable one is in the pool one reactor
  turn later.

This module must not know how a pool lends its connections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, IConnector, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.python.failure import Failure

from .._checks import Credential
from ..connection import RedisProtocol
from ..options import (
    ConnectionOptions,
    ConvertNumbers,
    FactoryOptions,
    MoreFactoryOptions,
    refuse_others,
    shows_options,
)
from ..pool import Pool, Reconnect
from ..transport import at_place, guard_factory, named, reason_of
from .connectors import Connectors
from .handler import ConnectionHandler
from .retrying import retrying_class

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RedisFactory"]


class _Reconnect:
    """``reconnect``: another name for ``continueTrying``, which programs set, replace or make a descriptor."""

    def __get__(self, factory: RedisFactory | None, owner: type[RedisFactory]) -> bool:
        return bool((owner if factory is None else factory).continueTrying)

    def __set__(self, factory: RedisFactory, value: object) -> None:
        factory.continueTrying = value
        factory.reconnect_changed()


class RedisFactory(Pool, ReconnectingClientFactory):
    """Keeps the connections of one handler.

    :ivar pool: the usable connections; :ivar size: their number.
    :ivar handler: has the commands.
    :ivar deferred: fires with the handler when ``poolsize`` connections are usable; None after that.
    """

    continueTrying: Any = Reconnect(1)
    reconnect = _Reconnect()
    protocol: type[RedisProtocol]  # type: ignore[assignment]
    clock: IReactorTime | None  # type: ignore[assignment]

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
        """Make a factory without connections.

        :param uuid: names the server in a ring of shards: ``"host:port"`` or the path of its socket.
        :param isLazy: whether the caller has the handler already, so that a failure of the first connections is logged
            rather than awaited by ``deferred``.
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
        self.twisted_connectors = Connectors(self)
        make_handler = handler if options.retry is None else retrying_class(handler)
        super().__init__(options, uuid=uuid, isLazy=isLazy, handler=make_handler)
        if options.cache is not None:
            from ..caching import Cache  # few programs need it

            self.cache = Cache(self, options.cache)
        guard_factory(self)

    @staticmethod
    def arguments(uuid: str | None, options: ConnectionOptions, isLazy: bool) -> dict[str, Any]:
        """Return keyword arguments for the constructor. ``reconnect`` is an attribute instead, as in txredisapi."""
        taken = ("dbid", "poolsize", *FactoryOptions.__annotations__)
        return {"uuid": uuid, "isLazy": isLazy} | {name: getattr(options, name) for name in taken}

    @property
    def keeps_trying(self) -> bool:
        """Whether lost connections are made again; read afresh each time."""
        return super().keeps_trying and bool(self.continueTrying)

    @property
    def attempts_in_progress(self) -> bool:
        """Whether an attempt to connect is in progress, or a connection is up."""
        return super().attempts_in_progress or self.twisted_connectors.in_progress

    @property
    def has_given_up(self) -> bool:
        """Whether a connection was lost that is not made again, because ``reconnect`` was False then."""
        return super().has_given_up or bool(self.twisted_connectors.given_up)

    def connect_given_up(self) -> None:
        """Make the connections again that were lost while ``reconnect`` was False."""
        super().connect_given_up()
        for connector in self.twisted_connectors.given_up:
            self.connect_again(connector)

    def place_of_server(self) -> str:
        """Where the endpoint leads, or the connectors, for texts; empty if neither is known."""
        return super().place_of_server() or self.twisted_connectors.place()

    def endpoint_of_lane(self) -> IStreamClientEndpoint | None:
        """Return the endpoint for blocking commands; None if it is not known."""
        return super().endpoint_of_lane() or self.twisted_connectors.endpoint()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make the protocol of a new connection, which joins the pool once it is usable."""
        protocol = super().buildProtocol(addr)
        self.twisted_connectors.built.add(protocol)
        return protocol

    def startedConnecting(self, connector: IConnector) -> None:
        """A connector begins an attempt."""
        self.twisted_connectors.started(connector)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """An attempt failed; try again after a delay if the factory reconnects."""
        self.attemptFailed(reason_of(at_place(reason, self.twisted_connectors.place_of(connector))))
        if not self.keeps_trying:
            self.connectionError(f"Redis error: could not connect: {named(self.observer.server, self.last_reason)}")
        super().clientConnectionFailed(connector, reason)  # type: ignore[no-untyped-call]
        self.failWaitingInVain()

    def clientConnectionLost(self, connector: IConnector, unused_reason: Failure) -> None:
        """A connection was lost; make it again after a delay if the factory reconnects."""
        self.noteReason(unused_reason.getErrorMessage())
        for protocol in self.twisted_connectors.protocols_of(connector):
            if protocol.link.end_reason is not None:
                self.noteReason(str(protocol.link.end_reason))
            protocol.link.lost(unused_reason)  # for a connectionLost that does not chain
            if protocol.link.lost_because:
                self.noteReason(protocol.link.lost_because)
        super().clientConnectionLost(connector, unused_reason)  # type: ignore[no-untyped-call]
        self.failWaitingInVain()

    def retry(self, connector: IConnector | None = None) -> None:
        """Have a connector connect again after its delay, if the factory reconnects."""
        connector = self.connector if connector is None else connector
        if connector is None:
            raise ValueError("no connector to retry")
        if not self.keeps_trying:
            return
        attempt = self.twisted_connectors.count_failure(connector)
        if self.maxRetries is None or attempt <= self.maxRetries:
            self.retries = attempt
            self.twisted_connectors.retry(connector, attempt, self.connect_again)

    def connect_again(self, connector: IConnector) -> None:
        """A connector's delay is over: begin its next attempt."""
        connector.connect()

    def resetDelay(self) -> None:
        """Let the next attempts have the shortest delay."""
        super().resetDelay()
        self.retries = 0
        self.delay = self.initialDelay
        self.twisted_connectors.reset()

    def cancel_attempts(self, running: bool) -> None:
        """Cancel the attempts of connectors; see :meth:`.Pool.cancel_attempts`."""
        self.twisted_connectors.cancel_retries()
        if running:
            self.twisted_connectors.stop_connecting()
