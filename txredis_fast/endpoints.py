"""Endpoints: where and how to connect, as Twisted knows it. TLS is imported only where TLS is asked for.

This module must not know Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import SSLError, TimeoutError
from twisted.internet.interfaces import IHandshakeListener, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ._reactor import current_reactor
from .tls import TLSSettings, refusal

__all__ = ["endpoint_from", "endpoint_of_connector", "tcp_endpoint", "unix_endpoint"]

#: Seconds for one attempt to connect, where the user sets none.
DEFAULT_CONNECT_TIMEOUT = 30


def tcp_endpoint(host: str, port: int, connect_timeout: float | None = None, ssl_context_factory: Any = False) -> Any:
    """Make an endpoint for a host name or an IPv4 or IPv6 address, which is resolved anew at each attempt.

    :param connect_timeout: seconds for one attempt; None: 30.
    :param ssl_context_factory: see :class:`~txredis_fast.ConnectionOptions`; or its ``tls_context``.
    :raises ImportError: TLS is wanted and the extra ``tls`` is not installed.
    :raises ValueError: a certificate or a key cannot be used.
    """
    from twisted.internet.endpoints import HostnameEndpoint

    timeout = DEFAULT_CONNECT_TIMEOUT if connect_timeout is None else connect_timeout
    endpoint = HostnameEndpoint(current_reactor(), host, port, timeout=timeout)
    return _tls_endpoint(endpoint, host, ssl_context_factory, timeout) if ssl_context_factory else endpoint


def unix_endpoint(path: str, connect_timeout: float | None = None) -> Any:
    """Make an endpoint for a unix socket.

    :param connect_timeout: seconds for one attempt; None: 30.
    """
    from twisted.internet.endpoints import UNIXClientEndpoint

    timeout = DEFAULT_CONNECT_TIMEOUT if connect_timeout is None else connect_timeout
    return UNIXClientEndpoint(current_reactor(), path, timeout=timeout)


def endpoint_from(endpoint: Any) -> Any:
    """Return the endpoint itself, or the one that a string such as ``"tls:redis.example:6380"`` describes.

    :raises ValueError: it is neither.
    """
    if isinstance(endpoint, str):
        from twisted.internet.endpoints import clientFromString

        return clientFromString(current_reactor(), endpoint)
    if not hasattr(endpoint, "connect"):
        raise ValueError(f"an endpoint is an IStreamClientEndpoint or its description as a str, not {endpoint!r}")
    return endpoint


def endpoint_of_connector(connector: Any) -> Any:
    """Return an endpoint that leads where a connector of ``reactor.connectTCP`` and the like leads now.

    :returns: None if that cannot be told: it is no connector of Twisted's own.
    """
    from twisted.internet import endpoints
    from twisted.internet.address import IPv4Address, UNIXAddress

    reactor = getattr(connector, "reactor", None)
    if reactor is None or not hasattr(connector, "timeout"):
        return None
    destination = connector.getDestination()
    if isinstance(destination, UNIXAddress):
        return endpoints.UNIXClientEndpoint(reactor, connector.address, timeout=connector.timeout)
    if not isinstance(destination, IPv4Address):
        return None
    place = (reactor, connector.host, connector.port)
    more = {"timeout": connector.timeout, "bindAddress": connector.bindAddress}
    if hasattr(connector, "contextFactory"):
        return endpoints.SSL4ClientEndpoint(*place, connector.contextFactory, **more)
    return endpoints.TCP4ClientEndpoint(*place, **more)


def _tls_endpoint(endpoint: Any, host: str, context_factory: Any, timeout: float) -> Any:
    try:
        from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
        from twisted.internet.ssl import optionsForClientTLS  # noqa: F401  (needs pyOpenSSL and service_identity)
        from twisted.protocols.tls import TLSMemoryBIOFactory
    except ImportError as error:
        raise ImportError(f"TLS needs the extra 'tls': pip install 'txredis-fast[tls]' ({error})") from error
    settings = TLSSettings() if context_factory is True else context_factory
    if isinstance(settings, TLSSettings):
        settings.context(host)  # raises now what is wrong with it
        return _TLSEndpoint(endpoint, lambda: settings.context(host), TLSMemoryBIOFactory, timeout)
    if not IOpenSSLClientConnectionCreator.providedBy(context_factory) and not hasattr(context_factory, "getContext"):
        raise ValueError(
            "ssl_context_factory must be True, a Twisted context factory or an IOpenSSLClientConnectionCreator, "
            f"not {context_factory!r}"
        )
    return _TLSEndpoint(endpoint, lambda: context_factory, TLSMemoryBIOFactory, timeout)


@implementer(IStreamClientEndpoint)
class _TLSEndpoint:
    """TLS over another endpoint.

    Unlike ``wrapClientTLS`` it connects only when the handshake has succeeded, so that a certificate that is refused
    is an attempt that failed, and it takes old-style context factories as well.
    """

    def __init__(self, endpoint: Any, context_factory: Callable[[], Any], wrapper: Any, timeout: float) -> None:
        self._endpoint = endpoint
        self._context_factory = context_factory
        self._wrapper = wrapper
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"<TLS over {self._endpoint!r}>"

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        handshakes = _HandshakeFactory(protocolFactory)
        wrapped = self._wrapper(self._context_factory(), True, handshakes)
        connecting: Deferred[Any] = self._endpoint.connect(wrapped)
        return connecting.addCallback(lambda _: self._completed(handshakes))

    def _completed(self, handshakes: _HandshakeFactory) -> Deferred[Any]:
        def too_late(_: object, timeout: float) -> Any:
            raise TimeoutError(string=f"no TLS handshake within {timeout} seconds")

        return handshakes.completed.addTimeout(self._timeout, current_reactor(), too_late)


@implementer(IProtocolFactory)
class _HandshakeFactory:
    """Makes what stands in for a protocol of another factory during the handshake.

    :ivar completed: that of the :class:`_Handshake` made last.
    """

    completed: Deferred[Any]

    def __init__(self, factory: Any) -> None:
        self._factory = factory

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, address: Any) -> Any:
        handshake = _Handshake(self._factory, address)
        self.completed = handshake.completed
        return handshake


@implementer(IHandshakeListener)
class _Handshake(Protocol):
    """Waits for the end of the handshake, and hands the transport over to a protocol made then.

    :ivar completed: fires with that protocol, or fails with the reason why there is none.
    """

    transport: Any

    def __init__(self, factory: Any, address: Any) -> None:
        self._factory = factory
        self._address = address
        self.completed: Deferred[Any] = Deferred(lambda _: self.transport.abortConnection())

    def handshakeCompleted(self) -> None:
        # Older versions of Twisted call this, too, when they have just refused the host name.
        if self.completed.called or self.transport.disconnecting:
            return
        protocol = self._factory.buildProtocol(self._address)
        if protocol is None:
            self.transport.loseConnection()
            return
        self.transport.wrappedProtocol = protocol
        protocol.makeConnection(self.transport)
        self.completed.callback(protocol)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        if self.completed.called:
            return
        why = refusal(reason.value, self.transport)
        self.completed.errback(reason if why is None else Failure(SSLError(why)))
